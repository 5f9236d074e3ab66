//! Pooling over windows; `shaders/pool.wgsl`.
//!
//! Samples are rows `[batch, channels * height * width]`, as the layers around have them.

use super::{expect, matrix, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        count: u32, height: u32, width: u32, out_height: u32, out_width: u32,
        window_height: u32, window_width: u32, stride: u32,
    }
}

/// Images and the windows over them. There is no padding, and a window that would reach past the edge is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    image: [usize; 3],
    window: [usize; 2],
    stride: usize,
}

impl Shape {
    /// Windows of `window` x `window` pixels, `stride` pixels apart, over images `[channels, height, width]`.
    ///
    /// # Errors
    /// A window or a stride of 0, a window larger than the image.
    pub fn new(image: [usize; 3], window: usize, stride: usize) -> Result<Self, Error> {
        let refuse = |what: &str, expected: String, got: usize| {
            Err(Error::Shape { what: format!("`{what}`"), expected, got: got.to_string() })
        };
        let [_, height, width] = image;
        if window == 0 || window > height.min(width) {
            let expected = format!("1 to {}, as images have {height} x {width} pixels", height.min(width));
            return refuse("window", expected, window);
        }
        if stride == 0 {
            return refuse("stride", "at least 1".to_owned(), stride);
        }
        Ok(Self { image, window: [window; 2], stride })
    }

    /// One window over the whole of every image `[channels, height, width]`.
    pub fn all(image: [usize; 3]) -> Self {
        let [_, height, width] = image;
        Self { image, window: [height, width], stride: height.max(width) }
    }

    /// Rows of an output image.
    pub fn output_height(&self) -> usize {
        (self.image[1] - self.window[0]) / self.stride + 1
    }

    /// Columns of an output image.
    pub fn output_width(&self) -> usize {
        (self.image[2] - self.window[1]) / self.stride + 1
    }

    /// Shape of an output sample `[channels, height, width]`.
    pub fn output(&self) -> [usize; 3] {
        [self.image[0], self.output_height(), self.output_width()]
    }

    /// The largest element of every window; NaN counts as the largest.
    ///
    /// # Errors
    /// Shapes that do not fit, a window too large for one invocation.
    pub fn max_forward(&self, plan: &mut PlanBuilder<'_>, x: &Slice, y: &Slice) -> Result<(), Error> {
        self.expect("pool::max_forward", x, y)?;
        plan.check_loop("pool::max_forward", nest(&self.window))?;
        let (params, work) = self.params("pool::max_forward", y)?;
        if self.halves() {
            let work = Work::Items(y.len().div_ceil(4));
            return plan.dispatch("pool", "max_forward_half", &params, &[x.read(), y.write()], work);
        }
        plan.dispatch("pool", "max_forward", &params, &[x.read(), y.write()], work)
    }

