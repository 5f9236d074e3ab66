//! Probes of the parameters, by which measured losses become a gradient; `shaders/probe.wgsl`.

use std::ops::Range;

use super::{Clock, Flat, expect, word};
use crate::gpu::{ALIGNMENT_WORDS, Error, Gpu, PlanBuilder, Scalar, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        count: u32,
        first: u32,
        direction: u32,
        stream: u32,
        probes: u32,
        side: f32,
        weight: f32,
    }
}

/// Where a probe goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Every parameter by +1 or -1 at random, of seed and step of the clock, this stream, the probe and the element (Spall, IEEE
    /// Trans. Autom. Control 37, 332 (1992)). Gradients are the mean over the probes of a step.
    Signs {
        /// Keys the random numbers, beside seed and step.
        stream: u32,
    },
    /// One parameter after the other, by +1.
    Coordinate,
}

/// Probes of a step: where they go, and what they go by.
#[derive(Clone, Debug)]
pub struct Probes {
    /// Where each goes.
    pub direction: Direction,
    /// How many a step has.
    pub count: u32,
    /// What may move, and how far, `[words / 64, 4]`: a [`reach`].
    pub reach: Slice,
    /// The parameters between which they go, `[words]`.
    pub centre: Slice,
    /// Number of the probe in its step, `[1]`, u32: 0 before the first, and again after the last.
    pub number: Slice,
}

/// What may move in a vector of so many words, as words of the table: elements of each tensor and the radius of a probe there, in
/// the unit of the parameters. Tensors start at multiples of 64 words and do not overlap; coordinates are counted in their order.
pub fn reach(words: usize, tensors: impl IntoIterator<Item = (Range<usize>, f32)>) -> Vec<f32> {
    let mut table = vec![0.0; words / ALIGNMENT_WORDS * 4];
    let mut number = 0;
    for (elements, radius) in tensors {
        for first in elements.clone().step_by(ALIGNMENT_WORDS) {
            let own = ALIGNMENT_WORDS.min(elements.end - first);
            table[first / ALIGNMENT_WORDS * 4..][..3].copy_from_slice(&[radius, own as f32, number as f32]);
            number += own;
        }
    }
    table
}

impl Probes {
    /// So many probes a step of what a [`reach`] says.
    ///
    /// # Errors
    /// What the device reports.
    pub fn new(gpu: &Gpu, flat: &Flat, direction: Direction, count: u32, reach: &[f32]) -> Result<Self, Error> {
        Ok(Self {
            direction,
            count,
            reach: gpu.upload("reach of probes", &[reach.len() / 4, 4], reach)?,
            centre: gpu.zeros("parameters at the centre", flat.parameters.shape(), Scalar::F32)?,
            number: gpu.zeros("number of the probe", &[1], Scalar::U32)?,
        })
    }

    /// p = centre + `side` c d, held within the bounds, where it may move; for a `side` of 0 exactly the centre. The rest stays as
    /// it is, such as statistics that passes keep.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn displace(&self, plan: &mut PlanBuilder<'_>, clock: &Slice, flat: &Flat, side: f32) -> Result<(), Error> {
        expect("probe::displace", &self.centre, flat.parameters.shape())?;
        expect("probe::displace", &self.reach, flat.segments.shape())?;
        for piece in flat.pieces(plan.gpu()) {
            let params = Params { side, ..self.params(piece)? };
            let (centre, parameters) = (Flat::piece(&self.centre, piece)?, Flat::piece(&flat.parameters, piece)?);
            let (reach, segments) = (Flat::piece_blocks(&self.reach, piece)?, flat.piece_segments(piece)?);
            let binds = [
                clock.uniform::<Clock>(),
                self.number.read(),
                reach.read(),
                segments.read(),
                centre.read(),
                parameters.update(),
            ];
            plan.dispatch("probe", "displace", &params, &binds, Work::Items(piece.1.div_ceil(4)))?;
        }
        Ok(())
    }

    /// Adds to the gradient what a probe has found, the first of a step in place of what was there, and counts on to the next
    /// probe. `total` `[1]` is the sum of the batch's losses where [`displace`](Self::displace) went with +1, less that with -1.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn difference(
        &self,
        plan: &mut PlanBuilder<'_>,
        clock: &Slice,
        flat: &Flat,
        total: &Slice,
    ) -> Result<(), Error> {
        expect("probe::difference", total, &[1])?;
        expect("probe::difference", &self.centre, flat.parameters.shape())?;
        expect("probe::difference", &self.reach, flat.segments.shape())?;
        let weight = match self.direction {
            Direction::Signs { .. } => 1.0 / self.count as f32,
            Direction::Coordinate => 1.0,
        };
        for piece in flat.pieces(plan.gpu()) {
            let params = Params { weight, ..self.params(piece)? };
            let (centre, gradient) = (Flat::piece(&self.centre, piece)?, Flat::piece(&flat.gradient, piece)?);
            let (reach, segments) = (Flat::piece_blocks(&self.reach, piece)?, flat.piece_segments(piece)?);
            let binds = [
                clock.uniform::<Clock>(),
                self.number.read(),
                reach.read(),
                segments.read(),
                centre.read(),
                total.read(),
                gradient.update(),
            ];
            plan.dispatch("probe", "difference", &params, &binds, Work::Items(piece.1.div_ceil(4)))?;
        }
        let params = Params { probes: self.count, ..Default::default() };
        plan.dispatch("probe", "advance", &params, &[self.number.update()], Work::Groups(1))
    }

    fn params(&self, piece: (usize, usize)) -> Result<Params, Error> {
        let (direction, stream) = match self.direction {
            Direction::Signs { stream } => (0, stream),
            Direction::Coordinate => (1, 0),
        };
        Ok(Params {
            count: word("probe", piece.1.div_ceil(4))?,
            first: word("probe", piece.0 / ALIGNMENT_WORDS)?,
            direction,
            stream,
            probes: self.count,
            ..Default::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::reach;

    #[test]
    fn a_table_counts_what_may_move_and_leaves_padding_out() {
        let table = reach(384, [(0..70, 0.5), (192..195, 0.25), (256..320, 2.0)]);
        let rows: Vec<_> = table.chunks_exact(4).collect();
        assert_eq!(rows[..2], [[0.5, 64.0, 0.0, 0.0], [0.5, 6.0, 64.0, 0.0]]);
        assert_eq!(rows[2..4], [[0.0; 4], [0.25, 3.0, 70.0, 0.0]]);
        assert_eq!(rows[4..], [[2.0, 64.0, 73.0, 0.0], [0.0; 4]]);
    }
}
