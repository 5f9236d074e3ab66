//! Archives of `NumPy` arrays, as `numpy.savez` writes them.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Write as _};
use std::path::{Path, PathBuf};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::error::Error;
use super::file;
use super::npy::Array;

/// An archive that is read array by array, stored or deflated.
#[derive(Debug)]
pub struct Npz {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
    names: Vec<String>,
}

impl Npz {
    /// Opens an archive and lists it.
    ///
    /// # Errors
    /// An [`Error`] that names the place, the fault and the remedy in one line.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (file, _) = file::open(path)?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| broken(path, error))?;
        let names = zip.file_names().map(|name| {
            let name = name.map_err(|error| broken(path, error))?;
            Ok(name.strip_suffix(".npy").unwrap_or(&name).to_owned())
        });
        let names = names.collect::<Result<_, _>>()?;
        Ok(Self { path: path.to_owned(), zip, names })
    }

    /// The names of its arrays.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// An array of one axis with elements `f4` or `f8`.
    ///
    /// # Errors
    /// An array that is not there, is damaged, or is another.
    pub fn vector(&mut self, name: &str) -> Result<Vec<f64>, Error> {
        let (at, bytes) = self.bytes(name)?;
        Array::new(&at, &bytes[..], bytes.len() as u64)?.vector()
    }

    /// Shape and row-major elements of an array of `f4` or `f8`.
    ///
    /// # Errors
    /// As [`vector`](Self::vector).
    pub fn array(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f64>), Error> {
        let (at, bytes) = self.bytes(name)?;
        Array::new(&at, &bytes[..], bytes.len() as u64)?.floats()
    }

    /// A single text, as `numpy.array("text")` is.
    ///
    /// # Errors
    /// As [`vector`](Self::vector).
    pub fn text(&mut self, name: &str) -> Result<String, Error> {
        let (at, bytes) = self.bytes(name)?;
        Array::new(&at, &bytes[..], bytes.len() as u64)?.text()
    }

    /// The npy file of an array, and what to call it in messages.
    fn bytes(&mut self, name: &str) -> Result<(PathBuf, Vec<u8>), Error> {
        let file = format!("{name}.npy");
        let at = self.path.join(&file);
        let mut entry = self.zip.by_name(&file).map_err(|error| match error {
            ZipError::FileNotFound => {
                Error::NoArray { path: self.path.clone(), name: name.to_owned(), found: self.names.clone() }
            }
            error => broken(&at, error),
        })?;
        let size = entry.size();
        file::claim(&[size], 1, &at)?;
        // A byte more than there should be: at its end the archive compares checksums.
        let bytes = file::read_up_to(&mut entry, size + 1).map_err(|error| broken(&at, error.into()))?;
        file::check_length(bytes.len() as u64, size, &at)?;
        Ok((at, bytes))
    }
}

fn broken(at: &Path, error: ZipError) -> Error {
    Error::header(at, format!("cannot be read as an npz archive: {error}; save it again with numpy.savez"))
}

