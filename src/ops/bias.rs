//! Gradient of a bias; `shaders/bias.wgsl`. Its forward pass is part of [`matmul::abt`](super::matmul::abt).

use super::{expect, matrix, word};
use crate::gpu::{Error, MAX_LOOP_TURNS, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { n: u32, first_row: u32, n_rows: u32, accumulate: u32 }
}

/// d_bias `[n]` = sum over the rows of d_y `[rows, n]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn backward(plan: &mut PlanBuilder<'_>, d_y: &Slice, d_bias: &Slice) -> Result<(), Error> {
    let [rows, n] = matrix("bias::backward", d_y)?;
    expect("bias::backward", d_bias, &[n])?;
    for first_row in (0..rows).step_by(MAX_LOOP_TURNS) {
        let run = Params {
            n: word("bias::backward", n)?,
            first_row: word("bias::backward", first_row)?,
            n_rows: word("bias::backward", MAX_LOOP_TURNS.min(rows - first_row))?,
            accumulate: u32::from(first_row > 0),
        };
        plan.dispatch("bias", "backward", &run, &[d_y.read(), d_bias.update()], Work::Items(n))?;
    }
    Ok(())
}
