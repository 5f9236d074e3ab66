//! Cases of light in free space: transfer functions, masks, planes, detector regions.

use std::f64::consts::TAU;

use flatlight::light::{Grid, Method, Rectangle, Regions, Space};
use flatlight::ops::regions::Detector;
use flatlight::ops::transfer::{self, Table};
use flatlight::ops::transmission::{self, Masks};
use flatlight::ops::{inner_product, plane};
use flatlight::reference::transmission::Values::{self, Amplitude, Phase};

use super::*;

pub fn cases() -> Vec<Case> {
    vec![
        products(),
        transfers("transfer", Method::AngularSpectrum, 37.0, 0.5, false),
        transfers("transfer, paraxial", Method::Fresnel, 37.0, 0.5, false),
        transfers("transfer, band-limited", Method::AngularSpectrum, 37.0, 0.5, true).note("most frequencies are cut"),
        transfers("transfer, no distance", Method::AngularSpectrum, 0.0, 0.2, true)
            .tolerance(3e-5, 0.0)
            .note("evanescent waves are there"),
        transfers("transfer, evanescent", Method::AngularSpectrum, 37.0, 0.2, false)
            .tolerance(3e-5, 0.0)
            .note("most frequencies are cut; close to grazing the square root loses digits"),
        tables("transfer, both tables", Method::AngularSpectrum),
        tables("transfer, both tables, paraxial", Method::Fresnel),
        masks("transmission", Phase(0), 1.0, &[1.0]).note("three turns either way"),
        masks("transmission, fill", Phase(0), 0.875, &[1.0]).note("three turns either way"),
        masks("transmission, wavelengths", Phase(0), 0.75, &[1.0, 1.25, 0.8125]).note("gradients add up"),
        masks("transmission, amplitudes", Amplitude, 1.0, &[1.0]),
        masks("transmission, amplitudes, wavelengths", Amplitude, 0.875, &[1.0, 1.25]).note("gradients add up"),
        masks("transmission, 1 bit", Phase(2), 0.875, &[1.25]).note(LEVELS),
        masks("transmission, 8 bits", Phase(256), 1.0, &[1.0]).note(LEVELS),
        planes("plane", None, PLANES),
        // More samples than an invocation walks.
        planes("plane, many samples", Some(0.25), &[&[32_768, 1, 1], &[32_771, 1, 3]]).tolerance(5e-5, 0.0).note(RUNS),
        planes("plane, threshold", Some(0.25), PLANES).note("dark and bright pixels, none near the threshold"),
        regions("regions", false, 1, CAMERAS, cells),
        regions("regions, divided", true, 1, CAMERAS, cells),
        regions("regions, divided, wavelengths", true, 3, &CAMERAS[..7], cells).note("two runs of three wavelengths"),
        regions("regions, wavelengths", false, 2, &CAMERAS[..7], cells).note("two runs of two wavelengths"),
        regions("regions, 3-4-3", true, 1, SQUARES, |height, width| {
            Regions::rows(height, width, &[3, 4, 3], (height / 3).min(width / 4) / 2 + 1)
        }),
        regions("regions, one and its rest", false, 1, SQUARES, |height, width| {
            let place = |top, left, rows, columns| Rectangle { top, left, height: rows, width: columns };
            Regions::new(height, width, vec![place(1, 2, 1, 1), place(2, 0, height - 2, width - 1)])
        }),
    ]
}

const RUNS: &str = "dark and bright pixels; sums over the batch in one line";
const LEVELS: &str = "all levels, a tenth of a step from where rounding decides";

