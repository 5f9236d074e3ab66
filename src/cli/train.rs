//! `flatlight train`

use std::path::{Path, PathBuf};

use clap::Args;

use super::output::{self, Progress};
use super::score::Reading;
use super::{Context, Failure, RecipeArguments, folder_or, light, load_data, load_recipe};
use crate::data::Dataset;
use crate::figures::{self, LayerValues, TrainingCurve};
use crate::gpu::{Counters, Gpu};
use crate::network::{self, Device, LayerRecipe, Network, Part, memory_table};
use crate::optics::RingRecipe;
use crate::recipe::Recipe;
use crate::run::{Input, Run, Status, arrays, write_figure};
use crate::training::{self, EpochRow, Trainer};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flatlight train digits-rings
  flatlight train digits-rings --set training.method=noise --set training.epochs=50
  flatlight train digits-rings --resume
  flatlight train runs/digits-rings-sat-seed1/recipe.toml --out again")]
pub(super) struct Train {
    #[command(flatten)]
    recipe: RecipeArguments,

    /// Run folder [default: runs/NAME-METHOD-seedN]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Seed of every random number, instead of the recipe's
    #[arg(long, value_name = "N")]
    seed: Option<u32>,

    /// Continue an interrupted run where it stopped
    #[arg(long)]
    resume: bool,

    /// Also write the metrics as TensorBoard events
    #[arg(long)]
    tensorboard: bool,

    /// Time every kernel over a number of steps instead of training; writes nothing
    #[arg(long, value_name = "STEPS", num_args = 0..=1, default_missing_value = "50")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    profile: Option<u32>,
}

impl Train {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let mut recipe = load_recipe(&self.recipe)?;
        recipe.seed = self.seed.unwrap_or(recipe.seed);
        let run = Run::at(&folder_or(
            &self.out,
            format!("{}-{}-seed{}", recipe.name, recipe.training.method.word(), recipe.seed),
        ));
        if self.profile.is_none() {
            self.check_folder(&run, &recipe)?;
        }
        let data = load_data(context, &recipe)?;
        let gpu = context.open()?;
        context.say(&format!("adapter: {} ({})", gpu.adapter().name, gpu.adapter().kind));
        if let Some(steps) = self.profile {
            return profile(context, &gpu, &recipe, &data, steps as usize);
        }
        let how = How { label: recipe.training.method.word(), verbose: true, tensorboard: self.tensorboard };
        let rows = train(context, &gpu, &recipe, &data, &run, how)?;
        let Some(last) = rows.last() else { return Ok(()) };
        let reading = Reading::of(&recipe, &data);
        output::print(&format!(
            "test {} {} {}, loss {} after {} epochs; run folder {}\n",
            reading.name(),
            reading.cell(last.test_score, None),
            reading.unit(),
            reading.loss(last.test_loss),
            last.epoch,
            run.path().display()
        ))
    }

    /// A run is neither overwritten nor continued as another one.
    fn check_folder(&self, run: &Run, recipe: &Recipe) -> Result<(), Failure> {
        let complaint = match (run.exists(), self.resume) {
            (false, false) => return Ok(()),
            (false, true) => "holds no run to resume; leave out --resume to start one",
            (true, true) if run.recipe()? == *recipe => return Ok(()),
            (true, true) => "was made with another recipe or seed; resume with the same, or choose another --out",
            (true, false) if run.summary()?.status == Status::Finished => {
                "holds a finished run already; choose another --out"
            }
            (true, false) => "holds an unfinished run already; continue it with --resume, or choose another --out",
        };
        Err(Failure::Failed(format!("{}: {complaint}", run.path().display())))
    }
}

/// An error with the place in the recipe, if it has one.
pub(super) fn explain(recipe: &Recipe, error: training::Error) -> Failure {
    match recipe.explain(&error) {
        Some(placed) => placed.into(),
        None => error.into(),
    }
}

/// The network of a recipe for batches of a size, spread over so many devices.
pub(super) fn compile<'g>(
    gpu: &'g Gpu,
    recipe: &Recipe,
    data: &Dataset,
    batch: usize,
    devices: usize,
) -> Result<Network<'g>, Failure> {
    let wanted = recipe.wanted(&data.shape, data.classes)?;
    Network::spread(gpu, &recipe.layers, &data.shape, wanted, batch, devices)
        .map_err(|error| explain(recipe, error.into()))
}

/// The network of a recipe for its training.
pub(super) fn compile_training<'g>(gpu: &'g Gpu, recipe: &Recipe, data: &Dataset) -> Result<Network<'g>, Failure> {
    let network = compile(gpu, recipe, data, recipe.training.batch, recipe.training.devices())?;
    network.smoothed(recipe.training.label_smoothing).map_err(|error| explain(recipe, error.into()))
}

