//! The kinds of layer that a recipe can name.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::electronics::{
    Activation, Add, AddRecipe, AveragePool, Convolution, ConvolutionRecipe, Dense, DenseRecipe, Latent, LatentRecipe,
    MaxPool, Norm, NormKind, NormRecipe, PoolRecipe, ReshapeRecipe, Upsample, UpsampleRecipe,
};
use crate::layer::Layer;
use crate::optics::{
    AttenuatorRecipe, Attenuators, FreeSpace, FreeSpaceRecipe, Mesh, MeshForm, MeshRecipe, Multiplier,
    MultiplierRecipe, RingConvolution, RingDense, RingRecipe,
};

/// One entry of the recipe's `[[layers]]`: its `type` and the keys of that type.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum LayerRecipe {
    /// Dense layer of microrings.
    RingDense(RingRecipe),
    /// Convolution of microrings.
    RingConvolution(RingRecipe),
    /// Mesh of Mach-Zehnder interferometers.
    Mesh(Box<MeshRecipe>),
    /// Attenuators of every mode.
    Attenuators(AttenuatorRecipe),
    /// Coherent light in free space.
    FreeSpace(Box<FreeSpaceRecipe>),
    /// Weights as pictures between a display and a camera.
    Multiplier(MultiplierRecipe),
    /// Dense layer of ordinary weights.
    Dense(DenseRecipe),
    /// Convolution of ordinary weights.
    Convolution(ConvolutionRecipe),
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
    /// Larger images, every pixel repeated.
    Upsample(UpsampleRecipe),
    /// The same values as images.
    Reshape(ReshapeRecipe),
    /// Normalization over the batch.
    BatchNorm(NormRecipe),
    /// Normalization over the channels.
    LayerNorm(NormRecipe),
    /// Normalization over groups of channels.
    GroupNorm(NormRecipe),
    /// Numbers that images are generated from.
    Latent(LatentRecipe),
    /// The output of an earlier layer added.
    Add(AddRecipe),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoKeys {}

impl LayerRecipe {
    /// Every `type`.
    pub const TYPES: [&str; 20] = [
        "ring-dense",
        "ring-convolution",
        "mesh",
        "attenuators",
        "free-space",
        "multiplier",
        "dense",
        "convolution",
        "relu",
        "sigmoid",
        "tanh",
        "max-pool",
        "average-pool",
        "upsample",
        "reshape",
        "batch-norm",
        "layer-norm",
        "group-norm",
        "latent",
        "add",
    ];

    /// Reads the keys of a layer of this type.
    ///
    /// # Errors
    /// An unknown type, or what the keys' deserializer says.
    pub fn read<'de, D: Deserializer<'de>>(kind: &str, keys: D) -> Result<Self, D::Error> {
        match kind {
            "ring-dense" => RingRecipe::deserialize(keys).map(Self::RingDense),
            "ring-convolution" => RingRecipe::deserialize(keys).map(Self::RingConvolution),
            "mesh" => MeshRecipe::deserialize(keys).map(|recipe| Self::Mesh(Box::new(recipe))),
            "attenuators" => AttenuatorRecipe::deserialize(keys).map(Self::Attenuators),
            "free-space" => FreeSpaceRecipe::deserialize(keys).map(|recipe| Self::FreeSpace(Box::new(recipe))),
            "multiplier" => MultiplierRecipe::deserialize(keys).map(Self::Multiplier),
            "dense" => DenseRecipe::deserialize(keys).map(Self::Dense),
            "convolution" => ConvolutionRecipe::deserialize(keys).map(Self::Convolution),
            "relu" => NoKeys::deserialize(keys).map(|_| Self::Relu),
            "sigmoid" => NoKeys::deserialize(keys).map(|_| Self::Sigmoid),
            "tanh" => NoKeys::deserialize(keys).map(|_| Self::Tanh),
            "max-pool" => PoolRecipe::deserialize(keys).map(Self::MaxPool),
            "average-pool" => PoolRecipe::deserialize(keys).map(Self::AveragePool),
            "upsample" => UpsampleRecipe::deserialize(keys).map(Self::Upsample),
            "reshape" => ReshapeRecipe::deserialize(keys).map(Self::Reshape),
            "batch-norm" => NormRecipe::deserialize(keys).map(Self::BatchNorm),
            "layer-norm" => NormRecipe::deserialize(keys).map(Self::LayerNorm),
            "group-norm" => NormRecipe::deserialize(keys).map(Self::GroupNorm),
            "latent" => LatentRecipe::deserialize(keys).map(Self::Latent),
            "add" => AddRecipe::deserialize(keys).map(Self::Add),
            _ => Err(D::Error::unknown_variant(kind, &Self::TYPES)),
        }
    }

