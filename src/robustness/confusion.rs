//! Which classes are taken for which.

use super::chip::chip;
use super::{Axis, Error, distinct_chips};
use crate::network::{Feed, Network};

/// Samples of each label (row) that were taken for each class (column), `[classes, classes]`, over all chips at one point
/// of a sweep. Logits are read back: this is for evaluations. `go_on` is asked before every batch; `None` if it says no.
///
/// # Errors
/// An axis that names nothing; what the device reports.
pub fn confusion(
    network: &Network<'_>,
    feed: &Feed,
    labels: &[u32],
    (axes, at): (&[Axis], &[f64]),
    chips: u32,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Option<Vec<u64>>, Error> {
    let classes = network.logits().shape()[1];
    let mut counts = vec![0; classes * classes];
    for number in 0..distinct_chips(network, axes, chips)? {
        network.set_chip(&chip(network, axes, at, number)?)?;
        let Some(logits) = network.predict(feed, number, &mut |_| go_on())? else { return Ok(None) };
        for (&label, logits) in labels.iter().zip(logits.chunks_exact(classes)) {
            counts[label as usize * classes + largest(logits)] += 1;
        }
    }
    network.nominal()?;
    Ok(Some(counts))
}

/// The first of the largest, as `shaders/cross_entropy.wgsl` has it.
fn largest(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_of_equal_logits_is_taken() {
        assert_eq!(super::largest(&[0.0, 2.0, 2.0, -1.0]), 1);
        assert_eq!(super::largest(&[3.0]), 0);
    }
}
