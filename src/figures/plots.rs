//! The three figures.

use super::chart::{Canvas, EDGE, GREY, INK, Key, Panel, Style, TICKS_BELOW, WIDTH, axis_room};
use super::scale::{Scale, round_step, shortest};
use super::{Error, Figure};

const BAND: f64 = 0.18;
const BARS: &str = "#a9b4c0";
const WEIGHT: &str = "#d55e00";

/// One line with its spread, such as accuracy against temperature.
///
/// A value that is not finite is a missing point and leaves a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Name in the legend.
    pub name: String,
    /// Where the points were taken, in the unit of the axis label.
    pub x: Vec<f64>,
    /// Mean accuracy in percent.
    pub mean: Vec<f64>,
    /// One standard deviation in percentage points, drawn as a band.
    pub spread: Option<Vec<f64>>,
}

/// The course of one training run.
///
/// A value that is not finite, and a loss that is not positive, is a missing
/// point and leaves a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingCurve {
    /// Name in the legend.
    pub name: String,
    /// Epochs at which the other lists were taken.
    pub epoch: Vec<f64>,
    /// Loss on the training set.
    pub train_loss: Vec<f64>,
    /// Loss on the test set.
    pub test_loss: Vec<f64>,
    /// Accuracy on the training set in percent.
    pub train_accuracy: Vec<f64>,
    /// Accuracy on the test set in percent.
    pub test_accuracy: Vec<f64>,
}

/// The trained rings of one layer or method.
#[derive(Debug, Clone, PartialEq)]
pub struct RingPanel {
    /// Heading of the panel.
    pub title: String,
    /// Detuning of every ring in nanometres; values that are not finite are
    /// left out.
    pub detunings: Vec<f64>,
}

/// Accuracy (0 to 100 %) against a disturbance: one line per curve, with a band
/// of ± one standard deviation where it has a spread.
///
/// `x_label` names the disturbance and its unit. `chance` is the accuracy of
/// guessing in percent, drawn as a dotted line. What lies outside 0 to 100 % is
/// cut off.
///
/// # Errors
///
/// [`Error::Empty`] without curves, [`Error::Length`] if a curve's lists differ
/// in length.
pub fn accuracy_curves(title: &str, x_label: &str, curves: &[Curve], chance: Option<f64>) -> Result<Figure, Error> {
    not_empty(curves, "curves")?;
    for curve in curves {
        let points = curve.x.len();
        same_length(&curve.name, "mean", &curve.mean, points)?;
        if let Some(spread) = &curve.spread {
            same_length(&curve.name, "spread", spread, points)?;
        }
    }
    let chance = chance.filter(|chance| chance.is_finite());
    let dotted = Style::line(GREY, "2 3", 1.4);

    let mut keys: Vec<Key> =
        curves.iter().enumerate().map(|(i, curve)| Key::line(&curve.name, Style::series(i))).collect();
    if curves.iter().any(|curve| curve.spread.is_some()) {
        keys.push(Key::fill("± 1 standard deviation", GREY, 0.3));
    }
    if let Some(chance) = chance {
        let name = format!("chance ({}%)", shortest(chance, 2));
        keys.push(Key::line(name, dotted));
    }

    let mut canvas = Canvas::new();
    let top = canvas.title(title);
    let top = canvas.legend(top, &keys);
    let y = Scale::linear(0.0, 100.0);
    let ticks = y.ticks(6);
    let left = EDGE + axis_room(&ticks) - 8.0;
    let panel = Panel {
        left,
        top,
        width: WIDTH - EDGE - left,
        height: 320.0,
        x: Scale::around(curves.iter().flat_map(|curve| curve.x.iter().copied())),
        y,
    };

    panel.grid(&mut canvas, &ticks);
    panel.x_axis(&mut canvas);
    panel.left_axis(&mut canvas, &ticks, Some("accuracy (%)"));
    if let Some(chance) = chance {
        let (low, high) = panel.x.ends();
        panel.line(&mut canvas, &[low, high], &[chance, chance], &dotted);
    }
    // Every band lies below every line.
    for (i, curve) in curves.iter().enumerate() {
        if let Some(spread) = &curve.spread {
            let pairs = || curve.mean.iter().zip(spread);
            let low: Vec<f64> = pairs().map(|(mean, s)| mean - s.abs()).collect();
            let high: Vec<f64> = pairs().map(|(mean, s)| mean + s.abs()).collect();
            let colour = Style::series(i).colour;
            panel.band(&mut canvas, &curve.x, &low, &high, colour, BAND);
        }
    }
    for (i, curve) in curves.iter().enumerate() {
        panel.line(&mut canvas, &curve.x, &curve.mean, &Style::series(i));
    }
    let bottom = panel.x_label(&mut canvas, x_label);
    Ok(canvas.finish(bottom + 8.0))
}

