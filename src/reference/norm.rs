//! Length of a gradient over a scope; specification of `shaders/norm.wgsl`.

use super::{Scope, Segment};

/// ||g||, or ||p g|| if adaptive, over the parameters inside the scope.
pub fn forward(gradient: &[f64], parameters: &[f64], segments: &[Segment], scope: Scope, adaptive: bool) -> f64 {
    let terms = gradient.iter().zip(parameters).zip(segments);
    terms
        .map(|((g, p), segment)| (scope.inside(segment) * g * if adaptive { *p } else { 1.0 }).powi(2))
        .sum::<f64>()
        .sqrt()
}