/// Arrays, each the bytes of an npy file, as the bytes of an npz archive.
///
/// # Errors
/// A name must be given once only.
pub fn npz<N: AsRef<str>>(arrays: impl IntoIterator<Item = (N, Vec<u8>)>) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // Trained numbers hardly compress; numpy.savez stores them as they are, too.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in arrays {
        zip.start_file(format!("{}.npy", name.as_ref()), options)?;
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::super::{load_complex, npy, npy_text};
    use super::*;
    use num_complex::Complex64;

    /// An npy file with a header as numpy writes it, of `shape` such as `2, 3`.
    fn file(kind: &str, fortran: bool, shape: &str, body: &[u8]) -> Vec<u8> {
        let fortran = if fortran { "True" } else { "False" };
        let text = format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': ({shape}), }}\n");
        [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), body].concat()
    }

    #[test]
    fn complex_numbers_of_both_widths_orders_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("u.npy");
        let numbers = |values: &[f64]| -> Vec<Complex64> {
            values.chunks(2).map(|pair| Complex64::new(pair[0], pair[1])).collect()
        };
        let c16: Vec<u8> = (0..12_u8).flat_map(|x| f64::from(x).to_le_bytes()).collect();
        let c8: Vec<u8> = (0..12_u8).flat_map(|x| f32::from(x).to_be_bytes()).collect();
        let f8: Vec<u8> = (0..6_u8).flat_map(|x| f64::from(x).to_le_bytes()).collect();
        let rising = numbers(&(0..12).map(f64::from).collect::<Vec<_>>());
        let turned = numbers(&[0., 1., 4., 5., 8., 9., 2., 3., 6., 7., 10., 11.]);
        let real = numbers(&[0., 0., 1., 0., 2., 0., 3., 0., 4., 0., 5., 0.]);
        for (kind, fortran, body, wanted) in [
            ("<c16", false, &c16, &rising),
            (">c8", false, &c8, &rising),
            ("<c16", true, &c16, &turned),
            (">c8", true, &c8, &turned),
            ("<f8", false, &f8, &real),
        ] {
            std::fs::write(&at, file(kind, fortran, "2, 3", body)).unwrap();
            assert_eq!(load_complex(&at).unwrap(), (vec![2, 3], wanted.clone()), "{kind} {fortran}");
        }
        std::fs::write(&at, npy(&[3, 2], &rising).unwrap()).unwrap();
        assert_eq!(load_complex(&at).unwrap(), (vec![3, 2], rising));

        for (bytes, part) in [
            (file("<i8", false, "1,", &[0; 8]), "elements of type '<i8', but its elements must be c8, c16, f4 or f8"),
            (file("<c16", false, "2, 3", &c16[1..]), "truncated"),
            (file("<c16", false, "2, 0", &[]), "holds no samples and no other values"),
            (b"PK\x03\x04".to_vec(), "numpy.save"),
        ] {
            std::fs::write(&at, bytes).unwrap();
            let message = load_complex(&at).unwrap_err().to_string();
            assert!(message.contains("u.npy: ") && message.contains(part), "{message}");
        }
        std::fs::remove_file(&at).unwrap();
        assert!(load_complex(&at).unwrap_err().to_string().contains("u.npy: this file is missing"));
    }

    /// Reads an archive of these bytes.
    fn open<T>(bytes: &[u8], read: impl Fn(&mut Npz) -> Result<T, Error>) -> Result<T, String> {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("p.npz");
        std::fs::write(&at, bytes).unwrap();
        let result = Npz::open(&at).and_then(|mut archive| read(&mut archive)).map_err(|error| error.to_string());
        result.inspect_err(|message| assert!(message.contains("p.npz") && !message.contains('\n'), "{message}"))
    }

    #[test]
    fn archives_are_read_back_stored_or_deflated() {
        let values: Vec<f64> = (0..1000).map(|x| f64::from(x) / 7.0).collect();
        let arrays = [("values", npy(&[1000], &values).unwrap()), ("word", npy_text("clements"))];
        let stored = npz(arrays.clone()).unwrap();
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in &arrays {
            let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
            zip.start_file(format!("{name}.npy"), options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        let deflated = zip.finish().unwrap().into_inner();
        assert!(deflated.len() < stored.len());
        for bytes in [&stored, &deflated] {
            assert_eq!(open(bytes, |archive| Ok(archive.names().to_vec())).unwrap(), ["values", "word"]);
            assert_eq!(open(bytes, |archive| archive.vector("values")).unwrap(), values);
            assert_eq!(open(bytes, |archive| archive.text("word")).unwrap(), "clements");
        }
        assert!(npz([("a", vec![]), ("a", vec![])]).is_err());
    }

    #[test]
    fn texts_of_every_kind() {
        let read = |bytes: Vec<u8>| open(&npz([("t", bytes)]).unwrap(), |archive| archive.text("t"));
        for text in ["reck", "", "über 1 µm"] {
            let bytes = npy_text(text);
            assert_eq!((bytes.len() - 4 * text.chars().count().max(1)) % 64, 0);
            assert_eq!(read(bytes).as_deref(), Ok(text));
        }
        let big: Vec<u8> = "reck".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        assert_eq!(read(file(">U4", false, "", &big)).as_deref(), Ok("reck"));
        assert_eq!(read(file("|S6", false, "1,", b"reck\0\0")).as_deref(), Ok("reck"));
        assert_eq!(read(file("<U1", false, "", &[0xff; 4])).as_deref(), Ok("\u{fffd}"));
        let message = read(file("<U1", false, "2,", &[0; 8])).unwrap_err();
        assert!(message.contains("an array of shape 2, but this one is a single text"), "{message}");
        let message = read(npy(&[], &[1.0]).unwrap()).unwrap_err();
        assert!(message.contains("elements of type '<f8', but it must be a text"), "{message}");
    }

    #[test]
    fn vectors_of_both_widths_and_nothing_else() {
        let read = |bytes: Vec<u8>| open(&npz([("v", bytes)]).unwrap(), |archive| archive.vector("v"));
        assert_eq!(read(npy(&[2], &[0.5_f32, -2.0]).unwrap()).unwrap(), [0.5, -2.0]);
        let message = read(npy(&[2, 1], &[0.5, -2.0]).unwrap()).unwrap_err();
        assert!(message.contains("p.npz/v.npy: an array of shape 2x1, but this one has one axis"), "{message}");
        let message = read(npy(&[2], &[1_i64, 2]).unwrap()).unwrap_err();
        assert!(message.contains("elements of type '<i8', but its elements must be f4 or f8"), "{message}");
    }

    #[test]
    fn damaged_archives_are_told_apart() {
        let values = npy(&[100], &[0.25; 100]).unwrap();
        let whole = npz([("v", values.clone())]).unwrap();
        let read = |bytes: &[u8], name: &str| open(bytes, |archive| archive.vector(name)).unwrap_err();
        assert!(read(&whole, "w").contains("holds no array `w`; found v; add it"));
        for cut in [0, 3, 60, whole.len() - 1] {
            let message = read(&whole[..cut], "v");
            assert!(message.contains("cannot be read as an npz archive"), "{message}");
        }
        // A flipped bit of an element: only the checksum tells.
        let mut flipped = whole.clone();
        let element = whole.windows(8).position(|bytes| bytes == 0.25_f64.to_le_bytes()).unwrap();
        flipped[element + 3] ^= 1;
        let message = read(&flipped, "v");
        assert!(
            message.contains("p.npz/v.npy: cannot be read as an npz archive") && message.contains("hecksum"),
            "{message}"
        );
        // The directory claims more than there is: its own record holds the size.
        let mut lying = whole.clone();
        let record = whole.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
        lying[record + 24..record + 28].copy_from_slice(&0xf000_0000_u32.to_le_bytes());
        let message = read(&lying, "v");
        assert!(
            message.contains("p.npz/v.npy: truncated: 928 bytes where the header promises 4,026,531,840"),
            "{message}"
        );
        let message = read(&values, "v");
        assert!(message.contains("cannot be read as an npz archive"), "{message}");
    }
}
