//! Pruning of steep weights: a penalty on how far weights answer to what controls them.

use serde::{Deserialize, Serialize};

use super::super::{Error, setting};
use super::{Step, standard};
use crate::network::Stage;

/// Keys of `[training.pruning]`.
///
/// What is minimised is the loss plus `strength` times the sum over layers of rings of ||dW/dx||, the Frobenius norm over a
/// layer's rings of the slope of the weight (1/nm) with respect to the detuning of its ring, on the nominal device.
/// Compared with sharpness-aware training in Xu et al., Nat. Commun. 17, 1766 (2026). Rings of a bank count with their own
/// curve, as if alone on their bus. Losses are reported without the penalty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PruningSettings {
    /// Weight of the penalty, nm.
    pub strength: f32,
}

impl Default for PruningSettings {
    fn default() -> Self {
        Self { strength: 1e-3 }
    }
}

impl PruningSettings {
    /// Refuses values out of range.
    pub(in super::super) fn check(&self) -> Result<(), Error> {
        if self.strength.is_finite() && self.strength >= 0.0 {
            return Ok(());
        }
        Err(setting("training.pruning.strength", format!("must be 0 or more, not {}", self.strength)))
    }
}

/// As standard training, with `prune` before `update`: it adds the gradient of the penalty to that of the loss.
pub(super) fn stages(step: &Step<'_, '_>) -> Result<Vec<Stage>, Error> {
    let prune = step.network.prune(step.settings.pruning.strength)?;
    if prune.is_empty() {
        return Err(setting("training.method", "`pruning` needs a layer of rings; choose another method"));
    }
    let mut stages = standard::stages(step)?;
    stages.insert(stages.len() - 1, prune.into());
    Ok(stages)
}
