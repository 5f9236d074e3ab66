//! Training as a whole: networks, methods, optimizers and the loop on the device against a twin in `f64` that is made
//! of the specification's functions, and what a run promises: one submission a step, the same bits for the same seed,
//! the same bits after an interruption, and no more memory at the end than at the start.
//!
//! `cargo test --release --test training -- --nocapture` prints what was measured.

mod common;
#[path = "common/space.rs"]
mod space;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::rc::Rc;

use common::{alone, gpu, open, resident};
use flatlight::data::{self, Dataset, Split, Values};
use flatlight::electronics::{
    AddRecipe, AveragePool, ConvolutionRecipe, DenseRecipe, LatentRecipe, MaxPool, NormRecipe, PoolRecipe,
    ReshapeRecipe, UpsampleRecipe, Window,
};
use flatlight::gpu::{Gpu, Options, Plan, PlanBuilder, Scalar, Slice};
use flatlight::layer::{Cause, Imperfection, Io, Layer, Pass, Role};
use flatlight::light::{self, Length};
use flatlight::mesh::Layout;
use flatlight::network::{Device, DeviceSettings, Drift, Entry, LayerRecipe, Network, Stage, Wanted};
use flatlight::ops::disturb::Distribution;
use flatlight::ops::draw::Augment;
use flatlight::ops::resample::Mode;
use flatlight::ops::{Clock, Grouping, Scope};
use flatlight::optics::{
    ActuatorKind, FreeSpaceRecipe, KeptAs, LightInput, LineRecipe, MaskKind, MaskStart, MeshForm, MeshInput,
    MeshOutput, MeshRecipe, MeshStart, MultiplierRecipe, PlaneRecipe, RegionsRecipe, RingRecipe, StartSign,
};
use flatlight::random;
use flatlight::recipe::Recipe;
use flatlight::reference::actuator::Actuator;
use flatlight::reference::adam::Adam;
use flatlight::reference::convolution;
use flatlight::reference::detect::{self, Detector};
use flatlight::reference::mesh::{self, Mesh as Mesh64};
use flatlight::reference::microring::{About, Ring, State as State64};
use flatlight::reference::normalization::{Normalization, Over};
use flatlight::reference::phase_shifter::Shifters;
use flatlight::reference::ports::{self, Reading};
use flatlight::reference::ring_bank::RingBank;
use flatlight::reference::sgd::Sgd;
use flatlight::reference::{
    self, Segment, activation, adversary, bias, blur, cross_entropy, disturb, draw, gain, latent, matmul,
    mean_squared_error, norm, perturb, pool, probe, resample, shortcut, slope, structural_similarity, tiles, upsample,
};
use flatlight::training::method::{Cost, Step};
use flatlight::training::{
    DatSettings, EpochRow, Error, FiniteDifferenceSettings, Learner, Method, Neighbourhood, Optimizer, OptimizerKind,
    OptimizerSettings, PruningSettings, SatScope, SatSettings, Schedule, Settings, SpsaSettings, State, StepSettings,
    Trainer,
};

use space::TwinSpace;

const FEATURES: usize = 12;
const CLASSES: usize = 5;
const SAMPLES: usize = 37;
/// Two full batches and one of 5 samples make an epoch.
const BATCH: usize = 16;
const SEED: u32 = 7;

// What is trained -----------------------------------------------------------------------------------------------------

/// A small set of plain features.
fn dataset() -> Dataset {
    bytes_of(&[FEATURES])
}

/// A set of random bytes. Feature 0 of a sample is its own number; its class is the largest of the five that follow.
fn bytes_of(shape: &[usize]) -> Dataset {
    let features: usize = shape.iter().product();
    let split = |name: &str, samples: usize| {
        let units = random::units(SEED, random::stream(name)).take(samples * features);
        let mut bytes: Vec<u8> = units.map(|unit| (256.0 * unit) as u8).collect();
        let mut labels = Vec::new();
        for (number, sample) in (0..).zip(bytes.chunks_exact_mut(features)) {
            sample[0] = number;
            labels.push((0..CLASSES).max_by_key(|&class| sample[1 + class]).unwrap() as u32);
        }
        Split { values: Values::Bytes(bytes), labels }
    };
    Dataset {
        name: "small".to_owned(),
        shape: shape.to_vec(),
        classes: CLASSES,
        scale: 1.0 / 255.0,
        train: split("train", SAMPLES),
        validation: None,
        preparation: None,
        test: split("test", 21),
    }
}

/// A layer of rings.
fn ring(outputs: usize, range: [f32; 2]) -> RingRecipe {
    RingRecipe { contrast: 0.95, range, ..RingRecipe::new(outputs) }
}

/// Layers of rings with so many outputs, and rectifiers between them.
fn rings(outputs: &[usize], range: [f32; 2]) -> Vec<LayerRecipe> {
    rings_like(outputs, &ring(1, range))
}

fn rings_like(outputs: &[usize], ring: &RingRecipe) -> Vec<LayerRecipe> {
    let ring = |&outputs| LayerRecipe::RingDense(RingRecipe { outputs, ..ring.clone() });
    outputs.iter().flat_map(|outputs| [LayerRecipe::Relu, ring(outputs)]).skip(1).collect()
}

fn small() -> Vec<LayerRecipe> {
    rings(&[8, CLASSES], [0.0, 1.0])
}

/// What an earlier layer puts out, added.
fn add(of: &str) -> LayerRecipe {
    LayerRecipe::Add(AddRecipe::new(of))
}

/// A digital layer and two blocks of rings with shortcuts past them, the second to more features and from behind the first.
fn residual() -> Vec<LayerRecipe> {
    let ring = |outputs| LayerRecipe::RingDense(ring(outputs, [0.0, 1.0]));
    let front = [LayerRecipe::Dense(DenseRecipe::new(8)), LayerRecipe::Tanh];
    let blocks = [ring(8), add("tanh1"), LayerRecipe::Tanh, ring(11), add("tanh2"), ring(CLASSES)];
    [&front[..], &blocks].concat()
}

fn compile<'g>(gpu: &'g Gpu, layers: &[LayerRecipe]) -> Network<'g> {
    Network::new(gpu, layers, &[FEATURES], CLASSES, BATCH).unwrap()
}

fn trainer<'a, 'g>(network: &'a Network<'g>, settings: &'a Settings, data: &Dataset, seed: u32) -> Trainer<'a, 'g> {
    Trainer::new(network, settings, data, (data.scale, 0.0), seed).unwrap()
}

fn adam(learning_rate: f32) -> OptimizerSettings {
    OptimizerSettings { learning_rate, ..OptimizerSettings::default() }
}

fn sgd(learning_rate: f32) -> OptimizerSettings {
    OptimizerSettings { kind: OptimizerKind::Sgd, learning_rate, ..OptimizerSettings::default() }
}

fn adamw(learning_rate: f32, weight_decay: f32, decay_scope: Scope) -> OptimizerSettings {
    OptimizerSettings { kind: OptimizerKind::Adamw, weight_decay, decay_scope, ..adam(learning_rate) }
}

fn settings(method: Method, optimizer: OptimizerSettings) -> Settings {
    Settings {
        method,
        epochs: 4,
        batch: BATCH,
        augment: Augment::default(),
        schedule: Schedule::Constant,
        warm_up: 0,
        average: 0.0,
        label_smoothing: 0.0,
        distribution: Distribution::Normal,
        step: StepSettings { every: 1, factor: 0.5 },
        optimizer,
        noise: BTreeMap::from([("ring_offset".to_owned(), 0.01), ("temperature".to_owned(), 0.5)]),
        devices: 1,
        pruning: PruningSettings { strength: 0.002 },
        sat: SatSettings { rho: 0.05, ..SatSettings::default() },
        dat: DatSettings { hidden: 7, ..DatSettings::default() },
        spsa: SpsaSettings { probes: 3, radius: 0.05, ..SpsaSettings::default() },
        // The biases: all detunings would be many.
        finite_difference: FiniteDifferenceSettings { scope: Scope::Digital, ..FiniteDifferenceSettings::default() },
        device: if method.is_in_situ() { uneven() } else { DeviceSettings::default() },
    }
}

/// A chip of uneven rings, warmer than the model.
fn uneven() -> DeviceSettings {
    let imperfections = BTreeMap::from([("ring_offset".to_owned(), 0.05), ("temperature".to_owned(), 0.5)]);
    DeviceSettings { imperfections, ..DeviceSettings::default() }
}

/// Starting values with biases that are not 0.
fn start(network: &Network<'_>) -> Vec<f32> {
    let mut values = network.start(SEED);
    for entry in network.parameters().iter().filter(|entry| entry.spec.role == Role::Digital) {
        let units = random::units(SEED, random::stream(&entry.name));
        values[entry.range()].iter_mut().zip(units).for_each(|(value, unit)| *value = 0.6 * unit as f32 - 0.3);
    }
    values
}

/// A device that is warm and has every ring off its place.
fn odd_chip(network: &Network<'_>) -> Vec<f32> {
    let mut values = vec![0.0; network.chip_len()];
    for entry in network.imperfections() {
        let units = random::units(SEED, random::stream(&entry.name));
        let size = match entry.spec.name {
            "temperature" => 1.4,
            // The twin's detectors are quiet.
            "detection_noise" => 0.0,
            "distance_error" => 2e-5,
            "shift_x" | "shift_y" | "lens_shift_x" | "lens_shift_y" | "blur" => 1.8,
            "tilt_x" | "tilt_y" => 1.0,
            "rotation" => 9.0,
            "scale" => 0.2,
            _ => 0.04,
        };
        values[entry.range()].iter_mut().zip(units).for_each(|(value, unit)| *value = size * (unit as f32 - 0.5));
    }
    values
}

// The twin ------------------------------------------------------------------------------------------------------------

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// The largest error, relative to the largest of the values wanted.
fn error(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    // `max` would pass over a NaN.
    assert!(got.iter().chain(want).all(|value| value.is_finite()), "not all are numbers");
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |most: f64, value| most.max(value.abs()));
    let largest = most(&mut want.iter().copied());
    assert!(largest > 0.0, "nothing to compare with");
    most(&mut got.iter().zip(want).map(|(got, want)| got - want)) / largest
}

fn twin_scope(scope: Scope) -> reference::Scope {
    match scope {
        Scope::Control => reference::Scope::Control,
        Scope::All => reference::Scope::All,
        Scope::Digital => reference::Scope::Digital,
    }
}

fn twin_sat_scope(scope: SatScope) -> Option<reference::Scope> {
    match scope {
        SatScope::Control => Some(reference::Scope::Control),
        SatScope::All => Some(reference::Scope::All),
        SatScope::Digital => Some(reference::Scope::Digital),
        SatScope::Imperfections => None,
    }
}

fn twin_grouping(grouping: Grouping) -> reference::Grouping {
    match grouping {
        Grouping::All => reference::Grouping::All,
        Grouping::Group => reference::Grouping::Group,
        Grouping::Layer => reference::Grouping::Layer,
    }
}

fn moved(from: &[f64], to: &[f64]) -> Vec<f64> {
    from.iter().zip(to).map(|(from, to)| to - from).collect()
}

struct TwinRing {
    ring: Ring,
    bank: Option<RingBank>,
    inputs: usize,
    outputs: usize,
    actuator: Actuator,
    control: Range<usize>,
    bias: Range<usize>,
    detector: Option<Detector>,
    /// Place of the gain, and whether it is trained.
    gain: Option<(usize, bool)>,
    offset: Range<usize>,
    temperature: usize,
    width: Range<usize>,
    contrast: Range<usize>,
    crosstalk: Option<usize>,
}

impl TwinRing {
    fn new(network: &Network<'_>, recipe: &RingRecipe, name: &str) -> Self {
        let parameter = |own: &str| {
            let named = format!("{name}.{own}");
            network.parameters().iter().find(|entry| entry.name == named).unwrap()
        };
        let imperfection = |own: &str| {
            let named = format!("{name}.{own}");
            network.imperfections().iter().find(|entry| entry.name == named)
        };
        let [half_width, contrast, drift] = [recipe.half_width, recipe.contrast, recipe.drift].map(f64::from);
        let [bias, nm_per_ma, nm_per_mw, resistance] =
            [recipe.bias_detuning, recipe.nm_per_ma, recipe.nm_per_mw, recipe.resistance].map(f64::from);
        let (control, rest, gain) = match recipe.actuator {
            ActuatorKind::Direct => ("detuning", 0.0, 1.0),
            ActuatorKind::Linear => ("current", bias, nm_per_ma),
            ActuatorKind::Joule => ("current", bias, nm_per_mw * resistance),
        };
        let control = parameter(control);
        let ring = Ring { half_width, contrast, drift };
        let [spacing, fsr] = [recipe.spacing, recipe.fsr].map(f64::from);
        Self {
            ring,
            bank: recipe.bank.map(|size| RingBank { ring, size, spacing, fsr }),
            inputs: control.shape[1],
            outputs: control.shape[0],
            actuator: Actuator {
                rest,
                gain,
                square: recipe.actuator == ActuatorKind::Joule,
                range: control.spec.bounds.map(f64::from),
                levels: recipe.dac_bits.map_or(0, |bits| 1 << bits),
                crosstalk: recipe.crosstalk.map_or(0.0, f64::from),
            },
            control: control.range(),
            bias: network
                .parameters()
                .iter()
                .find(|entry| entry.name == format!("{name}.bias"))
                .map_or(0..0, Entry::range),
            detector: recipe.full_scale.map(|full_scale| Detector {
                full_scale: f64::from(full_scale),
                levels: recipe.adc_bits.map_or(0, |bits| 1 << bits),
            }),
            gain: network
                .parameters()
                .iter()
                .find(|entry| entry.name == format!("{name}.gain"))
                .map(|entry| (entry.offset, entry.spec.role == Role::Digital)),
            offset: imperfection("ring_offset").unwrap().range(),
            temperature: imperfection("temperature").unwrap().offset,
            width: imperfection("ring_width").unwrap().range(),
            contrast: imperfection("ring_contrast").unwrap().range(),
            crosstalk: imperfection("crosstalk").map(|entry| entry.offset),
        }
    }

    /// What a chip adds to the crosstalk.
    fn change(&self, chip: &[f64]) -> f64 {
        self.crosstalk.map_or(0.0, |place| chip[place])
    }

    /// Detunings that the controls set on a chip.
    fn detuning(&self, p: &[f64], chip: &[f64]) -> Vec<f64> {
        self.actuator.forward(&p[self.control.clone()], self.inputs, self.change(chip))
    }

    /// The rings as a chip has them.
    fn state<'a>(&self, detuning: &'a [f64], chip: &'a [f64]) -> State64<'a> {
        let [offset, width, contrast] = [&self.offset, &self.width, &self.contrast].map(|range| &chip[range.clone()]);
        State64 { detuning, offset, temperature: chip[self.temperature], width, contrast }
    }

    fn weight(&self, p: &[f64], chip: &[f64]) -> Vec<f64> {
        let detuning = self.detuning(p, chip);
        let state = self.state(&detuning, chip);
        match self.bank {
            Some(bank) => bank.forward(state, self.inputs),
            None => self.ring.forward(state),
        }
    }

    /// What quiet detectors read of the light.
    fn reading(&self, light: Vec<f64>) -> Vec<f64> {
        let quiet = vec![0.0; light.len()];
        self.detector.as_ref().map_or(light.clone(), |detector| detector.forward(&light, None, 0.0, &quiet))
    }

    fn output(&self, p: &[f64], light: Vec<f64>) -> Vec<f64> {
        let bias = Some(&p[self.bias.clone()]).filter(|bias| !bias.is_empty());
        gain::forward(&self.reading(light), self.gain.map_or(1.0, |(place, _)| p[place]), bias)
    }

    /// Gradient of the light; that of the gain is written to `gradient`.
    fn d_light(&self, p: &[f64], light: Vec<f64>, d_y: &[f64], gradient: &mut [f64]) -> Vec<f64> {
        let Some((place, trained)) = self.gain else { return d_y.to_vec() };
        let (d_light, d_gain) = gain::backward(&self.reading(light), p[place], d_y);
        if trained {
            gradient[place] = d_gain;
        }
        d_light
    }

    /// Light of a dense layer.
    fn dense(&self, p: &[f64], chip: &[f64], x: &[f64], rows: usize) -> Vec<f64> {
        matmul::abt_bias(x, &self.weight(p, chip), &vec![0.0; self.outputs], rows, self.outputs, self.inputs)
    }

    /// Gradient of the controls from that of the weights.
    fn d_control(&self, p: &[f64], chip: &[f64], d_weight: &[f64]) -> Vec<f64> {
        let detuning = self.detuning(p, chip);
        let state = self.state(&detuning, chip);
        let d_detuning = match self.bank {
            Some(bank) => bank.backward(About::Detuning, state, self.inputs, d_weight),
            None => self.ring.backward(About::Detuning, state, d_weight),
        };
        self.actuator.backward(&p[self.control.clone()], self.inputs, self.change(chip), &d_detuning)
    }

    /// ||dW/dx|| on a chip.
    fn steepness(&self, p: &[f64], chip: &[f64]) -> f64 {
        slope::steepness(&self.ring, self.state(&self.detuning(p, chip), chip))
    }

    /// Gradient of the controls from that of strength ||dW/dx||.
    fn d_steepness(&self, p: &[f64], chip: &[f64], strength: f64) -> Vec<f64> {
        let detuning = self.detuning(p, chip);
        let d_detuning = slope::penalty(&self.ring, self.state(&detuning, chip), strength);
        self.actuator.backward(&p[self.control.clone()], self.inputs, self.change(chip), &d_detuning)
    }
}

struct TwinMesh {
    mesh: Mesh64,
    shifters: Shifters,
    /// Neighbours among the thetas, the phis and the phases of the screen, and where their controls are.
    heaters: [(Vec<u32>, Range<usize>); 3],
    trained: bool,
    /// Modes of the input, and whether they are fields.
    inputs: (usize, bool),
    reference: f64,
    /// What is read of the field, if it is not the output itself.
    reading: Option<Reading>,
    gain: Option<usize>,
    phase_error: Range<usize>,
    splitter_error: Range<usize>,
    temperature: usize,
    crosstalk: usize,
    losses: [Range<usize>; 2],
}

impl TwinMesh {
    fn new(network: &Network<'_>, recipe: &MeshRecipe, name: &str, shape: &[usize]) -> Self {
        let parameter = |own: &str| {
            let named = format!("{name}.{own}");
            network.parameters().iter().find(|entry| entry.name == named)
        };
        let imperfection = |own: &str| {
            let named = format!("{name}.{own}");
            network.imperfections().iter().find(|entry| entry.name == named).unwrap()
        };
        let fields = recipe.input == MeshInput::Field;
        let inputs = if fields { shape[0] } else { shape.iter().product() };
        let modes = recipe.modes.unwrap_or(inputs);
        let (layout, columns) = (recipe.layout, recipe.layout.columns(modes));
        let bits = |rows: &[usize]| -> Vec<u32> {
            let row = |length: usize| (0..length).map(move |at| u32::from(at > 0) + 2 * u32::from(at + 1 < length));
            rows.iter().copied().flat_map(row).collect()
        };
        let rows: Vec<_> = (0..columns).map(|column| layout.column(modes, column).count()).collect();
        Self {
            mesh: Mesh64 {
                modes,
                layout: match layout {
                    Layout::Clements => mesh::Layout::Rectangular,
                    Layout::Reck => mesh::Layout::Triangular,
                },
                loss: [recipe.insertion_loss, recipe.loss_unbalance].map(f64::from),
            },
            shifters: Shifters {
                levels: recipe.dac_bits.map_or(0, |bits| 1 << bits),
                crosstalk: f64::from(recipe.crosstalk),
                drift: f64::from(recipe.phase_drift),
            },
            heaters: ["theta", "phi", "gamma"].map(|own| {
                let table = if own == "gamma" { bits(&[modes]) } else { bits(&rows) };
                (table, parameter(own).unwrap().range())
            }),
            trained: recipe.trainable,
            inputs: (inputs, fields),
            reference: f64::from(recipe.reference_beam),
            reading: (recipe.output != MeshOutput::Field).then(|| Reading {
                power: recipe.output == MeshOutput::Power,
                unit: recipe.unit_norm,
                modes,
                ports: recipe.ports.unwrap_or(modes),
            }),
            gain: parameter("gain").map(|entry| entry.offset),
            phase_error: imperfection("phase_error").range(),
            splitter_error: imperfection("splitter_error").range(),
            temperature: imperfection("temperature").offset,
            crosstalk: imperfection("crosstalk").offset,
            losses: ["insertion_loss", "loss_unbalance"].map(|own| imperfection(own).range()),
        }
    }

    /// Phases as heaters set them on a chip.
    fn set(&self, p: &[f64], chip: &[f64]) -> [Vec<f64>; 3] {
        let [temperature, change] = [chip[self.temperature], chip[self.crosstalk]];
        [0, 1, 2].map(|kind| {
            let (neighbours, range) = &self.heaters[kind];
            self.shifters.forward(&p[range.clone()], neighbours, temperature, change)
        })
    }

    fn state<'a>(&self, [theta, phi, gamma]: &'a [Vec<f64>; 3], chip: &'a [f64]) -> mesh::Parameters<'a> {
        let [phase_error, splitter_error] = [&self.phase_error, &self.splitter_error].map(|range| &chip[range.clone()]);
        let [loss, loss_unbalance] = self.losses.each_ref().map(|range| &chip[range.clone()]);
        mesh::Parameters { theta, phi, gamma, phase_error, splitter_error, loss, loss_unbalance }
    }

    /// The field behind the mesh.
    fn light(&self, p: &[f64], chip: &[f64], x: &[f64]) -> Vec<f64> {
        let field = match self.inputs {
            (inputs, true) => ports::embed(x, inputs, self.mesh.modes, self.reference),
            (inputs, false) => ports::enter(x, inputs, self.mesh.modes, self.reference),
        };
        self.mesh.forward(self.state(&self.set(p, chip), chip), &field)
    }

    fn forward(&self, p: &[f64], chip: &[f64], x: &[f64]) -> Vec<f64> {
        let light = self.light(p, chip, x);
        match &self.reading {
            Some(reading) => gain::forward(&reading.forward(&light), self.gain.map_or(1.0, |place| p[place]), None),
            None => light,
        }
    }

    fn backward(&self, p: &[f64], chip: &[f64], x: &[f64], d_y: &[f64], gradient: &mut [f64]) -> Vec<f64> {
        let light = self.light(p, chip, x);
        let d_light = match &self.reading {
            Some(reading) => {
                let mut d_reading = d_y.to_vec();
                if let Some(place) = self.gain {
                    (d_reading, gradient[place]) = gain::backward(&reading.forward(&light), p[place], d_y);
                }
                reading.backward(&light, &d_reading)
            }
            None => d_y.to_vec(),
        };
        let of = self.mesh.backward(self.state(&self.set(p, chip), chip), &light, &d_light);
        if self.trained {
            for ((neighbours, range), d_phase) in self.heaters.iter().zip([&of.theta, &of.phi, &of.gamma]) {
                let d_control = self.shifters.backward(d_phase, neighbours, chip[self.crosstalk]);
                gradient[range.clone()].copy_from_slice(&d_control);
            }
        }
        match self.inputs {
            (inputs, true) => ports::embed(&of.field, self.mesh.modes, inputs, 0.0),
            (inputs, false) => ports::enter_backward(&of.field, inputs, self.mesh.modes),
        }
    }
}

struct TwinMultiplier {
    layout: tiles::Tiles,
    view: resample::Resample,
    /// Design of the blur, and the place of what comes on top.
    blur: Option<(f64, usize)>,
    geometry: [usize; 4],
    transmission: Range<usize>,
    bias: Range<usize>,
    /// Place of the gain, which is trained.
    gain: Option<usize>,
}

impl TwinMultiplier {
    fn new(network: &Network<'_>, recipe: &MultiplierRecipe, name: &str) -> Self {
        let named = |own: &str| format!("{name}.{own}");
        let parameter = |own| network.parameters().iter().find(|entry| entry.name == named(own));
        let place = |own| network.imperfections().iter().find(|entry| entry.name == named(own)).unwrap().offset;
        let MultiplierRecipe { outputs, tiles: grid, tile, pixels, margin, .. } = *recipe;
        let layout = tiles::Tiles { outputs, tile: tile.unwrap(), pixels, grid, margin };
        let [_, height, width] = layout.shape();
        let mode = match recipe.sampling {
            Mode::Area => resample::Mode::Area,
            Mode::Bilinear => resample::Mode::Bilinear,
            Mode::Nearest => resample::Mode::Nearest,
        };
        let sides = [height, width];
        Self {
            layout,
            view: resample::Resample { mode, from: sides, to: sides, step: [1.0; 2], outside: [0.0; 2], channels: 1 },
            blur: recipe.blur.map(|blur| (f64::from(blur), place("blur"))),
            geometry: ["shift_x", "shift_y", "rotation", "scale"].map(place),
            transmission: parameter("transmission").unwrap().range(),
            bias: parameter("bias").unwrap().range(),
            gain: parameter("gain").map(|entry| entry.offset),
        }
    }

    fn geometry<'a>(&self, chip: &'a [f64]) -> [&'a [f64]; 4] {
        self.geometry.map(|place| &chip[place..=place])
    }

    /// Pictures behind the optics, which are their own adjoint.
    fn blurred(&self, pictures: Vec<f64>, chip: &[f64]) -> Vec<f64> {
        let Some((spread, place)) = self.blur else { return pictures };
        let [height, width] = self.view.from;
        let each = pictures.chunks_exact(height * width);
        each.flat_map(|picture| blur::forward(picture, [height, width], spread, chip[place])).collect()
    }

    fn weight(&self, p: &[f64], chip: &[f64]) -> Vec<f64> {
        let view = self.view.forward(&self.layout.lay(&p[self.transmission.clone()]), self.geometry(chip));
        self.layout.weigh(&self.blurred(view, chip))
    }

    fn light(&self, p: &[f64], chip: &[f64], x: &[f64], rows: usize) -> Vec<f64> {
        let (weight, outputs) = (self.weight(p, chip), self.bias.len());
        matmul::abt_bias(x, &weight, &vec![0.0; outputs], rows, outputs, x.len() / rows)
    }

    fn forward(&self, p: &[f64], chip: &[f64], x: &[f64], rows: usize) -> Vec<f64> {
        let gain = self.gain.map_or(1.0, |place| p[place]);
        gain::forward(&self.light(p, chip, x, rows), gain, Some(&p[self.bias.clone()]))
    }

    fn backward(&self, p: &[f64], chip: &[f64], [x, d_y]: [&[f64]; 2], rows: usize, gradient: &mut [f64]) -> Vec<f64> {
        let (outputs, inputs) = (self.bias.len(), x.len() / rows);
        let mut d_light = d_y.to_vec();
        if let Some(place) = self.gain {
            (d_light, gradient[place]) = gain::backward(&self.light(p, chip, x, rows), p[place], d_y);
        }
        let d_view = self.layout.weigh_backward(&matmul::atb(&d_light, x, outputs, inputs, rows));
        let d_picture = self.view.backward(&self.blurred(d_view, chip), self.geometry(chip));
        gradient[self.transmission.clone()].copy_from_slice(&self.layout.lay_backward(&d_picture));
        gradient[self.bias.clone()].copy_from_slice(&bias::backward(d_y, outputs));
        matmul::ab(&d_light, &self.weight(p, chip), rows, inputs, outputs)
    }
}

