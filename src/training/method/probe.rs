//! Training without any model: gradients from losses that are measured on both sides of the parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::{Error, setting};
use super::Step;
use crate::gpu::{PlanBuilder, Scalar};
use crate::layer::{Parameter, Pass, Role};
use crate::network::{Entry, Network, Stage};
use crate::ops::Scope;
use crate::ops::perturb;
use crate::ops::probe::{Direction, Probes, reach};
use crate::random;

/// Most probes of a step of `spsa`, as all passes of a step are one submission.
const MAX_PROBES: u32 = 1024;

/// Most parameters of `finite-difference`, for the same reason.
const MAX_PARAMETERS: usize = 4096;

/// Keys of `[training.spsa]`.
///
/// Simultaneous perturbation (SPSA; Spall, IEEE Trans. Autom. Control 37, 332 (1992)): a probe moves every parameter i of the scope
/// at once, by c d_i with d_i = +1 or -1 at random, and back past the centre by as much. The gradient is the mean over the probes
/// of
///
/// - g_i = (L(p + c d) - L(p - c d)) / (2 c d_i)
///
/// with c = `radius` of control parameters, `radius_digital` of digital ones. Signs are new in every probe and step. What would
/// leave the range of a parameter is held at its end, and the difference is then over what is left of 2 c d_i: no control of a
/// device is ever set where it may not be. A step takes 2 `probes` calls of the device, whatever the number of parameters; the
/// gradient is right in the mean, and its noise falls with the root of the number of probes and rises with that of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpsaSettings {
    /// Probes of a step, 1 to 1,024, each two calls of the device.
    pub probes: u32,
    /// How far a probe moves, in units of the parameters.
    pub radius: f32,
    /// How far it moves digital parameters; `radius` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius_digital: Option<f32>,
    /// Which parameters are trained. Others have a gradient of 0.
    pub scope: Scope,
}

impl Default for SpsaSettings {
    fn default() -> Self {
        Self { probes: 8, radius: 0.02, radius_digital: None, scope: Scope::All }
    }
}

/// Keys of `[training.finite_difference]`.
///
/// The difference of the losses on both sides of one parameter of the scope after the other, over their distance, 2 `radius`, or
/// what is left of it within the range of the parameter. Of P parameters a step takes 2 P calls of the device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FiniteDifferenceSettings {
    /// How far a parameter is moved either way, in its unit.
    pub radius: f32,
    /// How far a digital parameter is; `radius` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius_digital: Option<f32>,
    /// Which parameters are trained, at most 4,096. Others have a gradient of 0.
    pub scope: Scope,
}

impl Default for FiniteDifferenceSettings {
    fn default() -> Self {
        Self { radius: 0.02, radius_digital: None, scope: Scope::All }
    }
}

impl SpsaSettings {
    /// Refuses values out of range.
    pub(in super::super) fn check(&self) -> Result<(), Error> {
        if !(1..=MAX_PROBES).contains(&self.probes) {
            return Err(setting("training.spsa.probes", format!("must be 1 to {MAX_PROBES}, not {}", self.probes)));
        }
        check_radii("training.spsa", self.radius, self.radius_digital)
    }
}

impl FiniteDifferenceSettings {
    /// Refuses values out of range.
    pub(in super::super) fn check(&self) -> Result<(), Error> {
        check_radii("training.finite_difference", self.radius, self.radius_digital)
    }
}

fn check_radii(table: &str, radius: f32, digital: Option<f32>) -> Result<(), Error> {
    for (key, radius) in [("radius", Some(radius)), ("radius_digital", digital)] {
        if let Some(radius) = radius.filter(|radius| !(radius.is_finite() && *radius > 0.0)) {
            return Err(setting(format!("{table}.{key}"), format!("must be above 0, not {radius}")));
        }
    }
    Ok(())
}

/// The stages of a step with random signs.
pub(super) fn spsa(step: &Step<'_, '_>) -> Result<Vec<Stage>, Error> {
    let SpsaSettings { probes, radius, radius_digital, scope } = step.settings.spsa;
    let moved = moved(step.network, scope);
    let Some(first) = moved.iter().map(|entry| entry.layer).min() else {
        return Err(nothing("training.spsa.scope"));
    };
    let direction = Direction::Signs { stream: random::stream("spsa") };
    stages(step, direction, &moved, [radius, radius_digital.unwrap_or(radius)], &vec![first; probes as usize])
}

