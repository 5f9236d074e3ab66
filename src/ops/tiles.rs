//! Weights as tiles of pictures; `shaders/tiles.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        n_outputs: u32,
        n_pictures: u32,
        height: u32,
        width: u32,
        tile_height: u32,
        tile_width: u32,
        pixels: u32,
        rows: u32,
        columns: u32,
        margin_y: u32,
        margin_x: u32,
    }
}

/// How the weights of a matrix `[outputs, inputs]` stand on pictures. A weight is the difference of two transmissions
/// `[outputs, 2, inputs]`. A tile shows those of an output, the positive ones left of the negative ones, with a dark margin
/// around either; tiles of a picture are in rows, and every transmission is a square block of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Outputs of the matrix.
    pub outputs: usize,
    /// Rows and columns of weights of a tile: the inputs.
    pub tile: [usize; 2],
    /// Side of a weight, pixels; at most 64.
    pub pixels: usize,
    /// Rows and columns of tiles of a picture.
    pub grid: [usize; 2],
    /// Dark pixels above and below, left and right.
    pub margin: [usize; 2],
}

impl Tiles {
    /// Number of pictures, their height and width.
    pub fn shape(&self) -> [usize; 3] {
        let [height, width] = [0, 1].map(|axis| self.tile[axis] * self.pixels + 2 * self.margin[axis]);
        [self.outputs.div_ceil(self.grid[0] * self.grid[1]), self.grid[0] * height, self.grid[1] * 2 * width]
    }

    fn transmissions(&self) -> [usize; 3] {
        [self.outputs, 2, self.tile[0] * self.tile[1]]
    }

    fn weights(&self) -> [usize; 2] {
        [self.outputs, self.tile[0] * self.tile[1]]
    }

    /// Pictures `[pictures, height, width]` of transmissions `[outputs, 2, inputs]`, dark elsewhere.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn lay(&self, plan: &mut PlanBuilder<'_>, transmission: &Slice, picture: &Slice) -> Result<(), Error> {
        let params = self.params("tiles::lay", &[(transmission, &self.transmissions()), (picture, &self.shape())])?;
        plan.dispatch("tiles", "lay", &params, &[transmission.read(), picture.write()], Work::Items(picture.len()))
    }

    /// Gradient of the transmissions from that of the pictures.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn lay_backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        d_picture: &Slice,
        d_transmission: &Slice,
    ) -> Result<(), Error> {
        let shapes: [(_, &[usize]); 2] = [(d_picture, &self.shape()), (d_transmission, &self.transmissions())];
        let params = self.params("tiles::lay_backward", &shapes)?;
        let binds = [d_picture.read(), d_transmission.write()];
        plan.dispatch("tiles", "lay_backward", &params, &binds, Work::Items(d_transmission.len()))
    }

    /// Weights `[outputs, inputs]` that pictures show: the mean over a block less that over its negative twin.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn weigh(&self, plan: &mut PlanBuilder<'_>, picture: &Slice, weight: &Slice) -> Result<(), Error> {
        let params = self.params("tiles::weigh", &[(picture, &self.shape()), (weight, &self.weights())])?;
        plan.dispatch("tiles", "weigh", &params, &[picture.read(), weight.write()], Work::Items(weight.len()))
    }

    /// Gradient of the pictures from that of the weights.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn weigh_backward(&self, plan: &mut PlanBuilder<'_>, d_weight: &Slice, d_picture: &Slice) -> Result<(), Error> {
        let params =
            self.params("tiles::weigh_backward", &[(d_weight, &self.weights()), (d_picture, &self.shape())])?;
        let binds = [d_picture.write(), d_weight.read()];
        plan.dispatch("tiles", "weigh_backward", &params, &binds, Work::Items(d_picture.len()))
    }

    fn params(&self, operation: &str, shapes: &[(&Slice, &[usize])]) -> Result<Params, Error> {
        for (slice, shape) in shapes {
            expect(operation, slice, shape)?;
        }
        if !(1..=64).contains(&self.pixels) {
            return Err(Error::Shape {
                what: operation.to_owned(),
                expected: "weights of 1 to 64 pixels a side".to_owned(),
                got: self.pixels.to_string(),
            });
        }
        let [n_pictures, height, width] = self.shape();
        word(operation, n_pictures * height * width)?;
        let word = |count| word(operation, count);
        Ok(Params {
            n_outputs: word(self.outputs)?,
            n_pictures: word(n_pictures)?,
            height: word(height)?,
            width: word(width)?,
            tile_height: word(self.tile[0])?,
            tile_width: word(self.tile[1])?,
            pixels: word(self.pixels)?,
            rows: word(self.grid[0])?,
            columns: word(self.grid[1])?,
            margin_y: word(self.margin[0])?,
            margin_x: word(self.margin[1])?,
        })
    }
}
