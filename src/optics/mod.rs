//! Floor 4: photonic layers, their actuators and imperfections.

mod attenuators;
mod curve;
mod free_space;
mod free_space_recipe;
mod keeping;
mod mesh;
mod mesh_recipe;
mod multiplier;
mod multiplier_recipe;
mod readout;
mod ring_convolution;
mod ring_dense;
mod ring_recipe;
mod rings;

pub use attenuators::{AttenuatorRecipe, Attenuators};
pub use curve::Fitted;
pub use free_space::FreeSpace;
pub use free_space_recipe::{
    FreeSpaceRecipe, KeptAs, LightInput, LineRecipe, MaskKind, MaskStart, PlaneRecipe, RegionsRecipe,
};
pub use mesh::Mesh;
pub use mesh_recipe::{MeshForm, MeshInput, MeshOutput, MeshRecipe, MeshStart};
pub use multiplier::Multiplier;
pub use multiplier_recipe::MultiplierRecipe;
pub use ring_convolution::RingConvolution;
pub use ring_dense::RingDense;
pub use ring_recipe::{ActuatorKind, RingRecipe, StartSign};
