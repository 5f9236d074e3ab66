//! A trained network for other programs: arrays as CSV and npz, and a manifest that says how to compute with them.

use std::path::Path;

use serde_json::{Value, json};

use super::{Error, Input};
use crate::layer::{Role, STATISTICS};
use crate::network::checkpoint::FORMAT;
use crate::network::{self, LayerRecipe, Network, Part};
use crate::optics::MeshInput;
use crate::recipe::Recipe;
use crate::{data, files, gpu};

/// An array of a network as the device has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Name of its layer.
    pub layer: String,
    /// Name within the layer.
    pub name: String,
    /// Shape; rings and digital weights are `[outputs, inputs]`.
    pub shape: Vec<usize>,
    /// Unit, empty for a plain number.
    pub unit: &'static str,
    /// Values, row-major.
    pub values: Vec<f32>,
}

/// Every array that inference needs, with the parameters and imperfections now on the device, layer by layer. Of rings:
/// `current` where one sets them, `detuning` and `weight` behind converter and crosstalk, read from the device; of meshes:
/// `theta`, `phi` and `gamma` as heaters set them, behind wrap, converter and crosstalk; of multipliers: `transmission`, and
/// the `weight` that a misaligned and blurred picture leaves, read from the device.
///
/// # Errors
/// What the device reports.
pub fn arrays(network: &Network<'_>) -> Result<Vec<Array>, network::Error> {
    let gpu = network.gpu();
    gpu.submit(&[&*network.actuate()])?;
    let flat: Vec<f32> = gpu.read(&network.flat().parameters)?;
    let mut all = Vec::new();
    let mut entries: Vec<_> = network.parameters().iter().collect();
    entries.sort_by_key(|entry| (entry.layer, entry.position));
    for entry in entries {
        let layer = entry.name.split('.').next().unwrap_or_default();
        let unit = entry.spec.unit;
        let array = |name: &str, shape: &[usize], unit, values: Vec<f32>| Array {
            layer: layer.to_owned(),
            name: name.to_owned(),
            shape: shape.to_vec(),
            unit,
            values,
        };
        let derived = |name: &str| match network.derived(&format!("{layer}.{name}")) {
            Some(slice) => gpu.read(slice).map(|values| Some((slice.shape(), values))),
            None => Ok::<_, gpu::Error>(None),
        };
        let set = derived(&format!("set_{}", entry.spec.name))?;
        let values = set.map_or_else(|| flat[entry.range()].to_vec(), |(_, values)| values);
        match entry.spec.role {
            Role::Control => {
                let detuning = derived("detuning")?;
                if entry.spec.name != "detuning" || detuning.is_none() {
                    all.push(array(&entry.spec.name, &entry.shape, unit, values));
                }
                for (name, unit, values) in [("detuning", "nm", detuning), ("weight", "", derived("weight")?)] {
                    all.extend(values.map(|(shape, values)| array(name, shape, unit, values)));
                }
            }
            // Mean and variance of every channel, in turn.
            Role::Statistic if entry.spec.name == STATISTICS => {
                for (name, first) in [("mean", 0), ("variance", 1)] {
                    let values = values.iter().skip(first).step_by(2).copied().collect();
                    all.push(array(name, &entry.shape[..1], unit, values));
                }
            }
            Role::Digital | Role::Statistic => {
                all.push(array(&entry.spec.name, &entry.shape, unit, values));
            }
        }
    }
    Ok(all)
}

