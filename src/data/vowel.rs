//! The embedded set of spoken vowels.
//!
//! D. Deterding, M. Niranjan and T. Robinson, UCI Machine Learning Repository,
//! <https://doi.org/10.24432/C58P4S>, CC BY 4.0: ten log area ratios of eleven
//! vowels, 528 samples of eight speakers for training and 462 of seven others
//! for testing.

use super::error::Error;
use super::{Dataset, assemble, csv};

macro_rules! embedded {
    ($name:literal) => {
        csv::parse(
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/data/vowel/", $name)),
            concat!("embedded vowel/", $name).as_ref(),
        )
    };
}

/// Reads the embedded set.
pub(super) fn load() -> Result<Dataset, Error> {
    assemble("vowel", embedded!("vowel.train.csv")?, embedded!("vowel.test.csv")?)
}
