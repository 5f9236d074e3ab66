//! Scores over a grid of imperfections and a number of chips.

use std::str::FromStr;

use super::Error;
use crate::gpu::ALIGNMENT_WORDS;
use crate::layer::{Cause, Imperfection};
use crate::network::{self, Chip, Drift, Entry, Feed, MAX_HOURS, Network};

/// Most samples of a batch in evaluations. Not that of the training, so that a score does not depend on it.
pub const EVALUATION_BATCH: usize = 512;

/// Words of the largest activation that several chips scored at once should keep within, and most chips.
const ROOM: usize = 1 << 24;
const MOST_AT_ONCE: usize = 16;

/// Samples that each chip meets in a batch, of a network whose widest layer has so many outputs: few enough for many chips
/// to share what lies before the first layer that may be built wrong. The same for one chip, so that scores are.
pub fn rows_at_once(widest: usize) -> usize {
    let rows = ROOM / (MOST_AT_ONCE * widest.max(1)) / ALIGNMENT_WORDS * ALIGNMENT_WORDS;
    rows.clamp(ALIGNMENT_WORDS, EVALUATION_BATCH)
}

/// Chips worth scoring at once, of so many, by such a network.
pub fn chips_at_once(chips: u32, widest: usize) -> usize {
    (ROOM / (rows_at_once(widest) * widest.max(1))).clamp(1, MOST_AT_ONCE).min(chips.max(1) as usize)
}

/// More points than this on an axis are a slip of the pen.
const MAX_POINTS: f64 = 10_000.0;

/// The axis of time.
const HOURS: &str = "hours";

/// One varied imperfection and its values: `NAME=FROM:TO:STEP` or `NAME=VALUE`. `NAME` may be `LAYER.NAME`, or several
/// joined by `+`, which then have one value. `hours` is the time since the calibration, over which a [`Drift`] moves what
/// drifts.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Name as given, such as `temperature` or `ring1.temperature`.
    pub name: String,
    /// Values in order.
    pub values: Vec<f64>,
}

impl FromStr for Axis {
    type Err = Error;

    fn from_str(given: &str) -> Result<Self, Error> {
        let complain = |message: String| Error::Vary { given: given.to_owned(), message };
        let form = || complain("write NAME=FROM:TO:STEP, such as temperature=-2:2:0.5, or NAME=VALUE".to_owned());
        let (name, range) = given.split_once('=').filter(|(name, _)| !name.trim().is_empty()).ok_or_else(form)?;
        let numbers = range
            .split(':')
            .map(|number| number.trim().parse::<f64>().ok().filter(|number| number.is_finite()))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(form)?;
        let values = match numbers[..] {
            [value] => vec![value],
            [from, to, step] => {
                if step == 0.0 || (to - from) / step < 0.0 {
                    return Err(complain(format!("a step of {step} never gets from {from} to {to}")));
                }
                // A step of 0.1 must not lose its last point to rounding.
                let last = ((to - from) / step + 1e-9).floor();
                if last >= MAX_POINTS {
                    return Err(complain(format!(
                        "{} points are more than {MAX_POINTS}; take a larger step",
                        last + 1.0
                    )));
                }
                // Points are rounded to what a person would have written: 0.1 * 3 is 0.3.
                (0..=last as u32).map(|point| ((from + f64::from(point) * step) * 1e12).round() / 1e12 + 0.0).collect()
            }
            _ => return Err(form()),
        };
        // The device computes in single precision.
        if let Some(value) = values.iter().find(|value| value.abs() > f64::from(f32::MAX)) {
            return Err(complain(format!("{value} is beyond 32-bit floats; give a smaller value")));
        }
        Ok(Self { name: name.trim().to_owned(), values })
    }
}

impl Axis {
    /// Whether it is the axis of time, which means no imperfection.
    pub fn is_time(&self) -> bool {
        self.name == HOURS
    }

