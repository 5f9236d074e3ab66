//! Pictures seen through an affine map: shifted, turned and scaled about their centre, and on another grid;
//! `shaders/resample.wgsl`.

use super::{expect, in_turns, word};
use crate::gpu::{Constant, Error, MAX_LOOP_TURNS, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        n_pictures: u32,
        height: u32,
        width: u32,
        to_height: u32,
        to_width: u32,
        step_x: f32,
        step_y: f32,
        outside_first: f32,
        outside_second: f32,
        individual: u32,
        n_groups: u32,
        component: u32,
        n_quads: u32,
        added: u32,
        first: u32,
    }
}

/// What a sample of the result is. Without misalignment, and on an equal grid, it is the pixel itself in every mode, bit
/// for bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The mean over the sample's own square cell of a picture that is made of square pixels of constant value: a plate of
    /// pixels that is seen by pixels. Overlaps of cell and pixels are exact up to rounding, whatever shift, rotation and
    /// scale are, and smooth in them.
    #[default]
    Area,
    /// The bilinear interpolation at the sample's centre. It blurs as `Area` does, but misses pixels where samples are
    /// coarser than they.
    Bilinear,
    /// The pixel that the sample's centre is in. It hides every misalignment of less than half a pixel, and has no gradient
    /// with respect to it.
    Nearest,
}

/// How pictures lie, on the device: buffers of one number for all of them, or of one for each.
#[derive(Clone, Copy, Debug)]
pub struct Geometry<'a> {
    /// Where the centre is, along the width; pixels of the picture.
    pub shift_x: &'a Slice,
    /// The same along the height.
    pub shift_y: &'a Slice,
    /// Degrees, from the width to the height: clockwise where row 0 is shown on top.
    pub rotation: &'a Slice,
    /// Relative: 0.1 is 10 % larger. Results are NaN where it is not within -0.5..1.
    pub scale: &'a Slice,
}

impl<'a> Geometry<'a> {
    fn parts(&self) -> [&'a Slice; 4] {
        [self.shift_x, self.shift_y, self.rotation, self.scale]
    }
}

/// Pictures `[pictures, height, width, channels]`, of one channel or two (re, im), onto a grid.
///
/// Sample p of the result, from its centre and in pixels of the picture, sees the picture at q = R' (p - shift) / (1 + scale)
/// from its centre, R' = [[cos, sin], [-sin, cos]] of the rotation.
#[derive(Clone, Copy, Debug)]
pub struct Resample {
    mode: Mode,
    from: [usize; 2],
    to: [usize; 2],
    step: [f64; 2],
    outside: [f32; 2],
    /// The first picture's number, among more geometries than there are pictures.
    first: Option<usize>,
}

/// A lane takes as many samples or pixels, where their loops allow.
const SAMPLES: usize = 16;
/// The strongest shrinking that a scale may add, times the diagonal of a turned square.
const STRETCH: f64 = 2.0 * std::f64::consts::SQRT_2;

impl Resample {
    /// From pictures `[height, width]` to samples `[height, width]` as far apart as pixels, with the same centre. What lies
    /// outside the picture is `outside`, by channel.
    ///
    /// # Errors
    /// No pixels or samples, or more than 2^24 along an axis.
    pub fn new(mode: Mode, from: [usize; 2], to: [usize; 2], outside: [f32; 2]) -> Result<Self, Error> {
        if let Some(bad) = from.iter().chain(&to).find(|extent| !(1..=1 << 24).contains(*extent)) {
            return Err(Error::Shape {
                what: "resample, grid".to_owned(),
                expected: "1 to 2^24 samples along an axis".to_owned(),
                got: bad.to_string(),
            });
        }
        Ok(Self { mode, from, to, step: [1.0; 2], outside, first: None })
    }

    /// Of pictures whose geometries are numbered from this one on, where each has one of its own.
    pub fn numbered(self, first: usize) -> Self {
        Self { first: Some(first), ..self }
    }

