//! A recipe's layers compiled once: flat buffers by role, and a plan for each pass.

use std::sync::Arc;

use super::layout::{of_layer, place};
use super::scores::{SLOTS, Scores};
use super::{Entry, Error, LayerRecipe, Tally};
use crate::data::Split;
use crate::gpu::{ALIGNMENT_WORDS, Gpu, Plan, PlanBuilder, Scalar, Slice, align, bytes};
use crate::layer::{Imperfection, Io, Layer, Parameter, Pass, Role, Start};
use crate::ops::draw::Samples;
use crate::ops::{Clock, Flat, Segment, cross_entropy, metrics};
use crate::random;

/// A compiled network for batches of a fixed size.
pub struct Network<'g> {
    gpu: &'g Gpu,
    batch: usize,
    layers: Vec<Named>,
    ios: Vec<Io>,
    parameters: Vec<Entry<Parameter>>,
    imperfections: Vec<Entry<Imperfection>>,
    flat: Flat,
    chip: Slice,
    clock: Slice,
    input: Slice,
    labels: Slice,
    logits: Slice,
    ring: Slice,
    actuate: Arc<Plan>,
    forward: [Arc<Plan>; 3],
    score: Arc<Plan>,
    backward: Arc<Plan>,
}

/// A split on the device, and the plan that draws batches of it into a network.
#[derive(Debug)]
pub struct Feed {
    samples: Samples,
    draw: Arc<Plan>,
}

impl Feed {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The plan that fills the network's input with the batch that the clock points at.
    pub fn draw(&self) -> Arc<Plan> {
        Arc::clone(&self.draw)
    }
}

/// A layer and its name.
type Named = (String, Box<dyn Layer>);

/// Layers in order, each built for the shape that the one before puts out.
fn build_layers(recipes: &[LayerRecipe], sample_shape: &[usize]) -> Result<Vec<Named>, Error> {
    let mut layers: Vec<Named> = Vec::new();
    let mut shape = sample_shape.to_vec();
    for (index, recipe) in recipes.iter().enumerate() {
        let alike = recipes[..=index].iter().filter(|other| other.stem() == recipe.stem()).count();
        let name = recipe.name().map_or_else(|| format!("{}{alike}", recipe.stem()), str::to_owned);
        let complain = |message: String| Error::Layer { index, name: name.clone(), message };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return Err(complain("a name is made of letters, digits, - and _".to_owned()));
        }
        if layers.iter().any(|(other, _)| *other == name) {
            return Err(complain("two layers have this name; give one another `name`".to_owned()));
        }
        let layer = recipe.build(&shape).map_err(complain)?;
        shape = layer.output_shape();
        layers.push((name, layer));
    }
    Ok(layers)
}