enum TwinLayer {
    Space(TwinSpace),
    Mesh(TwinMesh),
    Multiplier(TwinMultiplier),
    /// With the place of the transmissions, and the modes before and behind.
    Attenuators(Range<usize>, [usize; 2]),
    Ring(TwinRing),
    Relu,
    Sigmoid,
    Tanh,
    MaxPool([usize; 3], PoolRecipe),
    AveragePool([usize; 3], PoolRecipe),
    /// With height and width of what comes in, and the factor.
    Upsample([usize; 2], usize),
    RingConvolution(TwinRing, convolution::Shape),
    /// With the places of weight and bias, which may be empty.
    Dense([Range<usize>; 2]),
    /// With the places of weight and bias, which may be empty.
    Convolution([Range<usize>; 2], convolution::Shape),
    /// With the places of gamma and beta.
    Norm(Normalization, [Range<usize>; 2]),
    /// With the place of the layer whose output is added, and images of one sample.
    Add(usize, shortcut::Shape),
    /// The same values.
    Reshape,
    Latent(TwinLatent),
    /// Means alone, so many.
    Mean(usize),
}

/// Numbers drawn as an encoder says.
struct TwinLatent {
    features: usize,
    weight: f64,
    /// Seed, step and place of the batch that is met.
    at: Rc<Cell<Clock>>,
}

impl TwinLatent {
    fn normals(&self, rows: usize) -> Vec<f64> {
        let (Clock { seed, step, first, .. }, k) = (self.at.get(), self.features);
        detect::normals(seed, random::stream("output of latent1"), step, first * k as u32, rows * k)
    }
}

/// A network in `f64`, over the flat vectors of the one on the device.
struct Twin {
    layers: Vec<TwinLayer>,
    imperfections: Vec<Entry<Imperfection>>,
    segments: Vec<Segment>,
    chip_len: usize,
    wanted: Wanted,
    /// Of the targets that gradients and measured losses are for.
    smoothing: f64,
    /// What is drawn for every sample is drawn for this batch.
    at: Rc<Cell<Clock>>,
}

/// Windows over a batch of images.
fn windows([channels, height, width]: [usize; 3], recipe: &PoolRecipe, rows: usize) -> pool::Shape {
    let (window, stride) = match (recipe.window, recipe.stride) {
        (Window::Side(side), stride) => ([side; 2], stride.unwrap_or(side)),
        (Window::All, _) => ([height, width], height.max(width)),
    };
    pool::Shape { planes: rows * channels, height, width, window, stride }
}

/// The shortcut of a whole batch.
fn of_batch(shape: &shortcut::Shape, rows: usize) -> shortcut::Shape {
    shortcut::Shape { samples: rows, ..*shape }
}

impl TwinLayer {
    /// The output from what was met so far: the batch, and the outputs of all layers before.
    fn forward(&self, p: &[f64], chip: &[f64], tape: &[Vec<f64>], rows: usize) -> Vec<f64> {
        let x = &tape[tape.len() - 1][..];
        match self {
            Self::Add(source, shape) => of_batch(shape, rows).forward(x, &tape[source + 1], false),
            Self::Space(it) => it.forward(p, chip, x),
            Self::Mesh(it) => it.forward(p, chip, x),
            Self::Multiplier(it) => it.forward(p, chip, x, rows),
            Self::Attenuators(range, [from, to]) => ports::attenuate(x, &p[range.clone()], *from, *to),
            Self::Ring(it) => it.output(p, it.dense(p, chip, x, rows)),
            Self::Relu => activation::relu_forward(x),
            Self::Sigmoid => activation::sigmoid_forward(x),
            Self::Tanh => activation::tanh_forward(x),
            Self::MaxPool(image, recipe) => pool::max_forward(x, &windows(*image, recipe, rows)),
            Self::AveragePool(image, recipe) => pool::average_forward(x, &windows(*image, recipe, rows)),
            Self::Upsample(image, factor) => upsample::forward(x, *image, *factor),
            Self::Reshape => x.to_vec(),
            Self::Latent(it) => latent::sample(x, it.features, &it.normals(rows)),
            Self::Mean(features) => latent::mean(x, *features),
            Self::RingConvolution(it, shape) => it.output(p, shape.forward(x, &it.weight(p, chip), None)),
            Self::Dense([weight, bias]) => {
                let outputs = weight.len() * rows / x.len();
                let none = vec![0.0; outputs];
                let bias = if bias.is_empty() { &none } else { &p[bias.clone()] };
                matmul::abt_bias(x, &p[weight.clone()], bias, rows, outputs, x.len() / rows)
            }
            Self::Convolution([weight, bias], shape) => {
                let bias = Some(&p[bias.clone()]).filter(|bias| !bias.is_empty());
                shape.forward(x, &p[weight.clone()], bias)
            }
            Self::Norm(norm, [gamma, beta]) => {
                norm.forward(x, &norm.statistics(x), &p[gamma.clone()], &p[beta.clone()])
            }
        }
    }

    /// Gradient of the input, from input, output and its gradient; that of parameters is written to `gradient`. What goes by
    /// a shortcut is in [`Twin::reach`].
    fn backward(
        &self,
        p: &[f64],
        chip: &[f64],
        [x, y, d_y]: [&[f64]; 3],
        rows: usize,
        gradient: &mut [f64],
    ) -> Vec<f64> {
        match self {
            Self::Space(it) => it.backward(p, chip, x, d_y, gradient),
            Self::Mesh(it) => it.backward(p, chip, x, d_y, gradient),
            Self::Multiplier(it) => it.backward(p, chip, [x, d_y], rows, gradient),
            Self::Attenuators(range, [from, to]) => {
                let [d_x, d_factor] = ports::attenuate_backward(x, &p[range.clone()], d_y, *from, *to);
                gradient[range.clone()].copy_from_slice(&d_factor);
                d_x
            }
            Self::Ring(it) => {
                let d_light = it.d_light(p, it.dense(p, chip, x, rows), d_y, gradient);
                let d_weight = matmul::atb(&d_light, x, it.outputs, it.inputs, rows);
                gradient[it.control.clone()].copy_from_slice(&it.d_control(p, chip, &d_weight));
                gradient[it.bias.clone()].copy_from_slice(&bias::backward(d_y, it.outputs));
                matmul::ab(&d_light, &it.weight(p, chip), rows, it.inputs, it.outputs)
            }
            Self::Relu => activation::relu_backward(y, d_y),
            Self::Sigmoid => activation::sigmoid_backward(y, d_y),
            Self::Tanh => activation::tanh_backward(y, d_y),
            Self::MaxPool(image, recipe) => pool::max_backward(x, d_y, &windows(*image, recipe, rows)),
            Self::AveragePool(image, recipe) => pool::average_backward(d_y, &windows(*image, recipe, rows)),
            Self::Upsample(image, factor) => upsample::backward(d_y, *image, *factor),
            Self::Reshape => d_y.to_vec(),
            Self::Mean(_) => unreachable!("of inference"),
            Self::Latent(it) => latent::backward(x, it.features, &it.normals(rows), d_y, it.weight),
            Self::RingConvolution(it, shape) => {
                let weight = it.weight(p, chip);
                let d_light = it.d_light(p, shape.forward(x, &weight, None), d_y, gradient);
                let d_weight = shape.backward_weight(x, &d_light);
                gradient[it.control.clone()].copy_from_slice(&it.d_control(p, chip, &d_weight));
                shape.backward_input(&weight, &d_light)
            }
            Self::Dense([weight, own]) => {
                let (inputs, outputs) = (x.len() / rows, y.len() / rows);
                gradient[weight.clone()].copy_from_slice(&matmul::atb(d_y, x, outputs, inputs, rows));
                if !own.is_empty() {
                    gradient[own.clone()].copy_from_slice(&bias::backward(d_y, outputs));
                }
                matmul::ab(d_y, &p[weight.clone()], rows, inputs, outputs)
            }
            Self::Convolution([weight, bias], shape) => {
                gradient[weight.clone()].copy_from_slice(&shape.backward_weight(x, d_y));
                if !bias.is_empty() {
                    gradient[bias.clone()].copy_from_slice(&shape.backward_bias(d_y));
                }
                shape.backward_input(&p[weight.clone()], d_y)
            }
            Self::Norm(norm, [gamma, beta]) => {
                let [d_x, d_gamma, d_beta] = norm.backward(x, &p[gamma.clone()], d_y);
                gradient[gamma.clone()].copy_from_slice(&d_gamma);
                gradient[beta.clone()].copy_from_slice(&d_beta);
                d_x
            }
            Self::Add(..) => d_y.to_vec(),
        }
    }
}

struct Passed {
    loss: Vec<f64>,
    correct: Vec<f64>,
    gradient: Vec<f64>,
}

impl Passed {
    fn mean_loss(&self) -> f64 {
        self.loss.iter().sum::<f64>() / self.loss.len() as f64
    }
}

impl Twin {
    fn new(network: &Network<'_>, recipes: &[LayerRecipe], sample_shape: &[usize]) -> Self {
        let at = Rc::new(Cell::new(Clock::default()));
        // Padding stays 0.
        let mut segments =
            vec![Segment { lower: 0.0, upper: 0.0, control: false, kept: false, tensor: 0 }; network.flat().len()];
        for (tensor, entry) in network.parameters().iter().enumerate() {
            let [lower, upper] = entry.spec.bounds.map(f64::from);
            segments[entry.range()].fill(Segment {
                lower,
                upper,
                control: entry.spec.role == Role::Control,
                kept: entry.spec.role == Role::Statistic,
                tensor,
            });
        }
        let mut layers = Vec::new();
        let (mut shape, mut rings, mut norms, mut meshes) = (sample_shape.to_vec(), 0, 0, 0);
        for (place, (part, layer)) in recipes.iter().flat_map(LayerRecipe::parts).enumerate() {
            let layer = &layer;
            // Places of the ordinary weights and biases of a layer.
            let weights = || {
                ["weight", "bias"].map(|own| {
                    let named = format!("{}.{own}", network.parts()[place].name);
                    network.parameters().iter().find(|entry| entry.name == named).map_or(0..0, Entry::range)
                })
            };
            let image = || match *shape {
                [height, width] => [1, height, width],
                [channels, height, width] => [channels, height, width],
                _ => panic!("{shape:?} is no image"),
            };
            layers.push(match layer {
                LayerRecipe::FreeSpace(recipe) => {
                    let [_, height, width] = image();
                    let name = &network.parts()[place].name;
                    TwinLayer::Space(TwinSpace::new(network, recipe, name, [height, width]))
                }
                LayerRecipe::Mesh(recipe) => {
                    meshes += usize::from(part.is_empty() || part == "-v");
                    TwinLayer::Mesh(TwinMesh::new(network, recipe, &format!("mesh{meshes}{part}"), &shape))
                }
                LayerRecipe::Attenuators(recipe) => {
                    let named = format!("mesh{meshes}{part}.transmission");
                    let entry = network.parameters().iter().find(|entry| entry.name == named).unwrap();
                    TwinLayer::Attenuators(entry.range(), [shape[0], recipe.outputs.unwrap_or(shape[0])])
                }
                LayerRecipe::Multiplier(recipe) => {
                    TwinLayer::Multiplier(TwinMultiplier::new(network, recipe, &network.parts()[place].name))
                }
                LayerRecipe::RingDense(recipe) => {
                    rings += 1;
                    TwinLayer::Ring(TwinRing::new(network, recipe, &format!("ring{rings}")))
                }
                LayerRecipe::Dense(_) => TwinLayer::Dense(weights()),
                LayerRecipe::Convolution(recipe) => {
                    let ConvolutionRecipe { outputs: channels_out, kernel, stride, padding, .. } = *recipe;
                    let [channels_in, height, width] = image();
                    let kernel = [kernel; 2];
                    let shape =
                        convolution::Shape { channels_in, height, width, channels_out, kernel, stride, padding };
                    TwinLayer::Convolution(weights(), shape)
                }
                LayerRecipe::Relu => TwinLayer::Relu,
                LayerRecipe::Sigmoid => TwinLayer::Sigmoid,
                LayerRecipe::Tanh => TwinLayer::Tanh,
                LayerRecipe::MaxPool(recipe) => TwinLayer::MaxPool(image(), *recipe),
                LayerRecipe::AveragePool(recipe) => TwinLayer::AveragePool(image(), *recipe),
                LayerRecipe::Upsample(recipe) => {
                    let [_, height, width] = image();
                    TwinLayer::Upsample([height, width], recipe.factor)
                }
                LayerRecipe::RingConvolution(recipe) => {
                    rings += 1;
                    let [channels_in, height, width] = image();
                    let shape = convolution::Shape {
                        channels_in,
                        height,
                        width,
                        channels_out: recipe.outputs,
                        kernel: [recipe.kernel.unwrap(); 2],
                        stride: recipe.stride.unwrap_or(1),
                        padding: recipe.padding.unwrap_or(0),
                    };
                    TwinLayer::RingConvolution(TwinRing::new(network, recipe, &format!("ring{rings}")), shape)
                }
                LayerRecipe::BatchNorm(recipe) | LayerRecipe::LayerNorm(recipe) | LayerRecipe::GroupNorm(recipe) => {
                    norms += 1;
                    let over = match (layer, recipe.groups) {
                        (LayerRecipe::BatchNorm(_), _) => Over::Batch,
                        (LayerRecipe::LayerNorm(_), _) => Over::Layer,
                        (_, groups) => Over::Group(groups.unwrap()),
                    };
                    let (channels, positions) = match *shape {
                        [channels, height, width] => (channels, height * width),
                        _ => (shape.iter().product(), 1),
                    };
                    let place = |name: &str| {
                        let named = format!("norm{norms}.{name}");
                        network.parameters().iter().find(|entry| entry.name == named).unwrap().range()
                    };
                    let norm = Normalization { over, channels, positions, epsilon: f64::from(recipe.epsilon) };
                    TwinLayer::Norm(norm, [place("gamma"), place("beta")])
                }
                LayerRecipe::Reshape(_) => TwinLayer::Reshape,
                LayerRecipe::Latent(recipe) => {
                    let features = shape.iter().product::<usize>() / 2;
                    TwinLayer::Latent(TwinLatent { features, weight: recipe.weight.into(), at: Rc::clone(&at) })
                }
                LayerRecipe::Add(recipe) => {
                    let parts = network.parts();
                    let source = parts.iter().position(|part| part.name == recipe.of).unwrap();
                    let image = |shape: &[usize]| match *shape {
                        [features] => [features, 1, 1],
                        [channels, height, width] => [channels, height, width],
                        _ => panic!("{shape:?}"),
                    };
                    let ([source_channels, height, _], output) = (image(&parts[source].output), image(&shape));
                    let window = height / output[1];
                    TwinLayer::Add(source, shortcut::Shape { samples: 1, source_channels, output, window })
                }
            });
            shape = network.parts()[place].output.clone();
        }
        let imperfections = network.imperfections().to_vec();
        let smoothing = f64::from(network.label_smoothing());
        let (chip_len, wanted) = (network.chip_len(), network.wanted());
        Self { layers, imperfections, segments, chip_len, wanted, smoothing, at }
    }

    fn rings(&self) -> impl Iterator<Item = &TwinRing> {
        self.layers.iter().filter_map(|layer| match layer {
            TwinLayer::Ring(ring) | TwinLayer::RingConvolution(ring, _) => Some(ring),
            _ => None,
        })
    }

    /// The sum over layers of strength ||dW/dx||, and its gradient.
    fn penalty(&self, p: &[f64], chip: &[f64], strength: f64) -> (f64, Vec<f64>) {
        let mut gradient = vec![0.0; p.len()];
        let mut sum = 0.0;
        for ring in self.rings() {
            sum += strength * ring.steepness(p, chip);
            gradient[ring.control.clone()].copy_from_slice(&ring.d_steepness(p, chip, strength));
        }
        (sum, gradient)
    }

    /// Input of every layer, and the logits.
    fn tape(&self, p: &[f64], chip: &[f64], x: &[f64], rows: usize) -> Vec<Vec<f64>> {
        let mut tape = vec![x.to_vec()];
        for layer in &self.layers {
            tape.push(layer.forward(p, chip, &tape, rows));
        }
        tape
    }

    /// Where a backward pass comes to a layer with what the next one hands down: the gradient of the layer's output, which is
    /// kept for all, as shortcuts to later ones have a share in it.
    fn reach(&self, place: usize, mut d: Vec<f64>, met: &mut [Vec<f64>], rows: usize) -> Vec<f64> {
        for (layer, d_y) in self.layers.iter().zip(met.iter()).skip(place + 1) {
            if let TwinLayer::Add(source, shape) = layer
                && *source == place
            {
                let [_, d_source] = of_batch(shape, rows).backward(&[], d_y, false);
                d.iter_mut().zip(d_source).for_each(|(d, more)| *d += more);
            }
        }
        met[place].clone_from(&d);
        d
    }

    /// Losses of a batch, and the gradient of the mean of those with smoothed targets.
    fn pass(&self, p: &[f64], chip: &[f64], x: &[f64], labels: &[u32]) -> Passed {
        let rows = labels.len();
        let tape = self.tape(p, chip, x, rows);
        let logits = &tape[self.layers.len()];
        let (mut gradient, mut met) = (vec![0.0; p.len()], vec![Vec::new(); self.layers.len()]);
        let mut d = self.d_outputs(logits, x, labels);
        for (place, (layer, passed)) in self.layers.iter().zip(tape.windows(2)).enumerate().rev() {
            d = self.reach(place, d, &mut met, rows);
            d = layer.backward(p, chip, [&passed[0], &passed[1], &d], rows, &mut gradient);
        }
        let [loss, correct] = self.scores(logits, x, labels);
        Passed { loss, correct, gradient }
    }

    /// Gradient of the mean loss with respect to outputs, with smoothed targets.
    fn d_outputs(&self, outputs: &[f64], x: &[f64], labels: &[u32]) -> Vec<f64> {
        match self.wanted {
            Wanted::Classes(classes) => cross_entropy::backward(outputs, labels, classes, self.smoothing),
            Wanted::Image(_) => mean_squared_error::backward(outputs, x),
        }
    }

    /// Loss and score of every row.
    fn scores(&self, outputs: &[f64], x: &[f64], labels: &[u32]) -> [Vec<f64>; 2] {
        match self.wanted {
            Wanted::Classes(classes) => [
                cross_entropy::forward(outputs, labels, classes, 0.0),
                cross_entropy::correct(outputs, labels, classes),
            ],
            Wanted::Image(_) => {
                let loss = mean_squared_error::forward(outputs, x, x.len() / labels.len());
                let score = mean_squared_error::decibels(&loss);
                [loss, score]
            }
        }
    }

    /// Mean loss of a batch, with smoothed targets and what layers add.
    fn loss(&self, p: &[f64], chip: &[f64], x: &[f64], labels: &[u32]) -> f64 {
        let tape = self.tape(p, chip, x, labels.len());
        let outputs = &tape[self.layers.len()];
        let losses = match self.wanted {
            Wanted::Classes(classes) => cross_entropy::forward(outputs, labels, classes, self.smoothing),
            Wanted::Image(_) => mean_squared_error::forward(outputs, x, x.len() / labels.len()),
        };
        let mut sum = losses.iter().sum::<f64>();
        for (layer, x) in self.layers.iter().zip(&tape) {
            if let TwinLayer::Latent(it) = layer {
                sum += it.weight * latent::divergence(x, it.features).iter().sum::<f64>();
            }
        }
        sum / labels.len() as f64
    }

    fn ideal(&self) -> Vec<f64> {
        vec![0.0; self.chip_len]
    }
}

/// Rows of a split by number, as the network sees them.
fn rows_of(data: &Dataset, split: &Split, samples: &[u32]) -> (Vec<f64>, Vec<u32>) {
    let Values::Bytes(bytes) = &split.values else { panic!("the small set is made of bytes") };
    let raw: Vec<f64> = bytes.iter().map(|&byte| f64::from(byte)).collect();
    let labels = samples.iter().map(|&sample| split.labels[sample as usize]).collect();
    (draw::forward(&raw, data.shape.iter().product(), samples, &[[f64::from(data.scale), 0.0]]), labels)
}

/// A run of the twin: what the trainer does, in `f64`.
struct TwinRun<'a> {
    twin: &'a Twin,
    settings: &'a Settings,
    data: &'a Dataset,
    seed: u32,
    step: u32,
    parameters: Vec<f64>,
    /// Mean and square, or velocity and nothing.
    vectors: [Vec<f64>; 2],
    /// Imperfections of the model or error networks, where they are learned, and their mean and square.
    learned: [Vec<f64>; 3],
}

/// What a step of sharpness-aware training goes through: points and what is met there, the centre first.
struct Sat {
    points: Vec<Vec<f64>>,
    chips: Vec<Vec<f64>>,
    passed: Vec<Passed>,
}

impl<'a> TwinRun<'a> {
    fn new(twin: &'a Twin, settings: &'a Settings, data: &'a Dataset, seed: u32, start: &[f32]) -> Self {
        let zeros = vec![0.0; start.len()];
        let (parameters, vectors) = (wide(start), [zeros.clone(), zeros]);
        Self { twin, settings, data, seed, step: 0, parameters, vectors, learned: Default::default() }
    }

    /// Where a run on the device stands.
    fn resumed(twin: &'a Twin, settings: &'a Settings, data: &'a Dataset, state: &State) -> Self {
        let vector = |name: &str| state.vector(name).map(wide);
        let mut run = Self::new(twin, settings, data, SEED, state.vector("parameters").unwrap());
        run.step = state.step as u32;
        run.vectors = [vector("mean").or(vector("velocity")).unwrap(), vector("square").unwrap_or_default()];
        run.learned = ["", " mean", " square"].map(|what| {
            let vector = |name: &str| vector(&format!("{name}{what}"));
            vector("learned").or(vector("error networks")).unwrap_or_default()
        });
        run
    }

    fn steps_per_epoch(&self) -> u32 {
        self.data.train.len().div_ceil(self.settings.batch) as u32
    }

    /// The clock of the step to come, as far as methods read it.
    fn clock(&self) -> Clock {
        let (batch, samples) = (self.settings.batch as u32, self.data.train.len() as u32);
        let first = self.step % self.steps_per_epoch() * batch;
        let (epoch, rows) = (self.step / self.steps_per_epoch(), batch.min(samples - first));
        Clock { seed: self.seed, step: self.step, epoch, shuffle: 1, first, rows, ..Clock::default() }
    }

    fn batch(&self) -> (Vec<f64>, Vec<u32>) {
        self.twin.at.set(self.clock());
        let (now, count) = (self.clock(), self.data.train.len() as u32);
        let places = now.first..now.first + now.rows;
        let samples: Vec<u32> = places.map(|place| draw::sample(place, count, now.seed, now.epoch)).collect();
        let (plain, labels) = rows_of(self.data, &self.data.train, &samples);
        let Augment { crop, flip, cutout } = self.settings.augment;
        if self.settings.augment.is_none() {
            return (plain, labels);
        }
        let augment = draw::Augment { crop: crop as u32, flip, cutout: cutout as u32 };
        let (Values::Bytes(raw), image) = (&self.data.train.values, self.data.image().unwrap()) else {
            panic!("the small set is made of bytes")
        };
        let (raw, scale) = (raw.iter().map(|&byte| f64::from(byte)).collect::<Vec<_>>(), f64::from(self.data.scale));
        (augment.forward(&raw, image, &samples, &[[scale, 0.0]], [now.seed, now.epoch]), labels)
    }

    /// The device of this step: temperature common to all layers, offsets of each ring by itself.
    fn noise(&self) -> Vec<f64> {
        let mut chip = self.twin.ideal();
        let draw = |stream: &str, deviation: f32, count: usize| {
            let uniform = (self.settings.distribution == Distribution::Uniform).then_some((0, 1));
            disturb::forward(self.seed, random::stream(stream), self.step, uniform, f64::from(deviation), None, count)
        };
        for (number, layer) in (1..).zip(self.twin.rings()) {
            let offsets =
                draw(&format!("ring{number}.ring_offset"), self.settings.noise["ring_offset"], layer.offset.len());
            chip[layer.offset.clone()].copy_from_slice(&offsets);
            chip[layer.temperature] = draw("temperature", self.settings.noise["temperature"], 1)[0];
        }
        chip
    }

    /// The device that methods in situ measure.
    fn device(&self) -> Vec<f64> {
        let (entries, mut values) = (&self.twin.imperfections, vec![0.0; self.twin.chip_len]);
        self.settings.device.draw(self.seed, entries).put(entries, &mut values);
        wide(&values)
    }

