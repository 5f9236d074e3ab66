//! What a network runs on while it is trained in situ: a device that is measured, beside the model that is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bench::Bench;
use super::{Chip, Drift, DriftSettings, Entry, Error, Feed, MAX_HOURS, Network, Scores, Tally};
use crate::gpu::{Plan, Scalar, Slice};
use crate::hardware::{self, HardwareSettings};
use crate::layer::{Imperfection, Pass};

/// Keys of `[training.device]`: the device that methods in situ train on. The training never looks at what is wrong with it; it
/// sees what the device puts out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceSettings {
    /// Number of the chip, as of `flatlight chip` and `evaluate --chips`; the seed of the run if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chip: Option<u32>,
    /// What is wrong with it, by name, in its unit: the value of a common imperfection such as `temperature`, the standard
    /// deviation of one that every element or every sample draws.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub imperfections: BTreeMap<String, f32>,
    /// Names of those that the model knows too, as from a calibration. With all of them the model is the device.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
    /// What the model learns of the device from what it puts out, by name: the step size of Adam, in the unit of the
    /// imperfection; it follows the schedule of the run. For the methods that have a model.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub learn: BTreeMap<String, f32>,
    /// What drifts from then on, by name; `evaluate --vary hours=0:24:1` follows it. [`imperfections`](Self::imperfections) and
    /// what is `known` are the device at hour 0.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub drift: BTreeMap<String, DriftSettings>,
    /// Hours that the whole run takes: at step s of n the device stands at hour `hours` s / n, s being rounded down to where the
    /// device was last set. It is set at equal distances, at most 1,024 times a run, as the host computes the drift.
    #[serde(skip_serializing_if = "is_zero")]
    pub hours: f32,
    /// A program that plays layers on a bench, instead of a simulated chip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware: Option<HardwareSettings>,
}

fn is_zero(hours: &f32) -> bool {
    *hours == 0.0
}

/// How often a drifting device is set in a run, at most.
const MOST_SET: u64 = 1024;

/// The step at which it was last set before a step of all of a run, or in it.
fn last_set(step: u64, steps: u64) -> u64 {
    step - step % steps.div_ceil(MOST_SET)
}

impl DeviceSettings {
    /// Refuses sizes that are no numbers, and knowledge of what is not there: the key below `[training.device]`, and what is
    /// wrong.
    ///
    /// # Errors
    /// As said.
    pub fn check(&self) -> Result<(), (String, String)> {
        if let Some((name, size)) = self.imperfections.iter().find(|(_, size)| !size.is_finite()) {
            return Err((format!("imperfections.{name}"), format!("must be a finite number, not {size}")));
        }
        if let Some(hardware) = &self.hardware {
            let simulated = [
                ("chip", self.chip.is_some()),
                ("imperfections", !self.imperfections.is_empty()),
                ("known", !self.known.is_empty()),
                ("drift", !self.drift.is_empty()),
            ];
            if let Some((key, _)) = simulated.iter().find(|(_, given)| *given) {
                let message = "is for a simulated chip, and training.device.hardware is a bench; leave one out";
                return Err(((*key).to_owned(), message.to_owned()));
            }
            hardware.check().map_err(|error| match error {
                hardware::Error::Setting { key, message } => (format!("hardware.{key}"), message),
                other => ("hardware".to_owned(), other.to_string()),
            })?;
        }
        for (name, drift) in &self.drift {
            drift.check().map_err(|(key, message)| (format!("drift.{name}.{key}"), message))?;
        }
        if !(0.0..=MAX_HOURS as f32).contains(&self.hours) {
            return Err(("hours".to_owned(), format!("must be 0 to {MAX_HOURS}, not {}", self.hours)));
        }
        if self.hours > 0.0 && self.drift.is_empty() {
            let message = "lets no time pass without a drift; state one in training.device.drift, or leave it out";
            return Err(("hours".to_owned(), message.to_owned()));
        }
        match self.known.iter().find(|name| !self.imperfections.contains_key(*name)) {
            Some(name) => {
                Err(("known".to_owned(), format!("names `{name}`, which training.device.imperfections does not")))
            }
            None => Ok(()),
        }
    }

    /// Size of an imperfection that it has, to the digit as it was written: of 32 bits, 0.03 would be another number, and
    /// another chip, than that of `evaluate --vary`.
    pub fn size(&self, name: &str) -> Option<f64> {
        let size = self.imperfections.get(name)?;
        Some(size.to_string().parse().unwrap_or_else(|_| f64::from(*size)))
    }

    /// Number of the chip that a run of this seed meets.
    pub fn number(&self, seed: u32) -> u32 {
        self.chip.unwrap_or(seed)
    }

