//! Training on a bench: a program plays layers of rings, as a simulated chip would, and fails now and then.

mod common;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::driver::{Fake, outputs};
use common::gpu;
use flatlight::data::{Dataset, Split, Values};
use flatlight::hardware::HardwareSettings;
use flatlight::network::{DeviceSettings, LayerRecipe, Network};
use flatlight::optics::RingRecipe;
use flatlight::random;
use flatlight::reference::microring::Ring;
use flatlight::training::{Method, Settings, State, Trainer};
use serde_json::json;

const FEATURES: usize = 6;
const HIDDEN: usize = 5;
const CLASSES: usize = 3;
const SAMPLES: usize = 40;
const BATCH: usize = 16;
const SEED: u32 = 5;

fn dataset() -> Dataset {
    let split = |name: &str, samples: usize| {
        let units: Vec<_> = random::units(SEED, random::stream(name)).take(samples * FEATURES).collect();
        let label = |sample: &[f64]| (0..CLASSES).max_by(|&a, &b| sample[a].total_cmp(&sample[b])).unwrap() as u32;
        let labels = units.chunks_exact(FEATURES).map(label).collect();
        Split { values: Values::Floats(units.iter().map(|unit| *unit as f32).collect()), labels }
    };
    Dataset {
        name: "small".to_owned(),
        shape: vec![FEATURES],
        classes: CLASSES,
        scale: 1.0,
        train: split("train", SAMPLES),
        validation: None,
        preparation: None,
        test: split("test", 21),
    }
}

fn network() -> Network<'static> {
    let ring = |outputs| LayerRecipe::RingDense(RingRecipe::new(outputs));
    Network::new(gpu(), &[ring(HIDDEN), LayerRecipe::Relu, ring(CLASSES)], &[FEATURES], CLASSES, BATCH).unwrap()
}

fn settings(method: Method, device: DeviceSettings) -> Settings {
    let mut settings: Settings =
        toml::from_str(&format!("method = \"{}\"\nepochs = 2\nbatch = {BATCH}", method.word())).unwrap();
    settings.sat.rho = 0.01;
    settings.device = device;
    settings
}

/// A chip of uneven rings.
fn simulated() -> DeviceSettings {
    let imperfections = BTreeMap::from([("ring_offset".to_owned(), 0.03)]);
    DeviceSettings { chip: Some(9), imperfections, ..DeviceSettings::default() }
}

fn trainer<'a>(network: &'a Network<'static>, settings: &'a Settings, data: &Dataset) -> Trainer<'a, 'static> {
    Trainer::new(network, settings, data, (data.scale, 0.0), SEED).unwrap()
}

/// A layer as hello says it, and its offsets.
type Bank = (String, [usize; 2], Vec<f32>);

/// The layers of that chip.
fn banks() -> Vec<Bank> {
    let network = network();
    let chip = simulated().draw(SEED, network.imperfections());
    let offsets = |name: &str| chip.tensors.iter().find(|tensor| tensor.name == name).unwrap().values.clone();
    vec![
        ("ring1".to_owned(), [FEATURES, HIDDEN], offsets("ring1.ring_offset")),
        ("ring2".to_owned(), [HIDDEN, CLASSES], offsets("ring2.ring_offset")),
    ]
}

fn hello(banks: &[Bank]) -> String {
    let layer = |(name, [inputs, outputs], _): &Bank| {
        let detuning = json!({ "name": "detuning", "shape": [outputs, inputs], "unit": "nm", "limits": [0, 1] });
        let bias = json!({ "name": "bias", "shape": [outputs], "limits": [null, null] });
        json!({ "name": name, "inputs": inputs, "outputs": outputs, "parameters": [detuning, bias] })
    };
    let layers: Vec<_> = banks.iter().map(layer).collect();
    let hello = json!({ "type": "hello", "protocol": 1, "name": "rings", "settle_seconds": 0.0, "layers": layers });
    format!("{hello}\n")
}

/// A program that plays some of these layers. The measurement of that number fails, once, and so do `times` - 1 more.
struct Played {
    fake: Fake,
    fails: Arc<AtomicUsize>,
}

const NEVER: usize = usize::MAX;

impl Played {
    fn new(banks: Vec<Bank>) -> Self {
        let fails = Arc::new(AtomicUsize::new(NEVER));
        let (own, mut measured) = (Arc::clone(&fails), 0);
        let ring = Ring { half_width: 0.15, contrast: 1.0, drift: 0.08 };
        let fake = Fake::new(move |_, (header, arrays), stream| {
            if header["type"] == "hello" {
                return stream.write_all(hello(&banks).as_bytes()).is_ok();
            }
            measured += 1;
            if measured > own.load(Ordering::Relaxed) {
                measured = 0;
                own.store(NEVER, Ordering::Relaxed);
                return stream.write_all(b"{\"type\":\"error\",\"message\":\"the laser is off\"}\n").is_ok();
            }
            let (_, [inputs, units], offsets) = banks.iter().find(|bank| header["layer"] == bank.0).unwrap();
            let (detuning, rest) = arrays.split_at(inputs * units);
            let (bias, x) = rest.split_at(*units);
            let weight: Vec<f64> = detuning
                .iter()
                .zip(offsets)
                .map(|(d, offset)| ring.weight(f64::from(*d) + f64::from(*offset)))
                .collect();
            let mut y = Vec::new();
            for sample in x.chunks_exact(*inputs) {
                for (row, bias) in weight.chunks_exact(*inputs).zip(bias) {
                    let light: f64 = row.iter().zip(sample).map(|(w, x)| w * f64::from(*x)).sum();
                    y.push((light + f64::from(*bias)) as f32);
                }
            }
            stream.write_all(&outputs(&y, *units)).is_ok()
        });
        Self { fake, fails }
    }