    /// The probes of this step, how many there are, and by what share each counts.
    fn probes<'r>(&'r self, radius: &'r mut Vec<f64>) -> (probe::Probes<'r>, u32, f64) {
        let SpsaSettings { probes, radius: own, radius_digital, scope } = self.settings.spsa;
        let key = [self.seed, random::stream("spsa")];
        let signs = (probe::Direction::Signs { key, step: self.step }, own, radius_digital, scope);
        let FiniteDifferenceSettings { radius: own, radius_digital, scope } = self.settings.finite_difference;
        let alone = (probe::Direction::Coordinate, own, radius_digital, scope);
        let random = self.settings.method == Method::Spsa;
        let (direction, own, digital, scope) = if random { signs } else { alone };
        let segments = &self.twin.segments;
        *radius = segments
            .iter()
            .map(|segment| {
                // Padding has no range.
                let moves = twin_scope(scope).inside(segment) == 1.0 && segment.lower < segment.upper;
                let own = if segment.control { own } else { digital.unwrap_or(own) };
                if moves { f64::from(own) } else { 0.0 }
            })
            .collect();
        let moving = radius.iter().filter(|radius| **radius > 0.0).count() as u32;
        let (count, share) = if random { (probes, 1.0 / f64::from(probes)) } else { (moving, 1.0) };
        (probe::Probes { direction, radius, segments }, count, share)
    }

    /// The loss on the first probe's first side, and the gradient that all probes find.
    fn probed(&self) -> (f64, Vec<f64>) {
        let (mut radius, (x, labels), chip) = (Vec::new(), self.batch(), self.device());
        let (probes, count, share) = self.probes(&mut radius);
        let (mut first, mut gradient) = (None, vec![0.0; self.parameters.len()]);
        for k in 0..count {
            let met = |side| self.twin.loss(&probes.displace(&self.parameters, k, side), &chip, &x, &labels);
            let [ahead, back] = [1.0, -1.0].map(met);
            first.get_or_insert(ahead);
            let found = probes.gradient(&self.parameters, k, share * (ahead - back));
            gradient.iter_mut().zip(found).for_each(|(sum, own)| *sum += own);
        }
        (first.unwrap(), gradient)
    }

    fn sat(&self) -> Sat {
        let twin = self.twin;
        let SatSettings { rho, rho_digital, steps, share, adaptive, scope, normalise, .. } = self.settings.sat;
        let part = |rho: f32| f64::from(rho) / f64::from(steps);
        let ascent = twin_sat_scope(scope).map(|scope| {
            let measure = norm::Measure { scope, adaptive, grouping: twin_grouping(normalise) };
            perturb::Ascent { measure, rho: part(rho), rho_digital: part(rho_digital.unwrap_or(rho)) }
        });
        let (x, labels) = self.batch();
        // The adversary is found on the first rows, what it leads to on all.
        let sought = ((f64::from(share) * self.settings.batch as f64).ceil() as usize).min(labels.len());
        let own = (&x[..x.len() / labels.len() * sought], &labels[..sought]);
        let pass = |p: &[f64], chip: &[f64], last: bool| {
            let (x, labels) = if last { (&x[..], &labels[..]) } else { own };
            twin.pass(p, chip, x, labels)
        };
        let (p, chip) = (self.parameters.clone(), self.worst_start());
        let mut sat = Sat { passed: vec![pass(&p, &chip, false)], points: vec![p], chips: vec![chip] };
        for k in 0..steps as usize {
            let (p, chip) = (&sat.points[k], &sat.chips[k]);
            let next = ascent.map_or(p.clone(), |ascent| ascent.ascend(p, &sat.passed[k].gradient, &twin.segments));
            let chip = self.worse(p, chip, own.0, own.1);
            sat.passed.push(pass(&next, &chip, k + 1 == steps as usize));
            sat.points.push(next);
            sat.chips.push(chip);
        }
        sat
    }

    /// Where the adversary over imperfections starts: evenly within their ranges, and inside their ellipsoid if they share one, or at nominal.
    fn worst_start(&self) -> Vec<f64> {
        let mut chip = self.twin.ideal();
        if self.settings.sat.measured {
            return chip;
        }
        for (entry, range) in self.known() {
            let common = entry.spec.cause == Cause::Common;
            let stream = random::stream(if common { entry.spec.name } else { &entry.name });
            let deviation = f64::from((range / 3.0_f64.sqrt()) as f32);
            let drawn = disturb::forward(self.seed, stream, self.step, Some((0, 1)), deviation, None, entry.len());
            chip[entry.range()].copy_from_slice(&drawn);
        }
        self.within_ellipsoid(&mut chip, 0.0, |_| 0.0);
        chip
    }

    /// A step of the imperfections that share an ellipsoid, along the gradients of the loss, and back inside.
    fn within_ellipsoid(&self, chip: &mut [f64], step: f64, gradient: impl Fn(&[usize]) -> f64) {
        if self.settings.sat.within == Neighbourhood::Box {
            return;
        }
        let common = |(entry, _): &(&Entry<Imperfection>, f64)| entry.spec.cause == Cause::Common;
        let ranges: BTreeMap<_, _> =
            self.known().filter(common).map(|(entry, range)| (entry.spec.name, range)).collect();
        let places = |name: &str| -> Vec<usize> {
            self.known().filter(|(entry, _)| entry.spec.name == name).flat_map(|(entry, _)| entry.range()).collect()
        };
        let u: Vec<_> = ranges.iter().map(|(name, range)| chip[places(name)[0]] / range).collect();
        let slopes: Vec<_> = ranges.iter().map(|(name, range)| range * gradient(&places(name))).collect();
        for ((name, range), u) in ranges.iter().zip(adversary::climb(step, &slopes, &u)) {
            places(name).into_iter().for_each(|place| chip[place] = range * u);
        }
    }

    /// Imperfections that the adversary moves, with their half ranges.
    fn known(&self) -> impl Iterator<Item = (&Entry<Imperfection>, f64)> {
        let ranges = &self.settings.sat.imperfections;
        self.twin.imperfections.iter().filter_map(|entry| Some((entry, f64::from(*ranges.get(entry.spec.name)?))))
    }

    /// One step of the adversary over imperfections, by differences of the loss.
    fn worse(&self, p: &[f64], chip: &[f64], x: &[f64], labels: &[u32]) -> Vec<f64> {
        let mut next = chip.to_vec();
        self.within_ellipsoid(&mut next, 1.25 / f64::from(self.settings.sat.steps), |places| {
            let along = |h: f64| {
                let mut chip = chip.to_vec();
                places.iter().for_each(|&place| chip[place] += h);
                self.twin.loss(p, &chip, x, labels)
            };
            (along(1e-5) - along(-1e-5)) / 2e-5
        });
        let joint = |entry: &Entry<Imperfection>| {
            self.settings.sat.within == Neighbourhood::Ellipsoid && entry.spec.cause == Cause::Common
        };
        for (entry, range) in self.known().filter(|(entry, _)| !joint(entry)) {
            let own: Vec<_> = match entry.spec.cause {
                // One value for all layers.
                Cause::Common => vec![
                    self.known()
                        .filter(|(other, _)| other.spec.name == entry.spec.name)
                        .flat_map(|(it, _)| it.range())
                        .collect(),
                ],
                _ => entry.range().map(|place| vec![place]).collect(),
            };
            let (steps, measured) = (f64::from(self.settings.sat.steps), self.settings.sat.measured);
            let slope = |places: &Vec<usize>| {
                let along = |h: f64| {
                    let mut chip = chip.to_vec();
                    places.iter().for_each(|&place| chip[place] += h);
                    self.twin.loss(p, &chip, x, labels)
                };
                if measured { along(0.1 * range) - along(0.0) } else { along(1e-5) - along(-1e-5) }
            };
            let slopes: Vec<_> = own.iter().map(slope).collect();
            let step = if measured { 1.0 } else { 1.25 } * range / steps;
            next[entry.range()].copy_from_slice(&adversary::forward(step, range, &slopes, &chip[entry.range()]));
        }
        next
    }

    /// Forward on the device, backward on the model at what the device put out; what is learned takes its step.
    fn retrace(&mut self, p: &[f64], x: &[f64], labels: &[u32]) -> Passed {
        let (twin, settings, rows) = (self.twin, self.settings, labels.len());
        let mut device = vec![0.0; twin.chip_len];
        settings.device.draw(self.seed, &twin.imperfections).put(&twin.imperfections, &mut device);
        let device = wide(&device);
        let learns = !settings.device.learn.is_empty();
        let model = if learns { self.learned[0].clone() } else { twin.ideal() };
        let tape = twin.tape(p, &device, x, rows);
        let logits = &tape[twin.layers.len()];
        let mut met = vec![Vec::new(); twin.layers.len()];
        let (mut gradient, mut d_learned) = (vec![0.0; p.len()], vec![0.0; self.learned[0].len()]);
        let mut d = twin.d_outputs(logits, x, labels);
        for (place, (layer, passed)) in twin.layers.iter().zip(tape.windows(2)).enumerate().rev() {
            let y = layer.forward(p, &model, &tape[..=place], rows);
            d = twin.reach(place, d, &mut met, rows);
            if let (TwinLayer::Ring(_), Method::Dat) = (layer, settings.method) {
                d = self.through_error_network(place, [&y, &passed[1], &d], rows, &mut d_learned);
            } else if let (TwinLayer::Ring(_), true) = (layer, learns) {
                for entry in twin.imperfections.iter().filter(|entry| entry.layer == place) {
                    let known = settings.device.learn.contains_key(entry.spec.name);
                    for at in entry.range().filter(|_| known) {
                        let along = |h: f64| {
                            let mut chip = model.clone();
                            chip[at] += h;
                            let y = layer.forward(p, &chip, &tape[..=place], rows);
                            mean_squared_error::forward(&y, &passed[1], y.len() / rows).iter().sum::<f64>()
                        };
                        d_learned[at] = (along(1e-5) - along(-1e-5)) / 2e-5 / rows as f64;
                    }
                }
            }
            d = layer.backward(p, &model, [&passed[0], &y, &d], rows, &mut gradient);
        }
        self.learn(&d_learned);
        let [loss, correct] = twin.scores(logits, x, labels);
        Passed { loss, correct, gradient }
    }

    /// Gradient of the model's outputs through the error network behind a layer, from model, measured outputs and gradient;
    /// that of its weights is written.
    fn through_error_network(
        &self,
        place: usize,
        [y, measured, d_y]: [&[f64]; 3],
        rows: usize,
        d: &mut [f64],
    ) -> Vec<f64> {
        let (hidden, aligned) = (self.settings.dat.hidden, |n: usize| n.div_ceil(64) * 64);
        let width = |layer: &TwinLayer| if let TwinLayer::Ring(it) = layer { it.outputs } else { 0 };
        let sizes = |n: usize| if n > 0 { [hidden * n, hidden, n * hidden, n] } else { [0; 4] };
        let before: usize = self.twin.layers[..place].iter().flat_map(|layer| sizes(width(layer))).map(aligned).sum();
        let n = y.len() / rows;
        let mut at = before;
        let [first, b_1, second, b_2] = sizes(n).map(|size| {
            at += aligned(size);
            at - aligned(size)..at - aligned(size) + size
        });
        let w = &self.learned[0];
        let sums = matmul::abt_bias(y, &w[first.clone()], &w[b_1.clone()], rows, hidden, n);
        let units = activation::relu_forward(&sums);
        let error = matmul::abt_bias(&units, &w[second.clone()], &w[b_2.clone()], rows, n, hidden);
        let prediction: Vec<f64> = y.iter().zip(&error).map(|(y, error)| y + error).collect();
        let d_error = mean_squared_error::backward(&prediction, measured);
        let d_sums = |d_error: &[f64]| {
            activation::relu_backward(&units, &matmul::ab(d_error, &w[second.clone()], rows, hidden, n))
        };
        d[second.clone()].copy_from_slice(&matmul::atb(&d_error, &units, n, hidden, rows));
        d[b_2].copy_from_slice(&bias::backward(&d_error, n));
        d[first.clone()].copy_from_slice(&matmul::atb(&d_sums(&d_error), y, hidden, n, rows));
        d[b_1].copy_from_slice(&bias::backward(&d_sums(&d_error), hidden));
        let back = matmul::ab(&d_sums(d_y), &w[first], rows, n, hidden);
        back.iter().zip(d_y).map(|(back, d_y)| back + d_y).collect()
    }

    /// Adam's step of what is learned.
    fn learn(&mut self, gradient: &[f64]) {
        if gradient.is_empty() {
            return;
        }
        let (own, t) = (self.settings.optimizer, self.step as i32 + 1);
        let [beta_1, beta_2, epsilon] = [own.beta_1, own.beta_2, own.epsilon].map(f64::from);
        let scheduled = self.learning_rate() / f64::from(own.learning_rate);
        let rates: Vec<f64> = match self.settings.method {
            Method::Dat => vec![f64::from(self.settings.dat.learning_rate); gradient.len()],
            _ => {
                let mut rates = vec![0.0; gradient.len()];
                for entry in &self.twin.imperfections {
                    let rate = self.settings.device.learn.get(entry.spec.name);
                    rates[entry.range()].fill(rate.map_or(0.0, |&rate| f64::from(rate)));
                }
                rates
            }
        };
        let free = Segment { lower: -1e9, upper: 1e9, control: true, kept: false, tensor: 0 };
        let [learned, mean, square] = &mut self.learned;
        for (at, rate) in rates.into_iter().enumerate() {
            let learning_rate = rate * scheduled;
            let adam = Adam { learning_rate, beta_1, beta_2, epsilon, decay: 0.0, decay_scope: reference::Scope::All };
            let one = at..at + 1;
            let (learned, mean, square) = (&mut learned[one.clone()], &mut mean[one.clone()], &mut square[one.clone()]);
            adam.update(t, learned, mean, square, &gradient[one], &[free]);
        }
    }

    fn learning_rate(&self) -> f64 {
        let (full, total) =
            (f64::from(self.settings.optimizer.learning_rate), self.steps_per_epoch() * self.settings.epochs);
        match self.settings.schedule {
            Schedule::Constant => full,
            Schedule::Cosine => {
                full * (1.0 + (std::f64::consts::PI * f64::from(self.step) / f64::from(total)).cos()) / 2.0
            }
            Schedule::Step => full / f64::from(1 << (self.step / self.steps_per_epoch())),
        }
    }

    fn update(&mut self, gradient: &[f64]) {
        let (learning_rate, own) = (self.learning_rate(), self.settings.optimizer);
        let [momentum, beta_1, beta_2, epsilon] = [own.momentum, own.beta_1, own.beta_2, own.epsilon].map(f64::from);
        let ([first, second], p, segments) = (&mut self.vectors, &mut self.parameters, &self.twin.segments);
        match own.kind {
            OptimizerKind::Adam | OptimizerKind::Adamw => {
                let t = self.step as i32 + 1;
                let (decay, decay_scope) = (f64::from(own.weight_decay), twin_scope(own.decay_scope));
                let adam = Adam { learning_rate, beta_1, beta_2, epsilon, decay, decay_scope };
                adam.update(t, p, first, second, gradient, segments);
            }
            OptimizerKind::Sgd => Sgd { learning_rate, momentum }.update(p, first, gradient, segments),
        }
        self.step += 1;
    }

    /// One step; the loss a sample as training meets it.
    fn train_step(&mut self) -> f64 {
        let (x, labels) = self.batch();
        let (twin, parameters) = (self.twin, self.parameters.clone());
        let pass = |chip: &[f64]| twin.pass(&parameters, chip, &x, &labels);
        let whole = |met: Passed| (met.mean_loss(), met.gradient);
        let ideal = self.twin.ideal();
        let (loss, gradient) = match self.settings.method {
            // Of a device that is as the model has it.
            Method::Standard => whole(pass(&ideal)),
            Method::Noise => whole(pass(&self.noise())),
            Method::Pruning => {
                let (met, strength) = (pass(&ideal), f64::from(self.settings.pruning.strength));
                let (_, penalty) = self.twin.penalty(&self.parameters, &ideal, strength);
                (met.mean_loss(), met.gradient.iter().zip(&penalty).map(|(g, more)| g + more).collect())
            }
            Method::Sat => {
                let mut passed = self.sat().passed;
                (passed[0].mean_loss(), passed.swap_remove(passed.len() - 1).gradient)
            }
            Method::Pat | Method::Dat => whole(self.retrace(&self.parameters.clone(), &x, &labels)),
            Method::SatInSitu => {
                let centre = self.parameters.clone();
                let met = self.retrace(&centre, &x, &labels);
                let rho = f64::from(self.settings.sat.rho);
                let measure = norm::Measure {
                    scope: reference::Scope::Control,
                    adaptive: false,
                    grouping: reference::Grouping::All,
                };
                let ascent = perturb::Ascent { measure, rho, rho_digital: rho };
                let worse = ascent.ascend(&centre, &met.gradient, &self.twin.segments);
                (met.mean_loss(), self.retrace(&worse, &x, &labels).gradient)
            }
            Method::Spsa | Method::FiniteDifference => self.probed(),
        };
        self.update(&gradient);
        loss
    }
}

/// A method's plans on a network, to be submitted a few at a time: how the tests look into a step.
struct Stages<'a, 'g> {
    network: &'a Network<'g>,
    plans: Vec<std::sync::Arc<Plan>>,
    /// The clock of a part of the batch, and its rows.
    part: Option<(Slice, usize)>,
}

impl<'a, 'g> Stages<'a, 'g> {
    fn new(network: &'a Network<'g>, settings: &Settings, data: &Dataset) -> Self {
        let draw = network.feed(&data.train, (data.scale, 0.0)).unwrap().draw();
        let update = Optimizer::new(network, &settings.optimizer).unwrap().update();
        let drift = Drift::new(&settings.device.drift, network.imperfections()).unwrap();
        let device =
            settings.method.is_in_situ().then(|| Device::open(network, &settings.device, drift, SEED).unwrap());
        let learner = Learner::new(network, settings, SEED).unwrap();
        let part = settings.part().map(|rows| network.part(rows).unwrap());
        let (device, learner) = (device.as_ref(), learner.as_ref());
        let step = Step { network, settings, draw, update, part: part.as_ref(), device, learner };
        let stages = settings.method.stages(&step).unwrap();
        let plan = |stage| match stage {
            Stage::Plan(plan) => plan,
            Stage::Measure(_) => panic!("no bench"),
        };
        let plans = stages.into_iter().map(plan).collect();
        Self { network, plans, part: part.map(|part| (part.clock().clone(), part.batch())) }
    }

    fn names(&self) -> Vec<&str> {
        self.plans.iter().map(|plan| plan.name()).collect()
    }

    fn set(&self, clock: &Clock) {
        self.network.gpu().write_uniform(self.network.clock(), clock).unwrap();
        if let Some((own, rows)) = &self.part {
            let clock = Clock { rows: clock.rows.min(*rows as u32), ..*clock };
            self.network.gpu().write_uniform(own, &clock).unwrap();
        }
    }

    fn submit(&self, range: Range<usize>) {
        let plans: Vec<&Plan> = self.plans[range].iter().map(AsRef::as_ref).collect();
        self.network.gpu().submit(&plans).unwrap();
    }

    fn read(&self, slice: &Slice) -> Vec<f32> {
        self.network.gpu().read(slice).unwrap()
    }

    fn parameters(&self) -> Vec<f32> {
        self.read(&self.network.flat().parameters)
    }

    /// Imperfections of the first device.
    fn chip(&self) -> Vec<f64> {
        let mut chip = vec![0.0; self.network.chip_len()];
        for entry in self.network.imperfections() {
            chip[entry.range()].copy_from_slice(&wide(&self.read(&self.network.imperfection(0, entry).unwrap())));
        }
        chip
    }

