//! Convolutions.

use flatlight::ops::convolution::{self, Shape};
use flatlight::reference;

use super::{Case, Gradient, Problem, case, cost, fresh, tensor};

/// The convolutions of LeNet-5, at which the two cases are timed.
const FIRST: &[usize] = &[256, 1, 28, 28, 6, 5, 5, 1, 2];
const SECOND: &[usize] = &[256, 6, 14, 14, 16, 5, 5, 1, 0];

/// Sizes are samples, channels in, rows, columns, channels out, kernel rows, kernel columns, stride, padding.
const SIZES: &[&[usize]] = &[
    &[1, 1, 1, 1, 1, 1, 1, 1, 0],
    // A kernel as large as the image, and larger than the image without its padding.
    &[3, 3, 3, 3, 3, 3, 3, 1, 0],
    &[2, 1, 4, 3, 2, 5, 5, 1, 1],
    &[5, 2, 9, 7, 5, 3, 3, 2, 1],
    // Rows and columns apart; outputs that see nothing but padding; elements that no output sees.
    &[1, 2, 6, 9, 3, 2, 5, 1, 3],
    &[2, 1, 8, 11, 2, 2, 1, 3, 0],
    &[7, 17, 5, 6, 7, 1, 1, 1, 0],
    &[4, 7, 9, 9, 17, 3, 3, 1, 1],
    &[64, 1, 13, 65, 1, 7, 3, 4, 2],
    &[63, 3, 11, 11, 9, 4, 4, 2, 1],
    // Rows in several tiles of many columns, kernels in several windows of taps; samples in eights and not.
    &[12, 3, 7, 34, 11, 3, 7, 1, 3],
    &[8, 2, 6, 37, 3, 2, 8, 1, 0],
    // One channel in, rows of whole vectors: paddings of 0 to 4, more channels out than a tile has.
    &[5, 1, 6, 8, 9, 2, 5, 1, 0],
    &[12, 1, 8, 12, 11, 3, 3, 1, 1],
    &[9, 1, 4, 8, 3, 4, 3, 1, 3],
    &[4, 1, 5, 8, 1, 1, 1, 1, 4],
    FIRST,
    // Many workgroups for the outputs and for the bias.
    &[9, 1, 130, 130, 17, 1, 1, 1, 0],
];
/// Without a bias: the same code, and many workgroups for the weights.
const PLAIN: &[&[usize]] = &[
    &[1, 1, 1, 1, 1, 1, 1, 1, 0],
    &[5, 2, 9, 7, 5, 3, 3, 2, 1],
    &[65, 2, 5, 5, 3, 5, 5, 1, 2],
    &[12, 1, 8, 12, 11, 3, 3, 1, 1],
    SECOND,
    &[2, 800, 1, 1, 200, 1, 1, 1, 0],
];

/// Kernels of 3 x 3 over many channels: tiles in fours and not, rows of four tiles and of fewer, a batch in several parts.
const FILTERED: &[&[usize]] = &[
    &[1, 16, 4, 4, 16, 3, 3, 1, 1],
    &[3, 20, 12, 8, 16, 3, 3, 1, 1],
    &[5, 16, 8, 16, 28, 3, 3, 1, 1],
    &[2, 36, 4, 32, 24, 3, 3, 1, 1],
    &[9, 16, 32, 32, 64, 3, 3, 1, 1],
];
/// A convolution of a deep network for images of 32 x 32.
const DEEP: &[usize] = &[64, 64, 16, 16, 128, 3, 3, 1, 1];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for [with_bias, without, variant] in [
        ["convolution::forward_bias", "convolution::forward", "portable"],
        ["convolution::forward_bias, subgroup", "convolution::forward, subgroup", "subgroup"],
        ["convolution::forward_bias, tiled", "convolution::forward, tiled", "tiled"],
    ] {
        cases.push(convolve(with_bias, variant, SIZES, FIRST).variant("convolution", variant));
        cases.push(convolve(without, variant, PLAIN, SECOND).variant("convolution", variant));
    }
    // Sums of a tile partly cancel, and add in another order than those of the other variants.
    let filtered = |name| {
        let case = convolve(name, "winograd", FILTERED, DEEP).variant("convolution_3x3", "winograd");
        case.tolerance(4e-5, 0.0).reordered(4e-5).spreads()
    };
    cases.extend([filtered("convolution::forward_bias, winograd"), filtered("convolution::forward, winograd")]);
    cases
}

