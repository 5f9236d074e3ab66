//! The flat parameter vector and what may be done to its parts.

use crate::gpu::{ALIGNMENT_WORDS, Error, Gpu, Slice};

/// Which parameters something acts on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The physical control parameters.
    #[default]
    Control,
    /// Every parameter.
    All,
    /// The digital ones: all that are not physical control parameters.
    Digital,
}

impl Scope {
    /// The word of `shaders/shared/segments.wgsl`.
    pub(crate) fn word(self) -> u32 {
        match self {
            Self::Control => 0,
            Self::All => 1,
            Self::Digital => 2,
        }
    }
}

/// Over which parameters together a length is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// The whole scope.
    #[default]
    All,
    /// The control parameters, and the digital ones.
    Group,
    /// Every tensor of every layer by itself.
    Layer,
}

impl Grouping {
    /// The word of `shaders/shared/segments.wgsl`.
    pub(crate) fn word(self) -> u32 {
        match self {
            Self::All => 0,
            Self::Group => 1,
            Self::Layer => 2,
        }
    }

    /// Number of groups of a vector.
    pub fn count(self, flat: &Flat) -> usize {
        match self {
            Self::All => 1,
            Self::Group => 2,
            Self::Layer => flat.tensors,
        }
    }
}

/// Bounds and role of the parameters of one block of 64 words; `shaders/shared/segments.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Lower bound.
    pub lower: f32,
    /// Upper bound.
    pub upper: f32,
    /// Whether it holds physical control parameters.
    pub control: bool,
    /// Whether it holds no parameters but statistics that passes keep.
    pub kept: bool,
    /// Number of the tensor in the vector, below 2^24.
    pub tensor: usize,
}

impl Segment {
    /// The four words of a block.
    pub fn words(&self) -> [f32; 4] {
        let role = match (self.kept, self.control) {
            (true, _) => 2.0,
            (false, true) => 1.0,
            (false, false) => 0.0,
        };
        [self.lower, self.upper, role, self.tensor as f32]
    }
}

/// The flat vector of all parameters, its gradient, and the table of segments `[words / 64, 4]`. Words between
/// tensors are padding: their gradient stays 0.
#[derive(Clone, Debug)]
pub struct Flat {
    /// `[words]`
    pub parameters: Slice,
    /// `[words]`
    pub gradient: Slice,
    /// `[words / 64, 4]`
    pub segments: Slice,
    /// Number of tensors.
    pub tensors: usize,
}

/// A vector is cut at multiples of this many words, so that its table of segments is cut at aligned places too.
const CUT_WORDS: usize = ALIGNMENT_WORDS * ALIGNMENT_WORDS / 4;

impl Flat {
    /// A vector of whole blocks and its gradient by themselves, one tensor of this role and bound either way.
    ///
    /// # Errors
    /// What the device reports.
    pub fn alone(gpu: &Gpu, parameters: Slice, gradient: Slice, control: bool, bound: f32) -> Result<Self, Error> {
        let blocks = parameters.len() / ALIGNMENT_WORDS;
        let segment = Segment { lower: -bound, upper: bound, control, kept: false, tensor: 0 };
        let segments = gpu.upload("bounds and roles", &[blocks, 4], &segment.words().repeat(blocks))?;
        Ok(Self { parameters, gradient, segments, tensors: 1 })
    }

    /// Number of words.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Ranges (first word, words) that the adapter can bind.
    pub(crate) fn pieces(&self, gpu: &Gpu) -> Vec<(usize, usize)> {
        let most = ((gpu.binding_limit() / 4) as usize / CUT_WORDS).max(1) * CUT_WORDS;
        (0..self.len()).step_by(most).map(|first| (first, most.min(self.len() - first))).collect()
    }

    /// A range of a vector as long as this one.
    pub(crate) fn piece(vector: &Slice, (first, words): (usize, usize)) -> Result<Slice, Error> {
        vector.part(vector.name(), first, &[words])
    }

    /// The segments of a range.
    pub(crate) fn piece_segments(&self, piece: (usize, usize)) -> Result<Slice, Error> {
        Self::piece_blocks(&self.segments, piece)
    }

    /// A range of a table of four words a block.
    pub(crate) fn piece_blocks(table: &Slice, (first, words): (usize, usize)) -> Result<Slice, Error> {
        let blocks = words.div_ceil(ALIGNMENT_WORDS);
        table.part(table.name(), first / ALIGNMENT_WORDS * 4, &[blocks, 4])
    }
}
