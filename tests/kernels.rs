//! The proofs of the kernels: every case of `tests/common/case.rs` at every size, on the device against the `f64`
//! specification of `src/reference`, and the specification's gradients against its own differences.
//!
//! `cargo test --release --test kernels proof_table -- --nocapture` prints what was measured.

mod common;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::OnceLock;

use common::case::{self, Case, Draws, Pass, Problem};
use common::{device, gpu, runs_here};
use flatlight::gpu::{Error, Gpu, Options, PlanBuilder, Scalar, shaders};
use flatlight::ops::complex_matmul;
use flatlight::ops::convolution::{self, Shape};
use flatlight::{random, reference};

/// Distance at which differences are taken.
const STEP: f64 = 1e-5;
/// How far differences may be off the gradient, relative to its largest element.
const DIFFERENCES: f64 = 1e-7;
/// How far <J'v, u> and <v, Ju> may be apart, relative to the sum of |v Ju|.
const ADJOINT: f64 = 1e-5;
/// Operations that the differences of one size may cost.
const DIFFERENCES_BUDGET: f64 = 3e8;
/// Sizes with more elements than this are not run again with NaN sown.
const NAN_ELEMENTS: usize = 20_000;

/// What was measured of a case: largest relative errors over all sizes.
#[derive(Clone, Debug, Default)]
struct Proof {
    kernels: BTreeSet<String>,
    forward: f64,
    backward: Option<f64>,
    differences: Option<f64>,
    adjoint: Option<f64>,
    split: Option<f64>,
    nan: usize,
}

/// Where something went wrong.
#[derive(Clone, Copy)]
struct Place<'a> {
    case: &'a Case,
    size: &'a [usize],
    seed: u32,
    what: &'a str,
}

impl Place<'_> {
    fn fail(&self, message: &str) -> String {
        format!("{}, size {:?}, seed {}, {}: {message}", self.case.name, self.size, self.seed, self.what)
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().map(|value| value.abs()).filter(|value| value.is_finite()).fold(0.0, f64::max)
}

/// The largest error relative to the largest element. NaN must be met by NaN, and nothing else.
fn compare(place: Place<'_>, name: &str, got: &[f64], want: &[f64], rtol: f64, atol: f64) -> Result<f64, String> {
    if got.len() != want.len() {
        return Err(place.fail(&format!("`{name}` has {} elements instead of {}", got.len(), want.len())));
    }
    let scale = largest(want);
    let tolerance = atol + rtol * scale;
    let mut worst = 0.0_f64;
    for (index, (&got, &want)) in got.iter().zip(want).enumerate() {
        if got == want || (got.is_nan() && want.is_nan()) {
            continue;
        }
        let error = (got - want).abs();
        if error.is_nan() || error > tolerance {
            return Err(place.fail(&format!(
                "`{name}`[{index}] is {got:e} instead of {want:e}, off by {error:e}, tolerance {tolerance:e}"
            )));
        }
        worst = worst.max(error);
    }
    Ok(if worst == 0.0 { 0.0 } else { worst / scale.max(atol) })
}

fn raise(worst: &mut Option<f64>, error: f64) {
    *worst = Some(worst.unwrap_or(0.0).max(error));
}

/// A device that pretends to have few workgroups along an axis, so that every large dispatch is folded.
fn folded() -> Options {
    Options { group_limit: Some(300), ..Options::default() }
}

/// A device that pretends to bind little, so that the vectors of all large sizes are cut.
fn cut() -> Options {
    Options { binding_limit: Some(256 << 10), group_limit: Some(100), ..Options::default() }
}

fn run(
    place: Place<'_>,
    options: &Options,
    problem: &Problem,
    upstream: &[Vec<f64>],
) -> Result<(Pass, Vec<Vec<u32>>), String> {
    run_on(device(place.case.variant, options), place, problem, upstream)
}

