//! Softmax cross-entropy; `shaders/cross_entropy.wgsl`.

use super::{Clock, expect, matrix, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { batch: u32, n_classes: u32, smoothing: f32 }
}

/// Loss and hit (1 or 0) of every row: logits `[batch, classes]`, labels, loss, correct `[batch]`. Of the target, a share of
/// `smoothing`, 0 to below 1, is spread evenly over all classes.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    clock: &Slice,
    logits: &Slice,
    labels: &Slice,
    loss: &Slice,
    correct: &Slice,
    smoothing: f32,
) -> Result<(), Error> {
    let (params, batch) = prepare(plan, "cross_entropy::forward", logits, labels, smoothing)?;
    expect("cross_entropy::forward", loss, &[batch])?;
    expect("cross_entropy::forward", correct, &[batch])?;
    let binds = [clock.uniform::<Clock>(), logits.read(), labels.read(), loss.write(), correct.write()];
    plan.dispatch("cross_entropy", "forward", &params, &binds, Work::Items(batch))
}

/// Gradient of the mean loss over the valid rows: d_logits `[batch, classes]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn backward(
    plan: &mut PlanBuilder<'_>,
    clock: &Slice,
    logits: &Slice,
    labels: &Slice,
    d_logits: &Slice,
    smoothing: f32,
) -> Result<(), Error> {
    let (params, batch) = prepare(plan, "cross_entropy::backward", logits, labels, smoothing)?;
    expect("cross_entropy::backward", d_logits, logits.shape())?;
    let binds = [clock.uniform::<Clock>(), logits.read(), labels.read(), d_logits.write()];
    plan.dispatch("cross_entropy", "backward", &params, &binds, Work::Items(batch))
}

fn prepare(
    plan: &PlanBuilder<'_>,
    operation: &str,
    logits: &Slice,
    labels: &Slice,
    smoothing: f32,
) -> Result<(Params, usize), Error> {
    let [batch, classes] = matrix(operation, logits)?;
    expect(operation, labels, &[batch])?;
    // Largest, sum, and either the target or the gradient each loop over the classes.
    plan.check_loop(operation, 3 * classes)?;
    Ok((Params { batch: word(operation, batch)?, n_classes: word(operation, classes)?, smoothing }, batch))
}
