//! Labelled data sets, read from disk or embedded, and checked before use; arrays of numpy, in and out.
//!
//! A set is a training and a test split of equally shaped samples, each with a
//! class label. [`load`] finds one by name:
//!
//! 1. `digits` and `vowel` are embedded and need no files ([`EMBEDDED`]); `./digits` is a folder of that name.
//! 2. The path of a folder is that folder, that of a file `cifar-10-binary.tar.gz` this archive.
//! 3. Any other name is the folder of that name under the root the caller gives.
//!
//! A folder holds one of these layouts, looked for in this order:
//!
//! | Layout | Files | Samples |
//! |--------|-------|---------|
//! | IDX | `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, each plain or `.gz` | bytes, `[height, width]` |
//! | CIFAR-10, binary version | `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, or a folder `cifar-10-batches-bin` of them, or `cifar-10-binary.tar.gz` as it is distributed | bytes, `[3, 32, 32]` |
//! | CSV | `train.csv` and `test.csv`, or `NAME.train.csv` and `NAME.test.csv` | floats, `[features]` |
//! | npy | `train_images.npy`, `train_labels.npy`, `test_images.npy`, `test_labels.npy` | bytes or floats, `[features]`, `[height, width]` or `[channels, height, width]` |
//!
//! A record of CIFAR-10 is a byte for the class, 0 to 9, then red, green and blue, 32 rows of 32 bytes each. The archive is
//! read as it is, in one pass.
//!
//! A CSV row is one sample: numbers, the last of them the class label. A first
//! row without a single number is taken for names and skipped. An npy array has
//! the sample as its first axis, elements `u1`, `f2`, `f4` or `f8` in C or
//! Fortran order, and labels of any integer type.
//!
//! Class labels are whole numbers from 0; the largest in the training split
//! sets the number of classes, but that CIFAR-10 has ten.
//!
//! Files are not trusted. What a header claims is held against the length of
//! the file before memory is taken, a compressed stream is read no further than
//! its header promises, and every value and label is checked, so a loaded
//! [`Dataset`] can be used without further checks.

mod cifar;
mod csv;
mod digits;
mod error;
pub mod fetch;
mod file;
mod idx;
mod normalisation;
mod npy;
mod npz;
mod preparation;
#[cfg(test)]
mod tests;
mod validation;
mod vowel;

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

pub use error::Error;
use error::{grouped, times};
pub use normalisation::{Normalisation, Normalise};
pub use npz::{Npz, npz};
use num_complex::Complex64;
pub use preparation::{Preparation, Transform};

/// Names of the sets that are embedded. They come before folders of these names.
pub const EMBEDDED: [&str; 2] = ["digits", "vowel"];

/// The layouts understood, for messages.
const LAYOUTS: &str = "train-images-idx3-ubyte[.gz] and its three companions, or data_batch_1.bin and its five companions, or cifar-10-binary.tar.gz, or train.csv and test.csv, or train_images.npy and its three companions";

/// More classes than this and the labels are something else.
const MAX_CLASSES: i128 = 65_536;

/// Sample values in row-major order, one sample after another.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Unsigned bytes, as images are stored.
    Bytes(Vec<u8>),
    /// Floats, all finite.
    Floats(Vec<f32>),
}

impl Values {
    /// The number of values in all samples together.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Floats(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Bytes(_) => "bytes",
            Self::Floats(_) => "floats",
        }
    }
}

/// Samples and their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The samples, [`Dataset::sample_len`] values each.
    pub values: Values,
    /// The class of each sample, below [`Dataset::classes`].
    pub labels: Vec<u32>,
}

impl Split {
    /// The number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none; never so in a loaded set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// A labelled set, ready for training.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// What the set is called: `digits` or `vowel`, or the name of its folder.
    pub name: String,
    /// The shape of one sample: `[features]`, `[height, width]` or
    /// `[channels, height, width]`.
    pub shape: Vec<usize>,
    /// The number of classes.
    pub classes: usize,
    /// Multiplies a raw value to bring it to 0..1: 1/16 for the embedded digits,
    /// 1/255 for other bytes, 1 for floats, which are taken as they are.
    pub scale: f32,
    /// The split to train on.
    pub train: Split,
    /// The part of it that was [held out](Self::hold_out), if one was.
    pub validation: Option<Split>,
    /// The split to measure on.
    pub test: Split,
    /// What was done to all samples since they were loaded, if anything.
    pub preparation: Option<Preparation>,
}

impl Dataset {
    /// The number of values in one sample: the product of [`shape`](Self::shape).
    #[must_use]
    pub fn sample_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Channels, height and width of a sample, if samples are images; spatial frequencies are none.
    #[must_use]
    pub fn image(&self) -> Option<[usize; 3]> {
        match (&self.preparation, &self.shape[..]) {
            (Some(Preparation::Fourier { .. }), _) => None,
            (_, &[height, width]) => Some([1, height, width]),
            (_, &[channels, height, width]) => Some([channels, height, width]),
            _ => None,
        }
    }

