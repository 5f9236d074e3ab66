//! Ports of a circuit: what is refused, and a reading over its norm.

mod common;

use common::case::{Draws, floats};
use common::gpu;
use flatlight::gpu::{Error, PlanBuilder, Scalar, Slice};
use flatlight::ops::ports::{self, Reading};

fn zeros(name: &str, shape: &[usize]) -> Slice {
    gpu().zeros(name, shape, Scalar::F32).expect("room")
}

/// Readings over their norm of random fields, as they are and 16 times as bright, and the gradient of the fields as they are:
/// (fields, readings, brighter readings, gradient).
fn read(reading: Reading, batch: usize, modes: usize) -> Result<[Vec<f32>; 4], Error> {
    let draw = |name, count| floats(&Draws::new(1).uniform(name, count, 0.25, 1.0));
    let light = draw("field", 2 * batch * modes);
    // A power of two, which no rounding notices.
    let brighter: Vec<f32> = light.iter().map(|part| 16.0 * part).collect();
    let shape = [batch, modes, 2];
    let [field, bright] = [gpu().upload("field", &shape, &light)?, gpu().upload("bright", &shape, &brighter)?];
    let [out, same] = ["reading", "same"].map(|name| zeros(name, &[batch, modes]));
    let (d_out, d_field) = (gpu().upload("d_out", &[batch, modes], &draw("d_out", batch * modes))?, zeros("d", &shape));
    let mut plan = PlanBuilder::new(gpu(), "read");
    ports::read(&mut plan, reading, true, &field, &out)?;
    ports::read(&mut plan, reading, true, &bright, &same)?;
    ports::read_backward(&mut plan, reading, true, &field, &d_out, &d_field)?;
    gpu().submit(&[&plan.finish()?])?;
    Ok([light, gpu().read(&out)?, gpu().read(&same)?, gpu().read(&d_field)?])
}

#[test]
fn readings_over_their_norm_have_length_one_and_know_no_scale() {
    for (reading, modes) in [Reading::Power, Reading::Amplitude].into_iter().flat_map(|r| [(r, 1), (r, 67)]) {
        let [field, out, same, d_field] = read(reading, 13, modes).expect("readings");
        for sample in out.chunks_exact(modes) {
            let length: f64 = sample.iter().map(|&r| f64::from(r).powi(2)).sum();
            assert!((length - 1.0).abs() < 1e-6, "{reading:?}, {modes} modes: length {length}");
        }
        assert_eq!(out, same, "{reading:?}, {modes} modes");
        for (field, d) in field.chunks_exact(2 * modes).zip(d_field.chunks_exact(2 * modes)) {
            let along: f64 = field.iter().zip(d).map(|(&e, &d)| f64::from(e) * f64::from(d)).sum();
            // At least 0.25 if the norm were forgotten.
            assert!(along.abs() < 1e-5, "{reading:?}, {modes} modes: the gradient along the field is {along:e}");
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let mut plan = PlanBuilder::new(gpu(), "refused");
    let [field, wide, other] =
        [("field", [2, 3, 2]), ("wide", [2, 4, 2]), ("other", [5, 3, 2])].map(|(n, s)| zeros(n, &s));
    let [four, factor] = [zeros("four", &[2, 4]), zeros("factor", &[3])];
    let few = "expected at most 3 a sample, as there are modes, got 4";
    let mut refused = |record: &dyn Fn(&mut PlanBuilder<'_>) -> Result<(), Error>, message: String| {
        assert_eq!(record(&mut plan).expect_err("shapes that do not fit").to_string(), message);
        assert!(plan.is_empty(), "{message}");
    };
    refused(&|plan| ports::enter(plan, &four, 0.0, &field), format!("ports::enter, `four`: {few}"));
    refused(&|plan| ports::enter_backward(plan, &field, &four), format!("ports::enter_backward, `four`: {few}"));
    refused(&|plan| ports::embed(plan, &wide, 0.0, &field), format!("ports::embed, `wide`: {few}"));
    refused(&|plan| ports::embed_backward(plan, &field, &wide), format!("ports::embed_backward, `wide`: {few}"));
    let read = |plan: &mut PlanBuilder<'_>| ports::read(plan, Reading::Power, true, &field, &four);
    refused(&read, format!("ports::read, `four`: {few}"));
    let samples = "expected 2 samples on both sides, got 5";
    refused(&|plan| ports::embed(plan, &field, 0.0, &other), format!("ports::embed: {samples}"));
    refused(&|plan| ports::attenuate(plan, &field, &factor, &other), format!("ports::attenuate: {samples}"));
    let message = "ports::attenuate, `four`: expected [3], got [2, 4]";
    refused(&|plan| ports::attenuate(plan, &field, &four, &wide), message.to_owned());
    let backward =
        |plan: &mut PlanBuilder<'_>| ports::attenuate_backward(plan, &field, &factor, &wide, &four, &field, &factor);
    refused(&backward, "ports::attenuate_backward, `four`: expected [1, 3], got [2, 4]".to_owned());
}
