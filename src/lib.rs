//! scratch
#![forbid(unsafe_code)]
pub mod data;
pub mod figures;
pub mod gpu;
pub mod ops;
pub mod random;
pub mod reference;
