//! Lengths with units.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Error;

/// Units, and how many of them a metre has.
const UNITS: [(&str, f64); 6] = [("nm", 1e9), ("um", 1e6), ("µm", 1e6), ("mm", 1e3), ("cm", 1e2), ("m", 1.0)];

/// A length in metres, read from and written as a number with its unit: `532nm`, `8 um`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Length(
    /// Metres, finite.
    pub f64,
);

impl FromStr for Length {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let read = |&(unit, of_a_metre): &(&str, f64)| {
            let number = text.trim().strip_suffix(unit)?.trim_end();
            // What is left of "nm" without "m" is no number.
            number.parse::<f64>().ok().map(|number| number / of_a_metre).filter(|metres| metres.is_finite())
        };
        UNITS.iter().find_map(read).map(Self).ok_or_else(|| Error::Length(text.to_owned()))
    }
}

/// In the unit that leaves few digits before the point; reading it gives the same length.
impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        let unit = match size {
            _ if size == 0.0 || size >= 1.0 => "m",
            _ if size >= 1e-3 => "mm",
            _ if size >= 1e-6 => "um",
            _ => "nm",
        };
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map_or(1.0, |(_, factor)| *factor);
        // Rounding of the product may show, as in 7.999999999999999 um: a shorter number that is read as the same is it.
        let exact = self.0 * factor;
        let same = |text: &String| text.parse::<f64>().is_ok_and(|number| number / factor == self.0);
        match (0..=12).map(|digits| format!("{exact:.digits$}")).find(same) {
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
