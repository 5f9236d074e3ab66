//! Cases of the meshes of interferometers, and of the detectors behind them.

use flatlight::gpu::{Error, PlanBuilder, Scalar, Slice};
use flatlight::ops::mesh::{Coefficients, Layout, Mesh, State};
use flatlight::ops::{Clock, intensity};
use flatlight::reference;

use super::{Bound, Case, Draws, Gradient, Problem, Tensor, case, cost, fresh, tensor};

pub(super) fn cases() -> Vec<Case> {
    vec![
        coefficients(),
        mesh("mesh, rectangular", Layout::Rectangular, [1.0; 2], "portable"),
        mesh("mesh, triangular", Layout::Triangular, [1.0; 2], "portable"),
        mesh("mesh, rectangular, loss", Layout::Rectangular, LOSS, "portable"),
        mesh("mesh, rectangular, subgroup", Layout::Rectangular, [1.0; 2], "subgroup"),
        mesh("mesh, triangular, subgroup", Layout::Triangular, [1.0; 2], "subgroup"),
        mesh("mesh, triangular, loss, subgroup", Layout::Triangular, LOSS, "subgroup"),
        intensities(),
    ]
}

/// Of amplitudes: losses of 0.1 and 0.2 dB an interferometer, unequal.
const LOSS: [f32; 2] = [0.9886, 0.9772];

/// Sizes are modes, batch. The last batches are more than the partial sums have rows for.
const SIZES: &[&[usize]] = &[
    &[2, 1],
    &[2, 65],
    &[3, 3],
    &[4, 64],
    &[7, 65],
    &[16, 3],
    &[16, 64],
    &[64, 1],
    &[64, 65],
    &[65, 3],
    &[65, 64],
    &[256, 1],
    &[256, 65],
    &[512, 3],
    &[5, 20_011],
];

/// All numbers of blocks of 16 modes; more modes than registers hold; more than workgroup memory holds eight samples of.
const SUBGROUP_SIZES: &[&[usize]] = &[
    &[2, 1],
    &[3, 8],
    &[7, 9],
    &[16, 65],
    &[17, 64],
    &[33, 3],
    &[48, 63],
    &[63, 65],
    &[64, 1],
    &[64, 65],
    &[65, 8],
    &[66, 17],
    &[100, 9],
    &[128, 3],
    &[191, 12],
    &[256, 8],
    &[512, 3],
    &[8, 20_011],
];

/// The backward pass loses as many digits as light is lost: one here.
const LOSS_SIZES: &[&[usize]] = &[&[2, 1], &[3, 3], &[7, 9], &[16, 65], &[64, 9], &[65, 8], &[100, 12]];

fn twin(modes: usize, layout: Layout, arms: [f32; 2]) -> reference::mesh::Mesh {
    let layout = match layout {
        Layout::Rectangular => reference::mesh::Layout::Rectangular,
        Layout::Triangular => reference::mesh::Layout::Triangular,
    };
    reference::mesh::Mesh { modes, layout, arms: arms.map(f64::from) }
}

/// Phases of a few turns, and errors.
fn parameters(draws: Draws, modes: usize) -> Vec<Tensor> {
    let n = modes * (modes - 1) / 2;
    let tensors = [("theta", n, 10.0), ("phi", n, 10.0), ("gamma", modes, 10.0), ("phase_error", modes * modes, 0.3)];
    let mut inputs: Vec<_> =
        tensors.map(|(name, count, range)| tensor(name, &[count], draws.uniform(name, count, -range, range))).into();
    inputs.push(tensor("splitter_error", &[2, n], draws.uniform("splitter_error", 2 * n, -0.3, 0.3)));
    inputs
}

fn state<'a>(on: &Bound<'a>) -> State<'a> {
    let [theta, phi, gamma, phase_error, splitter_error] = [0, 1, 2, 3, 4].map(|place| &on.inputs[place]);
    State { theta, phi, gamma, phase_error, splitter_error }
}

fn state64(x: &[Vec<f64>]) -> reference::mesh::Parameters<'_> {
    let [theta, phi, gamma, phase_error, splitter_error] = [0, 1, 2, 3, 4].map(|place| &x[place][..]);
    reference::mesh::Parameters { theta, phi, gamma, phase_error, splitter_error }
}

/// Sizes are modes.
fn coefficients() -> Case {
    const SIZES: &[&[usize]] = &[&[2], &[3], &[11], &[12], &[64], &[97], &[229]];
    case("mesh::coefficients", SIZES, &[512], |draws, size| {
        let (modes, n) = (size[0], size[0] * (size[0] - 1) / 2);
        let mesh = Mesh::new(modes, Layout::Rectangular).expect("enough modes");
        let twin = twin(modes, Layout::Rectangular, [1.0; 2]);
        let mut inputs = parameters(draws, modes);
        // Many turns away, and couplers that split nearly nothing and nearly all.
        for (place, at, value) in [(0, 0, 3000.0), (1, 0, -9000.0), (4, 0, 0.96875), (4, n, -0.96875)] {
            inputs[place].values[at] = value;
        }
        // 9,000 rad is a number of f32 to 1e-3 only, and so would be its sum with an error.
        inputs[3].values[0] = 0.0;
        inputs[3].values[n] = 0.0;
        Problem {
            inputs,
            outputs: vec![fresh("matrices", &[n, 2, 2, 2]), fresh("screen", &[modes, 2])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let made = Coefficients { matrices: &on.outputs[0], screen: &on.outputs[1] };
                mesh.coefficients(plan, state(on), made)
            }),
            specification: Box::new(move |x| vec![twin.matrices(state64(x)), twin.screen(state64(x))]),
            gradient: None,
            costs: vec![cost("mesh::coefficients", 110 * n, 12 * n)],
        }
    })
    .note("phases up to 9,000 rad; `mesh` holds its gradients")
}

