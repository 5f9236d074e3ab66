//! The loop: a step is one submission; metrics are read once an epoch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::average::Average;
use super::learner::Learner;
use super::method::{self, Step};
use super::{Error, Optimizer, Settings, State, setting};
use crate::data::{Dataset, Normalisation};
use crate::gpu::{Plan, PlanBuilder, Profile, Scalar, Slice};
use crate::layer::{Cause, Imperfection};
use crate::network::checkpoint::Tensor;
use crate::network::{Chip, Device, Drift, Feed, Network, Scores, Stage, Tally};
use crate::ops::{Clock, Flat, perturb};

/// What an epoch came to; the fields are the columns of `metrics.csv`, where a score goes by its name, `accuracy` or `psnr`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EpochRow {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Steps done since the start.
    pub step: u64,
    /// Loss a sample over the epoch, as it was met in training.
    pub train_loss: f64,
    /// Score a sample over the epoch, as it was met in training: see [`Wanted`](crate::network::Wanted).
    #[serde(alias = "train_accuracy", alias = "train_psnr")]
    pub train_score: f64,
    /// Loss a sample over the test split, on the nominal device.
    pub test_loss: f64,
    /// Score a sample over the test split, on the nominal device.
    #[serde(alias = "test_accuracy", alias = "test_psnr")]
    pub test_score: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Seconds the epoch took, test included.
    pub seconds: f64,
}

/// A network in training.
pub struct Trainer<'a, 'g> {
    pub(super) network: &'a Network<'g>,
    pub(super) settings: &'a Settings,
    seed: u32,
    train: Feed,
    pub(super) test: Feed,
    pub(super) stages: Vec<Stage>,
    /// Of the steps between those of the method, if there are any.
    pub(super) between: Option<Vec<Stage>>,
    /// The clock of the part of the batch that an adversary is found on, and its rows.
    part: Option<(Slice, usize)>,
    device: Option<Device>,
    learner: Option<Learner>,
    undo: Option<Undo>,
    optimizer: Optimizer,
    average: Option<Average>,
    pub(super) scores: Scores,
    step: u64,
    /// Whether the last epoch has no scores yet, as the bench failed in its evaluation.
    unscored: bool,
    wall: Duration,
    steps_timed: u64,
}

impl<'a, 'g> Trainer<'a, 'g> {
    /// A trainer at the start of a run.
    ///
    /// # Errors
    /// Settings that do not fit; more memory than the adapter has.
    pub fn new(
        network: &'a Network<'g>,
        settings: &'a Settings,
        data: &Dataset,
        normalisation: impl Into<Normalisation>,
        seed: u32,
    ) -> Result<Self, Error> {
        settings.check()?;
        if settings.batch > network.batch() {
            return Err(setting(
                "training.batch",
                format!("is {}, but the network was compiled for batches of {}", settings.batch, network.batch()),
            ));
        }
        if network.devices() != settings.devices() {
            let (has, wants) = (network.devices(), settings.devices());
            return Err(setting(
                "training.devices",
                format!("asks for {wants} devices a batch, but the network was compiled for {has}"),
            ));
        }
        if network.label_smoothing() != settings.label_smoothing {
            let (has, wants) = (network.label_smoothing(), settings.label_smoothing);
            return Err(setting(
                "training.label_smoothing",
                format!("is {wants}, but the network was compiled for {has}"),
            ));
        }
        let normalisation = normalisation.into();
        let train = network.feed(&data.train, normalisation.clone())?;
        let test = network.feed(&data.test, normalisation)?;
        let optimizer = Optimizer::new(network, &settings.optimizer)?;
        let drift = check_device(network, settings)?;
        let device = if settings.method.is_in_situ() {
            Some(Device::open(network, &settings.device, drift, seed)?)
        } else {
            None
        };
        let learner = Learner::new(network, settings, seed)?;
        let part = settings.part().map(|rows| network.part(rows)).transpose()?;
        let (draw, update) = (draw(network, settings, data, &train)?, optimizer.update());
        let step = Step {
            network,
            settings,
            draw,
            update,
            part: part.as_ref(),
            device: device.as_ref(),
            learner: learner.as_ref(),
        };
        let mut stages = settings.method.stages(&step)?;
        let mut between = settings.method.between(&step)?;
        let average = if settings.average > 0.0 { Some(Average::new(network)?) } else { None };
        let start = network.start(seed);
        network.gpu().write(&network.flat().parameters, &start)?;
        if let Some(average) = &average {
            network.gpu().write(&average.vector, &start)?;
            for stages in std::iter::once(&mut stages).chain(&mut between) {
                stages.push(Arc::clone(&average.update).into());
            }
        }
        network.nominal()?;
        network.set_chips(0, device.as_ref().and_then(Device::model))?;
        let mut trainer = Self {
            scores: network.scores()?,
            step: 0,
            wall: Duration::ZERO,
            steps_timed: 0,
            network,
            settings,
            seed,
            train,
            test,
            stages,
            between,
            part: part.map(|part| (part.clock().clone(), part.batch())),
            device,
            learner,
            undo: None,
            unscored: false,
            optimizer,
            average,
        };
        if trainer.device.as_ref().is_some_and(Device::may_fail) {
            let vectors: Vec<_> = trainer.vectors().map(|(_, slice)| slice).collect();
            let undo = Undo::new(network, &vectors)?;
            trainer.undo = Some(undo);
        }
        Ok(trainer)
    }

