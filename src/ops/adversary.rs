//! A step of the adversary that moves imperfections; `shaders/adversary.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
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
