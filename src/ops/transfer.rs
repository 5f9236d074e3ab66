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
        error: u32,
    }
}

/// Errors of distances `[n]`, m, and which of them counts.
pub type DistanceError<'a> = (&'a Slice, usize);

/// transfer `[rows, columns, 2]` from turns `[rows, columns]` and an error of the distance.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    space: &Space,
    turns: &Slice,
    distance_error: DistanceError<'_>,
    transfer: &Slice,
) -> Result<(), Error> {
    record(plan, "forward", space, distance_error, [turns, transfer])
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
    distance_error: DistanceError<'_>,
    slope: &Slice,
) -> Result<(), Error> {
    record(plan, "derivative", space, distance_error, [turns, slope])
}

fn record(
    plan: &mut PlanBuilder<'_>,
    entry: &str,
    space: &Space,
    (distance_error, own): DistanceError<'_>,
    [turns, table]: [&Slice; 2],
) -> Result<(), Error> {
    let operation = format!("transfer::{entry}");
    let [rows, columns] = space.table();
    expect(&operation, turns, &[rows, columns])?;
    expect(&operation, distance_error, &[distance_error.len().max(own + 1)])?;
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
        error: word(&operation, own)?,
    };
    let binds = [turns.read(), distance_error.read(), table.write()];
    plan.dispatch("transfer", entry, &params, &binds, Work::Items(turns.len()))
}
