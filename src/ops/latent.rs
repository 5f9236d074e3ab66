//! Numbers between an encoder and a decoder; `shaders/latent.wgsl`.

use super::detect::Source;
use super::{Clock, expect, matrix, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32, n_features: u32, stream: u32, weight: f32, draw_step: u32, draw_row: u32 }
}

/// y `[rows, k]` drawn from means and logarithms of variances x `[rows, 2k]`, anew in every step.
///
/// # Errors
/// Shapes that do not fit.
pub fn sample(plan: &mut PlanBuilder<'_>, source: Source<'_>, x: &Slice, y: &Slice) -> Result<(), Error> {
    let params = params("latent::sample", source, matrix("latent::sample", y)?, 0.0)?;
    expect("latent::sample", x, &[y.shape()[0], 2 * y.shape()[1]])?;
    let binds = [source.clock.uniform::<Clock>(), x.read(), y.write()];
    plan.dispatch("latent", "sample", &params, &binds, Work::Items(y.len()))
}

/// y `[rows, k]`: the means of x `[rows, 2k]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn mean(plan: &mut PlanBuilder<'_>, x: &Slice, y: &Slice) -> Result<(), Error> {
    let [rows, features] = matrix("latent::mean", y)?;
    expect("latent::mean", x, &[rows, 2 * features])?;
    let params = Params {
        count: word("latent::mean", y.len())?,
        n_features: word("latent::mean", features)?,
        stream: 0,
        weight: 0.0,
        draw_step: 0,
        draw_row: 0,
    };
    plan.dispatch("latent", "mean", &params, &[x.read(), y.write()], Work::Items(y.len()))
}

/// y `[rows, k]`: standard normal numbers of the seed, the same in every step.
///
/// # Errors
/// A tensor too large.
pub fn prior(plan: &mut PlanBuilder<'_>, source: Source<'_>, y: &Slice) -> Result<(), Error> {
    let params = params("latent::prior", source, matrix("latent::prior", y)?, 0.0)?;
    plan.dispatch("latent", "prior", &params, &[source.clock.uniform::<Clock>(), y.write()], Work::Items(y.len()))
}

/// Gradient d_x `[rows, 2k]` from d_y `[rows, k]` of what [`sample`] drew, with that of `weight` times the mean divergence of the valid rows
/// from standard normal numbers.
///
/// # Errors
/// Shapes that do not fit.
pub fn backward(
    plan: &mut PlanBuilder<'_>,
    source: Source<'_>,
    weight: f32,
    x: &Slice,
    d_y: &Slice,
    d_x: &Slice,
) -> Result<(), Error> {
    let params = params("latent::backward", source, matrix("latent::backward", d_y)?, weight)?;
    expect("latent::backward", x, &[d_y.shape()[0], 2 * d_y.shape()[1]])?;
    expect("latent::backward", d_x, x.shape())?;
    let binds = [source.clock.uniform::<Clock>(), x.read(), d_y.read(), d_x.write()];
    plan.dispatch("latent", "backward", &params, &binds, Work::Items(d_y.len()))
}

/// Adds to the loss `[rows]` of every valid row `weight` times its divergence, of x `[rows, 2k]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn divergence(
    plan: &mut PlanBuilder<'_>,
    source: Source<'_>,
    weight: f32,
    x: &Slice,
    loss: &Slice,
) -> Result<(), Error> {
    let [rows, twice] = matrix("latent::divergence", x)?;
    expect("latent::divergence", loss, &[rows])?;
    plan.check_loop("latent::divergence", twice / 2)?;
    let params = params("latent::divergence", source, [rows, twice / 2], weight)?;
    let binds = [source.clock.uniform::<Clock>(), x.read(), loss.update()];
    plan.dispatch("latent", "divergence", &params, &binds, Work::Items(rows))
}

fn params(operation: &str, source: Source<'_>, [rows, features]: [usize; 2], weight: f32) -> Result<Params, Error> {
    // The number of elements of x must be a word too.
    word(operation, 2 * rows * features)?;
    Ok(Params {
        count: word(operation, rows * features)?,
        n_features: word(operation, features)?,
        stream: source.stream,
        weight,
        draw_step: source.step,
        draw_row: source.row,
    })
}