    /// Goes to where a saved run stood.
    ///
    /// # Errors
    /// A state of another network or optimizer.
    pub fn restore(&mut self, state: &State) -> Result<(), Error> {
        for (name, slice) in self.vectors() {
            let values = state.vector(name).filter(|values| values.len() == slice.len());
            let values = values.ok_or_else(|| Error::State { name: name.to_owned(), len: slice.len() })?;
            self.network.gpu().write(slice, values)?;
        }
        self.scores.preset(state.tally);
        self.step = state.step;
        self.unscored = state.is_unscored(self.steps_per_epoch());
        Ok(())
    }

    /// The flat vectors that a run consists of, by name.
    fn vectors(&self) -> impl Iterator<Item = (&'static str, &Slice)> {
        let state = self.optimizer.state.iter().map(|(name, slice)| (*name, slice));
        let average = self.average.iter().map(|average| (State::AVERAGE, &average.vector));
        let learned = self.learner.iter().flat_map(|learner| learner.state.iter().map(|(name, slice)| (*name, slice)));
        std::iter::once((State::PARAMETERS, &self.network.flat().parameters)).chain(state).chain(learned).chain(average)
    }

    /// The run as it stands.
    ///
    /// # Errors
    /// What the device reports.
    pub fn state(&mut self) -> Result<State, Error> {
        let gpu = self.network.gpu();
        let tally = self.scores.take(gpu)?;
        self.scores.preset(tally);
        let vectors = self
            .vectors()
            .map(|(name, slice)| {
                Ok(Tensor { name: name.to_owned(), shape: vec![slice.len()], values: gpu.read(slice)? })
            })
            .collect::<Result<_, Error>>()?;
        Ok(State { step: self.step, tally, vectors })
    }

    /// The chip that a method in situ trains on, at hour 0.
    pub fn chip(&self) -> Option<&Chip> {
        self.device.as_ref().and_then(Device::chip)
    }

    /// The device of a method in situ.
    pub fn device(&mut self) -> Option<&mut Device> {
        self.device.as_mut()
    }

