//! Networks spread over several devices: each with imperfections of its own and the same controls, in training and in
//! evaluations of many chips; and running statistics estimated anew.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::gpu;
use flatlight::data::{Dataset, Split, Values};
use flatlight::electronics::{AddRecipe, NormRecipe};
use flatlight::gpu::Plan;
use flatlight::layer::Pass;
use flatlight::network::{Chip, Drift, LayerRecipe, Network, Stage};
use flatlight::ops::Clock;
use flatlight::ops::disturb::Distribution;
use flatlight::optics::{MultiplierRecipe, RingRecipe};
use flatlight::random;
use flatlight::robustness::{self, Axis, Sweep, chips_at_once, rows_at_once};
use flatlight::training::method::Step;
use flatlight::training::{Method, Optimizer, SatScope, Settings, Trainer};

const FEATURES: usize = 16;
const CLASSES: usize = 4;
/// Rows of a device; with every width they make whole slices.
const ROWS: usize = 16;
const DEVICES: usize = 3;
const SEED: u32 = 11;

fn split(name: &str, samples: usize) -> Split {
    let units: Vec<_> = random::units(SEED, random::stream(name)).take(samples * FEATURES).collect();
    let labels = units.chunks_exact(FEATURES).map(|sample| (sample[0] * CLASSES as f64) as u32).collect();
    Split { values: Values::Floats(units.iter().map(|unit| *unit as f32).collect()), labels }
}

fn dataset() -> Dataset {
    Dataset {
        name: "small".to_owned(),
        shape: vec![FEATURES],
        classes: CLASSES,
        scale: 1.0,
        train: split("train", DEVICES * ROWS),
        validation: None,
        preparation: None,
        test: split("test", 2 * ROWS + 5),
    }
}

fn ring(outputs: usize) -> LayerRecipe {
    LayerRecipe::RingDense(RingRecipe { contrast: 0.9, full_scale: Some(4.0), ..RingRecipe::new(outputs) })
}

fn layers() -> Vec<LayerRecipe> {
    vec![ring(8), LayerRecipe::LayerNorm(NormRecipe::default()), LayerRecipe::Relu, ring(CLASSES)]
}

/// With shortcuts past a layer of rings and from before all of them.
fn residual() -> Vec<LayerRecipe> {
    let add = |of: &str| LayerRecipe::Add(AddRecipe::new(of));
    let norm = LayerRecipe::LayerNorm(NormRecipe::default());
    vec![norm, LayerRecipe::Tanh, ring(8), ring(20), add("ring1"), LayerRecipe::Relu, add("tanh1"), ring(CLASSES)]
}

fn spread<'g>(layers: &[LayerRecipe], devices: usize) -> Network<'g> {
    Network::spread(gpu(), layers, &[FEATURES], CLASSES, devices * ROWS, devices).unwrap()
}

/// Random imperfections of a device, whatever they are of.
fn chip(network: &Network<'_>, device: usize) -> Vec<f32> {
    let units = random::units(SEED, random::stream(&format!("chip {device}")));
    units.take(network.chip_len()).map(|unit| 0.1 * unit as f32).collect()
}

fn submit(plans: &[&Plan]) {
    gpu().submit(plans).unwrap();
}

/// Largest difference, relative to the largest value.
fn error(got: &[f32], want: &[f32]) -> f32 {
    let largest = want.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    got.iter().zip(want).fold(0.0_f32, |most, (got, want)| most.max((got - want).abs())) / largest
}

#[test]
fn a_batch_spread_over_devices_has_the_mean_of_their_gradients() {
    [layers(), residual()].iter().for_each(|layers| mean_of_gradients(layers));
}

