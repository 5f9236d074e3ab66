//! Sharpness-aware training in the space of the control parameters.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::{Error, setting};
use super::Step;
use crate::gpu::{Plan, PlanBuilder, Scalar};
use crate::layer::{Pass, Role};
use crate::ops::norm::{self, Measure};
use crate::ops::perturb::{self, Ascent};
use crate::ops::{Grouping, Scope};

/// Most steps of the adversary, as all passes of a training step are one submission.
const MAX_STEPS: u32 = 64;

/// Keys of `[training.sat]`.
///
/// The adversary starts at the parameters p_0 = p and walks the radius in K = `steps` equal parts, with a new gradient g of
/// the loss at each p_k. For the parameters i of each group G of the scope
///
/// - plain: p_(k+1),i = p_k,i + (rho_i / K) g_i / ||g_G||
/// - adaptive: p_(k+1),i = p_k,i + (rho_i / K) p_k,i² g_i / ||p_k,G g_G||
///
/// where rho_i is `rho`, or `rho_digital` for digital parameters. The gradient at p_K is applied at p. With one group and
/// K = 1 this is SAM (Foret et al., ICLR 2021) and ASAM (Kwon et al., ICML 2021). A group without a gradient stays.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SatSettings {
    /// Radius of the neighbourhood: in units of the parameters, or relative to them if adaptive.
    pub rho: f32,
    /// Radius for the digital parameters, where they have a length of their own (`normalise` is not `all`) and are not
    /// the whole scope; `rho` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rho_digital: Option<f32>,
    /// Steps of the adversary, 1 to 64; each costs a forward and a backward pass.
    pub steps: u32,
    /// Scale the move of every parameter by its own size.
    pub adaptive: bool,
    /// Which parameters the adversary moves.
    pub scope: Scope,
    /// What has a radius of its own: `all` of the scope together, each `group` (control parameters, digital parameters), or
    /// every parameter tensor of each `layer`, so that L tensors move by rho sqrt(L) together.
    pub normalise: Grouping,
}

impl Default for SatSettings {
    fn default() -> Self {
        Self { rho: 0.1, rho_digital: None, steps: 1, adaptive: false, scope: Scope::Control, normalise: Grouping::All }
    }
}

impl SatSettings {
    /// Refuses values out of range.
    pub(in super::super) fn check(&self) -> Result<(), Error> {
        for (key, rho) in [("rho", Some(self.rho)), ("rho_digital", self.rho_digital)] {
            if let Some(rho) = rho.filter(|rho| !(rho.is_finite() && *rho >= 0.0)) {
                return Err(setting(format!("training.sat.{key}"), format!("must be 0 or more, not {rho}")));
            }
        }
        if !(1..=MAX_STEPS).contains(&self.steps) {
            return Err(setting("training.sat.steps", format!("must be 1 to {MAX_STEPS}, not {}", self.steps)));
        }
        if self.rho_digital.is_some() && (self.scope != Scope::All || self.normalise == Grouping::All) {
            return Err(setting(
                "training.sat.rho_digital",
                "needs training.sat.scope = \"all\" and training.sat.normalise = \"group\" or \"layer\"",
            ));
        }
        Ok(())
    }
}

/// `draw, actuate, forward, score, backward, ascend, actuate, forward, backward, restore, update`, with
/// `climb, actuate, forward, backward` before `restore` for each further step of the adversary.
///
/// The gradient at the worst point of the neighbourhood is applied at its centre. Metrics are those of the centre. Layers
/// before the first that the adversary moves put out the same every time: a step runs them once forward, and once backward,
/// for the last gradient.
pub(super) fn stages(step: &Step<'_, '_>) -> Result<Vec<Arc<Plan>>, Error> {
    let (network, settings) = (step.network, step.settings.sat);
    let (gpu, flat) = (network.gpu(), network.flat());
    let moved = |role| match settings.scope {
        Scope::Control => role == Role::Control,
        Scope::Digital => role == Role::Digital,
        Scope::All => role != Role::Statistic,
    };
    let moving = network.parameters().iter().filter(|entry| moved(entry.spec.role));
    let Some(first) = moving.map(|entry| entry.layer).min() else {
        let message = "leaves the adversary nothing to move in this network; choose another";
        return Err(setting("training.sat.scope", message));
    };
    let measure = Measure { scope: settings.scope, adaptive: settings.adaptive, grouping: settings.normalise };
    let part = |rho: f32| rho / settings.steps as f32;
    let ascent =
        Ascent { measure, rho: part(settings.rho), rho_digital: part(settings.rho_digital.unwrap_or(settings.rho)) };
    let saved = gpu.zeros("parameters at the centre", flat.parameters.shape(), Scalar::F32)?;
    let norms = gpu.zeros("norms of the gradient", &[settings.normalise.count(flat)], Scalar::F32)?;
    let partials = norm::partials(gpu, flat)?;
    let mut ascend = PlanBuilder::new(gpu, "ascend");
    measure.forward(&mut ascend, flat, &partials, &norms)?;
    ascent.ascend(&mut ascend, flat, &norms, &saved)?;
    let mut climb = PlanBuilder::new(gpu, "climb");
    measure.forward(&mut climb, flat, &partials, &norms)?;
    ascent.climb(&mut climb, flat, &norms)?;
    let mut restore = PlanBuilder::new(gpu, "restore");
    perturb::restore(&mut restore, flat, &saved)?;
    let (ascend, climb) = (Arc::new(ascend.finish()?), Arc::new(climb.finish()?));

    let mut stages = vec![Arc::clone(&step.draw), network.actuate(), network.forward(Pass::First), network.score()];
    let (again, backward) = (network.forward_from(Pass::Again, first)?, network.backward_to(first)?);
    for number in 0..settings.steps {
        let up = if number == 0 { &ascend } else { &climb };
        stages.extend([Arc::clone(&backward), Arc::clone(up), network.actuate(), Arc::clone(&again)]);
    }
    stages.extend([network.backward(), Arc::new(restore.finish()?), Arc::clone(&step.update)]);
    Ok(stages)
}
