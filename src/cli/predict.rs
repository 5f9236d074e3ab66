//! `flatlight predict`

use std::path::{Path, PathBuf};

use clap::Args;

use super::evaluate::drift;
use super::output::{self, Progress};
use super::train::explain;
use super::{Context, Failure};
use crate::data::{self, Split};
use crate::files;
use crate::gpu::Gpu;
use crate::network::{Chip, Drift, Network};
use crate::recipe::{Recipe, Task};
use crate::robustness::{self, Axis, EVALUATION_BATCH, check_axes, chip, hour};
use crate::run::{Input, Run, load_masks};

#[derive(Debug, Args)]
#[command(after_help = "\
The run transforms and normalises raw samples as it did in training; its data set need not be there.

Examples:
  flatlight predict RUN --input X.npy --output Y.npy
  flatlight predict RUN --input X.npy --output Y.npy --at temperature=0.5
  flatlight predict RUN --input X.npy --output Y.npy --chip chip.npz")]
pub(super) struct Predict {
    /// Run folder, as `flatlight train` makes it
    run: PathBuf,

    /// Raw samples [samples, ...] of type u1, f2, f4 or f8, flat or as images
    #[arg(long, value_name = "X.npy")]
    input: PathBuf,

    /// Logits [samples, classes], or reconstructed images [samples, ...], of type f4
    #[arg(long, value_name = "Y.npy")]
    output: PathBuf,

    /// Set an imperfection that `evaluate --help` lists, or hours, of chip 0; can be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    at: Vec<String>,

    /// Phase masks from the pictures in this folder, as `export` writes them, not the trained ones
    #[arg(long, value_name = "DIR")]
    masks: Option<PathBuf>,

    /// A device, drawn by `flatlight chip` or measured; --at then sets what it does not hold
    #[arg(long, value_name = "FILE")]
    chip: Option<PathBuf>,
}

impl Predict {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let conditions = conditions("--at", &self.at)?;
        let run = Run::at(&self.run);
        let (recipe, input) = (run.recipe()?, run.input()?);
        let (shape, values) = data::load_samples(&self.input)?;
        let raw_shape = input.preparation.as_ref().map_or(input.shape.clone(), |own| own.raw_shape(&input.shape));
        if !alike(&shape, &raw_shape) {
            return Err(Failure::Failed(format!(
                "{}: samples have the shape {shape:?}, but the network of {} takes {raw_shape:?}; reshape them",
                self.input.display(),
                self.run.display(),
            )));
        }
        let samples = values.len() / shape.iter().product::<usize>();
        let values = match &input.preparation {
            Some(own) => own.apply(&values),
            None => values,
        };
        // Labels are for scores only.
        let split = Split { values, labels: vec![0; samples] };
        let gpu = context.open()?;
        let network = trained(&gpu, &run, &recipe, &input, EVALUATION_BATCH.min(samples))?;
        if let Some(folder) = &self.masks {
            let mut parameters = run.parameters(&network)?;
            load_masks(&network, folder, &mut parameters)?;
            gpu.write(&network.flat().parameters, &parameters)?;
        }
        stand(&network, &recipe, &conditions, self.chip.as_deref())?;
        let feed = network.feed(&split, input.normalisation)?;
        let progress = Progress::new(context, "predict", samples as u64, 0, 1);
        let outputs = network.predict(&feed, 0, &mut |done| {
            progress.step(done as u64);
            !context.stopped()
        })?;
        progress.finish();
        let outputs = outputs.ok_or_else(|| Failure::Interrupted("interrupted; nothing was written".to_owned()))?;
        let (what, shape) = match recipe.task {
            Task::Classification => ("logits", vec![samples, input.classes]),
            Task::Reconstruction => ("images", [&[samples], &input.shape[..]].concat()),
        };
        let bytes = data::npy(&shape, &outputs)
            .map_err(|error| Failure::Failed(format!("{}: {error}", self.output.display())))?;
        files::write(&self.output, &bytes)?;
        output::print(&format!("{what} {shape:?} in {}\n", self.output.display()))
    }
}

