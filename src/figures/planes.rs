//! Planes that light passes: masks, what arrives at them, and what a camera reads.

use std::f64::consts::TAU;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::chart::{Canvas, EDGE, GREY, Key, Panel, TICKS_BELOW, WIDTH, axis_room};
use super::picture::{circle, rgb};
use super::plots::{not_empty, same_length};
use super::scale::Scale;
use super::score::{VIRIDIS, hex, viridis};
use super::{Error, Figure};

/// Most pixels of a plane along an axis; of finer planes several samples are one.
const SHOWN: usize = 640;

/// What a plane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shade {
    /// Angles, rad, in colours around a circle.
    Phase,
    /// Amplitudes from 0 to 1.
    Amplitude,
    /// Intensities, relative to the largest of their plane.
    Intensity,
}

/// A sampled plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Heading.
    pub name: String,
    /// Rows and columns of samples.
    pub shape: [usize; 2],
    /// Height and width of what they cover, in the middle of the plane, m.
    pub extent: [f64; 2],
    /// Values, row by row from the top.
    pub values: Vec<f64>,
}

/// A rectangle of a camera: first row and column, rows and columns, in samples.
pub type Region = [usize; 4];

/// What a camera reads of one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Readings {
    /// Region of every detector, on the last plane.
    pub regions: Vec<Region>,
    /// Light on every detector, percent of that on all.
    pub shares: Vec<f64>,
    /// The detector of the sample's label, if detectors stand for classes.
    pub label: Option<usize>,
}

/// Masks side by side with one bar of colours: phases in colours around a circle, amplitudes from dark to bright. Axes are
/// in lengths from the middle, the second downwards.
///
/// `extent` is the height and width of the whole plane, m.
///
/// # Errors
/// [`Error::Empty`] without planes, [`Error::Length`] if one has another number of values than of samples.
pub fn masks(title: &str, shade: Shade, extent: [f64; 2], planes: &[Plane]) -> Result<Figure, Error> {
    let mut canvas = Canvas::new();
    let top = canvas.title(title) + 4.0;
    let label = if shade == Shade::Phase { "phase (rad)" } else { "amplitude" };
    let (bottom, _) = draw(&mut canvas, top, (shade, label), extent, planes)?;
    Ok(canvas.finish(bottom + 8.0))
}

/// The intensity in every plane of one sample, the last of which is the camera with its regions outlined, and below it the
/// light on every detector. Intensities are shown relative to the largest in their plane.
///
/// # Errors
/// As [`masks`].
pub fn light(title: &str, extent: [f64; 2], planes: &[Plane], readings: &Readings) -> Result<Figure, Error> {
    not_empty(&readings.shares, "detectors")?;
    same_length("detectors", "regions", &vec![0.0; readings.regions.len()], readings.shares.len())?;
    let mut canvas = Canvas::new();
    let top = canvas.title(title) + 4.0;
    let label = "relative intensity";
    let (bottom, camera) = draw(&mut canvas, top, (Shade::Intensity, label), extent, planes)?;
    if let Some(plane) = planes.last() {
        let pitch = [plane.extent[0] / plane.shape[0] as f64, plane.extent[1] / plane.shape[1] as f64];
        let place = |at: usize, axis: usize| camera.scale * (at as f64 * pitch[axis] - 0.5 * plane.extent[axis]);
        for (number, &[top, left, rows, columns]) in readings.regions.iter().enumerate() {
            let (x, y) = ([place(left, 1), place(left + columns, 1)], [place(top, 0), place(top + rows, 0)]);
            let marked = readings.label == Some(number);
            camera.panel.outline(&mut canvas, x, y, if marked { LABELLED } else { "#ffffff" }, &number.to_string());
        }
    }
    let bottom = bars(&mut canvas, bottom + 14.0, readings);
    Ok(canvas.finish(bottom + 8.0))
}

/// The colour of the label, on dark and on light.
const LABELLED: &str = "#d55e00";

/// Light on every detector.
fn bars(canvas: &mut Canvas, top: f64, readings: &Readings) -> f64 {
    let count = readings.shares.len();
    let mut top = top + 10.0;
    if readings.label.is_some_and(|label| label < count) {
        let keys = [Key::fill("detector of the label", LABELLED, 1.0), Key::fill("other detectors", GREY, 1.0)];
        top = canvas.legend(top - 10.0, &keys) + 10.0;
    }
    let most = readings.shares.iter().copied().filter(|share| share.is_finite()).fold(0.0, f64::max);
    let y = Scale::linear(0.0, if most > 0.0 { 1.1 * most } else { 100.0 });
    let ticks = y.ticks(4);
    let left = EDGE + axis_room(&ticks) - 8.0;
    let x = Scale::linear(-0.6, count as f64 - 0.4);
    let panel = Panel { left, top, width: WIDTH - EDGE - left, height: 150.0, x, y };
    panel.grid(canvas, &ticks);
    for (number, &share) in readings.shares.iter().enumerate() {
        let colour = if readings.label == Some(number) { LABELLED } else { GREY };
        panel.bars(canvas, &[(number as f64 - 0.32, share)], 0.64, colour);
    }
    panel.left_axis(canvas, &ticks, Some("light (%)"));
    let numbers: Vec<_> = (0..count).map(|number| (number as f64, number.to_string())).collect();
    panel.x_ticks(canvas, &panel.fitting_x(numbers));
    panel.x_label(canvas, "detector")
}

