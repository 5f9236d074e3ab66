//! Floor 6: how a trained network fares on devices that are not nominal.

mod chip;
mod confusion;
mod sweep;

pub use chip::chip;
pub use confusion::confusion;
pub use sweep::{Axis, EVALUATION_BATCH, Point, distinct_chips, grid, sweep};

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
    /// The network, the disk or the device.
    #[error(transparent)]
    Network(#[from] crate::network::Error),
}