/// Loss (logarithmic) and accuracy in percent against the epoch, side by side;
/// training dashed with hollow markers, test solid with filled ones. The accuracy
/// axis ends at 100 % and starts at the multiple of ten below the lowest value.
///
/// # Errors
///
/// [`Error::Empty`] without runs, [`Error::Length`] if a run's lists differ in
/// length.
pub fn training_curves(title: &str, runs: &[TrainingCurve]) -> Result<Figure, Error> {
    not_empty(runs, "runs")?;
    for run in runs {
        let points = run.epoch.len();
        same_length(&run.name, "train_loss", &run.train_loss, points)?;
        same_length(&run.name, "test_loss", &run.test_loss, points)?;
        same_length(&run.name, "train_accuracy", &run.train_accuracy, points)?;
        same_length(&run.name, "test_accuracy", &run.test_accuracy, points)?;
    }
    let test = |i| Style { dash: "", marker_every: 40.0, ..Style::series(i) };
    let train = |i| Style { dash: "5 3", line_width: 1.3, hollow: true, ..test(i) };

    let mut keys: Vec<Key> = runs.iter().enumerate().map(|(i, run)| Key::line(&run.name, test(i))).collect();
    keys.push(Key::line("test", Style::line(GREY, "", 1.8)));
    keys.push(Key::line("training", Style::line(GREY, "5 3", 1.3)));

    let mut canvas = Canvas::new();
    let top = canvas.title(title);
    let top = canvas.legend(top, &keys);
    let x = Scale::around(runs.iter().flat_map(|run| run.epoch.iter().copied()));
    let losses = runs.iter().flat_map(|run| run.train_loss.iter().chain(&run.test_loss));
    let loss = Scale::log_around(losses.copied());
    // The first epochs decide how far down the accuracy has to reach.
    let lowest = runs
        .iter()
        .flat_map(|run| run.train_accuracy.iter().chain(&run.test_accuracy))
        .fold(90.0, |lowest: f64, accuracy| lowest.min(*accuracy));
    let accuracy = Scale::linear((lowest / 10.0).floor().max(0.0) * 10.0, 100.0);
    let loss_ticks = loss.ticks(7);
    let accuracy_ticks = accuracy.ticks(7);

    // Both plots are equally wide, whatever room their axes need.
    let gap = 18.0;
    let rooms = [axis_room(&loss_ticks) - 8.0, axis_room(&accuracy_ticks)];
    let width = (WIDTH - 2.0 * EDGE - gap - rooms[0] - rooms[1]) / 2.0;
    let loss_panel = Panel { left: EDGE + rooms[0], top, width, height: 270.0, x, y: loss };
    let accuracy_panel = Panel { left: WIDTH - EDGE - width, y: accuracy, ..loss_panel };

    let mut bottom = 0.0;
    for (panel, ticks, label) in
        [(&loss_panel, &loss_ticks, "loss"), (&accuracy_panel, &accuracy_ticks, "accuracy (%)")]
    {
        panel.grid(&mut canvas, ticks);
        panel.x_axis(&mut canvas);
        panel.left_axis(&mut canvas, ticks, Some(label));
        bottom = panel.x_label(&mut canvas, "epoch");
    }
    for (i, run) in runs.iter().enumerate() {
        loss_panel.line(&mut canvas, &run.epoch, &run.train_loss, &train(i));
        accuracy_panel.line(&mut canvas, &run.epoch, &run.train_accuracy, &train(i));
    }
    for (i, run) in runs.iter().enumerate() {
        loss_panel.line(&mut canvas, &run.epoch, &run.test_loss, &test(i));
        accuracy_panel.line(&mut canvas, &run.epoch, &run.test_accuracy, &test(i));
    }
    Ok(canvas.finish(bottom + 8.0))
}

