//! `predict`, `export`, `bench` and `evaluate --confusion`, as a user meets them. What an export says must be enough to
//! compute the logits that `predict` writes: here with the `f64` references, in `assets/python/forward.py` with numpy.

#[path = "common/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::io::Read as _;
use std::path::Path;

use flatlight::data;
use flatlight::light::{Grid, Space};
use flatlight::mesh::{Layout, Mesh};
use flatlight::network::checkpoint;
use flatlight::reference::{
    convolution, latent, mesh, normalization, plane, pool, ports, propagation, regions, shortcut, source, upsample,
};
use program::Bench;
use serde_json::Value;

/// Every kind of layer with parameters, and rings behind converters, crosstalk and a common bus.
const RECIPE: &str = r#"name = "small"

[data]
set = "digits"
normalise = "standard"

[[layers]]
type = "convolution"
outputs = 3
kernel = 3
padding = 1

[[layers]]
type = "ring-convolution"
outputs = 4
kernel = 3
padding = 1
dac_bits = 8
crosstalk = 0.02

[[layers]]
type = "batch-norm"

[[layers]]
type = "relu"

[[layers]]
type = "upsample"
factor = 3

[[layers]]
type = "max-pool"
window = 6

[[layers]]
type = "ring-convolution"
outputs = 8
kernel = 2
stride = 2
actuator = "joule"
gain = 0.5

[[layers]]
type = "layer-norm"

[[layers]]
type = "average-pool"
window = 2
stride = 1

[[layers]]
type = "tanh"

[[layers]]
type = "add"
name = "sum"
of = "pool1"

[[layers]]
type = "ring-dense"
outputs = 12
bank = 4
half_width = 0.1

[[layers]]
type = "dense"
outputs = 12
bias = false

[[layers]]
type = "add"
of = "ring3"

[[layers]]
type = "group-norm"
groups = 3

[[layers]]
type = "sigmoid"

[[layers]]
type = "latent"
weight = 0.001

[[layers]]
type = "ring-dense"
outputs = 48

[[layers]]
type = "reshape"
shape = [3, 4, 4]

[[layers]]
type = "group-norm"
groups = 1

[[layers]]
type = "ring-dense"
name = "last"
outputs = 10
actuator = "linear"
trainable_gain = true

[training]
method = "standard"
epochs = 1
batch = 128
"#;

/// Meshes in all forms: fields, dark modes, reference beams, loss, converters, crosstalk, ports, the singular-value form, one that is not
/// trained.
const MESHES: &str = r#"name = "meshes"

[data]
set = "digits"
transform = "fourier"
coefficients = 4

[[layers]]
type = "mesh"
input = "field"
output = "amplitude"
layout = "reck"
modes = 20
reference_beam = 0.5
insertion_loss = 0.1
loss_unbalance = 0.3
ports = 14
dac_bits = 6
crosstalk = 0.03

[[layers]]
type = "mesh"
form = "singular"
name = "any"
modes = 16
reference_beam = -0.25
insertion_loss = 0.2
loss_unbalance = -0.1
outputs = 12
unit_norm = true

[[layers]]
type = "mesh"
start = "cross"
output = "field"
trainable = false

[[layers]]
type = "mesh"
input = "field"
modes = 13
ports = 10
full_scale = 1.0
trainable_gain = true
gain = 5.0

[training]
method = "standard"
epochs = 1
batch = 128
"#;

/// Multipliers of images and of features, blurred and amplified.
const MULTIPLIERS: &str = r#"name = "multipliers"

[data]
set = "digits"

[[layers]]
type = "multiplier"
outputs = 24
tiles = [2, 4]
pixels = 2
blur = 0.5
trainable_gain = true
gain = 4.0

[[layers]]
type = "sigmoid"

[[layers]]
type = "multiplier"
outputs = 10
tile = [3, 8]
sampling = "bilinear"
gain = 8.0

[training]
method = "noise"
epochs = 8
batch = 64
devices = 2
distribution = "uniform"

[training.optimizer]
learning_rate = 0.01

[training.noise]
rotation = 1.0
shift_x = 0.5
shift_y = 0.5
scale = 0.02
blur = 0.25
"#;

/// Light in free space: every kind of plane, distances with and without a limited band, pictures in a part of the grid.
const LIGHT: &str = r#"name = "light"

[data]
set = "digits"

[[layers]]
type = "free-space"
wavelength = "532 nm"
pitch = "4 um"
grid = [20, 27]
picture = [12, 15]
distance = "1 mm"
regions = { cells = [3, 4] }
shares = false
gain = 0.1
trainable_gain = true
start = "random"

[[layers.planes]]
distance = "2 mm"
lens = "5 mm"
aperture = "70 um"

[[layers.planes]]
distance = "0.3 mm"
mask = "phase"
bits = 4
threshold = 0.5