/// Coefficients for a pass.
fn made(plan: &mut PlanBuilder<'_>, mesh: Mesh, on: &Bound<'_>) -> Result<[Slice; 2], Error> {
    let matrices = plan.gpu().zeros("matrices", &[mesh.interferometers(), 2, 2, 2], Scalar::F32)?;
    let screen = plan.gpu().zeros("screen", &[mesh.modes(), 2], Scalar::F32)?;
    mesh.coefficients(plan, state(on), Coefficients { matrices: &matrices, screen: &screen })?;
    Ok([matrices, screen])
}

fn mesh(name: &'static str, layout: Layout, arms: [f32; 2], variant: &'static str) -> Case {
    let lossy = arms != [1.0; 2];
    let sizes = match variant {
        _ if lossy => LOSS_SIZES,
        "portable" => SIZES,
        _ => SUBGROUP_SIZES,
    };
    case(name, sizes, &[64, 1024], move |draws, size| {
        let [modes, batch] = size.try_into().expect("modes, batch");
        let mesh = Mesh::new(modes, layout).and_then(|mesh| mesh.with_arms(arms)).expect("a mesh");
        let twin = twin(modes, layout, arms);
        let n = mesh.interferometers();
        let mut inputs = parameters(draws, modes);
        let field = draws.uniform("field", 2 * batch * modes, -1.0, 1.0);
        inputs.push(tensor("field", &[batch, modes, 2], field));
        let words = 2 * batch * modes + 8 * n;
        let forward = if variant == "portable" { "mesh::forward" } else { "mesh_subgroup::forward" };
        let backward = if variant == "portable" { "mesh::backward" } else { "mesh_subgroup::backward" };
        Problem {
            inputs,
            outputs: vec![fresh("output", &[batch, modes, 2])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let [matrices, screen] = &made(plan, mesh, on)?;
                mesh.forward(plan, Coefficients { matrices, screen }, &on.inputs[5], &on.outputs[0])
            }),
            specification: Box::new(move |x| vec![twin.forward(state64(x), &x[5])]),
            gradient: Some(Gradient {
                of: if lossy { vec![0, 1, 2, 5] } else { vec![0, 1, 2, 5, 4] },
                upstream: None,
                backward: Box::new(move |plan, on| {
                    let [matrices, screen] = &made(plan, mesh, on)?;
                    let coefficients = Coefficients { matrices, screen };
                    let [d_theta, d_phi, d_gamma, d_field, d_splitter_error @ ..] = on.gradients else {
                        unreachable!("four gradients, and that of the couplers without loss");
                    };
                    let gpu = plan.gpu();
                    let partials = gpu.zeros("partials", &mesh.partials(batch), Scalar::F32)?;
                    gpu.write(&partials, &vec![f32::NAN; partials.len()])?;
                    mesh.backward(plan, coefficients, &on.outputs[0], &on.upstream[0], &partials, d_field)?;
                    mesh.backward_theta(plan, state(on), &partials, d_theta)?;
                    mesh.backward_phi(plan, &partials, d_phi)?;
                    mesh.backward_gamma(plan, &partials, d_gamma)?;
                    d_splitter_error.iter().try_for_each(|gradient| {
                        mesh.backward_splitter_error(plan, state(on), coefficients, &partials, gradient)
                    })
                }),
                specification: Box::new(move |x, d| {
                    let output = twin.forward(state64(x), &x[5]);
                    let of = twin.backward(state64(x), &output, &d[0]);
                    let all = [of.theta, of.phi, of.gamma, of.field, of.splitter_error];
                    all.into_iter().take(if lossy { 4 } else { 5 }).collect()
                }),
            }),
            costs: vec![
                cost(forward, 28 * n * batch, words + 2 * batch * modes),
                cost(backward, 74 * n * batch, words + 4 * batch * modes),
                cost("mesh::backward_theta", 40 * n, 6 * n),
                cost("mesh::backward_phi", n, 2 * n),
                cost("mesh::backward_splitter_error", 60 * n, 17 * n),
                cost("mesh::coefficients", 110 * n, 12 * n),
            ],
        }
    })
    .tolerance(1e-5, 2e-6)
    .variant("mesh", variant)
    .order(if variant == "portable" { 0.0 } else { 1e-6 })
    .note("phases of a few turns, errors up to 0.3; a gradient alone may all but vanish")
}

fn intensities() -> Case {
    case("intensity", super::ELEMENTS, &[1 << 20], |draws, size| {
        let n = size[0];
        Problem {
            inputs: vec![tensor("field", &[n, 2], draws.uniform("field", 2 * n, -1.0, 1.0))],
            outputs: vec![fresh("intensity", &[n])],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| intensity::forward(plan, &on.inputs[0], &on.outputs[0])),
            specification: Box::new(|x| vec![reference::intensity::forward(&x[0])]),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: None,
                backward: Box::new(|plan, on| {
                    intensity::backward(plan, &on.inputs[0], &on.upstream[0], &on.gradients[0])
                }),
                specification: Box::new(|x, d| vec![reference::intensity::backward(&x[0], &d[0])]),
            }),
            costs: vec![cost("intensity::forward", 3 * n, 3 * n), cost("intensity::backward", 3 * n, 5 * n)],
        }
    })
}