/// Where the trained rings sit on their weight curve: one histogram of
/// detunings per panel (left axis, percent of the panel's rings in each bin),
/// with `weight(detuning in nm)`, −1 to 1, over it (right axis).
///
/// All panels share bins and axes, so that they compare. Dotted lines mark
/// ± `half_width_nm`, the half-width of the resonance in nanometres.
///
/// # Errors
///
/// [`Error::Empty`] without panels, [`Error::HalfWidth`] if the half-width is
/// not positive and finite.
pub fn ring_operating_points(
    title: &str,
    panels: &[RingPanel],
    weight: &dyn Fn(f64) -> f64,
    half_width_nm: f64,
) -> Result<Figure, Error> {
    not_empty(panels, "panels")?;
    if !(half_width_nm.is_finite() && half_width_nm > 0.0) {
        return Err(Error::HalfWidth(half_width_nm));
    }
    // The resonance itself is always in view.
    let detunings = panels.iter().flat_map(|panel| panel.detunings.iter().copied());
    let resonance = [-1.5 * half_width_nm, 1.5 * half_width_nm];
    let (low, high) = Scale::around(detunings.chain(resonance)).ends();
    let bin = round_step((high - low) / 70.0);
    let (low, high) = ((low / bin).floor() * bin, (high / bin).ceil() * bin);
    let x = Scale::linear(low, high);
    let shares: Vec<Vec<(f64, f64)>> = panels.iter().map(|panel| histogram(&panel.detunings, bin)).collect();
    let highest = shares.iter().flatten().map(|(_, share)| *share).fold(0.0, f64::max);
    let share = Scale::linear(0.0, if highest > 0.0 { 1.06 * highest } else { 1.0 });
    let share_ticks = share.ticks(7);
    let weights = Scale::linear(-1.1, 1.1);
    let weight_ticks = weights.ticks(5);
    let samples: Vec<f64> = (0..=400).map(|i| low + (high - low) * f64::from(i) / 400.0).collect();
    let curve: Vec<f64> = samples.iter().map(|x| weight(*x)).collect();

    let curve_style = Style::line(WEIGHT, "", 2.0);
    let dotted = Style::line(INK, "2 3", 1.0);
    let mut canvas = Canvas::new();
    let top = canvas.title(title);
    let half_width = format!("± half-width ({} nm)", shortest(half_width_nm, 3));
    let mut top = canvas.legend(
        top,
        &[
            Key::fill("trained rings", BARS, 1.0),
            Key::line("weight of a ring", curve_style),
            Key::line(half_width, dotted),
        ],
    );

    // Only the outer panels carry labels; up to three panels share a row.
    let columns = if panels.len() == 4 { 2 } else { panels.len().min(3) };
    let gap = 34.0;
    let left = EDGE + axis_room(&share_ticks) - 8.0;
    let right = WIDTH - EDGE - axis_room(&weight_ticks) + 8.0;
    let width = (right - left - gap * (columns - 1) as f64) / columns as f64;
    let height = if panels.len() > columns { 190.0 } else { 250.0 };
    let share_label = format!("rings per {} nm (%)", shortest(bin, 12));

    let mut bottom = top;
    for (row, (panels_in_row, shares)) in panels.chunks(columns).zip(shares.chunks(columns)).enumerate() {
        let headings: Vec<_> = panels_in_row.iter().map(|panel| Panel::heading_lines(&panel.title, width)).collect();
        let lines = headings.iter().map(Vec::len).max().unwrap_or(0);
        top += Panel::heading_height(lines);
        for (column, (heading, shares)) in headings.iter().zip(shares).enumerate() {
            let panel = Panel { left: left + column as f64 * (width + gap), top, width, height, x, y: share };
            let over = Panel { y: weights, ..panel };
            let first = column == 0;
            let last = column + 1 == panels_in_row.len();
            panel.heading(&mut canvas, heading);
            panel.clipped(&mut canvas, |canvas| {
                for (from, share) in shares {
                    panel.bar(canvas, *from, from + bin, *share, BARS);
                }
            });
            for edge in [-half_width_nm, half_width_nm] {
                over.line(&mut canvas, &[edge, edge], &[-1.1, 1.1], &dotted);
            }
            over.line(&mut canvas, &samples, &curve, &curve_style);
            panel.x_axis(&mut canvas);
            panel.left_axis(&mut canvas, &share_ticks, first.then_some(&share_label));
            over.right_axis(&mut canvas, &weight_ticks, last.then_some("weight"), WEIGHT);
            // The label stands below the lowest panel of each column.
            bottom = if (row + 1) * columns + column >= panels.len() {
                panel.x_label(&mut canvas, "detuning (nm)").max(bottom)
            } else {
                bottom
            };
        }
        top += height + TICKS_BELOW + 26.0;
    }
    Ok(canvas.finish(bottom + 8.0))
}

/// Percent of the finite `values` in each bin that has any, by its lower edge.
fn histogram(values: &[f64], bin: f64) -> Vec<(f64, f64)> {
    let mut counts = std::collections::BTreeMap::new();
    let mut total = 0.0;
    for value in values.iter().filter(|value| value.is_finite()) {
        *counts.entry((value / bin).floor() as i64).or_insert(0.0) += 1.0;
        total += 1.0;
    }
    counts.into_iter().map(|(index, count)| (index as f64 * bin, 100.0 * count / total)).collect()
}

fn not_empty<T>(items: &[T], what: &'static str) -> Result<(), Error> {
    match items {
        [] => Err(Error::Empty(what)),
        _ => Ok(()),
    }
}

fn same_length(series: &str, list: &'static str, values: &[f64], expected: usize) -> Result<(), Error> {
    match values.len() {
        found if found == expected => Ok(()),
        found => Err(Error::Length { series: series.to_owned(), list, found, expected }),
    }
}
