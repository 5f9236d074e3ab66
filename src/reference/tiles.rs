//! Weights as tiles of pictures; specification of `shaders/tiles.wgsl`.

/// How the weights of a matrix `[outputs, inputs]` stand on pictures `[pictures, height, width]`. A weight is the difference
/// of two transmissions `[outputs, 2, inputs]`. A tile shows those of an output, the positive ones left of the negative
/// ones, with a dark margin around either; every transmission is a square block of pixels.
#[derive(Clone, Copy, Debug)]
pub struct Tiles {
    /// Outputs of the matrix.
    pub outputs: usize,
    /// Rows and columns of weights of a tile.
    pub tile: [usize; 2],
    /// Side of a weight, pixels.
    pub pixels: usize,
    /// Rows and columns of tiles of a picture.
    pub grid: [usize; 2],
    /// Dark pixels above and below, left and right.
    pub margin: [usize; 2],
}

impl Tiles {
    /// Number of pictures, their height and width.
    pub fn shape(&self) -> [usize; 3] {
        let [height, width] = self.part();
        [self.outputs.div_ceil(self.grid[0] * self.grid[1]), self.grid[0] * height, self.grid[1] * 2 * width]
    }

    /// Height and width of what one sign takes of a tile.
    fn part(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.tile[axis] * self.pixels + 2 * self.margin[axis])
    }

    /// The pixels of a transmission, by its number.
    fn block(&self, transmission: usize) -> impl Iterator<Item = usize> {
        let [_, height, width] = self.shape();
        let ([part_height, part_width], pixels) = (self.part(), self.pixels);
        let column = transmission % self.tile[1];
        let row = transmission / self.tile[1] % self.tile[0];
        let sign = transmission / (self.tile[0] * self.tile[1]) % 2;
        let output = transmission / (2 * self.tile[0] * self.tile[1]);
        let (picture, place) = (output / (self.grid[0] * self.grid[1]), output % (self.grid[0] * self.grid[1]));
        let top = place / self.grid[1] * part_height + self.margin[0] + row * pixels;
        let left = (2 * (place % self.grid[1]) + sign) * part_width + self.margin[1] + column * pixels;
        (0..pixels * pixels).map(move |at| (picture * height + top + at / pixels) * width + left + at % pixels)
    }

    /// Pictures of transmissions; dark elsewhere.
    pub fn lay(&self, transmission: &[f64]) -> Vec<f64> {
        let mut picture = vec![0.0; self.shape().iter().product()];
        for (number, &value) in transmission.iter().enumerate() {
            self.block(number).for_each(|pixel| picture[pixel] = value);
        }
        picture
    }

    /// Gradient of transmissions: the transpose.
    pub fn lay_backward(&self, d_picture: &[f64]) -> Vec<f64> {
        let count = 2 * self.outputs * self.tile[0] * self.tile[1];
        (0..count).map(|number| self.block(number).map(|pixel| d_picture[pixel]).sum()).collect()
    }

    /// Weights that pictures show: the mean over a block less that of its negative twin.
    pub fn weigh(&self, picture: &[f64]) -> Vec<f64> {
        let (inputs, area) = (self.tile[0] * self.tile[1], (self.pixels * self.pixels) as f64);
        let mean = |number| self.block(number).map(|pixel| picture[pixel]).sum::<f64>() / area;
        (0..self.outputs * inputs)
            .map(|weight| weight / inputs * inputs + weight)
            .map(|positive| mean(positive) - mean(positive + inputs))
            .collect()
    }

    /// Gradient of pictures: the transpose.
    pub fn weigh_backward(&self, d_weight: &[f64]) -> Vec<f64> {
        let (inputs, area) = (self.tile[0] * self.tile[1], (self.pixels * self.pixels) as f64);
        let mut d_picture = vec![0.0; self.shape().iter().product()];
        for (weight, d) in d_weight.iter().enumerate() {
            let positive = weight / inputs * inputs + weight;
            self.block(positive).for_each(|pixel| d_picture[pixel] = d / area);
            self.block(positive + inputs).for_each(|pixel| d_picture[pixel] = -d / area);
        }
        d_picture
    }
}
