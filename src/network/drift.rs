//! Drift in time: imperfections that wander after a device was calibrated.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Entry;
use crate::layer::{Cause, Imperfection};
use crate::random;

/// Most hours after the calibration, and longest correlation time.
pub const MAX_HOURS: f64 = 1e6;

/// Shortest correlation time, h: what is faster than 4 s is noise.
const LEAST_HOURS: f64 = 1e-3;

/// Keys of an entry of `[training.device.drift]`, such as `temperature = { deviation = 0.5, hours = 2.0 }`: an imperfection
/// that was 0 off at hour 0 and then wanders, pulled back with a correlation time (Ornstein and Uhlenbeck, Phys. Rev. 36, 823
/// (1930)). After t hours its variance is `deviation`² (1 - exp(-2 t / `hours`)).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as { deviation = 0.5, hours = 2 }")]
pub struct DriftSettings {
    /// Standard deviation in the end, in the unit of the imperfection.
    pub deviation: f32,
    /// Correlation time, h.
    pub hours: f32,
}

impl DriftSettings {
    /// Refuses values out of range: the key, and what is wrong.
    ///
    /// # Errors
    /// As said.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if !(self.deviation.is_finite() && self.deviation >= 0.0) {
            return Err(("deviation", format!("must be a finite number, 0 or more, not {}", self.deviation)));
        }
        if !(LEAST_HOURS as f32..=MAX_HOURS as f32).contains(&self.hours) {
            return Err(("hours", format!("must be {LEAST_HOURS} to {MAX_HOURS}, not {}", self.hours)));
        }
        Ok(())
    }
}

/// How the imperfections of a network drift; of none by default.
///
/// What a chip has drifted by is a pure function of its number, the imperfection, the element and the hour: it does not depend
/// on which other hours are asked for, or in which order. A common imperfection has one path a chip, shared by all layers, any
/// other a path an element.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    own: Vec<Own>,
}

/// One imperfection of one layer.
#[derive(Clone, Debug)]
struct Own {
    range: Range<usize>,
    stream: u32,
    common: bool,
    limit: Option<f32>,
    settings: DriftSettings,
}

impl Drift {
    /// The drift of a network with these imperfections.
    ///
    /// # Errors
    /// A name that no layer has, of an imperfection that every sample draws anew, or a deviation that a limit does not allow:
    /// the key below `[training.device]`, and what is wrong.
    pub fn new(
        settings: &BTreeMap<String, DriftSettings>,
        imperfections: &[Entry<Imperfection>],
    ) -> Result<Self, (String, String)> {
        let mut own = Vec::new();
        for (name, &settings) in settings {
            let entries: Vec<_> = imperfections.iter().filter(|entry| entry.spec.name == name).collect();
            if entries.is_empty() {
                let mut known: Vec<_> = imperfections.iter().map(|entry| entry.spec.name).collect();
                known.sort_unstable();
                known.dedup();
                let message = format!("names no imperfection of any layer; there are: {}", known.join(", "));
                return Err((format!("drift.{name}"), message));
            }
            for entry in entries {
                let common = match entry.spec.cause {
                    Cause::Common => true,
                    Cause::Element => false,
                    Cause::Sample => {
                        let message = "differs from sample to sample and cannot drift; leave it out".to_owned();
                        return Err((format!("drift.{name}"), message));
                    }
                };
                let check = entry.spec.check_deviation(settings.deviation.into());
                check.map_err(|message| (format!("drift.{name}.deviation"), message))?;
                let stream = random::stream(&format!("drift {}", if common { name } else { &entry.name }));
                own.push(Own { range: entry.range(), stream, common, limit: entry.spec.limit, settings });
            }
        }
        Ok(Self { own })
    }