    /// The chip that a run of this seed meets, at hour 0.
    pub fn draw(&self, seed: u32, imperfections: &[Entry<Imperfection>]) -> Chip {
        let sizes = imperfections.iter().filter_map(|entry| Some((entry, self.size(entry.spec.name)?)));
        Chip::draw(self.number(seed), sizes)
    }

    /// What the model has of that chip.
    fn model(&self, chip: &Chip, imperfections: &[Entry<Imperfection>]) -> Chip {
        let is_known = |name: &str| {
            imperfections
                .iter()
                .any(|entry| entry.name == name && self.known.iter().any(|known| known == entry.spec.name))
        };
        Chip { tensors: chip.tensors.iter().filter(|tensor| is_known(&tensor.name)).cloned().collect() }
    }
}

/// A stage of a step.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Dispatches on the GPU; plans that follow each other are one submission.
    Plan(Arc<Plan>),
    /// The outputs of a layer, by its place, are measured on a bench for the inputs that are there.
    Measure(usize),
}

impl From<Arc<Plan>> for Stage {
    fn from(plan: Arc<Plan>) -> Self {
        Self::Plan(plan)
    }
}

impl Stage {
    /// Its plan, if it is one.
    pub fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Plan(plan) => Some(plan),
            Self::Measure(_) => None,
        }
    }

    /// What it does, as methods list it.
    pub fn name(&self) -> &str {
        match self {
            Self::Plan(plan) => plan.name(),
            Self::Measure(_) => "measure",
        }
    }
}

/// A device beside the model, under the same controls.
#[derive(Debug)]
pub enum Device {
    /// The same layers, with imperfections that only it knows.
    Chip(SimulatedChip),
    /// Layers that a program plays on a bench. The other ones are the model's.
    Bench(Box<Bench>),
}

impl Device {
    /// The device of a run of this seed. The network must be compiled for one device, which is the model.
    ///
    /// # Errors
    /// A program that cannot be had, or plays other layers than the network has; what the GPU reports.
    pub fn open(network: &Network<'_>, settings: &DeviceSettings, drift: Drift, seed: u32) -> Result<Self, Error> {
        if network.devices() != 1 {
            let message = "a method in situ has one device; the network was compiled for several".to_owned();
            return Err(Error::Fit(message));
        }
        match &settings.hardware {
            Some(hardware) => Ok(Self::Bench(Box::new(Bench::open(network, hardware)?))),
            None => Ok(Self::Chip(SimulatedChip::new(network, settings, drift, seed)?)),
        }
    }

    /// What is wrong with it, where it is simulated.
    pub fn chip(&self) -> Option<&Chip> {
        match self {
            Self::Chip(it) => Some(&it.chip),
            Self::Bench(_) => None,
        }
    }

    /// What the model knows of that.
    pub fn model(&self) -> Option<&Chip> {
        match self {
            Self::Chip(it) => Some(&it.model),
            Self::Bench(_) => None,
        }
    }

    /// Whether it may fail in the middle of a step, which is then undone.
    pub fn may_fail(&self) -> bool {
        matches!(self, Self::Bench(_))
    }

    /// What a user should know of a bench before a run.
    pub fn summary(&self) -> Option<String> {
        match self {
            Self::Chip(_) => None,
            Self::Bench(it) => Some(it.summary()),
        }
    }

    /// What a user should know of a bench since this was last asked, one line each.
    pub fn incidents(&mut self) -> Vec<String> {
        match self {
            Self::Chip(_) => Vec::new(),
            Self::Bench(it) => it.incidents(),
        }
    }

    /// The layers of the device from one on, with the controls as they are: `actuate, forward`, with a `measure` for each layer
    /// on a bench and a `forward` for those between.
    ///
    /// # Errors
    /// What the GPU reports.
    pub fn forward(&self, network: &Network<'_>, pass: Pass, layer: usize) -> Result<Vec<Stage>, Error> {
        match self {
            Self::Chip(it) => Ok(network.on(&it.imperfections, pass, layer)?.map(Stage::from).into()),
            Self::Bench(it) => it.forward(network, pass, layer),
        }
    }

    /// Lets it drift to where it stands in a step, from 0, of all of a run; see [`DeviceSettings::hours`].
    ///
    /// # Errors
    /// What the GPU reports.
    pub fn wait_for(&mut self, network: &Network<'_>, step: u64, steps: u64) -> Result<(), Error> {
        match self {
            Self::Chip(it) => it.stand_at(network, last_set(step, steps), steps),
            Self::Bench(_) => Ok(()),
        }
    }

