//! The parts every figure is drawn from: a canvas, axes, series and a legend.

use std::fmt::Write;

use super::Figure;
use super::scale::{Scale, Tick, round_step};
use super::text::{self, FAMILY};

/// Width of every figure in pixels: two columns of a paper.
pub(super) const WIDTH: f64 = 720.0;
/// Space kept free at the left and right edge.
pub(super) const EDGE: f64 = 20.0;
/// Space below a plot for tick labels.
pub(super) const TICKS_BELOW: f64 = 24.0;

/// Ink of text and axes.
pub(super) const INK: &str = "#222222";
/// Neutral grey for what belongs to no series.
pub(super) const GREY: &str = "#767676";
const GRID: &str = "#e6e6e6";

const TITLE: f64 = 16.0;
const LABEL: f64 = 14.0;
pub(super) const TICK: f64 = 13.0;
pub(super) const LINE: f64 = 19.0;
const TICK_LENGTH: f64 = 5.0;
const SWATCH: f64 = 34.0;

/// Okabe and Ito's colours, without the yellow that white paper swallows.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const DASHES: [&str; 6] = ["", "8 4", "8 3 2 3", "3 3", "14 4", "8 3 2 3 2 3"];

/// Outline of a marker, one for each colour.
#[derive(Debug, Clone, Copy)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Wedge,
    Plus,
}

const MARKERS: [Marker; 6] =
    [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::Wedge, Marker::Plus];

/// How a series looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) colour: &'static str,
    /// SVG dash pattern; empty for a solid line.
    pub(super) dash: &'static str,
    pub(super) line_width: f64,
    pub(super) marker: Option<Marker>,
    pub(super) hollow: bool,
    /// Least distance in pixels between two markers of a line.
    pub(super) marker_every: f64,
}

impl Style {
    /// The look of the series at `index`. Past six, colours come again with
    /// another marker.
    pub(super) fn series(index: usize) -> Self {
        Self {
            colour: COLOURS[index % 6],
            dash: DASHES[index % 6],
            line_width: 1.8,
            marker: Some(MARKERS[(index + index / 6) % 6]),
            hollow: false,
            marker_every: 14.0,
        }
    }

    /// The same in another colour.
    pub(super) fn in_colour(self, colour: &'static str) -> Self {
        Self { colour, ..self }
    }

    /// A line without markers.
    pub(super) fn line(colour: &'static str, dash: &'static str, line_width: f64) -> Self {
        Self { colour, dash, line_width, marker: None, hollow: false, marker_every: 0.0 }
    }
}

/// An SVG document in the making.
pub(super) struct Canvas {
    body: String,
}

