//! Optimizers on the flat parameter vector.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Error, setting};
use crate::gpu::{Plan, PlanBuilder, Scalar, Slice};
use crate::network::Network;
use crate::ops::{Scope, adam::Adam, sgd};

/// Which optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Adam (Kingma and Ba, ICLR 2015).
    #[default]
    Adam,
    /// Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).
    Adamw,
    /// Stochastic gradient descent with momentum.
    Sgd,
}

/// Keys of `[training.optimizer]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerSettings {
    /// Which one.
    pub kind: OptimizerKind,
    /// Step size.
    pub learning_rate: f32,
    /// Momentum of `sgd`.
    pub momentum: f32,
    /// Decay of the mean, `adam` and `adamw`.
    pub beta_1: f32,
    /// Decay of the mean square, `adam` and `adamw`.
    pub beta_2: f32,
    /// Added to the root of the mean square, `adam` and `adamw`.
    pub epsilon: f32,
    /// Weight decay of `adamw`: a step also takes away this part of a parameter, times the learning rate.
    pub weight_decay: f32,
    /// Which parameters decay. `digital` leaves the physical control parameters alone: a detuning that decays goes to
    /// resonance, a voltage to where nothing is driven, and neither is a simpler device. `all` or `control` ask for it.
    pub decay_scope: Scope,
}

impl Default for OptimizerSettings {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::Adam,
            learning_rate: 0.01,
            momentum: 0.9,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            decay_scope: Scope::Digital,
        }
    }
}

impl OptimizerSettings {
    pub(super) fn check(&self) -> Result<(), Error> {
        let ranges = [
            (
                "learning_rate",
                self.learning_rate,
                self.learning_rate > 0.0 && self.learning_rate.is_finite(),
                "above 0",
            ),
            ("momentum", self.momentum, (0.0..1.0).contains(&self.momentum), "in 0..1"),
            ("beta_1", self.beta_1, (0.0..1.0).contains(&self.beta_1), "in 0..1"),
            ("beta_2", self.beta_2, (0.0..1.0).contains(&self.beta_2), "in 0..1"),
            ("epsilon", self.epsilon, self.epsilon > 0.0 && self.epsilon.is_finite(), "above 0"),
            ("weight_decay", self.weight_decay, self.weight_decay >= 0.0 && self.weight_decay.is_finite(), "0 or more"),
            (
                "weight_decay",
                self.weight_decay,
                self.weight_decay == 0.0 || self.kind == OptimizerKind::Adamw,
                "0 unless training.optimizer.kind is \"adamw\"",
            ),
        ];
        match ranges.iter().find(|(_, _, fine, _)| !fine) {
            Some((key, value, _, range)) => {
                Err(setting(format!("training.optimizer.{key}"), format!("must be {range}, not {value}")))
            }
            None => Ok(()),
        }
    }

    /// Adam with these constants.
    pub(super) fn adam(&self) -> Adam {
        Adam {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            decay: self.weight_decay,
            decay_scope: self.decay_scope,
            rate: 1.0,
        }
    }

    /// 1 - beta^t for Adam's two means at step `t` from 1; in double precision, as beta_2^t loses its digits in single.
    pub(super) fn corrections(&self, t: u64) -> [f32; 2] {
        [self.beta_1, self.beta_2].map(|beta| (1.0 - f64::from(beta).powf(t as f64)) as f32)
    }
}

/// The optimizer's state on the device and the plan of its step.
#[derive(Debug)]
pub struct Optimizer {
    /// Names and vectors of the state, as long as the parameters.
    pub(super) state: Vec<(&'static str, Slice)>,
    update: Arc<Plan>,
}

impl Optimizer {
    /// An optimizer for a network.
    ///
    /// # Errors
    /// What the device reports.
    pub fn new(network: &Network<'_>, settings: &OptimizerSettings) -> Result<Self, Error> {
        let gpu = network.gpu();
        let names: &[&'static str] = match settings.kind {
            OptimizerKind::Adam | OptimizerKind::Adamw => &["mean", "square"],
            OptimizerKind::Sgd => &["velocity"],
        };
        let state = names
            .iter()
            .map(|&name| {
                Ok((name, gpu.zeros(&format!("optimizer {name}"), network.flat().parameters.shape(), Scalar::F32)?))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let mut plan = PlanBuilder::new(gpu, "update");
        match settings.kind {
            OptimizerKind::Adam | OptimizerKind::Adamw => {
                settings.adam().update(&mut plan, network.clock(), network.flat(), &state[0].1, &state[1].1)?
            }
            OptimizerKind::Sgd => {
                sgd::update(&mut plan, network.clock(), network.flat(), settings.momentum, &state[0].1)?
            }
        }
        Ok(Self { state, update: Arc::new(plan.finish()?) })
    }

    /// The plan that moves the parameters against their gradient.
    pub fn update(&self) -> Arc<Plan> {
        Arc::clone(&self.update)
    }
}
