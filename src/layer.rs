//! Floor 3: what every layer, photonic or electronic, promises to the network.

use std::borrow::Cow;

use crate::gpu::{Error, PlanBuilder, Slice};
use crate::mesh::{Layout, Phases};
use crate::ops::convolution::Shape;
use crate::ops::pool;
use crate::random;

/// Whether a parameter is something physical that a sharpness-aware adversary should move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A physical control parameter: a detuning, a current, a phase.
    Control,
    /// A number in the electronics: a bias, a gain.
    Digital,
    /// A number that is not trained: one that forward passes keep, such as a running mean, or a fixed gain. Its gradient is
    /// 0, so that optimizers and adversaries leave it alone, and it is saved with the rest.
    Statistic,
}

/// Which forward pass is recorded. They differ for layers that normalise by what they see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The first of a training step: by the batch, and kept statistics move.
    First,
    /// A further one of the same step: by the batch, kept statistics stay.
    Again,
    /// Inference: by the kept statistics.
    Inference,
    /// As the first of a step, but kept statistics become the mean over the batches since the first.
    Recalibrate,
}

/// Name of the running statistics of a layer, `[channels, 2]`: mean and variance in turn.
pub const STATISTICS: &str = "statistics";

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// One value.
    Constant(f32),
    /// Uniform between two values.
    Uniform(f32, f32),
    /// Two values in turn.
    Pairs(f32, f32),
    /// Uniform in its square, between two values of 0 or more.
    UniformSquare(f32, f32),
    /// Phases of a mesh that is a random unitary matrix; those of one layer belong to one matrix.
    Haar {
        /// Where the interferometers stand.
        layout: Layout,
        /// Modes of the mesh.
        modes: usize,
        /// Which of its phases.
        phases: Phases,
    },
    /// Uniform in one of two intervals.
    Either {
        /// The intervals.
        sides: [[f32; 2]; 2],
        /// Uniform in its square; all ends are then 0 or more.
        square: bool,
        /// Elements take the sides in turn; else each draws its own.
        turns: bool,
    },
}

/// A trainable tensor of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name within the layer.
    pub name: Cow<'static, str>,
    /// Shape, outermost axis first.
    pub shape: Vec<usize>,
    /// Unit, empty for a plain number.
    pub unit: &'static str,
    /// Lower and upper bound, kept by the optimizer.
    pub bounds: [f32; 2],
    /// Starting values.
    pub start: Start,
    /// Physical or electronic.
    pub role: Role,
}

/// How an imperfection comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// One value for the whole device at a time, such as its temperature. Varying it sets the value.
    Common,
    /// Every element has its own, normally distributed from chip to chip. Varying it sets the deviation.
    Element,
    /// Every sample meets a draw of its own; the tensor holds the standard deviation. Varying it sets that.
    Sample,
}

/// Something that a real device may get wrong; 0 is the nominal device.
#[derive(Clone, Debug, PartialEq)]
pub struct Imperfection {
    /// Name, the same in all layers that have it.
    pub name: &'static str,
    /// Shape within the layer.
    pub shape: Vec<usize>,
    /// Unit.
    pub unit: &'static str,
    /// Common, or drawn for every element or every sample.
    pub cause: Cause,
    /// What values stay within, this size not included, where physics allows no more: draws at or past it are rejected and
    /// drawn again, which gives a truncated normal distribution.
    pub limit: Option<f32>,
}

/// The deviation of a limit at which 5 % of normal draws are rejected.
const SENSIBLE: f64 = 1.959_963_985;

impl Imperfection {
    /// Refuses a standard deviation of normal draws of which more than 5 % would be rejected.
    ///
    /// # Errors
    /// The share, and the largest deviation that makes sense.
    pub fn check_deviation(&self, deviation: f64) -> Result<(), String> {
        let Some(limit) = self.limit else { return Ok(()) };
        let bound = f64::from(limit) / deviation.abs();
        if bound >= SENSIBLE {
            return Ok(());
        }
        Err(format!(
            "at a standard deviation of {}, {:.1} % of the draws lie beyond ±{limit} and would be rejected; give at most {}",
            // As it was written, if it was kept in 32 bits.
            deviation as f32,
            100.0 * random::share_beyond(bound),
            rounded_down(f64::from(limit) / SENSIBLE)
        ))
    }

