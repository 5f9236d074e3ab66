//! What can go wrong between the host and the device, each with a name and a remedy.

/// An error of the GPU floor. Every message is one line: what, where, what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No adapter at all, or none that matches the request.
    #[error("{0}")]
    NoAdapter(String),
    /// The driver would not open a device on the chosen adapter.
    #[error("adapter `{adapter}` refused to open a device: {reason}; try another one (see `flatlight devices`)")]
    Refused {
        /// Name of the adapter.
        adapter: String,
        /// The driver's words.
        reason: String,
    },
    /// A shader that does not link, parse or validate.
    #[error("{file}:{line}: {message}")]
    Shader {
        /// Path of the shader below `shaders/`.
        file: String,
        /// Line in that file, from 1.
        line: usize,
        /// What the linker, parser or validator says.
        message: String,
    },
    /// A kernel that no shader declares.
    #[error("no kernel `{kernel}`: {message}")]
    NoKernel {
        /// `family::entry`.
        kernel: String,
        /// What is there instead.
        message: String,
    },
    /// A variant of a kernel that does not run here.
    #[error("{environment}={wanted}: no such variant of `{family}` runs on this adapter; there are: {available}")]
    NoVariant {
        /// Family of kernels.
        family: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        available: String,
        /// Variable that forces a variant.
        environment: String,
    },
    /// A binding that does not agree with what the shader declares.
    #[error("kernel `{kernel}`, binding `{binding}`: {message}")]
    Binding {
        /// `family::entry`.
        kernel: String,
        /// Name of the binding in the shader.
        binding: String,
        /// Expected and given.
        message: String,
    },
    /// Tensors whose shapes do not fit together.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// The operation and the tensor.
        what: String,
        /// What would fit.
        expected: String,
        /// What was given.
        got: String,
    },
    /// More memory than the adapter can bind or hold.
    #[error("`{what}` needs {wanted}, the adapter allows {limit}; {remedy}")]
    TooLarge {
        /// Name of the tensor.
        what: String,
        /// Wanted size, with unit.
        wanted: String,
        /// The adapter's limit, with unit.
        limit: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A loop longer than the drivers allow.
    #[error(
        "kernel `{kernel}` would loop {turns} times in one invocation; software drivers stop at 65,535 without a word, so the limit is {limit}: split the work over dispatches"
    )]
    LoopTurns {
        /// `family::entry`.
        kernel: String,
        /// Wanted loop turns.
        turns: usize,
        /// Allowed loop turns.
        limit: usize,
    },
    /// The device ran out of memory.
    #[error("the GPU is out of memory ({0}); lower training.batch, or free the device")]
    OutOfMemory(String),
    /// wgpu found an invalid use of its interface: a defect of this program.
    #[error("GPU validation failed, a defect of flatlight: {0}")]
    Validation(String),
    /// The device went away: driver reset, time-out, unplugged.
    #[error("the GPU was lost ({0}); the last checkpoint is whole, continue with --resume")]
    DeviceLost(String),
}

impl From<wgpu::Error> for Error {
    fn from(error: wgpu::Error) -> Self {
        match error {
            wgpu::Error::OutOfMemory { source } => Self::OutOfMemory(one_line(&source.to_string())),
            wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
                Self::Validation(one_line(&description))
            }
        }
    }
}

/// Folds a report of several lines into one.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A size in bytes for people, in binary units.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}
