//! Sampled planes and the transfer functions of the free space between them.
//!
//! A field is sampled on a grid of one pitch, placed into a larger, padded window, and propagated by a product in the
//! space of frequencies: angular spectrum (Goodman, Introduction to Fourier Optics, 3rd edition, 3.10), optionally limited
//! to the band in which the transfer function is sampled well (Matsushima and Shimobaba, Opt. Express 17, 19662 (2009)),
//! or the Fresnel transfer function (Goodman 4.2).

use std::f64::consts::{PI, TAU};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Error, Length};

/// A sampled plane and the window that it is padded to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Rows of samples.
    pub height: usize,
    /// Columns of samples.
    pub width: usize,
    /// Rows of the window.
    pub padded_height: usize,
    /// Columns of the window.
    pub padded_width: usize,
    /// Distance between neighbours, m.
    pub pitch: f64,
}

/// How light is propagated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Exact for scalar fields.
    #[default]
    AngularSpectrum,
    /// Paraxial: the phase to second order in the angle.
    Fresnel,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::AngularSpectrum, Self::Fresnel];

    /// The word for it, as [`FromStr`] reads it.
    pub fn word(self) -> &'static str {
        match self {
            Self::AngularSpectrum => "angular-spectrum",
            Self::Fresnel => "fresnel",
        }
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|method| method.word() == word).ok_or_else(|| Error::Method(word.to_owned()))
    }
}

/// Free space of one length behind a sampled plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Space {
    /// The plane and its window.
    pub grid: Grid,
    /// Wavelength in the medium, m.
    pub wavelength: f64,
    /// Length, m; negative: light is traced back.
    pub distance: f64,
    /// How light is propagated.
    pub method: Method,
    /// Whether frequencies whose phase is undersampled in the window are cut.
    pub band_limited: bool,
}

/// Stands for the turns of a frequency that is cut.
pub const CUT: f64 = 2.0;

impl Space {
    /// Checks numbers and window.
    ///
    /// # Errors
    /// Numbers that are not finite or positive, a window smaller than the plane, or one in which no wave but the plane one
    /// propagates.
    pub fn check(&self) -> Result<(), Error> {
        let positive = |what, length: f64| {
            let got = Length(length).to_string();
            let refused = Error::Range { what, got, expected: "a positive length".into() };
            if length.is_finite() && length > 0.0 { Ok(()) } else { Err(refused) }
        };
        positive("the wavelength", self.wavelength)?;
        positive("the pitch", self.grid.pitch)?;
        if !self.distance.is_finite() {
            let got = self.distance.to_string();
            return Err(Error::Range { what: "the distance", got, expected: "a finite length".into() });
        }
        let Grid { height, width, padded_height, padded_width, pitch } = self.grid;
        if height == 0 || width == 0 || padded_height < height || padded_width < width {
            return Err(Error::Range {
                what: "the padded window",
                got: format!("{padded_height} x {padded_width} samples"),
                expected: format!("at least the {height} x {width} of the field, which must have some"),
            });
        }
        if padded_height.max(padded_width) as f64 * pitch <= self.wavelength {
            return Err(Error::Range {
                what: "the padded window",
                got: Length(padded_height.max(padded_width) as f64 * pitch).to_string(),
                expected: format!(
                    "more than the wavelength, {}: all waves but the plane one are evanescent, check the pitch",
                    Length(self.wavelength)
                ),
            });
        }
        Ok(())
    }

    /// Shape of the tables: the frequencies that are not negative, rows and columns.
    pub fn table(&self) -> [usize; 2] {
        [self.grid.padded_height / 2 + 1, self.grid.padded_width / 2 + 1]
    }

    /// Phase of the transfer function less that of the plane wave, exp(2 pi i distance / wavelength), in turns reduced to
    /// -0.5..0.5, [`CUT`] where it is 0: evanescent waves, and with a limited band what is undersampled. Over no distance
    /// all light stays as it is. In the shape of [`table`](Self::table).
    pub fn turns(&self) -> Vec<f64> {
        let [rows, columns] = self.table();
        if self.distance == 0.0 {
            return vec![0.0; rows * columns];
        }
        let (distance, wavenumber) = (self.distance, 1.0 / self.wavelength);
        let squares = |count: usize, padded: usize| -> Vec<f64> {
            (0..count).map(|at| (at as f64 / (padded as f64 * self.grid.pitch)).powi(2)).collect()
        };
        let [limit_y, limit_x] = self.limits();
        let (y, x) = (squares(rows, self.grid.padded_height), squares(columns, self.grid.padded_width));
        let element = |y: f64, x: f64| {
            // Squares of direction cosines.
            let u = self.wavelength.powi(2) * (x + y);
            let cross = self.crosswise();
            let outside = |along: f64, limit: f64, across: f64| along / limit.powi(2) + across * cross > 1.0;
            if u >= 1.0 || self.band_limited && (outside(y, limit_y, x) || outside(x, limit_x, y)) {
                return CUT;
            }
            let per_metre = match self.method {
                Method::AngularSpectrum => -wavenumber * u / (1.0 + (1.0 - u).sqrt()),
                Method::Fresnel => -wavenumber * u / 2.0,
            };
            let turns = distance * per_metre;
            turns - turns.round()
        };
        y.iter().flat_map(|&y| x.iter().map(move |&x| (y, x))).map(|(y, x)| element(y, x)).collect()
    }

