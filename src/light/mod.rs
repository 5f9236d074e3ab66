//! Floor 0: free space on the host, in `f64`: lengths with units, sampled planes, transfer functions between them and what
//! sampling does to these, detector regions, pictures for modulators.

mod length;
mod modulator;
mod regions;
mod space;

pub use length::Length;
pub use modulator::{Lookup, Picture, Relief, Screen};
pub use regions::{Rectangle, Regions};
pub use space::{CUT, Grid, Method, Space, Warning};

/// What is wrong with an optical set-up, on one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A text that is no length.
    #[error("`{0}` is no length; give a number and its unit (nm, um, mm, cm, m), such as 532nm")]
    Length(String),
    /// A word for no method of propagation.
    #[error("`{0}` is no way to propagate; there are: {words}", words = Method::ALL.map(Method::word).join(", "))]
    Method(String),
    /// A number out of its range.
    #[error("{what} is {got}, expected {expected}")]
    Range {
        /// Its name.
        what: &'static str,
        /// The number.
        got: String,
        /// What would do.
        expected: String,
    },
    /// A picture or look-up table that a modulator cannot have.
    #[error("{0}")]
    Picture(String),
    /// Regions that a camera cannot have.
    #[error("{0}")]
    Regions(String),
}
