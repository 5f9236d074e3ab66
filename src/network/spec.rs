//! The kinds of layer that a recipe can name.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::electronics::Relu;
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoKeys {}

impl LayerRecipe {
    /// Every `type`.
    pub const TYPES: [&str; 2] = ["ring-dense", "relu"];

    /// Reads the keys of a layer of this type.
    ///
    /// # Errors
    /// An unknown type, or what the keys' deserializer says.
    pub fn read<'de, D: Deserializer<'de>>(kind: &str, keys: D) -> Result<Self, D::Error> {
        match kind {
            "ring-dense" => RingRecipe::deserialize(keys).map(Self::RingDense),
            "relu" => NoKeys::deserialize(keys).map(|_| Self::Relu),
            _ => Err(D::Error::unknown_variant(kind, &Self::TYPES)),
        }
    }

    /// Name that the recipe gives, if it does.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::RingDense(recipe) => recipe.name.as_deref(),
            Self::Relu => None,
        }
    }

    /// Stem of the name if the recipe gives none.
    pub fn stem(&self) -> &'static str {
        match self {
            Self::RingDense(_) => "ring",
            Self::Relu => "relu",
        }
    }

    /// The layer for samples of this shape.
    ///
    /// # Errors
    /// One line about a key out of range or a shape that does not fit.
    pub fn build(&self, input_shape: &[usize]) -> Result<Box<dyn Layer>, String> {
        Ok(match self {
            Self::RingDense(recipe) => Box::new(RingDense::new(recipe.clone(), input_shape)?),
            Self::Relu => Box::new(Relu::new(input_shape)),
        })
    }
}