    /// The set in one line, such as
    /// `digits: 3,823 training and 1,797 test samples of 8x8, 10 classes`.
    #[must_use]
    pub fn summary(&self) -> String {
        let samples = match self.shape[..] {
            [n] => format!("{n} feature{}", if n == 1 { "" } else { "s" }),
            _ => times(&self.shape),
        };
        let validation = self
            .validation
            .as_ref()
            .map_or_else(String::new, |split| format!(", {} validation", grouped(split.len() as u64)));
        format!(
            "{}: {} training{validation} and {} test samples of {samples}, {} class{}",
            self.name,
            grouped(self.train.len() as u64),
            grouped(self.test.len() as u64),
            grouped(self.classes as u64),
            if self.classes == 1 { "" } else { "es" },
        )
    }
}

/// Loads the set called `set`: one that is embedded, the path of a folder, or the name of a
/// folder under `root`. The [module](self) lists the layouts understood.
///
/// # Errors
/// An [`Error`] that names the place, the fault and the remedy in one line, if
/// there is no such set or if anything in it is not as it should be.
pub fn load(set: &str, root: Option<&Path>) -> Result<Dataset, Error> {
    match set {
        "digits" => return digits::load(),
        "vowel" => return vowel::load(),
        _ => {}
    }
    let path = Path::new(set);
    let mut places = Vec::new();
    if !set.is_empty() {
        places.push(path.to_owned());
    }
    // Only a bare name is sought under the root: `..` is no name of a set.
    let mut parts = path.components();
    if let (Some(root), Some(Component::Normal(name)), None) = (root, parts.next(), parts.next()) {
        places.push(root.join(name));
    }
    for place in &places {
        match fs::metadata(place) {
            Ok(meta) if meta.is_dir() => return load_folder(place),
            Ok(_) if is_archive(place) => {
                return cifar10(&name_of(place), cifar::read_archive(place)?);
            }
            // A file beside the caller does not stand in the way of a set under the root.
            Ok(_) if places.len() == 1 => {
                return Err(Error::NotAFolder { path: place.clone() });
            }
            Ok(_) => {}
            Err(e) if absent(&e) => {}
            Err(e) => return Err(Error::io(place, e)),
        }
    }

    let mut known: Vec<_> = EMBEDDED.map(str::to_owned).into();
    known.extend(root.map(folders).unwrap_or_default());
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(set, name);
    let nearest =
        known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|name| likeness(name) >= 0.5).cloned();
    Err(Error::NotFound { set: set.to_owned(), looked: places, known, nearest })
}

/// Whether nothing is at a path, if only because nothing can be called that.
fn absent(e: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    matches!(e.kind(), NotFound | NotADirectory | InvalidFilename | InvalidInput)
}

/// The names of the folders under `root`, sorted; none if it cannot be listed.
fn folders(root: &Path) -> Vec<String> {
    let mut names = list(root).unwrap_or_default();
    names.retain(|name| !name.starts_with('.') && !EMBEDDED.contains(&name.as_str()) && root.join(name).is_dir());
    names
}

