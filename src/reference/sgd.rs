//! Stochastic gradient descent with momentum; specification of `shaders/sgd.wgsl`.

use super::Segment;

/// Constants of the method.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f64,
    /// Momentum; 0 is plain descent.
    pub momentum: f64,
}

impl Sgd {
    /// One step in place, then projection onto the bounds.
    pub fn update(&self, parameters: &mut [f64], velocity: &mut [f64], gradient: &[f64], segments: &[Segment]) {
        for i in 0..parameters.len() {
            velocity[i] = self.momentum * velocity[i] + gradient[i];
            parameters[i] = segments[i].project(parameters[i] - self.learning_rate * velocity[i]);
        }
    }
}
