//! A plane that turns light; `shaders/tilt.wgsl`.

use super::{LANES, TURNS, expect, in_turns, word};
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
        back: u32,
        rate: f32,
    }
}

/// Angles along x and y by which planes turn light, degrees, `[n]` each, and which plane it is.
pub type Angles<'a> = ([&'a Slice; 2], usize);

/// A plane that turns light by small angles along x and y: t exp(2 pi i (x sin(a_x) + y sin(a_y)) / lambda), x and y from the middle of
/// its grid. It is the wedge of a plate, or twice the tilt of a modulator that reflects. Without angles t is left as it is.
///
/// The phase is accurate to 2e-7 of itself and 1e-6 rad, as if the angle were off by 2e-7 of itself: 1e-3 rad where it
/// reaches a thousand turns.
#[derive(Clone, Copy, Debug)]
pub struct Tilt {
    /// Distance between samples, m.
    pub pitch: f64,
    /// Wavelength, m.
    pub wavelength: f64,
}

impl Tilt {
    /// Transmission t `[height, width, 2]` of a plane, turned in place.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, angles: Angles<'_>, t: &Slice) -> Result<(), Error> {
        self.turn(plan, "tilt::forward", angles, t, 0)
    }

    /// Gradient of t before it was turned, in place of that of what it became.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(&self, plan: &mut PlanBuilder<'_>, angles: Angles<'_>, d_t: &Slice) -> Result<(), Error> {
        self.turn(plan, "tilt::backward", angles, d_t, 1)
    }

    /// Shape of the partial sums of [`backward_angles`](Self::backward_angles).
    pub fn partials(height: usize, width: usize) -> [usize; 2] {
        [(height * width).div_ceil(LANES * TURNS), 2]
    }

    /// Gradient of the angles of this plane, 1/degree, among those of all planes `[n]`, `added` to what is there or written over it,
    /// from t and its gradient: both as
    /// [`forward`](Self::forward) left them, or both as they were before, and after [`backward`](Self::backward).
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward_angles(
        &self,
        plan: &mut PlanBuilder<'_>,
        angles: Angles<'_>,
        [t, d_t]: [&Slice; 2],
        partials: &Slice,
        (d_angles, added): ([&Slice; 2], bool),
    ) -> Result<(), Error> {
        let operation = "tilt::backward_angles";
        let params = self.params(operation, angles, t)?;
        expect(operation, d_t, t.shape())?;
        expect(operation, partials, &Self::partials(t.shape()[0], t.shape()[1]))?;
        let n_groups = partials.shape()[0];
        plan.check_loop("tilt::total", n_groups.div_ceil(LANES) + 6)?;
        let binds = [t.read(), d_t.read(), partials.write()];
        plan.dispatch("tilt", "partial", &params, &binds, Work::Groups(n_groups))?;
        for ((component, angle), d_angle) in (0..).zip(angles.0).zip(d_angles) {
            expect(operation, d_angle, angle.shape())?;
            let binds = [angle.read(), partials.read(), d_angle.update()];
            plan.dispatch(
                "tilt",
                "total",
                &Params { component, added: u32::from(added), ..params },
                &binds,
                Work::Groups(1),
            )?;
        }
        Ok(())
    }

    fn turn(
        &self,
        plan: &mut PlanBuilder<'_>,
        operation: &str,
        angles: Angles<'_>,
        t: &Slice,
        back: u32,
    ) -> Result<(), Error> {
        let params = Params { back, ..self.params(operation, angles, t)? };
        let binds = [angles.0[0].read(), angles.0[1].read(), t.update()];
        plan.dispatch("tilt", "turn", &params, &binds, in_turns(t.len() / 2))
    }

    fn params(&self, operation: &str, (angles, element): Angles<'_>, t: &Slice) -> Result<Params, Error> {
        let shape = |axis: usize| t.shape().get(axis).copied().unwrap_or(0);
        let (height, width) = (shape(0), shape(1));
        expect(operation, t, &[height, width, 2])?;
        for angle in angles {
            expect(operation, angle, &[angle.len().max(element + 1)])?;
        }
        word(operation, t.len())?;
        Ok(Params {
            height: word(operation, height)?,
            width: word(operation, width)?,
            element: word(operation, element)?,
            n_groups: word(operation, Self::partials(height, width)[0])?,
            component: 0,
            added: 0,
            back: 0,
            rate: (self.pitch / (2.0 * self.wavelength)) as f32,
        })
    }
}
