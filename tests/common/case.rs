//! The kernel cases: sizes, seeded inputs, the `f64` specification, how to record the kernel, what it costs.

mod adversary;
mod average;
mod complex;
mod convolution;
mod draw;
mod electronics;
mod fft;
mod free_space;
mod images;
mod lens;
mod mesh;
mod normalization;

use flatlight::gpu::{Error, Gpu, Plan, PlanBuilder, Scalar, Slice, align};
use flatlight::ops::adam::Adam;
use flatlight::ops::disturb::{Distribution, Draw};
use flatlight::ops::norm::Measure;
use flatlight::ops::perturb::{self, Ascent};
use flatlight::ops::{Clock, Flat, Grouping, Scope, bias, cross_entropy, disturb, matmul, metrics, norm, sgd};
use flatlight::{random, reference};

mod phase_shifter;
mod ports;
mod probe;
mod resample;
mod rings;
mod slope;
mod source;
mod tiles;

type Make = Box<dyn Fn(Draws, &[usize]) -> Problem + Send + Sync>;
/// Outputs from inputs, in `f64`.
type Forward64 = Box<dyn Fn(&[Vec<f64>]) -> Values64>;
/// Gradients from inputs and the gradients of outputs, in `f64`.
type Backward64 = Box<dyn Fn(&[Vec<f64>], &[Vec<f64>]) -> Values64>;
type Record = Box<dyn Fn(&mut PlanBuilder<'_>, &Bound<'_>) -> Result<(), Error>>;
type Values64 = Vec<Vec<f64>>;

/// A kernel, or one way of using it.
pub struct Case {
    /// `family::entry`, and the variant after a comma.
    pub name: &'static str,
    /// Extents that it is proven at, in an order of the case's own.
    pub sizes: &'static [&'static [usize]],
    /// Extents that it is timed at.
    pub bench: &'static [usize],
    /// The GPU may differ from `f64` by `rtol` times the tensor's largest element ...
    pub rtol: f64,
    /// ... plus this, where the tensor may be all zeros.
    pub atol: f64,
    /// For kernels that cut their work to what the adapter can bind: how far, relative to the largest element, the
    /// result may then differ from that of the uncut work. 0: not by a bit.
    pub split: Option<f64>,
    /// How far, relative to the largest element, gradients may differ from those of the portable variant, which adds in
    /// another order. 0: not by a bit.
    pub order: f64,
    /// Whether `order` is for outputs too.
    pub reordered: bool,
    /// Whether a NaN may reach more than the specification says, as it does where numbers are shared by neighbours.
    pub spreads: bool,
    /// Family and name of the kernel variant that the case is about.
    pub variant: Option<(&'static str, &'static str)>,
    /// Where the inputs lie, if that matters for smoothness.
    pub note: &'static str,
    make: Make,
}

impl Case {
    /// The case at a size, with inputs of a seed.
    pub fn problem(&self, size: &[usize], seed: u32) -> Problem {
        (self.make)(Draws { seed }, size)
    }

    /// The kernel family: the shader's name.
    pub fn family(&self) -> &str {
        self.name.split([':', ',']).next().unwrap_or(self.name)
    }

    fn tolerance(mut self, rtol: f64, atol: f64) -> Self {
        (self.rtol, self.atol) = (rtol, atol);
        self
    }

    fn variant(mut self, family: &'static str, name: &'static str) -> Self {
        self.variant = Some((family, name));
        self
    }

    fn split(mut self, tolerance: f64) -> Self {
        self.split = Some(tolerance);
        self
    }

    fn order(mut self, tolerance: f64) -> Self {
        self.order = tolerance;
        self
    }

    /// As `order`, for outputs too.
    fn reordered(mut self, tolerance: f64) -> Self {
        (self.order, self.reordered) = (tolerance, true);
        self
    }

    fn spreads(mut self) -> Self {
        self.spreads = true;
        self
    }

    fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }
}

fn case(
    name: &'static str,
    sizes: &'static [&'static [usize]],
    bench: &'static [usize],
    make: impl Fn(Draws, &[usize]) -> Problem + Send + Sync + 'static,
) -> Case {
    Case {
        name,
        sizes,
        bench,
        rtol: 1e-6,
        atol: 0.0,
        split: None,
        order: 0.0,
        reordered: false,
        spreads: false,
        variant: None,
        note: "smooth",
        make: Box::new(make),
    }
}

/// Random inputs that are numbers of `f32`, so that the device and the specification start from the same ones.
#[derive(Clone, Copy)]
pub struct Draws {
    seed: u32,
}

impl Draws {
    pub fn new(seed: u32) -> Self {
        Self { seed }
    }

    /// Numbers evenly from an interval.
    pub fn uniform(self, name: &str, count: usize, low: f64, high: f64) -> Vec<f64> {
        let units = random::units(self.seed, random::stream(name)).take(count);
        units.map(|unit| f64::from((low + (high - low) * unit) as f32)).collect()
    }

    /// Whole numbers from 0 to below a limit.
    fn below(self, name: &str, count: usize, limit: usize) -> Vec<f64> {
        self.uniform(name, count, 0.0, limit as f64)
            .into_iter()
            .map(|value| value.floor().min(limit as f64 - 1.0))
            .collect()
    }
}

/// An input.
pub struct Tensor {
    pub name: &'static str,
    pub shape: Vec<usize>,
    pub scalar: Scalar,
    pub values: Vec<f64>,
    /// Places from which NaN must reach an output.
    pub nan: Vec<usize>,
}

fn tensor(name: &'static str, shape: &[usize], values: Vec<f64>) -> Tensor {
    assert_eq!(values.len(), shape.iter().product::<usize>(), "{name}");
    let nan = vec![0, values.len() - 1];
    Tensor { name, shape: shape.to_vec(), scalar: Scalar::F32, values, nan }
}

