//! Floor 6: training methods, optimizers, the schedule and the loop.
//!
//! A [method](Method) is an ordered list of plans; a training step replays them in one submission. What moves from
//! step to step is the [`Clock`](crate::ops::Clock), a pure function of the step's number.

mod account;
mod average;
mod learner;
pub mod method;
mod optimizer;
mod settings;
mod state;
mod trainer;

pub use account::{Account, StageAccount};
pub use learner::{DatSettings, Learner};
pub use method::{
    FiniteDifferenceSettings, Method, Neighbourhood, PruningSettings, SatScope, SatSettings, SpsaSettings,
};
pub use optimizer::{Optimizer, OptimizerKind, OptimizerSettings};
pub use settings::{Schedule, Settings, StepSettings};
pub use state::State;
pub use trainer::{EpochRow, Trainer};

/// What can go wrong while training.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that makes no sense.
    #[error("`{key}` {message}")]
    Setting {
        /// Key of the recipe.
        key: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// A saved state that belongs to another run.
    #[error(
        "the saved state has no vector `{name}` of {len} numbers; it belongs to another recipe, start the run anew"
    )]
    State {
        /// Name of the vector.
        name: String,
        /// Its length in this network.
        len: usize,
    },
    /// The loss, of training or of the test after it, is no number any more.
    #[error(
        "the loss became {loss} in epoch {epoch}: training has diverged; lower training.optimizer.learning_rate (now {learning_rate}) or training.sat.rho"
    )]
    Diverged {
        /// Epoch, from 1.
        epoch: u32,
        /// The loss.
        loss: f64,
        /// The rate in the recipe.
        learning_rate: f32,
    },
    /// The network, the disk or the device.
    #[error(transparent)]
    Network(#[from] crate::network::Error),
    /// The device.
    #[error(transparent)]
    Gpu(#[from] crate::gpu::Error),
}

fn setting(key: impl Into<String>, message: impl Into<String>) -> Error {
    Error::Setting { key: key.into(), message: message.into() }
}
