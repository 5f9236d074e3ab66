//! A function of every element, between two photonic layers.

use crate::gpu::{Error, PlanBuilder};
use crate::layer::{Io, Layer, Pass};
use crate::ops::activation;

/// y = f(x), element by element.
#[derive(Clone, Debug)]
pub struct Activation {
    function: activation::Activation,
    shape: Vec<usize>,
}

impl Activation {
    /// A rectifier for samples of this shape.
    pub fn relu(shape: &[usize]) -> Self {
        Self { function: activation::Activation::Relu, shape: shape.to_vec() }
    }

    /// A logistic function for samples of this shape.
    pub fn sigmoid(shape: &[usize]) -> Self {
        Self { function: activation::Activation::Sigmoid, shape: shape.to_vec() }
    }

    /// A hyperbolic tangent for samples of this shape.
    pub fn tanh(shape: &[usize]) -> Self {
        Self { function: activation::Activation::Tanh, shape: shape.to_vec() }
    }
}

impl Layer for Activation {
    fn output_shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        self.function.forward(plan, &io.input, &io.output)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        match &io.d_input {
            Some(d_input) => self.function.backward(plan, &io.output, &io.d_output, d_input),
            None => Ok(()),
        }
    }
}