/// Where a text sits relative to its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    pub(super) fn new() -> Self {
        Self { body: String::new() }
    }

    /// Closes the document at `height` pixels.
    pub(super) fn finish(self, height: f64) -> Figure {
        let height = height.ceil();
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" font-family=\"{FAMILY}\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.body
        );
        Figure { svg }
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string never fails.
        let _ = self.body.write_fmt(element).and_then(|()| self.body.write_char('\n'));
    }

    fn text(&mut self, at: (f64, f64), size: f64, anchor: Anchor, colour: &str, text: &str) {
        let (x, y) = at;
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = text::escape(text);
        self.push(format_args!(
            r#"<text x="{x:.2}" y="{y:.2}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{text}</text>"#
        ));
    }

    /// Text read upwards, centred on a point.
    fn turned_text(&mut self, (x, y): (f64, f64), text: &str) {
        let text = text::escape(text);
        self.push(format_args!(
            r#"<text transform="translate({x:.2} {y:.2}) rotate(-90)" font-size="{LABEL}" text-anchor="middle" fill="{INK}">{text}</text>"#
        ));
    }

    fn segment(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
        self.push(format_args!(
            r#"<line x1="{:.2}" y1="{:.2}" x2="{:.2}" y2="{:.2}" stroke="{colour}" stroke-width="{width}"/>"#,
            from.0, from.1, to.0, to.1
        ));
    }

    fn polyline(&mut self, points: &[(f64, f64)], style: &Style) {
        let Style { colour, line_width, .. } = style;
        let dash = match style.dash {
            "" => String::new(),
            dash => format!(r#" stroke-dasharray="{dash}""#),
        };
        self.push(format_args!(
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="{line_width}" stroke-linejoin="round"{dash}/>"#,
            list(points)
        ));
    }

    fn marker(&mut self, (x, y): (f64, f64), style: &Style) {
        let corners: &[(f64, f64)] = match style.marker {
            None => return,
            Some(Marker::Circle) => &[],
            Some(Marker::Square) => &[(-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)],
            Some(Marker::Triangle) => &[(0.0, -4.8), (4.5, 3.2), (-4.5, 3.2)],
            Some(Marker::Diamond) => &[(0.0, -5.0), (4.4, 0.0), (0.0, 5.0), (-4.4, 0.0)],
            Some(Marker::Wedge) => &[(0.0, 4.8), (4.5, -3.2), (-4.5, -3.2)],
            Some(Marker::Plus) => &[
                (-1.6, -4.6),
                (1.6, -4.6),
                (1.6, -1.6),
                (4.6, -1.6),
                (4.6, 1.6),
                (1.6, 1.6),
                (1.6, 4.6),
                (-1.6, 4.6),
                (-1.6, 1.6),
                (-4.6, 1.6),
                (-4.6, -1.6),
                (-1.6, -1.6),
            ],
        };
        // A white rim keeps a filled marker apart from the lines it sits on.
        let (fill, stroke, width) =
            if style.hollow { ("#ffffff", style.colour, 1.3) } else { (style.colour, "#ffffff", 0.8) };
        let paint = format!(r#"class="marker" fill="{fill}" stroke="{stroke}" stroke-width="{width}""#);
        if corners.is_empty() {
            self.push(format_args!(r#"<circle cx="{x:.2}" cy="{y:.2}" r="4" {paint}/>"#));
        } else {
            let corners: Vec<_> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
            self.push(format_args!(r#"<polygon points="{}" {paint}/>"#, list(&corners)));
        }
    }

    /// The title; returns the y below it.
    pub(super) fn title(&mut self, title: &str) -> f64 {
        let mut y = 8.0;
        for line in text::wrap(title, TITLE, WIDTH - 2.0 * EDGE) {
            y += LINE + 2.0;
            self.text((EDGE, y - 4.0), TITLE, Anchor::Start, INK, &line);
        }
        y + 6.0
    }

    /// Lines of text around the height of a point, from it to the right.
    pub(super) fn label(&mut self, (x, y): (f64, f64), width: f64, label: &str) {
        let lines = text::wrap(label, TICK, width);
        for (place, line) in lines.iter().enumerate() {
            let middle = y + (place as f64 - 0.5 * (lines.len() - 1) as f64) * LINE;
            self.text((x, middle + 4.7), TICK, Anchor::Start, INK, line);
        }
    }

    /// A picture at a place, of a size, its pixels sharp; `address` holds it.
    pub(super) fn picture(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], address: &str) {
        self.push(format_args!(
            r#"<image x="{x:.2}" y="{y:.2}" width="{width:.2}" height="{height:.2}" preserveAspectRatio="none" image-rendering="optimizeSpeed" style="image-rendering:pixelated" href="{address}"/>"#
        ));
    }

    /// The keys in rows from `top` down, above the data and never on it;
    /// returns the y below them.
    pub(super) fn legend(&mut self, top: f64, keys: &[Key]) -> f64 {
        let (mut x, mut y) = (EDGE, top);
        let mut rows = 1.0;
        for key in keys {
            let text_at = key.swatch.width() + 6.0;
            let lines = text::wrap(&key.name, TICK, WIDTH - 2.0 * EDGE - text_at);
            let width = lines.iter().map(|line| text::width(line, TICK)).fold(0.0, f64::max);
            if x > EDGE && x + text_at + width > WIDTH - EDGE {
                (x, y) = (EDGE, y + rows * LINE);
                rows = 1.0;
            }
            let middle = y + LINE / 2.0;
            self.swatch(x, middle, &key.swatch);
            for (i, line) in lines.iter().enumerate() {
                let at = (x + text_at, middle + 4.7 + i as f64 * LINE);
                self.text(at, TICK, Anchor::Start, INK, line);
            }
            rows = f64::max(rows, lines.len() as f64);
            x += text_at + width + 20.0;
        }
        y + rows * LINE + 10.0
    }

    fn swatch(&mut self, x: f64, y: f64, swatch: &Swatch) {
        let width = swatch.width();
        match swatch {
            Swatch::Line(style) => {
                self.polyline(&[(x, y), (x + width, y)], style);
                self.marker((x + width / 2.0, y), style);
            }
            Swatch::Marker(style) => self.marker((x + width / 2.0, y), style),
            Swatch::Fill(colour, opacity) => self.push(format_args!(
                r#"<rect x="{x:.2}" y="{:.2}" width="{width}" height="12" fill="{colour}" fill-opacity="{opacity}"/>"#,
                y - 6.0
            )),
        }
    }
}

/// One entry of a legend.
pub(super) struct Key {
    pub(super) name: String,
    pub(super) swatch: Swatch,
}

/// The sample a legend entry shows.
pub(super) enum Swatch {
    Line(Style),
    Marker(Style),
    /// An area of a colour and an opacity.
    Fill(&'static str, f64),
}

impl Swatch {
    fn width(&self) -> f64 {
        if matches!(self, Self::Marker(_)) { 10.0 } else { SWATCH }
    }
}

impl Key {
    pub(super) fn line(name: impl Into<String>, style: Style) -> Self {
        Self { name: name.into(), swatch: Swatch::Line(style) }
    }

    pub(super) fn marker(name: impl Into<String>, style: Style) -> Self {
        Self { name: name.into(), swatch: Swatch::Marker(style) }
    }

    pub(super) fn fill(name: impl Into<String>, colour: &'static str, opacity: f64) -> Self {
        Self { name: name.into(), swatch: Swatch::Fill(colour, opacity) }
    }
}

/// Room a vertical axis needs beside the plot for its ticks and label.
pub(super) fn axis_room(ticks: &[Tick]) -> f64 {
    TICK_LENGTH + 4.0 + widest(ticks) + 10.0 + LABEL
}

/// A plot area in pixels with its two axes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panel {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) x: Scale,
    pub(super) y: Scale,
}

impl Panel {
    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    fn pixel(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let x = self.left + self.x.position(x)? * self.width;
        let y = self.bottom() - self.y.position(y)? * self.height;
        Some((x, y))
    }

    /// Light lines at the ticks of the vertical axis.
    pub(super) fn grid(&self, canvas: &mut Canvas, ticks: &[Tick]) {
        for (_, y) in self.along_y(ticks) {
            canvas.segment((self.left, y), (self.right(), y), GRID, 1.0);
        }
    }

    /// The horizontal axis: line, ticks and tick labels.
    pub(super) fn x_axis(&self, canvas: &mut Canvas) {
        // As many ticks as leave the labels clear of each other, nine at most.
        let fits = |ticks: &Vec<Tick>| (widest(ticks) + 8.0) * ticks.len() as f64 <= self.width;
        let ticks = (1..=9).rev().map(|most| self.x.ticks(most)).find(fits);
        self.x_ticks(canvas, &ticks.unwrap_or_default());
    }

    /// The horizontal axis with these ticks.
    pub(super) fn x_ticks(&self, canvas: &mut Canvas, ticks: &[Tick]) {
        let y = self.bottom();
        self.base_line(canvas);
        for (value, label) in ticks {
            let Some(position) = self.x.position(*value) else {
                continue;
            };
            let x = self.left + position * self.width;
            canvas.segment((x, y), (x, y + TICK_LENGTH), INK, 1.0);
            canvas.text((x, y + 19.0), TICK, Anchor::Middle, INK, label);
        }
    }

    /// The line of the horizontal axis alone.
    pub(super) fn base_line(&self, canvas: &mut Canvas) {
        let y = self.bottom();
        canvas.segment((self.left - 0.5, y), (self.right() + 0.5, y), INK, 1.0);
    }

    /// Lines where a panel has no axis.
    pub(super) fn frame(&self, canvas: &mut Canvas) {
        let corner = (self.right(), self.top);
        canvas.segment((self.left, self.top), corner, INK, 1.0);
        canvas.segment(corner, (self.right(), self.bottom()), INK, 1.0);
    }

    /// A line of text in the upper right corner.
    pub(super) fn note(&self, canvas: &mut Canvas, text: &str) {
        let line = text::wrap(text, TICK, self.width).into_iter().next().unwrap_or_default();
        canvas.text((self.right() - 2.0, self.top + 11.0), TICK, Anchor::End, INK, &line);
    }

    /// What the horizontal axis shows, below its tick labels; returns the y
    /// below it.
    pub(super) fn x_label(&self, canvas: &mut Canvas, label: &str) -> f64 {
        let mut y = self.bottom() + TICKS_BELOW;
        for line in text::wrap(label, LABEL, self.width) {
            y += LINE;
            let x = self.left + self.width / 2.0;
            canvas.text((x, y - 3.0), LABEL, Anchor::Middle, INK, &line);
        }
        y
    }

    /// A heading above the plot.
    pub(super) fn heading(&self, canvas: &mut Canvas, lines: &[String]) {
        for (i, line) in lines.iter().rev().enumerate() {
            let at = (self.left + self.width / 2.0, self.top - 9.0 - i as f64 * LINE);
            canvas.text(at, LABEL, Anchor::Middle, INK, line);
        }
    }

    /// A heading broken into lines that fit above the plot.
    pub(super) fn heading_lines(heading: &str, width: f64) -> Vec<String> {
        text::wrap(heading, LABEL, width)
    }

    /// Height of a heading of `lines` lines.
    pub(super) fn heading_height(lines: usize) -> f64 {
        if lines == 0 { 0.0 } else { lines as f64 * LINE + 6.0 }
    }

    /// The vertical axis on the left; without a label it has bare ticks.
    pub(super) fn left_axis(&self, canvas: &mut Canvas, ticks: &[Tick], label: Option<&str>) {
        let x = self.left;
        canvas.segment((x, self.top), (x, self.bottom()), INK, 1.0);
        for (text, y) in self.along_y(ticks) {
            canvas.segment((x, y), (x - TICK_LENGTH, y), INK, 1.0);
            if label.is_some() {
                canvas.text((x - TICK_LENGTH - 4.0, y + 4.7), TICK, Anchor::End, INK, text);
            }
        }
        if let Some(label) = label.filter(|label| !label.is_empty()) {
            self.left_label(canvas, ticks, label);
        }
    }

    /// What the vertical axis shows, beside the room of these tick labels.
    pub(super) fn left_label(&self, canvas: &mut Canvas, ticks: &[Tick], label: &str) {
        self.left_lines(canvas, ticks, &[label.to_owned()]);
    }

    /// The same in lines, the last of which is the nearest.
    pub(super) fn left_lines(&self, canvas: &mut Canvas, ticks: &[Tick], lines: &[String]) {
        let beyond = TICK_LENGTH + 4.0 + widest(ticks) + 10.0;
        for (i, line) in lines.iter().rev().enumerate() {
            canvas.turned_text((self.left - beyond - i as f64 * LINE, self.top + self.height / 2.0), line);
        }
    }

    fn along_y<'a>(&self, ticks: &'a [Tick]) -> impl Iterator<Item = (&'a str, f64)> {
        let panel = *self;
        ticks.iter().filter_map(move |(value, label)| {
            let position = panel.y.position(*value)?;
            Some((label.as_str(), panel.bottom() - position * panel.height))
        })
    }

    /// Draws inside the plot area only; coordinates stay the same.
    pub(super) fn clipped(&self, canvas: &mut Canvas, draw: impl FnOnce(&mut Canvas)) {
        let Self { left, top, width, height, .. } = self;
        canvas.push(format_args!(
            r#"<svg x="{left:.2}" y="{top:.2}" width="{width:.2}" height="{height:.2}" viewBox="{left:.2} {top:.2} {width:.2} {height:.2}">"#
        ));
        draw(canvas);
        canvas.push(format_args!("</svg>"));
    }

    /// A line through the points; a point without a place leaves a gap.
    pub(super) fn line(&self, canvas: &mut Canvas, x: &[f64], y: &[f64], style: &Style) {
        let points = x.iter().zip(y).map(|(x, y)| self.pixel(*x, *y));
        let runs = runs(points);
        self.clipped(canvas, |canvas| {
            for run in runs.iter().filter(|run| run.len() > 1) {
                canvas.polyline(run, style);
            }
        });
        // Markers are not clipped: one at the very edge is shown whole.
        let mut last = f64::NEG_INFINITY;
        for run in &runs {
            for &(x, y) in run {
                let inside = (self.top - 0.01..=self.bottom() + 0.01).contains(&y);
                let apart = (x - last).abs() >= style.marker_every;
                if inside && (apart || run.len() == 1) {
                    canvas.marker((x, y), style);
                    last = x;
                }
            }
        }
    }

    /// The area from `low` to `high`; a point without neighbours has a bar.
    pub(super) fn band(&self, canvas: &mut Canvas, x: &[f64], low: &[f64], high: &[f64], colour: &str, opacity: f64) {
        let edges = x.iter().zip(low).zip(high).map(|((x, low), high)| {
            let (x, low) = self.pixel(*x, *low)?;
            Some((x, low, self.pixel(self.x.ends().0, *high)?.1))
        });
        let runs = runs(edges);
        self.clipped(canvas, |canvas| {
            for run in &runs {
                if let [(x, low, high)] = run[..] {
                    canvas.segment((x, low), (x, high), colour, 1.5);
                    continue;
                }
                let there = run.iter().map(|&(x, _, high)| (x, high));
                let back = run.iter().rev().map(|&(x, low, _)| (x, low));
                let outline: Vec<_> = there.chain(back).collect();
                canvas.push(format_args!(
                    r#"<polygon class="band" points="{}" fill="{colour}" fill-opacity="{opacity}"/>"#,
                    list(&outline)
                ));
            }
        });
    }

    /// Bars from zero to heights, from lower edges on, each as wide as a bin.
    pub(super) fn bars(&self, canvas: &mut Canvas, bars: &[(f64, f64)], bin: f64, colour: &str) {
        self.clipped(canvas, |canvas| {
            for &(from, height) in bars {
                let corners = (self.pixel(from, height), self.pixel(from + bin, 0.0));
                let (Some((x0, y0)), Some((x1, y1))) = corners else {
                    continue;
                };
                canvas.push(format_args!(
                    r#"<rect class="bar" x="{x0:.2}" y="{y0:.2}" width="{:.2}" height="{:.2}" fill="{colour}"/>"#,
                    // A hair between bars, never a negative width.
                    (x1 - x0 - 0.5).max(0.3),
                    y1 - y0
                ));
            }
        });
    }

    /// A square around a whole number on both axes, of a colour and an opacity, with a word in some ink where it has room.
    pub(super) fn cell(
        &self,
        canvas: &mut Canvas,
        [x, y]: [usize; 2],
        (colour, opacity): (&str, f64),
        (word, ink): (&str, &str),
    ) {
        let corners = [-0.5, 0.5].map(|half| self.pixel(x as f64 + half, y as f64 + half));
        let [Some((x0, y0)), Some((x1, y1))] = corners else {
            return;
        };
        // The one axis may run downwards.
        let (y0, y1) = (y0.min(y1), y0.max(y1));
        let (width, height) = (x1 - x0, y1 - y0);
        if opacity > 0.0 {
            canvas.push(format_args!(
                r#"<rect class="cell" x="{x0:.2}" y="{y0:.2}" width="{width:.2}" height="{height:.2}" fill="{colour}" fill-opacity="{opacity:.3}" shape-rendering="crispEdges"/>"#
            ));
        }
        let size = (1.26 * width / word.chars().count().max(3) as f64).min(0.7 * height).min(TICK).round();
        if !word.is_empty() && size >= 7.0 {
            let at = (0.5 * (x0 + x1), 0.5 * (y0 + y1) + 0.36 * size);
            canvas.text(at, size, Anchor::Middle, ink, word);
        }
    }

    /// As many of the ticks, evenly, as leave their labels clear of each other along the horizontal axis.
    pub(super) fn fitting_x(&self, ticks: Vec<Tick>) -> Vec<Tick> {
        thinned(&ticks, self.width / (widest(&ticks) + 8.0))
    }

    /// As many of the ticks, evenly, as leave their labels clear of each other along the vertical axis.
    pub(super) fn fitting_y(&self, ticks: Vec<Tick>) -> Vec<Tick> {
        thinned(&ticks, self.height / LINE)
    }

    /// The plot area in one colour.
    pub(super) fn background(&self, canvas: &mut Canvas, colour: &str) {
        let Self { left, top, width, height, .. } = self;
        canvas.push(format_args!(
            r#"<rect x="{left:.2}" y="{top:.2}" width="{width:.2}" height="{height:.2}" fill="{colour}"/>"#
        ));
    }

    /// A picture between two values of each axis, its pixels sharp; `address` holds it.
    pub(super) fn image(&self, canvas: &mut Canvas, x: [f64; 2], y: [f64; 2], address: &str) {
        let (Some((x0, y0)), Some((x1, y1))) = (self.pixel(x[0], y[0]), self.pixel(x[1], y[1])) else {
            return;
        };
        canvas.picture([x0, y0], [x1 - x0, y1 - y0], address);
    }

    /// A rectangle between two values of each axis, with a white word in its upper left corner if there is room.
    pub(super) fn outline(&self, canvas: &mut Canvas, x: [f64; 2], y: [f64; 2], colour: &str, word: &str) {
        let (Some((x0, y0)), Some((x1, y1))) = (self.pixel(x[0], y[0]), self.pixel(x[1], y[1])) else {
            return;
        };
        let (width, height) = (x1 - x0, y1 - y0);
        canvas.push(format_args!(
            r#"<rect x="{x0:.2}" y="{y0:.2}" width="{width:.2}" height="{height:.2}" fill="none" stroke="{colour}" stroke-width="1.5"/>"#
        ));
        let size = 0.7 * TICK;
        if text::width(word, size) + 4.0 <= width && size + 2.0 <= height {
            canvas.text((x0 + 2.5, y0 + size + 0.5), size, Anchor::Start, "#ffffff", word);
        }
    }

    /// A vertical bar of colours, from the lowest up, with its axis on the right.
    pub(super) fn colour_bar(&self, canvas: &mut Canvas, colours: &[String], ticks: &[Tick], label: &str) {
        canvas.push(format_args!(r#"<linearGradient id="colours" x1="0" y1="1" x2="0" y2="0">"#));
        for (place, colour) in colours.iter().enumerate() {
            let offset = place as f64 / (colours.len() - 1).max(1) as f64;
            canvas.push(format_args!(r#"<stop offset="{offset}" stop-color="{colour}"/>"#));
        }
        canvas.push(format_args!("</linearGradient>"));
        let Self { left, top, width, height, .. } = self;
        canvas.push(format_args!(
            r##"<rect x="{left:.2}" y="{top:.2}" width="{width:.2}" height="{height:.2}" fill="url(#colours)" stroke="{INK}"/>"##
        ));
        let x = self.right();
        for (word, y) in self.along_y(ticks) {
            canvas.segment((x, y), (x + TICK_LENGTH, y), INK, 1.0);
            canvas.text((x + TICK_LENGTH + 4.0, y + 4.7), TICK, Anchor::Start, INK, word);
        }
        let beyond = TICK_LENGTH + 4.0 + widest(ticks) + LABEL + 4.0;
        canvas.turned_text((x + beyond, top + height / 2.0), label);
    }

    /// A vertical line between two values, with caps.
    pub(super) fn whisker(&self, canvas: &mut Canvas, x: f64, [low, high]: [f64; 2]) {
        let (Some((x, low)), Some((_, high))) = (self.pixel(x, low), self.pixel(x, high)) else {
            return;
        };
        self.clipped(canvas, |canvas| {
            canvas.segment((x, low), (x, high), INK, 1.4);
            for y in [low, high] {
                canvas.segment((x - 6.0, y), (x + 6.0, y), INK, 1.4);
            }
        });
    }

    /// A word above a point.
    pub(super) fn number_above(&self, canvas: &mut Canvas, (x, y): (f64, f64), word: &str) {
        if let Some((x, y)) = self.pixel(x, y) {
            canvas.text((x, y - 6.0), TICK, Anchor::Middle, INK, word);
        }
    }

    /// Names below the whole numbers of the horizontal axis; returns the y below them.
    pub(super) fn x_names(&self, canvas: &mut Canvas, names: &[&str]) -> f64 {
        let mut lines = 0;
        for (place, name) in names.iter().enumerate() {
            let Some((x, _)) = self.pixel(place as f64, self.y.ends().0) else {
                continue;
            };
            let (low, high) = self.x.ends();
            let own = text::wrap(name, LABEL, self.width / (high - low) - 8.0);
            for (i, line) in own.iter().enumerate() {
                canvas.text((x, self.bottom() + 19.0 + i as f64 * LINE), LABEL, Anchor::Middle, INK, line);
            }
            lines = lines.max(own.len());
        }
        self.bottom() + lines as f64 * LINE + 6.0
    }
}

/// Every n-th tick, n a round number, so that at most about so many are left.
fn thinned(ticks: &[Tick], most: f64) -> Vec<Tick> {
    let every = round_step((ticks.len() as f64 / most.max(1.0)).max(1.0)) as usize;
    ticks.iter().step_by(every).cloned().collect()
}

/// Splits points into runs without gaps.
fn runs<P>(points: impl Iterator<Item = Option<P>>) -> Vec<Vec<P>> {
    let mut runs = Vec::new();
    let mut run = Vec::new();
    for point in points.chain([None]) {
        match point {
            Some(point) => run.push(point),
            None if run.is_empty() => {}
            None => runs.push(std::mem::take(&mut run)),
        }
    }
    runs
}

fn list(points: &[(f64, f64)]) -> String {
    points.iter().map(|(x, y)| format!("{x:.2},{y:.2}")).collect::<Vec<_>>().join(" ")
}

fn widest(ticks: &[Tick]) -> f64 {
    ticks.iter().map(|(_, label)| text::width(label, TICK)).fold(0.0, f64::max)
}
