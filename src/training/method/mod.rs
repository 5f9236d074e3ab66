//! Training methods: each an ordered list of plans.

mod noise;
mod pruning;
mod sat;
mod standard;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Error, Settings};
use crate::gpu::Plan;
use crate::network::Network;

pub use pruning::PruningSettings;
pub use sat::{SatScope, SatSettings};

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
}

impl Method {
    /// Every method, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Standard, Self::Noise, Self::Pruning, Self::Sat];

    /// The word that recipes and commands use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Noise => "noise",
            Self::Pruning => "pruning",
            Self::Sat => "sat",
        }
    }

    /// The plans of a step, in order.
    ///
    /// # Errors
    /// Settings that do not fit the network; what the device reports.
    pub fn stages(self, step: &Step<'_, '_>) -> Result<Vec<Arc<Plan>>, Error> {
        match self {
            Self::Standard => Ok(standard::stages(step)),
            Self::Noise => noise::stages(step),
            Self::Pruning => pruning::stages(step),
            Self::Sat => sat::stages(step),
        }
    }

    /// Forward and backward passes of a step under these settings.
    pub fn cost(self, settings: &Settings) -> [u32; 2] {
        match self {
            Self::Standard | Self::Noise | Self::Pruning => [1, 1],
            Self::Sat => [settings.sat.steps + 1; 2],
        }
    }
}

/// What a method builds its step from.
pub struct Step<'a, 'g> {
    /// The network.
    pub network: &'a Network<'g>,
    /// The recipe's `[training]`.
    pub settings: &'a Settings,
    /// Draws the batch.
    pub draw: Arc<Plan>,
    /// The optimizer's step.
    pub update: Arc<Plan>,
}
