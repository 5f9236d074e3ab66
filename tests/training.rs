//! Training as a whole: networks, methods, optimizers and the loop on the device against a twin in `f64` that is made
//! of the specification's functions, and what a run promises: one submission a step, the same bits for the same seed,
//! the same bits after an interruption, and no more memory at the end than at the start.
//!
//! `cargo test --release --test training -- --nocapture` prints what was measured.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use common::{alone, gpu, open, resident};
use flatlight::data::{self, Dataset, Split, Values};
use flatlight::gpu::{Gpu, Options, Plan, Slice};
use flatlight::layer::Role;
use flatlight::network::{LayerRecipe, Network};
use flatlight::ops::{Clock, Scope};
use flatlight::optics::{ActuatorKind, RingRecipe};
use flatlight::random;
use flatlight::recipe::Recipe;
use flatlight::reference::actuator::Actuator;
use flatlight::reference::adam::Adam;
use flatlight::reference::detect::{self, Detector};
use flatlight::reference::microring::{Ring, State as State64};
use flatlight::reference::ring_bank::RingBank;
use flatlight::reference::sgd::Sgd;
use flatlight::reference::{self, Segment, bias, cross_entropy, disturb, draw, matmul, perturb, relu};
use flatlight::training::method::Step;
use flatlight::training::{
    EpochRow, Error, Method, Optimizer, OptimizerKind, OptimizerSettings, SatSettings, Schedule, Settings, State,
    Trainer,
};

const FEATURES: usize = 12;
const CLASSES: usize = 5;
const SAMPLES: usize = 37;
/// Two full batches and one of 5 samples make an epoch.
const BATCH: usize = 16;
const SEED: u32 = 7;

// What is trained -----------------------------------------------------------------------------------------------------

/// A set of random bytes. Feature 0 of a sample is its own number; its class is the largest of the five that follow.
fn dataset() -> Dataset {
    let split = |name: &str, samples: usize| {
        let units = random::units(SEED, random::stream(name)).take(samples * FEATURES);
        let mut bytes: Vec<u8> = units.map(|unit| (256.0 * unit) as u8).collect();
        let mut labels = Vec::new();
        for (number, sample) in (0..).zip(bytes.chunks_exact_mut(FEATURES)) {
            sample[0] = number;
            labels.push((0..CLASSES).max_by_key(|&class| sample[1 + class]).unwrap() as u32);
        }
        Split { values: Values::Bytes(bytes), labels }
    };
    Dataset {
        name: "small".to_owned(),
        shape: vec![FEATURES],
        classes: CLASSES,
        scale: 1.0 / 255.0,
        train: split("train", SAMPLES),
        test: split("test", 21),
    }
}

/// Layers of rings with so many outputs, and rectifiers between them.
fn rings(outputs: &[usize], range: [f32; 2]) -> Vec<LayerRecipe> {
    rings_like(outputs, &RingRecipe { contrast: 0.95, range, ..RingRecipe::new(1) })
}

fn rings_like(outputs: &[usize], ring: &RingRecipe) -> Vec<LayerRecipe> {
    let ring = |&outputs| LayerRecipe::RingDense(RingRecipe { outputs, ..ring.clone() });
    outputs.iter().flat_map(|outputs| [LayerRecipe::Relu, ring(outputs)]).skip(1).collect()
}

