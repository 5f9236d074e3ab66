//! Propagation of complex fields through free space by their spectra: crop IFFT2 H FFT2 pad; `shaders/propagation.wgsl` and the transforms of
//! [`fft`](super::fft).

use super::fft::{Line, Table, Tables, Window, chain, chunks, longest, room};
use super::{expect, word};
use crate::gpu::{Error, Gpu, PlanBuilder, Scalar, Slice, Work};
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

const PORTABLE: &str = "portable";
const SUBGROUP: &str = "subgroup";

/// Names of the variants that run on an adapter, the one that always does first.
pub fn variants(gpu: &Gpu) -> Vec<&'static str> {
    let mut available = vec![PORTABLE];
    if gpu.adapter().eight_lanes() {
        available.push(SUBGROUP);
    }
    available
}

uniform! {
    struct SubgroupParams as "Params" {
        lines: u32,
        turns: u32,
        samples: u32,
        height: u32,
        extent: u32,
        first: u32,
        scale: f32,
    }
}

/// Transforms that a lane makes in registers; those of a subgroup have eight times as many numbers.
const RADICES: [usize; 19] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 18, 20, 24, 30, 32];

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
        let gpu = plan.gpu();
        let chosen = gpu.variant("propagation", &variants(gpu), |variant| time(gpu, variant))?;
        self.record_with(plan, chosen, operation, x, transmission, (transfer, conjugate), scratch, y)
    }

    #[expect(clippy::too_many_arguments, reason = "a propagation is what it is")]
    fn record_with(
        &self,
        plan: &mut PlanBuilder<'_>,
        variant: &str,
        operation: &str,
        x: &Slice,
        transmission: Option<&Slice>,
        transfer: (&Slice, bool),
        scratch: [&Slice; 2],
        y: &Slice,
    ) -> Result<(), Error> {
        let size = self.size.iter().product();
        let batch = y.shape()[0];
        let mut tables = Tables::default();
        let radices = self.radices().filter(|_| variant == SUBGROUP);
        let between = if radices.is_some() { self.size[0] * self.padded[1] } else { self.between() };
        for (first, samples) in chunks(plan, operation, batch, [size; 2], between, scratch)? {
            let [from, to] = [x, y].map(|slice| Window::of(slice, first * size, samples * size));
            let ends = [from?, to?];
            match radices {
                Some(radices) => {
                    let room = Window::between(scratch, 0, samples * between)?.slice;
                    let mut on = Short { grid: self, plan, tables: &mut tables, operation, samples };
                    on.record(radices, ends, transmission, transfer, &room)?;
                }
                None => {
                    self.record_portable(plan, operation, samples, ends, transmission, transfer, scratch, &mut tables)?
                }
            }
        }
        Ok(())
    }

    /// Radices of rows and columns in subgroups, if they can be.
    fn radices(&self) -> Option<[usize; 2]> {
        let ([_, width], [height, padded]) = (self.size, self.padded);
        let pairs = width.is_multiple_of(2) && padded.is_multiple_of(32) && height.is_multiple_of(8);
        let radices = [padded / 16, height / 8];
        (pairs && radices.iter().all(|radix| RADICES.contains(radix))).then_some(radices)
    }

    #[expect(clippy::too_many_arguments, reason = "a propagation is what it is")]
    fn record_portable(
        &self,
        plan: &mut PlanBuilder<'_>,
        operation: &str,
        samples: usize,
        [mut at, y]: [Window; 2],
        transmission: Option<&Slice>,
        transfer: (&Slice, bool),
        scratch: [&Slice; 2],
        tables: &mut Tables,
    ) -> Result<(), Error> {
        let [rows, columns, columns_back, rows_back] = self.lines(samples).map(Line::steps);
        if let Some(transmission) = transmission {
            at = self.multiply(plan, operation, "mask", samples, &at, (transmission, false), scratch)?;
        }
        at = chain(plan, operation, &[rows, columns].concat(), tables, at, scratch, None)?;
        at = self.multiply(plan, operation, "filter_spectrum", samples, &at, transfer, scratch)?;
        chain(plan, operation, &[columns_back, rows_back].concat(), tables, at, scratch, Some(y))?;
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

/// A chunk in subgroups, where rows and columns are made by one subgroup each.
struct Short<'a, 'b, 'c> {
    grid: &'a Propagation,
    plan: &'a mut PlanBuilder<'b>,
    tables: &'c mut Tables,
    operation: &'a str,
    samples: usize,
}

