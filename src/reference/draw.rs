//! Batches drawn from a data set; specification of `shaders/draw.wgsl`.

use crate::random;

/// The sample at a position of an epoch's random order.
pub fn sample(position: u32, samples: u32, seed: u32, epoch: u32) -> u32 {
    random::permute(position, samples, random::mix(seed) ^ epoch)
}

/// Rows `raw[sample] * scale + shift` of the given samples, `[rows, features]`; scale and shift are of all features, or of each
/// channel.
pub fn forward(raw: &[f64], features: usize, samples: &[u32], factors: &[[f64; 2]]) -> Vec<f64> {
    let rows = samples.iter().flat_map(|&sample| raw[sample as usize * features..][..features].iter().enumerate());
    rows.map(|(feature, value)| {
        let [scale, shift] = factors[feature * factors.len() / features];
        value * scale + shift
    })
    .collect()
}

/// How images are augmented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    /// Pixels of raw zeros at each side, in which a window of the image's own size lies evenly anywhere.
    pub crop: u32,
    /// Whether every second image is mirrored, left to right.
    pub flip: bool,
    /// Side of a square of zeros, in pixels; 0 for none.
    pub cutout: u32,
}

/// How a sample is augmented in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Row and column of the image at the window's first ones, from -crop to crop.
    pub window: [i64; 2],
    /// Whether the window is mirrored.
    pub mirrored: bool,
    /// First row and column of the square, may be negative.
    pub square: [i64; 2],
}

impl Augment {
    /// What a sample of `[height, width]` pixels meets: a function of seed, epoch and sample alone.
    pub fn view(&self, [height, width]: [usize; 2], seed: u32, epoch: u32, sample: u32) -> View {
        let bits = |name: &str| random::bits([seed, random::stream(name)], [epoch, sample]);
        let (window, centre) = (bits("augment crop"), bits("augment cutout"));
        let [crop, cutout] = [self.crop, self.cutout].map(i64::from);
        let square = [(centre[0], height), (centre[1], width)];
        View {
            window: window.map(|bits| i64::from(random::below(bits, 2 * self.crop + 1)) - crop),
            mirrored: self.flip && window[0] & 1 == 1,
            square: square.map(|(bits, side)| i64::from(random::below(bits, side as u32)) - cutout / 2),
        }
    }

