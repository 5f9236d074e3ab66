//! `chip`, and what takes one: a device as a file, as a user meets it.

#[path = "common/program.rs"]
mod program;

use flatlight::data::{self, Npz};
use program::Bench;

const RECIPE: &str = r#"name = "small"
seed = 1

[data]
set = "digits"

[[layers]]
type = "ring-dense"
outputs = 8

[[layers]]
type = "ring-dense"
outputs = 10

[training]
method = "standard"
epochs = 1
batch = 256
"#;

/// With a trained run in `run`.
fn trained() -> Bench {
    let bench = Bench::with(&[("recipe.toml", RECIPE)]);
    bench.done("train recipe.toml --out run");
    bench
}

#[test]
fn a_chip_in_a_file_scores_and_predicts_as_the_one_that_was_drawn() {
    let bench = trained();
    let told = bench.done("chip run --number 2 --vary ring_offset=0.05 --vary ring1.ring_width=0.2 --out chip.npz");
    assert_eq!(
        told,
        "chip 2: ring1.ring_offset [8, 64], ring2.ring_offset [10, 8], ring1.ring_width [8, 64] in chip.npz\n"
    );
    let mut file = Npz::open(&bench.path("chip.npz")).unwrap();
    let (shape, values) = file.array("ring2.ring_offset").unwrap();
    let deviation = (values.iter().map(|value| value * value).sum::<f64>() / 80.0).sqrt();
    assert!(shape == [10, 8] && (deviation - 0.05).abs() < 0.015, "{deviation}");

    // The third of three chips that a sweep draws, in the cold and nominal.
    bench.done("chip run --number 2 --vary ring_offset=0.05 --out two.safetensors");
    bench.done("evaluate run --vary ring_offset=0.05 --vary temperature=-0.5:0:0.5 --chips 3 --csv drawn.csv");
    let told = bench.done("evaluate run --chip two.safetensors --vary temperature=-0.5:0:0.5 --chips 3 --csv held.csv");
    assert!(told.starts_with("accuracy on the chip in two.safetensors\ntemperature  accuracy %"), "{told}");
    bench.done("evaluate run --vary ring_offset=0.05 --vary temperature=-0.5:0:0.5 --chips 2 --csv two.csv");
    let [drawn, two, held] = ["drawn.csv", "two.csv", "held.csv"].map(|name| bench.rows(name));
    for ((drawn, two), held) in drawn.iter().zip(&two).zip(&held) {
        // temperature,accuracy,accuracy_std,loss,samples,chips,accuracy_worst
        assert_eq!((held[0], held[2], held[5], held[6]), (drawn[1], 0.0, 1.0, held[1]));
        let third = 3.0 * drawn[4] - 2.0 * two[4];
        assert!((held[3] - third).abs() < 1e-9, "{} and {third}", held[3]);
    }

    // One sample, to see that predictions meet the chip too.
    let pixels: Vec<f32> = (0..64).map(|pixel| (pixel % 17) as f32).collect();
    std::fs::write(bench.path("x.npy"), data::npy(&[1, 64], &pixels).unwrap()).unwrap();
    let logits = |arguments: &str| {
        bench.done(&format!("predict run --input x.npy --output y.npy {arguments}"));
        std::fs::read(bench.path("y.npy")).unwrap()
    };
    bench.done("chip run --vary ring_offset=0.05 --out zero.npz");
    assert_eq!(logits("--chip zero.npz --at temperature=0.3"), logits("--at ring_offset=0.05 --at temperature=0.3"));
    assert!(logits("--chip zero.npz") != logits("--chip two.safetensors"));
    bench.done("evaluate run --chip zero.npz --confusion");
}

