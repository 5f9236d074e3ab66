//! What the proofs of the kernels share: an open device, and one declaration per kernel case, which the tests read and
//! `benches/kernels.rs` too.
#![allow(dead_code, reason = "each test and bench uses a part of it")]

pub mod case;

use std::sync::OnceLock;

use flatlight::gpu::{Gpu, Options};

/// Opens a device. A machine without an adapter cannot pass: the message says what to install.
pub fn open(options: &Options) -> Gpu {
    Gpu::open(options).unwrap_or_else(|error| panic!("the kernels cannot be tested here: {error}"))
}

/// The device that most tests of a binary share.
pub fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| open(&Options::default()))
}