    /// Whether nothing drifts.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty()
    }

    /// Adds what chip number `chip` has drifted by at an hour, 0 or more, to the flat vector of its imperfections. What would
    /// pass its limit stays just within.
    pub fn add(&self, chip: u32, hour: f64, values: &mut [f32]) {
        for own in &self.own {
            let path = Path::to(hour / f64::from(own.settings.hours));
            let deviation = f64::from(own.settings.deviation);
            let values = &mut values[own.range.clone()];
            let alike = if own.common { values.len() } else { 2 };
            for (place, values) in (0_u32..).zip(values.chunks_mut(alike.max(1))) {
                let pair = path.pair(random::bits([0, own.stream], [chip, place]));
                for (at, value) in values.iter_mut().enumerate() {
                    let moved = f64::from(*value) + deviation * pair[if own.common { 0 } else { at }];
                    *value = within(moved as f32, own.limit);
                }
            }
        }
    }
}

/// The nearest value within a limit, which is not included.
fn within(value: f32, limit: Option<f32>) -> f32 {
    match limit {
        Some(limit) if value.abs() >= limit => limit.next_down().copysign(value),
        _ => value,
    }
}

/// Halvings of what lies between two independent values: 2^6 = 64 correlation times, down to their 2^-16th.
const HALVINGS: u32 = 22;

/// Parts of a correlation time in which time is counted.
const PARTS: f64 = 65_536.0;

/// The way to a time of standard Ornstein-Uhlenbeck paths, which are 0 at time 0 and have a variance of 1 in the end.
///
/// At multiples of 64 correlation times their values are independent, as exp(-64) is nothing beside the rounding of `f64`. In
/// between they are refined by Lévy's construction: given the values a and c at two times, 2 d correlation times apart, that
/// in the middle is normal with the mean (a + c) / (2 cosh d) and the variance tanh d. Each value has a random number of its
/// own, by its place in the tree of halvings. The process is exact at all multiples of 2^-16 correlation times, to which times
/// are rounded: to 0.1 s of 2 h.
struct Path {
    /// Which stretch of 64 correlation times.
    stretch: u32,
    halvings: Vec<Halving>,
}

struct Halving {
    /// Place in the tree, from 1, level by level.
    node: u32,
    /// Weight of the values on both sides.
    weight: f64,
    /// Standard deviation.
    deviation: f64,
    /// Whether the time is this one or later.
    later: bool,
}

impl Path {
    /// To a time in correlation times.
    fn to(time: f64) -> Self {
        let parts = (time * PARTS).round() as u64;
        let (stretch, rest) = ((parts >> HALVINGS) as u32, (parts & ((1 << HALVINGS) - 1)) as u32);
        // The last halving that is needed meets the time.
        let last = rest.trailing_zeros().min(HALVINGS);
        let halving = |level: u32| {
            let half = f64::from(1_u32 << level) / PARTS;
            Halving {
                node: (1 << (HALVINGS - 1 - level)) + (rest >> level >> 1),
                weight: 0.5 / half.cosh(),
                deviation: half.tanh().sqrt(),
                later: rest >> level & 1 == 1,
            }
        };
        Self { stretch, halvings: (last..HALVINGS).rev().map(halving).collect() }
    }