fn run_on(
    gpu: &Gpu,
    place: Place<'_>,
    problem: &Problem,
    upstream: &[Vec<f64>],
) -> Result<(Pass, Vec<Vec<u32>>), String> {
    let recorded = problem.record(gpu, upstream).and_then(|pass| {
        let results = pass.run(gpu, &problem.clocks)?;
        Ok((pass, results))
    });
    recorded.map_err(|error| place.fail(&error.to_string()))
}

fn same_bits(place: Place<'_>, problem: &Problem, a: &[Vec<u32>], b: &[Vec<u32>]) -> Result<(), String> {
    for ((name, a), b) in problem.names().iter().zip(a).zip(b) {
        if let Some(index) = (0..a.len()).find(|&index| a[index] != b[index]) {
            let [a, b] = [a[index], b[index]].map(f32::from_bits);
            return Err(place.fail(&format!("`{name}`[{index}] is {a:e}, then {b:e}")));
        }
    }
    Ok(())
}

/// All proofs of a case.
fn prove(case: &Case) -> Result<Proof, String> {
    let mut proof = Proof::default();
    let mut cuts = 0;
    for (number, size) in case.sizes.iter().enumerate() {
        let seed = random::mix(random::stream(case.name).wrapping_add(number as u32));
        let problem = case.problem(size, seed);
        let upstream = problem.upstream(seed);
        let place = |what| Place { case, size, seed, what };

        // The device against the specification. What it is to overwrite was NaN.
        let (pass, results) = run(place("running"), &Options::default(), &problem, &upstream)?;
        proof.kernels.extend(pass.plan.kernels().map(str::to_owned));
        let numbers = pass.numbers(&results);
        let values = problem.values();
        let want = specification(&problem, &values, &upstream);
        for (index, (name, (got, want))) in problem.names().iter().zip(numbers.iter().zip(&want)).enumerate() {
            let error = compare(place("GPU against f64"), name, got, want, case.rtol, case.atol)?;
            if index < problem.outputs.len() {
                proof.forward = proof.forward.max(error);
            } else {
                raise(&mut proof.backward, error);
            }
        }

        // Variants of a kernel add in the same order, or say how far that takes results apart. GPUs may fuse an addition with a product in one and not in another.
        if let Some((family, _)) = case.variant
            && gpu().adapter().software
        {
            let portable = device(Some((family, "portable")), &Options::default());
            let (pass, other) = run_on(portable, place("running portably"), &problem, &upstream)?;
            let exact = match (case.order == 0.0, case.reordered) {
                (true, _) => results.len(),
                (false, false) => problem.outputs.len(),
                (false, true) => 0,
            };
            same_bits(place("variants"), &problem, &results[..exact], &other[..exact])?;
            let apart = problem.names().into_iter().zip(numbers.iter().zip(pass.numbers(&other)));
            for (name, (got, want)) in apart.skip(exact) {
                compare(place("variants"), &name, got, &want, case.order, case.atol)?;
            }
        }

        // Again, folded, and cut.
        let (_, again) = run(place("running again"), &Options::default(), &problem, &upstream)?;
        same_bits(place("second run"), &problem, &results, &again)?;
        if let Some(tolerance) = case.split {
            let (uncut, (pass, split)) = (pass.plan.len(), run(place("running cut"), &cut(), &problem, &upstream)?);
            cuts += pass.plan.len() - uncut;
            if tolerance == 0.0 {
                same_bits(place("cut to small bindings"), &problem, &results, &split)?;
                raise(&mut proof.split, 0.0);
            } else {
                for (name, (got, want)) in problem.names().iter().zip(pass.numbers(&split).iter().zip(&numbers)) {
                    let error = compare(place("cut to small bindings"), name, got, want, tolerance, 0.0)?;
                    raise(&mut proof.split, error);
                }
            }
        } else if number + 1 == case.sizes.len() {
            let (_, again) = run(place("running folded"), &folded(), &problem, &upstream)?;
            same_bits(place("folded dispatch"), &problem, &results, &again)?;
        }

        if problem.gradient.is_some() {
            if let Some(error) = prove_differences(place("f64 gradient against differences"), &problem, &upstream)? {
                raise(&mut proof.differences, error);
            }
            let gradients = &numbers[problem.outputs.len()..];
            raise(&mut proof.adjoint, prove_adjoint(place("adjoint"), &problem, &upstream, gradients)?);
        }
        proof.nan += prove_nan(place("NaN sown"), problem, upstream)?;
    }
    if case.split.is_some() && cuts == 0 {
        return Err(format!("{}: no size is large enough to be cut", case.name));
    }
    Ok(proof)
}

