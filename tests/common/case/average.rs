//! Cases of the moving average.

use flatlight::ops::{Clock, average};
use flatlight::reference;

use super::{Case, FLAT, FLAT_LONG, Output, Problem, case, cost, flat, on_device, tensor};

pub(super) fn cases() -> Vec<Case> {
    vec![updates(), exchange()]
}

fn updates() -> Case {
    case("average::update", FLAT_LONG, &[1 << 19], |draws, size| {
        let (words, mut inputs) = flat(draws, size[0]);
        inputs[0].nan = vec![];
        inputs.push(tensor("average", &[words], draws.uniform("average", words, -0.5, 0.5)));
        // From the third step on: at the first the weight is 1, and the start would not show.
        let weights: Vec<_> = (3..8).map(|t| reference::average::weight(0.9, t) as f32).collect();
        Problem {
            inputs,
            outputs: vec![Output::InPlace(3)],
            clocks: weights.iter().map(|&average| Clock { average, ..Clock::default() }).collect(),
            forward: Box::new(|plan, on| average::update(plan, on.clock, &on_device(on), &on.inputs[3])),
            specification: Box::new(move |x| {
                let mut average = x[3].clone();
                weights.iter().for_each(|&w| reference::average::update(&mut average, &x[1], f64::from(w)));
                vec![average]
            }),
            gradient: None,
            costs: vec![cost("average::update", 3 * words, 3 * words)],
        }
    })
    .split(0.0)
    .note("five steps")
}

fn exchange() -> Case {
    case("average::exchange", FLAT, &[1 << 19], |draws, size| {
        let (words, mut inputs) = flat(draws, size[0]);
        inputs[0].nan = vec![];
        inputs.push(tensor("average", &[words], draws.uniform("average", words, -0.5, 0.5)));
        Problem {
            inputs,
            outputs: vec![Output::InPlace(1), Output::InPlace(3)],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| average::exchange(plan, &on_device(on), &on.inputs[3])),
            specification: Box::new(|x| vec![x[3].clone(), x[1].clone()]),
            gradient: None,
            costs: vec![cost("average::exchange", 0, 4 * words)],
        }
    })
    .tolerance(0.0, 0.0)
    .split(0.0)
    .note("a copy each way")
}
