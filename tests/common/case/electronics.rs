//! Cases of the digital layers between the photonic ones and of a loss for numbers rather than classes.

use flatlight::ops::activation::Activation;
use flatlight::ops::{add, mean_squared_error, pool, shortcut, upsample};

use super::*;

pub fn cases() -> Vec<Case> {
    const NEAR_ZERO: &[&[usize]] = &[&[97, 1], &[97, 4], &[97, 12], &[97, 40], &[97, 100]];
    const FAR_BELOW: &[&[usize]] = &[&[97, 3], &[97, 20], &[97, 50], &[97, 80]];
    vec![
        // Nothing is computed, so nothing may be rounded.
        activation("activation::relu", Activation::Relu, ELEMENTS, &[1 << 20], around_zero)
            .tolerance(0.0, 0.0)
            .note("kink at 0: inputs at least 1e-3 away"),
        // The backward passes see outputs that were rounded, by up to 6e-8 near 1.
        activation("activation::sigmoid", Activation::Sigmoid, ELEMENTS, &[1 << 20], around_zero)
            .tolerance(1e-6, 1e-7)
            .note("-4 to 4, and +-100"),
        activation("activation::tanh", Activation::Tanh, ELEMENTS, &[1 << 20], around_zero)
            .tolerance(1e-6, 1e-7)
            .note("-4 to 4, and +-100"),
        activation("activation::sigmoid, far below", Activation::Sigmoid, FAR_BELOW, &[1 << 20, 50], |draws, size| {
            let k = size[1] as f64;
            draws.uniform("x", size[0], -k - 0.5, -k + 0.5)
        })
        .note("n x k: within 0.5 of -k"),
        activation("activation::tanh, near zero", Activation::Tanh, NEAR_ZERO, &[1 << 20, 12], |draws, size| {
            let scale = 0.5_f64.powi(size[1] as i32);
            draws.uniform("x", size[0], 1.0, 2.0).into_iter().map(|x| x * scale).collect()
        })
        .note("n x k: 1 to 2 times 2^-k"),
        pooling("pool::max", Pooling::Max).tolerance(1e-6, 0.0).note("kinks: elements of a window 1e-4 apart or more"),
        pooling("pool::average", Pooling::Average).note("linear"),
        ties(),
        upsampling(),
        addition(),
        shortcuts("shortcut", false).note("linear"),
        shortcuts("shortcut, rectified", true).note("kink: sums at least 1e-3 away from 0"),
        squares(),
    ]
}

// Activations ---------------------------------------------------------------------------------------------------------

/// Inputs away from the kink of the rectifier, some of them far out.
fn around_zero(draws: Draws, size: &[usize]) -> Vec<f64> {
    let n = size[0];
    let away = |x: f64| if x.abs() < 1e-3 { 0.5 } else { x };
    let mut x: Vec<f64> = draws.uniform("x", n, -4.0, 4.0).into_iter().map(away).collect();
    x.iter_mut().zip([-100.0, 100.0]).take(n - 1).for_each(|(x, far)| *x = far);
    // The gradient in the middle, where NaN is sown, must pass.
    x[n / 2] = 0.75;
    x
}

fn activation(
    name: &'static str,
    function: Activation,
    sizes: &'static [&'static [usize]],
    bench: &'static [usize],
    inputs: fn(Draws, &[usize]) -> Vec<f64>,
) -> Case {
    use reference::activation as twin;
    // An exponential is about 20.
    let (forward, backward, kernels, flops) = match function {
        Activation::Relu => (
            twin::relu_forward as fn(&[f64]) -> Vec<f64>,
            twin::relu_backward as fn(&[f64], &[f64]) -> Vec<f64>,
            ["activation::relu_forward", "activation::relu_backward"],
            [1, 1],
        ),
        Activation::Sigmoid => (
            twin::sigmoid_forward as _,
            twin::sigmoid_backward as _,
            ["activation::sigmoid_forward", "activation::sigmoid_backward"],
            [22, 3],
        ),
        Activation::Tanh => (
            twin::tanh_forward as _,
            twin::tanh_backward as _,
            ["activation::tanh_forward", "activation::tanh_backward"],
            [24, 4],
        ),
    };
    case(name, sizes, bench, move |draws, size| {
        let n = size[0];
        Problem {
            inputs: vec![tensor("x", &[n], inputs(draws, size))],
            outputs: vec![fresh("y", &[n])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| function.forward(plan, &on.inputs[0], &on.outputs[0])),
            specification: Box::new(move |x| vec![forward(&x[0])]),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: None,
                backward: Box::new(move |plan, on| {
                    function.backward(plan, &on.outputs[0], &on.upstream[0], &on.gradients[0])
                }),
                specification: Box::new(move |x, d| vec![backward(&forward(&x[0]), &d[0])]),
            }),
            costs: vec![cost(kernels[0], flops[0] * n, 2 * n), cost(kernels[1], flops[1] * n, 3 * n)],
        }
    })
}