    fn gradient(&self) -> Vec<f64> {
        wide(&self.read(&self.network.flat().gradient))
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

// A step against the twin ---------------------------------------------------------------------------------------------

/// How far a step may be off, relative to its largest component.
const STEP_BAR: f64 = 1e-6;
/// How far a gradient may be off, relative to its largest component.
const GRADIENT_BAR: f64 = 2e-6;

#[test]
fn methods_are_the_lists_of_plans_that_their_names_promise() {
    let (data, network) = (dataset(), compile(gpu(), &small()));
    let names = |method: Method| {
        let settings = settings(method, adam(0.01));
        Stages::new(&network, &settings, &data).names().join(" ")
    };
    assert_eq!(names(Method::Standard), "draw actuate forward score backward update");
    assert_eq!(names(Method::Noise), "draw disturb actuate forward score backward update");
    assert_eq!(names(Method::Pruning), "draw actuate forward score backward prune update");
    assert_eq!(
        names(Method::Sat),
        "draw actuate forward score backward ascend actuate forward backward restore update"
    );
    assert_eq!(names(Method::Pat), "draw actuate forward score actuate retrace update");
    assert_eq!(names(Method::Dat), "draw actuate forward score actuate retrace learn update");
    assert_eq!(
        names(Method::SatInSitu),
        "draw actuate forward score actuate retrace ascend actuate forward actuate retrace restore update"
    );
    let sat = SatSettings { steps: 3, ..SatSettings::default() };
    let settings = Settings { sat, ..settings(Method::Sat, adam(0.01)) };
    assert_eq!(
        Stages::new(&network, &settings, &data).names().join(" "),
        "draw actuate forward score backward ascend actuate forward backward climb actuate forward backward \
         climb actuate forward backward restore update"
    );
    let cost = |method: Method| method.cost(&settings, &network);
    for method in [Method::Standard, Method::Noise, Method::Pruning] {
        assert_eq!(cost(method), Cost { forward: 1.0, backward: 1.0, device: 0 });
    }
    assert_eq!(cost(Method::Sat), Cost { forward: 4.0, backward: 4.0, device: 0 });
    for method in [Method::Pat, Method::Dat] {
        assert_eq!(cost(method), Cost { forward: 1.0, backward: 1.0, device: 1 });
    }
    assert_eq!(cost(Method::SatInSitu), Cost { forward: 4.0, backward: 4.0, device: 4 });
    let names = |scope, steps| {
        let sat = SatSettings { scope, steps, imperfections: known(), ..SatSettings::default() };
        Stages::new(&network, &Settings { sat, ..settings.clone() }, &data).names().join(" ")
    };
    assert_eq!(
        names(SatScope::Control, 1),
        "draw disturb actuate forward score backward ascend actuate forward backward restore update"
    );
    assert_eq!(
        names(SatScope::Imperfections, 2),
        "draw disturb actuate forward score backward ascend actuate forward backward climb actuate forward backward update"
    );
}

#[test]
fn methods_that_measure_slopes_are_the_lists_of_plans_that_they_promise_and_count_their_passes() {
    let (data, network) = (dataset(), compile(gpu(), &small()));
    let of = |settings: &Settings| {
        let names = Stages::new(&network, settings, &data).names().join(" ");
        (names, settings.method.cost(settings, &network))
    };
    let spsa = SpsaSettings { probes: 2, ..SpsaSettings::default() };
    let (names, cost) = of(&Settings { spsa, ..settings(Method::Spsa, adam(0.01)) });
    assert_eq!(
        names,
        "draw keep ahead actuate forward score back actuate forward difference ahead actuate forward back actuate forward \
         difference restore update"
    );
    assert_eq!(cost, Cost { forward: 0.0, backward: 0.0, device: 4 });

    let (names, cost) = of(&settings(Method::FiniteDifference, adam(0.01)));
    let probe = " ahead actuate forward back actuate forward difference";
    let biases = 8 + CLASSES;
    assert_eq!(
        names,
        format!(
            "draw keep{}{} restore update",
            probe.replacen("forward", "forward score", 1),
            probe.repeat(biases - 1)
        )
    );
    assert_eq!(cost, Cost { forward: 0.0, backward: 0.0, device: 2 * biases as u64 });

    let kelvin = BTreeMap::from([("temperature".to_owned(), 0.1)]);
    let measured = SatSettings { measured: true, imperfections: kelvin, ..SatSettings::default() };
    let sat = |sat: SatSettings| of(&Settings { sat, ..settings(Method::Sat, adam(0.01)) });
    let (names, cost) = sat(measured.clone());
    assert_eq!(
        names,
        "draw nominal nudge actuate forward settle actuate forward score backward ascend actuate forward backward restore \
         update"
    );
    assert_eq!(cost, Cost { forward: 3.0, backward: 2.0, device: 0 });
    let (names, cost) = sat(SatSettings { scope: SatScope::Imperfections, steps: 2, ..measured });
    assert_eq!(
        names,
        "draw nominal nudge actuate forward settle actuate forward score ascend nudge actuate forward settle actuate forward \
         climb actuate forward backward update"
    );
    assert_eq!(cost, Cost { forward: 5.0, backward: 1.0, device: 0 });
}

/// Takes a step of sharpness-aware training apart, then takes it whole; errors of the perturbation and of the final
/// parameters, relative to the size of the move.
fn sat_step(settings: &Settings, recipes: &[LayerRecipe], variant: &str) -> [f64; 2] {
    let network = compile(gpu(), recipes).smoothed(settings.label_smoothing).unwrap();
    sat_step_of(&network, &dataset(), settings, recipes, variant)
}

fn sat_step_of(
    network: &Network<'_>,
    data: &Dataset,
    settings: &Settings,
    recipes: &[LayerRecipe],
    variant: &str,
) -> [f64; 2] {
    // Some small steps ahead, so that the optimizer has a past: Adam's first step is a mere sign.
    let optimizer = OptimizerSettings { learning_rate: 0.01, ..settings.optimizer };
    let easy = Settings { method: Method::Standard, optimizer, ..settings.clone() };
    let mut ahead = trainer(network, &easy, data, SEED);
    gpu().write(&network.flat().parameters, &start(network)).unwrap();
    (0..4).for_each(|_| ahead.train_step().unwrap());
    let state = ahead.state().unwrap();
    let mut trainer = trainer(network, settings, data, SEED);
    trainer.restore(&state).unwrap();

    let twin = Twin::new(network, recipes, &data.shape);
    let mut run = TwinRun::resumed(&twin, settings, data, &state);
    let (centre, want) = (run.parameters.clone(), run.sat());
    let stages = Stages::new(network, settings, data);
    stages.set(&run.clock());

    // Where the adversary goes, and where it has been.
    let names = stages.names();
    let mut ends: Vec<_> = (0..names.len()).filter(|&at| ["ascend", "climb"].contains(&names[at])).collect();
    assert_eq!(ends.len() + 1, want.points.len(), "{variant}");
    let restored = settings.sat.scope != SatScope::Imperfections;
    ends.push(names.len() - if restored { 2 } else { 1 });
    let known = !settings.sat.imperfections.is_empty();
    // Layers before the first that the adversary moves have a gradient in the last pass only.
    let moves = |role: Role| match settings.sat.scope {
        SatScope::Control => role == Role::Control,
        SatScope::Digital => role == Role::Digital,
        SatScope::All => true,
        SatScope::Imperfections => false,
    };
    let parameters = network.parameters().iter();
    let own = parameters.clone().filter(|entry| moves(entry.spec.role)).map(|entry| entry.layer);
    let ranges = network.imperfections().iter().filter(|it| settings.sat.imperfections.contains_key(it.spec.name));
    let first = own.chain(ranges.map(|entry| entry.layer)).min().unwrap();
    let before: Vec<_> = parameters.filter(|entry| entry.layer < first).map(Entry::range).collect();
    // Over imperfections alone, with slopes that are measured, only the last gradient is taken.
    let check = |part: Range<usize>, k: usize| {
        if names[part.clone()].contains(&"backward") {
            let (mut got, mut wanted) = (stages.gradient(), want.passed[k].gradient.clone());
            for range in before.iter().filter(|_| k + 1 < want.points.len()) {
                got[range.clone()].fill(0.0);
                wanted[range.clone()].fill(0.0);
            }
            let off = error(&got, &wanted);
            assert!(off < GRADIENT_BAR, "{variant}: gradient at the point of step {k} {off:.1e}");
        } else {
            assert!(settings.sat.measured && !restored && part.end < names.len() - 1, "{variant}: step {k}");
        }
    };
    stages.submit(0..ends[0]);
    check(0..ends[0], 0);

    let mut perturbation = 0.0;
    for k in 1..want.points.len() {
        let (first, end) = (ends[k - 1], ends[k]);
        stages.submit(first..first + 1);
        let perturbed = stages.parameters();
        if restored {
            perturbation = error(&moved(&centre, &wide(&perturbed)), &moved(&centre, &want.points[k]));
        } else {
            assert_eq!(bits(&perturbed), bits(state.vector("parameters").unwrap()), "{variant}: parameters stay");
        }
        if known {
            let off = error(&stages.chip(), &want.chips[k]);
            assert!(off < 1e-6, "{variant}: imperfections of step {k} {off:.1e}");
            assert!(k > 1 || want.chips[1] != want.chips[0], "{variant}: imperfections move");
        }

        // The gradient is that of the point reached, which is not that of the one before.
        stages.submit(first + 1..end);
        check(first + 1..end, k);
        let apart = error(&want.passed[k].gradient, &want.passed[k - 1].gradient);
        assert!(apart > 0.05, "{variant}: the gradients of step {k} differ by {apart:.1e} only");
        assert_eq!(bits(&stages.parameters()), bits(&perturbed), "{variant}: the passes of step {k} move nothing");
    }

    let end = ends[ends.len() - 1];
    assert_eq!(stages.plans[end].name() == "restore", restored);
    if restored {
        stages.submit(end..end + 1);
    }
    assert_eq!(bits(&stages.parameters()), bits(state.vector("parameters").unwrap()), "{variant}: restored");

    run.train_step();
    trainer.train_step().unwrap();
    [perturbation, error(&moved(&centre, &wide(&stages.parameters())), &moved(&centre, &run.parameters))]
}

/// Parameters are stored in `f32`: a detuning near 0.3 nm is rounded by up to 1.5e-8, one near 0.9 nm by 3e-8. Radius
/// and learning rates are chosen so that the largest component of a move is about 0.1 or more, of which that rounding
/// is 3e-7 at most; what remains of the bar of 1e-6 is for the arithmetic.
#[test]
fn a_sat_step_is_that_of_the_twin_down_to_the_perturbation_and_the_final_parameters() {
    let mut variants = Vec::new();
    for (optimizer_word, optimizer) in [("adam", adam(0.1)), ("sgd", sgd(0.1))] {
        for (form, adaptive, rho) in [("plain", false, 0.3), ("adaptive", true, 2.0)] {
            for (scope_word, scope) in [("control", SatScope::Control), ("all", SatScope::All)] {
                let sat = SatSettings { rho, adaptive, scope, ..SatSettings::default() };
                variants.push((format!("{form} {scope_word} {optimizer_word}"), sat, optimizer));
            }
        }
    }
    sat_steps(&variants);
}

/// Layers before the first that the adversary moves are run once; shortcuts start there and end behind. Adam would divide the rounding
/// of eight layers by gradients that are small.
#[test]
fn a_sat_step_of_a_residual_network_is_that_of_the_twin() {
    let control = SatSettings { rho: 0.3, steps: 2, ..SatSettings::default() };
    let all = SatSettings { scope: SatScope::All, ..control.clone() };
    let known = SatSettings { scope: SatScope::Imperfections, imperfections: known(), ..SatSettings::default() };
    let variants = [("control", control), ("all", all), ("known", known)];
    sat_steps_of(&residual(), &variants.map(|(variant, sat)| (variant.to_owned(), sat, sgd(3.0))));
}

/// The adversary's walk, its radii and what its lengths are taken over.
#[test]
fn sat_in_steps_by_groups_and_by_layers_is_that_of_the_twin() {
    let all = SatSettings { rho: 0.3, scope: SatScope::All, ..SatSettings::default() };
    let group = SatSettings { normalise: Grouping::Group, ..all.clone() };
    let layer = SatSettings { rho: 0.2, normalise: Grouping::Layer, ..all.clone() };
    let variants = [
        ("two steps", SatSettings { steps: 2, scope: SatScope::Control, ..all.clone() }),
        ("three steps, all", SatSettings { steps: 3, ..all.clone() }),
        ("adaptive, two steps", SatSettings { steps: 2, rho: 2.0, adaptive: true, ..all.clone() }),
        ("group", group.clone()),
        ("group, two radii", SatSettings { rho_digital: Some(0.1), ..group.clone() }),
        ("group, no digital", SatSettings { rho_digital: Some(0.0), ..group.clone() }),
        ("adaptive group", SatSettings { rho: 1.0, rho_digital: Some(0.3), adaptive: true, ..group.clone() }),
        ("layer", layer.clone()),
        ("layer, control", SatSettings { scope: SatScope::Control, ..layer.clone() }),
        ("layer, two radii", SatSettings { rho_digital: Some(0.1), steps: 2, ..layer.clone() }),
        ("adaptive layer", SatSettings { rho: 1.0, adaptive: true, ..layer.clone() }),
    ];
    sat_steps(&variants.map(|(variant, sat)| (variant.to_owned(), sat, adam(0.1))));
}

/// Of parameters, in steps, and of known imperfections; then a run of epochs whose last batch is smaller than the part.
#[test]
fn sat_whose_adversary_is_found_on_a_part_of_the_batch_is_that_of_the_twin() {
    let half = SatSettings { rho: 0.3, share: 0.5, ..SatSettings::default() };
    sat_steps_of(&residual(), &[("past a shortcut".to_owned(), half.clone(), sgd(3.0))]);
    let variants = [
        ("half", half.clone()),
        ("a third, two steps", SatSettings { share: 0.3, steps: 2, scope: SatScope::All, ..half.clone() }),
        ("known", SatSettings { scope: SatScope::Imperfections, imperfections: known(), ..half.clone() }),
    ];
    sat_steps(&variants.map(|(variant, sat)| (variant.to_owned(), sat, adam(0.1))));

    let (data, recipes) = (dataset(), small());
    let network = compile(gpu(), &recipes);
    let settings = Settings { sat: half.clone(), ..settings(Method::Sat, adam(0.02)) };
    assert_eq!(settings.method.cost(&settings, &network), Cost { forward: 1.5, backward: 1.5, device: 0 });
    let of = |share, batch| Settings { batch, sat: SatSettings { share, ..half.clone() }, ..settings.clone() }.part();
    assert_eq!([of(0.2, 10), of(0.1, 100), of(0.01, 16), of(0.99, 16)], [Some(2), Some(10), Some(1), None]);
    let mut run = trainer(&network, &settings, &data, SEED);
    let twin = Twin::new(&network, &recipes, &data.shape);
    let mut other = TwinRun::new(&twin, &settings, &data, SEED, &network.start(SEED));
    let row = run.epoch(&mut |_| true).unwrap().unwrap();
    // Metrics are those of the parts: 8, 8 and 5 samples.
    let want: f64 = [8.0, 8.0, 5.0].iter().map(|rows| rows * other.train_step()).sum::<f64>() / 21.0;
    assert!((row.train_loss - want).abs() < 1e-4, "{} instead of {want}", row.train_loss);
    let off = error(&wide(&gpu().read::<f32>(&network.flat().parameters).unwrap()), &other.parameters);
    assert!(off < 1e-4, "parameters after an epoch {off:.1e}");
}

/// Gradients are those of smoothed targets, in whole batches, in parts of them and in situ; losses that are reported are not.
#[test]
fn smoothed_labels_are_for_the_gradient_and_losses_are_of_the_labels_themselves() {
    let (data, recipes) = (dataset(), small());
    let network = compile(gpu(), &recipes).smoothed(0.2).unwrap();
    gradients_of(GRADIENT_BAR, &network, &data, &recipes, true);
    let of = |method| Settings { label_smoothing: 0.2, ..settings(method, adam(0.1)) };
    for share in [1.0, 0.5] {
        let sat = SatSettings { rho: 0.3, share, ..SatSettings::default() };
        let off = sat_step(&Settings { sat, ..of(Method::Sat) }, &recipes, "smoothed");
        assert!(off.iter().all(|off| *off < STEP_BAR), "share {share}: {off:?}");
    }
    for method in [Method::Standard, Method::Pat] {
        let settings = Settings { optimizer: adam(0.02), ..of(method) };
        let mut run = trainer(&network, &settings, &data, SEED);
        let twin = Twin::new(&network, &recipes, &data.shape);
        let mut other = TwinRun::new(&twin, &settings, &data, SEED, &network.start(SEED));
        let row = run.epoch(&mut |_| true).unwrap().unwrap();
        let want: f64 = [16.0, 16.0, 5.0].iter().map(|rows| rows * other.train_step()).sum::<f64>() / 37.0;
        assert!((row.train_loss - want).abs() < 1e-5, "{}: {} instead of {want}", method.word(), row.train_loss);
        let parameters = wide(&gpu().read::<f32>(&network.flat().parameters).unwrap());
        let off = error(&parameters, &other.parameters);
        assert!(off < 1e-4, "{}: parameters after an epoch {off:.1e}", method.word());
        let (x, labels) = rows_of(&data, &data.test, &(0..21).collect::<Vec<_>>());
        let mut chip = twin.ideal();
        if method == Method::Pat {
            chip = other.device();
        }
        let want = twin.pass(&parameters, &chip, &x, &labels).mean_loss();
        assert!((row.test_loss - want).abs() < 1e-5, "{}: {} instead of {want}", method.word(), row.test_loss);
        assert!((twin.loss(&parameters, &chip, &x, &labels) - want).abs() > 1e-3, "smoothing is seen in the loss");
    }
    for wrong in [-0.1, 1.0, f32::NAN] {
        let message = Settings { label_smoothing: wrong, ..of(Method::Standard) }.check().unwrap_err().to_string();
        assert_eq!(message, format!("`training.label_smoothing` must be 0 to below 1, not {wrong}"));
    }
    let other = compile(gpu(), &recipes);
    let message = Trainer::new(&other, &of(Method::Standard), &data, (1.0, 0.0), SEED).err().unwrap().to_string();
    assert_eq!(message, "`training.label_smoothing` is 0.2, but the network was compiled for 0");
}

/// Images `[8, 8]` through a convolution, numbers that are drawn, and up again: every kind of layer that an autoencoder needs.
fn autoencoder() -> Vec<LayerRecipe> {
    let image = |outputs, stride| {
        LayerRecipe::RingConvolution(RingRecipe {
            kernel: Some(3),
            stride: Some(stride),
            padding: Some(1),
            ..ring(outputs, [0.0, 1.0])
        })
    };
    let dense = |outputs| LayerRecipe::RingDense(ring(outputs, [0.0, 1.0]));
    let norm = || LayerRecipe::LayerNorm(NormRecipe::default());
    vec![
        image(6, 2),
        norm(),
        LayerRecipe::Tanh,
        dense(10),
        LayerRecipe::Latent(LatentRecipe { name: None, weight: 0.03 }),
        dense(96),
        LayerRecipe::Reshape(ReshapeRecipe { shape: vec![6, 4, 4] }),
        norm(),
        LayerRecipe::Tanh,
        LayerRecipe::Upsample(UpsampleRecipe { factor: 2 }),
        image(1, 1),
        LayerRecipe::Sigmoid,
    ]
}

fn autoencoding(data: &Dataset) -> Network<'static> {
    Network::new(gpu(), &autoencoder(), &data.shape, Wanted::Image([1, 8, 8]), BATCH).unwrap()
}

/// The loss is that of images and of what is drawn between, whatever measures or differentiates it.
#[test]
fn steps_of_an_autoencoder_are_those_of_the_twin() {
    let (data, recipes) = (bytes_of(&[8, 8]), autoencoder());
    let network = autoencoding(&data);
    gradients_of(GRADIENT_BAR, &network, &data, &recipes, true);
    let of = |method| settings(method, sgd(0.5));
    for share in [1.0, 0.5] {
        let sat = SatSettings { rho: 0.3, share, ..SatSettings::default() };
        let off = sat_step_of(&network, &data, &Settings { sat, ..of(Method::Sat) }, &recipes, "autoencoder");
        assert!(off.iter().all(|off| *off < 3.0 * STEP_BAR), "share {share}: {off:?}");
    }
    let spsa = SpsaSettings { probes: 2, radius: 0.1, ..SpsaSettings::default() };
    let [gradient, _] = probe_step_of(&network, &data, &Settings { spsa, ..of(Method::Spsa) }, &recipes, "autoencoder");
    assert!(gradient < PROBE_BAR, "{gradient:.1e}");
}

/// Scores of images: what training meets, of numbers that are drawn; of an evaluation, on every chip, of their means.
#[test]
fn images_are_scored_by_their_errors_and_likeness_on_any_number_of_chips() {
    let (data, recipes) = (bytes_of(&[8, 8]), autoencoder());
    let network = Network::spread(gpu(), &recipes, &data.shape, Wanted::Image([1, 8, 8]), 128, 2).unwrap();
    let mut twin = Twin::new(&network, &recipes, &data.shape);
    let values = start(&network);
    gpu().write(&network.flat().parameters, &values).unwrap();
    let chips = [vec![0.0; network.chip_len()], odd_chip(&network)];
    chips.iter().enumerate().for_each(|(device, chip)| network.set_chip(device, chip).unwrap());
    let feed = network.feed(&data.test, (data.scale, 0.0)).unwrap();
    let tallies = network.evaluate_each(&feed, 0).unwrap();
    let (x, labels) = rows_of(&data, &data.test, &(0..21).collect::<Vec<_>>());
    // No numbers are drawn: an inference takes the means.
    for layer in &mut twin.layers {
        if let TwinLayer::Latent(it) = layer {
            let features = it.features;
            *layer = TwinLayer::Mean(features);
        }
    }
    let mut seen = Vec::new();
    for (tally, chip) in tallies.iter().zip(&chips) {
        let chip = wide(chip);
        let tape = twin.tape(&wide(&values), &chip, &x, 21);
        let outputs = &tape[recipes.len()];
        let [loss, score] = twin.scores(outputs, &x, &labels).map(|values| values.iter().sum::<f64>() / 21.0);
        let likeness: f64 = structural_similarity::forward(outputs, &x, [1, 8, 8]).iter().sum::<f64>() / 21.0;
        assert_eq!(tally.samples, 21.0);
        assert!((tally.mean_loss() / loss - 1.0).abs() < 1e-5, "{} {loss}", tally.mean_loss());
        assert!((tally.mean_score() - score).abs() < 1e-4, "{} {score}", tally.mean_score());
        assert!((tally.mean_similarity() - likeness).abs() < 1e-5, "{} {likeness}", tally.mean_similarity());
        seen.push(tally.mean_loss());
    }
    assert!((seen[0] - seen[1]).abs() > 1e-4, "chips differ: {seen:?}");
}

/// What is generated is what the decoder makes of the prior's numbers: the same for every batch size, another for another seed.
#[test]
fn images_are_generated_from_standard_normal_numbers() {
    let (data, recipes) = (bytes_of(&[8, 8]), autoencoder());
    let network = autoencoding(&data);
    let twin = Twin::new(&network, &recipes, &data.shape);
    let values = start(&network);
    gpu().write(&network.flat().parameters, &values).unwrap();
    let chip = odd_chip(&network);
    network.set_chip(0, &chip).unwrap();
    let images = |seed| network.generate(21, seed, 0, &mut |_| true).unwrap().unwrap();
    let (got, at) = (images(5), network.latent().unwrap());
    let mut x = detect::normals(5, random::stream("prior"), 0, 0, 21 * 5);
    for layer in &twin.layers[at + 1..] {
        x = layer.forward(&wide(&values), &wide(&chip), &[x], 21);
    }
    let off = error(&wide(&got), &x);
    assert!(off < 1e-5, "{off:.1e}");
    assert!(got != images(6) && got == images(5));
    let none = compile(gpu(), &small());
    let message = none.generate(1, 5, 0, &mut |_| true).unwrap_err().to_string();
    assert!(message.contains("no layer of type latent"), "{message}");
}

#[test]
fn networks_that_do_not_put_out_the_image_or_reshape_it_wrongly_are_refused() {
    let refused = |layers: &[LayerRecipe], wanted: Wanted| {
        Network::new(gpu(), layers, &[8, 8], wanted, BATCH).err().unwrap().to_string()
    };
    let image = Wanted::Image([1, 8, 8]);
    let dense = |outputs| LayerRecipe::RingDense(RingRecipe::new(outputs));
    let message = refused(&[dense(63)], image);
    assert_eq!(message, "the last layer has 63 outputs, images of 1 x 8 x 8 have 64 values; they must be the same");
    let reshape = |shape: &[usize]| LayerRecipe::Reshape(ReshapeRecipe { shape: shape.to_vec() });
    let message = refused(&[reshape(&[4, 16]), dense(64)], image);
    assert!(message.contains("a reshape comes behind another layer"), "{message}");
    let message = refused(&[dense(64), reshape(&[4, 15])], image);
    assert!(message.contains("`shape` must be one to three sides that hold 64 values, not [4, 15]"), "{message}");
    let odd = LayerRecipe::Latent(LatentRecipe { name: None, weight: 1.0 });
    let message = refused(&[dense(7), odd, dense(64)], image);
    assert!(message.contains("7 is no even number"), "{message}");
}

/// Half ranges of what the small network knows may be wrong with it.
fn known() -> BTreeMap<String, f32> {
    let ranges = [("temperature", 0.2), ("ring_offset", 0.02), ("ring_width", 0.05), ("ring_contrast", 0.02)];
    ranges.map(|(name, range)| (name.to_owned(), range)).into()
}

/// The adversary over imperfections alone and with parameters. The contrast of 0.95 stays below 1 within its range.
#[test]
fn sat_over_known_imperfections_is_that_of_the_twin() {
    let alone = SatSettings { scope: SatScope::Imperfections, imperfections: known(), ..SatSettings::default() };
    let few = BTreeMap::from([("temperature".to_owned(), 0.3)]);
    let variants = [
        ("alone", alone.clone()),
        ("alone, two steps", SatSettings { steps: 2, ..alone.clone() }),
        ("temperature alone", SatSettings { imperfections: few, ..alone.clone() }),
        ("with controls", SatSettings { rho: 0.3, scope: SatScope::Control, ..alone.clone() }),
        ("with all, two steps", SatSettings { rho: 0.3, steps: 2, scope: SatScope::All, ..alone }),
    ];
    sat_steps(&variants.map(|(variant, sat)| (variant.to_owned(), sat, adam(0.1))));
}

/// Of pictures, all of whose imperfections share an ellipsoid, and of rings, whose temperature has one of its own beside the ranges of
/// single rings.
#[test]
fn sat_over_known_imperfections_within_an_ellipsoid_is_that_of_the_twin() {
    let ranges = [("rotation", 8.0), ("shift_x", 0.4), ("shift_y", 0.3), ("scale", 0.1)];
    let alone = SatSettings {
        scope: SatScope::Imperfections,
        imperfections: ranges.map(|(name, range)| (name.to_owned(), range)).into(),
        within: Neighbourhood::Ellipsoid,
        ..SatSettings::default()
    };
    let variants = [
        ("alone", alone.clone()),
        ("alone, three steps", SatSettings { steps: 3, ..alone.clone() }),
        ("with controls", SatSettings { rho: 0.3, scope: SatScope::Control, ..alone.clone() }),
    ];
    let tiles = MultiplierRecipe { tiles: [1, CLASSES], tile: Some([3, 4]), ..MultiplierRecipe::new(CLASSES) };
    let pictures = [LayerRecipe::Multiplier(MultiplierRecipe { sampling: Mode::Bilinear, ..tiles })];
    sat_steps_of(&pictures, &variants.map(|(variant, sat)| (variant.to_owned(), sat, sgd(0.1))));
    let rings = SatSettings { imperfections: known(), ..alone };
    sat_steps(&[("rings".to_owned(), rings, adam(0.1))]);
}

/// Slopes of imperfections by differences of the loss: of rings that warm up and have more crosstalk, and of pictures in a blur,
/// whose gradient no layer knows.
#[test]
fn sat_over_imperfections_with_measured_slopes_is_that_of_the_twin() {
    let ranges = |names: &[(&str, f32)]| names.iter().map(|(name, range)| ((*name).to_owned(), *range)).collect();
    let warm = ranges(&[("temperature", 0.3)]);
    let alone = SatSettings {
        scope: SatScope::Imperfections,
        imperfections: ranges(&[("temperature", 0.3), ("crosstalk", 0.03)]),
        measured: true,
        ..SatSettings::default()
    };
    let variants = [
        ("alone", alone.clone()),
        ("alone, two steps", SatSettings { steps: 2, ..alone.clone() }),
        ("temperature alone", SatSettings { imperfections: warm, ..alone.clone() }),
        ("with controls", SatSettings { rho: 0.3, scope: SatScope::Control, ..alone.clone() }),
        ("with all, two steps", SatSettings { rho: 0.3, steps: 2, scope: SatScope::All, ..alone.clone() }),
    ];
    let rings = rings_like(&[8, CLASSES], &RingRecipe { crosstalk: Some(0.02), ..ring(1, [0.0, 1.0]) });
    sat_steps_of(&rings, &variants.map(|(variant, sat)| (variant.to_owned(), sat, sgd(0.1))));

    let tiles =
        MultiplierRecipe { tiles: [1, CLASSES], tile: Some([3, 4]), blur: Some(0.6), ..MultiplierRecipe::new(CLASSES) };
    let pictures = [LayerRecipe::Multiplier(MultiplierRecipe { sampling: Mode::Bilinear, ..tiles })];
    let blur = SatSettings { imperfections: ranges(&[("blur", 0.5), ("rotation", 8.0)]), ..alone };
    sat_steps_of(&pictures, &[("blurred".to_owned(), blur.clone(), sgd(0.1))]);

    // What cannot be measured, or only so.
    let refused = |recipes: &[LayerRecipe], sat: SatSettings| {
        let (data, network) = (dataset(), compile(gpu(), recipes));
        let settings = Settings { sat, ..settings(Method::Sat, adam(0.01)) };
        Trainer::new(&network, &settings, &data, (data.scale, 0.0), SEED).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&pictures, SatSettings { measured: false, ..blur.clone() }),
        "`training.sat.imperfections.blur` has no gradient in any layer of this network; leave it out, or set \
         training.sat.measured"
    );
    assert_eq!(
        refused(&rings, SatSettings { imperfections: ranges(&[("ring_offset", 0.01)]), ..blur.clone() }),
        "`training.sat.imperfections.ring_offset` has a value for every element, and training.sat.measured nudges one for all; \
         leave it out"
    );
    let nothing = SatSettings { imperfections: BTreeMap::new(), scope: SatScope::Control, ..blur };
    let message = refused(&rings, nothing);
    assert!(
        message.starts_with("`training.sat.measured` needs half ranges in training.sat.imperfections"),
        "{message}"
    );
}

#[test]
fn imperfections_that_the_adversary_cannot_move_are_refused() {
    let data = dataset();
    let refused = |layers: &[LayerRecipe], scope, name: &str, range| {
        let imperfections = BTreeMap::from([(name.to_owned(), range)]);
        let sat = SatSettings { scope, imperfections, ..SatSettings::default() };
        let settings = Settings { sat, ..settings(Method::Sat, adam(0.01)) };
        settings.check().err().map_or_else(
            || {
                let network = compile(gpu(), layers);
                let made = Trainer::new(&network, &settings, &data, (data.scale, 0.0), SEED).map(|_| ());
                made.unwrap_err().to_string()
            },
            |error| error.to_string(),
        )
    };
    let rings = rings_like(&[CLASSES], &RingRecipe { full_scale: Some(4.0), ..ring(1, [0.0, 1.0]) });
    let lossy = MeshRecipe { insertion_loss: 0.1, ports: Some(CLASSES), ..MeshRecipe::new(FEATURES) };
    let (mesh, lossy) = (meshed(MeshRecipe { insertion_loss: 0.0, ..lossy.clone() }), meshed(lossy));
    for (layers, scope, name, range, want) in [
        (
            &rings[..],
            SatScope::Imperfections,
            "humidity",
            1.0,
            "humidity` names no imperfection of any layer; there are: ",
        ),
        (
            &rings[..],
            SatScope::Control,
            "detection_noise",
            0.1,
            "detection_noise` differs from sample to sample, and has",
        ),
        (&rings[..], SatScope::Control, "temperature", -1.0, "temperature` must be 0 or more, not -1"),
        (
            &[mesh][..],
            SatScope::Control,
            "splitter_error",
            1.0,
            "splitter_error` 1 is not within ±1, these not included",
        ),
        (
            &[lossy][..],
            SatScope::Control,
            "splitter_error",
            0.1,
            "splitter_error` has no gradient in any layer of this",
        ),
    ] {
        let message = refused(layers, scope, name, range);
        assert!(message.starts_with(&format!("`training.sat.imperfections.{want}")), "{message}");
    }
    let sat = SatSettings { scope: SatScope::Imperfections, ..SatSettings::default() };
    let message = Settings { sat, ..settings(Method::Sat, adam(0.01)) }.check().unwrap_err().to_string();
    assert!(message.starts_with("`training.sat.scope` needs half ranges in training.sat.imperfections"), "{message}");
}

/// One step of each variant against the twin.
fn sat_steps(variants: &[(String, SatSettings, OptimizerSettings)]) {
    sat_steps_of(&small(), variants);
}

