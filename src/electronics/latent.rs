//! The numbers between an encoder and a decoder that images are generated from.

use serde::{Deserialize, Serialize};

use crate::gpu::{Error, PlanBuilder, Slice};
use crate::layer::{Io, Layer, Pass};
use crate::ops::detect::Source;
use crate::ops::latent;
use crate::random;

/// Keys of a `latent` layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatentRecipe {
    /// Name; `latent` and a number if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What a nat of divergence from standard normal numbers adds to the loss of a sample, which is a mean over the values of an image.
    pub weight: f32,
}

/// Half as many numbers as come in, which are means and logarithms of variances: drawn in training, the means in inference; with the
/// divergence of what is drawn from standard normal numbers in the loss. It makes an autoencoder a variational one (Kingma & Welling, ICLR
/// 2014), whose decoder generates images from standard normal numbers.
#[derive(Clone, Debug)]
pub struct Latent {
    features: usize,
    weight: f32,
}

impl Latent {
    /// A layer for samples of a shape.
    ///
    /// # Errors
    /// One line about a weight out of range, or an odd number of inputs.
    pub fn new(recipe: &LatentRecipe, input_shape: &[usize]) -> Result<Self, String> {
        let inputs: usize = input_shape.iter().product();
        if !inputs.is_multiple_of(2) || inputs == 0 {
            return Err(format!(
                "`type`: a latent layer takes as many means as logarithms of variances, and {inputs} is no even number; give the layer before it even `outputs`"
            ));
        }
        if !(recipe.weight.is_finite() && recipe.weight >= 0.0) {
            return Err(format!("`weight` must be 0 or more, not {}", recipe.weight));
        }
        Ok(Self { features: inputs / 2, weight: recipe.weight })
    }
}

/// Every layer draws numbers of its own.
fn source(io: &Io) -> Source<'_> {
    Source { clock: &io.clock, stream: random::stream(io.output.name()), step: io.draw_step, row: io.draw_row }
}

impl Layer for Latent {
    fn output_shape(&self) -> Vec<usize> {
        vec![self.features]
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, pass: Pass) -> Result<(), Error> {
        match pass {
            Pass::First | Pass::Again | Pass::Recalibrate => latent::sample(plan, source(io), &io.input, &io.output),
            Pass::Inference => latent::mean(plan, &io.input, &io.output),
        }
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        match &io.d_input {
            Some(d_input) => latent::backward(plan, source(io), self.weight, &io.input, &io.d_output, d_input),
            None => Ok(()),
        }
    }

    fn burden(&self, plan: &mut PlanBuilder<'_>, io: &Io, loss: &Slice) -> Result<(), Error> {
        latent::divergence(plan, source(io), self.weight, &io.input, loss)
    }
}

#[cfg(test)]
mod tests {
    use super::{Latent, LatentRecipe};
    use crate::layer::Layer;

    #[test]
    fn half_of_an_even_number_comes_out() {
        let of = |weight, shape: &[usize]| Latent::new(&LatentRecipe { name: None, weight }, shape);
        assert_eq!(of(0.5, &[2, 3, 4]).map(|it| it.output_shape()), Ok(vec![12]));
        assert!(of(0.5, &[5]).unwrap_err().starts_with("`type`: a latent layer takes as many means as"));
        assert_eq!(of(-1.0, &[4]).unwrap_err(), "`weight` must be 0 or more, not -1");
        assert_eq!(of(f32::NAN, &[4]).unwrap_err(), "`weight` must be 0 or more, not NaN");
    }
}
