//! A plane that light passes, and a threshold behind it; `shaders/plane.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { first: u32, n_samples: u32, n_pixels: u32, n_blocks: u32, threshold: f32, added: u32 }
}

/// Lanes of a workgroup, and pixels that each of them adds up first.
const LANES: usize = 64;
const TURNS: usize = 32;
/// Samples that an invocation may walk.
const RUN: usize = 32_768;

/// A threshold behind the plane: what is darker than a share of a sample's mean intensity is dark, brighter light loses as
/// much; the phase is kept.
#[derive(Clone, Copy, Debug)]
pub struct Threshold<'a> {
    /// Share of the mean, above 0.
    pub fraction: f32,
    /// Mean intensity of every sample before the threshold, `[batch]`: `forward` leaves it to `backward`.
    pub mean: &'a Slice,
    /// Scratch of `backward`, `[batch]`.
    pub slope: &'a Slice,
    /// Scratch in the shape of [`partials`].
    pub partials: &'a Slice,
}

/// Shape of the scratch of a threshold.
pub fn partials(batch: usize, height: usize, width: usize) -> [usize; 3] {
    [batch, (height * width).div_ceil(LANES * TURNS).max(1), LANES]
}

/// y = x t behind the threshold, if there is one: x, y `[batch, height, width, 2]`, t `[height, width, 2]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    x: &Slice,
    t: &Slice,
    threshold: Option<&Threshold<'_>>,
    y: &Slice,
) -> Result<(), Error> {
    let operation = "plane::forward";
    let params = prepare(operation, x, t, threshold)?;
    expect(operation, y, x.shape())?;
    if let Some(threshold) = threshold {
        mean(plan, x, t, threshold)?;
    }
    // What is bound for what is not there is not read.
    let mean = threshold.map_or(t, |threshold| threshold.mean);
    let binds = [x.read(), t.read(), mean.read(), y.write()];
    plan.dispatch("plane", "forward", &params, &binds, Work::Items(x.len() / 2))
}

/// The mean intensity of every sample, as [`forward`] leaves it: for who makes it again before [`backward`].
///
/// # Errors
/// Shapes that do not fit.
pub fn mean(plan: &mut PlanBuilder<'_>, x: &Slice, t: &Slice, threshold: &Threshold<'_>) -> Result<(), Error> {
    let params = prepare("plane::mean", x, t, Some(threshold))?;
    let work = Work::Groups(threshold.partials.len() / LANES);
    plan.dispatch("plane", "intensity", &params, &[x.read(), t.read(), threshold.partials.write()], work)?;
    gather(plan, &params, threshold.partials, threshold.mean)
}

/// Gradients of x and t from that of y, in their shapes; that of t is summed over the batch, and added to what is there if so
/// asked.
///
/// # Errors
/// Shapes that do not fit.
pub fn backward(
    plan: &mut PlanBuilder<'_>,
    x: &Slice,
    t: &Slice,
    threshold: Option<&Threshold<'_>>,
    d_y: &Slice,
    d_x: &Slice,
    (d_t, added): (&Slice, bool),
) -> Result<(), Error> {
    let operation = "plane::backward";
    let params = prepare(operation, x, t, threshold)?;
    expect(operation, d_y, x.shape())?;
    expect(operation, d_x, x.shape())?;
    expect(operation, d_t, t.shape())?;
    if let Some(threshold) = threshold {
        let binds = [x.read(), t.read(), threshold.mean.read(), d_y.read(), threshold.partials.write()];
        let work = Work::Groups(threshold.partials.len() / LANES);
        plan.dispatch("plane", "intensity_slope", &params, &binds, work)?;
        gather(plan, &params, threshold.partials, threshold.slope)?;
    }
    let [mean, slope] = threshold.map_or([t; 2], |threshold| [threshold.mean, threshold.slope]);
    let batch = params.n_samples as usize;
    for first in (0..batch).step_by(RUN) {
        let run = Params {
            first: word(operation, first)?,
            n_samples: word(operation, RUN.min(batch - first))?,
            added: u32::from(added || first > 0),
            ..params
        };
        let binds = [x.read(), t.read(), mean.read(), slope.read(), d_y.read(), d_x.write(), d_t.update()];
        plan.dispatch("plane", "backward", &run, &binds, Work::Items(t.len() / 2))?;
    }
    Ok(())
}

fn gather(plan: &mut PlanBuilder<'_>, params: &Params, partials: &Slice, gathered: &Slice) -> Result<(), Error> {
    plan.check_loop("plane::gather", params.n_blocks as usize + 6)?;
    let work = Work::Groups(params.n_samples as usize);
    plan.dispatch("plane", "gather", params, &[partials.read(), gathered.write()], work)
}

fn prepare(operation: &str, x: &Slice, t: &Slice, threshold: Option<&Threshold<'_>>) -> Result<Params, Error> {
    let &[batch, height, width, 2] = x.shape() else {
        return Err(Error::Shape {
            what: format!("{operation}, `{}`", x.name()),
            expected: "[batch, height, width, 2]".to_owned(),
            got: format!("{:?}", x.shape()),
        });
    };
    expect(operation, t, &[height, width, 2])?;
    let [_, n_blocks, _] = partials(batch, height, width);
    if let Some(threshold) = threshold {
        if !(threshold.fraction.is_finite() && threshold.fraction > 0.0) {
            return Err(Error::Shape {
                what: format!("{operation}, threshold"),
                expected: "a share of the mean intensity, above 0".to_owned(),
                got: threshold.fraction.to_string(),
            });
        }
        expect(operation, threshold.mean, &[batch])?;
        expect(operation, threshold.slope, &[batch])?;
        expect(operation, threshold.partials, &partials(batch, height, width))?;
    }
    word(operation, x.len())?;
    Ok(Params {
        first: 0,
        n_samples: word(operation, batch)?,
        n_pixels: word(operation, height * width)?,
        n_blocks: word(operation, n_blocks)?,
        threshold: threshold.map_or(0.0, |threshold| threshold.fraction),
        added: 0,
    })
}
