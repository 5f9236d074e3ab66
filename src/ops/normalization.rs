//! Batch, layer and group normalization with a gain gamma and a shift beta a channel; `shaders/normalization.wgsl`.
//!
//! A forward pass is [`statistics`](Normalization::statistics) and then [`forward`](Normalization::forward); an
//! evaluation of batch normalization is `forward` alone, with the stored statistics in place of the batch's own. Only
//! [`track`](Normalization::track) moves the stored ones, in those passes that record it.

use super::{Clock, expect, word};
use crate::gpu::{Bind, Error, Gpu, PlanBuilder, Scalar, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        blocks: u32, outer: u32, across: u32, inner: u32, spread: u32, places: u32, apart: u32, runs: u32, lanes: u32, joint: u32,
        row_blocks: u32, row_populations: u32, population_channels: u32, position_populations: u32, channels: u32,
        positions: u32, lookups: u32, outer_rows: u32, weighted: u32, rectify: u32, component: u32, epsilon: f32, momentum: f32,
    }
}

uniform! {
    struct PooledParams as "Params" {
        batch: u32, channels: u32, height: u32, width: u32, runs: u32, lanes: u32, rectify: u32, epsilon: f32,
    }
}

/// Which elements share a mean and a variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// All of a channel, over the valid rows and the positions.
    Batch,
    /// All at a position of a row, over the channels.
    Layer,
    /// All of one of so many equal groups of channels of a row, over these channels and the positions.
    Group(usize),
}

/// A normalization of activations `[batch, channels * positions]`. A population is what shares a mean and a variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// Which elements share a mean and a variance.
    pub over: Over,
    /// Rows, padding included.
    pub batch: usize,
    /// Channels of a row.
    pub channels: usize,
    /// Positions of a channel: height times width, or 1.
    pub positions: usize,
    /// Added to the variance; usually 1e-5.
    pub epsilon: f32,
    /// Whether a rectifier follows: y is 0 where it would be below, and lets no gradient through there.
    pub rectify: bool,
}

/// What the passes read.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// Tells the valid rows; the others give 0 and have gradient 0.
    pub clock: &'a Slice,
    /// Activations `[batch, channels * positions]`.
    pub x: &'a Slice,
    /// Gain `[channels]`.
    pub gamma: &'a Slice,
    /// Shift `[channels]`.
    pub beta: &'a Slice,
    /// Mean and biased variance `[populations, 2]`: of this batch, or stored.
    pub statistics: &'a Slice,
}

/// What a backward pass writes.
#[derive(Clone, Copy, Debug)]
pub struct Gradients<'a> {
    /// `[batch, channels * positions]`, if anybody wants it.
    pub x: Option<&'a Slice>,
    /// `[channels]`
    pub gamma: &'a Slice,
    /// `[channels]`
    pub beta: &'a Slice,
}

/// Room for sums on the way; a smaller normalization may use that of a larger one.
#[derive(Clone, Debug)]
pub struct Scratch {
    pieces: Slice,
    slopes: Slice,
}

/// The tensor as [blocks, outer, across, inner] loads; a population is what has the same block and the same place across.
#[derive(Clone, Copy)]
struct Axes {
    blocks: usize,
    outer: usize,
    across: usize,
    inner: usize,
    /// Words of a load.
    width: usize,
    /// Places across that a load covers.
    spread: usize,
    /// Neighbouring places across that are of one population: each is a lane of its own.
    places: usize,
    /// Blocks in a row; 0 if the outer axis is that of the rows.
    row_blocks: usize,
}

/// How a population is cut: into runs along outer times lanes along inner.
#[derive(Clone, Copy)]
struct Cut {
    runs: usize,
    lanes: usize,
    /// Neighbours along inner that belong to the same lane.
    joint: usize,
}

/// Momentum that says that the clock has it.
const FROM_CLOCK: f32 = 0.0;
/// Loads that make it worth while to look up what belongs to a piece.
const LOADS: usize = 16;
/// Pieces of a population that one invocation adds up.
const SUMMANDS: usize = 256;
/// Most neighbours along inner: 256 bytes.
const LANES: usize = 16;

/// No more parts than make the longest of them shorter.
fn even(length: usize, parts: usize) -> usize {
    let length = length.max(1);
    length.div_ceil(length.div_ceil(parts))
}

