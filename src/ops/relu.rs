//! The rectifier; `shaders/relu.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32 }
}

/// y = x where x > 0, else 0; any shape.
///
/// # Errors
/// Shapes that differ.
pub fn forward(plan: &mut PlanBuilder<'_>, x: &Slice, y: &Slice) -> Result<(), Error> {
    expect("relu::forward", y, x.shape())?;
    plan.dispatch(
        "relu",
        "forward",
        &Params { count: word("relu", x.len())? },
        &[x.read(), y.write()],
        Work::Items(x.len()),
    )
}

/// d_x = d_y where the output y > 0, else 0.
///
/// # Errors
/// Shapes that differ.
pub fn backward(plan: &mut PlanBuilder<'_>, y: &Slice, d_y: &Slice, d_x: &Slice) -> Result<(), Error> {
    expect("relu::backward", d_y, y.shape())?;
    expect("relu::backward", d_x, y.shape())?;
    let binds = [d_y.read(), d_x.write(), y.read()];
    plan.dispatch("relu", "backward", &Params { count: word("relu", y.len())? }, &binds, Work::Items(y.len()))
}
