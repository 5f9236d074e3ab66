//! Floor 7: the run folder.
//!
//! | File | Contents |
//! |---|---|
//! | `recipe.toml` | the resolved recipe; `flatlight train recipe.toml` repeats the run |
//! | `metrics.csv` | a row an epoch |
//! | `checkpoint.safetensors` | parameters by name, with units ([`checkpoint`]) |
//! | `state.safetensors` | everything to continue exactly ([`State`]) |
//! | `summary.json` | format, status, final scores, cost, shape and normalisation of the samples |
//! | `environment.json` | adapter, driver, versions |
//! | `chip.npz` | the simulated device that a method in situ trained on, at hour 0; as `flatlight chip` writes one |
//! | `figures/` | SVG and PNG |
//! | `events.out.tfevents.flatlight` | the metrics as TensorBoard events, if asked for |

mod events;
mod export;
mod slm;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub use export::{Array, Prints, arrays, export};
pub use slm::{Modulator, load_masks};

use crate::data::{Dataset, Normalisation, Preparation};
use crate::gpu::Gpu;
use crate::network::checkpoint::{self, FORMAT};
use crate::network::{self, Chip, Network};
use crate::recipe::{self, Recipe, Task};
use crate::training::method::Cost;
use crate::training::{EpochRow, State, Trainer};
use crate::{figures, files};

/// What can go wrong with a run folder.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a run, or not the one wanted.
    #[error("{}: {message}", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// The recipe inside.
    #[error(transparent)]
    Recipe(#[from] recipe::Error),
    /// A checkpoint inside.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The disk.
    #[error(transparent)]
    File(#[from] files::Error),
    /// A figure.
    #[error("figure {name}: {error}")]
    Figure {
        /// Its name.
        name: String,
        /// What is wrong.
        error: figures::Error,
    },
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Started, or stopped between two epochs or steps.
    Unfinished,
    /// All epochs done.
    Finished,
}

/// The samples that a run's network takes. A run keeps it, so that it predicts without its data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Shape of a sample that the network takes.
    pub shape: Vec<usize>,
    /// Number of classes.
    pub classes: usize,
    /// What is done to raw samples first, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preparation: Option<Preparation>,
    /// `scale` and `shift`: what the network sees of a value that is raw or prepared.
    #[serde(flatten)]
    pub normalisation: Normalisation,
}

impl Input {
    /// The samples of a data set, which is prepared, as a recipe normalises them.
    pub fn new(data: &Dataset, recipe: &Recipe) -> Self {
        Self {
            shape: data.shape.clone(),
            classes: data.classes,
            preparation: data.preparation.clone(),
            normalisation: data.normalisation(recipe.data.normalise),
        }
    }
}

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Format of the folder.
    pub format: String,
    /// Version of the program.
    pub flatlight: String,
    /// Name of the recipe.
    pub recipe: String,
    /// Training method.
    pub method: String,
    /// Seed.
    pub seed: u32,
    /// How far it came.
    pub status: Status,
    /// Epochs done.
    pub epochs: u32,
    /// Steps done.
    pub steps: u64,
    /// Forward passes done.
    pub forward_passes: u64,
    /// Backward passes done.
    pub backward_passes: u64,
    /// Batches that a device was measured with in training, by methods in situ.
    #[serde(default)]
    pub device_calls: u64,
    /// Loss a test sample after the last epoch.
    pub test_loss: Option<f64>,
    /// Accuracy on the test split after the last epoch, 0..1, of a classification.
    pub test_accuracy: Option<f64>,
    /// Peak signal-to-noise ratio on the test split after the last epoch, dB, of a reconstruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_psnr: Option<f64>,
    /// Seconds of all epochs.
    pub seconds: f64,
    /// The samples that the network takes; missing in runs of earlier versions.
    #[serde(default)]
    pub input: Option<Input>,
}

/// A run folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    path: PathBuf,
}