/// Batch, height, width: pixels of a plane around a workgroup, a prime of them, masks of 128 x 128, a modulator.
const PLANES: &[&[usize]] = &[
    &[1, 1, 1],
    &[3, 1, 3],
    &[2, 7, 9],
    &[65, 8, 8],
    &[3, 5, 13],
    &[5, 1, 97],
    &[2, 61, 67],
    &[64, 128, 128],
    &[1, 1080, 1920],
];
const CAMERAS: &[&[usize]] = &[
    &[1, 1, 1],
    &[3, 1, 3],
    &[2, 9, 7],
    &[65, 8, 8],
    &[3, 5, 13],
    &[5, 97, 1],
    &[1, 67, 61],
    &[64, 128, 128],
    &[1, 1080, 1920],
];
const SQUARES: &[&[usize]] =
    &[&[1, 6, 8], &[3, 7, 9], &[2, 9, 64], &[63, 16, 17], &[1, 101, 67], &[64, 128, 128], &[1, 1080, 1920]];

fn extents(size: &[usize]) -> [usize; 3] {
    size.try_into().expect("three extents")
}

/// Sizes are pixels of a field.
fn products() -> Case {
    const SIZES: &[&[usize]] = &[&[1], &[3], &[63], &[64], &[65], &[97], &[4095], &[4097], &[1080 * 1920]];
    case("inner_product::forward", SIZES, &[1 << 21], |draws, size| {
        let n = size[0];
        let scratch = inner_product::partials(2 * n);
        Problem {
            inputs: vec![
                tensor("a", &[n, 2], draws.uniform("a", 2 * n, 0.25, 1.0)),
                tensor("b", &[n, 2], draws.uniform("b", 2 * n, -0.5, 1.0)),
            ],
            outputs: vec![fresh("partials", &scratch), fresh("product", &[1])],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| {
                inner_product::forward(plan, &on.inputs[0], &on.inputs[1], &on.outputs[0], (&on.outputs[1], 0, false))
            }),
            specification: Box::new(move |x| {
                // The quads of lane l of workgroup g are 64 (32 g + turn) + l.
                let mut partials = vec![0.0; scratch[0]];
                for (at, terms) in x[0].iter().zip(&x[1]).enumerate() {
                    let quad = at / 4;
                    partials[quad / (64 * 32) * 64 + quad % 64] += terms.0 * terms.1;
                }
                vec![partials, vec![reference::inner_product::forward(&x[0], &x[1])]]
            }),
            gradient: None,
            costs: vec![
                cost("inner_product::block", 4 * n, 4 * n),
                cost("inner_product::gather", scratch[0], scratch[0]),
            ],
        }
    })
    .tolerance(1e-5, 0.0)
    .note("linear in each")
}

/// Sizes are rows and columns of the window; lengths are such that differences of the distance see no curvature.
fn space(
    size: &[usize],
    method: Method,
    [distance, pitch]: [f64; 2],
    band_limited: bool,
) -> (Space, reference::transfer::Transfer) {
    let [padded_height, padded_width] = size.try_into().expect("rows, columns");
    let grid = Grid { height: 1, width: 1, padded_height, padded_width, pitch };
    let space = Space { grid, wavelength: 0.5, distance, method, band_limited };
    let twin = reference::transfer::Transfer {
        wavelength: space.wavelength,
        steps: [padded_height, padded_width].map(|padded| 1.0 / (padded as f64 * pitch)),
        columns: space.table()[1],
        paraxial: method == Method::Fresnel,
    };
    (space, twin)
}

const WINDOWS: &[&[usize]] =
    &[&[1, 1], &[2, 3], &[16, 13], &[1, 127], &[14, 15], &[8, 24], &[2, 193], &[256, 256], &[2160, 3840]];

fn space_inputs(space: &Space) -> Vec<Tensor> {
    let turns: Vec<_> = space.turns().into_iter().map(|turns| f64::from(turns as f32)).collect();
    let kept = turns.iter().rposition(|&turns| turns < 1.0).expect("the plane wave at least");
    vec![tensor("turns", &space.table(), turns).nan_at(vec![0, kept]), tensor("distance_error", &[1], vec![0.75])]
}

