//! Adam on the flat vector, with decoupled weight decay and bounds; `shaders/adam.wgsl`.

use super::{Clock, Flat, Scope, expect, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        count: u32,
        beta_1: f32,
        beta_2: f32,
        epsilon: f32,
        decay: f32,
        decay_scope: u32,
        rate: f32,
    }
}

/// Constants of Adam (Kingma and Ba, ICLR 2015); the learning rate and the bias corrections come with the clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay of the mean.
    pub beta_1: f32,
    /// Decay of the mean square.
    pub beta_2: f32,
    /// Added to the root of the mean square.
    pub epsilon: f32,
    /// Weight decay, decoupled from the gradient (AdamW; Loshchilov and Hutter, ICLR 2019): a step also takes away this
    /// part of the parameter, times the learning rate. 0 is plain Adam.
    pub decay: f32,
    /// Which parameters decay.
    pub decay_scope: Scope,
    /// What the clock's learning rate is multiplied by.
    pub rate: f32,
}

impl Adam {
    /// One step of the parameters in place; `mean` and `square` are as long as they.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn update(
        &self,
        plan: &mut PlanBuilder<'_>,
        clock: &Slice,
        flat: &Flat,
        mean: &Slice,
        square: &Slice,
    ) -> Result<(), Error> {
        expect("adam::update", mean, flat.parameters.shape())?;
        expect("adam::update", square, flat.parameters.shape())?;
        for piece in flat.pieces(plan.gpu()) {
            let params = Params {
                count: word("adam", piece.1.div_ceil(4))?,
                beta_1: self.beta_1,
                beta_2: self.beta_2,
                epsilon: self.epsilon,
                decay: self.decay,
                decay_scope: self.decay_scope.word(),
                rate: self.rate,
            };
            let (gradient, segments, parameters) = (
                Flat::piece(&flat.gradient, piece)?,
                flat.piece_segments(piece)?,
                Flat::piece(&flat.parameters, piece)?,
            );
            let (mean, square) = (Flat::piece(mean, piece)?, Flat::piece(square, piece)?);
            let binds = [
                clock.uniform::<Clock>(),
                gradient.read(),
                segments.read(),
                parameters.update(),
                mean.update(),
                square.update(),
            ];
            plan.dispatch("adam", "update", &params, &binds, Work::Items(piece.1.div_ceil(4)))?;
        }
        Ok(())
    }
}
