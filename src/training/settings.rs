//! The recipe's `[training]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Error, Method, OptimizerSettings, SatSettings, setting};

/// More samples than this in a batch are a slip of the pen.
const MAX_BATCH: usize = 1 << 20;

/// How the learning rate moves over the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Stays.
    #[default]
    Constant,
    /// Falls along half a cosine from its value to 0 over all steps.
    Cosine,
}

/// Keys of `[training]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Training method.
    pub method: Method,
    /// Passes over the training split.
    pub epochs: u32,
    /// Samples of a batch.
    pub batch: usize,
    /// How the learning rate moves.
    #[serde(default)]
    pub schedule: Schedule,
    /// The optimizer, the same for every method.
    #[serde(default)]
    pub optimizer: OptimizerSettings,
    /// For `noise`: standard deviation of each imperfection, by name, in its unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub noise: BTreeMap<String, f32>,
    /// For `sat`.
    #[serde(default)]
    pub sat: SatSettings,
}

impl Settings {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// One line that names the key.
    pub fn check(&self) -> Result<(), Error> {
        if self.epochs == 0 {
            return Err(setting("training.epochs", "must be at least 1"));
        }
        if self.batch == 0 || self.batch > MAX_BATCH {
            return Err(setting("training.batch", format!("must be between 1 and {MAX_BATCH}, not {}", self.batch)));
        }
        if !(self.sat.rho.is_finite() && self.sat.rho >= 0.0) {
            return Err(setting("training.sat.rho", format!("must be 0 or more, not {}", self.sat.rho)));
        }
        for (name, deviation) in &self.noise {
            if !(deviation.is_finite() && *deviation >= 0.0) {
                return Err(setting(format!("training.noise.{name}"), format!("must be 0 or more, not {deviation}")));
            }
        }
        self.optimizer.check()
    }

    /// Learning rate of a step of `total` steps.
    pub fn learning_rate(&self, step: u64, total: u64) -> f64 {
        let full = f64::from(self.optimizer.learning_rate);
        match self.schedule {
            Schedule::Constant => full,
            Schedule::Cosine => full * 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / total as f64).cos()),
        }
    }
}
