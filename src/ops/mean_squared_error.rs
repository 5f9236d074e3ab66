//! Mean squared error; `shaders/mean_squared_error.wgsl`.

use super::{Clock, expect, matrix, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { batch: u32, features: u32 }
}

/// Lanes that share a row.
const WORKGROUP: usize = 64;

/// Loss of every row, the mean of its squared errors: prediction, wanted `[batch, features]`, loss `[batch]`. Rows past
/// those of the clock give 0.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    clock: &Slice,
    prediction: &Slice,
    wanted: &Slice,
    loss: &Slice,
) -> Result<(), Error> {
    let operation = "mean_squared_error::forward";
    let (params, [batch, features]) = prepare(operation, prediction, wanted)?;
    expect(operation, loss, &[batch])?;
    plan.check_loop(operation, features.div_ceil(WORKGROUP))?;
    let binds = [clock.uniform::<Clock>(), prediction.read(), wanted.read(), loss.write()];
    plan.dispatch("mean_squared_error", "forward", &params, &binds, Work::Groups(batch))
}

/// Gradient of the mean loss over the valid rows: d_prediction `[batch, features]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn backward(
    plan: &mut PlanBuilder<'_>,
    clock: &Slice,
    prediction: &Slice,
    wanted: &Slice,
    d_prediction: &Slice,
) -> Result<(), Error> {
    let operation = "mean_squared_error::backward";
    let (params, _) = prepare(operation, prediction, wanted)?;
    expect(operation, d_prediction, prediction.shape())?;
    let binds = [clock.uniform::<Clock>(), prediction.read(), wanted.read(), d_prediction.write()];
    plan.dispatch("mean_squared_error", "backward", &params, &binds, Work::Items(prediction.len()))
}

/// Peak signal-to-noise ratio of every row, dB, for a peak of 1: loss, ratio `[batch]`. At most 100; rows past those of the clock
/// give 0.
///
/// # Errors
/// Shapes that do not fit.
pub fn decibels(plan: &mut PlanBuilder<'_>, clock: &Slice, loss: &Slice, ratio: &Slice) -> Result<(), Error> {
    let operation = "mean_squared_error::decibels";
    expect(operation, ratio, &[loss.len()])?;
    let params = Params { batch: word(operation, loss.len())?, features: 1 };
    let binds = [clock.uniform::<Clock>(), loss.read(), ratio.write()];
    plan.dispatch("mean_squared_error", "decibels", &params, &binds, Work::Items(loss.len()))
}

fn prepare(operation: &str, prediction: &Slice, wanted: &Slice) -> Result<(Params, [usize; 2]), Error> {
    let [batch, features] = matrix(operation, prediction)?;
    expect(operation, wanted, prediction.shape())?;
    // The number of elements must be a word too.
    word(operation, prediction.len())?;
    Ok((Params { batch: word(operation, batch)?, features: word(operation, features)? }, [batch, features]))
}
