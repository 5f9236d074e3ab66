//! The adversarial step of sharpness-aware training; specification of `shaders/perturb.wgsl`.

use super::Segment;
use super::norm::Measure;

/// How far and how the adversary moves.
#[derive(Clone, Copy, Debug)]
pub struct Ascent {
    /// Which parameters move, and by what length their move is normalised.
    pub measure: Measure,
    /// Radius for control parameters.
    pub rho: f64,
    /// Radius for digital parameters.
    pub rho_digital: f64,
}

impl Ascent {
    /// p + rho g/||g||, or p + rho p^2 g/||p g|| if adaptive, inside the scope, with the length over the parameter's group
    /// (Foret et al., ICLR 2021; Kwon et al., ICML 2021). A zero gradient moves nothing.
    pub fn ascend(&self, parameters: &[f64], gradient: &[f64], segments: &[Segment]) -> Vec<f64> {
        let Measure { scope, adaptive, grouping } = self.measure;
        let groups = segments.iter().map(|segment| grouping.of(segment) + 1).max().unwrap_or(0);
        let norms = self.measure.forward(gradient, parameters, segments, groups);
        let terms = parameters.iter().zip(gradient).zip(segments);
        terms
            .map(|((p, g), segment)| {
                let norm = norms[grouping.of(segment)];
                let rho = if segment.control { self.rho } else { self.rho_digital };
                let factor = if norm == 0.0 { 0.0 } else { rho / norm };
                // Outside nothing moves, not even by a step that is NaN.
                let inside = scope.inside(segment) == 1.0;
                if inside { p + factor * g * if adaptive { p * p } else { 1.0 } } else { *p }
            })
            .collect()
    }
}
