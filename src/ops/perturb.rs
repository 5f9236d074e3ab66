//! The adversarial step of sharpness-aware training, and the way back; `shaders/perturb.wgsl`.

use super::{Flat, Scope, expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32, scope: u32, adaptive: u32, rho: f32 }
}

/// How far and how the adversary moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ascent {
    /// Radius: in units of the parameters, or relative to them if adaptive.
    pub rho: f32,
    /// Scale every parameter's move by its own size.
    pub adaptive: bool,
    /// Which parameters move.
    pub scope: Scope,
}

/// saved = p; p += rho g/||g||, or rho p^2 g/||p g|| if adaptive, with `norm` `[1]` from [`norm`](super::norm).
///
/// # Errors
/// Shapes that do not fit.
pub fn ascend(
    plan: &mut PlanBuilder<'_>,
    flat: &Flat,
    ascent: Ascent,
    norm: &Slice,
    saved: &Slice,
) -> Result<(), Error> {
    expect("perturb::ascend", saved, flat.parameters.shape())?;
    expect("perturb::ascend", norm, &[1])?;
    for piece in flat.pieces(plan.gpu()) {
        let params = Params {
            count: word("perturb", piece.1.div_ceil(4))?,
            scope: ascent.scope.word(),
            adaptive: u32::from(ascent.adaptive),
            rho: ascent.rho,
        };
        let (gradient, parameters) = (Flat::piece(&flat.gradient, piece)?, Flat::piece(&flat.parameters, piece)?);
        let (segments, saved) = (flat.piece_segments(piece)?, Flat::piece(saved, piece)?);
        let binds = [gradient.read(), norm.read(), segments.read(), parameters.update(), saved.write()];
        plan.dispatch("perturb", "ascend", &params, &binds, Work::Items(piece.1.div_ceil(4)))?;
    }
    Ok(())
}

/// p = saved.
///
/// # Errors
/// Shapes that do not fit.
pub fn restore(plan: &mut PlanBuilder<'_>, flat: &Flat, saved: &Slice) -> Result<(), Error> {
    expect("perturb::restore", saved, flat.parameters.shape())?;
    for piece in flat.pieces(plan.gpu()) {
        let params = Params { count: word("perturb", piece.1.div_ceil(4))?, ..Default::default() };
        let (parameters, saved) = (Flat::piece(&flat.parameters, piece)?, Flat::piece(saved, piece)?);
        plan.dispatch(
            "perturb",
            "restore",
            &params,
            &[parameters.write(), saved.read()],
            Work::Items(piece.1.div_ceil(4)),
        )?;
    }
    Ok(())
}