    /// The transfer function as (re, im), phase of the plane wave included, in the shape of [`table`](Self::table).
    pub fn transfer(&self) -> Vec<[f64; 2]> {
        let carrier = self.distance / self.wavelength;
        let carrier = carrier - carrier.round();
        let value = |turns: f64| {
            let (sin, cos) = (TAU * (turns + carrier)).sin_cos();
            if turns == CUT { [0.0; 2] } else { [cos, sin] }
        };
        self.turns().into_iter().map(value).collect()
    }

    /// The highest frequency along each axis, y and x, whose phase is sampled well: the phase turns by at most half a turn
    /// from one frequency to the next, |d phase / d f| <= 2 pi / (2 df) with df = 1 / window. The local tilt of the phase is
    /// how far light of that frequency moves sideways, so it moves by at most half a window.
    fn limits(&self) -> [f64; 2] {
        [self.grid.padded_height, self.grid.padded_width].map(|padded| {
            // Equations 12 and 13 of Matsushima and Shimobaba, whose window 2 S is ours.
            let tangent = 2.0 * self.distance.abs() / (padded as f64 * self.grid.pitch);
            match self.method {
                Method::AngularSpectrum => 1.0 / (self.wavelength * (tangent.powi(2) + 1.0).sqrt()),
                Method::Fresnel => 1.0 / (self.wavelength * tangent),
            }
        })
    }

    /// What the square of the other frequency weighs where one is limited: exact limits are ellipses, f_x^2 / limit^2 +
    /// lambda^2 f_y^2 <= 1 (equation 18), paraxial ones straight lines.
    fn crosswise(&self) -> f64 {
        match self.method {
            Method::AngularSpectrum => self.wavelength.powi(2),
            Method::Fresnel => 0.0,
        }
    }

    /// What sampling does to the light, with numbers; nothing at distance 0.
    pub fn warnings(&self) -> Vec<Warning> {
        let Grid { height, width, padded_height, padded_width, pitch } = self.grid;
        let mut found = Vec::new();
        if self.distance == 0.0 {
            return found;
        }
        let sine = self.wavelength / (2.0 * pitch);
        if sine > 1.0 {
            // A circle in the square of the frequencies that there are.
            found.push(Warning::Evanescent { propagating: PI / 4.0 / sine.powi(2) });
        }
        let nyquist = 1.0 / (2.0 * pitch).max(self.wavelength);
        for (axis, limit, count, padded) in
            [("y", self.limits()[0], height, padded_height), ("x", self.limits()[1], width, padded_width)]
        {
            let window = padded as f64 * pitch;
            if limit < nyquist {
                let critical = match self.method {
                    Method::AngularSpectrum => window / 2.0 * (1.0 / sine.min(1.0).powi(2) - 1.0).sqrt(),
                    Method::Fresnel => window / (2.0 * sine.min(1.0)),
                };
                let kept = limit / nyquist;
                found.push(Warning::Undersampled { axis, critical, kept, cut: self.band_limited });
            }
            // Light moves sideways at most so far, and the next copy of the field begins behind the padding.
            let tangent = match self.method {
                Method::AngularSpectrum => sine / (1.0 - sine.powi(2)).max(0.0).sqrt(),
                Method::Fresnel => sine,
            };
            let all = self.distance.abs() * tangent;
            let spread = if self.band_limited && limit < nyquist { window / 2.0 } else { all };
            let gap = (padded - count) as f64 * pitch;
            if spread > gap * (1.0 + 1e-9) {
                found.push(Warning::Wraps { axis, spread, gap });
            }
        }
        found
    }
}

impl Grid {
    /// A plane in a window `padding` times as high and wide, to the nearest sample.
    pub fn new(height: usize, width: usize, padding: f64, pitch: f64) -> Self {
        // What is too large for a number is too large for any memory, and refused there.
        let [padded_height, padded_width] = [height, width].map(|count| (count as f64 * padding).round() as usize);
        Self { height, width, padded_height, padded_width, pitch }
    }

