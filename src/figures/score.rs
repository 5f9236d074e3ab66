//! Scores over two disturbances, and over methods at one condition.

use super::chart::{Canvas, EDGE, GREY, INK, Key, LINE, Panel, Style, TICKS_BELOW, WIDTH, axis_room};
use super::plots::{not_empty, same_length};
use super::scale::{Scale, Tick, number, shortest};
use super::{Error, Figure};

/// What a figure shows of networks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Score {
    /// Accuracy in percent, and that of guessing, drawn as a dotted line, if there is one.
    Accuracy {
        /// Accuracy of guessing in percent.
        chance: Option<f64>,
    },
    /// Peak signal-to-noise ratio in decibels.
    Psnr,
}

impl Score {
    /// Names an axis.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Accuracy { .. } => "accuracy (%)",
            Self::Psnr => "PSNR (dB)",
        }
    }

    /// Stands behind a number.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Accuracy { .. } => "%",
            Self::Psnr => " dB",
        }
    }

    /// That of guessing.
    pub(super) fn chance(self) -> Option<f64> {
        match self {
            Self::Accuracy { chance } => chance.filter(|chance| chance.is_finite()),
            Self::Psnr => None,
        }
    }

    /// An axis for values: the whole range of an accuracy, else what they take.
    pub(super) fn scale(self, values: impl IntoIterator<Item = f64>) -> Scale {
        match self {
            Self::Accuracy { .. } => Scale::linear(0.0, 100.0),
            Self::Psnr => Scale::around(values),
        }
    }

    /// An axis for values that may leave out what is far below: of an accuracy, from the multiple of ten below the lowest of them and
    /// 90 % up.
    pub(super) fn upper_scale(self, values: impl IntoIterator<Item = f64>) -> Scale {
        match self {
            Self::Accuracy { .. } => {
                let finite = values.into_iter().filter(|value| value.is_finite());
                Scale::linear((finite.fold(90.0, f64::min) / 10.0).floor().max(0.0) * 10.0, 100.0)
            }
            Self::Psnr => Scale::around(values),
        }
    }
}

/// A score on a grid of two disturbances.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Heading of the map.
    pub name: String,
    /// Columns, in the unit of the horizontal label.
    pub x: Vec<f64>,
    /// Rows from the bottom up, in the unit of the vertical label.
    pub y: Vec<f64>,
    /// The score `[y, x]`, row by row. A value that is not finite leaves its cell empty.
    pub score: Vec<f64>,
}

/// The score of one method at one condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Name below the bar.
    pub name: String,
    /// Mean score.
    pub mean: f64,
    /// One standard deviation, drawn as a whisker either way.
    pub spread: Option<f64>,
    /// Score of the worst chip, drawn as a marker.
    pub worst: Option<f64>,
}

/// Viridis (van der Walt and Smith 2015) at nine even steps: perceptually uniform, and rising in lightness so that it
/// prints in grey. Between the steps it is linear within a unit of 255.
pub(super) const VIRIDIS: [[u8; 3]; 9] = [
    [0x44, 0x01, 0x54],
    [0x47, 0x2d, 0x7b],
    [0x3b, 0x52, 0x8b],
    [0x2c, 0x72, 0x8e],
    [0x21, 0x90, 0x8c],
    [0x27, 0xad, 0x81],
    [0x5d, 0xc8, 0x63],
    [0xaa, 0xdc, 0x32],
    [0xfd, 0xe7, 0x25],
];

/// Most rows or columns of a map with a number in every cell.
const NUMBERED: usize = 12;

/// The colour of a share of the range, 0..1.
pub(super) fn viridis(share: f64) -> [u8; 3] {
    let place = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let below = (place as usize).min(VIRIDIS.len() - 2);
    let channel = |i: usize| {
        let [low, high] = [VIRIDIS[below][i], VIRIDIS[below + 1][i]].map(f64::from);
        low + (high - low) * (place - below as f64)
    };
    [0, 1, 2].map(|i| channel(i).round() as u8)
}

/// The same, and ink that can be read on it.
fn shade(share: f64) -> (String, &'static str) {
    let [red, green, blue] = viridis(share).map(f64::from);
    let lightness = 0.299 * red + 0.587 * green + 0.114 * blue;
    (hex([red, green, blue]), if lightness < 140.0 { "#ffffff" } else { INK })
}