    /// Refuses a value at the limit or past it.
    ///
    /// # Errors
    /// The value and the limit.
    pub fn check_value(&self, value: f64) -> Result<(), String> {
        match self.limit {
            Some(limit) if value.abs() >= f64::from(limit) => {
                Err(format!("{value} is not within ±{limit}, these not included; give a smaller value"))
            }
            _ => Ok(()),
        }
    }
}

/// The next lower number of three digits.
fn rounded_down(value: f64) -> f64 {
    let unit = 10_f64.powf(2.0 - value.log10().floor());
    (value * unit).floor() / unit
}

/// A tensor that a layer derives, such as the weights of its rings.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// Name within the layer.
    pub name: &'static str,
    /// Shape.
    pub shape: Vec<usize>,
}

/// The tensors of a layer on the device, in the order in which the layer declared them.
#[derive(Clone, Debug)]
pub struct Io {
    /// Parameters.
    pub parameters: Vec<Slice>,
    /// Their gradients.
    pub gradients: Vec<Slice>,
    /// Imperfections.
    pub imperfections: Vec<Slice>,
    /// Where gradients of imperfections go, of those that a method asks for and that [have one](Layer::has_gradient), in the
    /// order of the imperfections; empty unless a method asks. [`d_imperfection`](Self::d_imperfection) looks into it.
    pub d_imperfections: Vec<Option<Slice>>,
    /// Derived tensors.
    pub derived: Vec<Slice>,
    /// The clock: how many rows of the batch are valid, and the keys of the random numbers.
    pub clock: Slice,
    /// Added to the clock's step where random numbers are drawn for every sample.
    pub draw_step: u32,
    /// Position in the batch of the first row, where random numbers are drawn for every sample.
    pub draw_row: u32,
    /// Input `[batch, ...]`.
    pub input: Slice,
    /// Output `[batch, ...]`.
    pub output: Slice,
    /// Gradient of the output.
    pub d_output: Slice,
    /// Gradient of the input; the first layer needs none.
    pub d_input: Option<Slice>,
    /// What comes past the layers between, where a layer also takes what an earlier one puts out.
    pub shortcut: Option<Shortcut>,
}

/// The tensors of a shortcut at its end.
#[derive(Clone, Debug)]
pub struct Shortcut {
    /// What the earlier layer puts out `[batch, ...]`.
    pub source: Slice,
    /// What the backward pass leaves for [`Layer::hand_down`], of the shape of this layer's output `[batch, ...]`.
    pub held: Slice,
}

impl Shortcut {
    /// The same of a part of the rows.
    ///
    /// # Errors
    /// What the part of a tensor reports.
    pub fn part(&self, part: impl Fn(&Slice) -> Result<Slice, Error>) -> Result<Self, Error> {
        Ok(Self { source: part(&self.source)?, held: part(&self.held)? })
    }
}

impl Io {
    /// Where the gradient of an imperfection goes, by its place, if it is asked for.
    pub fn d_imperfection(&self, place: usize) -> Option<&Slice> {
        self.d_imperfections.get(place)?.as_ref()
    }
}

