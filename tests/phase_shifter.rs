//! Heaters that set phases: the ends of a turn, who is a neighbour, and what is refused.

mod common;

use std::f32::consts::TAU;

use common::gpu;
use flatlight::gpu::{Error, PlanBuilder, Scalar};
use flatlight::ops::phase_shifter::Shifters;

/// What heaters without neighbours are set to.
fn set(bits: Option<u32>, control: &[f32]) -> Vec<f32> {
    let result = || -> Result<_, Error> {
        let n = control.len();
        let upload = |name, values| gpu().upload(name, &[n], values);
        let [control, phase] = [upload("control", control)?, upload("phase", &vec![f32::NAN; n])?];
        let neighbours = gpu().upload("neighbours", &[n], &vec![0_u32; n])?;
        let nominal = gpu().zeros("nominal", &[1], Scalar::F32)?;
        let mut plan = PlanBuilder::new(gpu(), "phases");
        Shifters::new(bits, 0.0, 0.0)?.forward(&mut plan, &control, &neighbours, &nominal, &nominal, &phase)?;
        gpu().submit(&[&plan.finish()?])?;
        gpu().read(&phase)
    };
    result().expect("phases")
}

#[test]
fn phases_lie_in_a_turn_wherever_the_control_is() {
    // Both neighbours of every multiple of 2 pi, tiny numbers of either sign, numbers that have no digits below a turn.
    let turns = (-1591..=1591).map(|turn| turn as f32 * TAU);
    let mut controls: Vec<f32> = turns.flat_map(|angle| [angle.next_down(), angle, angle.next_up()]).collect();
    controls.extend([1e-30, 1e-10, 1e-7, 1e5, 1e7, 1e9, 1e20, f32::MAX].iter().flat_map(|&x| [x, -x]));
    for (&control, &phase) in controls.iter().zip(&set(None, &controls)) {
        assert!((0.0..TAU).contains(&phase), "{control:e} gives {phase:e}");
        if control.abs() <= 1e4 {
            // Around the circle: at its end either side is right.
            let off = (f64::from(phase) - f64::from(control)) / std::f64::consts::TAU;
            let off = (off - off.round()).abs() * std::f64::consts::TAU;
            assert!(off < 1e-6, "{control:e} gives {phase:e}, off by {off:e}");
        }
    }
    assert!(set(None, &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]).iter().all(|phase| phase.is_nan()));
    assert!(set(Some(3), &[f32::NAN])[0].is_nan());
}

#[test]
fn a_converter_has_levels_all_around_the_circle() {
    let step = TAU / 8.0;
    let controls = [0.4, 0.6, 6.9, 7.4, 7.6, 8.4, -0.4, -0.6].map(|level| level * step);
    let levels = set(Some(3), &controls).into_iter().map(|phase| phase / step).collect::<Vec<_>>();
    assert_eq!(levels, [0.0, 1.0, 7.0, 7.0, 0.0, 0.0, 0.0, 7.0]);
}

#[test]
fn neighbours_end_with_their_row() {
    assert_eq!(Shifters::neighbours([3, 1, 0, 2]), [2, 3, 1, 0, 2, 1]);
    assert!(Shifters::neighbours([]).is_empty());
}

#[test]
fn numbers_out_of_range_are_refused() {
    for bits in [0, 17] {
        let message = Shifters::new(Some(bits), 0.0, 0.0).expect_err("too few or many bits").to_string();
        assert_eq!(message, format!("phase shifters, bits: expected 1 to 16, got {bits}"));
    }
    for crosstalk in [-0.1, 0.5, f32::NAN] {
        let message = Shifters::new(None, crosstalk, 0.0).expect_err("no such crosstalk").to_string();
        assert_eq!(message, format!("phase shifters, crosstalk: expected 0 to below 0.5, got {crosstalk}"));
    }
    let message = Shifters::new(Some(16), 0.0, f32::INFINITY).expect_err("endless drift").to_string();
    assert_eq!(message, "phase shifters, drift: expected a finite number of rad/K, got inf");
}