fn addition() -> Case {
    case("add", ELEMENTS, &[1 << 20], |draws, size| {
        let n = size[0];
        let uniform = |name| tensor(name, &[n], draws.uniform(name, n, -4.0, 4.0));
        Problem {
            inputs: vec![uniform("x"), uniform("y")],
            outputs: vec![Output::InPlace(1)],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| add::forward(plan, &on.inputs[0], &on.inputs[1])),
            specification: Box::new(|x| vec![reference::add::forward(&x[0], &x[1])]),
            gradient: None,
            costs: vec![cost("add::forward", n, 3 * n)],
        }
    })
}

/// Sizes are batch, channels of the source and of the output, height and width of the output, window.
fn shortcuts(name: &'static str, rectify: bool) -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1, 1, 1, 1],
        &[3, 5, 5, 3, 7, 1],
        // Fewer channels, fewer pixels, and both.
        &[2, 3, 8, 5, 3, 1],
        &[5, 4, 4, 3, 2, 2],
        &[1, 1, 3, 1, 1, 3],
        &[3, 2, 5, 4, 7, 3],
        &[63, 1, 64, 1, 1, 1],
        &[1, 2, 3, 65, 97, 2],
        // More groups than one axis holds, for both ends.
        &[64, 33, 64, 32, 32, 2],
        &[65, 64, 64, 32, 32, 1],
    ];
    case(name, SIZES, &[64, 16, 32, 16, 16, 2], move |draws, size| {
        let [batch, source_channels, channels, height, width, window] = size.try_into().expect("six extents");
        let image = [source_channels, window * height, window * width];
        let shape = shortcut::Shape::new(image, [channels, height, width]).expect("ends that fit");
        let output = [channels, height, width];
        let twin = reference::shortcut::Shape { samples: batch, source_channels, output, window };
        let [inputs, outputs] = [batch * image.iter().product::<usize>(), batch * channels * height * width];
        let source = draws.uniform("source", inputs, -2.0, 2.0);
        let mut x = draws.uniform("x", outputs, -2.0, 2.0);
        if rectify {
            let sums = twin.forward(&x, &source, false);
            x.iter_mut().zip(&sums).filter(|(_, sum)| sum.abs() < 1e-3).for_each(|(x, _)| *x += 0.5);
            // The gradient in the middle, where NaN is sown, must pass.
            x[outputs / 2] = 3.0;
        }
        let same = image == output;
        let forward = if same { "shortcut::forward_same" } else { "shortcut::forward" };
        let gather = if same { "add::forward" } else { "shortcut::gather" };
        Problem {
            inputs: vec![tensor("x", &[batch, outputs / batch], x), tensor("source", &[batch, inputs / batch], source)],
            outputs: vec![fresh("y", &[batch, outputs / batch])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                shape.forward(plan, &on.inputs[0], &on.inputs[1], &on.outputs[0], rectify)
            }),
            specification: Box::new(move |x| vec![twin.forward(&x[0], &x[1], rectify)]),
            gradient: Some(Gradient {
                of: vec![0, 1],
                upstream: None,
                backward: Box::new(move |plan, on| {
                    let gpu = plan.gpu();
                    let held = gpu.zeros("held", on.outputs[0].shape(), Scalar::F32)?;
                    gpu.write(&on.gradients[1], &vec![0.0_f32; inputs])?;
                    let ends = [&on.gradients[0], &held];
                    shape.backward(plan, [&on.outputs[0], &on.upstream[0]], ends, rectify)?;
                    shape.gather(plan, &held, &on.gradients[1])
                }),
                specification: Box::new(move |x, d| {
                    twin.backward(&twin.forward(&x[0], &x[1], rectify), &d[0], rectify).into()
                }),
            }),
            costs: vec![
                cost(forward, inputs + outputs, inputs + 2 * outputs),
                cost("shortcut::backward", outputs, if rectify { 4 * outputs } else { 3 * outputs }),
                cost(gather, inputs, 2 * inputs + outputs),
            ],
        }
    })
}

// Pooling -------------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, PartialEq)]
enum Pooling {
    Max,
    Average,
}

/// The shapes of a size: batch, channels, height, width, window, stride; a window of 0 is one over the whole image.
fn pool_shapes(size: &[usize]) -> (usize, pool::Shape, reference::pool::Shape) {
    let [batch, channels, height, width, window, stride] = size.try_into().expect("six extents");
    let image = [channels, height, width];
    let (shape, window) = match window {
        0 => (pool::Shape::all(image), [height, width]),
        side => (pool::Shape::new(image, side, stride).expect("a window inside the image"), [side; 2]),
    };
    (batch, shape, reference::pool::Shape { planes: batch * channels, height, width, window, stride })
}

