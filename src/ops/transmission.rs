//! Complex transmission of masks; `shaders/transmission.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        n_pixels: u32,
        amplitudes: u32,
        n_levels: u32,
        added: u32,
        fill: f32,
        rest: f32,
        dispersion: f32,
    }
}

/// Masks `[masks, height, width]` of phases or of amplitudes: t = F exp(i D set) + 1 - F, where `set` is the phase within a turn, or
/// the nearest level around the circle, or t = F amplitude + 1 - F.
#[derive(Clone, Copy, Debug)]
pub struct Masks<'a> {
    values: &'a Slice,
    amplitudes: bool,
    n_levels: u32,
    /// Fill factor F, above 0 to 1: the share of a pixel's area that acts. The rest lets light through as it is, which is seen
    /// as the zero order.
    pub fill: f32,
    /// Dispersion D, the wavelength that phases are set for over that of the light: what turns the phase is a path, in a relief or
    /// a retarder, of less than one such wavelength. Amplitudes have none.
    pub dispersion: f32,
}

impl<'a> Masks<'a> {
    /// Masks of phases, rad, free or with 2^bits levels, 1 to 16 bits; of pixels without gaps, in the light they are set for.
    ///
    /// # Errors
    /// Bits out of range.
    pub fn phase(phase: &'a Slice, bits: Option<u32>) -> Result<Self, Error> {
        if let Some(bits) = bits.filter(|bits| !(1..=16).contains(bits)) {
            let (what, expected) = ("phase masks, bits".to_owned(), "1 to 16".to_owned());
            return Err(Error::Shape { what, expected, got: bits.to_string() });
        }
        let n_levels = bits.map_or(0, |bits| 1 << bits);
        Ok(Self { values: phase, amplitudes: false, n_levels, fill: 1.0, dispersion: 1.0 })
    }

    /// Masks of amplitudes, of pixels without gaps.
    pub fn amplitude(amplitude: &'a Slice) -> Self {
        Self { values: amplitude, amplitudes: true, n_levels: 0, fill: 1.0, dispersion: 1.0 }
    }

    /// t `[masks, height, width, 2]`.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, t: &Slice) -> Result<(), Error> {
        let params = self.params("transmission::forward", t, false)?;
        let binds = [self.values.read(), t.write()];
        plan.dispatch("transmission", "forward", &params, &binds, Work::Items(self.values.len()))
    }

    /// Gradient of the phases or amplitudes, in their shape, from that of t; `added` to what is there, as for all wavelengths but
    /// the first, or written over it. It passes wrap and levels as if they were not there.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        d_t: &Slice,
        d_values: &Slice,
        added: bool,
    ) -> Result<(), Error> {
        let operation = "transmission::backward";
        let params = self.params(operation, d_t, added)?;
        expect(operation, d_values, self.values.shape())?;
        let binds = [self.values.read(), d_t.read(), d_values.update()];
        plan.dispatch("transmission", "backward", &params, &binds, Work::Items(self.values.len()))
    }

    fn params(&self, operation: &str, t: &Slice, added: bool) -> Result<Params, Error> {
        if self.values.shape().len() != 3 {
            return Err(Error::Shape {
                what: format!("{operation}, `{}`", self.values.name()),
                expected: "[masks, height, width]".to_owned(),
                got: format!("{:?}", self.values.shape()),
            });
        }
        expect(operation, t, &[self.values.shape(), &[2]].concat())?;
        Ok(Params {
            n_pixels: word(operation, t.len())? / 2,
            amplitudes: u32::from(self.amplitudes),
            n_levels: self.n_levels,
            added: u32::from(added),
            fill: self.fill,
            rest: 1.0 - self.fill,
            dispersion: self.dispersion,
        })
    }
}