impl Axes {
    /// From axes in words: loads are of four words, along inner, or along across where that is the innermost axis.
    fn loads(self) -> Self {
        match self {
            Self { inner, .. } if inner.is_multiple_of(4) => Self { inner: inner / 4, width: 4, ..self },
            Self { across, inner: 1, .. } if across.is_multiple_of(4) => {
                Self { across: across / 4, width: 4, spread: 4, ..self }
            }
            _ => self,
        }
    }

    fn populations(self) -> usize {
        self.blocks * self.across * self.spread / self.places
    }

    /// For sums.
    fn cut(self) -> Cut {
        let pieces = (self.outer * self.inner / LOADS).clamp(1, SUMMANDS / self.places);
        let lanes = even(self.inner, pieces.min(LANES));
        Cut { runs: even(self.outer, pieces / lanes), lanes, joint: 1 }
    }

    fn pieces(self, cut: Cut) -> usize {
        self.populations() * self.places * cut.runs * cut.lanes
    }
}

impl Scratch {
    fn of_pieces(&self, axes: Axes, cut: Cut) -> Result<Slice, Error> {
        self.pieces.part(self.pieces.name(), 0, &[axes.pieces(cut), 2])
    }

    fn of_populations(&self, axes: Axes) -> Result<Slice, Error> {
        self.slopes.part(self.slopes.name(), 0, &[axes.populations(), 2])
    }
}

impl Normalization {
    /// Rows of the statistics.
    pub fn populations(&self) -> usize {
        self.axes().populations()
    }

    /// Room for sums on the way.
    ///
    /// # Errors
    /// What the device reports.
    pub fn scratch(&self, gpu: &Gpu) -> Result<Scratch, Error> {
        let pieces = [self.axes(), self.channel_axes()].map(|axes| axes.pieces(axes.cut()));
        Ok(Scratch {
            pieces: gpu.zeros("sums of pieces", &[pieces[0].max(pieces[1]), 2], Scalar::F32)?,
            slopes: gpu.zeros("sums of populations", &[self.populations(), 2], Scalar::F32)?,
        })
    }

