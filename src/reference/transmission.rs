//! Complex transmission of masks; specification of `shaders/transmission.wgsl`.

use super::phase_shifter::Shifters;

/// What lies on top of the phases of all masks.
#[derive(Clone, Copy, Debug)]
pub struct Mask<'a> {
    /// Levels that phases are set to, around the circle; 0: they are free.
    pub levels: u32,
    /// Fixed phase, rad, of a plane or of every mask; empty: none.
    pub fixed: &'a [f64],
    /// Amplitude, of a plane or of every mask; empty: 1.
    pub amplitude: &'a [f64],
}

impl Mask<'_> {
    fn amplitude(&self, at: usize) -> f64 {
        if self.amplitude.is_empty() { 1.0 } else { self.amplitude[at % self.amplitude.len()] }
    }

    /// exp(i (set + fixed)) of every pixel.
    fn units(&self, phase: &[f64]) -> Vec<[f64; 2]> {
        let shifter = Shifters { levels: self.levels, crosstalk: 0.0, drift: 0.0 };
        let unit = |(at, &phase): (usize, &f64)| {
            let fixed = if self.fixed.is_empty() { 0.0 } else { self.fixed[at % self.fixed.len()] };
            let angle = shifter.set(phase) + fixed;
            [angle.cos(), angle.sin()]
        };
        phase.iter().enumerate().map(unit).collect()
    }

    /// t of every pixel as (re, im), from phases, rad.
    pub fn forward(&self, phase: &[f64]) -> Vec<f64> {
        let units = self.units(phase).into_iter().enumerate();
        units.flat_map(|(at, [re, im])| [self.amplitude(at) * re, self.amplitude(at) * im]).collect()
    }

    /// Gradients of the phases and of the amplitude of every mask; levels count as 1 (straight-through estimator, Bengio,
    /// Leonard and Courville 2013).
    pub fn backward(&self, phase: &[f64], d_t: &[f64]) -> [Vec<f64>; 2] {
        let pixels = self.units(phase).into_iter().zip(d_t.chunks_exact(2)).enumerate();
        pixels
            .map(|(at, ([re, im], d))| (self.amplitude(at) * (re * d[1] - im * d[0]), re * d[0] + im * d[1]))
            .collect::<(Vec<_>, Vec<_>)>()
            .into()
    }
}
