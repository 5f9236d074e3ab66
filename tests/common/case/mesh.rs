//! Cases of the meshes of interferometers, and of the detectors behind them.

use flatlight::gpu::{Error, PlanBuilder, Scalar, Slice};
use flatlight::mesh::Layout;
use flatlight::ops::mesh::{Coefficients, Fields, Mesh, State};
use flatlight::ops::{Clock, intensity};
use flatlight::reference;

use super::{Bound, Case, Draws, Gradient, Problem, Tensor, case, cost, fresh, tensor};

pub(super) fn cases() -> Vec<Case> {
    vec![
        coefficients(),
        mesh("mesh, rectangular", Layout::Clements, NONE, "portable"),
        mesh("mesh, triangular", Layout::Reck, NONE, "portable"),
        mesh("mesh, rectangular, loss", Layout::Clements, LOSS, "portable"),
        mesh("mesh, rectangular, checkpoints", Layout::Clements, MUCH, "portable"),
        mesh("mesh, triangular, checkpoints", Layout::Reck, MUCH, "portable"),
        mesh("mesh, rectangular, uneven, checkpoints", Layout::Clements, UNEVEN, "portable"),
        mesh("mesh, rectangular, subgroup", Layout::Clements, NONE, "subgroup"),
        mesh("mesh, triangular, subgroup", Layout::Reck, NONE, "subgroup"),
        mesh("mesh, triangular, loss, subgroup", Layout::Reck, CHIP, "subgroup"),
        intensities(),
    ]
}

/// Loss and unbalance of interferometers, dB: as they are designed, and what comes to it on the chip.
type Losses = [[f32; 2]; 2];
const NONE: Losses = [[0.0; 2]; 2];
/// Arms that lose 0.1 and 0.2 dB, by design and chip, and by the chip alone.
const LOSS: Losses = [[0.1, -0.05], [0.05, -0.05]];
const CHIP: Losses = [[0.0; 2], [0.15, -0.1]];
/// So much that fields are kept. Where arms differ as much as in the second, gradients of 128 modes would be wrong without.
const MUCH: Losses = [[0.5, 0.1], [0.0, 0.1]];
const UNEVEN: Losses = [[1.5, 2.9], [0.0, 0.1]];

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

/// Segments of 36 or 6 columns. Of 128 modes, 8 samples, of more fewer.
const CHECKPOINT_SIZES: &[&[usize]] = &[&[37, 3], &[64, 9], &[65, 65], &[128, 20], &[131, 12]];

fn twin(modes: usize, layout: Layout, loss: [f32; 2]) -> reference::mesh::Mesh {
    let layout = match layout {
        Layout::Clements => reference::mesh::Layout::Rectangular,
        Layout::Reck => reference::mesh::Layout::Triangular,
    };
    reference::mesh::Mesh { modes, layout, loss: loss.map(f64::from) }
}

/// Phases of a few turns, and errors.
fn parameters(draws: Draws, modes: usize, loss: [f32; 2]) -> Vec<Tensor> {
    let n = modes * (modes - 1) / 2;
    let tensors = [("theta", n, 10.0), ("phi", n, 10.0), ("gamma", modes, 10.0), ("phase_error", modes * modes, 0.3)];
    let mut inputs: Vec<_> =
        tensors.map(|(name, count, range)| tensor(name, &[count], draws.uniform(name, count, -range, range))).into();
    inputs.push(tensor("splitter_error", &[2, n], draws.uniform("splitter_error", 2 * n, -0.3, 0.3)));
    inputs.push(tensor("loss", &[1], vec![f64::from(loss[0])]));
    inputs.push(tensor("loss_unbalance", &[1], vec![f64::from(loss[1])]));
    inputs
}

fn state<'a>(on: &Bound<'a>) -> State<'a> {
    let [theta, phi, gamma, phase_error, splitter_error, loss, loss_unbalance] =
        [0, 1, 2, 3, 4, 5, 6].map(|place| &on.inputs[place]);
    State { theta, phi, gamma, phase_error, splitter_error, loss, loss_unbalance }
}

fn state64(x: &[Vec<f64>]) -> reference::mesh::Parameters<'_> {
    let [theta, phi, gamma, phase_error, splitter_error, loss, loss_unbalance] =
        [0, 1, 2, 3, 4, 5, 6].map(|place| &x[place][..]);
    reference::mesh::Parameters { theta, phi, gamma, phase_error, splitter_error, loss, loss_unbalance }
}

/// Where the field is among the inputs of a pass.
const FIELD: usize = 7;

