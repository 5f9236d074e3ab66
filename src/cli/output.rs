//! Tables, progress and files for the user.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Context, Failure};
use crate::robustness::{Axis, Point};

/// Prints a result; a reader that has gone away is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a line on standard error. If nobody can read it, there is nobody to tell.
pub(super) fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A table with right-aligned columns.
pub(super) fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let lines = || std::iter::once(header).chain(rows.iter().map(Vec::as_slice));
    let width = |column: usize| lines().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    for line in lines() {
        let cells: Vec<_> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Rows of CSV as text.
pub(super) fn csv(header: &[String], rows: &[Vec<String>]) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let damaged = |error: String| Failure::Failed(format!("CSV: {error}"));
    for row in std::iter::once(header).chain(rows.iter().map(Vec::as_slice)) {
        writer.write_record(row).map_err(|error| damaged(error.to_string()))?;
    }
    writer.into_inner().map_err(|error| damaged(error.to_string()))
}

/// Names of the axes as columns.
pub(super) fn columns(axes: &[Axis], rest: &[&str]) -> Vec<String> {
    axes.iter().map(|axis| axis.name.clone()).chain(rest.iter().map(|name| (*name).to_owned())).collect()
}

/// A percentage with its spread.
pub(super) fn percent(mean: f64, spread: Option<f64>) -> String {
    match spread {
        Some(spread) => format!("{:.1} ± {:.1}", 100.0 * mean, 100.0 * spread),
        None => format!("{:.1}", 100.0 * mean),
    }
}

/// The values of a point as cells.
pub(super) fn cells(point: &Point) -> Vec<String> {
    point.varied.iter().map(f64::to_string).collect()
}

/// Progress of a run: a bar on a terminal, a line an epoch elsewhere, nothing when quiet.
pub(super) struct Progress {
    bar: ProgressBar,
    lines: bool,
    start: Instant,
    first: u64,
    total: u64,
}

impl Progress {
    /// For `total` steps of which `done` are behind us. `samples` of a step give the rate.
    pub(super) fn new(context: &Context, label: &str, total: u64, done: u64, samples: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal && !context.quiet {
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10))
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{prefix} {bar:30.cyan/dim} {pos}/{len}  {rate}  {eta} left  {msg}");
        if let Ok(style) = style {
            let rate = move |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                // A rate that cannot be written is a bar that is a little shorter.
                let _ = write!(out, "{:.0} samples/s", state.per_sec() * samples as f64);
            };
            bar.set_style(style.with_key("rate", rate).progress_chars("━╸─"));
        }
        bar.set_prefix(label.to_owned());
        bar.set_position(done);
        bar.reset_eta();
        Self { bar, lines: !terminal && !context.quiet, start: Instant::now(), first: done, total }
    }

    pub(super) fn step(&self, step: u64) {
        self.bar.set_position(step);
    }

    /// The end of an epoch.
    pub(super) fn epoch(&self, step: u64, line: &str) {
        self.bar.set_position(step);
        self.bar.set_message(line.to_owned());
        if self.lines {
            let [done, left] = [step - self.first.min(step), self.total - step.min(self.total)];
            let left = self.start.elapsed().as_secs_f64() / done.max(1) as f64 * left as f64;
            tell(&format!("{} {line}, {} left", self.bar.prefix(), seconds(left)));
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Progress of a file that is fetched: a bar on a terminal, a line every ten seconds elsewhere, nothing when quiet.
pub(super) struct Transfer {
    bar: ProgressBar,
    lines: bool,
    start: Instant,
    told: Instant,
    first: Option<u64>,
}

impl Transfer {
    /// For `total` bytes.
    pub(super) fn new(context: &Context, label: &str, total: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal && !context.quiet {
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10))
        } else {
            ProgressBar::hidden()
        };
        let style =
            "{prefix} {bar:30.cyan/dim} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_length(total);
        bar.set_prefix(label.to_owned());
        let now = Instant::now();
        Self { bar, lines: !terminal && !context.quiet, start: now, told: now, first: None }
    }

    /// So many bytes are here; the first time, those of an earlier fetch.
    pub(super) fn bytes(&mut self, done: u64) {
        self.bar.set_position(done);
        let Some(first) = self.first else {
            self.bar.reset_eta();
            self.first = Some(done);
            return;
        };
        if self.lines && self.told.elapsed() >= Duration::from_secs(10) {
            self.told = Instant::now();
            let total = self.bar.length().unwrap_or(done);
            let rate = done.saturating_sub(first) as f64 / self.start.elapsed().as_secs_f64();
            let left = total.saturating_sub(done) as f64 / rate.max(1.0);
            tell(&format!(
                "{}: {} of {}, {}/s, {} left",
                self.bar.prefix(),
                DecimalBytes(done),
                DecimalBytes(total),
                DecimalBytes(rate as u64),
                seconds(left)
            ));
        }
    }

    /// A line that the bar makes room for.
    pub(super) fn say(&self, context: &Context, line: &str) {
        self.bar.suspend(|| context.say(line));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A duration for people.
pub(super) fn seconds(seconds: f64) -> String {
    let whole = Duration::from_secs_f64(seconds.max(0.0)).as_secs();
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole / 60 % 60),
    }
}
