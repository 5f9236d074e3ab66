//! Good sets in every layout, and every way a bad one must be told apart.

#![allow(clippy::float_cmp)] // values are carried over exactly

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use half::f16;
use tempfile::TempDir;

use super::*;

const IDX_TRAIN: &str = "train-images-idx3-ubyte";

/// A folder holding these files.
fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn load_dir(folder: &TempDir) -> Result<Dataset, Error> {
    load(folder.path().to_str().unwrap(), None)
}

/// Loads a set that must be refused, and checks the message.
fn refused(files: &[(&str, Vec<u8>)], parts: &[&str]) -> Error {
    let folder = folder(files);
    let error = load_dir(&folder).unwrap_err();
    check_message(&error, parts);
    error
}

fn check_message(error: &Error, parts: &[&str]) {
    let message = error.to_string();
    assert!(!message.contains(['\n', '\r']), "more than a line: {message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

fn idx(magic: [u8; 4], axes: &[u32], body: &[u8]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend(axes.iter().flat_map(|axis| axis.to_be_bytes()));
    bytes.extend(body);
    bytes
}

fn images(count: u32, body: &[u8]) -> Vec<u8> {
    idx([0, 0, 8, 3], &[count, 2, 3], body)
}

fn labels(body: &[u8]) -> Vec<u8> {
    idx([0, 0, 8, 1], &[u32::try_from(body.len()).unwrap()], body)
}

/// Two training samples and one test sample of 2x3, two classes.
fn idx_set() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (IDX_TRAIN, images(2, &[7; 12])),
        ("train-labels-idx1-ubyte", labels(&[0, 1])),
        ("t10k-images-idx3-ubyte", images(1, &[9; 6])),
        ("t10k-labels-idx1-ubyte", labels(&[1])),
    ]
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The IDX set with its first file replaced.
fn idx_with(name: &'static str, bytes: Vec<u8>) -> Vec<(&'static str, Vec<u8>)> {
    let mut files = idx_set();
    files[0] = (name, bytes);
    files
}

fn npy_text(text: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(body);
    bytes
}

fn npy(kind: &str, fortran: bool, shape: &str, body: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let text = format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': ({shape}), }}   \n");
    npy_text(&text, body)
}

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Two training samples and one test sample of two features, two classes.
fn npy_set() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("train_images.npy", npy("<f4", false, "2, 2", &f32s(&[1., 2., 3., 4.]))),
        ("train_labels.npy", npy("|u1", false, "2,", &[0, 1])),
        ("test_images.npy", npy("<f4", false, "1, 2", &f32s(&[5., 6.]))),
        ("test_labels.npy", npy("|u1", false, "1,", &[1])),
    ]
}

fn npy_with(place: usize, bytes: Vec<u8>) -> Vec<(&'static str, Vec<u8>)> {
    let mut files = npy_set();
    files[place].1 = bytes;
    files
}

/// Records of CIFAR-10 with these labels; each byte of an image is its class, channel and row together.
fn records(labels: &[u8]) -> Vec<u8> {
    let image =
        |label: u8| (0..3072_u32).map(move |at| (label * 10).wrapping_add((at / 1024 * 100 + at / 32 % 32) as u8));
    labels.iter().flat_map(|&label| std::iter::once(label).chain(image(label))).collect()
}

/// Five batches of two training samples, and one test sample.
fn cifar_set() -> Vec<(&'static str, Vec<u8>)> {
    let train = (0..5).map(|batch| (cifar::NAMES[batch as usize], records(&[batch, 9 - batch])));
    train.chain([(cifar::NAMES[5], records(&[3]))]).collect()
}

fn cifar_with(place: usize, bytes: Vec<u8>) -> Vec<(&'static str, Vec<u8>)> {
    let mut files = cifar_set();
    files[place].1 = bytes;
    files
}

/// A tar archive of these files, and of a header that claims so much more of one.
fn tar(files: &[(String, Vec<u8>)], lie: Option<(&str, u64)>) -> Vec<u8> {
    let header = |name: &str, size: u64| {
        let mut header = tar::Header::new_ustar();
        // As it is given: `set_path` refuses `..`.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(size);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        header
    };
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        archive.append(&header(name, bytes.len() as u64), &bytes[..]).unwrap();
    }
    if let Some((name, size)) = lie {
        let mut bytes = archive.into_inner().unwrap();
        bytes.truncate(bytes.len() - 1024);
        bytes.extend(header(name, size).as_bytes());
        bytes.extend([7; 4096]);
        return bytes;
    }
    archive.into_inner().unwrap()
}

/// The CIFAR-10 set with the names that the archive gives it, and what else is in it.
fn cifar_entries() -> Vec<(String, Vec<u8>)> {
    let mut entries: Vec<_> =
        cifar_set().into_iter().map(|(name, bytes)| (format!("cifar-10-batches-bin/{name}"), bytes)).collect();
    // In no order, as in the real one.
    entries.swap(0, 4);
    entries.insert(2, ("cifar-10-batches-bin/readme.html".into(), b"<html>".to_vec()));
    entries
}