    /// The imperfections that the name means: of every layer, or of the one it names; of several names joined by `+`, all,
    /// each by the axis's values in its own unit. Of time, none.
    ///
    /// # Errors
    /// A name that no layer has, with the nearest that one has.
    pub fn resolve<'n>(&self, network: &'n Network<'_>) -> Result<Vec<&'n Entry<Imperfection>>, Error> {
        let mut found: Vec<&Entry<Imperfection>> = Vec::new();
        if self.is_time() {
            return Ok(found);
        }
        let complain = |message| Err(Error::Vary { given: self.name.clone(), message });
        for name in self.name.split('+').map(str::trim) {
            if name == HOURS {
                return complain("`hours` is an axis of its own; give it a --vary".to_owned());
            }
            for entry in resolve(network, name)? {
                if let Some(first) = found.first().filter(|first| first.spec.cause != entry.spec.cause) {
                    let (one, other) = (first.spec.name, entry.spec.name);
                    return complain(format!("`{one}` and `{other}` cannot vary together; give each a --vary"));
                }
                if found.iter().any(|other| other.name == entry.name) {
                    return complain(format!("`{}` is named twice", entry.name));
                }
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// The unit of all imperfections that the name means, if it is one.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn unit(&self, network: &Network<'_>) -> Result<Option<&'static str>, Error> {
        let found = self.resolve(network)?;
        let Some(unit) = found.first().map(|entry| entry.spec.unit) else { return Ok(None) };
        Ok(found.iter().all(|entry| entry.spec.unit == unit).then_some(unit))
    }

    /// What the axis shows, with its unit, for a figure.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn label(&self, network: &Network<'_>) -> Result<String, Error> {
        if self.is_time() {
            return Ok("time since calibration (h)".to_owned());
        }
        let found = self.resolve(network)?;
        let what = match found[0].spec.cause {
            Cause::Common if found.iter().all(|entry| ERRORS.contains(&entry.spec.name)) => "",
            Cause::Common => "change of ",
            Cause::Element | Cause::Sample => "standard deviation of ",
        };
        let common = self.unit(network)?.is_some();
        let suffix = |unit: &str| if unit.is_empty() { String::new() } else { format!(" ({unit})") };
        let named = |name: &str| Ok(resolve(network, name)?[0].spec.unit);
        let names: Vec<_> = self.name.split('+').map(str::trim).collect();
        let units = names.iter().map(|name| named(name)).collect::<Result<Vec<_>, Error>>()?;
        let parts = names.iter().zip(&units).enumerate().map(|(place, (name, unit))| {
            // One unit stands behind all of them.
            let last = place + 1 == names.len();
            format!("{}{}", name.replace('_', " "), suffix(if common && !last { "" } else { unit }))
        });
        Ok(format!("{what}{}", parts.collect::<Vec<_>>().join(" + ")))
    }
}

/// What is wrong by itself, where others are changes of something.
const ERRORS: [&str; 8] =
    ["shift_x", "shift_y", "rotation", "tilt_x", "tilt_y", "lens_shift_x", "lens_shift_y", "distance_error"];

/// Imperfections, each with the places of the axes that mean it.
type Meant<'n> = Vec<(&'n Entry<Imperfection>, Vec<usize>)>;

/// Every imperfection that axes mean.
fn meant<'n>(network: &'n Network<'_>, axes: &[Axis]) -> Result<Meant<'n>, Error> {
    let mut all: Meant<'n> = Vec::new();
    for (axis, own) in axes.iter().enumerate() {
        for entry in own.resolve(network)? {
            match all.iter_mut().find(|(other, _)| other.name == entry.name) {
                Some((_, axes)) => axes.push(axis),
                None => all.push((entry, vec![axis])),
            }
        }
    }
    Ok(all)
}

/// Refuses axes that mean nothing, sizes that a limit does not allow, what a chip holds already, and time where nothing drifts.
///
/// # Errors
/// One line that names the axis.
pub fn check_axes(network: &Network<'_>, axes: &[Axis], chip: Option<&Chip>, drift: &Drift) -> Result<(), Error> {
    for axis in axes.iter().filter(|axis| axis.is_time()) {
        let complain = |message| Err(Error::Vary { given: HOURS.to_owned(), message });
        if drift.is_empty() {
            return complain(
                "the recipe states no drift; add training.device.drift to it, such as temperature = { deviation = 0.5, hours = 2 }"
                    .to_owned(),
            );
        }
        if let Some(hour) = axis.values.iter().find(|hour| !(0.0..=MAX_HOURS).contains(*hour)) {
            return complain(format!("{hour} is not within 0 to {MAX_HOURS} hours after the calibration"));
        }
    }
    for (entry, own) in meant(network, axes)? {
        let complain = |message| Error::Vary { given: axes[own[0]].name.clone(), message };
        if chip.is_some_and(|chip| chip.tensors.iter().any(|tensor| tensor.name == entry.name)) {
            return Err(complain(format!("the chip holds `{}`, which stays as it is; vary another", entry.name)));
        }
        check_size(&entry.spec, own.iter().map(|&axis| axes[axis].values.as_slice())).map_err(complain)?;
    }
    Ok(())
}

