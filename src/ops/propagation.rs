//! Propagation of complex fields through free space by their spectra: crop IFFT2 H FFT2 pad; `shaders/propagation.wgsl` with the transforms of
//! [`fft`](super::fft), and a variant of both, `propagation_subgroup.wgsl`, for padded widths in multiples of 16, even widths, and padded heights in
//! multiples of 8 whose other factors fit its radices.

use super::fft::{Line, Table, Tables, Window, chain, chunks, longest, room};
use super::{expect, word};
use crate::gpu::{Bind, Constant, Error, Gpu, PlanBuilder, Scalar, Slice, Work};
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
    if gpu.adapter().eight_lanes() && gpu.adapter().wide_words {
        available.push(SUBGROUP);
    }
    available
}

uniform! {
    struct SubgroupParams as "Params" {
        lines: u32,
        samples: u32,
        begin: u32,
        turns: u32,
        height: u32,
        count: u32,
        extent: u32,
        first: u32,
        outer: u32,
        pitch: u32,
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
        let mut tables = Tables::default();
        let ways = self.ways().filter(|_| variant == SUBGROUP);
        for (first, samples) in chunks(plan, operation, y.shape()[0], [size; 2], self.between(), scratch)? {
            let [from, to] = [x, y].map(|slice| Window::of(slice, first * size, samples * size));
            let ends = [from?, to?];
            if let Some([rows, columns]) = ways {
                let mut chunk = Chunk { grid: self, plan, tables: &mut tables, operation, samples, scratch };
                chunk.rows(rows, &ends[0], transmission)?;
                chunk.columns(columns, transfer)?;
                chunk.rows_back(rows, &ends[1])?;
            } else {
                self.record_portable(plan, operation, samples, ends, transmission, transfer, scratch, &mut tables)?;
            }
        }
        Ok(())
    }

    /// How subgroups make rows and columns, if they can.
    fn ways(&self) -> Option<[Way; 2]> {
        let ([_, width], [height, padded]) = (self.size, self.padded);
        if !width.is_multiple_of(2) || !padded.is_multiple_of(16) || !height.is_multiple_of(8) {
            return None;
        }
        // Rows are loaded in pairs of numbers, columns in pairs of columns.
        let even = |radix: usize| RADICES.contains(&radix) && radix.is_multiple_of(2);
        let rows = if even(padded / 16) { Some(Way::Once(padded / 16)) } else { Way::twice(padded / 8, even) };
        let any = |radix: usize| RADICES.contains(&radix);
        let columns = if any(height / 8) { Some(Way::Once(height / 8)) } else { Way::twice(height / 8, any) };
        Some([rows?, columns?])
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

/// How a subgroup makes a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// In one step, with so many numbers in each lane's registers.
    Once(usize),
    /// In two: first as before, then so many at once in a lane.
    Twice(usize, usize),
}

impl Way {
    /// Radices of two steps of a length over eight, as even as can be.
    fn twice(length: usize, second: impl Fn(usize) -> bool) -> Option<Self> {
        let radices = RADICES.iter().filter(|radix| length.is_multiple_of(**radix) && second(length / **radix));
        let first = radices.min_by_key(|radix| (**radix).max(length / **radix))?;
        Some(Self::Twice(*first, length / first))
    }
}

/// Samples that are propagated in subgroups, through the first tensor in between. Steps of longer lines go through the second, so many
/// lines at a time that they stay near the processor.
struct Chunk<'a, 'b, 'c> {
    grid: &'a Propagation,
    plan: &'a mut PlanBuilder<'b>,
    tables: &'c mut Tables,
    operation: &'a str,
    samples: usize,
    scratch: [&'a Slice; 2],
}

/// Lines that a subgroup makes one after another, with the same factors.
const TURNS: usize = 8;
/// Subgroups of a workgroup, and its invocations.
const SUBGROUPS: usize = 8;
const WORKGROUP: usize = 64;
/// Complex numbers of a block of lines in two steps, 8 MiB: with blocks of 2 or 64 MiB, 2160 x 3840 takes a fifth longer.
const BLOCK: usize = 1 << 20;

impl Chunk<'_, '_, '_> {
    fn dispatch(
        &mut self,
        entry: &str,
        constants: &[Constant],
        params: &SubgroupParams,
        binds: &[Bind<'_>],
        groups: usize,
    ) -> Result<(), Error> {
        self.plan.dispatch_with("propagation_subgroup", entry, constants, params, binds, Work::Groups(groups))
    }

    fn table(&mut self, table: Table) -> Result<Slice, Error> {
        self.tables.get(self.plan, table)
    }

    fn word(&self, count: usize) -> Result<u32, Error> {
        word(self.operation, count)
    }

    /// What lies between rows and columns: `[samples, height, padded width]`.
    fn inside(&self) -> Result<Slice, Error> {
        let count = self.samples * self.grid.size[0] * self.grid.padded[1];
        Ok(Window::between(self.scratch, 0, count)?.slice)
    }

    /// What lies between two steps.
    fn block(&self, count: usize) -> Result<Slice, Error> {
        Ok(Window::between(self.scratch, 1, count)?.slice)
    }

    /// Complex numbers that a block may have.
    fn most(&self) -> usize {
        BLOCK.min(self.scratch[1].len() / 2).min(self.plan.gpu().binding_limit() as usize / 8)
    }

    /// Rows of all samples outside.
    fn outside(&self, window: &Window) -> Result<SubgroupParams, Error> {
        let [height, width] = self.grid.size;
        Ok(SubgroupParams {
            lines: 1,
            samples: self.word(self.samples * height)?,
            turns: TURNS as u32,
            height: self.word(height)?,
            extent: self.word(width / 2)?,
            first: self.word(window.first / 2)?,
            outer: self.word(width / 2)?,
            pitch: 1,
            scale: 1.0,
            ..Default::default()
        })
    }

    /// First rows and numbers of rows of blocks.
    fn row_blocks(&self) -> Vec<(usize, usize)> {
        let (rows, most) = (self.samples * self.grid.size[0], (self.most() / self.grid.padded[1]).max(1));
        (0..rows).step_by(most).map(|first| (first, most.min(rows - first))).collect()
    }

    fn rows(&mut self, way: Way, x: &Window, transmission: Option<&Slice>) -> Result<(), Error> {
        let (inside, outside) = (self.inside()?, self.outside(x)?);
        let masked: Constant = ("MASKED", transmission.is_some().into());
        let mask = transmission.unwrap_or(&x.slice).read();
        match way {
            Way::Once(radix) => {
                let [turns, joints] = [self.table(Table::Lanes(radix))?, self.table(Table::Joints(radix))?];
                let constants = [("RADIX", radix as u32), kept(self.grid.size[1], 16), masked];
                let binds = [x.slice.read(), turns.read(), joints.read(), mask, inside.write()];
                let groups = (outside.samples as usize).div_ceil(SUBGROUPS * TURNS);
                self.dispatch("rows", &constants, &outside, &binds, groups)
            }
            Way::Twice(first, second) => {
                let [turns, twists] = [self.table(Table::Lanes(first))?, self.table(Table::Twists(8 * first, second))?];
                let constants = [("RADIX", first as u32), kept(self.grid.size[1], 8 * second), masked];
                for (begin, rows) in self.row_blocks() {
                    let block = self.block(rows * self.grid.padded[1])?;
                    let params = SubgroupParams {
                        samples: self.word(rows)?,
                        begin: self.word(begin)?,
                        count: second as u32 / 2,
                        ..outside
                    };
                    let binds = [x.slice.read(), turns.read(), mask, block.write()];
                    let groups = (rows * second / 2).div_ceil(SUBGROUPS * TURNS);
                    self.dispatch("strides", &constants, &params, &binds, groups)?;
                    let params = SubgroupParams { count: 8 * first as u32, ..params };
                    let binds = [block.read(), twists.read(), inside.write()];
                    let groups = rows.div_ceil(WORKGROUP) * 4 * first;
                    self.dispatch("rows_join", &[("RADIX", second as u32)], &params, &binds, groups)?;
                }
                Ok(())
            }
        }
    }

    fn rows_back(&mut self, way: Way, y: &Window) -> Result<(), Error> {
        let (inside, outside) = (self.inside()?, self.outside(y)?);
        match way {
            Way::Once(radix) => {
                let [turns, joints] = [self.table(Table::Lanes(radix))?, self.table(Table::Joints(radix))?];
                let constants = [("RADIX", radix as u32), kept(self.grid.size[1], 16)];
                let binds = [inside.read(), turns.read(), joints.read(), y.slice.write()];
                let groups = (outside.samples as usize).div_ceil(SUBGROUPS * TURNS);
                self.dispatch("rows_back", &constants, &outside, &binds, groups)
            }
            Way::Twice(first, second) => {
                let [turns, twists] = [self.table(Table::Lanes(first))?, self.table(Table::Twists(8 * first, second))?];
                let constants = [("RADIX", first as u32), kept(self.grid.size[1], 8 * second)];
                for (begin, rows) in self.row_blocks() {
                    let block = self.block(rows * self.grid.padded[1])?;
                    let params = SubgroupParams {
                        samples: self.word(rows)?,
                        begin: self.word(begin)?,
                        count: 8 * first as u32,
                        ..outside
                    };
                    let binds = [inside.read(), twists.read(), block.write()];
                    let groups = rows.div_ceil(WORKGROUP) * 4 * first;
                    self.dispatch("rows_part", &[("RADIX", second as u32)], &params, &binds, groups)?;
                    let params = SubgroupParams { count: second as u32 / 2, ..params };
                    let binds = [block.read(), turns.read(), y.slice.write()];
                    let groups = (rows * second / 2).div_ceil(SUBGROUPS * TURNS);
                    self.dispatch("strides_back", &constants, &params, &binds, groups)?;
                }
                Ok(())
            }
        }
    }

    fn columns(&mut self, way: Way, (transfer, conjugate): (&Slice, bool)) -> Result<(), Error> {
        let ([height, _], [padded, width]) = (self.grid.size, self.grid.padded);
        let (inside, pairs) = (self.inside()?, width / 2);
        let conjugate: Constant = ("CONJUGATE", conjugate.into());
        let whole = SubgroupParams {
            lines: self.word(pairs)?,
            samples: self.word(self.samples)?,
            turns: TURNS as u32,
            height: self.word(height)?,
            extent: self.word(height)?,
            outer: self.word(height * pairs)?,
            pitch: self.word(pairs)?,
            scale: 1.0 / (padded * width) as f32,
            ..Default::default()
        };
        match way {
            Way::Once(radix) => {
                let turns = self.table(Table::Lanes(radix))?;
                let constants = [("RADIX", radix as u32), kept(height, 8), conjugate];
                let binds = [turns.read(), transfer.read(), inside.update()];
                let groups = pairs.div_ceil(SUBGROUPS) * self.samples.div_ceil(TURNS);
                self.dispatch("columns", &constants, &whole, &binds, groups)
            }
            Way::Twice(first, second) => {
                let [turns, twists] = [self.table(Table::Lanes(first))?, self.table(Table::Twists(8 * first, second))?];
                let constants = [("RADIX", first as u32), kept(height, 8 * second)];
                let samples = (self.most() / (padded * width)).clamp(1, self.samples);
                let most = (self.most() / (2 * padded * samples)).clamp(1, pairs);
                let most = if most > WORKGROUP { most / WORKGROUP * WORKGROUP } else { most };
                for (begin, column) in (0..self.samples)
                    .step_by(samples)
                    .flat_map(|begin| (0..pairs).step_by(most).map(move |at| (begin, at)))
                {
                    let (samples, lines) = (samples.min(self.samples - begin), most.min(pairs - column));
                    let block = self.block(samples * padded * 2 * lines)?;
                    let stride = SubgroupParams {
                        lines: self.word(lines)?,
                        samples: self.word(samples)?,
                        begin: self.word(begin)?,
                        count: second as u32,
                        first: self.word(column)?,
                        scale: 1.0,
                        ..whole
                    };
                    let strides = (samples * second * lines).div_ceil(SUBGROUPS * TURNS);
                    let binds = [inside.read(), turns.read(), inside.read(), block.write()];
                    self.dispatch("strides", &constants, &stride, &binds, strides)?;
                    let params = SubgroupParams { count: 8 * first as u32, scale: whole.scale, ..stride };
                    let binds = [transfer.read(), twists.read(), block.update()];
                    let groups = lines.div_ceil(WORKGROUP) * 8 * first;
                    self.dispatch("columns_join", &[("RADIX", second as u32), conjugate], &params, &binds, groups)?;
                    let binds = [block.read(), turns.read(), inside.write()];
                    self.dispatch("strides_back", &constants, &stride, &binds, strides)?;
                }
                Ok(())
            }
        }
    }
}

/// Slots that hold anything, of an extent with so many numbers a slot of all lanes.
fn kept(extent: usize, slot: usize) -> Constant {
    ("KEPT", extent.div_ceil(slot) as u32)
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