/// Sizes are modes.
fn coefficients() -> Case {
    const SIZES: &[&[usize]] = &[&[2], &[3], &[11], &[12], &[64], &[97], &[229]];
    case("mesh::coefficients", SIZES, &[512], |draws, size| {
        let (modes, n) = (size[0], size[0] * (size[0] - 1) / 2);
        // An arm that loses 1.825 dB, and one that would amplify.
        let loss = [0.5, 0.25];
        let mesh = Mesh::new(modes, Layout::Clements).and_then(|mesh| mesh.with_loss(loss[0], loss[1]));
        let mesh = mesh.expect("a mesh");
        let twin = twin(modes, Layout::Clements, loss);
        let mut inputs = parameters(draws, modes, [0.2, 2.0]);
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
            costs: vec![
                cost("mesh::coefficients", 110 * n, 12 * n),
                cost("mesh::coefficients_screen", 40 * modes, 4 * modes),
            ],
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

fn mesh(name: &'static str, layout: Layout, losses: Losses, variant: &'static str) -> Case {
    let (lossy, kept) = (losses != NONE, [MUCH, UNEVEN].contains(&losses));
    let sizes = match variant {
        _ if kept => CHECKPOINT_SIZES,
        _ if lossy => LOSS_SIZES,
        "portable" => SIZES,
        _ => SUBGROUP_SIZES,
    };
    case(name, sizes, &[64, 1024], move |draws, size| {
        let [modes, batch] = size.try_into().expect("modes, batch");
        let [[loss, unbalance], chip] = losses;
        let mesh = Mesh::new(modes, layout).and_then(|mesh| mesh.with_loss(loss, unbalance)).expect("a mesh");
        let twin = twin(modes, layout, [loss, unbalance]);
        let n = mesh.interferometers();
        let mut inputs = parameters(draws, modes, chip);
        let field = draws.uniform("field", 2 * batch * modes, -1.0, 1.0);
        inputs.push(tensor("field", &[batch, modes, 2], field));
        if kept {
            // The specification goes back from the output alone: NaN would reach more there than from fields that are kept.
            inputs = inputs.into_iter().map(Tensor::quiet).collect();
        }
        let words = 2 * batch * modes + 8 * n;
        let forward = match variant {
            "portable" => "mesh::forward",
            _ if modes <= 64 => "mesh_subgroup::forward",
            _ => "mesh_subgroup::forward_wide",
        };
        let backward = if variant == "portable" { "mesh::backward" } else { "mesh_subgroup::backward" };
        Problem {
            inputs,
            outputs: vec![fresh("output", &[batch, modes, 2])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let [matrices, screen] = &made(plan, mesh, on)?;
                let fields = Fields { y: &on.outputs[0], checkpoints: None };
                mesh.forward(plan, Coefficients { matrices, screen }, &on.inputs[FIELD], fields)
            }),
            specification: Box::new(move |x| vec![twin.forward(state64(x), &x[FIELD])]),
            gradient: Some(Gradient {
                of: if lossy { vec![0, 1, 2, FIELD, 3] } else { vec![0, 1, 2, FIELD, 3, 4] },
                upstream: None,
                backward: Box::new(move |plan, on| {
                    let [matrices, screen] = &made(plan, mesh, on)?;
                    let coefficients = Coefficients { matrices, screen };
                    let [d_theta, d_phi, d_gamma, d_field, d_phase_error, d_splitter_error @ ..] = on.gradients else {
                        unreachable!("five gradients, and that of the couplers without loss");
                    };
                    let gpu = plan.gpu();
                    let partials = gpu.zeros("partials", &mesh.partials(batch), Scalar::F32)?;
                    gpu.write(&partials, &vec![f32::NAN; partials.len()])?;
                    let kept = mesh.checkpoints(batch).map(|shape| gpu.zeros("checkpoints", &shape, Scalar::F32));
                    let kept = &kept.transpose()?;
                    let fields = Fields { y: &on.outputs[0], checkpoints: kept.as_ref() };
                    if kept.is_some() {
                        // The output once more, and what is inside.
                        mesh.forward(plan, coefficients, &on.inputs[FIELD], fields)?;
                    }
                    mesh.backward(plan, coefficients, fields, &on.upstream[0], &partials, d_field)?;
                    mesh.backward_theta(plan, state(on), &partials, d_theta)?;
                    mesh.backward_phi(plan, &partials, d_phi)?;
                    mesh.backward_gamma(plan, &partials, d_gamma)?;
                    mesh.backward_phase_error(plan, state(on), &partials, d_phase_error)?;
                    d_splitter_error.iter().try_for_each(|gradient| {
                        mesh.backward_splitter_error(plan, state(on), coefficients, &partials, gradient)
                    })
                }),
                specification: Box::new(move |x, d| {
                    let output = twin.forward(state64(x), &x[FIELD]);
                    let of = twin.backward(state64(x), &output, &d[0]);
                    let phase_error = [&of.theta[..], &of.phi, &of.gamma].concat();
                    let all = [of.theta, of.phi, of.gamma, of.field, phase_error, of.splitter_error];
                    all.into_iter().take(if lossy { 5 } else { 6 }).collect()
                }),
            }),
            costs: vec![
                cost(forward, 28 * n * batch, words + 2 * batch * modes),
                cost(backward, 74 * n * batch, words + 4 * batch * modes),
                cost("mesh::backward_theta", 40 * n, 6 * n),
                cost("mesh::backward_phi", n, 2 * n),
                cost("mesh::backward_phase_error", 40 * n, 8 * n),
                cost("mesh::backward_splitter_error", 60 * n, 17 * n),
                cost("mesh::coefficients", 110 * n, 12 * n),
            ],
        }
    })
    // Where light is lost, gradients are small.
    .tolerance(1e-5, if kept { 1e-15 } else { 2e-6 })
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
