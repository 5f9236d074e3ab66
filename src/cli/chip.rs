//! `flatlight chip`

use std::path::PathBuf;

use clap::Args;

use super::predict::{conditions, drawn, trained, without_time};
use super::{Context, Failure, output};
use crate::network::{Chip, Drift};
use crate::run::Run;

#[derive(Debug, Args)]
#[command(after_help = "\
The file holds the imperfections that --vary names, a tensor a layer, such as ring1.ring_offset: npz, or safetensors
with units. `evaluate --chips` scores the same chips 0, 1, ... at the same deviations. A measured device is a file of
the same kind; what is not in it is nominal.

Examples:
  flatlight chip RUN --number 7 --vary ring_offset=0.02 --vary ring_width=0.1 --out chip.npz
  flatlight evaluate RUN --chip chip.npz --vary temperature=-1:1:0.5")]
pub(super) struct DrawChip {
    /// Run folder, as `flatlight train` makes it
    run: PathBuf,

    /// Which chip, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    number: u32,

    /// Deviation of a random imperfection that `evaluate --help` lists, or value of a common one
    #[arg(long, value_name = "NAME=VALUE", required = true)]
    vary: Vec<String>,

    /// File, .npz or .safetensors
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl DrawChip {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let conditions = conditions("--vary", &self.vary)?;
        without_time(&conditions, "`evaluate --chip FILE --vary hours=0:24:1`")?;
        Chip::check_path(&self.out).map_err(|error| Failure::Usage(format!("--out {error}")))?;
        let run = Run::at(&self.run);
        let (recipe, input) = (run.recipe()?, run.input()?);
        let gpu = context.open()?;
        let network = trained(&gpu, &run, &recipe, &input, 1)?;
        let (chip, _) = drawn("--vary", &network, &conditions, (None, &Drift::default()), self.number)?;
        chip.save(&self.out, network.imperfections())?;
        let names: Vec<_> = chip.tensors.iter().map(|tensor| format!("{} {:?}", tensor.name, tensor.shape)).collect();
        output::print(&format!("chip {}: {} in {}\n", self.number, names.join(", "), self.out.display()))
    }
}
