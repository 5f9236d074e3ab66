//! Floor 4: digital layers between the photonic ones.

mod activation;
mod normalization;
mod pool;

pub use activation::Activation;
pub use normalization::{Norm, NormKind, NormRecipe};
pub use pool::{AveragePool, MaxPool, PoolRecipe};
