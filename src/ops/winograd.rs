//! Convolutions with kernels of 3 x 3 taps by minimal filtering; `shaders/winograd.wgsl`.
//!
//! They take a fourth of the products of the other kernels, and add in another order, of sums that partly cancel: results differ by some
//! 1e-6 of the largest. A batch is cut into parts whose transforms stay near the processor; what they are written to is shared by all
//! convolutions of a device.

use super::convolution::{self, Shape};
use super::{matmul, matrix, word};
use crate::gpu::{Error, Gpu, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        images: u32, first: u32, channels: u32, height: u32, width: u32, quads: u32, channels_out: u32, weight_out: u32,
        weight_in: u32, weight_first: u32, weight_step: u32, accumulate: u32
    }
}

const SHADER: &str = "winograd";

/// Places of a transformed tile, of 6 x 6 inputs.
const PLACES: usize = 36;

/// Channels from which on fewer products outweigh the transforms.
const FEWEST: usize = 16;

/// Words of a transformed part of a batch: what a software adapter's processor keeps near, and what employs a GPU.
const NEAR: usize = 1 << 20;
const FAR: usize = 1 << 24;

/// Whether a convolution is to be taken so: its sizes allow it, and it is faster here.
pub(super) fn is_chosen(gpu: &Gpu, shape: &Shape) -> Result<bool, Error> {
    const FILTERED: &str = "winograd";
    if !fits(shape) {
        return Ok(false);
    }
    let chosen = gpu.variant("convolution_3x3", &["portable", FILTERED], |variant| {
        const BATCH: usize = 16;
        let shape =
            Shape { channels_in: 64, height: 16, width: 16, channels_out: 64, kernel: [3, 3], stride: 1, padding: 1 };
        let values = |count: usize| (0..count).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.5).collect::<Vec<_>>();
        let image = shape.features_in();
        let x = gpu.upload("timed x", &[BATCH, image], &values(BATCH * image))?;
        let weight = gpu.upload("timed weight", &shape.weight(), &values(shape.weight().iter().product()))?;
        gpu.time_variant(&[BATCH, shape.features_out()?], ["portable", variant], |plan, variant, y| {
            if variant == FILTERED {
                correlate(plan, &shape, Taps::Forward, &x, &weight, None, y)
            } else {
                convolution::direct(plan, &shape, &x, &weight, y)
            }
        })
    })?;
    Ok(chosen == FILTERED)
}

/// Whether the sizes of a convolution allow it.
fn fits(shape: &Shape) -> bool {
    let fours = [shape.height, shape.width, shape.channels_in, shape.channels_out];
    let is_same = shape.kernel == [3, 3] && shape.stride == 1 && shape.padding == 1;
    is_same && fours.iter().all(|size| size.is_multiple_of(4)) && shape.channels_in.min(shape.channels_out) >= FEWEST
}

/// Which of a convolution's weights are taps of which channels: as they are, or flipped and with channels exchanged, which makes the gradient of
/// the input.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Taps {
    Forward,
    Flipped,
}

/// A part of a batch.
struct Part {
    first: usize,
    images: usize,
    /// Vectors of four tiles, the last of which may be partly empty.
    quads: usize,
}

fn parts(gpu: &Gpu, shape: &Shape, batch: usize) -> Vec<Part> {
    let tiles = shape.height * shape.width / 16;
    let words = if gpu.adapter().software { NEAR } else { FAR };
    let most = (words / (PLACES * shape.channels_in.max(shape.channels_out) * tiles)).clamp(1, batch.max(1));
    // The last is not much smaller than the others.
    let images = batch.div_ceil(batch.div_ceil(most));
    let part = |first| {
        let images = images.min(batch - first);
        Part { first, images, quads: (images * tiles).div_ceil(4) }
    };
    (0..batch).step_by(images).map(part).collect()
}

/// Sizes of a kernel over images of so many channels.
fn params(operation: &str, shape: &Shape, channels: usize, part: &Part) -> Result<Params, Error> {
    let word = |count| word(operation, count);
    Ok(Params {
        images: word(part.images)?,
        first: word(part.first)?,
        channels: word(channels)?,
        height: word(shape.height)?,
        width: word(shape.width)?,
        quads: word(part.quads)?,
        ..Default::default()
    })
}

