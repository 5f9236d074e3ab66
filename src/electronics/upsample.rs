//! Images made larger, as decoders and generators need them.

use serde::{Deserialize, Serialize};

use crate::gpu::{Error, PlanBuilder};
use crate::layer::{self, Io, Layer, Pass};
use crate::ops::upsample::Shape;

/// Keys of an `upsample` layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpsampleRecipe {
    /// How many times as high and wide images become.
    pub factor: usize,
}

/// Largest factor: its square is what an invocation sums.
const MOST: usize = 64;

/// Every pixel repeated. A convolution behind it makes larger images without the chequered patterns that one of strides between
/// pixels leaves (Odena et al., Distill 2016).
#[derive(Clone, Debug)]
pub struct Upsample(Shape);

impl Upsample {
    /// A layer for samples `[channels, height, width]`, or `[height, width]` of one channel.
    ///
    /// # Errors
    /// One line about a factor out of range, or samples that are no images.
    pub fn new(recipe: UpsampleRecipe, input_shape: &[usize]) -> Result<Self, String> {
        let image = layer::image(input_shape, "upsampling")?;
        if !(1..=MOST).contains(&recipe.factor) {
            return Err(format!("`factor` must be 1 to {MOST}, not {}", recipe.factor));
        }
        Ok(Self(Shape { image, factor: recipe.factor }))
    }
}

impl Layer for Upsample {
    fn output_shape(&self) -> Vec<usize> {
        self.0.output().to_vec()
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        self.0.forward(plan, &io.input, &io.output)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        match &io.d_input {
            Some(d_input) => self.0.backward(plan, &io.d_output, d_input),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Upsample, UpsampleRecipe};
    use crate::layer::Layer;

    #[test]
    fn images_become_so_many_times_as_high_and_wide() {
        let of = |factor, shape: &[usize]| Upsample::new(UpsampleRecipe { factor }, shape).map(|it| it.output_shape());
        assert_eq!(of(2, &[3, 4, 5]), Ok(vec![3, 8, 10]));
        assert_eq!(of(1, &[4, 5]), Ok(vec![1, 4, 5]));
        assert_eq!(of(0, &[4, 5]), Err("`factor` must be 1 to 64, not 0".to_owned()));
        assert_eq!(of(65, &[4, 5]), Err("`factor` must be 1 to 64, not 65".to_owned()));
        assert!(of(2, &[64]).unwrap_err().starts_with("`type`: upsampling takes images"));
    }
}
