//! `flatlight export`

use std::path::PathBuf;

use clap::Args;

use super::predict::trained;
use super::{Context, Failure, output};
use crate::run::{Run, export};

#[derive(Debug, Args)]
#[command(after_help = "\
Writes LAYER.current.csv, LAYER.detuning.csv and LAYER.weight.csv of every ring layer (a row an output, a column an
input), LAYER.weight.csv of every digital one, LAYER.mesh.npz of every mesh (as `flatlight mesh compose` takes it;
without loss), NAME.npz with all parameters, and manifest.json, which says how to compute with them.
Detunings, weights and phases are those of the nominal device, behind converters and crosstalk.

Example:
  flatlight export RUN --to weights")]
pub(super) struct Export {
    /// Run folder, as `flatlight train` makes it
    run: PathBuf,

    /// Folder; files in it that have the same names are replaced
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

impl Export {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let run = Run::at(&self.run);
        let (recipe, input) = (run.recipe()?, run.input()?);
        let gpu = context.open()?;
        let network = trained(&gpu, &run, &recipe, &input, 1)?;
        let arrays = export(&recipe, &input, &network, &self.to)?;
        output::print(&format!("{arrays} arrays in {}\n", self.to.display()))
    }
}
