//! A convolution of ordinary weights, such as a digital front end of photonic layers.

use serde::{Deserialize, Serialize};

use super::dense::{default_bias, parameters};
use crate::gpu::{Error, PlanBuilder, Slice};
use crate::layer::{self, Io, Layer, Parameter, Pass};
use crate::ops::convolution::{self, Shape};

/// Keys of a `convolution` layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionRecipe {
    /// Name of the layer; `convolution1`, `convolution2`, ... if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of output channels.
    pub outputs: usize,
    /// Side of the square kernel, pixels.
    pub kernel: usize,
    /// From one output to the next, pixels.
    #[serde(default = "default_stride")]
    pub stride: usize,
    /// Zeros on every side of an image, pixels.
    #[serde(default)]
    pub padding: usize,
    /// Whether every output channel has a bias.
    #[serde(default = "default_bias")]
    pub bias: bool,
}

fn default_stride() -> usize {
    1
}

impl ConvolutionRecipe {
    /// So many output channels and pixels of a kernel's side, with a bias.
    pub fn new(outputs: usize, kernel: usize) -> Self {
        Self { name: None, outputs, kernel, stride: default_stride(), padding: 0, bias: default_bias() }
    }
}

/// y `[batch, outputs * height * width]` = the images convolved with W, plus a bias of each output channel. W is
/// `[outputs, inputs]`, the inputs of an output being the channels of an image one after the other, each row by row of the
/// kernel.
#[derive(Clone, Debug)]
pub struct Convolution {
    shape: Shape,
    output: [usize; 3],
    bias: bool,
}

impl Convolution {
    /// A layer for images `[channels, height, width]`, or `[height, width]` of one channel.
    ///
    /// # Errors
    /// One line about the key that is out of its range, or samples that are no images.
    pub fn new(recipe: &ConvolutionRecipe, input_shape: &[usize]) -> Result<Self, String> {
        let ConvolutionRecipe { outputs, kernel, stride, padding, bias, .. } = *recipe;
        let (shape, output) = layer::convolution(input_shape, outputs, kernel, stride, padding)?;
        Ok(Self { shape, output, bias })
    }

    /// Weights as the kernels take them: `[outputs, channels, kernel, kernel]`.
    fn taps(&self, weight: &Slice) -> Result<Slice, Error> {
        weight.reshape(&self.shape.weight())
    }
}

impl Layer for Convolution {
    fn parameters(&self) -> Vec<Parameter> {
        let [outputs, taps @ ..] = self.shape.weight();
        parameters(outputs, taps.iter().product(), self.bias)
    }

    fn output_shape(&self) -> Vec<usize> {
        self.output.to_vec()
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        let weight = self.taps(&io.parameters[0])?;
        convolution::forward(plan, &self.shape, &io.input, &weight, io.parameters.get(1), &io.output)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let partials = convolution::partials(plan.gpu(), &self.shape, io.input.shape()[0])?;
        let d_weight = self.taps(&io.gradients[0])?;
        convolution::backward_weight(
            plan,
            &self.shape,
            &io.input,
            &io.d_output,
            &partials,
            &d_weight,
            io.gradients.get(1),
        )?;
        match &io.d_input {
            Some(d_input) => {
                let weight = self.taps(&io.parameters[0])?;
                convolution::backward_input(plan, &self.shape, &weight, &io.d_output, d_input)
            }
            None => Ok(()),
        }
    }
}
