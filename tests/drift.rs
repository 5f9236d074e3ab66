//! Devices that drift while they are trained on and after, and networks on chips that they were not trained on.

mod common;
#[path = "common/program.rs"]
mod program;

use common::gpu;
use flatlight::data::{self, Dataset};
use flatlight::network::{Chip, Network};
use flatlight::recipe::Recipe;
use flatlight::training::{EpochRow, State, Trainer};
use program::Bench;

const RECIPE: &str = r#"name = "small"
seed = 3

[data]
set = "digits"

[[layers]]
type = "ring-dense"
outputs = 8

[[layers]]
type = "ring-dense"
outputs = 10

[training]
method = "pat"
epochs = 2
batch = 512

[training.device]
chip = 0
hours = 5.0

[training.device.imperfections]
ring_offset = 0.03

[training.device.drift]
temperature = { deviation = 0.5, hours = 2.0 }
ring_width = { deviation = 0.1, hours = 30.0 }
"#;

fn recipe(overrides: &[&str]) -> (Recipe, Dataset) {
    let overrides: Vec<_> = overrides.iter().map(|&given| given.to_owned()).collect();
    let recipe = Recipe::parse("small.toml", RECIPE, &overrides).unwrap();
    recipe.check().unwrap();
    let data = recipe.data.prepare(data::load(&recipe.data.set, None).unwrap()).unwrap();
    (recipe, data)
}

fn compile(recipe: &Recipe, data: &Dataset) -> Network<'static> {
    Network::new(gpu(), &recipe.layers, &data.shape, data.classes, recipe.training.batch).unwrap()
}

fn trainer<'a>(network: &'a Network<'static>, recipe: &'a Recipe, data: &Dataset) -> Trainer<'a, 'static> {
    let normalisation = data.normalisation(recipe.data.normalise);
    Trainer::new(network, &recipe.training, data, normalisation, recipe.seed).unwrap()
}

/// All epochs, without the time that they took.
fn finish(trainer: &mut Trainer<'_, '_>) -> (Vec<EpochRow>, State) {
    let mut rows = Vec::new();
    while !trainer.is_done() {
        let row = trainer.epoch(&mut |_| true).unwrap().expect("nobody stops it");
        rows.push(EpochRow { seconds: 0.0, ..row });
    }
    (rows, trainer.state().unwrap())
}

#[test]
fn a_run_on_a_drifting_device_goes_on_as_if_it_had_not_been_interrupted() {
    for method in ["pat", "sat-in-situ"] {
        let (recipe, data) = recipe(&[&format!("training.method={method}")]);
        let network = compile(&recipe, &data);
        let (rows, end) = finish(&mut trainer(&network, &recipe, &data));
        // In the middle of an epoch, and between two of 8 steps.
        for stop in [3, 8, 13] {
            let mut before = trainer(&network, &recipe, &data);
            while before.epoch(&mut |step| step < stop).unwrap().is_some() {}
            assert_eq!(before.steps_done(), stop);
            let state = before.state().unwrap();
            let mut after = trainer(&network, &recipe, &data);
            after.restore(&state).unwrap();
            let (rest, state) = finish(&mut after);
            assert_eq!(rest[..], rows[rows.len() - rest.len()..], "{method}, stopped before step {stop}");
            assert_eq!(state, end, "{method}, stopped before step {stop}");
        }
    }
}

#[test]
fn a_device_stands_at_hour_0_first_and_drifts_from_step_to_step() {
    let after = |hours: &str, steps: usize| {
        let (recipe, data) = recipe(&[&format!("training.device.hours={hours}")]);
        let network = compile(&recipe, &data);
        let mut trainer = trainer(&network, &recipe, &data);
        (0..steps).for_each(|_| trainer.train_step().unwrap());
        trainer.state().unwrap()
    };
    // The first of 16 steps is done at hour 0, the second 1/16 later.
    assert_eq!(after("0", 1), after("5", 1));
    assert_ne!(after("0", 2), after("5", 2));
    // Two steps at the same hours see the same device: both end at hour 2.
    assert_ne!(after("2", 2), after("5", 2));
}

