//! Normalization between photonic layers. A norm over the outputs removes what moves all of them together, such as a
//! common temperature.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use crate::gpu::{Error, PlanBuilder};
use crate::layer::{Derived, Io, Layer, Parameter, Pass, Role, STATISTICS, Start};
use crate::ops::normalization::{Gradients, Normalization, Over, Pooled, Scratch, State};
use crate::ops::pool;

/// Keys of a `batch-norm`, `layer-norm` or `group-norm` layer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormRecipe {
    /// For `group-norm`: number of equal groups of channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// Added to the variance.
    #[serde(default = "default_epsilon")]
    pub epsilon: f32,
    /// For `batch-norm`: share of the batch in the running statistics.
    #[serde(default = "default_momentum")]
    pub momentum: f32,
}

// The defaults of PyTorch, which the published networks use.
fn default_epsilon() -> f32 {
    1e-5
}
fn default_momentum() -> f32 {
    0.1
}

impl Default for NormRecipe {
    fn default() -> Self {
        Self { groups: None, epsilon: default_epsilon(), momentum: default_momentum() }
    }
}

/// What a layer normalises over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// Each channel, over batch and positions; inference uses running statistics.
    Batch,
    /// Each position of each sample, over the channels; of a flat input, over all its features.
    Layer,
    /// Each group of channels of each sample, over these channels and the positions.
    Group,
}

/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with gain and shift of every channel.
#[derive(Clone, Debug)]
pub struct Norm {
    over: Over,
    recipe: NormRecipe,
    shape: Vec<usize>,
    channels: usize,
    positions: usize,
    rectify: bool,
    /// Windows of a max-pool behind it, which halve the images.
    windows: Option<pool::Shape>,
    /// Room for sums, shared by all passes that are recorded.
    scratch: RefCell<Option<(usize, Scratch)>>,
}

impl Norm {
    /// A layer for samples `[channels, height, width]`, `[height, width]` (one channel) or `[features]`.
    ///
    /// # Errors
    /// One line about the key that is out of its range.
    pub fn new(kind: NormKind, recipe: NormRecipe, shape: &[usize]) -> Result<Self, String> {
        let (channels, positions) = match *shape {
            [channels, height, width] => (channels, height * width),
            [height, width] => (1, height * width),
            _ => (shape.iter().product(), 1),
        };
        if !(recipe.epsilon.is_finite() && recipe.epsilon > 0.0) {
            return Err(format!("`epsilon` must be above 0, not {}", recipe.epsilon));
        }
        if !(recipe.momentum > 0.0 && recipe.momentum <= 1.0) {
            return Err(format!("`momentum` must be above 0 and at most 1, not {}", recipe.momentum));
        }
        let over = match (kind, recipe.groups) {
            (NormKind::Batch, None) => Over::Batch,
            (NormKind::Layer, None) => Over::Layer,
            (NormKind::Group, Some(groups)) if groups > 0 && channels.is_multiple_of(groups) => Over::Group(groups),
            (NormKind::Group, Some(groups)) => {
                return Err(format!("`groups` must divide the {channels} channels, not {groups}"));
            }
            (NormKind::Group, None) => return Err("`groups` is missing: a group-norm needs their number".to_owned()),
            (_, Some(_)) => return Err("`groups` belongs to group-norm only".to_owned()),
        };
        Ok(Self {
            over,
            recipe,
            shape: shape.to_vec(),
            channels,
            positions,
            rectify: false,
            windows: None,
            scratch: RefCell::default(),
        })
    }

    fn norm(&self, batch: usize) -> Normalization {
        let (over, channels, positions, epsilon) = (self.over, self.channels, self.positions, self.recipe.epsilon);
        Normalization { over, batch, channels, positions, epsilon, rectify: self.rectify }
    }

    fn with_pool(&self, norm: Normalization) -> Option<Pooled> {
        self.windows.map(|windows| Pooled { norm, image: [windows.output_height(), windows.output_width()] })
    }