[[layers.planes]]
distance = "0 m"
mask = "amplitude"

[[layers.planes]]
distance = "0.5 mm"
mask = "phase"

[[layers]]
type = "dense"
outputs = 10

[training]
method = "standard"
epochs = 1
batch = 128
"#;

fn bench() -> Bench {
    let paraxial = "input = \"amplitude\"\npropagation = \"fresnel\"\npadding = 3\nstart = \"random\"";
    let paraxial = LIGHT.replace("shares = false", "shares = true").replace("start = \"random\"", paraxial);
    let lines = "lines = [{ wavelength = \"500 nm\", share = 2.0 }, { wavelength = \"580 nm\", share = 1.0 }]\npitch";
    let paraxial =
        paraxial.replace("pitch", lines).replacen("mask = \"phase\"", "mask = \"phase\"\nfill_factor = 0.9", 1);
    let light = [("light.toml", LIGHT), ("paraxial.toml", &paraxial)];
    Bench::with(
        &[&[("recipe.toml", RECIPE), ("meshes.toml", MESHES), ("multipliers.toml", MULTIPLIERS)], &light[..]].concat(),
    )
}

/// Shape and values of an npy file.
fn array(bytes: &[u8]) -> (Vec<usize>, Vec<f64>) {
    let file = npyz::NpyFile::new(bytes).unwrap();
    let shape = file.shape().iter().map(|&axis| axis as usize).collect();
    (shape, file.into_vec::<f32>().unwrap().into_iter().map(f64::from).collect())
}

fn logits(bench: &Bench, name: &str) -> (Vec<usize>, Vec<f64>) {
    array(&std::fs::read(bench.path(name)).unwrap())
}

/// Arrays of an npz archive by name.
fn archive(path: &Path) -> BTreeMap<String, (Vec<usize>, Vec<f64>)> {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut arrays = BTreeMap::new();
    for place in 0..zip.len() {
        let mut file = zip.by_index(place).unwrap();
        let name = file.name().unwrap().strip_suffix(".npy").unwrap().to_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        arrays.insert(name, array(&bytes));
    }
    arrays
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|size| size.as_u64().unwrap() as usize).collect()
}

/// What detectors read of light behind all planes of a layer.
fn free_space<'a>(layer: &Value, own: &dyn Fn(&str) -> &'a Vec<f64>, x: &[f64]) -> Vec<f64> {
    let metres = |value: &Value| value.as_f64().unwrap();
    let pair = |key: &str| <[usize; 2]>::try_from(sizes(&layer[key])).unwrap();
    let (grid, design, pitch) = (pair("grid"), metres(&layer["wavelength"]), metres(&layer["pitch"]));
    let [height, width] = grid;
    let padding = layer["padding"].as_u64().unwrap() as f64;
    let propagate = |field: &[f64], wavelength: f64, distance: &Value| {
        let space = Space {
            grid: Grid::new(height, width, padding, pitch),
            wavelength,
            distance: metres(distance),
            method: layer["propagation"].as_str().unwrap().parse().unwrap(),
            band_limited: layer["band_limit"].as_bool().unwrap(),
        };
        let transfer: Vec<_> = space.transfer().concat();
        let on = propagation::Grid { size: grid, padded: [space.grid.padded_height, space.grid.padded_width] };
        propagation::forward(on, field, None, &transfer)
    };
    let pixels: Vec<_> = sizes(&layer["input"]);
    let pixels = [pixels[pixels.len() - 2], pixels[pixels.len() - 1]];
    let intensity = layer["shows"] == "intensity";
    let camera = |line: &Value| {
        let [wavelength, share] = ["wavelength", "share"].map(|key| metres(&line[key]));
        let amplitude = share.sqrt();
        let mut field = source::Source { pixels, picture: pair("picture"), grid, intensity, amplitude }.forward(x);
        for at in layer["planes"].as_array().unwrap() {
            field = propagate(&field, wavelength, &at["distance"]);
            let pixel = |pixel: usize| {
                let from_middle = |place: usize, extent: usize| (place as f64 - (extent as f64 - 1.0) / 2.0) * pitch;
                let square = from_middle(pixel / width, height).powi(2) + from_middle(pixel % width, width).powi(2);
                let set = at.get("array").map(|name| own(name.as_str().unwrap())[pixel]);
                let kind = at["mask"].as_str();
                let lens = at.get("lens").map_or(0.0, |lens| -PI * square / (wavelength * metres(lens)));
                let open = at.get("aperture").is_none_or(|aperture| 2.0 * square.sqrt() <= metres(aperture));
                let amplitude = if kind == Some("amplitude") { set.unwrap() } else { f64::from(u8::from(open)) };
                let delay = if kind == Some("phase") { set.unwrap() * design / wavelength } else { 0.0 };
                let fill = at.get("fill_factor").map_or(1.0, metres);
                let (sin, cos) = (lens + delay).sin_cos();
                [fill * amplitude * cos + 1.0 - fill, fill * amplitude * sin]
            };
            let t: Vec<_> = (0..height * width).flat_map(pixel).collect();
            field = plane::forward(&field, &t, at.get("threshold").map_or(0.0, metres));
        }
        propagate(&field, wavelength, &layer["distance"])
    };
    let mut of = vec![None; height * width];
    let regions = layer["regions"].as_array().unwrap();
    for (region, rectangle) in regions.iter().enumerate() {
        let [top, left, rows, columns] = sizes(rectangle)[..] else { panic!("{rectangle}") };
        (top..top + rows).for_each(|row| of[row * width + left..][..columns].fill(Some(region)));
    }
    // The light of all lines, as if it were one field.
    let lines = layer["lines"].as_array().unwrap().iter().map(camera);
    let intensities = lines.map(|field| field.chunks(2).map(|e| e[0] * e[0] + e[1] * e[1]).collect::<Vec<_>>());
    let all = intensities.reduce(|all, own| all.iter().zip(own).map(|(a, b)| a + b).collect()).unwrap();
    let camera: Vec<_> = all.iter().flat_map(|intensity| [intensity.sqrt(), 0.0]).collect();
    regions::Regions { count: regions.len(), of, divided: layer["shares"].as_bool().unwrap() }.forward(&camera)
}

