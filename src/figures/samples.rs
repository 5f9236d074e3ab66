//! Samples of images in rows: originals, and what networks make of them under each condition.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::chart::{Canvas, EDGE, LINE, TICK, WIDTH};
use super::picture::rgb;
use super::plots::{not_empty, same_length};
use super::{Error, Figure, PNG_SCALE, text};

/// A row of images.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// What they are, at their left.
    pub label: String,
    /// Values from 0 to 1 `[samples, channels, height, width]`; what is beyond them is cut off, what is no number is black.
    pub values: Vec<f32>,
}

/// Room for labels at most, behind them, and between two images.
const LABELS: f64 = 190.0;
const BEHIND: f64 = 12.0;
const GAP: f64 = 3.0;

/// Images `[channels, height, width]` of 1 or 3 channels, a row of samples below the other, each row with its label. A pixel is a whole number
/// of pixels of the PNG, so that it has sharp edges.
///
/// # Errors
/// [`Error::Empty`] without rows or images, [`Error::Length`] if a row holds another number of values than the first, or no whole number of
/// images, [`Error::Channels`].
pub fn samples(title: &str, image: [usize; 3], rows: &[SampleRow]) -> Result<Figure, Error> {
    let [channels, height, width] = image;
    if channels != 1 && channels != 3 {
        return Err(Error::Channels(channels));
    }
    let len = channels * height * width;
    let values = rows.first().map_or(0, |row| row.values.len());
    let count = values.checked_div(len).unwrap_or(0);
    not_empty(&rows[..rows.len().min(count)], "images")?;
    for row in rows {
        let shown: Vec<_> = row.values.iter().map(|&value| f64::from(value)).collect();
        same_length(&row.label, "values", &shown, count * len)?;
    }
    let mut canvas = Canvas::new();
    let mut top = (canvas.title(title) + 4.0).ceil();
    let labels = rows.iter().map(|row| text::width(&row.label, TICK)).fold(0.0, f64::max).min(LABELS);
    // At whole places, so that edges of pixels meet those of the PNG.
    let first = (EDGE + labels + BEHIND).ceil();
    let room = (WIDTH - EDGE - first + GAP) / count as f64 - GAP;
    // Of the PNG, which has more pixels than the figure has units.
    let scale = (room * f64::from(PNG_SCALE) / width.max(1) as f64).floor().clamp(1.0, MOST) / f64::from(PNG_SCALE);
    let size = [scale * width as f64, scale * height as f64];
    for row in rows {
        // A label may be higher than small pictures.
        let lines = text::wrap(&row.label, TICK, labels + 1.0).len();
        let height = size[1].max(lines as f64 * LINE).ceil();
        canvas.label((EDGE, top + 0.5 * height), labels + 1.0, &row.label);
        for (place, values) in row.values.chunks_exact(len).enumerate() {
            let left = first + place as f64 * (size[0] + GAP);
            canvas.picture([left, top + (0.5 * (height - size[1])).floor()], size, &address(values, image)?);
        }
        top += height + GAP;
    }
    Ok(canvas.finish(top - GAP + 10.0))
}

/// Most pixels of the PNG that a pixel takes along an axis, so that small images do not fill the page.
const MOST: f64 = 12.0;

/// An image as an address that holds its picture.
fn address(values: &[f32], [channels, height, width]: [usize; 3]) -> Result<String, Error> {
    let plane = height * width;
    let byte = |value: f32| (255.0 * value.clamp(0.0, 1.0)).round() as u8;
    let pixel = |at: usize| [0, 1, 2].map(|colour| byte(values[(colour % channels) * plane + at]));
    let png = rgb([height, width], (0..plane).flat_map(pixel).collect())?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}
