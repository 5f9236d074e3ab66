//! `flatlight plan`

use std::path::PathBuf;

use clap::Args;

use super::bench::random_data;
use super::train::{compile_training, prepare};
use super::{Context, Failure, RecipeArguments, load_data, load_recipe, output};
use crate::data::Dataset;
use crate::files;
use crate::gpu::Gpu;
use crate::network::{self, Expense, LayerAccount, Roofline};
use crate::ops::Load;
use crate::recipe::{Recipe, did_you_mean};
use crate::training::Account;

/// A device whose data sheet says what it can do in `f32`, without tensor cores.
struct Sheet {
    name: &'static str,
    peak: f64,
    bandwidth: f64,
    source: &'static str,
}

const SHEETS: [Sheet; 3] = [
    Sheet { name: "h100", peak: 67e12, bandwidth: 3.35e12, source: "NVIDIA H100 Tensor Core GPU data sheet, H100 SXM" },
    Sheet {
        name: "a100",
        peak: 19.5e12,
        bandwidth: 2.039e12,
        source: "NVIDIA A100 Tensor Core GPU data sheet, A100 80GB SXM",
    },
    Sheet {
        name: "rtx4090",
        peak: 82.6e12,
        bandwidth: 1.008e12,
        source: "NVIDIA Ada GPU architecture, GeForce RTX 4090",
    },
];

/// Seconds that empty kernels take one behind another on GPUs: 334,000 a second (M. Boyer, University of Virginia, CUDA kernel overhead).
const LAUNCH: f64 = 3e-6;

#[derive(Debug, Args)]
#[command(after_help = "\
Devices for --on, by their data sheets, float32 without tensor cores:
  h100     67 TFLOPS, 3.35 TB/s (H100 SXM)
  a100     19.5 TFLOPS, 2.039 TB/s (A100 80GB SXM)
  rtx4090  82.6 TFLOPS, 1.008 TB/s

Operations and bytes are those of the kernels as they are recorded for the adapter at hand; every tensor that a kernel
reads or writes counts once, whatever caches save. A kernel is predicted to take as long as its operations at the peak
or its bytes at the bandwidth, whichever is longer, and the time of a launch. With --measure and no device the peak,
bandwidth and launch are those that the adapter at hand shows in a product of matrices, a sum of vectors and empty
kernels. A share is predicted over measured; above 100 % a kernel does better than those. Nothing is written but the
file of --csv.

With --json the output ends with one JSON object on a line: name, method, batch, adapter, roofline, layers, stages,
step, step_s, passes, evaluation, steps_per_epoch, epochs, epoch, run, memory, memory_bytes. The CSV has a row a layer:
layer,type,output,parameters,controls, then flops,bytes,predicted_s,measured_s of forward and of backward.

Examples:
  flatlight plan digits-rings
  flatlight plan mnist-rings --shape 28x28 --samples 60000 --on h100
  flatlight plan digits-rings --set training.method=sat --measure
  flatlight plan digits-rings --peak 60TFLOPS --bandwidth 3.3TB/s --json")]
pub(super) struct PlanRecipe {
    #[command(flatten)]
    recipe: RecipeArguments,

    /// Shape of a sample, such as 28x28 or 3x32x32: plan on random bytes, without the data set
    #[arg(long, value_name = "SHAPE", value_parser = shape)]
    shape: Option<Shape>,

    /// With --shape: samples of the training split [default: a batch]
    #[arg(long, value_name = "N", requires = "shape", value_parser = clap::value_parser!(u32).range(1..=1 << 26))]
    samples: Option<u32>,

    /// Predict the time on a device: h100, a100 or rtx4090
    #[arg(long, value_name = "DEVICE", value_parser = sheet, conflicts_with_all = ["peak", "bandwidth"])]
    on: Option<&'static Sheet>,

    /// Predict the time on a device of this peak in float32, such as 60TFLOPS
    #[arg(long, value_name = "FLOPS", requires = "bandwidth", value_parser = flops)]
    peak: Option<f64>,

    /// ... and of this bandwidth of its memory, such as 3.3TB/s
    #[arg(long, value_name = "RATE", requires = "peak", value_parser = rate)]
    bandwidth: Option<f64>,

    /// Time to launch a kernel behind another, such as 3us [default: 3us, or what the adapter takes]
    #[arg(long, value_name = "TIME", value_parser = time)]
    launch: Option<f64>,

    /// Also time every kernel on the adapter at hand, over a number of steps
    #[arg(long, value_name = "STEPS", num_args = 0..=1, default_missing_value = "5")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    measure: Option<u32>,

    /// Write the layers as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// End with one line of JSON
    #[arg(long)]
    json: bool,
}

/// Extents of a sample.
#[derive(Clone, Debug)]
struct Shape(Vec<usize>);