/// Outputs and gradients in `f64`.
fn specification(problem: &Problem, values: &[Vec<f64>], upstream: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut results = (problem.specification)(values);
    if let Some(gradient) = &problem.gradient {
        results.extend((gradient.specification)(values, upstream));
    }
    results
}

/// The specification's gradients against central differences of sum(upstream * outputs), where they are affordable.
fn prove_differences(place: Place<'_>, problem: &Problem, upstream: &[Vec<f64>]) -> Result<Option<f64>, String> {
    let gradient = problem.gradient.as_ref().expect("a gradient");
    let values = problem.values();
    let lengths: Vec<_> = gradient.of.iter().map(|&input| values[input].len()).collect();
    let elements: usize = values.iter().map(Vec::len).sum();
    let cost = 2.0 * lengths.iter().sum::<usize>() as f64 * (problem.costs[0].flops + elements as f64);
    if cost > DIFFERENCES_BUDGET {
        return Ok(None);
    }
    let mut worst = 0.0_f64;
    for (got, &input) in (gradient.specification)(&values, upstream).iter().zip(&gradient.of) {
        let objective = |x: &[f64]| {
            let mut values = values.clone();
            values[input].copy_from_slice(x);
            let outputs = (problem.specification)(&values);
            outputs.iter().zip(upstream).map(|(y, v)| dot(y, v)).sum()
        };
        let want = reference::central_differences(objective, &values[input], STEP);
        let name = format!("d_{}", problem.inputs[input].name);
        // Rounding of the objective, once more where the gradient itself vanishes.
        worst = worst.max(compare(place, &name, got, &want, DIFFERENCES, 1e-9)?);
    }
    Ok(Some(worst))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// <J'v, u> of the device against <v, Ju> of the specification, u a random direction: every element at any size.
fn prove_adjoint(
    place: Place<'_>,
    problem: &Problem,
    upstream: &[Vec<f64>],
    gradients: &[Vec<f64>],
) -> Result<f64, String> {
    let gradient = problem.gradient.as_ref().expect("a gradient");
    let directions: Vec<_> = gradient
        .of
        .iter()
        .map(|&input| {
            Draws::new(place.seed).uniform(&format!("direction {input}"), problem.inputs[input].values.len(), -1.0, 1.0)
        })
        .collect();
    let at = |step: f64| {
        let mut values = problem.values();
        for (&input, direction) in gradient.of.iter().zip(&directions) {
            values[input].iter_mut().zip(direction).for_each(|(x, u)| *x += step * u);
        }
        (problem.specification)(&values)
    };
    let (above, below) = (at(STEP), at(-STEP));
    let mut forward = (0.0, 0.0);
    for ((above, below), v) in above.iter().zip(&below).zip(upstream) {
        for ((above, below), v) in above.iter().zip(below).zip(v) {
            let term = v * (above - below) / (2.0 * STEP);
            forward = (forward.0 + term, forward.1 + term.abs());
        }
    }
    let backward: f64 = gradients.iter().zip(&directions).map(|(g, u)| dot(g, u)).sum();
    let error = (backward - forward.0).abs();
    // Nothing flows where no row or ring responds.
    let scale = forward.1.max(1e-9);
    if error.is_nan() || error > ADJOINT * scale {
        return Err(place.fail(&format!("<J'v, u> is {backward:e}, <v, Ju> is {:e}, scale {scale:e}", forward.0)));
    }
    Ok(error / scale)
}

/// NaN in one element of an input, or of a gradient handed down, must come out exactly where the specification has it,
/// and somewhere.
fn prove_nan(place: Place<'_>, mut problem: Problem, mut upstream: Vec<Vec<f64>>) -> Result<usize, String> {
    let elements: usize = problem.inputs.iter().map(|tensor| tensor.values.len()).sum();
    if elements > NAN_ELEMENTS {
        return Ok(0);
    }
    let mut sown = 0;
    let mut reap = |problem: &Problem, upstream: &[Vec<f64>], source: String| {
        let (pass, results) = run(place, &Options::default(), problem, upstream)?;
        let want = specification(problem, &problem.values(), upstream);
        if !want.iter().flatten().any(|value| value.is_nan()) {
            return Err(place.fail(&format!("NaN in {source} vanishes from the specification")));
        }
        for (name, (got, want)) in problem.names().iter().zip(pass.numbers(&results).iter().zip(&want)) {
            // What is NaN beyond the specification is taken from there.
            let further = |(got, want): (&f64, &f64)| if place.case.spreads && got.is_nan() { *got } else { *want };
            let want: Vec<_> = got.iter().zip(want).map(further).collect();
            compare(place, &format!("{name}` for NaN in `{source}"), got, &want, place.case.rtol, place.case.atol)?;
        }
        sown += 1;
        Ok(())
    };
    for input in 0..problem.inputs.len() {
        for at in problem.inputs[input].nan.clone() {
            let before = std::mem::replace(&mut problem.inputs[input].values[at], f64::NAN);
            reap(&problem, &upstream, format!("{}[{at}]", problem.inputs[input].name))?;
            problem.inputs[input].values[at] = before;
        }
    }
    if problem.gradient.as_ref().is_some_and(|gradient| gradient.upstream.is_none()) {
        for output in 0..upstream.len() {
            let at = upstream[output].len() / 2;
            let before = std::mem::replace(&mut upstream[output][at], f64::NAN);
            reap(&problem, &upstream, format!("gradient of output {output}[{at}]"))?;
            upstream[output][at] = before;
        }
    }
    Ok(sown)
}

type Proven = (Case, OnceLock<Result<Proof, String>>);

/// Every case with its proof, made once by the first test that asks.
fn proofs() -> &'static [Proven] {
    static PROOFS: OnceLock<Vec<Proven>> = OnceLock::new();
    PROOFS.get_or_init(|| {
        let cases = case::all().into_iter().filter(|case| runs_here(case.variant));
        cases.map(|case| (case, OnceLock::new())).collect()
    })
}

