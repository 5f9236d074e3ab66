//! Figures of light in free space: the masks, and what a sample makes of them.

use std::path::Path;

use super::Failure;
use super::train::compile;
use crate::data::{Dataset, Normalisation, Split, Values};
use crate::figures::{self, Plane, Readings, Shade};
use crate::gpu::Gpu;
use crate::layer::Pass;
use crate::network::{LayerRecipe, Network, Part};
use crate::ops::Clock;
use crate::optics::{FreeSpaceRecipe, KeptAs, LightInput, MaskKind, PlaneRecipe};
use crate::recipe::Recipe;
use crate::run::{Array, arrays, write_figure};

/// Draws masks and light of every layer of free space of a trained network, as the nominal device realises it; nothing if there
/// is none. The light is that of the first test sample.
pub(super) fn draw(
    folder: &Path,
    title: &str,
    gpu: &Gpu,
    recipe: &Recipe,
    data: &Dataset,
    parameters: &[f32],
) -> Result<(), Failure> {
    if data.test.is_empty() || !recipe.layers.iter().any(|layer| matches!(layer, LayerRecipe::FreeSpace(_))) {
        return Ok(());
    }
    let mut recipe = recipe.clone();
    recipe.layers.iter_mut().for_each(show_all);
    let network = &compile(gpu, &recipe, data, 1, 1)?;
    gpu.write(&network.flat().parameters, parameters)?;
    let sample = data.test.labels[0];
    let spaces = network.parts().iter().enumerate().filter_map(|(place, part)| match &part.recipe {
        LayerRecipe::FreeSpace(space) => Some((place, part, &**space)),
        _ => None,
    });
    let spaces: Vec<_> = spaces.collect();
    let read = send(network, data, data.normalisation(recipe.data.normalise))?;
    let (arrays, several) = (arrays(network)?, spaces.len() > 1);
    for (number, (place, part, space)) in (1..).zip(spaces) {
        let extent = space.grid.map(|count| count as f64 * space.pitch.0);
        let title = if several { format!("{title}, {}", part.name) } else { title.to_owned() };
        let file = |name: &str| if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
        for (name, kind, shade) in
            [("masks", MaskKind::Phase, Shade::Phase), ("amplitudes", MaskKind::Amplitude, Shade::Amplitude)]
        {
            let planes = masks(part, space, kind, extent, &arrays);
            if !planes.is_empty() {
                write_figure(folder, &file(name), figures::masks(&title, shade, extent, &planes))?;
            }
        }
        let mut planes = Vec::new();
        if place == 0 {
            planes.push(picture(network, part, space)?);
        }
        planes.extend(arriving(network, part, space, extent)?);
        let last = place + 1 == network.parts().len();
        let readings = readings(space, &planes, last.then_some(sample as usize))?;
        let title = format!("{title}: the first test sample, label {sample}, taken for {read}");
        write_figure(folder, &file("light"), figures::light(&title, extent, &planes, &readings))?;
    }
    Ok(())
}

/// Has a layer leave all light to be looked at: that of the design wavelength, at every plane.
fn show_all(layer: &mut LayerRecipe) {
    if let LayerRecipe::FreeSpace(space) = layer {
        **space = FreeSpaceRecipe { lines: Vec::new(), keep_every: Some(1), keep_as: KeptAs::F32, ..(**space).clone() };
    }
}

/// Sends the first test sample through the network and gives the class that it is taken for.
fn send(network: &Network<'_>, data: &Dataset, normalisation: Normalisation) -> Result<usize, Failure> {
    let (gpu, features) = (network.gpu(), data.sample_len());
    let values = match &data.test.values {
        Values::Bytes(values) => Values::Bytes(values[..features].to_vec()),
        Values::Floats(values) => Values::Floats(values[..features].to_vec()),
    };
    let feed = network.feed(&Split { values, labels: vec![data.test.labels[0]] }, normalisation)?;
    gpu.write_uniform(network.clock(), &Clock { rows: 1, ..Clock::default() })?;
    gpu.submit(&[&*feed.draw(), &*network.actuate(), &*network.forward(Pass::Inference)])?;
    let logits: Vec<f32> = gpu.read(network.logits())?;
    let classes = logits.iter().take(data.classes).enumerate();
    Ok(classes.max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(class, _)| class))
}

