//! A convolution whose every weight is the transmission of one add-drop microring.

use super::RingRecipe;
use super::rings::Rings;
use crate::gpu::{Error, PlanBuilder, Slice};
use crate::layer::{self, Derived, Imperfection, Io, Layer, Parameter, Pass};
use crate::ops::convolution::{self, Shape};

/// y `[batch, outputs * height * width]` = the images convolved with W(x), no bias: a norm or a bias of the next layer
/// takes its place.
#[derive(Clone, Debug)]
pub struct RingConvolution {
    rings: Rings,
    shape: Shape,
    output: [usize; 3],
}

impl RingConvolution {
    /// A layer for images `[channels, height, width]`, or `[height, width]` of one channel.
    ///
    /// # Errors
    /// One line about the key that is out of its range, or samples that are no images.
    pub fn new(recipe: RingRecipe, input_shape: &[usize]) -> Result<Self, String> {
        let [channels_in, height, width] = layer::image(input_shape, "a convolution")?;
        let side = recipe.kernel.ok_or("`kernel` is missing: the side of the square kernel, pixels")?;
        for (key, set) in [("full_scale", recipe.full_scale.is_some()), ("adc_bits", recipe.adc_bits.is_some())] {
            if set {
                return Err(format!("`{key}` belongs to ring-dense only"));
            }
        }
        let (stride, padding) = (recipe.stride.unwrap_or(1), recipe.padding.unwrap_or(0));
        if stride == 0 {
            return Err("`stride` must be at least 1".to_owned());
        }
        if side == 0 || side > height + 2 * padding || side > width + 2 * padding {
            return Err(format!(
                "`kernel` must be 1 to the side of the padded image, {height} x {width} + 2 x {padding}, not {side}"
            ));
        }
        let rings = Rings::new(recipe, channels_in * side * side)?;
        let channels_out = rings.recipe.outputs;
        let shape = Shape { channels_in, height, width, channels_out, kernel: [side; 2], stride, padding };
        let extent = |extent: Result<usize, Error>| extent.map_err(|error| format!("`kernel`: {error}"));
        let output = [channels_out, extent(shape.output_height())?, extent(shape.output_width())?];
        Ok(Self { rings, shape, output })
    }

    /// Weights as the kernels take them: `[outputs, channels, kernel, kernel]`.
    fn taps(&self, weight: &Slice) -> Result<Slice, Error> {
        weight.reshape(&self.shape.weight())
    }
}

impl Layer for RingConvolution {
    fn parameters(&self) -> Vec<Parameter> {
        vec![self.rings.parameter()]
    }

    fn imperfections(&self) -> Vec<Imperfection> {
        self.rings.imperfections()
    }

    fn derived(&self, _batch: usize) -> Vec<Derived> {
        self.rings.derived()
    }

    fn output_shape(&self) -> Vec<usize> {
        self.output.to_vec()
    }

    fn actuate(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        self.rings.actuate(plan, io)
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        convolution::forward(plan, &self.shape, &io.input, &self.taps(self.rings.weight(io))?, None, &io.output)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let partials = convolution::partials(plan.gpu(), &self.shape, io.input.shape()[0])?;
        let d_weight = self.taps(self.rings.d_weight(io))?;
        convolution::backward_weight(plan, &self.shape, &io.input, &io.d_output, &partials, &d_weight)?;
        self.rings.backward(plan, io)?;
        match &io.d_input {
            Some(d_input) => {
                let weight = self.taps(self.rings.weight(io))?;
                convolution::backward_input(plan, &self.shape, &weight, &io.d_output, d_input)
            }
            None => Ok(()),
        }
    }

    fn prune(&self, plan: &mut PlanBuilder<'_>, io: &Io, strength: f32) -> Result<(), Error> {
        self.rings.prune(plan, io, strength)
    }
}
