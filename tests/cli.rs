//! The command as a user meets it: the real program, spawned in a fresh folder.
//!
//! Runs are as small as they can be. Every refusal must be one line on standard error that begins with `error: ` and
//! says what is wrong, where, and what to do, with exit code 1 (failed) or 2 (usage), and must leave nothing behind.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use flatlight::network::checkpoint;

/// A small recipe with everything in it that a test spoils. Tests count on its lines.
const RECIPE: &str = r#"name = "small"
seed = 1

[data]
set = "digits"

[[layers]]
type = "ring-dense"
outputs = 8
contrast = 1.0
start = [0.09, 0.21]

[[layers]]
type = "ring-dense"
outputs = 10

[training]
method = "noise"
epochs = 2
batch = 256

[training.optimizer]
learning_rate = 0.01

[training.noise]
temperature = 0.5
ring_offset = 0.01

[training.sat]
rho = 0.5
"#;

const METRICS: &str = "epoch,step,train_loss,train_accuracy,test_loss,test_accuracy,learning_rate,seconds";

/// What a command left behind.
#[derive(Debug)]
struct Answer {
    code: Option<i32>,
    out: String,
    err: Vec<String>,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap().lines().map(str::to_owned).collect(),
        }
    }
}

impl Answer {
    #[track_caller]
    fn refused(&self, code: i32, parts: &[&str]) {
        let [line] = &self.err[..] else { panic!("one line expected: {self:?}") };
        assert!(line.starts_with("error: "), "{line}");
        parts.iter().for_each(|part| assert!(line.contains(part), "`{part}` is not in `{line}`"));
        assert_eq!(self.code, Some(code), "{line}");
    }
}

/// A fresh folder to run the program in.
struct Bench {
    root: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("work")).unwrap();
        let bench = Self { root };
        bench.write("recipe.toml", RECIPE);
        bench
    }

    /// With a trained run of [`RECIPE`] in `run`.
    fn trained() -> Self {
        let bench = Self::new();
        bench.done("train recipe.toml --out run");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("work").join(name)
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }

    #[track_caller]
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Every file and empty folder below a folder, sorted; none if it is not there.
    fn files(&self, name: &str) -> Vec<String> {
        fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
                let before = found.len();
                walk(&path, &format!("{name}/"), found);
                if found.len() == before {
                    found.push(name);
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.path(name), "", &mut found);
        found.sort();
        found
    }

    /// `program` with the environment of the tests.
    fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path("")).stdin(Stdio::null());
        command.env_remove("RUST_LOG").env("FLATLIGHT_DATA", self.root.path().join("data"));
        // Mesa has something to say about a missing runtime folder and a missing display.
        command.env("XDG_RUNTIME_DIR", self.root.path()).env("NODEVICE_SELECT", "1");
        command
    }

    /// The program with arguments separated by blanks.
    fn command(&self, arguments: &str) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_flatlight"));
        command.args(arguments.split_whitespace());
        command
    }

    fn run(&self, arguments: &str) -> Answer {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs what must succeed, and gives its standard output.
    #[track_caller]
    fn done(&self, arguments: &str) -> String {
        let answer = self.run(&format!("{arguments} --quiet"));
        assert_eq!((answer.code, &answer.err[..]), (Some(0), &[][..]), "{arguments}: {answer:?}");
        answer.out
    }

    /// Runs what must be refused before it prints or writes anything.
    #[track_caller]
    fn refuse(&self, arguments: &str, code: i32, parts: &[&str]) {
        let before = self.files("");
        let answer = self.run(&format!("{arguments} --quiet"));
        answer.refused(code, parts);
        assert_eq!(answer.out, "", "{arguments}");
        assert_eq!(self.files(""), before, "{arguments}");
    }

    /// Refuses to train the recipe with one text replaced by another.
    #[track_caller]
    fn refuse_recipe(&self, [from, to]: [&str; 2], parts: &[&str]) {
        assert_eq!(RECIPE.matches(from).count(), 1, "{from}");
        self.write("recipe.toml", RECIPE.replace(from, to));
        self.refuse("train recipe.toml", 2, parts);
    }

    /// `metrics.csv` of a run without its last column, the seconds.
    #[track_caller]
    fn metrics(&self, run: &str) -> Vec<String> {
        let text = self.read(&format!("{run}/metrics.csv"));
        text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect()
    }

    /// Replaces text in a file by text of the same length, whatever else the file holds.
    #[track_caller]
    fn patch(&self, name: &str, from: &str, to: &str) {
        assert_eq!(from.len(), to.len());
        let mut bytes = std::fs::read(self.path(name)).unwrap();
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect(from);
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        self.write(name, bytes);
    }
}

/// Rows of CSV as cells, the header first.
fn cells(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split(',').collect()).collect()
}

// What works.

#[test]
fn devices_lists_adapters_and_marks_the_one_in_use() {
    let bench = Bench::new();
    let list = bench.done("devices");
    assert_eq!(list.lines().filter(|line| line.starts_with("* ") && !line.contains("--adapter")).count(), 1, "{list}");
    for part in ["driver ", "buffer ", "binding ", "subgroup ", "timed"] {
        assert!(list.contains(part), "{list}");
    }
}