fn transfers(name: &'static str, method: Method, distance: f64, pitch: f64, band_limited: bool) -> Case {
    // A gradient is a sum of terms of either sign, of which too many leave no digits.
    case(name, &WINDOWS[..8], &[2160, 3840], move |_, size| {
        let (space, twin) = space(size, method, [distance, pitch], band_limited);
        let [rows, columns] = space.table();
        let n = rows * columns;
        let gradient = Gradient {
            of: vec![1],
            upstream: None,
            backward: Box::new(move |plan, on| {
                let shape = [rows, columns, 2];
                let slope = plan.gpu().zeros("slope", &shape, Scalar::F32)?;
                let made = plan.gpu().zeros("made", &transfer::MADE, Scalar::F32)?;
                let table = Table { values: &slope, made: &made };
                let scratch = plan.gpu().zeros("partials", &inner_product::partials(2 * n), Scalar::F32)?;
                transfer::derivative(plan, &space, &on.inputs[0], (&on.inputs[1], 0), table)?;
                inner_product::forward(plan, &slope, &on.upstream[0], &scratch, (&on.gradients[0], 0, false))
            }),
            specification: Box::new(move |x, d| {
                vec![vec![reference::inner_product::forward(&twin.derivative(&x[0], x[1][0]), &d[0])]]
            }),
        };
        Problem {
            inputs: space_inputs(&space),
            outputs: vec![fresh("transfer", &[rows, columns, 2])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let made = plan.gpu().zeros("made", &transfer::MADE, Scalar::F32)?;
                let table = Table { values: &on.outputs[0], made: &made };
                transfer::forward(plan, &space, (&on.inputs[0], 1), (&on.inputs[1], 0), table)
            }),
            specification: Box::new(move |x| vec![twin.forward(&x[0], x[1][0])]),
            gradient: Some(gradient),
            costs: vec![cost("transfer::forward", 45 * n, 3 * n), cost("transfer::derivative", 50 * n, 3 * n)],
        }
    })
    .tolerance(3e-6, 3e-6)
}

fn tables(name: &'static str, method: Method) -> Case {
    case(name, WINDOWS, &[2160, 3840], move |_, size| {
        let (space, twin) = space(size, method, [37.0, 0.5], false);
        let [rows, columns] = space.table();
        Problem {
            inputs: space_inputs(&space),
            outputs: vec![fresh("transfer", &[rows, columns, 2]), fresh("slope", &[rows, columns, 2])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let made = plan.gpu().zeros("made", &transfer::MADE, Scalar::F32)?;
                let [h, slope] = [0, 1].map(|output| Table { values: &on.outputs[output], made: &made });
                transfer::forward(plan, &space, (&on.inputs[0], 1), (&on.inputs[1], 0), h)?;
                transfer::derivative(plan, &space, &on.inputs[0], (&on.inputs[1], 0), slope)
            }),
            specification: Box::new(move |x| vec![twin.forward(&x[0], x[1][0]), twin.derivative(&x[0], x[1][0])]),
            gradient: None,
            costs: vec![cost("transfer::forward", 45 * rows * columns, 3 * rows * columns)],
        }
    })
    .tolerance(3e-6, 1e-30)
}