/// Logits from nothing but a manifest, its arrays and raw samples.
fn forward(manifest: &Value, arrays: &BTreeMap<String, (Vec<usize>, Vec<f64>)>, raw: &[f64]) -> Vec<f64> {
    let [scale, shift] = ["scale", "shift"].map(|key| manifest["input"][key].as_f64().unwrap());
    let preparation = manifest["input"].get("preparation");
    let prepared = preparation.map(|preparation| {
        let preparation: data::Preparation = serde_json::from_value(preparation.clone()).unwrap();
        let raw = data::Values::Floats(raw.iter().map(|&raw| raw as f32).collect());
        let data::Values::Floats(prepared) = preparation.apply(&raw) else { panic!("floats") };
        prepared.into_iter().map(f64::from).collect::<Vec<_>>()
    });
    let mut x: Vec<f64> = prepared.as_deref().unwrap_or(raw).iter().map(|raw| raw * scale + shift).collect();
    // What every layer puts out, with the shape of a sample.
    let mut outputs = BTreeMap::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let number = |key: &str| layer[key].as_u64().unwrap_or_else(|| panic!("{layer}: {key}")) as usize;
        let own = |name: &str| &arrays[&format!("{}.{name}", layer["name"].as_str().unwrap())].1;
        let shape = sizes(&layer["input"]);
        let image = |shape: &[usize]| match *shape {
            [channels, height, width] => [channels, height, width],
            [height, width] => [1, height, width],
            _ => [shape.iter().product(), 1, 1],
        };
        let [channels, height, width] = image(&shape);
        let kind = layer["type"].as_str().unwrap();
        let has = |name: &str| layer["arrays"].as_array().unwrap().contains(&name.into());
        let gain = if has("gain") { own("gain")[0] } else { 1.0 };
        x = match kind {
            "ring-dense" | "multiplier" | "dense" => {
                let (weight, none) = (own("weight"), vec![0.0; number("outputs")]);
                let bias = if has("bias") { own("bias") } else { &none };
                let inputs = weight.len() / bias.len();
                let outputs = |sample: &[f64]| -> Vec<f64> {
                    let rows = weight.chunks(inputs).zip(bias);
                    rows.map(|(row, bias)| bias + gain * row.iter().zip(sample).map(|(w, x)| w * x).sum::<f64>())
                        .collect()
                };
                x.chunks(inputs).flat_map(outputs).collect()
            }
            "ring-convolution" | "convolution" => convolution::Shape {
                channels_in: channels,
                height,
                width,
                channels_out: number("outputs"),
                kernel: [number("kernel"); 2],
                stride: number("stride"),
                padding: number("padding"),
            }
            .forward(&x, own("weight"), has("bias").then(|| &own("bias")[..]))
            .into_iter()
            .map(|y| gain * y)
            .collect(),
            "mesh" => {
                let (modes, inputs) = (number("modes"), shape[0]);
                let reference = layer["reference_beam"].as_f64().unwrap();
                let field = match layer["takes"].as_str().unwrap() {
                    "field" => ports::embed(&x, inputs, modes, reference),
                    _ => ports::enter(&x, inputs, modes, reference),
                };
                let layout = match layer["layout"].as_str().unwrap() {
                    "clements" => mesh::Layout::Rectangular,
                    _ => mesh::Layout::Triangular,
                };
                let [theta, phi, gamma] = ["theta", "phi", "gamma"].map(|name| &own(name)[..]);
                let [phase_error, splitter_error] = [modes * modes, 2 * theta.len()].map(|count| vec![0.0; count]);
                let loss = ["insertion_loss", "loss_unbalance"].map(|key| layer[key].as_f64().unwrap());
                let (phase_error, splitter_error, none) = (&phase_error[..], &splitter_error[..], &[0.0]);
                let state = mesh::Parameters {
                    theta,
                    phi,
                    gamma,
                    phase_error,
                    splitter_error,
                    loss: none,
                    loss_unbalance: none,
                };
                let behind = mesh::Mesh { modes, layout, loss }.forward(state, &field);
                let gives = layer["gives"].as_str().unwrap();
                if gives == "field" {
                    behind
                } else {
                    let unit = layer["unit_norm"].as_bool().unwrap();
                    let ports = sizes(&layer["output"])[0];
                    let reading = ports::Reading { power: gives == "power", unit, modes, ports };
                    reading.forward(&behind).into_iter().map(|reading| gain * reading).collect()
                }
            }
            "attenuators" => ports::attenuate(&x, own("transmission"), shape[0], sizes(&layer["output"])[0]),
            "free-space" => free_space(layer, &own, &x).into_iter().map(|reading| gain * reading).collect(),
            "max-pool" | "average-pool" => {
                let planes = x.len() / (height * width);
                let (window, stride) = match layer["window"].as_str() {
                    Some(_) => ([height, width], height.max(width)),
                    None => ([number("window"); 2], number("stride")),
                };
                let windows = pool::Shape { planes, height, width, window, stride };
                if kind == "max-pool" { pool::max_forward(&x, &windows) } else { pool::average_forward(&x, &windows) }
            }
            "upsample" => upsample::forward(&x, [height, width], number("factor")),
            "batch-norm" | "layer-norm" | "group-norm" => {
                let over = match kind {
                    "batch-norm" => normalization::Over::Batch,
                    "layer-norm" => normalization::Over::Layer,
                    _ => normalization::Over::Group(number("groups")),
                };
                let epsilon = layer["epsilon"].as_f64().unwrap();
                let norm = normalization::Normalization { over, channels, positions: height * width, epsilon };
                let statistics = if kind == "batch-norm" {
                    own("mean").iter().zip(own("variance")).flat_map(|(&mean, &variance)| [mean, variance]).collect()
                } else {
                    norm.statistics(&x)
                };
                norm.forward(&x, &statistics, own("gamma"), own("beta"))
            }
            "add" => {
                let (source, shape): &(Vec<f64>, Vec<usize>) = &outputs[layer["of"].as_str().unwrap()];
                let ([source_channels, from, _], output) = (image(shape), [channels, height, width]);
                let samples = x.len() / output.iter().product::<usize>();
                shortcut::Shape { samples, source_channels, output, window: from / height }.forward(&x, source, false)
            }
            "latent" => latent::mean(&x, sizes(&layer["output"])[0]),
            "reshape" => x,
            "relu" => x.iter().map(|x| x.max(0.0)).collect(),
            "tanh" => x.iter().map(|x| x.tanh()).collect(),
            "sigmoid" => x.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect(),
            other => panic!("{other}"),
        };
        outputs.insert(layer["name"].as_str().unwrap(), (x.clone(), sizes(&layer["output"])));
    }
    x
}