#[test]
fn a_plan_says_what_a_training_will_cost_and_writes_nothing() {
    let bench = Bench::new();
    // The table of memory is that of the training, to the byte and the line.
    let table = |text: &str| -> Vec<String> {
        let lines = text.lines().skip_while(|line| !line.starts_with("memory on the device")).skip(1);
        lines.take_while(|line| line.starts_with("  ")).map(str::to_owned).collect()
    };
    let trained = bench.run("train recipe.toml --set training.epochs=1 --out run");
    let text = bench.done("plan recipe.toml --csv layers.csv --json");
    assert_eq!(table(&text), table(&trained.err.join("\n")));
    assert!(table(&text).len() > 10 && table(&text).last().unwrap().trim_start().starts_with("total "), "{text}");

    let json: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let named = "adapter,batch,epoch,epochs,evaluation,layers,memory,memory_bytes,method,name,passes,roofline,run,stages,step,\
                 step_s,steps_per_epoch";
    assert_eq!(keys, named.split(',').collect::<Vec<_>>());
    let help = bench.run("plan --help").out;
    let readme = include_str!("../README.md");
    keys.iter().for_each(|key| assert!(help.contains(key) && readme.contains(key), "{key}"));
    assert_eq!((&json["method"], &json["batch"]), (&"noise".into(), &256.into()));
    // 256 samples of 64 pixels, 8 rings each, and a bias.
    assert_eq!(json["layers"][0]["forward"]["flops"], f64::from(2 * 256 * 64 * 8 + 256 * 8));
    assert_eq!((&json["layers"][0]["parameters"], &json["layers"][0]["controls"]), (&520.into(), &512.into()));
    assert!(json["roofline"].is_null() && json["step"]["predicted_s"].is_null());
    let stages: Vec<_> =
        json["stages"].as_array().unwrap().iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    assert_eq!(stages, ["draw", "disturb", "actuate", "forward", "score", "backward", "update"]);

    let layers = bench.read("layers.csv");
    let rows = cells(&layers);
    assert_eq!(rows[0][..7].join(","), "layer,type,output,parameters,controls,forward_flops,forward_bytes");
    assert_eq!((rows.len(), &rows[1][..5]), (3, &["ring1", "ring-dense", "8", "520", "512"][..]));

    // A device as given, and one by its data sheet; without the data set.
    let last = |arguments: &str| -> serde_json::Value {
        serde_json::from_str(bench.done(arguments).lines().last().unwrap()).unwrap()
    };
    let given = last("plan recipe.toml --peak 2TFLOPS --bandwidth 100GB/s --launch 2us --json");
    assert_eq!(given["roofline"], serde_json::json!({"peak": 2e12, "bandwidth": 1e11, "launch": 2e-6}));
    let layer = &given["layers"][0]["forward"];
    let [flops, bytes, seconds] = ["flops", "bytes", "predicted_s"].map(|key| layer[key].as_f64().unwrap());
    assert!((seconds - (2e-6 + (flops / 2e12).max(bytes / 1e11))).abs() < 1e-12, "{layer}");
    let elsewhere = last("plan recipe.toml --set data.set=nowhere --shape 8x8 --samples 1000 --on a100 --json");
    assert_eq!(elsewhere["layers"][0]["forward"]["flops"], given["layers"][0]["forward"]["flops"]);
    assert_eq!((&elsewhere["steps_per_epoch"], &elsewhere["roofline"]["bandwidth"]), (&4.into(), &2.039e12.into()));
    let measured = last("plan recipe.toml --measure 1 --json");
    assert!(measured["step_s"].as_f64().unwrap() > 0.0 && measured["layers"][1]["backward"]["measured_s"].is_f64());

    bench.refuse("plan recipe.toml --set data.set=nowhere", 1, &["nowhere", "--shape"]);
    bench.refuse("plan recipe.toml --on h1000", 2, &["h100, a100, rtx4090", "did you mean `h100`?"]);
    bench.refuse("plan recipe.toml --peak 60TFLOPS", 2, &["--bandwidth"]);
    bench.refuse("plan recipe.toml --peak 60 --bandwidth 3TB/s", 2, &["such as 60TFLOPS"]);
    bench.refuse("plan recipe.toml --peak 60TFLOPS --bandwidth=-3TB/s", 2, &["such as 3.3TB/s"]);
    bench.refuse("plan recipe.toml --launch 3us", 2, &["--launch", "--on"]);
    bench.refuse("plan recipe.toml --shape 0x8", 2, &["such as 784, 28x28 or 3x32x32"]);
    bench.refuse("plan recipe.toml --samples 5", 2, &["--shape"]);
}

