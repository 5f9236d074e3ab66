//! Sampled planes and the transfer functions of the free space between them.
//!
//! A field is sampled on a grid of one pitch, placed into a larger, padded window, and propagated by a product in the
//! space of frequencies: angular spectrum (Goodman, Introduction to Fourier Optics, 3rd edition, 3.10), optionally limited
//! to the band in which the transfer function is sampled well (Matsushima and Shimobaba, Opt. Express 17, 19662 (2009)),
//! or the Fresnel transfer function (Goodman 4.2).

use std::f64::consts::TAU;
use std::fmt;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::AngularSpectrum => "angular-spectrum",
            Self::Fresnel => "fresnel",
        }
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
    /// -0.5..0.5, [`CUT`] where it is 0: evanescent waves, and with a limited band what is undersampled. In the shape of
    /// [`table`](Self::table).
    pub fn turns(&self) -> Vec<f64> {
        let [rows, columns] = self.table();
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
        let sine = self.wavelength / (2.0 * pitch);
        if sine > 1.0 {
            // The part of a square of frequencies that lies in a circle, as samples of one tell it.
            found.push(Warning::Evanescent { propagating: propagating(1.0 / sine) });
        }
        if self.distance == 0.0 {
            return found;
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

/// Share of a square of side 2 that lies in a circle of this radius, 0 to 1.
fn propagating(radius: f64) -> f64 {
    std::f64::consts::PI * radius.powi(2) / 4.0
}

impl Grid {
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
