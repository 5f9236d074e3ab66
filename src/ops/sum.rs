//! A sum over a tensor; `shaders/sum.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, Gpu, PlanBuilder, Scalar, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32, n_groups: u32, accumulate: u32, factor: f32 }
}

/// The most partial sums.
const GROUPS: usize = 256;

/// Room for the partial sums.
///
/// # Errors
/// What the device reports.
pub fn partials(gpu: &Gpu) -> Result<Slice, Error> {
    gpu.zeros("partial sums", &[GROUPS], Scalar::F32)
}

/// total `[1]` = factor sum x over a tensor of any shape, or, where it accumulates, total + that; `partials` is overwritten.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    factor: f32,
    x: &Slice,
    partials: &Slice,
    total: &Slice,
    accumulate: bool,
) -> Result<(), Error> {
    let operation = "sum::forward";
    expect(operation, partials, &[GROUPS])?;
    expect(operation, total, &[1])?;
    let groups = x.len().div_ceil(256).clamp(1, GROUPS);
    plan.check_loop("sum::partial", x.len().div_ceil(64 * groups) + 6)?;
    let params = Params {
        count: word(operation, x.len())?,
        n_groups: word(operation, groups)?,
        accumulate: u32::from(accumulate),
        factor,
    };
    plan.dispatch("sum", "partial", &params, &[x.read(), partials.write()], Work::Groups(groups))?;
    plan.dispatch("sum", "total", &params, &[partials.read(), total.update()], Work::Groups(1))
}
