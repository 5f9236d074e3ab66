//! IDX, the format MNIST and its kin are distributed in, plain or gzipped.
//!
//! A big-endian magic number (two zero bytes, the element type, the number of
//! axes), one big-endian `u32` an axis, then the elements in row-major order.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::error::Error;
use super::{Part, Values, file};

/// The names a training and a test split go by: images, then labels.
pub(super) const NAMES: [[&str; 2]; 2] =
    [["train-images-idx3-ubyte", "train-labels-idx1-ubyte"], ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]];

/// A stream of IDX bytes.
pub(super) struct Source<'a> {
    /// Where the stream comes from, for messages.
    at: PathBuf,
    reader: Box<dyn Read + 'a>,
    /// The length in bytes, known only of a file that is not compressed.
    length: Option<u64>,
}

impl<'a> Source<'a> {
    /// Opens `name` in `folder`, or else `name.gz`.
    fn open(folder: &Path, name: &str) -> Result<Self, Error> {
        let at = folder.join(name);
        match file::open(&at) {
            Ok((file, length)) => Ok(Self { at, reader: Box::new(file), length: Some(length) }),
            Err(Error::Missing { .. }) => {
                let zipped = folder.join(format!("{name}.gz"));
                match file::open(&zipped) {
                    Ok((file, _)) => Ok(Self::gzip(zipped, BufReader::new(file))),
                    Err(Error::Missing { .. }) => Err(Error::Missing { path: at }),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// A gzip stream.
    pub(super) fn gzip(at: PathBuf, compressed: impl std::io::BufRead + 'a) -> Self {
        Self { at, reader: Box::new(MultiGzDecoder::new(compressed)), length: None }
    }

    fn read_up_to(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let zipped = self.length.is_none();
        file::read_up_to(&mut self.reader, limit)
            .map_err(|cause| if zipped { Error::gzip(&self.at, cause) } else { Error::io(&self.at, cause) })
    }

    /// Reads an array of unsigned bytes with `axes` axes: its shape and elements.
    fn read(&mut self, axes: u8) -> Result<(Vec<usize>, Vec<u8>), Error> {
        let header_length = 4 + 4 * u64::from(axes);
        let header = self.read_up_to(header_length)?;
        check_magic(&header, axes, &self.at)?;
        file::check_length(header.len() as u64, header_length, &self.at)?;

        let shape: Vec<u32> =
            header[4..].chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
        let wide: Vec<u64> = shape.iter().map(|&axis| axis.into()).collect();
        let body_length = file::claim(&wide, 1, &self.at)?;
        let promised = header_length + body_length;
        if let Some(length) = self.length {
            file::check_length(length, promised, &self.at)?;
        }

        // One byte more than promised tells an exact stream from an endless one,
        // and an exact one is then read to its end, where gzip keeps its checksum.
        let mut body = self.read_up_to(body_length + 1)?;
        file::check_length(header_length + body.len() as u64, promised, &self.at)?;
        body.shrink_to_fit();
        Ok((shape.iter().map(|&axis| axis as usize).collect(), body))
    }
}

/// Reads the training and the test split of a folder.
pub(super) fn read_folder(folder: &Path) -> Result<[Part; 2], Error> {
    let read = |[images, labels]: [&str; 2]| read_part(Source::open(folder, images)?, Source::open(folder, labels)?);
    Ok([read(NAMES[0])?, read(NAMES[1])?])
}

/// Reads one split from its images and its labels.
pub(super) fn read_part(mut images: Source, mut labels: Source) -> Result<Part, Error> {
    let (shape, values) = images.read(3)?;
    let (_, classes) = labels.read(1)?;
    Ok(Part {
        values: Values::Bytes(values),
        shape: shape[1..].to_vec(),
        labels: classes.into_iter().map(u32::from).collect(),
        values_at: images.at,
        labels_at: labels.at,
    })
}

/// Checks as much of the magic number as there is, and guesses at what the
/// file is instead.
fn check_magic(header: &[u8], axes: u8, at: &Path) -> Result<(), Error> {
    let magic = [0, 0, 8, axes];
    let found = &header[..header.len().min(4)];
    if magic.starts_with(found) {
        return Ok(());
    }
    let wanted = if axes == 1 { "labels" } else { "images" };
    match *found {
        [0, 0, 8, 1] => {
            Err(Error::header(at, format!("holds IDX labels where IDX {wanted} belong; check the file names")))
        }
        [0, 0, 8, 3] => {
            Err(Error::header(at, format!("holds IDX images where IDX {wanted} belong; check the file names")))
        }
        [0, 0, 8, n] => Err(Error::Axes {
            path: at.to_owned(),
            found: format!("{n} axes"),
            wanted: "IDX images have 3 axes and IDX labels 1",
        }),
        [0, 0, kind @ 9..=14, _] => Err(Error::ElementType {
            path: at.to_owned(),
            found: format!("IDX elements of type 0x{kind:02x}"),
            wanted: "only unsigned bytes (type 0x08) are read",
        }),
        [0x1f, 0x8b, ..] => Err(Error::header(at, "is a gzip stream; add .gz to its name, or unpack it once")),
        [b'<', ..] => Err(Error::header(at, "is a web page, not IDX data; download the file itself")),
        _ => Err(Error::header(at, format!("is not a file of IDX {wanted}; download it again"))),
    }
}
