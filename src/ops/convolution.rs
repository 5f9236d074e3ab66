//! Convolution of images as deep learning has it (cross-correlation); `shaders/convolution.wgsl` and its variants
//! `convolution_subgroup.wgsl` and `convolution_tiled.wgsl`, which add in the same order. Kernels of 3 x 3 over many channels take fewer
//! products (`winograd.rs`).
//!
//! Activations are matrices `[batch, features]`, an image a row: its channels one after the other, each row by row.
//! Weights are `[channels_out, channels_in, kernel height, kernel width]`.

use super::winograd::{self, Taps};
use super::{bias, expect, matrix, word};
use crate::gpu::{Bind, Constant, Error, Gpu, MAX_LOOP_TURNS, PlanBuilder, Scalar, Slice, Work, align};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        batch: u32, channels_in: u32, height_in: u32, width_in: u32, channels_out: u32, height_out: u32, width_out: u32,
        kernel_height: u32, kernel_width: u32, stride: u32, spread: u32, lead_y: u32, lead_x: u32, lift_y: u32,
        lift_x: u32, weight_out: u32, weight_in: u32, weight_first: u32, weight_step: u32, run: u32, n_runs: u32
    }
}

/// Shaders by variant.
const PORTABLE: (&str, &str) = ("portable", "convolution");
const SUBGROUP: (&str, &str) = ("subgroup", "convolution_subgroup");
const TILED: (&str, &str) = ("tiled", "convolution_tiled");

/// Names of the variants that run on an adapter, the one that always does first.
pub fn variants(gpu: &Gpu) -> Vec<&'static str> {
    let adapter = gpu.adapter();
    let mut available = vec![PORTABLE.0];
    if adapter.eight_lanes() {
        available.push(SUBGROUP.0);
    }
    if adapter.limits.max_compute_invocations_per_workgroup >= 256 {
        available.push(TILED.0);
    }
    available
}

/// Name of the shader that is fastest here.
fn fastest(gpu: &Gpu) -> Result<&'static str, Error> {
    let chosen = gpu.variant("convolution", &variants(gpu), |variant| time(gpu, variant))?;
    Ok(shader_of(chosen))
}

fn shader_of(variant: &str) -> &'static str {
    [SUBGROUP, TILED].iter().find(|(name, _)| *name == variant).map_or(PORTABLE.1, |(_, shader)| *shader)
}

/// Invocations that are to share a gradient of weights, if there are as many output rows.
const INVOCATIONS: usize = 4096;

/// Sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels of an input image.
    pub channels_in: usize,
    /// Rows of an input image.
    pub height: usize,
    /// Columns of an input image.
    pub width: usize,
    /// Channels of an output image.
    pub channels_out: usize,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Distance of neighbouring outputs, in elements of the input.
    pub stride: usize,
    /// Zeros on every side of an input image.
    pub padding: usize,
}

impl Shape {
    /// Rows of an output image.
    ///
    /// # Errors
    /// A kernel of no rows or of more than the padded input has, or stride 0.
    pub fn output_height(&self) -> Result<usize, Error> {
        self.extent("row", self.height, self.kernel[0])
    }

    /// Columns of an output image.
    ///
    /// # Errors
    /// A kernel of no columns or of more than the padded input has, or stride 0.
    pub fn output_width(&self) -> Result<usize, Error> {
        self.extent("column", self.width, self.kernel[1])
    }

    fn extent(&self, what: &str, input: usize, kernel: usize) -> Result<usize, Error> {
        let padded = input + 2 * self.padding;
        if self.stride == 0 || self.channels_in == 0 || self.channels_out == 0 {
            return Err(Error::Shape {
                what: "convolution".to_owned(),
                expected: "a stride and channels of at least 1".to_owned(),
                got: format!("stride {}, channels {} -> {}", self.stride, self.channels_in, self.channels_out),
            });
        }
        if kernel == 0 || kernel > padded {
            return Err(Error::Shape {
                what: "convolution".to_owned(),
                expected: format!("a kernel of 1 to {padded} {what}s, those of the padded input"),
                got: kernel.to_string(),
            });
        }
        Ok((padded - kernel) / self.stride + 1)
    }

    /// Elements of an input image.
    pub fn features_in(&self) -> usize {
        self.channels_in * self.height * self.width
    }

    /// Elements of an output image.
    ///
    /// # Errors
    /// Those of [`output_height`](Self::output_height) and [`output_width`](Self::output_width).
    pub fn features_out(&self) -> Result<usize, Error> {
        Ok(self.channels_out * self.output_height()? * self.output_width()?)
    }

