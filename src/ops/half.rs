//! Light in half precision, to be kept in half the memory; `shaders/half.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32 }
}

/// words `[..]`, u32, of a complex field `[.., 2]`: both parts of a number to the nearest of half precision, 3 digits from 6e-5 on and
/// steps of 6e-8 below. What is beyond 65504 becomes infinite, NaN stays NaN.
///
/// # Errors
/// Shapes that do not fit.
pub fn pack(plan: &mut PlanBuilder<'_>, field: &Slice, words: &Slice) -> Result<(), Error> {
    let params = params("half::pack", words, field)?;
    plan.dispatch("half", "pack", &params, &[field.read(), words.write()], Work::Items(words.len()))
}

/// The field `[.., 2]` behind words `[..]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn unpack(plan: &mut PlanBuilder<'_>, words: &Slice, field: &Slice) -> Result<(), Error> {
    let params = params("half::unpack", words, field)?;
    plan.dispatch("half", "unpack", &params, &[words.read(), field.write()], Work::Items(words.len()))
}

fn params(operation: &str, words: &Slice, field: &Slice) -> Result<Params, Error> {
    expect(operation, field, &[words.shape(), &[2]].concat())?;
    word(operation, field.len())?;
    Ok(Params { count: word(operation, words.len())? })
}
