//! Named, shaped views of device memory.
//!
//! Everything is counted in 4-byte words; a [`Slice`] starts on a 256-byte boundary, which every
//! adapter can bind.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Error, Layout, Uniform};

/// Slices start at multiples of this many words (256 bytes).
pub const ALIGNMENT_WORDS: usize = 64;

/// Rounds a number of words up to the next place where a slice may start.
pub fn align(words: usize) -> usize {
    words.next_multiple_of(ALIGNMENT_WORDS)
}

/// The scalar that a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// 32-bit float.
    F32,
    /// 32-bit unsigned integer.
    U32,
}

/// A Rust scalar with a device twin.
pub trait Word: bytemuck::Pod {
    /// The device twin.
    const SCALAR: Scalar;
}

impl Word for f32 {
    const SCALAR: Scalar = Scalar::F32;
}

impl Word for u32 {
    const SCALAR: Scalar = Scalar::U32;
}

/// One allocation on the device: a *role* (parameters, gradients, ...), never an arena of roles, because
/// one dispatch may not bind the same buffer for reading and for writing.
#[derive(Debug)]
pub(crate) struct Buffer {
    pub(crate) raw: wgpu::Buffer,
    pub(crate) name: String,
    pub(crate) ledger: Arc<Ledger>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.ledger.change(&self.name, self.raw.size(), false);
    }
}

/// Live device memory by name.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<String, u64>>);

impl Ledger {
    pub(crate) fn change(&self, name: &str, bytes: u64, grow: bool) {
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = live.remove(name).unwrap_or(0);
        let held = if grow { held + bytes } else { held.saturating_sub(bytes) };
        if held > 0 {
            live.insert(name.to_owned(), held);
        }
    }

    pub(crate) fn rows(&self) -> Vec<(String, u64)> {
        let live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        live.iter().map(|(name, bytes)| (name.clone(), *bytes)).collect()
    }
}

/// A named, shaped, 256-byte aligned part of a buffer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Slice {
    pub(crate) buffer: Arc<Buffer>,
    name: String,
    offset: usize,
    shape: Vec<usize>,
    scalar: Scalar,
}

impl Slice {
    pub(crate) fn whole(buffer: Buffer, shape: &[usize], scalar: Scalar) -> Self {
        Self { name: buffer.name.clone(), buffer: Arc::new(buffer), offset: 0, shape: shape.to_vec(), scalar }
    }

    /// A part of this slice that starts `offset` words in, with its own name and shape.
    ///
    /// # Errors
    /// The part must start on a multiple of [`ALIGNMENT_WORDS`] and lie inside this slice.
    pub fn part(&self, name: &str, offset: usize, shape: &[usize]) -> Result<Self, Error> {
        let words: usize = shape.iter().product();
        if !offset.is_multiple_of(ALIGNMENT_WORDS) || offset + words > self.len() {
            return Err(Error::Shape {
                what: format!("part `{name}` of `{}`", self.name),
                expected: format!("an aligned range within {} words", self.len()),
                got: format!("{words} words at {offset}"),
            });
        }
        Ok(Self {
            buffer: Arc::clone(&self.buffer),
            name: name.to_owned(),
            offset: self.offset + offset,
            shape: shape.to_vec(),
            scalar: self.scalar,
        })
    }

    /// The same words under another shape of as many elements.
    ///
    /// # Errors
    /// If the number of elements differs.
    pub fn reshape(&self, shape: &[usize]) -> Result<Self, Error> {
        if shape.iter().product::<usize>() != self.len() {
            return Err(Error::Shape {
                what: format!("reshape of `{}`", self.name),
                expected: format!("{} elements", self.len()),
                got: format!("{shape:?}"),
            });
        }
        self.part(&self.name, 0, shape)
    }

    /// The same words as whole numbers.
    pub fn as_words(&self) -> Self {
        Self { scalar: Scalar::U32, ..self.clone() }
    }

    /// Name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Shape, outermost axis first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element type.
    pub fn scalar(&self) -> Scalar {
        self.scalar
    }

    pub(crate) fn byte_offset(&self) -> u64 {
        4 * self.offset as u64
    }

    pub(crate) fn byte_len(&self) -> u64 {
        4 * self.len() as u64
    }

    /// Binds the slice for reading.
    pub fn read(&self) -> Bind<'_> {
        Bind { slice: self, access: Access::Read }
    }

    /// Binds the slice as a uniform struct, compared with the shader's.
    pub fn uniform<U: Uniform>(&self) -> Bind<'_> {
        Bind { slice: self, access: Access::Uniform(Layout::of::<U>()) }
    }

    /// Binds the slice to be overwritten; the kernel may not read it.
    pub fn write(&self) -> Bind<'_> {
        Bind { slice: self, access: Access::Write }
    }

    /// Binds the slice to be read and changed in place.
    pub fn update(&self) -> Bind<'_> {
        Bind { slice: self, access: Access::Update }
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {:?}", self.name, self.shape)
    }
}

/// What a kernel does to a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads only.
    Read,
    /// Reads a uniform struct of this layout.
    Uniform(Layout),
    /// Overwrites without looking.
    Write,
    /// Reads and writes.
    Update,
}

impl Access {
    pub(crate) fn is_write(self) -> bool {
        matches!(self, Self::Write | Self::Update)
    }
}

/// A slice with the access a dispatch asks for.
#[derive(Clone, Copy, Debug)]
pub struct Bind<'a> {
    pub(crate) slice: &'a Slice,
    pub(crate) access: Access,
}