#[test]
fn help_and_version_are_no_failures() {
    let bench = Bench::new();
    for arguments in [
        "--help",
        "train --help",
        "evaluate --help",
        "compare --help",
        "transfer --help",
        "devices --help",
        "predict --help",
        "chip --help",
        "export --help",
        "generate --help",
        "bench --help",
        "plan --help",
        "propagate --help",
        "fetch --help",
        "mesh --help",
        "mesh decompose --help",
        "mesh compose --help",
    ] {
        let answer = bench.run(arguments);
        assert_eq!((answer.code, answer.err.len()), (Some(0), 0), "{arguments}");
        assert!(answer.out.contains("Usage: flatlight"), "{}", answer.out);
        let widest = answer.out.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 120, "{arguments}: a line of {widest}");
    }
    assert_eq!(bench.run("--version").out, format!("flatlight {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn train_fills_the_run_folder_and_its_recipe_repeats_the_run() {
    let bench = Bench::new();
    let said = bench.done("train recipe.toml --out runs/first");
    assert!(said.starts_with("test accuracy ") && said.ends_with("run folder runs/first\n"), "{said}");
    assert_eq!(
        bench.files("runs/first"),
        [
            "checkpoint.safetensors",
            "environment.json",
            "figures/rings.png",
            "figures/rings.svg",
            "figures/training.png",
            "figures/training.svg",
            "figures/weights.png",
            "figures/weights.svg",
            "metrics.csv",
            "recipe.toml",
            "state.safetensors",
            "summary.json",
        ]
    );
    let metrics = bench.read("runs/first/metrics.csv");
    assert_eq!(metrics.lines().next(), Some(METRICS));
    assert_eq!(metrics.lines().count(), 3);
    for (file, keys) in [
        ("summary.json", &["format", "flatlight", "status", "epochs", "steps", "test_loss", "test_accuracy"][..]),
        ("environment.json", &["flatlight", "adapter", "driver", "operating_system"][..]),
    ] {
        let value: serde_json::Value = serde_json::from_str(&bench.read(&format!("runs/first/{file}"))).unwrap();
        keys.iter().for_each(|key| assert!(!value[key].is_null(), "{file}: {key}"));
    }
    let (tensors, metadata) = checkpoint::read(&bench.path("runs/first/checkpoint.safetensors")).unwrap();
    let mut names: Vec<_> = tensors.iter().map(|tensor| (tensor.name.as_str(), &tensor.shape[..])).collect();
    names.sort_unstable();
    let shapes: [(_, &[usize]); 4] =
        [("ring1.bias", &[8]), ("ring1.detuning", &[8, 64]), ("ring2.bias", &[10]), ("ring2.detuning", &[10, 8])];
    assert_eq!(names, shapes);
    assert_eq!(metadata["unit ring1.detuning"], "nm");

    bench.done("train runs/first/recipe.toml --out runs/again");
    assert_eq!(bench.metrics("runs/again"), bench.metrics("runs/first"));
    bench.done("train recipe.toml --seed 2 --out runs/other");
    assert_ne!(bench.metrics("runs/other"), bench.metrics("runs/first"));
}

#[test]
fn a_run_is_named_after_recipe_method_and_seed() {
    let bench = Bench::new();
    bench.done("train recipe.toml --set training.method=sat --set training.epochs=1 --seed 7");
    assert!(bench.path("runs/small-sat-seed7/checkpoint.safetensors").exists());
}

#[test]
fn progress_is_a_line_an_epoch_with_the_time_left() {
    let bench = Bench::new();
    let answer = bench.run("train recipe.toml --set training.epochs=3 --set training.batch=8");
    assert_eq!(answer.code, Some(0));
    let left: Vec<f64> = answer
        .err
        .iter()
        .filter(|line| line.starts_with("noise epoch "))
        .map(|line| line.strip_suffix(" s left").unwrap().rsplit_once(' ').unwrap().1.parse().unwrap())
        .collect();
    assert_eq!(left.len(), 3, "{answer:?}");
    assert!(left[0] > 0.0 && left[2] == 0.0, "{left:?}");
    assert!(answer.err.iter().any(|line| line.starts_with("adapter: ")), "{answer:?}");
}

#[test]
fn evaluate_varies_one_or_two_imperfections_and_draws_chips() {
    let bench = Bench::trained();
    let table = bench.done("evaluate run --vary temperature=-1:1:0.5 --csv t.csv");
    assert!(table.trim_start().starts_with("temperature "), "{table}");
    let text = bench.read("t.csv");
    assert_eq!(text.lines().next(), Some("temperature,accuracy,accuracy_std,loss,samples,chips,accuracy_worst"));
    let column = |text: &str, place: usize| -> Vec<String> {
        cells(text)[1..].iter().map(|row| row[place].to_owned()).collect()
    };
    assert_eq!(column(&text, 0), ["-1", "-0.5", "0", "0.5", "1"]);
    assert_eq!(column(&text, 2), ["0"; 5]);
    assert_eq!(column(&text, 4), ["1797"; 5]);
    // The nominal point is the last score of the training; batches of another size add up in another order.
    let rows = cells(&text);
    let metrics = bench.metrics("run");
    let trained = &cells(metrics.last().unwrap())[0];
    assert_eq!(rows[3][1], trained[5]);
    let [loss, last]: [f64; 2] = [rows[3][3], trained[4]].map(|cell| cell.parse().unwrap());
    assert!((loss - last).abs() < 1e-5 * last, "{loss} and {last}");

    bench.done("evaluate run --vary ring2.temperature=0:1:1 --vary ring_offset=0:0.1:0.05 --chips 3 --csv grid.csv");
    let text = bench.read("grid.csv");
    assert_eq!(
        text.lines().next(),
        Some("ring2.temperature,ring_offset,accuracy,accuracy_std,loss,samples,chips,accuracy_worst")
    );
    let pairs: Vec<_> = cells(&text)[1..].iter().map(|row| [row[0], row[1]].join(" ")).collect();
    assert_eq!(pairs, ["0 0", "0 0.05", "0 0.1", "1 0", "1 0.05", "1 0.1"]);
    let spread: Vec<f64> = column(&text, 3).iter().map(|cell| cell.parse().unwrap()).collect();
    assert_eq!(spread[0], 0.0);
    assert!(spread[1] > 0.0 && spread[2] > 0.0, "{spread:?}");
    assert_eq!(column(&text, 6), ["3"; 6]);
    let [mean, worst] =
        [2, 7].map(|place| column(&text, place).iter().map(|cell| cell.parse().unwrap()).collect::<Vec<f64>>());
    assert!(worst[0] == mean[0] && worst[1] < mean[1] && worst[2] > mean[2] - 2.0 * spread[2], "{worst:?} of {mean:?}");

    // The same chips again, and to a pipe.
    let again = bench.done("evaluate run --vary ring_offset=0.05 --chips 2 --csv /dev/stdout");
    assert_eq!(again, bench.done("evaluate run --vary ring_offset=0.05 --chips 2 --csv /dev/stdout"));
    assert!(again.contains("\nring_offset,accuracy,accuracy_std,loss,samples,chips,accuracy_worst\n"), "{again}");
}

#[test]
fn the_checkpoint_and_every_score_are_those_of_the_average_where_one_is_kept() {
    let bench = Bench::new();
    bench.done("train recipe.toml --set training.average=0.95 --out run");
    let read = |file: &str| checkpoint::read(&bench.path(&format!("run/{file}.safetensors"))).unwrap().0;
    let (kept, state) = (read("checkpoint"), read("state"));
    let vector = |name: &str| &state.iter().find(|tensor| tensor.name == name).unwrap().values;
    let detunings = &kept.iter().find(|tensor| tensor.name == "ring1.detuning").unwrap().values;
    assert_eq!(detunings[..], vector("average")[..detunings.len()]);
    assert_ne!(detunings[..], vector("parameters")[..detunings.len()]);
    bench.done("evaluate run --csv nominal.csv");
    let (text, metrics) = (bench.read("nominal.csv"), bench.metrics("run"));
    assert_eq!(cells(&text)[1][0], cells(metrics.last().unwrap())[0][5], "accuracy");
}

#[test]
fn what_is_held_out_is_scored_by_name_and_changes_no_other_score() {
    let bench = Bench::new();
    let command = "compare recipe.toml --methods standard,noise --set data.validation=0.1 --set training.epochs=1";
    let on_test = bench.done(&format!("{command} --out side"));
    assert!(on_test.starts_with("accuracy % on 1797 test samples"), "{on_test}");
    let rows = bench.read("side/compare.csv");
    let on_validation = bench.done(&format!("{command} --out side --split validation"));
    assert!(on_validation.starts_with("accuracy % on 382 validation samples"), "{on_validation}");
    let held = bench.read("side/compare.csv");
    assert_eq!(cells(&held)[0], cells(&rows)[0]);
    assert_ne!(held, rows);
    // 3,441 samples are left to train on, in batches of 256; metrics are still of the test split.
    let (metrics, evaluated) = (bench.metrics("side/noise-seed1"), |split: &str| {
        bench.done(&format!("evaluate side/noise-seed1 --csv t.csv {split}"));
        bench.read("t.csv")
    });
    let (last, test, validation) = (cells(&metrics[1]), evaluated("--split test"), evaluated("--split validation"));
    assert_eq!([last[0][1], last[0][5]], ["14", cells(&test)[1][0]]);
    assert_eq!([cells(&test)[1][3], cells(&validation)[1][3]], ["1797", "382"]);
    assert_eq!(cells(&held)[2][2], cells(&validation)[1][0], "compare and evaluate");
    assert_eq!(evaluated(""), test);

    bench.done("train recipe.toml --out run");
    bench.refuse("evaluate run --split validation", 2, &["--split validation: the recipe holds nothing out"]);
    bench.refuse("evaluate run --split train", 2, &["'train'", "test, validation"]);
}

#[test]
fn compare_writes_one_table_with_figures_and_keeps_what_is_trained() {
    let bench = Bench::new();
    let command =
        "compare recipe.toml --methods standard,sat --seeds 2 --vary temperature=-1:1:1 --set training.epochs=1";
    let table = bench.done(&format!("{command} --out side"));
    assert!(table.contains("over 2 seeds") && table.contains("temperature  "), "{table}");
    let text = bench.read("side/compare.csv");
    let rows = cells(&text);
    assert_eq!(rows[0], ["method", "seed", "temperature", "accuracy", "loss"]);
    assert_eq!(rows.len(), 1 + 2 * 2 * 3);
    assert_eq!(rows[1][..3], ["standard", "1", "-1"]);
    assert_eq!(rows[12][..3], ["sat", "2", "1"]);
    for name in ["accuracy-temperature", "training"] {
        assert!(bench.read(&format!("side/figures/{name}.svg")).starts_with("<svg"), "{name}");
        assert!(std::fs::read(bench.path(&format!("side/figures/{name}.png"))).unwrap().starts_with(b"\x89PNG"));
    }

    let stamp = || bench.path("side/sat-seed2/checkpoint.safetensors").metadata().unwrap().modified().unwrap();
    let before = stamp();
    let again = bench.run(&format!("{command} --out side"));
    assert_eq!(again.err.iter().filter(|line| line.ends_with("kept, it is trained already")).count(), 4, "{again:?}");
    assert_eq!((again.out, stamp()), (table, before));
    assert_eq!(bench.read("side/compare.csv"), text);
    bench.refuse(&format!("{command} --set training.batch=128 --out side"), 1, &["side/standard-seed1", "--out"]);
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let bench = Bench::new();
    for arguments in ["devices", "--help"] {
        let mut child = bench.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let answer = Answer::from(child.wait_with_output().unwrap());
        assert_eq!((answer.code, answer.err.len()), (Some(0), 0), "{arguments}: {answer:?}");
    }
    // Nobody listens to the progress either.
    let mut child =
        bench.command("train recipe.toml --out run").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
    assert!(bench.path("run/figures/training.png").exists());
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_continues_bit_for_bit() {
    let bench = Bench::new();
    let command = "train recipe.toml --set training.epochs=5 --set training.batch=8 --set training.schedule=cosine";
    bench.done(&format!("{command} --out whole"));

    let mut child = bench.command(&format!("{command} --out run")).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("epoch 2/5")), "no second epoch");
    // Some way into the third.
    std::thread::sleep(Duration::from_millis(50));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let last = lines.last().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{last}");
    assert!(last.starts_with("interrupted after step ") && last.contains("saved in run,"), "{last}");
    assert!(last.ends_with("continue with --resume"), "{last}");

    bench.refuse("train recipe.toml --set training.epochs=5 --out run", 1, &["run: ", "unfinished", "--resume"]);
    bench.done("evaluate run");
    bench.done(&format!("{command} --out run --resume"));
    assert_eq!(bench.metrics("run"), bench.metrics("whole"));
    let read = |run: &str| checkpoint::read(&bench.path(&format!("{run}/checkpoint.safetensors"))).unwrap().0;
    assert_eq!(read("run").len(), read("whole").len());
    read("run").iter().for_each(|tensor| assert!(read("whole").contains(tensor), "{}", tensor.name));
}

