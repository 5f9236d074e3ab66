//! Lengths of a gradient over the groups of a scope; specification of `shaders/norm.wgsl`.

use super::{Grouping, Scope, Segment};

/// How the length of a gradient is taken.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Which parameters count.
    pub scope: Scope,
    /// Count every component in proportion to its parameter.
    pub adaptive: bool,
    /// Which of them have a length together.
    pub grouping: Grouping,
}

impl Measure {
    /// ||g||, or ||p g|| if adaptive, over the parameters of each of so many groups inside the scope.
    pub fn forward(&self, gradient: &[f64], parameters: &[f64], segments: &[Segment], groups: usize) -> Vec<f64> {
        let mut squares = vec![0.0; groups];
        for ((g, p), segment) in gradient.iter().zip(parameters).zip(segments) {
            if self.scope.inside(segment) == 1.0 {
                squares[self.grouping.of(segment)] += (g * if self.adaptive { *p } else { 1.0 }).powi(2);
            }
        }
        squares.into_iter().map(f64::sqrt).collect()
    }
}