    /// Shape of the weights.
    pub fn weight(&self) -> [usize; 4] {
        [self.channels_out, self.channels_in, self.kernel[0], self.kernel[1]]
    }

    /// Output rows, of a whole batch, that go to one partial sum of a gradient, and how many sums that makes: enough of
    /// them to employ the device, and none too long for one invocation.
    fn runs(&self, batch: usize) -> Result<[usize; 2], Error> {
        let (rows, longest) = (batch * self.output_height()?, MAX_LOOP_TURNS / self.row_turns()?);
        let few = rows.div_ceil(INVOCATIONS.div_ceil(self.weight_tiles()));
        let run = few.min(longest).max(1);
        Ok([run, rows.div_ceil(run)])
    }

    /// Invocations for the weights: one for 8 channels of 3 x 3 taps, columns a stride apart.
    fn weight_tiles(&self) -> usize {
        let across = self.kernel[1].div_ceil(3 * self.stride) * self.stride;
        self.channels_out.div_ceil(8) * self.channels_in * self.kernel[0].div_ceil(3) * across
    }

    /// Loop turns that a row of outputs costs a gradient at most; the tiled variant takes 27 turns for 16 outputs.
    fn row_turns(&self) -> Result<usize, Error> {
        Ok(2 * (1 + self.output_width()?))
    }

    /// Constants of a forward pass.
    fn params(&self, operation: &str, batch: usize) -> Result<Params, Error> {
        let [height, width] = self.kernel;
        let [run, n_runs] = self.runs(batch)?;
        let word = |count| word(operation, count);
        Ok(Params {
            batch: word(batch)?,
            channels_in: word(self.channels_in)?,
            height_in: word(self.height)?,
            width_in: word(self.width)?,
            channels_out: word(self.channels_out)?,
            height_out: word(self.output_height()?)?,
            width_out: word(self.output_width()?)?,
            kernel_height: word(height)?,
            kernel_width: word(width)?,
            stride: word(self.stride)?,
            spread: 1,
            lift_y: word(self.padding)?,
            lift_x: word(self.padding)?,
            weight_out: word(self.channels_in * height * width)?,
            weight_in: word(height * width)?,
            weight_step: 1,
            run: word(run)?,
            n_runs: word(n_runs)?,
            ..Default::default()
        })
    }
}

/// y `[batch, features_out]` = x `[batch, features_in]` convolved with the weights, plus bias `[channels_out]`.
///
/// # Errors
/// Shapes that do not fit, a kernel with so many weights an output that one invocation cannot add them up.
pub fn forward(
    plan: &mut PlanBuilder<'_>,
    shape: &Shape,
    x: &Slice,
    weight: &Slice,
    bias: Option<&Slice>,
    y: &Slice,
) -> Result<(), Error> {
    const NAME: &str = "convolution::forward";
    let batch = matrix(NAME, x)?[0];
    expect(NAME, x, &[batch, shape.features_in()])?;
    expect(NAME, weight, &shape.weight())?;
    expect(NAME, y, &[batch, shape.features_out()?])?;
    if let Some(bias) = bias {
        expect(NAME, bias, &[shape.channels_out])?;
    }
    if winograd::is_chosen(plan.gpu(), shape)? {
        return winograd::correlate(plan, shape, Taps::Forward, x, weight, bias, y);
    }
    let params = shape.params(NAME, batch)?;
    check_taps(plan, NAME, &params)?;
    let shader = fastest(plan.gpu())?;
    match bias {
        Some(bias) => {
            let binds = [x.read(), weight.read(), bias.read(), y.write()];
            correlate(plan, shader, "forward_bias", &params, &binds)
        }
        None => direct(plan, shape, x, weight, y),
    }
}

/// Adds up all products of a convolution without a bias.
pub(super) fn direct(
    plan: &mut PlanBuilder<'_>,
    shape: &Shape,
    x: &Slice,
    weight: &Slice,
    y: &Slice,
) -> Result<(), Error> {
    let params = shape.params("convolution::forward", x.shape()[0])?;
    let shader = fastest(plan.gpu())?;
    correlate(plan, shader, "forward", &params, &[x.read(), weight.read(), y.write()])
}