// What is refused.

#[test]
fn arguments_that_make_no_sense_are_told_on_one_line() {
    let bench = Bench::new();
    bench.refuse("trian", 2, &["unrecognized subcommand 'trian'", "'train'", "--help"]);
    bench.refuse("train", 2, &["<RECIPE>", "--help"]);
    bench.refuse("train recipe.toml --sed 3", 2, &["--sed", "'--seed'"]);
    bench.refuse("train recipe.toml --seed x", 2, &["'x'", "--seed"]);
    bench.refuse("train recipe.toml --profile=0", 2, &["--profile", "1..="]);
    bench.refuse("compare recipe.toml", 2, &["--methods"]);
    bench.refuse(
        "compare recipe.toml --methods standart",
        2,
        &["standard, noise, pruning, sat, ", "finite-difference; did you mean `standard`?"],
    );
    bench.refuse("compare recipe.toml --methods sat,sat", 2, &["`sat` is given twice"]);
    bench.refuse("compare recipe.toml --methods sat --seeds 0", 2, &["--seeds", "1..=1000"]);
    bench.refuse("compare recipe.toml --methods sat --seeds 2 --set seed=4294967295", 2, &["--seeds 2", "4294967295"]);
    bench.refuse("evaluate run --chips 0", 2, &["--chips", "1..="]);
    // No argument at all asks for help.
    let answer = bench.run("");
    assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""));
    assert!(answer.err.iter().any(|line| line.starts_with("Usage: flatlight")), "{answer:?}");
}

#[test]
fn without_an_adapter_there_is_advice() {
    let bench = Bench::new();
    for arguments in ["devices --quiet", "train recipe.toml --quiet"] {
        let mut command = bench.command(arguments);
        command.env("VK_ICD_FILENAMES", "/nonexistent").env("VK_DRIVER_FILES", "/nonexistent");
        let answer = Answer::from(command.output().unwrap());
        if cfg!(target_os = "linux") {
            answer.refused(1, &["no GPU adapter found", "apt-get install mesa-vulkan-drivers"]);
        }
    }
    assert!(!bench.path("runs").exists());
    bench.refuse("devices --adapter moonbeam", 1, &["no adapter matches `moonbeam`; there are: 0 = "]);
    bench.refuse("train recipe.toml --adapter 99", 1, &["no adapter matches `99`"]);
}

