//! Weights of microrings from their detunings; `shaders/microring.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { n_rings: u32, half_width: f32, contrast: f32, drift: f32 }
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

/// Where the rings of a layer stand: detunings and offsets (nm) of one shape, temperature `[1]` (K from nominal).
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// Control parameter, nm.
    pub detuning: &'a Slice,
    /// Imperfection of every ring, nm.
    pub offset: &'a Slice,
    /// Common temperature, K.
    pub temperature: &'a Slice,
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
        check("microring::forward", state, weight)?;
        let binds = [state.detuning.read(), state.offset.read(), state.temperature.read(), weight.write()];
        plan.dispatch("microring", "forward", &self.params(weight.len())?, &binds, Work::Items(weight.len()))
    }

    /// Gradient of the detunings (1/nm) from that of the weights.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        state: State<'_>,
        d_weight: &Slice,
        d_detuning: &Slice,
    ) -> Result<(), Error> {
        check("microring::backward", state, d_weight)?;
        expect("microring::backward", d_detuning, state.detuning.shape())?;
        let binds =
            [state.detuning.read(), state.offset.read(), state.temperature.read(), d_weight.read(), d_detuning.write()];
        plan.dispatch("microring", "backward", &self.params(d_weight.len())?, &binds, Work::Items(d_weight.len()))
    }
}

fn check(operation: &str, state: State<'_>, weight: &Slice) -> Result<(), Error> {
    expect(operation, state.offset, state.detuning.shape())?;
    expect(operation, state.temperature, &[1])?;
    expect(operation, weight, state.detuning.shape())
}