impl<'g> Network<'g> {
    /// Compiles layers for samples of a shape, with batches of at most `batch` samples.
    ///
    /// # Errors
    /// A layer that does not fit, an output that is not one logit a class, more memory than the adapter has.
    pub fn new(
        gpu: &'g Gpu,
        recipes: &[LayerRecipe],
        sample_shape: &[usize],
        classes: usize,
        batch: usize,
    ) -> Result<Self, Error> {
        let layers = build_layers(recipes, sample_shape)?;
        let outputs: usize = layers.last().map_or(0, |(_, layer)| layer.output_shape().iter().product());
        if outputs != classes {
            return Err(Error::Fit(format!(
                "the last layer has {outputs} outputs, the data has {classes} classes; they must be the same"
            )));
        }
        if batch == 0 {
            return Err(Error::Fit("a batch must hold at least one sample".to_owned()));
        }
        let (mut parameters, mut imperfections) = (Vec::new(), Vec::new());
        for (layer, (name, built)) in layers.iter().enumerate() {
            for (position, spec) in built.parameters().into_iter().enumerate() {
                let (name, shape) = (format!("{name}.{}", spec.name), spec.shape.clone());
                parameters.push(Entry { name, layer, position, offset: 0, shape, spec });
            }
            for (position, spec) in built.imperfections().into_iter().enumerate() {
                let (name, shape) = (format!("{name}.{}", spec.name), spec.shape.clone());
                imperfections.push(Entry { name, layer, position, offset: 0, shape, spec });
            }
        }
        // Control parameters come first, so that they are one range of the vector.
        parameters.sort_by_key(|entry| (entry.spec.role, entry.layer, entry.position));
        let words = place(&mut parameters);
        if words == 0 {
            return Err(Error::Fit("no layer has a parameter to train; add one to [[layers]]".to_owned()));
        }
        let chip_words = place(&mut imperfections);
        let flat = Flat {
            parameters: gpu.zeros("parameters", &[words], Scalar::F32)?,
            gradient: gpu.zeros("gradient", &[words], Scalar::F32)?,
            segments: gpu.upload("bounds and roles", &[words / ALIGNMENT_WORDS, 4], &segments(&parameters))?,
            tensors: parameters.len(),
        };
        let chip = gpu.zeros("imperfections", &[chip_words], Scalar::F32)?;
        let clock = Clock::uniform(gpu)?;
        let labels = gpu.zeros("labels", &[batch], Scalar::U32)?;
        let features: usize = sample_shape.iter().product();
        let input = gpu.zeros("input", &[batch, features], Scalar::F32)?;
        let shared = Shared {
            parameters: &parameters,
            imperfections: &imperfections,
            flat: &flat,
            chip: &chip,
            clock: &clock,
            input: &input,
        };
        let ios = connect(gpu, &layers, &shared)?;
        let logits = ios.last().map_or_else(|| input.clone(), |io| io.output.clone());

        let mut actuate = PlanBuilder::new(gpu, "actuate");
        for ((_, layer), io) in layers.iter().zip(&ios) {
            layer.actuate(&mut actuate, io)?;
        }
        let forward = |pass| {
            let mut plan = PlanBuilder::new(gpu, "forward");
            for ((_, layer), io) in layers.iter().zip(&ios) {
                layer.forward(&mut plan, io, pass)?;
            }
            plan.finish().map(Arc::new)
        };
        let mut backward = PlanBuilder::new(gpu, "backward");
        if let Some(last) = ios.last() {
            cross_entropy::backward(&mut backward, &clock, &logits, &labels, &last.d_output)?;
        }
        for ((_, layer), io) in layers.iter().zip(&ios).rev() {
            layer.backward(&mut backward, io)?;
        }
        let loss = gpu.zeros("losses", &[batch], Scalar::F32)?;
        let correct = gpu.zeros("hits", &[batch], Scalar::F32)?;
        let ring = gpu.zeros("metrics", &[SLOTS, 4], Scalar::F32)?;
        let mut score = PlanBuilder::new(gpu, "score");
        cross_entropy::forward(&mut score, &clock, &logits, &labels, &loss, &correct)?;
        metrics::forward(&mut score, &clock, &loss, &correct, &ring)?;
        Ok(Self {
            actuate: Arc::new(actuate.finish()?),
            forward: [forward(Pass::First)?, forward(Pass::Again)?, forward(Pass::Inference)?],
            score: Arc::new(score.finish()?),
            backward: Arc::new(backward.finish()?),
            gpu,
            batch,
            layers,
            ios,
            parameters,
            imperfections,
            flat,
            chip,
            clock,
            input,
            labels,
            logits,
            ring,
        })
    }