    /// Gradient of the input: that of every output goes to the first largest element of its window in x.
    ///
    /// # Errors
    /// As [`max_forward`](Self::max_forward).
    pub fn max_backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        x: &Slice,
        y: &Slice,
        d_y: &Slice,
        d_x: &Slice,
    ) -> Result<(), Error> {
        self.expect("pool::max_backward", x, d_y)?;
        self.expect("pool::max_backward", x, y)?;
        expect("pool::max_backward", d_x, x.shape())?;
        plan.check_loop("pool::max_backward", nest(&[self.cover(), self.window].concat()))?;
        if self.halves() {
            let (params, _) = self.params("pool::max_backward", d_y)?;
            let binds = [x.read(), d_y.read(), d_x.write()];
            return plan.dispatch("pool", "max_backward_half", &params, &binds, Work::Items(d_y.len().div_ceil(4)));
        }
        if self.is_apart() {
            let (params, tiles) = self.tiles(plan, "pool::max_backward", d_x)?;
            let binds = [x.read(), d_y.read(), d_x.write()];
            return plan.dispatch("pool", "max_backward_apart", &params, &binds, Work::Items(tiles));
        }
        let (params, work) = self.params("pool::max_backward", d_x)?;
        plan.dispatch("pool", "max_backward", &params, &[x.read(), d_y.read(), d_x.write(), y.read()], work)
    }

    /// The mean of every window.
    ///
    /// # Errors
    /// As [`max_forward`](Self::max_forward).
    pub fn average_forward(&self, plan: &mut PlanBuilder<'_>, x: &Slice, y: &Slice) -> Result<(), Error> {
        self.expect("pool::average_forward", x, y)?;
        plan.check_loop("pool::average_forward", nest(&self.window))?;
        let (params, work) = self.params("pool::average_forward", y)?;
        plan.dispatch("pool", "average_forward", &params, &[x.read(), y.write()], work)
    }

    /// Gradient of the input: that of every output goes in equal parts to its window.
    ///
    /// # Errors
    /// As [`max_forward`](Self::max_forward).
    pub fn average_backward(&self, plan: &mut PlanBuilder<'_>, d_y: &Slice, d_x: &Slice) -> Result<(), Error> {
        self.expect("pool::average_backward", d_x, d_y)?;
        if self.is_apart() {
            let (params, tiles) = self.tiles(plan, "pool::average_backward", d_x)?;
            let binds = [d_y.read(), d_x.write()];
            return plan.dispatch("pool", "average_backward_apart", &params, &binds, Work::Items(tiles));
        }
        plan.check_loop("pool::average_backward", nest(&self.cover()))?;
        let (params, work) = self.params("pool::average_backward", d_x)?;
        plan.dispatch("pool", "average_backward", &params, &[d_y.read(), d_x.write()], work)
    }

    /// Checks an input, or its gradient, and an output, or its gradient.
    fn expect(&self, operation: &str, input: &Slice, output: &Slice) -> Result<(), Error> {
        let [batch, _] = matrix(operation, input)?;
        expect(operation, input, &[batch, self.image.iter().product()])?;
        expect(operation, output, &[batch, self.output().iter().product()])
    }

    /// Whether windows halve images with even sides: kernels for that take pairs of pixels.
    pub(crate) fn halves(&self) -> bool {
        let [_, height, width] = self.image;
        self.window == [2; 2] && self.stride == 2 && height.is_multiple_of(2) && width.is_multiple_of(2)
    }

    /// Whether no pixel is in two windows.
    fn is_apart(&self) -> bool {
        self.cover() == [1; 2]
    }

    /// Windows with what lies between each and the next, which an invocation owns.
    fn tiles(&self, plan: &PlanBuilder<'_>, operation: &str, d_x: &Slice) -> Result<(Params, usize), Error> {
        let [channels, height, width] = self.image;
        let tiles = d_x.shape()[0] * channels * height.div_ceil(self.stride) * width.div_ceil(self.stride);
        let own = [height.min(self.stride), width.min(self.stride)];
        // Its largest element is found first.
        plan.check_loop(operation, nest(&self.window).saturating_add(nest(&own)))?;
        let (params, _) = self.params(operation, d_x)?;
        Ok((Params { count: word(operation, tiles)?, ..params }, tiles))
    }

    /// Most windows along each axis that cover a pixel.
    fn cover(&self) -> [usize; 2] {
        self.window.map(|window| window.div_ceil(self.stride))
    }

    fn params(&self, operation: &str, written: &Slice) -> Result<(Params, Work), Error> {
        let [_, height, width] = self.image;
        let params = Params {
            count: word(operation, written.len())?,
            height: word(operation, height)?,
            width: word(operation, width)?,
            out_height: word(operation, self.output_height())?,
            out_width: word(operation, self.output_width())?,
            window_height: word(operation, self.window[0])?,
            window_width: word(operation, self.window[1])?,
            stride: word(operation, self.stride)?,
        };
        Ok((params, Work::Items(written.len())))
    }
}

/// Turns of nested loops, outermost first, all levels summed.
fn nest(turns: &[usize]) -> usize {
    turns.iter().rev().fold(0, |inner: usize, turns| turns.saturating_mul(inner.saturating_add(1)))
}
