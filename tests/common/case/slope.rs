//! Cases of the penalty on steep weights.

use flatlight::ops::slope;

use super::rings::{RING, built, ring64, state, state64};
use super::*;

const STRENGTH: f32 = 0.375;

pub fn cases() -> [Case; 3] {
    [
        steepness(),
        added("slope::penalty, added", false).note("both flanks, impossible widths and contrasts; added in place"),
        added("slope::penalty, no slope", true).tolerance(0.0, 0.0).note("every ring on resonance; nothing is added"),
    ]
}

/// ||s|| of the rings that are bound.
fn record(plan: &mut PlanBuilder<'_>, on: &Bound<'_>, norm: &Slice) -> Result<(), Error> {
    let partials = slope::partials(plan.gpu(), on.inputs[0].len())?;
    RING.steepness(plan, state(on), &partials, norm)
}

fn steepness() -> Case {
    case("slope", ELEMENTS, &[1 << 20], |draws, size| {
        let n = size[0];
        Problem {
            inputs: built(draws, n),
            outputs: vec![fresh("steepness", &[1])],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| record(plan, on, &on.outputs[0])),
            specification: Box::new(|x| vec![vec![reference::slope::steepness(&ring64(), state64(x))]]),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: Some(vec![vec![f64::from(STRENGTH)]]),
                backward: Box::new(|plan, on| {
                    disturb::constant(plan, 0.0, &on.gradients[0])?;
                    RING.penalty(plan, state(on), STRENGTH, &on.outputs[0], &on.gradients[0])
                }),
                specification: Box::new(|x, d| vec![reference::slope::penalty(&ring64(), state64(x), d[0][0])]),
            }),
            costs: costs(n),
        }
    })
    .note("both flanks, impossible widths and contrasts")
}

fn costs(n: usize) -> Vec<Cost> {
    vec![cost("slope::partial", 16 * n, 4 * n), cost("slope::total", 256, 256), cost("slope::penalty", 24 * n, 6 * n)]
}

/// The penalty is added to a gradient that is there already.
fn added(name: &'static str, resonant: bool) -> Case {
    case(name, &[&[1], &[3], &[63], &[64], &[65], &[97], &[70_001]], &[1 << 20], move |draws, size| {
        let n = size[0];
        let mut inputs = built(draws, n);
        if resonant {
            inputs[..3].iter_mut().for_each(|tensor| tensor.values.fill(0.0));
        }
        inputs.push(tensor("d_detuning", &[n], draws.uniform("d_detuning", n, -1.0, 1.0)));
        Problem {
            inputs,
            outputs: vec![Output::InPlace(5)],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| {
                let norm = plan.gpu().zeros("steepness", &[1], Scalar::F32)?;
                record(plan, on, &norm)?;
                RING.penalty(plan, state(on), STRENGTH, &norm, &on.outputs[0])
            }),
            specification: Box::new(|x| {
                let penalty = reference::slope::penalty(&ring64(), state64(x), f64::from(STRENGTH));
                vec![x[5].iter().zip(penalty).map(|(d, more)| d + more).collect()]
            }),
            gradient: None,
            costs: costs(n),
        }
    })
}
