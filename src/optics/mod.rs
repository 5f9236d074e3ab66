//! Floor 4: photonic layers, their actuators and imperfections.

mod ring_dense;

pub use ring_dense::{RingDense, RingRecipe};
