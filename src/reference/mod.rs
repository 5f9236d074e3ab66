//! Floor 0: the specification. Every kernel of `shaders/` has its twin here under the same name, in `f64`,
//! written to be read; tests and benches hold the kernels against it. Nothing else may call it.
//!
//! Matrices are row-major slices. A backward function takes the gradient of a scalar with respect to the
//! outputs and returns the gradient with respect to the inputs.

pub mod activation;
pub mod actuator;
pub mod adam;
pub mod add;
pub mod adversary;
pub mod average;
pub mod bias;
pub mod blur;
pub mod complex_matmul;
pub mod convolution;
pub mod cross_entropy;
pub mod detect;
pub mod disturb;
pub mod draw;
pub mod fft;
pub mod gain;
pub mod half;
pub mod inner_product;
pub mod intensity;
pub mod latent;
pub mod lens;
pub mod matmul;
pub mod mean_squared_error;
pub mod mesh;
pub mod metrics;
pub mod microring;
pub mod norm;
pub mod normalization;
pub mod perturb;
pub mod phase_shifter;
pub mod plane;
pub mod pool;
pub mod ports;
pub mod probe;
pub mod propagation;
pub mod regions;
pub mod resample;
pub mod ring_bank;
pub mod sgd;
pub mod shortcut;
pub mod slope;
pub mod source;
pub mod structural_similarity;
pub mod sum;
pub mod tiles;
pub mod tilt;
pub mod transfer;
pub mod transmission;
pub mod upsample;
pub mod winograd;

/// Bounds and role of a parameter, as in `shaders/shared/segments.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Whether it is a physical control parameter.
    pub control: bool,
    /// Whether it is no parameter but a statistic that passes keep.
    pub kept: bool,
    /// Number of its tensor.
    pub tensor: usize,
}

impl Segment {
    /// The nearest value inside the bounds; NaN stays NaN.
    pub fn project(&self, value: f64) -> f64 {
        if value < self.lower {
            self.lower
        } else if value > self.upper {
            self.upper
        } else {
            value
        }
    }
}

/// Which parameters something acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The physical control parameters.
    Control,
    /// Every parameter.
    All,
    /// All that are not physical control parameters.
    Digital,
}

impl Scope {
    /// 1 inside, 0 outside.
    pub fn inside(self, segment: &Segment) -> f64 {
        let inside = match self {
            Self::Control => segment.control,
            Self::All => true,
            Self::Digital => !segment.control,
        };
        if inside && !segment.kept { 1.0 } else { 0.0 }
    }
}

/// Over which parameters together a length is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// The whole scope.
    All,
    /// The control parameters, and the digital ones.
    Group,
    /// Every tensor.
    Layer,
}

impl Grouping {
    /// Number of the group that a parameter belongs to.
    pub fn of(self, segment: &Segment) -> usize {
        match self {
            Self::All => 0,
            Self::Group => usize::from(!segment.control),
            Self::Layer => segment.tensor,
        }
    }
}

/// Central differences of `f` at `x`: component i is (f(x + h e_i) - f(x - h e_i)) / 2h.
pub fn central_differences(f: impl Fn(&[f64]) -> f64, x: &[f64], h: f64) -> Vec<f64> {
    let mut at = x.to_vec();
    (0..x.len())
        .map(|i| {
            at[i] = x[i] + h;
            let above = f(&at);
            at[i] = x[i] - h;
            let below = f(&at);
            at[i] = x[i];
            (above - below) / (2.0 * h)
        })
        .collect()
}
