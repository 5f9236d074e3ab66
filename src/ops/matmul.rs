//! Matrix products of row-major `f32` matrices; `shaders/matmul.wgsl` and its variants `matmul_subgroup.wgsl` and
//! `matmul_tiled.wgsl`.
//!
//! All variants add in the same order. On software adapters they give the same bits; a GPU's compiler may fuse an
//! addition with a product in one and not in another.

use super::product::Product;
use super::{expect, matrix};
use crate::gpu::{Error, Gpu, MAX_LOOP_TURNS, PlanBuilder, Slice, Work};

/// Shaders by variant.
const PORTABLE: (&str, &str) = ("portable", "matmul");
const SUBGROUP: (&str, &str) = ("subgroup", "matmul_subgroup");
const TILED: (&str, &str) = ("tiled", "matmul_tiled");

/// Names of the variants that run on an adapter, the one that always does first.
pub fn variants(gpu: &Gpu) -> Vec<&'static str> {
    let adapter = gpu.adapter();
    let mut available = vec![PORTABLE.0];
    if adapter.eight_lanes() {
        available.push(SUBGROUP.0);
    }
    // Barriers cost software adapters more than tiles save.
    if adapter.limits.max_compute_invocations_per_workgroup >= 256 {
        available.push(TILED.0);
    }
    available
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

/// Records a product with the variant that is fastest here.
fn product(
    plan: &mut PlanBuilder<'_>,
    kind: &str,
    size: [usize; 3],
    a: &Slice,
    b: &Slice,
    bias: Option<&Slice>,
    c: &Slice,
) -> Result<(), Error> {
    let gpu = plan.gpu();
    let chosen = gpu.variant("matmul", &variants(gpu), |variant| time(gpu, variant))?;
    let [m, n, k] = size;
    // It takes the contraction four elements a turn, and its vec4 loads run along the contiguous axes.
    let in_fours = match kind {
        "abt" => k.is_multiple_of(4),
        "ab" => n.is_multiple_of(4) && k.is_multiple_of(4),
        _ => [m, n, k].iter().all(|size| size.is_multiple_of(4)),
    };
    let shader = match chosen {
        _ if chosen == SUBGROUP.0 && in_fours => SUBGROUP.1,
        _ if chosen == TILED.0 => TILED.1,
        _ => PORTABLE.1,
    };
    record(plan, shader, kind, size, a, b, bias, c)
}

/// Longest run of a contraction in one dispatch. The tiled variant takes 22 loop turns for every 16 of it, others one for
/// each; what surrounds them takes fewer than 100. All variants cut at the same places, to add in the same order.
const RUN: usize = (MAX_LOOP_TURNS - 100) / 22 * 16;

/// Tiles of the subgroup variant that employ a software adapter.
const ENOUGH_TILES: usize = 32;

/// Records a product, its contraction cut into runs short enough for one invocation's loop.
#[expect(clippy::too_many_arguments, reason = "a product is what it is")]
fn record(
    plan: &mut PlanBuilder<'_>,
    shader: &str,
    kind: &str,
    [m, n, k]: [usize; 3],
    a: &Slice,
    b: &Slice,
    bias: Option<&Slice>,
    c: &Slice,
) -> Result<(), Error> {
    let operation = format!("matmul::{kind}");
    expect(&operation, c, &[m, n])?;
    // Rows of a tile of the subgroup variant: the fewer tiles, the fewer loads, but there must be some for every thread.
    let tiles = |rows: usize| m.div_ceil(rows) * n.div_ceil(32);
    let rows = match m {
        ..=8 => 8,
        _ if tiles(32) >= ENOUGH_TILES => 32,
        _ => 16,
    };
    let work = match shader {
        _ if shader == SUBGROUP.1 => Work::Items(8 * tiles(rows)),
        _ if shader == TILED.1 => Work::Groups(m.div_ceil(64) * n.div_ceil(64)),
        _ => Work::Items(m.div_ceil(4) * n.div_ceil(4)),
    };
    for params in Product::runs(&operation, [m, n, k], RUN)? {
        let bias = bias.filter(|_| params.k_first == 0);
        let entry = if bias.is_some() { format!("{kind}_bias") } else { kind.to_owned() };
        let mut binds = vec![a.read(), b.read()];
        binds.extend(bias.map(Slice::read));
        binds.push(c.update());
        let tile =
            [("ROWS", rows as u32), ("QUADS", u32::from(n.is_multiple_of(4))), ("ACCUMULATE", params.accumulate)];
        let constants = if shader == SUBGROUP.1 { &tile[..] } else { &[] };
        plan.dispatch_with(shader, &entry, constants, &params, &binds, work)?;
    }
    Ok(())
}

/// Seconds of a product of 256 x 256 x 256 with a variant, or `None` if it does not give what the portable one gives.
fn time(gpu: &Gpu, variant: &'static str) -> Result<Option<f64>, Error> {
    const SIZE: usize = 256;
    let values: Vec<f32> = (0..SIZE * SIZE).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.5).collect();
    let a = gpu.upload("timed a", &[SIZE, SIZE], &values)?;
    let shader =
        [PORTABLE, SUBGROUP, TILED].iter().find(|(name, _)| *name == variant).map_or(PORTABLE.1, |(_, shader)| *shader);
    // Sums of 256 terms below 1/4 in the same order; a compiler may round fewer of them.
    gpu.time_variant(&[SIZE, SIZE], [PORTABLE.1, shader], |plan, shader, c| {
        record(plan, shader, "abt", [SIZE; 3], &a, &a, None, c)
    })
}
