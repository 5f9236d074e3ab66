//! Everything that can go wrong while a data set or an array is loaded.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// Why a data set or an array could not be loaded.
///
/// Each message is one line: where, what is wrong there, and what to do. Lines
/// and columns count from 1, as editors do; samples and elements count from 0,
/// as arrays do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No set of that name in any of the places looked at.
    #[error("no data set {set:?}: looked {}; known here: {}{}", places(.looked), list(.known), hint(.set, .nearest.as_deref()))]
    NotFound {
        /// The name or path asked for.
        set: String,
        /// Every folder looked for.
        looked: Vec<PathBuf>,
        /// The names that would have worked.
        known: Vec<String>,
        /// The known name most like the one asked for.
        nearest: Option<String>,
    },

    /// A share of the training split that leaves one part empty.
    #[error("holding out {share} of {samples} training samples leaves a part without any; choose another share")]
    HoldOut {
        /// The share.
        share: f64,
        /// Training samples there are.
        samples: usize,
    },

    /// Samples without spatial frequencies.
    #[error(
        "the Fourier transform takes images [height, width], not samples of {shape}; leave it out, or use another set"
    )]
    NoImages {
        /// Shape of a sample.
        shape: String,
    },

    /// Samples without channels.
    #[error("`channel` takes images [height, width] or [channels, height, width], not samples of {}; choose `standard` or `feature`", times(.shape))]
    NoChannels {
        /// Shape of a sample.
        shape: Vec<usize>,
    },

    /// More spatial frequencies than an image has, or none.
    #[error("must be 1 to {side}, the smaller side of an image, not {coefficients}")]
    Coefficients {
        /// The frequencies asked for along either axis.
        coefficients: usize,
        /// The smaller side, pixels.
        side: usize,
    },

    /// The path names a file where a folder is wanted.
    #[error("{}: a data set is a folder or cifar-10-binary.tar.gz, this is another file; give the folder that holds it", show(.path))]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },

    /// The folder holds none of the layouts understood.
    #[error("{}: holds no data set: expected {}; found {}; see the documentation for the layouts", show(.path), super::LAYOUTS, list(.found))]
    Layout {
        /// The folder.
        path: PathBuf,
        /// The names in it.
        found: Vec<String>,
    },

    /// Several files could be the one wanted.
    #[error("{}: more than one `*{suffix}` here: {}; keep one, or name it after the folder", show(.path), list(.found))]
    Ambiguous {
        /// The folder.
        path: PathBuf,
        /// How the names end.
        suffix: &'static str,
        /// The names in question.
        found: Vec<String>,
    },

    /// A file is absent.
    #[error("{}: this file is missing; check the path, or put it beside the others of its set", show(.path))]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },

    /// What would make a folder a set is not there in whole.
    #[error("{}: {name} is what a fetch that stopped has left; give the same `flatlight fetch` again, which goes on from there", show(.path))]
    Unfinished {
        /// The folder.
        path: PathBuf,
        /// The file that is not whole.
        name: String,
    },

    /// The operating system refused to open or read a path.
    #[error("{}: cannot be read: {cause}; check that it is a file you may read", show(.path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },

    /// A compressed file does not decompress.
    #[error("{}: broken gzip stream: {cause}; download or copy it again", show(.path))]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        cause: io::Error,
    },

    /// The header is not the one this kind of file starts with.
    #[error("{}: {what}", show(.path))]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and the remedy.
        what: String,
    },

    /// An archive does not hold what it should, or not as it should.
    #[error("{}: {what}", show(.path))]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it, and the remedy.
        what: String,
    },

    /// A batch of CIFAR-10 is of a length that no batch has.
    #[error("{}: {} bytes are not 1 to 10,000 records of 3,073 bytes, as CIFAR-10's binary version has them; download or copy it again", show(.path), grouped(*.found))]
    Records {
        /// The file.
        path: PathBuf,
        /// Bytes present, or claimed by the archive.
        found: u64,
    },

    /// The elements are of a type that is not read.
    #[error("{}: holds {found}, but {wanted}; convert it and save it again", show(.path))]
    ElementType {
        /// The file.
        path: PathBuf,
        /// The type in the file.
        found: String,
        /// What is accepted in its place.
        wanted: &'static str,
    },

    /// The header claims more than the loader is willing to hold.
    #[error("{}: the header claims an array of {claimed}, beyond the limit of 16 GiB; the file is damaged or the set too large", show(.path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The shape in the header.
        claimed: String,
    },

    /// The file ends before its data does.
    #[error("{}: truncated: {} bytes where the header promises {}; download or copy it again", show(.path), grouped(*.found), grouped(*.expected))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes the header promises, header included.
        expected: u64,
        /// Bytes present.
        found: u64,
    },

    /// The file goes on after its data.
    #[error("{}: goes on after the {} bytes its header promises; download or copy it again", show(.path), grouped(*.expected))]
    Trailing {
        /// The file.
        path: PathBuf,
        /// Bytes the header promises, header included.
        expected: u64,
    },

    /// An array holds no values.
    #[error("{}: holds no samples and no other values; an array needs at least one", show(.path))]
    Empty {
        /// The file.
        path: PathBuf,
    },

    /// The array does not have the axes that are wanted.
    #[error("{}: an array of shape {found}, but {wanted}; reshape it and save it again", show(.path))]
    Axes {
        /// The file.
        path: PathBuf,
        /// The shape in the file.
        found: String,
        /// What is accepted in its place.
        wanted: &'static str,
    },

    /// An archive lacks an array.
    #[error("{}: holds no array `{name}`; found {}; add it, or give the right file", show(.path), list(.found))]
    NoArray {
        /// The archive.
        path: PathBuf,
        /// The array asked for.
        name: String,
        /// The arrays in it.
        found: Vec<String>,
    },

    /// A table row is longer or shorter than the first.
    #[error("{}: line {line}: {found} columns where the first row has {expected}; complete or remove the row", show(.path))]
    Ragged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Columns of the first row.
        expected: usize,
        /// Columns of this row.
        found: usize,
    },

    /// A table cell is not what its column holds.
    #[error("{}: line {line}, column {column}: {cell:?} {why}", show(.path))]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The start of the cell's text.
        cell: String,
        /// What is wrong with it, and the remedy.
        why: &'static str,
    },

    /// A value is NaN, infinite, or beyond 32-bit floats.
    #[error("{}: sample {sample}, element {element} (from 0): {value} is not a finite 32-bit number; clean the data", show(.path))]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The sample, from 0.
        sample: usize,
        /// The element within the sample, from 0.
        element: usize,
        /// The value.
        value: f32,
    },

    /// A label does not name a class.
    #[error("{}: sample {sample} (from 0): label {label} {why}", show(.path))]
    Label {
        /// The file.
        path: PathBuf,
        /// The sample, from 0.
        sample: usize,
        /// The label.
        label: i128,
        /// What is wrong with it, and the remedy.
        why: &'static str,
    },

    /// Images and labels do not pair up.
    #[error("{}: {} samples, but {} labels in {}; use files of the same split", show(.images_at), grouped(*.images as u64), grouped(*.labels as u64), show(.labels_at))]
    Count {
        /// The file of the samples.
        images_at: PathBuf,
        /// How many samples.
        images: usize,
        /// The file of the labels.
        labels_at: PathBuf,
        /// How many labels.
        labels: usize,
    },

    /// A file could not be fetched.
    #[error("{url}: {what}")]
    Fetch {
        /// Where it should come from.
        url: String,
        /// What is wrong there, and the remedy.
        what: String,
    },

    /// The operating system refused to write a file.
    #[error("cannot write {}: {cause}; free some space or choose another place with FLATLIGHT_DATA, then the same command goes on from there", show(.path))]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },

    /// The test samples are unlike the training samples.
    #[error("{}: test samples are {test}, but training samples are {train}; use splits of the same set", show(.path))]
    Mismatch {
        /// The file of the test samples.
        path: PathBuf,
        /// Shape and type of a training sample.
        train: String,
        /// Shape and type of a test sample.
        test: String,
    },
}

