//! The set that needs no files: optical recognition of handwritten digits.
//!
//! E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998,
//! <https://doi.org/10.24432/C50P49>, CC BY 4.0: 8x8 images with values 0 to
//! 16, 3,823 for training and 1,797, by other writers, for testing.

use super::error::Error;
use super::idx::{Source, read_part};
use super::{Dataset, assemble};

macro_rules! embedded {
    ($name:literal) => {
        Source::gzip(
            concat!("embedded digits/", $name).into(),
            &include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/data/digits/", $name))[..],
        )
    };
}

/// Decodes the embedded set.
pub(super) fn load() -> Result<Dataset, Error> {
    let train = read_part(embedded!("train-images-idx3-ubyte.gz"), embedded!("train-labels-idx1-ubyte.gz"))?;
    let test = read_part(embedded!("t10k-images-idx3-ubyte.gz"), embedded!("t10k-labels-idx1-ubyte.gz"))?;
    Ok(Dataset { scale: 1.0 / 16.0, ..assemble("digits", train, test)? })
}
