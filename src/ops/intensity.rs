//! Detected power of complex amplitudes; `shaders/intensity.wgsl`.
//!
//! The last axis of a field is (re, im); gradients as in [`complex_matmul`](super::complex_matmul).

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { n_pairs: u32 }
}

/// Intensity = |field|^2, with a field `[.., 2]` and the intensity in its shape without the last axis.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(plan: &mut PlanBuilder<'_>, field: &Slice, intensity: &Slice) -> Result<(), Error> {
    expect("intensity::forward", field, &[intensity.shape(), &[2]].concat())?;
    let (params, work) = params("intensity::forward", intensity)?;
    plan.dispatch("intensity", "forward", &params, &[field.read(), intensity.write()], work)
}

/// Gradient of the field `[.., 2]` from that of the intensity.
///
/// # Errors
/// Shapes that do not fit.
pub fn backward(plan: &mut PlanBuilder<'_>, field: &Slice, d_intensity: &Slice, d_field: &Slice) -> Result<(), Error> {
    for each in [field, d_field] {
        expect("intensity::backward", each, &[d_intensity.shape(), &[2]].concat())?;
    }
    let (params, work) = params("intensity::backward", d_intensity)?;
    plan.dispatch("intensity", "backward", &params, &[field.read(), d_intensity.read(), d_field.write()], work)
}

fn params(operation: &str, intensity: &Slice) -> Result<(Params, Work), Error> {
    let pairs = intensity.len().div_ceil(2);
    Ok((Params { n_pairs: word(operation, pairs)? }, Work::Items(pairs)))
}