    /// Steps of an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        self.train.len().div_ceil(self.settings.batch) as u64
    }

    /// Steps of the whole run.
    pub fn total_steps(&self) -> u64 {
        self.steps_per_epoch() * u64::from(self.settings.epochs)
    }

    /// Steps done.
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// Whether all epochs are done.
    pub fn is_done(&self) -> bool {
        self.step >= self.total_steps() && !self.unscored
    }

    /// Wall time of the steps run here, without evaluations, and their number.
    pub fn timing(&self) -> (Duration, u64) {
        (self.wall, self.steps_timed)
    }

    /// Runs to the end of the epoch, then scores the test split. `go_on` hears of every step, and is asked whether to
    /// go on; where it says no the run stops between two steps and there is no row.
    ///
    /// # Errors
    /// A loss that is no number; what the device reports.
    pub fn epoch(&mut self, go_on: &mut dyn FnMut(u64) -> bool) -> Result<Option<EpochRow>, Error> {
        let start = Instant::now();
        let per_epoch = self.steps_per_epoch();
        let epoch = self.step / per_epoch - u64::from(self.unscored);
        let mut steps = 0;
        while self.step < (epoch + 1) * per_epoch {
            if !go_on(self.step) {
                return Ok(None);
            }
            self.train_step()?;
            steps += 1;
        }
        let gpu = self.network.gpu();
        let train = self.scores.take(gpu)?;
        self.wall += start.elapsed();
        self.steps_timed += steps;
        let test = match self.evaluate() {
            Ok(test) => test,
            Err(error) => {
                self.unscored = true;
                self.scores.take(gpu)?;
                self.scores.preset(train);
                return Err(error);
            }
        };
        self.unscored = false;
        let row = EpochRow {
            epoch: epoch as u32 + 1,
            step: self.step,
            train_loss: train.mean_loss(),
            train_score: train.mean_score(),
            test_loss: test.mean_loss(),
            test_score: test.mean_score(),
            learning_rate: self.settings.learning_rate(self.step - 1, self.total_steps()),
            seconds: start.elapsed().as_secs_f64(),
        };
        // The last step of an epoch shows in the test only.
        if let Some(loss) = [row.train_loss, row.test_loss].into_iter().find(|loss| !loss.is_finite()) {
            return Err(Error::Diverged {
                epoch: row.epoch,
                loss,
                learning_rate: self.settings.optimizer.learning_rate,
            });
        }
        Ok(Some(row))
    }

    /// Scores the test split, with the average of the parameters where one is kept: on the device that is trained on, at the
    /// hour that it has reached, or the nominal one.
    fn evaluate(&mut self) -> Result<Tally, Error> {
        let exchange = |average: &Option<Average>| match average {
            Some(average) => self.network.gpu().submit(&[&average.exchange]),
            None => Ok(()),
        };
        exchange(&self.average)?;
        let at = [self.step, self.total_steps()];
        let tally = match &mut self.device {
            Some(device) => device.evaluate(self.network, (&self.test, &mut self.scores), at),
            None => {
                // Noise may have left the imperfections as it drew them last.
                self.network.nominal()?;
                self.network.evaluate(&self.test, &mut self.scores)
            }
        };
        exchange(&self.average)?;
        Ok(tally?)
    }

    /// One step: the device drifts if it does, the clock is set, and the method's stages are run; plans alone are one
    /// submission. A step that a bench interrupts has not been.
    ///
    /// # Errors
    /// What the bench or the device reports.
    pub fn train_step(&mut self) -> Result<(), Error> {
        let (gpu, steps) = (self.network.gpu(), self.total_steps());
        if let Some(device) = &mut self.device {
            device.wait_for(self.network, self.step, steps)?;
        }
        let clock = self.set_clock()?;
        let stages = match &self.between {
            Some(between) if !self.step.is_multiple_of(u64::from(self.settings.sat.every)) => between,
            _ => &self.stages,
        };
        match (&mut self.device, &self.undo) {
            (Some(device), Some(undo)) => {
                gpu.submit(&[&undo.keep])?;
                if let Err(error) = device.run(self.network, stages, clock.rows as usize) {
                    self.scores.give_back();
                    gpu.submit(&[&undo.restore])?;
                    return Err(error.into());
                }
            }
            _ => gpu.submit(&plans(stages))?,
        }
        self.step += 1;
        Ok(())
    }

    /// Sets the clock to the next step, that of a part of the batch too.
    pub(super) fn set_clock(&mut self) -> Result<Clock, Error> {
        let clock = self.clock()?;
        let gpu = self.network.gpu();
        gpu.write_uniform(self.network.clock(), &clock)?;
        if let Some((own, rows)) = &self.part {
            gpu.write_uniform(own, &Clock { rows: clock.rows.min(*rows as u32), ..clock })?;
        }
        Ok(clock)
    }

    /// The clock of the next step: a function of the step's number, the seed and the settings.
    fn clock(&mut self) -> Result<Clock, Error> {
        let per_epoch = self.steps_per_epoch();
        let first = (self.step % per_epoch) as usize * self.settings.batch;
        let [correction_1, correction_2] = self.settings.optimizer.corrections(self.step + 1);
        Ok(Clock {
            seed: self.seed,
            step: self.step as u32,
            epoch: (self.step / per_epoch) as u32,
            shuffle: 1,
            first: first as u32,
            rows: self.settings.batch.min(self.train.len() - first) as u32,
            slot: self.scores.slot(self.network.gpu())?,
            learning_rate: self.settings.learning_rate(self.step, self.total_steps()) as f32,
            correction_1,
            correction_2,
            average: self.settings.average_weight(self.step + 1),
        })
    }

    /// Where the time of a step goes. The parameters move as in training, but the steps do not count.
    ///
    /// # Errors
    /// An adapter without timestamps; what the device reports.
    pub fn profile(&mut self, steps: usize) -> Result<Profile, Error> {
        self.set_clock()?;
        let plans = plans(&self.stages);
        let profile = self.network.gpu().profile(&plans, steps)?;
        self.scores.take(self.network.gpu())?;
        Ok(profile)
    }
}

