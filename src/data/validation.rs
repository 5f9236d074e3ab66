//! A part of the training split held out, to choose settings by without a look at the test split.

use super::{Dataset, Error, Split, Values};
use crate::random;

impl Dataset {
    /// Moves a share of the training split, to the nearest whole number of samples, into a validation split. Which ones
    /// is a draw that depends on the number of samples and nothing else: every seed and method holds out the same. Both
    /// parts keep the order of the files; normalisation and training see the rest only.
    ///
    /// # Errors
    /// [`Error::HoldOut`] where a part would be empty.
    pub fn hold_out(self, share: f64) -> Result<Self, Error> {
        let samples = self.train.len();
        let count = (share * samples as f64).round() as usize;
        if count == 0 || count >= samples {
            return Err(Error::HoldOut { share, samples });
        }
        let mut held = vec![false; samples];
        for position in 0..count as u32 {
            // Labels are read into memory, so samples are counted in 32 bits.
            held[random::permute(position, samples as u32, random::stream("validation")) as usize] = true;
        }
        let part = |wanted: bool| {
            let chosen = (0..samples).filter(|&sample| held[sample] == wanted);
            self.train.select(chosen, self.sample_len())
        };
        let [train, validation] = [false, true].map(part);
        Ok(Self { train, validation: Some(validation), ..self })
    }
}

impl Split {
    /// The chosen samples, in the order given.
    fn select(&self, chosen: impl Iterator<Item = usize> + Clone, sample_len: usize) -> Self {
        fn gather<T: Copy>(values: &[T], chosen: impl Iterator<Item = usize>, sample_len: usize) -> Vec<T> {
            chosen.flat_map(|sample| &values[sample * sample_len..][..sample_len]).copied().collect()
        }
        Self {
            values: match &self.values {
                Values::Bytes(values) => Values::Bytes(gather(values, chosen.clone(), sample_len)),
                Values::Floats(values) => Values::Floats(gather(values, chosen.clone(), sample_len)),
            },
            labels: chosen.map(|sample| self.labels[sample]).collect(),
        }
    }
}
