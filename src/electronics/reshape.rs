//! Values taken for images, as decoders need them behind a dense layer.

use serde::{Deserialize, Serialize};

/// Keys of a `reshape` layer, which is no work at all: samples lie as they lay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReshapeRecipe {
    /// Shape of a sample from here on, such as `[channels, height, width]`, with as many values as before.
    pub shape: Vec<usize>,
}

impl ReshapeRecipe {
    /// Shape of a sample from here on, for samples of a shape.
    ///
    /// # Errors
    /// One line about a shape with another number of values.
    pub fn output_shape(&self, input_shape: &[usize]) -> Result<Vec<usize>, String> {
        let values = |shape: &[usize]| shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
        let (own, given) = (values(&self.shape), values(input_shape));
        if !(1..=3).contains(&self.shape.len()) || own != given {
            let given = given.unwrap_or_default();
            return Err(format!("`shape` must be one to three sides that hold {given} values, not {:?}", self.shape));
        }
        Ok(self.shape.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::ReshapeRecipe;

    #[test]
    fn the_number_of_values_stays() {
        let of = |shape: &[usize], input: &[usize]| ReshapeRecipe { shape: shape.to_vec() }.output_shape(input);
        assert_eq!(of(&[4, 3, 2], &[24]), Ok(vec![4, 3, 2]));
        assert_eq!(of(&[24], &[4, 3, 2]), Ok(vec![24]));
        let refused = |shape: &[usize]| of(shape, &[24]).unwrap_err();
        assert_eq!(refused(&[5, 5]), "`shape` must be one to three sides that hold 24 values, not [5, 5]");
        assert!(refused(&[]).contains("not []") && refused(&[2, 2, 2, 3]).contains("not [2, 2, 2, 3]"));
        assert!(refused(&[usize::MAX, 2]).contains("24 values"));
    }
}