/// Records what makes one transformed tensor of a part of a batch.
fn transform(
    plan: &mut PlanBuilder<'_>,
    entry: &str,
    shape: &Shape,
    params: &Params,
    from: &Slice,
    to: &Slice,
) -> Result<(), Error> {
    let wide = [("WIDE", u32::from(shape.width.is_multiple_of(16)))];
    let work = Work::Items(params.channels as usize * params.quads as usize);
    plan.dispatch_with(SHADER, entry, &wide, params, &[from.read(), to.write()], work)
}

/// y `[batch, channels_out, height, width]` = x `[batch, channels_in, height, width]` convolved with the taps, plus bias `[channels_out]`;
/// with flipped taps `x` has the channels out, and y those in.
///
/// # Errors
/// Shapes that do not fit.
pub(super) fn correlate(
    plan: &mut PlanBuilder<'_>,
    shape: &Shape,
    taps: Taps,
    x: &Slice,
    weight: &Slice,
    bias: Option<&Slice>,
    y: &Slice,
) -> Result<(), Error> {
    const NAME: &str = "convolution::winograd";
    let batch = matrix(NAME, x)?[0];
    let [from, to] = match taps {
        Taps::Forward => [shape.channels_in, shape.channels_out],
        Taps::Flipped => [shape.channels_out, shape.channels_in],
    };
    let gpu = plan.gpu();
    let u = gpu.scratch("transformed taps", &[PLACES, to, from])?;
    let [of_out, of_in] = [9 * shape.channels_in, 9].map(|words| word(NAME, words));
    let (of_out, of_in) = (of_out?, of_in?);
    let own = Params { channels: word(NAME, from)?, channels_out: word(NAME, to)?, ..Default::default() };
    let own = match taps {
        Taps::Forward => Params { weight_out: of_out, weight_in: of_in, weight_step: 1, ..own },
        Taps::Flipped => {
            Params { weight_out: of_in, weight_in: of_out, weight_first: 8, weight_step: 1_u32.wrapping_neg(), ..own }
        }
    };
    plan.dispatch(SHADER, "taps", &own, &[weight.read(), u.write()], Work::Items(to * from / 4))?;
    for part in parts(gpu, shape, batch) {
        let v = gpu.scratch("transformed inputs", &[PLACES, from, 4 * part.quads])?;
        let m = gpu.scratch("transformed outputs", &[PLACES, to, 4 * part.quads])?;
        transform(plan, "input", shape, &params(NAME, shape, from, &part)?, x, &v)?;
        matmul::ab(plan, &u, &v, &m)?;
        let params = params(NAME, shape, to, &part)?;
        let work = Work::Items(to * part.quads);
        match bias {
            None => plan.dispatch(SHADER, "output", &params, &[m.read(), y.write()], work)?,
            Some(bias) => {
                plan.dispatch(SHADER, "output_bias", &params, &[m.read(), bias.read(), y.write()], work)?;
            }
        }
    }
    Ok(())
}

/// d_weight `[channels_out, channels_in, 3, 3]` from x and d_y.
///
/// # Errors
/// Shapes that do not fit.
pub(super) fn backward_weight(
    plan: &mut PlanBuilder<'_>,
    shape: &Shape,
    x: &Slice,
    d_y: &Slice,
    d_weight: &Slice,
) -> Result<(), Error> {
    const NAME: &str = "convolution::winograd_backward";
    let batch = matrix(NAME, x)?[0];
    let (gpu, from, to) = (plan.gpu(), shape.channels_in, shape.channels_out);
    let d_u = gpu.scratch("transformed taps", &[PLACES, to, from])?;
    for (number, part) in parts(gpu, shape, batch).into_iter().enumerate() {
        let v = gpu.scratch("transformed inputs", &[PLACES, from, 4 * part.quads])?;
        let d_m = gpu.scratch("transformed outputs", &[PLACES, to, 4 * part.quads])?;
        transform(plan, "input", shape, &params(NAME, shape, from, &part)?, x, &v)?;
        transform(plan, "gradient", shape, &params(NAME, shape, to, &part)?, d_y, &d_m)?;
        matmul::abt(plan, &d_m, &v, None, &d_u)?;
        let own = Params {
            channels: word(NAME, from)?,
            channels_out: word(NAME, to)?,
            accumulate: u32::from(number > 0),
            ..Default::default()
        };
        plan.dispatch(SHADER, "backward_taps", &own, &[d_u.read(), d_weight.update()], Work::Items(to * from / 4))?;
    }
    Ok(())
}
