//! `flatlight evaluate`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::images;
use super::output::{self, Progress, cells, columns, percent};
use super::score::{Reading, Scored, Shown, over};
use super::train::{compile, explain};
use super::{Context, Failure, load_data};
use crate::data::{Dataset, Split};
use crate::figures::{self, Confusion};
use crate::files;
use crate::gpu::{ALIGNMENT_WORDS, Gpu};
use crate::network::{Chip, Drift, Feed, Network, widest};
use crate::recipe::{Recipe, Task};
use crate::robustness::{
    Axis, EVALUATION_BATCH, Point, Sweep, check_axes, chips_at_once, distinct_chips, grid, moments, rows_at_once,
};
use crate::run::{Run, load_masks, write_figure};

#[derive(Debug, Args)]
#[command(after_help = "\
Imperfections, 0 on the nominal device; LAYER.NAME, such as ring1.temperature, varies one layer's only, and names
joined by +, such as ring1.temperature+ring2.temperature, vary together:
  temperature      K, common to the whole device
  ring_offset      nm, standard deviation of the random shift of every ring's resonance
  ring_width       standard deviation of every ring's half width, relative to nominal
  ring_contrast    standard deviation of every ring's contrast, which is held in 0..1
  phase_error      rad, standard deviation of every phase of a mesh
  splitter_error   standard deviation of every coupler of a mesh: the difference of the powers that pass and cross
  insertion_loss   dB, loss of every interferometer, on top of the recipe's
  loss_unbalance   dB, by which the arm with theta loses more than the other, on top of the recipe's
  crosstalk        fraction of a ring's shift that reaches each neighbour, on top of the recipe's; of rings whose
                   recipe has currents, `dac_bits` or `crosstalk`, and of the phases of every mesh
  detection_noise  standard deviation of what detectors read, relative to full scale, drawn for every
                   sample; of layers whose recipe has `full_scale`
  shift_x, shift_y pixels, by which all masks in free space stand too far to the right and too low
  rotation         degrees, by which they are turned from x to y, clockwise in a picture
  scale            by which they are too large, relative to nominal
  tilt_x, tilt_y   degrees, by which they turn light to the right and down
  lens_shift_x, lens_shift_y
                   pixels, by which all lenses and apertures stand too far to the right and too low
  distance_error   m, by which all distances in free space are too long
  hours            no imperfection, but the time since the calibration: what training.device.drift of the recipe
                   states drifts from there, on top of all else, by itself on every chip

Examples:
  flatlight evaluate RUN --vary temperature=-2:2:0.5 --csv temperature.csv
  flatlight evaluate RUN --vary ring_offset=0:0.05:0.01 --chips 20 --figure
  flatlight evaluate RUN --vary temperature=-1:1:0.5 --vary ring_offset=0:0.02:0.01 --chips 5
  flatlight evaluate RUN --vary temperature=0.5 --confusion
  flatlight evaluate RUN --chip chip.npz --vary temperature=-1:1:0.5
  flatlight evaluate RUN --vary hours=0:24:1 --chips 20 --figure
  flatlight evaluate RUN --vary shift_x=-2:2:0.5 --vary rotation=-2:2:0.5 --figure
  flatlight evaluate RUN --masks EXPORT
  flatlight evaluate RUN --vary temperature=-0.25:0.25:0.125 --features CLASSIFIER --figure")]
pub(super) struct Evaluate {
    /// Run folder, as `flatlight train` makes it
    run: PathBuf,

    /// Vary an imperfection over these values, or NAME=VALUE; two make a grid
    #[arg(long, value_name = "NAME=FROM:TO:STEP")]
    vary: Vec<String>,

    /// Devices to draw where a random imperfection is varied, or time passes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    chips: u32,

    /// A device, drawn by `flatlight chip` or measured; --vary then varies what it does not hold
    #[arg(long, value_name = "FILE")]
    chip: Option<PathBuf>,

    /// Phase masks from the pictures in this folder, as `export` writes them, not the trained ones
    #[arg(long, value_name = "DIR")]
    masks: Option<PathBuf>,

