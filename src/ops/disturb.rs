//! Imperfections drawn anew each step; `shaders/disturb.wgsl`.

use super::{Clock, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        count: u32,
        stream: u32,
        uniformly: u32,
        deviation: f32,
        first: f32,
        share: f32,
        limit: f32,
        alike: u32,
    }
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

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// Keys the random numbers, beside seed and step.
    pub stream: u32,
    /// How they are distributed.
    pub distribution: Distribution,
    /// Their standard deviation.
    pub deviation: f32,
    /// Uniform numbers come from part `.0` of `.1` equal parts of their range; (0, 1) is all of it.
    pub part: (usize, usize),
    /// What values stay within: at or past it they are drawn again, and are 0 after [`random::ATTEMPTS`](crate::random::ATTEMPTS).
    pub limit: Option<f32>,
    /// Whether all elements are one number, that of the first.
    pub alike: bool,
}

impl Draw {
    /// value = deviation * numbers of mean 0 and variance 1 of (clock.seed, stream; clock.step), any shape.
    ///
    /// # Errors
    /// What the plan reports.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, clock: &Slice, value: &Slice) -> Result<(), Error> {
        let (part, parts) = self.part;
        let params = Params {
            count: word("disturb", value.len())?,
            stream: self.stream,
            uniformly: u32::from(self.distribution == Distribution::Uniform),
            deviation: self.deviation,
            first: part as f32 / parts as f32,
            share: 1.0 / parts as f32,
            limit: self.limit.unwrap_or(0.0),
            alike: u32::from(self.alike),
        };
        let binds = [clock.uniform::<Clock>(), value.write()];
        let entry = if self.limit.is_some() { "limited" } else { "forward" };
        plan.dispatch("disturb", entry, &params, &binds, Work::Items(value.len()))
    }
}

/// value = deviation, any shape: for imperfections that other kernels draw for every sample.
///
/// # Errors
/// What the plan reports.
pub fn constant(plan: &mut PlanBuilder<'_>, deviation: f32, value: &Slice) -> Result<(), Error> {
    let params = Params { count: word("disturb", value.len())?, deviation, ..Default::default() };
    plan.dispatch("disturb", "constant", &params, &[value.write()], Work::Items(value.len()))
}