impl Error {
    /// An operating-system failure at a path.
    pub(super) fn io(path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        match cause.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Io { path, cause },
        }
    }

    /// A failure while decompressing: the stream's fault, unless the system's.
    pub(super) fn gzip(path: &Path, cause: io::Error) -> Self {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match cause.kind() {
            InvalidData | InvalidInput | UnexpectedEof => Self::Gzip { path: path.to_owned(), cause },
            _ => Self::io(path, cause),
        }
    }

    /// A failure while an archive is read: that of its compression or of what is compressed, unless the system's.
    pub(super) fn archive(path: &Path, cause: io::Error) -> Self {
        let cause = match cause.kind() {
            _ if cause.raw_os_error().is_some() => return Self::io(path, cause),
            io::ErrorKind::UnexpectedEof => "it ends too early".into(),
            _ => cause.to_string().replace(char::is_control, "?"),
        };
        Self::Archive { path: path.to_owned(), what: format!("broken archive: {cause}; download or copy it again") }
    }

    /// A header that is not the one wanted.
    pub(super) fn header(path: &Path, what: impl Into<String>) -> Self {
        Self::Header { path: path.to_owned(), what: what.into() }
    }
}

/// A path on one line, whatever characters its names hold.
fn show(path: &Path) -> String {
    let text = path.display().to_string();
    text.replace(char::is_control, "?")
}

/// The first names of a list, on one line.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 8;
    if names.is_empty() {
        return "nothing".into();
    }
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let mut line = shown.join(", ").replace(char::is_control, "?");
    if names.len() > SHOWN {
        let _ = write!(line, " and {} more", names.len() - SHOWN);
    }
    line
}

fn places(looked: &[PathBuf]) -> String {
    if looked.is_empty() {
        return "nowhere (the name is empty)".into();
    }
    let shown: Vec<String> = looked.iter().map(|path| show(path)).collect();
    format!("for a folder at {}", shown.join(" and at "))
}

fn hint(set: &str, nearest: Option<&str>) -> String {
    if super::fetch::SOURCES.iter().any(|source| source.name == set) {
        return format!("; get it with `flatlight fetch {set}`, or give the path of a folder");
    }
    match nearest {
        Some(name) => format!("; did you mean {name:?}?"),
        None => "; give one of these or the path of a folder".into(),
    }
}

/// `60000` as `60,000`.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `[8, 8]` as `8x8`.
pub(super) fn times<T: ToString>(shape: &[T]) -> String {
    let axes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    axes.join("x")
}
