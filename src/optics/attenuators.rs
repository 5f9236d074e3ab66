//! Attenuators between two meshes: the singular values of the form U S V'.

use serde::{Deserialize, Serialize};

use super::mesh::{columns, field};
use crate::gpu::{Error, PlanBuilder};
use crate::layer::{Derived, Io, Layer, Parameter, Pass, Role, Start};
use crate::mesh::Layout;
use crate::ops::ports;

/// Keys of an `attenuators` layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttenuatorRecipe {
    /// Name of the layer; `attenuators1`, `attenuators2`, ... if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Modes behind the attenuators; as many as before them if left out. Light in modes past these is lost, modes past the
    /// inputs are dark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<usize>,
    /// Whether they are trained; they let everything through if not.
    #[serde(default = "yes")]
    pub trainable: bool,
}

pub(super) fn yes() -> bool {
    true
}

/// Fields `[batch, outputs, 2]` of fields `[batch, inputs, 2]`, every mode that both have times a transmission of 0 to 1.
#[derive(Clone, Copy, Debug)]
pub struct Attenuators {
    inputs: usize,
    outputs: usize,
    trainable: bool,
}

impl Attenuators {
    /// A layer for samples of this shape, which are fields `[modes, 2]`.
    ///
    /// # Errors
    /// One line about what does not fit.
    pub fn new(recipe: &AttenuatorRecipe, input_shape: &[usize]) -> Result<Self, String> {
        let &[inputs, 2] = input_shape else {
            return Err(format!(
                "`type`: attenuators take fields [modes, 2], not {input_shape:?}; let the mesh before have `output = \"field\"`"
            ));
        };
        let outputs = recipe.outputs.unwrap_or(inputs);
        columns("outputs", outputs, Layout::default())?;
        Ok(Self { inputs, outputs, trainable: recipe.trainable })
    }
}

impl Layer for Attenuators {
    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter {
            name: "transmission".into(),
            shape: vec![self.inputs.min(self.outputs)],
            unit: "",
            bounds: [0.0, 1.0],
            start: Start::Constant(1.0),
            role: if self.trainable { Role::Control } else { Role::Statistic },
        }]
    }

    fn derived(&self, batch: usize) -> Vec<Derived> {
        let shared = self.inputs.min(self.outputs);
        vec![
            Derived { name: "partials", shape: ports::partials(batch, shared).to_vec() },
            Derived { name: "d_field", shape: vec![batch, self.inputs, 2] },
            Derived { name: "d_transmission", shape: vec![shared] },
        ]
    }

    fn output_shape(&self) -> Vec<usize> {
        vec![self.outputs, 2]
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        let (before, behind) = (field(&io.input, self.inputs)?, field(&io.output, self.outputs)?);
        ports::attenuate(plan, &before, &io.parameters[0], &behind)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let [partials, d_field, d_transmission] = [0, 1, 2].map(|place| &io.derived[place]);
        let d_input = io.d_input.as_ref().map(|slice| field(slice, self.inputs)).transpose()?;
        let (before, d_behind) = (field(&io.input, self.inputs)?, field(&io.d_output, self.outputs)?);
        // The gradient of a parameter that is not trained stays 0.
        let d_factor = if self.trainable { &io.gradients[0] } else { d_transmission };
        let d_field = d_input.as_ref().unwrap_or(d_field);
        ports::attenuate_backward(plan, &before, &io.parameters[0], &d_behind, partials, d_field, d_factor)
    }
}
