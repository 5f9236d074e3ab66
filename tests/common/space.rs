//! The layer `free-space` in `f64`, made of the specification's functions.

use std::ops::Range;

use flatlight::light::{Grid, Method, Space};
use flatlight::network::Network;
use flatlight::ops::resample::Mode as Sampling;
use flatlight::optics::{FreeSpaceRecipe, LightInput, MaskKind};
use flatlight::reference::lens::Lens;
use flatlight::reference::propagation;
use flatlight::reference::regions::Regions;
use flatlight::reference::resample::{Mode, Resample};
use flatlight::reference::source::Source;
use flatlight::reference::tilt::Tilt;
use flatlight::reference::transfer::Transfer;
use flatlight::reference::transmission::{Mask, Values};
use flatlight::reference::{gain, plane};

struct TwinPlane {
    /// Where the parameter of the mask is; none: it is a lens, an aperture or neither.
    mask: Option<Range<usize>>,
    /// Of the masks or of the lenses, which one it is.
    number: usize,
    values: Values,
    fill: f64,
    focal_length: Option<f64>,
    aperture: Option<f64>,
    threshold: f64,
}

/// Light of one wavelength.
struct TwinLine {
    wavelength: f64,
    amplitude: f64,
    dispersion: f64,
    steps: Vec<(Transfer, Vec<f64>)>,
}

pub struct TwinSpace {
    source: Source,
    grid: propagation::Grid,
    pitch: f64,
    lines: Vec<TwinLine>,
    planes: Vec<TwinPlane>,
    resample: Resample,
    regions: Regions,
    gain: Option<usize>,
    lie: [Range<usize>; 4],
    tilts: [Range<usize>; 2],
    lens_shifts: [Range<usize>; 2],
    distance_error: Range<usize>,
}

impl TwinSpace {
    pub fn new(network: &Network<'_>, recipe: &FreeSpaceRecipe, name: &str, pixels: [usize; 2]) -> Self {
        let parameter = |own: &str| {
            let named = format!("{name}.{own}");
            network.parameters().iter().find(|entry| entry.name == named)
        };
        let imperfection = |own: &str| {
            let named = format!("{name}.{own}");
            network.imperfections().iter().find(|entry| entry.name == named).map_or(0..0, |entry| entry.range())
        };
        let size = recipe.grid;
        let padded = size.map(|extent| recipe.padding * extent);
        let grid = Grid {
            height: size[0],
            width: size[1],
            padded_height: padded[0],
            padded_width: padded[1],
            pitch: recipe.pitch.0,
        };
        let line = |(wavelength, share): (f64, f64)| {
            let step = |distance: f64| {
                let (method, band_limited) = (recipe.propagation, recipe.band_limit);
                let space = Space { grid, wavelength, distance, method, band_limited };
                let transfer = Transfer {
                    wavelength,
                    steps: padded.map(|extent| 1.0 / (extent as f64 * grid.pitch)),
                    columns: space.table()[1],
                    paraxial: method == Method::Fresnel,
                };
                (transfer, space.turns())
            };
            let distances = recipe.planes.iter().map(|plane| plane.distance).chain([recipe.distance]);
            TwinLine {
                wavelength,
                amplitude: share.sqrt(),
                dispersion: recipe.wavelength.0 / wavelength,
                steps: distances.map(|distance| step(distance.0)).collect(),
            }
        };
        let all: f64 = recipe.lines.iter().map(|line| line.share).sum();
        let mut lines: Vec<_> = recipe.lines.iter().map(|own| line((own.wavelength.0, own.share / all))).collect();
        if lines.is_empty() {
            lines.push(line((recipe.wavelength.0, 1.0)));
        }
        let (mut counts, mut lenses) = ([0, 0], 0);
        let planes = recipe.planes.iter().map(|plane| {
            let amplitude = plane.mask == Some(MaskKind::Amplitude);
            let number = if plane.mask.is_some() { counts[0] + counts[1] } else { lenses };
            let mask = plane.mask.map(|_| {
                let count = &mut counts[usize::from(amplitude)];
                *count += 1;
                let word = if amplitude { "amplitude" } else { "phase" };
                parameter(&format!("{word}{count}")).expect("a mask").range()
            });
            lenses += usize::from(mask.is_none());
            TwinPlane {
                mask,
                number,
                values: if amplitude {
                    Values::Amplitude
                } else {
                    Values::Phase(plane.bits.map_or(0, |bits| 1 << bits))
                },
                fill: plane.fill_factor.map_or(1.0, f64::from),
                focal_length: plane.lens.map(|length| length.0),
                aperture: plane.aperture.map(|length| length.0),
                threshold: plane.threshold.map_or(0.0, f64::from),
            }
        });
        let planes = planes.collect();
        let regions = match (&recipe.regions.rows, recipe.regions.side, recipe.regions.cells) {
            (Some(rows), Some(side), _) => flatlight::light::Regions::rows(size[0], size[1], rows, side),
            (_, _, cells) => {
                let [rows, columns] = cells.expect("cells");
                flatlight::light::Regions::grid(size[0], size[1], None, rows, columns)
            }
        };
        let of = regions.expect("regions that fit").table();
        Self {
            source: Source {
                pixels,
                picture: recipe.picture.unwrap_or(size),
                grid: size,
                intensity: recipe.input == LightInput::Intensity,
                amplitude: 1.0,
            },
            grid: propagation::Grid { size, padded },
            pitch: recipe.pitch.0,
            lines,
            planes,
            resample: Resample {
                mode: match recipe.sampling {
                    Sampling::Area => Mode::Area,
                    Sampling::Bilinear => Mode::Bilinear,
                    Sampling::Nearest => Mode::Nearest,
                },
                from: size,
                to: size,
                step: [1.0; 2],
                outside: [0.0; 2],
                channels: 2,
            },
            regions: Regions {
                count: of.iter().flatten().max().map_or(0, |last| last + 1),
                of,
                divided: recipe.shares,
            },
            gain: parameter("gain").map(|entry| entry.offset),
            lie: ["shift_x", "shift_y", "rotation", "scale"].map(imperfection),
            tilts: ["tilt_x", "tilt_y"].map(imperfection),
            lens_shifts: ["lens_shift_x", "lens_shift_y"].map(imperfection),
            distance_error: imperfection("distance_error"),
        }
    }

