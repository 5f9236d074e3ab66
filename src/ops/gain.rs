//! The electronic gain behind the detectors of a layer, one number for all its outputs; `shaders/gain.wgsl`.

use super::{expect, matrix, word};
use crate::gpu::{Error, Gpu, PlanBuilder, Scalar, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32, n_columns: u32, n_groups: u32 }
}

/// Partial sums of a gradient.
const GROUPS: usize = 256;

fn params(operation: &str, reading: &Slice) -> Result<Params, Error> {
    let [_, columns] = matrix(operation, reading)?;
    let n_groups = reading.len().div_ceil(256).min(GROUPS);
    Ok(Params {
        count: word(operation, reading.len())?,
        n_columns: word(operation, columns)?,
        n_groups: word(operation, n_groups)?,
    })
}

/// Readings r `[rows, columns]` become y = G r, plus a bias `[columns]` if there is one; G is `[1]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    reading: &Slice,
    gain: &Slice,
    bias: Option<&Slice>,
    y: &Slice,
) -> Result<(), Error> {
    let params = params("gain::forward", reading)?;
    expect("gain::forward", gain, &[1])?;
    expect("gain::forward", y, reading.shape())?;
    let work = Work::Items(y.len());
    let Some(bias) = bias else {
        return plan.dispatch("gain", "forward", &params, &[gain.read(), reading.read(), y.write()], work);
    };
    expect("gain::forward", bias, &reading.shape()[1..])?;
    plan.dispatch("gain", "biased", &params, &[gain.read(), bias.read(), reading.read(), y.write()], work)
}

/// Gradient of the readings from that of y, both `[rows, columns]`: d_r = G d_y.
///
/// # Errors
/// Shapes that do not fit.
pub fn backward(plan: &mut PlanBuilder<'_>, gain: &Slice, d_y: &Slice, d_reading: &Slice) -> Result<(), Error> {
    let params = params("gain::backward", d_y)?;
    expect("gain::backward", gain, &[1])?;
    expect("gain::backward", d_reading, d_y.shape())?;
    plan.dispatch("gain", "backward", &params, &[gain.read(), d_y.read(), d_reading.write()], Work::Items(d_y.len()))
}

/// Room for the partial sums of [`backward_gain`].
///
/// # Errors
/// What the device reports.
pub fn partials(gpu: &Gpu) -> Result<Slice, Error> {
    gpu.zeros("partial sums of a gain", &[GROUPS], Scalar::F32)
}

/// Gradient of the gain `[1]` from readings and the gradient of y, both `[rows, columns]`: d_G = sum d_y r.
///
/// # Errors
/// Shapes that do not fit.
pub fn backward_gain(
    plan: &mut PlanBuilder<'_>,
    reading: &Slice,
    d_y: &Slice,
    partials: &Slice,
    d_gain: &Slice,
) -> Result<(), Error> {
    let operation = "gain::backward_gain";
    let params = params(operation, reading)?;
    expect(operation, d_y, reading.shape())?;
    expect(operation, partials, &[GROUPS])?;
    expect(operation, d_gain, &[1])?;
    let groups = params.n_groups as usize;
    plan.check_loop("gain::partial", reading.len().div_ceil(64 * groups.max(1)) + 6)?;
    let binds = [reading.read(), d_y.read(), partials.write()];
    plan.dispatch("gain", "partial", &params, &binds, Work::Groups(groups))?;
    plan.dispatch("gain", "total", &params, &[partials.read(), d_gain.write()], Work::Groups(1))
}
