//! Floor 5: layers compiled into plans over flat buffers.

mod account;
mod bench;
mod build;
pub mod checkpoint;
mod chip;
mod connect;
mod device;
mod drift;
mod layout;
mod objective;
mod predict;
mod scores;
mod shortcut;
mod spec;

pub use account::{Expense, LayerAccount, Roofline};
pub use bench::Bench;
pub use build::{Asked, Feed, Learner, Measured, Network, Part, memory_table, outputs, table, widest};
pub use chip::Chip;
pub use device::{Device, DeviceSettings, Stage};
pub use drift::{Drift, DriftSettings, MAX_HOURS};
pub use layout::Entry;
pub use objective::Wanted;
pub use scores::{Scores, Tally};
pub use spec::LayerRecipe;

/// What can go wrong while a network is built, saved or loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A layer of the recipe that makes no sense where it stands.
    #[error("layer {} ({name}): {message}", index + 1)]
    Layer {
        /// Place in the list, from 0.
        index: usize,
        /// Name of the layer.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// Data or recipe that do not fit the network.
    #[error("{0}")]
    Fit(String),
    /// A checkpoint that cannot be used.
    #[error("{}: {message}", path.display())]
    Checkpoint {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// The file of a chip that cannot be used.
    #[error("{}: {message}", path.display())]
    Chip {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// An npz archive.
    #[error(transparent)]
    Data(#[from] crate::data::Error),
    /// A program at a bench.
    #[error(transparent)]
    Hardware(#[from] crate::hardware::Error),
    /// The device.
    #[error(transparent)]
    Gpu(#[from] crate::gpu::Error),
    /// The disk.
    #[error(transparent)]
    File(#[from] crate::files::Error),
}
