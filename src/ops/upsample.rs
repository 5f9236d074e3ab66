//! Images made larger, every pixel repeated; `shaders/upsample.wgsl`.
//!
//! Samples are rows `[batch, channels * height * width]`, as the layers around have them.

use super::{expect, matrix, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32, width: u32, factor: u32 }
}

/// Images `[channels, height, width]` and how many times as high and wide they become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What comes in.
    pub image: [usize; 3],
    /// At least 1.
    pub factor: usize,
}

impl Shape {
    /// Shape of an output sample `[channels, height, width]`.
    pub fn output(&self) -> [usize; 3] {
        let [channels, height, width] = self.image;
        [channels, self.factor * height, self.factor * width]
    }

    /// y `[batch, outputs]` from x `[batch, inputs]`.
    ///
    /// # Errors
    /// Shapes that do not fit, a factor too large for one invocation.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, x: &Slice, y: &Slice) -> Result<(), Error> {
        let params = self.params(plan, "upsample::forward", x, y)?;
        plan.dispatch("upsample", "forward", &params, &[x.read(), y.write()], Work::Items(x.len()))
    }

    /// d_x `[batch, inputs]` from d_y `[batch, outputs]`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn backward(&self, plan: &mut PlanBuilder<'_>, d_y: &Slice, d_x: &Slice) -> Result<(), Error> {
        let params = self.params(plan, "upsample::backward", d_x, d_y)?;
        plan.dispatch("upsample", "backward", &params, &[d_y.read(), d_x.write()], Work::Items(d_x.len()))
    }

    fn params(&self, plan: &PlanBuilder<'_>, operation: &str, input: &Slice, output: &Slice) -> Result<Params, Error> {
        let [batch, _] = matrix(operation, input)?;
        expect(operation, input, &[batch, self.image.iter().product()])?;
        expect(operation, output, &[batch, self.output().iter().product()])?;
        plan.check_loop(operation, self.factor.saturating_mul(self.factor.saturating_add(1)))?;
        Ok(Params {
            count: word(operation, input.len())?,
            width: word(operation, self.image[2])?,
            factor: word(operation, self.factor)?,
        })
    }
}