/// Refuses an archive of these entries.
fn refused_archive(entries: &[(String, Vec<u8>)], parts: &[&str]) -> Error {
    refused(&[(cifar::ARCHIVE, gz(&tar(entries, None)))], parts)
}

fn csv_set(train: &str, test: &str) -> Vec<(&'static str, Vec<u8>)> {
    vec![("train.csv", train.into()), ("test.csv", test.into())]
}

// The embedded set.

#[test]
fn digits_have_the_published_counts() {
    let digits = load("digits", None).unwrap();
    assert_eq!((&digits.shape[..], digits.classes), (&[8, 8][..], 10));
    assert_eq!(digits.scale, 1.0 / 16.0);
    assert_eq!(digits.sample_len(), 64);
    let counts = |split: &Split| {
        let mut counts = [0; 10];
        for &label in &split.labels {
            counts[label as usize] += 1;
        }
        counts
    };
    assert_eq!(counts(&digits.train), [376, 389, 380, 389, 387, 376, 377, 387, 380, 382]);
    assert_eq!(counts(&digits.test), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    for (split, samples) in [(&digits.train, 3_823), (&digits.test, 1_797)] {
        let Values::Bytes(values) = &split.values else {
            panic!("digits are bytes");
        };
        assert_eq!((split.len(), values.len()), (samples, samples * 64));
        assert_eq!(values.iter().max(), Some(&16));
    }
    assert_eq!(digits.summary(), "digits: 3,823 training and 1,797 test samples of 8x8, 10 classes");
}

#[test]
fn vowels_have_the_published_counts() {
    let vowel = load("vowel", None).unwrap();
    assert_eq!((&vowel.shape[..], vowel.classes, vowel.scale), (&[10][..], 11, 1.0));
    for (split, each) in [(&vowel.train, 48), (&vowel.test, 42)] {
        let of = |class: u32| split.labels.iter().filter(|&&label| label == class).count();
        assert!((0..11).all(|class| of(class) == each));
    }
    let Values::Floats(values) = &vowel.train.values else { panic!("vowels are floats") };
    assert_eq!(values.len(), 5280);
    assert_eq!(values[..10], [-3.639, 0.418, -0.670, 1.779, -0.168, 1.627, -0.388, 0.529, -0.874, -0.814]);
    let Values::Floats(values) = &vowel.test.values else { panic!("vowels are floats") };
    assert_eq!(values[..10], [-1.149, -0.904, -1.988, 0.739, -0.060, 1.206, 0.864, 1.196, -0.300, -0.467]);
    assert_eq!(vowel.summary(), "vowel: 528 training and 462 test samples of 10 features, 11 classes");
}

// Finding a set.

#[test]
fn a_set_is_found_by_path_and_under_the_root() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("tiny");
    fs::create_dir(&path).unwrap();
    for (name, bytes) in idx_set() {
        fs::write(path.join(name), bytes).unwrap();
    }
    let by_name = load("tiny", Some(root.path())).unwrap();
    assert_eq!(by_name.name, "tiny");
    assert_eq!(by_name, load(path.to_str().unwrap(), None).unwrap());
    assert_eq!(by_name, load(&format!("{}/.", path.display()), None).unwrap());
}

#[test]
fn an_unknown_name_is_told_with_places_and_suggestion() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("mnist")).unwrap();
    let error = load("mnits", Some(root.path())).unwrap_err();
    let under_root = root.path().join("mnits");
    check_message(
        &error,
        &["\"mnits\"", "at mnits", under_root.to_str().unwrap(), "digits, vowel, mnist", "did you mean \"mnist\"?"],
    );
    check_message(&load("digit", None).unwrap_err(), &["did you mean \"digits\"?"]);
    check_message(&load("", Some(root.path())).unwrap_err(), &["empty"]);
    check_message(&load("..\n", None).unwrap_err(), &["..?", "give one of these"]);
    let long = "x".repeat(5_000);
    for name in [&long, "a\0b"] {
        let error = load(name, None).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }));
    }
    let gone = root.path().join("gone");
    check_message(&load("zzz", Some(&gone)).unwrap_err(), &["known here: digits, vowel;"]);
}

#[test]
fn a_file_is_not_a_folder() {
    let folder = folder(&idx_set());
    let file = folder.path().join(IDX_TRAIN);
    let error = load(file.to_str().unwrap(), None).unwrap_err();
    assert!(matches!(error, Error::NotAFolder { .. }));
    check_message(&error, &[IDX_TRAIN, "give the folder"]);
    // Nor is there anything below a file.
    let error = load(file.join("x").to_str().unwrap(), None).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }));
}

#[test]
fn a_folder_without_a_set_lists_what_it_holds() {
    let files = [("notes.txt", vec![]), ("photo.png", vec![])];
    let error = refused(&files, &["notes.txt, photo.png", "train.csv", "train_images.npy"]);
    assert!(matches!(error, Error::Layout { .. }));
    if cfg!(unix) {
        refused(&[("odd\nname", vec![])], &["odd?name"]);
    }
    refused(&[], &["found nothing"]);
}

