//! The host's end of the metrics ring.

use crate::gpu::{Error, Gpu, Slice};

/// Slots of the ring: how many batches pass between two readbacks at most.
pub(super) const SLOTS: usize = 4096;

/// Sums over any number of batches.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Sum of the losses.
    pub loss: f64,
    /// Sum of the scores, see [`Wanted`](super::Wanted): samples classified correctly, or peak signal-to-noise ratios, dB.
    pub score: f64,
    /// Sum of the structural similarities, in evaluations of a network that puts out images.
    pub similarity: f64,
    /// Samples.
    pub samples: f64,
}

impl Tally {
    /// Loss a sample.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.samples
    }

    /// Score a sample: the share of correct samples, 0..1, or the mean peak signal-to-noise ratio, dB.
    pub fn mean_score(&self) -> f64 {
        self.score / self.samples
    }

    /// Structural similarity a sample.
    pub fn mean_similarity(&self) -> f64 {
        self.similarity / self.samples
    }
}

/// Hands out slots of the ring and adds up what the device wrote there.
#[derive(Debug)]
pub struct Scores {
    ring: Slice,
    taken: usize,
    tally: Tally,
}

impl Scores {
    pub(super) fn new(ring: Slice) -> Self {
        Self { ring, taken: 0, tally: Tally::default() }
    }

    /// The slot for the next batch. Reads the ring back when it is full.
    ///
    /// # Errors
    /// What the device reports.
    pub fn slot(&mut self, gpu: &Gpu) -> Result<u32, Error> {
        if self.taken == SLOTS {
            self.drain(gpu)?;
        }
        self.taken += 1;
        Ok(self.taken as u32 - 1)
    }

    /// The last slot was given for a batch that did not come to be scored.
    pub fn give_back(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }

    /// The sums since the last call.
    ///
    /// # Errors
    /// What the device reports.
    pub fn take(&mut self, gpu: &Gpu) -> Result<Tally, Error> {
        self.drain(gpu)?;
        Ok(std::mem::take(&mut self.tally))
    }

    /// Starts the sums from here instead of from zero.
    pub fn preset(&mut self, tally: Tally) {
        self.tally = tally;
    }

    fn drain(&mut self, gpu: &Gpu) -> Result<(), Error> {
        let words: Vec<f32> = gpu.read(&self.ring.part("metrics", 0, &[self.taken, 4])?)?;
        for slot in words.chunks_exact(4) {
            self.tally.loss += f64::from(slot[0]);
            self.tally.score += f64::from(slot[1]);
            self.tally.samples += f64::from(slot[2]);
            self.tally.similarity += f64::from(slot[3]);
        }
        self.taken = 0;
        Ok(())
    }
}
