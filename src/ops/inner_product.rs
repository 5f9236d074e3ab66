//! Inner product of two fields; `shaders/inner_product.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { n_words: u32, n_partials: u32, at: u32, added: u32 }
}

/// Lanes of a workgroup, and quads of words that each of them adds up first.
const LANES: usize = 64;
const TURNS: usize = 32;

/// Shape of the scratch that the product of fields of so many words (two a pixel) needs.
pub fn partials(words: usize) -> [usize; 1] {
    [LANES * words.div_ceil(4 * LANES * TURNS).max(1)]
}

/// Element `at` of products = sum Re(conj(a) b) over two fields of one shape `[.., 2]`, with scratch of the shape of [`partials`]; added to
/// what is there, if asked for.
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    a: &Slice,
    b: &Slice,
    scratch: &Slice,
    (products, at, added): (&Slice, usize, bool),
) -> Result<(), Error> {
    let operation = "inner_product::forward";
    expect(operation, b, a.shape())?;
    expect(operation, scratch, &partials(a.len()))?;
    expect(operation, products, &[products.len().max(at + 1)])?;
    plan.check_loop("inner_product::gather", scratch.len() / LANES + 6)?;
    let params = Params {
        n_words: word(operation, a.len())?,
        n_partials: word(operation, scratch.len())?,
        at: word(operation, at)?,
        added: u32::from(added),
    };
    let binds = [a.read(), b.read(), scratch.write()];
    plan.dispatch("inner_product", "block", &params, &binds, Work::Groups(scratch.len() / LANES))?;
    plan.dispatch("inner_product", "gather", &params, &[scratch.read(), products.update()], Work::Groups(1))
}