/// The embedded test digits as raw numbers.
fn digits() -> (Vec<f32>, Vec<u32>) {
    let test = data::load("digits", None).unwrap().test;
    let data::Values::Bytes(bytes) = test.values else { panic!("bytes") };
    (bytes.into_iter().map(f32::from).collect(), test.labels)
}

#[test]
fn an_export_holds_all_that_the_logits_of_predict_need() {
    let bench = bench();
    bench.done("train recipe.toml --out run");
    // Rings of another half width have a figure of their own.
    for figure in ["rings", "rings-2", "weights", "currents"] {
        assert!(bench.path(&format!("run/figures/{figure}.svg")).exists(), "{figure}");
    }
    let (raw, labels) = digits();
    bench.write_npy("X.npy", &[1797, 8, 8], &raw);
    let said = bench.done("predict run --input X.npy --output Y.npy");
    assert_eq!(said, "logits [1797, 10] in Y.npy\n");
    let (shape, predicted) = logits(&bench, "Y.npy");
    assert_eq!(shape, [1797, 10]);

    // They are the logits that the score of the training comes from.
    let right = predicted
        .chunks(10)
        .zip(&labels)
        .filter(|(row, label)| row.iter().all(|logit| *logit <= row[**label as usize]));
    let accuracy = bench.json("run/summary.json")["test_accuracy"].as_f64().unwrap();
    assert_eq!(right.count(), (1797.0 * accuracy).round() as usize);

    assert_eq!(bench.done("export run --to out"), "30 arrays in out\n");
    let manifest = bench.json("out/manifest.json");
    let arrays = archive(&bench.path("out/small.npz"));
    let raw: Vec<_> = raw.iter().map(|&value| f64::from(value)).collect();
    let own = forward(&manifest, &arrays, &raw);
    let largest = own.iter().fold(0.0, |largest: f64, logit| largest.max(logit.abs()));
    let worst = own.iter().zip(&predicted).fold(0.0, |worst: f64, (own, device)| worst.max((own - device).abs()));
    assert!(worst <= 1e-5 * largest, "{worst} of {largest}");

    // Everything that the manifest lists is there, and nothing else.
    let listed: Vec<_> = manifest["arrays"].as_array().unwrap().iter().collect();
    assert_eq!(listed.len(), arrays.len());
    for entry in listed {
        let (shape, values) = &arrays[entry["name"].as_str().unwrap()];
        assert_eq!(*shape, sizes(&entry["shape"]), "{entry}");
        let Some(table) = entry["table"].as_str() else { continue };
        let text = std::fs::read_to_string(bench.path("out").join(table)).unwrap();
        let (header, rows) = text.split_once('\n').unwrap();
        assert!(header.starts_with(&format!("# {}, ", entry["name"].as_str().unwrap())), "{header}");
        let cells: Vec<Vec<f32>> =
            rows.lines().map(|row| row.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
        assert_eq!([cells.len(), cells[0].len()], shape[..], "{table}");
        assert!(cells.concat().iter().zip(values).all(|(cell, value)| f64::from(*cell) == *value), "{table}");
    }
    let unit = |name: &str| {
        let found = manifest["arrays"].as_array().unwrap().iter().find(|entry| entry["name"] == name);
        found.unwrap_or_else(|| panic!("{name}"))["unit"].as_str().unwrap().to_owned()
    };
    assert_eq!(["ring2.current", "ring2.detuning", "last.current"].map(unit), ["mA", "nm", "mA"]);
    assert_eq!(["ring1.weight", "last.bias", "norm1.variance"].map(unit), [""; 3]);

    // What sets the rings is as in the checkpoint; converter and crosstalk change what the device makes of it.
    let (tensors, _) = checkpoint::read(&bench.path("run/checkpoint.safetensors")).unwrap();
    let set = |name: &str| -> Vec<f64> {
        let tensor = tensors.iter().find(|tensor| tensor.name == name).unwrap();
        tensor.values.iter().map(|&value| f64::from(value)).collect()
    };
    assert_eq!(arrays["ring2.current"].1, set("ring2.current"));
    assert_eq!(arrays["ring3.detuning"].1, set("ring3.detuning"));
    assert_ne!(arrays["ring1.detuning"].1, set("ring1.detuning"));
    let statistics = set("norm1.statistics");
    assert_eq!([arrays["norm1.mean"].1[1], arrays["norm1.variance"].1[1]], statistics[2..4]);
}

#[test]
fn an_export_of_meshes_holds_their_phases_as_heaters_set_them() {
    let bench = bench();
    bench.done("train meshes.toml --out run");
    assert!(bench.path("run/figures/phases.svg").exists() && bench.path("run/figures/phases.png").exists());
    let (raw, _) = digits();
    bench.write_npy("X.npy", &[1797, 8, 8], &raw);
    bench.done("predict run --input X.npy --output Y.npy");
    let (_, predicted) = logits(&bench, "Y.npy");
    // Three phases of each of five meshes, the attenuators, a gain.
    assert_eq!(bench.done("export run --to out"), "17 arrays in out\n");
    let manifest = bench.json("out/manifest.json");
    let layers: Vec<_> =
        manifest["layers"].as_array().unwrap().iter().map(|layer| layer["name"].as_str().unwrap()).collect();
    assert_eq!(layers, ["mesh1", "any-v", "any-s", "any-u", "mesh3", "mesh4"]);
    let arrays = archive(&bench.path("out/meshes.npz"));
    let raw: Vec<_> = raw.iter().map(|&value| f64::from(value)).collect();
    let own = forward(&manifest, &arrays, &raw);
    let largest = own.iter().fold(0.0, |largest: f64, logit| largest.max(logit.abs()));
    let worst = own.iter().zip(&predicted).fold(0.0, |worst: f64, (own, device)| worst.max((own - device).abs()));
    assert!(own.len() == predicted.len() && worst <= 1e-5 * largest, "{worst} of {largest}");

    // What is set is as in the checkpoint but for whole turns, where there is neither converter nor crosstalk.
    let (tensors, _) = checkpoint::read(&bench.path("run/checkpoint.safetensors")).unwrap();
    let apart = |name: &str| {
        let tensor = tensors.iter().find(|tensor| tensor.name == name).unwrap();
        let pairs = tensor.values.iter().zip(&arrays[name].1);
        pairs.map(|(&set, own)| ((f64::from(set) - own) / 2.0).sin().abs()).fold(0.0, f64::max)
    };
    assert!(apart("any-u.theta") < 1e-6 && apart("mesh3.phi") < 1e-6 && apart("mesh1.theta") > 1e-2);

    // Every mesh has a file that `mesh compose` takes as it is; its matrix is that of the phases.
    for (name, layout, modes) in [("mesh1", Layout::Reck, 20), ("any-v", Layout::Clements, 16)] {
        let said = bench.done(&format!("mesh compose out/{name}.mesh.npz --out U.npy"));
        assert_eq!(said, format!("{modes} modes, {}: U [{modes}, {modes}] in U.npy\n", layout.word()));
        let [theta, phi, gamma] = ["theta", "phi", "gamma"].map(|own| arrays[&format!("{name}.{own}")].1.clone());
        let none = vec![0.0; theta.len()];
        let mesh = Mesh { layout, theta, phi, gamma, coupler_left: none.clone(), coupler_right: none };
        let bytes = std::fs::read(bench.path("U.npy")).unwrap();
        let composed = npyz::NpyFile::new(&bytes[..]).unwrap().into_vec::<npyz::num_complex::Complex64>().unwrap();
        assert_eq!(composed, mesh.compose().unwrap().values());
    }
}

#[test]
fn an_export_of_multipliers_holds_what_the_camera_reads_of_their_pictures() {
    let bench = bench();
    bench.done("train multipliers.toml --out run");
    let (raw, labels) = digits();
    bench.write_npy("X.npy", &[1797, 8, 8], &raw);
    bench.done("predict run --input X.npy --output Y.npy");
    let (_, predicted) = logits(&bench, "Y.npy");
    // Transmissions, weights, a bias and a gain of either.
    assert_eq!(bench.done("export run --to out"), "8 arrays in out\n");
    let manifest = bench.json("out/manifest.json");
    let arrays = archive(&bench.path("out/multipliers.npz"));
    let raw: Vec<_> = raw.iter().map(|&value| f64::from(value)).collect();
    let own = forward(&manifest, &arrays, &raw);
    let largest = own.iter().fold(0.0, |largest: f64, logit| largest.max(logit.abs()));
    let worst = own.iter().zip(&predicted).fold(0.0, |worst: f64, (own, device)| worst.max((own - device).abs()));
    assert!(own.len() == predicted.len() && worst <= 1e-5 * largest, "{worst} of {largest}");
    let (shape, transmission) = &arrays["multiplier2.transmission"];
    assert_eq!((&shape[..], &arrays["multiplier2.weight"].0[..]), (&[10, 2, 24][..], &[10, 24][..]));
    assert!(transmission.iter().all(|value| (0.0..=1.0).contains(value)));

    // Better than chance as it is, and worse where all pictures are turned together.
    bench.done("evaluate run --vary rotation=-20:20:20 --csv t.csv");
    let text = std::fs::read_to_string(bench.path("t.csv")).unwrap();
    let rows: Vec<Vec<f64>> =
        text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    let accuracy = |rotation: f64| rows.iter().find(|row| row[0] == rotation).unwrap()[1];
    assert!(accuracy(0.0) > 0.6 && accuracy(20.0) < accuracy(0.0) && accuracy(-20.0) < accuracy(0.0), "{text}");
    let right = predicted
        .chunks(10)
        .zip(&labels)
        .filter(|(row, label)| row.iter().all(|logit| *logit <= row[**label as usize]));
    assert_eq!(right.count(), (1797.0 * accuracy(0.0)).round() as usize);
    bench.refuse("evaluate run --vary scale=0:0.6:0.6", 2, &["scale", "not within ±0.5"]);
}

#[test]
fn an_export_of_free_space_holds_its_masks_as_modulators_set_them() {
    let bench = bench();
    let (raw, _) = digits();
    // A few do; transforms in f64 take their time.
    let raw = &raw[..200 * 64];
    bench.write_npy("X.npy", &[200, 8, 8], raw);
    let raw: Vec<_> = raw.iter().map(|&value| f64::from(value)).collect();
    for recipe in ["light", "paraxial"] {
        bench.done(&format!("train {recipe}.toml --out {recipe}"));
        bench.done(&format!("predict {recipe} --input X.npy --output Y.npy"));
        // Three masks, a gain, weights and biases.
        assert_eq!(bench.done(&format!("export {recipe} --to out-{recipe}")), format!("6 arrays in out-{recipe}\n"));
        let arrays = archive(&bench.path(&format!("out-{recipe}/light.npz")));
        let own = forward(&bench.json(&format!("out-{recipe}/manifest.json")), &arrays, &raw);
        let (_, predicted) = logits(&bench, "Y.npy");
        let largest = own.iter().fold(0.0, |largest: f64, logit| largest.max(logit.abs()));
        let worst = own.iter().zip(&predicted).fold(0.0, |worst: f64, (own, device)| worst.max((own - device).abs()));
        assert!(own.len() == predicted.len() && worst <= 1e-5 * largest, "{recipe}: {worst} of {largest}");
        // Sixteen levels in a turn.
        let levels: Vec<_> = arrays["space1.phase1"].1.iter().map(|phase| phase / PI * 8.0).collect();
        assert!(levels.iter().all(|level| (level - level.round()).abs() < 1e-5 && (0.0..16.0).contains(level)));
        assert!(arrays["space1.phase2"].1.iter().all(|phase| (0.0..2.0 * PI).contains(phase)));
    }
}

#[test]
fn predictions_need_no_data_set_and_take_flat_samples() {
    let bench = bench();
    let (raw, labels) = digits();
    // The test digits as a set of their own, which goes away after training.
    let npy = |kind: &str, shape: &str, bytes: &[u8]| {
        let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
        let text = format!("{text:<117}\n");
        [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), bytes].concat()
    };
    let pixels: Vec<u8> = raw.iter().map(|&value| value as u8).collect();
    let classes: Vec<u8> = labels.iter().map(|&label| label as u8).collect();
    std::fs::create_dir_all(bench.path("data/own")).unwrap();
    for split in ["train", "test"] {
        let write =
            |what: &str, bytes| std::fs::write(bench.path(&format!("data/own/{split}_{what}.npy")), bytes).unwrap();
        write("images", npy("|u1", "1797, 8, 8", &pixels));
        write("labels", npy("|u1", "1797,", &classes));
    }
    bench.done("train recipe.toml --set data.set=own --out run");
    std::fs::remove_dir_all(bench.path("data")).unwrap();
    bench.refuse("evaluate run", 1, &["own"]);

    std::fs::write(bench.path("bytes.npy"), npy("|u1", "1797, 8, 8", &pixels)).unwrap();
    bench.write_npy("flat.npy", &[1797, 64], &raw);
    bench.write_npy("channel.npy", &[1797, 1, 8, 8], &raw);
    for name in ["bytes", "flat", "channel"] {
        bench.done(&format!("predict run --input {name}.npy --output {name}-y.npy"));
    }
    let whole = logits(&bench, "bytes-y.npy");
    assert_eq!(logits(&bench, "flat-y.npy"), whole);
    assert_eq!(logits(&bench, "channel-y.npy"), whole);
    // A sample does not depend on those beside it.
    bench.write_npy("one.npy", &[1, 8, 8], &raw[64 * 1000..64 * 1001]);
    bench.done("predict run --input one.npy --output one-y.npy");
    let one = logits(&bench, "one-y.npy").1;
    assert!(one.iter().zip(&whole.1[10_000..]).all(|(one, all)| (one - all).abs() < 1e-5), "{one:?}");

    // A warmer device says something else, and a device without a change the same.
    bench.done("predict run --input flat.npy --output warm-y.npy --at temperature=1");
    assert_ne!(logits(&bench, "warm-y.npy"), whole);
    bench.done("predict run --input flat.npy --output same-y.npy --at temperature=0 --at last.ring_offset=0");
    assert_eq!(logits(&bench, "same-y.npy"), whole);
}