/// The names in a folder, sorted.
fn list(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| Error::io(folder, e))? {
        let entry = entry.map_err(|e| Error::io(folder, e))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Whether a path is that of a file which is a set by itself, the archive of CIFAR-10.
#[must_use]
pub fn is_archive(path: &Path) -> bool {
    path.file_name() == Some(cifar::ARCHIVE.as_ref()) && path.is_file()
}

/// What the set at a place is called: as its folder.
fn name_of(place: &Path) -> String {
    let whole = place.canonicalize().unwrap_or_else(|_| place.to_owned());
    let folder = if is_archive(&whole) { whole.parent() } else { Some(whole.as_path()) };
    folder.and_then(Path::file_name).map_or("data".into(), |name| name.to_string_lossy().into_owned())
}

/// CIFAR-10 of two splits.
fn cifar10(name: &str, [train, test]: [Part; 2]) -> Result<Dataset, Error> {
    Ok(Dataset { classes: cifar::CLASSES, ..assemble(name, train, test)? })
}

/// Loads the set in `folder`, in whichever layout it has.
fn load_folder(folder: &Path) -> Result<Dataset, Error> {
    let names = list(folder)?;
    let part = names.iter().find(|name| name.ends_with(fetch::PART)).cloned();
    match (load_layout(folder, names), part) {
        (Err(Error::Missing { .. } | Error::Layout { .. }), Some(name)) => {
            Err(Error::Unfinished { path: folder.to_owned(), name: name.replace(char::is_control, "?") })
        }
        (loaded, _) => loaded,
    }
}

/// Loads the set in a folder that holds these names.
fn load_layout(folder: &Path, names: Vec<String>) -> Result<Dataset, Error> {
    let set = name_of(folder);
    let holds = |name: &str| names.iter().any(|found| found == name);
    let any_of = |wanted: &[[&str; 2]; 2], ending: &str| {
        let is_wanted = |name: &str| wanted.as_flattened().contains(&name);
        names.iter().any(|name| is_wanted(name) || name.strip_suffix(ending).is_some_and(is_wanted))
    };
    let [train, test] = if any_of(&idx::NAMES, ".gz") {
        idx::read_folder(folder)?
    } else if cifar::NAMES.into_iter().any(holds) {
        return cifar10(&set, cifar::read_folder(folder)?);
    } else if holds(cifar::FOLDER) {
        return cifar10(&set, cifar::read_folder(&folder.join(cifar::FOLDER))?);
    } else if holds(cifar::ARCHIVE) {
        return cifar10(&set, cifar::read_archive(&folder.join(cifar::ARCHIVE))?);
    } else if names.iter().any(|name| csv::is_name(name)) {
        csv::read_folder(folder, &set, &names)?
    } else if any_of(&npy::NAMES, "") {
        npy::read_folder(folder)?
    } else {
        return Err(Error::Layout { path: folder.to_owned(), found: names });
    };
    assemble(&set, train, test)
}

/// One split as its files give it, not yet checked.
struct Part {
    values: Values,
    /// The shape of one sample.
    shape: Vec<usize>,
    labels: Vec<u32>,
    /// The file of the values, for messages.
    values_at: PathBuf,
    /// The file of the labels, for messages.
    labels_at: PathBuf,
}

impl Part {
    /// Checks what can be told from this split alone.
    fn check(&self) -> Result<(), Error> {
        let sample_len: usize = self.shape.iter().product();
        if self.values.is_empty() || sample_len == 0 {
            return Err(Error::Empty { path: self.values_at.clone() });
        }
        let samples = self.values.len() / sample_len;
        if samples != self.labels.len() {
            return Err(Error::Count {
                images_at: self.values_at.clone(),
                images: samples,
                labels_at: self.labels_at.clone(),
                labels: self.labels.len(),
            });
        }
        check_finite(&self.values, sample_len, &self.values_at)
    }
}

/// Refuses a value that is no finite number.
fn check_finite(values: &Values, sample_len: usize, at: &Path) -> Result<(), Error> {
    let Values::Floats(values) = values else { return Ok(()) };
    match values.iter().position(|value| !value.is_finite()) {
        Some(place) => Err(Error::NotFinite {
            path: at.to_owned(),
            sample: place / sample_len,
            element: place % sample_len,
            value: values[place],
        }),
        None => Ok(()),
    }
}

/// Joins two splits into a set, if each is sound and they fit together.
fn assemble(name: &str, train: Part, test: Part) -> Result<Dataset, Error> {
    train.check()?;
    test.check()?;
    let sample = |part: &Part| format!("{} {}", times(&part.shape), part.values.kind());
    let [train_sample, test_sample] = [sample(&train), sample(&test)];
    if train_sample != test_sample {
        return Err(Error::Mismatch { path: test.values_at, train: train_sample, test: test_sample });
    }
    let last = train.labels.iter().copied().max().unwrap_or(0);
    if let Some(sample) = test.labels.iter().position(|&label| label > last) {
        return Err(Error::Label {
            sample,
            label: test.labels[sample].into(),
            path: test.labels_at,
            why: "is beyond every training label; use splits of the same set",
        });
    }
    Ok(Dataset {
        name: name.to_owned(),
        scale: match train.values {
            Values::Bytes(_) => 1.0 / 255.0,
            Values::Floats(_) => 1.0,
        },
        classes: last as usize + 1,
        shape: train.shape,
        train: Split { values: train.values, labels: train.labels },
        validation: None,
        test: Split { values: test.values, labels: test.labels },
        preparation: None,
    })
}

/// Samples without labels from an npy file `[samples, ...]` of elements `u1`, `f2`, `f4` or `f8`: the shape of one, and
/// their values.
///
/// # Errors
/// As [`load`]; also an array of a single axis.
pub fn load_samples(path: &Path) -> Result<(Vec<usize>, Values), Error> {
    npy::read_samples(path)
}

/// Complex numbers from an npy file of elements `c8`, `c16`, `f4` or `f8`, in C or Fortran order: the shape, and the
/// values in row-major order. Nothing is asked of shape and values.
///
/// # Errors
/// As [`load`].
pub fn load_complex(path: &Path) -> Result<(Vec<usize>, Vec<Complex64>), Error> {
    npy::read_complex(path)
}

/// An array of numbers, row-major, as the bytes of an npy file in C order.
///
/// # Errors
/// As many values as the shape has elements must be given.
pub fn npy<T: npyz::AutoSerialize>(shape: &[usize], values: &[T]) -> std::io::Result<Vec<u8>> {
    npy::encode(shape, values)
}

/// A text as the bytes of an npy file, as numpy writes `numpy.array("text")`.
#[must_use]
pub fn npy_text(text: &str) -> Vec<u8> {
    npy::encode_text(text)
}

/// The class a number stands for, or what is wrong with the number.
fn class(label: i128) -> Result<u32, &'static str> {
    match label {
        ..0 => Err("is negative; labels are whole numbers from 0"),
        MAX_CLASSES.. => Err("makes more than 65,536 classes, so the labels look wrong; number them from 0"),
        _ => u32::try_from(label).map_err(|_| "is out of range"),
    }
}
