//! scratch
#![forbid(unsafe_code)]
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