#[test]
fn a_recipe_that_is_wrong_is_told_with_its_line() {
    let bench = Bench::new();
    for (change, parts) in [
        // Keys and words.
        (["batch = 256", "bach = 256"], &["recipe.toml:20: ", "unknown key `bach`", "did you mean `batch`?"][..]),
        (["contrast = 1.0", "contrats = 1.0"], &["recipe.toml:10: ", "`contrats`", "did you mean `contrast`?"]),
        (["rho = 0.5", "rhoo = 0.5"], &["recipe.toml:30: ", "did you mean `rho`?"]),
        (["name = \"small\"", "nam = \"small\""], &["recipe.toml:1: ", "did you mean `name`?"]),
        (["ring-dense\"\noutputs = 8", "ring-dens\"\noutputs = 8"], &["recipe.toml:8: ", "did you mean `ring-dense`?"]),
        (["type = \"ring-dense\"\noutputs = 8", "outputs = 8"], &["recipe.toml:7: ", "missing key `type`", "relu"]),
        (["outputs = 8\n", ""], &["recipe.toml:7: ", "missing key `outputs`"]),
        (["epochs = 2\n", ""], &["recipe.toml:17: ", "missing key `epochs`"]),
        (["[data]\nset = \"digits\"\n", ""], &["recipe.toml:1: ", "missing key `data`"]),
        (["\"noise\"", "\"noisy\""], &["recipe.toml:18: ", "unknown value `noisy`", "did you mean `noise`?"]),
        // Types.
        (["epochs = 2", "epochs = \"two\""], &["recipe.toml:19: ", "string \"two\"", "a whole number from 0"]),
        (["epochs = 2", "epochs = -2"], &["recipe.toml:19: ", "`-2`", "a whole number from 0"]),
        (["seed = 1", "seed = 4294967296"], &["recipe.toml:2: ", "from 0 to 4294967295"]),
        (["outputs = 8", "outputs = 8.5"], &["recipe.toml:9: ", "`8.5`", "a whole number from 0"]),
        (["rho = 0.5", "rho = true"], &["recipe.toml:30: ", "`true`", "expected a number"]),
        (["start = [0.09, 0.21]", "start = [0.09]"], &["recipe.toml:11: ", "length 1"]),
        (["[data]\nset = \"digits\"", "data = 3"], &["recipe.toml:4: ", "integer `3`"]),
        // TOML itself.
        (["[data]", "[data"], &["recipe.toml:4: "]),
        (["seed = 1", "seed = "], &["recipe.toml:2: "]),
        (["seed = 1", "seed = 1\nseed = 2"], &["recipe.toml:3: ", "duplicate key"]),
        // Ranges.
        (["name = \"small\"", "name = \"../up\""], &["recipe.toml:1: ", "letters, digits"]),
        (["epochs = 2", "epochs = 0"], &["recipe.toml:19: `training.epochs` must be at least 1"]),
        (["batch = 256", "batch = 0"], &["recipe.toml:20: `training.batch` must be between 1 and "]),
        (["learning_rate = 0.01", "learning_rate = 0"], &["recipe.toml:23: ", "must be above 0, not 0"]),
        (["learning_rate = 0.01", "learning_rate = nan"], &["recipe.toml:23: ", "must be above 0, not NaN"]),
        (["temperature = 0.5", "temperature = -1"], &["recipe.toml:26: ", "must be 0 or more, not -1"]),
        (
            ["set = \"digits\"", "set = \"digits\"\nvalidation = 1"],
            &["recipe.toml:6: `data.validation` must be in 0..1, not 1"],
        ),
        (
            ["set = \"digits\"", "set = \"digits\"\nvalidation = 0.0001"],
            &["recipe.toml:6: `data.validation`: holding out 0.0001 of 3823 training samples"],
        ),
        (["batch = 256", "batch = 256\naverage = 1"], &["recipe.toml:21: `training.average` must be in 0..1, not 1"]),
        (
            ["batch = 256", "batch = 256\nwarm_up = 3"],
            &["recipe.toml:21: `training.warm_up` must be at most training.epochs, 2, not 3"],
        ),
        (["batch = 256", "batch = 256\nstep.every = 0"], &["recipe.toml:21: `training.step.every` must be at least 1"]),
        (
            ["learning_rate = 0.01", "weight_decay = 0.1"],
            &[
                "recipe.toml:23: `training.optimizer.weight_decay` must be 0 unless training.optimizer.kind is \"adamw\"",
            ],
        ),
        (["rho = 0.5", "rho = -1"], &["recipe.toml:30: `training.sat.rho` must be 0 or more, not -1"]),
        (
            ["rho = 0.5", "scope = \"imperfections\""],
            &["recipe.toml:30: `training.sat.scope` needs half ranges in training.sat.imperfections, such as"],
        ),
        (
            ["rho = 0.5", "imperfections.temperature = -1"],
            &["recipe.toml:30: `training.sat.imperfections.temperature` must be 0 or more, not -1"],
        ),
        (["rho = 0.5", "scope = \"errors\""], &["recipe.toml:30: ", "`errors`", "imperfections"]),
        (["contrast = 1.0", "contrast = 2"], &["recipe.toml:10: layer 1 (ring1): `contrast` must be at most 1, not 2"]),
        (["contrast = 1.0", "resistance = 0"], &["recipe.toml:10: ", "`resistance` must be above 0, not 0"]),
        (["contrast = 1.0", "dac_bits = 17"], &["recipe.toml:10: ", "`dac_bits` must be 1 to 16, not 17"]),
        (["contrast = 1.0", "adc_bits = 8"], &["recipe.toml:10: ", "`adc_bits` needs `full_scale`"]),
        (["contrast = 1.0", "bank = 0"], &["recipe.toml:10: ", "`bank` must be at least 1"]),
        (["contrast = 1.0", "bank = 16"], &["recipe.toml:10: ", "`bank` of 16 channels 1.6 nm apart does not fit"]),
        (["contrast = 1.0", "full_scale = 0"], &["recipe.toml:10: ", "`full_scale` must be above 0, not 0"]),
        (["contrast = 1.0", "gain = 0"], &["recipe.toml:10: ", "`gain` must be above 0, not 0"]),
        (
            ["contrast = 1.0", "start_sign = \"random\""],
            &[
                "recipe.toml:10: ",
                "down to -0.21 and up to 0.21 nm, which `range` [0.0, 1.0] must hold, such as [-1.0, 1.0]",
            ],
        ),
        (
            ["start = [0.09, 0.21]", "start = [-0.1, 0.2]\nrange = [-1, 1]\nstart_sign = \"alternate\""],
            &["recipe.toml:11: ", "`start` [-0.1, 0.2] must be 0 or more, lower value first; `start_sign` signs it"],
        ),
        (["contrast = 1.0", "start_sign = \"blue\""], &["recipe.toml:10: ", "`blue`", "`negative`"]),
        (
            ["contrast = 1.0", "curve = \"a.csv\""],
            &["recipe.toml:10: `curve` is measured over currents; set `actuator`"],
        ),
        (
            ["contrast = 1.0", "actuator = \"joule\"\ncurve = \"a.csv\""],
            &["recipe.toml:11: `curve`: cannot read a.csv: "],
        ),
        (
            ["contrast = 1.0", "actuator = \"joule\"\ncurve = \"recipe.toml\""],
            &["recipe.toml:11: `curve`: recipe.toml:1: `name = \"small\"` is not a current (mA), a comma and a weight"],
        ),
        (["contrast = 1.0", "crosstalk = 0.5"], &["recipe.toml:10: ", "`crosstalk` must be 0 to below 0.5, not 0.5"]),
        (["contrast = 1.0", "actuator = \"jule\""], &["recipe.toml:10: ", "`jule`", "did you mean `joule`?"]),
        (
            ["contrast = 1.0", "actuator = \"joule\"\nbias_detuning = 0.1"],
            &["recipe.toml:11: ", "`bias_detuning` 0.1 must not be above `range` [0.0, 1.0]"],
        ),
        (["[0.09, 0.21]", "[0.09, 3]"], &["recipe.toml:11: layer 1 (ring1): `start` [0.09, 3.0] must lie inside"]),
        // What does not fit together, found only with the data or the network at hand.
        (["outputs = 10", "outputs = 7"], &["recipe.toml:15: the last layer has 7 outputs, the data has 10 classes"]),
        (
            ["ring_offset = 0.01", "ring_ofset = 0.01"],
            &["recipe.toml:27: ", "`training.noise.ring_ofset`", "ring_offset"],
        ),
        (["temperature = 0.5\nring_offset = 0.01\n", ""], &["recipe.toml:25: ", "at least one imperfection"]),
        (["epochs = 2", "epochs = 4294967295"], &["recipe.toml:19: ", "steps, more than 4294967295"]),
    ] {
        bench.refuse_recipe(change, parts);
    }
    let layers = RECIPE.find("[[layers]]").unwrap()..RECIPE.find("[training]").unwrap();
    for (instead, parts) in [
        ("", &["recipe.toml:1: ", "missing key `layers`"][..]),
        ("layers = []\n", &["a recipe has at least one"]),
        ("layers = 3\n", &["`layers` must be written as [[layers]]"]),
        ("layers = [3]\n", &["a layer must be written as [[layers]]"]),
    ] {
        let rest = RECIPE.replace(&RECIPE[layers.clone()], "");
        bench.write("recipe.toml", format!("{instead}{rest}"));
        bench.refuse("train recipe.toml", 2, parts);
    }
}

#[test]
fn a_recipe_that_cannot_be_read_is_told() {
    let bench = Bench::new();
    bench.refuse("train recipes.toml", 2, &["no recipe `recipes.toml`", "digits-rings"]);
    bench.refuse("train digits-ring", 2, &["did you mean `digits-rings`?"]);
    bench.refuse("train .", 2, &["no recipe `.`"]);
    bench.write("binary.toml", [0xff, 0xfe, 0x00]);
    bench.refuse("train binary.toml", 1, &["cannot read binary.toml: ", "UTF-8"]);
    bench.write("deep.toml", format!("a = {}", "[".repeat(100_000)));
    bench.refuse("train deep.toml", 2, &["deep.toml:1: "]);
    bench.write("empty.toml", "");
    bench.refuse("train empty.toml", 2, &["empty.toml:1: missing key `name`"]);
}