#[cfg(unix)]
#[test]
fn a_path_that_may_not_be_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
    let error = Error::io(Path::new("some/file"), denied());
    check_message(&error, &["some/file", "permission denied", "may read"]);
    assert!(matches!(Error::gzip(Path::new("f.gz"), denied()), Error::Io { .. }));

    let folder = folder(&idx_set());
    let file = folder.path().join(IDX_TRAIN);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read it all the same.
    if fs::File::open(&file).is_err() {
        check_message(&load_dir(&folder).unwrap_err(), &[IDX_TRAIN, "Permission denied"]);
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_refused() {
    let mut files = idx_set();
    files.remove(0);
    let folder = folder(&files);
    fs::create_dir(folder.path().join(IDX_TRAIN)).unwrap();
    check_message(&load_dir(&folder).unwrap_err(), &[IDX_TRAIN, "not a regular file"]);
}

// IDX.

#[test]
fn idx_reads_plain_and_gzip() {
    let plain = load_dir(&folder(&idx_set())).unwrap();
    assert_eq!(plain.shape, [2, 3]);
    assert_eq!((plain.classes, plain.scale), (2, 1.0 / 255.0));
    assert_eq!(plain.train.values, Values::Bytes(vec![7; 12]));
    assert_eq!(plain.train.labels, [0, 1]);
    assert_eq!(plain.test.labels, [1]);

    let zipped = idx_with("train-images-idx3-ubyte.gz", gz(&images(2, &[7; 12])));
    let zipped = load_dir(&folder(&zipped)).unwrap();
    assert_eq!((zipped.train, zipped.test), (plain.train, plain.test));
}

#[test]
fn idx_missing_file() {
    let mut files = idx_set();
    files.remove(3);
    let error = refused(&files, &["t10k-labels-idx1-ubyte: ", "missing"]);
    assert!(matches!(error, Error::Missing { .. }));
}

#[test]
fn idx_of_the_wrong_length() {
    for cut in [0, 3, 9, 16, 27] {
        let bytes = images(2, &[7; 12])[..cut].to_vec();
        for (name, bytes) in [(IDX_TRAIN, bytes.clone()), ("train-images-idx3-ubyte.gz", gz(&bytes))] {
            let error = refused(&idx_with(name, bytes), &[name, "truncated", &cut.to_string()]);
            assert!(matches!(error, Error::Truncated { .. }));
        }
    }
    let long = images(2, &[7; 13]);
    for (name, bytes) in [(IDX_TRAIN, long.clone()), ("train-images-idx3-ubyte.gz", gz(&long))] {
        let error = refused(&idx_with(name, bytes), &[name, "after the 28 bytes"]);
        assert!(matches!(error, Error::Trailing { .. }));
    }
}

#[test]
fn idx_header_that_lies() {
    let most = u32::MAX;
    for axes in [[1 << 20, 1 << 10, 1 << 10], [most, most, most], [most, 8, 1]] {
        let bytes = idx([0, 0, 8, 3], &axes, &[0; 100]);
        for (name, bytes) in [(IDX_TRAIN, bytes.clone()), ("train-images-idx3-ubyte.gz", gz(&bytes))] {
            let error = refused(&idx_with(name, bytes), &[name, "claims", "16 GiB"]);
            assert!(matches!(error, Error::TooLarge { .. }));
        }
    }
    // Below the limit, but not what the file holds.
    let bytes = idx([0, 0, 8, 3], &[1 << 30, 2, 2], &[0; 100]);
    for (name, bytes) in [(IDX_TRAIN, bytes.clone()), ("train-images-idx3-ubyte.gz", gz(&bytes))] {
        refused(&idx_with(name, bytes), &["116 bytes where the header promises 4,294,967,312"]);
    }
}

#[test]
fn idx_with_an_axis_of_zero_is_empty() {
    for axes in [[0, 2, 3], [2, 0, 3], [0, u32::MAX, u32::MAX]] {
        let error = refused(&idx_with(IDX_TRAIN, idx([0, 0, 8, 3], &axes, &[])), &["no samples"]);
        assert!(matches!(error, Error::Empty { .. }));
    }
}

#[test]
fn idx_of_the_wrong_kind() {
    for (bytes, part) in [
        (labels(&[0, 1]), "holds IDX labels where IDX images belong"),
        (b"<!DOCTYPE html>".to_vec(), "is a web page"),
        (gz(&images(2, &[7; 12])), "add .gz"),
        (b"hello, world".to_vec(), "not a file of IDX images"),
        (b"\0\0\x08\x04 and so on".to_vec(), "4 axes"),
        (b"\0\0\x0d\x03 and so on".to_vec(), "type 0x0d"),
    ] {
        refused(&idx_with(IDX_TRAIN, bytes), &[IDX_TRAIN, part]);
    }
    let mut files = idx_set();
    files[1].1 = images(2, &[7; 12]);
    refused(&files, &["train-labels-idx1-ubyte", "holds IDX images where IDX labels belong"]);
}

#[test]
fn a_gzip_stream_that_is_broken() {
    let name = "train-images-idx3-ubyte.gz";
    let noise: Vec<u8> = (0..600_u32).map(|i| (i * i * 31).to_le_bytes()[1]).collect();
    let good = gz(&images(100, &noise));
    let mut flipped = good.clone();
    let checksum = flipped.len() - 6;
    flipped[checksum] ^= 1;
    let mut garbage = good.clone();
    garbage.extend(b"garbage after the stream");
    let cut = good[..good.len() / 2].to_vec();
    for bytes in [flipped, garbage, cut, good[..5].to_vec(), b"<html>".to_vec()] {
        let error = refused(&idx_with(name, bytes), &[name, "broken gzip stream"]);
        assert!(matches!(error, Error::Gzip { .. }));
    }
}

#[test]
fn a_decompression_bomb_is_left_alone() {
    // 64 MiB of zeros behind a header that promises 12 bytes.
    let mut bytes = images(2, &[0; 12]);
    bytes.resize(64 << 20, 0);
    let files = idx_with("train-images-idx3-ubyte.gz", gz(&bytes));
    assert!(matches!(refused(&files, &["after the 28 bytes"]), Error::Trailing { .. }));
}

#[test]
fn splits_that_do_not_fit() {
    let mut files = idx_set();
    files[1].1 = labels(&[0, 1, 0]);
    refused(&files, &["2 samples, but 3 labels", "train-labels"]);

    let mut files = idx_set();
    files[2].1 = idx([0, 0, 8, 3], &[1, 3, 2], &[0; 6]);
    refused(&files, &["t10k-images", "test samples are 3x2 bytes", "training samples are 2x3 bytes"]);

    let mut files = idx_set();
    files[3].1 = labels(&[2]);
    refused(&files, &["t10k-labels", "sample 0", "label 2 is beyond"]);
}

// CIFAR-10.

#[test]
fn cifar_reads_its_batches_in_order() {
    let set = load_dir(&folder(&cifar_set())).unwrap();
    assert_eq!((&set.shape[..], set.classes, set.scale), (&[3, 32, 32][..], 10, 1.0 / 255.0));
    assert_eq!(set.train.labels, [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]);
    assert_eq!(set.test.labels, [3]);
    let Values::Bytes(values) = &set.train.values else { panic!("CIFAR-10 is bytes") };
    assert_eq!(values.len(), 10 * 3072);
    // The second image of the first batch: red, green, blue, of which rows count up.
    let of = |channel: usize, row: usize, column: usize| values[3072 + (channel * 32 + row) * 32 + column];
    assert_eq!([of(0, 0, 0), of(0, 0, 31), of(0, 31, 5), of(1, 0, 0), of(2, 3, 31)], [90, 90, 121, 190, 37]);
    assert!(set.summary().ends_with("10 training and 1 test samples of 3x32x32, 10 classes"), "{}", set.summary());
}

#[test]
fn cifar_reads_the_folder_in_a_folder_and_the_archive() {
    let plain = load_dir(&folder(&cifar_set())).unwrap();
    let root = tempfile::tempdir().unwrap();
    for (set, inner) in [("deep", "deep/cifar-10-batches-bin"), ("packed", "packed")] {
        fs::create_dir_all(root.path().join(inner)).unwrap();
        let files = match set {
            "deep" => cifar_set(),
            _ => vec![(cifar::ARCHIVE, gz(&tar(&cifar_entries(), None)))],
        };
        for (name, bytes) in files {
            fs::write(root.path().join(inner).join(name), bytes).unwrap();
        }
        let loaded = load(set, Some(root.path())).unwrap();
        assert_eq!((loaded.name.as_str(), &loaded.train, &loaded.test), (set, &plain.train, &plain.test));
    }
    // The archive by its own path too, its batches without a folder, and in two pieces of gzip.
    let archive = root.path().join("packed").join(cifar::ARCHIVE);
    assert!(is_archive(&archive) && !is_archive(root.path()));
    assert_eq!(load(archive.to_str().unwrap(), None).unwrap(), load("packed", Some(root.path())).unwrap());
    let bare: Vec<_> = cifar_set().into_iter().map(|(name, bytes)| (format!("./{name}"), bytes)).collect();
    let bare = tar(&bare, None);
    let halves = [gz(&bare[..5000]), gz(&bare[5000..])].concat();
    let loaded = load_dir(&folder(&[(cifar::ARCHIVE, halves)])).unwrap();
    assert_eq!((loaded.train, loaded.test, loaded.classes), (plain.train, plain.test, 10));
}

#[test]
fn cifar_batches_that_are_wrong() {
    for bytes in [vec![], records(&[1, 2])[..6145].to_vec(), [records(&[1]), vec![0]].concat()] {
        let (length, files) = (grouped(bytes.len() as u64), cifar_with(1, bytes));
        let error = refused(&files, &["data_batch_2.bin: ", &format!("{length} bytes are not"), "records of 3,073"]);
        assert!(matches!(error, Error::Records { .. }));
    }
    let files = cifar_with(5, records(&[3, 10]));
    let error = refused(&files, &["test_batch.bin: sample 1 (from 0): label 10 is no class of CIFAR-10"]);
    assert!(matches!(error, Error::Label { .. }));
    for place in 0..6 {
        let mut files = cifar_set();
        let (name, _) = files.remove(place);
        assert!(matches!(refused(&files, &[name, "missing"]), Error::Missing { .. }));
    }
    let large = folder(&cifar_set());
    let file = fs::File::create(large.path().join("data_batch_1.bin")).unwrap();
    // As long as 10,001 records, but a hole: nothing is read of it.
    file.set_len(10_001 * 3073).unwrap();
    check_message(&load_dir(&large).unwrap_err(), &["30,733,073 bytes are not 1 to 10,000 records"]);
}

#[test]
fn cifar_archives_that_are_wrong() {
    let whole = tar(&cifar_entries(), None);
    for cut in [100, 700, 20_000, whole.len() - 1500] {
        // What is compressed ends too early, its compression is whole.
        let error = refused(&[(cifar::ARCHIVE, gz(&whole[..cut]))], &[cifar::ARCHIVE, "broken archive: "]);
        assert!(matches!(error, Error::Archive { .. }));
    }
    let packed = gz(&whole);
    let mut flipped = packed.clone();
    let checksum = flipped.len() - 6;
    flipped[checksum] ^= 1;
    for bytes in [packed[..packed.len() / 2].to_vec(), packed[..packed.len() - 4].to_vec(), flipped, whole.clone()] {
        let error = refused(&[(cifar::ARCHIVE, bytes)], &[cifar::ARCHIVE, "broken archive: "]);
        assert!(matches!(error, Error::Archive { .. }));
    }
    let mut damaged = whole;
    damaged[3] ^= 1;
    refused(&[(cifar::ARCHIVE, gz(&damaged))], &["broken archive: ", "checksum"]);

    let mut entries = cifar_entries();
    entries.remove(0);
    refused_archive(&entries, &["holds no cifar-10-batches-bin/data_batch_5.bin"]);
    let mut entries = cifar_entries();
    entries.push(entries[1].clone());
    refused_archive(&entries, &["holds data_batch_2.bin more than once"]);
    let mut entries = cifar_entries();
    entries[0].1.pop();
    refused_archive(&entries, &["cifar-10-batches-bin/data_batch_5.bin: 6,145 bytes are not"]);
    let mut entries = cifar_entries();
    entries[0].1[0] = 10;
    refused_archive(&entries, &["data_batch_5.bin: sample 0 (from 0): label 10"]);
    refused(&[(cifar::ARCHIVE, gz(b""))], &["holds no cifar-10-batches-bin/data_batch_1.bin"]);
}

#[test]
fn cifar_archives_that_lie_or_point_elsewhere() {
    // Nothing is unpacked, so that such names lead nowhere; they are no batches either.
    let name = "cifar-10-batches-bin/data_batch_1.bin";
    for odd in [
        "../data_batch_1.bin",
        "/data_batch_1.bin",
        "cifar-10-batches-bin/../data_batch_1.bin",
        "other/data_batch_1.bin",
        "a/cifar-10-batches-bin/data_batch_1.bin",
        "cifar-10-batches-bin/data_batch_1.bin/x",
        "",
    ] {
        let mut entries = cifar_entries();
        let entry = entries.iter_mut().find(|entry| entry.0 == name).unwrap();
        odd.clone_into(&mut entry.0);
        let error = refused_archive(&entries, &["holds no cifar-10-batches-bin/data_batch_1.bin"]);
        assert!(matches!(error, Error::Archive { .. }), "{odd}");
    }
    for (name, parts) in [
        (name, &["data_batch_1.bin: 1,099,511,627,776 bytes are not 1 to 10,000 records"][..]),
        ("cifar-10-batches-bin/batches.meta.txt", &["holds more than the six batches"]),
    ] {
        let lie = tar(&cifar_entries()[..2], Some((name, 1 << 40)));
        refused(&[(cifar::ARCHIVE, gz(&lie))], parts);
    }
    // Ten thousand records are claimed, some bytes are there.
    let short = tar(&cifar_entries()[..2], Some((name, 10_000 * 3073)));
    refused(&[(cifar::ARCHIVE, gz(&short))], &["broken archive: it ends too early"]);

    // Names that go on for gigabytes, and what comes behind the end: passed over, but not for ever.
    let mut long = tar::Header::new_gnu();
    long.set_entry_type(tar::EntryType::GNULongName);
    long.set_size(1 << 33);
    long.set_cksum();
    let long = [long.as_bytes(), &[b'x'; 4096][..]].concat();
    refused(&[(cifar::ARCHIVE, gz(&long))], &["holds more than the six batches"]);
    let mut bomb = tar(&cifar_entries(), None);
    bomb.resize(64 << 20, 0);
    refused(&[(cifar::ARCHIVE, gz(&bomb))], &["goes on after its last entry"]);
}

#[test]
fn what_a_fetch_has_left_is_told() {
    for files in [
        vec![("cifar-10-binary.tar.gz.part", vec![])],
        vec![(IDX_TRAIN, images(2, &[7; 12])), ("train-labels-idx1-ubyte.gz.part", vec![])],
    ] {
        let name = files.last().unwrap().0;
        let error = refused(&files, &[name, "give the same `flatlight fetch` again"]);
        assert!(matches!(error, Error::Unfinished { .. }));
    }
    // A set that is whole is none of its business.
    let mut files = idx_set();
    files.push(("train-images-idx3-ubyte.gz.part", vec![]));
    load_dir(&folder(&files)).unwrap();
}

#[test]
fn a_set_that_can_be_fetched_is_told_how() {
    for source in &fetch::SOURCES {
        let error = load(source.name, None).unwrap_err();
        check_message(&error, &[&format!("get it with `flatlight fetch {}`", source.name)]);
        assert!(source.files.iter().all(|file| file.sha256.len() == 64 && file.bytes > 0));
    }
}

// CSV.

#[test]
fn csv_reads_with_and_without_header() {
    let plain = load_dir(&folder(&csv_set("1,-2.5,0\n3e1, 4 ,1\n", "5,6,1"))).unwrap();
    assert_eq!((&plain.shape[..], plain.classes, plain.scale), (&[2][..], 2, 1.0));
    assert_eq!(plain.train.values, Values::Floats(vec![1., -2.5, 30., 4.]));
    assert_eq!(plain.train.labels, [0, 1]);
    assert!(plain.summary().ends_with("2 training and 1 test samples of 2 features, 2 classes"));

    let named = folder(&[
        ("tiny.train.csv", b"\xef\xbb\xbfa,\"b\",label\r\n1,-2.5,0\r\n30,4,1\r\n".to_vec()),
        ("tiny.test.csv", b"a,b,label\n\n5,6,1\n".to_vec()),
    ]);
    let named = load_dir(&named).unwrap();
    assert_eq!((named.train, named.test), (plain.train, plain.test));
}

#[test]
fn csv_names_must_be_clear() {
    refused(&[("train.csv", b"1,0\n".to_vec())], &["test.csv", "missing"]);
    let row = b"1,0\n".to_vec();
    let files = [("a.train.csv", row.clone()), ("b.train.csv", row.clone()), ("a.test.csv", row)];
    refused(&files, &["a.train.csv, b.train.csv", "keep one"]);
}

#[test]
fn csv_rows_that_are_wrong() {
    for (train, parts) in [
        ("1,2,0\n1,2,3,0\n", &["line 2", "4 columns", "has 3"][..]),
        ("a,b,c\r\n\r\n1,2,0\r\n1,0\r\n", &["line 4", "2 columns"]),
        ("1,2,0\n\n\n1,x,0\n", &["line 4, column 2", "\"x\"", "not a number"]),
        ("1,2,0\r\n1,,0\r\n", &["line 2, column 2", "\"\""]),
        ("a,1,label\n1,2,0\n", &["line 1, column 1", "\"a\""]),
        ("1,NaN,0\n", &["line 1, column 2", "finite"]),
        ("1,1e39,0\n", &["line 1, column 2", "finite"]),
        ("1,2,0\n1,inf,0\n", &["line 2, column 2", "finite"]),
        ("1,2,0.5\n", &["line 1, column 3", "whole numbers"]),
        ("1,2,cat\n", &["line 1, column 3", "whole numbers"]),
        ("1,2,-1\n", &["line 1, column 3", "negative"]),
        ("1,2,65536\n", &["line 1, column 3", "more than 65,536 classes"]),
        ("1;2;0\n", &["one column"]),
        ("", &["no samples"]),
        ("a,b,c\n", &["no samples"]),
        ("<html>", &["web page"]),
        ("1,2,0\n1,\"2,0\n1,2,0\n", &["line 2"]),
    ] {
        let error = refused(&csv_set(train, "1,2,0\n"), parts);
        check_message(&error, &["train.csv: "]);
    }
    let files = [("train.csv", b"1,\xff,0\n".to_vec()), ("test.csv", vec![])];
    refused(&files, &["train.csv", "UTF-8", "byte 2"]);
    refused(&csv_set("1,2,0\n", "1,0\n"), &["test.csv", "1 floats", "2 floats"]);
    refused(&csv_set("1,2,0\n", "1,2,0\n1,2,5\n"), &["test.csv", "sample 1", "label 5"]);
}

#[test]
fn as_many_classes_as_allowed() {
    let set = load_dir(&folder(&csv_set("1,65535\n", "1,0\n"))).unwrap();
    assert_eq!(set.classes, 65_536);
}

// npy.

#[test]
fn npy_reads_floats_of_every_width() {
    let f4 = load_dir(&folder(&npy_set())).unwrap();
    assert_eq!((&f4.shape[..], f4.classes, f4.scale), (&[2][..], 2, 1.0));
    assert_eq!(f4.train.values, Values::Floats(vec![1., 2., 3., 4.]));
    let f8: Vec<u8> = [1_f64, 2., 3., 4.].iter().flat_map(|x| x.to_be_bytes()).collect();
    let f2: Vec<u8> = [1_f32, 2., 3., 4.].iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect();
    for (kind, body) in [(">f8", f8), ("<f2", f2)] {
        let files = npy_with(0, npy(kind, false, "2, 2", &body));
        assert_eq!(load_dir(&folder(&files)).unwrap().train, f4.train);
    }
}

#[test]
fn npy_reads_bytes_in_both_orders() {
    let set = |fortran, body: &[u8]| {
        let files = [
            ("train_images.npy", npy("|u1", fortran, "2, 1, 2, 3", body)),
            ("train_labels.npy", npy("<i8", false, "2,", &[0; 16])),
            ("test_images.npy", npy("|u1", false, "1, 1, 2, 3", &[0; 6])),
            ("test_labels.npy", npy(">u2", false, "1,", &[0; 2])),
        ];
        load_dir(&folder(&files)).unwrap()
    };
    let c = set(false, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    // First axis fastest: sample, then height, then width.
    let fortran = set(true, &[0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11]);
    assert_eq!(c.shape, [1, 2, 3]);
    assert_eq!(c.scale, 1.0 / 255.0);
    assert_eq!((c.train, c.shape), (fortran.train, fortran.shape));

    let files = npy_with(0, npy("<f4", true, "2, 2", &f32s(&[1., 3., 2., 4.])));
    let set = load_dir(&folder(&files)).unwrap();
    assert_eq!(set.train.values, Values::Floats(vec![1., 2., 3., 4.]));
}

#[test]
fn npy_reads_labels_of_every_integer_type() {
    for (kind, size) in [("|i1", 1), ("<i2", 2), ("<i4", 4), ("<i8", 8), ("|u1", 1), ("<u2", 2), ("<u4", 4), ("<u8", 8)]
    {
        let mut body = vec![0; 2 * size];
        body[size] = 1;
        let files = npy_with(1, npy(kind, false, "2,", &body));
        assert_eq!(load_dir(&folder(&files)).unwrap().train.labels, [0, 1]);
    }
}

#[test]
fn npy_labels_that_are_wrong() {
    for (kind, value, part) in [
        ("<i4", (-1_i32).to_le_bytes(), "label -1 is negative"),
        ("<i4", 65_536_i32.to_le_bytes(), "more than 65,536 classes"),
        ("<u4", u32::MAX.to_le_bytes(), "label 4294967295 makes more"),
        ("<f4", 1_f32.to_le_bytes(), "elements of type '<f4', but labels must be integers"),
    ] {
        let body = [[0; 4], value].concat();
        let files = npy_with(1, npy(kind, false, "2,", &body));
        refused(&files, &["train_labels.npy", part]);
    }
    let files = npy_with(1, npy("|u1", false, "2, 1", &[0, 1]));
    refused(&files, &["shape 2x1", "one axis"]);
    let files = npy_with(3, npy("|u1", false, "1,", &[2]));
    refused(&files, &["test_labels.npy", "label 2 is beyond"]);
    let files = npy_with(1, npy("|u1", false, "3,", &[0, 1, 1]));
    refused(&files, &["2 samples, but 3 labels"]);
}

#[test]
fn npy_values_that_are_not_finite() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let files = npy_with(0, npy("<f4", false, "2, 2", &f32s(&[1., 2., bad, 4.])));
        let parts = ["train_images.npy", "sample 1, element 0", &bad.to_string()];
        refused(&files, &parts);
    }
    let wide: Vec<u8> = [1., 2., 3., 1e300_f64].iter().flat_map(|x| x.to_le_bytes()).collect();
    let files = npy_with(0, npy("<f8", false, "2, 2", &wide));
    refused(&files, &["sample 1, element 1", "32-bit"]);
}

