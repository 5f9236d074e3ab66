//! Convolution as deep learning has it (cross-correlation), and its gradients; specification of
//! `shaders/convolution.wgsl`. Notation of Dumoulin and Visin, "A guide to convolution arithmetic for deep learning"
//! (2016): the zeros that surround an input, and those between the spread elements of a transposed convolution's,
//! are numbers like any other, so that 0 NaN is NaN.

/// Sizes; arrays are `[batch, channels, height, width]`, weights `[channels_out, channels_in, kernel]`.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Channels of the input.
    pub channels_in: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of the output.
    pub channels_out: usize,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Distance of neighbouring outputs, in elements of the input.
    pub stride: usize,
    /// Zeros on every side of the input.
    pub padding: usize,
}

impl Shape {
    fn output(&self) -> [usize; 2] {
        let extent = |input: usize, kernel: usize| (input + 2 * self.padding - kernel) / self.stride + 1;
        [extent(self.height, self.kernel[0]), extent(self.width, self.kernel[1])]
    }

    /// `y[b, o, i, j] = sum_{c, k, l} weight[o, c, k, l] x[b, c, s i + k - p, s j + l - p] + bias[o]`.
    pub fn forward(&self, x: &[f64], weight: &[f64], bias: Option<&[f64]>) -> Vec<f64> {
        let (mut y, [rows, columns]) = (Vec::new(), self.output());
        for sample in x.chunks_exact(self.channels_in * self.height * self.width) {
            for (o, filter) in weight.chunks_exact(weight.len() / self.channels_out).enumerate() {
                for i in 0..rows {
                    for j in 0..columns {
                        let sum: f64 = self.taps().zip(filter).map(|(tap, w)| w * self.input(sample, tap, i, j)).sum();
                        y.push(sum + bias.map_or(0.0, |bias| bias[o]));
                    }
                }
            }
        }
        y
    }

    /// `d_x[b, c, i, j] = sum_{o, k, l} weight[o, c, k, l] d_y[b, o, (i + p - k) / s, (j + p - l) / s]`, d_y zero where
    /// that is outside or no whole number.
    pub fn backward_input(&self, weight: &[f64], d_y: &[f64]) -> Vec<f64> {
        let (mut d_x, [rows, columns]) = (Vec::new(), self.output());
        let [height, width] = self.kernel;
        let whole = |place: usize, tap: usize, count: usize| {
            let distance = (place + self.padding).checked_sub(tap)?;
            Some(distance / self.stride).filter(|&at| distance.is_multiple_of(self.stride) && at < count)
        };
        for sample in d_y.chunks_exact(self.channels_out * rows * columns) {
            for c in 0..self.channels_in {
                for (i, j) in (0..self.height).flat_map(|i| (0..self.width).map(move |j| (i, j))) {
                    let mut sum = 0.0;
                    for o in 0..self.channels_out {
                        for k in 0..height {
                            let row = whole(i, k, rows);
                            for l in 0..width {
                                let at = row.zip(whole(j, l, columns));
                                let d = at.map_or(0.0, |(i, j)| sample[(o * rows + i) * columns + j]);
                                sum += weight[((o * self.channels_in + c) * height + k) * width + l] * d;
                            }
                        }
                    }
                    d_x.push(sum);
                }
            }
        }
        d_x
    }

    /// `d_w[o, c, k, l] = sum_{b, i, j} d_y[b, o, i, j] x[b, c, s i + k - p, s j + l - p]`.
    pub fn backward_weight(&self, x: &[f64], d_y: &[f64]) -> Vec<f64> {
        let [rows, columns] = self.output();
        let taps: Vec<_> = self.taps().collect();
        let mut d_weight = vec![0.0; self.channels_out * taps.len()];
        let samples = x.chunks_exact(self.channels_in * self.height * self.width);
        for (x, d_y) in samples.zip(d_y.chunks_exact(self.channels_out * rows * columns)) {
            for (filter, plane) in d_weight.chunks_exact_mut(taps.len()).zip(d_y.chunks_exact(rows * columns)) {
                for (at, d) in plane.iter().enumerate() {
                    for (sum, &tap) in filter.iter_mut().zip(&taps) {
                        *sum += d * self.input(x, tap, at / columns, at % columns);
                    }
                }
            }
        }
        d_weight
    }

    /// `d_b[o] = sum_{b, i, j} d_y[b, o, i, j]`.
    pub fn backward_bias(&self, d_y: &[f64]) -> Vec<f64> {
        let [rows, columns] = self.output();
        let mut d_bias = vec![0.0; self.channels_out];
        for (at, plane) in d_y.chunks_exact(rows * columns).enumerate() {
            d_bias[at % self.channels_out] += plane.iter().sum::<f64>();
        }
        d_bias
    }

    /// Channel, row and column of every weight of a filter, in order.
    fn taps(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let [height, width] = self.kernel;
        (0..self.channels_in).flat_map(move |c| (0..height).flat_map(move |k| (0..width).map(move |l| (c, k, l))))
    }

    /// What a tap of output (i, j) meets in a sample: x[c, s i + k - p, s j + l - p], zero outside.
    fn input(&self, sample: &[f64], (c, k, l): (usize, usize, usize), i: usize, j: usize) -> f64 {
        let row = (self.stride * i + k).checked_sub(self.padding).filter(|&row| row < self.height);
        let column = (self.stride * j + l).checked_sub(self.padding).filter(|&column| column < self.width);
        row.zip(column).map_or(0.0, |(row, column)| sample[(c * self.height + row) * self.width + column])
    }
}