impl Tensor {
    fn words(mut self) -> Self {
        self.scalar = Scalar::U32;
        self.quiet()
    }

    fn quiet(self) -> Self {
        self.nan_at(vec![])
    }

    fn nan_at(mut self, places: Vec<usize>) -> Self {
        self.nan = places;
        self
    }
}

/// An output: a tensor of its own, or an input changed in place.
pub enum Output {
    Fresh(&'static str, Vec<usize>, Scalar),
    InPlace(usize),
}

fn fresh(name: &'static str, shape: &[usize]) -> Output {
    Output::Fresh(name, shape.to_vec(), Scalar::F32)
}

/// The tensors of a problem on the device.
pub struct Bound<'a> {
    pub tensors: &'a [Tensor],
    pub clock: &'a Slice,
    pub inputs: &'a [Slice],
    pub outputs: &'a [Slice],
    pub upstream: &'a [Slice],
    pub gradients: &'a [Slice],
}

/// What a kernel does at its least.
#[derive(Clone)]
pub struct Cost {
    pub kernel: String,
    pub flops: f64,
    pub bytes: f64,
}

fn cost(kernel: impl Into<String>, flops: usize, words: usize) -> Cost {
    Cost { kernel: kernel.into(), flops: flops as f64, bytes: 4.0 * words as f64 }
}

/// A case at one size.
pub struct Problem {
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Output>,
    /// The plan is submitted once a clock.
    pub clocks: Vec<Clock>,
    pub forward: Record,
    pub specification: Forward64,
    pub gradient: Option<Gradient>,
    pub costs: Vec<Cost>,
}

/// The backward pass of a problem.
pub struct Gradient {
    /// Inputs that have one.
    pub of: Vec<usize>,
    /// Gradient of the outputs, where the kernel itself fixes it.
    pub upstream: Option<Values64>,
    pub backward: Record,
    pub specification: Backward64,
}

/// A problem recorded for a device.
pub struct Pass {
    pub plan: Plan,
    pub clock: Slice,
    pub results: Vec<Slice>,
}

impl Problem {
    pub fn values(&self) -> Values64 {
        self.inputs.iter().map(|tensor| tensor.values.clone()).collect()
    }

    /// Gradients of the outputs: the kernel's own, or random weights; none without a backward pass.
    pub fn upstream(&self, seed: u32) -> Values64 {
        let Some(gradient) = &self.gradient else {
            return vec![];
        };
        gradient.upstream.clone().unwrap_or_else(|| {
            let draw = |(index, output): (usize, &Output)| {
                let count = match output {
                    Output::Fresh(_, shape, _) => shape.iter().product(),
                    Output::InPlace(input) => self.inputs[*input].values.len(),
                };
                Draws { seed }.uniform(&format!("upstream {index}"), count, -1.0, 1.0)
            };
            self.outputs.iter().enumerate().map(draw).collect()
        })
    }

    /// Names of the results: the outputs, then the gradients.
    pub fn names(&self) -> Vec<String> {
        let outputs = self.outputs.iter().map(|output| match output {
            Output::Fresh(name, ..) => (*name).to_owned(),
            Output::InPlace(input) => self.inputs[*input].name.to_owned(),
        });
        let of = self.gradient.iter().flat_map(|gradient| &gradient.of);
        outputs.chain(of.map(|&input| format!("d_{}", self.inputs[input].name))).collect()
    }

    /// Uploads everything, fills what is to be overwritten with NaN, and records the forward and the backward pass.
    pub fn record(&self, gpu: &Gpu, upstream: &[Vec<f64>]) -> Result<Pass, Error> {
        let clock = Clock::uniform(gpu)?;
        let inputs: Vec<_> = self
            .inputs
            .iter()
            .map(|tensor| upload(gpu, tensor.name, &tensor.shape, tensor.scalar, &tensor.values))
            .collect::<Result<_, _>>()?;
        let unwritten = |name: &str, shape: &[usize], scalar| {
            let slice = gpu.zeros(name, shape, scalar)?;
            match scalar {
                Scalar::F32 => gpu.write(&slice, &vec![f32::NAN; slice.len()])?,
                Scalar::U32 => gpu.write(&slice, &vec![u32::MAX; slice.len()])?,
            }
            Ok(slice)
        };
        let outputs: Vec<_> = self
            .outputs
            .iter()
            .map(|output| match output {
                Output::Fresh(name, shape, scalar) => unwritten(name, shape, *scalar),
                Output::InPlace(input) => Ok(inputs[*input].clone()),
            })
            .collect::<Result<_, Error>>()?;
        let upstream: Vec<_> = upstream
            .iter()
            .zip(&outputs)
            .map(|(values, output)| upload(gpu, &format!("d_{}", output.name()), output.shape(), Scalar::F32, values))
            .collect::<Result<_, _>>()?;
        let of = self.gradient.iter().flat_map(|gradient| &gradient.of);
        let gradients: Vec<_> = of
            .map(|&input| unwritten(&format!("d_{}", inputs[input].name()), inputs[input].shape(), Scalar::F32))
            .collect::<Result<_, Error>>()?;
        let bound = Bound {
            tensors: &self.inputs,
            clock: &clock,
            inputs: &inputs,
            outputs: &outputs,
            upstream: &upstream,
            gradients: &gradients,
        };
        let mut plan = PlanBuilder::new(gpu, "case");
        (self.forward)(&mut plan, &bound)?;
        if let Some(gradient) = &self.gradient {
            (gradient.backward)(&mut plan, &bound)?;
        }
        let plan = plan.finish()?;
        Ok(Pass { plan, clock, results: outputs.into_iter().chain(gradients).collect() })
    }
}

