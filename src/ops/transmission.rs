//! Complex transmission of masks; `shaders/transmission.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { n_pixels: u32, n_levels: u32, n_fixed: u32, n_amplitude: u32 }
}

/// Masks: t = amplitude exp(i (set + fixed)), where `set` is the phase within a turn, or the nearest level around the circle.
#[derive(Clone, Copy, Debug)]
pub struct Masks<'a> {
    n_levels: u32,
    /// Phases `[masks, height, width]`, rad.
    pub phase: &'a Slice,
    /// A fixed phase of every mask, in the shape of `phase`, or of one plane `[height, width]` for all, rad, within a few
    /// turns; none: 0.
    pub fixed: Option<&'a Slice>,
    /// The amplitude, in one of the same shapes; none: 1.
    pub amplitude: Option<&'a Slice>,
}

impl<'a> Masks<'a> {
    /// Masks with free phases, or with 2^bits levels, 1 to 16 bits.
    ///
    /// # Errors
    /// Bits out of range.
    pub fn new(
        bits: Option<u32>,
        phase: &'a Slice,
        fixed: Option<&'a Slice>,
        amplitude: Option<&'a Slice>,
    ) -> Result<Self, Error> {
        if let Some(bits) = bits.filter(|bits| !(1..=16).contains(bits)) {
            let (what, expected) = ("phase masks, bits".to_owned(), "1 to 16".to_owned());
            return Err(Error::Shape { what, expected, got: bits.to_string() });
        }
        Ok(Self { n_levels: bits.map_or(0, |bits| 1 << bits), phase, fixed, amplitude })
    }

    /// t `[masks, height, width, 2]`.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, t: &Slice) -> Result<(), Error> {
        let params = self.params("transmission::forward", t)?;
        let binds = [self.phase.read(), self.fixed().read(), self.amplitude().read(), t.write()];
        plan.dispatch("transmission", "forward", &params, &binds, Work::Items(self.phase.len()))
    }

    /// Gradient of the phases, in their shape, from that of t. It passes wrap and levels as if they were not there.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward_phase(&self, plan: &mut PlanBuilder<'_>, d_t: &Slice, d_phase: &Slice) -> Result<(), Error> {
        let operation = "transmission::backward_phase";
        let params = self.params(operation, d_t)?;
        expect(operation, d_phase, self.phase.shape())?;
        let binds = [self.phase.read(), self.fixed().read(), self.amplitude().read(), d_t.read(), d_phase.write()];
        plan.dispatch("transmission", "backward_phase", &params, &binds, Work::Items(self.phase.len()))
    }

    /// Gradient of an amplitude of every mask, `[masks, height, width]`, from that of t.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward_amplitude(
        &self,
        plan: &mut PlanBuilder<'_>,
        d_t: &Slice,
        d_amplitude: &Slice,
    ) -> Result<(), Error> {
        let operation = "transmission::backward_amplitude";
        let params = self.params(operation, d_t)?;
        expect(operation, d_amplitude, self.phase.shape())?;
        let binds = [self.phase.read(), self.fixed().read(), d_t.read(), d_amplitude.write()];
        plan.dispatch("transmission", "backward_amplitude", &params, &binds, Work::Items(self.phase.len()))
    }

    /// What is bound for what is not there is not read.
    fn fixed(&self) -> &Slice {
        self.fixed.unwrap_or(self.phase)
    }

    fn amplitude(&self) -> &Slice {
        self.amplitude.unwrap_or(self.phase)
    }

    fn params(&self, operation: &str, t: &Slice) -> Result<Params, Error> {
        let &[_, height, width] = self.phase.shape() else {
            return Err(Error::Shape {
                what: format!("{operation}, `{}`", self.phase.name()),
                expected: "[masks, height, width]".to_owned(),
                got: format!("{:?}", self.phase.shape()),
            });
        };
        expect(operation, t, &[self.phase.shape(), &[2]].concat())?;
        let pixels = |slice: Option<&Slice>| {
            let Some(slice) = slice else { return Ok(0) };
            let shape: &[usize] = if slice.shape().len() == 2 { &[height, width] } else { self.phase.shape() };
            expect(operation, slice, shape)?;
            word(operation, slice.len())
        };
        Ok(Params {
            n_pixels: word(operation, t.len())? / 2,
            n_levels: self.n_levels,
            n_fixed: pixels(self.fixed)?,
            n_amplitude: pixels(self.amplitude)?,
        })
    }
}
