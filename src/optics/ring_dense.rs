//! A dense layer whose every weight is the transmission of one add-drop microring.

use super::RingRecipe;
use super::rings::Rings;
use crate::gpu::{Error, PlanBuilder, Slice};
use crate::layer::{Cause, Derived, Imperfection, Io, Layer, Parameter, Pass, Role, Start};
use crate::ops::detect::Detector;
use crate::ops::{bias, matmul};
use crate::random;

/// y `[batch, outputs]` = W(x) applied to the input, plus a bias.
#[derive(Clone, Debug)]
pub struct RingDense {
    rings: Rings,
    detector: Option<Detector>,
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
        let detector = recipe.detector();
        Ok(Self { rings: Rings::new(recipe, input_shape.iter().product())?, detector })
    }

    /// The detectors, and the deviation of their noise, which is the last imperfection.
    fn detected<'a>(&self, io: &'a Io) -> Option<(&Detector, &'a Slice)> {
        self.detector.as_ref().zip(io.imperfections.last())
    }
}

impl Layer for RingDense {
    fn parameters(&self) -> Vec<Parameter> {
        let bias = Parameter {
            name: "bias",
            shape: vec![self.rings.recipe.outputs],
            unit: "",
            bounds: [f32::MIN, f32::MAX],
            start: Start::Constant(0.0),
            role: Role::Digital,
        };
        vec![self.rings.parameter(), bias]
    }

    fn imperfections(&self) -> Vec<Imperfection> {
        let mut all = self.rings.imperfections();
        if self.detector.is_some() {
            all.push(Imperfection { name: "detection_noise", shape: vec![1], unit: "", cause: Cause::Sample });
        }
        all
    }

    fn derived(&self, _batch: usize) -> Vec<Derived> {
        self.rings.derived()
    }

    fn output_shape(&self) -> Vec<usize> {
        vec![self.rings.recipe.outputs]
    }

    fn actuate(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        self.rings.actuate(plan, io)
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        let (weight, bias) = (self.rings.weight(io), &io.parameters[1]);
        let Some((detector, noise)) = self.detected(io) else {
            return matmul::abt(plan, &io.input, weight, Some(bias), &io.output);
        };
        matmul::abt(plan, &io.input, weight, None, &io.output)?;
        detector.forward(plan, &io.clock, random::stream(noise.name()), noise, bias, &io.output)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        matmul::atb(plan, &io.d_output, &io.input, self.rings.d_weight(io))?;
        self.rings.backward(plan, io)?;
        bias::backward(plan, &io.d_output, &io.gradients[1])?;
        match &io.d_input {
            Some(d_input) => matmul::ab(plan, &io.d_output, self.rings.weight(io), d_input),
            None => Ok(()),
        }
    }

    fn prune(&self, plan: &mut PlanBuilder<'_>, io: &Io, strength: f32) -> Result<(), Error> {
        self.rings.prune(plan, io, strength)
    }
}
