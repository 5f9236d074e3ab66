//! Lengths of the gradient over the groups of a scope; `shaders/norm.wgsl`.

use super::{Flat, Grouping, Scope, expect, word};
use crate::gpu::{ALIGNMENT_WORDS, Error, Gpu, PlanBuilder, Scalar, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        n_blocks: u32,
        n_groups: u32,
        scope: u32,
        adaptive: u32,
        grouping: u32,
        start: u32,
        end: u32,
    }
}

/// How the length of a gradient is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measure {
    /// Which parameters count.
    pub scope: Scope,
    /// Count every component in proportion to its parameter.
    pub adaptive: bool,
    /// Which of them have a length together.
    pub grouping: Grouping,
}

/// Room for the partial sums of a vector on this adapter: one for every block of its longest piece.
///
/// # Errors
/// What the device reports.
pub fn partials(gpu: &Gpu, flat: &Flat) -> Result<Slice, Error> {
    let longest = flat.pieces(gpu).first().map_or(0, |&(_, words)| words);
    gpu.zeros("partial sums", &[longest.div_ceil(ALIGNMENT_WORDS)], Scalar::F32)
}

impl Measure {
    /// norms `[groups]` = ||g||, or ||p g|| if adaptive, over the parameters of each group inside the scope; `partials` is
    /// overwritten.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        flat: &Flat,
        partials: &Slice,
        norms: &Slice,
    ) -> Result<(), Error> {
        let groups = self.grouping.count(flat);
        expect("norm::forward", norms, &[groups])?;
        let pieces = flat.pieces(plan.gpu());
        for (index, &piece) in pieces.iter().enumerate() {
            let blocks = piece.1.div_ceil(ALIGNMENT_WORDS);
            plan.check_loop("norm::gather", blocks.div_ceil(64) + 6)?;
            let params = Params {
                n_blocks: word("norm", blocks)?,
                n_groups: word("norm", groups)?,
                scope: self.scope.word(),
                adaptive: u32::from(self.adaptive),
                grouping: self.grouping.word(),
                start: u32::from(index == 0),
                end: u32::from(index + 1 == pieces.len()),
            };
            let (gradient, parameters) = (Flat::piece(&flat.gradient, piece)?, Flat::piece(&flat.parameters, piece)?);
            let (segments, sums) = (flat.piece_segments(piece)?, partials.part("partial sums", 0, &[blocks])?);
            let binds = [gradient.read(), parameters.read(), segments.read(), sums.write()];
            plan.dispatch("norm", "block", &params, &binds, Work::Items(blocks))?;
            let binds = [segments.read(), sums.read(), norms.update()];
            plan.dispatch("norm", "gather", &params, &binds, Work::Groups(groups))?;
        }
        Ok(())
    }
}
