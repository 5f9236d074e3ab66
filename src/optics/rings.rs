//! The rings behind the weights of a layer: how they are set, what may be wrong with them, and their gradient. Dense
//! layers and convolutions use the same.

use super::RingRecipe;
use super::ring_recipe::{ActuatorKind, StartSign};
use crate::gpu::{Error, PlanBuilder, Scalar, Slice};
use crate::layer::{Cause, Derived, Imperfection, Io, Parameter, Role, Start};
use crate::ops::actuator::Actuator;
use crate::ops::microring::About;
use crate::ops::{microring, slope, sum};

/// Places of a layer's tensors that belong to its rings; a layer's own come after them.
const CONTROL: usize = 0;
const WEIGHT: usize = 0;
const D_WEIGHT: usize = 1;
const DETUNING: usize = 2;
const D_DETUNING: usize = 3;
/// Places of what may be wrong with the rings.
const OFFSET: usize = 0;
const TEMPERATURE: usize = 1;
const WIDTH: usize = 2;
const CONTRAST: usize = 3;
const CROSSTALK: usize = 4;

/// Rings `[outputs, inputs]`, one a weight. Rings of an output are neighbours, of heat and on a bus, in the order of its
/// inputs.
#[derive(Clone, Debug)]
pub(super) struct Rings {
    pub(super) recipe: RingRecipe,
    actuator: Option<Actuator>,
    inputs: usize,
}

impl Rings {
    /// Rings of a layer with so many inputs to an output.
    pub(super) fn new(recipe: RingRecipe, inputs: usize) -> Result<Self, String> {
        recipe.check()?;
        Ok(Self { actuator: recipe.actuator(), recipe, inputs })
    }

    fn shape(&self) -> Vec<usize> {
        vec![self.recipe.outputs, self.inputs]
    }

