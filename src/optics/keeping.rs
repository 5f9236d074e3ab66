//! Which light is kept on its way through planes, and which is sent once more.

use std::ops::Range;

/// Bytes that the light in one plane may take, for as many samples as go at once.
const AT_ONCE: usize = 1 << 26;
/// Bytes up to which the light before every plane is kept.
const EVERYWHERE: usize = 1 << 28;

/// How a batch goes through planes: in runs of samples, of which the light that arrives is kept at every so manieth step. A step
/// is a plane, or the camera behind the last. The backward pass computes the light at the steps between again, from the kept one
/// before them, a stretch at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keeping {
    batch: usize,
    chunk: usize,
    stride: usize,
    n_steps: usize,
}

impl Keeping {
    /// For a batch whose light takes so many bytes a sample and step. What is left out is chosen: as many samples at once as let
    /// the light in a plane take 64 MiB; light kept at every step while that takes 256 MiB, else at the distance that needs
    /// least.
    pub(super) fn new(batch: usize, n_steps: usize, bytes: usize, chunk: Option<usize>, stride: Option<usize>) -> Self {
        let chunk = chunk.unwrap_or(AT_ONCE / bytes).clamp(1, batch.max(1));
        let with = |stride| Self { batch, chunk, stride, n_steps };
        let everywhere = n_steps * chunk * bytes <= EVERYWHERE;
        let least = || (1..=n_steps).min_by_key(|&stride| with(stride).slots()).unwrap_or(1);
        with(stride.map_or_else(|| if everywhere { 1 } else { least() }, |stride| stride.min(n_steps)))
    }

    /// Samples that go at once.
    pub(super) fn chunk(&self) -> usize {
        self.chunk
    }

    /// Whether the batch takes more than one run.
    pub(super) fn is_divided(&self) -> bool {
        self.chunk < self.batch
    }

    /// Runs of the batch: first sample and number of samples.
    pub(super) fn runs(&self) -> impl Iterator<Item = (usize, usize)> {
        let Self { batch, chunk, .. } = *self;
        (0..batch).step_by(chunk).map(move |first| (first, chunk.min(batch - first)))
    }

    /// Stretches of steps, each from one whose light is kept.
    pub(super) fn stretches(&self) -> impl DoubleEndedIterator<Item = Range<usize>> {
        let Self { stride, n_steps, .. } = *self;
        (0..n_steps.div_ceil(stride)).map(move |at| at * stride..n_steps.min((at + 1) * stride))
    }

    /// Places for light that are needed.
    pub(super) fn slots(&self) -> usize {
        self.n_steps.div_ceil(self.stride) + self.stride - 1
    }

    /// Where the light that arrives at a step is: for good, or until another stretch has its turn.
    pub(super) fn slot(&self, step: usize) -> usize {
        match (step / self.stride, step % self.stride) {
            (stretch, 0) => stretch,
            (_, within) => self.n_steps.div_ceil(self.stride) + within - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_has_a_place_of_its_own_within_a_stretch_and_where_it_is_kept() {
        for n_steps in 1..12 {
            for stride in 1..=n_steps {
                let keeping = Keeping::new(8, n_steps, 1, None, Some(stride));
                let stretches: Vec<_> = keeping.stretches().collect();
                assert_eq!(
                    stretches.iter().flat_map(Clone::clone).collect::<Vec<_>>(),
                    (0..n_steps).collect::<Vec<_>>()
                );
                for stretch in &stretches {
                    let kept = stretches.iter().map(|other| other.start);
                    let mut slots: Vec<_> =
                        kept.chain(stretch.start + 1..stretch.end).map(|at| keeping.slot(at)).collect();
                    slots.sort_unstable();
                    slots.dedup();
                    assert_eq!(slots.len(), stretches.len() + stretch.len() - 1, "{n_steps} steps, every {stride}");
                    assert!(slots.iter().all(|&slot| slot < keeping.slots()));
                }
            }
        }
    }

    #[test]
    fn what_is_left_out_fits_the_memory() {
        let full = 8 * 1080 * 1920;
        let modulators = |masks: usize| Keeping::new(8, masks + 1, full, None, None);
        assert_eq!((modulators(3).chunk(), modulators(3).slots()), (4, 4));
        assert_eq!((modulators(10).chunk(), modulators(10).slots()), (4, 6));
        let small = Keeping::new(64, 5, 8 * 128 * 128, None, None);
        assert_eq!((small.is_divided(), small.slots()), (false, 5));
        assert_eq!(modulators(3).runs().collect::<Vec<_>>(), [(0, 4), (4, 4)]);
        assert_eq!(Keeping::new(5, 1, full, Some(3), None).runs().collect::<Vec<_>>(), [(0, 3), (3, 2)]);
    }
}
