//! Detectors with noise and a converter; specification of `shaders/detect.wgsl`.

use crate::random;

/// Detectors read from -F to F.
#[derive(Clone, Copy, Debug)]
pub struct Detector {
    /// Full scale F, in units of the output.
    pub full_scale: f64,
    /// Levels of the converter; 0: readings are taken as they are.
    pub levels: u32,
}

/// `count` standard normal numbers from place `first` on, of a step and a stream.
pub fn normals(seed: u32, stream: u32, step: u32, first: u32, count: usize) -> Vec<f64> {
    let normal = |place: u32| random::normal(random::bits([seed, stream], [step, place / 2]))[place as usize % 2];
    (first..).take(count).map(normal).collect()
}

impl Detector {
    /// The level nearest to a reading; NaN stays NaN.
    pub fn quantised(&self, reading: f64) -> f64 {
        if self.levels == 0 {
            return reading;
        }
        let top = f64::from(self.levels - 1);
        let step = 2.0 * self.full_scale / top;
        let level = ((reading + self.full_scale) / step + 0.5).floor();
        let level = if level < 0.0 { 0.0 } else { level };
        -self.full_scale + step * if level > top { top } else { level }
    }

    /// What is read of rows of light, plus a bias in the electronics if there is one. `noise` is the standard deviation
    /// relative to full scale, `normals` a standard normal number an element. The backward pass is the identity: noise is
    /// added, and the converter counts as 1 (straight-through).
    pub fn forward(&self, light: &[f64], bias: Option<&[f64]>, noise: f64, normals: &[f64]) -> Vec<f64> {
        let bias = bias.unwrap_or(&[0.0]);
        let elements = light.iter().zip(normals).zip(bias.iter().cycle());
        elements.map(|((y, n), b)| self.quantised(y + noise * self.full_scale * n) + b).collect()
    }
}