#[test]
fn what_the_model_knows_is_the_device_at_hour_0() {
    let (recipe, data) = recipe(&["training.device.known=[\"ring_offset\"]"]);
    let network = compile(&recipe, &data);
    let mut trainer = trainer(&network, &recipe, &data);
    let chip = trainer.chip().unwrap().clone();
    finish(&mut trainer);
    assert_eq!(trainer.chip(), Some(&chip), "the chip that is kept");
    for entry in network.imperfections() {
        let model: Vec<f32> = gpu().read(&network.imperfection(0, entry).unwrap()).unwrap();
        match chip.tensors.iter().find(|tensor| tensor.name == entry.name) {
            Some(tensor) => assert_eq!(model, tensor.values, "{}", entry.name),
            None => assert!(model.iter().all(|value| *value == 0.0), "{}", entry.name),
        }
    }
    assert_eq!(chip.tensors.len(), 2);
}

#[test]
fn hours_are_an_axis_over_a_chip_and_other_axes() {
    let bench = Bench::with(&[("recipe.toml", RECIPE)]);
    bench.done("train recipe.toml --out run");
    let table = bench.done("evaluate run --vary hours=0:6:2 --chips 3 --csv hours.csv --figure");
    assert!(table.starts_with("hours   accuracy %  worst %"), "{table}");
    let svg = std::fs::read_to_string(bench.path("run/figures/accuracy-hours.svg")).unwrap();
    for part in [">small, pat, seed 3, 3 chips<", ">time since calibration (h)<", "class=\"band\"", ">worst chip<"] {
        assert!(svg.contains(part), "{part}");
    }
    let hours = bench.rows("hours.csv");
    // hours,accuracy,accuracy_std,loss,samples,chips,accuracy_worst: all chips are alike at hour 0 and differ afterwards.
    assert_eq!((hours.len(), hours[0][2], hours[0][5]), (4, 0.0, 3.0));
    assert!(hours[1..].iter().all(|row| row[2] > 0.0 && row[6] < row[1]), "{hours:?}");
    let score = |arguments: &str| {
        bench.done(&format!("evaluate run {arguments} --csv one.csv"));
        bench.rows("one.csv").remove(0)
    };
    assert_eq!(score("--vary temperature=0 --chips 3")[1..4], hours[0][1..4], "nothing drifts before hour 0");
    // One point by itself is that of a sweep over others, in another order.
    assert_eq!(score("--vary hours=4 --chips 3"), hours[2]);
    bench.done("evaluate run --vary hours=6:0:-3 --chips 3 --csv back.csv");
    let back = bench.rows("back.csv");
    assert_eq!([&back[0], &back[2]], [&hours[3], &hours[0]]);

    // The run ended after five hours, on the chip that it kept, whose number is that of the first of a sweep.
    let metrics = bench.rows("run/metrics.csv");
    assert_eq!(score("--chip run/chip.npz --vary hours=5")[1], metrics[1][5]);
    assert_ne!(score("--chip run/chip.npz --vary hours=0")[1], metrics[1][5]);
    // What a chip holds as a file is what it is drawn with.
    assert_eq!(
        score("--chip run/chip.npz --vary hours=2")[1..4],
        score("--vary ring_offset=0.03 --vary hours=2")[2..5]
    );
    bench.done("evaluate run --vary ring_offset=0:0.05:0.05 --vary hours=0:2:2 --chips 2 --figure");
    assert!(bench.path("run/figures/accuracy-ring_offset-hours.svg").exists());
    bench.done("evaluate run --vary hours=0:4:4 --chips 2 --confusion");
    let confusion = std::fs::read_to_string(bench.path("run/figures/confusion.svg")).unwrap();
    assert!(confusion.contains(">hours 4: "), "{confusion}");

    // A prediction meets the drift of chip 0.
    bench.write_npy("x.npy", &[1, 64], &[7.0; 64]);
    let logits = |arguments: &str| {
        bench.done(&format!("predict run --input x.npy --output y.npy {arguments}"));
        std::fs::read(bench.path("y.npy")).unwrap()
    };
    assert_eq!(logits("--at hours=0"), logits(""));
    assert!(logits("--at hours=3") != logits("") && logits("--at hours=3") == logits("--at hours=3"));

    bench.done("compare recipe.toml --methods standard,pat --vary hours=0:2:2 --chips 2 --out side");
    let svg = std::fs::read_to_string(bench.path("side/figures/accuracy-hours.svg")).unwrap();
    assert!(svg.contains(">time since calibration (h)<") && svg.contains(">pat<"));
}

