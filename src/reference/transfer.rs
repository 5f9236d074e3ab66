//! Transfer function of free space; specification of `shaders/transfer.wgsl`.

use std::f64::consts::TAU;

/// A quarter of the frequencies, those that are not negative, of light of one wavelength.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// Wavelength, m.
    pub wavelength: f64,
    /// Frequency of the first row and of the first column that are not 0, 1/m.
    pub steps: [f64; 2],
    /// Columns of the quarter.
    pub columns: usize,
    /// Whether the phase is that of the paraxial approximation.
    pub paraxial: bool,
}

impl Transfer {
    /// Turns of phase a metre at an element, less those of a plane wave: sqrt(1/lambda^2 - f^2) - 1/lambda (Goodman,
    /// Introduction to Fourier Optics, 3.10), or -lambda f^2 / 2 (4.2).
    fn rate(&self, at: usize) -> f64 {
        let [y, x] = [at / self.columns, at % self.columns];
        let squared = (y as f64 * self.steps[0]).powi(2) + (x as f64 * self.steps[1]).powi(2);
        let wavenumber = 1.0 / self.wavelength;
        if self.paraxial {
            return -self.wavelength * squared / 2.0;
        }
        // Evanescent waves, where they are not cut, keep their size.
        (wavenumber.powi(2) - squared).max(0.0).sqrt() - wavenumber
    }

    /// H of every element as (re, im), from its turns at the nominal distance (above 1: cut) and an error of the distance, m.
    pub fn forward(&self, turns: &[f64], distance_error: f64) -> Vec<f64> {
        let element = |(at, &turns): (usize, &f64)| {
            if turns > 1.0 {
                return [0.0; 2];
            }
            let angle = TAU * (turns + distance_error * self.rate(at));
            [angle.cos(), angle.sin()]
        };
        turns.iter().enumerate().flat_map(element).collect()
    }

    /// dH/dz of every element, 1/m.
    pub fn derivative(&self, turns: &[f64], distance_error: f64) -> Vec<f64> {
        let transfer = self.forward(turns, distance_error);
        let element = |(at, h): (usize, &[f64])| {
            if turns[at] > 1.0 {
                return [0.0; 2];
            }
            let rate = TAU * self.rate(at);
            [-rate * h[1], rate * h[0]]
        };
        transfer.chunks_exact(2).enumerate().flat_map(element).collect()
    }
}