#[test]
fn what_cannot_be_predicted_or_exported_is_told() {
    let bench = bench();
    bench.done("train recipe.toml --out run");
    let predict = |input: &str, rest: &str| format!("predict run --input {input} --output Y.npy {rest}");
    bench.write_npy("odd.npy", &[3, 7, 8], &[0.0; 168]);
    bench.refuse(
        &predict("odd.npy", ""),
        1,
        &["odd.npy: samples have the shape [7, 8]", "run takes [8, 8]", "reshape"],
    );
    bench.write_npy("turned.npy", &[3, 4, 16], &[0.0; 192]);
    bench.refuse(&predict("turned.npy", ""), 1, &["[4, 16]", "[8, 8]"]);
    bench.write_npy("single.npy", &[64], &[0.0; 64]);
    bench.refuse(&predict("single.npy", ""), 1, &["single.npy", "64", "(sample, ...)"]);
    bench.write_npy("nan.npy", &[2, 64], &[[0.0; 127].as_slice(), &[f32::NAN]].concat());
    bench.refuse(&predict("nan.npy", ""), 1, &["nan.npy: sample 1, element 63", "NaN"]);
    bench.refuse(&predict("missing.npy", ""), 1, &["missing.npy"]);
    bench.refuse(&predict("recipe.toml", ""), 1, &["recipe.toml", "npy"]);
    bench.write_npy("X.npy", &[2, 64], &[0.0; 128]);
    bench.refuse(&predict("X.npy", "--at temprature=1"), 2, &["--at temprature", "did you mean `temperature`?"]);
    bench.refuse(&predict("X.npy", "--at temperature=0:1:1"), 2, &["--at temperature=0:1:1", "NAME=VALUE"]);
    bench.refuse(&predict("X.npy", "--at temperature=0 --at temperature=1"), 2, &["`temperature` is given twice"]);
    assert!(!bench.path("Y.npy").exists());
    bench.refuse(
        "predict run --input X.npy --output nowhere/Y.npy",
        1,
        &["cannot write nowhere/Y.npy", "choose a place"],
    );
    bench.refuse("predict nowhere --input X.npy --output Y.npy", 1, &["nowhere: is not a run folder"]);
    bench.refuse("export nowhere --to out", 1, &["nowhere: is not a run folder"]);
    bench.refuse("export run --to recipe.toml/out", 1, &["cannot make the folder", "choose another place"]);

    // A run of a version that kept no normalisation.
    let mut summary = bench.json("run/summary.json");
    summary.as_object_mut().unwrap().remove("input");
    std::fs::write(bench.path("run/summary.json"), summary.to_string()).unwrap();
    for command in [predict("X.npy", ""), "export run --to out".to_owned()] {
        bench.refuse(&command, 1, &["run/summary.json: does not hold shape and normalisation", "train again"]);
    }
    assert!(!bench.path("out").exists());
    bench.done("evaluate run");
}

