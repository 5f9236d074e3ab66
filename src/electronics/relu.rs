//! The rectifier between two photonic layers.

use crate::gpu::{Error, PlanBuilder};
use crate::layer::{Io, Layer, Pass};
use crate::ops::relu;

/// y = max(x, 0), element by element.
#[derive(Clone, Debug)]
pub struct Relu {
    shape: Vec<usize>,
}

impl Relu {
    /// A rectifier for samples of this shape.
    pub fn new(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec() }
    }
}

impl Layer for Relu {
    fn output_shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        relu::forward(plan, &io.input, &io.output)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        match &io.d_input {
            Some(d_input) => relu::backward(plan, &io.output, &io.d_output, d_input),
            None => Ok(()),
        }
    }
}
