//! What is wanted of a network: its loss and its score.

use crate::gpu::{self, PlanBuilder, Slice};
use crate::ops::structural_similarity::Shape;
use crate::ops::{cross_entropy, mean_squared_error};

/// What is wanted of a network's outputs, which decides loss and score of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A logit for each of so many classes. The loss is the softmax cross-entropy of the label; the score is 1 where the largest logit
    /// is the label's, else 0, so that its mean is the accuracy.
    Classes(usize),
    /// The image `[channels, height, width]` that went in, of values from 0 to 1. The loss is the mean squared error of its values; the score is the peak
    /// signal-to-noise ratio, dB, at most 100.
    Image([usize; 3]),
}

impl From<usize> for Wanted {
    fn from(classes: usize) -> Self {
        Self::Classes(classes)
    }
}

impl Wanted {
    /// Refuses a network that puts out something else, for samples of so many values.
    pub(super) fn check(self, outputs: usize, features: usize) -> Result<(), String> {
        match self {
            Self::Classes(classes) if outputs != classes => Err(format!(
                "the last layer has {outputs} outputs, the data has {classes} classes; they must be the same"
            )),
            Self::Image([channels, height, width]) if outputs != channels * height * width || outputs != features => {
                Err(format!(
                    "the last layer has {outputs} outputs, images of {channels} x {height} x {width} have {features} values; they must be the same"
                ))
            }
            _ => Ok(()),
        }
    }
}

/// What is differentiated and scored at outputs `[batch, ...]`.
#[derive(Clone, Copy)]
pub(super) struct Objective<'a> {
    pub(super) wanted: Wanted,
    pub(super) clock: &'a Slice,
    pub(super) outputs: &'a Slice,
    pub(super) labels: &'a Slice,
    pub(super) input: &'a Slice,
    /// Share of the targets of labels that is spread evenly over all classes.
    pub(super) smoothing: f32,
}

impl Objective<'_> {
    /// Loss and score `[batch]` of every row.
    pub(super) fn forward(&self, plan: &mut PlanBuilder<'_>, loss: &Slice, score: &Slice) -> Result<(), gpu::Error> {
        let Self { clock, outputs, labels, input, smoothing, .. } = *self;
        match self.wanted {
            Wanted::Classes(_) => cross_entropy::forward(plan, clock, outputs, labels, loss, score, smoothing),
            Wanted::Image(_) => {
                mean_squared_error::forward(plan, clock, outputs, input, loss)?;
                mean_squared_error::decibels(plan, clock, loss, score)
            }
        }
    }

    /// Gradient of the mean loss.
    pub(super) fn backward(&self, plan: &mut PlanBuilder<'_>, d_outputs: &Slice) -> Result<(), gpu::Error> {
        let Self { clock, outputs, labels, input, smoothing, .. } = *self;
        match self.wanted {
            Wanted::Classes(_) => cross_entropy::backward(plan, clock, outputs, labels, d_outputs, smoothing),
            Wanted::Image(_) => mean_squared_error::backward(plan, clock, outputs, input, d_outputs),
        }
    }

    /// Structural similarity `[batch]` of every row with the image that went in; of no dispatches where classes are wanted.
    pub(super) fn similarity(&self, plan: &mut PlanBuilder<'_>, similarity: &Slice) -> Result<(), gpu::Error> {
        match self.wanted {
            Wanted::Classes(_) => Ok(()),
            Wanted::Image(image) => Shape { image }.forward(plan, self.clock, self.outputs, self.input, similarity),
        }
    }
}
