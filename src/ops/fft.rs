//! Batched discrete Fourier transforms of complex fields; `shaders/fft.wgsl`.
//!
//! Fields are `[batch, rows, columns, 2]`, the last axis (re, im). A length is done in passes of radix 2 to 16; one that has prime factors
//! above 7 by Bluestein's convolution with a chirp, of the next power of two above twice the length. Tables of exp(-2 pi i k / n) are made
//! in `f64` when a plan is recorded.

use std::f64::consts::TAU;

use num_complex::Complex64;

use super::word;
use crate::gpu::{ALIGNMENT_WORDS, Bind, Constant, Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    pub(super) struct Params as "Params" {
        length: u32,
        inner: u32,
        before: u32,
        extent_in: u32,
        extent_out: u32,
        first_in: u32,
        first_out: u32,
        items: u32,
        scale: f32,
    }
}

/// Radices of passes, the largest first.
const RADICES: [usize; 13] = [16, 15, 14, 12, 10, 9, 8, 7, 6, 5, 4, 3, 2];

/// Which transform, and what it is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Forward,
    Inverse,
    ForwardBackward,
    InverseBackward,
}

/// Transforms along the columns, the rows, or both axes of fields.
///
/// The input may have fewer rows and columns than the lengths: the others are zero and cost nothing. The output may have fewer:
/// the others are not wanted and not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fft {
    height: Option<usize>,
    width: Option<usize>,
}

impl Fft {
    /// Along the last axis, of a length.
    pub fn rows(width: usize) -> Self {
        Self { height: None, width: Some(width) }
    }

    /// Along the axis before the last, of a length.
    pub fn columns(height: usize) -> Self {
        Self { height: Some(height), width: None }
    }

    /// Along both axes.
    pub fn plane(height: usize, width: usize) -> Self {
        Self { height: Some(height), width: Some(width) }
    }

    /// Shape of each of the two tensors that a transform between fields of these shapes needs in between: for as many samples as
    /// take 64 MiB, or one. With larger ones more samples are done at once, to the same bits.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn scratch(&self, x: &[usize], y: &[usize]) -> Result<[usize; 2], Error> {
        let operation = "fft::scratch";
        self.steps(operation, Kind::Forward, x, y)?;
        let one = |shape: &[usize]| [&[1], &shape[1..]].concat();
        let (x, y, batch) = (one(x), one(y), x[0]);
        let [there, back] = [(&x, &y), (&y, &x)].map(|(x, y)| self.steps(operation, Kind::Forward, x, y));
        Ok(room(batch, longest(&there?).max(longest(&back?))))
    }

    /// y = sum over j of x_j exp(-2 pi i j k / n).
    ///
    /// # Errors
    /// Shapes that do not fit, or that the adapter cannot bind.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, x: &Slice, scratch: [&Slice; 2], y: &Slice) -> Result<(), Error> {
        self.record(plan, "fft::forward", Kind::Forward, x, scratch, y)
    }

    /// The inverse, with exp(+...) and the factor 1/n, or 1/(height width).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn inverse(&self, plan: &mut PlanBuilder<'_>, x: &Slice, scratch: [&Slice; 2], y: &Slice) -> Result<(), Error> {
        self.record(plan, "fft::inverse", Kind::Inverse, x, scratch, y)
    }

    /// Gradient of the input of [`forward`](Self::forward): its adjoint, the inverse without the factor.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        d_y: &Slice,
        scratch: [&Slice; 2],
        d_x: &Slice,
    ) -> Result<(), Error> {
        self.record(plan, "fft::forward_backward", Kind::ForwardBackward, d_y, scratch, d_x)
    }

    /// Gradient of the input of [`inverse`](Self::inverse): its adjoint, the transform times the factor.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn inverse_backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        d_y: &Slice,
        scratch: [&Slice; 2],
        d_x: &Slice,
    ) -> Result<(), Error> {
        self.record(plan, "fft::inverse_backward", Kind::InverseBackward, d_y, scratch, d_x)
    }

    fn record(
        &self,
        plan: &mut PlanBuilder<'_>,
        operation: &str,
        kind: Kind,
        x: &Slice,
        scratch: [&Slice; 2],
        y: &Slice,
    ) -> Result<(), Error> {
        // Whether the shapes fit, before anything is looked at.
        self.steps(operation, kind, x.shape(), y.shape())?;
        let one = |shape: &[usize]| [&[1], &shape[1..]].concat();
        let between = longest(&self.steps(operation, kind, &one(x.shape()), &one(y.shape()))?);
        let batch = x.shape()[0];
        let sizes = [x, y].map(|slice| slice.len() / batch.max(1) / 2);
        let mut tables = Tables::default();
        for (first, samples) in chunks(plan, operation, batch, sizes, between, scratch)? {
            let shape = |slice: &Slice| [&[samples], &slice.shape()[1..]].concat();
            let steps = self.steps(operation, kind, &shape(x), &shape(y))?;
            let from = Window::of(x, first * sizes[0], samples * sizes[0])?;
            let to = Window::of(y, first * sizes[1], samples * sizes[1])?;
            chain(plan, operation, &steps, &mut tables, from, scratch, Some(to))?;
        }
        Ok(())
    }

    fn steps(&self, operation: &str, kind: Kind, x: &[usize], y: &[usize]) -> Result<Vec<Step>, Error> {
        let wrong = || Error::Shape {
            what: operation.to_owned(),
            expected: format!(
                "fields [batch, rows, columns, 2] with at most {} rows and {} columns, equal where not transformed",
                self.height.map_or("any number of".to_owned(), |height| height.to_string()),
                self.width.map_or("any number of".to_owned(), |width| width.to_string()),
            ),
            got: format!("{x:?} to {y:?}"),
        };
        let (&[batch, rows_in, columns_in, 2], &[samples, rows_out, columns_out, 2]) = (x, y) else {
            return Err(wrong());
        };
        let fits = |length: Option<usize>, before: usize, after: usize| match length {
            Some(length) => length > 0 && before <= length && after <= length,
            None => before == after,
        };
        if batch != samples || !fits(self.height, rows_in, rows_out) || !fits(self.width, columns_in, columns_out) {
            return Err(wrong());
        }
        let inverse = matches!(kind, Kind::Inverse | Kind::ForwardBackward);
        let scaled = matches!(kind, Kind::Inverse | Kind::InverseBackward);
        let line = |length: usize, outer, inner, extent_in, extent_out| Line {
            length,
            outer,
            inner,
            extent_in,
            extent_out,
            inverse,
            scale: if scaled { 1.0 / length as f32 } else { 1.0 },
        };
        // Along the axis first whose pass leaves less for the other.
        let rows_first = rows_in * columns_out <= rows_out * columns_in;
        let (rows, columns) = if rows_first { (rows_in, columns_out) } else { (rows_out, columns_in) };
        let along_rows = self.width.map(|width| line(width, batch * rows, 1, columns_in, columns_out));
        let along_columns = self.height.map(|height| line(height, batch, columns, rows_in, rows_out));
        let order = if rows_first { [along_rows, along_columns] } else { [along_columns, along_rows] };
        Ok(order.into_iter().flatten().flat_map(Line::steps).collect())
    }
}

