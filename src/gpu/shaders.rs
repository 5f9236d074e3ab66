//! The shader library: embedded sources, the linker, validation and reflection.
//!
//! A shader imports others with `import package::shared::random::{random_bits, random_unit};`, a strict
//! subset of WESL: one line, items by name, no renaming. Modules are included once, dependencies first; as
//! inclusion has no namespaces, shared items carry the name of their module as a prefix. Errors of the
//! parser are mapped back to the file and line they came from.

use std::collections::BTreeMap;

use naga::valid::{Capabilities, GlobalUse, ValidationFlags, Validator};

use super::{Error, Layout, Scalar};

macro_rules! library {
    ($($path:literal),* $(,)?) => {
        /// Every shader of the crate: path below `shaders/` without its ending, and text.
        pub const LIBRARY: &[(&str, &str)] =
            &[$(($path, include_str!(concat!("../../shaders/", $path, ".wgsl")))),*];
    };
}

library![
    "shared/clock",
    "shared/complex",
    "shared/convolution",
    "shared/fft",
    "shared/indexing",
    "shared/lanes",
    "shared/math",
    "shared/mesh",
    "shared/peak",
    "shared/phase",
    "shared/product",
    "shared/random",
    "shared/reduce",
    "shared/ring",
    "shared/segments",
    "activation",
    "actuator",
    "adam",
    "add",
    "adversary",
    "average",
    "bias",
    "blur",
    "complex_matmul",
    "convolution",
    "convolution_subgroup",
    "convolution_tiled",
    "cross_entropy",
    "detect",
    "disturb",
    "draw",
    "fft",
    "gain",
    "half",
    "inner_product",
    "intensity",
    "latent",
    "lens",
    "matmul",
    "matmul_subgroup",
    "matmul_tiled",
    "mean_squared_error",
    "mesh",
    "mesh_subgroup",
    "metrics",
    "microring",
    "norm",
    "normalization",
    "normalization_pooled",
    "perturb",
    "phase_shifter",
    "plane",
    "pool",
    "ports",
    "probe",
    "propagation",
    "propagation_subgroup",
    "regions",
    "resample",
    "ring_bank",
    "sgd",
    "shortcut",
    "slope",
    "source",
    "structural_similarity",
    "sum",
    "tiles",
    "tilt",
    "transfer",
    "transmission",
    "upsample",
    "winograd",
];

/// A linked module: one text, and where each of its lines came from.
#[derive(Clone, Debug)]
pub struct Linked {
    /// WGSL text that a driver can compile.
    pub text: String,
    /// For every line of `text`: index into `files`, and the line there, from 1.
    lines: Vec<(usize, usize)>,
    files: Vec<String>,
}

impl Linked {
    /// File and line behind a line of the linked text (from 1).
    pub fn origin(&self, line: usize) -> (String, usize) {
        let index = line.saturating_sub(1).min(self.lines.len().saturating_sub(1));
        self.lines.get(index).map_or_else(
            || (String::from("shaders"), line),
            |&(file, line)| (format!("shaders/{}.wgsl", self.files[file]), line),
        )
    }
}

/// Where sources come from: the embedded library, or a folder while a kernel is being edited.
pub trait Sources {
    /// Text of the shader at `path` (no ending), if there is one.
    fn get(&self, path: &str) -> Option<String>;
}

/// The embedded library; the folder named by `FLATLIGHT_SHADERS`, if set, comes first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Embedded;

impl Sources for Embedded {
    fn get(&self, path: &str) -> Option<String> {
        let edited = std::env::var_os("FLATLIGHT_SHADERS").and_then(|folder| {
            std::fs::read_to_string(std::path::Path::new(&folder).join(format!("{path}.wgsl"))).ok()
        });
        edited.or_else(|| LIBRARY.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned()))
    }
}

impl Sources for BTreeMap<&str, &str> {
    fn get(&self, path: &str) -> Option<String> {
        BTreeMap::get(self, path).map(|text| (*text).to_owned())
    }
}

/// Resolves the imports of `path` into one text.
///
/// # Errors
/// [`Error::Shader`] with file and line: an import that is malformed, names a module or an item that does
/// not exist, or closes a circle.
pub fn link(sources: &impl Sources, path: &str) -> Result<Linked, Error> {
    let mut linker =
        Linker { sources, linked: Linked { text: String::new(), lines: vec![], files: vec![] }, open: vec![] };
    linker.include(path, None)?;
    Ok(linker.linked)
}

struct Linker<'a, S> {
    sources: &'a S,
    linked: Linked,
    open: Vec<String>,
}

