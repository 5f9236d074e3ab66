//! `flatlight export`

use std::path::PathBuf;

use clap::Args;

use super::predict::trained;
use super::{Context, Failure, output};
use crate::run::{Modulator, Prints, Run, export};

#[derive(Debug, Args)]
#[command(after_help = "\
Writes LAYER.current.csv, LAYER.detuning.csv and LAYER.weight.csv of every ring layer (a row an output, a column an
input), LAYER.weight.csv of every digital one, LAYER.mesh.npz of every mesh (as `flatlight mesh compose` takes it;
without loss), NAME.npz with all parameters, and manifest.json, which says how to compute with them.
Detunings, weights and phases are those of the nominal device, behind converters and crosstalk.

Of every phase mask in free space it writes LAYER.phaseN.png, grey levels for a spatial light modulator, and slm.toml,
which says for which; `flatlight evaluate RUN --masks DIR` reads both. SCREEN.toml may have, all of them optional:
  size = [1080, 1920]     rows and columns of the modulator; those of the mask if left out
  offset = [-7, 12]       how far the mask stands below and to the right of the middle, pixels
  bits = 8                of a grey level, 8 or 16
  lookup = \"532nm.csv\"   lines of phase (rad), level at the wavelength, both rising; even over a turn if left out
  flatness = \"flat.png\"  the maker's correction, added modulo the number of levels
With an index n, LAYER.phaseN.height.npy has the height of a printed mask in m, phase / 2 pi * wavelength / (n - 1), and
LAYER.phaseN.height.png its 16-bit levels, 65,536 a turn of phase.

Examples:
  flatlight export RUN --to weights
  flatlight export RUN --to masks --slm SCREEN.toml
  flatlight export RUN --to masks --index 1.52")]
pub(super) struct Export {
    /// Run folder, as `flatlight train` makes it
    run: PathBuf,

    /// Folder; files in it that have the same names are replaced
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// The spatial light modulator that shows the phase masks
    #[arg(long, value_name = "SCREEN.toml")]
    slm: Option<PathBuf>,

    /// Also make height maps of the phase masks, for a material of this refractive index in air
    #[arg(long, value_name = "N", value_parser = index)]
    index: Option<f64>,
}

/// Reads a refractive index.
fn index(text: &str) -> Result<f64, String> {
    let index = text.parse().ok().filter(|index: &f64| index.is_finite() && *index > 1.0);
    index.ok_or_else(|| "a refractive index is a number above 1, such as 1.52".to_owned())
}

impl Export {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let run = Run::at(&self.run);
        let (recipe, input) = (run.recipe()?, run.input()?);
        let modulator = self.slm.as_deref().map(Modulator::load).transpose()?;
        let gpu = context.open()?;
        let network = trained(&gpu, &run, &recipe, &input, 1)?;
        let prints = Prints { modulator, index: self.index };
        let arrays = export(&recipe, &input, &network, &prints, &self.to)?;
        output::print(&format!("{arrays} arrays in {}\n", self.to.display()))
    }
}