/// A layer: what it holds, and how it records its passes into a plan.
pub trait Layer {
    /// Trainable tensors.
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }

    /// What a real device may get wrong.
    fn imperfections(&self) -> Vec<Imperfection> {
        Vec::new()
    }

    /// Whether [`backward`](Self::backward) writes the gradient of an imperfection of this name where it is asked for. What a
    /// layer has no gradient of is never asked for.
    fn has_gradient(&self, _imperfection: &str) -> bool {
        false
    }

    /// Tensors that the layer derives and keeps, for batches of this size.
    fn derived(&self, _batch: usize) -> Vec<Derived> {
        Vec::new()
    }

    /// Shape of one sample of the output.
    fn output_shape(&self) -> Vec<usize>;

    /// This layer with a rectifier behind it, if it can be both at once: one tensor less that is written and read.
    fn rectified(&self) -> Option<Box<dyn Layer>> {
        None
    }

    /// This layer with the largest of every window behind it, if it can be both at once.
    fn pooled(&self, _windows: &pool::Shape) -> Option<Box<dyn Layer>> {
        None
    }

    /// What a user should know before a run, one line each, such as light that its sampling distorts.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Turns control parameters and imperfections into what the light meets. Needed once for any number of
    /// forward passes with the same parameters and imperfections.
    ///
    /// # Errors
    /// What the plan reports.
    fn actuate(&self, _plan: &mut PlanBuilder<'_>, _io: &Io) -> Result<(), Error> {
        Ok(())
    }

    /// Output from input.
    ///
    /// # Errors
    /// What the plan reports.
    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, pass: Pass) -> Result<(), Error>;

    /// Gradients of parameters and input from that of the output, after a pass of training, and of those imperfections that
    /// [`Io::d_imperfection`] has a place for. Overwrites.
    ///
    /// # Errors
    /// What the plan reports.
    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error>;

    /// Where the backward pass has come to the layer that a shortcut starts at: adds to the gradient of its output `[batch, ...]`
    /// what [`backward`](Self::backward) held.
    ///
    /// # Errors
    /// What the plan reports.
    fn hand_down(&self, _plan: &mut PlanBuilder<'_>, _held: &Slice, _d_source: &Slice) -> Result<(), Error> {
        Ok(())
    }

    /// Adds to the loss `[batch]` of every row what the layer adds to it, if anything: its gradient is part of
    /// [`backward`](Self::backward).
    ///
    /// # Errors
    /// What the plan reports.
    fn burden(&self, _plan: &mut PlanBuilder<'_>, _io: &Io, _loss: &Slice) -> Result<(), Error> {
        Ok(())
    }

    /// After `backward`: adds to the gradients of the controls that of a penalty on steep weights, `strength` times the
    /// Frobenius norm of the slopes of this layer's weights. Layers without such weights have none.
    ///
    /// # Errors
    /// What the plan reports.
    fn prune(&self, _plan: &mut PlanBuilder<'_>, _io: &Io, _strength: f32) -> Result<(), Error> {
        Ok(())
    }
}

/// Channels, height and width of samples that are images: `[channels, height, width]`, or `[height, width]` of one channel.
///
/// # Errors
/// One line for the layer that wants them, named by what it does.
pub fn image(shape: &[usize], what: &str) -> Result<[usize; 3], String> {
    match *shape {
        [height, width] => Ok([1, height, width]),
        [channels, height, width] => Ok([channels, height, width]),
        _ => Err(format!(
            "`type`: {what} takes images [height, width] or [channels, height, width], not {shape:?}; place it before the layer that flattens them"
        )),
    }
}

/// Sizes of a convolution with a square kernel of samples that are images, and the shape of a sample of its output. The
/// arguments are the keys of the recipe.
///
/// # Errors
/// One line about the key that is out of its range, or samples that are no images.
pub fn convolution(
    input_shape: &[usize],
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Result<(Shape, [usize; 3]), String> {
    let [channels_in, height, width] = image(input_shape, "a convolution")?;
    if outputs == 0 {
        return Err("`outputs` must be at least 1".to_owned());
    }
    if stride == 0 {
        return Err("`stride` must be at least 1".to_owned());
    }
    if kernel == 0 || kernel > height + 2 * padding || kernel > width + 2 * padding {
        return Err(format!(
            "`kernel` must be 1 to the side of the padded image, {height} x {width} + 2 x {padding}, not {kernel}"
        ));
    }
    let shape = Shape { channels_in, height, width, channels_out: outputs, kernel: [kernel; 2], stride, padding };
    let extent = |extent: Result<usize, Error>| extent.map_err(|error| format!("`kernel`: {error}"));
    Ok((shape, [outputs, extent(shape.output_height())?, extent(shape.output_width())?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_that_would_have_many_draws_rejected_are_refused() {
        let coupler = Imperfection {
            name: "splitter_error",
            shape: vec![2, 6],
            unit: "",
            cause: Cause::Element,
            limit: Some(1.0),
        };
        for fine in [0.0, 0.15, 0.51, -0.51] {
            assert_eq!(coupler.check_deviation(fine), Ok(()));
        }
        let message = coupler.check_deviation(0.6).unwrap_err();
        assert_eq!(
            message,
            "at a standard deviation of 0.6, 9.6 % of the draws lie beyond ±1 and would be rejected; give at most 0.51"
        );
        assert_eq!(coupler.check_value(-0.999), Ok(()));
        assert_eq!(
            coupler.check_value(-1.0).unwrap_err(),
            "-1 is not within ±1, these not included; give a smaller value"
        );
        let free = Imperfection { limit: None, ..coupler };
        assert_eq!((free.check_deviation(1e30), free.check_value(1e30)), (Ok(()), Ok(())));
        assert_eq!([0.510_213, 51.02, 0.002].map(rounded_down), [0.51, 51.0, 0.002]);
    }
}
