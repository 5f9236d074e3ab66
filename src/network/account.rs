//! What the layers of a network cost, on paper and on the clock.

use serde::Serialize;

use super::{Error, Network, Part};
use crate::gpu::{Gpu, Plan, PlanBuilder, Scalar};
use crate::layer::{Parameter, Pass, Role};
use crate::ops::{Load, add, matmul};

/// What a device can do at most, in `f32`: a dispatch takes as long as its operations or its bytes, whichever takes longer (Williams,
/// Waterman, Patterson, Commun. ACM 52(4), 65 (2009)), and a time to start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Roofline {
    /// Operations a second.
    pub peak: f64,
    /// Bytes a second.
    pub bandwidth: f64,
    /// Seconds that a dispatch of nothing takes behind another.
    pub launch: f64,
}

/// Extent of the matrices whose product is timed.
const PRODUCT: usize = 1024;
/// Words of the vectors whose sum is timed: 64 MiB, too much for caches.
const VECTOR: usize = 16 << 20;
/// Dispatches of nothing that are timed.
const LAUNCHES: usize = 256;

impl Roofline {
    /// Seconds of a dispatch.
    pub fn seconds(&self, load: Load) -> f64 {
        self.launch + (load.flops / self.peak).max(load.bytes / self.bandwidth)
    }

    /// What an adapter was seen to do: a product of matrices of 1,024 x 1,024, a sum of vectors of 64 MiB and 256 dispatches of next to
    /// nothing in one submission.
    ///
    /// # Errors
    /// An adapter without timestamps; what the device reports.
    pub fn measure(gpu: &Gpu) -> Result<Self, Error> {
        let vector = |words: usize| gpu.zeros("timed", &[words], Scalar::F32);
        let fastest = |record: &dyn Fn(&mut PlanBuilder<'_>) -> Result<(), crate::gpu::Error>| {
            let mut plan = PlanBuilder::new(gpu, "timed");
            record(&mut plan)?;
            let plan = plan.finish()?;
            let load: Load = plan.recorded().map(Load::of).sum();
            let mut least = f64::INFINITY;
            for _ in 0..3 {
                least = least.min(gpu.times(&[&plan], 1)?.0.iter().sum());
            }
            Ok::<_, Error>((load, least))
        };
        let matrix = || vector(PRODUCT * PRODUCT)?.reshape(&[PRODUCT; 2]);
        let [a, b, c] = [matrix()?, matrix()?, matrix()?];
        let (product, product_seconds) = fastest(&|plan| matmul::abt(plan, &a, &b, None, &c))?;
        let [x, y] = [vector(VECTOR)?, vector(VECTOR)?];
        let (sum, sum_seconds) = fastest(&|plan| add::forward(plan, &x, &y))?;
        let [x, y] = [vector(64)?, vector(64)?];
        let mut launches = PlanBuilder::new(gpu, "timed");
        (0..LAUNCHES).try_for_each(|_| add::forward(&mut launches, &x, &y))?;
        let launch = gpu.times(&[&launches.finish()?], 3)?.1 / LAUNCHES as f64;
        // Starting is part of what was timed; little of it.
        let at_least = |seconds: f64| (seconds - launch).max(0.5 * seconds);
        Ok(Self {
            peak: product.flops / at_least(product_seconds),
            bandwidth: sum.bytes / at_least(sum_seconds),
            launch,
        })
    }
}

/// What a list of dispatches costs; of a mean over steps, parts of dispatches too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Expense {
    /// Number of dispatches.
    pub dispatches: f64,
    /// Operations and bytes.
    #[serde(flatten)]
    pub load: Load,
    /// Seconds by a roofline, if there is one.
    pub predicted_s: Option<f64>,
    /// Seconds as the adapter's clock has them, if it was looked at.
    pub measured_s: Option<f64>,
}

impl Expense {
    /// Of dispatches, with their seconds where they were measured.
    pub fn of<'a>(
        dispatches: impl IntoIterator<Item = (&'a crate::gpu::Recorded, Option<f64>)>,
        roofline: Option<&Roofline>,
    ) -> Self {
        let each = dispatches.into_iter().map(|(dispatch, measured_s)| {
            let load = Load::of(dispatch);
            Self { dispatches: 1.0, load, predicted_s: roofline.map(|roofline| roofline.seconds(load)), measured_s }
        });
        let nothing = Self { predicted_s: roofline.map(|_| 0.0), ..Self::default() };
        each.reduce(|sum, each| sum.and(&each)).unwrap_or(nothing)
    }

