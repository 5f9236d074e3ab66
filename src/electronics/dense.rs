//! A dense layer of ordinary weights, such as a digital front end of photonic layers.

use serde::{Deserialize, Serialize};

use crate::gpu::{Error, PlanBuilder};
use crate::layer::{Io, Layer, Parameter, Pass, Role, Start};
use crate::ops::{bias, matmul};

/// Keys of a `dense` layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseRecipe {
    /// Name of the layer; `dense1`, `dense2`, ... if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of outputs.
    pub outputs: usize,
    /// Whether every output has a bias.
    #[serde(default = "default_bias")]
    pub bias: bool,
}

pub(super) fn default_bias() -> bool {
    true
}

impl DenseRecipe {
    /// So many outputs, with a bias.
    pub fn new(outputs: usize) -> Self {
        Self { name: None, outputs, bias: default_bias() }
    }
}

/// y `[batch, outputs]` = x W' plus a bias, W `[outputs, inputs]`.
#[derive(Clone, Debug)]
pub struct Dense {
    recipe: DenseRecipe,
    inputs: usize,
}

impl Dense {
    /// A layer for samples of this shape, which are flattened.
    ///
    /// # Errors
    /// One line about the key that is out of its range.
    pub fn new(recipe: DenseRecipe, input_shape: &[usize]) -> Result<Self, String> {
        if recipe.outputs == 0 {
            return Err("`outputs` must be at least 1".to_owned());
        }
        Ok(Self { recipe, inputs: input_shape.iter().product() })
    }
}

/// Weights `[outputs, inputs]`, and a bias `[outputs]` if there is one. Both start uniformly within 1/sqrt(inputs) of 0, as in
/// PyTorch (documentation of `torch.nn.Linear` and `torch.nn.Conv2d`), where inputs are those of one output.
pub(super) fn parameters(outputs: usize, inputs: usize, bias: bool) -> Vec<Parameter> {
    let reach = 1.0 / (inputs as f32).sqrt();
    let digital = |name: &'static str, shape| Parameter {
        name: name.into(),
        shape,
        unit: "",
        bounds: [f32::MIN, f32::MAX],
        start: Start::Uniform(-reach, reach),
        role: Role::Digital,
    };
    let bias = bias.then(|| digital("bias", vec![outputs]));
    [digital("weight", vec![outputs, inputs])].into_iter().chain(bias).collect()
}

impl Layer for Dense {
    fn parameters(&self) -> Vec<Parameter> {
        parameters(self.recipe.outputs, self.inputs, self.recipe.bias)
    }

    fn output_shape(&self) -> Vec<usize> {
        vec![self.recipe.outputs]
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        matmul::abt(plan, &io.input, &io.parameters[0], io.parameters.get(1), &io.output)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        matmul::atb(plan, &io.d_output, &io.input, &io.gradients[0])?;
        if let Some(d_bias) = io.gradients.get(1) {
            bias::backward(plan, &io.d_output, d_bias)?;
        }
        match &io.d_input {
            Some(d_input) => matmul::ab(plan, &io.d_output, &io.parameters[0], d_input),
            None => Ok(()),
        }
    }
}
