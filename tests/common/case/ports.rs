//! Cases of how light enters a circuit, is attenuated, and is read.

use flatlight::ops::ports::{self, Reading};

use super::*;

pub fn cases() -> Vec<Case> {
    vec![
        entering("ports::enter", true, 0.0),
        entering("ports::embed", false, 0.0),
        entering("ports::enter, reference", true, 0.75),
        entering("ports::embed, reference", false, -0.5),
        attenuators("ports::attenuate"),
        handed_down(entering("ports::enter, handed down", true, 0.0)),
        handed_down(entering("ports::embed, handed down", false, 0.0)),
        handed_down(attenuators("ports::attenuate, handed down")),
        detectors("ports::detect, power", Reading::Power, false, lit),
        detectors("ports::detect, amplitude", Reading::Amplitude, false, lit),
        detectors("ports::detect, unit power", Reading::Power, true, lit).several(),
        detectors("ports::detect, unit amplitude", Reading::Amplitude, true, lit).several(),
        handed_down(detectors("ports::detect, power, dark", Reading::Power, false, dark)).note(DARK),
        handed_down(detectors("ports::detect, amplitude, dark", Reading::Amplitude, false, dark)).note(DARK),
        handed_down(detectors("ports::detect, unit power, dark", Reading::Power, true, dark).several()).note(DARK),
        handed_down(detectors("ports::detect, unit amplitude, dark", Reading::Amplitude, true, dark).several())
            .note(DARK),
        handed_down(detectors("ports::detect, unit power, faint", Reading::Power, true, |draws, batch, modes| {
            faint(draws, batch, modes, 25)
        }))
        .note(FAINT),
        handed_down(detectors(
            "ports::detect, unit amplitude, faint",
            Reading::Amplitude,
            true,
            |draws, batch, modes| faint(draws, batch, modes, 50),
        ))
        .note(FAINT),
    ]
}

const DARK: &str = "dark modes and a dark sample";
const FAINT: &str = "norms below the smallest";

/// The case with the gradient of its output as one more input, and its gradients as outputs: where there are no differences,
/// and where NaN reaches something only from some elements of the gradient.
fn handed_down(case: Case) -> Case {
    let Case { make, .. } = case;
    let make = move |draws: Draws, size: &[usize]| {
        let mut problem = make(draws, size);
        let values = problem.upstream(draws.seed).swap_remove(0);
        let Some(Gradient { of, backward, specification, .. }) = problem.gradient.take() else {
            panic!("{}: no gradient", case.name)
        };
        let [Output::Fresh(_, shape, _)] = &problem.outputs[..] else { panic!("{}: no single output", case.name) };
        let upstream = tensor("upstream", shape, values).nan_at(vec![0]);
        let n = problem.inputs.len();
        problem.outputs.extend(of.iter().map(|&input| fresh("gradient", &problem.inputs[input].shape)));
        problem.inputs.push(upstream);
        let Problem { inputs, outputs, clocks, forward, specification: forward64, costs, .. } = problem;
        Problem {
            inputs,
            outputs,
            clocks,
            forward: Box::new(move |plan, on| {
                let (inputs, upstream) = on.inputs.split_at(n);
                let (outputs, gradients) = on.outputs.split_at(1);
                let bound = Bound { inputs, upstream, outputs, gradients, ..*on };
                forward(plan, &bound)?;
                backward(plan, &bound)
            }),
            specification: Box::new(move |x| {
                let (inputs, upstream) = x.split_at(n);
                [forward64(inputs), specification(inputs, upstream)].concat()
            }),
            gradient: None,
            costs,
        }
    };
    Case { make: Box::new(make), ..case }
}

/// Sizes are batch, inputs, modes.
fn entering(name: &'static str, real: bool, reference: f32) -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1],
        &[1, 1, 3],
        &[3, 3, 3],
        &[63, 2, 5],
        &[64, 63, 64],
        &[65, 64, 65],
        &[97, 7, 97],
        &[7, 1, 1009],
        // More groups than one axis holds.
        &[1021, 63, 4127],
    ];
    use reference::ports as twin;
    case(name, SIZES, &[512, 64, 64], move |draws, size| {
        let [batch, n, modes] = size.try_into().expect("batch, inputs, modes");
        let parts: &[usize] = if real { &[] } else { &[2] };
        let shape = [&[batch, n], parts].concat();
        let count = shape.iter().product();
        let words = [2 * batch * modes + count, 2 * count];
        let (forward, backward) =
            if real { ("ports::enter", "ports::enter_backward") } else { ("ports::embed", "ports::embed") };
        Problem {
            inputs: vec![tensor("input", &shape, draws.uniform("input", count, -1.0, 1.0))],
            outputs: vec![fresh("field", &[batch, modes, 2])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let forward = if real { ports::enter } else { ports::embed };
                forward(plan, &on.inputs[0], reference, &on.outputs[0])
            }),
            specification: Box::new(move |x| {
                let forward = if real { twin::enter } else { twin::embed };
                vec![forward(&x[0], n, modes, f64::from(reference))]
            }),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: Some(vec![draws.uniform("d_field", 2 * batch * modes, -1.0, 1.0)]),
                backward: Box::new(move |plan, on| {
                    let backward = if real { ports::enter_backward } else { ports::embed_backward };
                    backward(plan, &on.upstream[0], &on.gradients[0])
                }),
                specification: Box::new(move |_, d| {
                    vec![if real { twin::enter_backward(&d[0], n, modes) } else { twin::embed(&d[0], modes, n, 0.0) }]
                }),
            }),
            costs: vec![cost(forward, 0, words[0]), cost(backward, 0, words[1])],
        }
    })
    // Nothing is computed, so nothing may be rounded.
    .tolerance(0.0, 0.0)
    .note(if reference == 0.0 { "linear" } else { "affine" })
}

