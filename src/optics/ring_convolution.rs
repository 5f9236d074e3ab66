//! A convolution whose every weight is the transmission of one add-drop microring.

use super::RingRecipe;
use super::readout::Readout;
use super::rings::Rings;
use crate::gpu::{Error, PlanBuilder, Slice};
use crate::layer::{self, Derived, Imperfection, Io, Layer, Parameter, Pass};
use crate::ops::convolution::{self, Shape};

/// y `[batch, outputs * height * width]` = G D(the images convolved with W(x)): detectors D and gain G where the recipe has
/// them, no bias: a norm or a bias of the next layer takes its place.
#[derive(Clone, Debug)]
pub struct RingConvolution {
    rings: Rings,
    readout: Readout,
    shape: Shape,
    output: [usize; 3],
}

impl RingConvolution {
    /// A layer for images `[channels, height, width]`, or `[height, width]` of one channel.
    ///
    /// # Errors
    /// One line about the key that is out of its range, or samples that are no images.
    pub fn new(recipe: RingRecipe, input_shape: &[usize]) -> Result<Self, String> {
        let kernel = recipe.kernel.ok_or("`kernel` is missing: the side of the square kernel, pixels")?;
        let (stride, padding) = (recipe.stride.unwrap_or(1), recipe.padding.unwrap_or(0));
        let (shape, output) = layer::convolution(input_shape, recipe.outputs, kernel, stride, padding)?;
        let readout = Readout::new(recipe.full_scale, recipe.adc_bits, recipe.gain, recipe.trainable_gain);
        let [_, taps @ ..] = shape.weight();
        let rings = Rings::new(recipe, taps.iter().product())?;
        Ok(Self { rings, readout, shape, output })
    }

    /// Weights as the kernels take them: `[outputs, channels, kernel, kernel]`.
    fn taps(&self, weight: &Slice) -> Result<Slice, Error> {
        weight.reshape(&self.shape.weight())
    }
}

impl Layer for RingConvolution {
    fn parameters(&self) -> Vec<Parameter> {
        [self.rings.parameter()].into_iter().chain(self.readout.parameter()).collect()
    }

    fn imperfections(&self) -> Vec<Imperfection> {
        self.rings.imperfections().into_iter().chain(self.readout.imperfection()).collect()
    }

    fn has_gradient(&self, imperfection: &str) -> bool {
        self.rings.has_gradient(imperfection)
    }

    fn derived(&self, batch: usize) -> Vec<Derived> {
        [self.rings.derived(), self.readout.derived(batch, self.output.iter().product())].concat()
    }

    fn output_shape(&self) -> Vec<usize> {
        self.output.to_vec()
    }

    fn actuate(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        self.rings.actuate(plan, io)
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        let (taps, light) = (self.taps(self.rings.weight(io))?, self.readout.light(io));
        convolution::forward(plan, &self.shape, &io.input, &taps, None, light)?;
        self.readout.forward(plan, io, None)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let partials = convolution::partials(plan.gpu(), &self.shape, io.input.shape()[0])?;
        let d_weight = self.taps(self.rings.d_weight(io))?;
        let d_light = self.readout.backward(plan, io)?;
        convolution::backward_weight(plan, &self.shape, &io.input, d_light, &partials, &d_weight, None)?;
        self.rings.backward(plan, io)?;
        match &io.d_input {
            Some(d_input) => {
                let weight = self.taps(self.rings.weight(io))?;
                convolution::backward_input(plan, &self.shape, &weight, d_light, d_input)
            }
            None => Ok(()),
        }
    }

    fn prune(&self, plan: &mut PlanBuilder<'_>, io: &Io, strength: f32) -> Result<(), Error> {
        self.rings.prune(plan, io, strength)
    }
}