/// d_x `[batch, features_in]` from d_y `[batch, features_out]`: the adjoint of [`forward`] in x.
///
/// # Errors
/// Those of [`forward`].
pub fn backward_input(
    plan: &mut PlanBuilder<'_>,
    shape: &Shape,
    weight: &Slice,
    d_y: &Slice,
    d_x: &Slice,
) -> Result<(), Error> {
    const NAME: &str = "convolution::backward_input";
    let batch = matrix(NAME, d_y)?[0];
    expect(NAME, d_y, &[batch, shape.features_out()?])?;
    expect(NAME, weight, &shape.weight())?;
    expect(NAME, d_x, &[batch, shape.features_in()])?;
    if winograd::is_chosen(plan.gpu(), shape)? {
        return winograd::correlate(plan, shape, Taps::Flipped, d_y, weight, None, d_x);
    }
    let along = shape.params(NAME, batch)?;
    // A tap k of the flipped kernel meets element n of d_y where i + k - (kernel - 1 - padding) = stride n. The place
    // is lifted by whole elements so that it is never negative.
    let axis = |kernel: usize| -> Result<[u32; 2], Error> {
        let lift = (kernel - 1).saturating_sub(shape.padding).div_ceil(shape.stride);
        Ok([word(NAME, lift * shape.stride + shape.padding + 1 - kernel)?, word(NAME, lift)?])
    };
    let [[lead_y, lift_y], [lead_x, lift_x]] = [axis(shape.kernel[0])?, axis(shape.kernel[1])?];
    let params = Params {
        channels_in: along.channels_out,
        height_in: along.height_out,
        width_in: along.width_out,
        channels_out: along.channels_in,
        height_out: along.height_in,
        width_out: along.width_in,
        stride: 1,
        spread: along.stride,
        lead_y,
        lead_x,
        lift_y,
        lift_x,
        weight_out: along.weight_in,
        weight_in: along.weight_out,
        weight_first: along.weight_in - 1,
        weight_step: 1_u32.wrapping_neg(),
        ..along
    };
    check_taps(plan, NAME, &params)?;
    let shader = fastest(plan.gpu())?;
    let binds = [d_y.read(), weight.read(), d_x.write()];
    correlate(plan, shader, "backward_input", &params, &binds)
}

/// Room for the partial sums of [`backward_weight`].
///
/// # Errors
/// What the device reports.
pub fn partials(gpu: &Gpu, shape: &Shape, batch: usize) -> Result<Slice, Error> {
    // Sums of transformed tiles have a place that all convolutions share.
    let weights = if winograd::is_chosen(gpu, shape)? { 0 } else { shape.weight().iter().product() };
    let n_runs = shape.runs(batch)?[1];
    gpu.zeros("partial sums", &[align(n_runs * weights) + n_runs * shape.channels_out], Scalar::F32)
}

/// d_weight `[channels_out, channels_in, kernel height, kernel width]` and d_bias `[channels_out]` from
/// x `[batch, features_in]` and d_y `[batch, features_out]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn backward_weight(
    plan: &mut PlanBuilder<'_>,
    shape: &Shape,
    x: &Slice,
    d_y: &Slice,
    partials: &Slice,
    d_weight: &Slice,
    d_bias: Option<&Slice>,
) -> Result<(), Error> {
    const NAME: &str = "convolution::backward_weight";
    let batch = matrix(NAME, x)?[0];
    expect(NAME, x, &[batch, shape.features_in()])?;
    expect(NAME, d_y, &[batch, shape.features_out()?])?;
    expect(NAME, d_weight, &shape.weight())?;
    let [run, n_runs] = shape.runs(batch)?;
    plan.check_loop(NAME, run * shape.row_turns()?)?;
    let filtered = winograd::is_chosen(plan.gpu(), shape)?;
    let weights = if filtered { 0 } else { d_weight.len() };
    let sums = partials.part("partial sums", 0, &[n_runs, weights])?;
    let sums_of_bias = partials.part("partial sums", align(sums.len()), &[n_runs, shape.channels_out])?;
    let params = shape.params(NAME, batch)?;
    let binds = [x.read(), d_y.read(), sums.write()];
    let entry = "backward_weight";
    let shader = fastest(plan.gpu())?;
    let in_subgroups = !filtered && shader == SUBGROUP.1 && fits_subgroup(&params) && d_y.len().is_multiple_of(4);
    match shader {
        _ if filtered => winograd::backward_weight(plan, shape, x, d_y, d_weight)?,
        shader if shader == TILED.1 => {
            let filters = d_weight.len() / shape.channels_out;
            let groups = n_runs * shape.channels_out.div_ceil(32) * filters.div_ceil(128);
            plan.dispatch(shader, entry, &params, &binds, Work::Groups(groups))?;
        }
        _ if in_subgroups => {
            let single = is_single(&params);
            let tile = SubgroupTile {
                // Outputs past the end of a row are no zeros.
                columns: divisor(params.width_out, if single { 4 } else { 16 }),
                ..SubgroupTile::of(&params, if single { 8 } else { 16 })
            };
            let blocks = shape.channels_out.div_ceil(tile.channels as usize);
            let filter_rows = d_weight.len() / shape.channels_out / tile.taps as usize;
            let (entry, subgroups, own) = if single {
                let own = vec![("HEIGHT", params.kernel_height), ("LIFT", params.lift_x)];
                ("backward_weight_single", n_runs.div_ceil(8) * blocks, own)
            } else {
                let aligned = tile.alignment(&params).min(alignment(&[params.width_out]));
                let rows = if filter_rows > 8 { 2 } else { 1 };
                let own = vec![("ALIGNED", aligned), ("ROWS", rows)];
                (entry, n_runs * blocks * filter_rows.div_ceil(8 * rows as usize), own)
            };
            let constants = [&tile.constants(&params)[..], &own, &[("BIAS", u32::from(d_bias.is_some()))]].concat();
            let binds = [x.read(), d_y.read(), partials.write()];
            plan.dispatch_with(shader, entry, &constants, &params, &binds, Work::Items(8 * subgroups))?;
        }
        _ => {
            let work = Work::Items(n_runs * shape.weight_tiles());
            plan.dispatch(PORTABLE.1, entry, &params, &binds, work)?;
        }
    }
    if !filtered {
        bias::backward(plan, &sums, &d_weight.reshape(&[d_weight.len()])?)?;
    }
    let Some(d_bias) = d_bias else { return Ok(()) };
    if !in_subgroups {
        let work = Work::Items(n_runs * shape.channels_out);
        plan.dispatch(PORTABLE.1, "backward_bias", &params, &[d_y.read(), sums_of_bias.write()], work)?;
    }
    bias::backward(plan, &sums_of_bias, d_bias)
}

