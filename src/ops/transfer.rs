//! Transfer function of free space; `shaders/transfer.wgsl`.
//!
//! A table holds the frequencies that are not negative, `[padded_height / 2 + 1, padded_width / 2 + 1]`: row i is that of
//! frequency min(i, n - i). What it holds is made on the host, in `f64` ([`Space::turns`](crate::light::Space::turns)).

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::light::{Method, Space};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        rows: u32,
        columns: u32,
        wavenumber: f32,
        row_step: f32,
        column_step: f32,
        paraxial: u32,
    }
}

/// transfer `[rows, columns, 2]` from turns `[rows, columns]` and an error of the distance `[1]`, m.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    space: &Space,
    turns: &Slice,
    distance_error: &Slice,
    transfer: &Slice,
) -> Result<(), Error> {
    record(plan, "forward", space, [turns, distance_error, transfer])
}

/// Its derivative with respect to the distance, 1/m, `[rows, columns, 2]`: what is propagated with this table in place of
/// the transfer function is the derivative of the field that arrives. With [`inner_product`](super::inner_product) of it and the gradient of
/// that field it gives the gradient of the distance.
///
/// # Errors
/// Shapes that do not fit.
pub fn derivative(
    plan: &mut PlanBuilder<'_>,
    space: &Space,
    turns: &Slice,
    distance_error: &Slice,
    slope: &Slice,
) -> Result<(), Error> {
    record(plan, "derivative", space, [turns, distance_error, slope])
}

fn record(plan: &mut PlanBuilder<'_>, entry: &str, space: &Space, tensors: [&Slice; 3]) -> Result<(), Error> {
    let operation = format!("transfer::{entry}");
    let ([turns, distance_error, table], [rows, columns]) = (tensors, space.table());
    expect(&operation, turns, &[rows, columns])?;
    expect(&operation, distance_error, &[1])?;
    expect(&operation, table, &[rows, columns, 2])?;
    let step = |padded: usize| (space.wavelength / (padded as f64 * space.grid.pitch)) as f32;
    word(&operation, table.len())?;
    let params = Params {
        rows: word(&operation, rows)?,
        columns: word(&operation, columns)?,
        wavenumber: (1.0 / space.wavelength) as f32,
        row_step: step(space.grid.padded_height),
        column_step: step(space.grid.padded_width),
        paraxial: u32::from(space.method == Method::Fresnel),
    };
    let binds = [turns.read(), distance_error.read(), table.write()];
    plan.dispatch("transfer", entry, &params, &binds, Work::Items(turns.len()))
}
