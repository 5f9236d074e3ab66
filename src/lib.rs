//! **Flatlight** trains photonic neural networks on any GPU, and makes them forgive the device they run on.
//!
//! Hand-written WGSL kernels run the forward, backward and adversarial passes; this crate orchestrates them. The
//! command line is described in the README; `ARCHITECTURE.md` says why things are as they are.
//!
//! # Floors
//! A module imports only from floors below its own; `tests/layering.rs` holds this.
//!
//! | Floor | Room | What it is |
//! |---|---|---|
//! | 0 | [`data`] | data sets: IDX, CSV, npy, the embedded digits; arrays of numpy |
//! | 0 | [`figures`] | charts as SVG and PNG |
//! | 0 | [`files`] | files written whole or not at all |
//! | 0 | [`hardware`] | a program of the user's that plays layers on a bench |
//! | 0 | [`light`] | free space: lengths, grids, transfer functions, sampling, detector regions |
//! | 0 | [`mesh`] | matrices of interferometer meshes: composed, decomposed, random |
//! | 0 | [`random`] | counter-based random numbers, twin of the kernels' |
//! | 0 | [`mod@reference`] | the `f64` specification of every kernel |
//! | 1 | [`gpu`] | adapters, buffers, shader linker, kernels, plans |
//! | 2 | [`ops`] | one file a kernel family: records dispatches into a plan |
//! | 3 | [`layer`] | what every layer promises |
//! | 4 | [`optics`], [`electronics`] | photonic and digital layers |
//! | 5 | [`network`] | layers compiled into plans over flat buffers |
//! | 6 | [`training`], [`robustness`] | methods and loop; sweeps over imperfections |
//! | 7 | [`recipe`], [`run`] | the TOML recipe and the run folder |
//! | 8 | [`cli`] | arguments, progress, messages |
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::dbg_macro))]

pub mod cli;
pub mod data;
pub mod electronics;
pub mod figures;
pub mod files;
pub mod gpu;
pub mod hardware;
pub mod layer;
pub mod light;
pub mod mesh;
pub mod network;
pub mod ops;
pub mod optics;
pub mod random;
pub mod recipe;
pub mod reference;
pub mod robustness;
pub mod run;
pub mod training;

/// The README's code must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
