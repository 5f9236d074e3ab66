//! Light on the detector regions of a camera; specification of `shaders/regions.wgsl`.

/// Which pixels belong to which of the regions.
#[derive(Clone, Debug)]
pub struct Regions {
    /// Number of regions.
    pub count: usize,
    /// Region of every pixel, if any; in light of several wavelengths, whose intensities add up, of every pixel of each.
    pub of: Vec<Option<usize>>,
    /// Whether light is divided by that on all regions.
    pub divided: bool,
}

impl Regions {
    /// Light on every region of every sample, from fields of (re, im).
    fn sums(&self, field: &[f64]) -> Vec<f64> {
        let sample = |field: &[f64]| {
            let mut sums = vec![0.0; self.count];
            for (pixel, region) in field.chunks_exact(2).zip(&self.of) {
                if let Some(region) = *region {
                    sums[region] += pixel[0] * pixel[0] + pixel[1] * pixel[1];
                }
            }
            sums
        };
        field.chunks(2 * self.of.len()).flat_map(sample).collect()
    }

    /// What the regions of every sample read; nothing in the dark.
    pub fn forward(&self, field: &[f64]) -> Vec<f64> {
        let sums = self.sums(field);
        if !self.divided {
            return sums;
        }
        let share = |sums: &[f64]| {
            let all: f64 = sums.iter().sum();
            sums.iter().map(|sum| if all == 0.0 { 0.0 } else { sum / all }).collect::<Vec<_>>()
        };
        sums.chunks(self.count).flat_map(share).collect()
    }

    /// Gradient of the fields.
    pub fn backward(&self, field: &[f64], d_out: &[f64]) -> Vec<f64> {
        let sums = self.sums(field);
        let sample = |(field, (sums, d_out)): (&[f64], (&[f64], &[f64]))| {
            let all: f64 = sums.iter().sum();
            let mean: f64 = sums.iter().zip(d_out).map(|(sum, d)| sum * d / all).sum();
            let d_sum = |region: usize| match (self.divided, all == 0.0) {
                (false, _) => d_out[region],
                (true, true) => 0.0,
                (true, false) => (d_out[region] - mean) / all,
            };
            let pixel = |(e, region): (&[f64], &Option<usize>)| match *region {
                None => [0.0; 2],
                Some(region) => [e[0], e[1]].map(|part| 2.0 * d_sum(region) * part),
            };
            field.chunks_exact(2).zip(&self.of).flat_map(pixel).collect::<Vec<_>>()
        };
        let each = sums.chunks(self.count).zip(d_out.chunks(self.count));
        field.chunks(2 * self.of.len()).zip(each).flat_map(sample).collect()
    }
}