    /// With another nominal distance between samples, along width and height, in pixels of the picture: above 1 the picture is
    /// seen smaller.
    ///
    /// # Errors
    /// Distances that are not positive, or so far from 1 that an invocation would loop too often.
    pub fn with_step(self, step: [f64; 2]) -> Result<Self, Error> {
        let stepped = Self { step, ..self };
        let sound = step.iter().all(|step| step.is_finite() && *step > 0.0);
        if sound && stepped.turns() <= MAX_LOOP_TURNS {
            return Ok(stepped);
        }
        Err(Error::Shape {
            what: "resample, step".to_owned(),
            expected: "pixels a sample, about 1/80 to 80".to_owned(),
            got: format!("{step:?}"),
        })
    }

    /// With the distance between samples at which both grids cover the same.
    ///
    /// # Errors
    /// As [`with_step`](Self::with_step).
    pub fn fitted(self) -> Result<Self, Error> {
        let ratio = |axis: usize| self.from[axis] as f64 / self.to[axis] as f64;
        self.with_step([ratio(1), ratio(0)])
    }

    /// Result y `[pictures, height, width, channels]` on the grid of samples, from pictures x of the same channels.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        geometry: Geometry<'_>,
        x: &Slice,
        y: &Slice,
    ) -> Result<(), Error> {
        let operation = "resample::forward";
        let (params, constants) = self.params(operation, geometry, x, y)?;
        Self::copy(plan, &params, geometry, x, y)?;
        let [shift_x, shift_y, rotation, scale] = geometry.parts().map(Slice::read);
        let binds = [shift_x, shift_y, rotation, scale, x.read(), y.write()];
        let work = Work::Groups(x.shape()[0] * self.groups(self.to));
        plan.dispatch_with("resample", "forward", &constants, &params, &binds, work)
    }

    /// Gradient of the pictures from that of the result: the exact adjoint of [`forward`](Self::forward).
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        geometry: Geometry<'_>,
        d_y: &Slice,
        d_x: &Slice,
    ) -> Result<(), Error> {
        let operation = "resample::backward";
        let (params, constants) = self.params(operation, geometry, d_x, d_y)?;
        let params = Params { n_groups: word(operation, self.groups(self.from))?, ..params };
        Self::copy(plan, &params, geometry, d_y, d_x)?;
        let [shift_x, shift_y, rotation, scale] = geometry.parts().map(Slice::read);
        let binds = [shift_x, shift_y, rotation, scale, d_y.read(), d_x.write()];
        let work = Work::Groups(d_x.shape()[0] * self.groups(self.from));
        plan.dispatch_with("resample", "backward", &constants, &params, &binds, work)
    }

    /// Copies the picture if it lies as it should, where that is possible at all.
    fn copy(
        plan: &mut PlanBuilder<'_>,
        params: &Params,
        geometry: Geometry<'_>,
        source: &Slice,
        copied: &Slice,
    ) -> Result<(), Error> {
        if params.n_quads == 0 {
            return Ok(());
        }
        let [shift_x, shift_y, rotation, scale] = geometry.parts().map(Slice::read);
        let binds = [shift_x, shift_y, rotation, scale, source.read(), copied.write()];
        plan.dispatch("resample", "copy", params, &binds, in_turns(params.n_quads as usize))
    }

    /// Shape of the partial sums of [`backward_geometry`](Self::backward_geometry).
    pub fn partials(&self, pictures: usize) -> [usize; 3] {
        [pictures, self.groups(self.to), 4]
    }

    /// Gradients of the geometry of these pictures, shaped as it, from pictures x and the gradient of the result; added to what is
    /// there, if asked for. Where a weight has a kink, as
    /// all have without misalignment, it is the mean of the slopes on its two sides.
    ///
    /// # Errors
    /// Shapes that do not fit, and `Nearest`, which has none.
    pub fn backward_geometry(
        &self,
        plan: &mut PlanBuilder<'_>,
        geometry: Geometry<'_>,
        x: &Slice,
        d_y: &Slice,
        partials: &Slice,
        (d_geometry, added): (Geometry<'_>, bool),
    ) -> Result<(), Error> {
        let operation = "resample::backward_geometry";
        if self.mode == Mode::Nearest {
            return Err(Error::Shape {
                what: operation.to_owned(),
                expected: "area or bilinear samples".to_owned(),
                got: "nearest ones, which have no gradient".to_owned(),
            });
        }
        let (params, constants) = self.params(operation, geometry, x, d_y)?;
        let pictures = x.shape()[0];
        expect(operation, partials, &self.partials(pictures))?;
        let groups = pictures * self.groups(self.to);
        plan.check_loop("resample::total", groups.div_ceil(64) + 6)?;
        let [shift_x, shift_y, rotation, scale] = geometry.parts().map(Slice::read);
        let binds = [shift_x, shift_y, rotation, scale, x.read(), d_y.read(), partials.write()];
        plan.dispatch_with("resample", "partial", &constants, &params, &binds, Work::Groups(groups))?;
        for ((component, part), d_part) in (0..).zip(geometry.parts()).zip(d_geometry.parts()) {
            expect(operation, d_part, part.shape())?;
            let params = Params { component, added: u32::from(added), ..params };
            plan.dispatch("resample", "total", &params, &[partials.read(), d_part.update()], Work::Groups(part.len()))?;
        }
        Ok(())
    }

    /// Loop turns of one sample or pixel, at the most: pixels of a cell, or samples that see a pixel.
    fn turns(&self) -> usize {
        let seen = self.step.iter().map(|step| STRETCH * step + 4.0).product::<f64>();
        let seeing = self.step.iter().map(|step| STRETCH / step + 4.0).product::<f64>();
        // Rows take a turn too.
        (1.5 * seen.max(seeing)).ceil() as usize
    }

    /// Workgroups that share a picture of so many rows and columns.
    fn groups(&self, [height, width]: [usize; 2]) -> usize {
        let lane = (MAX_LOOP_TURNS / 2 / self.turns()).clamp(1, SAMPLES);
        (height * width).div_ceil(64 * lane)
    }

    fn params(
        &self,
        operation: &str,
        geometry: Geometry<'_>,
        x: &Slice,
        y: &Slice,
    ) -> Result<(Params, [Constant; 2]), Error> {
        let [pictures, _, _, channels @ (1 | 2)] = *x.shape() else {
            return Err(Error::Shape {
                what: format!("{operation}, `{}`", x.name()),
                expected: "[pictures, height, width, 1 or 2 channels]".to_owned(),
                got: format!("{:?}", x.shape()),
            });
        };
        expect(operation, x, &[pictures, self.from[0], self.from[1], channels])?;
        expect(operation, y, &[pictures, self.to[0], self.to[1], channels])?;
        let mut individual = 0;
        for (bit, part) in geometry.parts().into_iter().enumerate() {
            if part.len() != 1 {
                let count = self.first.map_or(pictures, |first| part.len().max(first + pictures));
                expect(operation, part, &[count])?;
                individual |= 1 << bit;
            }
        }
        let [from, to] = [self.from, self.to];
        let may_be_copied = from == to && self.step == [1.0; 2] && pictures == 1 && x.len().is_multiple_of(4);
        let params = Params {
            n_pictures: word(operation, pictures)?,
            height: word(operation, from[0])?,
            width: word(operation, from[1])?,
            to_height: word(operation, to[0])?,
            to_width: word(operation, to[1])?,
            step_x: self.step[0] as f32,
            step_y: self.step[1] as f32,
            outside_first: self.outside[0],
            outside_second: self.outside[1],
            individual,
            n_groups: word(operation, self.groups(self.to))?,
            component: 0,
            n_quads: word(operation, if may_be_copied { x.len() / 4 } else { 0 })?,
            added: 0,
            first: word(operation, self.first.unwrap_or(0))?,
        };
        let mode = match self.mode {
            Mode::Area => 0,
            Mode::Bilinear => 1,
            Mode::Nearest => 2,
        };
        Ok((params, [("MODE", mode), ("CHANNELS", word(operation, channels)?)]))
    }
}
