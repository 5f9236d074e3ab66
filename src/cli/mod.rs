//! Floor 8: arguments, progress and messages. Nothing here computes.

mod bench;
mod chip;
mod compare;
mod devices;
mod evaluate;
mod export;
mod fetch;
mod generate;
mod images;
mod light;
mod mesh;
mod output;
mod plan;
mod predict;
mod propagate;
mod score;
mod train;
mod transfer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Parser, Subcommand};

use crate::gpu::{self, Gpu, Options};
use crate::network::LayerRecipe;
use crate::training::Method;
use crate::{data, figures, files, network, recipe, robustness, run, training};

/// Trains photonic neural networks that keep working when the device is misbuilt, warm or misaligned
#[derive(Debug, Parser)]
#[command(name = "flatlight", version, disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  flatlight train digits-rings
  flatlight evaluate runs/digits-rings-sat-seed1 --vary temperature=-2:2:0.5
  flatlight compare digits-rings --methods standard,noise,sat --vary temperature=-2:2:0.5")]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// Adapter to compute on, by number or part of its name
    #[arg(long, global = true, env = "FLATLIGHT_ADAPTER", hide_env_values = true, value_name = "NAME")]
    #[arg(display_order = 100)]
    adapter: Option<String>,

    /// Print results only, no progress
    #[arg(long, short, global = true, display_order = 101)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List adapters, their limits, and which one is used
    Devices,
    /// Train a recipe into a run folder
    Train(train::Train),
    /// Score a run on devices that are not nominal
    Evaluate(evaluate::Evaluate),
    /// Train a recipe with several methods and seeds, and set their robustness side by side
    Compare(compare::Compare),
    /// Score runs on chips that they were not trained on
    Transfer(transfer::Transfer),
    /// Compute what a run makes of samples in an npy file: logits, or images
    Predict(predict::Predict),
    /// Draw new images from a run with a latent layer
    Generate(generate::Generate),
    /// Draw a device and write its imperfections into a file
    Chip(chip::DrawChip),
    /// Write currents, detunings, weights and digital parameters of a run for other programs
    Export(export::Export),
    /// Get a published data set: cifar10, mnist or fashion-mnist
    Fetch(fetch::Fetch),
    /// Matrices of interferometer meshes: phases from a matrix, a matrix from phases
    #[command(subcommand)]
    Mesh(mesh::Mesh),
    /// Propagate a complex field through free space
    Propagate(propagate::Propagate),
    /// Say what a recipe costs before it runs: operations, bytes, memory, time
    Plan(plan::PlanRecipe),
    /// Time training steps on random data
    Bench(bench::Bench),
}

/// The recipe and what to change in it.
#[derive(Debug, Args)]
struct RecipeArguments {
    /// A TOML file, or built in, such as digits-rings, vowel-mesh or digits-diffractive; the README lists them
    recipe: String,

    /// Change a key of the recipe, such as training.epochs=5; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

/// Why a command ended without success.
#[derive(Debug)]
enum Failure {
    /// The request makes no sense: exit 2.
    Usage(String),
    /// It could not be done: exit 1.
    Failed(String),
    /// Stopped by the user: exit 1.
    Interrupted(String),
}

impl From<recipe::Error> for Failure {
    fn from(error: recipe::Error) -> Self {
        match error {
            recipe::Error::File(_) => Self::Failed(error.to_string()),
            _ => Self::Usage(error.to_string()),
        }
    }
}

impl From<robustness::Error> for Failure {
    fn from(error: robustness::Error) -> Self {
        match error {
            robustness::Error::Vary { .. } | robustness::Error::Recalibrate(_) => Self::Usage(error.to_string()),
            robustness::Error::Features(_) | robustness::Error::Network(_) => Self::Failed(error.to_string()),
        }
    }
}

macro_rules! failed {
    ($($error:ty),*) => { $(impl From<$error> for Failure {
        fn from(error: $error) -> Self {
            Self::Failed(error.to_string())
        }
    })* };
}

failed!(data::Error, figures::Error, files::Error, gpu::Error, network::Error, run::Error, training::Error);

/// What every command needs to know.
struct Context {
    adapter: Option<String>,
    quiet: bool,
    stop: Arc<AtomicBool>,
}

impl Context {
    fn open(&self) -> Result<Gpu, Failure> {
        Ok(Gpu::open(&Options { adapter: self.adapter.clone(), ..Options::default() })?)
    }

