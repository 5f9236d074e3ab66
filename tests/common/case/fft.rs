//! Cases of the discrete Fourier transforms and of propagation through free space.

use flatlight::ops::Clock;
use flatlight::ops::fft::Fft;
use flatlight::ops::propagation::Propagation;
use flatlight::reference;
use flatlight::reference::fft::{Extents, Kind};

use flatlight::gpu::{Error, PlanBuilder, Scalar, Slice};

use super::{Case, Draws, Gradient, Problem, case, cost, fresh, tensor};

pub(super) fn cases() -> Vec<Case> {
    vec![
        fields("fft::radix, plane", Kind::Forward, [true, true]),
        fields("fft::radix, plane, inverse", Kind::Inverse, [true, true]),
        fields("fft::radix, rows", Kind::Forward, [false, true]),
        fields("fft::radix, columns, inverse", Kind::Inverse, [true, false]),
        lengths_with_large_factors(),
        propagation("propagation::forward", false, "portable"),
        propagation("propagation::forward, transmission", true, "portable"),
        propagation("propagation::forward, subgroup", false, "subgroup"),
        propagation("propagation::forward, transmission, subgroup", true, "subgroup"),
    ]
}

/// Multiplications and additions of transforms of so many lines.
fn flops(lines: usize, length: usize) -> usize {
    (5.0 * (lines * length) as f64 * (length as f64).log2()) as usize
}

/// Sizes are batch, lengths, extents before, extents after.
const PLANES: &[&[usize]] = &[
    &[1, 1, 1, 1, 1, 1, 1],
    &[3, 3, 2, 3, 2, 3, 2],
    &[1, 63, 64, 63, 64, 63, 64],
    &[2, 64, 63, 32, 40, 64, 63],
    &[5, 65, 30, 65, 30, 20, 7],
    &[2, 97, 18, 31, 18, 97, 5],
    &[9, 128, 128, 64, 64, 128, 128],
    &[3, 32, 210, 32, 210, 1, 105],
];

fn lengths_with_large_factors() -> Case {
    let sizes: &[&[usize]] =
        &[&[2, 11, 13, 11, 13, 11, 13], &[3, 67, 34, 20, 34, 67, 30], &[1, 127, 46, 127, 23, 64, 46]];
    let mut case = fields("fft::chirp", Kind::Forward, [true, true]);
    case.sizes = sizes;
    case.bench = &[16, 251, 251, 251, 251, 251, 251];
    case.split = None;
    case
}

type Recorded = fn(&Fft, &mut PlanBuilder<'_>, &Slice, [&Slice; 2], &Slice) -> Result<(), Error>;

fn fields(name: &'static str, kind: Kind, axes: [bool; 2]) -> Case {
    let make = move |draws: Draws, size: &[usize]| {
        let [batch, height, width, rows_in, columns_in, rows_out, columns_out] = size.try_into().expect("extents");
        let (fft, lengths) = match axes {
            [true, true] => (Fft::plane(height, width), [Some(height), Some(width)]),
            [false, _] => (Fft::rows(width), [None, Some(width)]),
            [true, false] => (Fft::columns(height), [Some(height), None]),
        };
        // An axis that is not transformed keeps its extent.
        let rows_out = if axes[0] { rows_out } else { rows_in };
        let columns_out = if axes[1] { columns_out } else { columns_in };
        let on = Extents { lengths, before: [rows_in, columns_in], after: [rows_out, columns_out] };
        let [shape_in, shape_out] = [[batch, rows_in, columns_in, 2], [batch, rows_out, columns_out, 2]];
        let record = move |plan: &mut PlanBuilder<'_>, pass: Recorded, x: &Slice, y: &Slice| {
            let shape = fft.scratch(x.shape(), y.shape())?;
            let one = plan.gpu().zeros("scratch 1", &shape, Scalar::F32)?;
            let two = plan.gpu().zeros("scratch 2", &shape, Scalar::F32)?;
            pass(&fft, plan, x, [&one, &two], y)
        };
        let mut operations = 0;
        if axes[1] {
            operations += flops(batch * rows_in, width);
        }
        if axes[0] {
            operations += flops(batch * columns_out, height);
        }
        let (forward, backward): (Recorded, Recorded) = match kind {
            Kind::Forward => (Fft::forward, Fft::forward_backward),
            _ => (Fft::inverse, Fft::inverse_backward),
        };
        let words = shape_in.iter().product::<usize>() + shape_out.iter().product::<usize>();
        Problem {
            inputs: vec![tensor("x", &shape_in, draws.uniform("x", shape_in.iter().product(), -1.0, 1.0))],
            outputs: vec![fresh("y", &shape_out)],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| record(plan, forward, &on.inputs[0], &on.outputs[0])),
            specification: Box::new(move |x| vec![reference::fft::plane(kind, on, &x[0])]),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: None,
                backward: Box::new(move |plan, on| record(plan, backward, &on.upstream[0], &on.gradients[0])),
                specification: Box::new(move |_, d| vec![reference::fft::plane(kind.backward(), on.backward(), &d[0])]),
            }),
            costs: vec![cost(name.split(',').next().expect("a name"), 2 * operations, 2 * words)],
        }
    };
    case(name, PLANES, &[64, 256, 256, 256, 256, 256, 256], make).split(0.0).note("linear")
}