/// The masks of a kind of a layer.
fn masks(part: &Part, space: &FreeSpaceRecipe, kind: MaskKind, extent: [f64; 2], arrays: &[Array]) -> Vec<Plane> {
    let own = space.masks().filter(|(.., own)| *own == kind).filter_map(|(plane, name, _)| {
        let array = arrays.iter().find(|array| array.layer == part.name && array.name == name)?;
        let values = array.values.iter().map(|&value| f64::from(value)).collect();
        Some(Plane { name: format!("{name}, plane {}", plane + 1), shape: space.grid, extent, values })
    });
    own.collect()
}

/// The intensity of the picture that a first layer is shown.
fn picture(network: &Network<'_>, part: &Part, space: &FreeSpaceRecipe) -> Result<Plane, Failure> {
    let input: Vec<f32> = network.gpu().read(network.input())?;
    let [.., height, width] = part.input[..] else {
        return Err(Failure::Failed(format!("{}: samples of shape {:?} are no pictures", part.name, part.input)));
    };
    let intensity = |&x: &f32| match space.input {
        LightInput::Intensity => f64::from(x),
        LightInput::Amplitude => f64::from(x).powi(2),
    };
    Ok(Plane {
        name: "picture".to_owned(),
        shape: [height, width],
        extent: space.picture.unwrap_or(space.grid).map(|count| count as f64 * space.pitch.0),
        values: input.iter().take(height * width).map(intensity).collect(),
    })
}

/// The intensity that arrives at every plane and at the camera, of the sample that was sent.
fn arriving(
    network: &Network<'_>,
    part: &Part,
    space: &FreeSpaceRecipe,
    extent: [f64; 2],
) -> Result<Vec<Plane>, Failure> {
    let names = space.planes.iter().enumerate().map(|(index, plane)| format!("plane {}: {}", index + 1, holds(plane)));
    let names = names.chain(["camera".to_owned()]);
    let arriving = format!("{}.arriving", part.name);
    let fields = names.zip(network.derived_all(&arriving));
    let plane = |(name, slice): (String, &crate::gpu::Slice)| {
        let field: Vec<f32> = network.gpu().read(slice)?;
        let values = field.chunks_exact(2).map(|z| f64::from(z[0]).powi(2) + f64::from(z[1]).powi(2)).collect();
        Ok(Plane { name, shape: space.grid, extent, values })
    };
    fields.map(plane).collect()
}

/// What is in a plane.
fn holds(plane: &PlaneRecipe) -> String {
    let mask = plane.mask.map(|kind| match kind {
        MaskKind::Phase => "phase mask",
        MaskKind::Amplitude => "amplitude mask",
    });
    let rest = [plane.lens.map(|_| "lens"), plane.aperture.map(|_| "aperture"), plane.threshold.map(|_| "threshold")];
    mask.into_iter().chain(rest.into_iter().flatten()).collect::<Vec<_>>().join(", ")
}

/// Light on the detectors of the last plane.
fn readings(space: &FreeSpaceRecipe, planes: &[Plane], label: Option<usize>) -> Result<Readings, Failure> {
    let rectangles = space.detectors().map_err(Failure::Failed)?.rectangles().to_vec();
    let camera = planes.last().map_or(&[][..], |plane| &plane.values);
    let light = |region: &crate::light::Rectangle| -> f64 {
        let rows = region.top..region.top + region.height;
        rows.flat_map(|row| camera.iter().skip(row * space.grid[1] + region.left).take(region.width)).sum()
    };
    let light: Vec<_> = rectangles.iter().map(light).collect();
    let all: f64 = light.iter().sum();
    let shares = light.iter().map(|light| if all > 0.0 { 100.0 * light / all } else { 0.0 }).collect();
    let regions = rectangles.iter().map(|region| [region.top, region.left, region.height, region.width]).collect();
    Ok(Readings { regions, shares, label })
}
