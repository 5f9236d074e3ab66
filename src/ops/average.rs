//! Exponential moving average of the parameters; `shaders/average.wgsl`.

use super::{Clock, Flat, expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32 }
}

/// average += w (p - average), w from the clock; `average` is as long as the parameters.
///
/// # Errors
/// Shapes that do not fit.
pub fn update(plan: &mut PlanBuilder<'_>, clock: &Slice, flat: &Flat, average: &Slice) -> Result<(), Error> {
    expect("average::update", average, flat.parameters.shape())?;
    for piece in flat.pieces(plan.gpu()) {
        let params = Params { count: word("average", piece.1.div_ceil(4))? };
        let (parameters, average) = (Flat::piece(&flat.parameters, piece)?, Flat::piece(average, piece)?);
        let binds = [clock.uniform::<Clock>(), parameters.read(), average.update()];
        plan.dispatch("average", "update", &params, &binds, Work::Items(piece.1.div_ceil(4)))?;
    }
    Ok(())
}

/// The parameters and their average change places. Twice is not at all.
///
/// # Errors
/// Shapes that do not fit.
pub fn exchange(plan: &mut PlanBuilder<'_>, flat: &Flat, average: &Slice) -> Result<(), Error> {
    expect("average::exchange", average, flat.parameters.shape())?;
    for piece in flat.pieces(plan.gpu()) {
        let params = Params { count: word("average", piece.1.div_ceil(4))? };
        let (parameters, average) = (Flat::piece(&flat.parameters, piece)?, Flat::piece(average, piece)?);
        plan.dispatch(
            "average",
            "exchange",
            &params,
            &[average.update(), parameters.update()],
            Work::Items(piece.1.div_ceil(4)),
        )?;
    }
    Ok(())
}
