//! The layer `free-space` in `f64`, made of the specification's functions.

use std::f64::consts::PI;
use std::ops::Range;

use flatlight::light::{Grid, Method, Space};
use flatlight::network::Network;
use flatlight::ops::resample::Mode as Sampling;
use flatlight::optics::{FreeSpaceRecipe, LightInput, MaskKind};
use flatlight::reference::propagation;
use flatlight::reference::regions::Regions;
use flatlight::reference::resample::{Mode, Resample};
use flatlight::reference::source::Source;
use flatlight::reference::transfer::Transfer;
use flatlight::reference::transmission::{Mask, Values};
use flatlight::reference::{gain, plane};

struct TwinPlane {
    /// Where the parameter of the mask is, and whether it is an amplitude.
    mask: Option<(Range<usize>, bool)>,
    levels: u32,
    /// Transmission of what is not a mask.
    fixed: Vec<f64>,
    threshold: f64,
}

pub struct TwinSpace {
    source: Source,
    grid: propagation::Grid,
    steps: Vec<(Transfer, Vec<f64>)>,
    planes: Vec<TwinPlane>,
    resample: Resample,
    regions: Regions,
    gain: Option<usize>,
    lie: [Range<usize>; 4],
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
        let step = |distance: f64| {
            let (method, band_limited) = (recipe.propagation, recipe.band_limit);
            let space = Space { grid, wavelength: recipe.wavelength.0, distance, method, band_limited };
            let transfer = Transfer {
                wavelength: space.wavelength,
                steps: padded.map(|extent| 1.0 / (extent as f64 * grid.pitch)),
                columns: space.table()[1],
                paraxial: method == Method::Fresnel,
            };
            (transfer, space.turns())
        };
        let mut counts = [0, 0];
        let planes = recipe.planes.iter().map(|plane| {
            let mask = plane.mask.map(|kind| {
                let amplitude = kind == MaskKind::Amplitude;
                let count = &mut counts[usize::from(amplitude)];
                *count += 1;
                let word = if amplitude { "amplitude" } else { "phase" };
                (parameter(&format!("{word}{count}")).expect("a mask").range(), amplitude)
            });
            let place = |at: usize, extent: usize| (at as f64 + 0.5 - extent as f64 / 2.0) * grid.pitch;
            let fixed = (0..size[0] * size[1]).flat_map(|at| {
                let square = place(at / size[1], size[0]).powi(2) + place(at % size[1], size[1]).powi(2);
                let angle = plane.lens.map_or(0.0, |lens| -PI * square / (recipe.wavelength.0 * lens.0));
                let closed = plane.aperture.is_some_and(|diameter| square.sqrt() > diameter.0 / 2.0);
                if closed { [0.0; 2] } else { [angle.cos(), angle.sin()] }
            });
            TwinPlane {
                mask,
                levels: plane.bits.map_or(0, |bits| 1 << bits),
                fixed: fixed.collect(),
                threshold: plane.threshold.map_or(0.0, f64::from),
            }
        });
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
            steps: recipe
                .planes
                .iter()
                .map(|plane| plane.distance)
                .chain([recipe.distance])
                .map(|z| step(z.0))
                .collect(),
            planes: planes.collect(),
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
            distance_error: imperfection("distance_error"),
        }
    }

    /// How a mask lies on a chip.
    fn lie<'a>(&self, chip: &'a [f64], mask: usize) -> [&'a [f64]; 4] {
        self.lie.each_ref().map(|range| &chip[range.clone()][mask..=mask])
    }

    /// The mask of a plane, and what it is for its parameter.
    fn nominal<T>(&self, p: &[f64], plane: &TwinPlane, act: impl FnOnce(Mask, &[f64]) -> T) -> Option<T> {
        let (range, amplitude) = plane.mask.clone()?;
        let values = if amplitude { Values::Amplitude } else { Values::Phase(plane.levels) };
        Some(act(Mask { values, fill: 1.0, dispersion: 1.0 }, &p[range]))
    }

    /// Transmissions of all planes as they are built.
    fn transmissions(&self, p: &[f64], chip: &[f64]) -> Vec<Vec<f64>> {
        let mut masks = 0..;
        let of = |plane: &TwinPlane| {
            let nominal = self.nominal(p, plane, |mask, own| mask.forward(own));
            nominal.zip(plane.mask.as_ref().and_then(|_| masks.next())).map_or_else(
                || plane.fixed.clone(),
                |(nominal, mask)| self.resample.forward(&nominal, self.lie(chip, mask)),
            )
        };
        self.planes.iter().map(of).collect()
    }

    fn transfer(&self, chip: &[f64], step: usize) -> Vec<f64> {
        let (transfer, turns) = &self.steps[step];
        transfer.forward(turns, chip[self.distance_error.clone()][step])
    }

    /// Light that arrives at every plane and at the camera.
    fn arriving(&self, p: &[f64], chip: &[f64], x: &[f64]) -> Vec<Vec<f64>> {
        let mut light = self.source.forward(x);
        let mut all = Vec::new();
        let transmissions = self.transmissions(p, chip);
        for (step, (plane, t)) in self.planes.iter().zip(&transmissions).enumerate() {
            all.push(propagation::forward(self.grid, &light, None, &self.transfer(chip, step)));
            light = plane::forward(&all[step], t, plane.threshold);
        }
        all.push(propagation::forward(self.grid, &light, None, &self.transfer(chip, self.planes.len())));
        all
    }

    pub fn forward(&self, p: &[f64], chip: &[f64], x: &[f64]) -> Vec<f64> {
        let camera = self.arriving(p, chip, x).pop().expect("a camera");
        gain::forward(&self.regions.forward(&camera), self.gain.map_or(1.0, |place| p[place]), None)
    }

    /// Gradient of the pictures; those of masks and gain are written to `gradient`.
    pub fn backward(&self, p: &[f64], chip: &[f64], x: &[f64], d_y: &[f64], gradient: &mut [f64]) -> Vec<f64> {
        let arriving = self.arriving(p, chip, x);
        let transmissions = self.transmissions(p, chip);
        let camera = arriving.last().expect("a camera");
        let mut d_reading = d_y.to_vec();
        if let Some(place) = self.gain {
            (d_reading, gradient[place]) = gain::backward(&self.regions.forward(camera), p[place], d_y);
        }
        let mut d_light = self.regions.backward(camera, &d_reading);
        for step in (0..self.steps.len()).rev() {
            d_light = propagation::adjoint(self.grid, &d_light, &self.transfer(chip, step));
            let Some(plane) = step.checked_sub(1) else { break };
            let own = &self.planes[plane];
            let [d_x, d_t] = plane::backward(&arriving[plane], &transmissions[plane], own.threshold, &d_light);
            d_light = d_x;
            let mask = self.planes[..plane].iter().filter(|plane| plane.mask.is_some()).count();
            let Some((range, _)) = own.mask.clone() else { continue };
            let d_nominal = self.resample.backward(&d_t, self.lie(chip, mask));
            let d_mask = self.nominal(p, own, |mask, values| mask.backward(values, &d_nominal)).expect("a mask");
            gradient[range].copy_from_slice(&d_mask);
        }
        self.source.backward(x, &d_light)
    }
}