    fn device(&self) -> DeviceSettings {
        let hardware = HardwareSettings { retries: 0, timeout: 20.0, ..self.fake.settings() };
        DeviceSettings { hardware: Some(hardware), ..DeviceSettings::default() }
    }

    /// The next measurement but so many fails.
    fn fail_after(&self, measurements: usize) {
        self.fails.store(measurements, Ordering::Relaxed);
    }
}

fn parameters(network: &Network<'_>) -> Vec<f32> {
    gpu().read(&network.flat().parameters).unwrap()
}

#[test]
fn a_bench_trains_as_a_chip_of_the_same_errors() {
    let data = dataset();
    for method in [Method::Pat, Method::Dat, Method::SatInSitu, Method::Spsa] {
        let (chip, bench) = (network(), network());
        let played = Played::new(banks());
        let (on_chip, on_bench) = (settings(method, simulated()), settings(method, played.device()));
        let [mut first, mut second] = [trainer(&chip, &on_chip, &data), trainer(&bench, &on_bench, &data)];
        let rows = [&mut first, &mut second].map(|trainer| trainer.epoch(&mut |_| true).unwrap().unwrap());
        let off = (rows[0].train_loss - rows[1].train_loss).abs();
        assert!(off < 1e-4, "{}: loss {off:.1e}", method.word());
        assert!((rows[0].test_loss - rows[1].test_loss).abs() < 1e-4, "{}: scored on the device", method.word());
        let [p, q] = [&chip, &bench].map(parameters);
        let far = p.iter().zip(&q).map(|(p, q)| (p - q).abs()).fold(0.0, f32::max);
        // Adam's first steps are signs, that of a gradient of 0 is anything.
        assert!(far < 2e-3, "{}: {far:.1e}", method.word());
        // Two layers, three steps and the test split in two batches.
        let calls = method.cost(&on_bench, &bench).device as usize;
        let measured = played.fake.messages.try_iter().filter(|(header, _)| header["type"] == "measure").count();
        assert_eq!(measured, 2 * (3 * calls + 2), "{}", method.word());
    }
}

/// Runs to the end, from a state if there is one.
fn finish(network: &Network<'static>, settings: &Settings, data: &Dataset, from: Option<&State>) -> (Vec<f64>, State) {
    let mut trainer = trainer(network, settings, data);
    if let Some(state) = from {
        trainer.restore(state).unwrap();
    }
    let mut losses = Vec::new();
    while !trainer.is_done() {
        let row = trainer.epoch(&mut |_| true).unwrap().unwrap();
        losses.extend([row.train_loss, row.test_loss]);
    }
    (losses, trainer.state().unwrap())
}

#[test]
fn what_a_bench_interrupts_has_not_been_and_the_run_goes_on_as_if_nothing_had_happened() {
    let data = dataset();
    for method in [Method::SatInSitu, Method::Dat] {
        let played = Played::new(banks());
        let settings = settings(method, played.device());
        let (losses, end) = finish(&network(), &settings, &data, None);
        let calls = method.cost(&settings, &network()).device as usize;
        // In the first step, in the middle of the second, in the evaluation of the first epoch, in the second epoch.
        for failing in [0, 2 * calls + 1, 2 * 3 * calls + 1, 2 * (4 * calls + 2) + 1] {
            let broken = network();
            let mut trainer = trainer(&broken, &settings, &data);
            played.fail_after(failing);
            let mut before = Vec::new();
            let error = loop {
                match trainer.epoch(&mut |_| true) {
                    Ok(row) => before.extend(row.map(|row| [row.train_loss, row.test_loss]).unwrap()),
                    Err(error) => break error.to_string(),
                }
            };
            assert!(error.contains("the laser is off") && error.lines().count() == 1, "{error}");
            let state = trainer.state().unwrap();
            // The program takes one client at a time.
            drop(trainer);
            let (after, last) = finish(&network(), &settings, &data, Some(&state));
            let name = format!("{}, after {failing} measurements", method.word());
            assert_eq!([before, after].concat(), losses, "{name}");
            assert_eq!(last, end, "{name}");
        }
    }
}

#[test]
fn a_bench_that_plays_other_layers_than_the_network_has_is_refused() {
    let data = dataset();
    let refused = |change: &dyn Fn(&mut Vec<Bank>)| {
        let mut wrong = banks();
        change(&mut wrong);
        let settings = settings(Method::Pat, Played::new(wrong).device());
        Trainer::new(&network(), &settings, &data, (1.0, 0.0), SEED).map(|_| ()).unwrap_err().to_string()
    };
    let message = refused(&|banks| banks[1].0 = "ring3".to_owned());
    assert_eq!(
        message,
        "rings plays `ring3`, which is no layer of the network; there are: ring1, ring2; correct its hello or the recipe"
    );
    let message = refused(&|banks| banks[0].1 = [FEATURES + 1, HIDDEN]);
    assert!(message.contains("with 7 inputs and 5 outputs, but the network's has 6 and 5"), "{message}");
    let message = refused(&|banks| banks[0].0 = "relu1".to_owned());
    assert!(message.contains("which is a digital layer"), "{message}");
}
