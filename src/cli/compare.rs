//! `flatlight compare`

use std::path::{Path, PathBuf};

use clap::Args;

use super::evaluate::{parse_axes, score};
use super::output::{self, cells, columns, percent};
use super::train::{train, training_curve};
use super::{Context, Failure, RecipeArguments, folder_or, load_data};
use crate::figures::{self, Curve, TrainingCurve};
use crate::files;
use crate::recipe::Recipe;
use crate::robustness::{Axis, Point};
use crate::run::{Run, Status, write_figure};
use crate::training::{EpochRow, Method};

#[derive(Debug, Args)]
pub(super) struct Compare {
    #[command(flatten)]
    recipe: RecipeArguments,

    /// Training methods, separated by commas
    #[arg(long, value_delimiter = ',', required = true, value_name = "METHODS", value_parser = method)]
    methods: Vec<Method>,

    /// Vary an imperfection, such as temperature=-2:2:0.5; two make a grid
    #[arg(long, value_name = "NAME=FROM:TO:STEP")]
    vary: Vec<String>,

    /// Seeds of each method, counted up from the recipe's
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,

    /// Folder of the comparison; finished runs in it are kept, interrupted ones continued [default: runs/NAME-compare]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn method(word: &str) -> Result<Method, String> {
    let known = || Method::ALL.map(Method::word).join(", ");
    Method::ALL.into_iter().find(|method| method.word() == word).ok_or_else(|| format!("there are: {}", known()))
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
        let recipe = Recipe::load(&self.recipe.recipe, &self.recipe.overrides)?;
        let axes = parse_axes(&self.vary)?;
        let folder = folder_or(&self.out, format!("{}-compare", recipe.name));
        let data = load_data(context, &recipe)?;
        let gpu = context.open()?;
        context.say(&format!("adapter: {} ({})", gpu.adapter().name, gpu.adapter().kind));
        let mut arms: Vec<Arm> = Vec::new();
        for &method in &self.methods {
            for seed in 0..self.seeds {
                let mut own = recipe.clone();
                own.training.method = method;
                own.seed = recipe.seed.wrapping_add(seed);
                let label = format!("{} seed {}", method.word(), own.seed);
                let run = Run::at(&folder.join(format!("{}-seed{}", method.word(), own.seed)));
                if run.exists() && run.recipe()? != own {
                    return Err(Failure::Failed(format!(
                        "{}: was made with another recipe; choose another --out",
                        run.path().display()
                    )));
                }
                let rows = if run.exists() && run.summary()?.status == Status::Finished {
                    context.say(&format!("{label}: kept, it is trained already"));
                    run.metrics()?
                } else {
                    train(context, &gpu, &own, &data, &run, &label, arms.is_empty()).map_err(again)?
                };
                let points = score(context, &gpu, &own, &data, &run, &axes, 1).map_err(again)?;
                arms.push(Arm { method, seed: own.seed, points, rows });
            }
        }
        write_csv(&folder, &axes, &arms)?;
        draw(&folder, &recipe, &axes, &self.methods, &arms, data.classes)?;
        output::print(&summary_table(&axes, &self.methods, &arms))?;
        context.say(&format!("table and figures in {}", folder.display()));
        Ok(())
    }
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

fn write_csv(folder: &Path, axes: &[Axis], arms: &[Arm]) -> Result<(), Failure> {
    let header = [vec!["method".to_owned(), "seed".to_owned()], columns(axes, &["accuracy", "loss"])].concat();
    let rows: Vec<_> = arms
        .iter()
        .flat_map(|arm| {
            arm.points.iter().map(|point| {
                let first = vec![arm.method.word().to_owned(), arm.seed.to_string()];
                [first, cells(point), vec![point.accuracy().0.to_string(), point.loss().to_string()]].concat()
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
            accuracies: own.iter().map(|arm| arm.points[place].accuracy().0).collect(),
            losses: own.iter().map(|arm| arm.points[place].loss()).collect(),
            samples: own[0].points[place].samples,
        })
        .collect()
}

fn summary_table(axes: &[Axis], methods: &[Method], arms: &[Arm]) -> String {
    let header = columns(axes, &methods.iter().map(|method| method.word()).collect::<Vec<_>>());
    let by_method: Vec<_> = methods.iter().map(|&method| over_seeds(arms, method)).collect();
    let rows: Vec<_> = (0..by_method[0].len())
        .map(|place| {
            let scores = by_method.iter().map(|points| {
                let (mean, spread) = points[place].accuracy();
                percent(mean, (points[place].accuracies.len() > 1).then_some(spread))
            });
            cells(&by_method[0][place]).into_iter().chain(scores).collect()
        })
        .collect();
    let seeds = arms.len() / methods.len();
    let spread = if seeds > 1 { format!(", mean ± standard deviation over {seeds} seeds") } else { String::new() };
    let samples = arms[0].points.first().map_or(0, |point| point.samples);
    format!("accuracy % on {samples} test samples{spread}\n{}", output::table(&header, &rows))
}

fn draw(
    folder: &Path,
    recipe: &Recipe,
    axes: &[Axis],
    methods: &[Method],
    arms: &[Arm],
    classes: usize,
) -> Result<(), Failure> {
    if let [axis] = axes {
        let curves: Vec<_> = methods
            .iter()
            .map(|&method| {
                let points = over_seeds(arms, method);
                Curve {
                    name: method.word().to_owned(),
                    x: points.iter().map(|point| point.varied[0]).collect(),
                    mean: points.iter().map(|point| 100.0 * point.accuracy().0).collect(),
                    spread: points
                        .first()
                        .filter(|point| point.accuracies.len() > 1)
                        .map(|_| points.iter().map(|point| 100.0 * point.accuracy().1).collect()),
                }
            })
            .collect();
        let name = format!("accuracy-{}", axis.name.replace('.', "-"));
        let label = axis_label(&axis.name);
        write_figure(
            folder,
            &name,
            figures::accuracy_curves(&recipe.name, &label, &curves, Some(100.0 / classes as f64)),
        )?;
    }
    let runs: Vec<TrainingCurve> = methods
        .iter()
        .filter_map(|&method| arms.iter().find(|arm| arm.method == method))
        .map(|arm| training_curve(arm.method.word(), &arm.rows))
        .collect();
    let title = format!("{}, seed {}", recipe.name, recipe.seed);
    Ok(write_figure(folder, "training", figures::training_curves(&title, &runs))?)
}

/// Label of an axis with its unit.
fn axis_label(name: &str) -> String {
    let (layer, plain) = name.rsplit_once('.').map_or((None, name), |(layer, plain)| (Some(layer), plain));
    let label = match plain {
        "temperature" => "temperature change (K)".to_owned(),
        "ring_offset" => "standard deviation of ring offsets (nm)".to_owned(),
        other => other.replace('_', " "),
    };
    layer.map_or(label.clone(), |layer| format!("{label} of {layer}"))
}
