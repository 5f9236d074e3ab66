//! Sharpness-aware training: in the space of the parameters, of known imperfections, or of both.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::{Error, setting};
use super::{Cost, Step, noise, standard};
use crate::gpu::{ALIGNMENT_WORDS, Plan, PlanBuilder, Scalar, Slice};
use crate::layer::{Cause, Imperfection, Pass, Role};
use crate::network::{Asked, Entry, Network, Stage};
use crate::ops::disturb::{self, Distribution};
use crate::ops::norm::{self, Measure};
use crate::ops::perturb::{self, Ascent};
use crate::ops::{Flat, Grouping, Scope, adversary, sum};

/// Most steps of the adversary, as all passes of a training step are one submission.
const MAX_STEPS: u32 = 64;

/// All steps over imperfections together, in ranges: from a random start a single one reaches the worse end of most of its range
/// (Wong et al., ICLR 2020).
const OVERSHOOT: f64 = 1.25;

/// How far an imperfection is nudged to measure its slope, in half ranges: little against the range, and much against the rounding
/// of a loss.
const NUDGE: f32 = 0.1;

/// What the ranges of known imperfections enclose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Neighbourhood {
    /// All may be at the end of their range at once.
    #[default]
    Box,
    /// Each may be at the end of its range by itself.
    Ellipsoid,
}

/// What the adversary moves, beside the imperfections that it is given ranges of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SatScope {
    /// The physical control parameters.
    #[default]
    Control,
    /// Every parameter.
    All,
    /// The digital ones: all that are not physical control parameters.
    Digital,
    /// No parameters: the imperfections alone.
    Imperfections,
}

impl SatScope {
    /// The parameters.
    fn parameters(self) -> Option<Scope> {
        match self {
            Self::Control => Some(Scope::Control),
            Self::All => Some(Scope::All),
            Self::Digital => Some(Scope::Digital),
            Self::Imperfections => None,
        }
    }
}

/// Keys of `[training.sat]`.
///
/// The adversary starts at the parameters p_0 = p and walks the radius in K = `steps` equal parts, with a new gradient g of
/// the loss at each p_k. For the parameters i of each group G of the scope
///
/// - plain: p_(k+1),i = p_k,i + (rho_i / K) g_i / ||g_G||
/// - adaptive: p_(k+1),i = p_k,i + (rho_i / K) p_k,i² g_i / ||p_k,G g_G||
///
/// where rho_i is `rho`, or `rho_digital` for digital parameters. The gradient at p_K is applied at p. With one group and
/// K = 1 this is SAM (Foret et al., ICLR 2021) and ASAM (Kwon et al., ICML 2021). A group without a gradient stays.
///
/// With `imperfections` the adversary also, or with the scope `imperfections` only, moves what may be wrong with the device. Plain
/// sharpness-aware training knows nothing of a device's errors and guards against all moves of the parameters; here the errors
/// and their ranges are known, and the neighbourhood is a box of devices. Every imperfection c of half range r starts at a c_0
/// drawn evenly from -r..r in each step and device, and goes
///
/// - c_(k+1) = c_k + (1.25 r / K) sign(g), held within -r..r
///
/// by the sign of its gradient (Goodfellow et al., ICLR 2015), several times within a box (Madry et al., ICLR 2018), from a random
/// start and beyond the range together, so that one step does (Wong et al., ICLR 2020). One that has one value for the whole
/// device, such as the temperature, has the sum of the gradients of all its layers. What has no gradient in a layer stays there
/// as it was drawn, if it has one in another.
///
/// With `within = "ellipsoid"` those that have one value for the whole device share an ellipsoid instead: with u = c / r, Σ u² <= 1, so
/// that each reaches its range by itself, and n at once 1/√n of theirs. They start as above, scaled back to the surface where that is
/// outside, and go
///
/// - u_(k+1) = u_k + (1.25 / K) r g / ||r g||, scaled back to the surface where that is outside
///
/// (projected gradient descent in a ball, Madry et al.). Imperfections of single elements keep their ranges.
///
/// With `measured` slopes of imperfections are what the loss L of the batch is found to change by in one more forward pass each, in
/// place of gradients that a model knows. Every imperfection starts at nominal in each step, c_0 = 0, is nudged by itself, and goes
///
/// - c_(k+1) = c_k + (r / K) sign(L(c_k + r / 10) - L(c_k)), held within -r..r
///
/// so that one step reaches the worse end of its range. Weights have their gradient, taken at the worst device, and in the next
/// step the device is nominal again (a geometry that is nudged uphill by a measured difference: Xu et al., Nat. Commun. 17, 1766
/// (2026)). An imperfection needs no gradient in any layer for it, but one value for the whole device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SatSettings {
    /// Radius of the neighbourhood: in units of the parameters, or relative to them if adaptive.
    pub rho: f32,
    /// Radius for the digital parameters, where they have a length of their own (`normalise` is not `all`) and are not
    /// the whole scope; `rho` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rho_digital: Option<f32>,
    /// Every so manieth step of the training has an adversary, the first one too; those between are standard ones, on devices drawn from the ranges of
    /// `imperfections` if there are any. (Training costs less; Liu et al., CVPR 2022, have more of the kind.)
    pub every: u32,
    /// Share of the batch, its first rows, that the adversary is found on, above 0 to 1; the gradient applied is that of all rows. Metrics of
    /// the training, and running statistics, are then those of this part. (As a part of the samples, and of the parameters: Du et al., ICLR 2022.)
    pub share: f32,
    /// Steps of the adversary, 1 to 64; each costs a forward and a backward pass.
    pub steps: u32,
    /// Scale the move of every parameter by its own size.
    pub adaptive: bool,
    /// Which parameters the adversary moves, or that it moves `imperfections` only.
    pub scope: SatScope,
    /// What has a radius of its own: `all` of the scope together, each `group` (control parameters, digital parameters), or
    /// every parameter tensor of each `layer`, so that L tensors move by rho sqrt(L) together.
    pub normalise: Grouping,
    /// Half range of each imperfection that the adversary moves, by name, in its unit: both signs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub imperfections: BTreeMap<String, f32>,
    /// What these ranges enclose together.
    pub within: Neighbourhood,
    /// Measure the slopes of `imperfections`, which costs a forward pass each in every step of the adversary, and start at nominal.
    pub measured: bool,
}

