//! Scores as people read them, and figures of them: what they are drawn against decides which.

use std::path::Path;

use super::Failure;
use super::output::percent;
use crate::data::Dataset;
use crate::figures::{self, Bar, Curve, Map};
use crate::network::Network;
use crate::recipe::{Recipe, Task};
use crate::robustness::{Axis, Point};
use crate::run::write_figure;

/// How the score of a task is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reading {
    /// In percent, beside that of guessing, 0..1.
    Accuracy { chance: f64 },
    /// In decibels.
    Psnr,
}

impl Reading {
    /// Of a recipe and its data.
    pub(super) fn of(recipe: &Recipe, data: &Dataset) -> Self {
        match recipe.task {
            Task::Classification => Self::Accuracy { chance: 1.0 / data.classes as f64 },
            Task::Reconstruction => Self::Psnr,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accuracy { .. } => "accuracy",
            Self::Psnr => "PSNR",
        }
    }

    /// Its unit, as that stands behind a name.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Accuracy { .. } => "%",
            Self::Psnr => "dB",
        }
    }

    /// A score with its spread, without the unit.
    pub(super) fn cell(self, mean: f64, spread: Option<f64>) -> String {
        match (self, spread) {
            (Self::Accuracy { .. }, _) => percent(mean, spread),
            (Self::Psnr, Some(spread)) => format!("{mean:.2} ± {spread:.2}"),
            (Self::Psnr, None) => format!("{mean:.2}"),
        }
    }

    /// A loss, which is a mean squared error where images are wanted.
    pub(super) fn loss(self, loss: f64) -> String {
        match self {
            Self::Accuracy { .. } => format!("{loss:.4}"),
            Self::Psnr => format!("{loss:.5}"),
        }
    }

    /// A score in its unit.
    pub(super) fn shown(self, score: f64) -> f64 {
        match self {
            Self::Accuracy { .. } => 100.0 * score,
            Self::Psnr => score,
        }
    }

    /// What figures make of it.
    pub(super) fn figure(self) -> figures::Score {
        match self {
            Self::Accuracy { chance } => figures::Score::Accuracy { chance: Some(100.0 * chance) },
            Self::Psnr => figures::Score::Psnr,
        }
    }
}

/// An axis in words.
#[derive(Debug)]
pub(super) struct Shown {
    name: String,
    label: String,
    unit: &'static str,
    values: Vec<f64>,
    /// What a number of the unit is shown as.
    scale: f64,
}

/// Lengths are shown in a unit that leaves few digits before the point.
const LENGTHS: [(&str, f64); 3] = [("m", 1.0), ("mm", 1e3), ("µm", 1e6)];

impl Shown {
    pub(super) fn of(axis: &Axis, network: &Network<'_>) -> Result<Self, Failure> {
        let (unit, label) = (axis.unit(network)?.unwrap_or_default(), axis.label(network)?);
        let largest = axis.values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let fitting = LENGTHS.into_iter().find(|(_, scale)| largest * scale >= 1.0).unwrap_or(LENGTHS[2]);
        let (shown, scale) = if unit == "m" && largest > 0.0 { fitting } else { (unit, 1.0) };
        let label = label.replace(&format!("({unit})"), &format!("({shown})"));
        let mut own = Self { name: axis.name.clone(), label, unit: shown, values: Vec::new(), scale };
        own.values = axis.values.iter().map(|&value| own.shown(value)).collect();
        Ok(own)
    }

    /// A value in the unit that is shown, rounded to what a person would have written.
    fn shown(&self, value: f64) -> f64 {
        (value * self.scale * 1e9).round() / 1e9
    }

    /// One value of it, such as `temperature 0.5 K`.
    pub(super) fn place(&self, value: f64) -> String {
        let (name, value) = (self.name.replace('_', " "), self.shown(value).to_string().replace('-', "−"));
        format!("{name} {value} {}", self.unit).trim_end().to_owned()
    }

    /// Its name in that of a file.
    fn file(&self) -> String {
        self.name.replace('.', "-")
    }
}

