//! `flatlight generate`

use std::path::PathBuf;

use clap::Args;

use super::output::{self, Progress};
use super::predict::{conditions, stand, trained};
use super::{Context, Failure};
use crate::data;
use crate::files;
use crate::robustness::EVALUATION_BATCH;
use crate::run::Run;

#[derive(Debug, Args)]
#[command(after_help = "\
The recipe of the run has a layer of type latent, as digits-generate has. The same seed gives the same draws under
every condition and on every chip.

Examples:
  flatlight generate RUN --samples 64 --output Y.npy
  flatlight generate RUN --samples 64 --output Y.npy --at temperature=0.5
  flatlight generate RUN --samples 64 --output Y.npy --chip chip.npz --seed 7")]
pub(super) struct Generate {
    /// Run folder, as `flatlight train` makes it
    run: PathBuf,

    /// Images to generate
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    samples: u32,

    /// Images [samples, ...] of type f4, of values 0 to 1
    #[arg(long, value_name = "Y.npy")]
    output: PathBuf,

    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,

    /// Set an imperfection that `evaluate --help` lists, or hours, of chip 0; can be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    at: Vec<String>,

    /// A device, drawn by `flatlight chip` or measured; --at then sets what it does not hold
    #[arg(long, value_name = "FILE")]
    chip: Option<PathBuf>,
}

impl Generate {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let conditions = conditions("--at", &self.at)?;
        let run = Run::at(&self.run);
        let (recipe, input) = (run.recipe()?, run.input()?);
        let samples = self.samples as usize;
        let gpu = context.open()?;
        let network = trained(&gpu, &run, &recipe, &input, EVALUATION_BATCH.min(samples))?;
        if network.latent().is_none() {
            let message = "its recipe has no layer of type latent, from which images are generated";
            return Err(Failure::Usage(format!("{}: {message}", self.run.display())));
        }
        stand(&network, &recipe, &conditions, self.chip.as_deref())?;
        let progress = Progress::new(context, "generate", samples as u64, 0, 1);
        let images = network.generate(samples, self.seed, 0, &mut |done| {
            progress.step(done as u64);
            !context.stopped()
        })?;
        progress.finish();
        let images = images.ok_or_else(|| Failure::Interrupted("interrupted; nothing was written".to_owned()))?;
        let shape = [&[samples], &input.shape[..]].concat();
        let bytes = data::npy(&shape, &images)
            .map_err(|error| Failure::Failed(format!("{}: {error}", self.output.display())))?;
        files::write(&self.output, &bytes)?;
        output::print(&format!("images {shape:?} in {}\n", self.output.display()))
    }
}