impl<S: Sources> Linker<'_, S> {
    /// Appends a module after its imports; `from` is the import's own place, for messages.
    fn include(&mut self, path: &str, from: Option<(&str, usize)>) -> Result<String, Error> {
        let complain = |message: String| {
            let (file, line) = from.unwrap_or((path, 1));
            Error::Shader { file: format!("shaders/{file}.wgsl"), line, message }
        };
        let Some(text) = self.sources.get(path) else {
            return Err(complain(format!("there is no module `{path}`")));
        };
        if self.open.iter().any(|module| module == path) {
            return Err(complain(format!("import of `{path}` closes a circle: {}", self.open.join(" -> "))));
        }
        if self.linked.files.iter().any(|module| module == path) {
            return Ok(text);
        }
        self.open.push(path.to_owned());
        for (index, line) in text.lines().enumerate() {
            let place = (path, index + 1);
            let Some((module, items)) = parse_import(line, place)? else {
                continue;
            };
            let imported = self.include(&module, Some(place))?;
            for item in items {
                if !declares(&imported, &item) {
                    return Err(Error::Shader {
                        file: format!("shaders/{path}.wgsl"),
                        line: index + 1,
                        message: format!("module `{module}` declares no `{item}`"),
                    });
                }
            }
        }
        self.open.pop();
        let file = self.linked.files.len();
        self.linked.files.push(path.to_owned());
        for (index, line) in text.lines().enumerate() {
            if !line.trim_start().starts_with("import ") {
                self.linked.text.push_str(line);
            }
            self.linked.text.push('\n');
            self.linked.lines.push((file, index + 1));
        }
        Ok(text)
    }
}

/// `import package::a::b::{x, y};` as (`a/b`, [x, y]); `None` for any other line.
fn parse_import(line: &str, (file, number): (&str, usize)) -> Result<Option<(String, Vec<String>)>, Error> {
    let Some(rest) = line.trim().strip_prefix("import ") else {
        return Ok(None);
    };
    rest.trim()
        .strip_prefix("package::")
        .and_then(|rest| rest.strip_suffix("};"))
        .and_then(|rest| rest.split_once("::{"))
        .map(|(module, items)| {
            let items = items.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect();
            Some((module.replace("::", "/"), items))
        })
        .ok_or_else(|| Error::Shader {
            file: format!("shaders/{file}.wgsl"),
            line: number,
            message: "an import reads `import package::shared::module::{item, item};` on one line".to_owned(),
        })
}

/// Whether a module declares a function, constant or struct of this name.
fn declares(text: &str, item: &str) -> bool {
    text.lines().any(|line| {
        ["fn ", "const ", "struct ", "alias "].iter().any(|keyword| {
            line.strip_prefix(keyword).is_some_and(|rest| {
                rest.strip_prefix(item).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            })
        })
    })
}

/// What an entry point binds, as the shader itself declares it.
#[derive(Clone, Debug)]
pub struct Binding {
    /// `@binding` number in group 0.
    pub index: u32,
    /// Name of the variable.
    pub name: String,
    /// What it is.
    pub kind: BindingKind,
}

/// The two kinds of binding a kernel has.
#[derive(Clone, Debug)]
pub enum BindingKind {
    /// A uniform struct: name, fields (name, offset in bytes, scalar), size in bytes.
    Uniform(String, Vec<(String, usize, Scalar)>, u64),
    /// A storage array.
    Storage {
        /// Scalar of an element.
        scalar: Scalar,
        /// Words of an element: 1, 2 or 4.
        width: usize,
        /// Declared `read_write`.
        writable: bool,
        /// Whether the entry point reads it.
        is_read: bool,
    },
}

impl BindingKind {
    /// Compares a Rust struct with the shader's.
    ///
    /// # Errors
    /// The first field that differs.
    pub fn check(&self, rust: &Layout) -> Result<(), String> {
        let Self::Uniform(name, fields, bytes) = self else {
            return Err(format!("is a storage array, not the struct `{}`", rust.name));
        };
        if name != rust.name {
            return Err(format!("is struct `{name}` in the shader, `{}` in Rust", rust.name));
        }
        for (position, (field, offset, scalar)) in fields.iter().enumerate() {
            match rust.fields.get(position) {
                Some(mine) if mine.name == field && mine.offset == *offset && mine.scalar == *scalar => {}
                other => {
                    return Err(format!(
                        "field {position} is `{field}: {scalar:?}` at byte {offset} in the shader, {other:?} in Rust"
                    ));
                }
            }
        }
        if rust.fields.len() != fields.len() || rust.bytes as u64 != *bytes {
            return Err(format!(
                "struct `{name}` has {} fields in {bytes} bytes in the shader, {} in {} in Rust",
                fields.len(),
                rust.fields.len(),
                rust.bytes
            ));
        }
        Ok(())
    }
}

/// One entry point of a shader.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name of the function.
    pub name: String,
    /// Invocations of a workgroup.
    pub workgroup: u32,
    /// Bindings it touches, by number.
    pub bindings: Vec<Binding>,
}

/// A linked, validated and reflected shader.
#[derive(Clone, Debug)]
pub struct Shader {
    /// Path below `shaders/`.
    pub path: String,
    /// Linked text.
    pub linked: Linked,
    /// Entry points.
    pub entries: Vec<Entry>,
    /// The module, for translation in tests.
    pub module: naga::Module,
    /// Its validation, for translation in tests.
    pub info: naga::valid::ModuleInfo,
}