/// Refuses what the sum of several axes may reach where a limit does not allow it.
fn check_size<'a>(spec: &Imperfection, axes: impl Iterator<Item = &'a [f64]>) -> Result<(), String> {
    let largest = axes.map(|values| values.iter().fold(0.0, |most: f64, value| most.max(value.abs()))).sum();
    match spec.cause {
        Cause::Common | Cause::Sample => spec.check_value(largest),
        Cause::Element => spec.check_deviation(largest),
    }
}

/// The imperfections that one name means.
fn resolve<'n>(network: &'n Network<'_>, name: &str) -> Result<Vec<&'n Entry<Imperfection>>, Error> {
    let all = network.imperfections();
    let found: Vec<_> = all.iter().filter(|entry| entry.spec.name == name || entry.name == name).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let mut known: Vec<&str> = all.iter().flat_map(|entry| [entry.spec.name, &entry.name]).collect();
    known.sort_unstable();
    known.dedup();
    let likeness = |other: &str| strsim::jaro_winkler(other, name);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = nearest
        .filter(|nearest| likeness(nearest) > 0.7)
        .map_or_else(String::new, |nearest| format!(", did you mean `{nearest}`?"));
    Err(Error::Vary {
        given: name.to_owned(),
        message: format!("no layer has this imperfection{hint}; there are: {}", known.join(", ")),
    })
}

/// Scores at one point of the grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Value on every axis.
    pub varied: Vec<f64>,
    /// Score a sample of every chip, see [`Wanted`](network::Wanted): the accuracy, 0..1, or the peak signal-to-noise ratio, dB.
    pub scores: Vec<f64>,
    /// Loss a sample of every chip.
    pub losses: Vec<f64>,
    /// Structural similarity a sample of every chip, where the network puts out images; else zeros.
    pub similarities: Vec<f64>,
    /// Samples scored on every chip.
    pub samples: usize,
}

/// Mean, and standard deviation with n - 1 (0 for a single value).
pub fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    // Taken from the first value, equal values have no spread at all.
    let first = values.first().copied().unwrap_or(0.0);
    let mean = first + values.iter().map(|value| value - first).sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, if values.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 })
}

impl Point {
    /// Mean score over the chips, and its standard deviation.
    pub fn score(&self) -> (f64, f64) {
        moments(&self.scores)
    }

    /// Mean structural similarity over the chips, and its standard deviation.
    pub fn similarity(&self) -> (f64, f64) {
        moments(&self.similarities)
    }

    /// Score of the worst chip.
    pub fn worst(&self) -> f64 {
        self.scores.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Mean loss over the chips.
    pub fn loss(&self) -> f64 {
        moments(&self.losses).0
    }
}

/// Chips that a sweep scores at every point, of those asked for. Each drifts in its own way.
///
/// # Errors
/// An axis that names nothing.
pub fn distinct_chips(network: &Network<'_>, axes: &[Axis], asked: u32) -> Result<u32, Error> {
    for axis in axes {
        if axis.is_time() || axis.resolve(network)?.iter().any(|entry| entry.spec.cause != Cause::Common) {
            return Ok(asked.max(1));
        }
    }
    // Without a random imperfection all chips are the same one.
    Ok(1)
}

/// Whether there is something to re-estimate.
///
/// # Errors
/// There is not.
pub fn check_statistics(network: &Network<'_>) -> Result<(), Error> {
    if network.keeps_statistics() {
        return Ok(());
    }
    Err(Error::Recalibrate("no layer keeps running statistics; there is nothing to re-estimate"))
}

/// What is scored at every point of the grid that some axes span.
#[derive(Clone, Copy, Debug)]
pub struct Sweep<'a> {
    /// Varied imperfections.
    pub axes: &'a [Axis],
    /// Devices, where a random imperfection is varied. Chip number c has the same random draws for every network,
    /// method and deviation, and however many are scored at once.
    pub chips: u32,
    /// What all these devices have in common beside the axes, such as what was measured of one.
    pub chip: Option<&'a Chip>,
    /// How they drift along an axis `hours`, on top of all that.
    pub drift: &'a Drift,
    /// Samples, and how many of them re-estimate the running statistics of each device before it is scored.
    pub recalibrate: Option<(&'a Feed, usize)>,
    /// What the network holds, to be put back where statistics were re-estimated.
    pub parameters: &'a [f32],
    /// What is scored.
    pub feed: &'a Feed,
}

impl Sweep<'_> {
    /// Scores a network, as many chips at once as it has devices. `go_on` hears of every such round and is asked whether to
    /// go on.
    ///
    /// # Errors
    /// An axis that names nothing; statistics to re-estimate where none are kept, or for several devices at once; what
    /// the device reports. `None` if it was told to stop.
    pub fn run(&self, network: &Network<'_>, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Vec<Point>>, Error> {
        let mut points = Vec::new();
        for varied in grid(self.axes) {
            let [mut scores, mut losses, mut similarities] = [const { Vec::new() }; 3];
            let scored = self.each_round(network, &varied, &mut |first, chips| {
                if !go_on() {
                    return Ok(false);
                }
                for tally in network.evaluate_each(self.feed, first)?.iter().take(chips) {
                    scores.push(tally.mean_score());
                    losses.push(tally.mean_loss());
                    similarities.push(tally.mean_similarity());
                }
                Ok(true)
            })?;
            if !scored {
                return Ok(None);
            }
            points.push(Point { varied, scores, losses, similarities, samples: self.feed.len() });
        }
        Ok(Some(points))
    }

