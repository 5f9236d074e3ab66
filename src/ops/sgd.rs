//! Stochastic gradient descent with momentum on the flat vector, with bounds; `shaders/sgd.wgsl`.

use super::{Clock, Flat, expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32, momentum: f32 }
}

/// One step of the parameters in place; `velocity` is as long as they.
///
/// # Errors
/// Shapes that do not fit.
pub fn update(
    plan: &mut PlanBuilder<'_>,
    clock: &Slice,
    flat: &Flat,
    momentum: f32,
    velocity: &Slice,
) -> Result<(), Error> {
    expect("sgd::update", velocity, flat.parameters.shape())?;
    for piece in flat.pieces(plan.gpu()) {
        let params = Params { count: word("sgd", piece.1.div_ceil(4))?, momentum };
        let (gradient, segments, parameters) =
            (Flat::piece(&flat.gradient, piece)?, flat.piece_segments(piece)?, Flat::piece(&flat.parameters, piece)?);
        let velocity = Flat::piece(velocity, piece)?;
        let binds =
            [clock.uniform::<Clock>(), gradient.read(), segments.read(), parameters.update(), velocity.update()];
        plan.dispatch("sgd", "update", &params, &binds, Work::Items(piece.1.div_ceil(4)))?;
    }
    Ok(())
}