/// The last panel, and its units a metre.
struct Last {
    panel: Panel,
    scale: f64,
}

/// Panels of planes with one bar of colours; gives the y below them, and the last of them.
fn draw(
    canvas: &mut Canvas,
    top: f64,
    (shade, label): (Shade, &str),
    extent: [f64; 2],
    planes: &[Plane],
) -> Result<(f64, Last), Error> {
    not_empty(planes, "planes")?;
    for plane in planes {
        same_length(&plane.name, "samples", &plane.values, plane.shape[0] * plane.shape[1])?;
    }
    let (unit, scale) = if extent[0].max(extent[1]) < 1e-3 { ("µm", 1e6) } else { ("mm", 1e3) };
    let [y, x] = extent.map(|extent| 0.5 * scale * extent);
    // The second axis runs downwards, as rows do.
    let (down, x, y) = (Scale::linear(-y, y), Scale::linear(-x, x), Scale::linear(y, -y));
    let (colours, values) = match shade {
        Shade::Phase => (Scale::linear(0.0, TAU), vec![(0.0, "0"), (0.5 * TAU, "π"), (TAU, "2π")]),
        Shade::Amplitude | Shade::Intensity => (Scale::linear(0.0, 1.0), vec![(0.0, "0"), (0.5, "0.5"), (1.0, "1")]),
    };
    let values: Vec<_> = values.into_iter().map(|(value, word)| (value, word.to_owned())).collect();

    let columns = if planes.len() == 4 { 4 } else { planes.len().min(3) };
    let (gap, bar_gap, bar_width) = (20.0, 20.0, 14.0);
    let right = WIDTH - EDGE - axis_room(&values) - bar_width - bar_gap;
    let left = EDGE + axis_room(&down.ticks(7)) - 8.0;
    let width = ((right - left - gap * (columns - 1) as f64) / columns as f64).min(300.0);
    let height = width * extent[0] / extent[1];
    let ticks = down.ticks(if height < 120.0 { 5 } else { 7 });
    let (mut top, mut bottom) = (top, top);
    let first = top;
    let mut heading_height = 0.0;
    let mut panel = Panel { left, top, width, height, x, y };
    for (row, in_row) in planes.chunks(columns).enumerate() {
        let headings: Vec<_> = in_row.iter().map(|plane| Panel::heading_lines(&plane.name, width)).collect();
        let lines = Panel::heading_height(headings.iter().map(Vec::len).max().unwrap_or(0));
        heading_height = if row == 0 { lines } else { heading_height };
        top += lines;
        for (column, (heading, plane)) in headings.iter().zip(in_row).enumerate() {
            panel = Panel { left: left + column as f64 * (width + gap), top, ..panel };
            panel.heading(canvas, heading);
            let [high, wide] = plane.extent.map(|extent| 0.5 * scale * extent);
            panel.background(canvas, &hex(VIRIDIS[0].map(f64::from)));
            panel.image(canvas, [-wide, wide], [-high, high], &address(shade, plane)?);
            panel.frame(canvas);
            panel.x_axis(canvas);
            panel.left_axis(canvas, &ticks, (column == 0).then_some(&format!("y ({unit})")));
            if (row + 1) * columns + column >= planes.len() {
                bottom = panel.x_label(canvas, &format!("x ({unit})")).max(bottom);
            }
        }
        top += height + TICKS_BELOW + 14.0;
    }
    let drawn = left + columns as f64 * (width + gap) - gap;
    // A bar has room for its label.
    let bar = Panel {
        left: drawn + bar_gap,
        top: first + heading_height,
        width: bar_width,
        height: (bottom - first - heading_height - TICKS_BELOW - 19.0).min(height.max(LABEL_ROOM)),
        x: Scale::linear(0.0, 1.0),
        y: colours,
    };
    let stops: Vec<_> = match shade {
        Shade::Phase => (0..=24).map(|at| hex(circle(TAU * f64::from(at) / 24.0).map(f64::from))).collect(),
        Shade::Amplitude | Shade::Intensity => VIRIDIS.iter().map(|colour| hex(colour.map(f64::from))).collect(),
    };
    bar.colour_bar(canvas, &stops, &values, label);
    Ok((bottom, Last { panel, scale }))
}

/// Height that the label of a bar of colours takes.
const LABEL_ROOM: f64 = 240.0;

