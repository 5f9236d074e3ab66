//! Floor 1: the device. Adapters, buffers, the shader library, kernels, plans, profiles, errors.
//!
//! A [`Plan`] is a list of dispatches with their bind groups ready, recorded once by a [`PlanBuilder`], which
//! checks every dispatch against what the shader declares. [`Gpu::submit`] replays any number of plans in one
//! pass of one submission.

mod buffer;
mod device;
mod error;
mod kernel;
mod plan;
mod profile;
pub mod shaders;
mod uniform;
mod variants;

pub use buffer::{ALIGNMENT_WORDS, Access, Bind, Scalar, Slice, Word, align};
pub use device::{AdapterSummary, Counters, Gpu, Options};
pub use error::{Error, bytes};
pub use kernel::{Constant, Kernel};
pub use plan::{MAX_LOOP_TURNS, Plan, PlanBuilder, Recorded, Work};
pub use profile::{Profile, Row};
pub use uniform::{Field, Layout, Uniform};
