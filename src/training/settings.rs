//! The recipe's `[training]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    DatSettings, Error, FiniteDifferenceSettings, Method, OptimizerSettings, PruningSettings, SatSettings,
    SpsaSettings, setting,
};
use crate::network::DeviceSettings;
use crate::ops::disturb::Distribution;
use crate::ops::draw::Augment;

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
    /// Is multiplied by a factor every so many epochs: `[training.step]`.
    Step,
}

/// Keys of `[training.step]`, for the schedule `step`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepSettings {
    /// Epochs between two falls.
    pub every: u32,
    /// What the learning rate is multiplied by.
    pub factor: f32,
}

impl Default for StepSettings {
    fn default() -> Self {
        Self { every: 10, factor: 0.1 }
    }
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
    /// What is done to images of training batches at random.
    #[serde(default)]
    pub augment: Augment,
    /// How the learning rate moves.
    #[serde(default)]
    pub schedule: Schedule,
    /// Epochs at the start over which the learning rate rises linearly to what the schedule says.
    #[serde(default)]
    pub warm_up: u32,
    /// Decay of a moving average of the parameters, such as 0.999, which evaluations and the checkpoint then use in place
    /// of the last ones; 0 keeps no average. It leaves the training itself as it is.
    #[serde(default)]
    pub average: f32,
    /// Share of the target of every sample that is spread evenly over all classes, 0 to below 1 (Szegedy et al., CVPR 2016). The gradient,
    /// or what is measured in its place, is that of the loss with these targets; losses that are reported, those of the training too, are of
    /// the labels themselves.
    #[serde(default)]
    pub label_smoothing: f32,
    /// For `noise`: how imperfections are drawn around 0, `normal` or `uniform` (within sqrt(3) standard deviations). What
    /// differs from sample to sample, such as `detection_noise`, stays normal.
    #[serde(default)]
    pub distribution: Distribution,
    /// For the schedule `step`.
    #[serde(default)]
    pub step: StepSettings,
    /// The optimizer, the same for every method.
    #[serde(default)]
    pub optimizer: OptimizerSettings,
    /// For `noise`: standard deviation of each imperfection, by name, in its unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub noise: BTreeMap<String, f32>,
    /// For `noise`, and for `sat` over imperfections that it draws: devices that a batch is spread over, each with draws of its own. Those of
    /// a uniformly drawn temperature come from as many equal parts of its range, so that every step covers all of it, if nothing
    /// else is drawn that a device shares.
    #[serde(default = "one")]
    pub devices: usize,
    /// For `pruning`.
    #[serde(default)]
    pub pruning: PruningSettings,
    /// For `sat` and `sat-in-situ`.
    #[serde(default)]
    pub sat: SatSettings,
    /// For `dat`.
    #[serde(default)]
    pub dat: DatSettings,
    /// For `spsa`.
    #[serde(default)]
    pub spsa: SpsaSettings,
    /// For `finite-difference`.
    #[serde(default)]
    pub finite_difference: FiniteDifferenceSettings,
    /// For methods in situ, and for evaluations of drift and of other chips of the same kind.
    #[serde(default)]
    pub device: DeviceSettings,
}