    /// Mean and biased variance of every population: overwrites `state.statistics`.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn statistics(&self, plan: &mut PlanBuilder<'_>, state: State<'_>, scratch: &Scratch) -> Result<(), Error> {
        const OPERATION: &str = "normalization::statistics";
        self.check(OPERATION, state)?;
        let axes = self.axes();
        let cut = axes.cut();
        let is_whole = axes.pieces(cut) == axes.populations();
        let pieces = scratch.of_pieces(axes, cut)?;
        let result = if is_whole { state.statistics } else { &pieces };
        let binds = [state.clock.uniform::<Clock>(), state.x.read(), result.write()];
        over_pieces(plan, "moments", axes.width, self.params(axes, cut)?, &binds)?;
        if is_whole {
            return Ok(());
        }
        let binds = [state.clock.uniform::<Clock>(), pieces.read(), state.statistics.write()];
        over_populations(plan, "merge", self.params(axes, cut)?, &binds)
    }

    /// stored = (1 - momentum) stored + momentum (mean, unbiased variance) of batch normalization; statistics, stored
    /// `[channels, 2]` of two buffers, momentum usually 0.1, or the clock's weight of an average. A fresh network stores mean 0 and variance 1. A channel with a single
    /// element has variance 0.
    ///
    /// # Errors
    /// Shapes that do not fit, those of layer and group normalization among them.
    pub fn track(
        &self,
        plan: &mut PlanBuilder<'_>,
        clock: &Slice,
        momentum: Option<f32>,
        statistics: &Slice,
        stored: &Slice,
    ) -> Result<(), Error> {
        const OPERATION: &str = "normalization::track";
        if self.over != Over::Batch {
            return Err(Error::Shape {
                what: OPERATION.to_owned(),
                expected: "batch normalization".to_owned(),
                got: format!("{:?}", self.over),
            });
        }
        expect(OPERATION, statistics, &[self.channels, 2])?;
        expect(OPERATION, stored, &[self.channels, 2])?;
        let momentum = momentum.unwrap_or(FROM_CLOCK);
        let params = Params { momentum, ..self.shape_params()? };
        let binds = [clock.uniform::<Clock>(), statistics.read(), stored.update()];
        plan.dispatch("normalization", "track", &params, &binds, Work::Items(self.channels))
    }

    /// y = gamma (x - mean) / sqrt(variance + epsilon) + beta, in the shape of x.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, state: State<'_>, y: &Slice) -> Result<(), Error> {
        const OPERATION: &str = "normalization::forward";
        self.check(OPERATION, state)?;
        expect(OPERATION, y, state.x.shape())?;
        let State { clock, x, gamma, beta, statistics } = state;
        let binds = [clock.uniform::<Clock>(), x.read(), gamma.read(), beta.read(), statistics.read(), y.write()];
        self.over_columns(plan, "forward", Params::default(), &binds)
    }

    /// Gradients from d_y, which has the shape of x; the statistics must be those of x, not stored ones.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        state: State<'_>,
        scratch: &Scratch,
        d_y: &Slice,
        gradients: Gradients<'_>,
    ) -> Result<(), Error> {
        const OPERATION: &str = "normalization::backward";
        self.check(OPERATION, state)?;
        expect(OPERATION, d_y, state.x.shape())?;
        self.backward_channels(plan, state, scratch, d_y, gradients)?;

        let State { clock, x, gamma, beta, statistics } = state;
        let Some(d_x) = gradients.x else {
            return Ok(());
        };
        expect(OPERATION, d_x, x.shape())?;
        // The channels are the populations of batch normalization: their pieces are there, but for the factor gamma.
        let weighted = self.over != Over::Batch;
        let axes = self.axes();
        let cut = axes.cut();
        let is_whole = weighted && axes.pieces(cut) == axes.populations();
        let (pieces, slopes) = (scratch.of_pieces(axes, cut)?, scratch.of_populations(axes)?);
        if weighted {
            let params = Params { weighted: 1, ..self.params(axes, cut)? };
            let result = if is_whole { &slopes } else { &pieces };
            correlate(plan, "correlate", axes.width, params, state, d_y, result)?;
        }
        if !is_whole {
            over_populations(plan, "add", self.params(axes, cut)?, &[pieces.read(), slopes.write()])?;
        }
        let binds = [
            clock.uniform::<Clock>(),
            x.read(),
            d_y.read(),
            gamma.read(),
            beta.read(),
            statistics.read(),
            slopes.read(),
            d_x.write(),
        ];
        self.over_columns(plan, "backward", Params { weighted: u32::from(weighted), ..Params::default() }, &binds)
    }

    /// Gradients of gamma and beta from sums over the pieces of channels, which stay in the scratch.
    fn backward_channels(
        &self,
        plan: &mut PlanBuilder<'_>,
        state: State<'_>,
        scratch: &Scratch,
        d_y: &Slice,
        gradients: Gradients<'_>,
    ) -> Result<(), Error> {
        let axes = self.channel_axes();
        let cut = axes.cut();
        let pieces = scratch.of_pieces(axes, cut)?;
        let entry = if self.over() == Over::Layer { "correlate_positions" } else { "correlate" };
        correlate(plan, entry, axes.width, self.params(axes, cut)?, state, d_y, &pieces)?;
        for (component, gradient) in [(0, gradients.beta), (1, gradients.gamma)] {
            expect("normalization::gradient", gradient, &[self.channels])?;
            let params = Params { component, ..self.params(axes, cut)? };
            over_populations(plan, "gradient", params, &[pieces.read(), gradient.write()])?;
        }
        Ok(())
    }

    /// What shares a mean: the only position of a row is the whole row.
    fn over(&self) -> Over {
        if self.over == Over::Layer && self.positions == 1 { Over::Group(1) } else { self.over }
    }

    fn axes(&self) -> Axes {
        let &Self { batch, channels, positions, .. } = self;
        let words = Axes {
            blocks: batch,
            outer: channels,
            across: positions,
            inner: 1,
            width: 1,
            spread: 1,
            places: 1,
            row_blocks: 1,
        };
        match self.over() {
            Over::Batch => self.channel_axes(),
            Over::Layer => words.loads(),
            Over::Group(groups) => Axes {
                blocks: batch * groups,
                outer: channels / groups.max(1),
                across: 1,
                inner: positions,
                row_blocks: groups,
                ..words
            }
            .loads(),
        }
    }

    /// Axes with the channels as populations.
    fn channel_axes(&self) -> Axes {
        let &Self { batch, channels, positions, .. } = self;
        let words = Axes {
            blocks: 1,
            outer: batch,
            across: channels,
            inner: positions,
            width: 1,
            spread: 1,
            places: 1,
            row_blocks: 0,
        };
        match self.over() {
            // A load would be of several groups.
            Over::Group(groups) if positions == 1 && !(channels / groups.max(1)).is_multiple_of(4) => words,
            // In sums over the rows, places of neighbouring channels may share a load. Four runs or more.
            Over::Batch
                if !positions.is_multiple_of(4)
                    && (channels * positions).is_multiple_of(4)
                    && positions <= SUMMANDS / 4 =>
            {
                Axes { across: channels * positions, inner: 1, places: positions, ..words }.loads()
            }
            _ => words.loads(),
        }
    }

    fn params(&self, axes: Axes, cut: Cut) -> Result<Params, Error> {
        let word = |count| word("normalization", count);
        let is_own = axes.row_blocks > 0;
        let params = self.shape_params()?;
        let apart = axes.width == 4
            && match self.over() {
                Over::Batch => axes.spread == 4 && axes.places == 1,
                Over::Layer => true,
                Over::Group(_) => false,
            };
        Ok(Params {
            blocks: word(axes.blocks)?,
            outer: word(axes.outer)?,
            across: word(axes.across)?,
            inner: word(axes.inner)?,
            spread: word(axes.spread)?,
            places: word(axes.places)?,
            apart: u32::from(apart),
            runs: word(cut.runs)?,
            lanes: word(cut.lanes)?,
            joint: word(cut.joint)?,
            row_blocks: word(axes.row_blocks)?,
            lookups: if axes.spread == 4 && axes.row_blocks == 0 { 4 } else { 1 },
            // Pieces of populations are where they are.
            row_populations: if is_own { 0 } else { params.row_populations },
            population_channels: if is_own { 1 } else { params.population_channels },
            ..params
        })
    }

    /// What does not depend on how the work is cut.
    fn shape_params(&self) -> Result<Params, Error> {
        let word = |count| word("normalization", count);
        word(self.batch * self.channels * self.positions)?;
        let (row_populations, population_channels, position_populations) = match self.over() {
            Over::Batch => (0, 1, 0),
            Over::Layer => (self.positions, self.channels, 1),
            Over::Group(groups) => (groups, self.channels / groups, 0),
        };
        Ok(Params {
            channels: word(self.channels)?,
            positions: word(self.positions)?,
            row_populations: word(row_populations)?,
            population_channels: word(population_channels)?,
            position_populations,
            rectify: u32::from(self.rectify),
            epsilon: self.epsilon,
            ..Params::default()
        })
    }

    /// An invocation a column of aligned quads, the tensor as `[blocks, across, outer, lanes]` of them: along the rows for
    /// batch normalization, otherwise along the channels of a population, and their lines if these are of one population.
    /// Where such do not all start at multiples of four words, a quad is a column.
    fn over_columns(
        &self,
        plan: &mut PlanBuilder<'_>,
        entry: &str,
        params: Params,
        binds: &[Bind<'_>],
    ) -> Result<(), Error> {
        let word = |count| word("normalization", count);
        let &Self { batch, channels, positions, .. } = self;
        let shared = positions.is_multiple_of(4);
        let (blocks, across, outer, lanes) = match self.over() {
            Over::Batch if (channels * positions).is_multiple_of(4) => (1, 1, batch, channels * positions / 4),
            Over::Layer if shared => (batch, channels, 1, positions / 4),
            Over::Group(groups) if shared => {
                let line = positions / 4;
                let lanes = (1..=LANES).rev().find(|lanes| line.is_multiple_of(*lanes)).unwrap_or(1);
                (batch * groups, channels / groups, line / lanes, lanes)
            }
            _ => (1, 1, 1, (batch * channels * positions).div_ceil(4)),
        };
        let runs = even(outer, (outer / LOADS).max(1));
        let Params { weighted, .. } = params;
        let params = Params {
            blocks: word(blocks)?,
            outer: word(outer)?,
            across: word(across)?,
            runs: word(runs)?,
            lanes: word(lanes)?,
            lookups: if shared { 1 } else { 4 },
            apart: u32::from(shared && self.over() == Over::Layer),
            outer_rows: u32::from(self.over() == Over::Batch),
            weighted,
            ..self.shape_params()?
        };
        plan.check_loop(&format!("normalization::{entry}"), across * (outer.div_ceil(runs) + 1) + 8)?;
        plan.dispatch("normalization", entry, &params, binds, Work::Items(blocks * runs * lanes))
    }

    fn check(&self, operation: &str, state: State<'_>) -> Result<(), Error> {
        if let Over::Group(groups) = self.over
            && (groups == 0 || !self.channels.is_multiple_of(groups))
        {
            return Err(Error::Shape {
                what: operation.to_owned(),
                expected: format!("groups that divide {} channels", self.channels),
                got: format!("{groups} groups"),
            });
        }
        expect(operation, state.x, &[self.batch, self.channels * self.positions])?;
        expect(operation, state.gamma, &[self.channels])?;
        expect(operation, state.beta, &[self.channels])?;
        expect(operation, state.statistics, &[self.populations(), 2])
    }
}