#[test]
fn bench_times_steps_of_a_named_case() {
    let bench = bench();
    let text = bench.done("bench ring-lenet --steps 2 --batch 3 --method standard --json");
    assert!(text.lines().next().unwrap().trim_start().starts_with("case"), "{text}");
    let line: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let words = ["case", "method"].map(|key| line[key].as_str().unwrap());
    assert_eq!(words, ["ring-lenet", "standard"]);
    assert_eq!(["batch", "steps"].map(|key| line[key].as_u64().unwrap()), [3, 2]);
    let [least, median, most, rate] =
        ["min_s", "seconds_per_step", "max_s", "samples_per_second"].map(|key| line[key].as_f64().unwrap());
    assert!(0.0 < least && least <= median && median <= most, "{line}");
    assert!((rate * median - 3.0).abs() < 1e-6, "{line}");
    assert!(!line["adapter"].as_str().unwrap().is_empty());
    assert!(!bench.done("bench d2nn-128 --steps 1 --batch 1").contains('{'));
    bench.refuse(
        "bench ring-lenett",
        2,
        &["no case `ring-lenett`; there are: ring-lenet, mesh-64, d2nn-128, slm-1080, ring-vgg; did you mean `ring-lenet`?"],
    );
    bench.refuse("bench --steps 0", 2, &["--steps"]);
    bench.refuse("bench --method sta", 2, &["standard, noise, pruning, sat"]);
}

