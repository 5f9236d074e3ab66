//! `flatlight compare`

use std::path::{Path, PathBuf};

use clap::Args;

use super::evaluate::{Scoring, SplitName, drift, parse_axes, recalibrated, score};
use super::output::{self, cells, columns};
use super::score::{Reading, Scored, Shown, over};
use super::train::{How, compile_training, prepare, train, training_curve};
use super::{Context, Failure, RecipeArguments, folder_or, load_data, load_recipe, method};
use crate::data::Dataset;
use crate::figures::{self, TrainingCurve};
use crate::files;
use crate::gpu::Gpu;
use crate::recipe::Recipe;
use crate::robustness::{Axis, Point, check_axes, check_statistics};
use crate::run::{Run, Status, write_figure};
use crate::training::{EpochRow, Method};

#[derive(Debug, Args)]
#[command(after_help = "\
Writes compare.csv and figures into the folder, and every run into a folder of its own below it.

Examples:
  flatlight compare digits-rings --methods standard,noise,pruning,sat --vary temperature=-2:2:0.25
  flatlight compare digits-rings --methods standard,sat --vary ring_offset=0:0.05:0.01 --seeds 5 --chips 10")]
pub(super) struct Compare {
    #[command(flatten)]
    recipe: RecipeArguments,

    /// Methods, by commas: standard, noise, pruning, sat, pat, dat, sat-in-situ, spsa, finite-difference
    #[arg(long, value_delimiter = ',', required = true, value_name = "METHODS", value_parser = method)]
    methods: Vec<Method>,

    /// Vary an imperfection over these values; two make a grid, see `evaluate --help`
    #[arg(long, value_name = "NAME=FROM:TO:STEP")]
    vary: Vec<String>,

    /// Number of seeds of each method, counted up from the recipe's
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,

    /// Devices to draw for a random imperfection, or to let drift; scores are means
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    chips: u32,

    /// Samples to score
    #[arg(long, value_enum, default_value_t, value_name = "SPLIT")]
    split: SplitName,

    /// Re-estimate batch-norm statistics under every condition from N unlabelled training samples
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    recalibrate: Option<u32>,

    /// Folder; what is trained in it already is kept [default: runs/NAME-compare]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// One trained network and its scores.
struct Arm {
    method: Method,
    seed: u32,
    points: Vec<Point>,
    rows: Vec<EpochRow>,
}

impl Compare {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let recipe = load_recipe(&self.recipe)?;
        let axes = parse_axes(&self.vary)?;
        let folder = folder_or(&self.out, format!("{}-compare", recipe.name));
        let entries = self.entries(&recipe, &folder)?;
        let data = load_data(context, &recipe)?;
        self.split.of(&data)?;
        let gpu = context.open()?;
        context.say(&format!("adapter: {} ({})", gpu.adapter().name, gpu.adapter().kind));
        let mut shown = Vec::new();
        for (own, _) in entries.iter().step_by(self.seeds as usize) {
            shown = rehearse(&gpu, own, &data, &axes, self.recalibrate)?;
        }
        let mut arms: Vec<Arm> = Vec::new();
        for (own, run) in &entries {
            let (method, seed) = (own.training.method, own.seed);
            let label = format!("{} seed {seed}", method.word());
            let rows = if run.exists() && run.summary()?.status == Status::Finished {
                context.say(&format!("{label}: kept, it is trained already"));
                run.metrics()?
            } else {
                let how = How { label: &label, verbose: arms.is_empty(), tensorboard: false };
                train(context, &gpu, own, &data, run, how).map_err(again)?
            };
            let scoring = Scoring {
                axes: &axes,
                chips: self.chips,
                chip: None,
                masks: None,
                split: self.split,
                recalibrate: self.recalibrate,
            };
            let (points, _) = score(context, &gpu, own, &data, run, scoring).map_err(again)?;
            arms.push(Arm { method, seed, points, rows });
        }
        write_csv(&folder, &axes, recipe.task.score(), &arms)?;
        let reading = Reading::of(&recipe, &data);
        let title = format!("{}{}", recipe.name, recalibrated(self.recalibrate));
        draw(&folder, &recipe, &title, &shown, &self.methods, &arms, reading)?;
        let title = format!("{} samples{}", self.split.word(), recalibrated(self.recalibrate));
        output::print(&summary_table(&axes, &self.methods, &arms, reading, &title))?;
        context.say(&format!("table and figures in {}", folder.display()));
        Ok(())
    }

    /// Recipe and folder of every run, method by method.
    fn entries(&self, recipe: &Recipe, folder: &Path) -> Result<Vec<(Recipe, Run)>, Failure> {
        let mut entries: Vec<(Recipe, Run)> = Vec::new();
        for &method in &self.methods {
            if entries.iter().any(|(other, _)| other.training.method == method) {
                return Err(Failure::Usage(format!("--methods: `{}` is given twice", method.word())));
            }
            for count in 0..self.seeds {
                let mut own = recipe.clone();
                own.training.method = method;
                own.seed = recipe.seed.checked_add(count).ok_or_else(|| {
                    Failure::Usage(format!(
                        "--seeds {}: counts past {} from seed {}",
                        self.seeds,
                        u32::MAX,
                        recipe.seed
                    ))
                })?;
                let run = Run::at(&folder.join(format!("{}-seed{}", method.word(), own.seed)));
                if run.exists() && run.recipe()? != own {
                    return Err(Failure::Failed(format!(
                        "{}: was made with another recipe; choose another --out",
                        run.path().display()
                    )));
                }
                entries.push((own, run));
            }
        }
        Ok(entries)
    }
}

