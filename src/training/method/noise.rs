//! Noise injection: imperfections drawn anew each step.

use std::sync::Arc;

use super::super::{Error, setting};
use super::{Step, standard};
use crate::gpu::{Plan, PlanBuilder};
use crate::layer::Cause;
use crate::ops::disturb::{self, Draw};
use crate::random;

/// `draw, disturb`, then as standard training.
///
/// A common imperfection, such as the temperature, has one draw for all layers; every other element has its own. One that
/// differs from sample to sample is drawn where it is met, its deviation is set here. With `training.devices` each run of
/// the batch meets a device of its own.
pub(super) fn stages(step: &Step<'_, '_>) -> Result<Vec<Arc<Plan>>, Error> {
    let network = step.network;
    let mut known: Vec<&str> = network.imperfections().iter().map(|entry| entry.spec.name).collect();
    known.sort_unstable();
    known.dedup();
    if let Some(stranger) = step.settings.noise.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(setting(
            format!("training.noise.{stranger}"),
            format!("names no imperfection of any layer; there are: {}", known.join(", ")),
        ));
    }
    let mut plan = PlanBuilder::new(network.gpu(), "disturb");
    for device in 0..network.devices() {
        // The first one's draws do not depend on how many there are.
        let stream = |name: &str| match device {
            0 => random::stream(name),
            _ => random::stream(&format!("{name} of device {device}")),
        };
        for entry in network.imperfections() {
            let Some(&deviation) = step.settings.noise.get(entry.spec.name) else { continue };
            let value = network.imperfection(device, entry)?;
            // What all of a device shares is drawn from all parts of its range in each step, if that has ends.
            let (stream, part) = match entry.spec.cause {
                Cause::Common => (stream(entry.spec.name), (device, network.devices())),
                Cause::Element => (stream(&entry.name), (0, 1)),
                Cause::Sample => {
                    disturb::constant(&mut plan, deviation, &value)?;
                    continue;
                }
            };
            let draw = Draw { stream, distribution: step.settings.distribution, deviation, part };
            draw.forward(&mut plan, network.clock(), &value)?;
        }
    }
    if plan.is_empty() {
        return Err(setting(
            "training.noise",
            "must name at least one imperfection for method `noise`, such as `temperature = 0.5`",
        ));
    }
    let mut stages = standard::stages(step);
    stages.insert(1, Arc::new(plan.finish()?));
    Ok(stages)
}
