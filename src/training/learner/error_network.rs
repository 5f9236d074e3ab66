//! The error-prediction network of dual adaptive training.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Learner;
use crate::gpu::{self, PlanBuilder, Scalar, Slice, align};
use crate::network::{Measured, Network};
use crate::ops::activation::Activation;
use crate::ops::adam::Adam;
use crate::ops::{Flat, add, bias, matmul, mean_squared_error};
use crate::random;
use crate::training::{Error, Settings, setting};

/// Keys of `[training.dat]`: dual adaptive training (Zheng et al., Nat. Mach. Intell. 5, 1119 (2023)).
///
/// Behind every layer of the model that the device may have built wrong stands a network that predicts the error of its outputs
/// m, y = m + W_2 relu(W_1 m + b_1) + b_2. Two things are learned in every step from one measured batch: the networks, from the
/// squared difference of y and the outputs measured at the same input, and the controls, from the gradient of the loss on its
/// way back through networks and model. As published, each layer is compared and each gradient taken at what was measured
/// (there: state fusion). Simplified: one hidden layer of real numbers for each layer, where the published networks are small
/// convolutional ones (U-nets) of fields, and one step of each in turn instead of an epoch of each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatSettings {
    /// Hidden units of each network.
    pub hidden: usize,
    /// Step size of Adam for the networks; it follows the schedule of the run.
    pub learning_rate: f32,
}

/// More would be a slip of the pen.
const MAX_HIDDEN: usize = 1 << 14;

impl Default for DatSettings {
    fn default() -> Self {
        Self { hidden: 64, learning_rate: 1e-2 }
    }
}

impl DatSettings {
    /// Refuses values out of range.
    pub(in super::super) fn check(&self) -> Result<(), Error> {
        if !(1..=MAX_HIDDEN).contains(&self.hidden) {
            return Err(setting("training.dat.hidden", format!("must be 1 to {MAX_HIDDEN}, not {}", self.hidden)));
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            let message = format!("must be above 0, not {}", self.learning_rate);
            return Err(setting("training.dat.learning_rate", message));
        }
        Ok(())
    }
}

/// W_1 `[hidden, outputs]`, b_1 `[hidden]`, W_2 `[outputs, hidden]`, b_2 `[outputs]`, or their gradients.
type Weights = [Slice; 4];

/// The network behind a layer.
struct Behind {
    weights: Weights,
    gradients: Weights,
}

/// All of them. What is between is kept once, as large as the widest layer wants it.
struct ErrorNetwork {
    /// Of every layer, if it has one.
    behind: Vec<Option<Behind>>,
    clock: Slice,
    /// The hidden layer before and behind the rectifier, and its gradients, `[batch, hidden]`.
    sums: Slice,
    units: Slice,
    d_units: Slice,
    d_sums: Slice,
    /// The predicted error or outputs, and gradients, `[batch * outputs]` of the widest layer.
    error: Slice,
    d_error: Slice,
    d_model: Slice,
}

