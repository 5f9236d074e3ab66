//! What detectors read of light; `shaders/detect.wgsl`. The backward pass is the identity.

use super::{Clock, expect, matrix, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32, n_columns: u32, stream: u32, full_scale: f32, step: f32, n_levels: u32, draw_step: u32, draw_row: u32 }
}

/// Where the random numbers of an operation come from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Seed, step and position of the batch.
    pub clock: &'a Slice,
    /// Stream of what is drawn.
    pub stream: u32,
    /// Added to the clock's step.
    pub step: u32,
    /// Position of the first row in the batch.
    pub row: u32,
}

/// Detectors that read from -full scale to full scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detector {
    /// Full scale, in units of the output.
    pub full_scale: f32,
    /// Bits of the converter, up to 24; none: readings are taken as they are, and do not end at full scale.
    pub adc_bits: Option<u32>,
}

impl Detector {
    /// Light y `[rows, columns]` becomes what is read of it, plus a bias `[columns]` if there is one, in place. `noise` `[1]`
    /// is the standard deviation relative to full scale, drawn anew for every element of every sample of a step, under a
    /// stream.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        source: Source<'_>,
        noise: &Slice,
        bias: Option<&Slice>,
        y: &Slice,
    ) -> Result<(), Error> {
        let [_, columns] = matrix("detect", y)?;
        expect("detect", noise, &[1])?;
        let n_levels = self.adc_bits.map_or(0, |bits| 1 << bits);
        let params = Params {
            count: word("detect", y.len())?,
            n_columns: word("detect", columns)?,
            stream: source.stream,
            full_scale: self.full_scale,
            step: if n_levels == 0 { 0.0 } else { 2.0 * self.full_scale / (n_levels - 1) as f32 },
            n_levels,
            draw_step: source.step,
            draw_row: source.row,
        };
        let (clock, work) = (source.clock.uniform::<Clock>(), Work::Items(y.len()));
        let Some(bias) = bias else {
            return plan.dispatch("detect", "forward", &params, &[clock, noise.read(), y.update()], work);
        };
        expect("detect", bias, &[columns])?;
        plan.dispatch("detect", "biased", &params, &[clock, noise.read(), bias.read(), y.update()], work)
    }
}