#[test]
fn hours_that_make_no_sense_are_told() {
    let bench = Bench::with(&[("recipe.toml", RECIPE)]);
    let set = |given: &str, parts: &[&str]| bench.refuse(&format!("train recipe.toml --set {given}"), 2, parts);
    set(
        "training.device.drift.temprature={deviation=0.1,hours=2}",
        &["`training.device.drift.temprature` names no imperfection of any layer; there are: ring_contrast"],
    );
    // Whatever the method is.
    std::fs::write(bench.path("silico.toml"), RECIPE.replace("\"pat\"", "\"standard\"").replace("ring_width", "ring"))
        .unwrap();
    bench.refuse("train silico.toml", 2, &["silico.toml:29: `training.device.drift.ring` names no imperfection"]);
    set(
        "training.device.drift.temperature.deviation=-1",
        &["`training.device.drift.temperature.deviation` must be a finite number, 0 or more, not -1"],
    );
    set(
        "training.device.drift.temperature.hours=0",
        &["`training.device.drift.temperature.hours` must be 0.001 to 1000000, not 0"],
    );
    set("training.device.drift.ring_offset={deviation=0.1}", &["missing key `hours`"]);
    set("training.device.drift.ring_offset=0.1", &["expected a table such as { deviation = 0.5, hours = 2 }"]);
    set("training.device.drift={}", &["recipe.toml:22: `training.device.hours` lets no time pass without a drift"]);
    set("training.device.hours=-1", &["`training.device.hours` must be 0 to 1000000, not -1"]);

    bench.done("train recipe.toml --set training.epochs=1 --out run");
    bench.refuse("evaluate run --vary hours=-1:1:1", 2, &["--vary hours: -1 is not within 0 to 1000000 hours"]);
    bench.refuse("evaluate run --vary hours+temperature=1", 2, &["`hours` is an axis of its own"]);
    bench.refuse("chip run --vary hours=1 --out c.npz", 2, &["--vary hours: chips are taken at hour 0 here"]);
    let still = RECIPE.split("\n[training.device.drift]").next().unwrap().replace("hours = 5.0", "");
    std::fs::write(bench.path("still.toml"), still).unwrap();
    bench.done("train still.toml --set training.epochs=1 --out still");
    let none = "--vary hours: the recipe states no drift; add training.device.drift to it";
    bench.refuse("evaluate still --vary hours=0:2:1", 2, &[none]);
    bench.refuse("compare still.toml --methods pat --vary hours=0:2:1 --out side", 2, &[none]);
    assert!(!bench.path("side").exists());
}

/// Rows of a table of chips: run, chip, own, accuracy, loss.
fn chips(bench: &Bench, name: &str) -> Vec<(String, u32, bool, f64)> {
    let text = std::fs::read_to_string(bench.path(name)).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("run,chip,own,accuracy,loss"));
    let row = |line: &str| {
        let cells: Vec<_> = line.split(',').collect();
        let loss: f64 = cells[4].parse().unwrap();
        assert!(cells.len() == 5 && loss > 0.0);
        (cells[0].to_owned(), cells[1].parse().unwrap(), cells[2] == "1", cells[3].parse().unwrap())
    };
    lines.map(row).collect()
}

