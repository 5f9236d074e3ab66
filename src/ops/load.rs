//! What a dispatch costs: the one table of all kernels.
//!
//! Operations are sums, products, quotients and comparisons of `f32`, whatever their precision costs an adapter; a product and a sum that
//! an adapter fuses are two, an exponential about 20, a normal random number 130, a transform of n complex numbers 5 n log2 n.
//! Whole numbers, such as places in a tensor, are not counted. Bytes are what a kernel must move between itself and the memory: every
//! tensor it reads or writes once, whatever caches save and loads repeat. Where a kernel touches a part of a tensor that only
//! the data tell, such as the regions of a camera, it is the whole.

use crate::gpu::Recorded;

/// Operations and bytes of a dispatch, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Load {
    /// Operations on `f32`.
    pub flops: f64,
    /// Bytes read and written.
    pub bytes: f64,
}

impl std::iter::Sum for Load {
    fn sum<I: Iterator<Item = Self>>(loads: I) -> Self {
        loads.fold(Self::default(), |sum, load| Self { flops: sum.flops + load.flops, bytes: sum.bytes + load.bytes })
    }
}

impl Load {
    /// Of a dispatch; one that the table does not know moves what it binds and computes nothing.
    pub fn of(dispatch: &Recorded) -> Self {
        Self { flops: flops(dispatch).unwrap_or(0.0), bytes: moved(dispatch).unwrap_or_else(|| bound(dispatch)) }
    }
}

/// Shader and entry of a kernel; variants that do the same work have one name.
fn family(kernel: &str) -> Option<(&str, &str)> {
    let (shader, entry) = kernel.split_once("::")?;
    let shader = match shader {
        "propagation_subgroup" => shader,
        _ => shader.strip_suffix("_subgroup").or_else(|| shader.strip_suffix("_tiled")).unwrap_or(shader),
    };
    Some((shader, entry))
}

/// Bytes of all that is bound. What is changed in place is read too, unless the parameters say that nothing is added to it.
fn bound(on: &Recorded) -> f64 {
    let adds = ["accumulate", "added"].iter().find_map(|name| on.number(name));
    on.bound_bytes(if adds == Some(0.0) { 1.0 } else { 2.0 })
}