impl Pass {
    /// Submits the plan once a clock and reads every result, as bits.
    pub fn run(&self, gpu: &Gpu, clocks: &[Clock]) -> Result<Vec<Vec<u32>>, Error> {
        for clock in clocks {
            gpu.write_uniform(&self.clock, clock)?;
            gpu.submit(&[&self.plan])?;
        }
        self.results
            .iter()
            .map(|slice| match slice.scalar() {
                Scalar::F32 => Ok(gpu.read::<f32>(slice)?.into_iter().map(f32::to_bits).collect()),
                Scalar::U32 => gpu.read::<u32>(slice),
            })
            .collect()
    }

    /// Results of [`run`](Self::run) as numbers.
    pub fn numbers(&self, results: &[Vec<u32>]) -> Values64 {
        let number = |scalar, bits: u32| match scalar {
            Scalar::F32 => f64::from(f32::from_bits(bits)),
            Scalar::U32 => f64::from(bits),
        };
        let pairs = self.results.iter().zip(results);
        pairs.map(|(slice, words)| words.iter().map(|&bits| number(slice.scalar(), bits)).collect()).collect()
    }
}

fn upload(gpu: &Gpu, name: &str, shape: &[usize], scalar: Scalar, values: &[f64]) -> Result<Slice, Error> {
    match scalar {
        Scalar::F32 => gpu.upload(name, shape, &floats(values)),
        Scalar::U32 => gpu.upload(name, shape, &words(values)),
    }
}

