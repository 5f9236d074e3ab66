//! `NumPy` arrays, as `numpy.save` writes them.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use half::f16;
use npyz::{AutoSerialize, DType, Deserialize, Endianness, NpyFile, NpyHeader, Order, TypeChar};
use num_complex::{Complex32, Complex64};

use super::error::{Error, times};
use super::{Part, Values, check_finite, class, file};

/// The names a training and a test split go by: images, then labels.
pub(super) const NAMES: [[&str; 2]; 2] =
    [["train_images.npy", "train_labels.npy"], ["test_images.npy", "test_labels.npy"]];

/// The longest header read, in bytes. A plain array's takes about a hundred.
const HEADER_LIMIT: usize = 4096;

/// Reads the training and the test split of a folder.
pub(super) fn read_folder(folder: &Path) -> Result<[Part; 2], Error> {
    let read = |[images, labels]: [&str; 2]| read_part(folder.join(images), folder.join(labels));
    Ok([read(NAMES[0])?, read(NAMES[1])?])
}

fn read_part(values_at: PathBuf, labels_at: PathBuf) -> Result<Part, Error> {
    let images = Array::open(&values_at)?;
    if !(2..=4).contains(&images.shape.len()) {
        return Err(Error::Axes {
            found: images.shape_text(),
            path: values_at,
            wanted: "samples have the axes (sample, feature), (sample, height, width) or (sample, channel, height, width)",
        });
    }
    let shape = images.shape[1..].to_vec();
    let values = images.values()?;

    let labels = Array::open(&labels_at)?;
    if labels.shape.len() != 1 {
        return Err(Error::Axes { found: labels.shape_text(), path: labels_at, wanted: "labels have one axis" });
    }
    let labels = labels.labels()?;
    Ok(Part { values, shape, labels, values_at, labels_at })
}

/// Reads samples without labels: the shape of one, and their values.
pub(super) fn read_samples(at: &Path) -> Result<(Vec<usize>, Values), Error> {
    let array = Array::open(at)?;
    if array.shape.len() < 2 {
        let wanted =
            "samples have the axes (sample, ...), such as (sample, height, width); one sample is an array of 1";
        return Err(Error::Axes { found: array.shape_text(), path: at.to_owned(), wanted });
    }
    let shape = array.shape[1..].to_vec();
    let values = array.values()?;
    check_finite(&values, shape.iter().product(), at)?;
    Ok((shape, values))
}

/// Reads numbers that may be complex: their shape, and their values.
pub(super) fn read_complex(at: &Path) -> Result<(Vec<usize>, Vec<Complex64>), Error> {
    let array = Array::open(at)?;
    Ok((array.shape.clone(), array.complex()?))
}

/// An array whose header has been read and found to fit the length of the file or of the part of an archive.
pub(super) struct Array<'a, R> {
    at: &'a Path,
    header: NpyHeader,
    shape: Vec<usize>,
    /// The element type: its letter and the size of an element in bytes.
    kind: (TypeChar, u64),
    endianness: Endianness,
    /// Stands at the first element.
    reader: R,
}

impl<'a> Array<'a, BufReader<File>> {
    fn open(at: &'a Path) -> Result<Self, Error> {
        let (file, length) = file::open(at)?;
        Self::new(at, BufReader::new(file), length)
    }
}

impl<'a, R: Read> Array<'a, R> {
    /// An array that takes `length` bytes of a reader, header included.
    pub(super) fn new(at: &'a Path, mut reader: R, length: u64) -> Result<Self, Error> {
        let bytes = read_header(&mut reader, at)?;
        let header = NpyHeader::from_reader(&bytes[..]).map_err(|_| not_npy(at))?;

        let DType::Plain(ref kind) = header.dtype() else {
            return Err(Error::ElementType {
                path: at.to_owned(),
                found: "a record in each element".into(),
                wanted: "elements must be numbers",
            });
        };
        let (kind, endianness) = ((kind.type_char(), kind.num_bytes().unwrap_or_default() as u64), kind.endianness());
        let data_length = file::claim(header.shape(), kind.1.max(1), at)?;
        // Once more as 32-bit floats, which is how most types are held.
        file::claim(header.shape(), size_of::<f32>() as u64, at)?;
        file::check_length(length, bytes.len() as u64 + data_length, at)?;

        let shape = header.shape().iter().map(|&axis| usize::try_from(axis));
        let shape = shape
            .collect::<Result<_, _>>()
            .map_err(|_| Error::TooLarge { path: at.to_owned(), claimed: times(header.shape()) })?;
        Ok(Self { at, header, shape, kind, endianness, reader })
    }

    /// The elements as samples hold them: bytes as bytes, floats of any width as `f32`.
    fn values(self) -> Result<Values, Error> {
        match self.kind {
            (TypeChar::Uint, 1) => self.bytes().map(Values::Bytes),
            (TypeChar::Float, 2) => self.each(|_, x: f16| Ok(x.to_f32())).map(Values::Floats),
            (TypeChar::Float, 4) => self.each(|_, x: f32| Ok(x)).map(Values::Floats),
            #[allow(clippy::cast_possible_truncation)]
            // what overflows is found with the infinities
            (TypeChar::Float, 8) => self.each(|_, x: f64| Ok(x as f32)).map(Values::Floats),
            _ => Err(self.wrong_type("samples must be u1, f2, f4 or f8")),
        }
    }

