//! Floor 2: one file a kernel family, with typed functions that check shapes and record dispatches.
//!
//! Shapes are named in the order of the axes; gradients are `d_x`. Everything is overwritten unless it says
//! otherwise.

pub mod activation;
pub mod actuator;
pub mod adam;
pub mod add;
pub mod adversary;
pub mod average;
pub mod bias;
pub mod blur;
mod clock;
pub mod complex_matmul;
pub mod convolution;
pub mod cross_entropy;
pub mod detect;
pub mod disturb;
pub mod draw;
pub mod fft;
mod flat;
pub mod gain;
pub mod half;
pub mod inner_product;
pub mod intensity;
pub mod latent;
pub mod lens;
pub mod load;
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
mod product;
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
mod winograd;

pub use clock::Clock;
pub use flat::{Flat, Grouping, Scope, Segment};
pub use load::Load;

use crate::gpu::{Error, Slice, Work};

/// Lanes of a workgroup, and items that each of them takes where one is little work; `INDEXING_TURNS` of
/// `shaders/shared/indexing.wgsl`.
const LANES: usize = 64;
const TURNS: usize = 16;

/// The workgroups that take so many items in turns.
fn in_turns(items: usize) -> Work {
    Work::Groups(items.div_ceil(LANES * TURNS))
}

/// Checks a tensor's shape.
fn expect(operation: &str, tensor: &Slice, shape: &[usize]) -> Result<(), Error> {
    if tensor.shape() == shape {
        return Ok(());
    }
    Err(Error::Shape {
        what: format!("{operation}, `{}`", tensor.name()),
        expected: format!("{shape:?}"),
        got: format!("{:?}", tensor.shape()),
    })
}

/// The two extents of a matrix.
fn matrix(operation: &str, tensor: &Slice) -> Result<[usize; 2], Error> {
    tensor.shape().try_into().map_err(|_| Error::Shape {
        what: format!("{operation}, `{}`", tensor.name()),
        expected: "a matrix".to_owned(),
        got: format!("{:?}", tensor.shape()),
    })
}

/// The two extents of a complex matrix.
fn complex_matrix(operation: &str, tensor: &Slice) -> Result<[usize; 2], Error> {
    match *tensor.shape() {
        [rows, columns, 2] => Ok([rows, columns]),
        _ => Err(Error::Shape {
            what: format!("{operation}, `{}`", tensor.name()),
            expected: "a complex matrix, [rows, columns, 2]".to_owned(),
            got: format!("{:?}", tensor.shape()),
        }),
    }
}

/// A count as the 32-bit word that kernels take.
fn word(operation: &str, count: usize) -> Result<u32, Error> {
    u32::try_from(count).map_err(|_| Error::Shape {
        what: operation.to_owned(),
        expected: "fewer than 2^32 elements".to_owned(),
        got: count.to_string(),
    })
}
