//! Floor 4: digital layers between the photonic ones.

mod relu;

pub use relu::Relu;
