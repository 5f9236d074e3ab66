//! Floor 6: how a trained network fares on devices that are not nominal.

mod frechet;
mod sweep;

pub use frechet::{Features, frechet_distance};
pub use sweep::{
    Axis, EVALUATION_BATCH, Point, Sweep, check_axes, check_statistics, chip, chips_at_once, distinct_chips, grid,
    hour, moments, rows_at_once,
};

/// What can go wrong in an evaluation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A `--vary` that cannot be read or names nothing.
    #[error("--vary {given}: {message}")]
    Vary {
        /// What was given.
        given: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// Statistics that cannot be re-estimated.
    #[error("--recalibrate: {0}")]
    Recalibrate(&'static str),
    /// Features of which no distance can be said.
    #[error("Fréchet distance: {0}")]
    Features(String),
    /// The network, the disk or the device.
    #[error(transparent)]
    Network(#[from] crate::network::Error),
}