    /// A line on standard error about what is going on, unless told to be quiet.
    fn say(&self, line: &str) {
        if !self.quiet {
            output::tell(line);
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("off")).init();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let context =
        Context { adapter: arguments.adapter, quiet: arguments.quiet, stop: Arc::new(AtomicBool::new(false)) };
    let stop = Arc::clone(&context.stop);
    // The first interrupt asks the loop to save and stop, the second ends the program at once.
    let handler = ctrlc::set_handler(move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
    });
    if let Err(error) = handler {
        log::warn!("interrupts will not be caught: {error}");
    }
    let result = match arguments.command {
        Command::Devices => devices::run(&context),
        Command::Train(command) => command.run(&context),
        Command::Evaluate(command) => command.run(&context),
        Command::Compare(command) => command.run(&context),
        Command::Transfer(command) => command.run(&context),
        Command::Predict(command) => command.run(&context),
        Command::Generate(command) => command.run(&context),
        Command::Chip(command) => command.run(&context),
        Command::Export(command) => command.run(&context),
        Command::Fetch(command) => command.run(&context),
        Command::Mesh(command) => command.run(&context),
        Command::Propagate(command) => command.run(&context),
        Command::Plan(command) => command.run(&context),
        Command::Bench(command) => command.run(&context),
    };
    let (message, code) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => (format!("error: {message}"), 2),
        Err(Failure::Failed(message)) => (format!("error: {message}"), 1),
        Err(Failure::Interrupted(message)) => (message, 1),
    };
    // Names of files may hold anything; the message stays one line.
    output::tell(&message.replace(char::is_control, "?"));
    ExitCode::from(code)
}

/// Prints the help that was asked for, or what is wrong with the arguments, on one line.
fn refuse(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit();
    }
    let text = error.render().to_string();
    let parts: Vec<_> = text
        .split("\n\n")
        .filter(|part| !part.starts_with("Usage:") && !part.starts_with("For more"))
        .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    output::tell(&format!("{}; see --help", parts.join("; ")));
    ExitCode::from(2)
}

/// Reads the word of a training method.
fn method(word: &str) -> Result<Method, String> {
    let words = Method::ALL.map(Method::word);
    Method::ALL
        .into_iter()
        .find(|method| method.word() == word)
        .ok_or_else(|| format!("there are: {}{}", words.join(", "), recipe::did_you_mean(word, words)))
}

/// Loads a recipe and refuses what can be refused before anything else is.
fn load_recipe(arguments: &RecipeArguments) -> Result<recipe::Recipe, Failure> {
    let mut recipe = recipe::Recipe::load(&arguments.recipe, &arguments.overrides)?;
    recipe.check()?;
    // A run must find its data from any working directory.
    let folder = Path::new(&recipe.data.set);
    if !data::EMBEDDED.contains(&recipe.data.set.as_str()) {
        let whole = match folder {
            _ if folder.is_dir() => folder.canonicalize().ok(),
            // What is behind a link may be called otherwise.
            _ if data::is_archive(folder) => std::path::absolute(folder).ok(),
            _ => None,
        };
        let whole = whole.and_then(|whole| whole.to_str().map(str::to_owned));
        recipe.data.set = whole.unwrap_or(recipe.data.set);
    }
    Ok(recipe)
}

/// Loads the recipe's data and says what they are, and what the measured curves of its rings gave.
fn load_data(context: &Context, recipe: &recipe::Recipe) -> Result<data::Dataset, Failure> {
    let (set, root) = (&recipe.data.set, recipe::data_root());
    let mut data = data::load(set, root.as_deref())?;
    if data::EMBEDDED.contains(&set.as_str()) {
        let folders = [Some(set.into()), root.map(|root| root.join(set))];
        if let Some(folder) = folders.into_iter().flatten().find(|folder| folder.is_dir()) {
            let path = if folder.is_relative() { Path::new(".").join(folder) } else { folder };
            let path = path.display();
            output::tell(&format!("warning: `{set}` is the embedded set; `data.set` is {path} for the folder"));
        }
    }
    if recipe.data.validation > 0.0 {
        let blame = |error: data::Error| recipe.refuse("data.validation", format!("`data.validation`: {error}"));
        data = data.hold_out(recipe.data.validation).map_err(blame)?;
    }
    context.say(&data.summary());
    let data = recipe.data.prepare(data).map_err(|error| {
        let key = match error {
            data::Error::Coefficients { .. } => "data.coefficients",
            data::Error::NoChannels { .. } => "data.normalise",
            _ => "data.transform",
        };
        recipe.refuse(key, format!("`{key}`: {error}"))
    })?;
    if let Some(data::Preparation::Fourier { coefficients, .. }) = data.preparation {
        context.say(&format!("fourier: the {coefficients}x{coefficients} lowest spatial frequencies of each"));
    }
    for (number, layer) in (1..).zip(&recipe.layers) {
        let report = match layer {
            LayerRecipe::RingDense(rings) | LayerRecipe::RingConvolution(rings) => rings.fit_report(),
            _ => None,
        };
        if let Some((line, warnings)) = report {
            context.say(&format!("layer {number}: {line}"));
            warnings.iter().for_each(|warning| output::tell(&format!("warning: layer {number}: {warning}")));
        }
    }
    Ok(data)
}

/// A path that the user may leave out.
fn folder_or(given: &Option<PathBuf>, default: String) -> PathBuf {
    given.clone().unwrap_or_else(|| PathBuf::from("runs").join(default))
}
