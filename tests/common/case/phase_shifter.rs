//! Cases of heaters that set phases.

use std::f64::consts::TAU;

use flatlight::ops::phase_shifter::Shifters;

use super::*;

pub fn cases() -> [Case; 6] {
    [
        shifters("phase_shifter", Controls::Near, ELEMENTS)
            .note("five turns either way, a hundredth from where they end"),
        shifters("phase_shifter::forward, far", Controls::Far, SIZES).note("up to 10^4 rad either way"),
        shifters("phase_shifter::forward, 1 bit", Controls::Converted(1), SIZES).note(CONVERTED),
        shifters("phase_shifter::forward, 4 bits", Controls::Converted(4), SIZES).note(CONVERTED),
        shifters("phase_shifter::forward, 8 bits", Controls::Converted(8), SIZES).note(CONVERTED),
        shifters("phase_shifter::forward, 16 bits", Controls::Converted(16), SIZES).note(CONVERTED),
    ]
}

const SIZES: &[&[usize]] = &[&[1], &[3], &[63], &[64], &[65], &[97], &[4032]];
const CONVERTED: &str = "all levels, a tenth of a step from where rounding decides";

/// Where controls lie.
#[derive(Clone, Copy, PartialEq)]
enum Controls {
    Near,
    Far,
    Converted(u32),
}

impl Controls {
    fn draw(self, draws: Draws, n: usize) -> Vec<f64> {
        let (turns, parts) = match self {
            Self::Near => (5.0, draws.uniform("part", n, 0.01, 0.99)),
            Self::Far => (1590.0, draws.uniform("part", n, 0.01, 0.99)),
            Self::Converted(bits) => {
                // From the last level, which rounds up to a whole turn, to the first.
                let levels = f64::from(1 << bits);
                let level = draws.below("level", n, 1 << bits);
                let inside = draws.uniform("inside", n, -0.4, 0.4);
                (5.0, level.iter().zip(inside).map(|(level, part)| (level + part) / levels).collect())
            }
        };
        let turns = draws.uniform("turns", n, -turns, turns);
        turns.iter().zip(parts).map(|(turn, part)| f64::from((TAU * (turn.floor() + part)) as f32)).collect()
    }
}

/// Rows of one to five heaters, and one that is long.
fn rows(n: usize) -> Vec<usize> {
    let mut left = n;
    let mut lengths = [1, 3, 2, 100, 5, 4].into_iter().cycle();
    std::iter::from_fn(|| {
        let length = lengths.next()?.min(left);
        left -= length;
        (length > 0).then_some(length)
    })
    .collect()
}

fn shifters(name: &'static str, controls: Controls, sizes: &'static [&'static [usize]]) -> Case {
    let (crosstalk, drift) = (0.0625, 0.125);
    let bits = if let Controls::Converted(bits) = controls { Some(bits) } else { None };
    let on = Shifters::new(bits, crosstalk, drift).expect("numbers in range");
    let twin = reference::phase_shifter::Shifters {
        levels: bits.map_or(0, |bits| 1 << bits),
        crosstalk: f64::from(crosstalk),
        drift: f64::from(drift),
    };
    case(name, sizes, &[1 << 20], move |draws, size| {
        let n = size[0];
        let table = Shifters::neighbours(rows(n)).into_iter().map(f64::from).collect();
        let gradient = Gradient {
            of: vec![0, 2, 3],
            upstream: None,
            backward: Box::new(move |plan, bound| {
                let [neighbours, change] = [&bound.inputs[1], &bound.inputs[3]];
                let [d_control, d_temperature, d_change] = bound.gradients else {
                    unreachable!("three gradients");
                };
                let d = &bound.upstream[0];
                on.backward(plan, d, neighbours, change, d_control)?;
                on.backward_temperature(plan, d, d_temperature, false)?;
                on.backward_change(plan, &bound.inputs[0], neighbours, d, d_change, false)
            }),
            specification: Box::new(move |x, d| {
                let neighbours = &words(&x[1]);
                let d_change = twin.backward_change(&x[0], neighbours, &d[0]);
                vec![twin.backward(&d[0], neighbours, x[3][0]), vec![twin.backward_temperature(&d[0])], vec![d_change]]
            }),
        };
        let mut costs = vec![cost("phase_shifter::forward", 40 * n, 3 * n)];
        if controls == Controls::Near {
            costs.push(cost("phase_shifter::backward", 4 * n, 3 * n));
            costs.push(cost("phase_shifter::spill", 40 * n, 4 * n));
        }
        Problem {
            inputs: vec![
                tensor("control", &[n], controls.draw(draws, n)),
                tensor("neighbours", &[n], table).words(),
                tensor("temperature", &[1], vec![-3.0]),
                tensor("change", &[1], vec![0.03125]),
            ],
            outputs: vec![fresh("phase", &[n])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, bound| {
                let [control, neighbours, temperature, change] = [0, 1, 2, 3].map(|place| &bound.inputs[place]);
                on.forward(plan, control, neighbours, temperature, change, &bound.outputs[0])
            }),
            specification: Box::new(move |x| vec![twin.forward(&x[0], &words(&x[1]), x[2][0], x[3][0])]),
            // Far out, differences have no digits, and a converter has no differences.
            gradient: (controls == Controls::Near).then_some(gradient),
            costs,
        }
    })
    // Sums of terms of both signs.
    .tolerance(1e-6, 1e-6)
}