/// Operations of a dispatch; `None` for a kernel that is not in the table.
pub fn flops(on: &Recorded) -> Option<f64> {
    let words = |name: &str| on.words(name);
    let number = |name: &str| on.number(name);
    // Complex numbers.
    let pairs = |name: &str| Some(0.5 * on.words(name)?);
    Some(match family(on.kernel())? {
        ("activation", "relu_forward") => words("y")?,
        ("activation", "relu_backward") => words("d_x")?,
        ("activation", "sigmoid_forward") => 22.0 * words("y")?,
        ("activation", "sigmoid_backward") => 3.0 * words("d_x")?,
        ("activation", "tanh_forward") => 24.0 * words("y")?,
        ("activation", "tanh_backward") => 4.0 * words("d_x")?,
        // A converter rounds, and its straight-through gradient looks where.
        ("actuator", "forward") => words("detuning")? * if number("n_levels")? > 0.0 { 25.0 } else { 10.0 },
        ("actuator", "backward") => words("d_control")? * if number("n_levels")? > 0.0 { 12.0 } else { 7.0 },
        ("actuator", "spill") => 7.0 * words("terms")?,
        ("adam", "update") => 19.0 * words("parameters")?,
        ("add", "forward") => words("y")?,
        ("adversary", "forward") => 4.0 * words("c")?,
        ("adversary", "relative") => 1.0,
        ("adversary", "absolute") => words("c")?,
        ("adversary", "climb") => 12.0 * number("count")?,
        ("average", "update") => 3.0 * words("average")?,
        ("average", "exchange") => 0.0,
        ("bias", "backward") => number("n")? * number("n_rows")?,
        // Without an error that widens it: an exponential a tap of five deviations either way.
        ("blur", "along") => 12.0 * (2.0 * (5.0 * number("spread")?).ceil() + 1.0) * words("y")?,
        ("complex_matmul", _) => 8.0 * product(on)?,
        ("convolution", "backward_bias") => words("d_y")?,
        ("convolution", "backward_input") => 2.0 * taps(on, ["height_in", "width_in"])?,
        ("convolution", _) => 2.0 * taps(on, ["height_out", "width_out"])?,
        ("cross_entropy", "forward") => 22.0 * words("logits")?,
        ("cross_entropy", "backward") => 44.0 * words("logits")?,
        ("detect", _) => 145.0 * words("y")?,
        ("disturb", "constant") => 0.0,
        ("disturb", _) => 130.0 * words("value")?,
        ("draw", _) => 2.0 * drawn(on)? * words("x")?,
        ("fft", "radix") => number("items")? * transform(number("RADIX")?),
        ("fft", "chirp") => 6.0 * number("items")?,
        ("gain", "forward" | "biased") => 2.0 * words("y")?,
        ("gain", "backward") => words("d_reading")?,
        ("gain", "partial") => 2.0 * words("d_y")?,
        (
            "gain" | "inner_product" | "lens" | "plane" | "ports" | "regions" | "resample" | "slope" | "sum" | "tilt",
            "total" | "gather",
        ) => words("summands")?,
        ("half", "pack") => 30.0 * words("words")?,
        ("half", "unpack") => 20.0 * words("packed")?,
        ("inner_product", "block") => 2.0 * words("a")?,
        ("intensity", "forward") => 3.0 * words("intensity")?,
        ("intensity", "backward") => 3.0 * words("d_intensity")?,
        ("latent", "sample") => 155.0 * words("y")?,
        ("latent", "mean") => 0.0,
        ("latent", "prior") => 135.0 * words("y")?,
        ("latent", "backward") => 165.0 * words("d_y")?,
        ("latent", "divergence") => 13.0 * words("x")?,
        ("lens", "forward") => 60.0 * pairs("t")?,
        ("lens", "partial") => 70.0 * pairs("d_t")?,
        ("matmul", entry) => {
            let biased = if entry.ends_with("_bias") { words("c")? } else { 0.0 };
            2.0 * product(on)? + biased
        }
        ("mean_squared_error", "decibels") => 25.0 * words("losses")?,
        ("mean_squared_error", _) => 3.0 * words("prediction")?,
        ("mesh", "coefficients") => 110.0 * number("n_interferometers")?,
        ("mesh", "coefficients_screen") => 40.0 * number("n_modes")?,
        ("mesh", "forward" | "forward_kept" | "forward_wide") => {
            28.0 * number("n_interferometers")? * columns(on)? * number("n_samples")?
        }
        ("mesh", "backward") => 74.0 * number("n_interferometers")? * columns(on)? * mesh_samples(on)?,
        // What a group of samples left, four numbers an interferometer, and what is made of the sum.
        ("mesh", "backward_theta" | "backward_phase_error") => {
            number("n_interferometers")? * (40.0 + 4.0 * number("n_groups")?)
        }
        ("mesh", "backward_splitter_error") => number("n_interferometers")? * (60.0 + 4.0 * number("n_groups")?),
        ("mesh", "backward_phi") => number("n_interferometers")? * (1.0 + number("n_groups")?),
        ("mesh", "backward_gamma") => number("n_modes")? * number("n_groups")?,
        ("metrics", "forward") => 2.0 * words("loss")?,
        ("metrics", "forward_images") => 3.0 * words("loss")?,
        ("microring", "forward") => 12.0 * words("weight")?,
        ("microring", "backward") => 16.0 * words("d_detuning")?,
        ("norm", "block") => 4.0 * words("gradient")?,
        ("norm", "gather") => number("n_groups")? * number("n_blocks")?,
        ("normalization", "moments") => 7.0 * words("x")?,
        // Two means and variances to one.
        ("normalization", "merge") => 4.0 * words("pieces")?,
        ("normalization", "track") => 4.0 * words("stored")?,
        ("normalization", "correlate" | "correlate_positions") => 6.0 * words("x")?,
        ("normalization", "add" | "gradient") => words("pieces")?,
        ("normalization", "forward") => 3.0 * words("y")?,
        ("normalization", "backward") => 7.0 * words("d_x")?,
        ("normalization_pooled", "moments") => 8.0 * words("x")?,
        ("normalization_pooled", "backward") => 6.0 * words("d_x")?,
        ("perturb", "ascend" | "climb") => 4.0 * words("parameters")?,
        ("perturb", "restore") => 0.0,
        ("phase_shifter", "forward") => 40.0 * words("phase")?,
        ("phase_shifter", "spill") => 40.0 * words("terms")?,
        ("phase_shifter", "backward") => 4.0 * words("d_control")?,
        ("plane", "forward") => 8.0 * pairs("y")?,
        ("plane", "backward") => 16.0 * pairs("d_x")?,
        ("plane", "intensity") => 9.0 * pairs("x")?,
        ("plane", "intensity_slope") => 16.0 * pairs("x")?,
        ("pool", "max_forward" | "average_forward") => words("y")? * pixels(on)?,
        ("pool", "max_forward_half") => 4.0 * words("y_quads")?,
        ("pool", "max_backward_half") => 4.0 * words("d_y_quads")?,
        ("pool", _) => words("d_y")? * pixels(on)?,
        ("ports", "enter" | "enter_backward" | "embed") => 0.0,
        ("ports", "attenuate") => words("field")?.min(words("out")?),
        ("ports", "partial") => 2.0 * words("field")?.min(words("d_out")?),
        ("ports", "detect") => 8.0 * pairs("pairs").or_else(|| pairs("field"))?,
        ("ports", "detect_backward") => 20.0 * pairs("d_field")?,
        // Twenty rounds of Threefry give four signs.
        ("probe", "displace") => 30.0 * words("parameters")?,
        ("probe", "difference") => 40.0 * words("gradient")?,
        ("probe", "advance") => 2.0,
        ("propagation", _) => 6.0 * number("items")?,
        ("propagation_subgroup", entry) => {
            let radix = number("RADIX")?;
            match entry {
                // Lines of two halves of 8 RADIX numbers.
                "rows" => pairs("y")? * transform(16.0 * radix) / (16.0 * radix),
                "rows_back" => pairs("x")? * transform(16.0 * radix) / (16.0 * radix),
                // There, times H, and back, of two columns a line.
                "columns" => {
                    2.0 * number("lines")? * number("samples")? * (2.0 * transform(8.0 * radix) + 48.0 * radix)
                }
                "strides" => pairs("y")? * transform(8.0 * radix) / (8.0 * radix),
                "strides_back" => pairs("x")? * transform(8.0 * radix) / (8.0 * radix),
                // Twisted, and as many numbers at once.
                "rows_join" => pairs("x")? * (transform(radix) / radix + 6.0),
                "rows_part" => pairs("y")? * (transform(radix) / radix + 6.0),
                "columns_join" => pairs("y")? * (2.0 * transform(radix) / radix + 18.0),
                _ => return None,
            }
        }
        ("regions", "collect") => 4.0 * STRIP * words("partials")? / number("n_lines")?,
        ("regions", "share") => words("out")? * number("n_regions")?,
        ("regions", "share_backward") => 2.0 * words("d_gathered")? * number("n_regions")?,
        ("regions", "backward") => 3.0 * pairs("d_field")?,
        ("resample", "copy") => 0.0,
        ("resample", entry) => {
            let sample = [900.0, 60.0, 40.0].get(number("MODE")? as usize)?;
            // Where it lies is the same for all channels.
            let samples = number("n_pictures")? * number("to_height")? * number("to_width")?;
            match entry {
                "forward" | "backward" => sample * samples,
                "partial" => 2.0 * sample * samples,
                _ => return None,
            }
        }
        ("ring_bank", "forward") => 16.0 * words("weight")? * number("size")?,
        ("ring_bank", "spread") => 38.0 * words("terms")?,
        ("ring_bank", "gather") => words("spread_terms")?,
        ("sgd", "update") => 4.0 * words("parameters")?,
        ("shortcut", "forward") => words("source")? + words("y")?,
        ("shortcut", "forward_same") => words("source_quads")? + words("y_quads")?,
        ("shortcut", "backward") => words("d_x_quads")?,
        ("shortcut", "gather") => words("d_source")?,
        ("slope", "partial") => 16.0 * words("detuning")?,
        ("slope", "penalty") => 24.0 * words("d_detuning")?,
        ("source", _) => 0.0,
        ("structural_similarity", "windows") => words("map")? * (14.0 * number("side")? * number("side")? + 22.0),
        ("structural_similarity", "mean") => words("made")?,
        ("sum", "partial") => words("x")?,
        ("tiles", "lay") => words("picture")?,
        ("tiles", "weigh_backward") => words("picture")?,
        ("tiles", "lay_backward" | "weigh") => words("shown")?,
        ("tilt", "turn") => 60.0 * pairs("t")?,
        ("tilt", "partial") => 10.0 * pairs("d_turned")?,
        ("transfer", "forward") => 45.0 * pairs("transfer")?,
        ("transfer", "derivative") => 50.0 * pairs("slope")?,
        ("transfer", "mark") => 0.0,
        ("transmission", "forward") => 50.0 * pairs("t")?,
        ("transmission", "backward") => 50.0 * words("d_values")?,
        ("upsample", "forward") => 0.0,
        ("upsample", "backward") => words("d_y")?,
        // Twelve transforms of six numbers each, ten of six or four, nine of three.
        ("winograd", "input") => 4.0 * 12.0 * 15.0 * number("channels")? * number("quads")?,
        ("winograd", "output" | "output_bias" | "gradient") => {
            4.0 * 10.0 * 13.0 * number("channels")? * number("quads")?
        }
        ("winograd", "taps") => 9.0 * 13.0 * number("channels")? * number("channels_out")?,
        ("winograd", "backward_taps") => 9.0 * 15.0 * number("channels")? * number("channels_out")?,
        _ => return None,
    })
}