    /// Samples of each label (row) that were taken for each class (column), `[classes, classes]`, over all chips at one
    /// point. Logits are read back: this is for evaluations. `go_on` is asked before every batch; `None` if it says no.
    ///
    /// # Errors
    /// As [`run`](Self::run), and for a network of several devices.
    pub fn confusion(
        &self,
        network: &Network<'_>,
        labels: &[u32],
        at: &[f64],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<u64>>, Error> {
        let classes = network.logits().shape()[1];
        let mut counts = vec![0; classes * classes];
        let counted = self.outputs(network, at, None, go_on, &mut |logits| {
            for (&label, logits) in labels.iter().zip(logits.chunks_exact(classes)) {
                counts[label as usize * classes + largest(logits)] += 1;
            }
        })?;
        Ok(counted.then_some(counts))
    }

    /// Gives what every chip puts out at one point, `[samples, ...]`: of the samples, or what it [generates](Network::generate) from so
    /// many draws of a seed. `go_on` is asked before every batch. Whether it never said no.
    ///
    /// # Errors
    /// As [`run`](Self::run), and for a network of several devices.
    pub fn outputs(
        &self,
        network: &Network<'_>,
        at: &[f64],
        drawn: Option<(usize, u32)>,
        go_on: &mut dyn FnMut() -> bool,
        take: &mut dyn FnMut(Vec<f32>),
    ) -> Result<bool, Error> {
        debug_assert_eq!(network.devices(), 1);
        self.each_round(network, at, &mut |chip, _| {
            let mut go_on = |_| go_on();
            let outputs = match drawn {
                None => network.predict(self.feed, chip, &mut go_on)?,
                Some((samples, seed)) => network.generate(samples, seed, chip, &mut go_on)?,
            };
            Ok(outputs.map(&mut *take).is_some())
        })
    }

    /// Sets the chips of every round in turn at one point, and their statistics, and has them scored: from a number on,
    /// so many. Whether nobody said to stop.
    fn each_round(
        &self,
        network: &Network<'_>,
        at: &[f64],
        score: &mut dyn FnMut(u32, usize) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        if self.recalibrate.is_some() {
            check_statistics(network)?;
            if network.devices() > 1 {
                return Err(Error::Recalibrate("devices share their statistics; compile the network for one device"));
            }
        }
        check_axes(network, self.axes, self.chip, self.drift)?;
        let hour = hour(self.axes, at);
        let (chips, devices) = (distinct_chips(network, self.axes, self.chips)?, network.devices());
        let mut go_on = true;
        for first in (0..chips).step_by(devices) {
            for device in 0..devices {
                let number = first + device as u32;
                let drawn = chip(network, self.axes, at, number)?;
                network.set_drifted(device, self.chip.into_iter().chain([&drawn]), self.drift, number, hour)?;
            }
            if let Some((samples, count)) = self.recalibrate {
                network.recalibrate(samples, count)?;
            }
            // The last round may hold more devices than there are chips left.
            go_on = score(first, devices.min((chips - first) as usize))?;
            if self.recalibrate.is_some() {
                network.gpu().write(&network.flat().parameters, self.parameters).map_err(network::Error::from)?;
            }
            if !go_on {
                break;
            }
        }
        network.nominal()?;
        Ok(go_on)
    }
}

/// The first of the largest, as `shaders/cross_entropy.wgsl` has it.
fn largest(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best })
}