/// Reads values of imperfections, as an option gives them.
pub(super) fn conditions(option: &str, given: &[String]) -> Result<Vec<Axis>, Failure> {
    let mut axes: Vec<Axis> = Vec::new();
    for given in given {
        let axis: Axis = given.parse().map_err(|error| blame(option, error))?;
        if axis.values.len() != 1 {
            return Err(Failure::Usage(format!("{option} {given}: write NAME=VALUE, such as temperature=0.5")));
        }
        if axes.iter().any(|other| other.name == axis.name) {
            return Err(Failure::Usage(format!("{option}: `{}` is given twice", axis.name)));
        }
        axes.push(axis);
    }
    Ok(axes)
}

/// Refuses time among conditions of chips that are taken at hour 0, and says what lets them drift.
pub(super) fn without_time(conditions: &[Axis], instead: &str) -> Result<(), Failure> {
    match conditions.iter().any(Axis::is_time) {
        true => Err(Failure::Usage(format!("--vary hours: chips are taken at hour 0 here; {instead} lets them drift"))),
        false => Ok(()),
    }
}

/// A chip under conditions that an option gave, beside what another chip holds and before it drifts, and for how many hours
/// it does.
pub(super) fn drawn(
    option: &str,
    network: &Network<'_>,
    conditions: &[Axis],
    (beside, drift): (Option<&Chip>, &Drift),
    number: u32,
) -> Result<(Chip, f64), Failure> {
    let at: Vec<_> = conditions.iter().map(|axis| axis.values[0]).collect();
    check_axes(network, conditions, beside, drift).map_err(|error| blame(option, error))?;
    let chip = chip(network, conditions, &at, number).map_err(|error| blame(option, error))?;
    Ok((chip, hour(conditions, &at)))
}

/// Puts a network under the conditions of `--at`, as chip 0, with what the chip of a file holds beside them.
pub(super) fn stand(
    network: &Network<'_>,
    recipe: &Recipe,
    conditions: &[Axis],
    chip: Option<&Path>,
) -> Result<(), Failure> {
    let held = chip.map(|path| Chip::load(path, network.imperfections())).transpose()?;
    let drift = drift(recipe, network)?;
    let (drawn, hour) = drawn("--at", network, conditions, (held.as_ref(), &drift), 0)?;
    Ok(network.set_drifted(0, held.iter().chain([&drawn]), &drift, 0, hour)?)
}

/// Conditions are read like axes, but may be called otherwise.
fn blame(option: &str, error: robustness::Error) -> Failure {
    match error {
        robustness::Error::Vary { given, message } => Failure::Usage(format!("{option} {given}: {message}")),
        other => other.into(),
    }
}

/// Whether samples of one shape can be taken for those of another: flat, or the same sides.
fn alike(given: &[usize], wanted: &[usize]) -> bool {
    let sides = |shape: &[usize]| shape.iter().copied().filter(|&side| side != 1).collect::<Vec<_>>();
    let count = |shape: &[usize]| shape.iter().product::<usize>();
    let flat = given.len() == 1 || wanted.len() == 1;
    count(given) == count(wanted) && (flat || sides(given) == sides(wanted))
}

/// The network of a run, as it was trained, on a nominal device.
pub(super) fn trained<'g>(
    gpu: &'g Gpu,
    run: &Run,
    recipe: &Recipe,
    input: &Input,
    batch: usize,
) -> Result<Network<'g>, Failure> {
    let wanted = recipe.wanted(&input.shape, input.classes)?;
    let network = Network::new(gpu, &recipe.layers, &input.shape, wanted, batch)
        .map_err(|error| explain(recipe, error.into()))?;
    gpu.write(&network.flat().parameters, &run.parameters(&network)?)?;
    Ok(network)
}
