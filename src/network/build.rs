//! A recipe's layers compiled once: flat buffers by role, and a plan for each pass.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::connect::{Shared, Wiring, connect};
use super::layout::place;
use super::objective::{Objective, Wanted};
use super::scores::{SLOTS, Scores};
use super::shortcut::{Link, Sources};
use super::{Chip, Drift, Entry, Error, LayerRecipe, Tally};
use crate::data::{Normalisation, Split};
use crate::gpu::{self, ALIGNMENT_WORDS, Gpu, Plan, PlanBuilder, Scalar, Slice, align, bytes};
use crate::layer::{Imperfection, Io, Layer, Parameter, Pass, Role, STATISTICS, Start};
use crate::ops::draw::{Augment, Samples};
use crate::ops::{Clock, Flat, Segment, bias, metrics, sum};
use crate::{mesh, random};

/// A compiled network for batches of a fixed size, on one device or spread evenly over several: copies of the rings with
/// the same controls and imperfections of their own.
pub struct Network<'g> {
    gpu: &'g Gpu,
    batch: usize,
    devices: usize,
    parts: Vec<Part>,
    layers: Rc<[Named]>,
    wiring: Wiring,
    parameters: Vec<Entry<Parameter>>,
    imperfections: Vec<Entry<Imperfection>>,
    flat: Flat,
    chip: Slice,
    clock: Slice,
    input: Slice,
    labels: Slice,
    logits: Slice,
    wanted: Wanted,
    rows: Rows,
    label_smoothing: f32,
    plans: Plans,
}

/// Whatever is recorded once for a network.
struct Plans {
    actuate: Arc<Plan>,
    forward: [Arc<Plan>; 4],
    score: Arc<Plan>,
    backward: Arc<Plan>,
    each: Arc<Plan>,
}

/// What every row of a batch comes to, and where the sums of batches go.
#[derive(Clone)]
struct Rows {
    /// Loss `[batch]`.
    loss: Slice,
    /// Score `[batch]`: see [`Wanted`].
    score: Slice,
    /// Structural similarity `[batch]`, where images are wanted.
    similarity: Option<Slice>,
    /// Sums of batches, of every device `[devices slots, 4]`.
    ring: Slice,
}

impl Rows {
    /// Of the first rows.
    fn part(&self, rows: usize) -> Result<Self, Error> {
        let part = |slice: &Slice| slice.part(slice.name(), 0, &[rows]);
        let similarity = self.similarity.as_ref().map(part).transpose()?;
        Ok(Self { loss: part(&self.loss)?, score: part(&self.score)?, similarity, ring: self.ring.clone() })
    }
}

/// A split on the device, and the plans that draw batches of it into a network.
#[derive(Debug)]
pub struct Feed {
    samples: Samples,
    draw: Arc<Plan>,
    draw_each: Arc<Plan>,
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

/// Gradients of imperfections that a method asks for, of every device.
#[derive(Debug)]
pub struct Asked {
    entries: Vec<Entry<Imperfection>>,
    gradients: Slice,
    /// Words of the imperfections of a device.
    words: usize,
}

impl Asked {
    /// The imperfections.
    pub fn entries(&self) -> &[Entry<Imperfection>] {
        &self.entries
    }

    /// The gradient of one of them, of a device; that of the mean loss of the batch that all devices share.
    ///
    /// # Errors
    /// What the device reports.
    pub fn gradient(&self, device: usize, entry: &Entry<Imperfection>) -> Result<Slice, Error> {
        Ok(self.gradients.part(&entry.name, device * self.words + entry.offset, &entry.shape)?)
    }

    /// Of a layer, in the order of its imperfections.
    fn of_layer(&self, device: usize, layer: usize, imperfections: usize) -> Result<Vec<Option<Slice>>, Error> {
        let mut all = vec![None; imperfections];
        for entry in self.entries.iter().filter(|entry| entry.layer == layer) {
            all[entry.position] = Some(self.gradient(device, entry)?);
        }
        Ok(all)
    }
}

/// A layer whose device was measured, met by [`retrace_to`](Network::retrace_to).
pub struct Measured<'a> {
    /// Its place in the network.
    pub place: usize,
    /// Its model, ...
    pub layer: &'a dyn Layer,
    /// ... the model's tensors after its forward pass at the measured input, and `d_output`, the gradient of the loss behind it.
    pub model: &'a Io,
    /// What the device put out, `[batch, ...]`.
    pub outputs: &'a Slice,
}

/// What learns how a device differs from its model as they are compared.
pub trait Learner {
    /// Records what it does with a layer, and gives the gradient of the loss with respect to the model's outputs. The layer's
    /// backward pass comes next, and needs what the forward pass left.
    ///
    /// # Errors
    /// What the plan reports.
    fn learn(&self, plan: &mut PlanBuilder<'_>, met: &Measured<'_>) -> Result<Slice, gpu::Error>;
}

/// A layer and its name.
pub(super) type Named = (String, Box<dyn Layer>);

/// A layer of a recipe, or one of those that an entry of it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its type and keys.
    pub recipe: LayerRecipe,
    /// Shape of a sample that it takes.
    pub input: Vec<usize>,
    /// Shape of a sample that it puts out.
    pub output: Vec<usize>,
}

