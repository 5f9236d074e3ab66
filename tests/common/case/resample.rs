//! Cases of pictures seen through an affine map.

use flatlight::ops::resample::{Geometry, Mode, Resample};

use super::*;

/// How the pictures of a case lie.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    /// All alike, misaligned.
    Alike,
    /// Each its own way.
    Each,
    /// Not misaligned at all.
    Nominal,
}

/// Sizes are pictures, channels, height and width of the pictures, height and width of the result.
const EQUAL: &[&[usize]] = &[
    &[1, 1, 1, 1, 1, 1],
    &[1, 2, 3, 3, 3, 3],
    &[3, 1, 7, 9, 7, 9],
    &[3, 2, 1, 63, 1, 63],
    &[1, 1, 64, 1, 64, 1],
    &[1, 2, 65, 64, 65, 64],
    &[5, 1, 97, 63, 97, 63],
    &[1, 2, 211, 307, 211, 307],
];

/// The grid is larger, smaller, its centre half a pixel off.
const OTHER: &[&[usize]] = &[
    &[1, 1, 1, 1, 3, 4],
    &[1, 2, 3, 4, 1, 1],
    &[3, 1, 10, 7, 5, 12],
    &[1, 2, 65, 33, 63, 64],
    &[3, 1, 97, 89, 31, 41],
    &[1, 1, 64, 65, 151, 163],
];

const MISALIGNED: &str = "shifts of pixels, some degrees, scales of a tenth";

pub fn cases() -> Vec<Case> {
    use Lie::{Alike, Each, Nominal};
    use Mode::{Area, Bilinear, Nearest};
    const ONE: [f64; 2] = [1.0, 1.0];
    const COARSE: [f64; 2] = [2.75, 1.5];
    const FINE: [f64; 2] = [0.375, 0.5];
    vec![
        resampled("resample::forward, area", Area, Alike, ONE, EQUAL).note(MISALIGNED),
        resampled("resample::forward, area, each", Area, Each, ONE, EQUAL).note(MISALIGNED),
        resampled("resample::forward, area, coarse", Area, Each, COARSE, OTHER).note(MISALIGNED),
        // The place of a corner is rounded, and a cell is a fifth of a pixel.
        resampled("resample::forward, area, fine", Area, Alike, FINE, OTHER).tolerance(3e-5, 0.0).note(MISALIGNED),
        resampled("resample::forward, area, nominal", Area, Nominal, ONE, EQUAL).tolerance(0.0, 0.0).note(NOMINAL),
        resampled("resample::forward, bilinear", Bilinear, Alike, ONE, EQUAL).note(MISALIGNED),
        resampled("resample::forward, bilinear, coarse", Bilinear, Each, COARSE, &OTHER[1..]).note(MISALIGNED),
        resampled("resample::forward, bilinear, nominal", Bilinear, Nominal, ONE, EQUAL)
            .tolerance(0.0, 0.0)
            .note(NOMINAL),
        // Among more samples there is one whose pixel rounding decides.
        resampled("resample::forward, nearest", Nearest, Each, ONE, &EQUAL[..7]).tolerance(5e-7, 0.0).note(MISALIGNED),
        resampled("resample::forward, nearest, fine", Nearest, Alike, FINE, &OTHER[..5])
            .tolerance(5e-7, 0.0)
            .note(MISALIGNED),
        // A single pixel that is all that is seen does not change.
        slopes("resample::partial, area", Area, Alike, ONE, &EQUAL[1..4]),
        slopes("resample::partial, area, each", Area, Each, ONE, &EQUAL[1..4]),
        slopes("resample::partial, area, coarse", Area, Each, COARSE, &OTHER[..3]),
        slopes("resample::partial, area, fine", Area, Alike, FINE, &OTHER[2..3]),
        slopes("resample::partial, bilinear", Bilinear, Alike, ONE, &EQUAL[..4]),
        slopes("resample::partial, bilinear, coarse", Bilinear, Each, COARSE, &OTHER[1..3]),
        handed_down("resample::partial, area, handed down", Area, Alike, ONE, EQUAL),
        handed_down("resample::partial, area, coarse, handed down", Area, Each, COARSE, OTHER),
        handed_down("resample::partial, bilinear, handed down", Bilinear, Each, ONE, EQUAL),
        handed_down("resample::partial, area, nominal, handed down", Area, Nominal, ONE, EQUAL).note(NOMINAL),
        handed_down("resample::partial, bilinear, nominal, handed down", Bilinear, Nominal, ONE, EQUAL).note(NOMINAL),
    ]
}