impl Default for SatSettings {
    fn default() -> Self {
        Self {
            rho: 0.1,
            rho_digital: None,
            every: 1,
            share: 1.0,
            steps: 1,
            adaptive: false,
            scope: SatScope::default(),
            normalise: Grouping::All,
            imperfections: BTreeMap::new(),
            within: Neighbourhood::default(),
            measured: false,
        }
    }
}

impl SatSettings {
    /// Refuses values out of range.
    pub(in super::super) fn check(&self) -> Result<(), Error> {
        for (key, rho) in [("rho", Some(self.rho)), ("rho_digital", self.rho_digital)] {
            if let Some(rho) = rho.filter(|rho| !(rho.is_finite() && *rho >= 0.0)) {
                return Err(setting(format!("training.sat.{key}"), format!("must be 0 or more, not {rho}")));
            }
        }
        if self.every == 0 {
            return Err(setting("training.sat.every", "must be at least 1"));
        }
        if !(self.share > 0.0 && self.share <= 1.0) {
            return Err(setting("training.sat.share", format!("must be above 0 and at most 1, not {}", self.share)));
        }
        if !(1..=MAX_STEPS).contains(&self.steps) {
            return Err(setting("training.sat.steps", format!("must be 1 to {MAX_STEPS}, not {}", self.steps)));
        }
        for (name, range) in &self.imperfections {
            if !(range.is_finite() && *range >= 0.0) {
                return Err(setting(
                    format!("training.sat.imperfections.{name}"),
                    format!("must be 0 or more, not {range}"),
                ));
            }
        }
        let asks = [
            ("scope", self.scope == SatScope::Imperfections),
            ("within", self.within == Neighbourhood::Ellipsoid),
            ("measured", self.measured),
        ];
        for (key, asks) in asks {
            if asks && self.imperfections.is_empty() {
                return Err(setting(
                    format!("training.sat.{key}"),
                    "needs half ranges in training.sat.imperfections, such as `temperature = 1.0`",
                ));
            }
        }
        if self.within == Neighbourhood::Ellipsoid && self.measured {
            return Err(setting(
                "training.sat.within",
                "must be `box` with training.sat.measured, which steps along signs",
            ));
        }
        if self.rho_digital.is_some() && (self.scope != SatScope::All || self.normalise == Grouping::All) {
            return Err(setting(
                "training.sat.rho_digital",
                "needs training.sat.scope = \"all\" and training.sat.normalise = \"group\" or \"layer\"",
            ));
        }
        Ok(())
    }