    /// The actuator with what it makes: control, change of crosstalk, detuning and its gradient.
    fn actuated<'a>(&self, io: &'a Io) -> Option<(&Actuator, [&'a Slice; 4])> {
        let slices = |actuator| {
            let [detuning, d_detuning] = [&io.derived[DETUNING], &io.derived[D_DETUNING]];
            (actuator, [&io.parameters[CONTROL], &io.imperfections[CROSSTALK], detuning, d_detuning])
        };
        self.actuator.as_ref().map(slices)
    }

    fn state<'a>(&self, io: &'a Io) -> microring::State<'a> {
        let [offset, temperature, width, contrast] =
            [OFFSET, TEMPERATURE, WIDTH, CONTRAST].map(|place| &io.imperfections[place]);
        let detuning = self.actuated(io).map_or(&io.parameters[CONTROL], |(_, [_, _, detuning, _])| detuning);
        microring::State { detuning, offset, temperature, width, contrast }
    }

    /// What sets the rings.
    pub(super) fn parameter(&self) -> Parameter {
        let (name, unit) = match self.recipe.actuator {
            ActuatorKind::Direct => ("detuning", "nm"),
            ActuatorKind::Linear | ActuatorKind::Joule => ("current", "mA"),
        };
        Parameter {
            name: name.into(),
            shape: self.shape(),
            unit,
            bounds: self.recipe.range.map(|detuning| self.recipe.control(detuning)),
            start: self.start(),
            role: Role::Control,
        }
    }

    /// Controls whose detunings start uniformly on one side of the resonance, or on both.
    fn start(&self) -> Start {
        let square = self.recipe.actuator == ActuatorKind::Joule;
        let control = |ends: [f32; 2]| ends.map(|detuning| self.recipe.control(detuning));
        match (self.recipe.start_sides().map(control), self.recipe.start_sign) {
            ([[first, last], _], StartSign::Positive) | ([_, [first, last]], StartSign::Negative) => {
                if square {
                    Start::UniformSquare(first, last)
                } else {
                    Start::Uniform(first, last)
                }
            }
            (sides, sign) => Start::Either { sides, square, turns: sign == StartSign::Alternate },
        }
    }

    /// What may be wrong with the rings.
    pub(super) fn imperfections(&self) -> Vec<Imperfection> {
        let mut all = vec![
            Imperfection { name: "ring_offset", shape: self.shape(), unit: "nm", cause: Cause::Element, limit: None },
            Imperfection { name: "temperature", shape: vec![1], unit: "K", cause: Cause::Common, limit: None },
            Imperfection { name: "ring_width", shape: self.shape(), unit: "", cause: Cause::Element, limit: None },
            Imperfection { name: "ring_contrast", shape: self.shape(), unit: "", cause: Cause::Element, limit: None },
        ];
        if self.actuator.is_some() {
            all.push(Imperfection { name: "crosstalk", shape: vec![1], unit: "", cause: Cause::Common, limit: None });
        }
        all
    }

    /// Weights, and what stands between them and the controls.
    pub(super) fn derived(&self) -> Vec<Derived> {
        let mut names = vec!["weight", "d_weight"];
        if self.actuator.is_some() {
            names.extend(["detuning", "d_detuning"]);
        }
        let mut all: Vec<_> = names.into_iter().map(|name| Derived { name, shape: self.shape() }).collect();
        // The last one of the rings; `backward` finds it there.
        if let Some(bank) = self.recipe.bank() {
            all.push(Derived { name: "terms", shape: [self.shape(), vec![bank.size]].concat() });
        }
        all
    }

    /// Weights `[outputs, inputs]` of the rings as they are set and built.
    pub(super) fn weight<'a>(&self, io: &'a Io) -> &'a Slice {
        &io.derived[WEIGHT]
    }

    /// Where the layer puts the gradient of the weights.
    pub(super) fn d_weight<'a>(&self, io: &'a Io) -> &'a Slice {
        &io.derived[D_WEIGHT]
    }

    /// Controls to weights.
    pub(super) fn actuate(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        if let Some((actuator, [control, change, detuning, _])) = self.actuated(io) {
            actuator.forward(plan, control, change, detuning)?;
        }
        match self.recipe.bank() {
            Some(bank) => bank.forward(plan, self.state(io), self.weight(io)),
            None => self.recipe.ring().forward(plan, self.state(io), self.weight(io)),
        }
    }

    /// Gradient of the weights to that of the controls, and of those imperfections that are asked for.
    pub(super) fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let d_detuning = self.d_detuning(io);
        self.ring_backward(plan, io, About::Detuning, d_detuning)?;
        // What shifts a resonance has the gradient of its detuning.
        let built = [(OFFSET, About::Detuning), (WIDTH, About::Width), (CONTRAST, About::Contrast)];
        for (gradient, about) in built.into_iter().filter_map(|(place, about)| Some((io.d_imperfection(place)?, about)))
        {
            self.ring_backward(plan, io, about, gradient)?;
        }
        if let Some(d_temperature) = io.d_imperfection(TEMPERATURE) {
            let partials = sum::partials(plan.gpu())?;
            sum::forward(plan, self.recipe.drift, d_detuning, &partials, d_temperature, false)?;
        }
        if let Some((d_change, (actuator, [control, ..]))) = io.d_imperfection(CROSSTALK).zip(self.actuated(io)) {
            actuator.backward_change(plan, control, d_detuning, d_change)?;
        }
        self.control_backward(plan, io)
    }

    /// Gradient of the weights to one of the rings.
    fn ring_backward(&self, plan: &mut PlanBuilder<'_>, io: &Io, about: About, gradient: &Slice) -> Result<(), Error> {
        let (state, d_weight) = (self.state(io), self.d_weight(io));
        match (self.recipe.bank(), io.derived.get(self.derived().len() - 1)) {
            (Some(bank), Some(terms)) => bank.backward(plan, about, state, d_weight, terms, gradient),
            _ => self.recipe.ring().backward(plan, about, state, d_weight, gradient),
        }
    }

    /// Whether there is a gradient of an imperfection: of all that rings have.
    pub(super) fn has_gradient(&self, imperfection: &str) -> bool {
        self.imperfections().iter().any(|spec| spec.name == imperfection)
    }

    /// Adds the penalty on steep weights to what `backward` left: to the gradient of the detunings, whose way to the
    /// controls is gone again.
    pub(super) fn prune(&self, plan: &mut PlanBuilder<'_>, io: &Io, strength: f32) -> Result<(), Error> {
        let (ring, state, d_detuning) = (self.recipe.ring(), self.state(io), self.d_detuning(io));
        let partials = slope::partials(plan.gpu(), d_detuning.len())?;
        let norm = plan.gpu().zeros("steepness", &[1], Scalar::F32)?;
        ring.steepness(plan, state, &partials, &norm)?;
        ring.penalty(plan, state, strength, &norm, d_detuning)?;
        self.control_backward(plan, io)
    }

    /// Gradient of the detunings; where they are the controls it is theirs.
    fn d_detuning<'a>(&self, io: &'a Io) -> &'a Slice {
        self.actuated(io).map_or(&io.gradients[CONTROL], |(_, [_, _, _, d_detuning])| d_detuning)
    }

    /// Gradient of the detunings to that of the controls.
    fn control_backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        match self.actuated(io) {
            Some((actuator, [control, change, _, d_detuning])) => {
                actuator.backward(plan, control, change, d_detuning, &io.gradients[CONTROL])
            }
            None => Ok(()),
        }
    }
}
