//! Floor 4: digital layers between the photonic ones.

mod activation;
mod add;
mod convolution;
mod dense;
mod latent;
mod normalization;
mod pool;
mod reshape;
mod upsample;

pub use activation::Activation;
pub use add::{Add, AddRecipe};
pub use convolution::{Convolution, ConvolutionRecipe};
pub use dense::{Dense, DenseRecipe};
pub use latent::{Latent, LatentRecipe};
pub use normalization::{Norm, NormKind, NormRecipe};
pub use pool::{AveragePool, MaxPool, PoolRecipe, Window};
pub use reshape::ReshapeRecipe;
pub use upsample::{Upsample, UpsampleRecipe};
