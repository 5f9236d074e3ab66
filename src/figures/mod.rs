//! Paper figures: a score against a disturbance, over two and over methods, over chips, training curves, where the
//! trained rings stand on their curves, histograms and confusion matrices; masks and the light of a
//! sample in planes; samples of images in rows; pictures of fields, a pixel a sample.
//!
//! Each figure is drawn once, as SVG. The PNG is that same SVG rendered at
//! twice its size with the font this crate carries, so both show one picture
//! on every machine. Colours are the colour-blind-safe set of Okabe and Ito,
//! fixed by the order of the series; a marker and a line pattern tell the
//! series apart in greyscale too.
//!
//! ```no_run
//! # use flatlight::figures::{score_curves, Curve, Score};
//! let curve = Curve {
//!     name: "standard".into(),
//!     x: vec![-1.0, 0.0, 1.0],
//!     mean: vec![61.0, 97.5, 58.0],
//!     spread: Some(vec![4.0, 0.2, 5.0]),
//!     worst: None,
//! };
//! let score = Score::Accuracy { chance: Some(10.0) };
//! let figure = score_curves("MNIST", "temperature shift (K)", &[curve], score)?;
//! std::fs::write("accuracy.svg", figure.svg())?;
//! std::fs::write("accuracy.png", figure.png()?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chart;
mod picture;
mod planes;
mod plots;
mod samples;
mod scale;
mod score;
mod text;
mod transfer;

#[cfg(test)]
mod tests;

pub use picture::{angles, grey};
pub use planes::{Plane, Readings, Region, Shade, light, masks};
pub use plots::{
    Confusion, Curve, LayerValues, TrainingCurve, confusion_matrices, histograms, ring_operating_points, score_curves,
    training_curves,
};
pub use samples::{SampleRow, samples};
pub use score::{Bar, Map, Score, score_bars, score_maps};
pub use transfer::{Transfer, transfer_histograms};

use std::io::Cursor;

use resvg::{tiny_skia, usvg};

/// PNG pixels per SVG pixel: sharp in print at column width.
const PNG_SCALE: f32 = 2.0;

/// Why a figure could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no series or panel to draw.
    #[error("nothing to draw: no {0} given")]
    Empty(&'static str),
    /// Two lists that describe the same points differ in length.
    #[error("`{series}`: {found} values of {list} for {expected} points")]
    Length {
        /// Name of the series.
        series: String,
        /// The list of the wrong length.
        list: &'static str,
        /// Its length.
        found: usize,
        /// Number of points of the series.
        expected: usize,
    },
    /// Images that are neither grey nor in colours.
    #[error("images of {0} channels cannot be shown; those of 1 or 3 can")]
    Channels(usize),
    /// The ring's half-width is not a positive length.
    #[error("the half-width must be positive and finite, not {0} nm")]
    HalfWidth(f64),
    /// The SVG could not be read back.
    #[error("cannot render the figure: {0}")]
    Svg(#[from] usvg::Error),
    /// The figure is too large to render.
    #[error("a figure of {0} × {1} pixels is too large")]
    Size(u32, u32),
    /// The PNG could not be encoded.
    #[error("cannot encode the figure: {0}")]
    Png(#[from] image::ImageError),
}

/// A finished figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    svg: String,
}

impl Figure {
    /// The figure as an SVG document.
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// The figure as a PNG file, two pixels to each of the SVG's.
    ///
    /// # Errors
    ///
    /// [`Error::Svg`], [`Error::Size`] or [`Error::Png`] if rendering fails.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        let tree = usvg::Tree::from_str(&self.svg, &text::options())?;
        let width = (tree.size().width() * PNG_SCALE).ceil() as u32;
        let height = (tree.size().height() * PNG_SCALE).ceil() as u32;
        let mut pixels = tiny_skia::Pixmap::new(width, height).ok_or(Error::Size(width, height))?;
        let scale = tiny_skia::Transform::from_scale(PNG_SCALE, PNG_SCALE);
        resvg::render(&tree, scale, &mut pixels.as_mut());

        let image =
            image::RgbaImage::from_raw(width, height, pixels.take_demultiplied()).ok_or(Error::Size(width, height))?;
        let mut png = Cursor::new(Vec::new());
        // The background is opaque, so the alpha channel says nothing.
        image::DynamicImage::from(image).to_rgb8().write_to(&mut png, image::ImageFormat::Png)?;
        Ok(png.into_inner())
    }
}
