//! Complex transmission of masks; `shaders/transmission.wgsl`.

use super::{expect, in_turns, word};
use crate::gpu::{Error, PlanBuilder, Slice};
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

/// What masks `[masks, height, width]` are set to.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// Phases, rad, and the bits of their 2^bits levels around the circle, 1 to 16; none: they are free.
    Phase(&'a Slice, Option<u32>),
    /// Amplitudes.
    Amplitude(&'a Slice),
}

/// Masks of phases, t = F exp(i D set) + 1 - F, where `set` is the phase within a turn or the nearest level, or of amplitudes,
/// t = F amplitude + 1 - F.
#[derive(Clone, Copy, Debug)]
pub struct Masks<'a> {
    /// What they are set to.
    pub values: Values<'a>,
    /// Fill factor F, above 0 to 1: the share of a pixel's area that acts. The rest lets light through as it is, which is seen
    /// as the zero order.
    pub fill: f32,
    /// Dispersion D, the wavelength that phases are set for over that of the light: what turns the phase is a path, in a relief or
    /// a retarder, of less than one such wavelength. Amplitudes have none.
    pub dispersion: f32,
}

impl Masks<'_> {
    /// t `[masks, height, width, 2]`.
    ///
    /// # Errors
    /// Shapes that do not fit, and bits out of range.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, t: &Slice) -> Result<(), Error> {
        let params = self.params("transmission::forward", t, false)?;
        let binds = [self.slice().read(), t.write()];
        plan.dispatch("transmission", "forward", &params, &binds, in_turns(self.slice().len()))
    }

    /// Gradient of the phases or amplitudes, in their shape, from that of t; `added` to what is there, as for all wavelengths but
    /// the first, or written over it. It passes wrap and levels as if they were not there.
    ///
    /// # Errors
    /// Shapes that do not fit, and bits out of range.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        d_t: &Slice,
        d_values: &Slice,
        added: bool,
    ) -> Result<(), Error> {
        let operation = "transmission::backward";
        let params = self.params(operation, d_t, added)?;
        expect(operation, d_values, self.slice().shape())?;
        let binds = [self.slice().read(), d_t.read(), d_values.update()];
        plan.dispatch("transmission", "backward", &params, &binds, in_turns(self.slice().len()))
    }

    fn slice(&self) -> &Slice {
        match self.values {
            Values::Phase(values, _) | Values::Amplitude(values) => values,
        }
    }

    fn params(&self, operation: &str, t: &Slice, added: bool) -> Result<Params, Error> {
        let n_levels = match self.values {
            Values::Phase(_, Some(bits @ 1..=16)) => 1 << bits,
            Values::Phase(_, Some(bits)) => {
                let (what, expected) = (format!("{operation}, bits"), "1 to 16".to_owned());
                return Err(Error::Shape { what, expected, got: bits.to_string() });
            }
            _ => 0,
        };
        if self.slice().shape().len() != 3 {
            return Err(Error::Shape {
                what: format!("{operation}, `{}`", self.slice().name()),
                expected: "[masks, height, width]".to_owned(),
                got: format!("{:?}", self.slice().shape()),
            });
        }
        expect(operation, t, &[self.slice().shape(), &[2]].concat())?;
        Ok(Params {
            n_pixels: word(operation, t.len())? / 2,
            amplitudes: u32::from(matches!(self.values, Values::Amplitude(_))),
            n_levels,
            added: u32::from(added),
            fill: self.fill,
            rest: 1.0 - self.fill,
            dispersion: self.dispersion,
        })
    }
}