/// The plan that draws the batches of the training split, augmented if the settings say so.
fn draw(network: &Network<'_>, settings: &Settings, data: &Dataset, train: &Feed) -> Result<Arc<Plan>, Error> {
    const KEY: &str = "training.augment";
    let augment = &settings.augment;
    if augment.is_none() {
        return Ok(train.draw());
    }
    let image = data.image().ok_or_else(|| {
        let what = if data.preparation.is_some() { "what data.transform makes" } else { "samples" };
        setting(KEY, format!("takes images, and {what}, of shape {:?}, are none; leave it out", data.shape))
    })?;
    augment.check(image).map_err(|(key, message)| setting(format!("{KEY}.{key}"), message))?;
    Ok(network.draw_augmented(train, image, augment)?)
}

/// Refuses a device that is no chip of this network, whatever the method is; gives how it drifts.
fn check_device(network: &Network<'_>, settings: &Settings) -> Result<Drift, Error> {
    const KEY: &str = "training.device.imperfections";
    let check = |spec: &Imperfection, size| match spec.cause {
        Cause::Element => spec.check_deviation(size),
        Cause::Common | Cause::Sample => spec.check_value(size),
    };
    method::check_named(network, KEY, &settings.device.imperfections, check)?;
    let drift = Drift::new(&settings.device.drift, network.imperfections());
    drift.map_err(|(key, message)| setting(format!("training.device.{key}"), message))
}

pub(super) fn plans(stages: &[Stage]) -> Vec<&Plan> {
    stages.iter().filter_map(Stage::plan).collect()
}

/// The way back from a step that did not come to its end.
struct Undo {
    keep: Plan,
    restore: Plan,
}

impl Undo {
    /// Of these vectors.
    fn new(network: &Network<'_>, vectors: &[&Slice]) -> Result<Self, Error> {
        let gpu = network.gpu();
        let [mut keep, mut restore] = ["keep", "undo"].map(|name| PlanBuilder::new(gpu, name));
        for &vector in vectors {
            let kept = gpu.zeros("vectors before the step", vector.shape(), Scalar::F32)?;
            let own = Flat { parameters: vector.clone(), ..network.flat().clone() };
            perturb::keep(&mut keep, &own, &kept)?;
            perturb::restore(&mut restore, &own, &kept)?;
        }
        Ok(Self { keep: keep.finish()?, restore: restore.finish()? })
    }
}
