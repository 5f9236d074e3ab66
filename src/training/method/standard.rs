//! Back-propagation on the nominal device.

use std::sync::Arc;

use super::Step;
use crate::gpu::Plan;
use crate::layer::Pass;

/// `draw, actuate, forward, score, backward, update`
pub(super) fn stages(step: &Step<'_, '_>) -> Vec<Arc<Plan>> {
    let network = step.network;
    vec![
        Arc::clone(&step.draw),
        network.actuate(),
        network.forward(Pass::First),
        network.score(),
        network.backward(),
        Arc::clone(&step.update),
    ]
}
