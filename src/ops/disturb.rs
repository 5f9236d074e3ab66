//! Imperfections drawn anew each step; `shaders/disturb.wgsl`.

use super::{Clock, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32, stream: u32, uniformly: u32, deviation: f32 }
}

/// How an imperfection is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Normal.
    #[default]
    Normal,
    /// Uniform of the same standard deviation: within sqrt(3) of it either way.
    Uniform,
}

/// value = deviation * numbers of mean 0 and variance 1 of (clock.seed, stream; clock.step), any shape.
///
/// # Errors
/// What the plan reports.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    clock: &Slice,
    stream: u32,
    distribution: Distribution,
    deviation: f32,
    value: &Slice,
) -> Result<(), Error> {
    let uniformly = u32::from(distribution == Distribution::Uniform);
    let params = Params { count: word("disturb", value.len())?, stream, uniformly, deviation };
    plan.dispatch("disturb", "forward", &params, &[clock.uniform::<Clock>(), value.write()], Work::Items(value.len()))
}

/// value = deviation, any shape: for imperfections that other kernels draw for every sample.
///
/// # Errors
/// What the plan reports.
pub fn constant(plan: &mut PlanBuilder<'_>, deviation: f32, value: &Slice) -> Result<(), Error> {
    let params = Params { count: word("disturb", value.len())?, deviation, ..Default::default() };
    plan.dispatch("disturb", "constant", &params, &[value.write()], Work::Items(value.len()))
}
