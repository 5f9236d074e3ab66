//! Batch, layer and group normalization.

use flatlight::gpu::Scalar;
use flatlight::ops::Clock;
use flatlight::ops::normalization::{Gradients, Normalization, Over, Pooled, State};
use flatlight::reference::{activation, normalization as twin, pool};

use super::{Bound, Case, Draws, Gradient, Output, Problem, Tensor, case, cost, fresh, tensor};

const EPSILON: f32 = 1e-5;
/// Weights that make a moving average the plain mean.
const SHARES: [f32; 3] = [1.0, 0.5, 1.0 / 3.0];
const MOMENTUM: f32 = 0.1;

/// Sizes are rows of the batch, valid rows, channels, positions.
const BATCH: &[&[usize]] = &[
    &[1, 1, 1, 1],
    &[1, 1, 3, 64],
    &[3, 3, 63, 1],
    &[4, 3, 3, 7],
    &[63, 62, 3, 4],
    &[64, 64, 97, 1],
    &[65, 33, 64, 3],
    &[97, 97, 65, 1],
    // Fewer valid rows than runs of rows.
    &[300, 3, 2, 65],
    &[300, 3, 4, 63],
    &[256, 250, 16, 100],
    &[256, 256, 6, 784],
    // A million in a channel, more than one invocation may see.
    &[1009, 1000, 2, 1024],
];
const LAYER: &[&[usize]] = &[
    &[1, 1, 1, 1],
    &[1, 1, 3, 64],
    &[3, 2, 63, 1],
    &[65, 64, 5, 3],
    &[5, 4, 64, 7],
    &[97, 97, 65, 1],
    &[3, 3, 1009, 2],
    &[256, 250, 16, 100],
    &[256, 256, 6, 784],
];
/// One group more, the number of groups.
const GROUP: &[&[usize]] = &[
    &[1, 1, 1, 1, 1],
    &[3, 3, 3, 63, 3],
    &[4, 3, 6, 7, 2],
    &[63, 60, 64, 1, 1],
    &[65, 64, 65, 1, 5],
    // Four neighbours of two groups.
    &[5, 4, 36, 1, 6],
    &[5, 5, 4, 97, 2],
    &[64, 64, 4, 65, 4],
    &[3, 2, 4, 5003, 2],
    &[256, 250, 16, 100, 4],
    &[256, 256, 6, 784, 2],
];

/// Batch, valid rows, channels, rows and columns of what is put out.
const POOLED: &[&[usize]] = &[
    &[1, 1, 1, 1, 1],
    &[3, 3, 63, 1, 3],
    &[4, 3, 2, 5, 7],
    &[63, 62, 3, 2, 2],
    &[64, 64, 1, 1, 64],
    &[65, 33, 5, 3, 1],
    // Fewer valid rows than runs of rows, more columns than lanes.
    &[300, 3, 2, 4, 97],
    &[256, 250, 16, 5, 5],
    &[256, 256, 6, 14, 14],
];

/// The sizes of a convolution, a smaller one, and a dense layer.
pub fn cases() -> Vec<Case> {
    let batch = |_| Over::Batch;
    let layer = |_| Over::Layer;
    vec![
        normalize("normalization, batch", BATCH, &[256, 256, 6, 784], 0.5, batch),
        normalize("normalization, batch, offset", BATCH, &[256, 256, 16, 100], 100.0, batch)
            // The mean itself is kept to 4e-6.
            .tolerance(1e-4, 0.0)
            .note("mean 100, deviation 1"),
        normalize("normalization, batch, dense", &[&[256, 200, 120, 1]], &[256, 256, 120, 1], 0.5, batch),
        normalize("normalization, layer", LAYER, &[256, 256, 6, 784], 0.5, layer),
        normalize("normalization, layer, small", &[&[97, 90, 16, 100]], &[256, 256, 16, 100], 0.5, layer),
        normalize("normalization, layer, dense", &[&[256, 200, 120, 1]], &[256, 256, 120, 1], 0.5, layer),
        normalize("normalization, group", GROUP, &[256, 256, 6, 784, 2], 0.5, Over::Group),
        normalize("normalization, group, small", &[&[97, 90, 16, 100, 4]], &[256, 256, 16, 100, 4], 0.5, Over::Group),
        normalize("normalization, group, dense", &[&[256, 200, 120, 1, 4]], &[256, 256, 120, 1, 4], 0.5, Over::Group),
        rectified("normalization, batch, rectified", BATCH, &[256, 256, 6, 784], batch),
        rectified("normalization, layer, rectified", LAYER, &[256, 256, 6, 784], layer),
        rectified("normalization, group, rectified", GROUP, &[256, 256, 6, 784, 2], Over::Group),
        pooled("normalization, batch, pooled", false),
        pooled("normalization, batch, rectified and pooled", true),
        tracked("normalization::track", Some(MOMENTUM)),
        tracked("normalization::track by the clock", None),
        evaluated(),
    ]
}

