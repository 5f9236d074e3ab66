//! Cases of networks that put out images: what they are scored by, and what they are drawn from.

use flatlight::ops::detect::Source;
use flatlight::ops::{latent, mean_squared_error, structural_similarity};

use super::*;

pub fn cases() -> Vec<Case> {
    vec![
        latents(),
        means(),
        priors(),
        similarities(false),
        // Alike but for a thousandth: what is left of moments that almost cancel.
        similarities(true),
        decibels(),
    ]
}

const STREAM: &str = "latents";
const WEIGHT: f32 = 0.375;

/// Sizes are rows of the batch, valid rows, numbers of a row.
const ROWS: &[&[usize]] =
    &[&[1, 1, 1], &[3, 3, 1], &[1, 1, 3], &[63, 60, 2], &[64, 64, 7], &[65, 50, 16], &[7, 5, 97], &[4111, 4000, 1021]];

/// Where the numbers come from: a batch in the middle of an epoch, rows in the middle of a batch.
fn place(seed: u32, rows: usize) -> Clock {
    Clock { seed, step: 12_345, first: 7, rows: rows as u32 + 3, ..Clock::default() }
}

fn source(clock: &Slice) -> Source<'_> {
    Source { clock, stream: random::stream(STREAM), step: 2, row: 3 }
}

fn normals(clock: &Clock, step: u32, [rows, k]: [usize; 2]) -> Vec<f64> {
    let first = (clock.first + 3) * k as u32;
    reference::detect::normals(clock.seed, random::stream(STREAM), step, first, rows * k)
}

fn latents() -> Case {
    case("latent", ROWS, &[512, 512, 64], |draws, size| {
        let [batch, rows, k] = size.try_into().expect("batch, rows, numbers");
        let (n, valid) = (batch * k, rows * k);
        let clock = place(draws.seed, rows);
        let drawn = normals(&clock, clock.step + 2, [batch, k]);
        let own = drawn.clone();
        // The kernel differentiates the mean divergence of valid rows; what is padding has no gradient.
        let mut upstream = [draws.uniform("upstream", n, -1.0, 1.0), vec![1.0 / (rows + 3) as f64; batch]];
        upstream[0][valid..].fill(0.0);
        upstream[1][rows..].fill(0.0);
        let weight = f64::from(WEIGHT);
        Problem {
            inputs: vec![
                tensor("x", &[batch, 2 * k], draws.uniform("x", 2 * n, -2.0, 2.0)).nan_at(vec![0, 2 * valid - 1]),
                tensor("loss", &[batch], draws.uniform("loss", batch, 0.0, 1.0)),
            ],
            outputs: vec![fresh("y", &[batch, k]), Output::InPlace(1)],
            clocks: vec![clock],
            forward: Box::new(|plan, on| {
                latent::sample(plan, source(on.clock), &on.inputs[0], &on.outputs[0])?;
                latent::divergence(plan, source(on.clock), WEIGHT, &on.inputs[0], &on.outputs[1])
            }),
            specification: Box::new(move |x| {
                let mut loss = x[1].clone();
                let divergence = reference::latent::divergence(&x[0][..2 * valid], k);
                loss.iter_mut().zip(divergence).for_each(|(loss, own)| *loss += weight * own);
                vec![reference::latent::sample(&x[0], k, &drawn), loss]
            }),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: Some(upstream.to_vec()),
                backward: Box::new(|plan, on| {
                    let [x, d_y, d_x] = [&on.inputs[0], &on.upstream[0], &on.gradients[0]];
                    latent::backward(plan, source(on.clock), WEIGHT, x, d_y, d_x)
                }),
                specification: Box::new(move |x, d| {
                    let share = weight * rows as f64 / (rows + 3) as f64;
                    let mut gradient = reference::latent::backward(&x[0][..2 * valid], k, &own, &d[0][..valid], share);
                    gradient.resize(2 * n, 0.0);
                    vec![gradient]
                }),
            }),
            costs: vec![
                // 130 for the normal number, 20 for the exponential.
                cost("latent::sample", 155 * n, 3 * n),
                cost("latent::divergence", 26 * n, 2 * n),
                cost("latent::backward", 165 * n, 5 * n),
            ],
        }
    }) // Terms of a gradient may almost cancel, and a row has up to 1,021.
    .tolerance(3e-6, 1e-7)
}

fn means() -> Case {
    case("latent::mean", ROWS, &[512, 512, 64], |draws, size| {
        let [batch, _, k] = size.try_into().expect("batch, rows, numbers");
        let n = batch * k;
        Problem {
            inputs: vec![
                tensor("x", &[batch, 2 * k], draws.uniform("x", 2 * n, -2.0, 2.0)).nan_at(vec![0, 2 * n - k - 1]),
            ],
            outputs: vec![fresh("y", &[batch, k])],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| latent::mean(plan, &on.inputs[0], &on.outputs[0])),
            specification: Box::new(move |x| vec![reference::latent::mean(&x[0], k)]),
            gradient: None,
            costs: vec![cost("latent::mean", 0, 2 * n)],
        }
    })
    .note("copies")
}