/// A batch normalization of images and, behind it, the largest of every window of two by two pixels, two apart;
/// `shaders/normalization_pooled.wgsl`. What lies between is not stored. Statistics are those of the normalization.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pooled {
    /// The normalization; over the batch.
    pub norm: Normalization,
    /// Rows and columns of an image that is put out: half of those that come in.
    pub image: [usize; 2],
}

impl Pooled {
    /// Room for sums on the way.
    ///
    /// # Errors
    /// What the device reports.
    pub fn scratch(&self, gpu: &Gpu) -> Result<Scratch, Error> {
        let Scratch { pieces, slopes } = self.of_extremes().scratch(gpu)?;
        let own = self.axes().pieces(self.cut());
        let is_enough = pieces.len() >= 2 * own;
        Ok(Scratch {
            pieces: if is_enough { pieces } else { gpu.zeros(pieces.name(), &[own, 2], Scalar::F32)? },
            slopes,
        })
    }

    /// Mean and biased variance of every channel: overwrites `state.statistics`. On the way, the elements of x that become
    /// the largest of their windows: `extremes`, in the shape of the output.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn statistics(
        &self,
        plan: &mut PlanBuilder<'_>,
        state: State<'_>,
        scratch: &Scratch,
        extremes: &Slice,
    ) -> Result<(), Error> {
        self.check("normalization_pooled::statistics", state, extremes)?;
        let State { clock, x, gamma, beta, statistics } = state;
        let (axes, cut) = (self.axes(), self.cut());
        let pieces = scratch.of_pieces(axes, cut)?;
        let read = [clock.uniform::<Clock>(), x.read(), gamma.read(), beta.read()];
        let binds = [&read[..], &[pieces.write(), extremes.write()]].concat();
        self.over_pieces(plan, "moments", &binds)?;
        let binds = [clock.uniform::<Clock>(), pieces.read(), statistics.write()];
        over_populations(plan, "merge", self.norm.params(axes, cut)?, &binds)
    }

    /// y `[batch, channels * height * width]`, of half the height and width of x, from the extremes that
    /// [`statistics`](Self::statistics) found in x.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        state: State<'_>,
        extremes: &Slice,
        y: &Slice,
    ) -> Result<(), Error> {
        self.of_extremes().forward(plan, State { x: extremes, ..state }, y)
    }

    /// Gradients from d_y, which has the shape of y; the statistics must be those of x, not stored ones.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        state: State<'_>,
        extremes: &Slice,
        scratch: &Scratch,
        d_y: &Slice,
        gradients: Gradients<'_>,
    ) -> Result<(), Error> {
        const OPERATION: &str = "normalization_pooled::backward";
        self.check(OPERATION, state, extremes)?;
        expect(OPERATION, d_y, extremes.shape())?;
        let of_extremes = self.of_extremes();
        of_extremes.backward_channels(plan, State { x: extremes, ..state }, scratch, d_y, gradients)?;

        let Some(d_x) = gradients.x else {
            return Ok(());
        };
        let State { clock, x, gamma, beta, statistics } = state;
        expect(OPERATION, d_x, x.shape())?;
        let axes = of_extremes.channel_axes();
        let (pieces, slopes) = (scratch.of_pieces(axes, axes.cut())?, scratch.of_populations(axes)?);
        let params = of_extremes.params(axes, axes.cut())?;
        over_populations(plan, "add", params, &[pieces.read(), slopes.write()])?;
        let binds = [
            clock.uniform::<Clock>(),
            x.read(),
            gamma.read(),
            beta.read(),
            statistics.read(),
            d_y.read(),
            slopes.read(),
            d_x.write(),
        ];
        self.over_pieces(plan, "backward", &binds)
    }

    /// The normalization of what a window puts out.
    fn of_extremes(&self) -> Normalization {
        Normalization { positions: self.image.iter().product(), ..self.norm }
    }

    /// Axes with the channels as populations, in columns of windows.
    fn axes(&self) -> Axes {
        let Normalization { batch, channels, .. } = self.norm;
        let inner = self.image[1];
        Axes { blocks: 1, outer: batch, across: channels, inner, width: 1, spread: 1, places: 1, row_blocks: 0 }
    }

    /// Lanes are pairs of columns, so that neighbours read neighbours.
    fn cut(&self) -> Cut {
        let lanes = even(self.image[1].div_ceil(2), LANES);
        Cut { runs: even(self.norm.batch, SUMMANDS / lanes), lanes, joint: 2 }
    }

    fn over_pieces(&self, plan: &mut PlanBuilder<'_>, entry: &str, binds: &[Bind<'_>]) -> Result<(), Error> {
        let word = |count| word("normalization_pooled", count);
        let (Cut { runs, lanes, .. }, [height, width]) = (self.cut(), self.image);
        let Normalization { batch, channels, rectify, epsilon, .. } = self.norm;
        let params = PooledParams {
            batch: word(batch)?,
            channels: word(channels)?,
            height: word(height)?,
            width: word(width)?,
            runs: word(runs)?,
            lanes: word(lanes)?,
            rectify: u32::from(rectify),
            epsilon,
        };
        let turns = batch.div_ceil(runs) * (1 + width.div_ceil(2 * lanes) * (1 + height));
        plan.check_loop(&format!("normalization_pooled::{entry}"), turns)?;
        let constants = [("ODD", u32::from(!width.is_multiple_of(2)))];
        let work = Work::Items(runs * channels * lanes);
        plan.dispatch_with("normalization_pooled", entry, &constants, &params, binds, work)
    }

    fn check(&self, operation: &str, state: State<'_>, pooled: &Slice) -> Result<(), Error> {
        let Normalization { over, batch, channels, positions, .. } = self.norm;
        let outputs: usize = self.image.iter().product();
        if over != Over::Batch || positions != 4 * outputs {
            return Err(Error::Shape {
                what: operation.to_owned(),
                expected: format!("batch normalization over {} positions", 4 * outputs),
                got: format!("{over:?}, {positions}"),
            });
        }
        self.norm.check(operation, state)?;
        expect(operation, pooled, &[batch, channels * outputs])
    }
}