/// Bytes of a dispatch that touches a part of what it binds; `None` where it is all of it.
fn moved(on: &Recorded) -> Option<f64> {
    let words = |name: &str| on.words(name);
    let number = |name: &str| on.number(name);
    let count = match family(on.kernel())? {
        ("bias", _) => number("n")? * (number("n_rows")? + 1.0 + number("accumulate")?),
        // A batch of the set, of bytes or floats.
        ("draw", entry) => {
            let width = if entry.starts_with("bytes") { 0.25 } else { 1.0 };
            drawn(on)? * ((1.0 + width) * words("x")? + 2.0 * words("labels")?)
        }
        ("fft", entry) => {
            let [length, inner] = [number("length")?, number("inner")?];
            let outer = number("items")? / inner
                * if entry == "radix" { number("RADIX")? / length } else { 1.0 / number("extent_out")? };
            2.0 * (outer * inner * (number("extent_in")? + number("extent_out")?) + words("table")? / 2.0)
        }
        // A run of the contraction.
        ("matmul" | "complex_matmul", _) => {
            let run = number("k_count")? / number("k")?;
            run * (words("a")? + words("b")?)
                + (1.0 + number("accumulate")?) * words("c")?
                + words("bias").unwrap_or(0.0)
        }
        // Of the phase errors of the whole mesh those of the screen.
        ("mesh", "coefficients_screen") => words("made_screen")? + 2.0 * words("gamma")?,
        // Its samples, in its columns.
        ("mesh", "backward") => {
            let share = mesh_samples(on)? / number("n_samples")?;
            let fields = words("output")? * 2.0 + words("d_x")?;
            share * fields
                + columns(on)? * words("matrices")?
                + words("screen")?
                + (1.0 + number("accumulate")?) * words("partials")?
        }
        // The means.
        ("latent", "mean") => 2.0 * words("y")?,
        // One slot.
        ("metrics", "forward") => 2.0 * words("loss")? + 8.0,
        ("metrics", "forward_images") => 3.0 * words("loss")? + 8.0,
        // A block and what belongs to it outside.
        ("propagation_subgroup", "strides" | "rows_part") => words("y")? + words("x")?.min(words("y")?),
        ("propagation_subgroup", "strides_back" | "rows_join") => words("x")? + words("y")?.min(words("x")?),
        // Of a batch its part.
        ("winograd", "input" | "output" | "output_bias" | "gradient") => {
            let image = number("channels")? * number("height")? * number("width")?;
            number("images")? * image + words("made").or_else(|| words("transformed"))? + words("bias").unwrap_or(0.0)
        }
        _ => return None,
    };
    Some(4.0 * count)
}

