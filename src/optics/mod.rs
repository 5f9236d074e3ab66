//! Floor 4: photonic layers, their actuators and imperfections.

mod curve;
mod readout;
mod ring_convolution;
mod ring_dense;
mod ring_recipe;
mod rings;

pub use curve::Fitted;
pub use ring_convolution::RingConvolution;
pub use ring_dense::RingDense;
pub use ring_recipe::{ActuatorKind, RingRecipe, StartSign};
