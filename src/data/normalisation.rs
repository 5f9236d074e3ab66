//! Scale and shift that bring values to what the network sees, as batches are drawn.

use serde::{Deserialize, Serialize};

use super::{Dataset, Values};

/// How raw values are brought to what the network sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalise {
    /// Raw values times [`Dataset::scale`]: 0..1 for images.
    #[default]
    Unit,
    /// Zero mean and unit standard deviation over all values of the training split.
    Standard,
    /// Zero mean and unit standard deviation of every channel of images over the training split.
    Channel,
    /// Zero mean and unit standard deviation of every feature over the training split, on the host:
    /// [`Dataset::normalise_features`].
    Feature,
}

/// What the network sees of a value that is raw or prepared: value * scale + shift. Both are one number for all values, or
/// one of each channel, which lie one behind the other in a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct Normalisation {
    factors: Vec<[f32; 2]>,
}

impl Normalisation {
    /// Scale and shift of every channel, or of all values if there is one pair. Never empty.
    #[must_use]
    pub fn factors(&self) -> &[[f32; 2]] {
        &self.factors
    }

    /// Whether samples of a shape have these channels.
    #[must_use]
    pub fn fits(&self, shape: &[usize]) -> bool {
        match (self.factors.len(), shape) {
            (1, _) => true,
            (channels, &[own, _, _]) => own == channels,
            _ => false,
        }
    }
}

/// One scale and shift for all values.
impl From<(f32, f32)> for Normalisation {
    fn from((scale, shift): (f32, f32)) -> Self {
        Self { factors: vec![[scale, shift]] }
    }
}

/// As files hold it: two numbers, or two lists.
#[derive(Serialize, Deserialize)]
struct Kept {
    scale: Numbers,
    shift: Numbers,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Numbers {
    One(f32),
    Each(Vec<f32>),
}

impl TryFrom<Kept> for Normalisation {
    type Error = &'static str;

    fn try_from(Kept { scale, shift }: Kept) -> Result<Self, Self::Error> {
        match (scale, shift) {
            (Numbers::One(scale), Numbers::One(shift)) => Ok((scale, shift).into()),
            (Numbers::Each(scale), Numbers::Each(shift)) if scale.len() == shift.len() && !scale.is_empty() => {
                Ok(Self { factors: scale.into_iter().zip(shift).map(|(scale, shift)| [scale, shift]).collect() })
            }
            _ => Err("`scale` and `shift` are not of the same channels"),
        }
    }
}

impl From<Normalisation> for Kept {
    fn from(own: Normalisation) -> Self {
        match own.factors[..] {
            [[scale, shift]] => Self { scale: Numbers::One(scale), shift: Numbers::One(shift) },
            _ => {
                let [scale, shift] = [0, 1].map(|which| own.factors.iter().map(|pair| pair[which]).collect());
                Self { scale: Numbers::Each(scale), shift: Numbers::Each(shift) }
            }
        }
    }
}

impl Dataset {
    /// What brings values to what the network sees, of samples that have been [prepared](Self::preparation) if anything
    /// has. `channel` means one channel where samples are no images.
    ///
    /// Values that are all the same have no deviation; they are shifted to 0 and left at that.
    #[must_use]
    pub fn normalisation(&self, normalise: Normalise) -> Normalisation {
        let channels = match normalise {
            Normalise::Unit => return (self.scale, 0.0).into(),
            Normalise::Feature => return (1.0, 0.0).into(),
            Normalise::Standard => 1,
            Normalise::Channel => self.image().map_or(1, |[channels, ..]| channels),
        };
        let positions = (self.sample_len() / channels).max(1);
        let factors = match &self.train.values {
            Values::Bytes(raw) => standard(raw, channels, positions),
            Values::Floats(raw) => standard(raw, channels, positions),
        };
        Normalisation { factors }
    }
}

/// Scale and shift to mean 0 and deviation 1 of each channel of values `[samples, channels, positions]`.
fn standard<T: Copy + Into<f64>>(raw: &[T], channels: usize, positions: usize) -> Vec<[f32; 2]> {
    let count = (raw.len() / channels).max(1) as f64;
    let means = |term: &dyn Fn(usize, f64) -> f64| {
        let mut sums = vec![0.0; channels];
        for (place, values) in raw.chunks(positions).enumerate() {
            let channel = place % channels;
            sums[channel] = values.iter().fold(sums[channel], |sum, &value| sum + term(channel, value.into()));
        }
        sums.into_iter().map(|sum| sum / count).collect::<Vec<_>>()
    };
    let mean = means(&|_, value| value);
    let variance = means(&|channel, value| (value - mean[channel]).powi(2));
    let factors = mean.iter().zip(variance).map(|(mean, variance)| {
        let deviation = variance.sqrt();
        // The mean of equal values may be off by rounding, which is no deviation.
        let scale = if deviation > 1e-12 * mean.abs() { 1.0 / deviation } else { 1.0 };
        [scale as f32, (-mean * scale) as f32]
    });
    factors.collect()
}
