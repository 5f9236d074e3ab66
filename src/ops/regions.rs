//! Light on the detector regions of a camera; `shaders/regions.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::light::{Rectangle, Regions};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        batch: u32,
        n_regions: u32,
        width: u32,
        n_pixels: u32,
        n_columns: u32,
        n_strips: u32,
        divided: u32,
        first: u32,
    }
}

/// Rows of a region that an invocation adds up first.
const STRIP: usize = 32;
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

    /// Shape of the scratch of [`forward`](Self::forward).
    pub fn partials(&self, batch: usize) -> [usize; 4] {
        let [n_strips, n_columns] = self.strips();
        [batch, self.count(), n_strips, n_columns]
    }

    /// Strips of the highest region, columns of the widest one.
    fn strips(&self) -> [usize; 2] {
        let largest = |extent: fn(&Rectangle) -> usize| self.regions.rectangles().iter().map(extent).max().unwrap_or(0);
        [largest(|region| region.height).div_ceil(STRIP), largest(|region| region.width)]
    }

    /// Of out `[batch, regions]` the rows from `first` on, from field `[run, height, width, 2]`. Where all regions of a sample are dark,
    /// shares are 0. `sums` `[run, regions]` is the light on every region before it is divided: what
    /// [`backward`](Self::backward) goes on from.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        field: &Slice,
        partials: &Slice,
        sums: &Slice,
        (out, first): (&Slice, usize),
    ) -> Result<(), Error> {
        let operation = "regions::forward";
        let (params, run) = self.params(operation, field, &[sums], (out, first))?;
        expect(operation, partials, &self.partials(run))?;
        plan.check_loop("regions::gather", (params.n_strips * params.n_columns) as usize / LANES + 7)?;
        plan.check_loop("regions::share", self.count())?;
        let corners = self.regions.rectangles().iter();
        let corners = corners.flat_map(|region| [region.top, region.left, region.height, region.width]);
        let corners = corners.map(|extent| word(operation, extent)).collect::<Result<Vec<_>, _>>()?;
        let rectangles = plan.gpu().upload("detector regions", &[self.count(), 4], &corners)?;
        let binds = [field.read(), rectangles.read(), partials.write()];
        plan.dispatch("regions", "column", &params, &binds, Work::Items(partials.len()))?;
        plan.dispatch("regions", "gather", &params, &[partials.read(), sums.write()], Work::Groups(sums.len()))?;
        plan.dispatch("regions", "share", &params, &[sums.read(), out.write()], Work::Items(sums.len()))
    }

    /// d_field `[run, height, width, 2]`, 0 outside the regions, from the field, the `sums` that `forward` left and the rows from
    /// `first` on of d_out `[batch, regions]`; `d_sums` is scratch like the sums.
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
        let (params, _) = self.params(operation, field, &[sums, d_sums], (d_out, first))?;
        expect(operation, d_field, field.shape())?;
        plan.check_loop("regions::share_backward", 2 * self.count())?;
        let region_of = self.regions.table().into_iter();
        let region_of: Vec<_> = region_of.map(|region| region.map_or(u32::MAX, |region| region as u32)).collect();
        let region_of = plan.gpu().upload("region of every pixel", &self.regions.camera(), &region_of)?;
        let binds = [sums.read(), d_out.read(), d_sums.write()];
        plan.dispatch("regions", "share_backward", &params, &binds, Work::Items(sums.len()))?;
        let binds = [field.read(), region_of.read(), d_sums.read(), d_field.write()];
        plan.dispatch("regions", "backward", &params, &binds, Work::Items(field.len() / 2))
    }

    fn params(
        &self,
        operation: &str,
        field: &Slice,
        sums: &[&Slice],
        (out, first): (&Slice, usize),
    ) -> Result<(Params, usize), Error> {
        let [height, width] = self.regions.camera();
        let run = field.shape().first().copied().unwrap_or(0);
        expect(operation, field, &[run, height, width, 2])?;
        for sums in sums {
            expect(operation, sums, &[run, self.count()])?;
        }
        let batch = out.shape().first().copied().unwrap_or(0);
        expect(operation, out, &[batch.max(first + run), self.count()])?;
        word(operation, field.len())?;
        let [n_strips, n_columns] = self.strips();
        let params = Params {
            batch: word(operation, run)?,
            n_regions: word(operation, self.count())?,
            width: word(operation, width)?,
            n_pixels: word(operation, height * width)?,
            n_columns: word(operation, n_columns)?,
            n_strips: word(operation, n_strips)?,
            divided: u32::from(self.divided),
            first: word(operation, first)?,
        };
        Ok((params, run))
    }
}
