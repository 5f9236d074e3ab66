//! Pooling of images: fewer pixels for the next photonic layer.

use std::fmt;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::gpu::{Error, PlanBuilder};
use crate::layer::{self, Io, Layer, Pass};
use crate::ops::pool::Shape;

/// What is pooled at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// A square of this side, pixels.
    Side(usize),
    /// The whole image: `"all"`.
    All,
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Side(side) => side.serialize(serializer),
            Self::All => "all".serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Window;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a side in pixels or \"all\"")
            }

            fn visit_u64<E: serde::de::Error>(self, side: u64) -> Result<Window, E> {
                let side = usize::try_from(side).map_err(|_| E::invalid_value(Unexpected::Unsigned(side), &self))?;
                Ok(Window::Side(side))
            }

            fn visit_i64<E: serde::de::Error>(self, side: i64) -> Result<Window, E> {
                let side = usize::try_from(side).map_err(|_| E::invalid_value(Unexpected::Signed(side), &self))?;
                Ok(Window::Side(side))
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Window, E> {
                if word == "all" { Ok(Window::All) } else { Err(E::invalid_value(Unexpected::Str(word), &self)) }
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Keys of a `max-pool` or `average-pool` layer. Lengths in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolRecipe {
    /// Side of the square windows, or `"all"` for one window over the whole image.
    pub window: Window,
    /// From one window to the next; the window's side if left out. Not with `"all"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
}

impl PoolRecipe {
    /// Windows of a side, next to each other.
    pub fn new(side: usize) -> Self {
        Self { window: Window::Side(side), stride: None }
    }

    /// One window over the whole image.
    pub fn all() -> Self {
        Self { window: Window::All, stride: None }
    }

    /// The windows over samples of this shape: `[channels, height, width]`, or `[height, width]` of one channel.
    ///
    /// # Errors
    /// One line about the key that is out of its range, or samples that are no images.
    pub fn windows(self, input_shape: &[usize]) -> Result<Shape, String> {
        let image = layer::image(input_shape, "pooling")?;
        match (self.window, self.stride) {
            (Window::Side(side), stride) => {
                Shape::new(image, side, stride.unwrap_or(side)).map_err(|error| error.to_string())
            }
            (Window::All, None) => Ok(Shape::all(image)),
            (Window::All, Some(_)) => {
                Err("`stride` is from one window to the next, and \"all\" is one; leave it out".to_owned())
            }
        }
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
        let recipe = PoolRecipe { stride, ..PoolRecipe::new(window) };
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
    fn all_is_one_window_of_whatever_shape_the_images_have() {
        for (input, channels) in [(&[8_usize, 6] as &[usize], 1), (&[3, 5, 7], 3), (&[4, 1, 1], 4)] {
            assert_eq!(MaxPool::new(PoolRecipe::all(), input).unwrap().output_shape(), [channels, 1, 1]);
            assert_eq!(AveragePool::new(PoolRecipe::all(), input).unwrap().output_shape(), [channels, 1, 1]);
        }
        let strided = PoolRecipe { stride: Some(2), ..PoolRecipe::all() };
        let message = MaxPool::new(strided, &[8, 8]).unwrap_err();
        assert_eq!(message, "`stride` is from one window to the next, and \"all\" is one; leave it out");
    }

    #[test]
    fn a_window_is_a_side_or_all_and_is_written_as_it_is_read() {
        let read = |text: &str| toml::from_str::<PoolRecipe>(text).map_err(|error| error.message().to_owned());
        assert_eq!(read("window = 2"), Ok(PoolRecipe::new(2)));
        assert_eq!(read("window = \"all\""), Ok(PoolRecipe::all()));
        for recipe in [PoolRecipe::new(3), PoolRecipe::all(), PoolRecipe { stride: Some(1), ..PoolRecipe::new(2) }] {
            assert_eq!(read(&toml::to_string(&recipe).unwrap()), Ok(recipe));
        }
        for (wrong, found) in [("-1", "integer `-1`"), ("\"half\"", "string \"half\"")] {
            let want = format!("invalid value: {found}, expected a side in pixels or \"all\"");
            assert_eq!(read(&format!("window = {wrong}")), Err(want));
        }
        assert!(read("window = 1.5").unwrap_err().ends_with("expected a side in pixels or \"all\""));
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
            let recipe = PoolRecipe { stride, ..PoolRecipe::new(window) };
            assert_eq!(MaxPool::new(recipe, input).unwrap().output_shape(), output);
            assert_eq!(AveragePool::new(recipe, input).unwrap().output_shape(), output);
        }
    }
}