impl Shader {
    /// Links, parses, validates and reflects a shader.
    ///
    /// # Errors
    /// [`Error::Shader`] with the file and line of the original source.
    pub fn load(sources: &impl Sources, path: &str) -> Result<Self, Error> {
        let linked = link(sources, path)?;
        let complain = |line: Option<u32>, message: String| {
            // What has no line is about the shader itself, not about what it imports.
            let own = || (format!("shaders/{path}.wgsl"), 1);
            let (file, line) = line.map_or_else(own, |line| linked.origin(line as usize));
            Error::Shader { file, line, message }
        };
        let module = naga::front::wgsl::parse_str(&linked.text).map_err(|error| {
            complain(error.location(&linked.text).map(|place| place.line_number), error.message().to_owned())
        })?;
        let info = Validator::new(ValidationFlags::all(), Capabilities::SUBGROUP | Capabilities::SHADER_INT64)
            .validate(&module)
            .map_err(|error| {
                let mut message = error.as_inner().to_string();
                let mut source = std::error::Error::source(error.as_inner());
                while let Some(cause) = source {
                    message = format!("{message}: {cause}");
                    source = cause.source();
                }
                // The last of the places: the use of a value rather than its declaration or function.
                let places = error.spans().filter_map(|(span, _)| Some((span.to_range()?.start, span)));
                let place = places.max_by_key(|(start, _)| *start).map(|(_, span)| span.location(&linked.text));
                complain(place.map(|place| place.line_number), message)
            })?;
        let entries = (0..module.entry_points.len())
            .map(|index| reflect(&module, &info, index).map_err(|message| complain(None, message)))
            .collect::<Result<_, _>>()?;
        Ok(Self { path: path.to_owned(), linked, entries, module, info })
    }

    /// The entry point of this name.
    ///
    /// # Errors
    /// [`Error::NoKernel`], listing those that are there.
    pub fn entry(&self, name: &str) -> Result<&Entry, Error> {
        self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| Error::NoKernel {
            kernel: format!("{}::{name}", self.path),
            message: format!(
                "the shader has {}",
                self.entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ")
            ),
        })
    }
}

fn reflect(module: &naga::Module, info: &naga::valid::ModuleInfo, index: usize) -> Result<Entry, String> {
    let point = &module.entry_points[index];
    let usage = info.get_entry_point(index);
    let mut bindings = Vec::new();
    for (handle, variable) in module.global_variables.iter() {
        let (Some(place), used) = (&variable.binding, usage[handle]) else {
            continue;
        };
        if used.is_empty() {
            continue;
        }
        let name = variable.name.clone().unwrap_or_default();
        if place.group != 0 {
            return Err(format!("binding `{name}` is in group {}, kernels use group 0", place.group));
        }
        let inner = &module.types[variable.ty].inner;
        let kind = match (variable.space, inner) {
            (naga::AddressSpace::Uniform, naga::TypeInner::Struct { members, span }) => {
                let fields = members
                    .iter()
                    .map(|member| {
                        let field = member.name.clone().unwrap_or_default();
                        scalar_of(&module.types[member.ty].inner)
                            .filter(|(_, width)| *width == 1)
                            .map(|(scalar, _)| (field.clone(), member.offset as usize, scalar))
                            .ok_or_else(|| format!("uniform field `{name}.{field}` must be f32 or u32"))
                    })
                    .collect::<Result<_, _>>()?;
                BindingKind::Uniform(
                    module.types[variable.ty].name.clone().unwrap_or_default(),
                    fields,
                    u64::from(*span),
                )
            }
            (naga::AddressSpace::Storage { access }, naga::TypeInner::Array { base, .. }) => {
                let (scalar, width) = scalar_of(&module.types[*base].inner)
                    .ok_or_else(|| format!("storage `{name}` must be an array of f32, u32, u64 or vectors of them"))?;
                BindingKind::Storage {
                    scalar,
                    width,
                    writable: access.contains(naga::StorageAccess::STORE),
                    is_read: used.contains(GlobalUse::READ),
                }
            }
            _ => {
                return Err(format!("binding `{name}` must be a uniform struct or a storage array"));
            }
        };
        bindings.push(Binding { index: place.binding, name, kind });
    }
    bindings.sort_by_key(|binding| binding.index);
    Ok(Entry { name: point.name.clone(), workgroup: point.workgroup_size.iter().product(), bindings })
}

/// Scalar and width in words of a 32-bit scalar or vector.
fn scalar_of(inner: &naga::TypeInner) -> Option<(Scalar, usize)> {
    let (scalar, width) = match inner {
        naga::TypeInner::Scalar(scalar) => (scalar, 1),
        naga::TypeInner::Vector { size, scalar } => (scalar, *size as usize),
        _ => return None,
    };
    match (scalar.kind, scalar.width) {
        (naga::ScalarKind::Float, 4) => Some((Scalar::F32, width)),
        (naga::ScalarKind::Uint, 4) => Some((Scalar::U32, width)),
        // A complex number in a word.
        (naga::ScalarKind::Uint, 8) => Some((Scalar::F32, 2 * width)),
        _ => None,
    }
}
