//! What learns, while a method in situ trains, how the device differs from its model.

mod error_network;
mod imperfections;

use std::sync::Arc;

pub use error_network::DatSettings;

use super::{Error, Method, Settings};
use crate::gpu::{Plan, Slice};
use crate::network::{self, Network};

/// A learner on the device.
pub struct Learner {
    /// What it does with a layer that was measured.
    pub(super) learner: Box<dyn network::Learner>,
    /// Its step, after a backward pass.
    pub(super) update: Arc<Plan>,
    /// Its vectors by name, for a run that is continued.
    pub(super) state: Vec<(&'static str, Slice)>,
}

impl Learner {
    /// The learner of a method in situ, if it has one: the error-prediction network of `dat`, or of any other the
    /// imperfections that `training.device.learn` names.
    ///
    /// # Errors
    /// Settings that do not fit the network; what the device reports.
    pub fn new(network: &Network<'_>, settings: &Settings, seed: u32) -> Result<Option<Self>, Error> {
        match settings.method {
            Method::Dat => Ok(Some(error_network::learner(network, settings, seed)?)),
            _ if settings.method.is_in_situ() && !settings.device.learn.is_empty() => {
                Ok(Some(imperfections::learner(network, settings)?))
            }
            _ => Ok(None),
        }
    }
}