/// A problem's extents, the kernel and its twin.
#[derive(Clone, Copy)]
struct Setting {
    rows: usize,
    /// Elements of all rows, and of the valid ones.
    elements: usize,
    valid: usize,
    kernel: Normalization,
    twin: twin::Normalization,
}

impl Setting {
    fn new(size: &[usize], over: fn(usize) -> Over) -> Self {
        let [batch, rows, channels, positions] = size[..4].try_into().expect("batch, rows, channels, positions");
        let over = over(size.get(4).copied().unwrap_or(1));
        let twin_over = match over {
            Over::Batch => twin::Over::Batch,
            Over::Layer => twin::Over::Layer,
            Over::Group(groups) => twin::Over::Group(groups),
        };
        let outputs = channels * positions;
        Self {
            rows,
            elements: batch * outputs,
            valid: rows * outputs,
            kernel: Normalization { over, batch, channels, positions, epsilon: EPSILON, rectify: false },
            twin: twin::Normalization { over: twin_over, channels, positions, epsilon: f64::from(EPSILON) },
        }
    }

    fn shape(&self) -> [usize; 2] {
        [self.kernel.batch, self.kernel.channels * self.kernel.positions]
    }

    /// x, gamma, beta and statistics.
    fn inputs(&self, draws: Draws, offset: f64, statistics: Tensor) -> Vec<Tensor> {
        let channels = self.kernel.channels;
        vec![
            tensor("x", &self.shape(), draws.uniform("x", self.elements, offset - 2.0, offset + 2.0))
                .nan_at(vec![0, self.valid - 1]),
            tensor("gamma", &[channels], draws.uniform("gamma", channels, -1.5, 1.5)),
            tensor("beta", &[channels], draws.uniform("beta", channels, -1.0, 1.0)),
            statistics,
        ]
    }

    /// Statistics that a kernel is to overwrite.
    fn unknown(&self) -> Tensor {
        let populations = self.kernel.populations();
        tensor("statistics", &[populations, 2], vec![f64::NAN; 2 * populations]).quiet()
    }

    fn stored(&self, draws: Draws) -> Tensor {
        let channels = self.kernel.channels;
        tensor("stored", &[channels, 2], draws.uniform("stored", 2 * channels, 0.5, 2.0))
    }

    fn clock(&self) -> Clock {
        Clock { rows: self.rows as u32, ..Clock::default() }
    }

    /// Padding gives 0.
    fn padded(&self, mut values: Vec<f64>) -> Vec<f64> {
        values.resize(self.elements, 0.0);
        values
    }
}

fn state<'a>(on: &Bound<'a>) -> State<'a> {
    let [x, gamma, beta, statistics] = [0, 1, 2, 3].map(|input| &on.inputs[input]);
    State { clock: on.clock, x, gamma, beta, statistics }
}

fn normalize(
    name: &'static str,
    sizes: &'static [&'static [usize]],
    bench: &'static [usize],
    offset: f64,
    over: fn(usize) -> Over,
) -> Case {
    case(name, sizes, bench, move |draws, size| {
        let setting = Setting::new(size, over);
        let Setting { kernel, twin, valid, .. } = setting;
        // The sums of d_x are those of the gradients only for batch normalization.
        let correlations = if kernel.over == Over::Batch { 1 } else { 2 };
        Problem {
            inputs: setting.inputs(draws, offset, setting.unknown()),
            outputs: vec![fresh("y", &setting.shape())],
            clocks: vec![setting.clock()],
            forward: Box::new(move |plan, on| {
                let scratch = kernel.scratch(plan.gpu())?;
                kernel.statistics(plan, state(on), &scratch)?;
                kernel.forward(plan, state(on), &on.outputs[0])
            }),
            specification: Box::new(move |x| {
                let own = twin.statistics(&x[0][..valid]);
                vec![setting.padded(twin.forward(&x[0][..valid], &own, &x[1], &x[2]))]
            }),
            gradient: Some(Gradient {
                of: vec![0, 1, 2],
                upstream: None,
                backward: Box::new(move |plan, on| {
                    let scratch = kernel.scratch(plan.gpu())?;
                    let [x, gamma, beta] = [0, 1, 2].map(|input| &on.gradients[input]);
                    let gradients = Gradients { x: Some(x), gamma, beta };
                    kernel.backward(plan, state(on), &scratch, &on.upstream[0], gradients)
                }),
                specification: Box::new(move |x, d| {
                    let [d_x, d_gamma, d_beta] = twin.backward(&x[0][..valid], &x[1], &d[0][..valid]);
                    vec![setting.padded(d_x), d_gamma, d_beta]
                }),
            }),
            costs: vec![
                cost("normalization::moments", 7 * valid, valid),
                cost("normalization::forward", 3 * valid, 2 * valid),
                cost("normalization::correlate", 6 * correlations * valid, 2 * correlations * valid),
                cost("normalization::backward", 7 * valid, 3 * valid),
            ],
        }
    })
    .tolerance(1e-5, 0.0)
}