/// The training of a recipe, at its start.
pub(super) fn prepare<'a, 'g>(
    network: &'a Network<'g>,
    recipe: &'a Recipe,
    data: &Dataset,
) -> Result<Trainer<'a, 'g>, Failure> {
    let normalisation = data.normalisation(recipe.data.normalise);
    let trainer = Trainer::new(network, &recipe.training, data, normalisation, recipe.seed)
        .map_err(|error| explain(recipe, error))?;
    // Kernels count steps in 32 bits.
    if trainer.total_steps() > u64::from(u32::MAX) {
        let message = format!("`training.epochs` makes {} steps, more than {}", trainer.total_steps(), u32::MAX);
        return Err(recipe.refuse("training.epochs", message).into());
    }
    Ok(trainer)
}

/// What a training tells while it runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct How<'a> {
    /// Names the run in its progress.
    pub(super) label: &'a str,
    /// Print the plan of memory and the host's share of the time.
    pub(super) verbose: bool,
    /// Write TensorBoard events.
    pub(super) tensorboard: bool,
}

/// Trains a recipe into a run folder, from where it stands there, and draws its figures.
pub(super) fn train(
    context: &Context,
    gpu: &Gpu,
    recipe: &Recipe,
    data: &Dataset,
    run: &Run,
    how: How<'_>,
) -> Result<Vec<EpochRow>, Failure> {
    let network = compile_training(gpu, recipe, data)?;
    let mut trainer = prepare(&network, recipe, data)?;
    let (input, reading) = (Input::new(data, recipe), Reading::of(recipe, data));
    let mut rows = Vec::new();
    if run.exists() && run.has_state() {
        rows = run.restore(&mut trainer)?;
    } else {
        run.start(recipe, &input, gpu)?;
    }
    if let Some(chip) = trainer.chip() {
        run.keep_chip(chip, &network)?;
    }
    if how.tensorboard {
        run.request_events()?;
    }
    let summary = trainer.device().and_then(|device| device.summary());
    summary.iter().for_each(|line| context.say(line));
    if how.verbose {
        network.warnings().for_each(|warning| context.say(&format!("warning: {warning}")));
        context
            .say(&format!("memory on the device, all of it, before the first step:\n{}", memory_table(gpu).trim_end()));
    }
    let progress =
        Progress::new(context, how.label, trainer.total_steps(), trainer.steps_done(), recipe.training.batch);
    let before = gpu.counters();
    while !trainer.is_done() {
        let row = trainer.epoch(&mut |step| {
            progress.step(step);
            !context.stopped()
        });
        if let Err(error @ training::Error::Network(network::Error::Hardware(_))) = row {
            progress.finish();
            run.save(recipe, &input, &network, &rows, &trainer.state()?, false)?;
            return Err(Failure::Failed(format!(
                "{error}; nothing is lost: the run in {} stands at step {} of {}, continue with --resume",
                run.path().display(),
                trainer.steps_done(),
                trainer.total_steps()
            )));
        }
        let Some(row) = row? else {
            progress.finish();
            run.save(recipe, &input, &network, &rows, &trainer.state()?, false)?;
            return Err(Failure::Interrupted(format!(
                "interrupted after step {} of {}; checkpoint saved in {}, continue with --resume",
                trainer.steps_done(),
                trainer.total_steps(),
                run.path().display()
            )));
        };
        rows.push(row);
        for line in trainer.device().map(Device::incidents).unwrap_or_default() {
            context.say(&format!("warning: {line}"));
        }
        progress.epoch(
            row.step,
            &format!(
                "epoch {}/{}: loss {}, test {} {} {}",
                row.epoch,
                recipe.training.epochs,
                reading.loss(row.train_loss),
                reading.name(),
                reading.cell(row.test_score, None),
                reading.unit()
            ),
        );
        run.save(recipe, &input, &network, &rows, &trainer.state()?, trainer.is_done())?;
    }
    progress.finish();
    if how.verbose {
        say_timing(context, &trainer, before, gpu.counters());
    }
    let title = format!("{}, {}, seed {}", recipe.name, recipe.training.method.word(), recipe.seed);
    let curve = training_curve(recipe.training.method.word(), &rows, reading);
    write_figure(run.path(), "training", figures::training_curves(&title, &[curve], reading.figure()))?;
    let parameters = run.parameters(&network)?;
    draw_layers(run.path(), &title, &network, &parameters)?;
    // What draws the light needs memory of its own.
    drop(trainer);
    drop(network);
    light::draw(run.path(), &title, gpu, recipe, data, &parameters)?;
    Ok(rows)
}