fn sat_steps_of(recipes: &[LayerRecipe], variants: &[(String, SatSettings, OptimizerSettings)]) {
    let mut table = format!("{:<22} {:>12} {:>17}\n", "variant", "perturbation", "final parameters");
    let mut fine = true;
    for (variant, sat, optimizer) in variants {
        let settings = Settings { sat: sat.clone(), ..settings(Method::Sat, *optimizer) };
        let [perturbation, parameters] = sat_step(&settings, recipes, variant);
        writeln!(table, "{variant:<22} {perturbation:>12.1e} {parameters:>17.1e}").unwrap();
        fine &= perturbation < STEP_BAR && parameters < STEP_BAR;
    }
    println!("\n{table}");
    assert!(fine, "an error is above {STEP_BAR:.0e}\n{table}");
}

#[test]
fn where_the_adversary_goes_depends_on_what_its_lengths_are_taken_over() {
    let (data, recipes) = (dataset(), small());
    let network = compile(gpu(), &recipes);
    let moves = |sat: SatSettings| -> Vec<f64> {
        let settings = Settings { sat, ..settings(Method::Sat, adam(0.01)) };
        let stages = Stages::new(&network, &settings, &data);
        let start = start(&network);
        gpu().write(&network.flat().parameters, &start).unwrap();
        stages.set(&Clock { rows: 16, ..Clock::default() });
        stages.submit(0..6);
        let moved = moved(&wide(&start), &wide(&stages.parameters()));
        let length = |entry: &Entry<_>| moved[entry.range()].iter().map(|m: &f64| m * m).sum::<f64>().sqrt();
        network.parameters().iter().map(length).collect()
    };
    // Two tensors of detunings, then two of biases.
    let near = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-5, "{got} instead of {want}");
    let all = SatSettings { rho: 0.3, scope: SatScope::All, ..SatSettings::default() };
    let together = moves(all.clone());
    near(together.iter().map(|m| m * m).sum::<f64>().sqrt(), 0.3);
    let groups = moves(SatSettings { normalise: Grouping::Group, rho_digital: Some(0.2), ..all.clone() });
    near(groups[0].hypot(groups[1]), 0.3);
    near(groups[2].hypot(groups[3]), 0.2);
    let layers = moves(SatSettings { normalise: Grouping::Layer, rho_digital: Some(0.2), ..all.clone() });
    layers.iter().zip([0.3, 0.3, 0.2, 0.2]).for_each(|(&got, want)| near(got, want));
}

#[test]
fn settings_of_the_adversary_that_make_no_sense_are_refused() {
    let refused =
        |sat: SatSettings| Settings { sat, ..settings(Method::Sat, adam(0.01)) }.check().unwrap_err().to_string();
    let (all, group) = (SatSettings { scope: SatScope::All, ..SatSettings::default() }, Grouping::Group);
    for steps in [0, 65] {
        let message = refused(SatSettings { steps, ..all.clone() });
        assert_eq!(message, format!("`training.sat.steps` must be 1 to 64, not {steps}"));
    }
    for share in [0.0, 1.5, f32::NAN] {
        let message = refused(SatSettings { share, ..all.clone() });
        assert_eq!(message, format!("`training.sat.share` must be above 0 and at most 1, not {share}"));
    }
    let sat = SatSettings { share: 0.5, imperfections: known(), ..all.clone() };
    let message = Settings { sat, devices: 4, ..settings(Method::Sat, adam(0.01)) }.check().unwrap_err().to_string();
    assert_eq!(message, "`training.sat.share` below 1 belongs to one device a batch, not training.devices = 4");
    let message = refused(SatSettings { rho_digital: Some(-1.0), normalise: group, ..all.clone() });
    assert_eq!(message, "`training.sat.rho_digital` must be 0 or more, not -1");
    for sat in [all.clone(), SatSettings { scope: SatScope::Control, normalise: group, ..all }] {
        let message = refused(SatSettings { rho_digital: Some(0.1), ..sat.clone() });
        assert!(message.starts_with("`training.sat.rho_digital` needs training.sat.scope = \"all\""), "{message}");
    }
    let pruning = PruningSettings { strength: f32::NAN };
    let message = Settings { pruning, ..settings(Method::Pruning, adam(0.01)) }.check().unwrap_err().to_string();
    assert_eq!(message, "`training.pruning.strength` must be 0 or more, not NaN");
}

// Pruning -------------------------------------------------------------------------------------------------------------

/// The gradient of loss and penalty, through every actuator, of dense layers, banks and convolutions: the device's
/// against the twin's, and the twin's against differences.
#[test]
fn pruning_adds_the_gradient_of_the_slopes_whatever_sets_the_rings() {
    let plain = RingRecipe { bias_detuning: -0.1, crosstalk: Some(0.05), ..RingRecipe::new(1) };
    let like = |ring: &RingRecipe| rings_like(&[9, CLASSES], ring);
    let [linear, joule] =
        [ActuatorKind::Linear, ActuatorKind::Joule].map(|actuator| RingRecipe { actuator, ..plain.clone() });
    let convolution = RingRecipe { kernel: Some(3), actuator: ActuatorKind::Joule, ..RingRecipe::new(3) };
    let convolution = RingRecipe { bias_detuning: -0.1, ..convolution };
    let tail = [LayerRecipe::Tanh, LayerRecipe::RingDense(RingRecipe::new(CLASSES))];
    for (word, shape, recipes, smooth) in [
        ("direct", &[FEATURES][..], small(), true),
        ("neighbours", &[FEATURES], like(&plain), true),
        ("linear", &[FEATURES], like(&linear), true),
        ("joule", &[FEATURES], like(&joule), true),
        ("converter", &[FEATURES], like(&RingRecipe { dac_bits: Some(6), ..joule }), false),
        ("bank", &[FEATURES], like(&RingRecipe { bank: Some(5), ..RingRecipe::new(1) }), true),
        ("convolution", &[5, 5], [&[LayerRecipe::RingConvolution(convolution)], &tail[..]].concat(), true),
    ] {
        let data = bytes_of(shape);
        let network = Network::new(gpu(), &recipes, shape, CLASSES, BATCH).unwrap();
        let twin = Twin::new(&network, &recipes, shape);
        let pruning = PruningSettings { strength: 0.02 };
        let settings = Settings { pruning, ..settings(Method::Pruning, adam(0.01)) };
        let strength = f64::from(settings.pruning.strength);
        let values = start(&network);
        gpu().write(&network.flat().parameters, &values).unwrap();
        network.nominal().unwrap();
        let stages = Stages::new(&network, &settings, &data);
        stages.set(&Clock { rows: 16, ..Clock::default() });
        let (p, ideal) = (wide(&values), twin.ideal());
        let (x, labels) = rows_of(&data, &data.train, &(0..16).collect::<Vec<_>>());
        let penalty = twin.penalty(&p, &ideal, strength).1;
        let want: Vec<f64> =
            twin.pass(&p, &ideal, &x, &labels).gradient.iter().zip(&penalty).map(|(g, more)| g + more).collect();
        stages.submit(0..6);
        let got = stages.gradient();
        let off = error(&got, &want);
        assert!(off < GRADIENT_BAR, "{word}: device off by {off:.1e}");
        let share = error(&twin.pass(&p, &ideal, &x, &labels).gradient, &want);
        assert!(share > 0.01, "{word}: the penalty is {share:.1e} of the gradient only");
        if smooth {
            let objective = |p: &[f64]| twin.penalty(p, &ideal, strength).0;
            let own = error(&penalty, &reference::central_differences(objective, &p, 1e-5));
            assert!(own < 1e-7, "{word}: twin against its differences {own:.1e}");
        }
    }
}

#[test]
fn pruning_of_strength_0_is_standard_training_and_flattens_weights_with_more() {
    let data = dataset();
    let recipes = small();
    let trained = |method: Method, strength: f32| {
        let settings = Settings { pruning: PruningSettings { strength }, ..settings(method, adam(0.02)) };
        let network = compile(gpu(), &recipes);
        let mut trainer = trainer(&network, &settings, &data, SEED);
        (0..12).for_each(|_| trainer.train_step().unwrap());
        let twin = Twin::new(&network, &recipes, &data.shape);
        let state = trainer.state().unwrap();
        let steepness = twin.penalty(&wide(state.vector("parameters").unwrap()), &twin.ideal(), 1.0).0;
        (state, steepness)
    };
    let (standard, steep) = trained(Method::Standard, 1.0);
    let (nothing, _) = trained(Method::Pruning, 0.0);
    assert_eq!(standard, nothing);
    let flat = [1e-3, 1e-2].map(|strength| trained(Method::Pruning, strength).1);
    assert!(flat[0] < steep && flat[1] < 0.9 * steep, "{steep} without, {flat:?}");
}

#[test]
fn pruning_of_rings_that_are_all_on_resonance_adds_nothing() {
    let (data, network) = (dataset(), compile(gpu(), &small()));
    let stages = Stages::new(&network, &settings(Method::Pruning, adam(0.01)), &data);
    gpu().write(&network.flat().parameters, &vec![0.0; network.flat().len()]).unwrap();
    network.nominal().unwrap();
    stages.set(&Clock { rows: 16, ..Clock::default() });
    stages.submit(0..6);
    for entry in network.parameters().iter().filter(|entry| entry.spec.role == Role::Control) {
        assert!(stages.gradient()[entry.range()].iter().all(|g| *g == 0.0), "{}", entry.name);
    }
}

#[test]
fn pruning_without_rings_is_refused() {
    let data = bytes_of(&[1, 2 * CLASSES]);
    let halves = LayerRecipe::AveragePool(PoolRecipe { stride: Some(2), ..PoolRecipe::new(1) });
    let recipes = [halves, LayerRecipe::LayerNorm(NormRecipe::default())];
    let network = Network::new(gpu(), &recipes, &data.shape, CLASSES, BATCH).unwrap();
    let settings = settings(Method::Pruning, adam(0.01));
    let refused = Trainer::new(&network, &settings, &data, (data.scale, 0.0), SEED).map(|_| ()).unwrap_err();
    assert_eq!(refused.to_string(), "`training.method` `pruning` needs a layer of rings; choose another method");
}

// Without a model -----------------------------------------------------------------------------------------------------

/// How far a gradient of measured losses may be off, relative to its largest component: the losses of a batch, of 26 in sum, are
/// rounded by some 1e-6, and differ by 0.1 or more along the largest.
const PROBE_BAR: f64 = 3e-5;

/// Rings, a norm that keeps statistics, rings: with an optimizer that takes the gradient as it is, on a chip that is not as its
/// model has it.
fn probed(method: Method) -> (Vec<LayerRecipe>, Settings) {
    let [first, second] = [8, CLASSES].map(|outputs| LayerRecipe::RingDense(ring(outputs, [0.0, 1.0])));
    let layers = vec![first, LayerRecipe::BatchNorm(NormRecipe::default()), LayerRecipe::Tanh, second];
    let imperfections =
        [("ring_offset", 0.02), ("temperature", 0.4)].map(|(name, size)| (name.to_owned(), size)).into();
    let device = DeviceSettings { chip: Some(3), imperfections, ..DeviceSettings::default() };
    (layers, Settings { device, ..settings(method, sgd(0.5)) })
}

/// Takes a step apart, then takes it whole, from parameters of which some are at a bound; errors of the gradient and of the final
/// parameters.
fn probe_step(settings: &Settings, layers: &[LayerRecipe], variant: &str) -> [f64; 2] {
    let network = compile(gpu(), layers).smoothed(settings.label_smoothing).unwrap();
    probe_step_of(&network, &dataset(), settings, layers, variant)
}

fn probe_step_of(
    network: &Network<'_>,
    data: &Dataset,
    settings: &Settings,
    layers: &[LayerRecipe],
    variant: &str,
) -> [f64; 2] {
    let mut trainer = trainer(network, settings, data, SEED);
    let mut values = start(network);
    let entries = network.parameters().iter();
    let controls = entries.clone().find(|entry| entry.spec.role == Role::Control).unwrap();
    values[controls.range()].iter_mut().step_by(7).for_each(|detuning| *detuning = 0.0);
    gpu().write(&network.flat().parameters, &values).unwrap();
    let kept: Vec<_> = entries.filter(|entry| entry.spec.role == Role::Statistic).flat_map(Entry::range).collect();
    let twin = Twin::new(network, layers, &data.shape);
    let mut run = TwinRun::new(&twin, settings, data, SEED, &values);
    run.step = trainer.steps_done() as u32;
    let stages = Stages::new(network, settings, data);
    stages.set(&run.clock());

    // Both sides of every probe, and the statistics that the first pass of a step moves, which no probe does.
    let mut radius = Vec::new();
    let (probes, count, _) = run.probes(&mut radius);
    let names = stages.names();
    let (mut done, mut statistics) = (0, Vec::new());
    for (probe, side) in (0..count).flat_map(|k| [(k, 1.0), (k, -1.0)]) {
        let next = names[done..].iter().position(|name| ["ahead", "back"].contains(name)).unwrap();
        stages.submit(done..done + next + 1);
        done += next + 1;
        let mut got = wide(&stages.parameters());
        let own: Vec<f64> = kept.iter().map(|&at| got[at]).collect();
        kept.iter().for_each(|&at| got[at] = f64::from(values[at]));
        let off = error(&got, &probes.displace(&run.parameters, probe, side));
        assert!(off < 1e-7, "{variant}, probe {probe}, side {side}: {off:.1e}");
        let stayed = own == kept.iter().map(|&at| f64::from(values[at])).collect::<Vec<_>>();
        assert_eq!(stayed, kept.is_empty() || (probe == 0 && side > 0.0));
        assert!(statistics.is_empty() || own == statistics, "{variant}: statistics move once a step");
        if probe > 0 || side < 0.0 {
            statistics = own;
        }
    }
    let restore = names.len() - 2;
    stages.submit(done..restore + 1);
    let got = stages.parameters();
    assert!((0..got.len()).all(|at| kept.contains(&at) || got[at].to_bits() == values[at].to_bits()), "{variant}");
    let (_, want) = run.probed();
    let gradient = error(&stages.gradient(), &want);
    for (at, (found, radius)) in stages.gradient().iter().zip(&radius).enumerate() {
        assert!(*radius > 0.0 || found.to_bits() == 0, "{variant}: a gradient of {found} at {at}, outside the scope");
    }

    gpu().write(&network.flat().parameters, &values).unwrap();
    run.train_step();
    trainer.train_step().unwrap();
    let after: Vec<f64> = wide(&stages.parameters());
    let of = |values: &[f64]| -> Vec<f64> {
        (0..values.len()).filter(|at| !kept.contains(at)).map(|at| values[at]).collect()
    };
    let (centre, after, want) = (of(&wide(&values)), of(&after), of(&run.parameters));
    [gradient, error(&moved(&centre, &after), &moved(&centre, &want))]
}

#[test]
fn steps_without_a_model_are_those_of_the_twin_on_a_chip_that_nobody_knows() {
    let spsa = SpsaSettings { probes: 3, radius: 0.1, ..SpsaSettings::default() };
    let alone = FiniteDifferenceSettings { radius: 0.1, ..FiniteDifferenceSettings::default() };
    let mut variants = Vec::new();
    let (layers, of) = probed(Method::Spsa);
    for (word, own) in [
        ("spsa, all", SpsaSettings { radius_digital: Some(0.2), ..spsa }),
        ("spsa, control", SpsaSettings { scope: Scope::Control, ..spsa }),
        ("spsa, digital", SpsaSettings { scope: Scope::Digital, probes: 8, ..spsa }),
    ] {
        variants.push((word, Settings { spsa: own, ..of.clone() }));
    }
    variants.push(("spsa, smoothed", Settings { label_smoothing: 0.2, spsa, ..of.clone() }));
    let of = probed(Method::FiniteDifference).1;
    for (word, own) in [
        ("finite-difference, all", FiniteDifferenceSettings { radius_digital: Some(0.2), ..alone }),
        ("finite-difference, digital", FiniteDifferenceSettings { scope: Scope::Digital, ..alone }),
    ] {
        variants.push((word, Settings { finite_difference: own, ..of.clone() }));
    }
    let mut table = format!("{:<28} {:>9} {:>17}\n", "variant", "gradient", "final parameters");
    let mut fine = true;
    for (variant, settings) in &variants {
        let [gradient, parameters] = probe_step(settings, &layers, variant);
        writeln!(table, "{variant:<28} {gradient:>9.1e} {parameters:>17.1e}").unwrap();
        fine &= gradient < PROBE_BAR && parameters < PROBE_BAR;
    }
    println!("\n{table}");
    assert!(fine, "an error is above {PROBE_BAR:.0e}\n{table}");
}

/// Nearer and nearer, differences come to the gradient that back-propagation would have on that very chip.
#[test]
fn finite_differences_on_a_chip_come_to_its_gradient() {
    let (layers, settings) = probed(Method::FiniteDifference);
    let (data, network) = (dataset(), compile(gpu(), &layers));
    let values = start(&network);
    let twin = Twin::new(&network, &layers, &data.shape);
    let off = [0.04, 0.02, 0.005].map(|radius| {
        let alone = FiniteDifferenceSettings { radius, ..FiniteDifferenceSettings::default() };
        let settings = Settings { finite_difference: alone, ..settings.clone() };
        let run = TwinRun::new(&twin, &settings, &data, SEED, &values);
        gpu().write(&network.flat().parameters, &values).unwrap();
        let stages = Stages::new(&network, &settings, &data);
        stages.set(&run.clock());
        stages.submit(0..stages.plans.len() - 1);
        let (x, labels) = run.batch();
        error(&stages.gradient(), &twin.pass(&run.parameters, &run.device(), &x, &labels).gradient)
    });
    println!("differences against the gradient: {off:?}");
    assert!(off[0] < 0.1 && off[1] < 0.4 * off[0] && off[2] < 2e-3, "{off:?}");
}

#[test]
fn probes_that_make_no_sense_are_refused() {
    let of = |spsa: SpsaSettings, alone: FiniteDifferenceSettings, method| {
        let device = DeviceSettings::default();
        let settings = Settings { spsa, finite_difference: alone, device, ..settings(method, adam(0.01)) };
        let (data, dense) = (dataset(), [LayerRecipe::Dense(DenseRecipe::new(CLASSES))]);
        let network = compile(gpu(), &dense);
        Trainer::new(&network, &settings, &data, (data.scale, 0.0), SEED).map(|_| ()).unwrap_err().to_string()
    };
    let (spsa, alone) = (SpsaSettings::default(), FiniteDifferenceSettings::default());
    for probes in [0, 1025] {
        let message = of(SpsaSettings { probes, ..spsa }, alone, Method::Spsa);
        assert_eq!(message, format!("`training.spsa.probes` must be 1 to 1024, not {probes}"));
    }
    let message = of(SpsaSettings { radius: 0.0, ..spsa }, alone, Method::Spsa);
    assert_eq!(message, "`training.spsa.radius` must be above 0, not 0");
    let message = of(spsa, FiniteDifferenceSettings { radius_digital: Some(f32::NAN), ..alone }, Method::Spsa);
    assert_eq!(message, "`training.finite_difference.radius_digital` must be above 0, not NaN");
    let scope = Scope::Control;
    let message = of(SpsaSettings { scope, ..spsa }, alone, Method::Spsa);
    assert_eq!(message, "`training.spsa.scope` leaves nothing to train in this network; choose another");
    let message = of(spsa, FiniteDifferenceSettings { scope, ..alone }, Method::FiniteDifference);
    assert_eq!(message, "`training.finite_difference.scope` leaves nothing to train in this network; choose another");

    let (data, network) = (dataset(), compile(gpu(), &rings(&[300, CLASSES], [0.0, 1.0])));
    let settings = Settings { finite_difference: alone, ..settings(Method::FiniteDifference, adam(0.01)) };
    let message =
        Trainer::new(&network, &settings, &data, (data.scale, 0.0), SEED).map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        message,
        "`training.method` `finite-difference` measures each parameter by itself: 5405 here, more than 4096; choose `spsa`, or a \
         smaller training.finite_difference.scope"
    );
}

// Gradients -----------------------------------------------------------------------------------------------------------

#[test]
fn the_gradient_of_several_layers_is_that_of_the_twin_and_of_differences() {
    gradients(&dataset(), &rings(&[9, 7, CLASSES], [0.0, 1.0]), true);
}

#[test]
fn the_gradient_through_pooling_and_activations_is_that_of_the_twin_and_of_differences() {
    let rings = |outputs| LayerRecipe::RingDense(ring(outputs, [0.0, 1.0]));
    // Windows that overlap, over an image of one channel, then windows over its 7 x 7 pixels.
    let [overlapping, apart] = [PoolRecipe { stride: Some(1), ..PoolRecipe::new(2) }, PoolRecipe::new(3)];
    for pools in [
        [LayerRecipe::MaxPool(overlapping), LayerRecipe::AveragePool(apart)],
        [LayerRecipe::AveragePool(overlapping), LayerRecipe::MaxPool(apart)],
    ] {
        let tail = [rings(9), LayerRecipe::Tanh, rings(7), LayerRecipe::Sigmoid, rings(CLASSES)];
        gradients(&bytes_of(&[8, 8]), &[pools.as_slice(), &tail].concat(), true);
    }
}

/// As in decoders, and with one number a channel in the end.
#[test]
fn the_gradient_through_upsampling_and_pooling_of_whole_images_is_that_of_the_twin_and_of_differences() {
    let image = |outputs, stride| {
        LayerRecipe::Convolution(ConvolutionRecipe { stride, padding: 1, ..ConvolutionRecipe::new(outputs, 3) })
    };
    let larger = |factor| LayerRecipe::Upsample(UpsampleRecipe { factor });
    let layers = [
        image(4, 2),
        LayerRecipe::Tanh,
        larger(2),
        image(3, 1),
        larger(3),
        LayerRecipe::BatchNorm(NormRecipe::default()),
        LayerRecipe::Tanh,
        LayerRecipe::AveragePool(PoolRecipe::all()),
        LayerRecipe::RingDense(RingRecipe::new(CLASSES)),
    ];
    gradients(&bytes_of(&[8, 6]), &layers, true);
    let whole = LayerRecipe::MaxPool(PoolRecipe::all());
    let layers = [image(9, 1), whole, LayerRecipe::RingDense(RingRecipe::new(CLASSES))];
    gradients(&bytes_of(&[8, 6]), &layers, false);
}

#[test]
fn the_gradient_of_a_convolutional_network_with_norms_is_that_of_the_twin_and_of_differences() {
    let image = |outputs, kernel, stride, padding| {
        let (kernel, stride, padding) = (Some(kernel), Some(stride), Some(padding));
        LayerRecipe::RingConvolution(RingRecipe { kernel, stride, padding, ..RingRecipe::new(outputs) })
    };
    let ring = |outputs| LayerRecipe::RingDense(RingRecipe::new(outputs));
    let norm = NormRecipe::default();
    // A maximum may change hands within the distance at which differences are taken.
    let pool = LayerRecipe::AveragePool(PoolRecipe::new(2));
    let grouped = LayerRecipe::GroupNorm(NormRecipe { groups: Some(2), ..norm });
    for norms in [
        [LayerRecipe::BatchNorm(norm), LayerRecipe::LayerNorm(norm), LayerRecipe::BatchNorm(norm)],
        [LayerRecipe::LayerNorm(norm), grouped, LayerRecipe::LayerNorm(norm)],
    ] {
        let [first, second, third] = norms;
        let layers = [
            image(3, 3, 1, 1),
            first,
            LayerRecipe::Tanh,
            pool.clone(),
            image(4, 3, 2, 1),
            second,
            LayerRecipe::Tanh,
            ring(9),
            third,
            LayerRecipe::Tanh,
            ring(CLASSES),
        ];
        // Eleven layers round more than three.
        gradients_within(1e-5, &bytes_of(&[8, 8]), &layers, true);
    }
}

/// Shortcuts of every kind: of one shape, to more channels and fewer pixels, one within another, two from one layer and from the
/// layer before.
#[test]
fn the_gradient_of_a_residual_network_is_that_of_the_twin_and_of_differences() {
    let image = |outputs, stride| {
        let (kernel, stride, padding) = (Some(3), Some(stride), Some(1));
        LayerRecipe::RingConvolution(RingRecipe { kernel, stride, padding, ..RingRecipe::new(outputs) })
    };
    let batch = || LayerRecipe::BatchNorm(NormRecipe::default());
    for smooth in [true, false] {
        let active = || if smooth { LayerRecipe::Tanh } else { LayerRecipe::Relu };
        let named = |number: usize| format!("{}{number}", if smooth { "tanh" } else { "relu" });
        let layers = [
            image(3, 1),
            batch(),
            active(),
            image(3, 1),
            batch(),
            // Joins the ring and the rectifier behind it, but not where a shortcut starts between them.
            add(&named(1)),
            active(),
            image(5, 2),
            batch(),
            add(&named(2)),
            active(),
            LayerRecipe::RingDense(RingRecipe::new(7)),
            LayerRecipe::Tanh,
            add(if smooth { "tanh4" } else { "tanh1" }),
            add("ring4"),
            LayerRecipe::RingDense(RingRecipe::new(9)),
            add("add3"),
            LayerRecipe::RingDense(RingRecipe::new(CLASSES)),
        ];
        let data = bytes_of(&[8, 8]);
        gradients_within(1e-5, &data, &layers, smooth);
        let network = Network::new(gpu(), &layers, &data.shape, CLASSES, BATCH).unwrap();
        let forward = network.forward(Pass::First);
        let of = |family: &str| forward.kernels().filter(|kernel| kernel.starts_with(family)).count();
        assert_eq!(of("shortcut"), 5);
        assert_eq!(of("activation"), if smooth { 4 } else { 1 }, "rectifiers are part of norms and sums");
    }
}

