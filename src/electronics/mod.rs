//! Floor 4: digital layers between the photonic ones.

mod activation;
mod pool;

pub use activation::Activation;
pub use pool::{AveragePool, MaxPool, PoolRecipe};