    /// The elements of an array with one axis, from floats of 32 or 64 bits.
    pub(super) fn vector(self) -> Result<Vec<f64>, Error> {
        if self.shape.len() != 1 {
            return Err(Error::Axes {
                found: self.shape_text(),
                path: self.at.to_owned(),
                wanted: "this one has one axis",
            });
        }
        Ok(self.floats()?.1)
    }

    /// The shape, and the elements, from floats of 32 or 64 bits.
    pub(super) fn floats(self) -> Result<(Vec<usize>, Vec<f64>), Error> {
        let shape = self.shape.clone();
        let values = match self.kind {
            (TypeChar::Float, 4) => self.each(|_, x: f32| Ok(x.into())),
            (TypeChar::Float, 8) => self.each(|_, x: f64| Ok(x)),
            _ => Err(self.wrong_type("its elements must be f4 or f8")),
        };
        Ok((shape, values?))
    }

    /// The elements as complex numbers; floats have no imaginary part.
    fn complex(self) -> Result<Vec<Complex64>, Error> {
        match self.kind {
            (TypeChar::Complex, 8) => self.each(|_, z: Complex32| Ok(Complex64::new(z.re.into(), z.im.into()))),
            (TypeChar::Complex, 16) => self.each(|_, z: Complex64| Ok(z)),
            (TypeChar::Float, 4) => self.each(|_, x: f32| Ok(f64::from(x).into())),
            (TypeChar::Float, 8) => self.each(|_, x: f64| Ok(x.into())),
            _ => Err(self.wrong_type("its elements must be c8, c16, f4 or f8")),
        }
    }

    /// A single text, as `numpy.array("text")` is; what is no character is shown as such.
    pub(super) fn text(self) -> Result<String, Error> {
        if self.shape.iter().product::<usize>() != 1 {
            return Err(Error::Axes {
                found: self.shape_text(),
                path: self.at.to_owned(),
                wanted: "this one is a single text",
            });
        }
        if !matches!(self.kind.0, TypeChar::UnicodeStr | TypeChar::ByteStr) {
            return Err(self.wrong_type("it must be a text"));
        }
        let bytes = file::read_up_to(self.reader, self.kind.1).map_err(|e| Error::io(self.at, e))?;
        let decode = |unit: &[u8]| {
            let word = unit.iter().fold(0, |word, &byte| word << 8 | u32::from(byte));
            char::from_u32(if self.endianness == Endianness::Little { word.swap_bytes() } else { word })
        };
        let text: String = match self.kind.0 {
            TypeChar::ByteStr => String::from_utf8_lossy(&bytes).into_owned(),
            _ => bytes.chunks_exact(4).map(|unit| decode(unit).unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
        };
        Ok(text.trim_end_matches('\0').to_owned())
    }

    /// The elements as class labels, from any integer type.
    fn labels(self) -> Result<Vec<u32>, Error> {
        match self.kind {
            (TypeChar::Int, 1) => self.classes::<i8>(),
            (TypeChar::Int, 2) => self.classes::<i16>(),
            (TypeChar::Int, 4) => self.classes::<i32>(),
            (TypeChar::Int, 8) => self.classes::<i64>(),
            (TypeChar::Uint, 1) => self.classes::<u8>(),
            (TypeChar::Uint, 2) => self.classes::<u16>(),
            (TypeChar::Uint, 4) => self.classes::<u32>(),
            (TypeChar::Uint, 8) => self.classes::<u64>(),
            _ => Err(self.wrong_type("labels must be integers")),
        }
    }

    fn classes<T: Deserialize + Copy + Into<i128>>(self) -> Result<Vec<u32>, Error> {
        let path = self.at.to_owned();
        self.each(|sample, x: T| {
            let label = x.into();
            class(label).map_err(|why| Error::Label { path: path.clone(), sample, label, why })
        })
    }

    /// Bytes need no conversion, so they are read in one go.
    fn bytes(self) -> Result<Vec<u8>, Error> {
        let count: usize = self.shape.iter().product();
        let bytes = file::read_up_to(self.reader, count as u64).map_err(|e| Error::io(self.at, e))?;
        file::check_length(bytes.len() as u64, count as u64, self.at)?;
        Ok(row_major(bytes, &self.shape, self.header.order()))
    }

    /// Reads every element as a `T` and converts it, given its place in the file.
    fn each<T: Deserialize, U: Copy>(self, convert: impl Fn(usize, T) -> Result<U, Error>) -> Result<Vec<U>, Error> {
        let Self { at, header, shape, reader, .. } = self;
        let order = header.order();
        let elements = NpyFile::with_header(header, reader)
            .data::<T>()
            .map_err(|e| Error::header(at, format!("cannot be decoded: {e}")))?;
        let mut values = Vec::new();
        values.try_reserve_exact(shape.iter().product()).map_err(|e| Error::io(at, e.into()))?;
        for (place, element) in elements.enumerate() {
            values.push(convert(place, element.map_err(|e| Error::io(at, e))?)?);
        }
        Ok(row_major(values, &shape, order))
    }

    fn shape_text(&self) -> String {
        match self.shape[..] {
            [] => "a single number".into(),
            _ => times(&self.shape),
        }
    }

    fn wrong_type(&self, wanted: &'static str) -> Error {
        Error::ElementType {
            path: self.at.to_owned(),
            found: format!("elements of type {}", self.header.dtype().descr()),
            wanted,
        }
    }
}

/// Reads the bytes up to the first element, and checks that they are such as
/// `numpy.save` writes.
///
/// The parser behind [`NpyHeader`] takes any Python literal, nested as deep as
/// the stack allows, and multiplies the axes unchecked; it is shown neither.
fn read_header(reader: &mut impl Read, at: &Path) -> Result<Vec<u8>, Error> {
    let mut read = |limit: usize| file::read_up_to(&mut *reader, limit as u64).map_err(|e| Error::io(at, e));
    // The magic, two bytes of version, and the length of the text that follows.
    let mut bytes = read(8)?;
    if bytes.first() == Some(&b'<') {
        let what = "is a web page, not an npy file; download the file itself";
        return Err(Error::header(at, what));
    }
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err(not_npy(at));
    }
    let width = if bytes.get(6) == Some(&1) { 2 } else { 4 };
    bytes.extend(read(width)?);
    let preamble = 8 + width;
    file::check_length(bytes.len() as u64, preamble as u64, at)?;
    let text_length = bytes[8..].iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte));
    if text_length > HEADER_LIMIT {
        let what = format!(
            "its header claims {text_length} bytes, beyond the {HEADER_LIMIT} of a plain array; save it again with numpy.save"
        );
        return Err(Error::header(at, what));
    }
    bytes.extend(read(text_length)?);
    let end = preamble + text_length;
    file::check_length(bytes.len() as u64, end as u64, at)?;
    let shape = std::str::from_utf8(&bytes[preamble..]).ok().and_then(plain_shape).ok_or_else(|| not_npy(at))?;
    // An axis of 0 must not hide the overflow of the others.
    let nonzero: Vec<u64> = shape.iter().map(|&axis| axis.max(1)).collect();
    file::claim(&nonzero, 1, at)?;
    Ok(bytes)
}

