//! Losses and hits summed into a ring that the host reads now and then; `shaders/metrics.wgsl`.

use super::{Clock, expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { batch: u32 }
}

/// ring[clock.slot] = (sum of loss, number correct, rows, 0); loss, correct `[batch]`, ring `[slots, 4]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    clock: &Slice,
    loss: &Slice,
    correct: &Slice,
    ring: &Slice,
) -> Result<(), Error> {
    let batch = loss.len();
    expect("metrics::forward", correct, &[batch])?;
    expect("metrics::forward", ring, &[ring.len() / 4, 4])?;
    plan.check_loop("metrics::forward", batch.div_ceil(64) + 6)?;
    let binds = [clock.uniform::<Clock>(), loss.read(), correct.read(), ring.write()];
    plan.dispatch("metrics", "forward", &Params { batch: word("metrics", batch)? }, &binds, Work::Groups(1))
}