    /// What a step costs where nothing is a device.
    pub(super) fn cost(&self) -> Cost {
        let steps = f64::from(self.steps) * f64::from(self.share);
        let nudges = if self.measured { self.imperfections.len() as f64 } else { 0.0 };
        // To move what has its slope measured takes no gradient.
        let ascents = if self.measured && self.scope == SatScope::Imperfections { 0.0 } else { steps };
        Cost { forward: steps * (nudges + 1.0) + 1.0, backward: ascents + 1.0, device: 0 }
    }
}

/// `draw, actuate, forward, score, backward, ascend, actuate, forward, backward, restore, update`, with
/// `climb, actuate, forward, backward` before `restore` for each further step of the adversary. Over imperfections `disturb`
/// comes after `draw`; over them alone nothing is there to `restore`. Where slopes are measured `nominal` comes in place of
/// `disturb`, and before each pass that the adversary goes on from `nudge, actuate, forward, settle` for every imperfection; over
/// imperfections alone the last `backward` is then the only one. In situ every `backward` is `actuate, retrace`: both
/// forward passes are the device's, both gradients the model's at what it put out.
///
/// The gradient at the worst point of the neighbourhood is applied at its centre. Metrics are those of the centre, on the
/// devices drawn if there are any. Layers before the first that the adversary moves put out the same every time: a step runs
/// them once forward, and once backward, for the last gradient. Where the adversary is found on a part of the batch, all passes but
/// the last are those of the part, and the last is one of all layers.
pub(super) fn stages(step: &Step<'_, '_>) -> Result<Vec<Stage>, Error> {
    let (network, settings) = (step.network, &step.settings.sat);
    let sought = Step { network: step.part.unwrap_or(network), ..step.clone() };
    let gpu = network.gpu();
    if step.device.is_some() && !settings.imperfections.is_empty() {
        let message = "belong to a model, and `sat-in-situ` measures a device, whose own nobody moves; leave them out";
        return Err(setting("training.sat.imperfections", message));
    }
    if step.device.is_some() && settings.share < 1.0 {
        let message = "below 1 is for `sat`: a device is measured with whole batches; leave it out";
        return Err(setting("training.sat.share", message));
    }
    let known = Known::new(sought.network, settings)?;
    let moving = network.parameters().iter().filter(|entry| match settings.scope {
        SatScope::Control => entry.spec.role == Role::Control,
        SatScope::Digital => entry.spec.role == Role::Digital,
        SatScope::All => entry.spec.role != Role::Statistic,
        SatScope::Imperfections => false,
    });
    let layers = moving.map(|entry| entry.layer).chain(known.moved.iter().map(|entry| entry.layer));
    let Some(first) = layers.min() else {
        let message = "leaves the adversary nothing to move in this network; choose another";
        return Err(setting("training.sat.scope", message));
    };
    let walk = settings.scope.parameters().map(|scope| Walk::new(network, settings, scope)).transpose()?;
    let [mut ascend, mut climb] = ["ascend", "climb"].map(|name| PlanBuilder::new(gpu, name));
    if let Some(walk) = &walk {
        walk.ascend(&mut ascend, network.flat())?;
        walk.climb(&mut climb, network.flat())?;
    }
    known.ascend(&mut ascend)?;
    known.ascend(&mut climb)?;
    let (ascend, climb) = (Arc::new(ascend.finish()?), Arc::new(climb.finish()?));

    let again = sought.forward(Pass::Again, first)?;
    let backward = if walk.is_none() && settings.measured { Vec::new() } else { known.backward(&sought, first)? };
    let mut stages = vec![Arc::clone(&step.draw).into()];
    stages.extend(known.begin()?.map(Stage::from));
    if settings.measured {
        // Nothing has seen this batch yet.
        stages.extend(known.nudges(&sought.forward(Pass::Again, 0)?, &again)?);
    }
    stages.extend(sought.forward(Pass::First, 0)?);
    stages.push(sought.network.score().into());
    for number in 0..settings.steps {
        let up = if number == 0 { &ascend } else { &climb };
        stages.extend(backward.iter().cloned());
        stages.push(Arc::clone(up).into());
        if number + 1 < settings.steps {
            stages.extend(known.nudges(&again, &again)?);
            stages.extend(again.iter().cloned());
        }
    }
    stages.extend(if step.part.is_some() { step.forward(Pass::Again, 0)? } else { again });
    stages.extend(step.backward(0)?);
    if let Some(walk) = &walk {
        let mut restore = PlanBuilder::new(gpu, "restore");
        perturb::restore(&mut restore, network.flat(), &walk.saved)?;
        stages.push(Arc::new(restore.finish()?).into());
    }
    stages.push(Arc::clone(&step.update).into());
    Ok(stages)
}