/// Sums of gradients, and of these times what is normalized, over pieces.
fn correlate(
    plan: &mut PlanBuilder<'_>,
    entry: &str,
    width: usize,
    params: Params,
    state: State<'_>,
    d_y: &Slice,
    result: &Slice,
) -> Result<(), Error> {
    let State { clock, x, gamma, beta, statistics } = state;
    let binds =
        [clock.uniform::<Clock>(), x.read(), d_y.read(), gamma.read(), beta.read(), statistics.read(), result.write()];
    over_pieces(plan, entry, width, params, &binds)
}

/// An invocation a piece.
fn over_pieces(
    plan: &mut PlanBuilder<'_>,
    entry: &str,
    width: usize,
    params: Params,
    binds: &[Bind<'_>],
) -> Result<(), Error> {
    let Params { blocks, outer, across, inner, runs, lanes, .. } = params;
    let turns = outer.div_ceil(runs) as usize * (inner.div_ceil(lanes) as usize + 1);
    plan.check_loop(&format!("normalization::{entry}"), turns)?;
    let pieces = [blocks, across, runs, lanes].map(|extent| extent as usize).into_iter().product();
    let constants = [("WIDTH", word("normalization", width)?)];
    plan.dispatch_with("normalization", entry, &constants, &params, binds, Work::Items(pieces))
}

/// An invocation a population, which goes through all its pieces: at most twice [`SUMMANDS`] turns.
fn over_populations(plan: &mut PlanBuilder<'_>, entry: &str, params: Params, binds: &[Bind<'_>]) -> Result<(), Error> {
    let Params { blocks, across, inner, spread, places, lanes, .. } = params;
    let across = across * spread / places;
    let params = Params { across, inner: inner * places, spread: 1, places: 1, lanes: lanes * places, ..params };
    plan.dispatch("normalization", entry, &params, binds, Work::Items(blocks as usize * across as usize))
}
