//! What a network runs on while it is trained in situ: a device that is measured, beside the model that is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Chip, Entry, Error, Feed, Network, Scores, Tally};
use crate::gpu::{Plan, Scalar, Slice};
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
        match self.known.iter().find(|name| !self.imperfections.contains_key(*name)) {
            Some(name) => {
                Err(("known".to_owned(), format!("names `{name}`, which training.device.imperfections does not")))
            }
            None => Ok(()),
        }
    }

    /// The chip that a run of this seed meets.
    pub fn draw(&self, seed: u32, imperfections: &[Entry<Imperfection>]) -> Chip {
        let size = |entry: &Entry<Imperfection>| self.imperfections.get(entry.spec.name).map(|&size| f64::from(size));
        let sizes = imperfections.iter().filter_map(|entry| Some((entry, size(entry)?)));
        Chip::draw(self.chip.unwrap_or(seed), sizes)
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
    /// Plans on the GPU; those that follow each other are one submission.
    Plan(Arc<Plan>),
}

impl From<Arc<Plan>> for Stage {
    fn from(plan: Arc<Plan>) -> Self {
        Self::Plan(plan)
    }
}

impl Stage {
    /// What it does, as methods list it.
    pub fn name(&self) -> &str {
        match self {
            Self::Plan(plan) => plan.name(),
        }
    }
}

/// A device beside the model: the same layers under the same controls, with imperfections that only it knows.
#[derive(Debug)]
pub struct Device {
    chip: Chip,
    model: Chip,
    imperfections: Slice,
    inference: [Arc<Plan>; 2],
}

impl Device {
    /// The simulated chip of a run of this seed. The network must be compiled for one device, which is the model.
    ///
    /// # Errors
    /// What the device reports.
    pub fn simulated(network: &Network<'_>, settings: &DeviceSettings, seed: u32) -> Result<Self, Error> {
        if network.devices() != 1 {
            let message = "a method in situ has one device; the network was compiled for several".to_owned();
            return Err(Error::Fit(message));
        }
        let gpu = network.gpu();
        let imperfections = gpu.zeros("imperfections of the device", &[network.chip_len()], Scalar::F32)?;
        let chip = settings.draw(seed, network.imperfections());
        let model = settings.model(&chip, network.imperfections());
        let inference = network.on(&imperfections, Pass::Inference, 0)?;
        let mut values = vec![0.0; network.chip_len()];
        chip.put(network.imperfections(), &mut values);
        gpu.write(&imperfections, &values)?;
        Ok(Self { chip, model, imperfections, inference })
    }

    /// What is wrong with it.
    pub fn chip(&self) -> &Chip {
        &self.chip
    }

    /// What the model knows of it.
    pub fn model(&self) -> &Chip {
        &self.model
    }

    /// The layers of the device from one on, with the controls as they are: `actuate, forward`.
    ///
    /// # Errors
    /// What the device reports.
    pub fn forward(&self, network: &Network<'_>, pass: Pass, layer: usize) -> Result<[Stage; 2], Error> {
        let [actuate, forward] = network.on(&self.imperfections, pass, layer)?;
        Ok([actuate.into(), forward.into()])
    }

    /// Loss and accuracy of the device over a whole split.
    ///
    /// # Errors
    /// What the device reports.
    pub fn evaluate(&self, network: &Network<'_>, feed: &Feed, scores: &mut Scores) -> Result<Tally, Error> {
        network.evaluate_by(feed, scores, &[&self.inference[0], &self.inference[1]])
    }
}