    /// As [`forward`], of images `[channels, height, width]` seen augmented: cropped after padding, mirrored, normalised, and
    /// with a square of zeros (DeVries and Taylor, arXiv:1708.04552).
    pub fn forward(
        &self,
        raw: &[f64],
        image: [usize; 3],
        samples: &[u32],
        factors: &[[f64; 2]],
        [seed, epoch]: [u32; 2],
    ) -> Vec<f64> {
        let [channels, height, width] = image;
        let mut seen = Vec::with_capacity(samples.len() * channels * height * width);
        for &sample in samples {
            let view = self.view([height, width], seed, epoch, sample);
            for channel in 0..channels {
                let [scale, shift] = factors[channel * factors.len() / channels];
                let plane = &raw[(sample as usize * channels + channel) * height * width..][..height * width];
                for row in 0..height {
                    for column in 0..width {
                        let from = [row, if view.mirrored { width - 1 - column } else { column }];
                        let [from_row, from_column] = [0, 1].map(|axis| from[axis] as i64 + view.window[axis]);
                        let inside = (0..height as i64).contains(&from_row) && (0..width as i64).contains(&from_column);
                        let value = if inside { plane[from_row as usize * width + from_column as usize] } else { 0.0 };
                        let [down, across] = [row as i64 - view.square[0], column as i64 - view.square[1]];
                        let cut = [down, across].iter().all(|place| (0..i64::from(self.cutout)).contains(place));
                        seen.push(if cut { 0.0 } else { value * scale + shift });
                    }
                }
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chi-square of counts that should be even, in standard deviations from its mean.
    fn uneven(counts: &[u32]) -> f64 {
        let mean = counts.iter().sum::<u32>() as f64 / counts.len() as f64;
        let chi: f64 = counts.iter().map(|&count| (f64::from(count) - mean).powi(2) / mean).sum();
        let freedom = counts.len() as f64 - 1.0;
        (chi - freedom) / (2.0 * freedom).sqrt()
    }

    #[test]
    fn half_of_the_images_are_mirrored_and_windows_and_squares_lie_evenly() {
        let augment = Augment { crop: 4, flip: true, cutout: 5 };
        let (mut windows, mut rows, mut columns) = ([0; 2 * 81], [0; 7], [0; 12]);
        for epoch in 0..40 {
            for sample in 0..5_000 {
                let view = augment.view([7, 12], 3, epoch, sample);
                let [row, column] = view.window.map(|place| usize::try_from(place + 4).unwrap());
                // Windows and mirrors together: one tells nothing of the other.
                windows[(row * 9 + column) * 2 + usize::from(view.mirrored)] += 1;
                rows[usize::try_from(view.square[0] + 2).unwrap()] += 1;
                columns[usize::try_from(view.square[1] + 2).unwrap()] += 1;
            }
        }
        for counts in [&windows[..], &rows, &columns] {
            assert!(uneven(counts) < 5.0, "{} deviations: {counts:?}", uneven(counts));
        }
        let mirrored: u32 = windows.iter().skip(1).step_by(2).sum();
        // Five standard errors of 200,000 draws.
        assert!((f64::from(mirrored) / 200_000.0 - 0.5).abs() < 5.0 * 0.5 / 200_000_f64.sqrt(), "{mirrored}");
    }

    #[test]
    fn epochs_samples_and_seeds_differ_and_without_settings_nothing_is_done() {
        let augment = Augment { crop: 16, flip: true, cutout: 3 };
        let views = |seed, epoch, first: u32| -> Vec<View> {
            (first..first + 50).map(|sample| augment.view([32, 32], seed, epoch, sample)).collect()
        };
        let first = views(1, 0, 0);
        assert_eq!(first, views(1, 0, 0));
        for other in [views(2, 0, 0), views(1, 1, 0), views(1, 0, 50)] {
            assert!(first.iter().zip(&other).filter(|(a, b)| a == b).count() < 3);
        }
        let raw: Vec<f64> = (0..2 * 18).map(f64::from).collect();
        let factors = [[0.5, -1.0], [2.0, 3.0]];
        let plain = forward(&raw, 18, &[1, 0], &factors);
        assert_eq!(Augment::default().forward(&raw, [2, 3, 3], &[1, 0], &factors, [5, 6]), plain);
    }

    #[test]
    fn an_image_is_padded_mirrored_and_cut_as_the_view_says() {
        let raw: Vec<f64> = (1..=12).map(f64::from).collect();
        let (image, factors) = ([1, 3, 4], [[2.0, 1.0]]);
        let mut met = [false; 2];
        for epoch in 0..200 {
            let augment = Augment { crop: 1, flip: true, cutout: 0 };
            let view = augment.view([3, 4], 9, epoch, 0);
            let seen = augment.forward(&raw, image, &[0], &factors, [9, epoch]);
            if view.window == [-1, 1] {
                // A row of padding above, a column of it at the right.
                let want = match view.mirrored {
                    false => [[0, 0, 0, 0], [2, 3, 4, 0], [6, 7, 8, 0]],
                    true => [[0, 0, 0, 0], [0, 4, 3, 2], [0, 8, 7, 6]],
                };
                met[usize::from(view.mirrored)] = true;
                assert_eq!(seen, want.as_flattened().iter().map(|&raw| 2.0 * f64::from(raw) + 1.0).collect::<Vec<_>>());
            }
            let augment = Augment { crop: 0, flip: false, cutout: 2 };
            let [top, left] = augment.view([3, 4], 9, epoch, 0).square;
            let seen = augment.forward(&raw, image, &[0], &factors, [9, epoch]);
            for (place, value) in (0..).zip(seen) {
                let inside = (top..top + 2).contains(&(place / 4)) && (left..left + 2).contains(&(place % 4));
                assert_eq!(value, if inside { 0.0 } else { 2.0 * (place + 1) as f64 + 1.0 });
            }
        }
        assert_eq!(met, [true; 2]);
    }
}