/// A transmission at every dispersion, of masks that are the same for all.
fn masks(name: &'static str, values: Values, fill: f32, dispersions: &'static [f32]) -> Case {
    case(name, PLANES, &[3, 1080, 1920], move |draws, size| {
        let [masks, height, width] = extents(size);
        let n = masks * height * width;
        // Some of a step away from where phases are wrapped or rounded, in three turns either way.
        let (steps, most) = match values {
            Phase(levels) if levels > 0 => (levels as usize, 0.4),
            _ => (1, 0.49),
        };
        let set = match values {
            Amplitude => draws.uniform("amplitude", n, 0.0, 1.0),
            Phase(levels) => {
                let level = draws.below("level", n, 7 * steps);
                let inside = draws.uniform("inside", n, -most, most);
                let middle = if levels == 0 { 0.5 } else { 0.0 };
                let turns = level.iter().zip(inside).map(|(level, inside)| (level + middle + inside) / steps as f64);
                turns.map(|turns| f64::from((TAU * (turns - 3.0)) as f32)).collect()
            }
        };
        let twin = move |dispersion: f32| {
            let [fill, dispersion] = [fill, dispersion].map(f64::from);
            reference::transmission::Mask { values, fill, dispersion }
        };
        let on_device = move |on: &Bound<'_>, dispersion: f32, act: &mut dyn FnMut(Masks<'_>) -> Result<(), Error>| {
            let values = match values {
                Phase(levels) => transmission::Values::Phase(&on.inputs[0], levels.checked_ilog2()),
                Amplitude => transmission::Values::Amplitude(&on.inputs[0]),
            };
            act(Masks { values, fill, dispersion })
        };
        let gradient = Gradient {
            of: vec![0],
            upstream: None,
            backward: Box::new(move |plan, on| {
                for (at, (dispersion, d_t)) in dispersions.iter().zip(on.upstream).enumerate() {
                    on_device(on, *dispersion, &mut |masks| masks.backward(plan, d_t, &on.gradients[0], at > 0))?;
                }
                Ok(())
            }),
            specification: Box::new(move |x, d| {
                let each: Vec<_> = dispersions.iter().zip(d).map(|(own, d)| twin(*own).backward(&x[0], d)).collect();
                vec![(0..n).map(|at| each.iter().map(|own| own[at]).sum()).collect()]
            }),
        };
        let mut costs = vec![cost("transmission::forward", 50 * n, 3 * n)];
        let differs = steps == 1;
        costs.extend(differs.then(|| cost("transmission::backward", 50 * n, 4 * n)));
        Problem {
            inputs: vec![tensor("values", &[masks, height, width], set)],
            outputs: dispersions.iter().map(|_| fresh("t", &[masks, height, width, 2])).collect(),
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let mut each = dispersions.iter().zip(on.outputs);
                each.try_for_each(|(own, t)| on_device(on, *own, &mut |masks| masks.forward(plan, t)))
            }),
            specification: Box::new(move |x| dispersions.iter().map(|own| twin(*own).forward(&x[0])).collect()),
            // Levels have no differences.
            gradient: differs.then_some(gradient),
            costs,
        }
    })
    .tolerance(2e-6, 0.0)
}

/// Complex numbers of these absolute values, as (re, im).
fn turned(draws: Draws, name: &str, size: Vec<f64>) -> Vec<f64> {
    let angles = draws.uniform(name, size.len(), 0.0, TAU);
    let parts = size.into_iter().zip(angles).flat_map(|(size, angle)| [size * angle.cos(), size * angle.sin()]);
    parts.map(|part| f64::from(part as f32)).collect()
}

