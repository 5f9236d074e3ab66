//! The adversarial step of sharpness-aware training, and the way back; `shaders/perturb.wgsl`.

use super::norm::Measure;
use super::{Flat, expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        count: u32,
        scope: u32,
        adaptive: u32,
        grouping: u32,
        rho: f32,
        rho_digital: f32,
    }
}

/// How far and how the adversary moves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ascent {
    /// Which parameters move, by what length their move is normalised, and whether it is scaled by their own size.
    pub measure: Measure,
    /// Radius for control parameters: in their unit, or relative to them if adaptive.
    pub rho: f32,
    /// Radius for digital parameters.
    pub rho_digital: f32,
}

impl Ascent {
    /// saved = p; p += rho g/||g||, or rho p^2 g/||p g|| if adaptive, with `norms` of the same [`Measure`].
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn ascend(&self, plan: &mut PlanBuilder<'_>, flat: &Flat, norms: &Slice, saved: &Slice) -> Result<(), Error> {
        expect("perturb::ascend", saved, flat.parameters.shape())?;
        self.record(plan, "ascend", flat, norms, Some(saved))
    }

    /// The same move from where the parameters are, with nothing saved.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn climb(&self, plan: &mut PlanBuilder<'_>, flat: &Flat, norms: &Slice) -> Result<(), Error> {
        self.record(plan, "climb", flat, norms, None)
    }

    fn record(
        &self,
        plan: &mut PlanBuilder<'_>,
        entry: &str,
        flat: &Flat,
        norms: &Slice,
        saved: Option<&Slice>,
    ) -> Result<(), Error> {
        expect("perturb::ascend", norms, &[self.measure.grouping.count(flat)])?;
        for piece in flat.pieces(plan.gpu()) {
            let params = Params {
                count: word("perturb", piece.1.div_ceil(4))?,
                scope: self.measure.scope.word(),
                adaptive: u32::from(self.measure.adaptive),
                grouping: self.measure.grouping.word(),
                rho: self.rho,
                rho_digital: self.rho_digital,
            };
            let (gradient, parameters) = (Flat::piece(&flat.gradient, piece)?, Flat::piece(&flat.parameters, piece)?);
            let segments = flat.piece_segments(piece)?;
            let saved = saved.map(|saved| Flat::piece(saved, piece)).transpose()?;
            let mut binds = vec![gradient.read(), norms.read(), segments.read(), parameters.update()];
            binds.extend(saved.as_ref().map(Slice::write));
            plan.dispatch("perturb", entry, &params, &binds, Work::Items(piece.1.div_ceil(4)))?;
        }
        Ok(())
    }
}

/// p = saved.
///
/// # Errors
/// Shapes that do not fit.
pub fn restore(plan: &mut PlanBuilder<'_>, flat: &Flat, saved: &Slice) -> Result<(), Error> {
    expect("perturb::restore", saved, flat.parameters.shape())?;
    copy(plan, flat, saved, &flat.parameters)
}

/// saved = p, where nothing moves yet.
///
/// # Errors
/// Shapes that do not fit.
pub fn keep(plan: &mut PlanBuilder<'_>, flat: &Flat, saved: &Slice) -> Result<(), Error> {
    expect("perturb::keep", saved, flat.parameters.shape())?;
    copy(plan, flat, &flat.parameters, saved)
}

fn copy(plan: &mut PlanBuilder<'_>, flat: &Flat, from: &Slice, to: &Slice) -> Result<(), Error> {
    for piece in flat.pieces(plan.gpu()) {
        let params = Params { count: word("perturb", piece.1.div_ceil(4))?, ..Default::default() };
        let (from, to) = (Flat::piece(from, piece)?, Flat::piece(to, piece)?);
        plan.dispatch("perturb", "restore", &params, &[to.write(), from.read()], Work::Items(piece.1.div_ceil(4)))?;
    }
    Ok(())
}