fn small() -> Vec<LayerRecipe> {
    rings(&[8, CLASSES], [0.0, 1.0])
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

fn settings(method: Method, optimizer: OptimizerSettings) -> Settings {
    Settings {
        method,
        epochs: 4,
        batch: BATCH,
        schedule: Schedule::Constant,
        optimizer,
        noise: BTreeMap::from([("ring_offset".to_owned(), 0.01), ("temperature".to_owned(), 0.5)]),
        sat: SatSettings { rho: 0.05, adaptive: false, scope: Scope::Control },
    }
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
        let size = if entry.spec.name == "temperature" { 1.4 } else { 0.04 };
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

fn moved(from: &[f64], to: &[f64]) -> Vec<f64> {
    from.iter().zip(to).map(|(from, to)| to - from).collect()
}

struct TwinLayer {
    ring: Ring,
    bank: Option<RingBank>,
    inputs: usize,
    outputs: usize,
    actuator: Actuator,
    control: Range<usize>,
    bias: Range<usize>,
    offset: Range<usize>,
    temperature: usize,
    width: Range<usize>,
    contrast: Range<usize>,
    crosstalk: Option<usize>,
}

impl TwinLayer {
    /// Detunings that the controls set on a chip.
    fn detuning(&self, p: &[f64], chip: &[f64]) -> Vec<f64> {
        self.actuator.forward(&p[self.control.clone()], self.inputs, self.crosstalk.map_or(0.0, |place| chip[place]))
    }

    /// The rings as a chip has them.
    fn state<'a>(&self, detuning: &'a [f64], chip: &'a [f64]) -> State64<'a> {
        let [offset, width, contrast] = [&self.offset, &self.width, &self.contrast].map(|range| &chip[range.clone()]);
        State64 { detuning, offset, temperature: chip[self.temperature], width, contrast }
    }
}

/// A network of `rings` in `f64`, over the flat vectors of the one on the device.
struct Twin {
    layers: Vec<TwinLayer>,
    segments: Vec<Segment>,
    chip_len: usize,
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
    fn new(network: &Network<'_>, recipes: &[LayerRecipe]) -> Self {
        let parameter = |name: String| network.parameters().iter().find(|entry| entry.name == name).unwrap();
        let imperfection = |name: String| network.imperfections().iter().find(|entry| entry.name == name).unwrap();
        // Padding stays 0.
        let mut segments = vec![Segment { lower: 0.0, upper: 0.0, control: false }; network.flat().len()];
        for entry in network.parameters() {
            let [lower, upper] = entry.spec.bounds.map(f64::from);
            segments[entry.range()].fill(Segment { lower, upper, control: entry.spec.role == Role::Control });
        }
        let mut layers = Vec::new();
        for recipe in recipes {
            let LayerRecipe::RingDense(recipe) = recipe else { continue };
            let name = format!("ring{}", layers.len() + 1);
            let [half_width, contrast, drift] = [recipe.half_width, recipe.contrast, recipe.drift].map(f64::from);
            let [bias, nm_per_ma, nm_per_mw, resistance] =
                [recipe.bias_detuning, recipe.nm_per_ma, recipe.nm_per_mw, recipe.resistance].map(f64::from);
            let (control, rest, gain) = match recipe.actuator {
                ActuatorKind::Direct => ("detuning", 0.0, 1.0),
                ActuatorKind::Linear => ("current", bias, nm_per_ma),
                ActuatorKind::Joule => ("current", bias, nm_per_mw * resistance),
            };
            let control = parameter(format!("{name}.{control}"));
            let named = format!("{name}.crosstalk");
            let crosstalk = network.imperfections().iter().find(|entry| entry.name == named);
            let ring = Ring { half_width, contrast, drift };
            let [spacing, fsr] = [recipe.spacing, recipe.fsr].map(f64::from);
            layers.push(TwinLayer {
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
                bias: parameter(format!("{name}.bias")).range(),
                offset: imperfection(format!("{name}.ring_offset")).range(),
                temperature: imperfection(format!("{name}.temperature")).offset,
                width: imperfection(format!("{name}.ring_width")).range(),
                contrast: imperfection(format!("{name}.ring_contrast")).range(),
                crosstalk: crosstalk.map(|entry| entry.offset),
            });
        }
        Self { layers, segments, chip_len: network.chip_len() }
    }

    /// Losses of a batch and the gradient of their mean.
    fn pass(&self, p: &[f64], chip: &[f64], x: &[f64], labels: &[u32]) -> Passed {
        let rows = labels.len();
        let (mut tape, mut values) = (Vec::new(), x.to_vec());
        for (index, layer) in self.layers.iter().enumerate() {
            let input = if index == 0 { values } else { relu::forward(&values) };
            let detuning = layer.detuning(p, chip);
            let state = layer.state(&detuning, chip);
            let weight = match layer.bank {
                Some(bank) => bank.forward(state, layer.inputs),
                None => layer.ring.forward(state),
            };
            let added = &p[layer.bias.clone()];
            values = matmul::abt_bias(&input, &weight, added, rows, layer.outputs, layer.inputs);
            tape.push((input, detuning, weight));
        }
        let mut gradient = vec![0.0; p.len()];
        let mut d = cross_entropy::backward(&values, labels, CLASSES);
        for (index, (layer, (input, detuning, weight))) in self.layers.iter().zip(&tape).enumerate().rev() {
            let d_weight = matmul::atb(&d, input, layer.outputs, layer.inputs, rows);
            let state = layer.state(detuning, chip);
            let d_detuning = match layer.bank {
                Some(bank) => bank.backward(state, layer.inputs, &d_weight),
                None => layer.ring.backward(state, &d_weight),
            };
            let (control, change) = (&p[layer.control.clone()], layer.crosstalk.map_or(0.0, |place| chip[place]));
            let d_control = layer.actuator.backward(control, layer.inputs, change, &d_detuning);
            gradient[layer.control.clone()].copy_from_slice(&d_control);
            gradient[layer.bias.clone()].copy_from_slice(&bias::backward(&d, layer.outputs));
            if index > 0 {
                d = relu::backward(input, &matmul::ab(&d, weight, rows, layer.inputs, layer.outputs));
            }
        }
        let (loss, correct) =
            (cross_entropy::forward(&values, labels, CLASSES), cross_entropy::correct(&values, labels, CLASSES));
        Passed { loss, correct, gradient }
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
    (draw::forward(&raw, FEATURES, samples, f64::from(data.scale), 0.0), labels)
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
}

/// What a step of sharpness-aware training goes through.
struct Sat {
    centre: Passed,
    perturbed: Vec<f64>,
    there: Passed,
}

impl<'a> TwinRun<'a> {
    fn new(twin: &'a Twin, settings: &'a Settings, data: &'a Dataset, seed: u32, start: &[f32]) -> Self {
        let zeros = vec![0.0; start.len()];
        Self { twin, settings, data, seed, step: 0, parameters: wide(start), vectors: [zeros.clone(), zeros] }
    }

    /// Where a run on the device stands.
    fn resumed(twin: &'a Twin, settings: &'a Settings, data: &'a Dataset, state: &State) -> Self {
        let vector = |name: &str| state.vector(name).map(wide);
        let mut run = Self::new(twin, settings, data, SEED, state.vector("parameters").unwrap());
        run.step = state.step as u32;
        run.vectors = [vector("mean").or(vector("velocity")).unwrap(), vector("square").unwrap_or_default()];
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
        let (now, count) = (self.clock(), self.data.train.len() as u32);
        let places = now.first..now.first + now.rows;
        let samples: Vec<u32> = places.map(|place| draw::sample(place, count, now.seed, now.epoch)).collect();
        rows_of(self.data, &self.data.train, &samples)
    }

    /// The device of this step: temperature common to all layers, offsets of each ring by itself.
    fn noise(&self) -> Vec<f64> {
        let mut chip = self.twin.ideal();
        let draw = |stream: &str, deviation: f32, count: usize| {
            disturb::forward(self.seed, random::stream(stream), self.step, f64::from(deviation), count)
        };
        for (number, layer) in (1..).zip(&self.twin.layers) {
            let offsets =
                draw(&format!("ring{number}.ring_offset"), self.settings.noise["ring_offset"], layer.offset.len());
            chip[layer.offset.clone()].copy_from_slice(&offsets);
            chip[layer.temperature] = draw("temperature", self.settings.noise["temperature"], 1)[0];
        }
        chip
    }

    fn sat(&self) -> Sat {
        let (twin, SatSettings { rho, adaptive, scope }) = (self.twin, self.settings.sat);
        let scope = if scope == Scope::All { reference::Scope::All } else { reference::Scope::Control };
        let ((x, labels), ideal) = (self.batch(), twin.ideal());
        let centre = twin.pass(&self.parameters, &ideal, &x, &labels);
        let (p, g) = (&self.parameters, &centre.gradient);
        let perturbed = perturb::ascend(p, g, &twin.segments, scope, adaptive, f64::from(rho));
        let there = twin.pass(&perturbed, &ideal, &x, &labels);
        Sat { centre, perturbed, there }
    }

    fn learning_rate(&self) -> f64 {
        let (full, total) =
            (f64::from(self.settings.optimizer.learning_rate), self.steps_per_epoch() * self.settings.epochs);
        match self.settings.schedule {
            Schedule::Constant => full,
            Schedule::Cosine => {
                full * (1.0 + (std::f64::consts::PI * f64::from(self.step) / f64::from(total)).cos()) / 2.0
            }
        }
    }

    fn update(&mut self, gradient: &[f64]) {
        let (learning_rate, own) = (self.learning_rate(), self.settings.optimizer);
        let [momentum, beta_1, beta_2, epsilon] = [own.momentum, own.beta_1, own.beta_2, own.epsilon].map(f64::from);
        let ([first, second], p, segments) = (&mut self.vectors, &mut self.parameters, &self.twin.segments);
        match own.kind {
            OptimizerKind::Adam => {
                let t = self.step as i32 + 1;
                Adam { learning_rate, beta_1, beta_2, epsilon }.update(t, p, first, second, gradient, segments);
            }
            OptimizerKind::Sgd => Sgd { learning_rate, momentum }.update(p, first, gradient, segments),
        }
        self.step += 1;
    }

    /// One step; the loss a sample as training meets it.
    fn train_step(&mut self) -> f64 {
        let (x, labels) = self.batch();
        let pass = |chip: &[f64]| self.twin.pass(&self.parameters, chip, &x, &labels);
        let (met, gradient) = match self.settings.method {
            Method::Standard => (pass(&self.twin.ideal()), None),
            Method::Noise => (pass(&self.noise()), None),
            Method::Sat => {
                let sat = self.sat();
                (sat.centre, Some(sat.there.gradient))
            }
        };
        self.update(gradient.as_ref().unwrap_or(&met.gradient));
        met.mean_loss()
    }
}

/// A method's plans on a network, to be submitted a few at a time: how the tests look into a step.
struct Stages<'a, 'g> {
    network: &'a Network<'g>,
    plans: Vec<std::sync::Arc<Plan>>,
}

impl<'a, 'g> Stages<'a, 'g> {
    fn new(network: &'a Network<'g>, settings: &Settings, data: &Dataset) -> Self {
        let draw = network.feed(&data.train, (data.scale, 0.0)).unwrap().draw();
        let update = Optimizer::new(network, &settings.optimizer).unwrap().update();
        let plans = settings.method.stages(&Step { network, settings, draw, update }).unwrap();
        Self { network, plans }
    }

    fn names(&self) -> Vec<&str> {
        self.plans.iter().map(|plan| plan.name()).collect()
    }

    fn set(&self, clock: &Clock) {
        self.network.gpu().write_uniform(self.network.clock(), clock).unwrap();
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
    assert_eq!(
        names(Method::Sat),
        "draw actuate forward score backward ascend actuate forward backward restore update"
    );
}

/// Takes a step of sharpness-aware training apart, then takes it whole; errors of the perturbation and of the final
/// parameters, relative to the size of the move.
fn sat_step(settings: &Settings, variant: &str) -> [f64; 2] {
    let (data, recipes) = (dataset(), small());
    let network = compile(gpu(), &recipes);
    // Some small steps ahead, so that the optimizer has a past: Adam's first step is a mere sign.
    let optimizer = OptimizerSettings { learning_rate: 0.01, ..settings.optimizer };
    let easy = Settings { method: Method::Standard, optimizer, ..settings.clone() };
    let mut ahead = trainer(&network, &easy, &data, SEED);
    gpu().write(&network.flat().parameters, &start(&network)).unwrap();
    (0..4).for_each(|_| ahead.train_step().unwrap());
    let state = ahead.state().unwrap();
    let mut trainer = trainer(&network, settings, &data, SEED);
    trainer.restore(&state).unwrap();

    let twin = Twin::new(&network, &recipes);
    let mut run = TwinRun::resumed(&twin, settings, &data, &state);
    let (centre, want) = (run.parameters.clone(), run.sat());
    let stages = Stages::new(&network, settings, &data);
    stages.set(&run.clock());

    stages.submit(0..5);
    let gradient = error(&stages.gradient(), &want.centre.gradient);
    assert!(gradient < GRADIENT_BAR, "{variant}: gradient {gradient:.1e}");

    stages.submit(5..6);
    let perturbed = stages.parameters();
    let perturbation = error(&moved(&centre, &wide(&perturbed)), &moved(&centre, &want.perturbed));

    // The second gradient is that of the perturbed point, which is not that of the centre.
    stages.submit(6..9);
    let there = error(&stages.gradient(), &want.there.gradient);
    assert!(there < GRADIENT_BAR, "{variant}: gradient at the perturbed point {there:.1e}");
    let apart = error(&want.there.gradient, &want.centre.gradient);
    assert!(apart > 0.05, "{variant}: the two gradients differ by {apart:.1e} only");
    assert_eq!(bits(&stages.parameters()), bits(&perturbed), "{variant}: the second pass moves nothing");

    stages.submit(9..10);
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
    let mut table = format!("{:<22} {:>12} {:>17}\n", "variant", "perturbation", "final parameters");
    let mut fine = true;
    for (optimizer_word, optimizer) in [("adam", adam(0.1)), ("sgd", sgd(0.1))] {
        for (form, adaptive, rho) in [("plain", false, 0.3), ("adaptive", true, 2.0)] {
            for (scope_word, scope) in [("control", Scope::Control), ("all", Scope::All)] {
                let variant = format!("{form} {scope_word} {optimizer_word}");
                let sat = SatSettings { rho, adaptive, scope };
                let [perturbation, parameters] =
                    sat_step(&Settings { sat, ..settings(Method::Sat, optimizer) }, &variant);
                writeln!(table, "{variant:<22} {perturbation:>12.1e} {parameters:>17.1e}").unwrap();
                fine &= perturbation < STEP_BAR && parameters < STEP_BAR;
            }
        }
    }
    println!("\n{table}");
    assert!(fine, "an error is above {STEP_BAR:.0e}\n{table}");
}

#[test]
fn the_gradient_of_several_layers_is_that_of_the_twin_and_of_differences() {
    gradients(&rings(&[9, 7, CLASSES], [0.0, 1.0]), true);
}

#[test]
fn the_gradient_reaches_the_currents_of_heaters_past_crosstalk_and_converters() {
    let ring = RingRecipe { bias_detuning: -0.1, crosstalk: Some(0.05), ..RingRecipe::new(1) };
    for actuator in [ActuatorKind::Direct, ActuatorKind::Linear, ActuatorKind::Joule] {
        let ring = RingRecipe { actuator, ..ring.clone() };
        gradients(&rings_like(&[9, 7, CLASSES], &ring), true);
        // Levels have no differences.
        gradients(&rings_like(&[9, 7, CLASSES], &RingRecipe { dac_bits: Some(6), ..ring }), false);
    }
}

#[test]
fn the_gradient_reaches_every_ring_of_a_bank() {
    let bank = RingRecipe { bank: Some(5), spacing: 0.8, ..RingRecipe::new(1) };
    gradients(&rings_like(&[9, 7, CLASSES], &bank), true);
    let heated = RingRecipe { actuator: ActuatorKind::Joule, bias_detuning: -0.1, crosstalk: Some(0.05), ..bank };
    gradients(&rings_like(&[9, 7, CLASSES], &heated), true);
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
fn gradients(recipes: &[LayerRecipe], smooth: bool) {
    let data = dataset();
    let network = compile(gpu(), recipes);
    let twin = Twin::new(&network, recipes);
    let (values, chip) = (start(&network), odd_chip(&network));
    gpu().write(&network.flat().parameters, &values).unwrap();
    network.set_chip(&chip).unwrap();
    let settings = settings(Method::Standard, adam(0.01));
    let stages = Stages::new(&network, &settings, &data);
    let (p, chip) = (wide(&values), wide(&chip));
    // A full batch, and one of 5 rows in which the rest must not count.
    for (first, rows) in [(0, 16), (32, 5)] {
        stages.set(&Clock { first, rows, ..Clock::default() });
        stages.submit(0..5);
        let got = stages.gradient();
        let (x, labels) = rows_of(&data, &data.train, &(first..first + rows).collect::<Vec<_>>());
        let want = twin.pass(&p, &chip, &x, &labels).gradient;
        let loss = |p: &[f64]| twin.pass(p, &chip, &x, &labels).mean_loss();
        let device = error(&got, &want);
        assert!(device < GRADIENT_BAR, "{rows} rows: device {device:.1e}");
        let padding = twin.segments.iter().zip(&got).filter(|(segment, _)| segment.lower == segment.upper);
        assert_eq!(padding.filter(|(_, g)| **g != 0.0).count(), 0, "padding has no gradient");
        if !smooth {
            continue;
        }
        let own = error(&want, &reference::central_differences(loss, &p, 1e-5));
        assert!(own < 1e-7, "{rows} rows: twin against its differences {own:.1e}");

        // Along random directions, the device's gradient against differences of the twin's loss.
        for direction in 0..5 {
            let units = random::units(SEED + direction, random::stream("direction"));
            let v: Vec<f64> = units.take(p.len()).map(|unit| 2.0 * unit - 1.0).collect();
            let along = |h: f64| loss(&p.iter().zip(&v).map(|(p, v)| p + h * v).collect::<Vec<_>>());
            let slope = (along(1e-5) - along(-1e-5)) / 2e-5;
            let terms = got.iter().zip(&v).map(|(g, v)| g * v);
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size): (f64, f64), term| (sum + term, size + term.abs()));
            assert!((sum - slope).abs() < 1e-6 * size, "{rows} rows: {sum} along v, {slope} by differences");
        }
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
fn standard_and_noise_steps_are_those_of_the_twin() {
    let (data, recipes) = (dataset(), small());
    for method in [Method::Standard, Method::Noise] {
        for optimizer in [adam(0.05), sgd(0.1)] {
            let settings = settings(method, optimizer);
            let network = compile(gpu(), &recipes);
            let mut trainer = trainer(&network, &settings, &data, SEED);
            gpu().write(&network.flat().parameters, &start(&network)).unwrap();
            let twin = Twin::new(&network, &recipes);
            // Each step from where the device stands; the third is the short batch, the fourth a new epoch.
            for _ in 0..4 {
                let state = trainer.state().unwrap();
                let mut run = TwinRun::resumed(&twin, &settings, &data, &state);
                let before = run.parameters.clone();
                run.train_step();
                trainer.train_step().unwrap();
                let after = wide(&gpu().read(&network.flat().parameters).unwrap());
                let off = error(&moved(&before, &after), &moved(&before, &run.parameters));
                assert!(off < STEP_BAR, "{}, step {}: {off:.1e}", method.word(), state.step);
            }
        }
    }
}

#[test]
fn noise_is_drawn_once_a_step_as_the_specification_says_and_layers_share_the_temperature() {
    let (data, recipes) = (dataset(), small());
    let settings = settings(Method::Noise, adam(0.05));
    let network = compile(gpu(), &recipes);
    let twin = Twin::new(&network, &recipes);
    let mut run = TwinRun::new(&twin, &settings, &data, SEED, &start(&network));
    let stages = Stages::new(&network, &settings, &data);
    let device = || {
        let mut chip = vec![0.0; network.chip_len()];
        for entry in network.imperfections() {
            let own = stages.read(&network.imperfection(entry).unwrap());
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
        let [first, second] = [0, 1].map(|layer: usize| &twin.layers[layer]);
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
    for method in Method::ALL {
        let settings = Settings { schedule: Schedule::Cosine, ..settings(method, adam(0.01)) };
        let network = compile(gpu(), &recipes);
        let mut trainer = trainer(&network, &settings, &data, SEED);
        let twin = Twin::new(&network, &recipes);
        let mut run = TwinRun::new(&twin, &settings, &data, SEED, &network.start(SEED));
        let (mut before, mut losses) = (trainer.state().unwrap().tally, Vec::new());
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
    for adaptive in [false, true] {
        let [standard, sat] = [Method::Standard, Method::Sat].map(|method| {
            let sat = SatSettings { rho: 0.0, adaptive, scope: Scope::All };
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
        network.set_chip(&chip).unwrap();
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
        let want = twin.forward(&light, &wide(&biases), f64::from(noise), &normals);
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
fn chips_draw_their_own_detection_noise_and_training_with_noise_sets_its_deviation() {
    let data = dataset();
    let ring = RingRecipe { full_scale: Some(2.0), ..RingRecipe::new(1) };
    let network = compile(gpu(), &rings_like(&[8, CLASSES], &ring));
    let noise = BTreeMap::from([("detection_noise".to_owned(), 0.25)]);
    let settings = Settings { noise, ..settings(Method::Noise, adam(0.01)) };
    let mut trainer = trainer(&network, &settings, &data, SEED);
    trainer.train_step().unwrap();
    for entry in network.imperfections() {
        let value: Vec<f32> = gpu().read(&network.imperfection(entry).unwrap()).unwrap();
        let want = if entry.spec.name == "detection_noise" { 0.25 } else { 0.0 };
        assert!(value.iter().all(|value| *value == want), "{}", entry.name);
    }
    let feed = network.feed(&data.test, (data.scale, 0.0)).unwrap();
    let loss = |chip| network.evaluate(&feed, &mut network.scores(), chip).unwrap().loss;
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
    let twin = Twin::new(&network, &recipes);
    let values = start(&network);
    gpu().write(&network.flat().parameters, &values).unwrap();
    let mut warm = vec![0.0; network.chip_len()];
    twin.layers.iter().for_each(|layer| warm[layer.temperature] = 0.7);
    let mut losses = Vec::new();
    for (name, split) in [("test", &data.test), ("train", &data.train)] {
        let feed = network.feed(split, (data.scale, 0.0)).unwrap();
        let (x, labels) = rows_of(&data, split, &(0..split.len() as u32).collect::<Vec<_>>());
        for (device, chip) in [("nominal", vec![0.0; warm.len()]), ("warm", warm.clone()), ("odd", odd_chip(&network))]
        {
            network.set_chip(&chip).unwrap();
            let tally = network.evaluate(&feed, &mut network.scores(), 0).unwrap();
            let want = twin.pass(&wide(&values), &wide(&chip), &x, &labels);
            assert_eq!(tally.samples, split.len() as f64, "{name}, {device}");
            assert_eq!(tally.correct, want.correct.iter().sum::<f64>(), "{name}, {device}");
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
    let (data, folder) = (dataset(), tempfile::tempdir().unwrap());
    let path = folder.path().join("state.safetensors");
    for method in Method::ALL {
        for optimizer in [adam(0.02), sgd(0.05)] {
            let settings = Settings { schedule: Schedule::Cosine, ..settings(method, optimizer) };
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
    for method in Method::ALL {
        let (network, settings) = (compile(&gpu, &small()), settings(method, adam(0.01)));
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
        // With `sgd` losses stay finite, if huge, until a bias overflows.
        for (calm, wild) in [(adam(0.01), adam(1e30)), (sgd(0.01), sgd(3e38))] {
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
