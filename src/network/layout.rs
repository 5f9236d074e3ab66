//! Where every tensor lies in a flat buffer.

use crate::gpu::{Error, Slice, align};

/// A tensor of a layer in a flat buffer.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    /// `layer.tensor`.
    pub name: String,
    /// Place of the layer in the network.
    pub layer: usize,
    /// Place of the tensor in the layer's own list.
    pub position: usize,
    /// First word.
    pub offset: usize,
    /// Shape.
    pub shape: Vec<usize>,
    /// What the layer said of it.
    pub spec: T,
}

impl<T> Entry<T> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The words of this tensor in a flat vector.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }

    /// This tensor in a flat buffer.
    pub(super) fn slice(&self, flat: &Slice) -> Result<Slice, Error> {
        flat.part(&self.name, self.offset, &self.shape)
    }
}

/// Gives every tensor its aligned place, in order; returns the words of the whole.
pub(super) fn place<T>(entries: &mut [Entry<T>]) -> usize {
    entries.iter_mut().fold(0, |offset, entry| {
        entry.offset = offset;
        offset + align(entry.len())
    })
}

/// The tensors of one layer, in the layer's own order.
pub(super) fn of_layer<T>(entries: &[Entry<T>], layer: usize, flat: &Slice) -> Result<Vec<Slice>, Error> {
    let mut own: Vec<_> = entries.iter().filter(|entry| entry.layer == layer).collect();
    own.sort_by_key(|entry| entry.position);
    own.into_iter().map(|entry| entry.slice(flat)).collect()
}