#[test]
fn npy_of_the_wrong_length() {
    let good = npy("<f4", false, "2, 2", &f32s(&[1., 2., 3., 4.]));
    for cut in [8, 9, 10, 40, good.len() - 16, good.len() - 1] {
        let error = refused(&npy_with(0, good[..cut].to_vec()), &["truncated"]);
        assert!(matches!(error, Error::Truncated { .. }), "{error}");
    }
    let mut long = good;
    long.push(0);
    assert!(matches!(refused(&npy_with(0, long), &["goes on"]), Error::Trailing { .. }));
}

#[test]
fn npy_header_that_lies() {
    let huge = u64::MAX;
    for shape in [
        "1099511627776, 28, 28".to_owned(),
        format!("{huge}, {huge}"),
        format!("{huge}, 3, 2"),
        format!("0, {huge}, {huge}"),
        "4294967296, 2".to_owned(),
    ] {
        for fortran in [false, true] {
            let files = npy_with(0, npy("<f4", fortran, &shape, &[0; 64]));
            let error = refused(&files, &["train_images.npy", "claims", "16 GiB"]);
            assert!(matches!(error, Error::TooLarge { .. }));
        }
    }
    let files = npy_with(0, npy("<f4", false, "1000000000, 2", &[0; 64]));
    refused(&files, &["truncated", "8,000,000,0"]);
    for shape in ["0, 2", "2, 0"] {
        let error = refused(&npy_with(0, npy("<f4", false, shape, &[])), &["no samples"]);
        assert!(matches!(error, Error::Empty { .. }));
    }
    // Four gigabytes of header.
    let mut header = b"\x93NUMPY\x02\x00".to_vec();
    header.extend([0xff; 4]);
    refused(&npy_with(0, header), &["header claims 4294967295 bytes"]);
}

