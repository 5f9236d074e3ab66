//! The moving average of the parameters, kept beside them.

use std::sync::Arc;

use super::Error;
use crate::gpu::{Plan, PlanBuilder, Scalar, Slice};
use crate::network::Network;
use crate::ops::average;

/// The average on the device and its plans.
#[derive(Debug)]
pub(super) struct Average {
    /// As long as the parameters.
    pub(super) vector: Slice,
    /// The last plan of a step.
    pub(super) update: Arc<Plan>,
    /// Puts the average where the parameters are, and back.
    pub(super) exchange: Plan,
}

impl Average {
    pub(super) fn new(network: &Network<'_>) -> Result<Self, Error> {
        let (gpu, flat) = (network.gpu(), network.flat());
        let vector = gpu.zeros("average of the parameters", flat.parameters.shape(), Scalar::F32)?;
        let mut update = PlanBuilder::new(gpu, "average");
        average::update(&mut update, network.clock(), flat, &vector)?;
        let mut exchange = PlanBuilder::new(gpu, "exchange");
        average::exchange(&mut exchange, flat, &vector)?;
        Ok(Self { update: Arc::new(update.finish()?), exchange: exchange.finish()?, vector })
    }
}
