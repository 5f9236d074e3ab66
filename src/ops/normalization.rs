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
        blocks: u32, outer: u32, across: u32, inner: u32, runs: u32, lanes: u32, row_blocks: u32,
        row_populations: u32, population_channels: u32, position_populations: u32, weighted: u32, component: u32,
        epsilon: f32, momentum: f32,
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

/// The tensor as [blocks, outer, across, inner]; a population is what has the same block and the same place across.
#[derive(Clone, Copy)]
struct Axes {
    blocks: usize,
    outer: usize,
    across: usize,
    inner: usize,
    /// Blocks in a row; 0 if the outer axis is that of the rows.
    row_blocks: usize,
}

/// How a population is cut: into runs along outer times lanes along inner.
#[derive(Clone, Copy)]
struct Cut {
    runs: usize,
    lanes: usize,
}

/// Momentum that says that the clock has it.
const FROM_CLOCK: f32 = 0.0;
/// Members that make it worth while to look up what belongs to a piece.
const MEMBERS: usize = 64;
/// Pieces of a population that one invocation adds up.
const SUMMANDS: usize = 256;

impl Axes {
    fn populations(self) -> usize {
        self.blocks * self.across
    }

    fn cut(self, most: usize) -> Cut {
        // No more parts than make the longest of them shorter.
        let even = |length: usize, parts: usize| {
            let length = length.max(1);
            length.div_ceil(length.div_ceil(parts))
        };
        let pieces = (self.outer * self.inner / MEMBERS).clamp(1, most);
        let lanes = even(self.inner, pieces.min(64));
        Cut { runs: even(self.outer, pieces / lanes), lanes }
    }

    fn pieces(self, cut: Cut) -> usize {
        self.populations() * cut.runs * cut.lanes
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
        let pieces = [self.axes(), self.channel_axes()].map(|axes| axes.pieces(axes.cut(SUMMANDS)));
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
        let cut = axes.cut(SUMMANDS);
        let is_whole = cut.runs * cut.lanes == 1;
        let pieces = scratch.of_pieces(axes, cut)?;
        let result = if is_whole { state.statistics } else { &pieces };
        let binds = [state.clock.uniform::<Clock>(), state.x.read(), result.write()];
        over_pieces(plan, "moments", self.params(axes, cut)?, &binds)?;
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
        let params = Params { momentum, ..self.params(self.axes(), Cut { runs: 1, lanes: 1 })? };
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
        let axes = self.axes();
        over_pieces(plan, "forward", self.params(axes, axes.cut(usize::MAX))?, &binds)
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
        expect(OPERATION, gradients.gamma, &[self.channels])?;
        expect(OPERATION, gradients.beta, &[self.channels])?;
        let State { clock, x, gamma, statistics, .. } = state;

        let correlate = |plan: &mut PlanBuilder<'_>, axes, cut, weighted, result: &Slice| {
            let binds =
                [clock.uniform::<Clock>(), x.read(), d_y.read(), gamma.read(), statistics.read(), result.write()];
            let params = Params { weighted: u32::from(weighted), ..self.params(axes, cut)? };
            over_pieces(plan, "correlate", params, &binds)
        };
        let channels = self.channel_axes();
        let cut = channels.cut(SUMMANDS);
        let pieces = scratch.of_pieces(channels, cut)?;
        correlate(plan, channels, cut, false, &pieces)?;
        for (component, gradient) in [(0, gradients.beta), (1, gradients.gamma)] {
            let params = Params { component, ..self.params(channels, cut)? };
            over_populations(plan, "gradient", params, &[pieces.read(), gradient.write()])?;
        }

        let Some(d_x) = gradients.x else {
            return Ok(());
        };
        expect(OPERATION, d_x, x.shape())?;
        // The channels are the populations of batch normalization: their pieces are there, but for the factor gamma.
        let weighted = self.over != Over::Batch;
        let axes = self.axes();
        let cut = axes.cut(SUMMANDS);
        let is_whole = weighted && cut.runs * cut.lanes == 1;
        let (pieces, slopes) = (scratch.of_pieces(axes, cut)?, scratch.of_populations(axes)?);
        if weighted {
            correlate(plan, axes, cut, true, if is_whole { &slopes } else { &pieces })?;
        }
        if !is_whole {
            over_populations(plan, "add", self.params(axes, cut)?, &[pieces.read(), slopes.write()])?;
        }
        let binds = [
            clock.uniform::<Clock>(),
            x.read(),
            d_y.read(),
            gamma.read(),
            statistics.read(),
            slopes.read(),
            d_x.write(),
        ];
        let params = Params { weighted: u32::from(weighted), ..self.params(axes, axes.cut(usize::MAX))? };
        over_pieces(plan, "backward", params, &binds)
    }

    fn axes(&self) -> Axes {
        let &Self { batch, channels, positions, .. } = self;
        match self.over {
            Over::Batch => self.channel_axes(),
            Over::Layer => Axes { blocks: batch, outer: channels, across: positions, inner: 1, row_blocks: 1 },
            Over::Group(groups) => Axes {
                blocks: batch * groups,
                outer: channels / groups.max(1),
                across: 1,
                inner: positions,
                row_blocks: groups,
            },
        }
    }

    /// Axes with the channels as populations.
    fn channel_axes(&self) -> Axes {
        Axes { blocks: 1, outer: self.batch, across: self.channels, inner: self.positions, row_blocks: 0 }
    }

    fn params(&self, axes: Axes, cut: Cut) -> Result<Params, Error> {
        let word = |count| word("normalization", count);
        word(self.batch * self.channels * self.positions)?;
        let (row_populations, population_channels, position_populations) = match self.over {
            Over::Layer if axes.row_blocks == 0 => (self.positions, self.channels, 1),
            Over::Group(groups) if axes.row_blocks == 0 => (groups, self.channels / groups, 0),
            // The pieces are those of the populations.
            _ => (0, 1, 0),
        };
        Ok(Params {
            blocks: word(axes.blocks)?,
            outer: word(axes.outer)?,
            across: word(axes.across)?,
            inner: word(axes.inner)?,
            runs: word(cut.runs)?,
            lanes: word(cut.lanes)?,
            row_blocks: word(axes.row_blocks)?,
            row_populations: word(row_populations)?,
            population_channels: word(population_channels)?,
            position_populations,
            epsilon: self.epsilon,
            ..Params::default()
        })
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

/// An invocation a piece.
fn over_pieces(plan: &mut PlanBuilder<'_>, entry: &str, params: Params, binds: &[Bind<'_>]) -> Result<(), Error> {
    let Params { blocks, outer, across, inner, runs, lanes, .. } = params;
    let turns = outer.div_ceil(runs) as usize * (inner.div_ceil(lanes) as usize + 1);
    plan.check_loop(&format!("normalization::{entry}"), turns)?;
    let pieces = [blocks, across, runs, lanes].map(|extent| extent as usize).into_iter().product();
    plan.dispatch("normalization", entry, &params, binds, Work::Items(pieces))
}

/// An invocation a population, which goes through all its pieces: at most twice [`SUMMANDS`] turns.
fn over_populations(plan: &mut PlanBuilder<'_>, entry: &str, params: Params, binds: &[Bind<'_>]) -> Result<(), Error> {
    let populations = params.blocks as usize * params.across as usize;
    plan.dispatch("normalization", entry, &params, binds, Work::Items(populations))
}
