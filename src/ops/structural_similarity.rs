//! Structural similarity; `shaders/structural_similarity.wgsl`.

use super::{Clock, expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { batch: u32, height: u32, width: u32, side: u32, across: u32, n_windows: u32, n_own: u32 }
}

/// Side of a window, of images that are as large, and the standard deviation of its weights, pixels.
const SIDE: usize = 11;
const DEVIATION: f64 = 1.5;

/// Lanes that share a sample.
const WORKGROUP: usize = 64;

/// Images `[channels, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What is compared.
    pub image: [usize; 3],
}

impl Shape {
    /// Side of the windows: 11 pixels, or the largest odd number that fits.
    pub fn side(&self) -> usize {
        let [_, height, width] = self.image;
        let smaller = height.min(width).max(1);
        (smaller - 1 + smaller % 2).min(SIDE)
    }

    /// Weights along either axis of a window, of sum 1.
    fn weights(&self) -> Vec<f32> {
        let side = self.side();
        let of = |at: usize| (-(at as f64 - (side / 2) as f64).powi(2) / (2.0 * DEVIATION * DEVIATION)).exp();
        let sum: f64 = (0..side).map(of).sum();
        (0..side).map(|at| (of(at) / sum) as f32).collect()
    }

    /// similarity `[batch]` of images and those wanted `[batch, channels height width]`, both of values 0..1. Rows past those of the
    /// clock give 0.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        clock: &Slice,
        image: &Slice,
        wanted: &Slice,
        similarity: &Slice,
    ) -> Result<(), Error> {
        const OPERATION: &str = "structural_similarity::forward";
        let ([channels, height, width], side, batch) = (self.image, self.side(), similarity.len());
        expect(OPERATION, image, &[batch, channels * height * width])?;
        expect(OPERATION, wanted, image.shape())?;
        // The number of elements must be a word too.
        word(OPERATION, image.len())?;
        let across = width - side + 1;
        let windows = (height - side + 1) * across;
        let own = channels * windows;
        plan.check_loop(OPERATION, own.div_ceil(WORKGROUP).max(side * side))?;
        let weights = plan.gpu().upload("weights of windows", &[side], &self.weights())?;
        let map = plan.gpu().scratch("similarity of windows", &[batch, own])?;
        let params = Params {
            batch: word(OPERATION, batch)?,
            height: word(OPERATION, height)?,
            width: word(OPERATION, width)?,
            side: word(OPERATION, side)?,
            across: word(OPERATION, across)?,
            n_windows: word(OPERATION, windows)?,
            n_own: word(OPERATION, own)?,
        };
        let binds = [weights.read(), image.read(), wanted.read(), map.write()];
        plan.dispatch("structural_similarity", "windows", &params, &binds, Work::Items(map.len()))?;
        let binds = [clock.uniform::<Clock>(), map.read(), similarity.write()];
        plan.dispatch("structural_similarity", "mean", &params, &binds, Work::Groups(batch))
    }
}
