//! Matrix products of row-major `f32` matrices; `shaders/matmul.wgsl`.

use super::{expect, matrix, word};
use crate::gpu::{Error, MAX_LOOP_TURNS, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { m: u32, n: u32, k: u32, k_first: u32, k_count: u32, accumulate: u32 }
}

/// c `[m, n]` = a `[m, k]` b `[k, n]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn ab(plan: &mut PlanBuilder<'_>, a: &Slice, b: &Slice, c: &Slice) -> Result<(), Error> {
    let ([m, k], n) = (matrix("matmul::ab", a)?, matrix("matmul::ab", b)?[1]);
    expect("matmul::ab", b, &[k, n])?;
    product(plan, "ab", [m, n, k], a, b, None, c)
}

/// c `[m, n]` = a' b, with a `[k, m]`, b `[k, n]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn atb(plan: &mut PlanBuilder<'_>, a: &Slice, b: &Slice, c: &Slice) -> Result<(), Error> {
    let ([k, m], n) = (matrix("matmul::atb", a)?, matrix("matmul::atb", b)?[1]);
    expect("matmul::atb", b, &[k, n])?;
    product(plan, "atb", [m, n, k], a, b, None, c)
}

/// c `[m, n]` = a b' (+ bias `[n]` in every row), with a `[m, k]`, b `[n, k]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn abt(plan: &mut PlanBuilder<'_>, a: &Slice, b: &Slice, bias: Option<&Slice>, c: &Slice) -> Result<(), Error> {
    let ([m, k], n) = (matrix("matmul::abt", a)?, matrix("matmul::abt", b)?[0]);
    expect("matmul::abt", b, &[n, k])?;
    if let Some(bias) = bias {
        expect("matmul::abt", bias, &[n])?;
    }
    product(plan, "abt", [m, n, k], a, b, bias, c)
}

/// Records a product, its contraction cut into runs short enough for one invocation's loop.
fn product(
    plan: &mut PlanBuilder<'_>,
    kind: &str,
    [m, n, k]: [usize; 3],
    a: &Slice,
    b: &Slice,
    bias: Option<&Slice>,
    c: &Slice,
) -> Result<(), Error> {
    // A tile's own store loops take 16 + 4 turns.
    const RUN: usize = MAX_LOOP_TURNS - 20;
    let operation = format!("matmul::{kind}");
    expect(&operation, c, &[m, n])?;
    if k == 0 {
        return Err(Error::Shape {
            what: operation,
            expected: "a contraction over at least one element".to_owned(),
            got: "none".to_owned(),
        });
    }
    for k_first in (0..k).step_by(RUN) {
        let run = Params {
            m: word(&operation, m)?,
            n: word(&operation, n)?,
            k: word(&operation, k)?,
            k_first: word(&operation, k_first)?,
            k_count: word(&operation, RUN.min(k - k_first))?,
            accumulate: u32::from(k_first > 0),
        };
        let work = Work::Items(m.div_ceil(4) * n.div_ceil(4));
        match bias.filter(|_| k_first == 0) {
            Some(bias) => plan.dispatch(
                "matmul",
                &format!("{kind}_bias"),
                &run,
                &[a.read(), b.read(), bias.read(), c.update()],
                work,
            )?,
            None => plan.dispatch("matmul", kind, &run, &[a.read(), b.read(), c.update()], work)?,
        }
    }
    Ok(())
}
