//! Layers of interferometers as a user meets them: where they start, what an export says of them, chips as files, and what
//! is refused. Their gradients are proven in `tests/training.rs`.

mod common;
#[path = "common/program.rs"]
mod program;

use common::gpu;
use flatlight::data;
use flatlight::layer::Pass;
use flatlight::mesh::{Layout, Matrix, Mesh};
use flatlight::network::{LayerRecipe, Network};
use flatlight::optics::{MeshInput, MeshOutput, MeshRecipe, MeshStart};
use flatlight::recipe::Recipe;
use flatlight::run::{Input, Prints, export};
use npyz::num_complex::Complex64;
use program::Bench;

/// Ten features on twelve modes. Tests count on its lines.
const RECIPE: &str = r#"name = "small"

[data]
set = "vowel"
normalise = "feature"

[[layers]]
type = "mesh"
modes = 12
ports = 11

[training]
method = "standard"
epochs = 1
batch = 64
"#;

fn bench() -> Bench {
    Bench::with(&[("recipe.toml", RECIPE)])
}

/// Refuses to train the recipe with these `KEY=VALUE` of its layer, and leaves no run.
#[track_caller]
fn refuse_layer(bench: &Bench, settings: &[&str], parts: &[&str]) {
    let set: Vec<_> = settings.iter().map(|setting| format!("--set layers.0.{setting}")).collect();
    bench.refuse(&format!("train recipe.toml --out bad {}", set.join(" ")), 2, parts);
    assert!(!bench.path("bad").exists());
}

/// A network of one mesh that takes fields, with detectors at all modes.
fn network(recipe: MeshRecipe) -> Network<'static> {
    let modes = recipe.modes.unwrap();
    let recipe = MeshRecipe { input: MeshInput::Field, output: MeshOutput::Power, ..recipe };
    Network::new(gpu(), &[LayerRecipe::Mesh(Box::new(recipe))], &[modes, 2], modes, modes).unwrap()
}

/// The matrix of a mesh as it starts.
fn started(network: &Network<'_>, layout: Layout, seed: u32) -> Matrix {
    let start = network.start(seed);
    let [theta, phi, gamma] = ["mesh1.theta", "mesh1.phi", "mesh1.gamma"].map(|name| -> Vec<f64> {
        let entry = network.parameters().iter().find(|entry| entry.name == name).unwrap();
        start[entry.range()].iter().map(|&phase| f64::from(phase)).collect()
    });
    let none = vec![0.0; theta.len()];
    Mesh { layout, theta, phi, gamma, coupler_left: none.clone(), coupler_right: none }.compose().unwrap()
}

/// What the device makes of every mode alone: the columns of its matrix, from the nominal device.
fn on_device(network: &Network<'_>) -> Matrix {
    let modes = network.parts()[0].output[0];
    let light = |place| if place % (2 * modes + 2) == 0 { 1.0 } else { 0.0 };
    let one_each: Vec<f32> = (0..2 * modes * modes).map(light).collect();
    network.gpu().write(network.input(), &one_each).unwrap();
    network.nominal().unwrap();
    network.gpu().submit(&[&*network.actuate(), &*network.forward(Pass::Inference)]).unwrap();
    let behind: Vec<f32> = network.gpu().read(network.derived("mesh1.field_behind").unwrap()).unwrap();
    let element = |row, column| -> Complex64 {
        let at = 2 * (column * modes + row);
        Complex64::new(f64::from(behind[at]), f64::from(behind[at + 1]))
    };
    Matrix::new(modes, (0..modes * modes).map(|place| element(place / modes, place % modes)).collect()).unwrap()
}

/// Means over so many seeds of |U_ij|^2 and |U_ij|^4 times what Haar measure makes of them, 1/N and 2/(N (N + 1)).
fn moments(start: MeshStart, layout: Layout, modes: usize, seeds: u32) -> [Vec<f64>; 2] {
    let network = network(MeshRecipe { start, layout, ..MeshRecipe::new(modes) });
    let [mut second, mut fourth] = [(); 2].map(|()| vec![0.0; modes * modes]);
    let n = modes as f64;
    for seed in 0..seeds {
        let matrix = started(&network, layout, seed);
        for ((second, fourth), element) in second.iter_mut().zip(&mut fourth).zip(matrix.values()) {
            let power = element.norm_sqr();
            *second += power * n / f64::from(seeds);
            *fourth += power.powi(2) * n * (n + 1.0) / 2.0 / f64::from(seeds);
        }
    }
    [second, fourth]
}

