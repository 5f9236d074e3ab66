//! Adam; specification of `shaders/adam.wgsl`.

use super::{Scope, Segment};

/// Constants of Adam (Kingma and Ba, ICLR 2015) with decoupled weight decay (Loshchilov and Hutter, ICLR 2019, algorithm 2,
/// the learning rate scaling both terms).
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the mean.
    pub beta_1: f64,
    /// Decay of the mean square.
    pub beta_2: f64,
    /// Added to the root of the mean square.
    pub epsilon: f64,
    /// Weight decay.
    pub decay: f64,
    /// Which parameters decay.
    pub decay_scope: Scope,
}

impl Adam {
    /// Step number `t` (from 1) in place, then projection onto the bounds.
    pub fn update(
        &self,
        t: i32,
        parameters: &mut [f64],
        mean: &mut [f64],
        square: &mut [f64],
        gradient: &[f64],
        segments: &[Segment],
    ) {
        for i in 0..parameters.len() {
            let g = gradient[i];
            mean[i] = self.beta_1 * mean[i] + (1.0 - self.beta_1) * g;
            square[i] = self.beta_2 * square[i] + (1.0 - self.beta_2) * g * g;
            let m = mean[i] / (1.0 - self.beta_1.powi(t));
            let v = square[i] / (1.0 - self.beta_2.powi(t));
            let decay = self.decay * self.decay_scope.inside(&segments[i]) * parameters[i];
            let step = self.learning_rate * (m / (v.sqrt() + self.epsilon) + decay);
            parameters[i] = segments[i].project(parameters[i] - step);
        }
    }
}
