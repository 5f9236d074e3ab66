//! A dense layer whose every weight is the transmission of one add-drop microring.

use super::RingRecipe;
use super::ring_recipe::ActuatorKind;
use crate::gpu::{Error, PlanBuilder, Slice};
use crate::layer::{Cause, Derived, Imperfection, Io, Layer, Parameter, Pass, Role, Start};
use crate::ops::actuator::Actuator;
use crate::ops::detect::Detector;
use crate::ops::{bias, matmul, microring};
use crate::random;

/// y `[batch, outputs]` = W(x) applied to the input, plus a bias, with one ring a weight. Rings of an output are
/// neighbours, of heat and on a bus, in the order of its inputs.
#[derive(Clone, Debug)]
pub struct RingDense {
    recipe: RingRecipe,
    actuator: Option<Actuator>,
    detector: Option<Detector>,
    inputs: usize,
}

impl RingDense {
    /// A layer for samples of this shape, which are flattened.
    ///
    /// # Errors
    /// One line about the key that is out of its range.
    pub fn new(recipe: RingRecipe, input_shape: &[usize]) -> Result<Self, String> {
        recipe.check()?;
        Ok(Self {
            inputs: input_shape.iter().product(),
            actuator: recipe.actuator(),
            detector: recipe.detector(),
            recipe,
        })
    }

    fn shape(&self) -> Vec<usize> {
        vec![self.recipe.outputs, self.inputs]
    }

    /// The actuator with what it makes: control, change of crosstalk, detuning and its gradient.
    fn actuated<'a>(&self, io: &'a Io) -> Option<(&Actuator, [&'a Slice; 4])> {
        let slices = |actuator| (actuator, [&io.parameters[0], &io.imperfections[4], &io.derived[2], &io.derived[3]]);
        self.actuator.as_ref().map(slices)
    }

    /// The detectors, and the deviation of their noise.
    fn detected<'a>(&self, io: &'a Io) -> Option<(&Detector, &'a Slice)> {
        self.detector.as_ref().map(|detector| (detector, &io.imperfections[4 + usize::from(self.actuator.is_some())]))
    }

    fn state<'a>(&self, io: &'a Io) -> microring::State<'a> {
        let [offset, temperature, width, contrast] = [0, 1, 2, 3].map(|place| &io.imperfections[place]);
        let detuning = self.actuated(io).map_or(&io.parameters[0], |(_, [_, _, detuning, _])| detuning);
        microring::State { detuning, offset, temperature, width, contrast }
    }
}

impl Layer for RingDense {
    fn parameters(&self) -> Vec<Parameter> {
        let [first, last] = self.recipe.start.map(|detuning| self.recipe.control(detuning));
        let (name, unit, start) = match self.recipe.actuator {
            ActuatorKind::Direct => ("detuning", "nm", Start::Uniform(first, last)),
            ActuatorKind::Linear => ("current", "mA", Start::Uniform(first, last)),
            ActuatorKind::Joule => ("current", "mA", Start::UniformSquare(first, last)),
        };
        vec![
            Parameter {
                name,
                shape: self.shape(),
                unit,
                bounds: self.recipe.range.map(|detuning| self.recipe.control(detuning)),
                start,
                role: Role::Control,
            },
            Parameter {
                name: "bias",
                shape: vec![self.recipe.outputs],
                unit: "",
                bounds: [f32::MIN, f32::MAX],
                start: Start::Constant(0.0),
                role: Role::Digital,
            },
        ]
    }

    fn imperfections(&self) -> Vec<Imperfection> {
        let mut all = vec![
            Imperfection { name: "ring_offset", shape: self.shape(), unit: "nm", cause: Cause::Element },
            Imperfection { name: "temperature", shape: vec![1], unit: "K", cause: Cause::Common },
            Imperfection { name: "ring_width", shape: self.shape(), unit: "", cause: Cause::Element },
            Imperfection { name: "ring_contrast", shape: self.shape(), unit: "", cause: Cause::Element },
        ];
        // The places of these two are those of `actuated` and `detected`.
        if self.actuator.is_some() {
            all.push(Imperfection { name: "crosstalk", shape: vec![1], unit: "", cause: Cause::Common });
        }
        if self.detector.is_some() {
            all.push(Imperfection { name: "detection_noise", shape: vec![1], unit: "", cause: Cause::Sample });
        }
        all
    }

    fn derived(&self, _batch: usize) -> Vec<Derived> {
        let mut names = vec!["weight", "d_weight"];
        if self.actuator.is_some() {
            names.extend(["detuning", "d_detuning"]);
        }
        let mut all: Vec<_> = names.into_iter().map(|name| Derived { name, shape: self.shape() }).collect();
        // The last one; `backward` finds it there.
        if let Some(bank) = self.recipe.bank() {
            all.push(Derived { name: "terms", shape: [self.shape(), vec![bank.size]].concat() });
        }
        all
    }

    fn output_shape(&self) -> Vec<usize> {
        vec![self.recipe.outputs]
    }

    fn actuate(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        if let Some((actuator, [control, change, detuning, _])) = self.actuated(io) {
            actuator.forward(plan, control, change, detuning)?;
        }
        match self.recipe.bank() {
            Some(bank) => bank.forward(plan, self.state(io), &io.derived[0]),
            None => self.recipe.ring().forward(plan, self.state(io), &io.derived[0]),
        }
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        let (weight, bias) = (&io.derived[0], &io.parameters[1]);
        let Some((detector, noise)) = self.detected(io) else {
            return matmul::abt(plan, &io.input, weight, Some(bias), &io.output);
        };
        matmul::abt(plan, &io.input, weight, None, &io.output)?;
        detector.forward(plan, &io.clock, random::stream(noise.name()), noise, bias, &io.output)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let [weight, d_weight] = [&io.derived[0], &io.derived[1]];
        matmul::atb(plan, &io.d_output, &io.input, d_weight)?;
        let actuated = self.actuated(io);
        let d_detuning = actuated.map_or(&io.gradients[0], |(_, [_, _, _, d_detuning])| d_detuning);
        match (self.recipe.bank(), io.derived.last()) {
            (Some(bank), Some(terms)) => bank.backward(plan, self.state(io), d_weight, terms, d_detuning)?,
            _ => self.recipe.ring().backward(plan, self.state(io), d_weight, d_detuning)?,
        }
        if let Some((actuator, [control, change, ..])) = actuated {
            actuator.backward(plan, control, change, d_detuning, &io.gradients[0])?;
        }
        bias::backward(plan, &io.d_output, &io.gradients[1])?;
        match &io.d_input {
            Some(d_input) => matmul::ab(plan, &io.d_output, weight, d_input),
            None => Ok(()),
        }
    }
}