fn pooling(name: &'static str, kind: Pooling) -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1, 1, 1, 1],
        &[1, 1, 3, 3, 3, 3],
        // A column and a row that no window covers.
        &[3, 2, 5, 7, 2, 2],
        // Even sides, and outputs in no multiple of four.
        &[3, 5, 6, 10, 2, 2],
        &[1, 1, 2, 2, 2, 2],
        // Windows that overlap, twice over and more; windows with gaps between them.
        &[2, 3, 9, 8, 3, 2],
        &[1, 1, 13, 11, 5, 1],
        &[2, 1, 11, 12, 2, 5],
        &[5, 1, 63, 64, 4, 4],
        &[1, 3, 65, 97, 7, 3],
        // Whole images, high, wide and of 2 x 2 pixels.
        &[3, 5, 9, 4, 0, 1],
        &[2, 3, 5, 13, 0, 1],
        &[1, 7, 2, 2, 0, 1],
        &[64, 65, 8, 8, 0, 1],
        // More groups than one axis holds, for inputs and for outputs.
        &[65, 64, 32, 32, 2, 1],
    ];
    case(name, SIZES, &[64, 16, 28, 28, 2, 2], move |draws, size| {
        let (batch, shape, twin) = pool_shapes(size);
        let [inputs, outputs] =
            [twin.planes * twin.height * twin.width, batch * shape.output().iter().product::<usize>()];
        let area = twin.window[0] * twin.window[1];
        // A coarse random part, and a fine one that no two elements of a window share.
        let coarse = draws.below("x", inputs, 128);
        let fine = |at: usize| {
            let [rows, columns] = twin.window;
            let (row, column) = (at / twin.width % twin.height % rows, at % twin.width % columns);
            (row * columns + column) as f64 / area as f64
        };
        let x = coarse.iter().enumerate().map(|(at, coarse)| f64::from(((coarse + fine(at)) / 64.0 - 1.0) as f32));
        // The corner of the last window, as the last pixel may lie in none.
        let (last_row, last_column) =
            ((shape.output_height() - 1) * twin.stride, (shape.output_width() - 1) * twin.stride);
        let last = ((twin.planes - 1) * twin.height + last_row) * twin.width + last_column;
        let kernels = match kind {
            Pooling::Max => ["pool::max_forward_half", "pool::max_backward_half"],
            Pooling::Average => ["pool::average_forward", "pool::average_backward_apart"],
        };
        Problem {
            inputs: vec![tensor("x", &[batch, inputs / batch], x.collect()).nan_at(vec![0, last])],
            outputs: vec![fresh("y", &[batch, outputs / batch])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| match kind {
                Pooling::Max => shape.max_forward(plan, &on.inputs[0], &on.outputs[0]),
                Pooling::Average => shape.average_forward(plan, &on.inputs[0], &on.outputs[0]),
            }),
            specification: Box::new(move |x| {
                vec![match kind {
                    Pooling::Max => reference::pool::max_forward(&x[0], &twin),
                    Pooling::Average => reference::pool::average_forward(&x[0], &twin),
                }]
            }),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: None,
                backward: Box::new(move |plan, on| match kind {
                    Pooling::Max => {
                        shape.max_backward(plan, &on.inputs[0], &on.outputs[0], &on.upstream[0], &on.gradients[0])
                    }
                    Pooling::Average => shape.average_backward(plan, &on.upstream[0], &on.gradients[0]),
                }),
                specification: Box::new(move |x, d| {
                    vec![match kind {
                        Pooling::Max => reference::pool::max_backward(&x[0], &d[0], &twin),
                        Pooling::Average => reference::pool::average_backward(&d[0], &twin),
                    }]
                }),
            }),
            costs: vec![
                cost(kernels[0], outputs * area, inputs + outputs),
                cost(kernels[1], outputs * area, if kind == Pooling::Max { 2 * inputs } else { inputs } + outputs),
            ],
        }
    })
}