/// Transforms along one axis of `[outer, extent, inner]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub length: usize,
    pub outer: usize,
    pub inner: usize,
    pub extent_in: usize,
    pub extent_out: usize,
    pub inverse: bool,
    pub scale: f32,
}

/// What a step multiplies with along its axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// exp(-2 pi i k / n)
    Circle(usize),
    /// exp(-pi i k^2 / n)
    Chirp(usize),
    /// The transform of length m of the chirp's conjugate, which is even around 0, over m.
    Spectrum(usize, usize),
    /// exp(-2 pi i l k / 8 r) of lane l and k below r, padded to an even number of them: `[8, r]`.
    Lanes(usize),
    /// exp(-2 pi i k / 16 r) of the k that lane l has at last, `[8, r]`: r times its bits reversed, and on.
    Joints(usize),
    /// exp(-2 pi i i k / n r) of k below n and i below r, `[n, r]`, with r in whole eights.
    Twists(usize, usize),
}

/// A dispatch of a transform.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Of a pass; `None` multiplies.
    radix: Option<usize>,
    before: usize,
    table: Table,
    line: Line,
}

impl Step {
    /// Complex numbers that it writes.
    fn written(&self) -> usize {
        self.line.outer * self.line.extent_out * self.line.inner
    }
}

/// Radices up to `most` whose product is a length, falling: as few as there can be, and of those the most even ones. `None` if it has
/// prime factors above 7.
fn radices(length: usize, most: usize) -> Option<Vec<usize>> {
    if length == 1 {
        return Some(vec![]);
    }
    let fits = RADICES.iter().filter(|radix| **radix <= most && length.is_multiple_of(**radix));
    let found = fits.filter_map(|&radix| Some([vec![radix], radices(length / radix, radix)?].concat()));
    found.min_by_key(|found| (found.len(), found[0]))
}

impl Line {
    /// The way back, without a factor.
    pub(super) fn inverted(self) -> Self {
        Self { inverse: !self.inverse, extent_in: self.extent_out, extent_out: self.extent_in, ..self }
    }

    /// The passes, in order.
    pub(super) fn steps(self) -> Vec<Step> {
        match radices(self.length, RADICES[0]) {
            Some(radices) => self.passes(&radices),
            None => self.bluestein(),
        }
    }