/// Builds everything that a run needs and lets go of it: what does not fit is said before the first of many trainings
/// and not after it. Gives the axes in words.
fn rehearse(
    gpu: &Gpu,
    recipe: &Recipe,
    data: &Dataset,
    axes: &[Axis],
    recalibrate: Option<u32>,
) -> Result<Vec<Shown>, Failure> {
    let network = compile_training(gpu, recipe, data)?;
    prepare(&network, recipe, data)?;
    check_axes(&network, axes, None, &drift(recipe, &network)?)?;
    recalibrate.map(|_| check_statistics(&network)).transpose()?;
    axes.iter().map(|axis| Shown::of(axis, &network)).collect()
}

/// An interrupted comparison goes on when the same command is given again.
fn again(failure: Failure) -> Failure {
    match failure {
        Failure::Interrupted(_) => {
            Failure::Interrupted("interrupted; what was trained is saved, the same command continues".to_owned())
        }
        other => other,
    }
}

fn write_csv(folder: &Path, axes: &[Axis], score: &str, arms: &[Arm]) -> Result<(), Failure> {
    let header = [vec!["method".to_owned(), "seed".to_owned()], columns(axes, &[score, "loss"])].concat();
    let rows: Vec<_> = arms
        .iter()
        .flat_map(|arm| {
            arm.points.iter().map(|point| {
                let first = vec![arm.method.word().to_owned(), arm.seed.to_string()];
                [first, cells(point), vec![point.score().0.to_string(), point.loss().to_string()]].concat()
            })
        })
        .collect();
    Ok(files::write(&folder.join("compare.csv"), &output::csv(&header, &rows)?)?)
}

/// Mean and spread over the seeds of a method, point by point.
fn over_seeds(arms: &[Arm], method: Method) -> Vec<Point> {
    let own: Vec<_> = arms.iter().filter(|arm| arm.method == method).collect();
    let points = own.first().map_or(0, |arm| arm.points.len());
    (0..points)
        .map(|place| Point {
            varied: own[0].points[place].varied.clone(),
            scores: own.iter().map(|arm| arm.points[place].score().0).collect(),
            losses: own.iter().map(|arm| arm.points[place].loss()).collect(),
            similarities: own.iter().map(|arm| arm.points[place].similarity().0).collect(),
            samples: own[0].points[place].samples,
        })
        .collect()
}

/// All chips of all seeds of a method, point by point.
fn over_all(arms: &[Arm], method: Method) -> Vec<Point> {
    let mut own = arms.iter().filter(|arm| arm.method == method);
    let mut points = own.next().map_or_else(Vec::new, |arm| arm.points.clone());
    for arm in own {
        for (point, other) in points.iter_mut().zip(&arm.points) {
            point.scores.extend(&other.scores);
            point.losses.extend(&other.losses);
            point.similarities.extend(&other.similarities);
        }
    }
    points
}

fn summary_table(axes: &[Axis], methods: &[Method], arms: &[Arm], reading: Reading, what: &str) -> String {
    let header = columns(axes, &methods.iter().map(|method| method.word()).collect::<Vec<_>>());
    let by_method: Vec<_> = methods.iter().map(|&method| over_seeds(arms, method)).collect();
    let rows: Vec<_> = (0..by_method[0].len())
        .map(|place| {
            let scores = by_method.iter().map(|points| {
                let (mean, spread) = points[place].score();
                reading.cell(mean, (points[place].scores.len() > 1).then_some(spread))
            });
            cells(&by_method[0][place]).into_iter().chain(scores).collect()
        })
        .collect();
    let seeds = arms.len() / methods.len();
    let spread = if seeds > 1 { format!(", mean ± standard deviation over {seeds} seeds") } else { String::new() };
    let samples = arms[0].points.first().map_or(0, |point| point.samples);
    let (name, unit) = (reading.name(), reading.unit());
    format!("{name} {unit} on {samples} {what}{spread}\n{}", output::table(&header, &rows))
}

fn draw(
    folder: &Path,
    recipe: &Recipe,
    title: &str,
    axes: &[Shown],
    methods: &[Method],
    arms: &[Arm],
    reading: Reading,
) -> Result<(), Failure> {
    let series = methods.iter().map(|&method| (method.word().to_owned(), over_all(arms, method))).collect();
    let chips = arms[0].points.iter().map(|point| point.scores.len()).max().unwrap_or(1);
    let over = over(arms.len() / methods.len(), chips);
    Scored { axes, series, chips, over, reading }.draw(folder, title)?;
    let runs: Vec<TrainingCurve> = methods
        .iter()
        .filter_map(|&method| arms.iter().find(|arm| arm.method == method))
        .map(|arm| training_curve(arm.method.word(), &arm.rows, reading))
        .collect();
    let title = format!("{}, seed {}", recipe.name, recipe.seed);
    Ok(write_figure(folder, "training", figures::training_curves(&title, &runs, reading.figure()))?)
}