#[test]
fn an_override_that_is_wrong_is_told_as_it_was_given() {
    let bench = Bench::new();
    for (given, parts) in [
        ("training", &["write KEY=VALUE"][..]),
        ("=3", &["the key is empty"]),
        ("training.epoch=3", &["unknown key `epoch`", "did you mean `epochs`?"]),
        ("trainig.epochs=3", &["unknown key `trainig`", "did you mean `training`?"]),
        ("layers.0.output=3", &["unknown key `output`", "did you mean `outputs`?"]),
        ("training.epochs=many", &["string \"many\"", "a whole number"]),
        ("training.epochs.x=3", &["`epochs` is a value"]),
        ("training.method=sta", &["unknown value `sta`"]),
        ("layers.2.outputs=3", &["`layers` has entries 0 to 1, not `2`"]),
        ("layers.first.outputs=3", &["`layers` has entries 0 to 1, not `first`"]),
        ("layers.0=3", &["a layer must be written as"]),
        ("training.epochs=0", &["must be at least 1"]),
        ("layers.0.contrast=2", &["layer 1 (ring1): `contrast` must be at most 1"]),
        ("layers.0.name=a/b", &["layer 1 (a/b): a name is made of letters"]),
        ("layers.1.outputs=7", &["the last layer has 7 outputs"]),
        ("layers.1={type=\"relu\"}", &["the last layer has 8 outputs"]),
        ("layers.0={type=\"max-pool\",windw=2}", &["unknown key `windw`", "did you mean `window`?"]),
        ("layers.0={type=\"max-pool\",window=9}", &["layer 1 (pool1): `window`: expected 1 to 8,", "got 9"]),
        ("layers.1={type=\"average-pool\",window=2}", &["layer 2 (pool1): `type`: pooling takes images", "not [8]"]),
    ] {
        let place = format!("error: --set {given}: ");
        bench.refuse(&format!("train recipe.toml --set {given}"), 2, &[&[place.as_str()], parts].concat());
    }
    bench.refuse("train recipe.toml --set layers.0.outputs=9000000000000", 1, &["needs", "the adapter allows"]);
}

/// IDX: magic of bytes, the axes, the elements.
fn idx(axes: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, axes.len() as u8];
    bytes.extend(axes.iter().flat_map(|axis| axis.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// npy, version 1.
fn npy(kind: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    let text = format!("{text:<117}\n");
    [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), elements].concat()
}

#[test]
fn data_that_is_wrong_is_told_with_its_file() {
    let bench = Bench::new();
    bench.refuse("train recipe.toml --set data.set=digitz", 1, &["no data set \"digitz\"", "did you mean \"digits\"?"]);

    let train = |set: &str| format!("train recipe.toml --set data.set={set}");
    let names =
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];
    let whole = [idx(&[2, 2, 2], &[7; 8]), idx(&[2], &[0, 1]), idx(&[1, 2, 2], &[7; 4]), idx(&[1], &[1])];
    // One of the four files is another; an empty one is left out.
    let idx_set = |set: &str, which: usize, other: Vec<u8>| {
        for (place, (name, bytes)) in names.iter().zip(&whole).enumerate() {
            let bytes = if place == which { &other } else { bytes };
            if !bytes.is_empty() {
                bench.write(&format!("{set}/{name}"), bytes);
            }
        }
    };
    idx_set("absent", 1, Vec::new());
    bench.refuse(&train("absent"), 1, &["absent/train-labels-idx1-ubyte", "missing", "put it beside"]);
    idx_set("short", 0, idx(&[2, 2, 2], &[7; 5]));
    bench.refuse(&train("short"), 1, &["short/train-images-idx3-ubyte: truncated", "21 bytes", "24"]);
    idx_set("count", 3, idx(&[3], &[0, 1, 1]));
    bench.refuse(&train("count"), 1, &["1 samples, but 3 labels"]);
    idx_set("label", 3, idx(&[1], &[9]));
    bench.refuse(&train("label"), 1, &["label/t10k-labels-idx1-ubyte: ", "label 9"]);

    let npy_names = ["train_images", "train_labels", "test_images", "test_labels"];
    let nan = [1.0, f32::NAN, 3.0, 4.0].map(f32::to_le_bytes).concat();
    let arrays =
        [npy("<f4", "2, 2", &nan), npy("|u1", "2,", &[0, 1]), npy("<f4", "1, 2", &[0; 8]), npy("|u1", "1,", &[1])];
    npy_names.iter().zip(arrays).for_each(|(name, bytes)| bench.write(&format!("nan/{name}.npy"), bytes));
    bench.refuse(&train("nan"), 1, &["nan/train_images.npy: sample 0, element 1", "NaN is not a finite"]);

    bench.write("table/train.csv", "a,b,label\n1,2,0\n3,nan,1\n");
    bench.write("table/test.csv", "1,2,0\n");
    bench.refuse(&train("table"), 1, &["table/train.csv: line 3, column 2: \"nan\"", "clean the data"]);
}

#[test]
fn a_header_that_claims_the_moon_costs_neither_time_nor_memory() {
    let bench = Bench::new();
    // 2^40 bytes in 2^20 images, plain and compressed, and an npy array to match.
    let lie = idx(&[1 << 20, 1 << 10, 1 << 10], &[7; 100]);
    bench.write("plain/train-images-idx3-ubyte", &lie);
    bench.write("packed/train-images-idx3-ubyte.gz", gzip(&lie));
    // Within the limit on what is read, but far more than is there.
    bench.write("near/train-images-idx3-ubyte.gz", gzip(&idx(&[1 << 20, 1 << 6, 1 << 6], &[7; 100])));
    for set in ["plain", "packed", "near"] {
        bench.write(&format!("{set}/train-labels-idx1-ubyte"), idx(&[2], &[0, 1]));
    }
    bench.write("array/train_images.npy", npy("<f4", "1048576, 1048576", &[0; 64]));
    for (set, part) in [
        ("plain", "claims an array of 1048576x1024x1024"),
        ("packed", "claims an array of 1048576x1024x1024"),
        ("near", "truncated"),
        ("array", "claims an array of 1048576x1048576"),
    ] {
        let start = Instant::now();
        // The program's own address space is some ten MiB; 256 MiB leave no room for what the headers claim.
        let script = format!("ulimit -v 262144; exec \"$0\" train recipe.toml --quiet --set data.set={set}");
        let mut command = bench.program("sh");
        let answer = if cfg!(target_os = "linux") {
            command.args(["-c", &script, env!("CARGO_BIN_EXE_flatlight")]).output().unwrap().into()
        } else {
            bench.run(&format!("train recipe.toml --quiet --set data.set={set}"))
        };
        answer.refused(1, &[set, "/train", part]);
        assert!(start.elapsed() < Duration::from_secs(5), "{set}");
    }
}

