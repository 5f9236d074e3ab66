//! What changes from one submission to the next.

use crate::gpu::{Error, Gpu, Scalar, Slice};
use crate::uniform;

uniform! {
    /// The moving words of a step, twin of `shaders/shared/clock.wgsl`. It is a pure function of the step's number,
    /// which makes an interrupted run resume exactly.
    pub struct Clock as "Clock" {
        /// Seed of the run.
        seed: u32,
        /// Counts training steps.
        step: u32,
        /// Keys the shuffle.
        epoch: u32,
        /// 1: draw in the epoch's random order; 0: in the set's own.
        shuffle: u32,
        /// Position of the batch's first sample in that order.
        first: u32,
        /// Samples in the batch.
        rows: u32,
        /// Slot of the metrics ring.
        slot: u32,
        /// Learning rate of this step.
        learning_rate: f32,
        /// 1 - beta_1^t.
        correction_1: f32,
        /// 1 - beta_2^t.
        correction_2: f32,
        /// Weight of what is new in a moving average: of the parameters, or of re-estimated statistics.
        average: f32,
    }
}

impl Clock {
    /// The uniform that kernels read it from.
    ///
    /// # Errors
    /// What the device reports.
    pub fn uniform(gpu: &Gpu) -> Result<Slice, Error> {
        gpu.zeros("clock", &[size_of::<Self>() / 4], Scalar::U32)
    }
}
