//! A tensor added to another; `shaders/add.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32 }
}

/// y = y + x, in place; any shape.
///
/// # Errors
/// Shapes that differ.
pub fn forward(plan: &mut PlanBuilder<'_>, x: &Slice, y: &Slice) -> Result<(), Error> {
    expect("add::forward", y, x.shape())?;
    let quads = x.len().div_ceil(4);
    let params = Params { count: word("add", quads)? };
    plan.dispatch("add", "forward", &params, &[x.read(), y.update()], Work::Items(quads))
}