/// What a recipe's layers are built into.
struct Built {
    layers: Vec<Named>,
    parts: Vec<Part>,
    links: Vec<Link>,
}

/// Layers in order, each built for the shape that the one before puts out, what they are, and the shortcuts between them. A
/// rectifier or a max-pool becomes part of a layer before it that can do it at once, unless a shortcut starts or a reshape stands between them; names
/// are as if it had not.
fn build_layers(recipes: &[LayerRecipe], sample_shape: &[usize]) -> Result<Built, Error> {
    let (mut layers, mut built, mut links) = (Vec::<Named>::new(), Vec::<Part>::new(), Vec::new());
    // Of every part, the place of the layer that it is or is in.
    let (mut sources, mut places) = (Sources::new(recipes), Vec::new());
    let mut taken = BTreeSet::new();
    let mut shape = sample_shape.to_vec();
    for (index, recipe) in recipes.iter().enumerate() {
        let alike = recipes[..=index].iter().filter(|other| other.stem() == recipe.stem()).count();
        let name = recipe.name().map_or_else(|| format!("{}{alike}", recipe.stem()), str::to_owned);
        let complain = |message: String| Error::Layer { index, name: name.clone(), message };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return Err(complain("a name is made of letters, digits, - and _".to_owned()));
        }
        let parts = recipe.parts();
        let own: BTreeSet<_> = parts.iter().map(|(part, _)| format!("{name}{part}")).chain([name.clone()]).collect();
        if !own.is_disjoint(&taken) {
            return Err(complain("two layers have this name; give one another `name`".to_owned()));
        }
        taken.extend(own);
        for (part, mut recipe) in parts {
            if let LayerRecipe::Reshape(reshape) = &recipe {
                // Samples lie as they lay; only what they are taken for changes.
                let output = reshape.output_shape(&shape).map_err(complain)?;
                let first =
                    || complain("`type`: a reshape comes behind another layer, whose outputs it takes".to_owned());
                places.push(layers.len().checked_sub(1).ok_or_else(first)?);
                let input = std::mem::replace(&mut shape, output.clone());
                sources.name(&name, built.len());
                built.push(Part { name: name.clone(), recipe, input, output });
                continue;
            }
            let source = recipe.source().map(|of| sources.find(of, &built)).transpose().map_err(complain)?;
            let source_shape = source.map(|source| &built[source].output[..]);
            let layer = recipe.build(&shape, source_shape).map_err(complain)?;
            if let (LayerRecipe::Add(add), Some(source)) = (&mut recipe, source) {
                links.push(Link { from: places[source], to: layers.len() });
                add.of.clone_from(&built[source].name);
            }
            let is_apart = built
                .len()
                .checked_sub(1)
                .is_some_and(|last| sources.is_asked(last) || matches!(built[last].recipe, LayerRecipe::Reshape(_)));
            let last = layers.last_mut().map(|(_, layer)| layer).filter(|_| !is_apart);
            let both = last.and_then(|last| match &recipe {
                LayerRecipe::Relu => Some((last.rectified()?, last)),
                LayerRecipe::MaxPool(pool) => Some((last.pooled(&pool.windows(&shape).ok()?)?, last)),
                _ => None,
            });
            let (input, name) = (std::mem::replace(&mut shape, layer.output_shape()), format!("{name}{part}"));
            sources.name(&name, built.len());
            built.push(Part { name: name.clone(), recipe, input, output: shape.clone() });
            match both {
                Some((both, last)) => *last = both,
                None => layers.push((name, layer)),
            }
            places.push(layers.len() - 1);
        }
        sources.name(&name, built.len() - 1);
    }
    Ok(Built { layers, parts: built, links })
}

/// Outputs of the widest layer, for samples of a shape.
///
/// # Errors
/// A layer that does not fit.
pub fn widest(recipes: &[LayerRecipe], sample_shape: &[usize]) -> Result<usize, Error> {
    let Built { parts, .. } = build_layers(recipes, sample_shape)?;
    Ok(parts.iter().map(|part| part.output.iter().product()).max().unwrap_or(0))
}

/// Outputs of the last layer, for samples of a shape.
///
/// # Errors
/// A layer that does not fit.
pub fn outputs(recipes: &[LayerRecipe], sample_shape: &[usize]) -> Result<usize, Error> {
    let Built { parts, .. } = build_layers(recipes, sample_shape)?;
    Ok(parts.last().map_or(0, |part| part.output.iter().product()))
}

impl<'g> Network<'g> {
    /// Compiles layers for samples of a shape, with batches of at most `batch` samples, on one device.
    ///
    /// # Errors
    /// A layer that does not fit, an output that is not what is wanted, more memory than the adapter has.
    pub fn new(
        gpu: &'g Gpu,
        recipes: &[LayerRecipe],
        sample_shape: &[usize],
        wanted: impl Into<Wanted>,
        batch: usize,
    ) -> Result<Self, Error> {
        Self::spread(gpu, recipes, sample_shape, wanted, batch, 1)
    }