/// Values as `f32`.
pub fn floats(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

fn words(values: &[f64]) -> Vec<u32> {
    values.iter().map(|&value| value as u32).collect()
}

/// Every case.
pub fn all() -> Vec<Case> {
    let mut cases = vec![
        product("matmul::ab", Product::Ab, "portable"),
        product("matmul::atb", Product::Atb, "portable"),
        product("matmul::abt", Product::Abt, "portable"),
        product("matmul::abt_bias", Product::AbtBias, "portable"),
        product("matmul::ab, tiled", Product::Ab, "tiled"),
        product("matmul::atb, tiled", Product::Atb, "tiled"),
        product("matmul::abt, tiled", Product::Abt, "tiled"),
        product("matmul::abt_bias, tiled", Product::AbtBias, "tiled"),
        product("matmul::ab, subgroup", Product::Ab, "subgroup"),
        product("matmul::atb, subgroup", Product::Atb, "subgroup"),
        product("matmul::abt, subgroup", Product::Abt, "subgroup"),
        product("matmul::abt_bias, subgroup", Product::AbtBias, "subgroup"),
        bias_backward(),
        loss("cross_entropy", ordinary_logits, 0.0).note("random logits"),
        loss("cross_entropy, smoothed", ordinary_logits, 0.1).note("random logits"),
        loss("cross_entropy, extreme", extreme_logits, 0.0)
            .tolerance(1e-6, 1e-9)
            .note("logits +-80, and rows of equal logits"),
        loss("cross_entropy, extreme, smoothed", extreme_logits, 0.875)
            .tolerance(1e-6, 1e-9)
            .note("logits +-80, and rows of equal logits"),
        batch_metrics(false),
        batch_metrics(true),
        restore(),
        adam_steps("adam::update", 0.0, Scope::All),
        adam_steps("adam::update, all decay", 0.5, Scope::All),
        adam_steps("adam::update, digital decay", 0.5, Scope::Digital),
        sgd_steps(),
        imperfections("disturb::forward", Distribution::Normal, (0, 1), None, false),
        imperfections("disturb::forward, uniform", Distribution::Uniform, (0, 1), None, false),
        imperfections("disturb::forward, part of uniform", Distribution::Uniform, (1, 3), None, false),
        imperfections("disturb::limited", Distribution::Normal, (0, 1), Some(0.25), false),
        imperfections("disturb::forward, alike", Distribution::Uniform, (0, 1), None, true),
        imperfections("disturb::limited, alike", Distribution::Normal, (0, 1), Some(0.25), true),
        imperfections("disturb::limited, to nothing", Distribution::Normal, (0, 1), Some(1e-9), false),
    ];
    cases.extend(rings::cases());
    cases.extend(slope::cases());
    cases.extend(lengths());
    cases.extend(ascents());
    cases.extend(convolution::cases());
    cases.extend(adversary::cases());
    cases.extend(draw::cases());
    cases.extend(probe::cases());
    cases.extend(average::cases());
    cases.extend(complex::cases());
    cases.extend(electronics::cases());
    cases.extend(images::cases());
    cases.extend(free_space::cases());
    cases.extend(fft::cases());
    cases.extend(lens::cases());
    cases.extend(mesh::cases());
    cases.extend(normalization::cases());
    cases.extend(phase_shifter::cases());
    cases.extend(ports::cases());
    cases.extend(source::cases());
    cases.extend(resample::cases());
    cases.extend(tiles::cases());
    cases
}

// Matrix products -----------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, PartialEq)]
enum Product {
    Ab,
    Atb,
    Abt,
    AbtBias,
}

/// Products of matrices of so many words that lie one after the other in a and b.
fn side_by_side(a: &[f64], b: &[f64], words: [usize; 2], one: impl Fn(&[f64], &[f64]) -> Vec<f64>) -> Vec<f64> {
    a.chunks(words[0]).zip(b.chunks(words[1])).flat_map(|(a, b)| one(a, b)).collect()
}

/// Sizes are m, n, k, after the number of products where there are several side by side. The gradients of each product are two of the
/// others.
fn product(name: &'static str, kind: Product, variant: &'static str) -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1],
        &[3, 3, 3],
        &[1, 63, 3],
        &[63, 64, 65],
        &[64, 97, 63],
        &[97, 1, 64],
        &[65, 5, 1009],
        // Axes in multiples of 4 and not of a tile, as vec4 loads need them.
        &[70, 36, 132],
        &[12, 36, 60],
        &[140, 196, 20],
        // Many groups; a gradient contracts over 80,000 elements, more than one loop may.
        &[5, 80_000, 9],
        &[4, 80_000, 8],
        &[2, 3, 5, 2],
        &[5, 36, 20, 12],
        &[3, 65, 70, 17],
    ];
    let make = move |draws: Draws, size: &[usize]| {
        let (several, one) = size.split_at(size.len() - 3);
        let [m, n, k] = one.try_into().expect("m, n, k");
        let count: usize = several.iter().product();
        let of = |rows: usize, columns: usize| [several, &[rows, columns]].concat();
        let shape_a = if kind == Product::Atb { of(k, m) } else { of(m, k) };
        let shape_b = if matches!(kind, Product::Abt | Product::AbtBias) { of(n, k) } else { of(k, n) };
        let mut inputs = vec![
            tensor("a", &shape_a, draws.uniform("a", count * m * k, -1.0, 1.0)),
            tensor("b", &shape_b, draws.uniform("b", count * n * k, -1.0, 1.0)),
        ];
        if kind == Product::AbtBias {
            inputs.push(tensor("bias", &[n], draws.uniform("bias", n, -1.0, 1.0)));
        }
        let (d_a, d_b) = match kind {
            Product::Ab => ("abt", "atb"),
            Product::Atb => ("abt", "ab"),
            Product::Abt | Product::AbtBias => ("ab", "atb"),
        };
        let own = name.trim_start_matches("matmul::").split(',').next().unwrap_or(name);
        let (flops, words) = (count * 2 * m * n * k, count * (m * n + m * k + n * k));
        let (of_a, of_b, of_c) = (m * k, k * n, m * n);
        let shader = if variant == "portable" { "matmul".to_owned() } else { format!("matmul_{variant}") };
        let mut costs = [own, d_a, d_b].map(|entry| cost(format!("{shader}::{entry}"), flops, words)).to_vec();
        if kind == Product::AbtBias {
            costs.push(cost("bias::backward", count * m * n, count * m * n + n));
        }
        Problem {
            outputs: vec![fresh("c", &of(m, n))],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let [a, b, c] = [&on.inputs[0], &on.inputs[1], &on.outputs[0]];
                match kind {
                    Product::Ab => matmul::ab(plan, a, b, c),
                    Product::Atb => matmul::atb(plan, a, b, c),
                    Product::Abt | Product::AbtBias => matmul::abt(plan, a, b, on.inputs.get(2), c),
                }
            }),
            specification: Box::new(move |x| {
                use reference::matmul::{ab, abt, abt_bias, atb};
                vec![side_by_side(&x[0], &x[1], [of_a, of_b], |a, b| match kind {
                    Product::Ab => ab(a, b, m, n, k),
                    Product::Atb => atb(a, b, m, n, k),
                    Product::Abt => abt(a, b, m, n, k),
                    Product::AbtBias => abt_bias(a, b, &x[2], m, n, k),
                })]
            }),
            gradient: Some(Gradient {
                of: (0..inputs.len()).collect(),
                upstream: None,
                backward: Box::new(move |plan, on| {
                    let [a, b, d_c] = [&on.inputs[0], &on.inputs[1], &on.upstream[0]];
                    let [d_a, d_b] = [&on.gradients[0], &on.gradients[1]];
                    match kind {
                        Product::Ab => {
                            matmul::abt(plan, d_c, b, None, d_a)?;
                            matmul::atb(plan, a, d_c, d_b)
                        }
                        Product::Atb => {
                            matmul::abt(plan, b, d_c, None, d_a)?;
                            matmul::ab(plan, a, d_c, d_b)
                        }
                        Product::Abt | Product::AbtBias => {
                            matmul::ab(plan, d_c, b, d_a)?;
                            matmul::atb(plan, d_c, a, d_b)?;
                            let rows = d_c.reshape(&[count * m, n])?;
                            on.gradients.get(2).map_or(Ok(()), |d_bias| bias::backward(plan, &rows, d_bias))
                        }
                    }
                }),
                specification: Box::new(move |x, d| {
                    use reference::matmul::{ab, abt, atb};
                    let [a, b, d_c] = [&x[0], &x[1], &d[0]];
                    let mut gradients = match kind {
                        Product::Ab => vec![
                            side_by_side(d_c, b, [of_c, of_b], |d_c, b| abt(d_c, b, m, k, n)),
                            side_by_side(a, d_c, [of_a, of_c], |a, d_c| atb(a, d_c, k, n, m)),
                        ],
                        Product::Atb => vec![
                            side_by_side(b, d_c, [of_b, of_c], |b, d_c| abt(b, d_c, k, m, n)),
                            side_by_side(a, d_c, [of_a, of_c], |a, d_c| ab(a, d_c, k, n, m)),
                        ],
                        Product::Abt | Product::AbtBias => vec![
                            side_by_side(d_c, b, [of_c, of_b], |d_c, b| ab(d_c, b, m, k, n)),
                            side_by_side(d_c, a, [of_c, of_a], |d_c, a| atb(d_c, a, n, k, m)),
                        ],
                    };
                    if kind == Product::AbtBias {
                        gradients.push(reference::bias::backward(d_c, n));
                    }
                    gradients
                }),
            }),
            costs,
            inputs,
        }
    };
    // One of them is also timed at a size where what surrounds the loop no longer counts.
    let bench: &[usize] = if kind == Product::Ab { &[1024, 1024, 1024] } else { &[512, 512, 512] };
    case(name, SIZES, bench, make).tolerance(2e-5, 0.0).variant("matmul", variant).note("linear in each input")
}