/// The stages of the steps without an adversary, where not every step has one: as standard, with `disturb` or `nominal` after
/// `draw` over imperfections.
pub(super) fn between(step: &Step<'_, '_>) -> Result<Option<Vec<Stage>>, Error> {
    let settings = &step.settings.sat;
    if settings.every == 1 {
        return Ok(None);
    }
    let mut stages = standard::stages(step)?;
    if let Some(begin) = Known::new(step.network, settings)?.begin()? {
        stages.insert(1, begin.into());
    }
    Ok(Some(stages))
}

/// How the adversary walks over parameters.
struct Walk {
    ascent: Ascent,
    saved: Slice,
    norms: Slice,
    partials: Slice,
}

impl Walk {
    fn new(network: &Network<'_>, settings: &SatSettings, scope: Scope) -> Result<Self, Error> {
        let (gpu, flat) = (network.gpu(), network.flat());
        let measure = Measure { scope, adaptive: settings.adaptive, grouping: settings.normalise };
        let part = |rho: f32| rho / settings.steps as f32;
        let rho_digital = part(settings.rho_digital.unwrap_or(settings.rho));
        Ok(Self {
            ascent: Ascent { measure, rho: part(settings.rho), rho_digital },
            saved: gpu.zeros("parameters at the centre", flat.parameters.shape(), Scalar::F32)?,
            norms: gpu.zeros("norms of the gradient", &[settings.normalise.count(flat)], Scalar::F32)?,
            partials: norm::partials(gpu, flat)?,
        })
    }

    fn ascend(&self, plan: &mut PlanBuilder<'_>, flat: &Flat) -> Result<(), Error> {
        self.ascent.measure.forward(plan, flat, &self.partials, &self.norms)?;
        Ok(self.ascent.ascend(plan, flat, &self.norms, &self.saved)?)
    }

    fn climb(&self, plan: &mut PlanBuilder<'_>, flat: &Flat) -> Result<(), Error> {
        self.ascent.measure.forward(plan, flat, &self.partials, &self.norms)?;
        Ok(self.ascent.climb(plan, flat, &self.norms)?)
    }
}