/// Sizes are batch, grid, padded grid.
fn propagation(name: &'static str, masked: bool, variant: &'static str) -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1, 1, 1],
        &[2, 3, 2, 6, 4],
        &[3, 17, 31, 34, 62],
        &[1, 63, 65, 126, 130],
        &[2, 20, 13, 27, 13],
        &[9, 64, 64, 128, 128],
        &[11, 48, 45, 96, 90],
        // In subgroups, of one step and two, with all radices in one or the other.
        &[1, 40, 64, 256, 128],
        &[1, 9, 256, 16, 512],
        &[3, 30, 50, 72, 96],
        &[2, 12, 240, 24, 480],
        &[2, 5, 16, 8, 32],
        &[9, 3, 128, 8, 256],
        &[2, 2, 1026, 8, 2048],
        &[1, 500, 8, 1080, 16],
    ];
    let make = move |draws: Draws, size: &[usize]| {
        let [batch, height, width, padded_height, padded_width] = size.try_into().expect("extents");
        let propagation = Propagation::new(height, width, padded_height, padded_width).expect("a grid");
        let grid = reference::propagation::Grid { size: [height, width], padded: [padded_height, padded_width] };
        let (shape, transfer) = ([batch, height, width, 2], propagation.transfer());
        let quadrant = transfer.iter().product();
        let mut inputs = vec![
            tensor("field", &shape, draws.uniform("field", shape.iter().product(), -1.0, 1.0)),
            tensor("transfer", &transfer, draws.uniform("transfer", quadrant, -1.0, 1.0)),
        ];
        if masked {
            inputs.push(tensor("transmission", &shape[1..], draws.uniform("t", 2 * height * width, -1.0, 1.0)));
        }
        let scratch = move |plan: &PlanBuilder<'_>| -> Result<_, Error> {
            let shapes = propagation.scratch(batch);
            Ok([
                plan.gpu().zeros("scratch 1", &shapes[0], Scalar::F32)?,
                plan.gpu().zeros("scratch 2", &shapes[1], Scalar::F32)?,
            ])
        };
        let gradient = Gradient {
            of: vec![0],
            upstream: None,
            backward: Box::new(move |plan, on| {
                let [one, two] = scratch(plan)?;
                propagation.adjoint(plan, &on.upstream[0], &on.inputs[1], [&one, &two], &on.gradients[0])
            }),
            specification: Box::new(move |x, d| vec![reference::propagation::adjoint(grid, &d[0], &x[1])]),
        };
        let operations = 2 * batch * (flops(height, padded_width) + flops(padded_width, padded_height));
        let words = 4 * batch * height * width + quadrant;
        Problem {
            inputs,
            outputs: vec![fresh("out", &shape)],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let [one, two] = scratch(plan)?;
                propagation.forward(plan, &on.inputs[0], on.inputs.get(2), &on.inputs[1], [&one, &two], &on.outputs[0])
            }),
            specification: Box::new(move |x| {
                vec![reference::propagation::forward(grid, &x[0], x.get(2).map(Vec::as_slice), &x[1])]
            }),
            gradient: (!masked).then_some(gradient),
            costs: if variant == "portable" {
                vec![
                    cost("fft::radix", operations, words),
                    cost("propagation::filter_spectrum", 6 * batch * padded_height * padded_width, words),
                ]
            } else {
                ["rows", "columns", "rows_back"]
                    .map(|entry| cost(format!("propagation_subgroup::{entry}"), operations, words))
                    .to_vec()
            },
        }
    };
    case(name, SIZES, &[64, 128, 128, 256, 256], make)
        .split(0.0)
        .tolerance(2e-6, 0.0)
        .reordered(2e-6)
        .variant("propagation", variant)
        .note("linear in each input")
}
