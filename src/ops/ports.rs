//! How light enters a photonic circuit, is attenuated between two parts of it, and is read; `shaders/ports.wgsl`.
//!
//! Fields are `[batch, modes, 2]`, the last axis (re, im); gradients as in [`complex_matmul`](super::complex_matmul).

use super::{complex_matrix, expect, matrix, word};
use crate::gpu::{Error, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        n_samples: u32,
        n_from: u32,
        n_to: u32,
        n_groups: u32,
        power: u32,
        unit: u32,
        reference_beam: f32,
    }
}

/// Lanes that share a sample where it is read, and samples of a workgroup.
const LANES: usize = 8;
const SAMPLES: usize = 8;

/// What a detector reads of a field E.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// |E|^2
    Power,
    /// |E|
    Amplitude,
}

/// Field `[batch, modes, 2]` of real amplitudes `[batch, n]`, n <= modes. The mode behind them, if there is one, has the
/// amplitude `reference_beam`, the same for all samples; the others are dark.
///
/// # Errors
/// Shapes that do not fit.
pub fn enter(plan: &mut PlanBuilder<'_>, amplitude: &Slice, reference_beam: f32, field: &Slice) -> Result<(), Error> {
    let operation = "ports::enter";
    let (from, to) = (matrix(operation, amplitude)?, complex_matrix(operation, field)?);
    at_most(operation, amplitude, from, to)?;
    let binds = [amplitude.read(), field.write()];
    let params = Params { reference_beam, ..params(operation, from, to)? };
    plan.dispatch("ports", "enter", &params, &binds, Work::Items(field.len() / 2))
}

/// Gradient of the amplitudes `[batch, n]` from that of the field `[batch, modes, 2]`: its real part.
///
/// # Errors
/// Shapes that do not fit.
pub fn enter_backward(plan: &mut PlanBuilder<'_>, d_field: &Slice, d_amplitude: &Slice) -> Result<(), Error> {
    let operation = "ports::enter_backward";
    let (from, to) = (complex_matrix(operation, d_field)?, matrix(operation, d_amplitude)?);
    at_most(operation, d_amplitude, to, from)?;
    let binds = [d_field.read(), d_amplitude.write()];
    plan.dispatch("ports", "enter_backward", &params(operation, from, to)?, &binds, Work::Items(d_amplitude.len()))
}

/// Field `[batch, modes, 2]` of complex amplitudes `[batch, n, 2]`, n <= modes, and of a reference beam as [`enter`] has it.
///
/// # Errors
/// Shapes that do not fit.
pub fn embed(plan: &mut PlanBuilder<'_>, input: &Slice, reference_beam: f32, field: &Slice) -> Result<(), Error> {
    let operation = "ports::embed";
    let (from, to) = (complex_matrix(operation, input)?, complex_matrix(operation, field)?);
    at_most(operation, input, from, to)?;
    let binds = [input.read(), field.write()];
    let params = Params { reference_beam, ..params(operation, from, to)? };
    plan.dispatch("ports", "embed", &params, &binds, Work::Items(field.len() / 2))
}

/// Gradient of complex amplitudes `[batch, n, 2]` from that of the field `[batch, modes, 2]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn embed_backward(plan: &mut PlanBuilder<'_>, d_field: &Slice, d_input: &Slice) -> Result<(), Error> {
    let operation = "ports::embed_backward";
    let (from, to) = (complex_matrix(operation, d_field)?, complex_matrix(operation, d_input)?);
    at_most(operation, d_input, to, from)?;
    let binds = [d_field.read(), d_input.write()];
    plan.dispatch("ports", "embed", &params(operation, from, to)?, &binds, Work::Items(d_input.len() / 2))
}

/// Field `out` `[batch, to, 2]` behind attenuators from the field `[batch, from, 2]` before them: `factor` `[k]` times it on
/// the first k = min(from, to) modes, dark beyond.
///
/// # Errors
/// Shapes that do not fit.
pub fn attenuate(plan: &mut PlanBuilder<'_>, field: &Slice, factor: &Slice, out: &Slice) -> Result<(), Error> {
    let operation = "ports::attenuate";
    let params = attenuators(operation, field, factor, out)?;
    let binds = [field.read(), factor.read(), out.write()];
    plan.dispatch("ports", "attenuate", &params, &binds, Work::Items(out.len() / 2))
}

/// Shape of the partial sums that [`attenuate_backward`] needs for `modes` attenuators.
pub fn partials(batch: usize, modes: usize) -> [usize; 2] {
    // Eight samples a row, or as many more as keep the second sum short.
    [batch.div_ceil(8).clamp(1, 64), modes]
}

