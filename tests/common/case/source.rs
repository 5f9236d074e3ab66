//! Cases of light that shows pictures.

use flatlight::ops::source::{Shown, Source};

use super::*;

pub fn cases() -> Vec<Case> {
    vec![pictures("source, amplitude", Shown::Amplitude), pictures("source, intensity", Shown::Intensity)]
}

/// Sizes are batch, rows, columns, picture and grid.
fn pictures(name: &'static str, shown: Shown) -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1, 1, 1, 1, 1],
        &[1, 3, 1, 3, 2, 5, 4],
        &[3, 8, 8, 8, 8, 8, 8],
        &[2, 5, 7, 13, 9, 16, 17],
        &[2, 9, 7, 5, 3, 6, 3],
        &[2, 28, 28, 64, 64, 128, 128],
        &[65, 7, 9, 14, 10, 15, 11],
        &[1, 28, 28, 97, 121, 108, 192],
        // More groups than one axis holds.
        &[1, 2, 3, 4, 5, 2049, 2051],
    ];
    case(name, SIZES, &[64, 28, 28, 64, 64, 128, 128], move |draws, size| {
        let [batch, rows, columns, high, wide, height, width] = size.try_into().expect("seven sizes");
        let (pixels, picture, grid) = ([rows, columns], [high, wide], [height, width]);
        let on_device = Source { pixels, picture, grid, shown };
        let twin = reference::source::Source { pixels, picture, grid, intensity: shown == Shown::Intensity };
        let (count, fields) = (batch * rows * columns, 2 * batch * height * width);
        Problem {
            inputs: vec![tensor("x", &[batch, rows, columns], draws.uniform("x", count, 0.1, 1.0))],
            outputs: vec![fresh("field", &[batch, height, width, 2])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| on_device.forward(plan, &on.inputs[0], 0, &on.outputs[0])),
            specification: Box::new(move |x| vec![twin.forward(&x[0])]),
            gradient: Some(Gradient {
                of: vec![0],
                // Imaginary parts reach nothing.
                upstream: Some(vec![draws.uniform("d_field", fields, -1.0, 1.0)]),
                backward: Box::new(move |plan, on| {
                    on_device.backward(plan, &on.outputs[0], &on.upstream[0], &on.gradients[0], 0)
                }),
                specification: Box::new(move |x, d| vec![twin.backward(&x[0], &d[0])]),
            }),
            costs: vec![cost("source::forward", 0, count + fields), cost("source::backward", 0, count + 2 * fields)],
        }
    })
}