impl std::fmt::Debug for Sheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PlanRecipe {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let recipe = load_recipe(&self.recipe)?;
        let data = self.data(context, &recipe)?;
        let gpu = context.open()?;
        context.say(&format!("adapter: {} ({})", gpu.adapter().name, gpu.adapter().kind));
        let roofline = self.roofline(context, &gpu)?;
        let network = compile_training(&gpu, &recipe, &data)?;
        let mut trainer = prepare(&network, &recipe, &data)?;
        let account = trainer.account(roofline.as_ref(), self.measure.map(|steps| steps as usize))?;
        if let Some(path) = &self.csv {
            let (header, rows) = layer_rows(&account);
            files::write(path, &output::csv(&header, &rows)?)?;
        }
        let mut text = report(&recipe, &account);
        if self.json {
            let line = json(&recipe, &gpu, roofline.as_ref(), &account);
            text.push_str(&format!("\n{line}\n"));
        }
        output::print(&text)
    }

    /// The recipe's data, or random bytes of a shape.
    fn data(&self, context: &Context, recipe: &Recipe) -> Result<Dataset, Failure> {
        let Some(Shape(shape)) = &self.shape else {
            return load_data(context, recipe).map_err(|failure| match failure {
                Failure::Failed(message) => Failure::Failed(format!("{message}; or give --shape, which needs no data")),
                other => other,
            });
        };
        let samples = self.samples.map_or(recipe.training.batch, |samples| samples as usize);
        let data = random_data(shape, 1, samples);
        let data = recipe.data.prepare(data).map_err(|error| Failure::Usage(format!("--shape: {error}")))?;
        // As many classes as the network puts out; which of them matters to nothing.
        let classes = network::outputs(&recipe.layers, &data.shape)
            .map_err(|error| super::train::explain(recipe, error.into()))?;
        Ok(Dataset { classes, ..data })
    }

    /// What the time is predicted by, if it is.
    fn roofline(&self, context: &Context, gpu: &Gpu) -> Result<Option<Roofline>, Failure> {
        let launch = self.launch.unwrap_or(LAUNCH);
        let (roofline, source) = match (self.on, self.peak.zip(self.bandwidth)) {
            (Some(sheet), _) => (
                Roofline { peak: sheet.peak, bandwidth: sheet.bandwidth, launch },
                format!("{}, {}", sheet.name, sheet.source),
            ),
            (None, Some((peak, bandwidth))) => (Roofline { peak, bandwidth, launch }, "as given".to_owned()),
            (None, None) if self.measure.is_some() => {
                let shown = Roofline::measure(gpu)?;
                (Roofline { launch: self.launch.unwrap_or(shown.launch), ..shown }, "measured here".to_owned())
            }
            (None, None) if self.launch.is_some() => {
                return Err(Failure::Usage("--launch is of a device; give --on, or --peak and --bandwidth".to_owned()));
            }
            (None, None) => return Ok(None),
        };
        context.say(&format!(
            "roofline: {}, {}, {} a launch ({source})",
            scaled(roofline.peak, "FLOPS"),
            scaled(roofline.bandwidth, "B/s"),
            duration(roofline.launch)
        ));
        Ok(Some(roofline))
    }
}