/// The shape in a header's text, if the text is as plain as numpy writes it.
fn plain_shape(text: &str) -> Option<Vec<u64>> {
    let nested = text.matches(['(', '[', '{']).count();
    if nested > 8 || text.contains('\\') || text.matches("shape").count() != 1 {
        return None;
    }
    let (_, rest) = text.split_once("shape")?;
    let rest = rest.strip_prefix(['\'', '"'])?.trim_start();
    let rest = rest.strip_prefix(':')?.trim_start().strip_prefix('(')?;
    let (axes, _) = rest.split_once(')')?;
    axes.split(',').map(str::trim).filter(|axis| !axis.is_empty()).map(|axis| axis.parse().ok()).collect()
}

/// An array as a whole npy file.
pub(super) fn encode<T: AutoSerialize>(shape: &[usize], values: &[T]) -> std::io::Result<Vec<u8>> {
    use npyz::WriterBuilder as _;
    let shape: Vec<_> = shape.iter().map(|&axis| axis as u64).collect();
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
    writer.extend(values)?;
    writer.finish()?;
    Ok(bytes)
}

/// A text as `numpy.save` writes `numpy.array("text")`: UCS-4 without axes. The writer of npyz knows no texts.
pub(super) fn encode_text(text: &str) -> Vec<u8> {
    let count = text.chars().count().max(1);
    let mut header = format!("{{'descr': '<U{count}', 'fortran_order': False, 'shape': (), }}");
    // The elements start at a multiple of 64 bytes; ten come before the header, a line feed ends it.
    let blanks = (10 + header.len() + 1).next_multiple_of(64) - (10 + header.len() + 1);
    header.extend(std::iter::repeat_n(' ', blanks));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(text.chars().flat_map(|character| u32::from(character).to_le_bytes()));
    bytes.resize(10 + header.len() + 4 * count, 0);
    bytes
}

fn not_npy(at: &Path) -> Error {
    Error::header(at, "is not a plain npy array; save it again with numpy.save")
}

/// Puts elements stored first-axis-fastest into last-axis-fastest order.
fn row_major<T: Copy>(stored: Vec<T>, shape: &[usize], order: Order) -> Vec<T> {
    if order == Order::C || shape.len() < 2 {
        return stored;
    }
    let mut index = vec![0; shape.len()];
    let mut values = Vec::with_capacity(stored.len());
    for _ in 0..stored.len() {
        let place = index.iter().zip(shape).rev().fold(0, |place, (i, axis)| place * axis + i);
        values.push(stored[place]);
        for (i, &axis) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < axis {
                break;
            }
            *i = 0;
        }
    }
    values
}
