//! The penalty on steep weights; `shaders/slope.wgsl`.

use super::microring::{Ring, State};
use super::{expect, word};
use crate::gpu::{Error, Gpu, PlanBuilder, Scalar, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        n_rings: u32,
        n_groups: u32,
        half_width: f32,
        contrast: f32,
        drift: f32,
        strength: f32,
    }
}

/// Partial sums of a layer, at most.
const GROUPS: usize = 256;

fn groups(rings: usize) -> usize {
    rings.div_ceil(256).clamp(1, GROUPS)
}

/// Room for the partial sums over so many rings.
///
/// # Errors
/// What the device reports.
pub fn partials(gpu: &Gpu, rings: usize) -> Result<Slice, Error> {
    gpu.zeros("partial sums", &[groups(rings)], Scalar::F32)
}

impl Ring {
    fn slope_params(&self, rings: usize, strength: f32) -> Result<Params, Error> {
        Ok(Params {
            n_rings: word("slope", rings)?,
            n_groups: word("slope", groups(rings))?,
            half_width: self.half_width,
            contrast: self.contrast,
            drift: self.drift,
            strength,
        })
    }

    /// norm `[1]` = ||dW/dx|| over rings (1/nm), each alone on its bus; `partials` is overwritten.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn steepness(
        &self,
        plan: &mut PlanBuilder<'_>,
        state: State<'_>,
        partials: &Slice,
        norm: &Slice,
    ) -> Result<(), Error> {
        let (rings, params) = (state.detuning.len(), self.slope_params(state.detuning.len(), 0.0)?);
        state.check("slope::steepness", state.detuning)?;
        expect("slope::steepness", partials, &[groups(rings)])?;
        expect("slope::steepness", norm, &[1])?;
        plan.check_loop("slope::partial", rings.div_ceil(64 * groups(rings)) + 6)?;
        let binds = [&state.binds()[..], &[partials.write()]].concat();
        plan.dispatch("slope", "partial", &params, &binds, Work::Groups(groups(rings)))?;
        plan.dispatch("slope", "total", &params, &[partials.read(), norm.write()], Work::Groups(1))
    }

    /// Adds the gradient of strength * ||dW/dx|| to that of the detunings (1/nm), with `norm` from
    /// [`steepness`](Self::steepness).
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn penalty(
        &self,
        plan: &mut PlanBuilder<'_>,
        state: State<'_>,
        strength: f32,
        norm: &Slice,
        d_detuning: &Slice,
    ) -> Result<(), Error> {
        state.check("slope::penalty", d_detuning)?;
        expect("slope::penalty", norm, &[1])?;
        let params = self.slope_params(d_detuning.len(), strength)?;
        let binds = [&state.binds()[..], &[norm.read(), d_detuning.update()]].concat();
        plan.dispatch("slope", "penalty", &params, &binds, Work::Items(d_detuning.len()))
    }
}