/// Sizes are rows, n.
fn bias_backward() -> Case {
    const SIZES: &[&[usize]] = &[&[1, 1], &[3, 3], &[65, 63], &[63, 64], &[64, 65], &[1009, 97], &[3, 20_011]];
    case("bias::backward", SIZES, &[512, 4096], |draws, size| {
        let [rows, n] = size.try_into().expect("rows, n");
        Problem {
            inputs: vec![tensor("d_y", &[rows, n], draws.uniform("d_y", rows * n, -1.0, 1.0))],
            outputs: vec![fresh("d_bias", &[n])],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| bias::backward(plan, &on.inputs[0], &on.outputs[0])),
            specification: Box::new(move |x| vec![reference::bias::backward(&x[0], n)]),
            gradient: None,
            costs: vec![cost("bias::backward", rows * n, rows * n + n)],
        }
    })
    .tolerance(1e-5, 0.0)
    .note("itself a gradient: matmul::abt_bias holds it against differences")
}

// Element by element --------------------------------------------------------------------------------------------------

/// Around a workgroup, a prime, and more groups than one axis of a dispatch holds.
const ELEMENTS: &[&[usize]] = &[&[1], &[3], &[63], &[64], &[65], &[97], &[5003], &[65_536 * 64 + 1000]];

fn imperfections(
    name: &'static str,
    distribution: Distribution,
    part: (usize, usize),
    limit: Option<f32>,
    alike: bool,
) -> Case {
    // Of millions of numbers one would lie so near the limit that rounding decides.
    let sizes = if limit.is_some() { &ELEMENTS[..7] } else { ELEMENTS };
    case(name, sizes, &[1 << 20], move |draws, size| {
        let (n, seed, step) = (size[0], draws.seed, 12_345);
        let (stream, deviation) = (random::stream("offset"), 0.125);
        Problem {
            inputs: vec![],
            outputs: vec![fresh("value", &[n])],
            clocks: vec![Clock { seed, step, ..Clock::default() }],
            forward: Box::new(move |plan, on| {
                Draw { stream, distribution, deviation, part, limit, alike }.forward(plan, on.clock, &on.outputs[0])
            }),
            specification: Box::new(move |_| {
                let uniform = (distribution == Distribution::Uniform).then_some(part);
                let limit = limit.map(f64::from);
                let own = if alike { 1 } else { n };
                let drawn = reference::disturb::forward(seed, stream, step, uniform, f64::from(deviation), limit, own);
                vec![drawn.into_iter().cycle().take(n).collect()]
            }),
            gradient: None,
            // 20 rounds of 5 and 30 for the normal number.
            costs: vec![cost(if limit.is_some() { "disturb::limited" } else { "disturb::forward" }, 130 * n, n)],
        }
    })
    .tolerance(1e-6, 3e-8)
    .note("no inputs; uniform numbers near 0 keep the rounding of their range")
}

// Loss and metrics ----------------------------------------------------------------------------------------------------

fn ordinary_logits(draws: Draws, rows: usize, classes: usize) -> Vec<f64> {
    draws.uniform("logits", rows * classes, -3.0, 3.0)
}

/// Turns by row: all equal; one 80 and one -80; all -80 but one.
fn extreme_logits(draws: Draws, rows: usize, classes: usize) -> Vec<f64> {
    let hot = draws.below("hot", rows, classes);
    (0..rows * classes)
        .map(|at| {
            let (row, class) = (at / classes, at % classes);
            let hot = hot[row] as usize;
            match row % 3 {
                0 => 1.5,
                1 if class == hot => 80.0,
                1 if class == (hot + 1) % classes => -80.0,
                1 => 0.0,
                _ if class == hot => -79.0,
                _ => -80.0,
            }
        })
        .collect()
}

/// Sizes are rows of the batch, valid rows, classes.
fn loss(name: &'static str, logits: fn(Draws, usize, usize) -> Vec<f64>, smoothing: f32) -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 2],
        &[3, 2, 2],
        &[5, 4, 300],
        &[63, 63, 10],
        &[64, 64, 10],
        &[65, 64, 10],
        &[97, 97, 300],
        &[20_011, 20_000, 3],
    ];
    case(name, SIZES, &[4096, 4096, 10], move |draws, size| {
        let [batch, rows, classes] = size.try_into().expect("batch, rows, classes");
        let valid = rows * classes;
        let mut upstream = vec![1.0 / rows as f64; rows];
        upstream.resize(batch, 0.0);
        let padded = move |mut values: Vec<f64>, length: usize| {
            values.resize(length, 0.0);
            values
        };
        Problem {
            inputs: vec![
                tensor("logits", &[batch, classes], logits(draws, batch, classes)).nan_at(vec![0, 1, valid - 1]),
                tensor("labels", &[batch], draws.below("labels", batch, classes)).words(),
            ],
            outputs: vec![fresh("loss", &[batch]), fresh("correct", &[batch])],
            clocks: vec![Clock { rows: rows as u32, ..Clock::default() }],
            forward: Box::new(move |plan, on| {
                let [logits, labels, loss, hits] = [&on.inputs[0], &on.inputs[1], &on.outputs[0], &on.outputs[1]];
                cross_entropy::forward(plan, on.clock, logits, labels, loss, hits, smoothing)
            }),
            specification: Box::new(move |x| {
                let (logits, labels) = (&x[0][..valid], words(&x[1][..rows]));
                vec![
                    padded(reference::cross_entropy::forward(logits, &labels, classes, f64::from(smoothing)), batch),
                    padded(reference::cross_entropy::correct(logits, &labels, classes), batch),
                ]
            }),
            gradient: Some(Gradient {
                of: vec![0],
                // The kernel differentiates the mean loss; hits have no gradient.
                upstream: Some(vec![upstream, vec![0.0; batch]]),
                backward: Box::new(move |plan, on| {
                    let [logits, labels] = [&on.inputs[0], &on.inputs[1]];
                    cross_entropy::backward(plan, on.clock, logits, labels, &on.gradients[0], smoothing)
                }),
                specification: Box::new(move |x, _| {
                    let labels = words(&x[1][..rows]);
                    let smoothing = f64::from(smoothing);
                    let gradient = reference::cross_entropy::backward(&x[0][..valid], &labels, classes, smoothing);
                    vec![padded(gradient, batch * classes)]
                }),
            }),
            // An exponential is about 20.
            costs: vec![
                cost("cross_entropy::forward", 22 * valid, valid + 3 * batch),
                cost("cross_entropy::backward", 44 * valid, 2 * valid + batch),
            ],
        }
    })
}