    /// Both.
    pub fn and(&self, other: &Self) -> Self {
        let sum = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
        Self {
            dispatches: self.dispatches + other.dispatches,
            load: [self.load, other.load].into_iter().sum(),
            predicted_s: sum(self.predicted_s, other.predicted_s),
            measured_s: sum(self.measured_s, other.measured_s),
        }
    }

    /// So many of it.
    pub fn times(&self, factor: f64) -> Self {
        Self {
            dispatches: factor * self.dispatches,
            load: Load { flops: factor * self.load.flops, bytes: factor * self.load.bytes },
            predicted_s: self.predicted_s.map(|seconds| factor * seconds),
            measured_s: self.measured_s.map(|seconds| factor * seconds),
        }
    }

    /// Predicted seconds over measured ones: 1 where an adapter does all that the roofline lets it.
    pub fn share(&self) -> Option<f64> {
        Some(self.predicted_s? / self.measured_s.filter(|seconds| *seconds > 0.0)?)
    }
}

/// What a layer, as it is run, costs for a batch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerAccount {
    /// Its name.
    pub name: String,
    /// Its `type`, and those of the layers behind it that it does at once, such as `batch-norm + relu`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Shape of a sample that it puts out.
    pub output: Vec<usize>,
    /// Numbers that are trained.
    pub parameters: usize,
    /// Of these, physical controls.
    pub controls: usize,
    /// The first forward pass of a step, without what makes weights of controls.
    pub forward: Expense,
    /// The backward pass, down to the controls.
    pub backward: Expense,
}

impl Network<'_> {
    /// What every layer costs on paper, and on the clock if `measured` gives the seconds of every dispatch of a first forward pass and of a
    /// backward pass.
    ///
    /// # Errors
    /// What the device reports.
    pub fn account(
        &self,
        roofline: Option<&Roofline>,
        measured: Option<[&[f64]; 2]>,
    ) -> Result<Vec<LayerAccount>, Error> {
        let (forward, backward) = (self.forward(Pass::First), self.backward());
        let seconds = |pass: usize| measured.map(|measured| measured[pass]);
        let part = |plan: &Plan, seconds: Option<&[f64]>, first: usize, count: usize| {
            let place = |at| seconds.and_then(|seconds| seconds.get(at).copied());
            let dispatches = plan.recorded().enumerate().map(|(at, dispatch)| (dispatch, place(at)));
            Expense::of(dispatches.skip(first).take(count), roofline)
        };
        let of_layer = |layer: usize| {
            let entries = self.parameters().iter().filter(move |entry| entry.layer == layer);
            move |counts: fn(&Parameter) -> bool| -> usize {
                entries.clone().filter(|entry| counts(&entry.spec)).map(|entry| entry.len()).sum()
            }
        };
        let (mut accounts, mut first) = (Vec::new(), 0);
        for (layer, parts) in self.parts_of_layers().into_iter().enumerate() {
            let own = self.forward_between(Pass::First, layer..layer + 1)?.len();
            // A backward pass starts behind the last layer: what it does more, one layer further down, is done by that layer.
            let [from, to] = [self.backward_to(layer + 1)?.len(), self.backward_to(layer)?.len()];
            let count = of_layer(layer);
            accounts.push(LayerAccount {
                name: self.layer_name(layer).to_owned(),
                kind: parts.iter().map(|part| part.recipe.kind()).collect::<Vec<_>>().join(" + "),
                output: parts.last().map_or_else(Vec::new, |part| part.output.clone()),
                parameters: count(|spec| spec.role != Role::Statistic),
                controls: count(|spec| spec.role == Role::Control),
                forward: part(&forward, seconds(0), first, own),
                backward: part(&backward, seconds(1), from, to.saturating_sub(from)),
            });
            first += own;
        }
        Ok(accounts)
    }

    /// The parts of the recipe that every layer does, as it is run.
    fn parts_of_layers(&self) -> Vec<&[Part]> {
        let is_next = |part: &Part, layer: usize| layer < self.layers() && part.name == self.layer_name(layer);
        let starts: Vec<_> = self
            .parts()
            .iter()
            .enumerate()
            .scan(0, |layer, (at, part)| {
                let start = is_next(part, *layer).then_some(at);
                *layer += usize::from(start.is_some());
                Some(start)
            })
            .flatten()
            .collect();
        let ends = starts.iter().skip(1).copied().chain([self.parts().len()]);
        starts.iter().zip(ends).map(|(&start, end)| &self.parts()[start..end]).collect()
    }
}