/// Asserts the proofs of a family's cases.
fn family(name: &str) {
    let cases: Vec<_> = proofs().iter().filter(|(case, _)| case.family() == name).collect();
    assert!(!cases.is_empty(), "no case of `{name}`");
    for (case, proof) in cases {
        if let Err(message) = proof.get_or_init(|| prove(case)) {
            panic!("{message}");
        }
    }
}

macro_rules! families {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            family(stringify!($name));
        }
    )*};
}

families!(
    matmul,
    bias,
    actuator,
    microring,
    ring_bank,
    detect,
    gain,
    cross_entropy,
    metrics,
    norm,
    slope,
    source,
    perturb,
    adam,
    sgd,
    disturb,
    draw
);
families!(
    convolution,
    average,
    complex_matmul,
    activation,
    pool,
    mean_squared_error,
    normalization,
    shortcut,
    upsample
);
families!(mesh, intensity);
families!(phase_shifter, ports);
families!(inner_product, plane, regions, transfer, transmission);
families!(fft, propagation);
families!(resample, tiles, blur);
families!(half, lens, tilt);
families!(adversary, probe, sum);
families!(latent, structural_similarity);

/// The discrete Fourier transform of a prime length is unitary: it keeps the power of every column, and its conjugate
/// transpose undoes it.
#[test]
fn a_unitary_matrix_keeps_power() {
    let (n, columns) = (97, 33);
    let turn = |index: usize| std::f64::consts::TAU * (index / n * (index % n) % n) as f64 / n as f64;
    let unitary: Vec<f32> = (0..n * n)
        .flat_map(|index| [turn(index).cos(), turn(index).sin()].map(|part| (part / (n as f64).sqrt()) as f32))
        .collect();
    let x = case::floats(&Draws::new(1).uniform("x", 2 * n * columns, -1.0, 1.0));
    let unitary = gpu().upload("u", &[n, n, 2], &unitary).expect("room");
    let input = gpu().upload("x", &[n, columns, 2], &x).expect("room");
    let [output, back] = ["u x", "x again"].map(|name| gpu().zeros(name, &[n, columns, 2], Scalar::F32).expect("room"));
    let mut plan = PlanBuilder::new(gpu(), "unitary");
    complex_matmul::ab(&mut plan, &unitary, &input, &output).expect("shapes that fit");
    complex_matmul::ahb(&mut plan, &unitary, &output, &back).expect("shapes that fit");
    gpu().submit(&[&plan.finish().expect("a plan")]).expect("a step");
    let [y, again]: [Vec<f32>; 2] = [&output, &back].map(|slice| gpu().read(slice).expect("numbers"));
    let power = |z: &[f32], column: usize| -> f64 {
        let parts = z.chunks_exact(2 * columns).flat_map(|row| &row[2 * column..][..2]);
        parts.map(|&part| f64::from(part).powi(2)).sum()
    };
    for column in 0..columns {
        let [before, after] = [power(&x, column), power(&y, column)];
        assert!((after / before - 1.0).abs() < 1e-6, "column {column}: power {before}, then {after}");
    }
    let off = again.iter().zip(&x).map(|(again, x)| f64::from((again - x).abs())).fold(0.0, f64::max);
    assert!(off < 2e-6 && y != x, "off by {off:e} after the way there and back");
}

