//! A data set on the device, and batches drawn from it; `shaders/draw.wgsl`.

use super::{Clock, expect, word};
use crate::data::{Split, Values};
use crate::gpu::{Error, Gpu, PlanBuilder, Scalar, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { batch: u32, n_features: u32, n_samples: u32, part_first: u32, part_samples: u32, together: u32, scale: f32, shift: f32 }
}

/// One split of a data set on the device: bytes four to a word, or floats; cut into parts of whole samples that the
/// adapter can bind.
#[derive(Clone, Debug)]
pub struct Samples {
    parts: Vec<(usize, usize, Slice)>,
    labels: Slice,
    features: usize,
    entry: &'static str,
}

impl Samples {
    /// Copies a split to the device.
    ///
    /// # Errors
    /// A sample larger than a binding; what the device reports.
    pub fn upload(gpu: &Gpu, split: &Split, features: usize) -> Result<Self, Error> {
        let (entry, width) = match &split.values {
            Values::Bytes(_) => ("bytes", 1),
            Values::Floats(_) => ("floats", 4),
        };
        let samples = split.labels.len();
        // Byte addresses inside a part must fit 32 bits.
        let limit = gpu.binding_limit().min(1 << 31) as usize;
        let most = (limit - 4) / (features.max(1) * width);
        if most == 0 {
            return Err(Error::TooLarge {
                what: "one sample".to_owned(),
                wanted: crate::gpu::bytes((features * width) as u64),
                limit: crate::gpu::bytes(limit as u64),
                remedy: "use smaller samples",
            });
        }
        let parts = (0..samples)
            .step_by(most)
            .map(|first| {
                let count = most.min(samples - first);
                let range = first * features..(first + count) * features;
                let name = "data set";
                let slice = match &split.values {
                    Values::Bytes(bytes) => {
                        let words: Vec<u32> = bytes[range]
                            .chunks(4)
                            .map(|chunk| chunk.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)))
                            .collect();
                        gpu.upload(name, &[words.len()], &words)?
                    }
                    Values::Floats(floats) => gpu.upload(name, &[range.len()], &floats[range])?,
                };
                Ok((first, count, slice))
            })
            .collect::<Result<_, Error>>()?;
        let labels = gpu.upload("data set labels", &[samples], &split.labels)?;
        Ok(Self { parts, labels, features, entry })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// x `[batch, features]` = raw * scale + shift, and labels `[batch]`, of the samples that the clock points at.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn draw(
        &self,
        plan: &mut PlanBuilder<'_>,
        clock: &Slice,
        scale: f32,
        shift: f32,
        x: &Slice,
        labels: &Slice,
    ) -> Result<(), Error> {
        let batch = labels.len();
        expect("draw", x, &[batch, self.features])?;
        debug_assert_eq!(labels.scalar(), Scalar::U32);
        for (first, count, part) in &self.parts {
            let params = Params {
                batch: word("draw", batch)?,
                n_features: word("draw", self.features)?,
                n_samples: word("draw", self.len())?,
                part_first: word("draw", *first)?,
                part_samples: word("draw", *count)?,
                together: [16, 4]
                    .into_iter()
                    .find(|together| self.features.is_multiple_of(*together as usize))
                    .unwrap_or(1),
                scale,
                shift,
            };
            let binds = [clock.uniform::<Clock>(), part.read(), self.labels.read(), x.write(), labels.write()];
            plan.dispatch("draw", self.entry, &params, &binds, Work::Items((batch * self.features).div_ceil(16)))?;
        }
        Ok(())
    }
}
