//! Transfer function of free space; `shaders/transfer.wgsl`.
//!
//! A table holds the frequencies that are not negative, `[padded_height / 2 + 1, padded_width / 2 + 1]`: row i is that of
//! frequency min(i, n - i). What it holds is made on the host, in `f64` ([`Space::turns`](crate::light::Space::turns)).

use super::{expect, in_turns, word};
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
        number: u32,
    }
}

/// Errors of distances `[n]`, m, and which of them counts.
pub type DistanceError<'a> = (&'a Slice, usize);

/// A table on the device, and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// H or its derivative, `[rows, columns, 2]`.
    pub values: &'a Slice,
    /// Number and distance error of H, `[2]`; a number of 0 is of no H.
    pub made: &'a Slice,
}

/// Shape of [`Table::made`].
pub const MADE: [usize; 1] = [2];

/// H from turns `[rows, columns]` of this number, from 1 on, and an error of the distance; nothing is done if that is what the table
/// holds.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    space: &Space,
    (turns, number): (&Slice, usize),
    distance_error: DistanceError<'_>,
    table: Table<'_>,
) -> Result<(), Error> {
    let mut params = prepare("transfer::forward", space, distance_error, [turns, table.values])?;
    params.number = word("transfer::forward", number)?;
    expect("transfer::forward", table.made, &MADE)?;
    let binds = [turns.read(), distance_error.0.read(), table.values.update(), table.made.read()];
    plan.dispatch("transfer", "forward", &params, &binds, in_turns(turns.len()))?;
    mark(plan, &params, distance_error, table)
}

/// Its derivative with respect to the distance, 1/m: what is propagated with this table in place of
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
    table: Table<'_>,
) -> Result<(), Error> {
    let params = prepare("transfer::derivative", space, distance_error, [turns, table.values])?;
    expect("transfer::derivative", table.made, &MADE)?;
    let binds = [turns.read(), distance_error.0.read(), table.values.write()];
    plan.dispatch("transfer", "derivative", &params, &binds, in_turns(turns.len()))?;
    mark(plan, &params, distance_error, table)
}

fn mark(
    plan: &mut PlanBuilder<'_>,
    params: &Params,
    (distance_error, _): DistanceError<'_>,
    table: Table<'_>,
) -> Result<(), Error> {
    plan.dispatch("transfer", "mark", params, &[distance_error.read(), table.made.write()], Work::Groups(1))
}

fn prepare(
    operation: &str,
    space: &Space,
    (distance_error, own): DistanceError<'_>,
    [turns, table]: [&Slice; 2],
) -> Result<Params, Error> {
    let [rows, columns] = space.table();
    expect(operation, turns, &[rows, columns])?;
    expect(operation, distance_error, &[distance_error.len().max(own + 1)])?;
    expect(operation, table, &[rows, columns, 2])?;
    let step = |padded: usize| (space.wavelength / (padded as f64 * space.grid.pitch)) as f32;
    word(operation, table.len())?;
    Ok(Params {
        rows: word(operation, rows)?,
        columns: word(operation, columns)?,
        wavenumber: (1.0 / space.wavelength) as f32,
        row_step: step(space.grid.padded_height),
        column_step: step(space.grid.padded_width),
        paraxial: u32::from(space.method == Method::Fresnel),
        error: word(operation, own)?,
        number: 0,
    })
}