fn priors() -> Case {
    case("latent::prior", ROWS, &[512, 512, 64], |draws, size| {
        let [batch, rows, k] = size.try_into().expect("batch, rows, numbers");
        let clock = place(draws.seed, rows);
        let drawn = normals(&clock, 0, [batch, k]);
        Problem {
            inputs: vec![],
            outputs: vec![fresh("y", &[batch, k])],
            clocks: vec![clock],
            forward: Box::new(|plan, on| latent::prior(plan, source(on.clock), &on.outputs[0])),
            specification: Box::new(move |_| vec![drawn.clone()]),
            gradient: None,
            costs: vec![cost("latent::prior", 135 * batch * k, batch * k)],
        }
    })
    .note("no inputs")
}

/// Sizes are rows of the batch, valid rows, channels, height, width.
fn similarities(alike: bool) -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1, 1, 1],
        &[3, 3, 1, 2, 3],
        &[2, 1, 3, 8, 8],
        &[3, 2, 1, 11, 11],
        &[2, 2, 2, 12, 19],
        &[63, 60, 1, 28, 28],
        &[5, 5, 3, 32, 32],
        // More groups than one axis holds.
        &[65_700, 65_600, 1, 9, 10],
    ];
    let name = if alike { "structural_similarity, alike" } else { "structural_similarity" };
    case(name, SIZES, &[128, 128, 3, 32, 32], move |draws, size| {
        let [batch, rows, channels, height, width] = size.try_into().expect("five extents");
        let (image, features) = ([channels, height, width], channels * height * width);
        let valid = rows * features;
        let first = draws.uniform("image", batch * features, 0.0, 1.0);
        let second = draws.uniform("wanted", batch * features, 0.0, 1.0);
        let near = |(a, b): (&f64, &f64)| f64::from((0.75 + 1e-3 * b + 1e-3 * a) as f32);
        let second = if alike { first.iter().zip(&second).map(near).collect() } else { second };
        let first = if alike { first.iter().map(|a| f64::from((0.75 + 1e-3 * a) as f32)).collect() } else { first };
        let input = |name, values| tensor(name, &[batch, features], values).nan_at(vec![0, valid - 1]);
        let shape = structural_similarity::Shape { image };
        let side = shape.side();
        let windows = batch * channels * (height - side + 1) * (width - side + 1);
        Problem {
            inputs: vec![input("image", first), input("wanted", second)],
            outputs: vec![fresh("similarity", &[batch])],
            clocks: vec![Clock { rows: rows as u32, ..Clock::default() }],
            forward: Box::new(move |plan, on| {
                shape.forward(plan, on.clock, &on.inputs[0], &on.inputs[1], &on.outputs[0])
            }),
            specification: Box::new(move |x| {
                let [a, b] = [&x[0][..valid], &x[1][..valid]];
                let mut similarity = reference::structural_similarity::forward(a, b, image);
                similarity.resize(batch, 0.0);
                vec![similarity]
            }),
            gradient: None,
            costs: vec![
                cost(
                    "structural_similarity::windows",
                    windows * (14 * side * side + 22),
                    2 * batch * features + windows,
                ),
                cost("structural_similarity::mean", windows, windows + batch),
            ],
        }
    })
    .tolerance(if alike { 1e-5 } else { 2e-6 }, 0.0)
    .note(if alike { "flat images that differ by a thousandth" } else { "unlike images" })
}

/// Sizes are rows of the batch, valid rows.
fn decibels() -> Case {
    const SIZES: &[&[usize]] = &[&[1, 1], &[3, 3], &[63, 60], &[64, 64], &[65, 65], &[97, 90], &[20_011, 20_000]];
    case("mean_squared_error::decibels", SIZES, &[4096, 4096], |draws, size| {
        let [batch, rows] = size.try_into().expect("batch, rows");
        let exponents = draws.uniform("exponent", batch, -12.0, 1.0);
        let loss = exponents.iter().map(|exponent| f64::from(10_f64.powf(*exponent) as f32)).collect();
        Problem {
            inputs: vec![tensor("loss", &[batch], loss).nan_at(vec![0, rows - 1])],
            outputs: vec![fresh("ratio", &[batch])],
            clocks: vec![Clock { rows: rows as u32, ..Clock::default() }],
            forward: Box::new(|plan, on| mean_squared_error::decibels(plan, on.clock, &on.inputs[0], &on.outputs[0])),
            specification: Box::new(move |x| {
                let mut ratio = reference::mean_squared_error::decibels(&x[0][..rows]);
                ratio.resize(batch, 0.0);
                vec![ratio]
            }),
            gradient: None,
            costs: vec![cost("mean_squared_error::decibels", 25 * batch, 2 * batch)],
        }
    })
    .note("from 1e-12 to 10")
}
