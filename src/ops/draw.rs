//! A data set on the device, and batches drawn from it; `shaders/draw.wgsl`.

use serde::{Deserialize, Serialize};

use super::{Clock, expect, word};
use crate::data::{Normalisation, Split, Values};
use crate::gpu::{Error, Gpu, PlanBuilder, Scalar, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        batch: u32,
        n_features: u32,
        n_samples: u32,
        part_first: u32,
        part_samples: u32,
        together: u32,
        n_positions: u32,
        height: u32,
        width: u32,
        crop: u32,
        flip: u32,
        cutout: u32,
        crop_stream: u32,
        cutout_stream: u32,
    }
}

/// Pixels a side of images that are augmented: places within 2 * crop + 1 are drawn with 16 bits.
const MAX_SIDE: usize = 1 << 15;

/// Keys of `[training.augment]`: what is done to images at random as they are drawn for training, and for nothing else.
///
/// What a sample meets is a function of seed, epoch and sample, whatever batch it is drawn in; all passes of a step see the
/// same. All channels are treated alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Pixels of padding at each side, in which a window of the image's own size lies anywhere; 0 for none. What is padded is
    /// raw 0, the black of images, and normalised as all else is.
    pub crop: usize,
    /// Whether every second image on average is mirrored, left to right.
    pub flip: bool,
    /// Side of a square in pixels, 0 for none, that is set to 0 after the normalisation (DeVries and Taylor, arXiv:1708.04552). Its
    /// centre is any pixel; what lies beyond the edges is cut off.
    pub cutout: usize,
}

impl Augment {
    /// Whether images are left as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses sizes that do not fit images `[channels, height, width]`.
    ///
    /// # Errors
    /// The key, and what is wrong with its value.
    pub fn check(&self, [_, height, width]: [usize; 3]) -> Result<(), (&'static str, String)> {
        let side = height.min(width);
        for (key, value, most) in [("crop", self.crop, side.saturating_sub(1)), ("cutout", self.cutout, side)] {
            if value > most {
                return Err((key, format!("must be at most {most} for images of {height}x{width}, not {value}")));
            }
            if value > 0 && height.max(width) > MAX_SIDE {
                let message = format!("takes images of at most {MAX_SIDE} pixels a side, not {height}x{width}");
                return Err((key, message));
            }
        }
        Ok(())
    }
}

/// One split of a data set on the device: bytes four to a word, or floats; cut into parts of whole samples that the
/// adapter can bind.
#[derive(Clone, Debug)]
pub struct Samples {
    parts: Vec<(usize, usize, Slice)>,
    labels: Slice,
    features: usize,
    bytes: bool,
    /// Scale and shift of every channel, or of all features, `[channels, 2]`.
    factors: Slice,
}

impl Samples {
    /// Copies a split to the device.
    ///
    /// # Errors
    /// A sample larger than a binding, or one without the channels of the normalisation; what the device reports.
    pub fn upload(gpu: &Gpu, split: &Split, features: usize, normalisation: &Normalisation) -> Result<Self, Error> {
        let (bytes, width) = match &split.values {
            Values::Bytes(_) => (true, 1),
            Values::Floats(_) => (false, 4),
        };
        let factors = normalisation.factors();
        if !features.is_multiple_of(factors.len()) {
            return Err(Error::Shape {
                what: "draw, the normalisation".to_owned(),
                expected: format!("channels of a sample of {features} values"),
                got: format!("{} channels", factors.len()),
            });
        }
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
        let factors = gpu.upload("normalisation", &[factors.len(), 2], factors.as_flattened())?;
        Ok(Self { parts, labels, features, bytes, factors })
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
    pub fn draw(&self, plan: &mut PlanBuilder<'_>, clock: &Slice, x: &Slice, labels: &Slice) -> Result<(), Error> {
        let entry = if self.bytes { "bytes" } else { "floats" };
        self.record(plan, entry, clock, self.positions(), Params::default(), [x, labels])
    }

    /// As [`draw`](Self::draw), of images `[channels, height, width]` that are augmented: cropped, mirrored, normalised and cut
    /// out, in this order. Streams are of window and mirror, and of the square.
    ///
    /// # Errors
    /// Shapes that do not fit; images too small for the [`Augment`].
    pub fn draw_augmented(
        &self,
        plan: &mut PlanBuilder<'_>,
        clock: &Slice,
        image: [usize; 3],
        augment: &Augment,
        [crop_stream, cutout_stream]: [u32; 2],
        [x, labels]: [&Slice; 2],
    ) -> Result<(), Error> {
        let refused = |expected, got| Error::Shape { what: "draw, augmented".to_owned(), expected, got };
        if image.iter().product::<usize>() != self.features {
            return Err(refused(format!("images of {} values", self.features), format!("{image:?}")));
        }
        augment
            .check(image)
            .map_err(|(key, message)| refused(format!("a {key} that fits"), format!("one that {message}")))?;
        let [_, height, width] = image;
        let params = Params {
            height: word("draw", height)?,
            width: word("draw", width)?,
            crop: word("draw", augment.crop)?,
            flip: u32::from(augment.flip),
            cutout: word("draw", augment.cutout)?,
            crop_stream,
            cutout_stream,
            ..Params::default()
        };
        let entry = if self.bytes { "bytes_augmented" } else { "floats_augmented" };
        self.record(plan, entry, clock, width, params, [x, labels])
    }

    /// Features that a scale and shift are for.
    fn positions(&self) -> usize {
        self.features / self.factors.shape()[0]
    }

    /// Records a dispatch a part; runs of features are taken together where they cannot leave one so long.
    fn record(
        &self,
        plan: &mut PlanBuilder<'_>,
        entry: &str,
        clock: &Slice,
        run: usize,
        own: Params,
        [x, labels]: [&Slice; 2],
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
                together: [16, 4].into_iter().find(|together| run.is_multiple_of(*together as usize)).unwrap_or(1),
                n_positions: word("draw", self.positions())?,
                ..own
            };
            let binds = [
                clock.uniform::<Clock>(),
                part.read(),
                self.labels.read(),
                self.factors.read(),
                x.write(),
                labels.write(),
            ];
            plan.dispatch("draw", entry, &params, &binds, Work::Items((batch * self.features).div_ceil(16)))?;
        }
        Ok(())
    }
}