pub(super) fn hex(colour: [f64; 3]) -> String {
    let [red, green, blue] = colour.map(|channel| channel.round() as u8);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A score by colour over two disturbances, a map beside the other, with one colour bar: of an accuracy from the multiple of ten below
/// the lowest to 100 %. Maps of up to 12 rows and columns have their numbers in the cells. The rows and columns
/// are evenly spaced, whatever their values are.
///
/// `labels` name the horizontal and the vertical disturbance and their units.
///
/// # Errors
///
/// [`Error::Empty`] without maps, rows or columns, [`Error::Length`] if a map has another number of scores than of cells.
pub fn score_maps(title: &str, labels: [&str; 2], maps: &[Map], score: Score) -> Result<Figure, Error> {
    not_empty(maps, "maps")?;
    for map in maps {
        not_empty(&map.x, "columns")?;
        not_empty(&map.y, "rows")?;
        same_length(&map.name, "score", &map.score, map.x.len() * map.y.len())?;
    }
    let shades = score.upper_scale(maps.iter().flat_map(|map| map.score.iter().copied()));
    let ticks = shades.ticks(6);

    let mut canvas = Canvas::new();
    let mut top = canvas.title(title) + 6.0;
    let columns = if maps.len() == 4 { 2 } else { maps.len().min(3) };
    let rows: Vec<_> = maps.iter().flat_map(|map| words(&map.y)).collect();
    let (gap, bar_gap, bar_width) = (20.0, 22.0, 14.0);
    let right = WIDTH - EDGE - axis_room(&ticks) - bar_width - bar_gap;
    // Cells are not far from square, and a map not far from the page.
    let most = maps.iter().map(|map| map.y.len() as f64 / map.x.len() as f64).fold(0.0, f64::max);
    let size = |lines: usize| {
        let left = EDGE + axis_room(&rows) - 4.0 + (lines - 1) as f64 * LINE;
        let width = (right - left - gap * (columns - 1) as f64) / columns as f64;
        let highest = if columns == 1 { 0.66 * width } else { width };
        (left, width, (width * most).min(highest).max(0.4 * width).max(130.0))
    };
    // A label may take more lines than one beside a low map.
    let lines = (1..4).find(|&lines| Panel::heading_lines(labels[1], size(lines).2).len() <= lines).unwrap_or(4);
    let (left, width, height) = size(lines);
    let (first, mut bottom) = (top, top);
    for (row, in_row) in maps.chunks(columns).enumerate() {
        let headings: Vec<_> = in_row.iter().map(|map| Panel::heading_lines(&map.name, width)).collect();
        top += Panel::heading_height(headings.iter().map(Vec::len).max().unwrap_or(0));
        for (column, (heading, map)) in headings.iter().zip(in_row).enumerate() {
            let [x, y] = [&map.x, &map.y].map(|values| Scale::linear(-0.5, values.len() as f64 - 0.5));
            let panel = Panel { left: left + column as f64 * (width + gap), top, width, height, x, y };
            panel.heading(&mut canvas, heading);
            for (at, &value) in map.score.iter().enumerate() {
                let Some(share) = shades.position(value) else { continue };
                let (colour, ink) = shade(share);
                let numbered = map.x.len().max(map.y.len()) <= NUMBERED;
                let text = if numbered { number(value, 1) } else { String::new() };
                panel.cell(&mut canvas, [at % map.x.len(), at / map.x.len()], (&colour, 1.0), (&text, ink));
            }
            panel.frame(&mut canvas);
            panel.x_ticks(&mut canvas, &trimmed(panel.fitting_x(words(&map.x))));
            let first = column == 0;
            panel.left_axis(&mut canvas, &trimmed(panel.fitting_y(words(&map.y))), first.then_some(""));
            if first {
                panel.left_lines(&mut canvas, &words(&map.y), &Panel::heading_lines(labels[1], height));
            }
            if (row + 1) * columns + column >= maps.len() {
                bottom = panel.x_label(&mut canvas, labels[0]).max(bottom);
            }
        }
        top += height + TICKS_BELOW + 26.0;
    }
    let bar = Panel {
        left: right + bar_gap,
        top: first + Panel::heading_height(usize::from(maps[..columns].iter().any(|map| !map.name.is_empty()))),
        width: bar_width,
        height,
        x: Scale::linear(0.0, 1.0),
        y: shades,
    };
    let stops: Vec<_> = VIRIDIS.iter().map(|colour| hex(colour.map(f64::from))).collect();
    bar.colour_bar(&mut canvas, &stops, &ticks, score.label());
    Ok(canvas.finish(bottom.max(bar.bottom()) + 8.0))
}

/// A tick at every whole number, labelled with a value, all with as many decimals as one of them needs.
fn words(values: &[f64]) -> Vec<Tick> {
    let needed = |value: &f64| shortest(*value, 6).split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let decimals = values.iter().map(needed).max().unwrap_or(0);
    values.iter().enumerate().map(|(place, value)| (place as f64, number(*value, decimals))).collect()
}

/// Labels without the zeros at the end that all of them have.
fn trimmed(mut ticks: Vec<Tick>) -> Vec<Tick> {
    while ticks.iter().all(|(_, word)| word.contains('.') && word.ends_with(['0', '.'])) && !ticks.is_empty() {
        ticks.iter_mut().for_each(|(_, word)| word.truncate(word.len() - 1));
    }
    ticks
}

/// Mean score (accuracies from 0 to 100 %) of several methods at one condition, a bar each with its number, a whisker of ± one standard
/// deviation where there is a spread, and a marker at the worst chip where it is known.
///
/// `spread` says what the deviation is over, such as `3 seeds`.
///
/// # Errors
///
/// [`Error::Empty`] without bars.
pub fn score_bars(title: &str, spread: &str, bars: &[Bar], score: Score) -> Result<Figure, Error> {
    not_empty(bars, "bars")?;
    let chance = score.chance();
    let dotted = Style::line(GREY, "2 3", 1.4);
    let worst = Style { hollow: true, ..Style::series(3).in_colour(INK) };
    let mut keys = Vec::new();
    if bars.iter().any(|bar| bar.spread.is_some()) {
        let over = if spread.is_empty() { String::new() } else { format!(" over {spread}") };
        keys.push(Key::line(format!("± 1 standard deviation{over}"), Style::line(INK, "", 1.4)));
    }
    if bars.iter().any(|bar| bar.worst.is_some()) {
        keys.push(Key::marker("worst chip", worst));
    }
    if let Some(chance) = chance {
        keys.push(Key::line(format!("chance ({}%)", shortest(chance, 2)), dotted));
    }
    let mut canvas = Canvas::new();
    let top = canvas.title(title);
    let top = canvas.legend(top, &keys) + 14.0;
    let tops = bars.iter().map(|bar| bar.mean + bar.spread.unwrap_or(0.0).abs()).filter(|top| top.is_finite());
    let y = match score {
        Score::Accuracy { .. } => Scale::linear(0.0, 100.0),
        Score::Psnr => Scale::linear(0.0, 1.1 * tops.fold(1.0, f64::max)),
    };
    let ticks = y.ticks(6);
    let left = EDGE + axis_room(&ticks) - 8.0;
    let width = WIDTH - EDGE - left;
    // Few bars stand in the middle, no wider than many.
    let slots = (bars.len() as f64 + 0.2).max(width / 140.0);
    let middle = 0.5 * (bars.len() - 1) as f64;
    let x = Scale::linear(middle - 0.5 * slots, middle + 0.5 * slots);
    let panel = Panel { left, top, width, height: 300.0, x, y };
    panel.grid(&mut canvas, &ticks);
    for (place, bar) in bars.iter().enumerate() {
        let at = place as f64;
        let colour = Style::series(place).colour;
        panel.bars(&mut canvas, &[(at - 0.32, bar.mean)], 0.64, colour);
    }
    if let Some(chance) = chance {
        let (low, high) = panel.x.ends();
        panel.line(&mut canvas, &[low, high], &[chance, chance], &dotted);
    }
    for (place, bar) in bars.iter().enumerate() {
        let at = place as f64;
        let spread = bar.spread.filter(|spread| spread.is_finite()).unwrap_or(0.0).abs();
        if spread > 0.0 {
            panel.whisker(&mut canvas, at, [bar.mean - spread, bar.mean + spread]);
        }
        if let Some(lowest) = bar.worst {
            panel.line(&mut canvas, &[at], &[lowest], &worst);
        }
        if bar.mean.is_finite() {
            let top = if bar.mean + spread > y.ends().1 { y.ends().1 } else { bar.mean + spread };
            panel.number_above(&mut canvas, (at, top), &number(bar.mean, 1));
        }
    }
    panel.left_axis(&mut canvas, &ticks, Some(score.label()));
    panel.base_line(&mut canvas);
    let names: Vec<_> = bars.iter().map(|bar| bar.name.as_str()).collect();
    let bottom = panel.x_names(&mut canvas, &names);
    Ok(canvas.finish(bottom + 8.0))
}
