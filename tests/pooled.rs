//! Batch normalization and the max-pool behind it: at once and one after the other.

use flatlight::electronics::{NormRecipe, PoolRecipe};
use flatlight::gpu::{Gpu, Options, PlanBuilder, Scalar, Slice};
use flatlight::layer::Pass;
use flatlight::network::{LayerRecipe, Network};
use flatlight::ops::normalization::{Gradients, Normalization, Over, Pooled, State};
use flatlight::ops::{Clock, pool};
use flatlight::random;

const CHANNELS: usize = 3;
const BATCH: usize = 11;
/// Rows and columns that come in.
const SIDES: [usize; 2] = [6, 14];

fn open() -> Gpu {
    Gpu::open(&Options::default()).unwrap_or_else(|error| panic!("the kernels cannot be tested here: {error}"))
}

fn draws(name: &str, count: usize) -> impl Iterator<Item = f32> {
    random::units(5, random::stream(name)).take(count).map(|unit| unit as f32)
}

/// y, d_x, d_gamma and d_beta of elements that are often equal; spoilt ones hold a NaN, and statistics that know nothing of it.
fn run(gpu: &Gpu, rectify: bool, at_once: bool, spoilt: bool) -> [Vec<f32>; 4] {
    let [height, width] = SIDES;
    let (inputs, outputs) = (CHANNELS * height * width, CHANNELS * height * width / 4);
    let norm = Normalization {
        over: Over::Batch,
        batch: BATCH,
        channels: CHANNELS,
        positions: height * width,
        epsilon: 1e-5,
        rectify,
    };
    let mut values: Vec<_> = draws("x", BATCH * inputs).map(|unit| (3.0 * unit).floor()).collect();
    if spoilt {
        values[17] = f32::NAN;
    }
    let x = gpu.upload("x", &[BATCH, inputs], &values).unwrap();
    let d_y: Vec<_> = draws("d_y", BATCH * outputs).collect();
    let d_y = gpu.upload("d_y", &[BATCH, outputs], &d_y).unwrap();
    // A negative gain turns largest and smallest around.
    let gamma = gpu.upload("gamma", &[CHANNELS], &[0.5_f32, -1.5, 1.0]).unwrap();
    let beta = gpu.upload("beta", &[CHANNELS], &[0.25_f32, 0.0, -0.5]).unwrap();
    let zeros = |shape: &[usize]| gpu.zeros("result", shape, Scalar::F32).unwrap();
    let statistics = zeros(&[CHANNELS, 2]);
    if spoilt {
        gpu.write(&statistics, &[1.0_f32, 0.5, 1.0, 0.5, 1.0, 0.5]).unwrap();
    }
    let [y, d_x, d_gamma, d_beta] =
        [zeros(&[BATCH, outputs]), zeros(&[BATCH, inputs]), zeros(&[CHANNELS]), zeros(&[CHANNELS])];
    let clock = Clock::uniform(gpu).unwrap();
    gpu.write_uniform(&clock, &Clock { rows: BATCH as u32 - 2, ..Clock::default() }).unwrap();
    let state = State { clock: &clock, x: &x, gamma: &gamma, beta: &beta, statistics: &statistics };
    let gradients = Gradients { x: Some(&d_x), gamma: &d_gamma, beta: &d_beta };
    let mut plan = PlanBuilder::new(gpu, "pooled");
    let pooled = Pooled { norm, image: [height / 2, width / 2] };
    if !spoilt {
        norm.statistics(&mut plan, state, &norm.scratch(gpu).unwrap()).unwrap();
    }
    if at_once {
        // Its statistics are in another order; those of the norm serve both.
        let (scratch, extremes, own) = (pooled.scratch(gpu).unwrap(), zeros(&[BATCH, outputs]), zeros(&[CHANNELS, 2]));
        pooled.statistics(&mut plan, State { statistics: &own, ..state }, &scratch, &extremes).unwrap();
        pooled.forward(&mut plan, state, &extremes, &y).unwrap();
        pooled.backward(&mut plan, state, &extremes, &scratch, &d_y, gradients).unwrap();
    } else {
        let windows = pool::Shape::new([CHANNELS, height, width], 2, 2).unwrap();
        let [between, d_between] = [zeros(&[BATCH, inputs]), zeros(&[BATCH, inputs])];
        norm.forward(&mut plan, state, &between).unwrap();
        windows.max_forward(&mut plan, &between, &y).unwrap();
        windows.max_backward(&mut plan, &between, &y, &d_y, &d_between).unwrap();
        norm.backward(&mut plan, state, &norm.scratch(gpu).unwrap(), &d_between, gradients).unwrap();
    }
    gpu.submit(&[&plan.finish().unwrap()]).unwrap();
    [&y, &d_x, &d_gamma, &d_beta].map(|slice: &Slice| gpu.read(slice).unwrap())
}

#[test]
fn at_once_is_one_after_the_other() {
    let gpu = open();
    for (rectify, spoilt) in [(false, false), (true, false), (true, true)] {
        let [got, want] = [true, false].map(|at_once| run(&gpu, rectify, at_once, spoilt));
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&got[0]), bits(&want[0]), "y, rectifier: {rectify}");
        assert_eq!(got[0].iter().any(|y| y.is_nan()), spoilt);
        // Sums are in another order.
        for (name, (got, want)) in ["d_x", "d_gamma", "d_beta"].iter().zip(got[1..].iter().zip(&want[1..])) {
            for (at, (got, want)) in got.iter().zip(want).enumerate() {
                let same = (got - want).abs() < 1e-4 || (got.is_nan() && want.is_nan());
                assert!(same, "{name}[{at}] is {got} instead of {want}, rectifier: {rectify}");
            }
        }
        assert!(got[1].iter().any(|d| *d != 0.0));
    }
}

#[test]
fn a_pool_becomes_part_of_the_norm_before_it_and_names_do_not_show_it() {
    let gpu = open();
    let norm = || LayerRecipe::BatchNorm(NormRecipe::default());
    let pool = |window| LayerRecipe::MaxPool(PoolRecipe::new(window));
    let kernels = |layers: &[LayerRecipe], outputs| {
        let network = Network::new(&gpu, layers, &[2, 8, 12], outputs, 4).unwrap();
        let shapes: Vec<_> = network.parts().iter().map(|part| format!("{} {:?}", part.name, part.output)).collect();
        let forward = network.forward(Pass::First);
        let is_own = |name: &&str| name.contains("forward") || name.contains("pooled");
        let names: Vec<_> = forward.kernels().filter(is_own).map(str::to_owned).collect();
        (shapes, names)
    };
    let (shapes, names) = kernels(&[norm(), LayerRecipe::Relu, pool(2), pool(2)], 12);
    assert_eq!(shapes, ["norm1 [2, 8, 12]", "relu1 [2, 8, 12]", "pool1 [2, 4, 6]", "pool2 [2, 2, 3]"]);
    assert_eq!(names, ["normalization_pooled::moments", "normalization::forward", "pool::max_forward_half"]);
    let (_, names) = kernels(&[norm(), pool(2), LayerRecipe::Relu], 48);
    assert_eq!(names, ["normalization_pooled::moments", "normalization::forward"]);
    // Other windows and other norms stay what they are.
    let (_, names) = kernels(&[norm(), pool(4)], 12);
    assert_eq!(names, ["normalization::forward", "pool::max_forward"]);
    let layer = LayerRecipe::LayerNorm(NormRecipe::default());
    let (_, names) = kernels(&[layer, pool(2)], 48);
    assert_eq!(names, ["normalization::forward", "pool::max_forward_half"]);
}
