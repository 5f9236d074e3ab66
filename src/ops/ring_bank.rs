//! Weights of microrings in series on a bus; `shaders/ring_bank.wgsl`.

use super::microring::{About, Ring, State};
use super::{expect, matrix, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        n_rings: u32,
        n_columns: u32,
        size: u32,
        half_width: f32,
        contrast: f32,
        drift: f32,
        spacing: f32,
        fsr: f32,
    }
}

/// Banks of rings: each row is cut into banks of `size` rings in series, the last of which may be shorter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RingBank {
    /// The rings.
    pub ring: Ring,
    /// Rings of a bank, at least 1.
    pub size: usize,
    /// Distance of neighbouring channels, nm.
    pub spacing: f32,
    /// Free spectral range, nm.
    pub fsr: f32,
}

impl RingBank {
    fn params(&self, plan: &PlanBuilder<'_>, operation: &str, state: State<'_>) -> Result<Params, Error> {
        let [_, columns] = matrix(operation, state.detuning)?;
        plan.check_loop(operation, 2 * self.size)?;
        Ok(Params {
            n_rings: word(operation, state.detuning.len())?,
            n_columns: word(operation, columns)?,
            size: word(operation, self.size)?,
            half_width: self.ring.half_width,
            contrast: self.ring.contrast,
            drift: self.ring.drift,
            spacing: self.spacing,
            fsr: self.fsr,
        })
    }

    /// Weights in [-1, 1] of rows of rings, in the shape `[rows, columns]` of the detunings.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, state: State<'_>, weight: &Slice) -> Result<(), Error> {
        state.check("ring_bank::forward", weight)?;
        let params = self.params(plan, "ring_bank::forward", state)?;
        let binds = [&state.binds()[..], &[weight.write()]].concat();
        plan.dispatch("ring_bank", "forward", &params, &binds, Work::Items(weight.len()))
    }

    /// Gradient of the rings from that of the weights, both `[rows, columns]`; `terms` `[rows, columns, size]` is
    /// overwritten.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        about: About,
        state: State<'_>,
        d_weight: &Slice,
        terms: &Slice,
        gradient: &Slice,
    ) -> Result<(), Error> {
        state.check("ring_bank::backward", d_weight)?;
        expect("ring_bank::backward", terms, &[state.detuning.shape(), &[self.size]].concat())?;
        expect("ring_bank::backward", gradient, state.detuning.shape())?;
        let params = self.params(plan, "ring_bank::backward", state)?;
        let work = Work::Items(d_weight.len());
        let binds = [&state.binds()[..], &[d_weight.read(), terms.update()]].concat();
        plan.dispatch_with("ring_bank", "spread", &about.constant(), &params, &binds, work)?;
        plan.dispatch("ring_bank", "gather", &params, &[terms.read(), gradient.write()], work)
    }
}
