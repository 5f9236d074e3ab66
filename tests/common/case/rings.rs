//! Cases of the rings: what sets them, what they weigh, what reads them out.

use flatlight::ops::microring::{Ring, State};

use super::*;

pub fn cases() -> Vec<Case> {
    vec![rings()]
}

const RING: Ring = Ring { half_width: 0.25, contrast: 0.875, drift: 0.0625 };

fn ring64() -> reference::microring::Ring {
    let [half_width, contrast, drift] = [RING.half_width, RING.contrast, RING.drift].map(f64::from);
    reference::microring::Ring { half_width, contrast, drift }
}

const TEMPERATURE: f64 = 0.5;

/// Detunings, offsets, temperature, changes of width and contrast; two rings are off by more than a ring can be.
fn built(draws: Draws, n: usize) -> Vec<Tensor> {
    let mut width = draws.uniform("width", n, -0.2, 0.2);
    let mut contrast = draws.uniform("contrast", n, -0.1, 0.1);
    for (place, (w, c)) in [(0.0, 0.0), (-2.0, -1.5), (0.25, 0.5)].into_iter().enumerate().take(n - 1) {
        (width[n - 1 - place], contrast[n - 1 - place]) = (w, c);
    }
    vec![
        tensor("detuning", &[n], draws.uniform("detuning", n, -1.0, 1.0)),
        tensor("offset", &[n], draws.uniform("offset", n, -0.1, 0.1)),
        tensor("temperature", &[1], vec![TEMPERATURE]),
        tensor("width", &[n], width),
        tensor("contrast", &[n], contrast),
    ]
}

fn state<'a>(on: &Bound<'a>) -> State<'a> {
    let [detuning, offset, temperature, width, contrast] = [0, 1, 2, 3, 4].map(|place| &on.inputs[place]);
    State { detuning, offset, temperature, width, contrast }
}

fn state64(x: &[Vec<f64>]) -> reference::microring::State<'_> {
    let [detuning, offset, temperature, width, contrast] = [0, 1, 2, 3, 4].map(|place| &x[place][..]);
    reference::microring::State { detuning, offset, temperature: temperature[0], width, contrast }
}

fn rings() -> Case {
    case("microring", ELEMENTS, &[1 << 20], |draws, size| {
        let n = size[0];
        let mut inputs = built(draws, n);
        // On resonance, and 400 half widths off it on either side.
        let nominal = -ring64().drift * TEMPERATURE;
        for (place, (x, e)) in [(nominal, 0.0), (-100.0, 0.0), (100.0, 0.0)].into_iter().enumerate().take(n - 1) {
            (inputs[0].values[place], inputs[1].values[place]) = (x, e);
        }
        Problem {
            inputs,
            outputs: vec![fresh("weight", &[n])],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| RING.forward(plan, state(on), &on.outputs[0])),
            specification: Box::new(|x| vec![ring64().forward(state64(x))]),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: None,
                backward: Box::new(|plan, on| RING.backward(plan, state(on), &on.upstream[0], &on.gradients[0])),
                specification: Box::new(|x, d| vec![ring64().backward(state64(x), &d[0])]),
            }),
            costs: vec![cost("microring::forward", 12 * n, 5 * n), cost("microring::backward", 16 * n, 6 * n)],
        }
    })
    .note("both flanks, the resonance itself, 400 half widths off it, impossible widths and contrasts")
}
