//! One device out of all that a sweep meets.

use super::Error;
use super::sweep::{Axis, add};
use crate::network::Network;

/// Imperfections of chip number `chip` where every axis has one value: a flat vector for
/// [`Network::set_chip`]. The same device as the one of that number in a [sweep](super::sweep).
///
/// # Errors
/// An axis that names nothing.
pub fn chip(network: &Network<'_>, axes: &[Axis], at: &[f64], chip: u32) -> Result<Vec<f32>, Error> {
    let mut values = vec![0.0; network.chip_len()];
    for (axis, &value) in axes.iter().zip(at) {
        for entry in axis.resolve(network)? {
            add(&mut values[entry.range()], entry, value, chip);
        }
    }
    Ok(values)
}