    /// Runs stages for the batch that the clock points at, of so many valid rows.
    ///
    /// # Errors
    /// What the program at the bench or the GPU reports; stages before have then been run.
    pub fn run(&mut self, network: &Network<'_>, stages: &[Stage], rows: usize) -> Result<(), Error> {
        let mut plans: Vec<&Plan> = Vec::new();
        for stage in stages {
            match stage {
                Stage::Plan(plan) => plans.push(plan),
                Stage::Measure(layer) => {
                    network.gpu().submit(&plans)?;
                    plans.clear();
                    if let Self::Bench(it) = self {
                        it.measure(network, *layer, rows)?;
                    }
                }
            }
        }
        Ok(network.gpu().submit(&plans)?)
    }

    /// Loss and accuracy of the device over a whole split, when so many steps of all of a run are done.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn evaluate(
        &mut self,
        network: &Network<'_>,
        (feed, scores): (&Feed, &mut Scores),
        [step, steps]: [u64; 2],
    ) -> Result<Tally, Error> {
        match self {
            Self::Chip(it) => {
                it.stand_at(network, step, steps)?;
                network.evaluate_by(feed, scores, &[&it.inference[0], &it.inference[1]])
            }
            Self::Bench(it) => {
                let stages = it.inference.clone();
                network.evaluate_in(feed, scores, &mut |rows| self.run(network, &stages, rows))
            }
        }
    }
}

/// A device that is simulated.
#[derive(Debug)]
pub struct SimulatedChip {
    chip: Chip,
    model: Chip,
    imperfections: Slice,
    inference: [Arc<Plan>; 2],
    drift: Drift,
    /// Of the chip, under which it drifts.
    number: u32,
    /// Of the whole run.
    hours: f32,
    /// The step that it stands at.
    set_at: u64,
}

impl SimulatedChip {
    /// At hour 0.
    fn new(network: &Network<'_>, settings: &DeviceSettings, drift: Drift, seed: u32) -> Result<Self, Error> {
        let gpu = network.gpu();
        let imperfections = gpu.zeros("imperfections of the device", &[network.chip_len()], Scalar::F32)?;
        let chip = settings.draw(seed, network.imperfections());
        let model = settings.model(&chip, network.imperfections());
        let inference = network.on(&imperfections, Pass::Inference, 0)?;
        let (number, hours) = (settings.number(seed), settings.hours);
        let chip = Self { chip, model, imperfections, inference, drift, number, hours, set_at: 0 };
        gpu.write(&chip.imperfections, &chip.values(network, 0, 1))?;
        Ok(chip)
    }

    /// What is wrong with it when so many steps of all of a run are done, as a flat vector.
    fn values(&self, network: &Network<'_>, step: u64, steps: u64) -> Vec<f32> {
        let mut values = vec![0.0; network.chip_len()];
        self.chip.put(network.imperfections(), &mut values);
        let hour = f64::from(self.hours) * (step as f64 / steps as f64);
        self.drift.add(self.number, hour, &mut values);
        values
    }

    fn stand_at(&mut self, network: &Network<'_>, step: u64, steps: u64) -> Result<(), Error> {
        if self.hours > 0.0 && step != self.set_at {
            network.gpu().write(&self.imperfections, &self.values(network, step, steps))?;
            self.set_at = step;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drifting_device_is_set_in_every_step_of_a_short_run_and_evenly_in_a_long_one() {
        assert!((0..1024).all(|step| last_set(step, 1024) == step));
        let set: Vec<_> = (0..18_760).map(|step| last_set(step, 18_760)).collect();
        assert!((0..18_760).all(|step| step - set[step as usize] < 19));
        let mut distinct = set;
        distinct.dedup();
        assert_eq!((distinct.len(), distinct[987]), (988, 18_753));
    }

    #[test]
    fn time_and_drift_belong_together() {
        let drift = |hours| BTreeMap::from([("temperature".to_owned(), DriftSettings { deviation: 1.0, hours })]);
        let settings = |hours, drift| DeviceSettings { hours, drift, ..DeviceSettings::default() };
        assert_eq!(settings(24.0, drift(2.0)).check(), Ok(()));
        assert_eq!(settings(0.0, BTreeMap::new()).check(), Ok(()));
        for (wrong, key, part) in [
            (settings(24.0, BTreeMap::new()), "hours", "lets no time pass without a drift"),
            (settings(-1.0, drift(2.0)), "hours", "must be 0 to 1000000, not -1"),
            (settings(f32::NAN, drift(2.0)), "hours", "must be 0 to 1000000, not NaN"),
            (settings(1.0, drift(0.0)), "drift.temperature.hours", "must be 0.001 to 1000000, not 0"),
        ] {
            let (found, message) = wrong.check().unwrap_err();
            assert!(found == key && message.starts_with(part), "{found} {message}");
        }
    }
}
