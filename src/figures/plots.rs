//! The figures.

use super::chart::{Canvas, EDGE, GREY, INK, Key, Panel, Style, TICKS_BELOW, WIDTH, axis_room};
use super::scale::{Scale, round_step, shortest};
use super::score::Score;
use super::{Error, Figure};

const BAND: f64 = 0.18;
const BARS: &str = "#8a99a8";
const HEAT: &str = "#0072b2";

/// One line with its spread, such as accuracy against temperature.
///
/// A value that is not finite is a missing point and leaves a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Name in the legend.
    pub name: String,
    /// Where the points were taken, in the unit of the axis label.
    pub x: Vec<f64>,
    /// Mean score.
    pub mean: Vec<f64>,
    /// One standard deviation, drawn as a band.
    pub spread: Option<Vec<f64>>,
    /// Score of the worst chip, drawn as a thin line.
    pub worst: Option<Vec<f64>>,
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
    /// Score on the training set.
    pub train_score: Vec<f64>,
    /// Score on the test set.
    pub test_score: Vec<f64>,
}

/// What the rings of one layer have, detunings, weights or currents, or its interferometers.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerValues {
    /// Name of the layer.
    pub name: String,
    /// A value a ring or interferometer; values that are not finite are left out.
    pub values: Vec<f64>,
}

/// How often samples of each class were taken for each class.
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    /// Heading of the matrix.
    pub title: String,
    /// Number of classes.
    pub classes: usize,
    /// Samples `[label, predicted]`, row by row.
    pub counts: Vec<u64>,
}

/// A score (accuracies from 0 to 100 %) against a disturbance: one line per curve, with a band
/// of ± one standard deviation where it has a spread, and a thin line of its worst
/// chip where that is known.
///
/// `x_label` names the disturbance and its unit. What lies outside the axis is
/// cut off.
///
/// # Errors
///
/// [`Error::Empty`] without curves, [`Error::Length`] if a curve's lists differ
/// in length.
pub fn score_curves(title: &str, x_label: &str, curves: &[Curve], score: Score) -> Result<Figure, Error> {
    not_empty(curves, "curves")?;
    for curve in curves {
        let points = curve.x.len();
        same_length(&curve.name, "mean", &curve.mean, points)?;
        if let Some(spread) = &curve.spread {
            same_length(&curve.name, "spread", spread, points)?;
        }
        if let Some(worst) = &curve.worst {
            same_length(&curve.name, "worst", worst, points)?;
        }
    }
    let chance = score.chance();
    let dotted = Style::line(GREY, "2 3", 1.4);
    let thin = |colour| Style::line(colour, "", 0.9);

    let mut keys: Vec<Key> =
        curves.iter().enumerate().map(|(i, curve)| Key::line(&curve.name, Style::series(i))).collect();
    if curves.iter().any(|curve| curve.spread.is_some()) {
        keys.push(Key::fill("± 1 standard deviation", GREY, 0.3));
    }
    if curves.iter().any(|curve| curve.worst.is_some()) {
        keys.push(Key::line("worst chip", thin(GREY)));
    }
    if let Some(chance) = chance {
        let name = format!("chance ({}%)", shortest(chance, 2));
        keys.push(Key::line(name, dotted));
    }

    let mut canvas = Canvas::new();
    let top = canvas.title(title);
    let top = canvas.legend(top, &keys);
    let values = curves.iter().flat_map(|curve| {
        let sides = [-1.0, 1.0].map(|side| {
            let spread = |at| curve.spread.as_ref().map_or(0.0, |spread: &Vec<f64>| spread[at]);
            curve.mean.iter().enumerate().map(move |(at, mean)| mean + side * spread(at))
        });
        sides.into_iter().flatten().chain(curve.worst.iter().flatten().copied())
    });
    let y = score.scale(values);
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
    panel.left_axis(&mut canvas, &ticks, Some(score.label()));
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
        if let Some(worst) = &curve.worst {
            panel.line(&mut canvas, &curve.x, worst, &thin(Style::series(i).colour));
        }
    }
    for (i, curve) in curves.iter().enumerate() {
        panel.line(&mut canvas, &curve.x, &curve.mean, &Style::series(i));
    }
    let bottom = panel.x_label(&mut canvas, x_label);
    Ok(canvas.finish(bottom + 8.0))
}

