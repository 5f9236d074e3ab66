//! A step of the adversary that moves imperfections; `shaders/adversary.wgsl`.

use super::{expect, word};
use crate::gpu::{ALIGNMENT_WORDS, Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32, only_one: u32, step: f32, range: f32 }
}

/// c = c + step sign(g), held within -range..range, of imperfections c of any shape and their gradient g: of the same shape, or
/// `[1]` where one number counts for all. Where g is 0, c stays.
///
/// The step in the direction of the sign is the fast gradient sign method (Goodfellow et al., ICLR 2015), held in a box as in
/// projected gradient descent (Madry et al., ICLR 2018).
///
/// # Errors
/// Shapes that do not fit.
pub fn forward(plan: &mut PlanBuilder<'_>, step: f32, range: f32, g: &Slice, c: &Slice) -> Result<(), Error> {
    let operation = "adversary::forward";
    let only_one = g.shape() == [1];
    if !only_one {
        expect(operation, g, c.shape())?;
    }
    let params = Params { count: word(operation, c.len())?, only_one: u32::from(only_one), step, range };
    plan.dispatch("adversary", "forward", &params, &[g.read(), c.update()], Work::Items(c.len()))
}

/// u = c / range: where in its range an imperfection stands, u `[1]`, that has one value c in a tensor of any shape.
///
/// # Errors
/// Shapes that do not fit.
pub fn relative(plan: &mut PlanBuilder<'_>, range: f32, c: &Slice, u: &Slice) -> Result<(), Error> {
    expect("adversary::relative", u, &[1])?;
    let params = Params { count: 1, range, ..Default::default() };
    plan.dispatch("adversary", "relative", &params, &[c.read(), u.write()], Work::Groups(1))
}

/// c = range u, all elements of a tensor of any shape: the way back from [`relative`].
///
/// # Errors
/// Shapes that do not fit.
pub fn absolute(plan: &mut PlanBuilder<'_>, range: f32, u: &Slice, c: &Slice) -> Result<(), Error> {
    let operation = "adversary::absolute";
    expect(operation, u, &[1])?;
    let params = Params { count: word(operation, c.len())?, range, ..Default::default() };
    plan.dispatch("adversary", "absolute", &params, &[c.write(), u.read()], Work::Items(c.len()))
}

/// u = u + step g / ||g||, and back to length 1 where that is longer: a vector u `[n, ALIGNMENT_WORDS]` of which the first of each row
/// counts, and its gradient g of the same layout. Where g is 0, u does not step.
///
/// A step of projected gradient descent within a ball (Madry et al., ICLR 2018): of u = c / range, within an ellipsoid of c.
///
/// # Errors
/// Shapes that do not fit.
pub fn climb(plan: &mut PlanBuilder<'_>, step: f32, g: &Slice, u: &Slice) -> Result<(), Error> {
    let operation = "adversary::climb";
    let count = u.len() / ALIGNMENT_WORDS;
    expect(operation, u, &[count, ALIGNMENT_WORDS])?;
    expect(operation, g, u.shape())?;
    plan.check_loop(operation, 4 * count)?;
    let params = Params { count: word(operation, count)?, step, ..Default::default() };
    plan.dispatch("adversary", "climb", &params, &[g.read(), u.update()], Work::Groups(1))
}