/// Lines that a subgroup makes, as it keeps factors for them.
const TURNS: usize = 8;

impl Short<'_, '_, '_> {
    fn record(
        &mut self,
        [radix, column_radix]: [usize; 2],
        [x, y]: [Window; 2],
        transmission: Option<&Slice>,
        (transfer, conjugate): (&Slice, bool),
        room: &Slice,
    ) -> Result<(), Error> {
        let ([height, width], [_, padded]) = (self.grid.size, self.grid.padded);
        let lanes = self.tables.get(self.plan, Table::Lanes(radix))?;
        let joints = self.tables.get(self.plan, Table::Joints(radix))?;
        let rows = self.samples * height;
        let kept = ("KEPT", width.div_ceil(16) as u32);
        let outside = |first: usize| {
            Ok::<_, Error>(SubgroupParams {
                lines: word(self.operation, rows)?,
                turns: TURNS as u32,
                samples: 0,
                height: word(self.operation, height)?,
                extent: word(self.operation, width)?,
                first: word(self.operation, first / 2)?,
                scale: 1.0,
            })
        };
        let work = Work::Groups(rows.div_ceil(8 * TURNS));
        let constants = [("RADIX", radix as u32), kept, ("MASKED", transmission.is_some().into())];
        let mask = transmission.unwrap_or(&x.slice);
        let binds = [x.slice.read(), lanes.read(), joints.read(), mask.read(), room.write()];
        self.plan.dispatch_with("propagation_subgroup", "rows", &constants, &outside(x.first)?, &binds, work)?;

        let column_lanes = self.tables.get(self.plan, Table::Lanes(column_radix))?;
        let params = SubgroupParams {
            lines: word(self.operation, padded / 2)?,
            turns: TURNS as u32,
            samples: word(self.operation, self.samples)?,
            height: 0,
            extent: word(self.operation, height)?,
            first: 0,
            scale: 1.0 / self.grid.padded.iter().product::<usize>() as f32,
        };
        let constants =
            [("RADIX", column_radix as u32), ("KEPT", height.div_ceil(8) as u32), ("CONJUGATE", conjugate.into())];
        let work_columns = Work::Groups((padded / 2).div_ceil(8) * self.samples.div_ceil(TURNS));
        let binds = [column_lanes.read(), transfer.read(), room.update()];
        self.plan.dispatch_with("propagation_subgroup", "columns", &constants, &params, &binds, work_columns)?;

        let binds = [room.read(), lanes.read(), joints.read(), y.slice.write()];
        let constants = [("RADIX", radix as u32), kept];
        self.plan.dispatch_with("propagation_subgroup", "rows_back", &constants, &outside(y.first)?, &binds, work)
    }
}

/// Seconds of a propagation of 16 fields on a grid of 64 x 64 with a variant, or `None` if it does not give what the portable one gives.
fn time(gpu: &Gpu, variant: &'static str) -> Result<Option<f64>, Error> {
    const BATCH: usize = 16;
    let grid = Propagation::new(64, 64, 128, 128)?;
    let wave: Vec<f32> = (0..2 * BATCH * 64 * 64).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.5).collect();
    let field = gpu.upload("timed field", &[BATCH, 64, 64, 2], &wave)?;
    let transfer = gpu.upload("timed transfer", &grid.transfer(), &wave[..grid.transfer().iter().product()])?;
    let [one, two] = grid.scratch(BATCH).map(|shape| gpu.zeros("timed scratch", &shape, Scalar::F32));
    let scratch = [&one?, &two?];
    gpu.time_variant(field.shape(), [PORTABLE, variant], |plan, variant, y| {
        grid.record_with(plan, variant, "propagation", &field, None, (&transfer, false), scratch, y)
    })
}
