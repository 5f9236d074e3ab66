//! Complex transmission of masks; specification of `shaders/transmission.wgsl`.

use super::phase_shifter::Shifters;

/// What the values of a mask are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Phases, rad, set to so many levels around the circle; 0: they are free.
    Phase(u32),
    /// Amplitudes.
    Amplitude,
}

/// How masks act on light.
#[derive(Clone, Copy, Debug)]
pub struct Mask {
    /// What their values are.
    pub values: Values,
    /// Share of a pixel's area that acts; the rest lets light through as it is. The wave far behind pixels, in the orders that
    /// they do not diffract away, sees the mean over their area (Goodman, Introduction to Fourier Optics, 4.4).
    pub fill: f64,
    /// Wavelength that phases are set for over that of the light.
    pub dispersion: f64,
}

impl Mask {
    /// What the part that acts does, as (re, im), and how that goes with the value. Wrap and levels count as 1 (straight-through
    /// estimator, Bengio, Leonard and Courville 2013).
    fn acts(&self, value: f64) -> [[f64; 2]; 2] {
        let Values::Phase(levels) = self.values else { return [[value, 0.0], [1.0, 0.0]] };
        let set = Shifters { levels, crosstalk: 0.0, drift: 0.0 }.set(value);
        let (sin, cos) = (self.dispersion * set).sin_cos();
        [[cos, sin], [-self.dispersion * sin, self.dispersion * cos]]
    }

    /// t of every pixel as (re, im).
    pub fn forward(&self, values: &[f64]) -> Vec<f64> {
        let pixel = |&value: &f64| {
            let [[re, im], _] = self.acts(value);
            [self.fill * re + 1.0 - self.fill, self.fill * im]
        };
        values.iter().flat_map(pixel).collect()
    }

    /// Gradient of the values.
    pub fn backward(&self, values: &[f64], d_t: &[f64]) -> Vec<f64> {
        let pixel = |(&value, d): (&f64, &[f64])| {
            let [_, [re, im]] = self.acts(value);
            self.fill * (re * d[0] + im * d[1])
        };
        values.iter().zip(d_t.chunks_exact(2)).map(pixel).collect()
    }
}
