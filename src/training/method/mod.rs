//! Training methods: each an ordered list of plans.

mod noise;
mod probe;
mod pruning;
mod sat;
mod standard;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::learner::Learner;
use super::{Error, Settings};
use crate::gpu::Plan;
use crate::layer::Pass;
use crate::network::{Device, Network, Stage};

pub(super) use noise::check_named;
pub use probe::{FiniteDifferenceSettings, SpsaSettings};
pub use pruning::PruningSettings;
pub use sat::{Neighbourhood, SatScope, SatSettings};

/// How a network is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Back-propagation on the nominal device.
    Standard,
    /// Imperfections drawn anew each step.
    Noise,
    /// A penalty on steep weights beside the loss.
    Pruning,
    /// Sharpness-aware: the gradient at the worst point nearby, of parameters or known imperfections, applied here.
    Sat,
    /// Physics-aware: forward on the device, backward on the model.
    Pat,
    /// Dual adaptive: as `pat`, with networks behind the model that learn its errors.
    Dat,
    /// Sharpness-aware with both forward passes on the device.
    SatInSitu,
    /// Without a model: by losses measured on both sides of the parameters along random directions.
    Spsa,
    /// Without a model: by losses measured on both sides of every parameter.
    FiniteDifference,
}

impl Method {
    /// Every method, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Standard,
        Self::Noise,
        Self::Pruning,
        Self::Sat,
        Self::Pat,
        Self::Dat,
        Self::SatInSitu,
        Self::Spsa,
        Self::FiniteDifference,
    ];

    /// The word that recipes and commands use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Noise => "noise",
            Self::Pruning => "pruning",
            Self::Sat => "sat",
            Self::Pat => "pat",
            Self::Dat => "dat",
            Self::SatInSitu => "sat-in-situ",
            Self::Spsa => "spsa",
            Self::FiniteDifference => "finite-difference",
        }
    }

    /// Whether it measures a device as it trains.
    pub fn is_in_situ(self) -> bool {
        match self {
            Self::Standard | Self::Noise | Self::Pruning | Self::Sat => false,
            Self::Pat | Self::Dat | Self::SatInSitu | Self::Spsa | Self::FiniteDifference => true,
        }
    }

    /// The stages of a step, in order. Methods in situ are those in silico with forward passes on the device.
    ///
    /// # Errors
    /// Settings that do not fit the network; what the device reports.
    pub fn stages(self, step: &Step<'_, '_>) -> Result<Vec<Stage>, Error> {
        match self {
            Self::Standard | Self::Pat | Self::Dat => standard::stages(step),
            Self::Noise => noise::stages(step),
            Self::Pruning => pruning::stages(step),
            Self::Sat | Self::SatInSitu => sat::stages(step),
            Self::Spsa => probe::spsa(step),
            Self::FiniteDifference => probe::finite_difference(step),
        }
    }

    /// The stages of the other steps, where only [every so manieth](SatSettings::every) has those of the method.
    ///
    /// # Errors
    /// As [`stages`](Self::stages).
    pub fn between(self, step: &Step<'_, '_>) -> Result<Option<Vec<Stage>>, Error> {
        match self {
            Self::Sat | Self::SatInSitu => sat::between(step),
            _ => Ok(None),
        }
    }

    /// What so many steps cost under these settings.
    pub fn spent(self, settings: &Settings, network: &Network<'_>, steps: u64) -> Cost {
        let own = match self {
            Self::Sat | Self::SatInSitu => steps.div_ceil(u64::from(settings.sat.every)),
            _ => steps,
        };
        let (cost, others) = (self.cost(settings, network), steps - own);
        Cost {
            forward: own as f64 * cost.forward + others as f64,
            backward: own as f64 * cost.backward + others as f64,
            device: own * cost.device + if self.is_in_situ() { others } else { 0 },
        }
    }

    /// What a step with the stages of the method costs under these settings.
    pub fn cost(self, settings: &Settings, network: &Network<'_>) -> Cost {
        let alike = |passes: f64| Cost { forward: passes, backward: passes, device: 0 };
        let without_model = |probes| Cost { device: 2 * probes, ..Cost::default() };
        match self {
            Self::Standard | Self::Noise | Self::Pruning => alike(1.0),
            Self::Sat => settings.sat.cost(),
            Self::Pat | Self::Dat => Cost { device: 1, ..alike(1.0) },
            Self::SatInSitu => Cost { device: settings.sat.cost().forward as u64, ..settings.sat.cost() },
            Self::Spsa => without_model(u64::from(settings.spsa.probes)),
            Self::FiniteDifference => {
                without_model(probe::finite_differences(network, settings.finite_difference.scope) as u64)
            }
        }
    }
}

/// Passes of a batch through a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Forward passes of the model; one of a part of the batch counts as that part.
    pub forward: f64,
    /// Backward passes of the model, in the same way.
    pub backward: f64,
    /// Batches that the device is measured with, each under one setting of its controls. What costs in a laboratory.
    pub device: u64,
}

/// What a method builds its step from.
#[derive(Clone)]
pub struct Step<'a, 'g> {
    /// The network.
    pub network: &'a Network<'g>,
    /// The recipe's `[training]`.
    pub settings: &'a Settings,
    /// Draws the batch.
    pub draw: Arc<Plan>,
    /// The optimizer's step.
    pub update: Arc<Plan>,
    /// The first rows of the batch alone, which an adversary is found on where it needs no more.
    pub part: Option<&'a Network<'g>>,
    /// What a method in situ measures.
    pub device: Option<&'a Device>,
    /// What learns how it differs from the model.
    pub learner: Option<&'a Learner>,
}

impl Step<'_, '_> {
    /// `actuate, forward` of the layers from one on: of the device if there is one, else of the model.
    fn forward(&self, pass: Pass, layer: usize) -> Result<Vec<Stage>, Error> {
        match self.device {
            Some(device) => Ok(device.forward(self.network, pass, layer)?),
            None => Ok(vec![self.network.actuate().into(), self.network.forward_from(pass, layer)?.into()]),
        }
    }

    /// Gradients by the model down to a layer after that: `backward`, or `actuate, retrace` where a device was measured, whose
    /// outputs stand where the model's would; then `learn`, if something does.
    fn backward(&self, layer: usize) -> Result<Vec<Stage>, Error> {
        if self.device.is_none() {
            return Ok(vec![self.network.backward_to(layer)?.into()]);
        }
        let retrace = self.network.retrace_to(layer, self.learner.map(|learner| learner.learner.as_ref()))?;
        let mut stages = vec![self.network.actuate().into(), retrace.into()];
        stages.extend(self.learner.map(|learner| Arc::clone(&learner.update).into()));
        Ok(stages)
    }
}
