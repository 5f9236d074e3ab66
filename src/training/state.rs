//! Everything needed to continue a run as if it had never stopped.
//!
//! `state.safetensors` holds the flat vectors `parameters`, by optimizer `mean` and `square` or `velocity`, and `average`
//! where a moving average of the parameters is kept; its metadata hold `step` and the running sums of the epoch's metrics. Random numbers are functions of seed and step
//! and need no state.

use std::collections::HashMap;
use std::path::Path;

use crate::network::checkpoint::{self, Tensor};
use crate::network::{Error, Tally};

/// A run between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Steps done.
    pub step: u64,
    /// Metrics of the steps done in the current epoch.
    pub tally: Tally,
    /// `parameters`, the optimizer's vectors and the average, each flat.
    pub vectors: Vec<Tensor>,
}

impl State {
    pub(super) const PARAMETERS: &'static str = "parameters";
    pub(super) const AVERAGE: &'static str = "average";

    /// Writes the state.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        // Bits, not decimals: the sums must come back exactly.
        let metadata = HashMap::from([
            ("step".to_owned(), self.step.to_string()),
            ("loss bits".to_owned(), self.tally.loss.to_bits().to_string()),
            ("score bits".to_owned(), self.tally.score.to_bits().to_string()),
            ("samples".to_owned(), self.tally.samples.to_string()),
        ]);
        checkpoint::write(path, &self.vectors, metadata)
    }

    /// Reads a state.
    ///
    /// # Errors
    /// A file that is missing, damaged or of another format.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let (vectors, metadata) = checkpoint::read(path)?;
        fn number<T: std::str::FromStr>(
            metadata: &HashMap<String, String>,
            key: &str,
            path: &Path,
        ) -> Result<T, Error> {
            metadata.get(key).and_then(|text| text.parse().ok()).ok_or_else(|| Error::Checkpoint {
                path: path.to_owned(),
                message: format!("its metadata hold no number `{key}`; start the run anew"),
            })
        }
        Ok(Self {
            step: number(&metadata, "step", path)?,
            tally: Tally {
                loss: f64::from_bits(number(&metadata, "loss bits", path)?),
                score: f64::from_bits(number(&metadata, "score bits", path)?),
                samples: number(&metadata, "samples", path)?,
                similarity: 0.0,
            },
            vectors,
        })
    }

    /// Whether it stands at the end of an epoch that was not scored: its metrics are still there.
    pub fn is_unscored(&self, steps_per_epoch: u64) -> bool {
        self.step > 0 && self.step.is_multiple_of(steps_per_epoch) && self.tally.samples > 0.0
    }

    /// What the training has come to: the average of the parameters where one is kept, else the parameters.
    pub fn trained(&self) -> Option<&[f32]> {
        self.vector(Self::AVERAGE).or_else(|| self.vector(Self::PARAMETERS))
    }

    /// A flat vector by name.
    pub fn vector(&self, name: &str) -> Option<&[f32]> {
        self.vectors.iter().find(|tensor| tensor.name == name).map(|tensor| tensor.values.as_slice())
    }
}