    /// Samples to score
    #[arg(long, value_enum, default_value_t, value_name = "SPLIT")]
    split: SplitName,

    /// Re-estimate batch-norm statistics under every condition from N unlabelled training samples
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    recalibrate: Option<u32>,

    /// Also write the table to this file (accuracy in 0..1 or PSNR in dB, loss a sample)
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Also draw the score over what varies into the run folder, and images if there are any
    #[arg(long)]
    figure: bool,

    /// Also write confusion matrices into the run folder: nominal, and first and last point
    #[arg(long)]
    confusion: bool,

    /// Also say how far images are from those of the split, in the features of this classifier, a run
    #[arg(long, value_name = "RUN")]
    features: Option<PathBuf>,
}

/// Samples that a network is scored on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum SplitName {
    /// The test split
    #[default]
    Test,
    /// The part of the training split that data.validation holds out
    Validation,
}

impl SplitName {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Validation => "validation",
        }
    }

    /// The split itself.
    pub(super) fn of(self, data: &Dataset) -> Result<&Split, Failure> {
        let held = || {
            Failure::Usage(
                "--split validation: the recipe holds nothing out; train with data.validation, such as 0.1".to_owned(),
            )
        };
        match self {
            Self::Test => Ok(&data.test),
            Self::Validation => data.validation.as_ref().ok_or_else(held),
        }
    }
}

/// What is scored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scoring<'a> {
    /// The grid.
    pub(super) axes: &'a [Axis],
    /// Devices at every point.
    pub(super) chips: u32,
    /// File of what all of them have in common.
    pub(super) chip: Option<&'a Path>,
    /// Folder of pictures of phase masks.
    pub(super) masks: Option<&'a Path>,
    /// The samples.
    pub(super) split: SplitName,
    /// Samples that re-estimate the running statistics.
    pub(super) recalibrate: Option<u32>,
}

impl Evaluate {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let axes = parse_axes(&self.vary)?;
        if self.figure && axes.iter().all(|axis| axis.values.len() == 1) {
            return Err(Failure::Usage("--figure: there is one condition only; --vary a range".to_owned()));
        }
        let run = Run::at(&self.run);
        let recipe = run.recipe()?;
        self.check_task(recipe.task)?;
        let data = load_data(context, &recipe)?;
        self.split.of(&data)?;
        let gpu = context.open()?;
        let scoring = Scoring {
            axes: &axes,
            chips: self.chips,
            chip: self.chip.as_deref(),
            masks: self.masks.as_deref(),
            split: self.split,
            recalibrate: self.recalibrate,
        };
        let (points, shown) = score(context, &gpu, &recipe, &data, &run, scoring)?;
        let distances = match &self.features {
            Some(classifier) => Some(images::distances(context, &gpu, (&recipe, &data, &run), scoring, classifier)?),
            None => None,
        };
        let (reading, distances) = (Reading::of(&recipe, &data), distances.as_deref());
        // What took long to compute is shown even if it cannot be written.
        let notes = scoring.notes();
        if !notes.is_empty() {
            output::print(&format!("{}{notes}\n", reading.name()))?;
        }
        output::print(&table(&axes, &points, reading, distances))?;
        if let Some(path) = &self.csv {
            files::write(path, &csv(&axes, &points, recipe.task, distances)?)?;
        }
        if self.figure {
            let chips = points.iter().map(|point| point.scores.len()).max().unwrap_or(1);
            let method = recipe.training.method.word().to_owned();
            let title = format!("{}, {method}, seed {}{notes}", recipe.name, recipe.seed);
            let over = over(1, chips);
            Scored { axes: &shown, series: vec![(method, points)], chips, over, reading }.draw(run.path(), &title)?;
            if recipe.task == Task::Reconstruction {
                images::draw(&gpu, (&recipe, &data, &run), scoring, &title)?;
            }
        }
        if self.confusion {
            write_confusion(context, &gpu, &recipe, &data, &run, scoring)?;
        }
        Ok(())
    }

    /// Refuses what has no meaning for a task.
    fn check_task(&self, task: Task) -> Result<(), Failure> {
        let complaint = match task {
            Task::Classification if self.features.is_some() => "--features: the run classifies and puts out no images",
            Task::Reconstruction if self.confusion => "--confusion: the run puts out images, which have no classes",
            _ => return Ok(()),
        };
        Err(Failure::Usage(complaint.to_owned()))
    }
}

