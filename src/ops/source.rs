//! Light that shows pictures; `shaders/source.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        count: u32,
        rows: u32,
        columns: u32,
        picture_height: u32,
        picture_width: u32,
        height: u32,
        width: u32,
        intensity: u32,
        first: u32,
        added: u32,
        amplitude: f32,
    }
}

/// What a pixel of a picture stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The amplitude of the light: E = x.
    Amplitude,
    /// Its intensity: E = sqrt(x).
    Intensity,
}

/// A grid of light in whose middle pictures are shown, resized by bilinear interpolation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Height and width of a picture, pixels.
    pub pixels: [usize; 2],
    /// Height and width of what it covers of the grid, samples.
    pub picture: [usize; 2],
    /// Height and width of the grid, samples.
    pub grid: [usize; 2],
    /// What a pixel stands for.
    pub shown: Shown,
}

impl Source {
    /// Field `[run, height, width, 2]` that shows as many pictures, of `[batch, rows, columns]` those from `first` on, dark
    /// around them, times an `amplitude`: the root of the share of the light that one of several wavelengths has.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        (pictures, first): (&Slice, usize),
        field: &Slice,
        amplitude: f32,
    ) -> Result<(), Error> {
        let params = self.params("source::forward", (pictures, first), field, field.len() / 2)?;
        let params = Params { amplitude, ..params };
        plan.dispatch("source", "forward", &params, &[pictures.read(), field.write()], Work::Items(field.len() / 2))
    }

    /// Gradient of these pictures, within `[batch, rows, columns]`, from the field that `forward` left, its gradient and its
    /// amplitude; `added` to what is there, as for all wavelengths but the first, or written over it.
    ///
    /// # Errors
    /// Shapes that do not fit; a pixel that covers too much.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        field: &Slice,
        d_field: &Slice,
        (d_pictures, first): (&Slice, usize),
        amplitude: f32,
        added: bool,
    ) -> Result<(), Error> {
        let operation = "source::backward";
        let run = field.shape().first().copied().unwrap_or(0);
        let count = run * self.pixels[0] * self.pixels[1];
        let params = self.params(operation, (d_pictures, first), field, count)?;
        let params = Params { amplitude, added: u32::from(added), ..params };
        expect(operation, d_field, field.shape())?;
        let reach = |axis: usize| 3 * self.picture[axis].div_ceil(self.pixels[axis]) + 2;
        plan.check_loop(operation, reach(0) * (reach(1) + 1))?;
        let binds = [field.read(), d_field.read(), d_pictures.update()];
        plan.dispatch("source", "backward", &params, &binds, Work::Items(count))
    }

    fn params(
        &self,
        operation: &str,
        (pictures, first): (&Slice, usize),
        field: &Slice,
        count: usize,
    ) -> Result<Params, Error> {
        let ([rows, columns], [height, width]) = (self.pixels, self.grid);
        let run = field.shape().first().copied().unwrap_or(0);
        expect(operation, field, &[run, height, width, 2])?;
        let batch = pictures.shape().first().copied().unwrap_or(0);
        expect(operation, pictures, &[batch.max(first + run), rows, columns])?;
        let [picture_height, picture_width] = self.picture;
        debug_assert!(picture_height <= height && picture_width <= width);
        // Places are counted in halves of a pixel over the picture's size.
        word(operation, 2 * rows * (picture_height + 1))?;
        word(operation, 2 * columns * (picture_width + 1))?;
        Ok(Params {
            count: word(operation, count)?,
            rows: word(operation, rows)?,
            columns: word(operation, columns)?,
            picture_height: word(operation, picture_height)?,
            picture_width: word(operation, picture_width)?,
            height: word(operation, height)?,
            width: word(operation, width)?,
            intensity: u32::from(self.shown == Shown::Intensity),
            first: word(operation, first)?,
            added: 0,
            amplitude: 1.0,
        })
    }
}
