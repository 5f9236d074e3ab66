//! Probes of the parameters, by which measured losses become a gradient; specification of `shaders/probe.wgsl`.

use super::Segment;
use crate::random;

/// Where a probe goes.
#[derive(Clone, Copy, Debug)]
pub enum Direction {
    /// Every parameter by +1 or -1, a bit of (seed, stream, probe; step, element).
    Signs {
        /// Seed and stream.
        key: [u32; 2],
        /// The training step.
        step: u32,
    },
    /// The parameter of the probe's number, by +1.
    Coordinate,
}

/// What may move.
#[derive(Clone, Copy, Debug)]
pub struct Probes<'a> {
    /// Where a probe goes.
    pub direction: Direction,
    /// How far, by element; 0 for what does not move.
    pub radius: &'a [f64],
    /// Bounds, by element.
    pub segments: &'a [Segment],
}

impl Probes<'_> {
    /// The direction d of probe k: one number an element, 0 for what does not move.
    pub fn direction(&self, k: u32) -> Vec<f64> {
        let mut moving = 0;
        let element = |(at, &radius): (usize, &f64)| {
            if radius == 0.0 {
                return 0.0;
            }
            moving += 1;
            match self.direction {
                Direction::Signs { key, step } => {
                    let bits = random::bits(random::again(key, k), [step, at as u32 / 64])[at / 32 % 2];
                    if bits >> (at % 32) & 1 == 1 { -1.0 } else { 1.0 }
                }
                Direction::Coordinate => f64::from(u8::from(moving == k + 1)),
            }
        };
        self.radius.iter().enumerate().map(element).collect()
    }

    /// p = q + side c d (Spall, IEEE Trans. Autom. Control 37, 332 (1992)), held within the bounds; what does not move stays at q.
    pub fn displace(&self, centre: &[f64], k: u32, side: f64) -> Vec<f64> {
        let terms = centre.iter().zip(self.direction(k)).zip(self.radius).zip(self.segments);
        terms
            .map(|(((q, d), radius), segment)| {
                let there = q + side * radius * d;
                // Not `min` and `max`, which drop NaN.
                let held = if there < segment.lower { segment.lower } else { there };
                let held = if held > segment.upper { segment.upper } else { held };
                if side * d == 0.0 { *q } else { held }
            })
            .collect()
    }

    /// What probe k finds where the mean losses of both its sides differ by `difference`: that over how far they are apart.
    pub fn gradient(&self, centre: &[f64], k: u32, difference: f64) -> Vec<f64> {
        let [ahead, back] = [1.0, -1.0].map(|side| self.displace(centre, k, side));
        let terms = ahead.iter().zip(back).zip(self.direction(k));
        terms
            .map(|((ahead, back), d)| {
                let span = ahead - back;
                if d == 0.0 || span == 0.0 { 0.0 } else { difference / span }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_fair_and_differ_by_probe_step_seed_and_stream() {
        let radius = vec![1.0; 1 << 14];
        let signs = |key, step, k| {
            let direction = Direction::Signs { key, step };
            Probes { direction, radius: &radius, segments: &[] }.direction(k)
        };
        let first = signs([1, 7], 0, 0);
        assert!(first.iter().all(|sign| sign.abs() == 1.0));
        // Sums of fair signs stay within five standard deviations, and so do those of products of two.
        let bar = 5.0 * (radius.len() as f64).sqrt();
        let fair = |signs: &mut dyn Iterator<Item = f64>| signs.sum::<f64>().abs() < bar;
        assert!(fair(&mut first.iter().copied()) && fair(&mut first.windows(2).map(|pair| pair[0] * pair[1])));
        for other in [signs([1, 7], 0, 1), signs([1, 7], 1, 0), signs([2, 7], 0, 0), signs([1, 8], 0, 0)] {
            assert!(fair(&mut first.iter().zip(&other).map(|(a, b)| a * b)));
        }
    }
}