#[test]
fn a_rectifier_stays_apart_where_a_shortcut_starts_before_it() {
    let image = || LayerRecipe::Convolution(ConvolutionRecipe { padding: 1, ..ConvolutionRecipe::new(2, 3) });
    let norm = || LayerRecipe::BatchNorm(NormRecipe::default());
    let pool = || LayerRecipe::MaxPool(PoolRecipe::new(2));
    let layers = |of: &[&str]| {
        let block = [image(), norm(), LayerRecipe::Relu, pool(), image()];
        let ends = of.iter().map(|of| add(of));
        let head = [LayerRecipe::Dense(DenseRecipe::new(CLASSES))];
        block.into_iter().chain(ends).chain(head).collect::<Vec<_>>()
    };
    let data = bytes_of(&[8, 8]);
    // Two sums that follow each other have a rectifier of neither.
    for (of, alone) in [
        (&["pool1"][..], &[][..]),
        (&["relu1"], &["pool::max_forward_half"]),
        (&["norm1"], &["activation::relu_forward", "pool::max_forward_half"]),
        (&["norm1", "relu1", "convolution1"], &["activation::relu_forward", "pool::max_forward_half"]),
    ] {
        let layers = layers(of);
        gradients_within(1e-5, &data, &layers, false);
        let network = Network::new(gpu(), &layers, &data.shape, CLASSES, BATCH).unwrap();
        let forward = network.forward(Pass::First);
        let is_alone = |kernel: &&str| kernel.starts_with("activation") || kernel.starts_with("pool");
        assert_eq!(forward.kernels().filter(is_alone).collect::<Vec<_>>(), alone, "{of:?}");
    }
}

#[test]
fn shortcuts_from_nowhere_or_to_shapes_that_do_not_fit_are_refused() {
    let dense = |outputs| LayerRecipe::Dense(DenseRecipe::new(outputs));
    for (layers, message) in [
        (
            vec![dense(8), add("dense2"), dense(8)],
            "layer 2 (add1): `of` names `dense2`, which is no layer before this one; there are: dense1",
        ),
        (vec![add("add1")], "layer 1 (add1): `of` names `add1`, which is no layer before this one; there are: none"),
        (
            vec![dense(8), dense(7), add("dense1")],
            "layer 3 (add1): `of` names an output [8], which cannot be added to [7]: it may have fewer channels, and be higher and wider by one whole factor",
        ),
    ] {
        let refused =
            Network::new(gpu(), &layers, &[FEATURES], CLASSES, BATCH).err().expect("a shortcut that is refused");
        assert_eq!(refused.to_string(), message);
    }
}

/// What a mesh of several parts puts out is what the last of them does.
#[test]
fn a_shortcut_starts_behind_the_last_part_of_a_layer() {
    let field = MeshRecipe { output: MeshOutput::Field, ..MeshRecipe::new(FEATURES) };
    let singular = MeshRecipe { form: MeshForm::Singular, input: MeshInput::Field, ..field.clone() };
    let last = MeshRecipe { input: MeshInput::Field, ports: Some(CLASSES), ..MeshRecipe::new(FEATURES) };
    let layers = [meshed(field), meshed(singular), LayerRecipe::Tanh, add("mesh2"), meshed(last)];
    let network = compile(gpu(), &layers);
    let LayerRecipe::Add(added) = &network.parts()[5].recipe else { panic!("{:?}", network.parts()[5]) };
    assert_eq!(added.of, "mesh2-u");
}

#[test]
fn the_gradient_of_digital_layers_around_rings_is_that_of_the_twin_and_of_differences() {
    for bias in [true, false] {
        let image = |outputs, kernel, stride, padding| {
            let sizes = ConvolutionRecipe { stride, padding, bias, ..ConvolutionRecipe::new(outputs, kernel) };
            LayerRecipe::Convolution(sizes)
        };
        let dense = |outputs| LayerRecipe::Dense(DenseRecipe { bias, ..DenseRecipe::new(outputs) });
        let ring = LayerRecipe::RingDense(RingRecipe::new(7));
        let layers = [image(3, 3, 1, 1), LayerRecipe::Tanh, image(4, 3, 2, 0), LayerRecipe::Tanh, dense(9)];
        let tail = [LayerRecipe::Tanh, ring, LayerRecipe::Tanh, dense(CLASSES)];
        gradients(&bytes_of(&[8, 8]), &[layers.as_slice(), &tail].concat(), true);
    }
}

#[test]
fn digital_weights_start_within_the_inverse_root_of_their_inputs_and_are_free() {
    let image = ConvolutionRecipe::new(6, 3);
    let layers = [LayerRecipe::Convolution(image), LayerRecipe::Dense(DenseRecipe::new(CLASSES))];
    let network = Network::new(gpu(), &layers, &[2, 6, 6], CLASSES, BATCH).unwrap();
    let values = network.start(SEED);
    for (name, inputs, shape) in [
        ("convolution1.weight", 18.0_f32, vec![6, 18]),
        ("convolution1.bias", 18.0, vec![6]),
        ("dense1.weight", 96.0, vec![CLASSES, 96]),
        ("dense1.bias", 96.0, vec![CLASSES]),
    ] {
        let entry = network.parameters().iter().find(|entry| entry.name == name).unwrap();
        assert_eq!((&entry.shape, entry.spec.role), (&shape, Role::Digital), "{name}");
        assert_eq!(entry.spec.bounds, [f32::MIN, f32::MAX], "{name}");
        let (reach, own) = (1.0 / inputs.sqrt(), &values[entry.range()]);
        let most = own.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
        assert!(0.5 * reach < most && most <= reach, "{name}: {most} of {reach}");
        assert!(own.iter().any(|value| *value < 0.0) && own.iter().any(|value| *value > 0.0), "{name}");
    }
    assert!(network.imperfections().is_empty());
}

#[test]
fn sizes_of_digital_layers_out_of_range_are_refused() {
    let refused = |layer: LayerRecipe, shape: &[usize]| layer.build(shape, None).err().unwrap();
    let image = || ConvolutionRecipe::new(4, 3);
    let of = LayerRecipe::Convolution;
    assert_eq!(refused(LayerRecipe::Dense(DenseRecipe::new(0)), &[3]), "`outputs` must be at least 1");
    assert_eq!(refused(of(ConvolutionRecipe { outputs: 0, ..image() }), &[8, 8]), "`outputs` must be at least 1");
    assert_eq!(refused(of(ConvolutionRecipe { stride: 0, ..image() }), &[8, 8]), "`stride` must be at least 1");
    let message = refused(of(ConvolutionRecipe { kernel: 9, ..image() }), &[8, 8]);
    assert_eq!(message, "`kernel` must be 1 to the side of the padded image, 8 x 8 + 2 x 0, not 9");
    assert!(refused(of(image()), &[64]).contains("a convolution takes images"));
}

#[test]
fn an_adversary_without_parameters_to_move_is_refused() {
    let recipes = [LayerRecipe::Dense(DenseRecipe::new(CLASSES))];
    let network = compile(gpu(), &recipes);
    for scope in [SatScope::Control, SatScope::Digital, SatScope::All] {
        let sat = SatSettings { scope, ..SatSettings::default() };
        let settings = Settings { sat, ..settings(Method::Sat, adam(0.01)) };
        let made = Trainer::new(&network, &settings, &dataset(), (1.0 / 255.0, 0.0), SEED).map(|_| ());
        match scope {
            SatScope::Control => assert_eq!(
                made.unwrap_err().to_string(),
                "`training.sat.scope` leaves the adversary nothing to move in this network; choose another"
            ),
            _ => made.unwrap(),
        }
    }
}

#[test]
fn the_gradient_reaches_the_currents_of_heaters_past_crosstalk_and_converters() {
    let data = dataset();
    let ring = RingRecipe { bias_detuning: -0.1, crosstalk: Some(0.05), ..RingRecipe::new(1) };
    for actuator in [ActuatorKind::Direct, ActuatorKind::Linear, ActuatorKind::Joule] {
        let ring = RingRecipe { actuator, ..ring.clone() };
        gradients(&data, &rings_like(&[9, 7, CLASSES], &ring), true);
        // Levels have no differences.
        gradients(&data, &rings_like(&[9, 7, CLASSES], &RingRecipe { dac_bits: Some(6), ..ring }), false);
    }
}

/// A mesh of a recipe.
fn meshed(recipe: MeshRecipe) -> LayerRecipe {
    LayerRecipe::Mesh(Box::new(recipe))
}

#[test]
fn the_gradient_reaches_the_heaters_of_meshes_in_every_form() {
    let mesh = MeshRecipe::new(FEATURES);
    let last = MeshRecipe { ports: Some(CLASSES), unit_norm: true, trainable_gain: true, gain: 3.0, ..mesh.clone() };
    let odd = MeshRecipe {
        modes: Some(14),
        reference_beam: 0.8,
        layout: Layout::Reck,
        start: MeshStart::Cross,
        ..mesh.clone()
    };
    let [field, read] = [MeshOutput::Field, MeshOutput::Amplitude].map(|output| MeshRecipe { output, ..odd.clone() });
    let lossy = MeshRecipe { insertion_loss: 0.3, loss_unbalance: -0.2, ..last.clone() };
    let opaque = MeshRecipe { insertion_loss: 4.0, ..lossy.clone() };
    let warm = MeshRecipe { crosstalk: 0.03, start: MeshStart::Random, output: MeshOutput::Amplitude, ..mesh.clone() };
    let singular = MeshRecipe { form: MeshForm::Singular, outputs: Some(7), ..warm.clone() };
    let light = MeshRecipe { input: MeshInput::Field, reference_beam: -0.4, modes: Some(15), ..last.clone() };
    let frozen = MeshRecipe { trainable: false, output: MeshOutput::Amplitude, ..mesh.clone() };
    let levels = MeshRecipe { dac_bits: Some(5), ..last.clone() };
    let seven = MeshRecipe { modes: Some(7), ..last.clone() };
    for (layers, smooth) in [
        (vec![meshed(last.clone())], true),
        (vec![meshed(read), meshed(MeshRecipe { modes: None, ..last.clone() })], true),
        (vec![meshed(field), meshed(light)], true),
        (vec![meshed(warm), meshed(last.clone())], true),
        (vec![meshed(singular), meshed(seven)], true),
        (vec![meshed(lossy)], true),
        // Loses enough to keep fields on the way.
        (vec![meshed(opaque)], true),
        // What is not trained has differences and no gradient; levels have no differences.
        (vec![meshed(frozen), meshed(last)], false),
        (vec![meshed(levels)], false),
    ] {
        // Ports that share their light evenly leave gradients that are small differences.
        gradients_within(2e-5, &dataset(), &layers, smooth);
    }
}

#[test]
fn the_gradient_reaches_the_masks_of_light_in_free_space() {
    let plane =
        |micrometres: f64| PlaneRecipe { mask: Some(MaskKind::Phase), ..PlaneRecipe::new(Length(1e-6 * micrometres)) };
    let cells = RegionsRecipe { rows: None, side: None, cells: Some([CLASSES, 1]) };
    let one = FreeSpaceRecipe {
        picture: Some([6, 5]),
        start: MaskStart::Random,
        gain: 6.0,
        trainable_gain: true,
        planes: vec![plane(90.0)],
        ..FreeSpaceRecipe::new(Length(532e-9), Length(3e-6), [7, 6], Length(60e-6), cells)
    };
    let planes = |planes: &[PlaneRecipe]| FreeSpaceRecipe { planes: planes.to_vec(), ..one.clone() };
    let lens =
        PlaneRecipe { lens: Some(Length(150e-6)), aperture: Some(Length(18e-6)), ..PlaneRecipe::new(Length(90e-6)) };
    let bright = PlaneRecipe { threshold: Some(1e-3), ..plane(70.0) };
    let absorbing = PlaneRecipe { mask: Some(MaskKind::Amplitude), ..plane(70.0) };
    let squares = RegionsRecipe { rows: Some(vec![2, 3]), side: Some(2), cells: None };
    let deep = FreeSpaceRecipe { regions: squares, ..planes(&[plane(90.0), lens, bright, plane(90.0)]) };
    let wide = FreeSpaceRecipe { grid: [13, 16], picture: None, ..deep.clone() };
    let line = |wavelength, share| LineRecipe { wavelength: Length(wavelength), share };
    let lines = vec![line(450e-9, 2.0), line(600e-9, 1.0)];
    let sparse = PlaneRecipe { fill_factor: Some(0.8), ..plane(90.0) };
    let coloured = FreeSpaceRecipe { lines: lines.clone(), ..planes(&[sparse, lens]) };
    let field = |recipe: &FreeSpaceRecipe| LayerRecipe::FreeSpace(Box::new(recipe.clone()));
    let image = LayerRecipe::Convolution(ConvolutionRecipe::new(1, 3));
    for (layers, smooth) in [
        (vec![field(&one)], true),
        (vec![field(&FreeSpaceRecipe { grid: [8, 7], chunk: Some(3), keep_every: Some(2), ..deep.clone() })], true),
        (vec![field(&planes(&[absorbing, plane(90.0), absorbing]))], true),
        (vec![field(&FreeSpaceRecipe { sampling: Mode::Bilinear, shares: false, ..one.clone() })], true),
        (vec![field(&FreeSpaceRecipe { propagation: light::Method::Fresnel, padding: 1, ..one.clone() })], true),
        // Behind another layer: the gradient of the pictures.
        (vec![image.clone(), LayerRecipe::Sigmoid, field(&one)], true),
        (
            vec![
                image.clone(),
                LayerRecipe::Sigmoid,
                field(&FreeSpaceRecipe { input: LightInput::Amplitude, ..one.clone() }),
            ],
            true,
        ),
        (vec![image.clone(), LayerRecipe::Sigmoid, field(&coloured)], true),
        // Too many masks for differences; levels have none.
        (vec![field(&wide)], false),
        (vec![field(&FreeSpaceRecipe { chunk: Some(3), keep_every: Some(2), lines, ..wide.clone() })], false),
        (vec![field(&FreeSpaceRecipe { chunk: Some(3), ..wide.clone() })], false),
        (vec![field(&planes(&[PlaneRecipe { bits: Some(3), ..plane(90.0) }]))], false),
    ] {
        gradients_within(2e-5, &bytes_of(&[8, 8]), &layers, smooth);
    }
    // Half precision has 11 bits.
    let halves = FreeSpaceRecipe { keep_every: Some(2), keep_as: KeptAs::F16, ..deep };
    gradients_within(2e-3, &bytes_of(&[8, 8]), &[field(&halves)], false);
}

#[test]
fn training_in_free_space_does_not_depend_on_how_many_samples_go_at_once_or_what_is_kept() {
    let plane = PlaneRecipe { mask: Some(MaskKind::Phase), threshold: Some(0.5), ..PlaneRecipe::new(Length(90e-6)) };
    let cells = RegionsRecipe { rows: None, side: None, cells: Some([CLASSES, 1]) };
    let recipe = FreeSpaceRecipe {
        start: MaskStart::Random,
        planes: vec![plane; 4],
        lines: vec![
            LineRecipe { wavelength: Length(532e-9), share: 0.5 },
            LineRecipe { wavelength: Length(633e-9), share: 0.5 },
        ],
        ..FreeSpaceRecipe::new(Length(532e-9), Length(3e-6), [13, 12], Length(60e-6), cells)
    };
    let trained = |chunk, keep_every| {
        let recipe = FreeSpaceRecipe { chunk, keep_every, ..recipe.clone() };
        let data = bytes_of(&[8, 8]);
        let layers = [LayerRecipe::FreeSpace(Box::new(recipe))];
        let network = Network::new(gpu(), &layers, &data.shape, CLASSES, BATCH).unwrap();
        let settings = settings(Method::Sat, adam(0.1));
        let mut trainer = trainer(&network, &settings, &data, SEED);
        (0..4).for_each(|_| trainer.train_step().unwrap());
        let parameters = trainer.state().unwrap().vector("parameters").unwrap().to_vec();
        assert_ne!(parameters, network.start(SEED), "nothing was trained");
        bits(&parameters)
    };
    let whole = trained(None, None);
    for (chunk, keep_every) in [(Some(1), None), (Some(3), Some(2)), (Some(8), Some(5)), (None, Some(3))] {
        assert!(trained(chunk, keep_every) == whole, "{chunk:?} at once, kept at every {keep_every:?}");
    }
}

#[test]
fn the_gradient_reaches_the_pictures_of_a_misaligned_multiplier() {
    let first = MultiplierRecipe { tiles: [2, 2], tile: Some([3, 4]), ..MultiplierRecipe::new(7) };
    let blurred = MultiplierRecipe {
        pixels: 2,
        margin: [0, 1],
        blur: Some(0.6),
        sampling: Mode::Bilinear,
        gain: 3.0,
        trainable_gain: true,
        ..first.clone()
    };
    for first in [first, blurred] {
        let last = MultiplierRecipe { tile: Some([1, 7]), outputs: CLASSES, ..first.clone() };
        let layers = [LayerRecipe::Multiplier(first), LayerRecipe::Sigmoid, LayerRecipe::Multiplier(last)];
        gradients(&dataset(), &layers, true);
    }
}

#[test]
fn the_gradient_reaches_every_ring_of_a_bank() {
    let bank = RingRecipe { bank: Some(5), spacing: 0.8, ..RingRecipe::new(1) };
    gradients(&dataset(), &rings_like(&[9, 7, CLASSES], &bank), true);
    let heated = RingRecipe { actuator: ActuatorKind::Joule, bias_detuning: -0.1, crosstalk: Some(0.05), ..bank };
    gradients(&dataset(), &rings_like(&[9, 7, CLASSES], &heated), true);
}

#[test]
fn a_bank_is_a_bus_a_ring_where_channels_are_far_apart_and_repeats_with_its_range() {
    let weights = |ring: &RingRecipe, shift: f32| {
        let network = compile(gpu(), &rings_like(&[CLASSES], ring));
        let settings = settings(Method::Standard, adam(0.01));
        let stages = Stages::new(&network, &settings, &dataset());
        let mut values = start(&network);
        for entry in network.parameters().iter().filter(|entry| entry.spec.role == Role::Control) {
            values[entry.range()].iter_mut().for_each(|detuning| *detuning += shift);
        }
        gpu().write(&network.flat().parameters, &values).unwrap();
        network.nominal().unwrap();
        stages.set(&Clock { rows: 16, ..Clock::default() });
        stages.submit(0..3);
        wide(&stages.read(network.logits()))
    };
    let bank = |spacing: f32| RingRecipe { bank: Some(4), spacing, fsr: 16.0 * spacing, ..RingRecipe::new(1) };
    let alone = weights(&RingRecipe::new(1), 0.0);
    let apart = [0.8, 8.0, 80.0, 8000.0].map(|spacing| error(&weights(&bank(spacing), 0.0), &alone));
    assert!(apart[0] > 10.0 * apart[1] && apart[1] > 10.0 * apart[2], "{apart:?}");
    assert!(apart[0] > 0.01 && apart[3] < 1e-6, "{apart:?}");
    let off = error(&weights(&bank(1.0), 16.0), &weights(&bank(1.0), 0.0));
    assert!(off < 1e-4, "a range further: {off:.1e}");
}

/// The gradient of a network on an odd chip: the device's against the twin's, and where they are `smooth` both against
/// differences of the twin's loss.
fn gradients(data: &Dataset, recipes: &[LayerRecipe], smooth: bool) {
    gradients_within(GRADIENT_BAR, data, recipes, smooth);
}

fn gradients_within(bar: f64, data: &Dataset, recipes: &[LayerRecipe], smooth: bool) {
    let network = Network::new(gpu(), recipes, &data.shape, CLASSES, BATCH).unwrap();
    gradients_of(bar, &network, data, recipes, smooth);
}

fn gradients_of(bar: f64, network: &Network<'_>, data: &Dataset, recipes: &[LayerRecipe], smooth: bool) {
    let twin = Twin::new(network, recipes, &data.shape);
    let (values, chip) = (start(network), odd_chip(network));
    gpu().write(&network.flat().parameters, &values).unwrap();
    network.set_chip(0, &chip).unwrap();
    let label_smoothing = network.label_smoothing();
    let settings = Settings { label_smoothing, ..settings(Method::Standard, adam(0.01)) };
    let stages = Stages::new(network, &settings, data);
    let (p, chip) = (wide(&values), wide(&chip));
    // A full batch, and one of 5 rows in which the rest must not count.
    for (first, rows) in [(0, 16), (32, 5)] {
        let clock = Clock { first, rows, ..Clock::default() };
        stages.set(&clock);
        twin.at.set(clock);
        stages.submit(0..5);
        let got = stages.gradient();
        let (x, labels) = rows_of(data, &data.train, &(first..first + rows).collect::<Vec<_>>());
        let want = twin.pass(&p, &chip, &x, &labels).gradient;
        let loss = |p: &[f64]| twin.loss(p, &chip, &x, &labels);
        let device = error(&got, &want);
        assert!(device < bar, "{rows} rows: device {device:.1e}");
        let padding = twin.segments.iter().zip(&got).filter(|(segment, _)| segment.lower == segment.upper);
        assert_eq!(padding.filter(|(_, g)| **g != 0.0).count(), 0, "padding has no gradient");
        if !smooth {
            continue;
        }
        let own = error(&want, &reference::central_differences(loss, &p, 1e-5));
        assert!(own < 1e-7, "{rows} rows: twin against its differences {own:.1e}");
        if rows < 16 {
            gpu().submit(&[&network.backward_asked(0, &network.ask(|_| true).unwrap()).unwrap()]).unwrap();
            assert_eq!(
                stages.gradient(),
                got,
                "gradients of parameters are as if none of imperfections were asked for"
            );
            imperfections_against_differences(bar, network, |chip| twin.loss(&p, chip, &x, &labels), &chip);
        }

        // Along random directions, the device's gradient against differences of the twin's loss.
        for direction in 0..5 {
            let units = random::units(SEED + direction, random::stream("direction"));
            let v: Vec<f64> = units.take(p.len()).map(|unit| 2.0 * unit - 1.0).collect();
            let along = |h: f64| loss(&p.iter().zip(&v).map(|(p, v)| p + h * v).collect::<Vec<_>>());
            let slope = (along(1e-5) - along(-1e-5)) / 2e-5;
            let terms = got.iter().zip(&v).map(|(g, v)| g * v);
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size): (f64, f64), term| (sum + term, size + term.abs()));
            assert!((sum - slope).abs() < 0.5 * bar * size, "{rows} rows: {sum} along v, {slope} by differences");
        }
    }
}

/// Gradients of all imperfections that have one, of the batch that is drawn, against differences of the twin's loss. Of couplers
/// they are those of a mesh without loss.
fn imperfections_against_differences(bar: f64, network: &Network<'_>, loss: impl Fn(&[f64]) -> f64, chip: &[f64]) {
    let mut chip = chip.to_vec();
    for entry in network.imperfections().iter().filter(|entry| entry.spec.name.contains("loss")) {
        chip[entry.range()].fill(0.0);
    }
    network.set_chip(0, &chip.iter().map(|value| *value as f32).collect::<Vec<_>>()).unwrap();
    let asked = network.ask(|_| true).unwrap();
    for entry in asked.entries() {
        gpu().write(&asked.gradient(0, entry).unwrap(), &vec![f32::NAN; entry.len()]).unwrap();
    }
    let backward = network.backward_asked(0, &asked).unwrap();
    gpu().submit(&[&network.actuate(), &network.forward(Pass::Again), &backward]).unwrap();
    for entry in asked.entries() {
        let got = wide(&gpu().read::<f32>(&asked.gradient(0, entry).unwrap()).unwrap());
        let along = |own: &[f64]| {
            let mut chip = chip.to_vec();
            chip[entry.range()].copy_from_slice(own);
            loss(&chip)
        };
        let want = reference::central_differences(along, &chip[entry.range()], 1e-6);
        if want.iter().all(|slope| *slope == 0.0) {
            // What cancels in exact arithmetic may leave its rounding.
            assert!(got.iter().all(|slope| slope.abs() < 1e-8), "{}: moves nothing, but has a gradient", entry.name);
            continue;
        }
        // A sum over many of both signs keeps the rounding of its terms; the kernels' own cases are stricter.
        let off = error(&got, &want);
        let bar = if entry.spec.cause == Cause::Common { 5000.0 * bar } else { bar };
        assert!(off < bar, "{}: device against differences {off:.1e}", entry.name);
    }
}

#[test]
fn detunings_start_alike_and_have_one_range_whatever_sets_them() {
    for actuator in [ActuatorKind::Direct, ActuatorKind::Linear, ActuatorKind::Joule] {
        let ring = RingRecipe { actuator, bias_detuning: -0.25, ..RingRecipe::new(1) };
        let network = compile(gpu(), &rings_like(&[8, CLASSES], &ring));
        let start = network.start(SEED);
        let mut found: Vec<f64> = Vec::new();
        for entry in network.parameters().iter().filter(|entry| entry.spec.role == Role::Control) {
            let set = |control: f32| ring.detuning(f64::from(control));
            assert_eq!(entry.spec.unit, if actuator == ActuatorKind::Direct { "nm" } else { "mA" });
            let off = error(&entry.spec.bounds.map(|bound| set(bound) + 1.0), &[1.0, 2.0]);
            assert!(off < 1e-6, "{actuator:?}: bounds off by {off:.1e}");
            found.extend(start[entry.range()].iter().map(|&control| set(control)));
        }
        // Uniform from 0.09 to 0.21 nm: mean within five standard errors, and a quarter in each quarter.
        let (count, width) = (found.len() as f64, 0.12);
        let mean = found.iter().sum::<f64>() / count;
        assert!((mean - 0.15).abs() < 5.0 * width / (12.0 * count).sqrt(), "{actuator:?}: mean {mean}");
        for quarter in 0..4 {
            let low = 0.09 + f64::from(quarter) * width / 4.0;
            let inside = found.iter().filter(|x| (low - 1e-6..low + width / 4.0 + 1e-6).contains(x)).count() as f64;
            assert!((inside - count / 4.0).abs() < 5.0 * (3.0 * count / 16.0).sqrt(), "{actuator:?}: {inside}");
        }
    }
}

#[test]
fn a_rectifier_becomes_part_of_the_norm_before_it_and_names_do_not_show_it() {
    let norm = || LayerRecipe::BatchNorm(NormRecipe::default());
    let of = |outputs| rings(&[outputs], [0.0, 1.0]).remove(0);
    let layers = [of(5), norm(), LayerRecipe::Relu, LayerRecipe::Relu, of(4), norm(), LayerRecipe::Tanh, of(CLASSES)];
    let network = compile(gpu(), &layers);
    let forward = network.forward(Pass::First);
    let activations: Vec<_> = forward.kernels().filter(|kernel| kernel.starts_with("activation")).collect();
    assert_eq!(activations, ["activation::relu_forward", "activation::tanh_forward"]);
    let names: Vec<_> = network.parameters().iter().map(|entry| entry.name.as_str()).collect();
    for name in ["ring3.detuning", "norm1.gamma", "norm2.beta", "norm2.statistics"] {
        assert!(names.contains(&name), "{name} is none of {names:?}");
    }
    // The names of rectifiers are taken all the same.
    let LayerRecipe::RingDense(ring) = of(5) else { unreachable!("a dense layer") };
    let named = LayerRecipe::RingDense(RingRecipe { name: Some("relu1".to_owned()), ..ring });
    let clash = Network::new(gpu(), &[of(5), norm(), LayerRecipe::Relu, named], &[4], 5, 2);
    let message = clash.err().expect("two layers of one name").to_string();
    assert!(message.contains("layer 4 (relu1): two layers have this name"), "{message}");
}