/// The stages of a step with one parameter after the other.
pub(super) fn finite_difference(step: &Step<'_, '_>) -> Result<Vec<Stage>, Error> {
    let FiniteDifferenceSettings { radius, radius_digital, scope } = step.settings.finite_difference;
    let moved = moved(step.network, scope);
    match finite_differences(step.network, scope) {
        0 => return Err(nothing("training.finite_difference.scope")),
        1..=MAX_PARAMETERS => {}
        many => {
            let message = format!(
                "`finite-difference` measures each parameter by itself: {many} here, more than {MAX_PARAMETERS}; choose `spsa`, or a \
                 smaller training.finite_difference.scope"
            );
            return Err(setting("training.method", message));
        }
    }
    let layers: Vec<_> = moved.iter().flat_map(|entry| std::iter::repeat_n(entry.layer, entry.len())).collect();
    stages(step, Direction::Coordinate, &moved, [radius, radius_digital.unwrap_or(radius)], &layers)
}

/// Parameters that `finite-difference` measures.
pub(super) fn finite_differences(network: &Network<'_>, scope: Scope) -> usize {
    moved(network, scope).iter().map(|entry| entry.len()).sum()
}

fn nothing(key: &str) -> Error {
    setting(key, "leaves nothing to train in this network; choose another")
}

/// The tensors of a scope, in order.
fn moved<'a>(network: &'a Network<'_>, scope: Scope) -> Vec<&'a Entry<Parameter>> {
    let inside = |entry: &&Entry<Parameter>| match (entry.spec.role, scope) {
        (Role::Statistic, _) => false,
        (_, Scope::All) => true,
        (role, Scope::Control) => role == Role::Control,
        (role, Scope::Digital) => role == Role::Digital,
    };
    network.parameters().iter().filter(inside).collect()
}

/// `draw, keep`, then for every probe `ahead, actuate, forward, back, actuate, forward, difference`, with `score` behind the very first
/// `forward`, then `restore, update`.
///
/// `layers` has the first layer that each probe moves. What comes before put out the same in the pass before, if that moved nothing
/// there either, and is left out. The first pass of a step is a whole one; it moves running statistics, and metrics are those of
/// it: they cost no further call. Noise that a simulated device has anew for every sample is the same on both sides, as it is drawn by
/// the step.
fn stages(
    step: &Step<'_, '_>,
    direction: Direction,
    moved: &[&Entry<Parameter>],
    [radius, radius_digital]: [f32; 2],
    layers: &[usize],
) -> Result<Vec<Stage>, Error> {
    let (network, gpu) = (step.network, step.network.gpu());
    let (clock, flat) = (network.clock(), network.flat());
    let radius = |entry: &Entry<Parameter>| if entry.spec.role == Role::Control { radius } else { radius_digital };
    let table = reach(flat.len(), moved.iter().map(|entry| (entry.range(), radius(entry))));
    let probes = Probes::new(gpu, flat, direction, layers.len() as u32, &table)?;
    let total = gpu.zeros("difference of losses", &[1], Scalar::F32)?;
    let [mut keep, mut ahead, mut back, mut difference, mut restore] =
        ["keep", "ahead", "back", "difference", "restore"].map(|name| PlanBuilder::new(gpu, name));
    perturb::keep(&mut keep, flat, &probes.centre)?;
    probes.displace(&mut ahead, clock, flat, 1.0)?;
    network.measure(&mut back, 1.0, &total, false)?;
    probes.displace(&mut back, clock, flat, -1.0)?;
    network.measure(&mut difference, -1.0, &total, true)?;
    probes.difference(&mut difference, clock, flat, &total)?;
    probes.displace(&mut restore, clock, flat, 0.0)?;
    let stage = |plan: PlanBuilder<'_>| -> Result<Stage, Error> { Ok(Arc::new(plan.finish()?).into()) };
    let sides = [stage(ahead)?, stage(back)?];
    let difference = stage(difference)?;

    let mut stages = vec![Arc::clone(&step.draw).into(), stage(keep)?];
    let mut again: BTreeMap<usize, Vec<Stage>> = BTreeMap::new();
    let mut before = None;
    for &layer in layers {
        for side in &sides {
            stages.push(side.clone());
            match before {
                None => {
                    stages.extend(step.forward(Pass::First, 0)?);
                    stages.push(network.score().into());
                }
                Some(before) => {
                    let from = layer.min(before);
                    let pass = match again.get(&from) {
                        Some(pass) => pass,
                        None => again.entry(from).or_insert(step.forward(Pass::Again, from)?),
                    };
                    stages.extend(pass.iter().cloned());
                }
            }
            before = Some(layer);
        }
        stages.push(difference.clone());
    }
    stages.extend([stage(restore)?, Arc::clone(&step.update).into()]);
    Ok(stages)
}
