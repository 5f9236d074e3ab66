//! Losses and scores summed into a ring that the host reads now and then; `shaders/metrics.wgsl`.

use super::{Clock, expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { batch: u32 }
}

/// ring[clock.slot] = (sum of loss, sum of score, rows, sum of similarity or 0); loss, score, similarity `[batch]`, ring
/// `[slots, 4]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    clock: &Slice,
    loss: &Slice,
    score: &Slice,
    similarity: Option<&Slice>,
    ring: &Slice,
) -> Result<(), Error> {
    let batch = loss.len();
    expect("metrics::forward", score, &[batch])?;
    expect("metrics::forward", ring, &[ring.len() / 4, 4])?;
    plan.check_loop("metrics::forward", batch.div_ceil(64) + 6)?;
    let params = Params { batch: word("metrics", batch)? };
    let mut binds = vec![clock.uniform::<Clock>(), loss.read(), score.read(), ring.write()];
    let Some(similarity) = similarity else {
        return plan.dispatch("metrics", "forward", &params, &binds, Work::Groups(1));
    };
    expect("metrics::forward_images", similarity, &[batch])?;
    binds.push(similarity.read());
    plan.dispatch("metrics", "forward_images", &params, &binds, Work::Groups(1))
}