/// What a step took, and the host's share of it.
fn say_timing(context: &Context, trainer: &Trainer<'_, '_>, before: Counters, after: Counters) {
    let (wall, steps) = trainer.timing();
    let submissions = after.submissions - before.submissions;
    if steps == 0 || submissions == 0 {
        return;
    }
    let each = |total: std::time::Duration, count: u64| 1e3 * total.as_secs_f64() / count as f64;
    let (step, host) = (each(wall, steps), each(after.host - before.host, submissions));
    context.say(&format!(
        "a step took {step:.3} ms, of it {host:.3} ms on the host ({:.1} %); the driver's submit call {:.3} ms (software \
         adapters run the kernels in it)",
        100.0 * host / step,
        each(after.submit - before.submit, submissions)
    ));
}

fn profile(context: &Context, gpu: &Gpu, recipe: &Recipe, data: &Dataset, steps: usize) -> Result<(), Failure> {
    let network = compile_training(gpu, recipe, data)?;
    let mut trainer = prepare(&network, recipe, data)?;
    context.say(&format!(
        "{} steps of method {}, batch {}",
        steps,
        recipe.training.method.word(),
        recipe.training.batch
    ));
    output::print(&format!("{}\n", trainer.profile(steps)?))
}

/// The curve of a run for the figure of training.
pub(super) fn training_curve(name: &str, rows: &[EpochRow], reading: Reading) -> TrainingCurve {
    let column = |value: &dyn Fn(&EpochRow) -> f64| rows.iter().map(value).collect();
    TrainingCurve {
        name: name.to_owned(),
        epoch: column(&|row| f64::from(row.epoch)),
        train_loss: column(&|row| row.train_loss),
        test_loss: column(&|row| row.test_loss),
        train_score: column(&|row| reading.shown(row.train_score)),
        test_score: column(&|row| reading.shown(row.test_score)),
    }
}

/// Where the trained rings of every layer stand on their curves, and histograms of weights, currents and phases, as the
/// nominal device realises them.
fn draw_layers(folder: &Path, title: &str, network: &Network<'_>, parameters: &[f32]) -> Result<(), Failure> {
    network.gpu().write(&network.flat().parameters, parameters)?;
    network.nominal()?;
    let arrays = arrays(network)?;
    let of_layer = |part: &Part, name: &str| {
        let found = arrays.iter().find(|array| array.layer == part.name && array.name == name);
        found.map(|array| LayerValues {
            name: part.name.clone(),
            values: array.values.iter().map(|&value| f64::from(value)).collect(),
        })
    };
    // Layers with equal rings share a figure.
    let mut kinds: Vec<(&RingRecipe, Vec<LayerValues>)> = Vec::new();
    for part in network.parts() {
        let (LayerRecipe::RingDense(ring) | LayerRecipe::RingConvolution(ring)) = &part.recipe else { continue };
        let alike = |other: &RingRecipe| (other.half_width, other.contrast) == (ring.half_width, ring.contrast);
        let Some(detunings) = of_layer(part, "detuning") else { continue };
        match kinds.iter_mut().find(|(other, _)| alike(other)) {
            Some((_, layers)) => layers.push(detunings),
            None => kinds.push((ring, vec![detunings])),
        }
    }
    for (place, (ring, layers)) in kinds.iter().enumerate() {
        let name = if place == 0 { "rings".to_owned() } else { format!("rings-{}", place + 1) };
        let half_width = f64::from(ring.half_width);
        write_figure(folder, &name, figures::ring_operating_points(title, layers, &|x| ring.weight(x), half_width))?;
    }
    let is_ring = |part: &Part| matches!(part.recipe, LayerRecipe::RingDense(_) | LayerRecipe::RingConvolution(_));
    let is_mesh = |part: &Part| matches!(part.recipe, LayerRecipe::Mesh(_));
    for (name, what, is_one, quantity, label) in [
        ("weights", "ring", &is_ring as &dyn Fn(&Part) -> bool, "weight", "weight"),
        ("currents", "ring", &is_ring, "current", "current (mA)"),
        ("phases", "phase", &is_mesh, "theta", "theta (rad)"),
    ] {
        let parts = network.parts().iter().filter(|part| is_one(part));
        let layers: Vec<_> = parts.filter_map(|part| of_layer(part, quantity)).collect();
        if !layers.is_empty() {
            write_figure(folder, name, figures::histograms(title, what, label, &layers))?;
        }
    }
    Ok(())
}
