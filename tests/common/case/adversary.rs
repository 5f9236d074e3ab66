//! Cases of the adversary that moves imperfections, and of the sums that its gradients are made of.

use flatlight::gpu::{ALIGNMENT_WORDS, Scalar, Slice};
use flatlight::ops::{Clock, adversary, sum};
use flatlight::reference;

use super::{Case, ELEMENTS, Output, Problem, case, cost, fresh, tensor};

pub(super) fn cases() -> Vec<Case> {
    vec![
        steps("adversary", false).note("gradients of both signs and 0, elements that reach either end"),
        steps("adversary, common", true).note("one gradient for all elements"),
        within("adversary, ellipsoid", 0.4375).note("vectors that a step leads inside the ball and outside"),
        within("adversary, ellipsoid, start", 0.0).note("no step; vectors inside the ball and outside"),
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

/// A vector of imperfections, whose values of one element come out in tensors of five, moved within an ellipsoid.
fn within(name: &'static str, step: f32) -> Case {
    const ELEMENTS: usize = 5;
    case(name, &[&[1], &[2], &[3], &[7], &[24]], &[4], move |draws, size| {
        let n = size[0];
        let ranges: Vec<f32> = (0..n).map(|k| 0.25 + k as f32).collect();
        let slopes = draws.uniform("g", n, -1e-3, 1e-3);
        let mut inputs: Vec<_> = slopes.iter().map(|&g| tensor("g", &[1], vec![g])).collect();
        // The more there are, the longer the vector.
        let places = draws.uniform("u", n, -1.0, 1.0);
        inputs.extend(ranges.iter().zip(places).map(|(&range, u)| tensor("c", &[1], vec![f64::from(range) * u])));
        let all: Vec<_> = ranges.iter().copied().map(f64::from).collect();
        Problem {
            inputs,
            outputs: (0..n).map(|_| fresh("c", &[ELEMENTS])).collect(),
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let vector = |name| plan.gpu().zeros(name, &[n, ALIGNMENT_WORDS], Scalar::F32);
                let (g, u) = (vector("g")?, vector("u")?);
                let element = |of: &Slice, k: usize| of.part(of.name(), k * ALIGNMENT_WORDS, &[1]);
                for (k, &range) in ranges.iter().enumerate() {
                    adversary::relative(plan, 1.0, &on.inputs[k], &element(&g, k)?)?;
                    adversary::relative(plan, range, &on.inputs[n + k], &element(&u, k)?)?;
                }
                adversary::climb(plan, step, &g, &u)?;
                for (k, &range) in ranges.iter().enumerate() {
                    adversary::absolute(plan, range, &element(&u, k)?, &on.outputs[k])?;
                }
                Ok(())
            }),
            specification: Box::new(move |x| {
                let (g, c) = x.split_at(all.len());
                let g: Vec<f64> = g.iter().map(|g| g[0]).collect();
                let u: Vec<f64> = all.iter().zip(c).map(|(range, c)| c[0] / range).collect();
                let moved = reference::adversary::climb(f64::from(step), &g, &u);
                all.iter().zip(moved).map(|(range, u)| vec![range * u; ELEMENTS]).collect()
            }),
            gradient: None,
            costs: vec![
                cost("adversary::relative", 2 * n, 4 * n),
                cost("adversary::climb", 10 * n, 3 * n),
                cost("adversary::absolute", ELEMENTS * n, ELEMENTS * n),
            ],
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
