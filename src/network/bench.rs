//! Layers that a program plays on a bench.

use std::f32::consts::TAU;

use super::{Error, Network, Stage};
use crate::gpu::Slice;
use crate::hardware::{Hardware, HardwareSettings, Sent};
use crate::layer::{Pass, Role};

/// Bounds of what has none.
const FREE: [f32; 2] = [f32::MIN, f32::MAX];

/// Hardware in the loop.
#[derive(Debug)]
pub struct Bench {
    hardware: Hardware,
    /// Of every layer of the network, whether the bench plays it.
    played: Vec<bool>,
    /// Its forward pass for evaluations.
    pub(super) inference: Vec<Stage>,
    /// Repetitions that the user has heard of.
    told: u64,
}

impl Bench {
    pub(super) fn open(network: &Network<'_>, settings: &HardwareSettings) -> Result<Self, Error> {
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
        let mut bench = Self { hardware, played, inference: Vec::new(), told: 0 };
        bench.inference = bench.forward(network, Pass::Inference, 0)?;
        Ok(bench)
    }

    /// What a user should know of it before a run, one line.
    pub fn summary(&self) -> String {
        let layers: Vec<_> = self.hardware.layers().iter().map(|layer| layer.name.as_str()).collect();
        let settle = self.hardware.settle().as_secs_f64();
        format!("bench: {} plays {}, and settles in {settle} s", self.hardware.name(), layers.join(", "))
    }

    /// What a user should know of the measurements since this was last asked, one line each.
    pub fn incidents(&mut self) -> Vec<String> {
        let (held, repeats) = (self.hardware.held(), self.hardware.repeats() - self.told);
        self.told += repeats;
        let mut lines = Vec::new();
        if held > 0 {
            lines.push(format!(
                "{held} values of controls lay beyond the limits of the bench and were sent as these; the model has them as they are"
            ));
        }
        if repeats > 0 {
            lines.push(format!("{repeats} measurements had to be repeated"));
        }
        lines
    }

    pub(super) fn forward(&self, network: &Network<'_>, pass: Pass, layer: usize) -> Result<Vec<Stage>, Error> {
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

    pub(super) fn measure(&mut self, network: &Network<'_>, place: usize, rows: usize) -> Result<(), Error> {
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
