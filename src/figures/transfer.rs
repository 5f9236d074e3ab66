//! Scores of networks that were trained on one chip, on others of the same kind.

use super::chart::{Canvas, EDGE, GREY, INK, Key, Panel, Style, WIDTH, axis_room};
use super::plots::not_empty;
use super::scale::{Scale, number, shortest};
use super::score::Score;
use super::{Error, Figure};

/// One network and its chips.
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    /// Name in the heading of its panel; may be empty where there is one.
    pub name: String,
    /// Score on the chip that it was trained on, if it was.
    pub own: Option<f64>,
    /// Score on every fresh chip.
    pub fresh: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub spread: f64,
    /// Samples that each chip was scored on.
    pub samples: usize,
}

impl Transfer {
    fn heading(&self, score: Score) -> String {
        let (percent, unit) = (|value: f64| number(value, 1), score.unit());
        let name = if self.name.is_empty() { String::new() } else { format!("{}: ", self.name) };
        let own = self.own.map_or_else(String::new, |own| format!("own chip {}{unit}, ", percent(own)));
        let worst = self.fresh.iter().copied().fold(f64::INFINITY, f64::min);
        let fresh = format!("fresh chips {} ± {}{unit}", percent(self.mean), percent(self.spread));
        format!("{name}{own}{fresh}, worst {}{unit}", percent(worst))
    }
}

/// Bins along the range of all scores.
const BINS: f64 = 36.0;

/// A histogram of the score over fresh chips for every network, one below the other on the same axes, with lines at their
/// mean and at the own chip of the network, and at the accuracy of guessing, if it is in sight. A bin of
/// accuracies is a whole number of samples wide, so that each holds as many of those that there can be.
///
/// # Errors
///
/// [`Error::Empty`] without networks, fresh chips, or two scores that are finite.
pub fn transfer_histograms(title: &str, networks: &[Transfer], score: Score) -> Result<Figure, Error> {
    not_empty(networks, "networks")?;
    for network in networks {
        not_empty(&network.fresh, "fresh chips")?;
    }
    let all = networks.iter().flat_map(|network| network.fresh.iter().copied().chain(network.own));
    let mut all: Vec<_> = all.filter(|accuracy| accuracy.is_finite()).collect();
    all.sort_by(f64::total_cmp);
    let [lowest, .., highest] = all[..] else { return Err(Error::Empty("two scores")) };
    let fewest = networks.iter().map(|network| network.samples).min().unwrap_or(1);
    // The step from a score to the next.
    let sample = match score {
        Score::Accuracy { .. } => 100.0 / fewest.max(1) as f64,
        Score::Psnr => ((highest - lowest) / BINS).max(1e-3),
    };
    let bin = ((highest - lowest) / BINS / sample).ceil().max(1.0) * sample;
    // Between what can be scored, and half a bin from the outermost ones.
    let edge = |accuracy: f64| ((accuracy + 0.5 * sample) / bin).floor() * bin - 0.5 * sample;
    let (low, high) = (edge(lowest) - 0.5 * bin, edge(highest) + 1.5 * bin);
    let counts: Vec<_> = networks.iter().map(|network| counts(&network.fresh, edge)).collect();
    let most = counts.iter().flatten().map(|(_, count)| *count).fold(1.0, f64::max);
    let (x, y) = (Scale::linear(low, high), Scale::linear(0.0, 1.08 * most));
    let chance = score.chance().filter(|chance| (low..=high).contains(chance));

    let (mean, own) = (Style::line(INK, "", 2.0), Style::line(INK, "6 4", 2.0));
    let dotted = Style::line(GREY, "2 3", 1.4);
    let mut keys = vec![Key::fill("fresh chips", GREY, 0.6), Key::line("their mean", mean)];
    if networks.iter().any(|network| network.own.is_some()) {
        keys.push(Key::line("own chip, on which it was trained", own));
    }
    if let Some(chance) = chance {
        keys.push(Key::line(format!("chance ({}%)", shortest(chance, 2)), dotted));
    }

    let mut canvas = Canvas::new();
    let top = canvas.title(title);
    let top = canvas.legend(top, &keys) - 4.0;
    let height = match networks.len() {
        1 => 260.0,
        2 | 3 => 130.0,
        _ => 90.0,
    };
    // Counts are whole numbers.
    let ticks: Vec<_> = y.ticks(if networks.len() == 1 { 6 } else { 4 });
    let ticks: Vec<_> = ticks.into_iter().filter(|(value, _)| (value - value.round()).abs() < 1e-6).collect();
    let left = EDGE + axis_room(&ticks) - 8.0;
    let mut panel = Panel { left, top, width: WIDTH - EDGE - left, height, x, y };
    for (place, (network, counts)) in networks.iter().zip(&counts).enumerate() {
        let heading = Panel::heading_lines(&network.heading(score), panel.width);
        panel.top += Panel::heading_height(heading.len()) + 4.0;
        panel.heading(&mut canvas, &heading);
        panel.grid(&mut canvas, &ticks);
        panel.bars(&mut canvas, counts, bin, Style::series(place).colour);
        for (value, style) in [(chance, dotted), (Some(network.mean), mean), (network.own, own)] {
            if let Some(value) = value {
                panel.line(&mut canvas, &[value, value], &[0.0, y.ends().1], &style);
            }
        }
        panel.left_axis(&mut canvas, &ticks, Some(""));
        panel.base_line(&mut canvas);
        panel.top = panel.bottom() + 6.0;
    }
    let bottom = panel.top - 6.0;
    let all = Panel { top, height: bottom - top, ..panel };
    all.left_label(&mut canvas, &ticks, "chips");
    all.x_axis(&mut canvas);
    let bottom = all.x_label(&mut canvas, score.label());
    Ok(canvas.finish(bottom + 8.0))
}

/// How many of the values are in each bin that has any, by its lower edge.
fn counts(values: &[f64], edge: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let mut edges: Vec<_> = values.iter().map(|&value| edge(value)).collect();
    edges.sort_by(f64::total_cmp);
    edges.chunk_by(|one, next| one == next).map(|same| (same[0], same.len() as f64)).collect()
}