pub(super) fn learner(network: &Network<'_>, settings: &Settings, seed: u32) -> Result<Learner, Error> {
    let (gpu, dat) = (network.gpu(), &settings.dat);
    let shapes =
        |outputs: usize| [vec![dat.hidden, outputs], vec![dat.hidden], vec![outputs, dat.hidden], vec![outputs]];
    let widths: Vec<_> =
        (0..network.layers()).map(|place| network.is_physical(place).then(|| network.width(place))).collect();
    let sizes = widths.iter().flatten().flat_map(|&outputs| shapes(outputs));
    let words = sizes.map(|shape| align(shape.iter().product())).sum();
    let mut start = vec![0.0_f32; words];
    let vector = |name: &str| gpu.zeros(name, &[words], Scalar::F32);
    let (parameters, gradient) = (vector("error networks")?, vector("gradient of error networks")?);
    let [mean, square] = [vector("mean of error networks")?, vector("square of error networks")?];
    let (mut offset, mut behind) = (0, Vec::new());
    for (place, width) in widths.iter().enumerate() {
        let Some(outputs) = *width else {
            behind.push(None);
            continue;
        };
        let own = shapes(outputs).map(|shape| {
            let first = offset;
            offset += align(shape.iter().product());
            (first, shape)
        });
        // The networks start with an error of 0: the last weights and the biases at 0.
        let units = random::units(seed, random::stream(&format!("start error network {place}")));
        let reach = 1.0 / (outputs as f64).sqrt();
        let first = start[own[0].0..].iter_mut().take(dat.hidden * outputs);
        first.zip(units).for_each(|(value, unit)| *value = (reach * (2.0 * unit - 1.0)) as f32);
        let of = |vector: &Slice| -> Result<Weights, gpu::Error> {
            let part = |number: usize| vector.part(vector.name(), own[number].0, &own[number].1);
            Ok([part(0)?, part(1)?, part(2)?, part(3)?])
        };
        let (weights, gradients) = (of(&parameters)?, of(&gradient)?);
        behind.push(Some(Behind { weights, gradients }));
    }
    gpu.write(&parameters, &start)?;
    let flat = Flat::alone(gpu, parameters.clone(), gradient, false, f32::MAX)?;
    let mut update = PlanBuilder::new(gpu, "learn");
    let rate = dat.learning_rate / settings.optimizer.learning_rate;
    let adam = Adam { rate, decay: 0.0, ..settings.optimizer.adam() };
    adam.update(&mut update, network.clock(), &flat, &mean, &square)?;
    let units = |name: &str| gpu.zeros(name, &[network.batch(), dat.hidden], Scalar::F32);
    let outputs = |name: &str| gpu.zeros(name, &[network.widest()], Scalar::F32);
    let learner = Box::new(ErrorNetwork {
        behind,
        clock: network.clock().clone(),
        sums: units("sums of error networks")?,
        units: units("units of error networks")?,
        d_units: units("gradients of units")?,
        d_sums: units("gradients of sums")?,
        error: outputs("predicted errors")?,
        d_error: outputs("gradients of predicted errors")?,
        d_model: outputs("gradients of modelled outputs")?,
    });
    let state = vec![("error networks", parameters), ("error networks mean", mean), ("error networks square", square)];
    Ok(Learner { learner, update: Arc::new(update.finish()?), state })
}

impl ErrorNetwork {
    /// Gradients of the sums before the rectifier from those of the predicted error.
    fn d_sums(&self, plan: &mut PlanBuilder<'_>, own: &Behind, d_error: &Slice) -> Result<(), gpu::Error> {
        matmul::ab(plan, d_error, &own.weights[2], &self.d_units)?;
        Activation::Relu.backward(plan, &self.units, &self.d_units, &self.d_sums)
    }
}

impl crate::network::Learner for ErrorNetwork {
    fn learn(&self, plan: &mut PlanBuilder<'_>, met: &Measured<'_>) -> Result<Slice, gpu::Error> {
        let (model, d_outputs) = (&met.model.output, &met.model.d_output);
        let Some(own) = &self.behind[met.place] else { return Ok(d_outputs.clone()) };
        let [w_1, b_1, w_2, b_2] = &own.weights;
        let [d_w_1, d_b_1, d_w_2, d_b_2] = &own.gradients;
        let of_layer = |vector: &Slice| vector.part(vector.name(), 0, model.shape());
        let [prediction, d_error, d_model] =
            [of_layer(&self.error)?, of_layer(&self.d_error)?, of_layer(&self.d_model)?];
        matmul::abt(plan, model, w_1, Some(b_1), &self.sums)?;
        Activation::Relu.forward(plan, &self.sums, &self.units)?;
        matmul::abt(plan, &self.units, w_2, Some(b_2), &prediction)?;
        add::forward(plan, model, &prediction)?;
        // The networks learn what was measured.
        mean_squared_error::backward(plan, &self.clock, &prediction, met.outputs, &d_error)?;
        matmul::atb(plan, &d_error, &self.units, d_w_2)?;
        bias::backward(plan, &d_error, d_b_2)?;
        self.d_sums(plan, own, &d_error)?;
        matmul::atb(plan, &self.d_sums, model, d_w_1)?;
        bias::backward(plan, &self.d_sums, d_b_1)?;
        // The loss goes back through them.
        self.d_sums(plan, own, d_outputs)?;
        matmul::ab(plan, &self.d_sums, w_1, &d_model)?;
        add::forward(plan, d_outputs, &d_model)?;
        Ok(d_model)
    }
}