/// A plane as an address that holds its picture. Phases have no mean: of several one is shown.
fn address(shade: Shade, plane: &Plane) -> Result<String, Error> {
    let [height, width] = plane.shape;
    let every = height.max(width).div_ceil(SHOWN).max(1);
    let block = |row: usize, column: usize| {
        let (rows, columns) = (row..(row + every).min(height), column..(column + every).min(width));
        let count = (rows.len() * columns.len()) as f64;
        rows.map(|row| plane.values[row * width..][columns.clone()].iter().sum::<f64>()).sum::<f64>() / count
    };
    let shown = &|row: usize, column: usize| match shade {
        Shade::Phase => plane.values[row * width + column],
        Shade::Amplitude | Shade::Intensity => block(row, column),
    };
    let rows = (0..height).step_by(every);
    let values: Vec<_> = rows.flat_map(|row| (0..width).step_by(every).map(move |column| shown(row, column))).collect();
    let largest = values.iter().copied().fold(0.0, f64::max);
    let colour = |value: &f64| match shade {
        Shade::Phase => circle(*value),
        Shade::Amplitude => viridis(*value),
        Shade::Intensity => viridis(if largest > 0.0 { value / largest } else { 0.0 }),
    };
    let png = rgb([height.div_ceil(every), width.div_ceil(every)], values.iter().flat_map(colour).collect())?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(name: &str, shape: [usize; 2], values: Vec<f64>) -> Plane {
        Plane { name: name.to_owned(), shape, extent: [80e-6, 120e-6], values }
    }

    /// The colour at a place of a figure, in its units.
    fn at(figure: &Figure, [x, y]: [f64; 2]) -> [u8; 3] {
        let image = image::load_from_memory(&figure.png().unwrap()).unwrap().to_rgb8();
        image.get_pixel((2.0 * x) as u32, (2.0 * y) as u32).0
    }

    /// First values of `x`, `y`, `width` and `height` of pictures in a figure.
    fn pictures(figure: &Figure) -> Vec<[f64; 4]> {
        let number = |text: &str, key: &str| {
            let rest = &text[text.find(&format!(" {key}=\"")).unwrap() + key.len() + 3..];
            rest[..rest.find('"').unwrap()].parse().unwrap()
        };
        let all = figure.svg().split("<image").skip(1);
        all.map(|text| ["x", "y", "width", "height"].map(|key| number(text, key))).collect()
    }

    #[test]
    fn masks_show_their_phases_at_their_places() {
        let values = vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let figure = masks("title", Shade::Phase, [80e-6, 120e-6], &[plane("a", [2, 3], values.clone())]).unwrap();
        let [x, y, width, height] = pictures(&figure)[0];
        assert!((width / height - 1.5).abs() < 1e-3);
        for (number, value) in values.iter().enumerate() {
            let place = [x + width * ((number % 3) as f64 + 0.5) / 3.0, y + height * ((number / 3) as f64 + 0.5) / 2.0];
            assert_eq!(at(&figure, place), circle(*value), "{number}");
        }
        assert!(matches!(masks("", Shade::Phase, [1.0; 2], &[]), Err(Error::Empty("planes"))));
        let short = masks("", Shade::Phase, [1.0; 2], &[plane("a", [2, 3], vec![0.0; 5])]);
        assert!(matches!(short, Err(Error::Length { found: 5, expected: 6, .. })));
    }

    #[test]
    fn light_is_relative_to_the_brightest_and_fine_planes_are_averaged() {
        let mut fine = vec![0.0; 1300 * 1950];
        // A bright sample among four that one pixel shows.
        fine[0] = 8.0;
        fine[1950 * 1299..].fill(1.0);
        let planes = [plane("fine", [1300, 1950], fine), plane("camera", [2, 2], vec![0.0, 2.0, 4.0, 1.0])];
        let readings = Readings { regions: vec![[0, 0, 1, 1], [1, 1, 1, 1]], shares: vec![0.0, 100.0], label: Some(1) };
        let figure = light("title", [80e-6, 120e-6], &planes, &readings).unwrap();
        let boxes = pictures(&figure);
        let [x, y, width, height] = boxes[1];
        for (place, share) in [([0.75, 0.25], 0.5), ([0.25, 0.75], 1.0)] {
            let point = [x + width * place[0], y + height * place[1]];
            assert_eq!(at(&figure, point), viridis(share));
        }
        // Most of it is dark, and outlines and names are there.
        let [x, y, width, height] = boxes[0];
        assert_eq!(at(&figure, [x + 0.5 * width, y + 0.5 * height]), viridis(0.0));
        assert_eq!(figure.svg().matches(r##"fill="none" stroke="#ffffff""##).count(), 1);
        assert_eq!(figure.svg().matches(&format!(r#"fill="none" stroke="{LABELLED}""#)).count(), 1);
        let none = Readings { shares: vec![1.0], ..readings };
        assert!(matches!(light("", [1.0; 2], &planes, &none), Err(Error::Length { found: 2, expected: 1, .. })));
    }
}
