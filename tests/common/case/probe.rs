//! Cases of probes of the parameters: where they go, and the gradient that they find.

use flatlight::gpu::align;
use flatlight::ops::probe::{self, Direction, Probes};
use flatlight::ops::{Clock, Scope};
use flatlight::reference;

use super::{Case, FLAT, Output, Problem, case, cost, flat, keep_inside, on_device, segments, tensor};

/// Of a step.
const PROBES: u32 = 3;
/// For control parameters, and for the others. The former meet their bounds.
const RADII: [f32; 2] = [0.125, 0.0625];
const SIGNS: Direction = Direction::Signs { stream: 77 };

pub(super) fn cases() -> Vec<Case> {
    vec![
        displaced("probe::displace, signs", SIGNS, Scope::All, 1.0),
        displaced("probe::displace, signs, back", SIGNS, Scope::Control, -1.0),
        displaced("probe::displace, digital", SIGNS, Scope::Digital, 1.0),
        displaced("probe::displace, home", SIGNS, Scope::Control, 0.0),
        displaced("probe::displace, coordinate", Direction::Coordinate, Scope::All, 1.0),
        found("probe::difference, signs", SIGNS, Scope::All, 0),
        found("probe::difference, signs, last", SIGNS, Scope::Control, PROBES - 1),
        found("probe::difference, coordinate, first", Direction::Coordinate, Scope::Digital, 0),
        found("probe::difference, coordinate", Direction::Coordinate, Scope::All, 1),
    ]
}

/// The table, and the radius of every element.
fn reach(n: usize, scope: Scope) -> (Vec<f32>, Vec<f64>) {
    let starts = [0, align(n), 2 * align(n)];
    let tensors = [(n, RADII[0]), (n, RADII[1]), (3, RADII[0])];
    let words = 2 * align(n) + 64;
    let of_scope = |number: &usize| match scope {
        Scope::All => true,
        Scope::Control => *number != 1,
        Scope::Digital => *number == 1,
    };
    let moved = (0..3).filter(of_scope).map(|number| {
        let (length, radius) = tensors[number];
        (starts[number]..starts[number] + length, radius)
    });
    let mut radius = vec![0.0; words];
    moved.clone().for_each(|(elements, own)| radius[elements].fill(f64::from(own)));
    (probe::reach(words, moved), radius)
}

fn twin(direction: Direction, clock: &Clock) -> reference::probe::Direction {
    match direction {
        Direction::Signs { stream } => {
            reference::probe::Direction::Signs { key: [clock.seed, stream], step: clock.step }
        }
        Direction::Coordinate => reference::probe::Direction::Coordinate,
    }
}

/// Inputs: gradient, parameters, segments, the centre, the number of the probe, the difference of the losses.
fn displaced(name: &'static str, direction: Direction, scope: Scope, side: f32) -> Case {
    case(name, FLAT, &[1 << 19], move |draws, size| {
        let (words, mut inputs) = flat(draws, size[0]);
        let (table, radius) = reach(size[0], scope);
        let number = if direction == Direction::Coordinate { size[0] as u32 } else { 2 };
        let clock = Clock { seed: draws.seed, step: 12_345, rows: 16, ..Clock::default() };
        let mut nan = inputs[1].nan.clone();
        keep_inside(&mut nan, scope);
        inputs.iter_mut().for_each(|input| input.nan = vec![]);
        inputs.push(tensor("centre", &[words], draws.uniform("centre", words, -0.4, 0.4)).nan_at(nan));
        inputs.push(tensor("number", &[1], vec![f64::from(number)]).words());
        Problem {
            inputs,
            outputs: vec![Output::InPlace(1)],
            clocks: vec![clock],
            forward: Box::new(move |plan, on| {
                let flat = on_device(on);
                let probes = Probes {
                    centre: on.inputs[3].clone(),
                    number: on.inputs[4].clone(),
                    ..Probes::new(plan.gpu(), &flat, direction, PROBES, &table)?
                };
                probes.displace(plan, on.clock, &flat, side)
            }),
            specification: Box::new(move |x| {
                let segments = segments(&x[2]);
                let twin = reference::probe::Probes {
                    direction: twin(direction, &clock),
                    radius: &radius,
                    segments: &segments,
                };
                let moved = twin.displace(&x[3], number, f64::from(side));
                let each = moved.iter().zip(&x[1]).zip(&radius);
                vec![each.map(|((moved, p), radius)| if *radius == 0.0 { *p } else { *moved }).collect()]
            }),
            gradient: None,
            // 20 rounds of 5 for four numbers.
            costs: vec![cost("probe::displace", 30 * words, 3 * words)],
        }
    })
    .split(0.0)
    .note("bounds are met")
}

fn found(name: &'static str, direction: Direction, scope: Scope, number: u32) -> Case {
    case(name, FLAT, &[1 << 19], move |draws, size| {
        let (words, mut inputs) = flat(draws, size[0]);
        let (table, radius) = reach(size[0], scope);
        let clock = Clock { seed: draws.seed, step: 12_345, rows: 16, ..Clock::default() };
        // The first probe of a step writes over what is there.
        let mut nan = inputs[1].nan.clone();
        inputs[0].nan = if number == 0 { vec![] } else { nan.clone() };
        inputs[1].nan = vec![];
        keep_inside(&mut nan, scope);
        if direction == Direction::Coordinate {
            let moving = radius.iter().enumerate().filter(|(_, radius)| **radius > 0.0).map(|(at, _)| at);
            nan = moving.skip(number as usize).take(1).collect();
        }
        inputs.push(tensor("centre", &[words], draws.uniform("centre", words, -0.4, 0.4)).nan_at(nan));
        inputs.push(tensor("number", &[1], vec![f64::from(number)]).words());
        inputs.push(tensor("total", &[1], vec![0.75]));
        Problem {
            inputs,
            outputs: vec![Output::InPlace(0), Output::InPlace(4)],
            clocks: vec![clock],
            forward: Box::new(move |plan, on| {
                let flat = on_device(on);
                let probes = Probes {
                    centre: on.inputs[3].clone(),
                    number: on.inputs[4].clone(),
                    ..Probes::new(plan.gpu(), &flat, direction, PROBES, &table)?
                };
                probes.difference(plan, on.clock, &flat, &on.inputs[5])
            }),
            specification: Box::new(move |x| {
                let segments = segments(&x[2]);
                let twin = reference::probe::Probes {
                    direction: twin(direction, &clock),
                    radius: &radius,
                    segments: &segments,
                };
                let share = if direction == Direction::Coordinate { 1.0 } else { f64::from(PROBES) };
                let found = twin.gradient(&x[3], number, x[5][0] / 16.0 / share);
                let sum = x[0].iter().zip(found).map(|(g, own)| if number == 0 { own } else { g + own });
                vec![sum.collect(), vec![f64::from((number + 1) % PROBES)]]
            }),
            gradient: None,
            costs: vec![cost("probe::difference", 40 * words, 4 * words), cost("probe::advance", 2, 2)],
        }
    })
    .split(0.0)
    .note("bounds are met, and leave some nowhere to go")
}
