//! Cases of the adversary that moves imperfections, and of the sums that its gradients are made of.

use flatlight::ops::{Clock, adversary, sum};
use flatlight::reference;

use super::{Case, ELEMENTS, Output, Problem, case, cost, fresh, tensor};

pub(super) fn cases() -> Vec<Case> {
    vec![
        steps("adversary", false).note("gradients of both signs and 0, elements that reach either end"),
        steps("adversary, common", true).note("one gradient for all elements"),
        sums("sum", false),
        sums("sum, added", true),
    ]
}

fn steps(name: &'static str, common: bool) -> Case {
    let (step, range) = (0.4375_f32, 0.375_f32);
    case(name, ELEMENTS, &[1 << 20], move |draws, size| {
        let n = size[0];
        let mut g = draws.uniform("g", if common { 1 } else { n }, -1.0, 1.0);
        // No slope, and slopes that are all but none.
        for (g, value) in g.iter_mut().skip(1).zip([0.0, -0.0, 1e-30, -1e-30]) {
            *g = value;
        }
        Problem {
            inputs: vec![tensor("g", &[g.len()], g), tensor("c", &[n], draws.uniform("c", n, -0.375, 0.375))],
            outputs: vec![Output::InPlace(1)],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| adversary::forward(plan, step, range, &on.inputs[0], &on.outputs[0])),
            specification: Box::new(move |x| {
                vec![reference::adversary::forward(f64::from(step), f64::from(range), &x[0], &x[1])]
            }),
            gradient: None,
            costs: vec![cost("adversary::forward", 4 * n, 3 * n)],
        }
    })
}

fn sums(name: &'static str, added: bool) -> Case {
    let factor = -0.625_f32;
    case(name, ELEMENTS, &[1 << 20], move |draws, size| {
        let n = size[0];
        let mut inputs = vec![tensor("x", &[n], draws.uniform("x", n, -0.25, 1.0))];
        if added {
            inputs.push(tensor("total", &[1], vec![3.0]));
        }
        Problem {
            inputs,
            outputs: vec![if added { Output::InPlace(1) } else { fresh("total", &[1]) }],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let partials = sum::partials(plan.gpu())?;
                sum::forward(plan, factor, &on.inputs[0], &partials, &on.outputs[0], added)
            }),
            specification: Box::new(move |x| {
                let start = x.get(1).map_or(0.0, |total| total[0]);
                vec![vec![reference::sum::forward(start, f64::from(factor), &x[0])]]
            }),
            gradient: None,
            costs: vec![cost("sum::partial", n, n), cost("sum::total", 256, 256)],
        }
    })
    .tolerance(2e-6, 0.0)
    .note("linear")
}