/// Points as people read them; of several chips mean, spread and the worst.
fn table(axes: &[Axis], points: &[Point], reading: Reading, distances: Option<&[Vec<f64>]>) -> String {
    let several = points.iter().any(|point| point.scores.len() > 1);
    let images = reading == Reading::Psnr;
    let spread = |(mean, spread): (f64, f64), digits: usize| match several {
        true => format!("{mean:.digits$} ± {spread:.digits$}"),
        false => format!("{mean:.digits$}"),
    };
    let rows: Vec<_> = points
        .iter()
        .enumerate()
        .map(|(place, point)| {
            let (score, deviation) = point.score();
            let mut row = cells(point);
            row.push(reading.cell(score, several.then_some(deviation)));
            row.extend(several.then(|| reading.cell(point.worst(), None)));
            row.extend(images.then(|| spread(point.similarity(), 4)));
            row.extend(distances.map(|all| spread(moments(&all[place]), 2)));
            row.extend([reading.loss(point.loss()), point.samples.to_string(), point.scores.len().to_string()]);
            row
        })
        .collect();
    let mut header = vec![format!("{} {}", reading.name(), reading.unit())];
    header.extend(several.then(|| format!("worst {}", reading.unit())));
    header.extend(images.then(|| "SSIM".to_owned()));
    header.extend(distances.map(|_| "Fréchet distance".to_owned()));
    header.extend([if images { "MSE" } else { "loss" }, "samples", "chips"].map(str::to_owned));
    output::table(&[columns(axes, &[]), header].concat(), &rows)
}

/// Points as a table for programs.
fn csv(axes: &[Axis], points: &[Point], task: Task, distances: Option<&[Vec<f64>]>) -> Result<Vec<u8>, Failure> {
    let score = task.score();
    let [deviation, worst] = ["std", "worst"].map(|what| format!("{score}_{what}"));
    let mut header = columns(axes, &[score, &deviation, "loss", "samples", "chips", &worst]);
    let images = task == Task::Reconstruction;
    header.extend(images.then_some(["ssim", "ssim_std"].map(str::to_owned)).into_iter().flatten());
    header.extend(distances.map(|_| ["frechet", "frechet_std"].map(str::to_owned)).into_iter().flatten());
    let rows: Vec<_> = points
        .iter()
        .enumerate()
        .map(|(place, point)| {
            let (score, spread) = point.score();
            let (samples, chips) = (point.samples as f64, point.scores.len() as f64);
            let mut row = vec![score, spread, point.loss(), samples, chips, point.worst()];
            row.extend(images.then(|| point.similarity()).into_iter().flat_map(|(mean, spread)| [mean, spread]));
            row.extend(distances.map(|all| moments(&all[place])).into_iter().flat_map(|(mean, spread)| [mean, spread]));
            [cells(point), row.iter().map(f64::to_string).collect()].concat()
        })
        .collect();
    output::csv(&header, &rows)
}