const NOMINAL: &str = "equal grids, nothing misaligned";

/// The geometry in five slices, behind the pictures.
fn geometry(slices: &[Slice]) -> Geometry<'_> {
    Geometry { shift_x: &slices[0], shift_y: &slices[1], rotation: &slices[2], scale: &slices[3] }
}

fn geometry64(x: &[Vec<f64>]) -> [&[f64]; 4] {
    [1, 2, 3, 4].map(|input| &x[input][..])
}

/// Pictures, how they lie, and what sees them.
struct Scene {
    on: Resample,
    twin: reference::resample::Resample,
    inputs: Vec<Tensor>,
    /// Shape of the result.
    seen: [usize; 4],
    words: usize,
    /// Operations of a sample.
    per: usize,
}

fn scene(draws: Draws, mode: Mode, lie: Lie, step: [f64; 2], size: &[usize]) -> Scene {
    let [pictures, channels, height, width, to_height, to_width] = size.try_into().expect("six extents");
    let outside = [0.75, -0.25];
    let on = Resample::new(mode, [height, width], [to_height, to_width], outside).expect("a grid");
    let (twin_mode, per) = match mode {
        Mode::Area => (reference::resample::Mode::Area, 900),
        Mode::Bilinear => (reference::resample::Mode::Bilinear, 60),
        Mode::Nearest => (reference::resample::Mode::Nearest, 40),
    };
    let twin = reference::resample::Resample {
        mode: twin_mode,
        from: [height, width],
        to: [to_height, to_width],
        step,
        outside: outside.map(f64::from),
        channels,
    };
    let part = |name: &'static str, most: f64| {
        let most = if lie == Lie::Nominal { 0.0 } else { most };
        // One that all share beside those that every picture has its own of.
        let count = if name == "shift_y" || lie != Lie::Each { 1 } else { pictures };
        tensor(name, &[count], draws.uniform(name, count, -most, most))
    };
    // The middle stays in sight.
    let shift = if height.min(width) < 5 { 0.25 } else { 2.0 };
    let x = draws.uniform("x", pictures * height * width * channels, -1.0, 1.0);
    let mut inputs = vec![
        tensor("x", &[pictures, height, width, channels], x),
        part("shift_x", shift),
        part("shift_y", shift),
        part("rotation", 8.0),
        part("scale", 0.1),
    ];
    let seen = [pictures, to_height, to_width, channels];
    if inputs[0].values.len() < 20_000 {
        // NaN where most is seen; a picture has corners out of sight.
        let values: Vec<_> = inputs.iter().map(|input| input.values.clone()).collect();
        let sight = twin.backward(&vec![1.0; seen.iter().product()], geometry64(&values));
        let most = (0..sight.len()).max_by(|a, b| sight[*a].total_cmp(&sight[*b])).expect("a pixel");
        inputs[0].nan = vec![most];
    }
    Scene {
        on: on.with_step(step).expect("a step"),
        twin,
        inputs,
        seen,
        words: channels * pictures * (height * width + to_height * to_width),
        per,
    }
}

