//! Pooling of images: fewer pixels for the next photonic layer.

use serde::{Deserialize, Serialize};

use crate::gpu::{Error, PlanBuilder};
use crate::layer::{self, Io, Layer, Pass};
use crate::ops::pool::Shape;

/// Keys of a `max-pool` or `average-pool` layer. Lengths in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolRecipe {
    /// Side of the square windows.
    pub window: usize,
    /// From one window to the next; the window's side if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
}

impl PoolRecipe {
    /// The windows over samples of this shape: `[channels, height, width]`, or `[height, width]` of one channel.
    ///
    /// # Errors
    /// One line about the key that is out of its range, or samples that are no images.
    pub fn windows(self, input_shape: &[usize]) -> Result<Shape, String> {
        let image = layer::image(input_shape, "pooling")?;
        Shape::new(image, self.window, self.stride.unwrap_or(self.window)).map_err(|error| error.to_string())
    }
}

/// The largest pixel of every window.
#[derive(Clone, Debug)]
pub struct MaxPool(Shape);

impl MaxPool {
    /// A layer for samples of this shape.
    ///
    /// # Errors
    /// One line about the key that is out of its range, or samples that are no images.
    pub fn new(recipe: PoolRecipe, input_shape: &[usize]) -> Result<Self, String> {
        recipe.windows(input_shape).map(Self)
    }
}

impl Layer for MaxPool {
    fn output_shape(&self) -> Vec<usize> {
        self.0.output().to_vec()
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        self.0.max_forward(plan, &io.input, &io.output)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        match &io.d_input {
            Some(d_input) => self.0.max_backward(plan, &io.input, &io.output, &io.d_output, d_input),
            None => Ok(()),
        }
    }
}

/// The mean of every window.
#[derive(Clone, Debug)]
pub struct AveragePool(Shape);

impl AveragePool {
    /// A layer for samples of this shape.
    ///
    /// # Errors
    /// As [`MaxPool::new`].
    pub fn new(recipe: PoolRecipe, input_shape: &[usize]) -> Result<Self, String> {
        recipe.windows(input_shape).map(Self)
    }
}

impl Layer for AveragePool {
    fn output_shape(&self) -> Vec<usize> {
        self.0.output().to_vec()
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        self.0.average_forward(plan, &io.input, &io.output)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        match &io.d_input {
            Some(d_input) => self.0.average_backward(plan, &io.d_output, d_input),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(window: usize, stride: Option<usize>, input_shape: &[usize]) -> String {
        let recipe = PoolRecipe { window, stride };
        let message = MaxPool::new(recipe, input_shape).unwrap_err();
        assert_eq!(AveragePool::new(recipe, input_shape).unwrap_err(), message);
        message
    }

    #[test]
    fn what_is_no_image_or_has_no_room_for_a_window_is_refused() {
        let message = refusal(2, None, &[64]);
        assert!(message.starts_with("`type`: pooling takes images"), "{message}");
        assert!(message.contains("not [64]; place it before"), "{message}");
        assert!(refusal(2, None, &[1, 1, 8, 8]).contains("not [1, 1, 8, 8]"));
        for window in [0, 7] {
            let want = format!("`window`: expected 1 to 6, as images have 8 x 6 pixels, got {window}");
            assert_eq!(refusal(window, None, &[3, 8, 6]), want);
        }
        assert_eq!(refusal(2, Some(0), &[8, 8]), "`stride`: expected at least 1, got 0");
    }

    #[test]
    fn channels_are_kept_and_windows_past_the_edge_left_out() {
        for (input, window, stride, output) in [
            (&[8_usize, 8] as &[usize], 2, None, [1, 4, 4]),
            (&[3, 9, 8], 2, None, [3, 4, 4]),
            (&[3, 9, 8], 3, Some(2), [3, 4, 3]),
            (&[2, 5, 5], 5, None, [2, 1, 1]),
            (&[2, 5, 7], 1, Some(3), [2, 2, 3]),
        ] {
            let recipe = PoolRecipe { window, stride };
            assert_eq!(MaxPool::new(recipe, input).unwrap().output_shape(), output);
            assert_eq!(AveragePool::new(recipe, input).unwrap().output_shape(), output);
        }
    }
}