#[test]
fn confusion_matrices_add_up_to_the_scores() {
    let bench = bench();
    bench.done("train recipe.toml --out run");
    let before = std::fs::read_dir(bench.path("run/figures")).unwrap().count();
    bench.done("evaluate run --vary temperature=-1:1:0.5 --csv t.csv");
    assert!(!bench.path("run/confusion.csv").exists());
    bench.done("evaluate run --vary temperature=-1:1:0.5 --confusion");
    assert_eq!(std::fs::read_dir(bench.path("run/figures")).unwrap().count(), before + 2);
    let rows = |name: &str| -> Vec<Vec<f64>> {
        let text = std::fs::read_to_string(bench.path(name)).unwrap();
        text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect()
    };
    let (scores, table) = (rows("t.csv"), rows("run/confusion.csv"));
    let (_, labels) = digits();
    assert_eq!(table.len(), 30);
    for (matrix, temperature) in table.chunks(10).zip([0.0, -1.0, 1.0]) {
        let score = scores.iter().find(|row| row[0] == temperature).unwrap();
        let right: f64 = matrix.iter().enumerate().map(|(label, row)| row[2 + label]).sum();
        assert_eq!(right, (1797.0 * score[1]).round(), "{temperature}");
        for (label, row) in matrix.iter().enumerate() {
            let samples = labels.iter().filter(|own| **own as usize == label).count();
            assert_eq!((row[0], row[1]), (temperature, label as f64));
            assert_eq!(row[2..].iter().sum::<f64>(), samples as f64, "{label}");
        }
    }
    // Random imperfections: all chips together, in a matrix a point.
    bench.done("evaluate run --vary ring_offset=0.05 --chips 3 --confusion");
    let table = rows("run/confusion.csv");
    let total = |matrix: &[Vec<f64>]| matrix.iter().flat_map(|row| &row[2..]).sum::<f64>();
    assert_eq!([total(&table[..10]), total(&table[10..])], [3.0 * 1797.0; 2]);
    bench.done("evaluate run --confusion");
    let text = std::fs::read_to_string(bench.path("run/confusion.csv")).unwrap();
    assert_eq!(text.lines().next(), Some("label,0,1,2,3,4,5,6,7,8,9"));
    assert_eq!(text.lines().count(), 11);
}
