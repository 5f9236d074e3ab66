//! Matrix products of row-major `f32` matrices; `shaders/matmul.wgsl` and its variants `matmul_subgroup.wgsl` and
//! `matmul_tiled.wgsl`. Tensors of three axes are as many matrices as the first one is long, each multiplied with its like.
//!
//! All variants add in the same order. On software adapters they give the same bits; a GPU's compiler may fuse an
//! addition with a product in one and not in another.

use super::expect;
use super::product::Product;
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

/// How many matrices a tensor holds, and their rows and columns.
fn matrices(operation: &str, tensor: &Slice) -> Result<[usize; 3], Error> {
    match *tensor.shape() {
        [rows, columns] => Ok([1, rows, columns]),
        [count, rows, columns] => Ok([count, rows, columns]),
        _ => Err(Error::Shape {
            what: format!("{operation}, `{}`", tensor.name()),
            expected: "a matrix, or several".to_owned(),
            got: format!("{:?}", tensor.shape()),
        }),
    }
}

/// The shape of as many matrices as a tensor holds, of so many rows and columns.
fn as_many(tensor: &Slice, rows: usize, columns: usize) -> Vec<usize> {
    let axes = tensor.shape();
    [&axes[..axes.len() - 2], &[rows, columns]].concat()
}

/// c `[m, n]` = a `[m, k]` b `[k, n]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn ab(plan: &mut PlanBuilder<'_>, a: &Slice, b: &Slice, c: &Slice) -> Result<(), Error> {
    let ([count, m, k], n) = (matrices("matmul::ab", a)?, matrices("matmul::ab", b)?[2]);
    expect("matmul::ab", b, &as_many(a, k, n))?;
    product(plan, "ab", [count, m, n, k], a, b, None, c)
}

/// c `[m, n]` = a' b, with a `[k, m]`, b `[k, n]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn atb(plan: &mut PlanBuilder<'_>, a: &Slice, b: &Slice, c: &Slice) -> Result<(), Error> {
    let ([count, k, m], n) = (matrices("matmul::atb", a)?, matrices("matmul::atb", b)?[2]);
    expect("matmul::atb", b, &as_many(a, k, n))?;
    product(plan, "atb", [count, m, n, k], a, b, None, c)
}

/// c `[m, n]` = a b' (+ bias `[n]` in every row), with a `[m, k]`, b `[n, k]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn abt(plan: &mut PlanBuilder<'_>, a: &Slice, b: &Slice, bias: Option<&Slice>, c: &Slice) -> Result<(), Error> {
    let ([count, m, k], n) = (matrices("matmul::abt", a)?, matrices("matmul::abt", b)?[1]);
    expect("matmul::abt", b, &as_many(a, n, k))?;
    if let Some(bias) = bias {
        expect("matmul::abt", bias, &[n])?;
    }
    product(plan, "abt", [count, m, n, k], a, b, bias, c)
}

/// Records a product with the variant that is fastest here.
fn product(
    plan: &mut PlanBuilder<'_>,
    kind: &str,
    size: [usize; 4],
    a: &Slice,
    b: &Slice,
    bias: Option<&Slice>,
    c: &Slice,
) -> Result<(), Error> {
    let gpu = plan.gpu();
    let chosen = gpu.variant("matmul", &variants(gpu), |variant| time(gpu, variant))?;
    let [_, m, n, k] = size;
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
    [count, m, n, k]: [usize; 4],
    a: &Slice,
    b: &Slice,
    bias: Option<&Slice>,
    c: &Slice,
) -> Result<(), Error> {
    let operation = format!("matmul::{kind}");
    expect(&operation, c, &as_many(a, m, n))?;
    // Rows of a tile of the subgroup variant: the fewer tiles, the fewer loads, but there must be some for every thread.
    let tiles = |rows: usize| count * m.div_ceil(rows) * n.div_ceil(32);
    let rows = match m {
        ..=8 => 8,
        _ if tiles(32) >= ENOUGH_TILES => 32,
        _ => 16,
    };
    let work = match shader {
        _ if shader == SUBGROUP.1 => Work::Items(8 * tiles(rows)),
        _ if shader == TILED.1 => Work::Groups(count * m.div_ceil(64) * n.div_ceil(64)),
        _ => Work::Items(count * m.div_ceil(4) * n.div_ceil(4)),
    };
    for params in Product::runs(&operation, count, [m, n, k], RUN)? {
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
        record(plan, shader, "abt", [1, SIZE, SIZE, SIZE], &a, &a, None, c)
    })
}