/// With a rectifier behind it. Its kink is out of the way: no gradient comes from outputs that are next to it.
fn rectified(
    name: &'static str,
    sizes: &'static [&'static [usize]],
    bench: &'static [usize],
    over: fn(usize) -> Over,
) -> Case {
    let plain = normalize(name, sizes, bench, 0.5, over);
    case(name, sizes, bench, move |draws, size| {
        let setting = Setting::new(size, over);
        let Setting { twin, valid, .. } = setting;
        let kernel = Normalization { rectify: true, ..setting.kernel };
        let before = move |x: &[Vec<f64>]| twin.forward(&x[0][..valid], &twin.statistics(&x[0][..valid]), &x[1], &x[2]);
        let Problem { inputs, outputs, clocks, costs, .. } = (plain.make)(draws, size);
        let values: Vec<_> = inputs.iter().map(|input| input.values.clone()).collect();
        let near = |y: f64| y.abs() < 1e-2;
        let upstream =
            draws.uniform("d_y", setting.elements, -1.0, 1.0).into_iter().zip(setting.padded(before(&values)));
        let upstream = upstream.map(|(d, y)| if near(y) { 0.0 } else { d }).collect();
        Problem {
            inputs,
            outputs,
            clocks,
            forward: Box::new(move |plan, on| {
                let scratch = kernel.scratch(plan.gpu())?;
                kernel.statistics(plan, state(on), &scratch)?;
                kernel.forward(plan, state(on), &on.outputs[0])
            }),
            specification: Box::new(move |x| vec![setting.padded(activation::relu_forward(&before(x)))]),
            gradient: Some(Gradient {
                of: vec![0, 1, 2],
                upstream: Some(vec![upstream]),
                backward: Box::new(move |plan, on| {
                    let scratch = kernel.scratch(plan.gpu())?;
                    let [x, gamma, beta] = [0, 1, 2].map(|input| &on.gradients[input]);
                    let gradients = Gradients { x: Some(x), gamma, beta };
                    kernel.backward(plan, state(on), &scratch, &on.upstream[0], gradients)
                }),
                specification: Box::new(move |x, d| {
                    let d = activation::relu_backward(&before(x), &d[0][..valid]);
                    let [d_x, d_gamma, d_beta] = twin.backward(&x[0][..valid], &x[1], &d);
                    vec![setting.padded(d_x), d_gamma, d_beta]
                }),
            }),
            costs,
        }
    })
    .tolerance(1e-5, 0.0)
    .note("kink: no gradient from |y| below 0.01")
}