/// Gradients of the field `[batch, from, 2]` and of the attenuators, d_factor `[k]` = sum over the batch of
/// Re(conj(field) d_out), from that of what is behind them, `[batch, to, 2]`; `partials` has the shape that
/// [`partials`] gives for k.
///
/// # Errors
/// Shapes that do not fit.
pub fn attenuate_backward(
    plan: &mut PlanBuilder<'_>,
    field: &Slice,
    factor: &Slice,
    d_out: &Slice,
    partials: &Slice,
    d_field: &Slice,
    d_factor: &Slice,
) -> Result<(), Error> {
    let operation = "ports::attenuate_backward";
    let forth = attenuators(operation, field, factor, d_out)?;
    expect(operation, d_field, field.shape())?;
    expect(operation, d_factor, factor.shape())?;
    let (batch, modes) = (field.shape()[0], factor.len());
    let [groups, _] = self::partials(batch, modes);
    expect(operation, partials, &[groups, modes])?;
    plan.check_loop(operation, batch.div_ceil(groups))?;
    let back = Params { n_from: forth.n_to, n_to: forth.n_from, ..forth };
    let binds = [d_out.read(), factor.read(), d_field.write()];
    plan.dispatch("ports", "attenuate", &back, &binds, Work::Items(d_field.len() / 2))?;
    let sums = Params { n_groups: word(operation, groups)?, ..forth };
    let binds = [field.read(), d_out.read(), partials.write()];
    plan.dispatch("ports", "partial", &sums, &binds, Work::Items(partials.len()))?;
    plan.dispatch("ports", "total", &sums, &[partials.read(), d_factor.write()], Work::Items(modes))
}

/// What detectors at the first modes read of a field `[batch, modes, 2]`, `[batch, ports]`, ports <= modes. With `unit` the
/// readings of a sample, those of all modes, are divided by their L2 norm, which is held to 1e-12 from below.
///
/// # Errors
/// Shapes that do not fit.
pub fn read(plan: &mut PlanBuilder<'_>, reading: Reading, unit: bool, field: &Slice, out: &Slice) -> Result<(), Error> {
    let operation = "ports::read";
    let (params, work) = detectors(plan, operation, reading, unit, field, out)?;
    plan.dispatch("ports", "detect", &params, &[field.read(), out.write()], work)
}

/// Gradient of the field `[batch, modes, 2]` from that of the readings, `[batch, ports]`. |E| has the gradient 0 at E = 0.
///
/// # Errors
/// Shapes that do not fit.
pub fn read_backward(
    plan: &mut PlanBuilder<'_>,
    reading: Reading,
    unit: bool,
    field: &Slice,
    d_out: &Slice,
    d_field: &Slice,
) -> Result<(), Error> {
    let operation = "ports::read_backward";
    let (params, work) = detectors(plan, operation, reading, unit, field, d_out)?;
    expect(operation, d_field, field.shape())?;
    plan.dispatch("ports", "detect_backward", &params, &[field.read(), d_out.read(), d_field.write()], work)
}

/// Checks that the amplitudes of a batch have no more than its modes.
fn at_most(operation: &str, tensor: &Slice, few: [usize; 2], many: [usize; 2]) -> Result<(), Error> {
    if few[1] <= many[1] {
        return Ok(());
    }
    Err(Error::Shape {
        what: format!("{operation}, `{}`", tensor.name()),
        expected: format!("at most {} a sample, as there are modes", many[1]),
        got: few[1].to_string(),
    })
}

/// Sizes, from shapes `[batch, from]` and `[batch, to]`.
fn params(operation: &str, from: [usize; 2], to: [usize; 2]) -> Result<Params, Error> {
    if from[0] != to[0] {
        return Err(Error::Shape {
            what: operation.to_owned(),
            expected: format!("{} samples on both sides", from[0]),
            got: to[0].to_string(),
        });
    }
    // The number of elements must be a word too.
    word(operation, from[0] * from[1].max(to[1]))?;
    let [n_samples, n_from, n_to] = [from[0], from[1], to[1]].map(|count| word(operation, count));
    Ok(Params { n_samples: n_samples?, n_from: n_from?, n_to: n_to?, ..Params::default() })
}

fn attenuators(operation: &str, field: &Slice, factor: &Slice, out: &Slice) -> Result<Params, Error> {
    let (from, to) = (complex_matrix(operation, field)?, complex_matrix(operation, out)?);
    expect(operation, factor, &[from[1].min(to[1])])?;
    params(operation, from, to)
}

fn detectors(
    plan: &PlanBuilder<'_>,
    operation: &str,
    reading: Reading,
    unit: bool,
    field: &Slice,
    out: &Slice,
) -> Result<(Params, Work), Error> {
    let (from, to) = (complex_matrix(operation, field)?, matrix(operation, out)?);
    at_most(operation, out, to, from)?;
    plan.check_loop(operation, 2 * (from[1] / 2 + 1).div_ceil(LANES) + LANES)?;
    let params =
        Params { power: u32::from(reading == Reading::Power), unit: u32::from(unit), ..params(operation, from, to)? };
    Ok((params, Work::Groups(from[0].div_ceil(SAMPLES))))
}