fn mean_of_gradients(layers: &[LayerRecipe]) {
    let data = dataset();
    let [one, many] = [spread(layers, 1), spread(layers, DEVICES)];
    let start = one.start(SEED);
    for network in [&one, &many] {
        gpu().write(&network.flat().parameters, &start).unwrap();
    }
    let clock = |first: usize, rows: usize| Clock { first: first as u32, rows: rows as u32, ..Clock::default() };
    let step = |network: &Network<'_>, clock: Clock| {
        let feed = network.feed(&data.train, (1.0, 0.0)).unwrap();
        gpu().write_uniform(network.clock(), &clock).unwrap();
        submit(&[&feed.draw(), &network.actuate(), &network.forward(Pass::First), &network.backward()]);
        let [gradient, logits] = [&network.flat().gradient, network.logits()].map(|slice| gpu().read(slice).unwrap());
        (gradient, logits)
    };
    let (mut want, mut logits) = (vec![0.0_f32; start.len()], Vec::new());
    for device in 0..DEVICES {
        one.set_chip(0, &chip(&one, device)).unwrap();
        many.set_chip(device, &chip(&many, device)).unwrap();
        let (gradient, own): (Vec<f32>, Vec<f32>) = step(&one, clock(device * ROWS, ROWS));
        want.iter_mut().zip(gradient).for_each(|(sum, own)| *sum += own / DEVICES as f32);
        logits.extend(own);
    }
    let (gradient, own) = step(&many, clock(0, DEVICES * ROWS));
    assert_eq!(own, logits, "detection noise included: it is drawn by a sample's position");
    assert!(error(&gradient, &want) < 1e-6, "{}", error(&gradient, &want));
    // A batch that ends early leaves rows of the last devices empty.
    let (gradient, _) = step(&many, clock(0, ROWS));
    one.set_chip(0, &chip(&one, 0)).unwrap();
    assert!(error(&gradient, &step(&one, clock(0, ROWS)).0) < 1e-6);
}

#[test]
fn a_chip_scores_the_same_however_many_are_scored_at_once() {
    let data = dataset();
    let axes = ["ring_offset=0.02:0.04:0.02", "detection_noise=0.1"].map(|axis| axis.parse::<Axis>().unwrap());
    let scores = |devices: usize, chips: u32| {
        let network = spread(&layers(), devices);
        let start = network.start(SEED);
        gpu().write(&network.flat().parameters, &start).unwrap();
        let feed = network.feed(&data.test, (1.0, 0.0)).unwrap();
        let sweep = Sweep {
            axes: &axes,
            chips,
            chip: None,
            drift: &Drift::default(),
            recalibrate: None,
            parameters: &start,
            feed: &feed,
        };
        sweep.run(&network, &mut || true).unwrap().unwrap()
    };
    let alone = scores(1, 4);
    assert_eq!(alone.len(), 2);
    assert!(alone[0].losses[0] != alone[0].losses[1], "chips differ");
    assert_eq!(alone[1].samples, data.test.len());
    // Four chips on three devices: the second round is not full.
    assert_eq!(scores(DEVICES, 4), alone);
    assert_eq!([10, 4704, 65_536].map(rows_at_once), [512, 192, 64]);
    assert_eq!([chips_at_once(1, 10), chips_at_once(20, 10)], [1, 16]);
    assert_eq!([4704, 65_536].map(|widest| chips_at_once(20, widest)), [16, 4]);
}

#[test]
fn chips_scored_at_once_share_the_layers_before_the_first_that_may_be_built_wrong() {
    let data = dataset();
    let norm = || LayerRecipe::LayerNorm(NormRecipe::default());
    let front = [norm(), LayerRecipe::Tanh, ring(8), LayerRecipe::Relu, ring(CLASSES)];
    let axes = ["ring_offset=0.04", "detection_noise=0.1"].map(|axis| axis.parse::<Axis>().unwrap());
    // Ends early, too: the last of these have no layer that may be built wrong.
    for (layers, classes, axes) in
        [(&front[..], CLASSES, &axes[..]), (&residual(), CLASSES, &axes), (&[norm(), LayerRecipe::Tanh], FEATURES, &[])]
    {
        let tallies = |devices: usize| {
            let network = Network::spread(gpu(), layers, &[FEATURES], classes, devices * ROWS, devices).unwrap();
            let start = network.start(SEED);
            gpu().write(&network.flat().parameters, &start).unwrap();
            let feed = network.feed(&data.test, (1.0, 0.0)).unwrap();
            (0..DEVICES as u32)
                .step_by(devices)
                .flat_map(|first| {
                    for device in 0..devices {
                        let at: Vec<_> = axes.iter().map(|axis: &Axis| axis.values[0]).collect();
                        let chip = robustness::chip(&network, axes, &at, first + device as u32).unwrap();
                        network.set_chips(device, [&chip]).unwrap();
                    }
                    network.evaluate_each(&feed, first).unwrap()
                })
                .collect::<Vec<_>>()
        };
        let alone = tallies(1);
        assert_eq!(alone.len(), DEVICES);
        assert_eq!(alone[0].loss != alone[1].loss, !axes.is_empty(), "chips differ if anything varies");
        assert_eq!(tallies(DEVICES), alone);
    }
}