#[test]
fn meshes_start_as_random_unitary_matrices() {
    let furthest = |means: &[f64]| means.iter().fold(0.0, |most: f64, mean| most.max((mean - 1.0).abs()));
    for layout in Layout::ALL {
        let [second, fourth] = moments(MeshStart::Haar, layout, 8, 400);
        // Five standard errors: |U|^2 has 0.9 of its mean as its deviation, |U|^4 1.7.
        assert!(furthest(&second) < 0.22, "{layout:?} {second:?}");
        let whole = fourth.iter().sum::<f64>() / 64.0;
        assert!(furthest(&fourth) < 0.45 && (whole - 1.0).abs() < 0.05, "{layout:?} {whole} {fourth:?}");
        // Phases that are even over their range are another start: light hardly gets from one corner to the other.
        let [second, _] = moments(MeshStart::Random, layout, 8, 400);
        assert!(furthest(&second) > 0.5, "{layout:?} {second:?}");
    }
}

#[test]
fn starts_follow_the_seed() {
    let two = [MeshRecipe::new(6), MeshRecipe::new(6)].map(|recipe| LayerRecipe::Mesh(Box::new(recipe)));
    let network = Network::new(gpu(), &two, &[6], 6, 4).unwrap();
    assert_eq!(network.start(3), network.start(3));
    let [one, other] = [network.start(3), network.start(4)];
    for entry in network.parameters() {
        let same = one[entry.range()].iter().zip(&other[entry.range()]).filter(|(one, other)| one == other).count();
        assert_eq!(same, 0, "{}", entry.name);
    }
    let of = |name: &str| &one[network.parameters().iter().find(|entry| entry.name == name).unwrap().range()];
    assert_ne!(of("mesh1.theta"), of("mesh2.theta"));
}

#[test]
fn meshes_near_the_cross_state_turn_the_order_of_their_modes_around() {
    for layout in Layout::ALL {
        let network = network(MeshRecipe { start: MeshStart::Cross, layout, ..MeshRecipe::new(16) });
        let [one, other] = [1, 2].map(|seed| started(&network, layout, seed));
        for mode in 0..16 {
            let power = one[[15 - mode, mode]].norm_sqr();
            assert!((0.9..1.0).contains(&power), "{layout:?} {mode}: {power}");
        }
        // Phases are anything.
        assert!(one.distance(&other) > 0.5, "{layout:?}");
    }
}

#[test]
fn the_device_is_the_mesh_that_an_export_holds() {
    let bench = bench();
    for (modes, keys) in [
        (16, "layout = \"reck\""),
        (33, "layout = \"clements\"\ndac_bits = 5\ncrosstalk = 0.04"),
        (65, "start = \"cross\"\ntrainable = false"),
    ] {
        let text = format!(
            "name = \"one\"\n[data]\nset = \"own\"\n[[layers]]\ntype = \"mesh\"\ninput = \"field\"\n{keys}\n\
             [training]\nmethod = \"standard\"\nepochs = 1\nbatch = 1\n"
        );
        let recipe = Recipe::parse("one.toml", &text, &[]).unwrap();
        let network = Network::new(gpu(), &recipe.layers, &[modes, 2], modes, modes).unwrap();
        gpu().write(&network.flat().parameters, &network.start(1)).unwrap();
        let input =
            Input { shape: vec![modes, 2], classes: modes, preparation: None, normalisation: (1.0, 0.0).into() };
        assert_eq!(export(&recipe, &input, &network, &Prints::default(), &bench.path("out")).unwrap(), 3);
        bench.done("mesh compose out/mesh1.mesh.npz --out U.npy");
        let bytes = std::fs::read(bench.path("U.npy")).unwrap();
        let values = npyz::NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap();
        let apart = Matrix::new(modes, values).unwrap().distance(&on_device(&network));
        assert!(apart < 1e-5, "{keys}: {apart:e}");
    }
}

