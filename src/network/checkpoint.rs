//! Parameters by name in a safetensors file.
//!
//! `checkpoint.safetensors` holds one `F32` tensor a parameter, named `layer.parameter`, such as `ring1.detuning`.
//! Its metadata say `format` = [`FORMAT`] and, for every tensor that has one, `unit layer.parameter` = its unit.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::{Entry, Error};
use crate::files;
use crate::layer::Parameter;

/// The format this version writes and reads, for run folders and everything in them.
pub const FORMAT: &str = "flatlight 1";

/// A named tensor of 32-bit floats on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub values: Vec<f32>,
}

/// Writes tensors and metadata.
///
/// # Errors
/// What the disk reports.
pub fn write(path: &Path, tensors: &[Tensor], mut metadata: HashMap<String, String>) -> Result<(), Error> {
    metadata.insert("format".to_owned(), FORMAT.to_owned());
    let complain = |message: String| Error::Checkpoint { path: path.to_owned(), message };
    let data: Vec<Vec<u8>> =
        tensors.iter().map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|(tensor, bytes)| Ok((&tensor.name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| complain(error.to_string()))?;
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| complain(error.to_string()))?;
    Ok(files::write(path, &bytes)?)
}

/// Reads tensors and metadata, refusing what another format wrote.
///
/// # Errors
/// A file that is missing, damaged, of another format, or with a number that is not finite.
pub fn read(path: &Path) -> Result<(Vec<Tensor>, HashMap<String, String>), Error> {
    let bytes = files::read(path)?;
    let complain = |message: String| Error::Checkpoint { path: path.to_owned(), message };
    let (tensors, metadata) = parse(&bytes).map_err(|message| complain(format!("{message}; train again")))?;
    check_format(metadata.get("format").map(String::as_str)).map_err(complain)?;
    for Tensor { name, values, .. } in &tensors {
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(complain(format!("tensor `{name}` holds {} at element {at}; train again", values[at])));
        }
    }
    Ok((tensors, metadata))
}

/// Tensors and metadata of a safetensors file, whatever its format and its numbers are.
///
/// # Errors
/// In words what is wrong: not whole, or other than 32-bit floats.
pub(super) fn parse(bytes: &[u8]) -> Result<(Vec<Tensor>, HashMap<String, String>), String> {
    let damaged = |error: safetensors::SafeTensorError| format!("is not a whole safetensors file ({error})");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let tensors = tensors.iter().map(|(name, view)| {
        if view.dtype() != Dtype::F32 {
            return Err(format!("tensor `{name}` is {:?}, not F32", view.dtype()));
        }
        let words = view.data().chunks_exact(4);
        let values = words.map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
        Ok(Tensor { name: name.to_owned(), shape: view.shape().to_vec(), values })
    });
    Ok((tensors.collect::<Result<_, _>>()?, metadata))
}

/// Refuses what another format wrote.
///
/// # Errors
/// One line with both formats.
pub fn check_format(found: Option<&str>) -> Result<(), String> {
    match found {
        Some(FORMAT) => Ok(()),
        Some(other) => Err(format!(
            "was written in format `{other}`, this flatlight reads `{FORMAT}`; use the version that wrote it, or train again"
        )),
        None => Err(format!("does not say its format, this flatlight reads `{FORMAT}`; is it a flatlight file?")),
    }
}

/// A flat vector as named tensors.
pub fn split(parameters: &[Entry<Parameter>], flat: &[f32]) -> Vec<Tensor> {
    parameters
        .iter()
        .map(|entry| Tensor {
            name: entry.name.clone(),
            shape: entry.shape.clone(),
            values: flat[entry.range()].to_vec(),
        })
        .collect()
}

/// Named tensors as a flat vector of `words` words.
///
/// # Errors
/// A tensor that is missing, of another shape, or unknown to the network.
pub fn join(parameters: &[Entry<Parameter>], words: usize, tensors: &[Tensor], path: &Path) -> Result<Vec<f32>, Error> {
    let complain = |message: String| Error::Checkpoint { path: path.to_owned(), message };
    let mut flat = vec![0.0; words];
    for entry in parameters {
        let tensor = tensors
            .iter()
            .find(|tensor| tensor.name == entry.name)
            .ok_or_else(|| complain(format!("has no tensor `{}`; it belongs to another recipe", entry.name)))?;
        if tensor.shape != entry.shape {
            return Err(complain(format!(
                "tensor `{}` is {:?}, the recipe asks for {:?}; it belongs to another recipe",
                entry.name, tensor.shape, entry.shape
            )));
        }
        flat[entry.range()].copy_from_slice(&tensor.values);
    }
    if let Some(stranger) = tensors.iter().find(|tensor| parameters.iter().all(|entry| entry.name != tensor.name)) {
        return Err(complain(format!(
            "holds `{}`, which the recipe does not know; it belongs to another recipe",
            stranger.name
        )));
    }
    Ok(flat)
}

/// The metadata that give the units of tensors, by their names.
pub fn units<'a>(tensors: impl IntoIterator<Item = (&'a str, &'a str)>) -> HashMap<String, String> {
    let with_unit = tensors.into_iter().filter(|(_, unit)| !unit.is_empty());
    with_unit.map(|(name, unit)| (format!("unit {name}"), unit.to_owned())).collect()
}
