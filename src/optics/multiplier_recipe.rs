//! Keys of an incoherent multiplier: display, lens array, spatial light modulator, camera.

use serde::{Deserialize, Serialize};

use super::readout::Readout;
use super::ring_recipe::default_gain;
use crate::ops::resample::Mode;
use crate::ops::tiles::Tiles;

/// The widest point-spread function that a design may have, pixels.
const WIDEST: f32 = 4.0;

/// Keys of a `multiplier` layer. Lengths in pixels of the modulator.
///
/// A lens for each output images the display, whose intensities are the inputs, onto a tile of the modulator; a detector
/// behind the tile's positive transmissions and one behind its negative ones collect what they let through, and are
/// subtracted. Defaults of the layout are those of the multiplier of Xu et al., Nat. Commun. 17, 1766 (2026).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiplierRecipe {
    /// Name of the layer; `multiplier1`, `multiplier2`, ... if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of outputs.
    pub outputs: usize,
    /// Rows and columns of tiles of a picture, one tile an output; as many pictures as that takes.
    #[serde(default = "default_tiles")]
    pub tiles: [usize; 2],
    /// Rows and columns of weights of a tile, together the inputs; the sides of an image, else the nearest to a square, if
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tile: Option<[usize; 2]>,
    /// Side of a weight, a square block.
    #[serde(default = "one")]
    pub pixels: usize,
    /// Dark pixels above and below, and left and right, of the positive and of the negative weights of a tile.
    #[serde(default = "default_margin")]
    pub margin: [usize; 2],
    /// How a misaligned picture is seen: `area`, `bilinear` or `nearest`, which hides errors below half a pixel.
    #[serde(default)]
    pub sampling: Mode,
    /// Standard deviation of the Gaussian point-spread function. With it what comes on top is the imperfection `blur`; their
    /// squares add up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blur: Option<f32>,
    /// Transmissions, positive and negative ones alike, start uniformly between these two.
    #[serde(default = "default_start")]
    pub start: [f32; 2],
    /// Full scale of the detectors, in units of the output. With it their noise is the imperfection `detection_noise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_scale: Option<f32>,
    /// Readings are set to the nearest of 2^bits levels from -`full_scale` to `full_scale`; as they are if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adc_bits: Option<u32>,
    /// Electronic gain behind the detectors, before the bias, one number a layer.
    #[serde(default = "default_gain")]
    pub gain: f32,
    /// Whether the gain is trained, from `gain` on; it stays as it is if left out.
    #[serde(default)]
    pub trainable_gain: bool,
}

fn one() -> usize {
    1
}

fn default_tiles() -> [usize; 2] {
    [3, 4]
}

fn default_margin() -> [usize; 2] {
    [2, 1]
}

fn default_start() -> [f32; 2] {
    [0.0, 0.2]
}

impl MultiplierRecipe {
    /// So many outputs, laid out as published.
    pub fn new(outputs: usize) -> Self {
        Self {
            name: None,
            outputs,
            tiles: default_tiles(),
            tile: None,
            pixels: one(),
            margin: default_margin(),
            sampling: Mode::default(),
            blur: None,
            start: default_start(),
            full_scale: None,
            adc_bits: None,
            gain: default_gain(),
            trainable_gain: false,
        }
    }

    /// Refuses values out of range.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.outputs == 0 {
            return Err("`outputs` must be at least 1".to_owned());
        }
        if let Some(side) = self.tiles.iter().find(|side| !(1..=256).contains(*side)) {
            return Err(format!("`tiles` must be rows and columns of 1 to 256 tiles, not {side}"));
        }
        if !(1..=64).contains(&self.pixels) {
            return Err(format!("`pixels` must be 1 to 64, not {}", self.pixels));
        }
        if let Some(margin) = self.margin.iter().find(|margin| **margin > 256) {
            return Err(format!("`margin` must be 0 to 256 pixels, not {margin}"));
        }
        if let Some(blur) = self.blur.filter(|blur| !(0.0..=WIDEST).contains(blur)) {
            return Err(format!("`blur` must be 0 to {WIDEST} pixels, not {blur}"));
        }
        let [first, last] = self.start;
        if !(0.0 <= first && first <= last && last <= 1.0) {
            return Err(format!("`start` must be two transmissions of 0 to 1 in order, not {:?}", self.start));
        }
        Readout::check(self.full_scale, self.adc_bits, self.gain)
    }

    /// Where the weights for samples of this shape stand.
    ///
    /// # Errors
    /// One line about a `tile` that is not of as many weights as there are inputs.
    pub(super) fn layout(&self, input_shape: &[usize]) -> Result<Tiles, String> {
        let inputs: usize = input_shape.iter().product();
        let tile = match (self.tile, input_shape) {
            (Some(tile), _) => tile,
            (None, &[height, width] | &[1, height, width]) => [height, width],
            (None, _) => {
                let rows = (1..=inputs.isqrt()).rev().find(|rows| inputs.is_multiple_of(*rows)).unwrap_or(1);
                [rows, inputs / rows]
            }
        };
        if tile[0].checked_mul(tile[1]) != Some(inputs) {
            return Err(format!("`tile` must be of as many weights as there are inputs, {inputs}, not {tile:?}"));
        }
        Ok(Tiles { outputs: self.outputs, tile, pixels: self.pixels, grid: self.tiles, margin: self.margin })
    }
}