    /// As [`new`](Self::new), with batches spread over so many devices: equal runs of samples, in order.
    ///
    /// # Errors
    /// As [`new`](Self::new), or a batch that cannot be cut so.
    pub fn spread(
        gpu: &'g Gpu,
        recipes: &[LayerRecipe],
        sample_shape: &[usize],
        wanted: impl Into<Wanted>,
        batch: usize,
        devices: usize,
    ) -> Result<Self, Error> {
        let wanted = wanted.into();
        let Built { layers, parts, links } = build_layers(recipes, sample_shape)?;
        let outputs: usize = layers.last().map_or(0, |(_, layer)| layer.output_shape().iter().product());
        wanted.check(outputs, sample_shape.iter().product()).map_err(Error::Fit)?;
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
        let chip = gpu.zeros("imperfections", &[devices * chip_words], Scalar::F32)?;
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
            devices,
        };
        let wiring = connect(gpu, &layers, links, &shared)?;
        let logits = wiring.whole.last().map_or_else(|| input.clone(), |io| io.output.clone());

        let row = |name| gpu.zeros(name, &[batch], Scalar::F32);
        let rows = Rows {
            loss: row("losses")?,
            score: row("scores")?,
            similarity: if matches!(wanted, Wanted::Image(_)) { Some(row("similarities")?) } else { None },
            ring: gpu.zeros("metrics", &[devices * SLOTS, 4], Scalar::F32)?,
        };
        let objective =
            Objective { wanted, clock: &clock, outputs: &logits, labels: &labels, input: &input, smoothing: 0.0 };
        Ok(Self {
            plans: Self::record(gpu, &layers, &wiring, &objective, &rows)?,
            gpu,
            batch,
            devices,
            parts,
            layers: layers.into(),
            wiring,
            parameters,
            imperfections,
            flat,
            chip,
            clock,
            input,
            labels,
            logits,
            wanted,
            rows,
            label_smoothing: 0.0,
        })
    }

    /// The same with targets of the training that are smoothed: a share of each, 0 to below 1, is spread evenly over all classes
    /// (Szegedy et al., CVPR 2016). It is for [gradients](Self::backward) and for losses that are [measured](Self::measure) in their place;
    /// scores are losses of the labels themselves.
    ///
    /// # Errors
    /// What the device reports.
    pub fn smoothed(mut self, label_smoothing: f32) -> Result<Self, Error> {
        self.label_smoothing = label_smoothing;
        self.plans.backward = Self::record_backward(self.gpu, &self.layers, &self.wiring, &self.objective(), 0, None)?;
        Ok(self)
    }

    /// The first rows of the batch alone, for passes that need no more: what layers derive they derive by themselves, and the clock is
    /// another, whose rows are at most these. Parameters, gradients, imperfections and metrics are shared, and what is put out
    /// takes the place of what these rows put out in the whole. Of a network for one device.
    ///
    /// # Errors
    /// What the device reports.
    pub fn part(&self, rows: usize) -> Result<Self, Error> {
        debug_assert!(self.devices == 1 && (1..=self.batch).contains(&rows));
        let clock = Clock::uniform(self.gpu)?;
        let wiring = self.wiring.part(self.gpu, &self.layers, rows, &clock)?;
        let part = |slice: &Slice| slice.part(slice.name(), 0, &[&[rows], &slice.shape()[1..]].concat());
        let (labels, input, logits) = (part(&self.labels)?, part(&self.input)?, part(&self.logits)?);
        let own = self.rows.part(rows)?;
        let objective = Objective {
            clock: &clock,
            outputs: &logits,
            labels: &labels,
            input: &input,
            smoothing: 0.0,
            ..self.objective()
        };
        let part = Self {
            plans: Self::record(self.gpu, &self.layers, &wiring, &objective, &own)?,
            gpu: self.gpu,
            batch: rows,
            devices: 1,
            parts: self.parts.clone(),
            layers: Rc::clone(&self.layers),
            wiring,
            parameters: self.parameters.clone(),
            imperfections: self.imperfections.clone(),
            flat: self.flat.clone(),
            chip: self.chip.clone(),
            clock,
            input,
            labels,
            logits,
            wanted: self.wanted,
            rows: own,
            label_smoothing: 0.0,
        };
        part.smoothed(self.label_smoothing)
    }

    /// The plans of a network.
    fn record(
        gpu: &Gpu,
        layers: &[Named],
        wiring: &Wiring,
        objective: &Objective<'_>,
        rows: &Rows,
    ) -> Result<Plans, Error> {
        let forward = |pass| Self::record_forward(gpu, layers, wiring, pass, 0..layers.len());
        let mut score = PlanBuilder::new(gpu, "score");
        objective.forward(&mut score, &rows.loss, &rows.score)?;
        metrics::forward(&mut score, objective.clock, &rows.loss, &rows.score, None, &Self::ring_of(&rows.ring, 0)?)?;
        Ok(Plans {
            actuate: Self::record_actuate(gpu, layers, wiring)?,
            forward: [
                forward(Pass::First)?,
                forward(Pass::Again)?,
                forward(Pass::Inference)?,
                forward(Pass::Recalibrate)?,
            ],
            score: Arc::new(score.finish()?),
            backward: Self::record_backward(gpu, layers, wiring, objective, 0, None)?,
            each: Self::record_each(gpu, layers, wiring, objective, rows)?,
        })
    }

    /// Parameters and imperfections to what the light meets, of every device.
    fn record_actuate(gpu: &Gpu, layers: &[Named], wiring: &Wiring) -> Result<Arc<Plan>, Error> {
        let mut plan = PlanBuilder::new(gpu, "actuate");
        for ios in &wiring.own {
            for ((_, layer), io) in layers.iter().zip(ios) {
                layer.actuate(&mut plan, io)?;
            }
        }
        Ok(Arc::new(plan.finish()?))
    }

    /// Layers of a range, whose input is there.
    fn record_forward(
        gpu: &Gpu,
        layers: &[Named],
        wiring: &Wiring,
        pass: Pass,
        range: Range<usize>,
    ) -> Result<Arc<Plan>, Error> {
        let mut plan = PlanBuilder::new(gpu, "forward");
        for (place, (_, layer)) in range.clone().zip(&layers[range]) {
            for io in wiring.of_layer(place) {
                layer.forward(&mut plan, io, pass)?;
            }
        }
        Ok(Arc::new(plan.finish()?))
    }

    /// Gradients of the layers from a place on, of the mean loss; of imperfections where some are asked for.
    fn record_backward(
        gpu: &Gpu,
        layers: &[Named],
        wiring: &Wiring,
        objective: &Objective<'_>,
        from: usize,
        asked: Option<&Asked>,
    ) -> Result<Arc<Plan>, Error> {
        let mut plan = PlanBuilder::new(gpu, "backward");
        if let Some(last) = wiring.whole.last() {
            objective.backward(&mut plan, &last.d_output)?;
        }
        for (place, (_, layer)) in layers.iter().enumerate().skip(from).rev() {
            wiring.hand_down(&mut plan, layers, place)?;
            for (device, io) in wiring.of_layer(place).into_iter().enumerate() {
                match asked {
                    Some(asked) => {
                        let d_imperfections = asked.of_layer(device, place, io.imperfections.len())?;
                        layer.backward(&mut plan, &Io { d_imperfections, ..io.clone() })?;
                    }
                    None => layer.backward(&mut plan, io)?,
                }
            }
            for (copies, gradient) in &wiring.sums[place] {
                bias::backward(&mut plan, copies, gradient)?;
            }
        }
        Ok(Arc::new(plan.finish()?))
    }

    /// Inference and scores of every device on the same samples, those in the first rows of the batch.
    fn record_each(
        gpu: &Gpu,
        layers: &[Named],
        wiring: &Wiring,
        objective: &Objective<'_>,
        rows: &Rows,
    ) -> Result<Arc<Plan>, Error> {
        let mut plan = PlanBuilder::new(gpu, "forward");
        for (device, ios) in wiring.chips().enumerate() {
            for (place, io) in &ios {
                layers[*place].1.forward(&mut plan, io, Pass::Inference)?;
            }
            let Some((_, last)) = ios.last() else { continue };
            let count = last.output.shape()[0];
            let own = rows.part(count)?;
            let part = |slice: &Slice| slice.part(slice.name(), 0, &[&[count], &slice.shape()[1..]].concat());
            let (labels, input) = (part(objective.labels)?, part(objective.input)?);
            let objective = Objective { outputs: &last.output, labels: &labels, input: &input, ..*objective };
            objective.forward(&mut plan, &own.loss, &own.score)?;
            if let Some(similarity) = &own.similarity {
                objective.similarity(&mut plan, similarity)?;
            }
            let ring = Self::ring_of(&own.ring, device)?;
            metrics::forward(&mut plan, objective.clock, &own.loss, &own.score, own.similarity.as_ref(), &ring)?;
        }
        Ok(Arc::new(plan.finish()?))
    }

    /// The metrics ring of a device.
    fn ring_of(ring: &Slice, device: usize) -> Result<Slice, Error> {
        Ok(ring.part("metrics", device * SLOTS * 4, &[SLOTS, 4])?)
    }

    /// The device.
    pub fn gpu(&self) -> &'g Gpu {
        self.gpu
    }

    /// What is differentiated.
    fn objective(&self) -> Objective<'_> {
        let Self { clock, input, labels, logits: outputs, .. } = self;
        Objective { wanted: self.wanted, clock, outputs, labels, input, smoothing: self.label_smoothing }
    }

    /// What its outputs are to be.
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// Share of the targets of the training that is spread evenly over all classes.
    pub fn label_smoothing(&self) -> f32 {
        self.label_smoothing
    }

    /// Most samples of a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Devices that a batch is spread over.
    pub fn devices(&self) -> usize {
        self.devices
    }

    /// The layers of the recipe, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Number of layers as they are run; a [part](Self::parts) may be one with the part before it.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Whether a layer may be built wrong.
    pub fn is_physical(&self, layer: usize) -> bool {
        self.wiring.is_physical(layer)
    }

    /// Name of a layer as it is run, that of the first of its parts.
    pub fn layer_name(&self, layer: usize) -> &str {
        &self.layers[layer].0
    }

    /// Input of a layer `[batch, ...]`.
    pub fn input_of(&self, layer: usize) -> &Slice {
        &self.wiring.whole[layer].input
    }

    /// Output of a layer `[batch, ...]`.
    pub fn output_of(&self, layer: usize) -> &Slice {
        &self.wiring.whole[layer].output
    }

    /// Outputs of a layer for a sample.
    pub fn width(&self, layer: usize) -> usize {
        self.wiring.whole[layer].output.shape()[1]
    }

    /// Words of the outputs of the widest layer for a whole batch.
    pub fn widest(&self) -> usize {
        self.wiring.whole.iter().map(|io| io.output.len()).max().unwrap_or(0)
    }

    /// What a user should know before a run, one line each, with the layer's name.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.layers
            .iter()
            .flat_map(|(name, layer)| layer.warnings().into_iter().map(move |warning| format!("{name}: {warning}")))
    }

    /// Every parameter tensor and its place in the flat vector; control parameters first.
    pub fn parameters(&self) -> &[Entry<Parameter>] {
        &self.parameters
    }

    /// Every imperfection and its place in the flat vector of imperfections.
    pub fn imperfections(&self) -> &[Entry<Imperfection>] {
        &self.imperfections
    }

    /// A tensor that a layer derives, by `layer.tensor`, such as `ring1.weight`, which [`actuate`](Self::actuate) fills; of
    /// the first device.
    pub fn derived(&self, name: &str) -> Option<&Slice> {
        self.derived_all(name).next()
    }

    /// All tensors that a layer derives under one name, in its order, such as `space1.arriving`, the light at every plane and
    /// the camera; of the first device.
    pub fn derived_all(&self, name: &str) -> impl Iterator<Item = &Slice> {
        self.wiring.own[0].iter().flat_map(|io| &io.derived).filter(move |slice| slice.name() == name)
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

    /// Output of the last layer `[batch, ...]`: logits where classes are wanted.
    pub fn logits(&self) -> &Slice {
        &self.logits
    }

    /// Parameters and imperfections to what the light meets.
    pub fn actuate(&self) -> Arc<Plan> {
        Arc::clone(&self.plans.actuate)
    }

    /// Input to outputs.
    pub fn forward(&self, pass: Pass) -> Arc<Plan> {
        Arc::clone(&self.plans.forward[pass as usize])
    }

    /// Outputs, and labels or inputs, to the metrics ring.
    pub fn score(&self) -> Arc<Plan> {
        Arc::clone(&self.plans.score)
    }

    /// Records what the batch's losses, with [smoothed](Self::smoothed) targets and what layers add, sum up to at the logits as they are, on the device that put them out: total `[1]` = factor
    /// sum L, or added to what total holds.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn measure(
        &self,
        plan: &mut PlanBuilder<'_>,
        factor: f32,
        total: &Slice,
        accumulate: bool,
    ) -> Result<(), Error> {
        self.objective().forward(plan, &self.rows.loss, &self.rows.score)?;
        for ((_, layer), io) in self.layers.iter().zip(&self.wiring.whole) {
            layer.burden(plan, io, &self.rows.loss)?;
        }
        Ok(sum::forward(plan, factor, &self.rows.loss, &sum::partials(plan.gpu())?, total, accumulate)?)
    }

    /// Gradient of the mean loss.
    pub fn backward(&self) -> Arc<Plan> {
        Arc::clone(&self.plans.backward)
    }

    /// [`forward`](Self::forward) of the layers from one on, for a pass that leaves what comes before them as it was.
    ///
    /// # Errors
    /// What the device reports.
    pub fn forward_from(&self, pass: Pass, layer: usize) -> Result<Arc<Plan>, Error> {
        if layer == 0 {
            return Ok(self.forward(pass));
        }
        self.forward_between(pass, layer..self.layers.len())
    }

    /// [`forward`](Self::forward) of a range of layers.
    ///
    /// # Errors
    /// What the device reports.
    pub fn forward_between(&self, pass: Pass, layers: Range<usize>) -> Result<Arc<Plan>, Error> {
        Self::record_forward(self.gpu, &self.layers, &self.wiring, pass, layers)
    }

    /// [`backward`](Self::backward) down to a layer: gradients of earlier ones are not touched.
    ///
    /// # Errors
    /// What the device reports.
    pub fn backward_to(&self, layer: usize) -> Result<Arc<Plan>, Error> {
        if layer == 0 {
            return Ok(self.backward());
        }
        Self::record_backward(self.gpu, &self.layers, &self.wiring, &self.objective(), layer, None)
    }

    /// [`backward_to`](Self::backward_to) a layer that also writes the gradients asked for.
    ///
    /// # Errors
    /// What the device reports.
    pub fn backward_asked(&self, layer: usize, asked: &Asked) -> Result<Arc<Plan>, Error> {
        Self::record_backward(self.gpu, &self.layers, &self.wiring, &self.objective(), layer, Some(asked))
    }

    /// [`actuate`](Self::actuate) and [`forward_from`](Self::forward_from) a layer under other imperfections, a flat vector
    /// `[chip_len]`: another device under the same controls, whose outputs take the place of the model's. Of a network for one
    /// device.
    ///
    /// # Errors
    /// What the device reports.
    pub fn on(&self, imperfections: &Slice, pass: Pass, layer: usize) -> Result<[Arc<Plan>; 2], Error> {
        let wiring = self.wiring.on(&self.imperfections, imperfections)?;
        let actuate = Self::record_actuate(self.gpu, &self.layers, &wiring)?;
        Ok([actuate, Self::record_forward(self.gpu, &self.layers, &wiring, pass, layer..self.layers.len())?])
    }

    /// Gradients by the model, down to a layer, at outputs of layers that a device put out: the gradient of the loss is that at
    /// the measured logits, and every layer that may be built wrong answers by its model to the input that was measured. What is
    /// wrong before a layer is thus in its gradient, and only the layer's own slope is the model's. (Physics-aware training:
    /// Wright et al., Nature 601, 549 (2022).)
    ///
    /// A learner is shown every such layer, the last one first.
    ///
    /// # Errors
    /// What the device reports.
    pub fn retrace_to(&self, layer: usize, learner: Option<&dyn Learner>) -> Result<Arc<Plan>, Error> {
        let mut plan = PlanBuilder::new(self.gpu, "retrace");
        if let Some(last) = self.wiring.whole.last() {
            self.objective().backward(&mut plan, &last.d_output)?;
        }
        let modelled = self.gpu.zeros("outputs of the model", &[self.widest()], Scalar::F32)?;
        for (place, (_, own)) in self.layers.iter().enumerate().skip(layer).rev() {
            self.wiring.hand_down(&mut plan, &self.layers, place)?;
            for io in self.wiring.of_layer(place) {
                if !self.wiring.is_physical(place) {
                    own.backward(&mut plan, io)?;
                    continue;
                }
                let output = modelled.part("outputs of the model", 0, io.output.shape())?;
                let mut model = Io { output, ..io.clone() };
                own.forward(&mut plan, &model, Pass::Again)?;
                if let Some(learner) = learner {
                    let met = Measured { place, layer: own.as_ref(), model: &model, outputs: &io.output };
                    model.d_output = learner.learn(&mut plan, &met)?;
                }
                own.backward(&mut plan, &model)?;
            }
        }
        Ok(Arc::new(plan.finish()?))
    }

    /// Where the gradients of the imperfections of a layer go that are asked for, in its own order; of the first device.
    ///
    /// # Errors
    /// What the device reports.
    pub fn d_imperfections(&self, asked: &Asked, layer: usize) -> Result<Vec<Option<Slice>>, Error> {
        asked.of_layer(0, layer, self.wiring.own[0][layer].imperfections.len())
    }

    /// An imperfection of the first device and its gradient as a flat vector of their own, for an optimizer: within its limit,
    /// as if it were a control.
    ///
    /// # Errors
    /// What the device reports.
    pub fn flat_imperfection(&self, asked: &Asked, entry: &Entry<Imperfection>) -> Result<Flat, Error> {
        let words = align(entry.len());
        // At the limit itself slopes may be infinite.
        let bound = entry.spec.limit.map_or(f32::MAX, |limit| 0.95 * limit);
        let part = |vector: &Slice| vector.part(&entry.name, entry.offset, &[words]);
        Ok(Flat::alone(self.gpu, part(&self.chip)?, part(&asked.gradients)?, true, bound)?)
    }

    /// Room for the gradients of imperfections of these names, of every layer that has one.
    ///
    /// # Errors
    /// What the device reports.
    pub fn ask(&self, names: impl Fn(&str) -> bool) -> Result<Asked, Error> {
        let has = |entry: &&Entry<Imperfection>| self.layers[entry.layer].1.has_gradient(entry.spec.name);
        let entries: Vec<_> =
            self.imperfections.iter().filter(|entry| names(entry.spec.name)).filter(has).cloned().collect();
        let gradients = self.gpu.zeros("gradients of imperfections", self.chip.shape(), Scalar::F32)?;
        Ok(Asked { entries, gradients, words: self.chip_len() })
    }

    /// Adds to the gradient, after `backward`, that of a penalty on steep weights; of no dispatches where no layer has one. For
    /// one device.
    ///
    /// # Errors
    /// What the device reports.
    pub fn prune(&self, strength: f32) -> Result<Arc<Plan>, Error> {
        let mut plan = PlanBuilder::new(self.gpu, "prune");
        for ((_, layer), io) in self.layers.iter().zip(&self.wiring.own[0]) {
            layer.prune(&mut plan, io, strength)?;
        }
        Ok(Arc::new(plan.finish()?))
    }

    /// A reader of the metrics of whole batches. One at a time.
    ///
    /// # Errors
    /// What the device reports.
    pub fn scores(&self) -> Result<Scores, Error> {
        Ok(Scores::new(Self::ring_of(&self.rows.ring, 0)?))
    }

    /// Starting values of a seed, as a flat vector.
    pub fn start(&self, seed: u32) -> Vec<f32> {
        let mut values = vec![0.0; self.flat.len()];
        let mut meshes = BTreeMap::new();
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
                Start::Haar { layout, modes, phases } => {
                    let layer = &self.layers[entry.layer].0;
                    let seed = random::mix(seed ^ random::stream(&format!("start {layer}")));
                    let mesh = meshes.entry(entry.layer).or_insert_with(|| mesh::haar(layout, modes, seed));
                    let drawn = mesh.phases(phases);
                    own.iter_mut().zip(drawn).for_each(|(value, phase)| *value = *phase as f32);
                }
                Start::UniformSquare(low, high) => {
                    let units = random::units(seed, random::stream(&format!("start {}", entry.name)));
                    own.iter_mut().zip(units).for_each(|(value, unit)| *value = in_square(low, high, unit));
                }
                Start::Either { sides, square, turns } => {
                    let units = |what: &str| random::units(seed, random::stream(&format!("{what} {}", entry.name)));
                    let drawn = own.iter_mut().zip(units("start")).zip(units("side")).enumerate();
                    drawn.for_each(|(place, ((value, unit), side))| {
                        let second = if turns { place % 2 == 1 } else { side > 0.5 };
                        let [low, high] = sides[usize::from(second)];
                        *value = if square { in_square(low, high, unit) } else { low + (high - low) * unit as f32 };
                    });
                }
            }
        }
        values
    }

    /// Makes all devices nominal: every imperfection 0.
    ///
    /// # Errors
    /// What the device reports.
    pub fn nominal(&self) -> Result<(), Error> {
        Ok(self.gpu.write(&self.chip, &vec![0.0; self.chip.len()])?)
    }

    /// Sets all imperfections of a device, as a flat vector.
    ///
    /// # Errors
    /// A vector of another length.
    pub fn set_chip(&self, device: usize, values: &[f32]) -> Result<(), Error> {
        let words = self.chip_len();
        Ok(self.gpu.write(&self.chip.part("imperfections", device * words, &[words])?, values)?)
    }

    /// Sets all imperfections of a device to what chips hold together; the last that holds one counts.
    ///
    /// # Errors
    /// What the device reports.
    pub fn set_chips<'c>(&self, device: usize, chips: impl IntoIterator<Item = &'c Chip>) -> Result<(), Error> {
        self.set_drifted(device, chips, &Drift::default(), 0, 0.0)
    }

    /// As [`set_chips`](Self::set_chips), moved by what chip number `number` has drifted by at an hour.
    ///
    /// # Errors
    /// What the device reports.
    pub fn set_drifted<'c>(
        &self,
        device: usize,
        chips: impl IntoIterator<Item = &'c Chip>,
        drift: &Drift,
        number: u32,
        hour: f64,
    ) -> Result<(), Error> {
        let mut values = vec![0.0; self.chip_len()];
        chips.into_iter().for_each(|chip| chip.put(&self.imperfections, &mut values));
        drift.add(number, hour, &mut values);
        self.set_chip(device, &values)
    }

    /// All imperfections of the first device, as a flat vector.
    ///
    /// # Errors
    /// What the device reports.
    pub fn chip_values(&self) -> Result<Slice, Error> {
        Ok(self.chip.part("imperfections", 0, &[self.chip_len()])?)
    }

    /// Words of the flat vector of imperfections of a device.
    pub fn chip_len(&self) -> usize {
        self.chip.len() / self.devices
    }

    /// An imperfection of a device.
    ///
    /// # Errors
    /// What the device reports.
    pub fn imperfection(&self, device: usize, entry: &Entry<Imperfection>) -> Result<Slice, Error> {
        Ok(self.chip.part(&entry.name, device * self.chip_len() + entry.offset, &entry.shape)?)
    }

    /// Copies a split to the device and records how batches are drawn from it: raw * scale + shift.
    ///
    /// # Errors
    /// What the device reports.
    pub fn feed(&self, split: &Split, normalisation: impl Into<Normalisation>) -> Result<Feed, Error> {
        let features = self.input.shape()[1];
        let samples = Samples::upload(self.gpu, split, features, &normalisation.into())?;
        let mut plan = PlanBuilder::new(self.gpu, "draw");
        samples.draw(&mut plan, &self.clock, &self.input, &self.labels)?;
        let rows = self.batch / self.devices;
        let (input, labels) =
            (self.input.part("input", 0, &[rows, features])?, self.labels.part("labels", 0, &[rows])?);
        let mut each = PlanBuilder::new(self.gpu, "draw");
        samples.draw(&mut each, &self.clock, &input, &labels)?;
        Ok(Feed { samples, draw: Arc::new(plan.finish()?), draw_each: Arc::new(each.finish()?) })
    }

    /// A plan that draws batches of a feed as training images `[channels, height, width]`: cropped, mirrored and cut out at random.
    ///
    /// # Errors
    /// Images that are no samples of the feed, or too small; what the device reports.
    pub fn draw_augmented(&self, feed: &Feed, image: [usize; 3], augment: &Augment) -> Result<Arc<Plan>, Error> {
        let mut plan = PlanBuilder::new(self.gpu, "draw");
        let streams = ["augment crop", "augment cutout"].map(random::stream);
        feed.samples.draw_augmented(&mut plan, &self.clock, image, augment, streams, [&self.input, &self.labels])?;
        Ok(Arc::new(plan.finish()?))
    }

    /// Loss and accuracy over a whole split, with the parameters and imperfections now on the device, every batch spread
    /// over the devices.
    ///
    /// # Errors
    /// What the device reports.
    pub fn evaluate(&self, feed: &Feed, scores: &mut Scores) -> Result<Tally, Error> {
        self.evaluate_by(feed, scores, &[&*self.plans.actuate, &*self.plans.forward[Pass::Inference as usize]])
    }

    /// As [`evaluate`](Self::evaluate), by other plans: one that actuates a device, and its forward pass.
    ///
    /// # Errors
    /// What the device reports.
    pub fn evaluate_by(
        &self,
        feed: &Feed,
        scores: &mut Scores,
        [actuate, forward]: &[&Plan; 2],
    ) -> Result<Tally, Error> {
        let plans = [&*feed.draw, forward, &*self.plans.score];
        self.run_through(feed, feed.len(), self.batch, actuate, &plans, &mut |rows| {
            Ok(Clock { rows, slot: scores.slot(self.gpu)?, ..Clock::default() })
        })?;
        Ok(scores.take(self.gpu)?)
    }

    /// As [`evaluate`](Self::evaluate), by whatever gives the logits of a batch of so many valid rows.
    ///
    /// # Errors
    /// What that or the device reports.
    pub fn evaluate_in(
        &self,
        feed: &Feed,
        scores: &mut Scores,
        pass: &mut dyn FnMut(usize) -> Result<(), Error>,
    ) -> Result<Tally, Error> {
        for first in (0..feed.len()).step_by(self.batch) {
            let rows = self.batch.min(feed.len() - first);
            let (first, slot) = (first as u32, scores.slot(self.gpu)?);
            let clock = Clock { first, rows: rows as u32, slot, ..Clock::default() };
            self.gpu.write_uniform(&self.clock, &clock)?;
            self.gpu.submit(&[&*feed.draw])?;
            pass(rows)?;
            self.gpu.submit(&[&*self.plans.score])?;
        }
        Ok(scores.take(self.gpu)?)
    }

    /// Loss and accuracy of every device over a whole split; the chips have numbers from `first_chip` on. What differs
    /// from sample to sample is drawn under a chip's number.
    ///
    /// # Errors
    /// What the device reports.
    pub fn evaluate_each(&self, feed: &Feed, first_chip: u32) -> Result<Vec<Tally>, Error> {
        let rings = (0..self.devices).map(|device| Self::ring_of(&self.rows.ring, device));
        let mut scores: Vec<_> = rings.map(|ring| Ok(Scores::new(ring?))).collect::<Result<_, Error>>()?;
        let rows = self.batch / self.devices;
        self.run_through(
            feed,
            feed.len(),
            rows,
            &self.plans.actuate,
            &[&*feed.draw_each, &*self.plans.each],
            &mut |rows| {
                let slots = scores.iter_mut().map(|scores| scores.slot(self.gpu)).collect::<Result<Vec<_>, _>>()?;
                Ok(Clock { step: first_chip, rows, slot: slots[0], ..Clock::default() })
            },
        )?;
        scores.iter_mut().map(|scores| Ok(scores.take(self.gpu)?)).collect()
    }

    /// Estimates the running statistics anew, as the mean of those of the batches of the first `samples` samples of a split
    /// in a fixed random order, with the parameters and imperfections now on the device. Labels play no part.
    ///
    /// # Errors
    /// What the device reports.
    pub fn recalibrate(&self, feed: &Feed, samples: usize) -> Result<(), Error> {
        let mut seen = 0;
        let plans = [&*feed.draw, &*self.plans.forward[Pass::Recalibrate as usize]];
        self.run_through(feed, samples.min(feed.len()), self.batch, &self.plans.actuate, &plans, &mut |rows| {
            seen += rows;
            Ok(Clock { shuffle: 1, rows, average: rows as f32 / seen as f32, ..Clock::default() })
        })
    }

    /// Whether a layer keeps running statistics.
    pub fn keeps_statistics(&self) -> bool {
        self.parameters.iter().any(|entry| entry.spec.name == STATISTICS)
    }

    /// Replays plans for every batch of the first `samples` samples of a split, and `actuate` before the first.
    fn run_through(
        &self,
        feed: &Feed,
        samples: usize,
        batch: usize,
        actuate: &Plan,
        plans: &[&Plan],
        clock: &mut dyn FnMut(u32) -> Result<Clock, Error>,
    ) -> Result<(), Error> {
        debug_assert!(samples <= feed.len());
        for first in (0..samples).step_by(batch) {
            let clock = Clock { first: first as u32, ..clock(batch.min(samples - first) as u32)? };
            self.gpu.write_uniform(&self.clock, &clock)?;
            if first == 0 {
                self.gpu.submit(&[&[actuate], plans].concat())?;
            } else {
                self.gpu.submit(plans)?;
            }
        }
        Ok(())
    }
}

/// Where a number uniform in 0..1 lies between two others, uniformly in their squares.
fn in_square(low: f32, high: f32, unit: f64) -> f32 {
    let [low, high] = [low, high].map(|value| f64::from(value).powi(2));
    (low + (high - low) * unit).sqrt() as f32
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

/// The device memory in use, as a table, largest first.
pub fn memory_table(gpu: &Gpu) -> String {
    table(&gpu.memory())
}

/// Device memory by name, as a table, largest first.
pub fn table(memory: &[(String, u64)]) -> String {
    let mut rows = memory.to_vec();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let total: u64 = rows.iter().map(|(_, bytes)| bytes).sum();
    let mut text = String::new();
    for (name, held) in rows.iter().chain([&("total".to_owned(), total)]) {
        text.push_str(&format!("  {name:<28} {:>12}\n", bytes(*held)));
    }
    text
}
