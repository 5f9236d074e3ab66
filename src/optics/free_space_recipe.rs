//! Keys of coherent light in free space: a picture, planes at distances, a camera.

use serde::{Deserialize, Serialize};

use super::attenuators::yes;
use super::readout::Readout;
use super::ring_recipe::default_gain;
use crate::light::{Length, Method, Rectangle, Regions};
use crate::ops::resample::Mode;

/// What the input of the layer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LightInput {
    /// Pictures of intensities: E is their root.
    #[default]
    Intensity,
    /// Pictures of amplitudes.
    Amplitude,
}

/// What a mask changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskKind {
    /// The phase of the light, of every sample of the grid.
    Phase,
    /// Its amplitude, by a factor of 0 to 1.
    Amplitude,
}

/// How masks start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskStart {
    /// Phases of 0, amplitudes of a half.
    #[default]
    Flat,
    /// Phases uniform within a turn, amplitudes within 0..1.
    Random,
}

/// A plane that light passes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaneRecipe {
    /// How far it is from the plane before, or from the picture.
    pub distance: Length,
    /// A mask that is trained, on the whole grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<MaskKind>,
    /// The mask's phases are set to the nearest of 2^bits levels around the circle; free if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// Focal length of an ideal thin lens; negative for one that spreads light.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lens: Option<Length>,
    /// Diameter of a round aperture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aperture: Option<Length>,
    /// Behind the plane, what is darker than this share of a sample's mean intensity is dark, and brighter light loses as much;
    /// the phase is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
}

/// Where the camera reads light: squares in rows, or cells of a grid over the whole of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionsRecipe {
    /// Squares of each row, as `[3, 4, 3]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<usize>>,
    /// Side of these squares, samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<usize>,
    /// Rows and columns of cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<[usize; 2]>,
}

impl RegionsRecipe {
    /// The regions of a camera.
    fn of(&self, [height, width]: [usize; 2]) -> Result<Regions, String> {
        let regions = match (&self.rows, self.side, self.cells) {
            (Some(rows), Some(side), None) => Regions::rows(height, width, rows, side),
            (None, None, Some([rows, columns])) => Regions::grid(height, width, None::<Rectangle>, rows, columns),
            _ => return Err("`regions` are `{ rows = [3, 4, 3], side = 9 }` or `{ cells = [2, 5] }`".to_owned()),
        };
        regions.map_err(|error| format!("`regions`: {error}"))
    }
}

/// Keys of a `free-space` layer. Lengths are texts with a unit: nm, um, mm, cm, m.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreeSpaceRecipe {
    /// Name of the layer; its place in the stack if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Wavelength in the medium.
    pub wavelength: Length,
    /// Distance between samples of the grid, along both axes; the pixels of masks and camera.
    pub pitch: Length,
    /// Rows and columns of the grid of every plane.
    pub grid: [usize; 2],
    /// How many times as large, along both axes, the window is that light may spread into between two planes.
    #[serde(default = "default_padding")]
    pub padding: usize,
    /// What samples are.
    #[serde(default)]
    pub input: LightInput,
    /// Rows and columns of the grid that the picture covers, in its middle; the whole grid if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<[usize; 2]>,
    /// How light is propagated.
    #[serde(default)]
    pub propagation: Method,
    /// Whether frequencies are cut whose phase the window samples too rarely (Matsushima and Shimobaba, Opt. Express 17, 19662
    /// (2009)).
    #[serde(default = "yes")]
    pub band_limit: bool,
    /// Samples that go at once; the rest of a batch waits, and goes through a second time in the backward pass. If left out, as many as
    /// let the light in a plane take 64 MiB. Results do not depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<usize>,
    /// How misaligned masks are seen.
    #[serde(default)]
    pub sampling: Mode,
    /// How masks start.
    #[serde(default)]
    pub start: MaskStart,
    /// What light passes, in order.
    pub planes: Vec<PlaneRecipe>,
    /// How far the camera is from the last plane.
    pub distance: Length,
    /// Where it reads |E|^2, one output a region.
    pub regions: RegionsRecipe,
    /// Outputs are shares of the light on all regions; else the light itself.
    #[serde(default = "yes")]
    pub shares: bool,
    /// Full scale of the detectors, in units of the reading. With it their noise is the imperfection `detection_noise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_scale: Option<f32>,
    /// Readings are set to the nearest of 2^bits levels from -`full_scale` to `full_scale`; as they are if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adc_bits: Option<u32>,
    /// Electronic gain behind the detectors, one number a layer.
    #[serde(default = "default_gain")]
    pub gain: f32,
    /// Whether the gain is trained, from `gain` on; it stays as it is if left out.
    #[serde(default)]
    pub trainable_gain: bool,
}