/// Prints what the proofs measured, and asserts that they left no kernel out.
#[test]
fn proof_table() {
    let mut table = format!(
        "\n{:<36} {:>9} {:>9} {:>12} {:>9} {:>9} {:>4}  sizes; inputs\n",
        "kernel", "forward", "backward", "differences", "adjoint", "cut", "NaN"
    );
    let mut kernels = BTreeSet::new();
    for (case, proof) in proofs() {
        let proof = match proof.get_or_init(|| prove(case)) {
            Ok(proof) => proof,
            Err(message) => panic!("{message}"),
        };
        kernels.extend(proof.kernels.iter().cloned());
        let shown = |error: Option<f64>| error.map_or_else(|| "-".to_owned(), |error| format!("{error:.1e}"));
        let sizes: Vec<_> =
            case.sizes.iter().map(|size| size.iter().map(usize::to_string).collect::<Vec<_>>().join("x")).collect();
        writeln!(
            table,
            "{:<36} {:>9} {:>9} {:>12} {:>9} {:>9} {:>4}  {}; {}",
            case.name,
            shown(Some(proof.forward)),
            shown(proof.backward),
            shown(proof.differences),
            shown(proof.adjoint),
            shown(proof.split),
            proof.nan,
            sizes.join(" "),
            case.note
        )
        .expect("a string takes any text");
    }
    println!("{table}");
    println!(
        "Largest errors over all sizes, relative to the largest element of the tensor. forward, backward: GPU against\n\
         f64; differences: f64 gradient against central differences; adjoint: <J'v,u> of the GPU against <v,Ju> of f64;\n\
         cut: against small bindings, 0 is bit for bit; NaN: elements sown one at a time. Outputs start as NaN, two runs\n\
         and folded dispatches are equal bit for bit. Device: {}, {}.",
        gpu().adapter().name,
        gpu().adapter().driver
    );
    assert_eq!(kernels, library(), "kernels that were proven, kernels that there are");
}