    /// What is wrong with an aperture, lens or beam of a diameter, m, on this grid.
    pub fn clips(&self, diameter: f64) -> Option<Warning> {
        let extent = self.height.min(self.width) as f64 * self.pitch;
        (diameter > extent * (1.0 + 1e-9)).then_some(Warning::Clipped { diameter, extent })
    }
}

/// What sampling does to light, with numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// The pitch is below half a wavelength.
    Evanescent {
        /// Share of the frequencies that propagate.
        propagating: f64,
    },
    /// The phase of the transfer function turns by more than half a turn between neighbours.
    Undersampled {
        /// y or x.
        axis: &'static str,
        /// The distance from which it does, m.
        critical: f64,
        /// Share of the axis's band that is sampled well.
        kept: f64,
        /// Whether the rest is cut.
        cut: bool,
    },
    /// Light leaves the window on one side and returns on the other.
    Wraps {
        /// y or x.
        axis: &'static str,
        /// How far light moves sideways, m.
        spread: f64,
        /// What there is between the field and its next copy, m.
        gap: f64,
    },
    /// Something is larger than the grid.
    Clipped {
        /// Its diameter, m.
        diameter: f64,
        /// Extent of the grid, m.
        extent: f64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Evanescent { propagating } => write!(
                f,
                "the pitch is below half a wavelength: only {} of the frequencies propagate, the others are evanescent and cut",
                percent(propagating)
            ),
            Self::Undersampled { axis, critical, kept, cut } => {
                let fate = if cut { "the rest is cut" } else { "the rest is wrong; limit the band" };
                write!(
                    f,
                    "along {axis} the transfer function is undersampled beyond {}: {} of the band is sampled well, {fate}; more padding keeps more",
                    metres(critical),
                    percent(kept)
                )
            }
            Self::Wraps { axis, spread, gap } => write!(
                f,
                "along {axis} the steepest light moves by {}, past the padding of {}, and returns on the other side; pad more",
                metres(spread),
                metres(gap)
            ),
            Self::Clipped { diameter, extent } => write!(
                f,
                "a diameter of {} is larger than the grid, {}: what lies outside is lost",
                metres(diameter),
                metres(extent)
            ),
        }
    }
}

/// A length to three digits, in a fitting unit.
fn metres(length: f64) -> String {
    if !length.is_finite() {
        return "any length".to_owned();
    }
    format!("{length:.2e}").parse().map_or_else(|_| format!("{length} m"), |rounded| Length(rounded).to_string())
}

