//! A dense layer whose every weight is the transmission of one add-drop microring.

use super::RingRecipe;
use super::readout::Readout;
use super::rings::Rings;
use crate::gpu::{Error, PlanBuilder};
use crate::layer::{Derived, Imperfection, Io, Layer, Parameter, Pass, Role, Start};
use crate::ops::{bias, matmul};

/// y `[batch, outputs]` = G D(W(x) applied to the input) plus a bias: detectors D and gain G where the recipe has them.
#[derive(Clone, Debug)]
pub struct RingDense {
    rings: Rings,
    readout: Readout,
}

impl RingDense {
    /// A layer for samples of this shape, which are flattened.
    ///
    /// # Errors
    /// One line about the key that is out of its range.
    pub fn new(recipe: RingRecipe, input_shape: &[usize]) -> Result<Self, String> {
        for (key, value) in [("kernel", recipe.kernel), ("stride", recipe.stride), ("padding", recipe.padding)] {
            if value.is_some() {
                return Err(format!("`{key}` belongs to ring-convolution only"));
            }
        }
        let readout = Readout::new(recipe.full_scale, recipe.adc_bits, recipe.gain, recipe.trainable_gain);
        Ok(Self { rings: Rings::new(recipe, input_shape.iter().product())?, readout })
    }
}

impl Layer for RingDense {
    fn parameters(&self) -> Vec<Parameter> {
        let bias = Parameter {
            name: "bias".into(),
            shape: vec![self.rings.recipe.outputs],
            unit: "",
            bounds: [f32::MIN, f32::MAX],
            start: Start::Constant(0.0),
            role: Role::Digital,
        };
        [self.rings.parameter(), bias].into_iter().chain(self.readout.parameter()).collect()
    }

    fn imperfections(&self) -> Vec<Imperfection> {
        self.rings.imperfections().into_iter().chain(self.readout.imperfection()).collect()
    }

    fn has_gradient(&self, imperfection: &str) -> bool {
        self.rings.has_gradient(imperfection)
    }

    fn derived(&self, batch: usize) -> Vec<Derived> {
        [self.rings.derived(), self.readout.derived(batch, self.rings.recipe.outputs)].concat()
    }

    fn output_shape(&self) -> Vec<usize> {
        vec![self.rings.recipe.outputs]
    }

    fn actuate(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        self.rings.actuate(plan, io)
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        let (weight, bias) = (self.rings.weight(io), &io.parameters[1]);
        if self.readout.is_plain() {
            return matmul::abt(plan, &io.input, weight, Some(bias), &io.output);
        }
        matmul::abt(plan, &io.input, weight, None, self.readout.light(io))?;
        self.readout.forward(plan, io, Some(bias))
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let d_light = self.readout.backward(plan, io)?;
        matmul::atb(plan, d_light, &io.input, self.rings.d_weight(io))?;
        self.rings.backward(plan, io)?;
        bias::backward(plan, &io.d_output, &io.gradients[1])?;
        match &io.d_input {
            Some(d_input) => matmul::ab(plan, d_light, self.rings.weight(io), d_input),
            None => Ok(()),
        }
    }

    fn prune(&self, plan: &mut PlanBuilder<'_>, io: &Io, strength: f32) -> Result<(), Error> {
        self.rings.prune(plan, io, strength)
    }
}