    fn passes(self, radices: &[usize]) -> Vec<Step> {
        // A length of 1 is copied.
        let radices = if radices.is_empty() { &[1] } else { radices };
        let mut before = 1;
        let count = radices.len();
        let steps = radices.iter().enumerate().map(|(at, &radix)| {
            let (first, last) = (at == 0, at + 1 == count);
            let line = Self {
                extent_in: if first { self.extent_in } else { self.length },
                extent_out: if last { self.extent_out } else { self.length },
                scale: if last { self.scale } else { 1.0 },
                ..self
            };
            let step = Step { radix: Some(radix), before, table: Table::Circle(self.length), line };
            before *= radix;
            step
        });
        steps.collect()
    }

    /// j k = (j^2 + k^2 - (k - j)^2) / 2: a chirp, a convolution with its conjugate, a chirp (Bluestein 1970).
    fn bluestein(self) -> Vec<Step> {
        let (n, m) = (self.length, (2 * self.length - 1).next_power_of_two());
        let whole = Self { length: m, extent_in: m, extent_out: m, scale: 1.0, ..self };
        let multiply = |table, line| Step { radix: None, before: 1, table, line };
        let mut steps = vec![multiply(Table::Chirp(n), Self { extent_out: self.extent_in, scale: 1.0, ..self })];
        // Both ways of a transform are the forward one between numbers with re and im exchanged.
        steps.extend(Self { extent_in: self.extent_in, ..whole }.steps());
        steps.push(multiply(Table::Spectrum(n, m), whole));
        steps.extend(Self { inverse: !self.inverse, extent_out: self.extent_out, ..whole }.steps());
        steps.push(multiply(Table::Chirp(n), Self { extent_in: self.extent_out, ..self }));
        steps
    }
}

/// Tables on the device.
#[derive(Debug, Default)]
pub(super) struct Tables(Vec<(Table, Slice)>);

impl Tables {
    /// A table, uploaded the first time.
    pub(super) fn get(&mut self, plan: &PlanBuilder<'_>, table: Table) -> Result<Slice, Error> {
        if let Some((_, slice)) = self.0.iter().find(|(made, _)| *made == table) {
            return Ok(slice.clone());
        }
        let values = table.values();
        let floats: Vec<f32> = values.iter().flat_map(|z| [z.re as f32, z.im as f32]).collect();
        let slice = plan.gpu().upload("fft table", &[values.len(), 2], &floats)?;
        self.0.push((table, slice.clone()));
        Ok(slice)
    }
}

impl Table {
    fn values(self) -> Vec<Complex64> {
        // k^2 modulo 2 n, as angles have few digits.
        let chirp = |n: usize, k: usize| Complex64::cis(-TAU / 2.0 * (k * k % (2 * n)) as f64 / n as f64);
        let circle = |n: usize, k: usize| Complex64::cis(-TAU * k as f64 / n as f64);
        match self {
            Self::Circle(n) => (0..n).map(|k| circle(n, k)).collect(),
            Self::Chirp(n) => (0..n).map(|k| chirp(n, k)).collect(),
            Self::Lanes(r) => {
                let padded = r.next_multiple_of(2);
                (0..8 * padded).map(|at| circle(8 * r, at / padded * (at % padded))).collect()
            }
            Self::Joints(r) => {
                (0..8 * r).map(|at| circle(16 * r, r * [0, 4, 2, 6, 1, 5, 3, 7][at / r] + at % r)).collect()
            }
            Self::Twists(n, r) => {
                let padded = r.next_multiple_of(8);
                (0..n * padded).map(|at| circle(n * r, at / padded * (at % padded))).collect()
            }
            Self::Spectrum(n, m) => {
                let mut circular = vec![Complex64::ZERO; m];
                for k in 0..n {
                    circular[k] = chirp(n, k).conj() / m as f64;
                    circular[(m - k) % m] = circular[k];
                }
                power_of_two(&circular)
            }
        }
    }
}

/// The transform of as many numbers as a power of two.
fn power_of_two(x: &[Complex64]) -> Vec<Complex64> {
    let n = x.len();
    if n == 1 {
        return x.to_vec();
    }
    let half = |first: usize| power_of_two(&x.iter().skip(first).step_by(2).copied().collect::<Vec<_>>());
    let (even, odd) = (half(0), half(1));
    let turned: Vec<_> = (0..n / 2).map(|k| odd[k] * Complex64::cis(-TAU * k as f64 / n as f64)).collect();
    let low = even.iter().zip(&turned).map(|(even, odd)| even + odd);
    low.chain(even.iter().zip(&turned).map(|(even, odd)| even - odd)).collect()
}

