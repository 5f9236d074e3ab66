//! Products of row-major complex matrices; `shaders/complex_matmul.wgsl`.
//!
//! The last axis is (re, im). The gradient of a real loss is d_re + i d_im; with it each product is the backward pass of
//! the others: of c = a b, d_a = d_c b^H and d_b = a^H d_c; of c = a^H b, d_a = b d_c^H and d_b = a d_c; of c = a b^H,
//! d_a = d_c b and d_b = d_c^H a.

use super::product::Product;
use super::{complex_matrix, expect};
use crate::gpu::{Error, MAX_LOOP_TURNS, PlanBuilder, Slice, Work};

/// c `[m, n, 2]` = a `[m, k, 2]` b `[k, n, 2]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn ab(plan: &mut PlanBuilder<'_>, a: &Slice, b: &Slice, c: &Slice) -> Result<(), Error> {
    let ([m, k], n) = (complex_matrix("complex_matmul::ab", a)?, complex_matrix("complex_matmul::ab", b)?[1]);
    expect("complex_matmul::ab", b, &[k, n, 2])?;
    product(plan, "ab", [m, n, k], a, b, c)
}

/// c `[m, n, 2]` = a^H b, with a `[k, m, 2]`, b `[k, n, 2]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn ahb(plan: &mut PlanBuilder<'_>, a: &Slice, b: &Slice, c: &Slice) -> Result<(), Error> {
    let ([k, m], n) = (complex_matrix("complex_matmul::ahb", a)?, complex_matrix("complex_matmul::ahb", b)?[1]);
    expect("complex_matmul::ahb", b, &[k, n, 2])?;
    product(plan, "ahb", [m, n, k], a, b, c)
}

/// c `[m, n, 2]` = a b^H, with a `[m, k, 2]`, b `[n, k, 2]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn abh(plan: &mut PlanBuilder<'_>, a: &Slice, b: &Slice, c: &Slice) -> Result<(), Error> {
    let ([m, k], n) = (complex_matrix("complex_matmul::abh", a)?, complex_matrix("complex_matmul::abh", b)?[0]);
    expect("complex_matmul::abh", b, &[n, k, 2])?;
    product(plan, "abh", [m, n, k], a, b, c)
}

/// Records a product, its contraction cut into runs short enough for one invocation's loop.
fn product(
    plan: &mut PlanBuilder<'_>,
    kind: &str,
    [m, n, k]: [usize; 3],
    a: &Slice,
    b: &Slice,
    c: &Slice,
) -> Result<(), Error> {
    // The four loops that store a tile take 4 turns each.
    const RUN: usize = MAX_LOOP_TURNS - 16;
    let operation = format!("complex_matmul::{kind}");
    expect(&operation, c, &[m, n, 2])?;
    for run in Product::runs(&operation, 1, [m, n, k], RUN)? {
        let work = Work::Items(m.div_ceil(4) * n.div_ceil(4));
        plan.dispatch("complex_matmul", kind, &run, &[a.read(), b.read(), c.update()], work)?;
    }
    Ok(())
}
