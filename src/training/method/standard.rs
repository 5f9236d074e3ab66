//! Back-propagation: on the nominal device, or through what a device put out.

use std::sync::Arc;

use super::super::Error;
use super::Step;
use crate::layer::Pass;
use crate::network::Stage;

/// `draw, actuate, forward, score, backward, update`; in situ, which is physics-aware training (Wright et al., Nature 601, 549
/// (2022)), `draw, actuate, forward, score, actuate, retrace, update`.
pub(super) fn stages(step: &Step<'_, '_>) -> Result<Vec<Stage>, Error> {
    let mut stages = vec![Arc::clone(&step.draw).into()];
    stages.extend(step.forward(Pass::First, 0)?);
    stages.push(step.network.score().into());
    stages.extend(step.backward(0)?);
    stages.push(Arc::clone(&step.update).into());
    Ok(stages)
}