/// Complex numbers of the longest result in between.
pub(super) fn longest(steps: &[Step]) -> usize {
    let between = steps.len().saturating_sub(1);
    // A tensor of nothing cannot be bound.
    steps[..between].iter().map(Step::written).max().unwrap_or(0).max(1)
}

/// Complex numbers from a place in a slice on: slices begin at multiples of 64 words, samples anywhere.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) slice: Slice,
    pub(super) first: usize,
    /// The tensor in between that is free when this one is read.
    pub(super) next: usize,
}

impl Window {
    /// `count` complex numbers from number `first` on.
    pub(super) fn of(slice: &Slice, first: usize, count: usize) -> Result<Self, Error> {
        let numbers = ALIGNMENT_WORDS / 2;
        let before = first % numbers;
        let part = slice.part(slice.name(), 2 * (first - before), &[before + count, 2])?;
        Ok(Self { slice: part, first: before, next: 0 })
    }

    /// The first `count` complex numbers of one of the tensors in between.
    pub(super) fn between(scratch: [&Slice; 2], at: usize, count: usize) -> Result<Self, Error> {
        Ok(Self { next: 1 - at, ..Self::of(scratch[at], 0, count)? })
    }
}

/// Most bytes of a tensor in between, if they hold a sample.
const MOST_BYTES: usize = 64 << 20;

/// Shape of a tensor in between that takes `size` complex numbers a sample.
pub(super) fn room(batch: usize, size: usize) -> [usize; 2] {
    [batch.min(MOST_BYTES / (8 * size)).max(1) * size, 2]
}

/// First samples and numbers of samples that the adapter can bind and the tensors in between hold. `sizes` and `between` are the complex
/// numbers that a sample has.
pub(super) fn chunks(
    plan: &PlanBuilder<'_>,
    operation: &str,
    batch: usize,
    sizes: [usize; 2],
    between: usize,
    scratch: [&Slice; 2],
) -> Result<Vec<(usize, usize)>, Error> {
    let held = scratch.iter().map(|slice| slice.len() / 2 / between).min().unwrap_or(0);
    if held == 0 {
        return Err(Error::Shape {
            what: format!("{operation}, `{}` and `{}`", scratch[0].name(), scratch[1].name()),
            expected: format!("room for {between} complex numbers in each"),
            got: format!("{:?} and {:?}", scratch[0].shape(), scratch[1].shape()),
        });
    }
    // A part begins at an aligned place before it.
    let bound = (plan.gpu().binding_limit() as usize / 8).saturating_sub(ALIGNMENT_WORDS / 2);
    let bindable = sizes.iter().chain([&between]).map(|size| bound / size.max(&1)).min().unwrap_or(0);
    // What is too large even so is refused when it is recorded.
    let samples = held.min(bindable).max(1);
    Ok((0..batch).step_by(samples).map(|first| (first, samples.min(batch - first))).collect())
}

/// Records steps, from `x` through the scratch tensors in turn to `y`, or to the scratch tensor whose turn it is. Gives where the result is.
pub(super) fn chain(
    plan: &mut PlanBuilder<'_>,
    operation: &str,
    steps: &[Step],
    tables: &mut Tables,
    x: Window,
    scratch: [&Slice; 2],
    y: Option<Window>,
) -> Result<Window, Error> {
    let mut from = x;
    for (at, step) in steps.iter().enumerate() {
        let to = match &y {
            Some(y) if at + 1 == steps.len() => y.clone(),
            _ => Window::between(scratch, from.next, step.written())?,
        };
        step.record(plan, operation, &from, &tables.get(plan, step.table)?, &to)?;
        from = to;
    }
    Ok(from)
}

impl Step {
    fn record(
        &self,
        plan: &mut PlanBuilder<'_>,
        operation: &str,
        from: &Window,
        table: &Slice,
        to: &Window,
    ) -> Result<(), Error> {
        let Self { radix, before, line, .. } = *self;
        let items = radix.map_or(self.written(), |radix| line.outer * line.length / radix * line.inner);
        let params = Params {
            length: word(operation, line.length)?,
            inner: word(operation, line.inner)?,
            before: word(operation, before)?,
            extent_in: word(operation, line.extent_in)?,
            extent_out: word(operation, line.extent_out)?,
            first_in: word(operation, from.first)?,
            first_out: word(operation, to.first)?,
            items: word(operation, items)?,
            scale: line.scale,
        };
        let binds: [Bind<'_>; 3] = [from.slice.read(), table.read(), to.slice.write()];
        let inverse: Constant = ("INVERSE", line.inverse.into());
        let (entry, constants) = match radix {
            Some(radix) => ("radix", vec![("RADIX", radix as u32), inverse]),
            None => ("chirp", vec![inverse]),
        };
        plan.dispatch_with("fft", entry, &constants, &params, &binds, Work::Items(items))
    }
}