impl Run {
    /// The run at a path, whether it exists or not.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn complain(&self, file: &str, message: String) -> Error {
        let path = if file.is_empty() { self.path.clone() } else { self.path.join(file) };
        Error::Folder { path, message }
    }

    /// Whether a run was ever started here.
    pub fn exists(&self) -> bool {
        self.path.join("summary.json").exists()
    }

    /// Makes the folder and writes what is known before the first step.
    ///
    /// # Errors
    /// What the disk reports; the folder is then as it was.
    pub fn start(&self, recipe: &Recipe, input: &Input, gpu: &Gpu) -> Result<(), Error> {
        files::create_folder(&self.path)?;
        self.write_start(recipe, input, gpu).inspect_err(|_| {
            // The first error is the one to tell. The folder itself goes only if nothing else is in it.
            for file in ["recipe.toml", "environment.json", "summary.json"] {
                let _ = std::fs::remove_file(self.path.join(file));
            }
            let _ = std::fs::remove_dir(&self.path);
        })
    }

    fn write_start(&self, recipe: &Recipe, input: &Input, gpu: &Gpu) -> Result<(), Error> {
        let header = "# The resolved recipe of this run: `flatlight train` with this file repeats it.\n";
        files::write(&self.path.join("recipe.toml"), format!("{header}{}", recipe.text()?).as_bytes())?;
        let adapter = gpu.adapter();
        self.write_json(
            "environment.json",
            &serde_json::json!({
                "flatlight": env!("CARGO_PKG_VERSION"),
                "adapter": adapter.name,
                "kind": adapter.kind,
                "backend": adapter.backend,
                "driver": adapter.driver,
                "operating_system": std::env::consts::OS,
                "architecture": std::env::consts::ARCH,
            }),
        )?;
        self.write_summary(&Summary::new(recipe, input, Cost::default(), &[], 0, false))
    }

    /// The summary.
    ///
    /// # Errors
    /// A folder that is no run, or one of another version.
    pub fn summary(&self) -> Result<Summary, Error> {
        if !self.exists() {
            return Err(self.complain(
                "",
                "is not a run folder (it has no summary.json); give the folder that `flatlight train` made".to_owned(),
            ));
        }
        let text = files::read_text(&self.path.join("summary.json"))?;
        let value: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| self.complain("summary.json", format!("is damaged ({error}); train again")))?;
        let format = value.get("format").and_then(serde_json::Value::as_str);
        checkpoint::check_format(format).map_err(|message| self.complain("summary.json", message))?;
        serde_json::from_value(value)
            .map_err(|error| self.complain("summary.json", format!("is damaged ({error}); train again")))
    }

    /// The recipe.
    ///
    /// # Errors
    /// As [`summary`](Self::summary), and what is wrong with the recipe.
    pub fn recipe(&self) -> Result<Recipe, Error> {
        self.summary()?;
        Ok(Recipe::read(&self.path.join("recipe.toml"))?)
    }

    /// The samples that the network takes.
    ///
    /// # Errors
    /// As [`summary`](Self::summary); also a run of a version that did not keep them.
    pub fn input(&self) -> Result<Input, Error> {
        let missing =
            "does not hold shape and normalisation of the samples (an earlier flatlight made it); train again";
        let input = self.summary()?.input.ok_or_else(|| self.complain("summary.json", missing.to_owned()))?;
        if input.preparation.as_ref().is_some_and(|preparation| !preparation.makes(&input.shape)) {
            let message = "is damaged (the preparation of the samples does not make their shape); train again";
            return Err(self.complain("summary.json", message.to_owned()));
        }
        if !input.normalisation.fits(&input.shape) {
            let message = "is damaged (the normalisation of the samples is not of their channels); train again";
            return Err(self.complain("summary.json", message.to_owned()));
        }
        Ok(input)
    }

    /// The rows of `metrics.csv`.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn metrics(&self) -> Result<Vec<EpochRow>, Error> {
        let path = self.path.join("metrics.csv");
        let text = files::read(&path)?;
        let rows: Result<Vec<EpochRow>, _> = csv::Reader::from_reader(text.as_slice()).into_deserialize().collect();
        rows.map_err(|error| self.complain("metrics.csv", format!("is damaged ({error}); start the run anew")))
    }

    /// Writes metrics, state, checkpoint and summary, each in one step. The state goes last, so that an interrupted
    /// save never claims more than the other files hold.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn save(
        &self,
        recipe: &Recipe,
        input: &Input,
        network: &Network<'_>,
        rows: &[EpochRow],
        state: &State,
        done: bool,
    ) -> Result<(), Error> {
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        let damaged = |error: String| self.complain("metrics.csv", error);
        let columns = COLUMNS.map(|column| column.replace("score", recipe.task.score()));
        writer.write_record(columns).map_err(|error| damaged(error.to_string()))?;
        for row in rows {
            writer.serialize(row).map_err(|error| damaged(error.to_string()))?;
        }
        let text = writer.into_inner().map_err(|error| damaged(error.to_string()))?;
        files::write(&self.path.join("metrics.csv"), &text)?;
        let events = self.path.join(EVENTS);
        if events.exists() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
            files::write(&events, &events::encode(rows, recipe.task.score(), now))?;
        }
        if let Some(flat) = state.trained() {
            let tensors = checkpoint::split(network.parameters(), flat);
            checkpoint::write(
                &self.path.join("checkpoint.safetensors"),
                &tensors,
                checkpoint::units(network.parameters().iter().map(|entry| (entry.name.as_str(), entry.spec.unit))),
            )?;
        }
        let cost = recipe.training.method.spent(&recipe.training, network, state.step);
        self.write_summary(&Summary::new(recipe, input, cost, rows, state.step, done))?;
        Ok(state.write(&self.path.join(STATE))?)
    }

    /// Asks that every save also writes the metrics as TensorBoard events.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn request_events(&self) -> Result<(), Error> {
        Ok(files::write(&self.path.join(EVENTS), &[])?)
    }

    /// Keeps the chip that a method in situ trains on, at hour 0, as `chip.npz`.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn keep_chip(&self, chip: &Chip, network: &Network<'_>) -> Result<(), Error> {
        Ok(chip.save(&self.path.join(CHIP), network.imperfections())?)
    }

    /// File of the chip that it was trained on, if it was trained on one.
    pub fn chip(&self) -> Option<PathBuf> {
        Some(self.path.join(CHIP)).filter(|path| path.exists())
    }

    /// Whether there is a state to continue from.
    pub fn has_state(&self) -> bool {
        self.path.join(STATE).exists()
    }

    /// Where the run stood.
    ///
    /// # Errors
    /// A file that is missing, damaged or of another version.
    pub fn state(&self) -> Result<State, Error> {
        Ok(State::read(&self.path.join(STATE))?)
    }

    /// Brings a trainer to where the run stood, and gives the rows of `metrics.csv` up to there.
    ///
    /// # Errors
    /// Files that are missing, damaged, of another version or of another recipe, or that do not agree.
    pub fn restore(&self, trainer: &mut Trainer<'_, '_>) -> Result<Vec<EpochRow>, Error> {
        let state = self.state()?;
        let odd = |message: String| self.complain(STATE, message);
        if state.step > trainer.total_steps() {
            let total = trainer.total_steps();
            return Err(odd(format!("stands at step {} of {total}; start the run anew", state.step)));
        }
        trainer.restore(&state).map_err(|error| odd(error.to_string()))?;
        let mut rows = self.metrics()?;
        // An interrupted save may have left a row that the state does not know of yet.
        rows.retain(|row| row.step <= state.step);
        let per_epoch = trainer.steps_per_epoch();
        let epochs = state.step / per_epoch - u64::from(state.is_unscored(per_epoch));
        if !rows.iter().map(|row| u64::from(row.epoch)).eq(1..=epochs) {
            let message = format!("does not hold epochs 1 to {epochs}, which the state has; start the run anew");
            return Err(self.complain("metrics.csv", message));
        }
        Ok(rows)
    }

    /// The trained parameters as the network's flat vector.
    ///
    /// # Errors
    /// A checkpoint that is missing, damaged, of another version or of another network.
    pub fn parameters(&self, network: &Network<'_>) -> Result<Vec<f32>, Error> {
        let path = self.path.join("checkpoint.safetensors");
        if !path.exists() {
            return Err(self.complain("", "holds no checkpoint yet; continue its training with --resume".to_owned()));
        }
        let (tensors, _) = checkpoint::read(&path)?;
        Ok(checkpoint::join(network.parameters(), network.flat().len(), &tensors, &path)?)
    }

    fn write_summary(&self, summary: &Summary) -> Result<(), Error> {
        self.write_json("summary.json", summary)
    }

    fn write_json(&self, file: &str, value: &impl Serialize) -> Result<(), Error> {
        let mut text = serde_json::to_string_pretty(value).map_err(|error| self.complain(file, error.to_string()))?;
        text.push('\n');
        Ok(files::write(&self.path.join(file), text.as_bytes())?)
    }
}

