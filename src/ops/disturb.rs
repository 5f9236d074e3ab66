//! Imperfections drawn anew each step; `shaders/disturb.wgsl`.

use super::{Clock, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32, stream: u32, deviation: f32 }
}

/// value = deviation * standard normal numbers of (clock.seed, stream; clock.step), any shape.
///
/// # Errors
/// What the plan reports.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    clock: &Slice,
    stream: u32,
    deviation: f32,
    value: &Slice,
) -> Result<(), Error> {
    let params = Params { count: word("disturb", value.len())?, stream, deviation };
    plan.dispatch("disturb", "forward", &params, &[clock.uniform::<Clock>(), value.write()], Work::Items(value.len()))
}

/// value = deviation, any shape: for imperfections that other kernels draw for every sample.
///
/// # Errors
/// What the plan reports.
pub fn constant(plan: &mut PlanBuilder<'_>, deviation: f32, value: &Slice) -> Result<(), Error> {
    let params = Params { count: word("disturb", value.len())?, stream: 0, deviation };
    plan.dispatch("disturb", "constant", &params, &[value.write()], Work::Items(value.len()))
}
