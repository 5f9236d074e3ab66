//! A trained network for other programs: arrays as CSV and npz, pictures of phase masks, and a manifest that says how to
//! compute with them.

use std::f32::consts::TAU;
use std::path::Path;

use serde_json::{Value, json};

use super::slm::{self, Modulator};
use super::{Error, Input};
use crate::electronics::Window;
use crate::gpu::{Gpu, PlanBuilder, Scalar};
use crate::layer::{Role, STATISTICS};
use crate::light::{self, Length, Lookup, Picture, Relief};
use crate::network::checkpoint::FORMAT;
use crate::network::{self, LayerRecipe, Network, Part};
use crate::ops::transmission::{Masks, Values};
use crate::optics::{FreeSpaceRecipe, MaskKind, MeshInput};
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
/// the `weight` that a misaligned and blurred picture leaves, read from the device; of free space: the phases of masks,
/// within a turn and of their levels, from what light meets.
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
        let set = match phase_mask(network, layer, &entry.spec.name) {
            Some(bits) => Some(phases(gpu, bits, &entry.shape, &flat[entry.range()])?),
            None => derived(&format!("set_{}", entry.spec.name))?.map(|(_, values)| values),
        };
        let values = set.unwrap_or_else(|| flat[entry.range()].to_vec());
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

/// The bits of the phase mask that a parameter is, if it is one.
fn phase_mask(network: &Network<'_>, layer: &str, name: &str) -> Option<Option<u32>> {
    let part = network.parts().iter().find(|part| part.name == layer)?;
    let LayerRecipe::FreeSpace(space) = &part.recipe else { return None };
    let (plane, ..) = space.masks().find(|(_, own, kind)| own == name && *kind == MaskKind::Phase)?;
    Some(space.planes[plane].bits)
}

/// Phases as a mask has them, rad, from 0 on to less than a turn: made by the kernel that light meets.
fn phases(gpu: &Gpu, bits: Option<u32>, shape: &[usize], set: &[f32]) -> Result<Vec<f32>, gpu::Error> {
    let shape = [&[1], shape].concat();
    let set = gpu.upload("phases of a mask", &shape, set)?;
    let t = gpu.zeros("transmission of a mask", &[&shape[..], &[2]].concat(), Scalar::F32)?;
    let mut plan = PlanBuilder::new(gpu, "masks");
    Masks { values: Values::Phase(&set, bits), fill: 1.0, dispersion: 1.0 }.forward(&mut plan, &t)?;
    gpu.submit(&[&plan.finish()?])?;
    let phase = |t: &[f32]| {
        let phase = t[1].atan2(t[0]).rem_euclid(TAU);
        // Rounded up from just below.
        if phase < TAU { phase } else { 0.0 }
    };
    Ok(gpu.read::<f32>(&t)?.chunks_exact(2).map(phase).collect())
}

/// How phase masks are made, beside the arrays.
#[derive(Clone, Debug, Default)]
pub struct Prints {
    /// The modulator that shows them; if none is given one as large as the mask with even levels: of 16 bits where a mask has
    /// more than 8, of 8 bits elsewhere.
    pub modulator: Option<Modulator>,
    /// Refractive index of the material of printed ones; none are made without it.
    pub index: Option<f64>,
}

/// A file beside the arrays: its name, its contents, and what it holds in which unit.
type Beside = (String, Vec<u8>, String);

/// The pictures, and height maps if asked for, of all phase masks, and their entries in the manifest.
fn masks(network: &Network<'_>, arrays: &[Array], prints: &Prints) -> Result<(Vec<Beside>, Vec<Value>), light::Error> {
    let spaces = network.parts().iter().filter_map(|part| match &part.recipe {
        LayerRecipe::FreeSpace(space) => Some((part.name.as_str(), &**space)),
        _ => None,
    });
    let all = spaces.flat_map(|(layer, space)| slm::phase_masks(space).map(move |mask| (layer, space, mask)));
    let all: Vec<_> = all.collect();
    let (mut files, mut entries) = (Vec::new(), Vec::new());
    if all.is_empty() {
        let asked = prints.modulator.is_some() || prints.index.is_some();
        let none = "the network has no phase masks to show or to print; leave out --slm and --index";
        return if asked { Err(light::Error::Picture(none.to_owned())) } else { Ok((files, entries)) };
    }
    let deep = all.iter().any(|(.., (_, bits))| bits.is_some_and(|bits| bits > 8));
    let modulator = match &prints.modulator {
        Some(modulator) => modulator.clone(),
        None => Modulator::even(if deep { 16 } else { 8 })?,
    };
    for (layer, space, (mask, _)) in all {
        let Some(array) = arrays.iter().find(|array| array.layer == layer && array.name == mask) else { continue };
        let values: Vec<_> = array.values.iter().map(|&phase| f64::from(phase)).collect();
        let placed = |error: light::Error| light::Error::Picture(format!("{layer}.{mask}: {error}"));
        let file = slm::picture_file(layer, &mask);
        let mut entry = json!({ "array": format!("{layer}.{mask}"), "picture": file });
        let picture = modulator.show(space.grid, &values).and_then(|picture| picture.png()).map_err(placed)?;
        files.push((file, picture, "grey level of the modulator in slm.toml".to_owned()));
        if let Some(index) = prints.index {
            let relief = Relief { wavelength: space.wavelength.0, index };
            let heights: Vec<_> = relief.heights(&values)?.iter().map(|&height| height as f32).collect();
            let packed =
                data::npy(&array.shape, &heights).map_err(|error| placed(light::Error::Picture(error.to_string())))?;
            let turn = relief.turn()?;
            let picture = levels(space.grid, &values)?.png().map_err(placed)?;
            let [npy, png] = ["npy", "png"].map(|kind| format!("{layer}.{mask}.height.{kind}"));
            entry["height"] =
                json!({ "array": npy, "picture": png, "unit": "m", "turn": turn, "refractive_index": index });
            files.push((npy, packed, "height, m".to_owned()));
            files.push((png, picture, format!("height, {} / 65536 a level", Length(turn))));
        }
        entries.push(entry);
    }
    let described = modulator.files()?.into_iter();
    files.extend(described.map(|(file, bytes, holds)| (file.to_owned(), bytes, holds)));
    Ok((files, entries))
}