/// With pooling behind it, and a rectifier between. No gradient comes from windows near a kink.
fn pooled(name: &'static str, rectify: bool) -> Case {
    case(name, POOLED, &[256, 256, 6, 14, 14], move |draws, size| {
        let [batch, rows, channels, height, width] = size.try_into().expect("five extents");
        let setting = Setting::new(&[batch, rows, channels, 4 * height * width], |_| Over::Batch);
        let Setting { twin, valid, elements, .. } = setting;
        let kernel = Pooled { norm: Normalization { rectify, ..setting.kernel }, image: [height, width] };
        let shape = [batch, channels * height * width];
        let windows =
            pool::Shape { planes: rows * channels, height: 2 * height, width: 2 * width, window: [2; 2], stride: 2 };
        let before = move |x: &[Vec<f64>]| twin.forward(&x[0][..valid], &twin.statistics(&x[0][..valid]), &x[1], &x[2]);
        let bent = move |y: &[f64]| if rectify { activation::relu_forward(y) } else { y.to_vec() };
        let padded = move |mut values: Vec<f64>| {
            values.resize(elements / 4, 0.0);
            values
        };
        let mut inputs = setting.inputs(draws, 0.5, setting.unknown());
        inputs.push(tensor("extremes", &shape, vec![f64::NAN; elements / 4]).quiet());
        let y = before(&inputs.iter().map(|input| input.values.clone()).collect::<Vec<_>>());
        // Whether another element of a window is about as large as the largest, or that about 0.
        let near = |at: usize| {
            let (line, column) = (at / width, at % width);
            let corner = 4 * line * width + 2 * column;
            let mut own = [0, 1, 2 * width, 2 * width + 1].map(|step| y[corner + step]);
            own.sort_by(f64::total_cmp);
            own[3] - own[2] < 1e-2 || (rectify && own[3].abs() < 1e-2)
        };
        let upstream = draws.uniform("d_y", elements / 4, -1.0, 1.0).into_iter().enumerate();
        let upstream = upstream.map(|(at, d)| if at < valid / 4 && near(at) { 0.0 } else { d }).collect();
        Problem {
            inputs,
            outputs: vec![fresh("y", &shape)],
            clocks: vec![setting.clock()],
            forward: Box::new(move |plan, on| {
                kernel.statistics(plan, state(on), &kernel.scratch(plan.gpu())?, &on.inputs[4])?;
                kernel.forward(plan, state(on), &on.inputs[4], &on.outputs[0])
            }),
            specification: Box::new(move |x| vec![padded(pool::max_forward(&bent(&before(x)), &windows))]),
            gradient: Some(Gradient {
                of: vec![0, 1, 2],
                upstream: Some(vec![upstream]),
                backward: Box::new(move |plan, on| {
                    let [x, gamma, beta] = [0, 1, 2].map(|input| &on.gradients[input]);
                    let gradients = Gradients { x: Some(x), gamma, beta };
                    let scratch = kernel.scratch(plan.gpu())?;
                    kernel.backward(plan, state(on), &on.inputs[4], &scratch, &on.upstream[0], gradients)
                }),
                specification: Box::new(move |x, d| {
                    let y = before(x);
                    let d = pool::max_backward(&bent(&y), &d[0][..valid / 4], &windows);
                    let d = if rectify { activation::relu_backward(&y, &d) } else { d };
                    let [d_x, d_gamma, d_beta] = twin.backward(&x[0][..valid], &x[1], &d);
                    vec![setting.padded(d_x), d_gamma, d_beta]
                }),
            }),
            costs: vec![
                cost("normalization_pooled::moments", 8 * valid, valid + valid / 4),
                cost("normalization::forward", valid, valid / 2),
                cost("normalization::correlate", valid, valid / 2),
                cost("normalization_pooled::backward", 6 * valid, 2 * valid + valid / 2),
            ],
        }
    })
    .tolerance(1e-5, 0.0)
    .note("kinks: no gradient from windows that are within 0.01 of one")
}

/// Statistics of three steps on one batch, and the stored ones that they move: with a momentum, or so that the result is
/// the mean over the steps.
fn tracked(name: &'static str, momentum: Option<f32>) -> Case {
    case(name, BATCH, &[256, 256, 6, 784], move |draws, size| {
        let setting = Setting::new(size, |_| Over::Batch);
        let Setting { kernel, twin, valid, rows, .. } = setting;
        let mut inputs = setting.inputs(draws, 0.5, setting.stored(draws));
        inputs[1].nan.clear();
        inputs[2].nan.clear();
        Problem {
            inputs,
            outputs: vec![Output::Fresh("statistics", vec![kernel.channels, 2], Scalar::F32), Output::InPlace(3)],
            clocks: SHARES.map(|average| Clock { average, ..setting.clock() }).to_vec(),
            forward: Box::new(move |plan, on| {
                let statistics = &on.outputs[0];
                let scratch = kernel.scratch(plan.gpu())?;
                kernel.statistics(plan, State { statistics, ..state(on) }, &scratch)?;
                kernel.track(plan, on.clock, momentum, statistics, &on.outputs[1])
            }),
            specification: Box::new(move |x| {
                let own = twin.statistics(&x[0][..valid]);
                let share = |share: f32| f64::from(momentum.unwrap_or(share));
                let step = |stored: Vec<f64>, of| twin.track(rows, &own, share(of), &stored);
                let stored = SHARES.into_iter().fold(x[3].clone(), step);
                vec![own, stored]
            }),
            gradient: None,
            costs: vec![
                cost("normalization::moments", 7 * valid, valid),
                cost("normalization::track", 8 * kernel.channels, 6 * kernel.channels),
            ],
        }
    })
    .note("three steps")
}

/// Batch normalization by stored statistics.
fn evaluated() -> Case {
    case("normalization, batch, evaluation", BATCH, &[256, 256, 6, 784], |draws, size| {
        let setting = Setting::new(size, |_| Over::Batch);
        let Setting { kernel, twin, valid, .. } = setting;
        Problem {
            inputs: setting.inputs(draws, 0.5, setting.stored(draws)),
            outputs: vec![fresh("y", &setting.shape())],
            clocks: vec![setting.clock()],
            forward: Box::new(move |plan, on| kernel.forward(plan, state(on), &on.outputs[0])),
            specification: Box::new(move |x| vec![setting.padded(twin.forward(&x[0][..valid], &x[3], &x[1], &x[2]))]),
            gradient: None,
            costs: vec![cost("normalization::forward", 3 * valid, 2 * valid)],
        }
    })
}