fn default_padding() -> usize {
    2
}

impl PlaneRecipe {
    /// Nothing at a distance.
    pub fn new(distance: Length) -> Self {
        Self { distance, mask: None, bits: None, lens: None, aperture: None, threshold: None }
    }
}

impl FreeSpaceRecipe {
    /// Free space without planes, from intensities on the whole grid to a camera at a distance.
    pub fn new(wavelength: Length, pitch: Length, grid: [usize; 2], distance: Length, regions: RegionsRecipe) -> Self {
        Self {
            name: None,
            wavelength,
            pitch,
            grid,
            padding: default_padding(),
            input: LightInput::default(),
            picture: None,
            propagation: Method::default(),
            band_limit: yes(),
            chunk: None,
            sampling: Mode::default(),
            start: MaskStart::default(),
            planes: Vec::new(),
            distance,
            regions,
            shares: yes(),
            full_scale: None,
            adc_bits: None,
            gain: default_gain(),
            trainable_gain: false,
        }
    }

    /// The masks in order: of each the plane that it stands in, its parameter (`phase1`, `amplitude1`, ...) and its kind.
    pub fn masks(&self) -> impl Iterator<Item = (usize, String, MaskKind)> {
        let mut counts = [0, 0];
        self.planes.iter().enumerate().filter_map(move |(plane, recipe)| {
            let kind = recipe.mask?;
            let (word, count) = match kind {
                MaskKind::Phase => ("phase", &mut counts[0]),
                MaskKind::Amplitude => ("amplitude", &mut counts[1]),
            };
            *count += 1;
            Some((plane, format!("{word}{count}"), kind))
        })
    }

    /// Where the camera reads light.
    ///
    /// # Errors
    /// One line about regions that do not fit.
    pub fn detectors(&self) -> Result<Regions, String> {
        self.regions.of(self.grid)
    }

    /// Refuses values out of range.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(1..=8).contains(&self.padding) {
            return Err(format!("`padding` must be 1 to 8, not {}", self.padding));
        }
        let [height, width] = self.grid;
        if !(1..=16_384).contains(&height) || !(1..=16_384).contains(&width) {
            return Err(format!("`grid` must be 1 to 16384 samples along an axis, not {height} x {width}"));
        }
        if let Some([rows, columns]) =
            self.picture.filter(|picture| picture.contains(&0) || picture[0] > height || picture[1] > width)
        {
            return Err(format!("`picture` must be 1 sample to the grid, {height} x {width}, not {rows} x {columns}"));
        }
        if self.chunk == Some(0) {
            return Err("`chunk` must be at least 1 sample".to_owned());
        }
        Readout::check(self.full_scale, self.adc_bits, self.gain)?;
        for (index, plane) in self.planes.iter().enumerate() {
            let refuse = |message: String| Err(format!("`planes`, number {}: {message}", index + 1));
            if plane.mask.is_none() && plane.lens.is_none() && plane.aperture.is_none() && plane.threshold.is_none() {
                return refuse("has nothing in it; give a `mask`, a `lens`, an `aperture` or a `threshold`".to_owned());
            }
            if let Some(threshold) = plane.threshold.filter(|threshold| !(threshold.is_finite() && *threshold > 0.0)) {
                return refuse(format!("`threshold` must be above 0, not {threshold}"));
            }
            if plane.mask.is_some() && (plane.lens.is_some() || plane.aperture.is_some()) {
                return refuse(
                    "a `mask` has no `lens` or `aperture` in its plane; give these a plane of their own".to_owned(),
                );
            }
            if plane.bits.is_some() && plane.mask != Some(MaskKind::Phase) {
                return refuse("`bits` belong to a phase mask".to_owned());
            }
            if let Some(bits) = plane.bits.filter(|bits| !(1..=16).contains(bits)) {
                return refuse(format!("`bits` must be 1 to 16, not {bits}"));
            }
            if plane.lens.is_some_and(|lens| lens.0 == 0.0) {
                return refuse("`lens` must have a focal length other than 0".to_owned());
            }
            if let Some(aperture) = plane.aperture {
                let extent = Length(height.min(width) as f64 * self.pitch.0);
                if aperture.0 <= 0.0 {
                    return refuse(format!("`aperture` must be above 0, not {aperture}"));
                }
                if aperture.0 > extent.0 * (1.0 + 1e-9) {
                    return refuse(format!(
                        "`aperture`, {aperture}, is larger than the grid, {extent}; enlarge `grid`"
                    ));
                }
            }
        }
        Ok(())
    }
}
