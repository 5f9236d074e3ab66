//! Tables of comma-separated numbers: one sample a row, its features first and
//! its class label, a whole number from 0, last.

use std::path::{Path, PathBuf};

use ::csv::{ReaderBuilder, StringRecord, Trim};

use super::error::Error;
use super::{Part, Values, class, file};

/// How the file names of the two splits end.
pub(super) const SUFFIXES: [&str; 2] = ["train.csv", "test.csv"];

/// Whether a file name is `train.csv`, `NAME.train.csv` or their like for the test split.
pub(super) fn is_name(name: &str) -> bool {
    SUFFIXES.iter().any(|suffix| fits(name, suffix))
}

fn fits(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|stem| stem.is_empty() || stem.ends_with('.'))
}

/// Reads the training and the test split of a folder with these file names in it.
pub(super) fn read_folder(folder: &Path, set: &str, names: &[String]) -> Result<[Part; 2], Error> {
    let read = |suffix| read_part(&choose(folder, set, names, suffix)?);
    Ok([read(SUFFIXES[0])?, read(SUFFIXES[1])?])
}

/// The file of a split: `train.csv`, else `SET.train.csv`, else the only `*.train.csv`.
fn choose(folder: &Path, set: &str, names: &[String], suffix: &'static str) -> Result<PathBuf, Error> {
    let after_folder = format!("{set}.{suffix}");
    let fitting: Vec<&String> = names.iter().filter(|name| fits(name, suffix)).collect();
    for preferred in [suffix, &after_folder] {
        if fitting.iter().any(|name| *name == preferred) {
            return Ok(folder.join(preferred));
        }
    }
    match fitting[..] {
        [] => Err(Error::Missing { path: folder.join(suffix) }),
        [only] => Ok(folder.join(only)),
        _ => Err(Error::Ambiguous { path: folder.to_owned(), suffix, found: fitting.into_iter().cloned().collect() }),
    }
}

/// Reads one table.
fn read_part(at: &Path) -> Result<Part, Error> {
    let (file, length) = file::open(at)?;
    if length > file::LIMIT {
        let what = "is larger than the limit of 16 GiB; take a part of it";
        return Err(Error::header(at, what));
    }
    let bytes = file::read_up_to(file, length).map_err(|e| Error::io(at, e))?;
    let text = std::str::from_utf8(&bytes).map_err(|e| {
        let byte = e.valid_up_to();
        Error::header(at, format!("is not UTF-8 text at byte {byte}; save it as plain CSV"))
    })?;
    if text.trim_start().starts_with('<') {
        let what = "is a web page, not a table; download the file itself";
        return Err(Error::header(at, what));
    }
    parse(text, at)
}

/// Reads the text of a table; `at` is for messages.
pub(super) fn parse(text: &str, at: &Path) -> Result<Part, Error> {
    // Rows of differing length are let through, to be told by their line.
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(text.as_bytes());
    let mut row = StringRecord::new();
    let mut columns = None;
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    while reader
        .read_record(&mut row)
        .map_err(|e| Error::header(at, format!("is not a table: {e}; save it as plain CSV")))?
    {
        let first = columns.is_none();
        let expected = *columns.get_or_insert(row.len());
        if row.len() != expected {
            return Err(Error::Ragged { path: at.to_owned(), line: line_of(&row, text), expected, found: row.len() });
        }
        if expected < 2 {
            return Err(Error::Axes {
                path: at.to_owned(),
                found: "one column".into(),
                wanted: "a row is its features, comma-separated, and then its label",
            });
        }
        // Only a row without a single number is a header: a data row with one
        // bad cell must not vanish.
        if first && row.iter().all(|cell| cell.parse::<f32>().is_err()) {
            continue;
        }
        for (column, cell) in row.iter().enumerate() {
            let parsed = if column + 1 < expected {
                feature(cell).map(|value| values.push(value))
            } else {
                label(cell).map(|value| labels.push(value))
            };
            parsed.map_err(|why| Error::Cell {
                path: at.to_owned(),
                line: line_of(&row, text),
                column: column + 1,
                cell: cell.chars().take(40).collect(),
                why,
            })?;
        }
    }
    Ok(Part {
        values: Values::Floats(values),
        shape: vec![columns.map_or(0, |columns| columns - 1)],
        labels,
        values_at: at.to_owned(),
        labels_at: at.to_owned(),
    })
}

fn feature(cell: &str) -> Result<f32, &'static str> {
    let value: f32 =
        cell.parse().map_err(|_| "is not a number; correct the cell (a header row holds no numbers at all)")?;
    if value.is_finite() { Ok(value) } else { Err("is not a finite 32-bit number; clean the data") }
}

fn label(cell: &str) -> Result<u32, &'static str> {
    let number: i128 = cell.parse().map_err(|_| "is not a class label; the last column holds whole numbers from 0")?;
    class(number)
}

/// The line a row starts on, from 1. Counted only when a message needs it: the
/// reader's own count lags by the line ends it has yet to skip.
fn line_of(row: &StringRecord, text: &str) -> usize {
    let from = row.position().map_or(0, ::csv::Position::byte);
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let (before, rest) = text.split_at_checked(from).unwrap_or((text, ""));
    let blank = &rest[..rest.len() - rest.trim_start_matches(['\r', '\n']).len()];
    1 + before.matches('\n').count() + blank.matches('\n').count()
}
