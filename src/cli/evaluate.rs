//! `flatlight evaluate`

use std::path::PathBuf;

use clap::Args;

use super::output::{self, cells, columns, percent};
use super::{Context, Failure, load_data};
use crate::data::Dataset;
use crate::files;
use crate::gpu::Gpu;
use crate::network::Network;
use crate::recipe::Recipe;
use crate::robustness::{Axis, EVALUATION_BATCH, Point, sweep};
use crate::run::Run;

#[derive(Debug, Args)]
pub(super) struct Evaluate {
    /// Run folder
    run: PathBuf,

    /// Vary an imperfection, such as temperature=-2:2:0.5 or ring1.ring_offset=0:0.1:0.02; two make a grid
    #[arg(long, value_name = "NAME=FROM:TO:STEP")]
    vary: Vec<String>,

    /// Fabricated devices to draw where a random imperfection is varied
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    chips: u32,

    /// Also write the table to this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

impl Evaluate {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let axes = parse_axes(&self.vary)?;
        let run = Run::at(&self.run);
        let recipe = run.recipe()?;
        let data = load_data(context, &recipe)?;
        let gpu = context.open()?;
        let points = score(context, &gpu, &recipe, &data, &run, &axes, self.chips)?;
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
        let header = columns(&axes, &["accuracy", "accuracy_std", "loss", "samples", "chips"]);
        if let Some(path) = &self.csv {
            files::write(path, &output::csv(&header, &rows)?)?;
        }
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
        output::print(&output::table(&columns(&axes, &["accuracy %", "loss", "samples", "chips"]), &shown))
    }
}

/// Reads every `--vary`.
pub(super) fn parse_axes(given: &[String]) -> Result<Vec<Axis>, Failure> {
    let axes = given.iter().map(|axis| axis.parse::<Axis>()).collect::<Result<Vec<_>, _>>()?;
    match axes.len() {
        0..=2 => Ok(axes),
        many => Err(Failure::Usage(format!("--vary: {many} axes were given; one makes a curve, two make a grid"))),
    }
}

/// Scores the checkpoint of a run over the grid.
pub(super) fn score(
    context: &Context,
    gpu: &Gpu,
    recipe: &Recipe,
    data: &Dataset,
    run: &Run,
    axes: &[Axis],
    chips: u32,
) -> Result<Vec<Point>, Failure> {
    let network = Network::new(gpu, &recipe.layers, &data.shape, data.classes, EVALUATION_BATCH.min(data.test.len()))?;
    gpu.write(&network.flat().parameters, &run.parameters(&network)?)?;
    let feed = network.feed(&data.test, data.normalisation(recipe.data.normalise))?;
    let points = sweep(&network, &feed, axes, chips, &mut || !context.stopped())?;
    points.ok_or_else(|| Failure::Interrupted("interrupted; nothing was written".to_owned()))
}