#[test]
fn a_variation_that_is_wrong_is_told() {
    let bench = Bench::trained();
    for (given, parts) in [
        ("temprature=-1:1:1", &["no layer has this imperfection", "did you mean `temperature`?"][..]),
        ("ring1.temprature=1", &["did you mean `ring1.temperature`?"]),
        (
            "ring9.temperature=1",
            &["there are: ring1.ring_contrast, ring1.ring_offset, ring1.ring_width, ring1.temperature"],
        ),
        ("ring1.temperature+temperature=1", &["`ring1.temperature` is named twice"]),
        ("ring1.temperature+ring_offset=1", &["`temperature` and `ring_offset` cannot vary together"]),
        ("ring1.temperature+=1", &["no layer has this imperfection"]),
        ("temperature", &["NAME=FROM:TO:STEP"]),
        ("temperature=1:2", &["NAME=FROM:TO:STEP"]),
        ("temperature=a:b:c", &["NAME=FROM:TO:STEP"]),
        ("temperature=nan", &["NAME=FROM:TO:STEP"]),
        ("temperature=0:1:0", &["a step of 0 never gets from 0 to 1"]),
        ("temperature=0:1:-1", &["a step of -1 never gets from 0 to 1"]),
        ("temperature=0:1:1e-9", &["take a larger step"]),
        ("temperature=1e39", &["beyond 32-bit floats"]),
    ] {
        bench.refuse(&format!("evaluate run --vary {given}"), 2, &[&["--vary "], parts].concat());
    }
    let three = "--vary temperature=0 --vary ring_offset=0 --vary ring1.temperature=0";
    bench.refuse(&format!("evaluate run {three}"), 2, &["3 axes", "two make a grid"]);
    bench.refuse("evaluate run --vary temperature=0 --vary temperature=1", 2, &["`temperature` is given twice"]);
    let huge = "--vary temperature=0:999:1 --vary ring_offset=0:999:1";
    bench.refuse(&format!("evaluate run {huge}"), 2, &["a grid of 1000000 points"]);
    let plain = "no layer keeps running statistics";
    bench.refuse("evaluate run --recalibrate 100", 2, &["--recalibrate: ", plain]);
    bench.refuse("compare recipe.toml --methods standard --recalibrate 9 --out new", 2, &[plain]);
    assert!(!bench.path("new").exists(), "said before anything is trained");
    // Said before anything is trained.
    bench.refuse("compare recipe.toml --methods standard,sat --vary temprature=1", 2, &["did you mean `temperature`?"]);
    let noiseless = "compare recipe.toml --methods standard,noise --set training.noise={}";
    bench.refuse(noiseless, 2, &["--set training.noise={}", "at least one imperfection"]);
    let strange = "compare recipe.toml --methods standard,sat --set training.sat.imperfections.humidity=1";
    bench.refuse(strange, 2, &["--set training.sat.imperfections.humidity=1", "names no imperfection of any layer"]);
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    let bench = Bench::trained();
    let start = "cannot make the folder ";
    bench.refuse(
        "train recipe.toml --out recipe.toml/run",
        1,
        &[start, "recipe.toml/run", "a part of this path is a file"],
    );
    bench.refuse("train recipe.toml --out recipe.toml", 1, &[start, "a part of this path is a file"]);
    bench.refuse("compare recipe.toml --methods sat --out recipe.toml/x", 1, &[start, "recipe.toml/x/sat-seed1"]);
    if cfg!(target_os = "linux") {
        bench.refuse("train recipe.toml --out /proc/x", 1, &[start, "/proc/x", "choose a place"]);
    }
    // The table is shown, as it may have taken long.
    for (file, why) in [("missing/t.csv", "choose a place in a folder that exists"), ("run", "directory")] {
        let answer = bench.run(&format!("evaluate run --quiet --csv {file}"));
        answer.refused(1, &["cannot write ", file, why]);
        assert!(answer.out.contains("accuracy %"), "{}", answer.out);
    }
}

/// A disk of a few kilobytes, unmounted in the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where the tests may not mount anything.
    fn mount(path: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir(&path).unwrap();
        let options = format!("size={size}");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &options, "none"]).arg(&path).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success()).then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_small_disk_that_fills_up_leaves_the_last_whole_files() {
    let bench = Bench::new();
    let Some(_disk) = SmallDisk::mount(bench.path("disk"), "28k") else {
        eprintln!("not allowed to mount a small disk here; the test of limited file sizes stands in for it");
        return;
    };
    let answer = bench.run("train recipe.toml --out disk/run --quiet");
    answer.refused(1, &["cannot write disk/run/state.safetensors: No space left", "free some space"]);
    assert_eq!(
        bench.files("disk/run"),
        ["checkpoint.safetensors", "environment.json", "metrics.csv", "recipe.toml", "summary.json"]
    );
    bench.done("evaluate disk/run");
}

/// Files stop growing at some size, as they would on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_last_whole_files() {
    let bench = Bench::new();
    // In blocks of 512 bytes.
    let limited = |blocks: u32, arguments: &str| {
        let script = format!("ulimit -f {blocks}; trap '' XFSZ; exec \"$0\" {arguments} --quiet");
        Answer::from(bench.program("sh").args(["-c", &script, env!("CARGO_BIN_EXE_flatlight")]).output().unwrap())
    };
    // Not even a start.
    limited(1, "train recipe.toml --out none").refused(1, &["cannot write none/recipe.toml: ", "half-written"]);
    assert!(!bench.path("none").exists());

    // Room for the metrics, not for the checkpoint; then room for all but the state.
    let begun = ["environment.json", "metrics.csv", "recipe.toml", "summary.json"];
    limited(4, "train recipe.toml --out run").refused(1, &["cannot write run/checkpoint.safetensors: "]);
    assert_eq!(bench.files("run"), begun);
    bench.refuse("evaluate run", 1, &["run: holds no checkpoint yet; ", "--resume"]);
    limited(10, "train recipe.toml --out run --resume").refused(1, &["cannot write run/state.safetensors: "]);
    assert_eq!(bench.files("run"), [&["checkpoint.safetensors"], &begun[..]].concat());
    bench.done("evaluate run");

    // With room again it goes on as if nothing had happened.
    bench.done("train recipe.toml --out run --resume");
    bench.done("train recipe.toml --out whole");
    assert_eq!(bench.metrics("run"), bench.metrics("whole"));

    // A table that cannot be written leaves the old one.
    bench.write("t.csv", "old");
    limited(0, "evaluate run --csv t.csv").refused(1, &["cannot write t.csv: "]);
    assert_eq!(bench.read("t.csv"), "old");
    assert!(bench.files("").iter().all(|name| !name.contains(".writing")), "{:?}", bench.files(""));
    bench
        .run("evaluate run --quiet --csv /dev/full")
        .refused(1, &["cannot write /dev/full: No space left", "free some"]);
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = bench.command("devices").stdout(full()).output().unwrap();
    Answer::from(output).refused(1, &["cannot write to standard output", "No space left"]);
    // A full log does not stop a training.
    let logged = bench.command("train recipe.toml --out logged").stdout(Stdio::null()).stderr(full()).status();
    assert!(logged.unwrap().success());
}

