//! CIFAR-10 in its binary version: six files of records, in a folder or in the archive they are distributed in.
//!
//! A. Krizhevsky, <https://www.cs.toronto.edu/~kriz/cifar.html>, 2009. A record is a byte for the class, then the 1,024
//! bytes of red, green and blue, each an image of 32 rows.

use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::error::Error;
use super::{Part, Values, file};

/// The archive as it is distributed.
pub(super) const ARCHIVE: &str = "cifar-10-binary.tar.gz";

/// The folder in the archive that holds the batches.
pub(super) const FOLDER: &str = "cifar-10-batches-bin";

/// The batches: five to train on, the last to test.
pub(super) const NAMES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// The number of classes.
pub(super) const CLASSES: usize = 10;

/// Channels, rows and columns of an image.
const SHAPE: [usize; 3] = [3, 32, 32];

/// Bytes of an image.
const IMAGE: usize = SHAPE[0] * SHAPE[1] * SHAPE[2];

/// Bytes of a record.
const RECORD: u64 = 1 + IMAGE as u64;

/// The most records a batch has.
const RECORDS: u64 = 10_000;

/// The most bytes of an archive that belong to no batch. The official one has a page and a list of classes.
const OTHERS: u64 = 1 << 20;

/// The records of one file.
struct Batch {
    values: Vec<u8>,
    labels: Vec<u32>,
    at: PathBuf,
}

impl Batch {
    /// Reads a batch of so many bytes, which are checked before memory is taken.
    fn read(
        mut reader: impl Read,
        bytes: u64,
        at: PathBuf,
        broken: impl Fn(io::Error) -> Error,
    ) -> Result<Self, Error> {
        let count = bytes / RECORD;
        if !bytes.is_multiple_of(RECORD) || !(1..=RECORDS).contains(&count) {
            return Err(Error::Records { path: at, found: bytes });
        }
        let count = count as usize;
        let (mut values, mut labels) = (Vec::with_capacity(count * IMAGE), Vec::with_capacity(count));
        let mut record = [0; RECORD as usize];
        for sample in 0..count {
            reader.read_exact(&mut record).map_err(&broken)?;
            let [label, image @ ..] = &record;
            if usize::from(*label) >= CLASSES {
                let why = "is no class of CIFAR-10, which has 0 to 9; download the binary version again";
                return Err(Error::Label { path: at, sample, label: (*label).into(), why });
            }
            labels.push((*label).into());
            values.extend_from_slice(image);
        }
        Ok(Self { values, labels, at })
    }
}

/// Joins the batches of a split in their order.
fn join(batches: Vec<Batch>) -> Part {
    let at = batches.first().map_or_else(PathBuf::new, |batch| batch.at.clone());
    let samples = batches.iter().map(|batch| batch.labels.len()).sum();
    let mut labels = Vec::with_capacity(samples);
    let mut values = Vec::with_capacity(samples * IMAGE);
    for batch in batches {
        labels.extend(batch.labels);
        values.extend(batch.values);
    }
    Part { values: Values::Bytes(values), shape: SHAPE.to_vec(), labels, values_at: at.clone(), labels_at: at }
}

/// Reads the training and the test split of a folder that holds the batches.
pub(super) fn read_folder(folder: &Path) -> Result<[Part; 2], Error> {
    let read = |name: &&str| {
        let at = folder.join(name);
        let (file, bytes) = file::open(&at)?;
        Batch::read(BufReader::new(file), bytes, at.clone(), |cause| Error::io(&at, cause))
    };
    let [train @ .., test] = &NAMES;
    let train = train.iter().map(read).collect::<Result<_, _>>()?;
    Ok([join(train), join(vec![read(test)?])])
}

/// Reads the training and the test split from the archive, in one pass; nothing is unpacked.
pub(super) fn read_archive(at: &Path) -> Result<[Part; 2], Error> {
    let (file, _) = file::open(at)?;
    let mut archive = tar::Archive::new(MultiGzDecoder::new(BufReader::new(file)));
    let broken = |cause| Error::archive(at, cause);
    let mut found = [const { None }; NAMES.len()];
    let mut others = 0_u64;
    // Raw: an entry that holds the name of the next one, as long as it likes, is passed over and not taken into memory.
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let entry = entry.map_err(broken)?;
        let (bytes, place) = (entry.size(), place(&entry));
        let Some(place) = place else {
            // What is passed over has to be decompressed all the same.
            others = others.saturating_add(bytes).saturating_add(512);
            if others > OTHERS {
                let what = "holds more than the six batches of CIFAR-10; download the binary version again";
                return Err(Error::Archive { path: at.to_owned(), what: what.into() });
            }
            continue;
        };
        let batch_at = at.join(FOLDER).join(NAMES[place]);
        let batch = Batch::read(entry, bytes, batch_at, broken)?;
        if found[place].replace(batch).is_some() {
            let what = format!("holds {} more than once; download it again", NAMES[place]);
            return Err(Error::Archive { path: at.to_owned(), what });
        }
    }
    // Read to its end, where gzip keeps its checksum.
    let rest = io::copy(&mut archive.into_inner().take(OTHERS), &mut io::sink()).map_err(broken)?;
    if rest == OTHERS {
        let what = "goes on after its last entry; download it again";
        return Err(Error::Archive { path: at.to_owned(), what: what.into() });
    }
    let mut batches = Vec::new();
    for (batch, name) in found.into_iter().zip(NAMES) {
        let what = || format!("holds no {FOLDER}/{name}; download the binary version again");
        batches.push(batch.ok_or_else(|| Error::Archive { path: at.to_owned(), what: what() })?);
    }
    let test = batches.split_off(NAMES.len() - 1);
    Ok([join(batches), join(test)])
}

/// Which batch an entry is, by the whole of its path, as a file of that name elsewhere is something else.
fn place(entry: &tar::Entry<impl Read>) -> Option<usize> {
    let path = entry.path().ok().filter(|_| entry.header().entry_type().is_file())?;
    let mut parts = path.components().filter(|part| *part != Component::CurDir);
    let last = parts.next_back()?;
    let folder = [parts.next(), parts.next()];
    let known = [[None, None], [Some(Component::Normal(FOLDER.as_ref())), None]];
    known.contains(&folder).then(|| NAMES.iter().position(|name| last == Component::Normal(name.as_ref())))?
}
