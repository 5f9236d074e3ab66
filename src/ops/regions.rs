//! Light on the detector regions of a camera; `shaders/regions.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::light::{Rectangle, Regions};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        n_samples: u32,
        n_regions: u32,
        width: u32,
        n_pixels: u32,
        n_columns: u32,
        n_strips: u32,
        n_lines: u32,
        line: u32,
        divided: u32,
        first: u32,
    }
}

/// Rows of a region that an invocation adds up first.
pub(super) const STRIP: usize = 32;
const LANES: usize = 64;

/// Detectors that read regions of a camera.
#[derive(Clone, Debug, PartialEq)]
pub struct Detector {
    regions: Regions,
    divided: bool,
}

impl Detector {
    /// Regions read as |E|^2 summed over their pixels, `divided` by the sum over all regions of the sample or not.
    pub fn new(regions: Regions, divided: bool) -> Self {
        Self { regions, divided }
    }

    /// Number of regions.
    pub fn count(&self) -> usize {
        self.regions.rectangles().len()
    }

    /// Shape of the scratch that holds the light of `n_lines` wavelengths on strips of the regions.
    pub fn partials(&self, samples: usize, n_lines: usize) -> [usize; 4] {
        let [n_strips, n_columns] = self.strips();
        [samples, self.count(), n_lines * n_strips, n_columns]
    }

    /// Strips of the highest region, columns of the widest one.
    fn strips(&self) -> [usize; 2] {
        let largest = |extent: fn(&Rectangle) -> usize| self.regions.rectangles().iter().map(extent).max().unwrap_or(0);
        [largest(|region| region.height).div_ceil(STRIP), largest(|region| region.width)]
    }

    /// Light of one of several wavelengths, field `[samples, height, width, 2]`, on its own strips among the partials. The intensities of
    /// all of them add up once [`read`](Self::read) meets them: no light of one wavelength interferes with that of another.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn collect(
        &self,
        plan: &mut PlanBuilder<'_>,
        field: &Slice,
        partials: &Slice,
        (line, n_lines): (usize, usize),
    ) -> Result<(), Error> {
        let operation = "regions::collect";
        let samples = self.samples(operation, field)?;
        expect(operation, partials, &self.partials(samples, n_lines.max(line + 1)))?;
        let params = Params { line: word(operation, line)?, ..self.params(operation, samples, n_lines)? };
        let corners = self.regions.rectangles().iter();
        let corners = corners.flat_map(|region| [region.top, region.left, region.height, region.width]);
        let corners = corners.map(|extent| word(operation, extent)).collect::<Result<Vec<_>, _>>()?;
        let rectangles = plan.gpu().upload("detector regions", &[self.count(), 4], &corners)?;
        let binds = [field.read(), rectangles.read(), partials.write()];
        plan.dispatch("regions", "collect", &params, &binds, Work::Items(partials.len() / n_lines))
    }

    /// Of out `[batch, regions]` as many rows from `first` on as the partials have samples. Where all regions of a sample are
    /// dark, shares are 0. Of `sums` `[batch, regions]` the same rows are the light on every region before it is divided: what
    /// [`backward`](Self::backward) goes on from.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn read(
        &self,
        plan: &mut PlanBuilder<'_>,
        partials: &Slice,
        sums: &Slice,
        (out, first): (&Slice, usize),
    ) -> Result<(), Error> {
        let operation = "regions::read";
        let shape = |axis: usize| partials.shape().get(axis).copied().unwrap_or(0);
        let (samples, n_lines) = (shape(0), shape(2) / self.strips()[0]);
        expect(operation, partials, &self.partials(samples, n_lines))?;
        self.rows(operation, samples, [sums, out], first)?;
        let params = Params { first: word(operation, first)?, ..self.params(operation, samples, n_lines)? };
        plan.check_loop("regions::gather", (shape(2) * shape(3)).div_ceil(LANES) + 6)?;
        plan.check_loop("regions::share", self.count())?;
        let n_sums = samples * self.count();
        plan.dispatch("regions", "gather", &params, &[partials.read(), sums.write()], Work::Groups(n_sums))?;
        plan.dispatch("regions", "share", &params, &[sums.read(), out.write()], Work::Items(n_sums))
    }

    /// d_field `[samples, height, width, 2]` of one wavelength, 0 outside the regions, from its field, the `sums` that `read` left
    /// and the gradient of what it read, each in the rows from `first` on of `[batch, regions]`; `d_sums` is scratch like the
    /// sums.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        field: &Slice,
        [sums, d_sums]: [&Slice; 2],
        (d_out, first): (&Slice, usize),
        d_field: &Slice,
    ) -> Result<(), Error> {
        let operation = "regions::backward";
        let samples = self.samples(operation, field)?;
        self.rows(operation, samples, [sums, d_out], first)?;
        expect(operation, d_sums, sums.shape())?;
        expect(operation, d_field, field.shape())?;
        let params = Params { first: word(operation, first)?, ..self.params(operation, samples, 1)? };
        plan.check_loop("regions::share_backward", 2 * self.count())?;
        let region_of = self.regions.table().into_iter();
        let region_of: Vec<_> = region_of.map(|region| region.map_or(u32::MAX, |region| region as u32)).collect();
        let region_of = plan.gpu().upload("region of every pixel", &self.regions.camera(), &region_of)?;
        let binds = [sums.read(), d_out.read(), d_sums.write()];
        plan.dispatch("regions", "share_backward", &params, &binds, Work::Items(samples * self.count()))?;
        let binds = [field.read(), region_of.read(), d_sums.read(), d_field.write()];
        plan.dispatch("regions", "backward", &params, &binds, Work::Items(field.len() / 2))
    }

    /// Samples of a field.
    fn samples(&self, operation: &str, field: &Slice) -> Result<usize, Error> {
        let [height, width] = self.regions.camera();
        let samples = field.shape().first().copied().unwrap_or(0);
        expect(operation, field, &[samples, height, width, 2])?;
        word(operation, field.len())?;
        Ok(samples)
    }

    /// Checks that two tensors `[batch, regions]` have rows for these samples.
    fn rows(&self, operation: &str, samples: usize, [sums, out]: [&Slice; 2], first: usize) -> Result<(), Error> {
        let batch = out.shape().first().copied().unwrap_or(0).max(first + samples);
        expect(operation, out, &[batch, self.count()])?;
        expect(operation, sums, &[batch, self.count()])
    }

    fn params(&self, operation: &str, samples: usize, n_lines: usize) -> Result<Params, Error> {
        let ([height, width], [n_strips, n_columns]) = (self.regions.camera(), self.strips());
        Ok(Params {
            n_samples: word(operation, samples)?,
            n_regions: word(operation, self.count())?,
            width: word(operation, width)?,
            n_pixels: word(operation, height * width)?,
            n_columns: word(operation, n_columns)?,
            n_strips: word(operation, n_strips)?,
            n_lines: word(operation, n_lines)?,
            line: 0,
            divided: u32::from(self.divided),
            first: 0,
        })
    }
}
