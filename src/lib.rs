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
//! | 0 | [`data`] | data sets: IDX, CSV, npy, the embedded digits |
//! | 0 | [`figures`] | charts as SVG and PNG |
//! | 0 | [`files`] | files written whole or not at all |
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
//!
//! # A network by hand
//! ```no_run
//! use flatlight::{data, gpu::{Gpu, Options}, network::Network, recipe::Recipe, training::Trainer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let recipe = Recipe::load("digits-rings", &["training.epochs=5".to_owned()])?;
//! let data = data::load(&recipe.data.set, None)?;
//! let gpu = Gpu::open(&Options::default())?;
//! let network = Network::new(&gpu, &recipe.layers, &data.shape, data.classes, recipe.training.batch)?;
//! let normalisation = data.normalisation(recipe.data.normalise);
//! let mut trainer = Trainer::new(&network, &recipe.training, &data, normalisation, recipe.seed)?;
//! while let Some(row) = trainer.epoch(&mut |_step| true)? {
//!     println!("epoch {}: test accuracy {:.3}", row.epoch, row.test_accuracy);
//!     if trainer.is_done() {
//!         break;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::dbg_macro))]

pub mod cli;
pub mod data;
pub mod electronics;
pub mod figures;
pub mod files;
pub mod gpu;
pub mod layer;
pub mod network;
pub mod ops;
pub mod optics;
pub mod random;
pub mod recipe;
pub mod reference;
pub mod robustness;
pub mod run;
pub mod training;