    /// The values of two independent paths under one key.
    fn pair(&self, key: [u32; 2]) -> [f64; 2] {
        let draw = |stretch, node| random::normal(random::bits(key, [stretch, node]));
        let mut before = if self.stretch == 0 { [0.0; 2] } else { draw(self.stretch, 0) };
        if self.halvings.is_empty() {
            return before;
        }
        let mut after = draw(self.stretch + 1, 0);
        for Halving { node, weight, deviation, later } in &self.halvings {
            let drawn = draw(self.stretch, *node);
            let middle = [0, 1].map(|i| weight * (before[i] + after[i]) + deviation * drawn[i]);
            *(if *later { &mut before } else { &mut after }) = middle;
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(
        name: &str,
        imperfection: &'static str,
        shape: &[usize],
        offset: usize,
        cause: Cause,
    ) -> Entry<Imperfection> {
        let limit = (imperfection == "splitter_error").then_some(1.0);
        let spec = Imperfection { name: imperfection, shape: shape.to_vec(), unit: "", cause, limit };
        Entry { name: format!("{name}.{imperfection}"), layer: 0, position: 0, offset, shape: shape.to_vec(), spec }
    }

    fn entries() -> Vec<Entry<Imperfection>> {
        vec![
            entry("mesh1", "phase_error", &[9], 0, Cause::Element),
            entry("mesh1", "splitter_error", &[2, 3], 64, Cause::Element),
            entry("mesh1", "temperature", &[1], 128, Cause::Common),
            entry("mesh2", "temperature", &[1], 192, Cause::Common),
            entry("mesh2", "phase_error", &[4], 256, Cause::Element),
            entry("mesh2", "detection_noise", &[1], 320, Cause::Sample),
        ]
    }

    fn drift(settings: &[(&str, f32, f32)]) -> Result<Drift, (String, String)> {
        let one = |&(name, deviation, hours): &(&str, f32, f32)| (name.to_owned(), DriftSettings { deviation, hours });
        Drift::new(&settings.iter().map(one).collect(), &entries())
    }

    fn at(drift: &Drift, chip: u32, hour: f64) -> Vec<f32> {
        let mut values = vec![0.0; 384];
        drift.add(chip, hour, &mut values);
        values
    }

    #[test]
    fn paths_have_the_covariance_of_the_process_in_theory() {
        // Near each other, across a halving of every kind, and on both sides of a stretch.
        let times = [0.001, 0.0625, 0.3, 1.0, 1.7, 31.9, 32.3, 63.6, 64.0, 64.8, 700.0];
        let paths: Vec<_> = times.iter().map(|&time| Path::to(time)).collect();
        let count = 40_000_u32;
        let mut sums = vec![[0.0; 11]; 11];
        let mut across = 0.0;
        for chip in 0..count / 2 {
            let key = random::bits([0, 7], [chip, 0]);
            let pairs: Vec<_> = paths.iter().map(|path| path.pair(key)).collect();
            across += pairs[3][0] * pairs[3][1];
            for one in [0, 1] {
                for (i, sums) in sums.iter_mut().enumerate() {
                    sums.iter_mut().zip(&pairs).for_each(|(sum, pair)| *sum += pairs[i][one] * pair[one]);
                }
            }
        }
        let theory = |s: f64, t: f64| (-(s - t).abs()).exp() - (-(s + t)).exp();
        for (i, &s) in times.iter().enumerate() {
            for (j, &t) in times.iter().enumerate() {
                let (found, wanted) = (sums[i][j] / f64::from(count), theory(s, t));
                // Five standard errors of a mean of products of normal numbers.
                let error = 5.0 * ((theory(s, s) * theory(t, t) + wanted * wanted) / f64::from(count)).sqrt();
                assert!((found - wanted).abs() < error, "at {s} and {t}: {found}, not {wanted} within {error}");
            }
        }
        let (across, variance) = (across / f64::from(count / 2), theory(1.0, 1.0));
        assert!(across.abs() < 5.0 * variance / f64::from(count / 2).sqrt(), "the two of a pair: {across}");
    }

    #[test]
    fn paths_are_continuous_down_to_the_parts_of_time() {
        // From one part to the next the mean square moves by 2 / 65,536 in the end.
        let count = 20_000_u32;
        let square: f64 = (0..count)
            .map(|place| {
                let part = f64::from(1_000_003 + 199 * place);
                let [one, next] = [part, part + 1.0].map(|part| Path::to(part / PARTS).pair([3, place])[0]);
                (next - one).powi(2)
            })
            .sum();
        let (found, wanted) = (square / f64::from(count), 2.0 / PARTS);
        assert!((found / wanted - 1.0).abs() < 5.0 * (2.0 / f64::from(count)).sqrt(), "{found}, not {wanted}");
        let [one, same] = [1.0, 1.0 + 0.4 / PARTS].map(|time| Path::to(time).pair([3, 1]));
        assert_eq!(one, same);
    }

    #[test]
    fn a_chip_drifts_from_hour_0_by_its_number_whatever_else_is_asked_for() {
        let drift = drift(&[("phase_error", 0.1, 2.0), ("temperature", 0.5, 5.0)]).unwrap();
        assert_eq!(at(&drift, 3, 0.0), vec![0.0; 384]);
        let forward: Vec<_> = (0..=24).map(|hour| at(&drift, 3, f64::from(hour))).collect();
        let coarse: Vec<_> = (0..=4).rev().map(|step| at(&drift, 3, f64::from(6 * step))).collect();
        for (step, values) in coarse.iter().rev().enumerate() {
            assert_eq!(*values, forward[6 * step], "hour {}", 6 * step);
        }
        let (one, other) = (at(&drift, 3, 7.3), at(&drift, 4, 7.3));
        // What is common is one for all layers, what is not differs between elements and layers.
        assert_eq!(one[128], one[192]);
        let mut paths: Vec<_> = [&one[0..9], &one[256..260], &one[128..129], &other[0..9], &other[128..129]].concat();
        paths.sort_by(f32::total_cmp);
        paths.dedup();
        assert_eq!(paths.len(), 24);
        assert!(paths.iter().all(|value| *value != 0.0));
        // What does not drift stays.
        assert!(one[64..70].iter().chain(&one[9..64]).all(|value| *value == 0.0));
        // Of one element as of nine, added to what is there.
        let mut values = vec![0.25; 384];
        drift.add(3, 7.3, &mut values);
        assert!(values.iter().zip(&one).all(|(moved, own)| (moved - 0.25 - own).abs() < 1e-7));
    }

    #[test]
    fn what_has_a_limit_stays_within() {
        let drift = drift(&[("splitter_error", 0.5, 1.0)]).unwrap();
        let mut held = 0;
        for chip in 0..500 {
            let mut values = vec![0.0; 384];
            values[64..70].fill(-0.9);
            drift.add(chip, 30.0, &mut values);
            assert!(values[64..70].iter().all(|value| value.abs() < 1.0));
            held += values[64..70].iter().filter(|value| **value == -1.0_f32.next_down()).count();
        }
        // Beyond 0.2 deviations below, or 3.8 above.
        assert!((held as f64 / 3000.0 - 0.4207).abs() < 0.05, "{held}");
        assert_eq!([0.3, -2.0, 1.0].map(|value| within(value, None)), [0.3, -2.0, 1.0]);
    }

    #[test]
    fn drift_that_makes_no_sense_is_refused_with_its_key() {
        let refused = |settings: &[(&str, f32, f32)]| drift(settings).unwrap_err();
        assert_eq!(
            refused(&[("phase", 1.0, 1.0)]),
            (
                "drift.phase".to_owned(),
                "names no imperfection of any layer; there are: detection_noise, phase_error, splitter_error, temperature"
                    .to_owned()
            )
        );
        assert_eq!(
            refused(&[("detection_noise", 0.1, 1.0)]),
            (
                "drift.detection_noise".to_owned(),
                "differs from sample to sample and cannot drift; leave it out".to_owned()
            )
        );
        let (key, message) = refused(&[("splitter_error", 0.6, 1.0)]);
        assert_eq!(key, "drift.splitter_error.deviation");
        assert!(message.contains("9.6 % of the draws lie beyond ±1"), "{message}");
        for (deviation, hours, wanted) in [
            (-1.0, 1.0, ("deviation", "must be a finite number, 0 or more, not -1")),
            (f32::INFINITY, 1.0, ("deviation", "must be a finite number, 0 or more, not inf")),
            (1.0, 0.0, ("hours", "must be 0.001 to 1000000, not 0")),
            (1.0, f32::NAN, ("hours", "must be 0.001 to 1000000, not NaN")),
            (1.0, 2e6, ("hours", "must be 0.001 to 1000000, not 2000000")),
        ] {
            assert_eq!(DriftSettings { deviation, hours }.check(), Err((wanted.0, wanted.1.to_owned())));
        }
        assert_eq!(DriftSettings { deviation: 0.0, hours: 0.001 }.check(), Ok(()));
        assert!(Drift::default().is_empty());
    }
}