/// Writes `confusion.csv` (a row a label, a column a class) and its figure.
fn write_confusion(
    context: &Context,
    gpu: &Gpu,
    recipe: &Recipe,
    data: &Dataset,
    run: &Run,
    scoring: Scoring<'_>,
) -> Result<(), Failure> {
    let axes = scoring.axes;
    let labels = &scoring.split.of(data)?.labels;
    let trained = Trained::load(gpu, recipe, data, run, scoring, [EVALUATION_BATCH, 1])?;
    let names: Vec<_> = (0..data.classes).map(|class| class.to_string()).collect();
    let header = columns(axes, &[&["label"], &names.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat());
    let (mut rows, mut matrices) = (Vec::new(), Vec::new());
    for at in confusion_points(axes) {
        let counts = trained
            .sweep(scoring)
            .confusion(&trained.network, labels, &at, &mut || !context.stopped())?
            .ok_or_else(|| Failure::Interrupted("interrupted; no confusion matrix was written".to_owned()))?;
        for (label, counts) in counts.chunks(data.classes).enumerate() {
            let varied = at.iter().map(f64::to_string);
            rows.push(varied.chain([label.to_string()]).chain(counts.iter().map(u64::to_string)).collect());
        }
        let right: u64 = counts.iter().step_by(data.classes + 1).sum();
        let accuracy = right as f64 / counts.iter().sum::<u64>().max(1) as f64;
        let place = place(&trained.network, axes, &at, scoring.chip)?;
        let title = format!("{place}: {}%", percent(accuracy, None));
        matrices.push(Confusion { title, classes: data.classes, counts });
    }
    files::write(&run.path().join("confusion.csv"), &output::csv(&header, &rows)?)?;
    let method = recipe.training.method.word();
    let title = format!("{}, {method}, seed {}{}", recipe.name, recipe.seed, scoring.notes());
    Ok(write_figure(run.path(), "confusion", figures::confusion_matrices(&title, &matrices))?)
}

/// The nominal device, and the first and the last point of a grid or all of up to three.
fn confusion_points(axes: &[Axis]) -> Vec<Vec<f64>> {
    let all = grid(axes);
    let shown = match &all[..] {
        [first, .., last] if all.len() > 3 => vec![first.clone(), last.clone()],
        _ => all,
    };
    let nominal = vec![0.0; axes.len()];
    std::iter::once(nominal.clone()).chain(shown.into_iter().filter(|point| *point != nominal)).collect()
}

/// A point in words, such as `temperature 0.5 K`.
pub(super) fn place(network: &Network<'_>, axes: &[Axis], at: &[f64], chip: Option<&Path>) -> Result<String, Failure> {
    if at.iter().all(|&value| value == 0.0) {
        return Ok(if chip.is_some() { "the chip as it is" } else { "nominal" }.to_owned());
    }
    let words = axes.iter().zip(at).map(|(axis, &value)| Ok(Shown::of(axis, network)?.place(value)));
    Ok(words.collect::<Result<Vec<_>, Failure>>()?.join(", "))
}

/// More points than this in a grid are a slip of the pen.
const MAX_POINTS: usize = 100_000;

/// Reads every `--vary`.
pub(super) fn parse_axes(given: &[String]) -> Result<Vec<Axis>, Failure> {
    let axes = given.iter().map(|axis| axis.parse::<Axis>()).collect::<Result<Vec<_>, _>>()?;
    if axes.len() > 2 {
        let many = axes.len();
        return Err(Failure::Usage(format!("--vary: {many} axes were given; one makes a curve, two make a grid")));
    }
    if let [first, second] = &axes[..]
        && first.name == second.name
    {
        return Err(Failure::Usage(format!("--vary: `{}` is given twice; give it one range", first.name)));
    }
    let points: usize = axes.iter().map(|axis| axis.values.len()).product();
    if points > MAX_POINTS {
        return Err(Failure::Usage(format!(
            "--vary: a grid of {points} points is beyond {MAX_POINTS}; take larger steps"
        )));
    }
    Ok(axes)
}

/// How the devices of a recipe drift.
pub(super) fn drift(recipe: &Recipe, network: &Network<'_>) -> Result<Drift, Failure> {
    Drift::new(&recipe.training.device.drift, network.imperfections()).map_err(|(key, message)| {
        let key = format!("training.device.{key}");
        recipe.refuse(&key, format!("`{key}` {message}")).into()
    })
}

/// A trained network on the device, ready to be scored.
pub(super) struct Trained<'g> {
    pub(super) network: Network<'g>,
    parameters: Vec<f32>,
    chip: Option<Chip>,
    drift: Drift,
    pub(super) feed: Feed,
    /// Samples that re-estimate the running statistics, and how many of them.
    unlabelled: Option<(Feed, usize)>,
}

