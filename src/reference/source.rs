//! Light that shows pictures; specification of `shaders/source.wgsl`.

/// Pictures in the middle of a dark grid; sizes are height and width.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Of a picture, pixels.
    pub pixels: [usize; 2],
    /// Of what it covers of the grid, samples.
    pub picture: [usize; 2],
    /// Of the grid, samples.
    pub grid: [usize; 2],
    /// Whether pixels are intensities, else amplitudes.
    pub intensity: bool,
    /// What the light is multiplied with: the root of a wavelength's share of it.
    pub amplitude: f64,
}

/// Weights of `n` pixels at a place of the `extent` that they cover: bilinear, half-pixel centres, the border goes on.
fn weights(place: usize, n: usize, extent: usize) -> Vec<f64> {
    let at = ((place as f64 + 0.5) * n as f64 / extent as f64 - 0.5).clamp(0.0, n as f64 - 1.0);
    (0..n).map(|pixel| (1.0 - (at - pixel as f64).abs()).max(0.0)).collect()
}

impl Source {
    /// Places of the grid along an axis that a picture covers, and the weights of its pixels there.
    fn axis(&self, axis: usize) -> Vec<(usize, Vec<f64>)> {
        let (n, extent, grid) = (self.pixels[axis], self.picture[axis], self.grid[axis]);
        let first = (grid - extent) / 2;
        (0..extent).map(|place| (first + place, weights(place, n, extent))).collect()
    }

    /// Calls back with every place of the grid that shows something, pixel and weight.
    fn each(&self, batch: usize, mut call: impl FnMut(usize, usize, f64)) {
        let ([rows, columns], [height, width]) = (self.pixels, self.grid);
        let (down, across) = (self.axis(0), self.axis(1));
        for sample in 0..batch {
            for (i, down) in &down {
                for (j, across) in &across {
                    for (r, a) in down.iter().enumerate().filter(|(_, a)| **a != 0.0) {
                        for (c, b) in across.iter().enumerate().filter(|(_, b)| **b != 0.0) {
                            let place = (sample * height + i) * width + j;
                            call(place, (sample * rows + r) * columns + c, a * b);
                        }
                    }
                }
            }
        }
    }

    /// Field `[batch, height, width, 2]` of pictures `[batch, rows, columns]`.
    pub fn forward(&self, x: &[f64]) -> Vec<f64> {
        let batch = x.len() / (self.pixels[0] * self.pixels[1]);
        let mut field = vec![0.0; 2 * batch * self.grid[0] * self.grid[1]];
        self.each(batch, |place, pixel, weight| field[2 * place] += weight * x[pixel]);
        field.iter_mut().for_each(|e| *e = self.amplitude * if self.intensity { e.sqrt() } else { *e });
        field
    }

    /// Gradient of the pictures from that of the field.
    pub fn backward(&self, x: &[f64], d_field: &[f64]) -> Vec<f64> {
        let batch = x.len() / (self.pixels[0] * self.pixels[1]);
        let field = self.forward(x);
        let mut d_x = vec![0.0; x.len()];
        self.each(batch, |place, pixel, weight| {
            let e = field[2 * place];
            let slope = match self.intensity {
                false => self.amplitude,
                true if e == 0.0 => 0.0,
                true => 0.5 * self.amplitude.powi(2) / e,
            };
            d_x[pixel] += weight * slope * d_field[2 * place];
        });
        d_x
    }
}