/// No network above has parameters before a pool, so none of their gradients passes through one: here one does.
#[test]
fn pooling_hands_down_the_gradient_of_its_input() {
    let (image, rows) = ([2, 8, 8], 3);
    let recipe = PoolRecipe { stride: Some(2), ..PoolRecipe::new(3) };
    let twin = windows(image, &recipe, rows);
    let layers: [Box<dyn Layer>; 2] =
        [Box::new(MaxPool::new(recipe, &image).unwrap()), Box::new(AveragePool::new(recipe, &image).unwrap())];
    let [inputs, outputs] = [&image[..], &layers[0].output_shape()].map(|shape| shape.iter().product::<usize>());
    let draw = |name: &str, count: usize| -> Vec<f32> {
        random::units(SEED, random::stream(name)).take(count).map(|unit| unit as f32 - 0.5).collect()
    };
    let (x, d_y) = (draw("x", rows * inputs), draw("d_y", rows * outputs));
    let (wide_x, wide_d_y) = (wide(&x), wide(&d_y));
    let want = [
        [pool::max_forward(&wide_x, &twin), pool::max_backward(&wide_x, &wide_d_y, &twin)],
        [pool::average_forward(&wide_x, &twin), pool::average_backward(&wide_d_y, &twin)],
    ];
    for (layer, [y, d_x]) in layers.iter().zip(want) {
        let tensor = |name, columns, values: &[f32]| gpu().upload(name, &[rows, columns], values).unwrap();
        let io = Io {
            parameters: vec![],
            gradients: vec![],
            imperfections: vec![],
            d_imperfections: vec![],
            derived: vec![],
            clock: Clock::uniform(gpu()).unwrap(),
            draw_step: 0,
            draw_row: 0,
            input: tensor("x", inputs, &x),
            output: gpu().zeros("y", &[rows, outputs], Scalar::F32).unwrap(),
            d_output: tensor("d_y", outputs, &d_y),
            d_input: Some(gpu().zeros("d_x", &[rows, inputs], Scalar::F32).unwrap()),
            shortcut: None,
        };
        let mut plan = PlanBuilder::new(gpu(), "pool");
        layer.forward(&mut plan, &io, Pass::First).unwrap();
        layer.backward(&mut plan, &io).unwrap();
        gpu().submit(&[&plan.finish().unwrap()]).unwrap();
        let read = |slice: &Slice| wide(&gpu().read::<f32>(slice).unwrap());
        assert!(error(&read(&io.output), &y) < GRADIENT_BAR);
        assert!(error(&read(io.d_input.as_ref().unwrap()), &d_x) < GRADIENT_BAR);
    }
}

#[test]
fn steps_of_one_pass_are_those_of_the_twin() {
    let (data, recipes) = (dataset(), small());
    for (method, distribution) in [
        (Method::Standard, Distribution::Normal),
        (Method::Noise, Distribution::Normal),
        (Method::Noise, Distribution::Uniform),
        (Method::Pruning, Distribution::Normal),
    ] {
        for optimizer in [adam(0.1), adamw(0.1, 0.5, Scope::All), adamw(0.1, 0.5, Scope::Digital), sgd(0.1)] {
            let settings = Settings { distribution, ..settings(method, optimizer) };
            let network = compile(gpu(), &recipes);
            let mut trainer = trainer(&network, &settings, &data, SEED);
            gpu().write(&network.flat().parameters, &start(&network)).unwrap();
            let twin = Twin::new(&network, &recipes, &data.shape);
            // Each step from where the device stands; the third is the short batch, the fourth a new epoch.
            for _ in 0..4 {
                let state = trainer.state().unwrap();
                let mut run = TwinRun::resumed(&twin, &settings, &data, &state);
                let before = run.parameters.clone();
                run.train_step();
                trainer.train_step().unwrap();
                let after = wide(&gpu().read(&network.flat().parameters).unwrap());
                let off = error(&moved(&before, &after), &moved(&before, &run.parameters));
                assert!(off < STEP_BAR, "{}, {optimizer:?}, step {}: {off:.1e}", method.word(), state.step);
            }
        }
    }
}

/// All that may be done to the images of [`images`].
const AUGMENT: Augment = Augment { crop: 1, flip: true, cutout: 1 };

/// The small set as images of two channels.
fn images() -> Dataset {
    bytes_of(&[2, 2, 3])
}

#[test]
fn steps_with_augmented_images_are_those_of_the_twin() {
    let (data, recipes) = (images(), small());
    let none = Augment::default();
    let variants =
        [Augment { crop: 1, ..none }, Augment { flip: true, ..none }, Augment { cutout: 2, ..none }, AUGMENT];
    for (method, augment) in [Method::Standard, Method::Sat]
        .into_iter()
        .flat_map(|method| variants.iter().map(move |augment| (method, *augment)))
    {
        let settings = Settings { augment, ..settings(method, sgd(0.1)) };
        let network = compile(gpu(), &recipes);
        let mut trainer = trainer(&network, &settings, &data, SEED);
        gpu().write(&network.flat().parameters, &start(&network)).unwrap();
        let twin = Twin::new(&network, &recipes, &data.shape);
        for _ in 0..4 {
            let state = trainer.state().unwrap();
            let mut run = TwinRun::resumed(&twin, &settings, &data, &state);
            let plain = Settings { augment: none, ..settings.clone() };
            let other = TwinRun::resumed(&twin, &plain, &data, &state);
            assert_ne!(run.batch(), other.batch(), "{augment:?}");
            let before = run.parameters.clone();
            run.train_step();
            trainer.train_step().unwrap();
            let after = wide(&gpu().read(&network.flat().parameters).unwrap());
            let off = error(&moved(&before, &after), &moved(&before, &run.parameters));
            assert!(off < STEP_BAR, "{}, {augment:?}, step {}: {off:.1e}", method.word(), state.step);
        }
    }
}

#[test]
fn only_training_batches_are_augmented() {
    let data = images();
    // Steps so small that no parameter moves.
    let plain = settings(Method::Standard, sgd(1e-30));
    let [plain, augmented] = [Augment::default(), AUGMENT].map(|augment| {
        let (rows, _) = whole_run(&Settings { augment, ..plain.clone() }, &data, SEED);
        rows
    });
    for (plain, augmented) in plain.iter().zip(&augmented) {
        assert_eq!(plain.test_loss.to_bits(), augmented.test_loss.to_bits());
        assert_ne!(plain.train_loss, augmented.train_loss);
    }
    assert_ne!(augmented[0].train_loss, augmented[1].train_loss, "every epoch has draws of its own");
}

#[test]
fn augmentations_that_do_not_fit_the_samples_are_refused_by_key() {
    let refused = |shape: &[usize], augment: Augment| {
        let (data, network) = (bytes_of(shape), compile(gpu(), &small()));
        let settings = Settings { augment, ..settings(Method::Standard, adam(0.01)) };
        Trainer::new(&network, &settings, &data, (data.scale, 0.0), SEED).map(|_| ()).unwrap_err().to_string()
    };
    let none = Augment::default();
    assert_eq!(
        refused(&[FEATURES], Augment { flip: true, ..none }),
        "`training.augment` takes images, and samples, of shape [12], are none; leave it out"
    );
    assert_eq!(
        refused(&[3, 4], Augment { crop: 3, ..none }),
        "`training.augment.crop` must be at most 2 for images of 3x4, not 3"
    );
    assert_eq!(
        refused(&[2, 2, 3], Augment { cutout: 3, ..none }),
        "`training.augment.cutout` must be at most 2 for images of 2x3, not 3"
    );
}

/// Physics-aware and sharpness-aware steps on a device, with and without what learns how it differs from the model.
#[test]
fn steps_in_situ_are_those_of_the_twin() {
    steps_in_situ(&small(), STEP_BAR);
}

#[test]
fn steps_in_situ_of_a_residual_network_are_those_of_the_twin() {
    // Eight layers round more than three.
    steps_in_situ(&residual(), 10.0 * STEP_BAR);
}

fn steps_in_situ(recipes: &[LayerRecipe], bar: f64) {
    let data = dataset();
    let learn = BTreeMap::from([("ring_offset".to_owned(), 0.01), ("temperature".to_owned(), 0.1)]);
    for (method, learns) in [
        (Method::Pat, false),
        (Method::Pat, true),
        (Method::Dat, false),
        (Method::SatInSitu, false),
        (Method::SatInSitu, true),
    ] {
        for optimizer in [adam(0.1), sgd(0.1)] {
            let mut settings = settings(method, optimizer);
            settings.sat.rho = 0.3;
            settings.device.learn = if learns { learn.clone() } else { BTreeMap::new() };
            let network = compile(gpu(), recipes);
            let mut trainer = trainer(&network, &settings, &data, SEED);
            gpu().write(&network.flat().parameters, &start(&network)).unwrap();
            let twin = Twin::new(&network, recipes, &data.shape);
            for _ in 0..4 {
                let state = trainer.state().unwrap();
                let mut run = TwinRun::resumed(&twin, &settings, &data, &state);
                let (before, learned) = (run.parameters.clone(), run.learned[0].clone());
                run.train_step();
                trainer.train_step().unwrap();
                let name = format!("{}, learns {learns}, {optimizer:?}, step {}", method.word(), state.step);
                let after = wide(&gpu().read(&network.flat().parameters).unwrap());
                let off = error(&moved(&before, &after), &moved(&before, &run.parameters));
                assert!(off < bar, "{name}: {off:.1e}");
                let state = trainer.state().unwrap();
                if let Some(after) = state.vector("learned").or(state.vector("error networks")) {
                    let off = error(&moved(&learned, &wide(after)), &moved(&learned, &run.learned[0]));
                    assert!(off < 10.0 * bar, "{name}, learned: {off:.1e}");
                    assert_ne!(moved(&learned, &wide(after)), vec![0.0; learned.len()], "{name}");
                }
            }
        }
    }
}

#[test]
fn noise_is_drawn_once_a_step_as_the_specification_says_and_layers_share_the_temperature() {
    [Distribution::Normal, Distribution::Uniform].into_iter().for_each(noise_is_drawn_once_a_step);
}

fn noise_is_drawn_once_a_step(distribution: Distribution) {
    let (data, recipes) = (dataset(), small());
    let settings = Settings { distribution, ..settings(Method::Noise, adam(0.05)) };
    let network = compile(gpu(), &recipes);
    let twin = Twin::new(&network, &recipes, &data.shape);
    let mut run = TwinRun::new(&twin, &settings, &data, SEED, &start(&network));
    let stages = Stages::new(&network, &settings, &data);
    let device = || {
        let mut chip = vec![0.0; network.chip_len()];
        for entry in network.imperfections() {
            let own = stages.read(&network.imperfection(0, entry).unwrap());
            chip[entry.range()].copy_from_slice(&own);
        }
        chip
    };
    let mut last = Vec::new();
    for step in 0..3 {
        run.step = step;
        stages.set(&run.clock());
        stages.submit(0..2);
        let drawn = device();
        let off = error(&wide(&drawn), &run.noise());
        assert!(off < 2e-6, "step {step}: {off:.1e}");
        let [first, second] = [0, 1].map(|number| twin.rings().nth(number).unwrap());
        assert_eq!(drawn[first.temperature].to_bits(), drawn[second.temperature].to_bits());
        assert_ne!(drawn[first.offset.start..][..40], drawn[second.offset.clone()], "offsets are each layer's own");
        stages.submit(2..7);
        assert_eq!(bits(&device()), bits(&drawn), "forward and backward meet the same device");
        assert_ne!(drawn, last, "steps differ");
        last = drawn;
    }
}

#[test]
fn the_first_ten_losses_are_those_of_the_twin() {
    let (data, recipes) = (dataset(), small());
    for (method, schedule) in Method::ALL.into_iter().zip([Schedule::Cosine, Schedule::Step].into_iter().cycle()) {
        let settings = Settings { schedule, ..settings(method, adam(0.01)) };
        let network = compile(gpu(), &recipes);
        let mut trainer = trainer(&network, &settings, &data, SEED);
        let twin = Twin::new(&network, &recipes, &data.shape);
        let begun = trainer.state().unwrap();
        let mut run = TwinRun::resumed(&twin, &settings, &data, &begun);
        let (mut before, mut losses) = (begun.tally, Vec::new());
        for step in 0..10 {
            trainer.train_step().unwrap();
            let after = trainer.state().unwrap().tally;
            let loss = (after.loss - before.loss) / (after.samples - before.samples);
            let want = run.train_step();
            assert!((loss / want - 1.0).abs() < 1e-5, "{}, step {step}: {loss}, twin {want}", method.word());
            losses.push(format!("{loss:.5}"));
            before = after;
        }
        println!("{:<9} {}", method.word(), losses.join(" "));
    }
}

#[test]
fn sat_of_radius_0_is_standard_training_bit_for_bit() {
    // rho / ||g|| * g is +-0, so the point that the second pass sees has the very bits of the centre, and the same
    // kernels on the same bits give the same gradient.
    let data = dataset();
    for (adaptive, known, measured) in [
        (false, &[][..], false),
        (true, &[], false),
        (false, &["temperature", "ring_width"], false),
        (false, &["temperature"], true),
    ] {
        let [standard, sat] = [Method::Standard, Method::Sat].map(|method| {
            let imperfections = known.iter().map(|name| ((*name).to_owned(), 0.0)).collect();
            let (rho, steps, scope) = (0.0, 2, SatScope::All);
            let sat = SatSettings { rho, adaptive, steps, scope, imperfections, measured, ..SatSettings::default() };
            let settings = Settings { sat, ..settings(method, adam(0.02)) };
            let network = compile(gpu(), &small());
            let mut trainer = trainer(&network, &settings, &data, SEED);
            gpu().write(&network.flat().parameters, &start(&network)).unwrap();
            (0..12).for_each(|_| trainer.train_step().unwrap());
            let state = trainer.state().unwrap();
            assert_ne!(state.vector("parameters").unwrap(), start(&network), "nothing was trained");
            state
        });
        assert_eq!(standard, sat);
    }
}

#[test]
fn layers_before_those_that_the_adversary_moves_are_run_once_a_step() {
    // A radius of 0 for the digital parameters is a scope without them, but for what has to be run.
    let dense = |outputs| LayerRecipe::Dense(DenseRecipe::new(outputs));
    let layers =
        [dense(9), LayerRecipe::BatchNorm(NormRecipe::default()), LayerRecipe::Relu, dense(8), LayerRecipe::Tanh]
            .into_iter()
            .chain(rings(&[CLASSES], [0.0, 1.0]))
            .collect::<Vec<_>>();
    let control = SatSettings { rho: 0.05, steps: 2, ..SatSettings::default() };
    let all =
        SatSettings { scope: SatScope::All, normalise: Grouping::Group, rho_digital: Some(0.0), ..control.clone() };
    let data = dataset();
    let [(alone, few), (whole, many)] = [control, all].map(|sat| {
        let settings = Settings { sat, ..settings(Method::Sat, adam(0.02)) };
        let network = compile(gpu(), &layers);
        let mut trainer = trainer(&network, &settings, &data, SEED);
        (0..12).for_each(|_| trainer.train_step().unwrap());
        assert_ne!(trainer.state().unwrap().vector("parameters").unwrap(), network.start(SEED), "nothing was trained");
        let stages = Stages::new(&network, &settings, &data);
        (trainer.state().unwrap(), stages.plans.iter().map(|plan| plan.len()).sum::<usize>())
    });
    assert_eq!(alone, whole);
    // Of three passes, two leave out two dense layers, a norm and an activation, there and back.
    assert!(few + 2 * 2 * 4 <= many, "{few} dispatches of {many}");
}

/// Alone, over a device and over known imperfections: every second step is the method's, the one between a standard one.
#[test]
fn steps_between_those_of_an_adversary_are_standard_ones() {
    let data = dataset();
    for (method, easy) in [(Method::Sat, Method::Standard), (Method::SatInSitu, Method::Pat)] {
        let mut every = settings(method, adam(0.02));
        every.sat.every = 2;
        let (mut sharp, mut plain) = (every.clone(), settings(easy, adam(0.02)));
        sharp.sat.every = 1;
        plain.device = every.device.clone();
        let [mixed, own, other] = [(); 3].map(|()| compile(gpu(), &small()));
        let mut run = trainer(&mixed, &every, &data, SEED);
        let mut alone = [trainer(&own, &sharp, &data, SEED), trainer(&other, &plain, &data, SEED)];
        for step in 0..4 {
            let state = run.state().unwrap();
            let now = &mut alone[step % 2];
            now.restore(&state).unwrap();
            now.train_step().unwrap();
            run.train_step().unwrap();
            assert_eq!(run.state().unwrap(), now.state().unwrap(), "{}, step {step}", method.word());
        }
        let device = if method.is_in_situ() { 8 } else { 0 };
        assert_eq!(method.spent(&every, &mixed, 5), Cost { forward: 8.0, backward: 8.0, device });
        assert_eq!(method.spent(&sharp, &mixed, 5).forward, 10.0);
    }
    let sat = SatSettings { every: 3, imperfections: known(), ..SatSettings::default() };
    let settings = Settings { sat, ..settings(Method::Sat, adam(0.02)) };
    let network = compile(gpu(), &small());
    let draw = network.feed(&data.train, (data.scale, 0.0)).unwrap().draw();
    let update = Optimizer::new(&network, &settings.optimizer).unwrap().update();
    let step = Step { network: &network, settings: &settings, draw, update, part: None, device: None, learner: None };
    let between = Method::Sat.between(&step).unwrap().unwrap();
    let names: Vec<_> = between.iter().map(Stage::name).collect();
    assert_eq!(names.join(" "), "draw disturb actuate forward score backward update");
}

#[test]
fn detunings_stay_inside_their_range_and_biases_are_free() {
    let (data, range) = (dataset(), [0.05, 0.3]);
    for optimizer in [adam(0.3), sgd(3.0)] {
        let network = compile(gpu(), &rings(&[8, CLASSES], range));
        let settings = settings(Method::Sat, optimizer);
        let mut trainer = trainer(&network, &settings, &data, SEED);
        let (mut at_bound, mut free) = ([false; 2], false);
        for step in 0..60 {
            trainer.train_step().unwrap();
            let values: Vec<f32> = gpu().read(&network.flat().parameters).unwrap();
            for entry in network.parameters() {
                let own = &values[entry.range()];
                if entry.spec.role == Role::Control {
                    let outside = own.iter().find(|value| !(range[0]..=range[1]).contains(*value));
                    assert_eq!(outside, None, "{} after step {step}", entry.name);
                    (0..2).for_each(|side| at_bound[side] |= own.contains(&range[side]));
                } else {
                    free |= own.iter().any(|bias| bias.is_finite() && *bias < range[0]);
                    free &= own.iter().all(|bias| bias.is_finite());
                }
            }
        }
        assert_eq!(at_bound, [true; 2], "some detunings were held at each bound");
        assert!(free, "some biases went where no detuning may");
    }
}

#[test]
fn weight_decay_is_decoupled_and_spares_the_physical_parameters_unless_asked() {
    let data = dataset();
    let trained = |optimizer: OptimizerSettings| {
        let (network, settings) = (compile(gpu(), &small()), settings(Method::Standard, optimizer));
        let mut trainer = trainer(&network, &settings, &data, SEED);
        gpu().write(&network.flat().parameters, &start(&network)).unwrap();
        trainer.train_step().unwrap();
        let values: Vec<f32> = gpu().read(&network.flat().parameters).unwrap();
        let roles: Vec<_> = network.parameters().iter().map(|entry| (entry.range(), entry.spec.role)).collect();
        (start(&network), values, roles)
    };
    let (_, plain, _) = trained(adam(0.01));
    assert_eq!(bits(&trained(adamw(0.01, 0.0, Scope::All)).1), bits(&plain), "no decay is plain Adam");
    let (start, decayed, roles) = trained(adamw(0.01, 0.5, Scope::Digital));
    for (range, role) in roles {
        for at in range {
            // The gradient has no part in the decay: it is lr * decay * p, whatever Adam makes of the gradient.
            let want = if role == Role::Control { 0.0 } else { 0.01 * 0.5 * f64::from(start[at]) };
            let got = f64::from(plain[at]) - f64::from(decayed[at]);
            assert!((got - want).abs() < 1e-7, "{role:?} {at}: {got:e} instead of {want:e}");
        }
    }
}

// Detectors -----------------------------------------------------------------------------------------------------------

#[test]
fn detectors_read_what_the_specification_says_anew_for_every_step_and_sample() {
    let data = dataset();
    let ring = RingRecipe { full_scale: Some(2.0), adc_bits: Some(7), ..RingRecipe::new(1) };
    let [quiet, loud] = [&RingRecipe::new(1), &ring].map(|ring| compile(gpu(), &rings_like(&[CLASSES], ring)));
    let logits = |network: &Network<'_>, clock: Clock, noise: f32| {
        let settings = settings(Method::Standard, adam(0.01));
        let stages = Stages::new(network, &settings, &data);
        gpu().write(&network.flat().parameters, &start(network)).unwrap();
        let mut chip = vec![0.0; network.chip_len()];
        for entry in network.imperfections().iter().filter(|entry| entry.spec.name == "detection_noise") {
            chip[entry.range()].fill(noise);
        }
        network.set_chip(0, &chip).unwrap();
        stages.set(&clock);
        stages.submit(0..3);
        let once = stages.read(network.logits());
        // Another pass of the same step, as sharpness-aware training makes it.
        stages.submit(1..5);
        assert_eq!(bits(&stages.read(network.logits())), bits(&once), "a step has one draw");
        (once, stages.gradient())
    };
    let clock = |step, first| Clock { seed: SEED, step, first, rows: 16, ..Clock::default() };
    let (exact, _) = logits(&quiet, clock(3, 16), 0.0);
    let biases =
        start(&loud)[loud.parameters().iter().find(|entry| entry.spec.name == "bias").unwrap().range()].to_vec();
    let light: Vec<f64> = exact.iter().zip(biases.iter().cycle()).map(|(y, b)| f64::from(y - b)).collect();
    let stream = random::stream("ring1.detection_noise");
    let normals = detect::normals(SEED, stream, 3, 16 * CLASSES as u32, light.len());
    let twin = Detector { full_scale: 2.0, levels: 128 };
    for noise in [0.0, 0.05] {
        let (read, gradient) = logits(&loud, clock(3, 16), noise);
        let want = twin.forward(&light, Some(&wide(&biases)), f64::from(noise), &normals);
        let off = error(&wide(&read), &want);
        assert!(off < 1e-6, "noise {noise}: {off:.1e}");
        assert!(
            gradient.iter().filter(|g| **g != 0.0).count() > FEATURES * CLASSES / 2,
            "gradients pass the converter"
        );
    }
    let read = |step, first| logits(&loud, clock(step, first), 0.05).0;
    assert_ne!(read(3, 16), read(4, 16), "steps differ");
    assert_ne!(read(3, 16)[..CLASSES], read(3, 0)[..CLASSES], "samples differ");
}

#[test]
fn detectors_of_a_convolution_draw_for_every_sample_and_element() {
    let data = bytes_of(&[6, 6]);
    // 5 channels of 2 x 2 outputs.
    let image = |full_scale, adc_bits| {
        let ring = RingRecipe { full_scale, adc_bits, kernel: Some(2), stride: Some(4), ..RingRecipe::new(5) };
        [LayerRecipe::RingConvolution(ring)]
    };
    let outputs = |layers: &[LayerRecipe], noise: f32| {
        let network = Network::new(gpu(), layers, &data.shape, 20, BATCH).unwrap();
        let mut chip = vec![0.0; network.chip_len()];
        for entry in network.imperfections().iter().filter(|entry| entry.spec.name == "detection_noise") {
            chip[entry.range()].fill(noise);
        }
        network.set_chip(0, &chip).unwrap();
        gpu().write(&network.flat().parameters, &network.start(SEED)).unwrap();
        let feed = network.feed(&data.train, (data.scale, 0.0)).unwrap();
        let clock = Clock { seed: SEED, step: 3, first: 16, rows: 16, ..Clock::default() };
        gpu().write_uniform(network.clock(), &clock).unwrap();
        gpu().submit(&[&*feed.draw(), &*network.actuate(), &*network.forward(Pass::First)]).unwrap();
        wide(&gpu().read(network.logits()).unwrap())
    };
    let light = outputs(&image(None, None), 0.0);
    let normals = detect::normals(SEED, random::stream("ring1.detection_noise"), 3, 16 * 20, light.len());
    for (bits, levels) in [(None, 0), (Some(8), 256)] {
        let twin = Detector { full_scale: 3.0, levels };
        for noise in [0.0, 0.05] {
            let off =
                error(&outputs(&image(Some(3.0), bits), noise), &twin.forward(&light, None, noise.into(), &normals));
            assert!(off < 1e-6, "{bits:?}, noise {noise}: {off:.1e}");
        }
    }
}

#[test]
fn chips_draw_their_own_detection_noise_and_training_with_noise_sets_its_deviation() {
    let data = dataset();
    let ring = RingRecipe { full_scale: Some(2.0), ..RingRecipe::new(1) };
    let network = compile(gpu(), &rings_like(&[8, CLASSES], &ring));
    let noise = BTreeMap::from([("detection_noise".to_owned(), 0.25)]);
    let settings = Settings { noise, ..settings(Method::Noise, adam(0.01)) };
    let mut trainer = trainer(&network, &settings, &data, SEED);
    trainer.train_step().unwrap();
    for entry in network.imperfections() {
        let value: Vec<f32> = gpu().read(&network.imperfection(0, entry).unwrap()).unwrap();
        let want = if entry.spec.name == "detection_noise" { 0.25 } else { 0.0 };
        assert!(value.iter().all(|value| *value == want), "{}", entry.name);
    }
    let feed = network.feed(&data.test, (data.scale, 0.0)).unwrap();
    let loss = |chip| network.evaluate_each(&feed, chip).unwrap()[0].loss;
    assert_eq!(loss(1), loss(1));
    assert_ne!(loss(1), loss(2));
}