/// Rows of a region that an invocation adds up, as `regions` has them.
const STRIP: f64 = super::regions::STRIP as f64;

/// Pixels of a window that is pooled.
fn pixels(on: &Recorded) -> Option<f64> {
    Some(on.number("window_height")? * on.number("window_width")?)
}

/// Operations of a transform of n complex numbers.
fn transform(n: f64) -> f64 {
    5.0 * n * n.log2()
}

/// Terms of a run of matrix products.
fn product(on: &Recorded) -> Option<f64> {
    Some(on.number("count")? * on.number("m")? * on.number("n")? * on.number("k_count")?)
}

/// Terms of a convolution, or of its gradients, by what it puts out; its gradient goes from there to the input. Zeros around an image
/// count too.
fn taps(on: &Recorded, image: [&str; 2]) -> Option<f64> {
    let sizes = [image[0], image[1], "batch", "channels_out", "channels_in", "kernel_height", "kernel_width"];
    sizes.iter().map(|size| on.number(size)).product()
}

/// Share of the samples of a set in its part that a dispatch draws from: it fills the rows whose sample lies there.
fn drawn(on: &Recorded) -> Option<f64> {
    Some(on.number("part_samples")? / on.number("n_samples")?.max(1.0))
}

/// Share of the columns of a mesh that a dispatch walks.
fn columns(on: &Recorded) -> Option<f64> {
    Some((on.number("end_column")? - on.number("first_column")?) / on.number("n_columns")?)
}

/// Samples that a dispatch goes back through a mesh with.
fn mesh_samples(on: &Recorded) -> Option<f64> {
    Some(
        (on.number("n_groups")? * on.number("group_samples")?)
            .min(on.number("n_samples")? - on.number("first_sample")?),
    )
}