/// Hours since the calibration, where every axis has one value.
pub fn hour(axes: &[Axis], at: &[f64]) -> f64 {
    axes.iter().zip(at).find(|(axis, _)| axis.is_time()).map_or(0.0, |(_, &hour)| hour)
}

/// The imperfections that axes mean, of chip number `number`, where every axis has one value, at hour 0.
///
/// # Errors
/// An axis that names nothing.
pub fn chip(network: &Network<'_>, axes: &[Axis], at: &[f64], number: u32) -> Result<Chip, Error> {
    let meant = meant(network, axes)?;
    Ok(Chip::draw(number, meant.into_iter().map(|(entry, own)| (entry, own.into_iter().map(|axis| at[axis]).sum()))))
}

/// Every combination of the axes' values, the last axis fastest; one empty point without axes.
pub fn grid(axes: &[Axis]) -> Vec<Vec<f64>> {
    axes.iter().fold(vec![Vec::new()], |points, axis| {
        points
            .iter()
            .flat_map(|point| axis.values.iter().map(move |value| [point.as_slice(), &[*value]].concat()))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_read_as_people_write_them() {
        let values = |text: &str| text.parse::<Axis>().map(|axis| axis.values);
        assert_eq!(values("temperature=-2:2:1").unwrap(), [-2.0, -1.0, 0.0, 1.0, 2.0]);
        assert_eq!(values("temperature=0:0.3:0.1").unwrap(), [0.0, 0.1, 0.2, 0.3]);
        assert_eq!(values("a = 2 : 1 : -0.5").unwrap(), [2.0, 1.5, 1.0]);
        assert_eq!(values("ring_offset=0.05").unwrap(), [0.05]);
        assert!(values("temperature=-1:1:0.25").unwrap()[4].is_sign_positive());
        for wrong in
            ["", "=1", "temperature", "a=", "a=1:2", "a=1:2:0", "a=1:2:-1", "a=x", "a=nan", "a=0:1:1e-9", "a=1:2:3:4"]
        {
            let message = values(wrong).unwrap_err().to_string();
            assert!(message.starts_with(&format!("--vary {wrong}: ")), "{message}");
        }
    }

    #[test]
    fn sizes_beyond_a_limit_are_refused_for_all_axes_together() {
        let coupler = Imperfection {
            name: "splitter_error",
            shape: vec![2, 6],
            unit: "",
            cause: Cause::Element,
            limit: Some(1.0),
        };
        let check = |spec: &Imperfection, axes: &[&[f64]]| check_size(spec, axes.iter().copied());
        assert_eq!(check(&coupler, &[&[0.0, 0.25, 0.5]]), Ok(()));
        let message = check(&coupler, &[&[0.3], &[0.1, -0.3]]).unwrap_err();
        assert!(message.starts_with("at a standard deviation of 0.6, 9.6 % of the draws"), "{message}");
        let common = Imperfection { cause: Cause::Common, ..coupler };
        assert_eq!(check(&common, &[&[0.9]]), Ok(()));
        assert!(check(&common, &[&[-1.0]]).unwrap_err().contains("1 is not within ±1"));
    }

    #[test]
    fn the_first_of_equal_logits_is_taken() {
        assert_eq!(largest(&[0.0, 2.0, 2.0, -1.0]), 1);
        assert_eq!(largest(&[3.0]), 0);
    }

    #[test]
    fn two_axes_make_a_grid() {
        let named = |name: &str, values: &[f64]| Axis { name: name.to_owned(), values: values.to_vec() };
        let axis = |values: &[f64]| named("", values);
        assert_eq!(
            (hour(&[axis(&[1.0]), named("hours", &[3.0])], &[1.0, 3.0]), hour(&[axis(&[1.0])], &[1.0])),
            (3.0, 0.0)
        );
        assert_eq!(grid(&[]), [Vec::<f64>::new()]);
        assert_eq!(grid(&[axis(&[1.0, 2.0]), axis(&[3.0, 4.0])]), [[1.0, 3.0], [1.0, 4.0], [2.0, 3.0], [2.0, 4.0]]);
    }

    #[test]
    fn spread_is_that_of_a_sample() {
        assert_eq!(moments(&[0.5]), (0.5, 0.0));
        assert_eq!(moments(&[1.0, 3.0]), (2.0, 2.0_f64.sqrt()));
        assert_eq!(moments(&[0.1; 3]), (0.1, 0.0));
    }
}
