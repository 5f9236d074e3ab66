//! Length of the gradient over a scope; `shaders/norm.wgsl`.

use super::{Flat, Scope, expect, word};
use crate::gpu::{Error, Gpu, PlanBuilder, Scalar, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32, n_groups: u32, scope: u32, adaptive: u32 }
}

/// Partial sums of a piece of the vector.
const GROUPS: usize = 256;

/// Room for the partial sums of a vector on this adapter.
///
/// # Errors
/// What the device reports.
pub fn partials(gpu: &Gpu, flat: &Flat) -> Result<Slice, Error> {
    gpu.zeros("partial sums", &[GROUPS * flat.pieces(gpu).len()], Scalar::F32)
}

/// norm `[1]` = ||g||, or ||p g|| if adaptive, over the parameters inside the scope.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    flat: &Flat,
    scope: Scope,
    adaptive: bool,
    partials: &Slice,
    norm: &Slice,
) -> Result<(), Error> {
    expect("norm::forward", norm, &[1])?;
    let pieces = flat.pieces(plan.gpu());
    expect("norm::forward", partials, &[GROUPS * pieces.len()])?;
    for (index, &piece) in pieces.iter().enumerate() {
        let n_groups = piece.1.div_ceil(256).min(GROUPS);
        plan.check_loop("norm::partial", piece.1.div_ceil(256 * n_groups) + 6)?;
        let params = Params {
            count: word("norm", piece.1.div_ceil(4))?,
            n_groups: word("norm", n_groups)?,
            scope: scope.word(),
            adaptive: u32::from(adaptive),
        };
        let sums = partials.part("partial sums", index * GROUPS, &[n_groups])?;
        let binds =
            [Flat::piece(&flat.gradient, piece)?, Flat::piece(&flat.parameters, piece)?, flat.piece_segments(piece)?];
        plan.dispatch(
            "norm",
            "partial",
            &params,
            &[binds[0].read(), binds[1].read(), binds[2].read(), sums.write()],
            Work::Groups(n_groups),
        )?;
    }
    let params = Params { count: word("norm", partials.len())?, ..Default::default() };
    plan.dispatch("norm", "total", &params, &[partials.read(), norm.write()], Work::Groups(1))
}