impl Summary {
    /// Of a run of so many steps, which cost as much.
    fn new(recipe: &Recipe, input: &Input, cost: Cost, rows: &[EpochRow], steps: u64, done: bool) -> Self {
        let score = |task| rows.last().filter(|_| recipe.task == task).map(|row| row.test_score);
        Self {
            format: FORMAT.to_owned(),
            flatlight: env!("CARGO_PKG_VERSION").to_owned(),
            recipe: recipe.name.clone(),
            method: recipe.training.method.word().to_owned(),
            seed: recipe.seed,
            status: if done { Status::Finished } else { Status::Unfinished },
            epochs: rows.last().map_or(0, |row| row.epoch),
            steps,
            forward_passes: cost.forward.round() as u64,
            backward_passes: cost.backward.round() as u64,
            device_calls: cost.device,
            test_loss: rows.last().map(|row| row.test_loss),
            test_accuracy: score(Task::Classification),
            test_psnr: score(Task::Reconstruction),
            // An empty sum of floats is -0.
            seconds: rows.iter().map(|row| row.seconds).sum::<f64>() + 0.0,
            input: Some(input.clone()),
        }
    }
}

/// Writes a figure as SVG and PNG into `figures/` of a folder.
///
/// # Errors
/// What the renderer or the disk reports.
pub fn write_figure(folder: &Path, name: &str, figure: Result<figures::Figure, figures::Error>) -> Result<(), Error> {
    let complain = |error| Error::Figure { name: name.to_owned(), error };
    let figure = figure.map_err(complain)?;
    let folder = folder.join("figures");
    files::create_folder(&folder)?;
    files::write(&folder.join(format!("{name}.svg")), figure.svg().as_bytes())?;
    Ok(files::write(&folder.join(format!("{name}.png")), &figure.png().map_err(complain)?)?)
}

const STATE: &str = "state.safetensors";

const CHIP: &str = "chip.npz";

/// TensorBoard looks for `tfevents` in the name.
const EVENTS: &str = "events.out.tfevents.flatlight";

const COLUMNS: [&str; 8] =
    ["epoch", "step", "train_loss", "train_score", "test_loss", "test_score", "learning_rate", "seconds"];