/// Phases, rad, in even levels of 16 bits.
fn levels(grid: [usize; 2], phases: &[f64]) -> Result<Picture, light::Error> {
    let [height, width] = grid;
    light::Screen { height, width, offset: [0, 0], lookup: Lookup::even(16)? }.show(grid, phases)
}

/// Writes the arrays of a network into a folder: one CSV a matrix of a layer, `LAYER.mesh.npz` of a mesh as `flatlight mesh`
/// takes it, `LAYER.phaseN.png` of a phase mask and `slm.toml`, for which modulator it is, `NAME.npz` with all, and
/// `manifest.json`, which goes last. Gives the number of arrays.
///
/// # Errors
/// A mask that the modulator cannot show; what the device or the disk reports.
pub fn export(
    recipe: &Recipe,
    input: &Input,
    network: &Network<'_>,
    prints: &Prints,
    folder: &Path,
) -> Result<usize, Error> {
    let arrays = arrays(network)?;
    let full = |array: &Array| format!("{}.{}", array.layer, array.name);
    let archive = format!("{}.npz", recipe.name);
    let unpacked = |error: std::io::Error| Error::Folder { path: folder.join(&archive), message: error.to_string() };

    let (mut packed, mut listed) = (Vec::new(), Vec::new());
    let unshown = |error: light::Error| Error::Folder { path: folder.to_owned(), message: error.to_string() };
    let (mut beside, masks) = masks(network, &arrays, prints).map_err(unshown)?;
    let is_mask = |array: &Array| {
        let part = network.parts().iter().find(|part| part.name == array.layer);
        part.is_some_and(|part| matches!(part.recipe, LayerRecipe::FreeSpace(_)))
    };
    for array in &arrays {
        let name = full(array);
        packed.push((name.clone(), data::npy(&array.shape, &array.values).map_err(unpacked)?));
        let mut entry = json!({ "name": name, "shape": array.shape, "unit": array.unit });
        if let [outputs, inputs] = array.shape[..]
            && !is_mask(array)
        {
            let (file, unit) = (format!("{name}.csv"), unit(array));
            beside.push((file.clone(), table(&name, array, [outputs, inputs]).into_bytes(), unit.to_owned()));
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
        let packed = data::npz([layout].into_iter().chain(phases)).map_err(unpacked)?;
        beside.push((mesh_file(part), packed, "rad".to_owned()));
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
        "masks": masks,
        "files": beside.iter().map(|(file, _, holds)| json!({ "file": file, "holds": holds })).collect::<Vec<_>>(),
    });

    files::create_folder(folder)?;
    for (file, bytes, _) in &beside {
        files::write(&folder.join(file), bytes)?;
    }
    files::write(&folder.join(&archive), &packed)?;
    files::write(&folder.join("manifest.json"), format!("{manifest:#}\n").as_bytes())?;
    Ok(arrays.len())
}

fn unit(array: &Array) -> &'static str {
    if array.unit.is_empty() { "a plain number" } else { array.unit }
}

/// A row an output, a column an input, below a line that numpy.loadtxt passes over.
fn table(name: &str, array: &Array, [outputs, inputs]: [usize; 2]) -> String {
    let unit = unit(array);
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
    if let LayerRecipe::FreeSpace(space) = recipe {
        entry["shows"] = entry["input"].take();
        describe_space(space, &mut entry);
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
            if let Window::Side(side) = recipe.window {
                entry["stride"] = json!(recipe.stride.unwrap_or(side));
            }
        }
        _ => {}
    }
    entry
}

/// Lengths as numbers, m; of every plane its `array`, and of every region its first row and column and its rows and columns.
fn describe_space(space: &FreeSpaceRecipe, entry: &mut Value) {
    let metres = |length: Length| json!(length.0);
    entry["wavelength"] = metres(space.wavelength);
    let line = |(wavelength, share)| json!({ "wavelength": wavelength, "share": share });
    entry["lines"] = space.spectrum().into_iter().map(line).collect();
    entry["pitch"] = metres(space.pitch);
    entry["distance"] = metres(space.distance);
    entry["picture"] = json!(space.picture.unwrap_or(space.grid));
    let regions = space.detectors().map_or_else(|_| Vec::new(), |regions| regions.rectangles().to_vec());
    entry["regions"] =
        regions.iter().map(|region| json!([region.top, region.left, region.height, region.width])).collect();
    for (index, plane) in space.planes.iter().enumerate() {
        let lengths = [("distance", Some(plane.distance)), ("lens", plane.lens), ("aperture", plane.aperture)];
        for (key, length) in lengths {
            if let Some(length) = length {
                entry["planes"][index][key] = metres(length);
            }
        }
        if let Some((_, array, _)) = space.masks().find(|(own, ..)| *own == index) {
            entry["planes"][index]["array"] = json!(array);
        }
    }
}