fn planes(name: &'static str, fraction: Option<f32>, sizes: &'static [&'static [usize]]) -> Case {
    case(name, sizes, &[1, 1080, 1920], move |draws, size| {
        let [batch, height, width] = extents(size);
        let (pixels, n) = (height * width, batch * height * width);
        let bright = draws.below("bright", n, 2);
        let sizes = draws.uniform("size", n, 1.0, 1.5);
        // A threshold of a quarter of the mean lies between what is dark and what is bright.
        let size_at = |(at, size)| if at % pixels == 0 || bright[at] == 1.0 { size } else { 0.06 * size };
        let x = turned(draws, "x", sizes.into_iter().enumerate().map(size_at).collect());
        let t = turned(draws, "t", draws.uniform("through", pixels, 0.8, 1.2));
        let mut outputs = vec![fresh("y", &[batch, height, width, 2])];
        outputs.extend(fraction.map(|_| fresh("mean", &[batch])));
        let twin = f64::from(fraction.unwrap_or(0.0));
        // The mean is left to the backward pass, which has no gradient of its own for it.
        let mut upstream = vec![draws.uniform("upstream", 2 * n, -1.0, 1.0)];
        upstream.extend(fraction.map(|_| vec![0.0; batch]));
        let gradient = Gradient {
            of: vec![0, 1],
            upstream: fraction.map(|_| upstream),
            backward: Box::new(move |plan, on| {
                let [x, t, d_y] = [&on.inputs[0], &on.inputs[1], &on.upstream[0]];
                with_threshold(plan, fraction, on, |plan, threshold| {
                    plane::backward(plan, x, t, threshold, d_y, &on.gradients[0], (&on.gradients[1], false))
                })
            }),
            specification: Box::new(move |x, d| reference::plane::backward(&x[0], &x[1], twin, &d[0]).to_vec()),
        };
        let mut costs = vec![
            cost("plane::forward", 8 * n, 4 * n + 2 * pixels),
            cost("plane::backward", 16 * n, 6 * n + 4 * pixels),
        ];
        if fraction.is_some() {
            costs.push(cost("plane::intensity", 9 * n, 2 * n + 2 * pixels));
            costs.push(cost("plane::intensity_slope", 16 * n, 4 * n + 2 * pixels));
            costs.push(cost("plane::gather", n / 32, n / 32));
        }
        Problem {
            inputs: vec![tensor("x", &[batch, height, width, 2], x), tensor("t", &[height, width, 2], t)],
            outputs,
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let [x, t, y] = [&on.inputs[0], &on.inputs[1], &on.outputs[0]];
                with_threshold(plan, fraction, on, |plan, threshold| plane::forward(plan, x, t, threshold, y))
            }),
            specification: Box::new(move |x| {
                let mut results = vec![reference::plane::forward(&x[0], &x[1], twin)];
                let mean = |e: &[f64]| e.iter().map(|part| part * part).sum::<f64>() / pixels as f64;
                if fraction.is_some() {
                    let before = reference::plane::forward(&x[0], &x[1], 0.0);
                    results.push(before.chunks(2 * pixels).map(mean).collect());
                }
                results
            }),
            gradient: Some(gradient),
            costs,
        }
    })
    .tolerance(5e-6, 0.0)
}

fn with_threshold(
    plan: &mut PlanBuilder<'_>,
    fraction: Option<f32>,
    on: &Bound<'_>,
    record: impl FnOnce(&mut PlanBuilder<'_>, Option<&plane::Threshold<'_>>) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(fraction) = fraction else { return record(plan, None) };
    let &[batch, height, width, _] = on.inputs[0].shape() else { panic!("the shape of a field") };
    let slope = plan.gpu().zeros("slope", &[batch], Scalar::F32)?;
    let partials = plan.gpu().zeros("partials", &plane::partials(batch, height, width), Scalar::F32)?;
    record(plan, Some(&plane::Threshold { fraction, mean: &on.outputs[1], slope: &slope, partials: &partials }))
}

type Place = fn(usize, usize) -> Result<Regions, flatlight::light::Error>;

fn cells(height: usize, width: usize) -> Result<Regions, flatlight::light::Error> {
    Regions::grid(height, width, None, height.min(2), width.min(5))
}

