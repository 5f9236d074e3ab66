//! A shortcut past layers, as residual networks have them.

use serde::{Deserialize, Serialize};

use crate::gpu::{Error, PlanBuilder, Slice};
use crate::layer::{Io, Layer, Pass};
use crate::ops::shortcut::Shape;

/// Keys of an `add` layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddRecipe {
    /// Name of the layer; `add1`, `add2`, ... if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name of an earlier layer, whose output is added to what comes in.
    pub of: String,
}

impl AddRecipe {
    /// What comes in and what a layer of this name puts out.
    pub fn new(of: &str) -> Self {
        Self { name: None, of: of.to_owned() }
    }
}

/// y = x + s(output of an earlier layer), without parameters. Channels that the earlier one lacks are zeros, put behind its own (He et
/// al., CVPR 2016, option A). Where its images are larger by a whole factor, s takes the mean of windows: every pixel has a say in the
/// sum, and a share of its gradient. Taking one pixel of each window, as the paper does, leaves three of four of them out.
#[derive(Clone, Debug)]
pub struct Add {
    shape: Shape,
    output: Vec<usize>,
    /// Whether a rectifier is behind it.
    rectify: bool,
}

impl Add {
    /// A layer for samples of a shape, and of what the earlier layer puts out.
    ///
    /// # Errors
    /// One line about shapes that cannot be added.
    pub fn new(source: &[usize], input_shape: &[usize]) -> Result<Self, String> {
        let shape = if source == input_shape {
            let all = [source.iter().product(), 1, 1];
            Shape::new(all, all)
        } else {
            image(source).zip(image(input_shape)).and_then(|(source, input)| Shape::new(source, input))
        };
        let shape = shape.ok_or_else(|| {
            format!(
                "`of` names an output {source:?}, which cannot be added to {input_shape:?}: it may have fewer channels, \
                 and be higher and wider by one whole factor"
            )
        })?;
        Ok(Self { shape, output: input_shape.to_vec(), rectify: false })
    }
}

/// Channels, height and width; features are channels of one pixel.
fn image(shape: &[usize]) -> Option<[usize; 3]> {
    match *shape {
        [features] => Some([features, 1, 1]),
        [height, width] => Some([1, height, width]),
        [channels, height, width] => Some([channels, height, width]),
        _ => None,
    }
}

impl Layer for Add {
    fn output_shape(&self) -> Vec<usize> {
        self.output.clone()
    }

    fn rectified(&self) -> Option<Box<dyn Layer>> {
        (!self.rectify).then(|| Box::new(Self { rectify: true, ..self.clone() }) as Box<dyn Layer>)
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        match &io.shortcut {
            Some(shortcut) => self.shape.forward(plan, &io.input, &shortcut.source, &io.output, self.rectify),
            None => Ok(()),
        }
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        match (&io.shortcut, &io.d_input) {
            (Some(shortcut), Some(d_input)) => {
                let passed = [&io.output, &io.d_output];
                self.shape.backward(plan, passed, [d_input, &shortcut.held], self.rectify)
            }
            _ => Ok(()),
        }
    }

    fn hand_down(&self, plan: &mut PlanBuilder<'_>, held: &Slice, d_source: &Slice) -> Result<(), Error> {
        self.shape.gather(plan, held, d_source)
    }
}

#[cfg(test)]
mod tests {
    use super::Add;

    #[test]
    fn shapes_that_cannot_be_added_are_refused_with_both() {
        for (source, input) in [
            (&[64_usize] as &[usize], &[64_usize] as &[usize]),
            (&[64], &[80]),
            (&[8, 8], &[1, 8, 8]),
            (&[8, 8], &[5, 4, 4]),
            (&[16, 32, 32], &[32, 16, 16]),
            (&[5, 4, 3, 2], &[5, 4, 3, 2]),
        ] {
            assert!(Add::new(source, input).is_ok(), "{source:?} {input:?}");
        }
        for (source, input) in [
            (&[80_usize] as &[usize], &[64_usize] as &[usize]),
            (&[64], &[8, 8]),
            (&[16, 8, 8], &[16, 16, 16]),
            (&[16, 32, 32], &[32, 15, 16]),
            (&[5, 4, 3, 2], &[5, 4, 3, 1]),
        ] {
            let message = Add::new(source, input).unwrap_err();
            let start = format!("`of` names an output {source:?}, which cannot be added to {input:?}: ");
            assert!(message.starts_with(&start) && !message.contains('\n'), "{message}");
        }
    }
}
