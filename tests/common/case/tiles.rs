//! Cases of weights as tiles of pictures, and of blurred pictures.

use flatlight::ops::blur;
use flatlight::ops::tiles::Tiles;

use super::*;

/// Sizes are outputs, rows and columns of weights, pixels of a weight, rows and columns of tiles, the margins.
const TILES: &[&[usize]] = &[
    &[1, 1, 1, 1, 1, 1, 0, 0],
    &[3, 3, 3, 1, 1, 1, 1, 0],
    &[5, 2, 3, 3, 2, 2, 0, 1],
    &[7, 1, 63, 2, 3, 2, 2, 1],
    &[12, 8, 8, 1, 3, 4, 2, 1],
    &[13, 13, 5, 1, 3, 4, 2, 1],
    &[1, 5, 7, 9, 2, 3, 1, 2],
    &[144, 28, 28, 1, 3, 4, 2, 1],
];

/// Sizes are pictures, height and width.
const PICTURES: &[&[usize]] =
    &[&[1, 1, 1], &[1, 3, 3], &[2, 1, 63], &[3, 64, 1], &[1, 65, 64], &[5, 13, 97], &[2, 211, 97]];

pub fn cases() -> Vec<Case> {
    vec![
        laid(),
        weighed(),
        blurred("blur::along", 0.75, 0.5, PICTURES),
        blurred("blur::along, wide", 1.5, -5.0, PICTURES),
        blurred("blur::along, none", 0.0, 0.0, PICTURES).tolerance(0.0, 0.0),
    ]
}

fn tiles(size: &[usize]) -> (Tiles, reference::tiles::Tiles) {
    let [outputs, height, width, pixels, rows, columns, above, beside] = size.try_into().expect("eight extents");
    let (tile, grid, margin) = ([height, width], [rows, columns], [above, beside]);
    (Tiles { outputs, tile, pixels, grid, margin }, reference::tiles::Tiles { outputs, tile, pixels, grid, margin })
}

fn laid() -> Case {
    case("tiles::lay", TILES, TILES[7], |draws, size| {
        let (on, twin) = tiles(size);
        let inputs = on.tile[0] * on.tile[1];
        let (count, pixels) = (2 * on.outputs * inputs, on.shape().iter().product::<usize>());
        Problem {
            inputs: vec![tensor(
                "transmission",
                &[on.outputs, 2, inputs],
                draws.uniform("transmission", count, 0.0, 1.0),
            )],
            outputs: vec![fresh("picture", &on.shape())],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, bound| on.lay(plan, &bound.inputs[0], &bound.outputs[0])),
            specification: Box::new(move |x| vec![twin.lay(&x[0])]),
            gradient: Some(Gradient {
                of: vec![0],
                // NaN in a margin goes nowhere.
                upstream: Some(vec![draws.uniform("d_picture", pixels, -1.0, 1.0)]),
                backward: Box::new(move |plan, bound| on.lay_backward(plan, &bound.upstream[0], &bound.gradients[0])),
                specification: Box::new(move |_, d| vec![twin.lay_backward(&d[0])]),
            }),
            costs: vec![
                cost("tiles::lay", pixels, count + pixels),
                cost("tiles::lay_backward", pixels, count + pixels),
            ],
        }
    })
    .note("linear")
}

fn weighed() -> Case {
    case("tiles::weigh", TILES, TILES[7], |draws, size| {
        let (on, twin) = tiles(size);
        let inputs = on.tile[0] * on.tile[1];
        let (count, pixels) = (on.outputs * inputs, on.shape().iter().product::<usize>());
        // A pixel of the last weight.
        let mut last = vec![0.0; count];
        last[count - 1] = 1.0;
        let lit = twin.weigh_backward(&last).iter().position(|d| *d != 0.0).expect("a pixel");
        Problem {
            inputs: vec![tensor("picture", &on.shape(), draws.uniform("picture", pixels, 0.0, 1.0)).nan_at(vec![lit])],
            outputs: vec![fresh("weight", &[on.outputs, inputs])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, bound| on.weigh(plan, &bound.inputs[0], &bound.outputs[0])),
            specification: Box::new(move |x| vec![twin.weigh(&x[0])]),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: None,
                backward: Box::new(move |plan, bound| on.weigh_backward(plan, &bound.upstream[0], &bound.gradients[0])),
                specification: Box::new(move |_, d| vec![twin.weigh_backward(&d[0])]),
            }),
            costs: vec![
                cost("tiles::weigh", pixels, count + pixels),
                cost("tiles::weigh_backward", pixels, count + pixels),
            ],
        }
    })
    // What is left of two means is rounded as they.
    .tolerance(1e-6, 1e-6)
    .note("linear")
}

fn blurred(name: &'static str, spread: f32, error: f64, sizes: &'static [&'static [usize]]) -> Case {
    case(name, sizes, &[12, 96, 240], move |draws, size| {
        let [pictures, height, width] = size.try_into().expect("pictures, height, width");
        let count = pictures * height * width;
        let twin = move |x: &[f64], error: f64| {
            let pictures = x.chunks_exact(height * width);
            pictures
                .flat_map(|x| reference::blur::forward(x, [height, width], f64::from(spread), error))
                .collect::<Vec<_>>()
        };
        let reach = 2 * (5.0 * f64::from(spread).hypot(error)).ceil() as usize + 1;
        Problem {
            inputs: vec![
                tensor("x", size, draws.uniform("x", count, 0.0, 1.0)),
                tensor("error", &[1], vec![error]).nan_at(vec![0]),
            ],
            outputs: vec![fresh("y", size)],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, bound| {
                let scratch = plan.gpu().zeros("scratch", bound.inputs[0].shape(), Scalar::F32)?;
                blur::forward(plan, spread, &bound.inputs[1], &bound.inputs[0], &scratch, &bound.outputs[0])
            }),
            specification: Box::new(move |x| vec![twin(&x[0], x[1][0])]),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: None,
                backward: Box::new(move |plan, bound| {
                    let scratch = plan.gpu().zeros("scratch", bound.inputs[0].shape(), Scalar::F32)?;
                    blur::forward(plan, spread, &bound.inputs[1], &bound.upstream[0], &scratch, &bound.gradients[0])
                }),
                specification: Box::new(move |x, d| vec![twin(&d[0], x[1][0])]),
            }),
            costs: vec![cost("blur::along", 12 * reach * count, 2 * count)],
        }
    })
    .note("linear")
}