    /// The device.
    pub fn gpu(&self) -> &'g Gpu {
        self.gpu
    }

    /// Most samples of a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Every parameter tensor and its place in the flat vector; control parameters first.
    pub fn parameters(&self) -> &[Entry<Parameter>] {
        &self.parameters
    }

    /// Every imperfection and its place in the flat vector of imperfections.
    pub fn imperfections(&self) -> &[Entry<Imperfection>] {
        &self.imperfections
    }

    /// The flat vector, its gradient and its segments.
    pub fn flat(&self) -> &Flat {
        &self.flat
    }

    /// The clock that every plan reads.
    pub fn clock(&self) -> &Slice {
        &self.clock
    }

    /// Input of the first layer `[batch, features]`.
    pub fn input(&self) -> &Slice {
        &self.input
    }

    /// Labels of the batch `[batch]`.
    pub fn labels(&self) -> &Slice {
        &self.labels
    }

    /// Output of the last layer `[batch, classes]`.
    pub fn logits(&self) -> &Slice {
        &self.logits
    }

    /// Parameters and imperfections to what the light meets.
    pub fn actuate(&self) -> Arc<Plan> {
        Arc::clone(&self.actuate)
    }

    /// Input to logits.
    pub fn forward(&self, pass: Pass) -> Arc<Plan> {
        Arc::clone(&self.forward[pass as usize])
    }

    /// Logits and labels to the metrics ring.
    pub fn score(&self) -> Arc<Plan> {
        Arc::clone(&self.score)
    }

    /// Gradient of the mean loss.
    pub fn backward(&self) -> Arc<Plan> {
        Arc::clone(&self.backward)
    }

    /// Adds to the gradient, after `backward`, that of a penalty on steep weights; of no dispatches where no layer has one.
    ///
    /// # Errors
    /// What the device reports.
    pub fn prune(&self, strength: f32) -> Result<Arc<Plan>, Error> {
        let mut plan = PlanBuilder::new(self.gpu, "prune");
        for ((_, layer), io) in self.layers.iter().zip(&self.ios) {
            layer.prune(&mut plan, io, strength)?;
        }
        Ok(Arc::new(plan.finish()?))
    }

    /// A reader of the metrics ring. One at a time.
    pub fn scores(&self) -> Scores {
        Scores::new(self.ring.clone())
    }

    /// Starting values of a seed, as a flat vector.
    pub fn start(&self, seed: u32) -> Vec<f32> {
        let mut values = vec![0.0; self.flat.len()];
        for entry in &self.parameters {
            let own = &mut values[entry.range()];
            match entry.spec.start {
                Start::Constant(value) => own.fill(value),
                Start::Uniform(low, high) => {
                    let units = random::units(seed, random::stream(&format!("start {}", entry.name)));
                    own.iter_mut().zip(units).for_each(|(value, unit)| *value = low + (high - low) * unit as f32);
                }
                Start::Pairs(first, second) => {
                    own.chunks_mut(2).for_each(|pair| pair.copy_from_slice(&[first, second][..pair.len()]));
                }
                Start::UniformSquare(low, high) => {
                    let units = random::units(seed, random::stream(&format!("start {}", entry.name)));
                    let [low, high] = [low, high].map(|value| f64::from(value).powi(2));
                    own.iter_mut().zip(units).for_each(|(value, unit)| {
                        *value = (low + (high - low) * unit).sqrt() as f32;
                    });
                }
            }
        }
        values
    }

    /// Makes the device nominal: every imperfection 0.
    ///
    /// # Errors
    /// What the device reports.
    pub fn nominal(&self) -> Result<(), Error> {
        self.set_chip(&vec![0.0; self.chip.len()])
    }

    /// Sets all imperfections, as a flat vector.
    ///
    /// # Errors
    /// A vector of another length.
    pub fn set_chip(&self, values: &[f32]) -> Result<(), Error> {
        Ok(self.gpu.write(&self.chip, values)?)
    }

    /// Words of the flat vector of imperfections.
    pub fn chip_len(&self) -> usize {
        self.chip.len()
    }

    /// An imperfection on the device.
    ///
    /// # Errors
    /// What the device reports.
    pub fn imperfection(&self, entry: &Entry<Imperfection>) -> Result<Slice, Error> {
        Ok(entry.slice(&self.chip)?)
    }

    /// Copies a split to the device and records how batches are drawn from it: raw * scale + shift.
    ///
    /// # Errors
    /// What the device reports.
    pub fn feed(&self, split: &Split, (scale, shift): (f32, f32)) -> Result<Feed, Error> {
        let samples = Samples::upload(self.gpu, split, self.input.shape()[1])?;
        let mut plan = PlanBuilder::new(self.gpu, "draw");
        samples.draw(&mut plan, &self.clock, scale, shift, &self.input, &self.labels)?;
        Ok(Feed { samples, draw: Arc::new(plan.finish()?) })
    }

    /// Loss and accuracy over a whole split, with the parameters and imperfections now on the device. What differs from
    /// sample to sample is drawn under the chip's number.
    ///
    /// # Errors
    /// What the device reports.
    pub fn evaluate(&self, feed: &Feed, scores: &mut Scores, chip: u32) -> Result<Tally, Error> {
        for first in (0..feed.len()).step_by(self.batch) {
            let clock = Clock {
                step: chip,
                first: first as u32,
                rows: self.batch.min(feed.len() - first) as u32,
                slot: scores.slot(self.gpu)?,
                ..Clock::default()
            };
            self.gpu.write_uniform(&self.clock, &clock)?;
            let batch = [&*feed.draw, &*self.forward[Pass::Inference as usize], &*self.score];
            if first == 0 {
                self.gpu.submit(&[&*self.actuate, batch[0], batch[1], batch[2]])?;
            } else {
                self.gpu.submit(&batch)?;
            }
        }
        Ok(scores.take(self.gpu)?)
    }
}