/// The same points of several methods, or of one network.
pub(super) struct Scored<'a> {
    pub(super) axes: &'a [Shown],
    /// A name each, and its points; scores of a point are over all that the spread is over.
    pub(super) series: Vec<(String, Vec<Point>)>,
    /// Chips of each network: of several, the worst is shown.
    pub(super) chips: usize,
    /// What the spread is over, such as `3 seeds, 20 chips each`; empty if there is none.
    pub(super) over: String,
    /// How they are shown.
    pub(super) reading: Reading,
}

/// Seeds and chips in words.
pub(super) fn over(seeds: usize, chips: usize) -> String {
    match (seeds > 1, chips > 1) {
        (false, false) => String::new(),
        (true, false) => format!("{seeds} seeds"),
        (false, true) => format!("{chips} chips"),
        (true, true) => format!("{seeds} seeds, {chips} chips each"),
    }
}

impl Scored<'_> {
    /// Draws a curve over the one axis that has several values, a map over two, bars of several series at one condition;
    /// gives the file's name, if there is a figure.
    pub(super) fn draw(&self, folder: &Path, title: &str) -> Result<Option<String>, Failure> {
        let (moving, fixed): (Vec<_>, Vec<_>) =
            self.axes.iter().enumerate().partition(|(_, axis)| axis.values.len() > 1);
        let places = fixed.iter().map(|(_, axis)| axis.place(axis.values[0] / axis.scale));
        let bars = moving.is_empty();
        let over = Some(self.over.clone()).filter(|over| !over.is_empty() && !bars);
        let title = std::iter::once(title.to_owned()).chain(places).chain(over).collect::<Vec<_>>().join(", ");
        let stem = self.reading.name().to_lowercase();
        let (name, figure) = match moving[..] {
            [] if self.series.len() < 2 => return Ok(None),
            [] => (stem.to_owned(), self.bars(&title)),
            [(place, axis)] => (format!("{stem}-{}", axis.file()), self.curves(&title, place, axis)),
            [(_, first), (_, second), ..] => {
                (format!("{stem}-{}-{}", first.file(), second.file()), self.maps(&title, [first, second]))
            }
        };
        write_figure(folder, &name, figure)?;
        Ok(Some(name))
    }

    fn spread(&self, point: &Point) -> Option<f64> {
        (point.scores.len() > 1).then(|| self.reading.shown(point.score().1))
    }

    fn worst(&self, point: &Point) -> Option<f64> {
        (self.chips > 1).then(|| self.reading.shown(point.worst()))
    }

    fn bars(&self, title: &str) -> Result<figures::Figure, figures::Error> {
        let bars: Vec<_> = self
            .series
            .iter()
            .filter_map(|(name, points)| Some((name, points.first()?)))
            .map(|(name, point)| Bar {
                name: name.clone(),
                mean: self.reading.shown(point.score().0),
                spread: self.spread(point),
                worst: self.worst(point),
            })
            .collect();
        figures::score_bars(title, &self.over, &bars, self.reading.figure())
    }

    fn curves(&self, title: &str, place: usize, axis: &Shown) -> Result<figures::Figure, figures::Error> {
        let curves: Vec<_> = self
            .series
            .iter()
            .map(|(name, points)| Curve {
                name: name.clone(),
                x: points.iter().map(|point| axis.shown(point.varied[place])).collect(),
                mean: points.iter().map(|point| self.reading.shown(point.score().0)).collect(),
                spread: points.iter().map(|point| self.spread(point)).collect(),
                worst: points.iter().map(|point| self.worst(point)).collect(),
            })
            .collect();
        figures::score_curves(title, &axis.label, &curves, self.reading.figure())
    }

    fn maps(&self, title: &str, [first, second]: [&Shown; 2]) -> Result<figures::Figure, figures::Error> {
        // The last axis runs fastest: it is the horizontal one.
        let maps: Vec<_> = self
            .series
            .iter()
            .map(|(name, points)| Map {
                name: if self.series.len() > 1 { name.clone() } else { String::new() },
                x: second.values.clone(),
                y: first.values.clone(),
                score: points.iter().map(|point| self.reading.shown(point.score().0)).collect(),
            })
            .collect();
        figures::score_maps(title, [&second.label, &first.label], &maps, self.reading.figure())
    }
}