// Samples -------------------------------------------------------------------------------------------------------------

#[test]
fn every_sample_is_drawn_once_an_epoch_in_an_order_of_its_own() {
    let (data, network) = (dataset(), compile(gpu(), &small()));
    let settings = settings(Method::Standard, adam(0.01));
    // Raw bytes, in which feature 0 is the number of the sample.
    let mut trainer = Trainer::new(&network, &settings, &data, (1.0, 0.0), SEED).unwrap();
    let Values::Bytes(bytes) = &data.train.values else { panic!("the small set is made of bytes") };
    let mut orders = Vec::new();
    for _ in 0..3 {
        let mut order = Vec::new();
        for rows in [16, 16, 5] {
            trainer.train_step().unwrap();
            let input: Vec<f32> = gpu().read(network.input()).unwrap();
            let labels: Vec<u32> = gpu().read(network.labels()).unwrap();
            for (row, (sample, label)) in input.chunks_exact(FEATURES).zip(labels).enumerate() {
                if row < rows {
                    let number = sample[0] as usize;
                    let whole = bytes[number * FEATURES..][..FEATURES].iter().map(|&byte| f32::from(byte));
                    assert!(whole.eq(sample.iter().copied()), "row {row} is not sample {number}");
                    assert_eq!(label, data.train.labels[number], "label of sample {number}");
                    order.push(number);
                } else {
                    assert_eq!(sample, [0.0; FEATURES], "padding row {row}");
                }
            }
        }
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..SAMPLES).collect::<Vec<_>>());
        orders.push(order);
    }
    assert!(orders[0] != orders[1] && orders[1] != orders[2] && orders[0] != orders[2]);
}

#[test]
fn an_evaluation_scores_every_sample_once_on_any_device() {
    let (data, recipes) = (dataset(), small());
    let network = compile(gpu(), &recipes);
    let twin = Twin::new(&network, &recipes, &data.shape);
    let values = start(&network);
    gpu().write(&network.flat().parameters, &values).unwrap();
    let mut warm = vec![0.0; network.chip_len()];
    twin.rings().for_each(|ring| warm[ring.temperature] = 0.7);
    let mut losses = Vec::new();
    for (name, split) in [("test", &data.test), ("train", &data.train)] {
        let feed = network.feed(split, (data.scale, 0.0)).unwrap();
        let (x, labels) = rows_of(&data, split, &(0..split.len() as u32).collect::<Vec<_>>());
        for (device, chip) in [("nominal", vec![0.0; warm.len()]), ("warm", warm.clone()), ("odd", odd_chip(&network))]
        {
            network.set_chip(0, &chip).unwrap();
            let tally = network.evaluate(&feed, &mut network.scores().unwrap()).unwrap();
            let want = twin.pass(&wide(&values), &wide(&chip), &x, &labels);
            assert_eq!(tally.samples, split.len() as f64, "{name}, {device}");
            assert_eq!(tally.score, want.correct.iter().sum::<f64>(), "{name}, {device}");
            let off = (tally.mean_loss() / want.mean_loss() - 1.0).abs();
            assert!(off < 1e-6, "{name}, {device}: loss off by {off:.1e}");
            losses.push(tally.mean_loss());
        }
    }
    losses.sort_by(f64::total_cmp);
    losses.dedup();
    assert_eq!(losses.len(), 6, "splits and devices differ");
}

// What a run promises -------------------------------------------------------------------------------------------------

/// Rows but for the seconds, which no clock repeats.
fn timeless(rows: &[EpochRow]) -> Vec<EpochRow> {
    rows.iter().map(|row| EpochRow { seconds: 0.0, ..*row }).collect()
}

/// A whole run on a network of its own: rows and the state at its end.
fn whole_run(settings: &Settings, data: &Dataset, seed: u32) -> (Vec<EpochRow>, State) {
    let network = compile(gpu(), &small());
    let mut trainer = trainer(&network, settings, data, seed);
    let rows: Vec<_> =
        (0..settings.epochs).map(|_| trainer.epoch(&mut |_| true).unwrap().expect("nobody stops it")).collect();
    assert!(trainer.is_done());
    (timeless(&rows), trainer.state().unwrap())
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_others() {
    let data = dataset();
    for method in Method::ALL {
        let settings = settings(method, adam(0.02));
        let [first, second, other] = [SEED, SEED, SEED + 1].map(|seed| whole_run(&settings, &data, seed));
        assert_eq!(first, second, "{}", method.word());
        assert_ne!(first.0, other.0, "{}", method.word());
        assert_ne!(first.1.vectors, other.1.vectors, "{}", method.word());
        let vector = |state: &State| bits(state.vector("parameters").unwrap());
        assert_eq!(vector(&first.1), vector(&second.1), "{}", method.word());
    }
}

#[test]
fn an_interrupted_run_goes_on_as_if_nothing_had_happened() {
    let (data, folder) = (images(), tempfile::tempdir().unwrap());
    let path = folder.path().join("state.safetensors");
    for method in Method::ALL {
        for (optimizer, average, steps) in
            [(adam(0.02), 0.0, 1), (sgd(0.05), 0.0, 2), (adamw(0.02, 0.1, Scope::Digital), 0.9, 1)]
        {
            // In situ nobody moves what is wrong with the device.
            let moves = average > 0.0 && !method.is_in_situ();
            let imperfections = if moves { known() } else { BTreeMap::new() };
            let sat = SatSettings { rho: 0.05, steps, imperfections, ..SatSettings::default() };
            let augment = if steps > 1 { AUGMENT } else { Augment::default() };
            let settings =
                Settings { schedule: Schedule::Cosine, augment, average, sat, ..settings(method, optimizer) };
            let (rows, end) = whole_run(&settings, &data, SEED);
            // In the middle of the first epoch, of another, and between two.
            for stop in [1, 6, 8] {
                let network = compile(gpu(), &small());
                let mut before = trainer(&network, &settings, &data, SEED);
                let mut pieced = Vec::new();
                while let Some(row) = before.epoch(&mut |step| step < stop).unwrap() {
                    pieced.push(row);
                }
                assert_eq!(before.steps_done(), stop);
                before.state().unwrap().write(&path).unwrap();

                let network = compile(gpu(), &small());
                let mut after = trainer(&network, &settings, &data, SEED);
                after.restore(&State::read(&path).unwrap()).unwrap();
                while !after.is_done() {
                    pieced.push(after.epoch(&mut |_| true).unwrap().expect("nobody stops it"));
                }
                let context = format!("{}, stopped before step {stop}", method.word());
                assert_eq!(timeless(&pieced), rows, "{context}");
                let state = after.state().unwrap();
                assert_eq!(state, end, "{context}");
                for (got, want) in state.vectors.iter().zip(&end.vectors) {
                    assert_eq!(bits(&got.values), bits(&want.values), "{context}: {}", want.name);
                }
            }
        }
    }
}

#[test]
fn the_average_is_that_of_the_parameters_after_every_step_and_is_what_is_scored() {
    let (data, recipes) = (dataset(), small());
    let decay = 0.8;
    let settings = Settings { average: decay, ..settings(Method::Sat, adam(0.1)) };
    let network = compile(gpu(), &recipes);
    let twin = Twin::new(&network, &recipes, &data.shape);
    let mut trainer = trainer(&network, &settings, &data, SEED);
    let vector = |state: &State, name: &str| state.vector(name).map(<[f32]>::to_vec).unwrap();
    let first = trainer.state().unwrap();
    assert_eq!(vector(&first, "average"), network.start(SEED), "before the first step it is where the parameters are");
    let mut passed: Vec<Vec<f64>> = Vec::new();
    let parameters = || gpu().read::<f32>(&network.flat().parameters).unwrap();
    // Two epochs, step by step.
    for _ in 0..6 {
        let mut steps = 0;
        let row = trainer
            .epoch(&mut |_| {
                steps += 1;
                steps == 1
            })
            .unwrap();
        passed.push(wide(&parameters()));
        let state = trainer.state().unwrap();
        assert_eq!(bits(&vector(&state, "parameters")), bits(&parameters()), "the exchange is taken back");
        // All parameters so far, the older the less.
        let weights: Vec<f64> = (0..passed.len()).rev().map(|age| f64::from(decay).powi(age as i32)).collect();
        let total: f64 = weights.iter().sum();
        let mean = |at: usize| passed.iter().zip(&weights).map(|(p, w)| w * p[at]).sum::<f64>() / total;
        let want: Vec<f64> = (0..passed[0].len()).map(mean).collect();
        let off = error(&wide(&vector(&state, "average")), &want);
        assert!(off < 1e-6, "step {}: off by {off:.1e}", state.step);
        assert_eq!(state.trained(), state.vector("average"));
        if let Some(row) = row {
            let (x, labels) = rows_of(&data, &data.test, &(0..data.test.len() as u32).collect::<Vec<_>>());
            let loss = |p: &[f64]| twin.pass(p, &twin.ideal(), &x, &labels).mean_loss();
            assert!((row.test_loss / loss(&want) - 1.0).abs() < 1e-5, "scored {}", row.test_loss);
            let last = loss(&passed[passed.len() - 1]);
            assert!((last / loss(&want) - 1.0).abs() > 1e-3, "the last ones score alike: {last}, {}", loss(&want));
        }
    }
}

#[test]
fn an_average_leaves_the_training_as_it_is() {
    let data = dataset();
    for method in Method::ALL {
        let plain = settings(method, adam(0.02));
        let averaged = Settings { average: 0.9, ..plain.clone() };
        let [(_, plain), (_, averaged)] = [plain, averaged].map(|settings| whole_run(&settings, &data, SEED));
        assert_eq!(averaged.vectors.len(), plain.vectors.len() + 1);
        assert_eq!(averaged.vectors[..plain.vectors.len()], plain.vectors[..], "{}", method.word());
        assert_eq!(averaged.tally, plain.tally);
    }
}

#[test]
fn a_state_of_another_run_is_refused() {
    let (data, network) = (dataset(), compile(gpu(), &small()));
    let [with_adam, with_sgd] = [adam(0.01), sgd(0.01)].map(|optimizer| settings(Method::Standard, optimizer));
    let state = trainer(&network, &with_sgd, &data, SEED).state().unwrap();
    let refused = trainer(&network, &with_adam, &data, SEED).restore(&state).unwrap_err();
    assert!(
        matches!(&refused, Error::State { name, len } if name == "mean" && *len == network.flat().len()),
        "{refused}"
    );
}

#[test]
fn a_step_is_one_submission_whatever_the_method() {
    // A device of its own, as others count here too.
    let (data, gpu) = (dataset(), open(&Options::default()));
    for (method, steps) in Method::ALL.map(|method| (method, 1)).into_iter().chain([(Method::Sat, 3)]) {
        let sat = SatSettings { steps, ..SatSettings::default() };
        let (network, settings) = (compile(&gpu, &small()), Settings { sat, ..settings(method, adam(0.01)) });
        let mut trainer = trainer(&network, &settings, &data, SEED);
        for step in 1..=10 {
            let before = gpu.counters().submissions;
            trainer.train_step().unwrap();
            assert_eq!(gpu.counters().submissions - before, 1, "{}, step {step}", method.word());
            assert_eq!(trainer.steps_done(), step);
        }
    }
}

#[test]
fn the_host_prepares_the_next_step_of_digits_while_the_device_works() {
    let (recipe, data) = (Recipe::load("digits-rings", &[]).unwrap(), data::load("digits", None).unwrap());
    let gpu = open(&Options::default());
    let network = Network::new(&gpu, &recipe.layers, &data.shape, data.classes, recipe.training.batch).unwrap();
    let normalisation = data.normalisation(recipe.data.normalise);
    let mut trainer = Trainer::new(&network, &recipe.training, &data, normalisation, recipe.seed).unwrap();
    assert_eq!(recipe.training.method, Method::Sat);
    let mut run = |steps: u32| {
        let (start, before) = (std::time::Instant::now(), gpu.counters());
        (0..steps).for_each(|_| trainer.train_step().unwrap());
        gpu.wait().unwrap();
        let after = gpu.counters();
        assert_eq!(after.submissions - before.submissions, u64::from(steps));
        let milliseconds = |time: std::time::Duration| 1e3 * time.as_secs_f64() / f64::from(steps);
        (milliseconds(after.host - before.host), milliseconds(start.elapsed()))
    };
    run(10);
    let (host, step) = run(100);
    println!("digits-rings, sat, {}: host {host:.3} ms a step, step {step:.2} ms", gpu.adapter().name);
    assert!(host > 0.0 && step > host);
}

#[test]
#[cfg(target_os = "linux")]
fn training_on_holds_no_more_memory() {
    if !alone("training_on_holds_no_more_memory", &[]) {
        return;
    }
    // Whole epochs, with their readbacks and evaluations.
    let settings = Settings { epochs: 740, ..settings(Method::Sat, adam(0.001)) };
    let network = compile(gpu(), &small());
    let mut trainer = trainer(&network, &settings, &dataset(), SEED);
    let mut train_to = |step: u64| {
        while trainer.steps_done() < step {
            trainer.epoch(&mut |_| true).unwrap();
        }
        gpu().wait().unwrap();
        (gpu().counters().allocated, resident())
    };
    let (before, after) = (train_to(200), train_to(2200));
    assert_eq!(before.0, after.0, "device memory");
    assert!(after.1 < before.1 + (4 << 20), "{} bytes resident after 200 steps, {} after 2,200", before.1, after.1);
}

// What goes wrong -----------------------------------------------------------------------------------------------------

fn diverged(trainer: &mut Trainer<'_, '_>, at: u32, rate: f32) {
    let end = trainer.epoch(&mut |_| true).expect_err("the epoch ended well");
    let named = matches!(end, Error::Diverged { epoch, loss, learning_rate }
        if epoch == at && !loss.is_finite() && learning_rate == rate);
    assert!(named, "{end:?}");
    let message = end.to_string();
    let remedy = format!("in epoch {at}: training has diverged; lower training.optimizer.learning_rate (now ");
    assert!(message.contains(&remedy), "{message}");
}

#[test]
fn a_diverging_run_ends_with_the_epoch_and_what_to_do() {
    let data = dataset();
    for method in Method::ALL {
        // With `sgd`, or without a gradient that overflows, losses stay finite, if huge, until a bias overflows.
        for (calm, wild) in [(adam(0.01), adam(1e38)), (sgd(0.01), sgd(3e38))] {
            let [calm, wild] = [calm, wild].map(|optimizer| settings(method, optimizer));
            let network = compile(gpu(), &small());
            let mut ahead = trainer(&network, &calm, &data, SEED);
            (0..2).for_each(|_| assert!(ahead.epoch(&mut |_| true).unwrap().is_some()));
            let state = ahead.state().unwrap();
            let mut trainer = trainer(&network, &wild, &data, SEED);
            trainer.restore(&state).unwrap();
            diverged(&mut trainer, 3, wild.optimizer.learning_rate);
        }
    }
}

#[test]
fn a_run_whose_very_last_step_diverges_does_not_end_well() {
    // One step an epoch: its own loss is met before the update and is still fine.
    let mut data = dataset();
    let Values::Bytes(bytes) = &mut data.train.values else { panic!("the small set is made of bytes") };
    bytes.truncate(BATCH * FEATURES);
    data.train.labels.truncate(BATCH);
    let settings = Settings { epochs: 1, ..settings(Method::Standard, adam(3e38)) };
    let network = compile(gpu(), &small());
    let mut trainer = trainer(&network, &settings, &data, SEED);
    assert_eq!(trainer.total_steps(), 1);
    diverged(&mut trainer, 1, 3e38);
}

#[test]
fn a_batch_that_the_network_has_no_room_for_is_refused() {
    let (data, network) = (dataset(), compile(gpu(), &small()));
    let settings = Settings { batch: BATCH + 1, ..settings(Method::Standard, adam(0.01)) };
    let refused = Trainer::new(&network, &settings, &data, (data.scale, 0.0), SEED).map(|_| ()).unwrap_err();
    assert_eq!(refused.to_string(), "`training.batch` is 17, but the network was compiled for batches of 16");
}

#[test]
fn noise_that_no_layer_has_or_that_is_not_given_is_refused() {
    let (data, network) = (dataset(), compile(gpu(), &small()));
    let refused = |noise: &[(&str, f32)]| {
        let noise = noise.iter().map(|&(name, deviation)| (name.to_owned(), deviation)).collect();
        let settings = Settings { noise, ..settings(Method::Noise, adam(0.01)) };
        let error = Trainer::new(&network, &settings, &data, (data.scale, 0.0), SEED).map(|_| ()).unwrap_err();
        let Error::Setting { key, message } = error else { panic!("not a setting: {error}") };
        (key, message)
    };
    let (key, message) = refused(&[("temperature", 0.5), ("humidity", 1.0)]);
    assert_eq!(key, "training.noise.humidity");
    assert!(message.ends_with("there are: ring_contrast, ring_offset, ring_width, temperature"), "{message}");
    let (key, message) = refused(&[]);
    assert_eq!(key, "training.noise");
    assert!(message.contains("at least one imperfection"), "{message}");
    let (key, message) = refused(&[("temperature", -1.0)]);
    assert_eq!((key.as_str(), message.as_str()), ("training.noise.temperature", "must be 0 or more, not -1"));
}

// Readout, curves and starts of rings ---------------------------------------------------------------------------------

/// Convolution, dense layer and dense layer of rings of one kind.
fn image_of(ring: &RingRecipe) -> [LayerRecipe; 5] {
    let image = RingRecipe { outputs: 3, kernel: Some(3), stride: Some(2), ..ring.clone() };
    let dense = |outputs| LayerRecipe::RingDense(RingRecipe { outputs, ..ring.clone() });
    [LayerRecipe::RingConvolution(image), LayerRecipe::Tanh, dense(9), LayerRecipe::Tanh, dense(CLASSES)]
}

#[test]
fn the_gradient_passes_detectors_and_gains_and_reaches_the_gains_that_are_trained() {
    let data = bytes_of(&[7, 7]);
    let ring = RingRecipe { gain: 1.5, ..RingRecipe::new(1) };
    let trained = RingRecipe { trainable_gain: true, ..ring.clone() };
    let read = RingRecipe { full_scale: Some(4.0), ..trained.clone() };
    let bank = RingRecipe { bank: Some(4), actuator: ActuatorKind::Joule, bias_detuning: -0.1, ..read.clone() };
    for recipe in [&trained, &read, &bank] {
        gradients(&data, &image_of(recipe), true);
    }
    // A fixed gain is no variable, and levels have no differences.
    gradients(&data, &image_of(&ring), false);
    gradients(&data, &image_of(&RingRecipe { adc_bits: Some(7), ..read }), false);
    gradients(&data, &image_of(&RingRecipe { full_scale: Some(4.0), adc_bits: Some(7), ..RingRecipe::new(1) }), false);
}

#[test]
fn a_gain_comes_after_the_converter_and_before_the_bias() {
    let data = dataset();
    let outputs = |ring: RingRecipe, biases: f32| {
        let network = compile(gpu(), &rings_like(&[CLASSES], &ring));
        let mut values = network.start(SEED);
        for entry in network.parameters().iter().filter(|entry| entry.spec.name == "bias") {
            values[entry.range()].fill(biases);
        }
        gpu().write(&network.flat().parameters, &values).unwrap();
        network.nominal().unwrap();
        let feed = network.feed(&data.train, (data.scale, 0.0)).unwrap();
        gpu().write_uniform(network.clock(), &Clock { rows: 16, ..Clock::default() }).unwrap();
        gpu().submit(&[&*feed.draw(), &*network.actuate(), &*network.forward(Pass::Inference)]).unwrap();
        wide(&gpu().read(network.logits()).unwrap())
    };
    let ring = RingRecipe { full_scale: Some(1.0), adc_bits: Some(2), ..RingRecipe::new(1) };
    for trainable_gain in [false, true] {
        let amplified = outputs(RingRecipe { gain: 3.0, trainable_gain, ..ring.clone() }, 0.25);
        let want: Vec<f64> = outputs(ring.clone(), 0.0).iter().map(|reading| 3.0 * reading + 0.25).collect();
        assert!(error(&amplified, &want) < 1e-6);
        // Four levels a full scale apart, times the gain: no converter after it.
        assert!(amplified.iter().all(|y| [-2.75, -0.75, 1.25, 3.25].iter().any(|level| (y - level).abs() < 1e-6)));
    }
    // A trainable gain of 1 gives what no gain gives.
    let plain = outputs(ring.clone(), 0.25);
    assert!(error(&outputs(RingRecipe { trainable_gain: true, ..ring }, 0.25), &plain) < 1e-6);
}

#[test]
fn a_gain_is_trained_only_where_the_recipe_asks_for_it() {
    let data = dataset();
    for (method, trainable_gain) in [(Method::Sat, false), (Method::Sat, true), (Method::Standard, true)] {
        let ring = RingRecipe { gain: 1.5, trainable_gain, ..RingRecipe::new(1) };
        let network = compile(gpu(), &rings_like(&[8, CLASSES], &ring));
        let sat = SatSettings { rho: 0.05, scope: SatScope::All, ..SatSettings::default() };
        let settings = Settings { sat, ..settings(method, adam(0.01)) };
        let mut trainer = trainer(&network, &settings, &data, SEED);
        (0..7).for_each(|_| {
            trainer.train_step().unwrap();
        });
        let values: Vec<f32> = gpu().read(&network.flat().parameters).unwrap();
        let gains: Vec<_> = network.parameters().iter().filter(|entry| entry.spec.name == "gain").collect();
        assert_eq!(gains.len(), 2);
        for entry in gains {
            let gain = values[entry.offset];
            assert_eq!(gain != 1.5, trainable_gain, "{}: {gain}", entry.name);
        }
    }
    let network = compile(gpu(), &small());
    assert!(network.parameters().iter().all(|entry| entry.spec.name != "gain"), "none without need");
}

#[test]
fn the_gradient_reaches_the_currents_of_a_ring_with_a_measured_curve() {
    let curves = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/curves");
    let mut ring = RingRecipe {
        actuator: ActuatorKind::Joule,
        curve: Some("heater.csv".to_owned()),
        range: [-0.2, 0.9],
        ..RingRecipe::new(1)
    };
    assert!(
        LayerRecipe::RingDense(ring.clone()).build(&[FEATURES], None).err().unwrap().contains("`curve` is not fitted")
    );
    ring.fit(&curves).unwrap();
    let (line, odd) = ring.fit_report().unwrap();
    println!("{line}");
    // The file says what it was made with.
    assert!((ring.contrast - 0.94).abs() < 0.01 && (ring.bias_detuning + 0.28).abs() < 0.005, "{line}");
    assert!((ring.nm_per_mw - 0.21).abs() < 0.003 && odd.is_empty(), "{line} {odd:?}");
    gradients(&dataset(), &rings_like(&[9, 7, CLASSES], &ring), true);
}

#[test]
fn detunings_start_on_the_side_that_the_recipe_gives() {
    for actuator in [ActuatorKind::Direct, ActuatorKind::Linear, ActuatorKind::Joule] {
        let detunings = |start_sign| {
            let range = [-0.5, 0.5];
            let ring = RingRecipe { actuator, bias_detuning: -0.6, range, start_sign, ..RingRecipe::new(1) };
            let network = compile(gpu(), &rings_like(&[40, CLASSES], &ring));
            let start = network.start(SEED);
            let entry = network.parameters().iter().find(|entry| entry.spec.role == Role::Control).unwrap();
            start[entry.range()].iter().map(|&control| ring.detuning(f64::from(control))).collect::<Vec<f64>>()
        };
        let positive = detunings(StartSign::Positive);
        let all = [StartSign::Negative, StartSign::Random, StartSign::Alternate].map(&detunings);
        for found in all.iter().chain([&positive]) {
            assert!(found.iter().all(|x| (0.09 - 1e-6..0.21 + 1e-6).contains(&x.abs())), "{actuator:?}: {found:?}");
            let mean = found.iter().map(|x| x.abs()).sum::<f64>() / found.len() as f64;
            assert!((mean - 0.15).abs() < 5.0 * 0.12 / (12.0 * found.len() as f64).sqrt(), "{actuator:?}: {mean}");
        }
        let [negative, random, alternate] = &all;
        assert!(positive.iter().all(|x| *x > 0.0) && negative.iter().all(|x| *x < 0.0));
        assert!(alternate.chunks(2).all(|pair| pair[0] > 0.0 && pair[1] < 0.0));
        // A fair coin, and not in turns: within five standard deviations.
        let share = |count: usize, of: usize| (count as f64 - of as f64 / 2.0).abs() < 5.0 * (of as f64 / 4.0).sqrt();
        assert!(share(random.iter().filter(|x| **x > 0.0).count(), random.len()));
        assert!(share(random.windows(2).filter(|pair| pair[0] * pair[1] > 0.0).count(), random.len() - 1));
    }
}

/// W is even: on the other side of its channel a ring weighs the same, and drift acts the other way.
#[test]
fn rings_on_the_other_side_weigh_the_same_and_drift_the_other_way() {
    let data = dataset();
    let network = compile(gpu(), &rings(&[8, CLASSES], [-1.0, 1.0]));
    let feed = network.feed(&data.test, (data.scale, 0.0)).unwrap();
    let loss = |side: f32, kelvin: f32| {
        let mut values = network.start(SEED);
        for entry in network.parameters().iter().filter(|entry| entry.spec.role == Role::Control) {
            values[entry.range()].iter_mut().for_each(|detuning| *detuning *= side);
        }
        gpu().write(&network.flat().parameters, &values).unwrap();
        let mut chip = vec![0.0; network.chip_len()];
        for entry in network.imperfections().iter().filter(|entry| entry.spec.name == "temperature") {
            chip[entry.range()].fill(kelvin);
        }
        network.set_chip(0, &chip).unwrap();
        network.evaluate_each(&feed, 1).unwrap()[0].loss
    };
    for kelvin in [0.0, 0.7, -0.7] {
        assert_eq!(loss(1.0, kelvin), loss(-1.0, -kelvin));
    }
    assert_ne!(loss(1.0, 0.7), loss(1.0, -0.7));
}