#[test]
fn chips_that_do_not_fit_are_refused_in_one_line() {
    let bench = trained();
    bench.refuse(
        "chip run --vary ring_offset=0.1 --out chip.csv",
        2,
        &["--out chip.csv: a chip is a file .npz or .safetensors"],
    );
    bench.refuse(
        "chip run --vary ring_offset=0:1:0.5 --out c.npz",
        2,
        &["--vary ring_offset=0:1:0.5: write NAME=VALUE"],
    );
    bench.refuse("chip run --vary ring_ofset=0.1 --out c.npz", 2, &["did you mean `ring_offset`?"]);
    bench.refuse("chip run --vary crosstalk=0.1 --out c.npz", 2, &["--vary crosstalk: no layer has this imperfection"]);
    bench.refuse("chip run --out c.npz", 2, &["--vary"]);
    assert!(!bench.path("c.npz").exists());
    bench.refuse("evaluate run --chip none.npz", 1, &["none.npz"]);

    bench.done("chip run --vary ring_offset=0.1 --vary temperature=0.5 --out chip.npz");
    bench.refuse(
        "evaluate run --chip chip.npz --vary temperature=0:1:1",
        2,
        &["--vary temperature: the chip holds `ring1.temperature`"],
    );
    let x = data::npy(&[1, 64], &[1.0_f32; 64]).unwrap();
    std::fs::write(bench.path("x.npy"), x).unwrap();
    let predict = "predict run --input x.npy --output y.npy --chip chip.npz --at ring_offset=0.1";
    bench.refuse(predict, 2, &["--at ring_offset: the chip holds `ring1.ring_offset`"]);

    let save = |name: &str, shape: &[usize], values: &[f64]| {
        let array = (name, data::npy(shape, values).unwrap());
        std::fs::write(bench.path("bad.npz"), data::npz([array]).unwrap()).unwrap();
    };
    save("ring1.ring_offset", &[8, 63], &[0.0; 504]);
    bench.refuse(
        "evaluate run --chip bad.npz",
        1,
        &["bad.npz: tensor `ring1.ring_offset` is [8, 63], this network's is [8, 64]"],
    );
    save("mesh1.phase_error", &[1], &[0.0]);
    bench.refuse("evaluate run --chip bad.npz", 1, &["bad.npz: holds `mesh1.phase_error`, which is no imperfection"]);
    save("ring1.temperature", &[1], &[1e300]);
    bench.refuse(
        "evaluate run --chip bad.npz",
        1,
        &["bad.npz: tensor `ring1.temperature`, element 0 (from 0): inf is no finite"],
    );
    std::fs::write(bench.path("bad.safetensors"), b"nonsense").unwrap();
    bench.refuse("evaluate run --chip bad.safetensors", 1, &["bad.safetensors: is not a whole safetensors file"]);
}

#[test]
fn what_varies_decides_which_figure_is_drawn() {
    let bench = trained();
    let svg = |name: &str| std::fs::read_to_string(bench.path(name)).unwrap_or_default();
    bench.done("evaluate run --vary temperature=0.5 --vary ring_offset=0:0.1:0.05 --chips 3");
    assert_eq!(svg("run/figures/accuracy-ring_offset.svg"), "", "only when it is asked for");
    bench.done("evaluate run --vary temperature=0.5 --vary ring_offset=0:0.1:0.05 --chips 3 --figure");
    let curve = svg("run/figures/accuracy-ring_offset.svg");
    for part in
        ["small, standard, seed 1, temperature 0.5 K, 3 chips<", ">worst chip<", "class=\"band\"", "ring offset (nm)<"]
    {
        assert!(curve.contains(part), "{part}");
    }
    bench.done("evaluate run --vary ring1.temperature=0:1:0.5 --vary ring_offset=0:0.1:0.05 --figure");
    let map = svg("run/figures/accuracy-ring1-temperature-ring_offset.svg");
    assert_eq!(map.matches("class=\"cell\"").count(), 9);
    assert!(bench.path("run/figures/accuracy-ring1-temperature-ring_offset.png").exists());
    bench.refuse(
        "evaluate run --vary temperature=0.5 --figure",
        2,
        &["--figure: there is one condition only; --vary a range"],
    );
    bench.refuse("evaluate run --figure", 2, &["--figure: there is one condition only"]);

    // Finished runs are kept: only the figures are new.
    let compare = "compare recipe.toml --methods standard,sat --seeds 2 --out side";
    bench.done(&format!("{compare} --vary ring_offset=0.05 --chips 2"));
    let bars = svg("side/figures/accuracy.svg");
    assert_eq!(bars.matches("class=\"bar\"").count(), 2);
    for part in [">small, ring offset 0.05 nm<", "over 2 seeds, 2 chips each<", ">worst chip<", ">standard<", ">sat<"] {
        assert!(bars.contains(part), "{part}");
    }
    bench.done(&format!("{compare} --vary temperature=0:1:1 --vary ring_offset=0:0.1:0.1"));
    let maps = svg("side/figures/accuracy-temperature-ring_offset.svg");
    assert_eq!(maps.matches("class=\"cell\"").count(), 8);
    assert!(maps.contains(">small, 2 seeds<") && maps.contains(">sat<"));
}
