//! The adversarial step of sharpness-aware training; specification of `shaders/perturb.wgsl`.

use super::{Scope, Segment, norm};

/// p + rho g/||g||, or p + rho p^2 g/||p g|| if adaptive, inside the scope (Foret et al., ICLR 2021; Kwon et
/// al., ICML 2021). A zero gradient moves nothing.
pub fn ascend(
    parameters: &[f64],
    gradient: &[f64],
    segments: &[Segment],
    scope: Scope,
    adaptive: bool,
    rho: f64,
) -> Vec<f64> {
    let length = norm::forward(gradient, parameters, segments, scope, adaptive);
    let factor = if length == 0.0 { 0.0 } else { rho / length };
    let terms = parameters.iter().zip(gradient).zip(segments);
    terms
        .map(|((p, g), segment)| {
            // Outside nothing moves, not even by a step that is NaN.
            let inside = scope.inside(segment) == 1.0;
            if inside { p + factor * g * if adaptive { p * p } else { 1.0 } } else { *p }
        })
        .collect()
}