    fn scratch(&self, plan: &PlanBuilder<'_>, norm: &Normalization) -> Result<Scratch, Error> {
        let mut kept = self.scratch.borrow_mut();
        let scratch = match kept.take() {
            Some((batch, scratch)) if batch == norm.batch => scratch,
            _ => match self.with_pool(*norm) {
                Some(pooled) => pooled.scratch(plan.gpu())?,
                None => norm.scratch(plan.gpu())?,
            },
        };
        Ok(kept.insert((norm.batch, scratch)).1.clone())
    }

    /// What the passes read: by the batch, or by what is kept.
    fn state<'a>(&self, io: &'a Io, pass: Pass) -> State<'a> {
        let kept = self.over == Over::Batch && pass == Pass::Inference;
        State {
            clock: &io.clock,
            x: &io.input,
            gamma: &io.parameters[0],
            beta: &io.parameters[1],
            statistics: if kept { &io.parameters[2] } else { &io.derived[0] },
        }
    }
}

impl Layer for Norm {
    fn parameters(&self) -> Vec<Parameter> {
        let digital = |name: &'static str, start| Parameter {
            name: name.into(),
            shape: vec![self.channels],
            unit: "",
            bounds: [f32::MIN, f32::MAX],
            start: Start::Constant(start),
            role: Role::Digital,
        };
        let mut all = vec![digital("gamma", 1.0), digital("beta", 0.0)];
        if self.over == Over::Batch {
            all.push(Parameter {
                shape: vec![self.channels, 2],
                // Mean and variance of every channel.
                start: Start::Pairs(0.0, 1.0),
                role: Role::Statistic,
                ..digital(STATISTICS, 0.0)
            });
        }
        all
    }

    fn derived(&self, batch: usize) -> Vec<Derived> {
        let statistics = Derived { name: "statistics of the batch", shape: vec![self.norm(batch).populations(), 2] };
        let extremes = self.windows.map(|windows| {
            let shape = vec![batch, windows.output().iter().product()];
            Derived { name: "extremes of windows", shape }
        });
        [statistics].into_iter().chain(extremes).collect()
    }

    fn output_shape(&self) -> Vec<usize> {
        self.windows.map_or_else(|| self.shape.clone(), |windows| windows.output().to_vec())
    }

    fn rectified(&self) -> Option<Box<dyn Layer>> {
        (!self.rectify)
            .then(|| Box::new(Self { rectify: true, scratch: RefCell::default(), ..self.clone() }) as Box<dyn Layer>)
    }

    fn pooled(&self, windows: &pool::Shape) -> Option<Box<dyn Layer>> {
        (self.over == Over::Batch && self.windows.is_none() && windows.halves()).then(|| {
            Box::new(Self { windows: Some(*windows), scratch: RefCell::default(), ..self.clone() }) as Box<dyn Layer>
        })
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, pass: Pass) -> Result<(), Error> {
        let norm = self.norm(io.input.shape()[0]);
        let state = self.state(io, pass);
        match self.with_pool(norm) {
            Some(pooled) => {
                // Finds the extremes as well, which inference needs too.
                pooled.statistics(plan, self.state(io, Pass::First), &self.scratch(plan, &norm)?, &io.derived[1])?;
                pooled.forward(plan, state, &io.derived[1], &io.output)?;
            }
            None => {
                if self.over != Over::Batch || pass != Pass::Inference {
                    norm.statistics(plan, state, &self.scratch(plan, &norm)?)?;
                }
                norm.forward(plan, state, &io.output)?;
            }
        }
        let momentum = match pass {
            Pass::First => Some(self.recipe.momentum),
            Pass::Recalibrate => None,
            Pass::Again | Pass::Inference => return Ok(()),
        };
        if self.over == Over::Batch {
            norm.track(plan, &io.clock, momentum, &io.derived[0], &io.parameters[2])?;
        }
        Ok(())
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let norm = self.norm(io.input.shape()[0]);
        let gradients = Gradients { x: io.d_input.as_ref(), gamma: &io.gradients[0], beta: &io.gradients[1] };
        let scratch = self.scratch(plan, &norm)?;
        let state = self.state(io, Pass::First);
        match self.with_pool(norm) {
            Some(pooled) => pooled.backward(plan, state, &io.derived[1], &scratch, &io.d_output, gradients),
            None => norm.backward(plan, state, &scratch, &io.d_output, gradients),
        }
    }
}
