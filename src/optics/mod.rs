//! Floor 4: photonic layers, their actuators and imperfections.

mod ring_dense;
mod ring_recipe;

pub use ring_dense::RingDense;
pub use ring_recipe::{ActuatorKind, RingRecipe};
