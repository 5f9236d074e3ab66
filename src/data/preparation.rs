//! What is done to samples on the host, once, before the network sees them.

use std::f64::consts::TAU;

use num_complex::Complex64;
use serde::{Deserialize, Serialize};

use super::error::times;
use super::{Dataset, Error, Split, Values};

/// What samples become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transform {
    /// Images become their lowest spatial frequencies: [`Dataset::fourier`].
    Fourier,
}

/// A step from raw samples to prepared ones. A run keeps it, so that it predicts without its data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preparation {
    /// raw * scale + shift, feature by feature.
    Feature {
        /// Of every feature.
        scale: Vec<f32>,
        /// Of every feature.
        shift: Vec<f32>,
    },
    /// The lowest spatial frequencies of images, each sample scaled to unit power.
    Fourier {
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
        /// Frequencies along either axis.
        coefficients: usize,
    },
}

impl Dataset {
    /// Every feature with mean 0 and standard deviation 1 over the training split. A feature that never changes there is
    /// shifted by its mean and left at that.
    #[must_use]
    pub fn normalise_features(self) -> Self {
        let features = self.sample_len();
        let count = self.train.len().max(1) as f64;
        let sums = |term: &dyn Fn(usize, f64) -> f64| {
            let mut sums = vec![0.0; features];
            let mut add = |place: usize, value: f64| sums[place % features] += term(place % features, value);
            match &self.train.values {
                Values::Bytes(raw) => raw.iter().enumerate().for_each(|(place, &raw)| add(place, f64::from(raw))),
                Values::Floats(raw) => raw.iter().enumerate().for_each(|(place, &raw)| add(place, f64::from(raw))),
            }
            sums.into_iter().map(|sum| sum / count).collect::<Vec<_>>()
        };
        let mean = sums(&|_, raw| raw);
        let variance = sums(&|feature, raw| (raw - mean[feature]).powi(2));
        // The mean of equal values may be off by rounding, which is no deviation.
        let scale_of = |(mean, variance): (&f64, &f64)| {
            let deviation = variance.sqrt();
            if deviation > 1e-12 * mean.abs() { 1.0 / deviation } else { 1.0 }
        };
        let scale: Vec<_> = mean.iter().zip(&variance).map(scale_of).collect();
        let shift = mean.iter().zip(&scale).map(|(mean, scale)| (-mean * scale) as f32).collect();
        let scale = scale.into_iter().map(|scale| scale as f32).collect();
        let shape = self.shape.clone();
        self.prepare(shape, Preparation::Feature { scale, shift })
    }

    /// Every image x `[height, width]`, or of one channel, as the K x K lowest frequencies of its discrete Fourier transform
    /// (K = `coefficients`), X(u, v) = sum over i and j of x(i, j) exp(-2 pi i (u i / height + v j / width)) with u and v from
    /// -floor(K / 2) up: the centre of what `fftshift(fft2(x))` gives in numpy. Each sample is scaled to unit power, the sum
    /// of |X|^2, so that a factor of all its values changes nothing; one without power stays 0. Samples are then
    /// `[K * K, 2]`, real and imaginary part of each frequency, u outermost: complex amplitudes.
    ///
    /// # Errors
    /// Samples that are no images of one channel, more coefficients than a side of an image has pixels, or none.
    pub fn fourier(self, coefficients: usize) -> Result<Self, Error> {
        let (height, width) = match self.shape[..] {
            [height, width] | [1, height, width] => (height, width),
            _ => return Err(Error::NoImages { shape: times(&self.shape) }),
        };
        let side = height.min(width);
        if !(1..=side).contains(&coefficients) {
            return Err(Error::Coefficients { coefficients, side });
        }
        Ok(self.prepare(vec![coefficients * coefficients, 2], Preparation::Fourier { height, width, coefficients }))
    }

    fn prepare(self, shape: Vec<usize>, preparation: Preparation) -> Self {
        let of = |split: Split| Split { values: preparation.apply(&split.values), labels: split.labels };
        Self {
            shape,
            scale: 1.0,
            train: of(self.train),
            validation: self.validation.map(of),
            test: of(self.test),
            preparation: Some(preparation),
            ..self
        }
    }
}

