//! Pictures blurred by a Gaussian point-spread function; `shaders/blur.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32, extent: u32, stride: u32, spread: f32 }
}

/// Pictures y `[pictures, height, width]` of x, dark outside, blurred by a deviation of sqrt(`spread`^2 + error^2) pixels, by
/// way of `scratch` of the same shape; the error is `[1]`. Results are NaN where the deviation is not within 0..8, and x bit for
/// bit where it is 0. `y` may be `x`. The blur is its own adjoint.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    spread: f32,
    error: &Slice,
    x: &Slice,
    scratch: &Slice,
    y: &Slice,
) -> Result<(), Error> {
    let operation = "blur::forward";
    let [_, height, width] = *x.shape() else {
        return Err(Error::Shape {
            what: format!("{operation}, `{}`", x.name()),
            expected: "[pictures, height, width]".to_owned(),
            got: format!("{:?}", x.shape()),
        });
    };
    expect(operation, error, &[1])?;
    expect(operation, scratch, x.shape())?;
    expect(operation, y, x.shape())?;
    let count = word(operation, x.len())?;
    for (extent, stride, from, to) in [(width, 1, x, scratch), (height, width, scratch, y)] {
        let params = Params { count, extent: word(operation, extent)?, stride: word(operation, stride)?, spread };
        plan.dispatch("blur", "along", &params, &[error.read(), from.read(), to.write()], Work::Items(x.len()))?;
    }
    Ok(())
}