#[test]
fn a_folder_that_is_no_run_of_this_version_is_told() {
    let bench = Bench::trained();
    for place in ["nowhere", ".", "recipe.toml"] {
        bench.refuse(&format!("evaluate {place}"), 1, &[&format!("{place}: is not a run folder"), "flatlight train"]);
    }
    // Each damage is undone before the next.
    let damage = |file: &str, bytes: &[u8], arguments: &str, parts: &[&str]| {
        let name = format!("run/{file}");
        let whole = std::fs::read(bench.path(&name)).unwrap();
        bench.write(&name, bytes);
        bench.refuse(arguments, 1, &[&[name.as_str()], parts].concat());
        bench.write(&name, whole);
    };
    let resume = "train recipe.toml --out run --resume";
    let cut = |file: &str| {
        let bytes = std::fs::read(bench.path(&format!("run/{file}"))).unwrap();
        bytes[..bytes.len() / 2].to_vec()
    };
    let summary = bench.read("run/summary.json");
    let versions = ["`flatlight 9`", "reads `flatlight 1`", "train again"];
    damage("summary.json", summary.replace("flatlight 1", "flatlight 9").as_bytes(), "evaluate run", &versions);
    damage("summary.json", b"{}", "evaluate run", &["does not say its format"]);
    damage("summary.json", b"{\"format\": \"flatlight 1\"}", "evaluate run", &["is damaged", "missing field"]);
    damage("summary.json", &cut("summary.json"), "evaluate run", &["is damaged", "train again"]);
    damage("summary.json", b"", resume, &["is damaged"]);
    damage("recipe.toml", &cut("recipe.toml"), "evaluate run", &[":"]);

    damage("checkpoint.safetensors", &cut("checkpoint.safetensors"), "evaluate run", &["not a whole safetensors file"]);
    damage("checkpoint.safetensors", b"", "evaluate run", &["not a whole safetensors file"]);
    damage("checkpoint.safetensors", &[0xff; 64], "evaluate run", &["not a whole safetensors file"]);
    damage("state.safetensors", &cut("state.safetensors"), resume, &["not a whole safetensors file"]);
    damage("metrics.csv", b"epoch,step\n1,2\n", resume, &["is damaged", "train_loss", "start the run anew"]);
    damage("metrics.csv", format!("{METRICS}\n").as_bytes(), resume, &["epochs 1 to 2", "start the run anew"]);
    damage("metrics.csv", b"\xff\xfe", resume, &["metrics.csv: "]);

    for file in ["checkpoint", "state"] {
        let name = format!("run/{file}.safetensors");
        let command = if file == "state" { resume } else { "evaluate run" };
        let path = bench.path(&name);
        let whole = std::fs::read(&path).unwrap();
        bench.patch(&name, "flatlight 1", "flatlight 9");
        bench.refuse(command, 1, &[&[name.as_str()], &versions[..]].concat());
        bench.write(&name, &whole);
        let (mut tensors, metadata) = checkpoint::read(&path).unwrap();
        let tensor = tensors.iter_mut().find(|tensor| tensor.values.len() > 5).unwrap();
        tensor.values[5] = f32::NAN;
        let told = format!("tensor `{}` holds NaN at element 5", tensor.name);
        checkpoint::write(&path, &tensors, metadata).unwrap();
        bench.refuse(command, 1, &[&name, &told, "train again"]);
        bench.write(&name, &whole);
    }
    let recipe = bench.read("run/recipe.toml");
    bench.write("run/recipe.toml", recipe.replace("outputs = 10", "outputs = 7"));
    bench.refuse("evaluate run", 2, &["run/recipe.toml:", "the last layer has 7 outputs"]);
    bench.write("run/recipe.toml", recipe);

    bench.patch("run/state.safetensors", "\"step\":\"30\"", "\"step\":\"99\"");
    bench.refuse(resume, 1, &["run/state.safetensors: stands at step 99 of 30"]);

    // Files of another recipe.
    bench.done("train recipe.toml --set layers.0.outputs=9 --out other");
    for file in ["checkpoint.safetensors", "state.safetensors"] {
        std::fs::copy(bench.path(&format!("other/{file}")), bench.path(&format!("run/{file}"))).unwrap();
    }
    bench.refuse("evaluate run", 1, &["run/checkpoint.safetensors: ", "[9, 64]", "[8, 64]", "another recipe"]);
    bench.refuse(resume, 1, &["run/state.safetensors: ", "another recipe"]);
    std::fs::remove_file(bench.path("run/checkpoint.safetensors")).unwrap();
    bench.refuse("evaluate run", 1, &["run: holds no checkpoint yet"]);
}

#[test]
fn a_run_is_neither_overwritten_nor_mixed_up() {
    let bench = Bench::trained();
    let before = bench.read("run/metrics.csv");
    bench.refuse("train recipe.toml --out run", 1, &["run: holds a finished run already; choose another --out"]);
    for change in ["--set training.epochs=9", "--seed 2", "--set training.method=sat"] {
        bench.refuse(
            &format!("train recipe.toml --out run --resume {change}"),
            1,
            &["run: ", "another recipe or seed"],
        );
    }
    bench.refuse("train recipe.toml --out fresh --resume", 1, &["fresh: holds no run to resume"]);
    // A finished run has nothing left to do; its figures come back.
    std::fs::remove_dir_all(bench.path("run/figures")).unwrap();
    bench.done("train recipe.toml --out run --resume");
    assert_eq!(bench.read("run/metrics.csv"), before);
    assert!(bench.path("run/figures/training.png").exists());
}

#[test]
fn a_training_that_diverges_is_told() {
    let bench = Bench::new();
    let answer = bench.run("train recipe.toml --quiet --out run --set training.optimizer.learning_rate=1e30");
    answer.refused(1, &["diverged", "training.optimizer.learning_rate"]);
    assert!(!bench.path("run/checkpoint.safetensors").exists());
}

#[test]
fn a_measured_curve_is_fitted_told_and_kept_in_the_recipe_of_the_run() {
    let bench = Bench::new();
    let curve = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/curves/heater.csv")).unwrap();
    let keys = |range: &str| format!("actuator = \"joule\"\nrange = {range}\ncurve = \"curves/heater.csv\"");
    let recipe = |range: &str| RECIPE.replacen("contrast = 1.0", &keys(range), 1).replace("epochs = 2", "epochs = 1");
    // Beside the recipe, whatever the working folder.
    bench.write("mine/recipe.toml", recipe("[-0.2, 0.9]"));
    bench.write("mine/curves/heater.csv", &curve);
    let told = |answer: &Answer, part: &str| {
        assert_eq!(answer.code, Some(0), "{answer:?}");
        answer.err.iter().filter(|line| line.contains(part)).cloned().collect::<Vec<_>>()
    };
    let fit = "heater.csv, 61 points from 0 to 2.4 mA: contrast 0.9";
    let first = bench.run("train mine/recipe.toml --out run");
    let [line] = &told(&first, fit)[..] else { panic!("{first:?}") };
    assert!(line.starts_with("layer 1: /") && line.contains("; residual 0.0"), "{line}");
    assert!(told(&first, "warning").is_empty());
    let kept = bench.read("run/recipe.toml");
    assert!(
        kept.contains("[layers.fitted]") && kept.contains("\nrms = 0.0") && kept.contains("heater.csv\""),
        "{kept}"
    );
    assert!(kept.contains("\nbias_detuning = -0.2") && kept.contains("\nnm_per_mw = 0.2"), "{kept}");
    // The run needs the file no more.
    std::fs::remove_dir_all(bench.path("mine/curves")).unwrap();
    let again = bench.run("train run/recipe.toml --out again");
    assert_eq!(told(&again, fit), std::slice::from_ref(line));
    assert_eq!(bench.metrics("run"), bench.metrics("again"));
    assert_eq!(bench.read("again/recipe.toml"), kept);
    assert_eq!(told(&bench.run("evaluate run"), fit), std::slice::from_ref(line));
    bench.refuse(
        "train mine/recipe.toml --out other",
        2,
        &["mine/recipe.toml:12: `curve`: cannot read mine/curves/heater.csv"],
    );
    // Given on the command line, a path starts from the working folder. What was not measured is said, even when quiet.
    bench.write("here.csv", &curve);
    bench.write("mine/recipe.toml", recipe("[-0.2, 1.5]"));
    let wide = bench.run("train mine/recipe.toml --set layers.0.curve=here.csv --out wide --quiet");
    assert_eq!(told(&wide, "warning: layer 1: range [-0.2, 1.5] nm takes 0.6").len(), 1, "{wide:?}");
    assert_eq!(wide.err.len(), 1, "{wide:?}");
}