/// Writes the arrays of a network into a folder: one CSV a matrix of a layer, `LAYER.mesh.npz` of a mesh as `flatlight mesh`
/// takes it, `NAME.npz` with all, and `manifest.json`, which goes last. Gives the number of arrays.
///
/// # Errors
/// What the device or the disk reports.
pub fn export(recipe: &Recipe, input: &Input, network: &Network<'_>, folder: &Path) -> Result<usize, Error> {
    let arrays = arrays(network)?;
    let full = |array: &Array| format!("{}.{}", array.layer, array.name);
    let archive = format!("{}.npz", recipe.name);
    let unpacked = |error: std::io::Error| Error::Folder { path: folder.join(&archive), message: error.to_string() };

    let (mut packed, mut beside, mut listed) = (Vec::new(), Vec::new(), Vec::new());
    for array in &arrays {
        let name = full(array);
        packed.push((name.clone(), data::npy(&array.shape, &array.values).map_err(unpacked)?));
        let mut entry = json!({ "name": name, "shape": array.shape, "unit": array.unit });
        if let [outputs, inputs] = array.shape[..] {
            let file = format!("{name}.csv");
            beside.push((file.clone(), table(&name, array, [outputs, inputs]).into_bytes()));
            entry["table"] = Value::String(file);
        }
        listed.push(entry);
    }
    let packed = data::npz(packed).map_err(unpacked)?;
    for part in network.parts() {
        let LayerRecipe::Mesh(mesh) = &part.recipe else { continue };
        let phases = arrays.iter().filter(|array| array.layer == part.name && array.unit == "rad");
        let pack = |array: &Array| Ok((array.name.clone(), data::npy(&array.shape, &array.values)?));
        let phases = phases.map(pack).collect::<std::io::Result<Vec<_>>>().map_err(unpacked)?;
        let layout = ("layout".to_owned(), data::npy_text(mesh.layout.word()));
        beside.push((mesh_file(part), data::npz([layout].into_iter().chain(phases)).map_err(unpacked)?));
    }
    let layers = network.parts().iter().map(|part| {
        let own = arrays.iter().filter(|array| array.layer == part.name).map(|array| array.name.clone()).collect();
        describe(part, own)
    });
    let layers: Vec<_> = layers.collect();
    let manifest = json!({
        "format": FORMAT,
        "recipe": recipe.name,
        "archive": archive,
        "input": input,
        "layers": layers,
        "arrays": listed,
    });

    files::create_folder(folder)?;
    for (file, bytes) in &beside {
        files::write(&folder.join(file), bytes)?;
    }
    files::write(&folder.join(&archive), &packed)?;
    files::write(&folder.join("manifest.json"), format!("{manifest:#}\n").as_bytes())?;
    Ok(arrays.len())
}

/// A row an output, a column an input, below a line that numpy.loadtxt passes over.
fn table(name: &str, array: &Array, [outputs, inputs]: [usize; 2]) -> String {
    let unit = if array.unit.is_empty() { "a plain number" } else { array.unit };
    let mut text = format!("# {name}, {unit}; {outputs} rows: outputs; {inputs} columns: inputs\n");
    for row in array.values.chunks(inputs) {
        let cells: Vec<_> = row.iter().map(f32::to_string).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// The file of a mesh.
fn mesh_file(part: &Part) -> String {
    format!("{}.mesh.npz", part.name)
}

/// A layer of the manifest: its keys with the defaults that depend on others, shapes of a sample, names of its arrays.
fn describe(part: &Part, arrays: Vec<String>) -> Value {
    let Part { name, recipe, input, output } = part;
    let mut entry = json!(recipe);
    // What comes in and goes out of a mesh are keys of its own.
    if let LayerRecipe::Mesh(mesh) = recipe {
        entry["takes"] = entry["input"].take();
        entry["gives"] = entry["output"].take();
        let inputs = if mesh.input == MeshInput::Field { input[0] } else { input.iter().product() };
        entry["modes"] = json!(mesh.modes.unwrap_or(inputs));
        entry["mesh"] = json!(mesh_file(part));
    }
    entry["name"] = json!(name);
    entry["input"] = json!(input);
    entry["output"] = json!(output);
    entry["arrays"] = json!(arrays);
    match recipe {
        LayerRecipe::RingConvolution(recipe) => {
            entry["stride"] = json!(recipe.stride.unwrap_or(1));
            entry["padding"] = json!(recipe.padding.unwrap_or(0));
        }
        LayerRecipe::MaxPool(recipe) | LayerRecipe::AveragePool(recipe) => {
            entry["stride"] = json!(recipe.stride.unwrap_or(recipe.window));
        }
        _ => {}
    }
    entry
}
