//! What a step of training costs, an epoch and a run.

use serde::Serialize;

use super::method::Cost;
use super::trainer::plans;
use super::{Error, Trainer};
use crate::gpu::Plan;
use crate::layer::Pass;
use crate::network::{Expense, LayerAccount, Roofline};

/// The plans of a name in a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageAccount {
    /// What they do, such as `forward`.
    pub name: String,
    /// How many of them a step has, in the mean.
    pub calls: f64,
    /// What they cost together.
    #[serde(flatten)]
    pub expense: Expense,
}

/// What the training of a recipe costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// Every layer, for a whole batch.
    pub layers: Vec<LayerAccount>,
    /// The stages of a step, those of a name together, in the order of their first. Where only every so manieth step has an adversary, the
    /// mean over the steps.
    pub stages: Vec<StageAccount>,
    /// A step: all stages.
    pub step: Expense,
    /// Median seconds of a step in one submission, if it was measured.
    pub step_s: Option<f64>,
    /// Passes of a step through the network, in the mean.
    pub passes: Cost,
    /// An evaluation of the test split.
    pub evaluation: Expense,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Epochs of the run.
    pub epochs: u32,
    /// Bytes on the device by name, as they are before the first step.
    pub memory: Vec<(String, u64)>,
}

impl Account {
    /// Steps and evaluation of an epoch.
    pub fn epoch(&self) -> Expense {
        self.step.times(self.steps_per_epoch as f64).and(&self.evaluation)
    }

    /// All epochs.
    pub fn run(&self) -> Expense {
        self.epoch().times(f64::from(self.epochs))
    }
}

impl Trainer<'_, '_> {
    /// What the training costs on paper, its time by a roofline if one is given, and on the clock if so many replays are asked for.
    /// Measurements on a bench cost nothing here. Parameters move where it is measured.
    ///
    /// # Errors
    /// An adapter without timestamps, where it is to be measured; what the device reports.
    pub fn account(&mut self, roofline: Option<&Roofline>, replays: Option<usize>) -> Result<Account, Error> {
        let gpu = self.network.gpu();
        let memory = gpu.memory();
        if replays.is_some() {
            self.set_clock()?;
        }
        let measure = |plans: &[&Plan]| replays.map(|replays| gpu.times(plans, replays)).transpose();
        let every = f64::from(if self.between.is_some() { self.settings.sat.every } else { 1 });
        let (mut stages, mut step_s) = (Vec::<StageAccount>::new(), replays.map(|_| 0.0));
        let lists = [(Some(&self.stages), 1.0 / every), (self.between.as_ref(), 1.0 - 1.0 / every)];
        for (plans, weight) in lists.into_iter().filter_map(|(list, weight)| Some((plans(list?), weight))) {
            let times = measure(&plans)?;
            let mut seconds = times.iter().flat_map(|(seconds, _)| seconds.iter().copied());
            for plan in plans {
                let dispatches = plan.recorded().map(|dispatch| (dispatch, seconds.next()));
                let mut expense = Expense::of(dispatches, roofline).times(weight);
                // A plan of nothing takes no time.
                if plan.is_empty() {
                    expense.measured_s = replays.map(|_| 0.0);
                }
                match stages.iter_mut().find(|stage| stage.name == plan.name()) {
                    Some(stage) => {
                        stage.calls += weight;
                        stage.expense = stage.expense.and(&expense);
                    }
                    None => stages.push(StageAccount { name: plan.name().to_owned(), calls: weight, expense }),
                }
            }
            step_s = step_s.zip(times).map(|(sum, (_, whole))| sum + weight * whole);
        }
        let network = self.network;
        let [forward, backward] = [network.forward(Pass::First), network.backward()];
        let passes = measure(&[&network.actuate(), &forward, &network.score(), &backward])?;
        let measured = passes.as_ref().map(|(seconds, _)| {
            let first = network.actuate().len();
            [&seconds[first..first + forward.len()], &seconds[seconds.len() - backward.len()..]]
        });
        let layers = network.account(roofline, measured)?;
        let batches = [&*self.test.draw(), &*network.forward(Pass::Inference), &*network.score()];
        let whole = |plans: &[&Plan]| -> Result<Expense, Error> {
            let times = measure(plans)?;
            let mut seconds = times.iter().flat_map(|(seconds, _)| seconds.iter().copied());
            let dispatches = plans.iter().flat_map(|plan| plan.recorded()).map(|dispatch| (dispatch, seconds.next()));
            Ok(Expense::of(dispatches, roofline))
        };
        let evaluation = whole(&batches)?.times(self.test.len().div_ceil(network.batch()) as f64);
        if replays.is_some() {
            self.scores.take(gpu)?;
        }
        let cycle = every as u64;
        let Cost { forward, backward, device } = self.settings.method.spent(self.settings, network, cycle);
        Ok(Account {
            step: stages.iter().map(|stage| stage.expense).reduce(|sum, each| sum.and(&each)).unwrap_or_default(),
            layers,
            stages,
            step_s,
            passes: Cost { forward: forward / every, backward: backward / every, device: device / cycle.max(1) },
            evaluation,
            steps_per_epoch: self.steps_per_epoch(),
            epochs: self.settings.epochs,
            memory,
        })
    }
}