/// Sizes are rows of the batch, valid rows.
fn batch_metrics(images: bool) -> Case {
    const SIZES: &[&[usize]] = &[&[1, 1], &[3, 3], &[63, 60], &[64, 64], &[65, 65], &[97, 90], &[20_011, 20_000]];
    let name = if images { "metrics::forward_images" } else { "metrics::forward" };
    case(name, SIZES, &[4096, 4096], move |draws, size| {
        let [batch, rows] = size.try_into().expect("batch, rows");
        let mut loss = draws.uniform("loss", batch, 0.0, 4.0);
        let mut score = draws.below("score", batch, 2);
        let mut similarity = draws.uniform("similarity", batch, 0.0, 1.0);
        [&mut loss, &mut score, &mut similarity].into_iter().for_each(|values| values[rows..].fill(0.0));
        // The slot in the middle is to be overwritten, the others to be left alone.
        let (slot, mut ring) = (1, draws.uniform("ring", 12, 0.0, 1.0));
        ring[4 * slot..][..4].fill(f64::NAN);
        let mut inputs = vec![
            tensor("loss", &[batch], loss),
            tensor("score", &[batch], score),
            tensor("ring", &[3, 4], ring).quiet(),
        ];
        inputs.extend(images.then(|| tensor("similarity", &[batch], similarity)));
        Problem {
            inputs,
            outputs: vec![Output::InPlace(2)],
            clocks: vec![Clock { rows: rows as u32, slot: slot as u32, ..Clock::default() }],
            forward: Box::new(|plan, on| {
                metrics::forward(plan, on.clock, &on.inputs[0], &on.inputs[1], on.inputs.get(3), &on.outputs[0])
            }),
            specification: Box::new(move |x| {
                let mut ring = x[2].clone();
                let similarity = x.get(3).map_or(&[][..], |similarity| similarity);
                ring[4 * slot..][..4].copy_from_slice(&reference::metrics::forward(&x[0], &x[1], similarity, rows));
                vec![ring]
            }),
            gradient: None,
            costs: vec![cost(name, (2 + usize::from(images)) * batch, (2 + usize::from(images)) * batch)],
        }
    })
    .note("sums")
}

// The flat vector -----------------------------------------------------------------------------------------------------

/// The table of the sizes n of [`flat`] is longer than 65,535 workgroups of 64 words at its end.
const FLAT_LONG: &[&[usize]] = &[&[1], &[3], &[63], &[64], &[65], &[97], &[5003], &[32_768 * 64 + 500]];
const FLAT: &[&[usize]] = &[&[1], &[3], &[63], &[64], &[65], &[97], &[5003], &[40_009]];

const TENSORS: usize = 3;

/// A vector of three tensors with padding between them: n control parameters within +-0.5, n others without bounds, 3
/// control parameters in 0..1. Places in the inputs: 0 gradient, 1 parameters, 2 segments.
fn flat(draws: Draws, n: usize) -> (usize, Vec<Tensor>) {
    let infinity = f64::INFINITY;
    let tensors = [(n, [-0.5, 0.5, 1.0, 0.0]), (n, [-infinity, infinity, 0.0, 1.0]), (3, [0.0, 1.0, 1.0, 2.0])];
    let words: usize = tensors.iter().map(|(length, _)| align(*length)).sum();
    let mut gradient = draws.uniform("gradient", words, -1.0, 1.0);
    let mut parameters = draws.uniform("parameters", words, -0.4, 0.4);
    let mut segments = Vec::with_capacity(words / 16);
    for (length, segment) in tensors {
        let first = 16 * segments.len();
        gradient[first + length..first + align(length)].fill(0.0);
        parameters[first + length..first + align(length)].fill(0.0);
        (0..align(length) / 64).for_each(|_| segments.extend(segment));
    }
    // A control parameter, one that is not, the last of all.
    let nan = vec![0, align(n), words - 62];
    let inputs = vec![
        tensor("gradient", &[words], gradient).nan_at(nan.clone()),
        tensor("parameters", &[words], parameters).nan_at(nan),
        tensor("segments", &[words / 64, 4], segments).quiet(),
    ];
    (words, inputs)
}

fn on_device(on: &Bound<'_>) -> Flat {
    let [gradient, parameters, segments] = [0, 1, 2].map(|place| on.inputs[place].clone());
    Flat { gradient, parameters, segments, tensors: TENSORS }
}