impl<'g> Trained<'g> {
    /// The checkpoint of a run, for batches of so many samples of so many devices at once.
    pub(super) fn load(
        gpu: &'g Gpu,
        recipe: &Recipe,
        data: &Dataset,
        run: &Run,
        scoring: Scoring<'_>,
        [rows, devices]: [usize; 2],
    ) -> Result<Self, Failure> {
        let samples = scoring.split.of(data)?;
        let rows = rows.min(samples.len().next_multiple_of(ALIGNMENT_WORDS));
        let network = compile(gpu, recipe, data, devices * rows, devices)?;
        let mut parameters = run.parameters(&network)?;
        if let Some(folder) = scoring.masks {
            load_masks(&network, folder, &mut parameters)?;
        }
        gpu.write(&network.flat().parameters, &parameters)?;
        let chip = scoring.chip.map(|path| Chip::load(path, network.imperfections())).transpose()?;
        let drift = drift(recipe, &network)?;
        check_axes(&network, scoring.axes, chip.as_ref(), &drift)?;
        let normalisation = data.normalisation(recipe.data.normalise);
        let feed = network.feed(samples, normalisation.clone())?;
        let unlabelled = match scoring.recalibrate {
            Some(count) => Some((network.feed(&data.train, normalisation)?, count as usize)),
            None => None,
        };
        Ok(Self { network, parameters, chip, drift, feed, unlabelled })
    }

    pub(super) fn sweep<'a>(&'a self, scoring: Scoring<'a>) -> Sweep<'a> {
        let recalibrate = self.unlabelled.as_ref().map(|(feed, count)| (feed, *count));
        Sweep {
            axes: scoring.axes,
            chips: scoring.chips,
            chip: self.chip.as_ref(),
            drift: &self.drift,
            recalibrate,
            parameters: &self.parameters,
            feed: &self.feed,
        }
    }
}

/// Scores the checkpoint of a run over the grid, and gives the axes in words.
pub(super) fn score(
    context: &Context,
    gpu: &Gpu,
    recipe: &Recipe,
    data: &Dataset,
    run: &Run,
    scoring: Scoring<'_>,
) -> Result<(Vec<Point>, Vec<Shown>), Failure> {
    let wide = widest(&recipe.layers, &data.shape).map_err(|error| explain(recipe, error.into()))?;
    // Chips that are recalibrated have statistics of their own.
    let (rows, devices) = match scoring.recalibrate {
        Some(_) => (EVALUATION_BATCH, 1),
        None => (rows_at_once(wide), chips_at_once(scoring.chips, wide)),
    };
    let trained = Trained::load(gpu, recipe, data, run, scoring, [rows, devices])?;
    let grid: usize = scoring.axes.iter().map(|axis| axis.values.len()).product();
    let rounds = distinct_chips(&trained.network, scoring.axes, scoring.chips)?.div_ceil(devices as u32);
    let total = grid as u64 * u64::from(rounds);
    let progress = Progress::new(context, "evaluate", total, 0, devices * trained.feed.len());
    let mut scored = 0;
    let points = trained.sweep(scoring).run(&trained.network, &mut || {
        progress.step(scored);
        scored += 1;
        !context.stopped()
    })?;
    progress.finish();
    let points = points.ok_or_else(|| Failure::Interrupted("interrupted; nothing was written".to_owned()))?;
    let shown = scoring.axes.iter().map(|axis| Shown::of(axis, &trained.network)).collect::<Result<_, _>>()?;
    Ok((points, shown))
}

impl Scoring<'_> {
    /// What a table says of the device it is about, and of what was done to it.
    fn notes(&self) -> String {
        let chip = self.chip.map(|path| format!(" on the chip in {}", path.display()));
        let masks = self.masks.map(|path| format!(" with the masks in {}", path.display()));
        [chip.unwrap_or_default(), masks.unwrap_or_default(), recalibrated(self.recalibrate)].concat()
    }
}

/// What a table says of re-estimated statistics.
pub(super) fn recalibrated(samples: Option<u32>) -> String {
    samples.map_or_else(String::new, |samples| {
        format!(", statistics re-estimated at each condition from {samples} unlabelled samples")
    })
}