#[test]
fn what_a_chip_holds_stays_and_the_rest_varies() {
    let data = dataset();
    let network = spread(&layers(), 1);
    let start = network.start(SEED);
    gpu().write(&network.flat().parameters, &start).unwrap();
    let feed = network.feed(&data.test, (1.0, 0.0)).unwrap();
    let losses = |given: &[&str], chips: u32, chip: Option<&Chip>| {
        let axes: Vec<_> = given.iter().map(|axis| axis.parse::<Axis>().unwrap()).collect();
        let sweep = Sweep {
            axes: &axes,
            chips,
            chip,
            drift: &Drift::default(),
            recalibrate: None,
            parameters: &start,
            feed: &feed,
        };
        let points = sweep.run(&network, &mut || true).map_err(|error| error.to_string())?;
        Ok::<_, String>(points.unwrap()[0].losses.clone())
    };
    let axes = ["ring_offset=0.05".parse::<Axis>().unwrap()];
    let held = robustness::chip(&network, &axes, &[0.05], 2).unwrap();
    let drawn = losses(&["ring_offset=0.05", "temperature=0.5"], 3, None).unwrap();
    assert_eq!(losses(&["temperature=0.5"], 5, Some(&held)).unwrap(), [drawn[2]]);
    assert_eq!(losses(&["temperature=0.5", "ring_width=0.1"], 2, Some(&held)).unwrap().len(), 2);
    let message = losses(&["ring2.ring_offset=0.1"], 1, Some(&held)).unwrap_err();
    assert_eq!(
        message,
        "--vary ring2.ring_offset: the chip holds `ring2.ring_offset`, which stays as it is; vary another"
    );
}

#[test]
fn names_joined_by_a_plus_vary_together() {
    let data = dataset();
    let network = spread(&layers(), 1);
    let start = network.start(SEED);
    gpu().write(&network.flat().parameters, &start).unwrap();
    let feed = network.feed(&data.test, (1.0, 0.0)).unwrap();
    let losses = |given: &str| {
        let axes = [given.parse::<Axis>().unwrap()];
        let sweep = Sweep {
            axes: &axes,
            chips: 1,
            chip: None,
            drift: &Drift::default(),
            recalibrate: None,
            parameters: &start,
            feed: &feed,
        };
        sweep.run(&network, &mut || true).unwrap().unwrap()[0].losses.clone()
    };
    assert_eq!(losses("ring1.temperature+ring2.temperature=1"), losses("temperature=1"));
    assert!(losses("ring1.temperature=1") != losses("temperature=1"));
}

#[test]
fn what_devices_share_is_not_met_in_step_with_something_else_that_they_share() {
    let data = dataset();
    let network = spread(&[LayerRecipe::Multiplier(MultiplierRecipe::new(CLASSES))], DEVICES);
    let mut settings: Settings = toml::from_str("method = \"noise\"\nepochs = 20\nbatch = 48\ndevices = 3\n").unwrap();
    settings.distribution = Distribution::Uniform;
    let quadrants = |settings: &Settings| {
        let mut trainer = Trainer::new(&network, settings, &data, (1.0, 0.0), SEED).unwrap();
        let steps = (0..20).map(|_| {
            trainer.train_step().unwrap();
            ["rotation", "scale"].map(|name| {
                let entry = network.imperfections().iter().find(|entry| entry.spec.name == name).unwrap();
                gpu().read::<f32>(&network.imperfection(0, entry).unwrap()).unwrap()[0] > 0.0
            })
        });
        steps.collect::<BTreeSet<_>>()
    };
    // Alone, the first device has the lowest third of the range.
    settings.noise = BTreeMap::from([("rotation".to_owned(), 1.0)]);
    assert_eq!(quadrants(&settings), BTreeSet::from([[false; 2]]));
    settings.noise.insert("scale".to_owned(), 0.05);
    assert_eq!(quadrants(&settings).len(), 4, "all four combinations of signs");
}