/// The segment of every parameter.
fn segments(table: &[f64]) -> Vec<reference::Segment> {
    let blocks = table.chunks_exact(4);
    blocks
        .flat_map(|block| {
            let (control, kept, tensor) = (block[2] == 1.0, block[2] == 2.0, block[3] as usize);
            [reference::Segment { lower: block[0], upper: block[1], control, kept, tensor }; 64]
        })
        .collect()
}

fn twin(scope: Scope) -> reference::Scope {
    match scope {
        Scope::Control => reference::Scope::Control,
        Scope::All => reference::Scope::All,
        Scope::Digital => reference::Scope::Digital,
    }
}

/// Of the three places of a NaN, those inside a scope: what is outside reaches nothing.
fn keep_inside(nan: &mut Vec<usize>, scope: Scope) {
    match scope {
        Scope::All => {}
        Scope::Control => {
            nan.remove(1);
        }
        Scope::Digital => *nan = vec![nan[1]],
    }
}

fn twin_measure(measure: Measure) -> reference::norm::Measure {
    let grouping = match measure.grouping {
        Grouping::All => reference::Grouping::All,
        Grouping::Group => reference::Grouping::Group,
        Grouping::Layer => reference::Grouping::Layer,
    };
    reference::norm::Measure { scope: twin(measure.scope), adaptive: measure.adaptive, grouping }
}

fn groups(measure: Measure) -> usize {
    match measure.grouping {
        Grouping::All => 1,
        Grouping::Group => 2,
        Grouping::Layer => TENSORS,
    }
}

fn lengths() -> impl Iterator<Item = Case> {
    [
        ("norm::forward, plain, control", false, Scope::Control, Grouping::All, FLAT),
        ("norm::forward, plain, all", false, Scope::All, Grouping::All, FLAT),
        ("norm::forward, adaptive, control", true, Scope::Control, Grouping::All, FLAT),
        ("norm::forward, adaptive, all", true, Scope::All, Grouping::All, FLAT_LONG),
        ("norm::forward, plain, digital", false, Scope::Digital, Grouping::All, FLAT),
        ("norm::forward, plain, group", false, Scope::All, Grouping::Group, FLAT),
        ("norm::forward, adaptive, layer", true, Scope::All, Grouping::Layer, FLAT_LONG),
    ]
    .into_iter()
    .map(|(name, adaptive, scope, grouping, sizes)| {
        case(name, sizes, &[1 << 19], move |draws, size| {
            let (words, mut inputs) = flat(draws, size[0]);
            let measure = Measure { scope, adaptive, grouping };
            keep_inside(&mut inputs[0].nan, scope);
            inputs[1].nan = if adaptive { inputs[0].nan.clone() } else { vec![] };
            Problem {
                inputs,
                outputs: vec![fresh("norms", &[groups(measure)])],
                clocks: vec![Clock::default()],
                forward: Box::new(move |plan, on| {
                    let flat = on_device(on);
                    let partials = norm::partials(plan.gpu(), &flat)?;
                    measure.forward(plan, &flat, &partials, &on.outputs[0])
                }),
                specification: Box::new(move |x| {
                    vec![twin_measure(measure).forward(&x[0], &x[1], &segments(&x[2]), groups(measure))]
                }),
                gradient: None,
                costs: length_costs(words, measure),
            }
        })
        .split(1e-6)
        .note("a sum of squares")
    })
}

/// Every group looks through the sums of all blocks.
fn length_costs(words: usize, measure: Measure) -> Vec<Cost> {
    let blocks = words / 64;
    vec![
        cost("norm::block", 4 * words, 2 * words + 5 * blocks),
        cost("norm::gather", groups(measure) * blocks, 5 * groups(measure) * blocks),
    ]
}

fn ascents() -> impl Iterator<Item = Case> {
    const ZERO: &[&[usize]] = &[&[97], &[40_009]];
    [
        ("perturb::ascend, plain, control", false, Scope::Control, Grouping::All, 1.0, FLAT),
        ("perturb::ascend, plain, all", false, Scope::All, Grouping::All, 1.0, FLAT),
        ("perturb::ascend, adaptive, control", true, Scope::Control, Grouping::All, 1.0, FLAT),
        ("perturb::ascend, adaptive, all", true, Scope::All, Grouping::All, 1.0, FLAT_LONG),
        ("perturb::ascend, plain, digital", false, Scope::Digital, Grouping::All, 1.0, FLAT),
        ("perturb::ascend, adaptive, group", true, Scope::All, Grouping::Group, 1.0, FLAT),
        ("perturb::ascend, plain, layer", false, Scope::All, Grouping::Layer, 1.0, FLAT_LONG),
        ("perturb::ascend, zero gradient", false, Scope::All, Grouping::Layer, 0.0, ZERO),
        ("perturb::climb, plain, group", false, Scope::All, Grouping::Group, 1.0, FLAT),
    ]
    .into_iter()
    .map(|(name, adaptive, scope, grouping, gain, sizes)| {
        case(name, sizes, &[1 << 19], move |draws, size| {
            let (words, mut inputs) = flat(draws, size[0]);
            let measure = Measure { scope, adaptive, grouping };
            let (rho, rho_digital) = (0.5_f32, 0.25_f32);
            let climbs = name.starts_with("perturb::climb");
            inputs[0].values.iter_mut().for_each(|g| *g *= gain);
            keep_inside(&mut inputs[0].nan, scope);
            let mut outputs = vec![Output::InPlace(1)];
            outputs.extend((!climbs).then(|| fresh("saved", &[words])));
            let mut costs = length_costs(words, measure);
            costs.push(match climbs {
                true => cost("perturb::climb", 4 * words, 3 * words),
                false => cost("perturb::ascend", 4 * words, 4 * words),
            });
            Problem {
                inputs,
                outputs,
                clocks: vec![Clock::default()],
                forward: Box::new(move |plan, on| {
                    let flat = on_device(on);
                    let partials = norm::partials(plan.gpu(), &flat)?;
                    let norms = plan.gpu().zeros("norms", &[groups(measure)], Scalar::F32)?;
                    measure.forward(plan, &flat, &partials, &norms)?;
                    let ascent = Ascent { measure, rho, rho_digital };
                    match on.outputs.get(1) {
                        Some(saved) => ascent.ascend(plan, &flat, &norms, saved),
                        None => ascent.climb(plan, &flat, &norms),
                    }
                }),
                specification: Box::new(move |x| {
                    let [g, p, table] = [&x[0], &x[1], &x[2]];
                    let [rho, rho_digital] = [rho, rho_digital].map(f64::from);
                    let ascent = reference::perturb::Ascent { measure: twin_measure(measure), rho, rho_digital };
                    let mut want = vec![ascent.ascend(p, g, &segments(table))];
                    want.extend((!climbs).then(|| p.clone()));
                    want
                }),
                gradient: None,
                costs,
            }
        })
        .split(1e-6)
        .note("kernels norm and ascend or climb, as in training")
    })
}

