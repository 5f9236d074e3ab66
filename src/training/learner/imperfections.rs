//! The model's own imperfections, learned: what a calibration would find, from the batches that a training measures anyway.

use std::sync::Arc;

use super::Learner;
use crate::gpu::{self, PlanBuilder, Scalar, Slice};
use crate::layer::{Cause, Imperfection, Io, Pass};
use crate::network::{Measured, Network};
use crate::ops::adam::Adam;
use crate::ops::mean_squared_error;
use crate::training::{Error, Settings, method, setting};

/// Every layer that was measured is compared with its model at the same input; the mean squared error of the outputs has a
/// gradient with respect to the imperfections of the model, and Adam, as of the optimizer, follows it. A layer in the middle
/// of a network is thus learned by itself, whatever comes before it. Of the layers' parameters the controls alone are moved by
/// the loss.
struct Imperfections {
    /// Where the gradients of the imperfections of every layer go.
    places: Vec<Vec<Option<Slice>>>,
    clock: Slice,
    /// Gradient of the squared error, `[batch * outputs]` of the widest layer.
    d_outputs: Slice,
}

pub(super) fn learner(network: &Network<'_>, settings: &Settings) -> Result<Learner, Error> {
    const KEY: &str = "training.device.learn";
    let (gpu, rates) = (network.gpu(), &settings.device.learn);
    method::check_named(network, KEY, rates, |spec: &Imperfection, rate| match spec.cause {
        Cause::Sample => Err("differs from sample to sample, and cannot be learned; leave it out".to_owned()),
        _ if rate > 0.0 => Ok(()),
        _ => Err(format!("is a learning rate and must be above 0, not {rate}")),
    })?;
    let asked = network.ask(|name| rates.contains_key(name))?;
    if let Some(name) = rates.keys().find(|name| !asked.entries().iter().any(|entry| entry.spec.name == **name)) {
        let message = "has no gradient in any layer of this network; leave it out";
        return Err(setting(format!("{KEY}.{name}"), message));
    }
    let vector = |name: &str| gpu.zeros(name, &[network.chip_len()], Scalar::F32);
    let [mean, square] = [vector("learned mean")?, vector("learned square")?];
    let mut update = PlanBuilder::new(gpu, "learn");
    for entry in asked.entries() {
        let flat = network.flat_imperfection(&asked, entry)?;
        let part = |vector: &Slice| vector.part(vector.name(), entry.offset, flat.parameters.shape());
        let rate = rates[entry.spec.name] / settings.optimizer.learning_rate;
        let adam = Adam { rate, decay: 0.0, ..settings.optimizer.adam() };
        adam.update(&mut update, network.clock(), &flat, &part(&mean)?, &part(&square)?)?;
    }
    let places = (0..network.layers()).map(|place| network.d_imperfections(&asked, place)).collect::<Result<_, _>>()?;
    let d_outputs = gpu.zeros("gradients of the squared error", &[network.widest()], Scalar::F32)?;
    let state = vec![("learned", network.chip_values()?), ("learned mean", mean), ("learned square", square)];
    let learner = Box::new(Imperfections { places, clock: network.clock().clone(), d_outputs });
    Ok(Learner { learner, update: Arc::new(update.finish()?), state })
}

impl crate::network::Learner for Imperfections {
    fn learn(&self, plan: &mut PlanBuilder<'_>, met: &Measured<'_>) -> Result<Slice, gpu::Error> {
        let (model, d_imperfections) = (met.model, &self.places[met.place]);
        if d_imperfections.iter().any(Option::is_some) {
            let d_output = self.d_outputs.part(self.d_outputs.name(), 0, model.output.shape())?;
            mean_squared_error::backward(plan, &self.clock, &model.output, met.outputs, &d_output)?;
            let d_imperfections = d_imperfections.clone();
            // What this leaves in the gradients of the parameters, the backward pass of the loss overwrites.
            met.layer.backward(plan, &Io { d_output, d_input: None, d_imperfections, ..model.clone() })?;
            // A backward pass may use up what the forward pass left.
            met.layer.forward(plan, model, Pass::Again)?;
        }
        Ok(model.d_output.clone())
    }
}