/// The result, and the gradient of the pictures.
fn resampled(name: &'static str, mode: Mode, lie: Lie, step: [f64; 2], sizes: &'static [&'static [usize]]) -> Case {
    let bench: &[usize] = if step == [1.0, 1.0] { &[1, 2, 1080, 1920, 1080, 1920] } else { &[64, 1, 128, 128, 64, 64] };
    case(name, sizes, bench, move |draws, size| {
        let Scene { on, twin, inputs, seen, words, per } = scene(draws, mode, lie, step, size);
        let samples = seen[..3].iter().product::<usize>();
        Problem {
            inputs,
            outputs: vec![fresh("y", &seen)],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, bound| {
                on.forward(plan, geometry(&bound.inputs[1..]), &bound.inputs[0], &bound.outputs[0])
            }),
            specification: Box::new(move |x| vec![twin.forward(&x[0], geometry64(x))]),
            gradient: Some(Gradient {
                of: vec![0],
                upstream: None,
                backward: Box::new(move |plan, bound| {
                    on.backward(plan, geometry(&bound.inputs[1..]), &bound.upstream[0], &bound.gradients[0])
                }),
                specification: Box::new(move |x, d| vec![twin.backward(&d[0], geometry64(x))]),
            }),
            costs: ["resample::forward", "resample::backward"]
                .map(|kernel| cost(kernel, per * samples, words))
                .to_vec(),
        }
    })
    // Where a sample sees the picture is rounded as its distance from where it would nominally.
    .tolerance(1e-5, 0.0)
}

/// The gradient of the geometry, against differences.
fn slopes(name: &'static str, mode: Mode, lie: Lie, step: [f64; 2], sizes: &'static [&'static [usize]]) -> Case {
    let Case { make, .. } = resampled(name, mode, lie, step, sizes);
    let slopes = move |draws: Draws, size: &[usize]| {
        let Scene { on, twin, seen, words, per, .. } = scene(draws, mode, lie, step, size);
        let mut problem = make(draws, size);
        problem.gradient = Some(Gradient {
            of: (1..5).collect(),
            upstream: None,
            backward: Box::new(move |plan, bound| {
                let partials = plan.gpu().zeros("partials", &on.partials(seen[0]), Scalar::F32)?;
                let (lie, d_lie) = (geometry(&bound.inputs[1..]), geometry(bound.gradients));
                on.backward_geometry(plan, lie, &bound.inputs[0], &bound.upstream[0], &partials, (d_lie, false))
            }),
            specification: Box::new(move |x, d| twin.backward_geometry(&x[0], &d[0], geometry64(x)).to_vec()),
        });
        let samples = seen[..3].iter().product::<usize>();
        let mut kernels = vec![cost("resample::forward", per * samples, words)];
        kernels.push(cost("resample::partial", 2 * per * samples, words));
        kernels.push(cost("resample::total", samples / 1024, samples / 256));
        problem.costs = kernels;
        problem
    };
    // What is left of many terms is rounded as they.
    case(name, sizes, &[1, 2, 270, 480, 270, 480], slopes).tolerance(1e-5, 1e-5).note(MISALIGNED)
}

/// The gradient of the geometry where the differences would meet kinks, or there are none but one-sided ones.
fn handed_down(name: &'static str, mode: Mode, lie: Lie, step: [f64; 2], sizes: &'static [&'static [usize]]) -> Case {
    case(name, sizes, &[1, 2, 1080, 1920, 1080, 1920], move |draws, size| {
        let Scene { on, twin, mut inputs, seen, words, per } = scene(draws, mode, lie, step, size);
        let samples = seen[..3].iter().product::<usize>();
        let d_y = draws.uniform("d_y", samples * seen[3], -1.0, 1.0);
        let outputs = inputs[1..].iter().map(|part| fresh("gradient", &part.shape)).collect();
        let middle = d_y.len() / 2;
        inputs.push(tensor("d_y", &seen, d_y).nan_at(vec![middle]));
        if size[2] * size[3] == 1 {
            // All that is seen of it may not change.
            inputs[0].nan.clear();
            inputs[5].nan.clear();
        }
        Problem {
            inputs,
            outputs,
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, bound| {
                let partials = plan.gpu().zeros("partials", &on.partials(seen[0]), Scalar::F32)?;
                let (lie, d_lie) = (geometry(&bound.inputs[1..]), geometry(bound.outputs));
                on.backward_geometry(plan, lie, &bound.inputs[0], &bound.inputs[5], &partials, (d_lie, false))
            }),
            specification: Box::new(move |x| twin.backward_geometry(&x[0], &x[5], geometry64(x)).to_vec()),
            gradient: None,
            costs: vec![
                cost("resample::partial", 2 * per * samples, words),
                cost("resample::total", samples / 1024, samples / 256),
            ],
        }
    })
    .tolerance(1e-5, 2e-3)
    .note(MISALIGNED)
}
