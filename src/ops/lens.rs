//! A lens with an aperture; `shaders/lens.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        height: u32,
        width: u32,
        element: u32,
        n_groups: u32,
        component: u32,
        added: u32,
        turn: u32,
        rest: f32,
        step: f32,
        limit: f32,
    }
}

/// Where the middles of lenses are from that of the grid, along x and y, samples, `[n]` each, and which lens it is.
pub type Shifts<'a> = ([&'a Slice; 2], usize);

/// A thin lens in a round aperture that moves with it: t = exp(-i pi r^2 / (lambda f)) within, 0 outside.
///
/// The phase is accurate to 4e-6 rad where neighbours are up to a few turns apart, however many turns they have and wherever the
/// lens is. Results are NaN where a shift is not below 2^23 samples.
#[derive(Clone, Copy, Debug)]
pub struct Lens {
    /// Distance between samples, m.
    pub pitch: f64,
    /// Wavelength, m.
    pub wavelength: f64,
    /// Focal length f, m; none: there is only the aperture.
    pub focal_length: Option<f64>,
    /// Diameter of the aperture, m; none: it is open everywhere.
    pub aperture: Option<f64>,
}

/// Lanes of a workgroup, and samples that each of them adds up first.
const LANES: usize = 64;
const TURNS: usize = 16;

impl Lens {
    /// Transmission t `[height, width, 2]`.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, shifts: Shifts<'_>, t: &Slice) -> Result<(), Error> {
        let params = self.params("lens::forward", shifts, t)?;
        let binds = [shifts.0[0].read(), shifts.0[1].read(), t.write()];
        plan.dispatch("lens", "forward", &params, &binds, Work::Items(t.len() / 2))
    }

    /// Shape of the partial sums of [`backward`](Self::backward).
    pub fn partials(height: usize, width: usize) -> [usize; 2] {
        [(height * width).div_ceil(LANES * TURNS), 2]
    }

    /// Gradient of the shifts of this lens, 1/sample, among those of all lenses `[n]`, `added` to what is there or written over it,
    /// from that of t. It is that of the phase: the
    /// rim of the aperture goes from sample to sample and has none.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        shifts: Shifts<'_>,
        d_t: &Slice,
        partials: &Slice,
        (d_shifts, added): ([&Slice; 2], bool),
    ) -> Result<(), Error> {
        let operation = "lens::backward";
        let params = self.params(operation, shifts, d_t)?;
        expect(operation, partials, &Self::partials(d_t.shape()[0], d_t.shape()[1]))?;
        let n_groups = partials.shape()[0];
        plan.check_loop("lens::total", n_groups.div_ceil(LANES) + 6)?;
        let binds = [shifts.0[0].read(), shifts.0[1].read(), d_t.read(), partials.write()];
        plan.dispatch("lens", "partial", &params, &binds, Work::Groups(n_groups))?;
        for ((component, shift), d_shift) in (0..).zip(shifts.0).zip(d_shifts) {
            expect(operation, d_shift, shift.shape())?;
            let binds = [partials.read(), d_shift.update()];
            plan.dispatch(
                "lens",
                "total",
                &Params { component, added: u32::from(added), ..params },
                &binds,
                Work::Groups(1),
            )?;
        }
        Ok(())
    }

    fn params(&self, operation: &str, (shifts, element): Shifts<'_>, t: &Slice) -> Result<Params, Error> {
        let shape = |axis: usize| t.shape().get(axis).copied().unwrap_or(0);
        let (height, width) = (shape(0), shape(1));
        expect(operation, t, &[height, width, 2])?;
        for shift in shifts {
            expect(operation, shift, &[shift.len().max(element + 1)])?;
        }
        word(operation, t.len())?;
        // Turns of phase at half a sample from the middle; whole ones do not count, as squares of halves are whole numbers.
        let turns =
            self.focal_length.map_or(0.0, |focal_length| self.pitch.powi(2) / (8.0 * self.wavelength * focal_length));
        let part = turns - turns.floor();
        let turn = (part * 2.0_f64.powi(32)).round();
        Ok(Params {
            height: word(operation, height)?,
            width: word(operation, width)?,
            element: word(operation, element)?,
            n_groups: word(operation, Self::partials(height, width)[0])?,
            component: 0,
            added: 0,
            // 2^32 of them are none.
            turn: turn as u64 as u32,
            rest: (part - turn / 2.0_f64.powi(32)) as f32,
            step: (4.0 * turns) as f32,
            limit: self.aperture.map_or(f32::MAX, |diameter| (diameter / self.pitch).powi(2) as f32),
        })
    }
}
