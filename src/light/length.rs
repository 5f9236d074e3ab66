//! Lengths with units.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Error;

/// Units, and the power of ten that each is of a metre.
const UNITS: [(&str, i32); 6] = [("nm", -9), ("um", -6), ("µm", -6), ("mm", -3), ("cm", -2), ("m", 0)];

/// A number times a power of ten, rounded once: 33.3 um are the 3.33e-5 m that a program would write.
fn scaled(number: &str, power: i32) -> Option<f64> {
    let (digits, own) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let power = own.parse::<i32>().ok()?.saturating_add(power);
    format!("{digits}e{power}").parse().ok().filter(|value: &f64| value.is_finite())
}

/// A length in metres, read from and written as a number with its unit: `532nm`, `8 um`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Length(
    /// Metres, finite.
    pub f64,
);

impl FromStr for Length {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // What is left of "nm" without "m" is no number.
        let read = |&(unit, power): &(&str, i32)| scaled(text.trim().strip_suffix(unit)?.trim_end(), power);
        UNITS.iter().find_map(read).map(Self).ok_or_else(|| Error::Length(text.to_owned()))
    }
}

/// In the unit that leaves few digits before the point; reading it gives the same length.
impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        let (unit, power) = match size {
            _ if size == 0.0 || size >= 1.0 => ("m", 0),
            _ if size >= 1e-3 => ("mm", -3),
            _ if size >= 1e-6 => ("um", -6),
            _ => ("nm", -9),
        };
        // Rounding of the product may show, as in 7.999999999999999 um: a shorter number that is read as the same is it.
        let near = self.0 * 10_f64.powi(-power);
        let same = |text: &String| scaled(text, power) == Some(self.0);
        match (0..=12).map(|digits| format!("{near:.digits$}")).find(same) {
            Some(number) => write!(f, "{number} {unit}"),
            None => write!(f, "{:?} m", self.0),
        }
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Length;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length with its unit, such as \"8 um\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Length, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_with_their_unit() {
        for (text, metres) in [
            ("532nm", 532e-9),
            ("8 um", 8e-6),
            ("8µm", 8e-6),
            (" -2.5 mm ", -2.5e-3),
            ("10cm", 0.1),
            ("1e-3 m", 1e-3),
            ("0m", 0.0),
        ] {
            assert_eq!(text.parse(), Ok(Length(metres)), "{text}");
        }
        for text in ["", "m", "532", "8 feet", "nanm", "inf m", "1e400m", "5 n m", "8um 3um", "8kum"] {
            let message = text.parse::<Length>().unwrap_err().to_string();
            assert!(message.starts_with(&format!("`{text}` is no length; give a number and its unit")), "{message}");
        }
    }

    #[test]
    fn lengths_are_written_such_that_they_are_read_again() {
        for (metres, text) in
            [(532e-9, "532 nm"), (8e-6, "8 um"), (3.74e-6, "3.74 um"), (0.1, "100 mm"), (-2.0, "-2 m"), (0.0, "0 m")]
        {
            assert_eq!(Length(metres).to_string(), text);
        }
        let mut metres = 1e-12;
        while metres < 1e6 {
            assert_eq!(Length(metres).to_string().parse(), Ok(Length(metres)), "{metres:e}");
            metres *= 1.234_567;
        }
    }
}