/// The table of segments: four words for every block of 64.
fn segments(parameters: &[Entry<Parameter>]) -> Vec<f32> {
    let mut table = Vec::new();
    for (tensor, entry) in parameters.iter().enumerate() {
        let [lower, upper] = entry.spec.bounds;
        let role = entry.spec.role;
        let segment = Segment { lower, upper, control: role == Role::Control, kept: role == Role::Statistic, tensor };
        for _ in 0..align(entry.len()) / ALIGNMENT_WORDS {
            table.extend(segment.words());
        }
    }
    table
}

/// What layers have in common.
struct Shared<'a> {
    parameters: &'a [Entry<Parameter>],
    imperfections: &'a [Entry<Imperfection>],
    flat: &'a Flat,
    chip: &'a Slice,
    clock: &'a Slice,
    input: &'a Slice,
}

/// Gives every layer its tensors. Outputs are kept for the backward pass; their gradients take turns in two buffers,
/// since a backward pass never looks further back than one layer.
fn connect(gpu: &Gpu, layers: &[Named], shared: &Shared<'_>) -> Result<Vec<Io>, Error> {
    let batch = shared.input.shape()[0];
    let width = |layer: &dyn Layer| layer.output_shape().iter().product::<usize>();
    let widest = layers.iter().map(|(_, layer)| width(layer.as_ref())).max().unwrap_or(0);
    let turns = [
        gpu.zeros("gradients of outputs", &[batch * widest], Scalar::F32)?,
        gpu.zeros("gradients of outputs", &[batch * widest], Scalar::F32)?,
    ];
    let mut ios: Vec<Io> = Vec::new();
    for (index, (name, layer)) in layers.iter().enumerate() {
        let shape = [batch, width(layer.as_ref())];
        let output = gpu.zeros(&format!("output of {name}"), &shape, Scalar::F32)?;
        let d_output = turns[index % 2].part(&format!("gradient of {name}"), 0, &shape)?;
        let derived = layer
            .derived(batch)
            .iter()
            .map(|spec| gpu.zeros(&format!("{name}.{}", spec.name), &spec.shape, Scalar::F32))
            .collect::<Result<_, _>>()?;
        let previous = ios.last();
        ios.push(Io {
            parameters: of_layer(shared.parameters, index, &shared.flat.parameters)?,
            gradients: of_layer(shared.parameters, index, &shared.flat.gradient)?,
            imperfections: of_layer(shared.imperfections, index, shared.chip)?,
            derived,
            clock: shared.clock.clone(),
            input: previous.map_or_else(|| shared.input.clone(), |io| io.output.clone()),
            d_input: previous.map(|io| io.d_output.clone()),
            output,
            d_output,
        });
    }
    Ok(ios)
}

/// The device memory in use, as a table, largest first.
pub fn memory_table(gpu: &Gpu) -> String {
    let mut rows = gpu.memory();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let total: u64 = rows.iter().map(|(_, bytes)| bytes).sum();
    let mut text = String::new();
    for (name, held) in rows.iter().chain([&("total".to_owned(), total)]) {
        text.push_str(&format!("  {name:<28} {:>12}\n", bytes(*held)));
    }
    text
}