/// Tables of layers, of a step and of memory, and what it comes to.
fn report(recipe: &Recipe, account: &Account) -> String {
    let mut text = format!("{}, {}, batch {}\n", recipe.name, recipe.training.method.word(), recipe.training.batch);
    text.push_str(&format!("\n{}", layer_table(account)));
    if account.step.predicted_s.is_some() {
        text.push_str(&format!("\n{}", time_table(account)));
    }
    text.push_str(&format!("\n{}", stage_table(account)));
    let memory = network::table(&account.memory);
    text.push_str(&format!("\nmemory on the device, all of it, before the first step:\n{memory}"));
    text.push_str(&format!("\n{}", totals(account)));
    text
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Millions.
fn mega(value: f64) -> String {
    format!("{:.3}", 1e-6 * value)
}

/// What every layer is, computes and moves, and their sums.
fn layer_table(account: &Account) -> String {
    let header =
        words(&["layer", "type", "output", "parameters", "controls", "forward MFLOP", "MB", "backward MFLOP", "MB"]);
    let row = |begin: [String; 3], counts: [usize; 2], loads: [Load; 2]| -> Vec<String> {
        let counts = counts.map(|count| count.to_string());
        let loads = loads.into_iter().flat_map(|load| [mega(load.flops), mega(load.bytes)]);
        begin.into_iter().chain(counts).chain(loads).collect()
    };
    let layers = &account.layers;
    let mut rows: Vec<_> = layers
        .iter()
        .map(|layer| {
            let begin = [layer.name.clone(), layer.kind.clone(), extents(&layer.output)];
            row(begin, [layer.parameters, layer.controls], [layer.forward.load, layer.backward.load])
        })
        .collect();
    let count = |own: fn(&LayerAccount) -> usize| layers.iter().map(own).sum();
    let load = |own: fn(&LayerAccount) -> Load| layers.iter().map(own).sum();
    rows.push(row(
        ["all".to_owned(), String::new(), String::new()],
        [count(|layer| layer.parameters), count(|layer| layer.controls)],
        [load(|layer| layer.forward.load), load(|layer| layer.backward.load)],
    ));
    output::table(&header, &rows)
}

/// Columns of times as far as they are known, with a word for the predicted ones.
fn time_header(account: &Account, predicted: &'static str) -> Vec<String> {
    let columns = [format!("{predicted} us"), "measured us".to_owned(), "share".to_owned()];
    columns.into_iter().take(known(account)).collect()
}

fn times(account: &Account, expense: &Expense) -> Vec<String> {
    let micro = |seconds: Option<f64>| seconds.map(|seconds| format!("{:.1}", 1e6 * seconds));
    let share = expense.share().map(|share| format!("{:.0} %", 100.0 * share));
    let columns = [micro(expense.predicted_s), micro(expense.measured_s), share];
    columns.into_iter().take(known(account)).map(|cell| cell.unwrap_or_else(|| "-".to_owned())).collect()
}

/// How many columns of times there are.
fn known(account: &Account) -> usize {
    match (account.step.predicted_s, account.step.measured_s) {
        (None, _) => 0,
        (Some(_), None) => 1,
        (Some(_), Some(_)) => 3,
    }
}

/// Times of every layer.
fn time_table(account: &Account) -> String {
    let passes = ["forward", "backward"].into_iter().flat_map(|pass| time_header(account, pass));
    let header: Vec<_> = std::iter::once("layer".to_owned()).chain(passes).collect();
    let rows: Vec<Vec<_>> = account
        .layers
        .iter()
        .map(|layer| {
            let passes = [&layer.forward, &layer.backward].into_iter().flat_map(|pass| times(account, pass));
            std::iter::once(layer.name.clone()).chain(passes).collect()
        })
        .collect();
    output::table(&header, &rows)
}

/// The stages of a step, and their sum.
fn stage_table(account: &Account) -> String {
    let mut header = words(&["stage of a step", "calls", "dispatches", "MFLOP", "MB"]);
    header.extend(time_header(account, "predicted"));
    let row = |name: &str, calls: String, expense: &Expense| {
        let load = [mega(expense.load.flops), mega(expense.load.bytes)];
        let begin = [name.to_owned(), calls, rounded(expense.dispatches)];
        begin.into_iter().chain(load).chain(times(account, expense)).collect::<Vec<_>>()
    };
    let stages = account.stages.iter().map(|stage| row(&stage.name, rounded(stage.calls), &stage.expense));
    let rows: Vec<_> = stages.chain([row("a step", String::new(), &account.step)]).collect();
    output::table(&header, &rows)
}

/// A step, an epoch and the run, a line each.
fn totals(account: &Account) -> String {
    let line = |what: String, expense: &Expense| {
        let mut line = format!("{what}; {}, {}", scaled(expense.load.flops, "FLOP"), scaled(expense.load.bytes, "B"));
        if let Some(seconds) = expense.predicted_s {
            line.push_str(&format!("; predicted {}", duration(seconds)));
        }
        if let Some(seconds) = expense.measured_s {
            line.push_str(&format!("; kernels measured {}", duration(seconds)));
        }
        line
    };
    let passes = account.passes;
    let mut what =
        format!("a step: {} forward and {} backward passes", rounded(passes.forward), rounded(passes.backward));
    if passes.device > 0 {
        what.push_str(&format!(", {} batches measured on a device", passes.device));
    }
    let mut step = line(what, &account.step);
    if let Some(seconds) = account.step_s {
        step.push_str(&format!(", in one submission {}", duration(seconds)));
    }
    let epoch = line(format!("an epoch: {} steps and an evaluation", account.steps_per_epoch), &account.epoch());
    let run = line(format!("the run: {} epochs", account.epochs), &account.run());
    format!("{step}\n{epoch}\n{run}\n")
}

/// The layers for a file.
fn layer_rows(account: &Account) -> (Vec<String>, Vec<Vec<String>>) {
    let header = ["layer", "type", "output", "parameters", "controls"].map(str::to_owned).into_iter();
    let columns = ["forward", "backward"]
        .into_iter()
        .flat_map(|pass| ["flops", "bytes", "predicted_s", "measured_s"].map(|column| format!("{pass}_{column}")));
    let optional = |seconds: Option<f64>| seconds.map_or_else(String::new, |seconds| seconds.to_string());
    let cells = |expense: &Expense| {
        let Expense { load, predicted_s, measured_s, .. } = *expense;
        [load.flops.to_string(), load.bytes.to_string(), optional(predicted_s), optional(measured_s)]
    };
    let rows = account.layers.iter().map(|layer| {
        let begin = [layer.name.clone(), layer.kind.clone(), extents(&layer.output)];
        let counts = [layer.parameters, layer.controls].map(|count| count.to_string());
        begin.into_iter().chain(counts).chain(cells(&layer.forward)).chain(cells(&layer.backward)).collect()
    });
    (header.chain(columns).collect(), rows.collect())
}

fn json(recipe: &Recipe, gpu: &Gpu, roofline: Option<&Roofline>, account: &Account) -> serde_json::Value {
    let memory: serde_json::Map<_, _> =
        account.memory.iter().map(|(name, bytes)| (name.clone(), (*bytes).into())).collect();
    serde_json::json!({
        "name": recipe.name,
        "method": recipe.training.method.word(),
        "batch": recipe.training.batch,
        "adapter": gpu.adapter().name,
        "roofline": roofline,
        "layers": account.layers,
        "stages": account.stages,
        "step": account.step,
        "step_s": account.step_s,
        "passes": account.passes,
        "evaluation": account.evaluation,
        "steps_per_epoch": account.steps_per_epoch,
        "epochs": account.epochs,
        "epoch": account.epoch(),
        "run": account.run(),
        "memory": memory,
        "memory_bytes": account.memory.iter().map(|(_, bytes)| bytes).sum::<u64>(),
    })
}

/// `6x14x14`.
fn extents(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

/// At most two digits behind the point, as few as it takes.
fn rounded(value: f64) -> String {
    ((100.0 * value).round() / 100.0).to_string()
}

/// Factors of ten and their prefixes, the largest first.
const PREFIXES: [(&str, f64); 6] = [("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0)];

/// Four digits, a prefix and the unit, such as `3.350 TB/s`.
fn scaled(value: f64, unit: &str) -> String {
    let (prefix, factor) = PREFIXES.into_iter().find(|(_, factor)| value >= *factor).unwrap_or(("", 1.0));
    let value = value / factor;
    let digits = if value < 10.0 {
        3
    } else if value < 100.0 {
        2
    } else {
        1
    };
    format!("{value:.digits$} {prefix}{unit}")
}

/// A short or a long time for people.
fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1e-3 => format!("{:.1} us", 1e6 * seconds),
        seconds if seconds < 1.0 => format!("{:.3} ms", 1e3 * seconds),
        seconds => output::seconds(seconds),
    }
}

/// A number above 0 with a prefix and one of these units.
fn quantity(text: &str, unit: &str, prefixes: &[(&str, f64)], example: &str) -> Result<f64, String> {
    let complain = || format!("give a number above 0 and its unit, such as {example}");
    let number = text.trim().strip_suffix(unit).ok_or_else(complain)?.trim_end();
    let (number, factor) = prefixes
        .iter()
        .filter_map(|(prefix, factor)| Some((number.strip_suffix(prefix)?, *factor)))
        .next()
        .ok_or_else(complain)?;
    let value = number.trim_end().parse::<f64>().map_err(|_| complain())? * factor;
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err(complain()) }
}

fn flops(text: &str) -> Result<f64, String> {
    quantity(text, "FLOPS", &PREFIXES, "60TFLOPS")
}

fn rate(text: &str) -> Result<f64, String> {
    quantity(text, "B/s", &PREFIXES, "3.3TB/s")
}

fn time(text: &str) -> Result<f64, String> {
    quantity(text, "s", &[("n", 1e-9), ("u", 1e-6), ("m", 1e-3), ("", 1.0)], "3us")
}

fn sheet(name: &str) -> Result<&'static Sheet, String> {
    let names = SHEETS.each_ref().map(|sheet| sheet.name);
    SHEETS.iter().find(|sheet| sheet.name == name).ok_or_else(|| {
        format!("there are: {}, or give --peak and --bandwidth{}", names.join(", "), did_you_mean(name, names))
    })
}

fn shape(text: &str) -> Result<Shape, String> {
    let extents: Option<Vec<usize>> =
        text.split('x').map(|extent| extent.parse().ok().filter(|extent| *extent > 0)).collect();
    let most = |extents: &Vec<usize>| {
        extents
            .iter()
            .try_fold(1_usize, |product, extent| product.checked_mul(*extent))
            .is_some_and(|all| all <= 1 << 28)
    };
    extents
        .filter(|extents| extents.len() <= 3 && most(extents))
        .map(Shape)
        .ok_or_else(|| "give one to three extents above 0, such as 784, 28x28 or 3x32x32".to_owned())
}