#[test]
fn npy_header_that_is_not_plain() {
    let hidden = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,2), 'sh\\x61pe': (9,9)}";
    let hex = "{'descr': '<f4', 'fortran_order': False, 'shape': (0xffffffffffffffff, 9)}";
    let wide = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}";
    let deep = format!("{}'shape': (1,)", "(".repeat(4_000));
    for text in ["", "{}", "shape", "{'shape': (2, 2)}", hidden, hex, wide, &deep] {
        refused(&npy_with(0, npy_text(text, &[0; 16])), &["train_images.npy", "numpy.save"]);
    }
    refused(&npy_with(0, b"<html>".to_vec()), &["web page"]);
    refused(&npy_with(0, vec![]), &["not a plain npy array"]);
    refused(&npy_with(0, b"\x93NUMPY\x09\x00\x01\0\0\0a".to_vec()), &["numpy.save"]);
}

#[test]
fn npy_of_the_wrong_type_or_shape() {
    for kind in ["<i4", "|b1", "<c8", "<U1", "|O", "<f16", "|S0"] {
        let error = load_dir(&folder(&npy_with(0, npy(kind, false, "1, 1", &[0; 16]))));
        let error = error.unwrap_err();
        check_message(&error, &["train_images.npy"]);
    }
    let files = npy_with(0, npy("<i4", false, "2, 2", &[0; 16]));
    let error = refused(&files, &["type '<i4', but samples must be u1, f2, f4 or f8"]);
    assert!(matches!(error, Error::ElementType { .. }));
    let record = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 2)}";
    refused(&npy_with(0, npy_text(record, &[0; 16])), &["record"]);

    refused(&npy_with(0, npy("<f4", false, "4,", &[0; 16])), &["array of shape 4,", "axes"]);
    refused(&npy_with(0, npy("<f4", false, "", &[0; 4])), &["a single number"]);
    refused(&npy_with(0, npy("<f4", false, "1, 1, 1, 2, 2", &[0; 16])), &["1x1x1x2x2"]);
    refused(&npy_with(0, npy("|u1", false, "2, 2", &[0; 4])), &["2 bytes", "2 floats"]);
}

