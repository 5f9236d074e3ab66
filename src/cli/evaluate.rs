//! `flatlight evaluate`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::output::{self, Progress, cells, columns, percent};
use super::train::{compile, explain};
use super::{Context, Failure, load_data};
use crate::data::{Dataset, Split};
use crate::files;
use crate::gpu::{ALIGNMENT_WORDS, Gpu};
use crate::network::widest;
use crate::recipe::Recipe;
use crate::robustness::{Axis, EVALUATION_BATCH, Point, Sweep, chips_at_once, distinct_chips};
use crate::run::Run;

#[derive(Debug, Args)]
#[command(after_help = "\
Imperfections, 0 on the nominal device; LAYER.NAME, such as ring1.temperature, varies one layer's only, and names
joined by +, such as ring1.temperature+ring2.temperature, vary together:
  temperature      K, common to the whole device
  ring_offset      nm, standard deviation of the random shift of every ring's resonance
  ring_width       standard deviation of every ring's half width, relative to nominal
  ring_contrast    standard deviation of every ring's contrast, which is held in 0..1
  crosstalk        fraction of a ring's shift that reaches each neighbour, on top of the recipe's; of layers
                   whose recipe has currents, `dac_bits` or `crosstalk`
  detection_noise  standard deviation of what detectors read, relative to full scale, drawn for every
                   sample; of layers whose recipe has `full_scale`

Examples:
  flatlight evaluate RUN --vary temperature=-2:2:0.5 --csv temperature.csv
  flatlight evaluate RUN --vary ring_offset=0:0.05:0.01 --chips 20
  flatlight evaluate RUN --vary temperature=-1:1:0.5 --vary ring_offset=0:0.02:0.01 --chips 5")]
pub(super) struct Evaluate {
    /// Run folder, as `flatlight train` makes it
    run: PathBuf,

    /// Vary an imperfection over these values, or NAME=VALUE; two make a grid
    #[arg(long, value_name = "NAME=FROM:TO:STEP")]
    vary: Vec<String>,

    /// Devices to draw where a random imperfection is varied
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    chips: u32,

    /// Samples to score
    #[arg(long, value_enum, default_value_t, value_name = "SPLIT")]
    split: SplitName,

    /// Re-estimate batch-norm statistics under every condition from N unlabelled training samples
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    recalibrate: Option<u32>,

    /// Also write the table to this file (accuracy in 0..1, loss a sample)
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
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
    /// The samples.
    pub(super) split: SplitName,
    /// Samples that re-estimate the running statistics.
    pub(super) recalibrate: Option<u32>,
}

impl Evaluate {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let axes = parse_axes(&self.vary)?;
        let run = Run::at(&self.run);
        let recipe = run.recipe()?;
        let data = load_data(context, &recipe)?;
        self.split.of(&data)?;
        let gpu = context.open()?;
        let scoring = Scoring { axes: &axes, chips: self.chips, split: self.split, recalibrate: self.recalibrate };
        let points = score(context, &gpu, &recipe, &data, &run, scoring)?;
        let rows: Vec<_> = points
            .iter()
            .map(|point| {
                let (accuracy, spread) = point.accuracy();
                let rest = [
                    accuracy.to_string(),
                    spread.to_string(),
                    point.loss().to_string(),
                    point.samples.to_string(),
                    point.accuracies.len().to_string(),
                ];
                [cells(point), rest.to_vec()].concat()
            })
            .collect();
        let shown: Vec<_> = points
            .iter()
            .map(|point| {
                let (accuracy, spread) = point.accuracy();
                let chips = point.accuracies.len();
                let rest = [
                    percent(accuracy, (chips > 1).then_some(spread)),
                    format!("{:.4}", point.loss()),
                    point.samples.to_string(),
                    chips.to_string(),
                ];
                [cells(point), rest.to_vec()].concat()
            })
            .collect();
        // What took long to compute is shown even if it cannot be written.
        if self.recalibrate.is_some() {
            output::print(&format!("accuracy{}\n", recalibrated(self.recalibrate)))?;
        }
        output::print(&output::table(&columns(&axes, &["accuracy %", "loss", "samples", "chips"]), &shown))?;
        if let Some(path) = &self.csv {
            let header = columns(&axes, &["accuracy", "accuracy_std", "loss", "samples", "chips"]);
            files::write(path, &output::csv(&header, &rows)?)?;
        }
        Ok(())
    }
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

/// Scores the checkpoint of a run over the grid.
pub(super) fn score(
    context: &Context,
    gpu: &Gpu,
    recipe: &Recipe,
    data: &Dataset,
    run: &Run,
    Scoring { axes, chips, split, recalibrate }: Scoring<'_>,
) -> Result<Vec<Point>, Failure> {
    let samples = split.of(data)?;
    let wide = widest(&recipe.layers, &data.shape).map_err(|error| explain(recipe, error.into()))?;
    // Chips that are recalibrated have statistics of their own.
    let devices = if recalibrate.is_some() { 1 } else { chips_at_once(chips, wide) };
    let rows = EVALUATION_BATCH.min(samples.len().next_multiple_of(ALIGNMENT_WORDS));
    let network = compile(gpu, recipe, data, devices * rows, devices)?;
    let parameters = run.parameters(&network)?;
    gpu.write(&network.flat().parameters, &parameters)?;
    let normalisation = data.normalisation(recipe.data.normalise);
    let feed = network.feed(samples, normalisation)?;
    let unlabelled = recalibrate.map(|_| network.feed(&data.train, normalisation)).transpose()?;
    let grid: usize = axes.iter().map(|axis| axis.values.len()).product();
    let rounds = distinct_chips(&network, axes, chips)?.div_ceil(devices as u32);
    let total = grid as u64 * u64::from(rounds);
    let progress = Progress::new(context, "evaluate", total, 0, devices * feed.len());
    let mut scored = 0;
    let recalibrate = unlabelled.as_ref().zip(recalibrate).map(|(feed, samples)| (feed, samples as usize));
    let sweep = Sweep { axes, chips, recalibrate };
    let points = sweep.run(&network, &parameters, &feed, &mut || {
        progress.step(scored);
        scored += 1;
        !context.stopped()
    })?;
    progress.finish();
    points.ok_or_else(|| Failure::Interrupted("interrupted; nothing was written".to_owned()))
}

/// What a table says of re-estimated statistics.
pub(super) fn recalibrated(samples: Option<u32>) -> String {
    samples.map_or_else(String::new, |samples| {
        format!(", running statistics re-estimated under every condition from {samples} unlabelled training samples")
    })
}
