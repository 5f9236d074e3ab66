//! A plane that turns light; specification of `shaders/tilt.wgsl`.

use std::f64::consts::TAU;

/// The grid of the plane, and the light.
#[derive(Clone, Copy, Debug)]
pub struct Tilt {
    /// Height and width, samples.
    pub grid: [usize; 2],
    /// Distance between samples, m.
    pub pitch: f64,
    /// Wavelength, m.
    pub wavelength: f64,
}

impl Tilt {
    /// x and y of a sample from the middle of the grid, in wavelengths. A plane wave has x sin(a_x) + y sin(a_y) turns of phase
    /// there (Goodman, Introduction to Fourier Optics, 3.10).
    fn place(&self, at: usize) -> [f64; 2] {
        let [height, width] = self.grid;
        let from_middle = |at: usize, extent: usize| (at as f64 - 0.5 * (extent as f64 - 1.0)) * self.pitch;
        [(at % width, width), (at / width, height)].map(|(at, extent)| from_middle(at, extent) / self.wavelength)
    }

    /// t times exp(2 pi i (x sin(a_x) + y sin(a_y)) / lambda), angles in degrees; t itself where both are 0.
    pub fn forward(&self, t: &[f64], angles: [f64; 2]) -> Vec<f64> {
        if angles == [0.0; 2] {
            return t.to_vec();
        }
        let [x, y] = angles.map(|angle| angle.to_radians().sin());
        let sample = |(at, t): (usize, &[f64])| {
            let place = self.place(at);
            let (sin, cos) = (TAU * (place[0] * x + place[1] * y)).sin_cos();
            [t[0] * cos - t[1] * sin, t[0] * sin + t[1] * cos]
        };
        t.chunks_exact(2).enumerate().flat_map(sample).collect()
    }

    /// Gradient of t: that of the result, turned back.
    pub fn backward(&self, d: &[f64], angles: [f64; 2]) -> Vec<f64> {
        self.forward(d, angles.map(|angle| -angle))
    }

    /// Gradient of the angles, 1/degree.
    pub fn backward_angles(&self, t: &[f64], angles: [f64; 2], d: &[f64]) -> [f64; 2] {
        let turned = self.forward(t, angles);
        let mut gradient = [0.0; 2];
        for (at, (t, d)) in turned.chunks_exact(2).zip(d.chunks_exact(2)).enumerate() {
            let along = t[0] * d[1] - t[1] * d[0];
            for (gradient, place) in gradient.iter_mut().zip(self.place(at)) {
                *gradient += TAU * place * along;
            }
        }
        [0, 1].map(|axis| gradient[axis] * angles[axis].to_radians().cos() * 1.0_f64.to_radians())
    }
}
