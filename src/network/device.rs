//! What a network runs on while it is trained in situ: a device that is measured, beside the model that is known.

use std::collections::BTreeMap;
use std::f32::consts::TAU;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Chip, Entry, Error, Feed, Network, Scores, Tally};
use crate::gpu::{Plan, Scalar, Slice};
use crate::hardware::{self, Hardware, HardwareSettings, Sent};
use crate::layer::{Imperfection, Pass, Role};

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
    /// A program that plays layers on a bench, instead of a simulated chip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware: Option<HardwareSettings>,
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
    Bench(Bench),
}

impl Device {
    /// The device of a run of this seed. The network must be compiled for one device, which is the model.
    ///
    /// # Errors
    /// A program that cannot be had, or plays other layers than the network has; what the GPU reports.
    pub fn open(network: &Network<'_>, settings: &DeviceSettings, seed: u32) -> Result<Self, Error> {
        if network.devices() != 1 {
            let message = "a method in situ has one device; the network was compiled for several".to_owned();
            return Err(Error::Fit(message));
        }
        match &settings.hardware {
            Some(hardware) => Ok(Self::Bench(Bench::open(network, hardware)?)),
            None => Ok(Self::Chip(SimulatedChip::new(network, settings, seed)?)),
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

    /// Loss and accuracy of the device over a whole split.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn evaluate(&mut self, network: &Network<'_>, feed: &Feed, scores: &mut Scores) -> Result<Tally, Error> {
        match self {
            Self::Chip(it) => network.evaluate_by(feed, scores, &[&it.inference[0], &it.inference[1]]),
            Self::Bench(_) => {
                let stages = self.forward(network, Pass::Inference, 0)?;
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
}

impl SimulatedChip {
    fn new(network: &Network<'_>, settings: &DeviceSettings, seed: u32) -> Result<Self, Error> {
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
}

/// Hardware in the loop.
#[derive(Debug)]
pub struct Bench {
    hardware: Hardware,
    /// Of every layer of the network, whether the bench plays it.
    played: Vec<bool>,
}

impl Bench {
    fn open(network: &Network<'_>, settings: &HardwareSettings) -> Result<Self, Error> {
        let hardware = Hardware::open(settings)?;
        let mut played = vec![false; network.layers()];
        for layer in hardware.layers() {
            let refuse = |what: String| {
                Error::Fit(format!(
                    "{} plays `{}`, {what}; correct its hello or the recipe",
                    hardware.name(),
                    layer.name
                ))
            };
            let Some(place) = (0..network.layers()).find(|&place| network.layer_name(place) == layer.name) else {
                let all: Vec<_> = (0..network.layers()).filter(|&place| network.is_physical(place)).collect();
                let known: Vec<_> = all.into_iter().map(|place| network.layer_name(place)).collect();
                return Err(refuse(format!("which is no layer of the network; there are: {}", known.join(", "))));
            };
            if !network.is_physical(place) {
                return Err(refuse("which is a digital layer and needs no bench".to_owned()));
            }
            let sizes = [network.input_of(place).shape()[1], network.width(place)];
            if sizes != [layer.inputs, layer.outputs] {
                let [inputs, outputs] = sizes;
                let (wrong, other) = (layer.inputs, layer.outputs);
                return Err(refuse(format!(
                    "with {wrong} inputs and {other} outputs, but the network's has {inputs} and {outputs}"
                )));
            }
            let own: Vec<_> = network.parameters().iter().filter(|entry| entry.layer == place).collect();
            for entry in &own {
                let found = layer.parameters.iter().find(|parameter| parameter.name == entry.spec.name);
                if found.is_none_or(|it| it.shape != entry.shape || it.unit != entry.spec.unit) {
                    let (name, shape, unit) = (&entry.spec.name, &entry.shape, entry.spec.unit);
                    return Err(refuse(format!(
                        "but not with the layer's parameter `{name}` {shape:?}, unit \"{unit}\""
                    )));
                }
            }
            if let Some(other) = layer.parameters.iter().find(|it| own.iter().all(|entry| entry.spec.name != it.name)) {
                return Err(refuse(format!("with a parameter `{}` that the layer does not have", other.name)));
            }
            played[place] = true;
        }
        Ok(Self { hardware, played })
    }

    /// Numbers that were held at the limits of the bench since this was last asked.
    pub fn held(&self) -> u64 {
        self.hardware.held()
    }

    fn forward(&self, network: &Network<'_>, pass: Pass, layer: usize) -> Result<Vec<Stage>, Error> {
        let mut stages = vec![network.actuate().into()];
        let mut next = layer;
        for place in (layer..network.layers()).filter(|&place| self.played[place]) {
            if next < place {
                stages.push(network.forward_between(pass, next..place)?.into());
            }
            stages.push(Stage::Measure(place));
            next = place + 1;
        }
        if next < network.layers() {
            stages.push(network.forward_between(pass, next..network.layers())?.into());
        }
        Ok(stages)
    }

    fn measure(&mut self, network: &Network<'_>, place: usize, rows: usize) -> Result<(), Error> {
        let gpu = network.gpu();
        let valid = |slice: &Slice| slice.part(slice.name(), 0, &[rows, slice.shape()[1]]);
        let own: Vec<_> = network.parameters().iter().filter(|entry| entry.layer == place).collect();
        let mut values = Vec::new();
        for entry in &own {
            let mut read: Vec<f32> = gpu.read(&entry.slice(&network.flat().parameters)?)?;
            // A phase is trained without bounds; a heater has a turn.
            if entry.spec.unit == "rad" && entry.spec.role == Role::Control && entry.spec.bounds == FREE {
                read.iter_mut().for_each(|phase| *phase = phase.rem_euclid(TAU));
            }
            values.push(read);
        }
        let parameters: Vec<_> = own
            .iter()
            .zip(&values)
            .map(|(entry, values)| Sent { name: &entry.spec.name, unit: entry.spec.unit, shape: &entry.shape, values })
            .collect();
        let inputs: Vec<f32> = gpu.read(&valid(network.input_of(place))?)?;
        let mut outputs = vec![0.0; rows * network.width(place)];
        self.hardware.measure(network.layer_name(place), &parameters, rows, &inputs, &mut outputs)?;
        Ok(gpu.write(&valid(network.output_of(place))?, &outputs)?)
    }
}

/// Bounds of what has none.
const FREE: [f32; 2] = [f32::MIN, f32::MAX];