/// Records sums over channels and taps.
fn correlate(
    plan: &mut PlanBuilder<'_>,
    shader: &str,
    entry: &str,
    params: &Params,
    binds: &[Bind<'_>],
) -> Result<(), Error> {
    let count = |words: u32| words as usize;
    let [batch, height, width] = [params.batch, params.height_out, params.width_out].map(count);
    let channels = count(params.channels_out);
    match shader {
        _ if shader == TILED.1 => {
            let work = Work::Groups(channels.div_ceil(32) * (batch * height * width).div_ceil(128));
            plan.dispatch(shader, entry, params, binds, work)
        }
        _ if shader == SUBGROUP.1 && fits_subgroup(params) && is_single(params) && entry != "backward_input" => {
            let tile = SubgroupTile::of(params, 8);
            plan.check_loop(entry, height)?;
            let work = 8 * batch.div_ceil(8) * (width / 4) * channels.div_ceil(count(tile.channels));
            let own = [("HEIGHT", params.kernel_height), ("LIFT", params.lift_x)];
            let constants = [&tile.constants(params)[..], &own].concat();
            plan.dispatch_with(shader, &format!("{entry}_single"), &constants, params, binds, Work::Items(work))
        }
        _ if shader == SUBGROUP.1 && fits_subgroup(params) => {
            let tile = SubgroupTile::of(params, 16);
            let across = width.div_ceil(count(tile.columns));
            // A lane's samples share its weights.
            let samples = if batch > 8 { 2 } else { 1 };
            let work = 8 * batch.div_ceil(8 * samples) * height * across * channels.div_ceil(count(tile.channels));
            let pairs = tile.columns.is_multiple_of(2) && params.width_out.is_multiple_of(2);
            let own = [("ALIGNED", tile.alignment(params)), ("PAIRS", u32::from(pairs)), ("SAMPLES", samples as u32)];
            let constants = [&tile.constants(params)[..], &tile.places(params), &own].concat();
            plan.dispatch_with(shader, entry, &constants, params, binds, Work::Items(work))
        }
        _ => {
            let across = width.div_ceil(4 * count(params.spread)) * count(params.spread);
            let work = across * height * channels.div_ceil(8) * batch.div_ceil(4);
            plan.dispatch(PORTABLE.1, entry, params, binds, Work::Items(work))
        }
    }
}

/// Whether the subgroup variant takes a convolution: it has no strides, reads x four words at a time, and shares work
/// among eight samples.
fn fits_subgroup(params: &Params) -> bool {
    let words = [params.batch, params.channels_in, params.height_in, params.width_in];
    let is_whole = words.iter().fold(1, |product, extent| product * extent % 4) == 0;
    params.stride == 1 && params.spread == 1 && params.batch >= 4 && is_whole
}

/// Whether the entries of the subgroup variant for a single channel in take a forward pass or a gradient of weights: small
/// kernels, and rows of whole vectors.
fn is_single(params: &Params) -> bool {
    let is_whole = params.width_in.is_multiple_of(4) && params.width_out.is_multiple_of(4);
    params.channels_in == 1 && params.kernel_height <= 5 && params.kernel_width <= 5 && params.lift_x <= 4 && is_whole
}

/// Tile of the subgroup variant.
struct SubgroupTile {
    channels: u32,
    columns: u32,
    taps: u32,
}

impl SubgroupTile {
    /// The largest that fits, cut so that the last one is not much smaller than the others.
    fn of(params: &Params, channels: u32) -> Self {
        let columns = even(params.width_out, 16);
        Self {
            channels: even(params.channels_out, channels),
            // Pairs, where rows are of pairs.
            columns: if params.width_out.is_multiple_of(2) { columns.next_multiple_of(2) } else { columns },
            taps: divisor(params.kernel_width, 5),
        }
    }

    /// Places of the window over x that may lie inside a row, known where all outputs and taps of a row are in one tile.
    fn places(&self, params: &Params) -> [Constant; 2] {
        let first = params.lift_x.wrapping_sub(params.lead_x);
        let is_known = self.columns >= params.width_out && self.taps == params.kernel_width && first < 20;
        let [first, last] = if is_known { [first, first + params.width_in] } else { [0, 20] };
        [("FIRST", first), ("LAST", last.min(20))]
    }

    /// Words that divide every place where a row of x is loaded.
    fn alignment(&self, params: &Params) -> u32 {
        let columns = if self.columns < params.width_out { self.columns } else { 0 };
        let taps = if self.taps < params.kernel_width { self.taps } else { 0 };
        alignment(&[params.width_in, params.lift_x.wrapping_sub(params.lead_x), columns, taps])
    }

    fn constants(&self, params: &Params) -> [Constant; 4] {
        let padded = u32::from(params.lift_y > 0 || params.lift_x > 0);
        [("CHANNELS", self.channels), ("COLUMNS", self.columns), ("TAPS", self.taps), ("PADDED", padded)]
    }
}

/// Parts of at most `most`, the last of which is not much smaller than the others.
fn even(extent: u32, most: u32) -> u32 {
    extent.div_ceil(extent.div_ceil(most))
}

/// 4, 2 or 1, the largest that divides all distances.
fn alignment(distances: &[u32]) -> u32 {
    let divides = |step: &u32| distances.iter().all(|distance| distance.is_multiple_of(*step));
    [4, 2].into_iter().find(divides).unwrap_or(1)
}

/// The largest divisor that is not larger than `most`.
fn divisor(extent: u32, most: u32) -> u32 {
    (1..=most).rev().find(|divisor| extent.is_multiple_of(*divisor)).unwrap_or(1)
}

/// Seconds of a convolution with a variant, or `None` if it does not give what the portable one gives.
fn time(gpu: &Gpu, variant: &'static str) -> Result<Option<f64>, Error> {
    const BATCH: usize = 64;
    let shape =
        Shape { channels_in: 8, height: 16, width: 16, channels_out: 16, kernel: [3, 3], stride: 1, padding: 1 };
    let values = |count: usize| (0..count).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.5).collect::<Vec<_>>();
    let x = gpu.upload("timed x", &[BATCH, shape.features_in()], &values(BATCH * shape.features_in()))?;
    let weight = gpu.upload("timed weight", &shape.weight(), &values(shape.weight().iter().product()))?;
    let params = shape.params("convolution::forward", BATCH)?;
    // Sums of 72 terms below 1/4 in the same order; a compiler may round fewer of them.
    let shaders = [PORTABLE.1, shader_of(variant)];
    gpu.time_variant(&[BATCH, shape.features_out()?], shaders, |plan, shader, y| {
        correlate(plan, shader, "forward", &params, &[x.read(), weight.read(), y.write()])
    })
}

/// Refuses sums over more taps than an invocation may take turns for.
fn check_taps(plan: &PlanBuilder<'_>, operation: &str, params: &Params) -> Result<(), Error> {
    let [channels, height, width] =
        [params.channels_in, params.kernel_height, params.kernel_width].map(|extent| extent as usize);
    plan.check_loop(operation, channels * (1 + height * (1 + 2 * width)))
}
