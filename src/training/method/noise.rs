//! Noise injection: imperfections drawn anew each step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::{Error, setting};
use super::{Step, standard};
use crate::gpu::PlanBuilder;
use crate::layer::{Cause, Imperfection};
use crate::network::{Network, Stage};
use crate::ops::disturb::{self, Distribution, Draw};
use crate::random;

/// `draw, disturb`, then as standard training.
///
/// A common imperfection, such as the temperature, has one draw for all layers; every other element has its own. One that
/// differs from sample to sample is drawn where it is met, its deviation is set here. With `training.devices` each run of
/// the batch meets a device of its own.
pub(super) fn stages(step: &Step<'_, '_>) -> Result<Vec<Stage>, Error> {
    let (network, noise, distribution) = (step.network, &step.settings.noise, step.settings.distribution);
    check_named(network, "training.noise", noise, |spec, deviation| check(spec, deviation, distribution))?;
    let plan = disturb(network, noise, distribution)?;
    if plan.is_empty() {
        return Err(setting(
            "training.noise",
            "must name at least one imperfection for method `noise`, such as `temperature = 0.5`",
        ));
    }
    let mut stages = standard::stages(step)?;
    stages.insert(1, Arc::new(plan.finish()?).into());
    Ok(stages)
}

/// Refuses a table of imperfections that names one that no layer has, or gives one a size that it may not have.
pub(in super::super) fn check_named(
    network: &Network<'_>,
    key: &str,
    sizes: &BTreeMap<String, f32>,
    check: impl Fn(&Imperfection, f64) -> Result<(), String>,
) -> Result<(), Error> {
    let mut known: Vec<&str> = network.imperfections().iter().map(|entry| entry.spec.name).collect();
    known.sort_unstable();
    known.dedup();
    if let Some(stranger) = sizes.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(setting(
            format!("{key}.{stranger}"),
            format!("names no imperfection of any layer; there are: {}", known.join(", ")),
        ));
    }
    for entry in network.imperfections() {
        let Some(&size) = sizes.get(entry.spec.name) else { continue };
        check(&entry.spec, f64::from(size))
            .map_err(|message| setting(format!("{key}.{}", entry.spec.name), message))?;
    }
    Ok(())
}

/// The plan that draws imperfections of these standard deviations for every device. All elements of a common one are alike.
pub(super) fn disturb<'g>(
    network: &Network<'g>,
    deviations: &BTreeMap<String, f32>,
    distribution: Distribution,
) -> Result<PlanBuilder<'g>, Error> {
    // Parts of one range are met evenly; those of several would be met together, lowest with lowest.
    let common = network.imperfections().iter().filter(|entry| entry.spec.cause == Cause::Common);
    let drawn: BTreeSet<_> =
        common.map(|entry| entry.spec.name).filter(|name| deviations.contains_key(*name)).collect();
    let mut plan = PlanBuilder::new(network.gpu(), "disturb");
    for device in 0..network.devices() {
        // The first one's draws do not depend on how many there are.
        let stream = |name: &str| match device {
            0 => random::stream(name),
            _ => random::stream(&format!("{name} of device {device}")),
        };
        for entry in network.imperfections() {
            let Some(&deviation) = deviations.get(entry.spec.name) else { continue };
            let value = network.imperfection(device, entry)?;
            // What all of a device shares is drawn from all parts of its range in each step, if that has ends.
            let (stream, part) = match entry.spec.cause {
                Cause::Common if drawn.len() == 1 => (stream(entry.spec.name), (device, network.devices())),
                Cause::Common => (stream(entry.spec.name), (0, 1)),
                Cause::Element => (stream(&entry.name), (0, 1)),
                Cause::Sample => {
                    disturb::constant(&mut plan, deviation, &value)?;
                    continue;
                }
            };
            let (limit, alike) = (entry.spec.limit, entry.spec.cause == Cause::Common);
            let draw = Draw { stream, distribution, deviation, part, limit, alike };
            draw.forward(&mut plan, network.clock(), &value)?;
        }
    }
    Ok(plan)
}

/// Refuses a deviation whose draws would lie beyond the limit of an imperfection: many of normal ones, any of uniform ones.
fn check(spec: &Imperfection, deviation: f64, distribution: Distribution) -> Result<(), String> {
    match (spec.cause, distribution) {
        (Cause::Sample, _) => spec.check_value(deviation),
        (_, Distribution::Normal) => spec.check_deviation(deviation),
        (_, Distribution::Uniform) => spec.check_value(3.0_f64.sqrt() * deviation).map_err(|message| {
            format!("uniform draws of a standard deviation of {deviation} reach sqrt(3) times that, and {message}")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_beyond_a_limit_are_refused_by_their_distribution() {
        let spec = Imperfection { name: "a", shape: vec![1], unit: "", cause: Cause::Element, limit: Some(1.0) };
        let refused = |deviation, distribution| check(&spec, deviation, distribution).err();
        assert_eq!(refused(0.51, Distribution::Normal), None);
        assert!(refused(0.52, Distribution::Normal).unwrap().contains("5.4 % of the draws"));
        assert_eq!(refused(0.577, Distribution::Uniform), None);
        let message = refused(0.58, Distribution::Uniform).unwrap();
        assert!(message.contains("sqrt(3)") && message.contains("not within ±1"), "{message}");
        let sampled = Imperfection { cause: Cause::Sample, ..spec };
        assert!(check(&sampled, 0.9, Distribution::Normal).is_ok());
        assert!(check(&sampled, 1.0, Distribution::Normal).is_err());
    }
}
