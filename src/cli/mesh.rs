//! `flatlight mesh`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Context, Failure, output};
use crate::mesh::{self, Layout, Matrix};
use crate::recipe::did_you_mean;
use crate::{data, files};

/// The arrays of a mesh's file.
const ARRAYS: [&str; 6] = ["layout", "theta", "phi", "gamma", "coupler_left", "coupler_right"];

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Light meets column 0 first and the phase screen diag(exp(i gamma)) last. An interferometer on the modes (p, p + 1):
  M = B(right) diag(exp(i theta), 1) B(left) diag(exp(i phi), 1)
  B(e) = [[sqrt((1 + e)/2), i sqrt((1 - e)/2)], [i sqrt((1 - e)/2), sqrt((1 + e)/2)]], e the error of a coupler
Columns c of N modes, in which interferometers are counted with p rising:
  clements   c = 0 to N - 1, p = c mod 2, c mod 2 + 2, ... up to N - 2
  reck       c = 0 to 2N - 4, p = |c - (N - 2)|, |c - (N - 2)| + 2, ... up to N - 2
P.npz holds layout (a text) and, in rad and f8, theta and phi [N(N-1)/2] and gamma [N]; coupler_left and coupler_right
[N(N-1)/2] are optional. U.npy holds [N, N]: amplitudes behind the mesh are U times those before it.

Examples:
  flatlight mesh decompose U.npy --layout reck --out P.npz
  flatlight mesh compose P.npz --out U.npy")]
pub(super) enum Mesh {
    /// Find the phases of a mesh of ideal couplers from its unitary matrix
    Decompose(Decompose),
    /// Compute the matrix of a mesh from its phases and coupler errors
    Compose(Compose),
}

#[derive(Debug, Args)]
pub(super) struct Decompose {
    /// Unitary matrix [N, N] of type c16, c8, f8 or f4
    #[arg(value_name = "U.npy")]
    matrix: PathBuf,

    /// Where interferometers stand: clements (rectangular) or reck (triangular)
    #[arg(long, value_name = "LAYOUT", default_value = "clements", value_parser = layout)]
    layout: Layout,

    /// Phases: theta, phi, gamma and layout
    #[arg(long, value_name = "P.npz")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Compose {
    /// Phases and, if they are there, coupler errors
    #[arg(value_name = "P.npz")]
    phases: PathBuf,

    /// Unitary matrix [N, N] of type c16
    #[arg(long, value_name = "U.npy")]
    out: PathBuf,
}

impl Mesh {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Decompose(command) => command.run(context),
            Self::Compose(command) => command.run(context),
        }
    }
}

impl Decompose {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let (shape, values) = data::load_complex(&self.matrix)?;
        let [rows, columns] = shape[..] else { return Err(not_square(&self.matrix, &shape)) };
        if rows != columns {
            return Err(not_square(&self.matrix, &shape));
        }
        let blame = |error| blame(&self.matrix, &error);
        let matrix = Matrix::new(rows, values).map_err(blame)?;
        let mesh = mesh::decompose(&matrix, self.layout).map_err(blame)?;
        let apart = mesh.compose().map_err(blame)?.distance(&matrix);
        if context.stopped() {
            return Err(interrupted());
        }

        let mut arrays = vec![("layout", data::npy_text(self.layout.word()))];
        for (name, values) in [("theta", &mesh.theta), ("phi", &mesh.phi), ("gamma", &mesh.gamma)] {
            arrays.push((name, data::npy(&[values.len()], values).map_err(|error| unwritten(&self.out, &error))?));
        }
        files::write(&self.out, &data::npz(arrays).map_err(|error| unwritten(&self.out, &error))?)?;
        output::print(&format!(
            "{rows} modes, {}: theta [{each}], phi [{each}], gamma [{rows}] in {}; they compose to {} within {apart:.1e}\n",
            self.layout.word(),
            self.out.display(),
            self.matrix.display(),
            each = mesh.theta.len(),
        ))
    }
}

impl Compose {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let blame = |error| blame(&self.phases, &error);
        let mesh = self.read()?;
        let matrix = mesh.compose().map_err(blame)?;
        if context.stopped() {
            return Err(interrupted());
        }
        let modes = matrix.modes();
        let bytes = data::npy(&[modes, modes], matrix.values()).map_err(|error| unwritten(&self.out, &error))?;
        files::write(&self.out, &bytes)?;
        output::print(&format!(
            "{modes} modes, {}: U [{modes}, {modes}] in {}\n",
            mesh.layout.word(),
            self.out.display()
        ))
    }

    fn read(&self) -> Result<mesh::Mesh, Failure> {
        let mut file = data::Npz::open(&self.phases)?;
        // What is misspelt must not be taken for absent.
        if let Some(name) = file.names().iter().find(|name| !ARRAYS.contains(&name.as_str())) {
            return Err(Failure::Failed(format!(
                "{}: the array `{name}` says nothing of a mesh; there are: {}{}",
                self.phases.display(),
                ARRAYS.join(", "),
                did_you_mean(name, ARRAYS)
            )));
        }
        let layout = file.text("layout")?.parse().map_err(|error| blame(&self.phases, &error))?;
        let [theta, phi, gamma] = [file.vector("theta")?, file.vector("phi")?, file.vector("gamma")?];
        let mut errors = |name: &str| {
            let is_there = file.names().iter().any(|other| other == name);
            if is_there { file.vector(name) } else { Ok(vec![0.0; theta.len()]) }
        };
        let [coupler_left, coupler_right] = [errors("coupler_left")?, errors("coupler_right")?];
        Ok(mesh::Mesh { layout, theta, phi, gamma, coupler_left, coupler_right })
    }
}

/// Reads the word of a layout.
fn layout(word: &str) -> Result<Layout, String> {
    word.parse().map_err(|error: mesh::Error| format!("{error}{}", did_you_mean(word, Layout::ALL.map(Layout::word))))
}

fn blame(path: &Path, error: &mesh::Error) -> Failure {
    Failure::Failed(format!("{}: {error}", path.display()))
}

fn not_square(path: &Path, shape: &[usize]) -> Failure {
    Failure::Failed(format!(
        "{}: an array of shape {shape:?}, but the matrix of a mesh is square: [N, N]; embed or cut it",
        path.display()
    ))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("{}: {error}", path.display()))
}

fn interrupted() -> Failure {
    Failure::Interrupted("interrupted; nothing was written".to_owned())
}