/// Names of all kernels of the library.
fn library() -> BTreeSet<String> {
    let names = shaders::LIBRARY.iter().map(|(path, _)| *path).filter(|path| !path.starts_with("shared/"));
    let names = names.filter(|path| {
        let variant = path
            .split_once('_')
            .filter(|(family, _)| ["matmul", "convolution", "mesh", "propagation"].contains(family));
        runs_here(variant)
    });
    names
        .flat_map(|path| {
            let shader = shaders::Shader::load(&shaders::Embedded, path).expect("a valid shader");
            shader.entries.into_iter().map(move |entry| format!("{path}::{}", entry.name))
        })
        .collect()
}

/// A common shift of all inputs is no news to a normalization: the outputs stay, and the gradients too.
#[test]
fn normalization_ignores_a_common_shift() {
    for case in
        case::all().iter().filter(|case| case.family() == "normalization" && case.name.matches(',').count() == 1)
    {
        let size = case.sizes[4];
        let mut problem = case.problem(size, 1);
        let upstream = problem.upstream(1);
        let place = |what| Place { case, size, seed: 1, what };
        let mut results = |shift: f64, what| {
            // Few bits, so that the shifted inputs are numbers of f32 too.
            problem.inputs[0].values.iter_mut().for_each(|x| *x = (256.0 * *x).round() / 256.0 + shift);
            let (pass, results) =
                run(place(what), &Options::default(), &problem, &upstream).unwrap_or_else(|error| panic!("{error}"));
            pass.numbers(&results)
        };
        let (here, there) = (results(0.0, "as it is"), results(4.0, "shifted"));
        for (name, (got, want)) in problem.names().iter().zip(there.iter().zip(&here)) {
            assert!(largest(want) > 0.1, "{}: `{name}` is next to nothing", case.name);
            compare(place("shifted by 4"), name, got, want, 5e-6, 0.0).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[test]
fn normalization_refuses_what_does_not_fit() {
    use flatlight::gpu::{PlanBuilder, Scalar};
    use flatlight::ops::Clock;
    use flatlight::ops::normalization::{Normalization, Over, State};

    let zeros = |shape: &[usize]| gpu().zeros("zeros", shape, Scalar::F32).expect("room");
    let clock = Clock::uniform(gpu()).expect("room");
    let mut plan = PlanBuilder::new(gpu(), "refused");
    let uneven =
        Normalization { over: Over::Group(4), batch: 2, channels: 6, positions: 5, epsilon: 1e-5, rectify: false };
    let [x, parameter, statistics] = [zeros(&[2, 30]), zeros(&[6]), zeros(&[8, 2])];
    let state = State { clock: &clock, x: &x, gamma: &parameter, beta: &parameter, statistics: &statistics };
    let message = uneven.forward(&mut plan, state, &zeros(&[2, 30])).expect_err("4 groups of 6 channels").to_string();
    assert_eq!(message, "normalization::forward: expected groups that divide 6 channels, got 4 groups");

    let layer = Normalization { over: Over::Layer, ..uneven };
    let message =
        layer.track(&mut plan, &clock, Some(0.1), &parameter, &parameter).expect_err("no channels").to_string();
    assert_eq!(message, "normalization::track: expected batch normalization, got Layer");
    assert!(plan.is_empty());
}

/// A convolution on the device: y, and d_x from weights and d_y.
fn convolve(shape: &Shape, x: &[f64], weight: &[f64], d_y: &[f64]) -> [Vec<f64>; 2] {
    let (batch, features) = (x.len() / shape.features_in(), shape.features_out().expect("a valid shape"));
    let upload = |name: &str, shape: &[usize], values: &[f64]| gpu().upload(name, shape, &case::floats(values));
    let result = || -> Result<_, Error> {
        let x = upload("x", &[batch, shape.features_in()], x)?;
        let weight = upload("weight", &shape.weight(), weight)?;
        let d_y = upload("d_y", &[batch, features], d_y)?;
        let y = gpu().zeros("y", d_y.shape(), Scalar::F32)?;
        let d_x = gpu().zeros("d_x", x.shape(), Scalar::F32)?;
        let mut plan = PlanBuilder::new(gpu(), "convolution");
        convolution::forward(&mut plan, shape, &x, &weight, None, &y)?;
        convolution::backward_input(&mut plan, shape, &weight, &d_y, &d_x)?;
        gpu().submit(&[&plan.finish()?])?;
        Ok([gpu().read::<f32>(&y)?, gpu().read::<f32>(&d_x)?])
    };
    result().expect("a convolution").map(|values| values.into_iter().map(f64::from).collect())
}

#[test]
fn a_convolution_with_one_tap_is_a_matrix_product() {
    let shape = Shape { channels_in: 17, height: 5, width: 13, channels_out: 7, kernel: [1, 1], stride: 1, padding: 0 };
    let draws = Draws::new(5);
    let (x, weight) = (draws.uniform("x", 17 * 65, -1.0, 1.0), draws.uniform("weight", 7 * 17, -1.0, 1.0));
    let d_y = draws.uniform("d_y", 7 * 65, -1.0, 1.0);
    let [y, d_x] = convolve(&shape, &x, &weight, &d_y);
    let want = [reference::matmul::ab(&weight, &x, 7, 65, 17), reference::matmul::atb(&weight, &d_y, 17, 65, 7)];
    for (got, want) in [y, d_x].iter().zip(&want) {
        let worst = got.iter().zip(want).map(|(got, want)| (got - want).abs()).fold(0.0, f64::max);
        assert!(got.len() == want.len() && worst < 1e-5 * largest(want), "off by {worst:e}");
    }
}

#[test]
fn a_convolution_backwards_is_its_adjoint() {
    let shape = Shape { channels_in: 3, height: 11, width: 14, channels_out: 9, kernel: [3, 5], stride: 1, padding: 0 };
    for (stride, padding) in [(1, 0), (1, 2), (2, 1), (3, 4), (5, 0)] {
        let shape = Shape { stride, padding, ..shape };
        let (draws, features) = (Draws::new(stride as u32), shape.features_out().expect("a valid shape"));
        let x = draws.uniform("x", 5 * shape.features_in(), -1.0, 1.0);
        let weight = draws.uniform("weight", 9 * 3 * 15, -1.0, 1.0);
        let d_y = draws.uniform("d_y", 5 * features, -1.0, 1.0);
        let [y, d_x] = convolve(&shape, &x, &weight, &d_y);
        let (forward, backward) = (dot(&y, &d_y), dot(&x, &d_x));
        let scale: f64 = y.iter().zip(&d_y).map(|(y, d)| (y * d).abs()).sum();
        assert!((forward - backward).abs() < 1e-6 * scale, "stride {stride}: {forward:e} and {backward:e}");
    }
}

#[test]
fn a_kernel_larger_than_the_padded_input_is_refused() {
    let shape = Shape { channels_in: 1, height: 4, width: 9, channels_out: 1, kernel: [7, 7], stride: 1, padding: 1 };
    let message = shape.output_height().expect_err("7 rows on 6").to_string();
    assert!(message.contains("a kernel of 1 to 6 rows") && message.contains('7'), "{message}");
    assert_eq!(shape.output_width().expect("7 columns on 11"), 5);
    assert!(Shape { stride: 0, ..shape }.output_width().is_err());
    assert!(convolution::partials(gpu(), &Shape { kernel: [1, 0], ..shape }, 1).is_err());
}
