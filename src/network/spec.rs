//! The kinds of layer that a recipe can name.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::electronics::{Activation, AveragePool, MaxPool, PoolRecipe};
use crate::layer::Layer;
use crate::optics::{RingDense, RingRecipe};

/// One entry of the recipe's `[[layers]]`: its `type` and the keys of that type.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum LayerRecipe {
    /// Dense layer of microrings.
    RingDense(RingRecipe),
    /// Rectifier.
    Relu,
    /// Logistic function.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// Largest pixels of windows.
    MaxPool(PoolRecipe),
    /// Means of windows.
    AveragePool(PoolRecipe),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoKeys {}

impl LayerRecipe {
    /// Every `type`.
    pub const TYPES: [&str; 6] = ["ring-dense", "relu", "sigmoid", "tanh", "max-pool", "average-pool"];

    /// Reads the keys of a layer of this type.
    ///
    /// # Errors
    /// An unknown type, or what the keys' deserializer says.
    pub fn read<'de, D: Deserializer<'de>>(kind: &str, keys: D) -> Result<Self, D::Error> {
        match kind {
            "ring-dense" => RingRecipe::deserialize(keys).map(Self::RingDense),
            "relu" => NoKeys::deserialize(keys).map(|_| Self::Relu),
            "sigmoid" => NoKeys::deserialize(keys).map(|_| Self::Sigmoid),
            "tanh" => NoKeys::deserialize(keys).map(|_| Self::Tanh),
            "max-pool" => PoolRecipe::deserialize(keys).map(Self::MaxPool),
            "average-pool" => PoolRecipe::deserialize(keys).map(Self::AveragePool),
            _ => Err(D::Error::unknown_variant(kind, &Self::TYPES)),
        }
    }

    /// Name that the recipe gives, if it does.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::RingDense(recipe) => recipe.name.as_deref(),
            Self::Relu | Self::Sigmoid | Self::Tanh | Self::MaxPool(_) | Self::AveragePool(_) => None,
        }
    }

    /// Stem of the name if the recipe gives none.
    pub fn stem(&self) -> &'static str {
        match self {
            Self::RingDense(_) => "ring",
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::MaxPool(_) | Self::AveragePool(_) => "pool",
        }
    }

    /// The layer for samples of this shape.
    ///
    /// # Errors
    /// One line about a key out of range or a shape that does not fit.
    pub fn build(&self, input_shape: &[usize]) -> Result<Box<dyn Layer>, String> {
        Ok(match self {
            Self::RingDense(recipe) => Box::new(RingDense::new(recipe.clone(), input_shape)?),
            Self::Relu => Box::new(Activation::relu(input_shape)),
            Self::Sigmoid => Box::new(Activation::sigmoid(input_shape)),
            Self::Tanh => Box::new(Activation::tanh(input_shape)),
            Self::MaxPool(recipe) => Box::new(MaxPool::new(*recipe, input_shape)?),
            Self::AveragePool(recipe) => Box::new(AveragePool::new(*recipe, input_shape)?),
        })
    }
}