#[test]
fn training_with_noise_draws_for_every_device() {
    let data = dataset();
    let network = spread(&layers(), DEVICES);
    let mut settings: Settings = toml::from_str("method = \"noise\"\nepochs = 1\nbatch = 48\n").unwrap();
    settings.noise = BTreeMap::from([("temperature".to_owned(), 1.0), ("ring_offset".to_owned(), 0.1)]);
    let complaint = Trainer::new(&network, &settings, &data, (1.0, 0.0), SEED).err().unwrap().to_string();
    assert!(complaint.starts_with("`training.devices` asks for 1 devices a batch, but"), "{complaint}");
    let draws = |network: &Network<'_>, settings: &Settings| -> Vec<Vec<f32>> {
        Trainer::new(network, settings, &data, (1.0, 0.0), SEED).unwrap().train_step().unwrap();
        let all =
            |device| network.imperfections().iter().map(move |entry| network.imperfection(device, entry).unwrap());
        let read = |device| all(device).flat_map(|slice| gpu().read::<f32>(&slice).unwrap()).collect();
        (0..network.devices()).map(read).collect()
    };
    settings.devices = DEVICES;
    let of_three = draws(&network, &settings);
    assert!(of_three[0] != of_three[1] && of_three[1] != of_three[2] && of_three[0] != of_three[2]);
    // The range of a temperature that is drawn uniformly is covered by each step: a third of it a device.
    let uniform = Settings { distribution: Distribution::Uniform, ..settings.clone() };
    draws(&network, &uniform);
    for (device, third) in [(0, [-1.0, -1.0 / 3.0]), (1, [-1.0 / 3.0, 1.0 / 3.0]), (2, [1.0 / 3.0, 1.0])] {
        for entry in network.imperfections().iter().filter(|entry| entry.spec.name == "temperature") {
            let value = gpu().read::<f32>(&network.imperfection(device, entry).unwrap()).unwrap()[0] / 3.0_f32.sqrt();
            assert!((third[0]..=third[1]).contains(&value), "device {device}: {value}");
        }
    }
    settings.devices = 1;
    let of_one = draws(&Network::new(gpu(), &layers(), &[FEATURES], CLASSES, 48).unwrap(), &settings);
    assert_eq!(of_one[0], of_three[0]);
    // So does the adversary over imperfections; the other methods know one device only.
    settings.devices = DEVICES;
    settings.method = Method::Standard;
    assert_eq!(settings.devices(), 1);
}

/// Each device starts from its own draws and goes by its own gradient: where it would go alone, with its rows.
#[test]
fn the_adversary_over_imperfections_moves_every_device_by_itself() {
    let data = dataset();
    let mut settings: Settings = toml::from_str("method = \"sat\"\nepochs = 1\nbatch = 48\ndevices = 3\n").unwrap();
    assert_eq!(settings.devices(), 1, "without imperfections");
    let ranges = [("temperature", 0.5), ("ring_offset", 0.02)].map(|(name, range)| (name.to_owned(), range));
    settings.sat.imperfections = BTreeMap::from(ranges);
    settings.sat.scope = SatScope::Imperfections;
    assert_eq!(settings.devices(), DEVICES);
    let (many, one) = (spread(&layers(), DEVICES), spread(&layers(), 1));
    let start = many.start(SEED);
    let stages = |network: &Network<'_>| {
        gpu().write(&network.flat().parameters, &start).unwrap();
        let feed = network.feed(&data.train, (1.0, 0.0)).unwrap();
        let update = Optimizer::new(network, &settings.optimizer).unwrap().update();
        let (draw, device, learner) = (feed.draw(), None, None);
        Method::Sat.stages(&Step { network, settings: &settings, draw, update, part: None, device, learner }).unwrap()
    };
    // draw, disturb, actuate, forward, score, backward, ascend
    let run = |network: &Network<'_>, stages: &[Stage], rows: usize, first: usize| {
        let clock = Clock { seed: SEED, step: 3, first: first as u32, rows: rows as u32, ..Clock::default() };
        gpu().write_uniform(network.clock(), &clock).unwrap();
        submit(&stages.iter().filter_map(Stage::plan).collect::<Vec<_>>());
    };
    let read = |network: &Network<'_>, device: usize| {
        let mut chip = vec![0.0; network.chip_len()];
        for entry in network.imperfections() {
            let slice = network.imperfection(device, entry).unwrap();
            chip[entry.range()].copy_from_slice(&gpu().read::<f32>(&slice).unwrap());
        }
        chip
    };
    let (whole, alone) = (stages(&many), stages(&one));
    assert_eq!((whole[1].name(), whole[6].name()), ("disturb", "ascend"));
    run(&many, &whole[..2], DEVICES * ROWS, 0);
    let drawn: Vec<_> = (0..DEVICES).map(|device| read(&many, device)).collect();
    run(&many, &whole[..7], DEVICES * ROWS, 0);
    let moved: Vec<_> = (0..DEVICES).map(|device| read(&many, device)).collect();
    let temperatures: Vec<_> = many
        .imperfections()
        .iter()
        .filter(|entry| entry.spec.name == "temperature")
        .map(|entry| entry.offset)
        .collect();
    for device in 0..DEVICES {
        assert_ne!(drawn[device], drawn[(device + 1) % DEVICES], "devices differ");
        assert_ne!(drawn[device], moved[device], "device {device} moves");
        assert_eq!(moved[device][temperatures[0]], moved[device][temperatures[1]], "one temperature");
        assert!(moved[device][temperatures[0]].abs() <= 0.5);
        one.set_chip(0, &drawn[device]).unwrap();
        // As all but `disturb`.
        run(&one, &[&alone[..1], &alone[2..7]].concat(), ROWS, device * ROWS);
        assert_eq!(read(&one, 0), moved[device], "device {device} alone");
    }
}