/// Of equal elements the first one gets the gradient.
fn ties() -> Case {
    const SIZES: &[&[usize]] = &[&[3, 2, 8, 8, 2, 2], &[2, 3, 9, 8, 3, 2], &[1, 1, 64, 65, 5, 1]];
    case("pool::max, ties", SIZES, &[64, 16, 28, 28, 3, 2], |draws, size| {
        let (batch, shape, twin) = pool_shapes(size);
        let [inputs, outputs] =
            [twin.planes * twin.height * twin.width, batch * shape.output().iter().product::<usize>()];
        Problem {
            inputs: vec![
                tensor("x", &[batch, inputs / batch], draws.below("x", inputs, 3)).quiet(),
                tensor("d_y", &[batch, outputs / batch], draws.uniform("d_y", outputs, -1.0, 1.0)),
            ],
            outputs: vec![fresh("y", &[batch, outputs / batch]), fresh("d_x", &[batch, inputs / batch])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let [x, d_y, y, d_x] = [&on.inputs[0], &on.inputs[1], &on.outputs[0], &on.outputs[1]];
                shape.max_forward(plan, x, y)?;
                shape.max_backward(plan, x, y, d_y, d_x)
            }),
            specification: Box::new(move |x| {
                vec![reference::pool::max_forward(&x[0], &twin), reference::pool::max_backward(&x[0], &x[1], &twin)]
            }),
            gradient: None,
            costs: vec![cost("pool::max_backward", outputs * twin.window[0] * twin.window[1], 2 * inputs + outputs)],
        }
    })
    .note("inputs 0, 1 and 2 only; itself a gradient")
}

/// Sizes are batch, channels, height, width, factor.
fn upsampling() -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1, 1, 1],
        &[3, 3, 3, 5, 1],
        &[2, 5, 4, 7, 2],
        &[1, 3, 63, 64, 3],
        &[5, 2, 13, 11, 4],
        &[1, 1, 1, 1, 64],
        &[1, 2, 65, 97, 5],
        // More groups than one axis holds.
        &[64, 65, 16, 16, 2],
    ];
    case("upsample", SIZES, &[64, 16, 16, 16, 2], |draws, size| {
        let [batch, channels, height, width, factor] = size.try_into().expect("five extents");
        let shape = upsample::Shape { image: [channels, height, width], factor };
        let inputs = batch * channels * height * width;
        let outputs = inputs * factor * factor;
        Problem {
            inputs: vec![tensor("x", &[batch, inputs / batch], draws.uniform("x", inputs, -2.0, 2.0))],
            outputs: vec![fresh("y", &[batch, outputs / batch])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| shape.forward(plan, &on.inputs[0], &on.outputs[0])),
            specification: Box::new(move |x| vec![reference::upsample::forward(&x[0], [height, width], factor)]),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: None,
                backward: Box::new(move |plan, on| shape.backward(plan, &on.upstream[0], &on.gradients[0])),
                specification: Box::new(move |_, d| {
                    vec![reference::upsample::backward(&d[0], [height, width], factor)]
                }),
            }),
            costs: vec![
                cost("upsample::forward", 0, inputs + outputs),
                cost("upsample::backward", outputs, inputs + outputs),
            ],
        }
    })
    .note("linear")
}

// Loss ----------------------------------------------------------------------------------------------------------------

/// Sizes are rows of the batch, valid rows, features.
fn squares() -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1],
        &[3, 2, 3],
        &[5, 4, 1009],
        &[63, 63, 64],
        &[64, 64, 65],
        &[65, 64, 63],
        &[2, 2, 400_009],
        // More groups than one axis holds.
        &[70_001, 70_000, 3],
    ];
    case("mean_squared_error", SIZES, &[128, 128, 784], |draws, size| {
        let [batch, rows, features] = size.try_into().expect("batch, rows, features");
        let valid = rows * features;
        let mut upstream = vec![1.0 / rows as f64; rows];
        upstream.resize(batch, 0.0);
        let padded = |mut values: Vec<f64>, length: usize| {
            values.resize(length, 0.0);
            values
        };
        let input = |name| {
            let values = draws.uniform(name, batch * features, -1.0, 1.0);
            tensor(name, &[batch, features], values).nan_at(vec![0, valid - 1])
        };
        Problem {
            inputs: vec![input("prediction"), input("wanted")],
            outputs: vec![fresh("loss", &[batch])],
            clocks: vec![Clock { rows: rows as u32, ..Clock::default() }],
            forward: Box::new(|plan, on| {
                mean_squared_error::forward(plan, on.clock, &on.inputs[0], &on.inputs[1], &on.outputs[0])
            }),
            specification: Box::new(move |x| {
                let loss = reference::mean_squared_error::forward(&x[0][..valid], &x[1][..valid], features);
                vec![padded(loss, batch)]
            }),
            gradient: Some(Gradient {
                of: vec![0],
                // The kernel differentiates the mean loss.
                upstream: Some(vec![upstream]),
                backward: Box::new(|plan, on| {
                    mean_squared_error::backward(plan, on.clock, &on.inputs[0], &on.inputs[1], &on.gradients[0])
                }),
                specification: Box::new(move |x, _| {
                    let gradient = reference::mean_squared_error::backward(&x[0][..valid], &x[1][..valid]);
                    vec![padded(gradient, batch * features)]
                }),
            }),
            costs: vec![
                cost("mean_squared_error::forward", 3 * valid, 2 * valid + batch),
                cost("mean_squared_error::backward", 3 * valid, 3 * valid),
            ],
        }
    })
    .note("quadratic")
}
