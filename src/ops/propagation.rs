//! Propagation of complex fields through free space by their spectra: crop IFFT2 H FFT2 pad; `shaders/propagation.wgsl` and the transforms of
//! [`fft`](super::fft).

use super::fft::{Line, Tables, Window, chain, chunks, longest, room};
use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        height: u32,
        width: u32,
        first_in: u32,
        items: u32,
        conjugate: u32,
        scale: f32,
    }
}

/// Propagation of fields on a grid of height x width in a padded one, which is twice as large if what leaves one side is not to come in at
/// the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Propagation {
    size: [usize; 2],
    padded: [usize; 2],
}

impl Propagation {
    /// A propagation on a grid of so many rows and columns.
    ///
    /// # Errors
    /// A grid of nothing, or padded to less than it is.
    pub fn new(height: usize, width: usize, padded_height: usize, padded_width: usize) -> Result<Self, Error> {
        if height == 0 || width == 0 || padded_height < height || padded_width < width {
            return Err(Error::Shape {
                what: "propagation".to_owned(),
                expected: "a grid of at least 1 x 1, padded to at least its size".to_owned(),
                got: format!("{height} x {width}, padded to {padded_height} x {padded_width}"),
            });
        }
        Ok(Self { size: [height, width], padded: [padded_height, padded_width] })
    }

    /// Shape of the transfer function H: the quadrant of frequencies from 0 up, `[padded_height / 2 + 1, padded_width / 2 + 1, 2]`.
    pub fn transfer(&self) -> [usize; 3] {
        [self.padded[0] / 2 + 1, self.padded[1] / 2 + 1, 2]
    }

    /// Shapes of the tensors in between, which any number of propagations may share: for as many samples as take 64 MiB each, or one.
    /// With others that hold at least a sample, more or fewer are done at once, to the same bits.
    pub fn scratch(&self, batch: usize) -> [[usize; 2]; 2] {
        [room(batch, self.between()); 2]
    }

    /// out `[batch, height, width, 2]` = crop IFFT2 H FFT2 pad (field t), with field as out, t `[height, width, 2]` or none, and H of the
    /// shape [`transfer`](Self::transfer).
    ///
    /// # Errors
    /// Shapes that do not fit, or that the adapter cannot bind.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        field: &Slice,
        transmission: Option<&Slice>,
        transfer: &Slice,
        scratch: [&Slice; 2],
        out: &Slice,
    ) -> Result<(), Error> {
        self.record(plan, "propagation::forward", field, transmission, (transfer, false), scratch, out)
    }

    /// Gradient of what was propagated (the field times t): the same with conj(H).
    ///
    /// # Errors
    /// Shapes that do not fit, or that the adapter cannot bind.
    pub fn adjoint(
        &self,
        plan: &mut PlanBuilder<'_>,
        d_out: &Slice,
        transfer: &Slice,
        scratch: [&Slice; 2],
        d_field: &Slice,
    ) -> Result<(), Error> {
        self.record(plan, "propagation::adjoint", d_out, None, (transfer, true), scratch, d_field)
    }

    /// The transforms of so many samples: rows and columns forward, columns and rows back.
    fn lines(&self, samples: usize) -> [Line; 4] {
        let ([height, width], [padded_height, padded_width]) = (self.size, self.padded);
        let rows = Line {
            length: padded_width,
            outer: samples * height,
            inner: 1,
            extent_in: width,
            extent_out: padded_width,
            inverse: false,
            scale: 1.0,
        };
        let columns = Line {
            length: padded_height,
            outer: samples,
            inner: padded_width,
            extent_in: height,
            extent_out: padded_height,
            ..rows
        };
        [rows, columns, columns.inverted(), rows.inverted()]
    }

    /// Complex numbers of a sample in each tensor in between.
    fn between(&self) -> usize {
        let lines = self.lines(1);
        // Between the transforms too, where a step ends.
        let steps: Vec<_> = lines.into_iter().flat_map(Line::steps).collect();
        longest(&steps).max(self.padded.iter().product())
    }

    #[expect(clippy::too_many_arguments, reason = "a propagation is what it is")]
    fn record(
        &self,
        plan: &mut PlanBuilder<'_>,
        operation: &str,
        x: &Slice,
        transmission: Option<&Slice>,
        (transfer, conjugate): (&Slice, bool),
        scratch: [&Slice; 2],
        y: &Slice,
    ) -> Result<(), Error> {
        let [height, width] = self.size;
        let batch = y.shape().first().copied().unwrap_or(0);
        expect(operation, y, &[batch, height, width, 2])?;
        expect(operation, x, &[batch, height, width, 2])?;
        expect(operation, transfer, &self.transfer())?;
        if let Some(transmission) = transmission {
            expect(operation, transmission, &[height, width, 2])?;
        }
        let size = height * width;
        let mut tables = Tables::default();
        for (first, samples) in chunks(plan, operation, batch, [size; 2], self.between(), scratch)? {
            let mut at = Window::of(x, first * size, samples * size)?;
            let y = Window::of(y, first * size, samples * size)?;
            let [rows, columns, columns_back, rows_back] = self.lines(samples).map(Line::steps);
            if let Some(transmission) = transmission {
                at = self.multiply(plan, operation, "mask", samples, &at, (transmission, false), scratch)?;
            }
            let there = [rows, columns].concat();
            let back = [columns_back, rows_back].concat();
            at = chain(plan, operation, &there, &mut tables, at, scratch, None)?;
            at = self.multiply(plan, operation, "filter_spectrum", samples, &at, (transfer, conjugate), scratch)?;
            chain(plan, operation, &back, &mut tables, at, scratch, Some(y))?;
        }
        Ok(())
    }

    /// Multiplies the fields, or their spectra, into the free tensor in between.
    #[expect(clippy::too_many_arguments, reason = "a propagation is what it is")]
    fn multiply(
        &self,
        plan: &mut PlanBuilder<'_>,
        operation: &str,
        entry: &str,
        samples: usize,
        x: &Window,
        (factor, conjugate): (&Slice, bool),
        scratch: [&Slice; 2],
    ) -> Result<Window, Error> {
        let [height, width] = if entry == "mask" { self.size } else { self.padded };
        let items = samples * height * width;
        let y = Window::between(scratch, x.next, items)?;
        let params = Params {
            height: word(operation, height)?,
            width: word(operation, width)?,
            first_in: word(operation, x.first)?,
            items: word(operation, items)?,
            conjugate: conjugate.into(),
            scale: 1.0 / self.padded.iter().product::<usize>() as f32,
        };
        let binds = [x.slice.read(), factor.read(), y.slice.write()];
        plan.dispatch("propagation", entry, &params, &binds, Work::Items(items))?;
        Ok(y)
    }
}
