//! Functions applied element by element; `shaders/activation.wgsl`.

use super::{expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" { count: u32 }
}

/// What is applied to every element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x where x > 0, else 0.
    Relu,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// Entry points of the two passes.
    fn entries(self) -> [&'static str; 2] {
        match self {
            Self::Relu => ["relu_forward", "relu_backward"],
            Self::Sigmoid => ["sigmoid_forward", "sigmoid_backward"],
            Self::Tanh => ["tanh_forward", "tanh_backward"],
        }
    }

    /// y = f(x); any shape.
    ///
    /// # Errors
    /// Shapes that differ.
    pub fn forward(self, plan: &mut PlanBuilder<'_>, x: &Slice, y: &Slice) -> Result<(), Error> {
        let [entry, _] = self.entries();
        expect(&format!("activation::{entry}"), y, x.shape())?;
        let quads = x.len().div_ceil(4);
        let params = Params { count: word(entry, quads)? };
        plan.dispatch("activation", entry, &params, &[x.read(), y.write()], Work::Items(quads))
    }

    /// d_x = d_y f'(x), which the output y of the forward pass tells.
    ///
    /// # Errors
    /// Shapes that differ.
    pub fn backward(self, plan: &mut PlanBuilder<'_>, y: &Slice, d_y: &Slice, d_x: &Slice) -> Result<(), Error> {
        let [_, entry] = self.entries();
        let operation = format!("activation::{entry}");
        expect(&operation, d_y, y.shape())?;
        expect(&operation, d_x, y.shape())?;
        let quads = y.len().div_ceil(4);
        let params = Params { count: word(entry, quads)? };
        plan.dispatch("activation", entry, &params, &[d_y.read(), d_x.write(), y.read()], Work::Items(quads))
    }
}
