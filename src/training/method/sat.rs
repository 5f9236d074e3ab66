//! Sharpness-aware training in the space of the control parameters.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::Error;
use super::Step;
use crate::gpu::{Plan, PlanBuilder, Scalar};
use crate::layer::Pass;
use crate::ops::perturb::{self, Ascent};
use crate::ops::{Scope, norm};

/// Keys of `[training.sat]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SatSettings {
    /// Radius of the neighbourhood: in units of the parameters, or relative to them if adaptive.
    pub rho: f32,
    /// Scale the move of every parameter by its own size.
    pub adaptive: bool,
    /// Which parameters the adversary moves.
    pub scope: Scope,
}

impl Default for SatSettings {
    fn default() -> Self {
        Self { rho: 0.1, adaptive: false, scope: Scope::Control }
    }
}

/// `draw, actuate, forward, score, backward, ascend, actuate, forward, backward, restore, update`
///
/// The gradient at the worst point of the neighbourhood is applied at its centre. Metrics are those of the centre.
pub(super) fn stages(step: &Step<'_, '_>) -> Result<Vec<Arc<Plan>>, Error> {
    let (network, settings) = (step.network, step.settings.sat);
    let (gpu, flat) = (network.gpu(), network.flat());
    let saved = gpu.zeros("parameters at the centre", flat.parameters.shape(), Scalar::F32)?;
    let length = gpu.zeros("norm of the gradient", &[1], Scalar::F32)?;
    let partials = norm::partials(gpu, flat)?;
    let ascent = Ascent { rho: settings.rho, adaptive: settings.adaptive, scope: settings.scope };
    let mut ascend = PlanBuilder::new(gpu, "ascend");
    norm::forward(&mut ascend, flat, settings.scope, settings.adaptive, &partials, &length)?;
    perturb::ascend(&mut ascend, flat, ascent, &length, &saved)?;
    let mut restore = PlanBuilder::new(gpu, "restore");
    perturb::restore(&mut restore, flat, &saved)?;
    Ok(vec![
        Arc::clone(&step.draw),
        network.actuate(),
        network.forward(Pass::First),
        network.score(),
        network.backward(),
        Arc::new(ascend.finish()?),
        network.actuate(),
        network.forward(Pass::Again),
        network.backward(),
        Arc::new(restore.finish()?),
        Arc::clone(&step.update),
    ])
}