    /// Its `type`.
    pub fn kind(&self) -> String {
        let keys = serde_json::to_value(self).unwrap_or_default();
        keys["type"].as_str().unwrap_or_default().to_owned()
    }

    /// Name that the recipe gives, if it does.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::RingDense(recipe) | Self::RingConvolution(recipe) => recipe.name.as_deref(),
            Self::Mesh(recipe) => recipe.name.as_deref(),
            Self::Attenuators(recipe) => recipe.name.as_deref(),
            Self::FreeSpace(recipe) => recipe.name.as_deref(),
            Self::Multiplier(recipe) => recipe.name.as_deref(),
            Self::Dense(recipe) => recipe.name.as_deref(),
            Self::Convolution(recipe) => recipe.name.as_deref(),
            Self::Latent(recipe) => recipe.name.as_deref(),
            Self::Add(recipe) => recipe.name.as_deref(),
            _ => None,
        }
    }

    /// Stem of the name if the recipe gives none.
    pub fn stem(&self) -> &'static str {
        match self {
            Self::RingDense(_) | Self::RingConvolution(_) => "ring",
            Self::Mesh(_) => "mesh",
            Self::Attenuators(_) => "attenuators",
            Self::FreeSpace(_) => "space",
            Self::Multiplier(_) => "multiplier",
            Self::Dense(_) => "dense",
            Self::Convolution(_) => "convolution",
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::MaxPool(_) | Self::AveragePool(_) => "pool",
            Self::Upsample(_) => "upsample",
            Self::Reshape(_) => "reshape",
            Self::BatchNorm(_) | Self::LayerNorm(_) | Self::GroupNorm(_) => "norm",
            Self::Latent(_) => "latent",
            Self::Add(_) => "add",
        }
    }

    /// Name of the earlier layer whose output it also takes, if it does.
    pub fn source(&self) -> Option<&str> {
        match self {
            Self::Add(recipe) => Some(&recipe.of),
            _ => None,
        }
    }

    /// The layers that the entry stands for, each with what its name ends in.
    pub fn parts(&self) -> Vec<(&'static str, Self)> {
        match self {
            Self::Mesh(recipe) if recipe.form == MeshForm::Singular => {
                let (first, attenuators, last) = recipe.singular();
                vec![
                    ("-v", Self::Mesh(Box::new(first))),
                    ("-s", Self::Attenuators(attenuators)),
                    ("-u", Self::Mesh(Box::new(last))),
                ]
            }
            _ => vec![("", self.clone())],
        }
    }

    /// The layer for samples of this shape; `source` is that of its [source](Self::source).
    ///
    /// # Errors
    /// One line about a key out of range or a shape that does not fit.
    pub fn build(&self, input_shape: &[usize], source: Option<&[usize]>) -> Result<Box<dyn Layer>, String> {
        Ok(match self {
            Self::RingDense(recipe) => Box::new(RingDense::new(recipe.clone(), input_shape)?),
            Self::RingConvolution(recipe) => Box::new(RingConvolution::new(recipe.clone(), input_shape)?),
            Self::Mesh(recipe) => Box::new(Mesh::new((**recipe).clone(), input_shape)?),
            Self::Attenuators(recipe) => Box::new(Attenuators::new(recipe, input_shape)?),
            Self::FreeSpace(recipe) => Box::new(FreeSpace::new((**recipe).clone(), input_shape)?),
            Self::Multiplier(recipe) => Box::new(Multiplier::new(recipe.clone(), input_shape)?),
            Self::Dense(recipe) => Box::new(Dense::new(recipe.clone(), input_shape)?),
            Self::Convolution(recipe) => Box::new(Convolution::new(recipe, input_shape)?),
            Self::Relu => Box::new(Activation::relu(input_shape)),
            Self::Sigmoid => Box::new(Activation::sigmoid(input_shape)),
            Self::Tanh => Box::new(Activation::tanh(input_shape)),
            Self::MaxPool(recipe) => Box::new(MaxPool::new(*recipe, input_shape)?),
            Self::AveragePool(recipe) => Box::new(AveragePool::new(*recipe, input_shape)?),
            Self::Upsample(recipe) => Box::new(Upsample::new(*recipe, input_shape)?),
            Self::Reshape(_) => return Err("`type`: a reshape is part of the layer before it".to_owned()),
            Self::BatchNorm(recipe) => Box::new(Norm::new(NormKind::Batch, *recipe, input_shape)?),
            Self::LayerNorm(recipe) => Box::new(Norm::new(NormKind::Layer, *recipe, input_shape)?),
            Self::GroupNorm(recipe) => Box::new(Norm::new(NormKind::Group, *recipe, input_shape)?),
            Self::Latent(recipe) => Box::new(Latent::new(recipe, input_shape)?),
            Self::Add(_) => Box::new(Add::new(source.ok_or("`of` names no layer before this one")?, input_shape)?),
        })
    }
}