/// Loss (logarithmic) and score against the epoch, side by side;
/// training dashed with hollow markers, test solid with filled ones. The axis of
/// accuracies ends at 100 % and starts at the multiple of ten below the lowest value.
///
/// # Errors
///
/// [`Error::Empty`] without runs, [`Error::Length`] if a run's lists differ in
/// length.
pub fn training_curves(title: &str, runs: &[TrainingCurve], score: Score) -> Result<Figure, Error> {
    not_empty(runs, "runs")?;
    for run in runs {
        let points = run.epoch.len();
        same_length(&run.name, "train_loss", &run.train_loss, points)?;
        same_length(&run.name, "test_loss", &run.test_loss, points)?;
        same_length(&run.name, "train_score", &run.train_score, points)?;
        same_length(&run.name, "test_score", &run.test_score, points)?;
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
    // The first epochs decide how far down the score has to reach.
    let scores = runs.iter().flat_map(|run| run.train_score.iter().chain(&run.test_score).copied());
    let scale = score.upper_scale(scores);
    let loss_ticks = loss.ticks(7);
    let score_ticks = scale.ticks(7);

    // Both plots are equally wide, whatever room their axes need.
    let gap = 18.0;
    let rooms = [axis_room(&loss_ticks) - 8.0, axis_room(&score_ticks)];
    let width = (WIDTH - 2.0 * EDGE - gap - rooms[0] - rooms[1]) / 2.0;
    let loss_panel = Panel { left: EDGE + rooms[0], top, width, height: 270.0, x, y: loss };
    let score_panel = Panel { left: WIDTH - EDGE - width, y: scale, ..loss_panel };

    let mut bottom = 0.0;
    for (panel, ticks, label) in [(&loss_panel, &loss_ticks, "loss"), (&score_panel, &score_ticks, score.label())] {
        panel.grid(&mut canvas, ticks);
        panel.x_axis(&mut canvas);
        panel.left_axis(&mut canvas, ticks, Some(label));
        bottom = panel.x_label(&mut canvas, "epoch");
    }
    for (i, run) in runs.iter().enumerate() {
        loss_panel.line(&mut canvas, &run.epoch, &run.train_loss, &train(i));
        score_panel.line(&mut canvas, &run.epoch, &run.train_score, &train(i));
    }
    for (i, run) in runs.iter().enumerate() {
        loss_panel.line(&mut canvas, &run.epoch, &run.test_loss, &test(i));
        score_panel.line(&mut canvas, &run.epoch, &run.test_score, &test(i));
    }
    Ok(canvas.finish(bottom + 8.0))
}

/// Where the trained rings of every layer stand on their ring's curves: transmission to the through and the drop port
/// and `weight(detuning in nm)`, which is the one less the other, against detuning. Markers on the weight are a layer's
/// median (filled) and its 10 and 90 % quantiles (hollow); below, on the same axis, is a histogram of every layer.
///
/// Dotted lines mark ± `half_width_nm`, the half-width of the resonance in nanometres.
///
/// # Errors
///
/// [`Error::Empty`] without layers, [`Error::HalfWidth`] if the half-width is
/// not positive and finite.
pub fn ring_operating_points(
    title: &str,
    layers: &[LayerValues],
    weight: &dyn Fn(f64) -> f64,
    half_width_nm: f64,
) -> Result<Figure, Error> {
    not_empty(layers, "layers")?;
    if !(half_width_nm.is_finite() && half_width_nm > 0.0) {
        return Err(Error::HalfWidth(half_width_nm));
    }
    // The resonance itself is always in view.
    let detunings = layers.iter().flat_map(|layer| layer.values.iter().copied());
    let resonance = [-2.5 * half_width_nm, 2.5 * half_width_nm];
    let (low, high) = Scale::around(detunings.chain(resonance)).ends();
    let bin = round_step((high - low) / 120.0);
    let (low, high) = ((low / bin).floor() * bin, (high / bin).ceil() * bin);
    let x = Scale::linear(low, high);
    let samples: Vec<f64> = (0..=400).map(|i| low + (high - low) * f64::from(i) / 400.0).collect();
    let port = |sign: f64| samples.iter().map(|x| 0.5 * (1.0 + sign * weight(*x))).collect::<Vec<_>>();
    let curve: Vec<f64> = samples.iter().map(|x| weight(*x)).collect();

    let (through, drop) = (Style::line(GREY, "", 1.6), Style::line(GREY, "7 4", 1.6));
    let (weight_style, dotted) = (Style::line(INK, "", 2.2), Style::line(INK, "2 3", 1.0));
    let curves = [
        Key::line("weight", weight_style),
        Key::line("through port", through),
        Key::line("drop port", drop),
        Key::line(format!("± half-width ({} nm)", shortest(half_width_nm, 3)), dotted),
    ];
    let mut points: Vec<_> =
        layers.iter().enumerate().map(|(i, layer)| Key::marker(&layer.name, Style::series(i))).collect();
    let quantiles = "10% and 90% of a layer's rings; filled: median";
    points.push(Key::marker(quantiles, Style { hollow: true, ..Style::series(0).in_colour(GREY) }));

    let mut canvas = Canvas::new();
    let top = canvas.title(title);
    let top = canvas.legend(top, &curves) - 8.0;
    let top = canvas.legend(top, &points);
    let y = Scale::linear(-1.1, 1.1);
    let ticks = y.ticks(5);
    let left = EDGE + axis_room(&ticks) - 8.0;
    let panel = Panel { left, top, width: WIDTH - EDGE - left, height: 240.0, x, y };
    panel.grid(&mut canvas, &ticks);
    panel.left_axis(&mut canvas, &ticks, Some("transmission, weight"));
    for edge in [-half_width_nm, half_width_nm] {
        panel.line(&mut canvas, &[edge, edge], &[-1.1, 1.1], &dotted);
    }
    panel.line(&mut canvas, &samples, &port(1.0), &through);
    panel.line(&mut canvas, &samples, &port(-1.0), &drop);
    panel.line(&mut canvas, &samples, &curve, &weight_style);
    for (i, layer) in layers.iter().enumerate() {
        for (share, hollow) in [(0.1, true), (0.9, true), (0.5, false)] {
            if let Some(detuning) = quantile(&layer.values, share) {
                panel.line(&mut canvas, &[detuning], &[weight(detuning)], &Style { hollow, ..Style::series(i) });
            }
        }
    }

    let mut strip = Panel { top: panel.bottom(), height: if layers.len() > 3 { 50.0 } else { 70.0 }, ..panel };
    let shares: Vec<_> = layers.iter().map(|layer| histogram(&layer.values, bin)).collect();
    for (i, (layer, shares)) in layers.iter().zip(&shares).enumerate() {
        strip.top += 14.0;
        strip.y = shares_scale(shares);
        strip.bars(&mut canvas, shares, bin, Style::series(i).colour);
        let ticks = strip.y.ticks(3);
        strip.left_axis(&mut canvas, &ticks, Some(""));
        strip.note(&mut canvas, &format!("{}: {}", layer.name, counted(&layer.values, "ring")));
        strip.base_line(&mut canvas);
        strip.top = strip.bottom();
    }
    let all = Panel { top: panel.bottom() + 14.0, height: strip.top - panel.bottom() - 14.0, ..panel };
    all.left_label(&mut canvas, &ticks, &format!("% per {} nm", shortest(bin, 12)));
    all.x_axis(&mut canvas);
    let bottom = all.x_label(&mut canvas, "detuning (nm)");
    Ok(canvas.finish(bottom + 8.0))
}

/// A histogram of every layer's values: percent of them in each bin. All panels share bins and axes, so that they compare.
/// `what` is the word for one of them, such as `ring`; `x_label` names the values and their unit.
///
/// # Errors
///
/// [`Error::Empty`] without layers.
pub fn histograms(title: &str, what: &str, x_label: &str, layers: &[LayerValues]) -> Result<Figure, Error> {
    not_empty(layers, "layers")?;
    let (low, high) = Scale::around(layers.iter().flat_map(|layer| layer.values.iter().copied())).ends();
    let bin = round_step((high - low) / 50.0);
    let x = Scale::linear((low / bin).floor() * bin, (high / bin).ceil() * bin);
    let shares: Vec<_> = layers.iter().map(|layer| histogram(&layer.values, bin)).collect();
    let y = shares_scale(shares.iter().flatten());
    let ticks = y.ticks(7);

    let mut canvas = Canvas::new();
    let mut top = canvas.title(title) + 4.0;
    // Only the outer panels carry labels; up to three panels share a row.
    let columns = if layers.len() == 4 { 2 } else { layers.len().min(3) };
    let gap = 34.0;
    let left = EDGE + axis_room(&ticks) - 8.0;
    let width = (WIDTH - EDGE - left - gap * (columns - 1) as f64) / columns as f64;
    let height = if layers.len() > columns { 170.0 } else { 220.0 };
    let share_label = format!("{what}s (%) per {}", shortest(bin, 12));
    let mut bottom = top;
    for (row, (in_row, shares)) in layers.chunks(columns).zip(shares.chunks(columns)).enumerate() {
        let heading = |layer: &LayerValues| format!("{} ({})", layer.name, counted(&layer.values, what));
        let headings: Vec<_> = in_row.iter().map(|layer| Panel::heading_lines(&heading(layer), width)).collect();
        top += Panel::heading_height(headings.iter().map(Vec::len).max().unwrap_or(0));
        for (column, (heading, shares)) in headings.iter().zip(shares).enumerate() {
            let panel = Panel { left: left + column as f64 * (width + gap), top, width, height, x, y };
            panel.heading(&mut canvas, heading);
            panel.grid(&mut canvas, &ticks);
            panel.bars(&mut canvas, shares, bin, BARS);
            panel.x_axis(&mut canvas);
            panel.left_axis(&mut canvas, &ticks, (column == 0).then_some(&share_label));
            // The label stands below the lowest panel of each column.
            if (row + 1) * columns + column >= layers.len() {
                bottom = panel.x_label(&mut canvas, x_label).max(bottom);
            }
        }
        top += height + TICKS_BELOW + 26.0;
    }
    Ok(canvas.finish(bottom + 8.0))
}

/// Confusion matrices side by side: the share of a label's samples (a row) that were taken for each class, as a shade,
/// and as a number of percent where there is room.
///
/// # Errors
///
/// [`Error::Empty`] without matrices or classes, [`Error::Length`] if a matrix is not square.
pub fn confusion_matrices(title: &str, matrices: &[Confusion]) -> Result<Figure, Error> {
    not_empty(matrices, "matrices")?;
    for matrix in matrices {
        let (found, expected) = (matrix.counts.len(), matrix.classes * matrix.classes);
        if matrix.classes == 0 {
            return Err(Error::Empty("classes"));
        }
        if found != expected {
            return Err(Error::Length { series: matrix.title.clone(), list: "counts", found, expected });
        }
    }
    let mut canvas = Canvas::new();
    let top = canvas.title(title);
    let keys = [("10%", 0.1), ("50%", 0.5), ("100% of the samples of a label", 1.0)];
    let mut top = canvas.legend(top, &keys.map(|(name, share)| Key::fill(name, HEAT, share)));
    let columns = if matrices.len() == 4 { 2 } else { matrices.len().min(3) };
    let scale = |matrix: &Confusion| Scale::linear(-0.5, matrix.classes as f64 - 0.5);
    let most = matrices.iter().map(|matrix| matrix.classes - 1).max().unwrap_or(0);
    let room = axis_room(&[(0.0, most.to_string())]) + 6.0;
    let (gap, left) = (20.0, EDGE + room - 8.0);
    let width = ((WIDTH - EDGE - left - gap * (columns - 1) as f64) / columns as f64).min(420.0);
    let mut bottom = top;
    for (row, in_row) in matrices.chunks(columns).enumerate() {
        let headings: Vec<_> = in_row.iter().map(|matrix| Panel::heading_lines(&matrix.title, width)).collect();
        top += Panel::heading_height(headings.iter().map(Vec::len).max().unwrap_or(0));
        for (column, (heading, matrix)) in headings.iter().zip(in_row).enumerate() {
            // Labels count downwards.
            let x = scale(matrix);
            let y = Scale::linear(matrix.classes as f64 - 0.5, -0.5);
            let panel = Panel { left: left + column as f64 * (width + gap), top, width, height: width, x, y };
            panel.heading(&mut canvas, heading);
            for (label, counts) in matrix.counts.chunks(matrix.classes).enumerate() {
                let total = counts.iter().sum::<u64>().max(1) as f64;
                for (class, &count) in counts.iter().enumerate() {
                    let share = count as f64 / total;
                    let word = if share >= 0.005 { format!("{:.0}", 100.0 * share) } else { String::new() };
                    let ink = if share > 0.55 { "#ffffff" } else { INK };
                    panel.cell(&mut canvas, [class, label], (HEAT, share), (&word, ink));
                }
            }
            panel.frame(&mut canvas);
            let every = matrix.classes.div_ceil(12);
            let ticks: Vec<_> =
                (0..matrix.classes).step_by(every).map(|class| (class as f64, class.to_string())).collect();
            panel.x_ticks(&mut canvas, &ticks);
            panel.left_axis(&mut canvas, &ticks, (column == 0).then_some("label"));
            if (row + 1) * columns + column >= matrices.len() {
                bottom = panel.x_label(&mut canvas, "predicted class").max(bottom);
            }
        }
        top += width + TICKS_BELOW + 26.0;
    }
    Ok(canvas.finish(bottom + 8.0))
}

/// An axis for shares from 0 to a little above the largest.
fn shares_scale<'a>(shares: impl IntoIterator<Item = &'a (f64, f64)>) -> Scale {
    let highest = shares.into_iter().map(|(_, share)| *share).fold(0.0, f64::max);
    Scale::linear(0.0, if highest > 0.0 { 1.08 * highest } else { 1.0 })
}

/// How many rings there are.
fn counted(values: &[f64], what: &str) -> String {
    let digits = values.len().to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group)).collect();
    format!("{} {what}{}", groups.join(","), if values.len() == 1 { "" } else { "s" })
}

/// The value that a share of the finite values does not exceed.
fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut finite: Vec<_> = values.iter().copied().filter(|value| value.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    let last = finite.len().checked_sub(1)?;
    finite.get((share * last as f64).round() as usize).copied()
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

pub(super) fn not_empty<T>(items: &[T], what: &'static str) -> Result<(), Error> {
    match items {
        [] => Err(Error::Empty(what)),
        _ => Ok(()),
    }
}

pub(super) fn same_length(series: &str, list: &'static str, values: &[f64], expected: usize) -> Result<(), Error> {
    match values.len() {
        found if found == expected => Ok(()),
        found => Err(Error::Length { series: series.to_owned(), list, found, expected }),
    }
}
