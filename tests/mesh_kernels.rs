//! Meshes of interferometers as physics has them: power is kept, columns compose, a whole turn is none.

mod common;

use common::case::{Draws, floats};
use common::{device, gpu};
use flatlight::gpu::{Error, Gpu, Options, PlanBuilder, Scalar};
use flatlight::mesh::Layout;
use flatlight::ops::mesh::{self, Coefficients, Fields, Mesh, State};
use flatlight::reference::complex_matmul;

/// Phases and errors, as in [`State`].
#[derive(Clone)]
struct Set {
    theta: Vec<f32>,
    phi: Vec<f32>,
    gamma: Vec<f32>,
    phase_error: Vec<f32>,
    splitter_error: Vec<f32>,
}

fn set(mesh: &Mesh) -> Set {
    let draw = |name, count, range: f64| floats(&Draws::new(1).uniform(name, count, -range, range));
    let n = mesh.interferometers();
    Set {
        theta: draw("theta", n, 3.0),
        phi: draw("phi", n, 3.0),
        gamma: draw("gamma", mesh.modes(), 3.0),
        phase_error: draw("phase_error", mesh.modes() * mesh.modes(), 0.3),
        splitter_error: draw("splitter_error", 2 * n, 0.3),
    }
}

/// What a mesh makes of fields.
fn pass(mesh: &Mesh, set: &Set, fields: &[f64]) -> Vec<f64> {
    pass_on(gpu(), mesh, set, fields)
}

fn pass_on(gpu: &Gpu, mesh: &Mesh, set: &Set, fields: &[f64]) -> Vec<f64> {
    let result = || -> Result<_, Error> {
        let (n, modes) = (mesh.interferometers(), mesh.modes());
        let batch = fields.len() / 2 / modes;
        let upload = |name, values: &[f32]| gpu.upload(name, &[values.len()], values);
        let [theta, phi] = [upload("theta", &set.theta)?, upload("phi", &set.phi)?];
        let [gamma, phase_error] = [upload("gamma", &set.gamma)?, upload("phase_error", &set.phase_error)?];
        let splitter_error = gpu.upload("splitter_error", &[2, n], &set.splitter_error)?;
        let none = gpu.zeros("no loss", &[1], Scalar::F32)?;
        let matrices = gpu.zeros("matrices", &[n, 2, 2, 2], Scalar::F32)?;
        let screen = gpu.zeros("screen", &[modes, 2], Scalar::F32)?;
        let x = gpu.upload("x", &[batch, modes, 2], &floats(fields))?;
        let y = gpu.zeros("y", &[batch, modes, 2], Scalar::F32)?;
        let coefficients = Coefficients { matrices: &matrices, screen: &screen };
        let state = State {
            theta: &theta,
            phi: &phi,
            gamma: &gamma,
            phase_error: &phase_error,
            splitter_error: &splitter_error,
            loss: &none,
            loss_unbalance: &none,
        };
        let mut plan = PlanBuilder::new(gpu, "mesh");
        mesh.coefficients(&mut plan, state, coefficients)?;
        mesh.forward(&mut plan, coefficients, &x, Fields { y: &y, checkpoints: None })?;
        gpu.submit(&[&plan.finish()?])?;
        gpu.read::<f32>(&y)
    };
    result().expect("a pass").into_iter().map(f64::from).collect()
}