    /// How a mask lies on a chip.
    fn lie<'a>(&self, chip: &'a [f64], mask: usize) -> [&'a [f64]; 4] {
        self.lie.each_ref().map(|range| &chip[range.clone()][mask..=mask])
    }

    fn mask(&self, line: &TwinLine, plane: &TwinPlane) -> Mask {
        Mask { values: plane.values, fill: plane.fill, dispersion: line.dispersion }
    }

    fn tilt(&self, line: &TwinLine) -> Tilt {
        Tilt { grid: self.grid.size, pitch: self.pitch, wavelength: line.wavelength }
    }

    fn angles(&self, chip: &[f64], mask: usize) -> [f64; 2] {
        self.tilts.each_ref().map(|range| chip[range.clone()][mask])
    }

    /// Transmission of a plane as it is built.
    fn transmission(&self, p: &[f64], chip: &[f64], line: &TwinLine, plane: &TwinPlane) -> Vec<f64> {
        let number = plane.number;
        let Some(range) = plane.mask.clone() else {
            let lens = Lens {
                grid: self.grid.size,
                pitch: self.pitch,
                wavelength: line.wavelength,
                focal_length: plane.focal_length,
                aperture: plane.aperture,
            };
            return lens.forward(self.lens_shifts.each_ref().map(|range| chip[range.clone()][number]));
        };
        let nominal = self.mask(line, plane).forward(&p[range]);
        let seen = self.resample.forward(&nominal, self.lie(chip, number));
        self.tilt(line).forward(&seen, self.angles(chip, number))
    }

    fn transfer(&self, chip: &[f64], line: &TwinLine, step: usize) -> Vec<f64> {
        let (transfer, turns) = &line.steps[step];
        transfer.forward(turns, chip[self.distance_error.clone()][step])
    }

    /// Light of a line that arrives at every plane and at the camera.
    fn arriving(&self, p: &[f64], chip: &[f64], line: &TwinLine, x: &[f64]) -> Vec<Vec<f64>> {
        let mut light = Source { amplitude: line.amplitude, ..self.source }.forward(x);
        let mut all = Vec::new();
        for (step, plane) in self.planes.iter().enumerate() {
            all.push(propagation::forward(self.grid, &light, None, &self.transfer(chip, line, step)));
            light = plane::forward(&all[step], &self.transmission(p, chip, line, plane), plane.threshold);
        }
        all.push(propagation::forward(self.grid, &light, None, &self.transfer(chip, line, self.planes.len())));
        all
    }

    /// A field as bright as the light of all lines at the camera.
    fn camera(&self, p: &[f64], chip: &[f64], x: &[f64]) -> Vec<f64> {
        let camera = |line| self.arriving(p, chip, line, x).pop().expect("a camera");
        let intensity = |field: Vec<f64>| field.chunks(2).map(|e| e[0] * e[0] + e[1] * e[1]).collect::<Vec<_>>();
        let lines = self.lines.iter().map(|line| intensity(camera(line)));
        let all = lines.reduce(|all, own| all.iter().zip(own).map(|(all, own)| all + own).collect());
        all.expect("a line").iter().flat_map(|intensity| [intensity.sqrt(), 0.0]).collect()
    }

    pub fn forward(&self, p: &[f64], chip: &[f64], x: &[f64]) -> Vec<f64> {
        let reading = self.regions.forward(&self.camera(p, chip, x));
        gain::forward(&reading, self.gain.map_or(1.0, |place| p[place]), None)
    }

    /// Gradient of the pictures; those of masks and gain are written to `gradient`.
    pub fn backward(&self, p: &[f64], chip: &[f64], x: &[f64], d_y: &[f64], gradient: &mut [f64]) -> Vec<f64> {
        let camera = self.camera(p, chip, x);
        let mut d_reading = d_y.to_vec();
        if let Some(place) = self.gain {
            (d_reading, gradient[place]) = gain::backward(&self.regions.forward(&camera), p[place], d_y);
        }
        // Of the intensities, from that of a field which has them.
        let d_camera = self.regions.backward(&camera, &d_reading);
        let per_intensity = d_camera.chunks(2).zip(camera.chunks(2)).map(|(d, e)| d[0] / (2.0 * e[0]));
        let per_intensity: Vec<_> = per_intensity.collect();
        for range in self.planes.iter().filter_map(|plane| plane.mask.clone()) {
            gradient[range].fill(0.0);
        }
        let mut d_x = vec![0.0; x.len()];
        for line in &self.lines {
            let arriving = self.arriving(p, chip, line, x);
            let camera = arriving.last().expect("a camera");
            let mut d_light: Vec<_> =
                camera.iter().enumerate().map(|(at, e)| 2.0 * e * per_intensity[at / 2]).collect();
            for step in (0..line.steps.len()).rev() {
                d_light = propagation::adjoint(self.grid, &d_light, &self.transfer(chip, line, step));
                let Some(place) = step.checked_sub(1) else { break };
                let plane = &self.planes[place];
                let t = self.transmission(p, chip, line, plane);
                let [d_arriving, d_t] = plane::backward(&arriving[place], &t, plane.threshold, &d_light);
                d_light = d_arriving;
                let Some(range) = plane.mask.clone() else { continue };
                let d_seen = self.tilt(line).backward(&d_t, self.angles(chip, plane.number));
                let d_nominal = self.resample.backward(&d_seen, self.lie(chip, plane.number));
                let d_mask = self.mask(line, plane).backward(&p[range.clone()], &d_nominal);
                gradient[range].iter_mut().zip(d_mask).for_each(|(gradient, own)| *gradient += own);
            }
            let source = Source { amplitude: line.amplitude, ..self.source };
            d_x.iter_mut().zip(source.backward(x, &d_light)).for_each(|(d_x, own)| *d_x += own);
        }
        d_x
    }
}