fn restore() -> Case {
    case("perturb::restore", FLAT, &[1 << 19], |draws, size| {
        let (words, mut inputs) = flat(draws, size[0]);
        inputs[0].nan = vec![];
        Problem {
            inputs,
            outputs: vec![fresh("restored", &[words])],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| {
                let flat = Flat { parameters: on.outputs[0].clone(), ..on_device(on) };
                perturb::restore(plan, &flat, &on.inputs[1])
            }),
            specification: Box::new(|x| vec![x[1].clone()]),
            gradient: None,
            costs: vec![cost("perturb::restore", 0, 2 * words)],
        }
    })
    .tolerance(0.0, 0.0)
    .split(0.0)
    .note("a copy")
}

/// Some parameter must meet a bound, or the projection is not put to the test.
fn assert_bounds_are_met(parameters: &[f64]) {
    assert!(parameters.len() < 64 * 4 || parameters.iter().any(|p| p.abs() == 0.5), "no parameter meets its bound");
}

fn adam_steps(name: &'static str, decay: f32, decay_scope: Scope) -> Case {
    const RATE: f32 = 0.0625;
    let adam = Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, decay, decay_scope, rate: 2.0 };
    let sizes = if decay == 0.0 { FLAT_LONG } else { FLAT };
    case(name, sizes, &[1 << 19], move |draws, size| {
        let (words, mut inputs) = flat(draws, size[0]);
        inputs.push(tensor("mean", &[words], draws.uniform("mean", words, -0.1, 0.1)));
        inputs.push(tensor("square", &[words], draws.uniform("square", words, 0.0, 0.01)));
        let spec = reference::adam::Adam {
            learning_rate: f64::from(RATE),
            beta_1: f64::from(adam.beta_1),
            beta_2: f64::from(adam.beta_2),
            epsilon: f64::from(adam.epsilon),
            decay: f64::from(decay),
            decay_scope: twin(decay_scope),
        };
        let steps = 1..=5;
        let clock = |t: i32| Clock {
            learning_rate: RATE / adam.rate,
            correction_1: (1.0 - spec.beta_1.powi(t)) as f32,
            correction_2: (1.0 - spec.beta_2.powi(t)) as f32,
            ..Clock::default()
        };
        Problem {
            inputs,
            outputs: vec![Output::InPlace(1), Output::InPlace(3), Output::InPlace(4)],
            clocks: steps.clone().map(clock).collect(),
            forward: Box::new(move |plan, on| {
                adam.update(plan, on.clock, &on_device(on), &on.inputs[3], &on.inputs[4])
            }),
            specification: Box::new(move |x| {
                let [mut parameters, mut mean, mut square] = [x[1].clone(), x[3].clone(), x[4].clone()];
                let segments = segments(&x[2]);
                for t in steps.clone() {
                    spec.update(t, &mut parameters, &mut mean, &mut square, &x[0], &segments);
                }
                assert_bounds_are_met(&parameters);
                vec![parameters, mean, square]
            }),
            gradient: None,
            costs: vec![cost("adam::update", 19 * words, 7 * words)],
        }
    })
    .split(0.0)
    .note("five steps, bounds met")
}

fn sgd_steps() -> Case {
    const MOMENTUM: f32 = 0.9;
    const RATE: f32 = 0.125;
    case("sgd::update", FLAT_LONG, &[1 << 19], |draws, size| {
        let (words, mut inputs) = flat(draws, size[0]);
        inputs.push(tensor("velocity", &[words], draws.uniform("velocity", words, -0.1, 0.1)));
        Problem {
            inputs,
            outputs: vec![Output::InPlace(1), Output::InPlace(3)],
            clocks: vec![Clock { learning_rate: RATE, ..Clock::default() }; 5],
            forward: Box::new(|plan, on| sgd::update(plan, on.clock, &on_device(on), MOMENTUM, &on.inputs[3])),
            specification: Box::new(|x| {
                let twin = reference::sgd::Sgd { learning_rate: f64::from(RATE), momentum: f64::from(MOMENTUM) };
                let [mut parameters, mut velocity] = [x[1].clone(), x[3].clone()];
                let segments = segments(&x[2]);
                (0..5).for_each(|_| twin.update(&mut parameters, &mut velocity, &x[0], &segments));
                assert_bounds_are_met(&parameters);
                vec![parameters, velocity]
            }),
            gradient: None,
            costs: vec![cost("sgd::update", 4 * words, 5 * words)],
        }
    })
    .split(0.0)
    .note("five steps, bounds met")
}