fn one() -> usize {
    1
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
        if self.devices == 0 || self.devices() > self.batch {
            let message = format!("must be 1 to training.batch, {}, not {}", self.batch, self.devices);
            return Err(setting("training.devices", message));
        }
        if self.part().is_some() && self.devices() > 1 {
            let message = format!("below 1 belongs to one device a batch, not training.devices = {}", self.devices);
            return Err(setting("training.sat.share", message));
        }
        if self.warm_up > self.epochs {
            let message = format!("must be at most training.epochs, {}, not {}", self.epochs, self.warm_up);
            return Err(setting("training.warm_up", message));
        }
        if !(0.0..1.0).contains(&self.average) {
            return Err(setting("training.average", format!("must be in 0..1, not {}", self.average)));
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            let message = format!("must be 0 to below 1, not {}", self.label_smoothing);
            return Err(setting("training.label_smoothing", message));
        }
        if self.step.every == 0 {
            return Err(setting("training.step.every", "must be at least 1"));
        }
        if !(self.step.factor.is_finite() && self.step.factor > 0.0) {
            return Err(setting("training.step.factor", format!("must be above 0, not {}", self.step.factor)));
        }
        self.pruning.check()?;
        self.sat.check()?;
        self.dat.check()?;
        self.spsa.check()?;
        self.finite_difference.check()?;
        for (name, deviation) in &self.noise {
            if !(deviation.is_finite() && *deviation >= 0.0) {
                return Err(setting(format!("training.noise.{name}"), format!("must be 0 or more, not {deviation}")));
            }
        }
        self.device.check().map_err(|(key, message)| setting(format!("training.device.{key}"), message))?;
        self.optimizer.check()
    }

    /// Devices that a batch is spread over: those whose draws differ.
    pub fn devices(&self) -> usize {
        match self.method {
            Method::Noise => self.devices,
            Method::Sat if !self.sat.imperfections.is_empty() && !self.sat.measured => self.devices,
            _ => 1,
        }
    }

    /// Rows of the batch that an adversary is found on, where these are not all.
    pub fn part(&self) -> Option<usize> {
        // In 32 bits, where a fifth of ten is two.
        let rows = (self.sat.share * self.batch as f32).ceil() as usize;
        (self.method == Method::Sat && rows < self.batch).then_some(rows)
    }

    /// Weight of the parameters after step `t` from 1 in their average: (1 - d) / (1 - d^t). The start has none.
    pub(super) fn average_weight(&self, t: u64) -> f32 {
        let decay = f64::from(self.average);
        ((1.0 - decay) / (1.0 - decay.powf(t as f64))) as f32
    }

    /// Learning rate of a step of `total` steps, all epochs being equally long.
    pub fn learning_rate(&self, step: u64, total: u64) -> f64 {
        let per_epoch = total / u64::from(self.epochs);
        let scheduled = match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / total as f64).cos()),
            Schedule::Step => {
                let falls = step / per_epoch / u64::from(self.step.every);
                f64::from(self.step.factor).powf(falls as f64)
            }
        };
        let rising = u64::from(self.warm_up) * per_epoch;
        let risen = if step < rising { (step + 1) as f64 / rising as f64 } else { 1.0 };
        f64::from(self.optimizer.learning_rate) * scheduled * risen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rates of the first step of each epoch, of 10 steps each, for a rate of 1.
    fn rates(schedule: Schedule, warm_up: u32) -> Vec<f64> {
        let settings = Settings {
            method: Method::Standard,
            epochs: 6,
            batch: 1,
            augment: Augment::default(),
            schedule,
            warm_up,
            average: 0.0,
            label_smoothing: 0.0,
            distribution: Distribution::default(),
            step: StepSettings { every: 2, factor: 0.5 },
            optimizer: OptimizerSettings { learning_rate: 1.0, ..OptimizerSettings::default() },
            noise: BTreeMap::new(),
            devices: 1,
            pruning: PruningSettings::default(),
            sat: SatSettings::default(),
            dat: DatSettings::default(),
            spsa: SpsaSettings::default(),
            finite_difference: FiniteDifferenceSettings::default(),
            device: DeviceSettings::default(),
        };
        (0..6).map(|epoch| settings.learning_rate(10 * epoch, 60)).collect()
    }

    #[test]
    fn a_step_schedule_falls_every_so_many_epochs() {
        assert_eq!(rates(Schedule::Step, 0), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
        assert_eq!(rates(Schedule::Constant, 0), [1.0; 6]);
        assert!((rates(Schedule::Cosine, 0)[3] - 0.5).abs() < 1e-15);
    }

    #[test]
    fn warm_up_rises_to_the_schedule() {
        assert_eq!(rates(Schedule::Constant, 2), [0.05, 0.55, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(rates(Schedule::Step, 4), [0.025, 0.275, 0.2625, 0.3875, 0.25, 0.25]);
    }
}