#[test]
fn keys_of_a_mesh_that_make_no_sense_are_refused_with_their_place() {
    let bench = bench();
    for (settings, parts) in [
        (&["modes=9"][..], &["--set layers.0.modes=9: layer 1 (mesh1): `modes` is 9", "10 inputs"][..]),
        (&["modes=1"], &["`modes` is 1", "10 inputs"]),
        (&["modes=2000"], &["--set layers.0.modes=2000", "`modes` must be 2 to 1,024", "not 2000"]),
        (&["ports=13"], &["--set layers.0.ports=13", "`ports` must be 1 to `modes`, 12, not 13"]),
        (&["ports=0"], &["`ports` must be 1 to `modes`, 12, not 0"]),
        (&["ports=10"], &["recipe.toml:7", "10 outputs", "11 classes"]),
        (&["outputs=4"], &["--set layers.0.outputs=4", "`outputs` belongs to `form = \"singular\"`"]),
        (&["output=field"], &["recipe.toml:10", "`ports` needs detectors", "power or amplitude"]),
        (&["input=field"], &["--set layers.0.input=field", "[modes, 2]", "[10]", "`data.transform = \"fourier\"`"]),
        (
            &["reference_beam=1", "modes=10"],
            &["--set layers.0.reference_beam=1", "`reference_beam` needs a mode of its own", "above 10"],
        ),
        (&["dac_bits=0"], &["--set layers.0.dac_bits=0", "`dac_bits` must be 1 to 16, not 0"]),
        (&["crosstalk=0.6"], &["--set layers.0.crosstalk=0.6", "`crosstalk` must be 0 to below 0.5, not 0.6"]),
        (&["insertion_loss=-1"], &["--set layers.0.insertion_loss=-1", "`insertion_loss` must be 0 to 20 dB, not -1"]),
        (&["layout=clement"], &["--set layers.0.layout=clement", "`clements` or `reck`", "did you mean `clements`?"]),
        (&["start=har"], &["`haar`, `cross`, `random`", "did you mean `haar`?"]),
        (&["spread=2"], &["`spread` must be 0 to 1 rad, not 2"]),
        (&["adc_bits=4"], &["`adc_bits` needs `full_scale`"]),
        (&["mode=12"], &["unknown key `mode`", "did you mean `modes`?"]),
        (&["form=singular", "outputs=1"], &["--set layers.0.outputs=1", "`outputs` must be 2 to 1,024", "not 1"]),
        (&["form=singular", "outputs=5"], &["recipe.toml:10", "`ports` must be 1 to `modes`, 5, not 11"]),
    ] {
        refuse_layer(&bench, settings, parts);
    }
    // One feature makes a mesh of one mode.
    let one = RECIPE.replace("modes = 12", "").replace("set = \"vowel\"", "set = \"one\"");
    std::fs::write(bench.path("one.toml"), one).unwrap();
    std::fs::create_dir(bench.path("one")).unwrap();
    for split in ["train", "test"] {
        std::fs::write(bench.path(&format!("one/{split}.csv")), "0.5,0\n1.5,1\n").unwrap();
    }
    bench.refuse(
        "train one.toml --set data.set=./one --out bad",
        2,
        &["one.toml:7", "`modes` must be 2 to 1,024", "not 1"],
    );
    let dark = "name = \"dark\"\n[data]\nset = \"vowel\"\n[[layers]]\ntype = \"attenuators\"\n[training]\nmethod = \"sat\"\nepochs = 1\nbatch = 1\n";
    std::fs::write(bench.path("dark.toml"), dark).unwrap();
    let fields = ["dark.toml:5", "attenuators take fields [modes, 2], not [10]", "`output = \"field\"`"];
    bench.refuse("train dark.toml --out bad", 2, &fields);
    // The parts of a singular form have names too.
    let twice = format!(
        "{}\n[[layers]]\ntype = \"mesh\"\nname = \"mesh1-u\"\n",
        RECIPE.replace("ports = 11", "form = \"singular\"")
    );
    std::fs::write(bench.path("twice.toml"), twice).unwrap();
    bench.refuse("train twice.toml --out bad", 2, &["layer 2 (mesh1-u)", "two layers have this name"]);
}

