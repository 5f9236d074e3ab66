//! Cases of light that shows pictures.

use flatlight::ops::source::{Shown, Source};

use super::*;

pub fn cases() -> Vec<Case> {
    vec![
        pictures("source, amplitude", Shown::Amplitude, &[1.0], SIZES),
        pictures("source, intensity", Shown::Intensity, &[1.0], SIZES),
        pictures("source, amplitude, wavelengths", Shown::Amplitude, SHARES, &SIZES[..5]).note(SUMMED),
        pictures("source, intensity, wavelengths", Shown::Intensity, SHARES, &SIZES[..5]).note(SUMMED),
    ]
}

const SHARES: &[f32] = &[0.625, 0.5, 0.25];
const SUMMED: &str = "a field each of three amplitudes, whose gradients add up";

/// Sizes are batch, rows, columns, picture and grid.
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

fn pictures(name: &'static str, shown: Shown, amplitudes: &'static [f32], sizes: &'static [&'static [usize]]) -> Case {
    case(name, sizes, &[64, 28, 28, 64, 64, 128, 128], move |draws, size| {
        let [batch, rows, columns, high, wide, height, width] = size.try_into().expect("seven sizes");
        let (pixels, picture, grid) = ([rows, columns], [high, wide], [height, width]);
        let on_device = Source { pixels, picture, grid, shown };
        let intensity = shown == Shown::Intensity;
        let twin = move |amplitude: f32| {
            let amplitude = f64::from(amplitude);
            reference::source::Source { pixels, picture, grid, intensity, amplitude }
        };
        let (count, fields) = (batch * rows * columns, 2 * batch * height * width);
        Problem {
            inputs: vec![tensor("x", &[batch, rows, columns], draws.uniform("x", count, 0.1, 1.0))],
            outputs: amplitudes.iter().map(|_| fresh("field", &[batch, height, width, 2])).collect(),
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let mut each = amplitudes.iter().zip(on.outputs);
                each.try_for_each(|(own, field)| on_device.forward(plan, (&on.inputs[0], 0), field, *own))
            }),
            specification: Box::new(move |x| amplitudes.iter().map(|&own| twin(own).forward(&x[0])).collect()),
            gradient: Some(Gradient {
                of: vec![0],
                // Imaginary parts reach nothing.
                upstream: Some(amplitudes.iter().map(|_| draws.uniform("d_field", fields, -1.0, 1.0)).collect()),
                backward: Box::new(move |plan, on| {
                    let light = on.outputs.iter().zip(on.upstream);
                    for (at, ((field, d_field), amplitude)) in light.zip(amplitudes).enumerate() {
                        let d_pictures = (&on.gradients[0], 0);
                        on_device.backward(plan, field, d_field, d_pictures, *amplitude, at > 0)?;
                    }
                    Ok(())
                }),
                specification: Box::new(move |x, d| {
                    let mut d_x = vec![0.0; x[0].len()];
                    for (&amplitude, d) in amplitudes.iter().zip(d) {
                        let own = twin(amplitude).backward(&x[0], d);
                        d_x.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
                    }
                    vec![d_x]
                }),
            }),
            costs: vec![cost("source::forward", 0, count + fields), cost("source::backward", 0, count + 2 * fields)],
        }
    })
}