/// The imperfections that the recipe knows of.
struct Known<'a, 'g> {
    network: &'a Network<'g>,
    settings: &'a SatSettings,
    /// Their gradients, if there are any that a model knows.
    asked: Option<Asked>,
    /// Their slopes, if these are measured: `[1]` of each, in the order of the settings.
    slopes: Vec<Slice>,
    /// Those that move: a common one in every layer that has it, whether that knows its gradient or not.
    moved: Vec<&'a Entry<Imperfection>>,
    /// Those that share an ellipsoid, with their half ranges.
    joint: Vec<(&'a str, f32)>,
}

impl<'a, 'g> Known<'a, 'g> {
    fn new(network: &'a Network<'g>, settings: &'a SatSettings) -> Result<Self, Error> {
        const KEY: &str = "training.sat.imperfections";
        let (ranges, measured) = (&settings.imperfections, settings.measured);
        noise::check_named(network, KEY, ranges, |spec, range| match spec.cause {
            Cause::Sample => Err("differs from sample to sample, and has no gradient; leave it out".to_owned()),
            Cause::Element if measured => {
                Err("has a value for every element, and training.sat.measured nudges one for all; leave it out"
                    .to_owned())
            }
            Cause::Common | Cause::Element => spec.check_value(range),
        })?;
        let named = network.imperfections().iter().filter(|entry| ranges.contains_key(entry.spec.name));
        if ranges.is_empty() || measured {
            let slope = |_| network.gpu().zeros("slope of an imperfection", &[1], Scalar::F32);
            let slopes = ranges.keys().map(slope).collect::<Result<_, _>>()?;
            return Ok(Self { network, settings, asked: None, slopes, moved: named.collect(), joint: Vec::new() });
        }
        let asked = network.ask(|name| ranges.contains_key(name))?;
        let has = |name: &str| asked.entries().iter().any(|entry| entry.spec.name == name);
        if let Some(stuck) = ranges.keys().find(|name| !has(name)) {
            let message = "has no gradient in any layer of this network; leave it out, or set training.sat.measured";
            return Err(setting(format!("{KEY}.{stuck}"), message));
        }
        let moves = |entry: &&Entry<Imperfection>| match entry.spec.cause {
            Cause::Common => true,
            _ => asked.entries().iter().any(|own| own.name == entry.name),
        };
        let moved = named.filter(moves).collect();
        let mut known = Self { network, settings, asked: Some(asked), slopes: Vec::new(), moved, joint: Vec::new() };
        if settings.within == Neighbourhood::Ellipsoid {
            // What has no range does not move.
            let ranges = ranges.iter().filter(|&(name, &range)| range > 0.0 && known.is_common(name));
            known.joint = ranges.map(|(name, &range)| (name.as_str(), range)).collect();
            if known.joint.is_empty() {
                let message =
                    "must be `box` where no imperfection has one value for the whole device, and a range above 0";
                return Err(setting("training.sat.within", message));
            }
        }
        Ok(known)
    }

    /// Sets where a step starts: evenly within the ranges, or at nominal.
    fn begin(&self) -> Result<Option<Arc<Plan>>, Error> {
        if self.settings.imperfections.is_empty() {
            return Ok(None);
        }
        if self.settings.measured {
            let mut plan = PlanBuilder::new(self.network.gpu(), "nominal");
            for entry in &self.moved {
                disturb::constant(&mut plan, 0.0, &self.network.imperfection(0, entry)?)?;
            }
            return Ok(Some(Arc::new(plan.finish()?)));
        }
        let deviation = |range: &f32| (f64::from(*range) / 3.0_f64.sqrt()) as f32;
        let ranges = self.settings.imperfections.iter();
        let deviations = ranges.map(|(name, range)| (name.clone(), deviation(range))).collect();
        let mut plan = noise::disturb(self.network, &deviations, Distribution::Uniform)?;
        for device in 0..self.network.devices() {
            self.within_ellipsoid(&mut plan, device, None)?;
        }
        Ok(Some(Arc::new(plan.finish()?)))
    }

    /// Brings the imperfections of a device that share an ellipsoid inside it, after a step along their gradients where these are given.
    fn within_ellipsoid(&self, plan: &mut PlanBuilder<'_>, device: usize, asked: Option<&Asked>) -> Result<(), Error> {
        if self.joint.is_empty() {
            return Ok(());
        }
        let vector = |name| plan.gpu().zeros(name, &[self.joint.len(), ALIGNMENT_WORDS], Scalar::F32);
        let (places, gradients) = (vector("places in their ranges")?, vector("gradients of these places")?);
        let element = |of: &Slice, number| of.part(of.name(), number * ALIGNMENT_WORDS, &[1]);
        let mut values = Vec::new();
        for (number, &(name, range)) in self.joint.iter().enumerate() {
            let place = element(&places, number)?;
            let own = self.moved.iter().filter(|entry| entry.spec.name == name);
            let own = own.map(|entry| self.network.imperfection(device, entry)).collect::<Result<Vec<_>, _>>()?;
            if let Some(first) = own.first() {
                adversary::relative(plan, range, first, &place)?;
            }
            if let Some(asked) = asked {
                self.total(plan, asked, device, name, range, &element(&gradients, number)?)?;
            }
            values.extend(own.into_iter().map(|value| (range, place.clone(), value)));
        }
        let step = asked.map_or(0.0, |_| OVERSHOOT / f64::from(self.settings.steps));
        adversary::climb(plan, step as f32, &gradients, &places)?;
        for (range, place, value) in &values {
            adversary::absolute(plan, *range, place, value)?;
        }
        Ok(())
    }

