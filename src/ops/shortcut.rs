//! A shortcut past layers, without parameters; `shaders/shortcut.wgsl`.
//!
//! Samples are rows `[batch, channels * height * width]`, as the layers around have them.

use super::{add, expect, matrix, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        count: u32, channels: u32, height: u32, width: u32, source_channels: u32, window: u32, rectify: u32,
    }
}

/// Images `[channels, height, width]` of both ends of a shortcut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    source: [usize; 3],
    output: [usize; 3],
    window: usize,
}

impl Shape {
    /// From a source to what it is added to: as many channels or fewer, as high and wide or so many whole times as high and
    /// wide. `None` where that does not hold.
    pub fn new(source: [usize; 3], output: [usize; 3]) -> Option<Self> {
        let [channels, height, width] = output;
        let window = source[1].checked_div(height)?;
        let fits = window > 0 && source[0] <= channels && source[1..] == [window * height, window * width];
        fits.then_some(Self { source, output, window })
    }

    /// y = x + s(source), rectified or not: x, y `[batch, outputs]`, source `[batch, inputs]`.
    ///
    /// # Errors
    /// Shapes that do not fit, a window too large for one invocation.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        x: &Slice,
        source: &Slice,
        y: &Slice,
        rectify: bool,
    ) -> Result<(), Error> {
        let operation = "shortcut::forward";
        self.expect(operation, source, y)?;
        expect(operation, x, y.shape())?;
        self.check_window(plan, operation)?;
        let binds = [x.read(), source.read(), y.write()];
        if self.source == self.output {
            let quads = y.len().div_ceil(4);
            let params = self.params(operation, quads, rectify)?;
            return plan.dispatch("shortcut", "forward_same", &params, &binds, Work::Items(quads));
        }
        let params = self.params(operation, y.len(), rectify)?;
        plan.dispatch("shortcut", "forward", &params, &binds, Work::Items(y.len()))
    }

    /// d_x from d_y and the output y, and the same once more to be held for [`gather`](Self::gather); all `[batch, outputs]`.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        [y, d_y]: [&Slice; 2],
        [d_x, held]: [&Slice; 2],
        rectify: bool,
    ) -> Result<(), Error> {
        let operation = "shortcut::backward";
        for tensor in [d_y, d_x, held] {
            expect(operation, tensor, y.shape())?;
        }
        let quads = y.len().div_ceil(4);
        let params = self.params(operation, quads, rectify)?;
        let binds = [y.read(), d_y.read(), d_x.write(), held.write()];
        plan.dispatch("shortcut", "backward", &params, &binds, Work::Items(quads))
    }

    /// d_source `[batch, inputs]` = d_source + s'(held), held `[batch, outputs]`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn gather(&self, plan: &mut PlanBuilder<'_>, held: &Slice, d_source: &Slice) -> Result<(), Error> {
        let operation = "shortcut::gather";
        self.expect(operation, d_source, held)?;
        if self.source == self.output {
            return add::forward(plan, held, d_source);
        }
        self.check_window(plan, operation)?;
        let windows = d_source.len() / (self.window * self.window);
        let params = self.params(operation, windows, false)?;
        let binds = [held.read(), d_source.update()];
        plan.dispatch("shortcut", "gather", &params, &binds, Work::Items(windows))
    }

    /// Checks a source, or its gradient, and an output, or its gradient.
    fn expect(&self, operation: &str, source: &Slice, output: &Slice) -> Result<(), Error> {
        let [batch, _] = matrix(operation, output)?;
        expect(operation, source, &[batch, self.source.iter().product()])?;
        expect(operation, output, &[batch, self.output.iter().product()])
    }

    fn check_window(&self, plan: &PlanBuilder<'_>, operation: &str) -> Result<(), Error> {
        plan.check_loop(operation, self.window.saturating_mul(self.window.saturating_add(1)))
    }

    fn params(&self, operation: &str, count: usize, rectify: bool) -> Result<Params, Error> {
        let [channels, height, width] = self.output;
        Ok(Params {
            count: word(operation, count)?,
            channels: word(operation, channels)?,
            height: word(operation, height)?,
            width: word(operation, width)?,
            source_channels: word(operation, self.source[0])?,
            window: word(operation, self.window)?,
            rectify: u32::from(rectify),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;

    #[test]
    fn a_source_is_as_large_or_larger_by_one_whole_factor_and_has_no_more_channels() {
        for (source, output) in [
            ([3, 4, 6], [3, 4, 6]),
            ([3, 4, 6], [5, 4, 6]),
            ([3, 12, 18], [3, 4, 6]),
            ([3, 8, 12], [7, 4, 6]),
            ([5, 1, 1], [9, 1, 1]),
        ] {
            assert!(Shape::new(source, output).is_some(), "{source:?} {output:?}");
        }
        for (source, output) in [
            ([4, 4, 6], [3, 4, 6]),
            ([3, 2, 3], [3, 4, 6]),
            ([3, 8, 6], [3, 4, 6]),
            ([3, 9, 12], [3, 4, 6]),
            ([3, 0, 0], [3, 4, 6]),
            ([3, 4, 6], [3, 0, 6]),
        ] {
            assert!(Shape::new(source, output).is_none(), "{source:?} {output:?}");
        }
    }
}