impl Preparation {
    /// Shape of a raw sample where a prepared one has this shape.
    #[must_use]
    pub fn raw_shape(&self, shape: &[usize]) -> Vec<usize> {
        match *self {
            Self::Feature { .. } => shape.to_vec(),
            Self::Fourier { height, width, .. } => vec![height, width],
        }
    }

    /// Whether this makes samples of a shape.
    #[must_use]
    pub fn makes(&self, shape: &[usize]) -> bool {
        match *self {
            Self::Feature { ref scale, ref shift } => {
                [scale.len(), shift.len()] == [shape.iter().product::<usize>(); 2]
            }
            Self::Fourier { height, width, coefficients } => {
                height.checked_mul(width).is_some()
                    && (1..=height.min(width)).contains(&coefficients)
                    && coefficients.checked_pow(2).is_some_and(|count| shape == [count, 2])
            }
        }
    }

    /// Prepared samples from whole raw ones.
    #[must_use]
    pub fn apply(&self, raw: &Values) -> Values {
        Values::Floats(match raw {
            Values::Bytes(raw) => self.of(raw),
            Values::Floats(raw) => self.of(raw),
        })
    }

    fn of<T: Copy + Into<f64>>(&self, raw: &[T]) -> Vec<f32> {
        match *self {
            Self::Feature { ref scale, ref shift } => {
                let factors = scale.iter().zip(shift).map(|(&scale, &shift)| (f64::from(scale), f64::from(shift)));
                raw.iter()
                    .zip(factors.cycle())
                    .map(|(&raw, (scale, shift))| (raw.into() * scale + shift) as f32)
                    .collect()
            }
            Self::Fourier { height, width, coefficients } => lowest_frequencies(raw, [height, width], coefficients),
        }
    }
}

/// exp(-2 pi i f x / n) for x below n and, innermost, the lowest frequencies f.
fn waves(n: usize, coefficients: usize) -> Vec<Complex64> {
    let lowest = n - coefficients / 2;
    let wave = |x: usize, place: usize| Complex64::cis(-TAU * ((lowest + place) % n * x % n) as f64 / n as f64);
    (0..n).flat_map(|x| (0..coefficients).map(move |place| wave(x, place))).collect()
}

/// See [`Dataset::fourier`]. The transform is separable: along the rows for the columns that are kept, then along these.
fn lowest_frequencies<T: Copy + Into<f64>>(raw: &[T], [height, width]: [usize; 2], coefficients: usize) -> Vec<f32> {
    let [down, across] = [height, width].map(|side| waves(side, coefficients));
    let zero = Complex64::new(0.0, 0.0);
    let (mut row, mut spectrum) = (vec![zero; coefficients], vec![zero; coefficients * coefficients]);
    let mut prepared = Vec::with_capacity(raw.len() / (height * width) * spectrum.len() * 2);
    for image in raw.chunks_exact(height * width) {
        spectrum.fill(zero);
        for (pixels, down) in image.chunks_exact(width).zip(down.chunks_exact(coefficients)) {
            row.fill(zero);
            for (&pixel, across) in pixels.iter().zip(across.chunks_exact(coefficients)) {
                let pixel = pixel.into();
                row.iter_mut().zip(across).for_each(|(sum, wave)| *sum += pixel * wave);
            }
            for (sums, wave) in spectrum.chunks_exact_mut(coefficients).zip(down) {
                sums.iter_mut().zip(&row).for_each(|(sum, amplitude)| *sum += wave * amplitude);
            }
        }
        let power: f64 = spectrum.iter().map(Complex64::norm_sqr).sum();
        let all: f64 = image.iter().map(|&pixel| pixel.into().powi(2)).sum::<f64>() * (height * width) as f64;
        // What rounding leaves of an image without low frequencies is no light.
        let scale = if power > 1e-24 * all { 1.0 / power.sqrt() } else { 0.0 };
        prepared.extend(spectrum.iter().flat_map(|x| [(x.re * scale) as f32, (x.im * scale) as f32]));
    }
    prepared
}