/// Light in one mode after the other: what comes out is the transpose of the mesh's matrix.
fn identity(modes: usize) -> Vec<f64> {
    let one = |at: usize| if at.is_multiple_of(2) && at / 2 % modes == at / 2 / modes { 1.0 } else { 0.0 };
    (0..2 * modes * modes).map(one).collect()
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// One mesh in registers where the adapter has that variant, one in workgroup memory, both layouts.
fn meshes() -> [Mesh; 4] {
    let sizes = [(7, Layout::Reck), (64, Layout::Clements), (100, Layout::Reck), (256, Layout::Clements)];
    sizes.map(|(modes, layout)| Mesh::new(modes, layout).expect("a mesh"))
}

fn power(z: &[f64]) -> f64 {
    z.iter().map(|part| part * part).sum()
}

#[test]
fn a_mesh_keeps_power_and_is_unitary() {
    for mesh in meshes() {
        let modes = mesh.modes();
        let fields = Draws::new(2).uniform("fields", 2 * 33 * modes, -1.0, 1.0);
        let y = pass(&mesh, &set(&mesh), &fields);
        for (x, y) in fields.chunks_exact(2 * modes).zip(y.chunks_exact(2 * modes)) {
            let kept = power(y) / power(x);
            assert!((kept - 1.0).abs() < 1e-5, "{mesh:?}: {kept} of the power");
        }
        let u = pass(&mesh, &set(&mesh), &identity(modes));
        let off = apart(&complex_matmul::abh(&u, &u, modes, modes, modes), &identity(modes));
        assert!(off < 1e-5, "{mesh:?}: U U^H is off the identity by {off:e}");
    }
}

/// The most modes and columns: invocations take as many loop turns as any, and a driver that stops them says nothing.
#[test]
fn the_largest_mesh_keeps_power_in_all_variants() {
    let mesh = Mesh::new(1024, Layout::Reck).expect("a mesh");
    let (set, fields) = (set(&mesh), Draws::new(5).uniform("fields", 2 * 3 * 1024, -1.0, 1.0));
    let fields_out: Vec<_> = mesh::variants(gpu())
        .into_iter()
        .map(|variant| pass_on(device(Some(("mesh", variant)), &Options::default()), &mesh, &set, &fields))
        .collect();
    for y in &fields_out {
        for (x, y) in fields.chunks_exact(2 * 1024).zip(y.chunks_exact(2 * 1024)) {
            let kept = power(y) / power(x);
            assert!((kept - 1.0).abs() < 1e-5, "{kept} of the power");
        }
        assert!(apart(y, &fields_out[0]) < 1e-4, "variants differ");
    }
}

/// The first modes of the interferometers of a column, as the layouts are drawn: a rectangle of N columns, or a triangle
/// whose tip, 2N - 3 columns wide, lies at the last two modes.
fn drawn(mesh: &Mesh, layout: Layout, column: usize) -> Vec<usize> {
    let tip = mesh.modes() - 2;
    let there = |p: &usize| match layout {
        Layout::Clements => p % 2 == column % 2,
        Layout::Reck => column.abs_diff(tip) <= *p && (p + column + tip).is_multiple_of(2),
    };
    (0..=tip).filter(there).collect()
}

#[test]
fn dense_columns_compose_to_the_mesh() {
    for (modes, layout) in [2, 3, 10, 65].into_iter().flat_map(|n| [(n, Layout::Clements), (n, Layout::Reck)]) {
        let mesh = Mesh::new(modes, layout).expect("a mesh");
        let set = set(&mesh);
        let mut whole = identity(modes);
        let mut interferometer = 0;
        for column in 0..mesh.columns() {
            let mut dense = identity(modes);
            for p in drawn(&mesh, layout, column) {
                let n = mesh.interferometers();
                let off = [0, n].map(|first| f64::from(set.phase_error[first + interferometer]));
                let [left, right] = [0, n].map(|first| f64::from(set.splitter_error[first + interferometer]));
                let theta = f64::from(set.theta[interferometer]) + off[0];
                let phi = f64::from(set.phi[interferometer]) + off[1];
                let coupler = |e: f64| {
                    let [through, across] = [((1.0 + e) / 2.0).sqrt(), ((1.0 - e) / 2.0).sqrt()];
                    vec![through, 0.0, 0.0, across, 0.0, across, through, 0.0]
                };
                let shifter = |phase: f64| vec![phase.cos(), phase.sin(), 0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
                let parts = [shifter(phi), coupler(left), shifter(theta), coupler(right)];
                let one = vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
                let matrix = parts.iter().fold(one, |whole, part| complex_matmul::ab(part, &whole, 2, 2, 2));
                for row in 0..2 {
                    dense[2 * ((p + row) * modes + p)..][..4].copy_from_slice(&matrix[4 * row..][..4]);
                }
                interferometer += 1;
            }
            whole = complex_matmul::ab(&dense, &whole, modes, modes, modes);
        }
        assert_eq!(interferometer, mesh.interferometers(), "{mesh:?}: interferometers");
        let off = &set.phase_error[2 * mesh.interferometers()..];
        for (row, (gamma, off)) in whole.chunks_exact_mut(2 * modes).zip(set.gamma.iter().zip(off)) {
            let (sin, cos) = (f64::from(*gamma) + f64::from(*off)).sin_cos();
            row.copy_from_slice(&complex_matmul::ab(&[cos, sin], row, 1, modes, 1));
        }
        let fields = Draws::new(3).uniform("fields", 2 * 9 * modes, -1.0, 1.0);
        // Samples are rows: y = x U', and U' is the conjugate of U^H.
        let conj = |z: &[f64]| -> Vec<f64> { z.chunks_exact(2).flat_map(|z| [z[0], -z[1]]).collect() };
        let want = complex_matmul::abh(&fields, &conj(&whole), 9, modes, modes);
        let off = apart(&pass(&mesh, &set, &fields), &want);
        assert!(off < 1e-5, "{mesh:?}: off the product of its columns by {off:e}");
    }
}

#[test]
fn a_phase_moved_by_a_turn_changes_nothing() {
    for mesh in meshes() {
        let set = set(&mesh);
        let mut moved = set.clone();
        for (turns, phases) in [(1.0, &mut moved.theta), (-2.0, &mut moved.phi), (3.0, &mut moved.gamma)] {
            phases.iter_mut().for_each(|phase| *phase = (f64::from(*phase) + turns * std::f64::consts::TAU) as f32);
        }
        let fields = Draws::new(4).uniform("fields", 2 * 3 * mesh.modes(), -1.0, 1.0);
        let [before, after] = [&set, &moved].map(|set| pass(&mesh, set, &fields));
        let off = apart(&before, &after);
        // Phases of up to 20 rad are numbers of f32 to 1e-6.
        assert!(off < 5e-5 && before != after, "{mesh:?}: off by {off:e}");
    }
}

#[test]
fn a_mesh_of_one_mode_or_too_many_is_refused() {
    for modes in [0, 1, 1025] {
        let message = Mesh::new(modes, Layout::Clements).expect_err("no mesh").to_string();
        assert!(message.contains("2 to 1024 modes") && message.contains(&modes.to_string()), "{message}");
    }
}

#[test]
fn loss_below_zero_and_couplers_of_lossy_meshes_are_refused() {
    let mesh = Mesh::new(4, Layout::Clements).expect("a mesh");
    for [loss, unbalance] in [[-0.1, 0.0], [f32::NAN, 0.0], [101.0, 0.0], [0.0, f32::NAN], [0.0, -101.0]] {
        let message = mesh.with_loss(loss, unbalance).expect_err("no loss").to_string();
        assert!(message.contains("0 to 100 dB"), "{message}");
    }
    let lossy = mesh.with_loss(0.25, 0.0).expect("a mesh");
    let slice = |shape: &[usize]| gpu().zeros("slice", shape, Scalar::F32).expect("room");
    let [phases, gamma, phase_error, splitter_error] = [slice(&[6]), slice(&[4]), slice(&[16]), slice(&[2, 6])];
    let none = slice(&[1]);
    let state = State {
        theta: &phases,
        phi: &phases,
        gamma: &gamma,
        phase_error: &phase_error,
        splitter_error: &splitter_error,
        loss: &none,
        loss_unbalance: &none,
    };
    let [matrices, screen, partials, gradient] =
        [slice(&[6, 2, 2, 2]), slice(&[4, 2]), slice(&lossy.partials(3)), slice(&[2, 6])];
    let coefficients = Coefficients { matrices: &matrices, screen: &screen };
    let mut plan = PlanBuilder::new(gpu(), "mesh");
    mesh.backward_splitter_error(&mut plan, state, coefficients, &partials, &gradient).expect("without loss");
    let refused = lossy.backward_splitter_error(&mut plan, state, coefficients, &partials, &gradient);
    let message = refused.expect_err("with loss").to_string();
    assert!(message.contains("a mesh without loss") && message.contains("0.25 dB"), "{message}");
}

/// Equal loss in both arms is a factor an interferometer: a rectangle of two modes has one.
#[test]
fn equal_loss_is_a_factor() {
    let mesh = Mesh::new(2, Layout::Clements).expect("a mesh");
    let (set, fields) = (set(&mesh), Draws::new(6).uniform("fields", 2 * 5 * 2, -1.0, 1.0));
    // 6.02 dB are half of the amplitude.
    let lossy = mesh.with_loss(20.0 * 2.0_f32.log10(), 0.0).expect("a mesh");
    let whole: Vec<_> = pass(&mesh, &set, &fields).into_iter().map(|z| 0.5 * z).collect();
    assert!(apart(&pass(&lossy, &set, &fields), &whole) < 1e-6);
}

/// Memory of the backward pass: what it keeps of a batch is bounded and no field of any column.
#[test]
fn partial_sums_are_bounded() {
    let partials = |modes, batch| {
        let mesh = Mesh::new(modes, Layout::Clements).expect("a mesh");
        mesh.partials(batch)
    };
    assert_eq!(partials(64, 512), [64, 2016 + 16 + 8 * 64, 4]);
    assert_eq!(partials(4, 1), [1, 7 + 8 * 4, 4]);
    assert_eq!(partials(4, 20_000)[0], 250);
    for modes in [2, 64, 65, 512, 1024] {
        let [groups, row, four] = partials(modes, 100_000);
        assert!(groups > 0 && groups * row * four <= 8 << 20, "{modes} modes: {groups} groups");
    }
}

/// Fields are kept after every 20 dB of the mesh's depth, and of a mesh that loses less none.
#[test]
fn checkpoints_follow_the_loss() {
    let mesh = |modes, layout, loss, unbalance| {
        let mesh = Mesh::new(modes, layout).and_then(|mesh| mesh.with_loss(loss, unbalance)).expect("a mesh");
        mesh.checkpoints(5)
    };
    assert_eq!(mesh(128, Layout::Clements, 0.0, 0.0), None);
    assert_eq!(mesh(128, Layout::Clements, 0.15, 0.0), None);
    assert_eq!(mesh(128, Layout::Clements, 0.5, 0.0), Some([3, 5, 128, 2]));
    assert_eq!(mesh(128, Layout::Clements, 0.25, -0.5), Some([3, 5, 128, 2]));
    assert_eq!(mesh(128, Layout::Reck, 0.5, 0.0), Some([6, 5, 128, 2]));
    assert_eq!(mesh(4, Layout::Clements, 50.0, 0.0), Some([3, 5, 4, 2]));
}