/// Sizes are batch, modes before, modes behind.
fn attenuators(name: &'static str) -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1],
        &[3, 3, 3],
        &[1, 3, 1],
        &[2, 1, 3],
        &[63, 5, 2],
        &[64, 63, 64],
        &[65, 65, 63],
        &[509, 64, 10],
        &[97, 97, 97],
        &[1009, 16, 64],
        &[521, 99, 2063],
    ];
    case(name, SIZES, &[512, 64, 64], |draws, size| {
        let [batch, from, to] = size.try_into().expect("batch, modes before, modes behind");
        let modes = from.min(to);
        let (before, behind, both) = (2 * batch * from, 2 * batch * to, 2 * batch * modes);
        Problem {
            inputs: vec![
                // The last mode may end at the attenuators.
                tensor("field", &[batch, from, 2], draws.uniform("field", before, -1.0, 1.0)).nan_at(vec![0]),
                tensor("factor", &[modes], draws.uniform("factor", modes, 0.0, 1.5)),
            ],
            outputs: vec![fresh("out", &[batch, to, 2])],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| ports::attenuate(plan, &on.inputs[0], &on.inputs[1], &on.outputs[0])),
            specification: Box::new(move |x| vec![reference::ports::attenuate(&x[0], &x[1], from, to)]),
            gradient: Some(Gradient {
                of: vec![0, 1],
                upstream: Some(vec![draws.uniform("d_out", behind, -1.0, 1.0)]),
                backward: Box::new(move |plan, on| {
                    let partials = plan.gpu().zeros("partials", &ports::partials(batch, modes), Scalar::F32)?;
                    let ([field, factor], [d_field, d_factor]) =
                        ([&on.inputs[0], &on.inputs[1]], [&on.gradients[0], &on.gradients[1]]);
                    ports::attenuate_backward(plan, field, factor, &on.upstream[0], &partials, d_field, d_factor)
                }),
                specification: Box::new(move |x, d| {
                    reference::ports::attenuate_backward(&x[0], &x[1], &d[0], from, to).to_vec()
                }),
            }),
            costs: vec![
                cost("ports::attenuate", both, both + behind),
                cost("ports::partial", 2 * both, 2 * both + modes),
                cost("ports::total", 64 * modes, 64 * modes),
            ],
        }
    })
    .tolerance(2e-6, 0.0)
    .note("linear in each input; fewer, as many and more modes behind")
}

/// Sizes are batch, modes, ports.
const READ: &[&[usize]] = &[
    &[1, 1, 1],
    &[63, 1, 1],
    &[1, 3, 1],
    &[3, 3, 3],
    &[7, 8, 5],
    &[63, 9, 2],
    &[64, 63, 63],
    &[65, 64, 10],
    &[97, 65, 64],
    &[5, 1009, 3],
    // More groups than one axis holds, in the folded run.
    &[4099, 67, 61],
];

/// Away from the darkness, where |E| has a kink.
fn lit(draws: Draws, batch: usize, modes: usize) -> Vec<f64> {
    let away = |x: f64| if x < 0.0 { x - 0.125 } else { x + 0.125 };
    draws.uniform("field", 2 * batch * modes, -1.0, 1.0).into_iter().map(away).collect()
}

/// Sample 0 is dark, of all others every fifth mode.
fn dark(draws: Draws, batch: usize, modes: usize) -> Vec<f64> {
    let mut field = lit(draws, batch, modes);
    field[..2 * modes].fill(0.0);
    for row in field.chunks_exact_mut(2 * modes) {
        row.chunks_exact_mut(2).skip(1).step_by(5).for_each(|e| e.fill(0.0));
    }
    field
}

/// 2^-k of what is lit.
fn faint(draws: Draws, batch: usize, modes: usize, k: i32) -> Vec<f64> {
    lit(draws, batch, modes).into_iter().map(|x| x * 0.5_f64.powi(k)).collect()
}

impl Case {
    /// Without the sizes of one mode: over its norm it is 1 whatever it is, and its gradient is rounding. `tests/ports.rs` has
    /// that.
    fn several(self) -> Self {
        Self { sizes: &READ[2..], ..self }
    }
}

fn detectors(name: &'static str, reading: Reading, unit: bool, light: fn(Draws, usize, usize) -> Vec<f64>) -> Case {
    case(name, READ, &[512, 64, 64], move |draws, size| {
        let [batch, modes, ports] = size.try_into().expect("batch, modes, ports");
        let twin = reference::ports::Reading { power: reading == Reading::Power, unit, modes, ports };
        let (in_all, in_read) = (batch * modes, batch * ports);
        Problem {
            inputs: vec![tensor("field", &[batch, modes, 2], light(draws, batch, modes))],
            outputs: vec![fresh("reading", &[batch, ports])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| ports::read(plan, reading, unit, &on.inputs[0], &on.outputs[0])),
            specification: Box::new(move |x| vec![twin.forward(&x[0])]),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: None,
                backward: Box::new(move |plan, on| {
                    ports::read_backward(plan, reading, unit, &on.inputs[0], &on.upstream[0], &on.gradients[0])
                }),
                specification: Box::new(move |x, d| vec![twin.backward(&x[0], &d[0])]),
            }),
            costs: vec![
                cost("ports::detect", 8 * in_all, 2 * in_all + in_read),
                cost("ports::detect_backward", 20 * in_all, 4 * in_all + in_read),
            ],
        }
    })
    // What a gradient over the norm leaves may be little, and is rounded as the whole.
    .tolerance(2e-6, if unit { 5e-7 } else { 0.0 })
    .note("fields 0.1 away from darkness")
}
