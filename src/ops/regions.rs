//! Light on the detector regions of a camera; `shaders/regions.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, Gpu, PlanBuilder, Scalar, Slice, Work};
use crate::light::Regions;
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
    }
}

/// Rows of a region that an invocation adds up first.
const STRIP: usize = 32;
const LANES: usize = 64;

/// The regions of a camera on the device, with what a batch needs.
#[derive(Clone, Debug)]
pub struct Detector {
    params: Params,
    camera: [usize; 2],
    rectangles: Slice,
    region_of: Slice,
    partials: Slice,
    /// Light on every region of every sample before it is divided, `[batch, regions]`: `forward` leaves it to `backward`.
    pub sums: Slice,
    d_sums: Slice,
}

impl Detector {
    /// Regions read as |E|^2 summed over their pixels, `divided` by the sum over all regions of the sample or not.
    ///
    /// # Errors
    /// What the device reports.
    pub fn new(gpu: &Gpu, regions: &Regions, batch: usize, divided: bool) -> Result<Self, Error> {
        let operation = "regions";
        let (camera, rectangles) = (regions.camera(), regions.rectangles());
        let largest = |extent: fn(&crate::light::Rectangle) -> usize| rectangles.iter().map(extent).max().unwrap_or(0);
        let (n_columns, n_strips) = (largest(|region| region.width), largest(|region| region.height).div_ceil(STRIP));
        let corners = rectangles.iter().flat_map(|region| [region.top, region.left, region.height, region.width]);
        let corners = corners.map(|extent| word(operation, extent)).collect::<Result<Vec<_>, _>>()?;
        let region_of: Vec<_> =
            regions.table().into_iter().map(|region| region.map_or(u32::MAX, |region| region as u32)).collect();
        let n_regions = rectangles.len();
        word(operation, batch * camera[0] * camera[1] * 2)?;
        let sums = |name| gpu.zeros(name, &[batch, n_regions], Scalar::F32);
        Ok(Self {
            params: Params {
                batch: word(operation, batch)?,
                n_regions: word(operation, n_regions)?,
                width: word(operation, camera[1])?,
                n_pixels: word(operation, camera[0] * camera[1])?,
                n_columns: word(operation, n_columns)?,
                n_strips: word(operation, n_strips)?,
                divided: u32::from(divided),
            },
            camera,
            rectangles: gpu.upload("detector regions", &[n_regions, 4], &corners)?,
            region_of: gpu.upload("region of every pixel", &camera, &region_of)?,
            partials: gpu.zeros("sums of detectors", &[batch, n_regions, n_strips, n_columns], Scalar::F32)?,
            sums: sums("light on detectors")?,
            d_sums: sums("d_light on detectors")?,
        })
    }

    /// out `[batch, regions]` from field `[batch, height, width, 2]`. Where all regions of a sample are dark, shares are 0.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, field: &Slice, out: &Slice) -> Result<(), Error> {
        let (operation, params) = ("regions::forward", &self.params);
        self.check(operation, field, out)?;
        plan.check_loop("regions::gather", (params.n_strips * params.n_columns) as usize / LANES + 7)?;
        plan.check_loop("regions::share", params.n_regions as usize)?;
        let binds = [field.read(), self.rectangles.read(), self.partials.write()];
        plan.dispatch("regions", "column", params, &binds, Work::Items(self.partials.len()))?;
        let binds = [self.partials.read(), self.sums.write()];
        plan.dispatch("regions", "gather", params, &binds, Work::Groups(self.sums.len()))?;
        plan.dispatch("regions", "share", params, &[self.sums.read(), out.write()], Work::Items(self.sums.len()))
    }

    /// d_field `[batch, height, width, 2]`, 0 outside the regions, from the field and d_out `[batch, regions]`.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        field: &Slice,
        d_out: &Slice,
        d_field: &Slice,
    ) -> Result<(), Error> {
        let (operation, params) = ("regions::backward", &self.params);
        self.check(operation, field, d_out)?;
        expect(operation, d_field, field.shape())?;
        plan.check_loop("regions::share_backward", 2 * params.n_regions as usize)?;
        let binds = [self.sums.read(), d_out.read(), self.d_sums.write()];
        plan.dispatch("regions", "share_backward", params, &binds, Work::Items(self.sums.len()))?;
        let binds = [field.read(), self.region_of.read(), self.d_sums.read(), d_field.write()];
        plan.dispatch("regions", "backward", params, &binds, Work::Items(field.len() / 2))
    }

    fn check(&self, operation: &str, field: &Slice, out: &Slice) -> Result<(), Error> {
        let [height, width] = self.camera;
        expect(operation, field, &[self.params.batch as usize, height, width, 2])?;
        expect(operation, out, self.sums.shape())
    }
}