#[test]
fn chips_of_a_mesh_are_drawn_saved_and_scored() {
    let bench = bench();
    bench.done("train recipe.toml --out run");
    bench.done("train recipe.toml --set layers.0.modes=13 --out other");
    let rejected = "26.7 % of the draws lie beyond ±1 and would be rejected; give at most 0.51";
    bench.refuse("evaluate run --vary splitter_error=0.9", 2, &["--vary splitter_error: ", rejected]);
    bench.refuse("chip run --vary splitter_error=0.9 --out chip.npz", 2, &["--vary splitter_error: ", rejected]);
    bench.refuse("evaluate run --vary ring_offset=0.1", 2, &["no layer has this imperfection", "mesh1.phase_error"]);
    bench.done("chip other --vary phase_error=0.1 --out other.npz");
    let another = ["other.npz: tensor `mesh1.phase_error` is [169], this network's is [144]", "another network"];
    bench.refuse("evaluate run --chip other.npz", 1, &another);

    // A chip in a file scores as the one that was drawn.
    let drawn = "--vary phase_error=0.2 --vary splitter_error=0.1";
    let said = bench.done(&format!("chip run {drawn} --out chip.npz"));
    assert_eq!(said, "chip 0: mesh1.phase_error [144], mesh1.splitter_error [2, 66] in chip.npz\n");
    let scores = |arguments: &str| -> Vec<String> {
        bench.done(&format!("evaluate run {arguments} --csv t.csv"));
        let text = std::fs::read_to_string(bench.path("t.csv")).unwrap();
        text.lines().last().unwrap().rsplit(',').take(6).map(str::to_owned).collect()
    };
    let held = scores("--chip chip.npz");
    assert_eq!(held, scores(&format!("{drawn} --chips 1")));
    assert_ne!(held, scores(""));
    // A phase moved by a turn changes nothing to speak of: errors are phases.
    let turns = data::npy(&[144], &[std::f64::consts::TAU; 144]).unwrap();
    std::fs::write(bench.path("turned.npz"), data::npz([("mesh1.phase_error", turns)]).unwrap()).unwrap();
    assert_eq!(scores("--chip turned.npz")[5], scores("")[5]);
    let beyond = data::npy(&[2, 66], &[1.0; 132]).unwrap();
    std::fs::write(bench.path("beyond.npz"), data::npz([("mesh1.splitter_error", beyond)]).unwrap()).unwrap();
    bench.refuse("evaluate run --chip beyond.npz", 1, &["beyond.npz: tensor `mesh1.splitter_error`, element 0", "±1"]);
}

/// Three meshes learn the vowels, and forget them on chips that are built ever worse.
#[test]
fn vowels_are_learned_by_meshes_alone() {
    let bench = bench();
    bench.done("train vowel-mesh --set training.method=standard --out vowels");
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bench.path("vowels/summary.json")).unwrap()).unwrap();
    let accuracy = summary["test_accuracy"].as_f64().unwrap();
    // One in eleven is chance; of the speakers, none is in both splits.
    assert!(accuracy > 0.42, "{accuracy}");
    bench.done("evaluate vowels --vary phase_error+splitter_error=0:0.2:0.1 --chips 20 --csv vowels.csv");
    let text = std::fs::read_to_string(bench.path("vowels.csv")).unwrap();
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap(),
        "phase_error+splitter_error,accuracy,accuracy_std,loss,samples,chips,accuracy_worst"
    );
    let rows: Vec<Vec<f64>> = lines.map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    let [nominal, built, worse] = &rows[..] else { panic!("{text}") };
    assert!((nominal[1] - accuracy).abs() < 1e-6 && nominal[6] == nominal[1], "{text}");
    assert!(nominal[1] > built[1] + 0.05 && built[1] > worse[1] + 0.05, "{text}");
    assert!(built[6] < built[1] - built[2] && worse[6] < worse[1], "{text}");
}

/// From a loss above that of a guess, log 11 = 2.4, to one below 2.1, by nothing but losses that a misbuilt chip is measured to have.
#[test]
fn spsa_trains_meshes_on_a_chip_that_nobody_knows_in_4320_calls() {
    let bench = bench();
    let device =
        "--set training.device.imperfections.phase_error=0.1 --set training.device.imperfections.splitter_error=0.05";
    let rate = "--set training.epochs=30 --set training.optimizer.learning_rate=0.03";
    bench.done(&format!("train vowel-mesh --set training.method=spsa {rate} {device} --out probed"));
    let read = |file: &str| std::fs::read_to_string(bench.path(&format!("probed/{file}"))).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&read("summary.json")).unwrap();
    // 9 steps an epoch, 8 probes a step, two calls a probe.
    for (key, want) in [("device_calls", 30 * 9 * 8 * 2), ("forward_passes", 0), ("backward_passes", 0)] {
        assert_eq!(summary[key].as_u64(), Some(want), "{key}");
    }
    let metrics = read("metrics.csv");
    let losses: Vec<f64> = metrics.lines().skip(1).map(|row| row.split(',').nth(2).unwrap().parse().unwrap()).collect();
    println!("training losses {losses:.2?}");
    assert!(losses.len() == 30 && losses[0] > 2.5 && losses[29] < 2.1, "{metrics}");
    assert!(summary["test_accuracy"].as_f64().unwrap() > 0.15, "{summary}");
}
