//! Weights of microrings from their detunings; `shaders/microring.wgsl`.

use super::{expect, word};
use crate::gpu::{Bind, Constant, Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { n_rings: u32, half_width: f32, contrast: f32, drift: f32 }
}

/// What the gradient of a ring is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Its detuning, and whatever shifts its resonance, 1/nm.
    Detuning,
    /// The relative change of its half width; 0 where that is held.
    Width,
    /// The change of its contrast; 0 where that is held.
    Contrast,
}

impl About {
    /// The constant of `shaders/microring.wgsl` and `shaders/ring_bank.wgsl`.
    pub(super) fn constant(self) -> [Constant; 1] {
        [("ABOUT", self as u32)]
    }
}

/// An add-drop ring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ring {
    /// Half width at half maximum, nm.
    pub half_width: f32,
    /// Contrast; 1 is ideal.
    pub contrast: f32,
    /// Shift of the resonance with temperature, nm/K.
    pub drift: f32,
}

/// How the rings of a layer were built and stand: tensors of one shape, and the temperature `[1]`.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// Detuning, nm.
    pub detuning: &'a Slice,
    /// What every resonance was misbuilt by, nm.
    pub offset: &'a Slice,
    /// Common temperature, K.
    pub temperature: &'a Slice,
    /// Relative change of every ring's half width; held to a tenth of the width at least.
    pub width: &'a Slice,
    /// Change of every ring's contrast, which is held in 0..1.
    pub contrast: &'a Slice,
}

impl State<'_> {
    /// The bindings that forward and backward passes begin with.
    pub(super) fn binds(&self) -> [Bind<'_>; 5] {
        [self.detuning, self.offset, self.temperature, self.width, self.contrast].map(Slice::read)
    }

    pub(super) fn check(&self, operation: &str, weight: &Slice) -> Result<(), Error> {
        expect(operation, self.temperature, &[1])?;
        for each in [self.offset, self.width, self.contrast, weight] {
            expect(operation, each, self.detuning.shape())?;
        }
        Ok(())
    }
}

impl Ring {
    fn params(&self, rings: usize) -> Result<Params, Error> {
        Ok(Params {
            n_rings: word("microring", rings)?,
            half_width: self.half_width,
            contrast: self.contrast,
            drift: self.drift,
        })
    }

    /// Weights in [-1, 1], in the shape of the detunings.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, state: State<'_>, weight: &Slice) -> Result<(), Error> {
        state.check("microring::forward", weight)?;
        let binds = [&state.binds()[..], &[weight.write()]].concat();
        plan.dispatch("microring", "forward", &self.params(weight.len())?, &binds, Work::Items(weight.len()))
    }

    /// Gradient of the rings from that of the weights, in the shape of the detunings.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        about: About,
        state: State<'_>,
        d_weight: &Slice,
        gradient: &Slice,
    ) -> Result<(), Error> {
        state.check("microring::backward", d_weight)?;
        expect("microring::backward", gradient, state.detuning.shape())?;
        let binds = [&state.binds()[..], &[d_weight.read(), gradient.write()]].concat();
        let (params, work) = (self.params(d_weight.len())?, Work::Items(d_weight.len()));
        plan.dispatch_with("microring", "backward", &about.constant(), &params, &binds, work)
    }
}
