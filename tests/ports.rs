//! Ports of a circuit: what is refused, and a reading over its norm.

mod common;

use common::case::{Draws, floats};
use common::gpu;
use flatlight::gpu::{Error, PlanBuilder, Scalar, Slice};
use flatlight::ops::ports::{self, Reading};

fn zeros(name: &str, shape: &[usize]) -> Slice {
    gpu().zeros(name, shape, Scalar::F32).expect("room")
}

#[test]
fn readings_over_their_norm_have_length_one_and_know_no_scale() {
    let (batch, modes) = (5, 67);
    let field = floats(&Draws::new(1).uniform("field", 2 * batch * modes, -1.0, 1.0));
    // A power of two, which no rounding notices.
    let brighter: Vec<f32> = field.iter().map(|part| 16.0 * part).collect();
    let read = |reading, field: &[f32]| -> Result<Vec<f32>, Error> {
        let field = gpu().upload("field", &[batch, modes, 2], field)?;
        let out = zeros("reading", &[batch, modes]);
        let mut plan = PlanBuilder::new(gpu(), "read");
        ports::read(&mut plan, reading, true, &field, &out)?;
        gpu().submit(&[&plan.finish()?])?;
        gpu().read(&out)
    };
    for reading in [Reading::Power, Reading::Amplitude] {
        let [out, same] = [&field, &brighter].map(|field| read(reading, field).expect("readings"));
        for sample in out.chunks_exact(modes) {
            let length: f64 = sample.iter().map(|&r| f64::from(r).powi(2)).sum();
            assert!((length - 1.0).abs() < 1e-6, "{reading:?}: length {length}");
        }
        assert_eq!(out, same, "{reading:?}");
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