#[test]
fn a_network_is_scored_on_its_own_chip_and_on_others() {
    let bench = Bench::with(&[("recipe.toml", RECIPE)]);
    bench.done("train recipe.toml --set training.device.chip=2 --set training.device.hours=0 --out run");
    let told = bench.done("transfer run --chips 4 --csv chips.csv --figure");
    let rows = chips(&bench, "chips.csv");
    assert_eq!(
        rows.iter().map(|row| (row.1, row.2)).collect::<Vec<_>>(),
        [(2, true), (0, false), (1, false), (3, false), (4, false)]
    );
    // The own chip as the training scored it last, the others as a sweep does.
    assert_eq!(rows[0].3, bench.rows("run/metrics.csv")[1][5]);
    let [three, five] = [3, 5].map(|count| {
        bench.done(&format!("evaluate run --vary ring_offset=0.03 --chips {count} --csv sweep.csv"));
        f64::from(count) * bench.rows("sweep.csv")[0][1]
    });
    assert!((rows[1].3 + rows[2].3 + rows[0].3 - three).abs() < 1e-9, "chips 0, 1 and, as the own one, 2");
    assert!((rows[3].3 + rows[4].3 - (five - three)).abs() < 1e-9, "chips 3 and 4");

    let fresh: Vec<_> = rows[1..].iter().map(|row| 100.0 * row.3).collect();
    let mean = fresh.iter().sum::<f64>() / 4.0;
    let spread = (fresh.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 3.0).sqrt();
    let [least, most] = [f64::min, f64::max].map(|pick| fresh.iter().copied().reduce(pick).unwrap());
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines[0], "accuracy on fresh chips, ring offset 0.03 nm");
    assert_eq!(lines[1], "trained by  own chip %  fresh chips %  worst %  best %    loss  samples  chips");
    let words = format!("pat {:.1} {mean:.1} ± {spread:.1} {least:.1} {most:.1}", 100.0 * rows[0].3);
    let found: Vec<_> = lines[2].split_whitespace().collect();
    assert_eq!(found[..7].join(" "), words);
    assert_eq!(found[8..], ["1797", "4"]);
    let svg = std::fs::read_to_string(bench.path("run/figures/transfer.svg")).unwrap();
    let heading =
        format!("own chip {:.1}%, fresh chips {mean:.1} ± {spread:.1}%, worst {least:.1}%<", 100.0 * rows[0].3);
    for part in [">small, pat, seed 3, 4 fresh chips, ring offset 0.03 nm<", &heading, "class=\"bar\""] {
        assert!(svg.contains(part), "{part}");
    }

    // A run in silico has no chip, and takes the sizes of one that has.
    bench.done("train recipe.toml --set training.method=standard --set training.device.imperfections={} --out silico");
    let told = bench.done("transfer silico run --chips 3 --csv two.csv --figure");
    let lines: Vec<_> = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert!(lines[2][..2] == ["standard", "none"] && lines[3][0] == "pat", "{told}");
    let two = chips(&bench, "two.csv");
    let numbers = |run: &str| two.iter().filter(|row| row.0 == run).map(|row| row.1).collect::<Vec<_>>();
    assert_eq!((numbers("silico"), numbers("run")), (vec![0, 1, 2], vec![2, 0, 1, 3]));
    assert_eq!(two[3..], rows[..4]);
    let svg = std::fs::read_to_string(bench.path("silico/figures/transfer.svg")).unwrap();
    assert!(svg.contains(">standard: fresh chips") && svg.contains(">pat: own chip"));
    let told = bench.done("transfer silico --chips 2 --vary ring_offset=0.01 --vary temperature=0.2");
    assert!(told.starts_with("accuracy on fresh chips, ring offset 0.01 nm, temperature 0.2 K\n"), "{told}");

    bench.refuse("transfer silico", 2, &["silico: its recipe states no training.device.imperfections; give the sizes"]);
    bench.refuse("transfer run --vary temperature=0.5", 2, &["run: all chips are alike, as temperature is the same"]);
    bench.refuse("transfer run --vary hours=2", 2, &["--vary hours: chips are taken at hour 0 here"]);
    bench.refuse("transfer run --vary ring_ofset=0.1", 2, &["did you mean `ring_offset`?"]);
    bench.refuse("transfer run --chips 1", 2, &["'--chips <N>'"]);
    bench.refuse("transfer run none", 1, &["none: is not a run folder"]);
    bench.done(
        "train recipe.toml --set training.epochs=1 --set training.device.imperfections={ring_width=0.1} --out odd",
    );
    bench.refuse("transfer run odd", 2, &["odd: its recipe has other training.device.imperfections than that of run"]);
    std::fs::write(bench.path("run/chip.npz"), b"nonsense").unwrap();
    bench.refuse("transfer run --chips 2", 1, &["run/chip.npz"]);
}

#[test]
fn the_chip_that_a_run_keeps_is_the_one_of_its_number() {
    let bench = Bench::with(&[("recipe.toml", RECIPE)]);
    bench.done("train recipe.toml --set training.epochs=1 --set training.device.chip=5 --out run");
    bench.done("chip run --number 5 --vary ring_offset=0.03 --out drawn.npz");
    let (recipe, data) = recipe(&[]);
    let network = compile(&recipe, &data);
    let read = |name: &str| {
        let mut tensors = Chip::load(&bench.path(name), network.imperfections()).unwrap().tensors;
        tensors.sort_by(|one, other| one.name.cmp(&other.name));
        tensors
    };
    assert_eq!(read("run/chip.npz"), read("drawn.npz"));
}