/// Fields of several wavelengths come in two runs, one of a single wavelength in one.
fn regions(
    name: &'static str,
    divided: bool,
    n_lines: usize,
    sizes: &'static [&'static [usize]],
    place: Place,
) -> Case {
    case(name, sizes, &[1, 1080, 1920], move |draws, size| {
        let [samples, height, width] = extents(size);
        let n = samples * height * width;
        let regions = place(height, width).expect("regions that fit");
        let of = regions.table();
        let twin = reference::regions::Regions { count: regions.rectangles().len(), of: of.repeat(n_lines), divided };
        let (again, detector) = (twin.clone(), Detector::new(regions, divided));
        let same = detector.clone();
        let inside = |at: Option<usize>| 2 * at.expect("a region");
        let nan = [
            inside(of.iter().position(Option::is_some)),
            2 * (n - height * width) + inside(of.iter().rposition(Option::is_some)) + 1,
        ];
        let n_fields = if n_lines == 1 { 1 } else { 2 * n_lines };
        let batch = samples * n_fields / n_lines;
        let field = |at: usize| {
            let name = ["field", "field 2", "field 3", "field 4", "field 5", "field 6"][at];
            tensor(name, &[samples, height, width, 2], draws.uniform(name, 2 * n, -1.0, 1.0)).nan_at(nan.to_vec())
        };
        // Of a sample one wavelength after the other.
        let pixels = 2 * height * width;
        let by_sample = move |x: &[Vec<f64>]| {
            let run = |fields: &[Vec<f64>]| {
                let sample = |at: usize| fields.iter().flat_map(move |field| field[at * pixels..][..pixels].to_vec());
                (0..samples).flat_map(sample).collect::<Vec<_>>()
            };
            x.chunks(n_lines).flat_map(run).collect::<Vec<_>>()
        };
        let by_field = move |d: Vec<f64>| {
            let field = |at: usize| {
                let own = d.chunks(pixels).skip(at / n_lines * samples * n_lines + at % n_lines).step_by(n_lines);
                own.take(samples).flatten().copied().collect()
            };
            (0..n_fields).map(field).collect::<Vec<Vec<f64>>>()
        };
        let read = |detector: &Detector, plan: &mut PlanBuilder<'_>, on: &Bound<'_>, sums: &Slice, out: &Slice| {
            let samples = on.inputs[0].shape()[0];
            for (run, fields) in on.inputs.chunks(on.inputs.len() * samples / out.shape()[0]).enumerate() {
                let scratch = plan.gpu().zeros("partials", &detector.partials(samples, fields.len()), Scalar::F32)?;
                for (line, field) in fields.iter().enumerate() {
                    detector.collect(plan, field, &scratch, (line, fields.len()))?;
                }
                detector.read(plan, &scratch, sums, (out, run * samples))?;
            }
            Ok(())
        };
        let gradient = Gradient {
            of: (0..n_fields).collect(),
            upstream: None,
            backward: Box::new(move |plan, on| {
                // With sums of its own, so that the passes need not share them.
                let [sums, d_sums] =
                    ["sums", "d_sums"].map(|name| plan.gpu().zeros(name, &[batch, same.count()], Scalar::F32));
                let [sums, d_sums] = [sums?, d_sums?];
                read(&same, plan, on, &sums, &d_sums)?;
                for (at, (field, d_field)) in on.inputs.iter().zip(on.gradients).enumerate() {
                    let first = at / n_lines * samples;
                    same.backward(plan, field, [&sums, &d_sums], (&on.upstream[0], first), d_field)?;
                }
                Ok(())
            }),
            specification: Box::new(move |x, d| by_field(again.backward(&by_sample(x), &d[0]))),
        };
        let lit = of.iter().filter(|region| region.is_some()).count() * samples;
        let costs = vec![
            cost("regions::collect", 4 * lit, 2 * lit),
            cost("regions::backward", 3 * n, 2 * n + 2 * lit),
            cost("regions::gather", lit / 32, lit / 32),
        ];
        Problem {
            inputs: (0..n_fields).map(field).collect(),
            outputs: vec![fresh("out", &[batch, twin.count])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let sums = plan.gpu().zeros("sums", &[batch, detector.count()], Scalar::F32)?;
                read(&detector, plan, on, &sums, &on.outputs[0])
            }),
            specification: Box::new(move |x| vec![twin.forward(&by_sample(x))]),
            gradient: Some(gradient),
            costs,
        }
    })
    .tolerance(5e-6, 0.0)
}