fn convolve(
    name: &'static str,
    variant: &'static str,
    sizes: &'static [&'static [usize]],
    bench: &'static [usize],
) -> Case {
    let has_bias = name.contains("_bias");
    let make = move |draws: super::Draws, size: &[usize]| {
        let [batch, channels_in, height, width, channels_out, rows, columns, stride, padding] =
            size.try_into().expect("nine extents");
        let kernel = [rows, columns];
        let shape = Shape { channels_in, height, width, channels_out, kernel, stride, padding };
        let twin = reference::convolution::Shape { channels_in, height, width, channels_out, kernel, stride, padding };
        let [features_in, features_out] = [shape.features_in(), shape.features_out().expect("a valid shape")];
        let weights = shape.weight().iter().product();
        let mut inputs = vec![
            tensor("x", &[batch, features_in], draws.uniform("x", batch * features_in, -1.0, 1.0)),
            tensor("weight", &shape.weight(), draws.uniform("weight", weights, -1.0, 1.0)),
        ];
        if has_bias {
            inputs.push(tensor("bias", &[channels_out], draws.uniform("bias", channels_out, -1.0, 1.0)));
        }
        // NaN times the zeros around an image is NaN in the specification, the kernel skips some of them: of the weights
        // it is sown where none are met, at the centre of a kernel that keeps the size.
        let keeps_size = stride == 1 && kernel == [2 * padding + 1; 2];
        inputs[1].nan = if keeps_size { vec![weights - 1 - rows * columns / 2] } else { vec![] };
        // With stride 3 nothing sees the last elements of x.
        if stride == 3 {
            inputs[0].nan = vec![0];
        }
        let flops = 2 * batch * features_out * weights / channels_out;
        let words = batch * (features_in + features_out) + weights;
        let shader = if variant == "portable" { "convolution".to_owned() } else { format!("convolution_{variant}") };
        let forward = if has_bias { "forward_bias" } else { "forward" };
        let mut costs: Vec<_> = match variant {
            "winograd" => filtered_costs(batch, &shape, has_bias),
            _ => [forward, "backward_input", "backward_weight"]
                .map(|entry| cost(format!("{shader}::{entry}"), flops, words))
                .to_vec(),
        };
        // In subgroups it is part of the gradient of the weights.
        if has_bias && variant != "subgroup" {
            costs.push(cost("convolution::backward_bias", batch * features_out, batch * features_out));
        }
        Problem {
            outputs: vec![fresh("y", &[batch, features_out])],
            clocks: vec![flatlight::ops::Clock::default()],
            forward: Box::new(move |plan, on| {
                convolution::forward(plan, &shape, &on.inputs[0], &on.inputs[1], on.inputs.get(2), &on.outputs[0])
            }),
            specification: Box::new(move |x| vec![twin.forward(&x[0], &x[1], x.get(2).map(Vec::as_slice))]),
            gradient: Some(Gradient {
                of: (0..inputs.len()).collect(),
                upstream: None,
                backward: Box::new(move |plan, on| {
                    let [x, weight, d_y] = [&on.inputs[0], &on.inputs[1], &on.upstream[0]];
                    let partials = convolution::partials(plan.gpu(), &shape, batch)?;
                    convolution::backward_input(plan, &shape, weight, d_y, &on.gradients[0])?;
                    let [d_weight, d_bias] = [on.gradients.get(1), on.gradients.get(2)];
                    let d_weight = d_weight.expect("one of the weights");
                    convolution::backward_weight(plan, &shape, x, d_y, &partials, d_weight, d_bias)
                }),
                specification: Box::new(move |x, d| {
                    let mut gradients = vec![twin.backward_input(&x[1], &d[0]), twin.backward_weight(&x[0], &d[0])];
                    if has_bias {
                        gradients.push(twin.backward_bias(&d[0]));
                    }
                    gradients
                }),
            }),
            costs,
            inputs,
        }
    };
    case(name, sizes, bench, make).tolerance(2e-5, 0.0).note("linear in each input; strides 1 to 4")
}

/// Flops and words of the kernels around the products, in multiplications and additions of a tile or of the taps of a pair of channels.
fn filtered_costs(batch: usize, shape: &Shape, has_bias: bool) -> Vec<super::Cost> {
    let (from, to) = (shape.channels_in, shape.channels_out);
    let tiles = batch * shape.height * shape.width / 16;
    let output = if has_bias { "output_bias" } else { "output" };
    [
        ("input", tiles * (from + to), 12 * 15, 16 + 36),
        (output, tiles * to, 10 * 13, 36 + 16),
        ("gradient", tiles * to, 10 * 13, 16 + 36),
        ("taps", 2 * from * to, 9 * 13, 9 + 36),
        ("backward_taps", from * to, 9 * 15, 36 + 9),
    ]
    .map(|(entry, count, flops, words)| cost(format!("winograd::{entry}"), count * flops, count * words))
    .to_vec()
}