fn percent(share: f64) -> String {
    format!("{:.3} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(padding: f64, distance: f64, method: Method, band_limited: bool) -> Space {
        Space { grid: Grid::new(48, 64, padding, 8e-6), wavelength: 532e-9, distance, method, band_limited }
    }

    /// exp(2 pi i z sqrt(1/lambda^2 - f^2)) as it stands in the books, at every frequency.
    #[test]
    fn a_transfer_function_is_that_of_plane_waves() {
        for (distance, method) in
            [(2e-3, Method::AngularSpectrum), (-0.03, Method::AngularSpectrum), (2e-3, Method::Fresnel)]
        {
            let space = space(2.0, distance, method, false);
            let [rows, columns] = space.table();
            let (table, turns) = (space.transfer(), space.turns());
            assert_eq!((rows, columns, table.len(), turns.len()), (49, 65, 49 * 65, 49 * 65));
            for (at, (value, turns)) in table.iter().zip(turns).enumerate() {
                let [y, x] = [(at / columns) as f64 / (96.0 * 8e-6), (at % columns) as f64 / (128.0 * 8e-6)];
                let exact = (532e-9_f64.powi(-2) - x * x - y * y).sqrt();
                let paraxial = 1.0 / 532e-9 - 532e-9 * (x * x + y * y) / 2.0;
                let waves = distance * if method == Method::Fresnel { paraxial } else { exact };
                let (sin, cos) = (TAU * (waves - waves.round())).sin_cos();
                // A hundred thousand waves leave so many digits of a turn.
                assert!((value[0] - cos).hypot(value[1] - sin) < 1e-9, "{at}: {value:?}, not {cos}, {sin}");
                assert!((-0.5..=0.5).contains(&turns), "{turns}");
            }
        }
        assert!(space(1.0, 0.0, Method::AngularSpectrum, true).transfer().iter().all(|value| *value == [1.0, 0.0]));
    }

    /// What is kept turns by at most half a turn from one frequency to the next, what is cut by more: the definition.
    #[test]
    fn the_band_ends_where_the_phase_is_undersampled() {
        for method in Method::ALL {
            let space = space(2.0, 0.02, method, true);
            let ([rows, columns], turns) = (space.table(), space.turns());
            let steps = [1.0 / (96.0 * 8e-6), 1.0 / (128.0 * 8e-6)];
            let mut cut = 0;
            for row in 0..rows {
                for column in 0..columns {
                    let [y, x] = [row as f64 * steps[0], column as f64 * steps[1]];
                    let exact = (532e-9_f64.powi(-2) - x * x - y * y).sqrt();
                    let slope = if method == Method::Fresnel { 532e-9 } else { 1.0 / exact };
                    let sampled = 0.02 * slope * y * steps[0] <= 0.5 && 0.02 * slope * x * steps[1] <= 0.5;
                    assert_eq!(turns[row * columns + column] != CUT, sampled, "{method:?} {row} {column}");
                    cut += usize::from(!sampled);
                }
            }
            assert!(cut > 1000 && cut < rows * columns - 1000, "{cut} cut");
        }
    }

    #[test]
    fn evanescent_waves_are_cut() {
        let grid = Grid::new(16, 16, 2.0, 0.2e-6);
        for method in Method::ALL {
            let space = Space { grid, wavelength: 1e-6, distance: 1e-6, method, band_limited: false };
            // The circle of radius 1/lambda has 6.4 samples.
            let cut = |at: usize| ((at / 17).pow(2) + (at % 17).pow(2)) as f64 >= 6.4 * 6.4;
            assert!(space.turns().iter().enumerate().all(|(at, &turns)| (turns == CUT) == cut(at)));
        }
    }

    #[test]
    fn sampling_is_warned_of_with_numbers() {
        let lines = |space: Space| space.warnings().iter().map(Warning::to_string).collect::<Vec<_>>();
        let angular = Method::AngularSpectrum;
        assert_eq!(lines(space(2.0, 11e-3, angular, true)), [""; 0]);
        assert_eq!(
            lines(space(2.0, 12e-3, angular, true)),
            [
                "along y the transfer function is undersampled beyond 11.5 mm: 96.191 % of the band is sampled well, the rest \
              is cut; more padding keeps more"
            ]
        );
        let found = space(2.0, 12e-3, angular, false).warnings();
        assert!(
            matches!(
                found[..],
                [Warning::Undersampled { axis: "y", cut: false, .. }, Warning::Wraps { axis: "y", .. }]
            ),
            "{found:?}"
        );
        assert_eq!(
            lines(space(1.0, -1e-3, angular, true)),
            ["y", "x"].map(|axis| format!(
                "along {axis} the steepest light moves by 33.3 um, past the padding of 0 m, and returns on the other side; pad more"
            ))
        );
        let fine = Space {
            grid: Grid::new(64, 64, 2.0, 0.2e-6),
            wavelength: 1e-6,
            distance: 1e-6,
            method: angular,
            band_limited: true,
        };
        assert!(lines(fine)[0].contains("only 12.566 % of the frequencies propagate"), "{:?}", lines(fine));
        assert_eq!(lines(Space { distance: 0.0, ..fine }), [""; 0]);
        assert_eq!(fine.grid.clips(12.8e-6), None);
        let clipped = fine.grid.clips(13e-6).map(|warning| warning.to_string());
        assert_eq!(
            clipped.as_deref(),
            Some("a diameter of 13 um is larger than the grid, 12.8 um: what lies outside is lost")
        );
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        let fine = space(2.0, 0.1, Method::AngularSpectrum, true);
        assert_eq!(fine.check(), Ok(()));
        let refused = |space: Space, text: &str| assert_eq!(space.check().unwrap_err().to_string(), text);
        refused(Space { wavelength: 0.0, ..fine }, "the wavelength is 0 m, expected a positive length");
        refused(
            Space { grid: Grid { pitch: -8e-6, ..fine.grid }, ..fine },
            "the pitch is -8 um, expected a positive length",
        );
        refused(Space { distance: f64::NAN, ..fine }, "the distance is NaN, expected a finite length");
        refused(
            Space { grid: Grid::new(48, 64, 0.5, 8e-6), ..fine },
            "the padded window is 24 x 32 samples, expected at least the 48 x 64 of the field, which must have some",
        );
        let message = Space { grid: Grid::new(48, 64, 2.0, 1e-9), ..fine }.check().unwrap_err().to_string();
        assert!(
            message.starts_with("the padded window is 128 nm, expected more than the wavelength, 532 nm: all waves"),
            "{message}"
        );
    }
}