#[test]
fn a_batch_that_cannot_be_spread_is_refused() {
    let refused = Network::spread(gpu(), &layers(), &[FEATURES], CLASSES, 50, 4).err().unwrap().to_string();
    assert_eq!(refused, "a batch of 50 samples cannot be spread over 4 devices; 256 can");
    let refused = Network::spread(gpu(), &layers(), &[FEATURES], CLASSES, 9, 3).err().unwrap().to_string();
    assert_eq!(refused, "a batch of 9 samples cannot be spread over 3 devices; 192 can");
}

#[test]
fn statistics_are_estimated_anew_from_samples_without_labels() {
    let data = dataset();
    let layers = [LayerRecipe::BatchNorm(NormRecipe::default()), ring(CLASSES)];
    let network = spread(&layers, 1);
    let start = network.start(SEED);
    gpu().write(&network.flat().parameters, &start).unwrap();
    let feed = network.feed(&data.train, (1.0, 0.0)).unwrap();
    let Values::Floats(values) = &data.train.values else { panic!("the set is made of floats") };
    let statistics = network.parameters().iter().find(|entry| entry.spec.name == "statistics").unwrap();
    let read = || gpu().read::<f32>(&network.flat().parameters).unwrap()[statistics.range()].to_vec();
    // Three batches that hold every sample: the mean over batches is that over samples.
    network.recalibrate(&feed, data.train.len()).unwrap();
    let got = read();
    for feature in 0..FEATURES {
        let column: Vec<_> = values.iter().skip(feature).step_by(FEATURES).map(|value| f64::from(*value)).collect();
        let mean = column.iter().sum::<f64>() / column.len() as f64;
        assert!((f64::from(got[2 * feature]) - mean).abs() < 1e-6);
        let variance = column.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / column.len() as f64;
        assert!((f64::from(got[2 * feature + 1]) / variance - 1.0).abs() < 0.3, "the spread between batches aside");
    }
    // What was there before has no part in it, and a smaller number of samples gives others.
    network.recalibrate(&feed, data.train.len()).unwrap();
    assert_eq!(read(), got);
    network.recalibrate(&feed, 5).unwrap();
    assert_ne!(read(), got);

    // In a sweep every condition has its own, and the network keeps what it had.
    gpu().write(&network.flat().parameters, &start).unwrap();
    let axes = ["temperature=0:2:2".parse::<Axis>().unwrap()];
    let test = network.feed(&data.test, (1.0, 0.0)).unwrap();
    let none = Drift::default();
    let sweep = |recalibrate| Sweep {
        axes: &axes,
        chips: 1,
        chip: None,
        drift: &none,
        recalibrate,
        parameters: &start,
        feed: &test,
    };
    let stored = sweep(None).run(&network, &mut || true).unwrap().unwrap();
    let anew = sweep(Some((&feed, 40))).run(&network, &mut || true).unwrap().unwrap();
    assert_ne!(stored[0].losses, anew[0].losses);
    assert_eq!(gpu().read::<f32>(&network.flat().parameters).unwrap(), start);

    let plain = spread(&[ring(CLASSES)], 1);
    let feed = plain.feed(&data.train, (1.0, 0.0)).unwrap();
    let parameters = plain.start(SEED);
    let sweep = Sweep {
        axes: &[],
        chips: 1,
        chip: None,
        drift: &Drift::default(),
        recalibrate: Some((&feed, 5)),
        parameters: &parameters,
        feed: &feed,
    };
    let refused = sweep.run(&plain, &mut || true).unwrap_err().to_string();
    assert_eq!(refused, "--recalibrate: no layer keeps running statistics; there is nothing to re-estimate");
}