#[test]
fn npy_missing_file() {
    let mut files = npy_set();
    files.remove(2);
    refused(&files, &["test_images.npy", "missing"]);
}

#[test]
fn a_part_of_the_training_split_is_held_out_whole_and_always_the_same() {
    let whole = load("digits", None).unwrap();
    let held = load("digits", None).unwrap().hold_out(0.1).unwrap();
    let validation = held.validation.as_ref().unwrap();
    assert_eq!((held.train.len(), validation.len(), &held.test), (3441, 382, &whole.test));
    assert_eq!(held.summary(), "digits: 3,441 training, 382 validation and 1,797 test samples of 8x8, 10 classes");
    assert_eq!(held, whole.clone().hold_out(0.1).unwrap());

    // Every sample with its label is in one part or the other, as often as it was.
    let samples = |split: &Split| -> Vec<(Vec<u8>, u32)> {
        let Values::Bytes(bytes) = &split.values else { panic!("digits are bytes") };
        bytes.chunks_exact(64).map(<[u8]>::to_vec).zip(split.labels.iter().copied()).collect()
    };
    let sorted = |mut samples: Vec<(Vec<u8>, u32)>| {
        samples.sort();
        samples
    };
    let both = [samples(&held.train), samples(validation)].concat();
    assert_eq!(sorted(both), sorted(samples(&whole.train)));
    // Drawn from all over the files, not from their end.
    let last = samples(&whole.train).split_off(3441);
    assert!(samples(validation).iter().filter(|sample| last.contains(sample)).count() < 80);

    // Floats too, and no part may be empty.
    let split = |count: u32| Split {
        values: Values::Floats((0..2 * count).map(|value| value as f32).collect()),
        labels: (0..count).collect(),
    };
    let few = |count| Dataset { train: split(count), shape: vec![2], ..whole.clone() };
    let three = few(3).hold_out(0.4).unwrap();
    let held = three.validation.unwrap();
    assert_eq!((three.train.len(), held.len()), (2, 1));
    let Values::Floats(values) = &held.values else { panic!("floats stay floats") };
    let label = held.labels[0] as f32;
    assert_eq!(values[..], [2.0 * label, 2.0 * label + 1.0]);
    for (count, share) in [(3, 0.1), (3, 0.9), (1, 0.5)] {
        let message = few(count).hold_out(share).unwrap_err().to_string();
        assert!(message.starts_with(&format!("holding out {share} of {count} training samples")), "{message}");
    }
}