    /// A pass with each imperfection nudged, which begins its slope with the losses met there: `first`, and `again` from the second
    /// on. All is then as it was, but for the outputs of layers.
    fn nudges(&self, first: &[Stage], again: &[Stage]) -> Result<Vec<Stage>, Error> {
        let (network, mut stages) = (self.network, Vec::new());
        // What goes up by a nudge whose slope is 1.
        let one = network.gpu().upload("one", &[1], &[1.0_f32])?;
        for (number, ((name, range), slope)) in self.settings.imperfections.iter().zip(&self.slopes).enumerate() {
            let [mut nudge, mut settle] = ["nudge", "settle"].map(|word| PlanBuilder::new(network.gpu(), word));
            network.measure(&mut settle, 1.0, slope, false)?;
            for entry in self.moved.iter().filter(|entry| entry.spec.name == name) {
                let value = network.imperfection(0, entry)?;
                // Past its range too, whose end the adversary may have reached.
                adversary::forward(&mut nudge, NUDGE * range, 2.0 * range, &one, &value)?;
                adversary::forward(&mut settle, -NUDGE * range, 2.0 * range, &one, &value)?;
            }
            stages.push(Arc::new(nudge.finish()?).into());
            stages.extend(if number == 0 { first } else { again }.iter().cloned());
            stages.push(Arc::new(settle.finish()?).into());
        }
        Ok(stages)
    }

    /// Gradients of what the adversary moves, down to the first layer where it moves something.
    fn backward(&self, step: &Step<'_, '_>, first: usize) -> Result<Vec<Stage>, Error> {
        match &self.asked {
            Some(asked) => Ok(vec![self.network.backward_asked(first, asked)?.into()]),
            None => step.backward(first),
        }
    }

    /// A step of the adversary, of every device by itself.
    fn ascend(&self, plan: &mut PlanBuilder<'_>) -> Result<(), Error> {
        let steps = f64::from(self.settings.steps);
        for ((name, &range), slope) in self.settings.imperfections.iter().zip(&self.slopes) {
            self.network.measure(plan, -1.0, slope, true)?;
            for entry in self.moved.iter().filter(|entry| entry.spec.name == name) {
                let value = self.network.imperfection(0, entry)?;
                adversary::forward(plan, (f64::from(range) / steps) as f32, range, slope, &value)?;
            }
        }
        let Some(asked) = &self.asked else { return Ok(()) };
        let step = |range: f32| (OVERSHOOT * f64::from(range) / steps) as f32;
        for device in 0..self.network.devices() {
            self.within_ellipsoid(plan, device, Some(asked))?;
            let alone = |name: &str| self.joint.iter().all(|(joint, _)| *joint != name);
            for (name, &range) in self.settings.imperfections.iter().filter(|(name, _)| alone(name)) {
                let common = if self.is_common(name) {
                    let total = plan.gpu().zeros("gradient of a common imperfection", &[1], Scalar::F32)?;
                    self.total(plan, asked, device, name, 1.0, &total)?;
                    Some(total)
                } else {
                    None
                };
                for entry in self.moved.iter().filter(|entry| entry.spec.name == name) {
                    let gradient = match &common {
                        Some(total) => total.clone(),
                        None => asked.gradient(device, entry)?,
                    };
                    let value = self.network.imperfection(device, entry)?;
                    adversary::forward(plan, step(range), range, &gradient, &value)?;
                }
            }
        }
        Ok(())
    }

    /// Whether an imperfection has one value for the whole device.
    fn is_common(&self, name: &str) -> bool {
        self.moved.iter().any(|entry| entry.spec.name == name && entry.spec.cause == Cause::Common)
    }

    /// The gradient `[1]` of an imperfection that has one value for all, times a factor: the sum over layers and elements.
    fn total(
        &self,
        plan: &mut PlanBuilder<'_>,
        asked: &Asked,
        device: usize,
        name: &str,
        factor: f32,
        total: &Slice,
    ) -> Result<(), Error> {
        let partials = sum::partials(plan.gpu())?;
        for (number, entry) in asked.entries().iter().filter(|entry| entry.spec.name == name).enumerate() {
            sum::forward(plan, factor, &asked.gradient(device, entry)?, &partials, total, number > 0)?;
        }
        Ok(())
    }
}
