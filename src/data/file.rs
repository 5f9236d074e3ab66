//! Opening and reading files without trusting what they say of themselves.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::error::{Error, times};

/// The most bytes one array may claim: far above the sets meant, far below
/// what a damaged header can say.
pub(super) const LIMIT: u64 = 16 << 30;

/// Opens a regular file and tells its length in bytes.
pub(super) fn open(path: &Path) -> Result<(File, u64), Error> {
    // Looked at before it is opened: opening a named pipe would wait forever.
    let meta = fs::metadata(path).map_err(|e| Error::io(path, e))?;
    if !meta.is_file() {
        return Err(Error::io(path, io::Error::other("not a regular file")));
    }
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    Ok((file, meta.len()))
}

/// The bytes an array of `shape` takes at `each` bytes an element.
///
/// # Errors
/// [`Error::Empty`] for an axis of 0, [`Error::TooLarge`] beyond [`LIMIT`] or
/// beyond what a machine word can count.
pub(super) fn claim(shape: &[u64], each: u64, at: &Path) -> Result<u64, Error> {
    if shape.contains(&0) {
        return Err(Error::Empty { path: at.to_owned() });
    }
    shape
        .iter()
        .try_fold(each, |bytes, &axis| bytes.checked_mul(axis))
        .filter(|&bytes| bytes <= LIMIT && usize::try_from(bytes).is_ok())
        .ok_or_else(|| Error::TooLarge { path: at.to_owned(), claimed: times(shape) })
}

/// Compares a length in bytes with the length the header promises.
pub(super) fn check_length(found: u64, expected: u64, at: &Path) -> Result<(), Error> {
    let path = at.to_owned();
    match found.cmp(&expected) {
        std::cmp::Ordering::Less => Err(Error::Truncated { path, expected, found }),
        std::cmp::Ordering::Greater => Err(Error::Trailing { path, expected }),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

/// Reads at most `limit` bytes; memory grows with what arrives, not with `limit`.
pub(super) fn read_up_to(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
