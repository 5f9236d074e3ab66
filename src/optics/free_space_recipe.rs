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

/// A spectral line of the source.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineRecipe {
    /// Its wavelength in the medium.
    pub wavelength: Length,
    /// Its part of the light, by intensity, in any unit.
    pub share: f64,
}

/// In what the light that is kept for the backward pass is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptAs {
    /// As it is.
    #[default]
    F32,
    /// In half the memory; gradients then differ by about 0.1 %, results do not.
    F16,
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
    /// Share of the area of the mask's pixels that acts; through the rest light passes unchanged, which gives the zeroth order.
    /// 1 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill_factor: Option<f32>,
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
    /// Wavelength in the medium. Phases of masks are those at this wavelength.
    pub wavelength: Length,
    /// Spectral lines of a source that is not monochromatic; their intensities add up at the camera, and a mask delays all
    /// of them as much: its phase, within a turn, goes with 1 / wavelength. Only `wavelength` if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineRecipe>,
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
    /// The light that arrives is kept for the backward pass at every so manieth plane, and computed again at those between. If left
    /// out: at every plane while that takes at most 256 MiB, else at the distance that needs least memory. Results do not depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_every: Option<usize>,
    /// In what the light is kept.
    #[serde(default)]
    pub keep_as: KeptAs,
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
        Self { distance, mask: None, bits: None, fill_factor: None, lens: None, aperture: None, threshold: None }
    }
}

impl FreeSpaceRecipe {
    /// Free space without planes, from intensities on the whole grid to a camera at a distance.
    pub fn new(wavelength: Length, pitch: Length, grid: [usize; 2], distance: Length, regions: RegionsRecipe) -> Self {
        Self {
            name: None,
            wavelength,
            lines: Vec::new(),
            pitch,
            grid,
            padding: default_padding(),
            input: LightInput::default(),
            picture: None,
            propagation: Method::default(),
            band_limit: yes(),
            chunk: None,
            keep_every: None,
            keep_as: KeptAs::default(),
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

    /// Spectral lines of the source: wavelengths, m, and shares of its light, which add up to 1.
    pub fn spectrum(&self) -> Vec<(f64, f64)> {
        let all: f64 = self.lines.iter().map(|line| line.share).sum();
        match self.lines.is_empty() {
            true => vec![(self.wavelength.0, 1.0)],
            false => self.lines.iter().map(|line| (line.wavelength.0, line.share / all)).collect(),
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
        if self.keep_every == Some(0) {
            return Err("`keep_every` must be at least 1 plane".to_owned());
        }
        for (index, line) in self.lines.iter().enumerate() {
            if !(line.share.is_finite() && line.share > 0.0) {
                return Err(format!("`lines`, number {}: `share` must be above 0, not {}", index + 1, line.share));
            }
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
            if plane.fill_factor.is_some() && plane.mask.is_none() {
                return refuse("`fill_factor` belongs to a mask".to_owned());
            }
            if let Some(fill) = plane.fill_factor.filter(|fill| !(*fill > 0.0 && *fill <= 1.0)) {
                return refuse(format!("`fill_factor` must be above 0 and at most 1, not {fill}"));
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
