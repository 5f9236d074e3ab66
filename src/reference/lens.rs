//! A lens with an aperture; specification of `shaders/lens.wgsl`.

use std::f64::consts::PI;

/// A thin lens in a round aperture, in front of a grid.
#[derive(Clone, Copy, Debug)]
pub struct Lens {
    /// Height and width, samples.
    pub grid: [usize; 2],
    /// Distance between samples, m.
    pub pitch: f64,
    /// Wavelength, m.
    pub wavelength: f64,
    /// Focal length, m; none: there is only the aperture.
    pub focal_length: Option<f64>,
    /// Diameter of the aperture, m; none: it is open everywhere.
    pub aperture: Option<f64>,
}

impl Lens {
    /// x and y of a sample from the middle of the lens, m, which is moved from that of the grid by `shift` samples.
    fn place(&self, at: usize, shift: [f64; 2]) -> [f64; 2] {
        let [height, width] = self.grid;
        let from_middle = |at: usize, extent: usize| at as f64 - 0.5 * (extent as f64 - 1.0);
        [from_middle(at % width, width) - shift[0], from_middle(at / width, height) - shift[1]]
            .map(|place| place * self.pitch)
    }

    /// t of a sample (Goodman, Introduction to Fourier Optics, 3rd edition, equation 5-10); NaN where the lens has no place.
    fn sample(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let square = x * x + y * y;
        if self.aperture.is_some_and(|diameter| 4.0 * square > diameter * diameter) {
            return [0.0; 2];
        }
        let phase = self.focal_length.map_or(0.0, |focal_length| -PI * square / (self.wavelength * focal_length));
        let (sin, cos) = if square.is_nan() { (f64::NAN, f64::NAN) } else { phase.sin_cos() };
        [cos, sin]
    }

    /// t of every sample as (re, im).
    pub fn forward(&self, shift: [f64; 2]) -> Vec<f64> {
        (0..self.grid[0] * self.grid[1]).flat_map(|at| self.sample(self.place(at, shift))).collect()
    }

    /// Gradient of the shift, 1/sample, from that of t: of the phase alone, as the rim moves from sample to sample.
    pub fn backward(&self, shift: [f64; 2], d_t: &[f64]) -> [f64; 2] {
        let slope =
            self.focal_length.map_or(0.0, |focal_length| 2.0 * PI * self.pitch / (self.wavelength * focal_length));
        let mut gradient = [0.0; 2];
        for (at, d) in d_t.chunks_exact(2).enumerate() {
            let place = self.place(at, shift);
            let t = self.sample(place);
            let along = t[0] * d[1] - t[1] * d[0];
            gradient = [0, 1].map(|axis| gradient[axis] + slope * place[axis] * along);
        }
        gradient
    }
}
