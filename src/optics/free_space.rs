//! Coherent light in free space: a picture, masks, lenses and thresholds in planes at distances, a camera.

use std::f32::consts::TAU;
use std::f64::consts::PI;

use super::free_space_recipe::{FreeSpaceRecipe, LightInput, MaskKind, MaskStart, PlaneRecipe};
use super::readout::Readout;
use crate::gpu::{Error, PlanBuilder, Slice};
use crate::layer::{self, Cause, Derived, Imperfection, Io, Layer, Parameter, Pass, Role, Start};
use crate::light::{Grid, Space};
use crate::ops::plane::{self, Threshold};
use crate::ops::propagation::Propagation;
use crate::ops::regions::Detector;
use crate::ops::resample::{Geometry, Mode, Resample};
use crate::ops::source::{Shown, Source};
use crate::ops::transfer;
use crate::ops::transmission::{Masks, Values};

/// Light from a picture through planes to a camera. Between planes it propagates by its angular spectrum, E' = crop IFFT2 H FFT2 pad E
/// ([`Space`]); a plane multiplies it with its complex transmission t, made of what the mask is set to, seen where the mask
/// really is.
///
/// Kept for the backward pass is the light that arrives at every plane; the rest is computed again. A batch whose planes would be
/// larger than 64 MiB goes in runs of samples: then the light is kept of one run only, and the backward pass sends it through
/// once more.
#[derive(Clone, Debug)]
pub struct FreeSpace {
    recipe: FreeSpaceRecipe,
    source: Source,
    /// Before every plane, and before the camera.
    spaces: Vec<Space>,
    /// Which table of turns each of these has: equal distances share one.
    tables: Vec<usize>,
    propagation: Propagation,
    resample: Resample,
    /// Which mask a plane holds.
    masks: Vec<Option<usize>>,
    detector: Detector,
    readout: Readout,
}

/// Bytes that the light in a plane may take, for as many samples as go at once.
const CHUNK: usize = 1 << 26;

/// Places of what is derived. Behind them come the tables of turns, t of every plane, the light before every plane and the
/// camera, the means of every plane, and the gradients of t; last what the readout has.
const TRANSFER: usize = 0;
const SCRATCH: usize = 1;
const NOMINAL: usize = 3;
const LIGHT: usize = 4;
const D_LIGHT: usize = 5;
const INTENSITIES: usize = 6;
const SLOPE: usize = 7;
const PARTIALS: usize = 8;
const SUMS: usize = 9;
const D_SUMS: usize = 10;
const FIRST: usize = 11;

/// Places of what may be wrong; the readout's comes after them.
const SHIFT_X: usize = 0;
const SHIFT_Y: usize = 1;
const ROTATION: usize = 2;
const SCALE: usize = 3;

impl FreeSpace {
    /// A layer for samples of this shape.
    ///
    /// # Errors
    /// One line about the key that is out of its range, or what does not fit.
    pub fn new(recipe: FreeSpaceRecipe, input_shape: &[usize]) -> Result<Self, String> {
        recipe.check()?;
        let [channels, rows, columns] = layer::image(input_shape, "light in free space")?;
        if channels != 1 {
            return Err(format!("`type`: light shows one picture, not {channels} channels"));
        }
        let [height, width] = recipe.grid;
        let [padded_height, padded_width] = recipe.grid.map(|extent| extent * recipe.padding);
        let shown = match recipe.input {
            LightInput::Intensity => Shown::Intensity,
            LightInput::Amplitude => Shown::Amplitude,
        };
        let picture = recipe.picture.unwrap_or(recipe.grid);
        let source = Source { pixels: [rows, columns], picture, grid: recipe.grid, shown };
        let grid = Grid { height, width, padded_height, padded_width, pitch: recipe.pitch.0 };
        let distances = recipe.planes.iter().map(|plane| plane.distance).chain([recipe.distance]);
        let space = |distance: crate::light::Length| Space {
            grid,
            wavelength: recipe.wavelength.0,
            distance: distance.0,
            method: recipe.propagation,
            band_limited: recipe.band_limit,
        };
        let spaces: Vec<_> = distances.map(space).collect();
        spaces.iter().try_for_each(Space::check).map_err(|error| error.to_string())?;
        let same = |space: &Space| spaces.iter().position(|other| other == space).unwrap_or_default();
        let firsts: Vec<_> = spaces.iter().map(same).collect();
        let number = |first: &usize| (0..*first).filter(|&at| firsts[at] == at).count();
        let tables = firsts.iter().map(number).collect();
        let fits = |error: Error| format!("`grid`: {error}");
        let mut count = 0..;
        let masks = recipe.planes.iter().map(|plane| plane.mask.and_then(|_| count.next())).collect();
        Ok(Self {
            source,
            spaces,
            tables,
            propagation: Propagation::new(height, width, padded_height, padded_width).map_err(fits)?,
            // Light that misses a mask is lost.
            resample: Resample::new(recipe.sampling, recipe.grid, recipe.grid, [0.0; 2]).map_err(fits)?,
            masks,
            detector: Detector::new(recipe.detectors()?, recipe.shares),
            readout: Readout::new(recipe.full_scale, recipe.adc_bits, recipe.gain, recipe.trainable_gain),
            recipe,
        })
    }

    /// Planes that hold a mask: of the plane, the mask and its kind.
    fn mask_planes(&self) -> impl Iterator<Item = (usize, usize, MaskKind)> {
        let planes = self.masks.iter().zip(&self.recipe.planes).enumerate();
        planes.filter_map(|(plane, (mask, recipe))| Some((plane, (*mask)?, recipe.mask?)))
    }

    fn n_planes(&self) -> usize {
        self.recipe.planes.len()
    }

    fn n_masks(&self) -> usize {
        self.mask_planes().count()
    }

    fn n_tables(&self) -> usize {
        self.tables.iter().max().map_or(0, |last| last + 1)
    }

    /// Samples that go at once.
    fn chunk(&self, batch: usize) -> usize {
        let [height, width] = self.recipe.grid;
        self.recipe.chunk.unwrap_or(CHUNK / (8 * height * width)).clamp(1, batch.max(1))
    }

    /// Runs of a batch: first sample and number of samples.
    fn runs(&self, batch: usize) -> impl DoubleEndedIterator<Item = (usize, usize)> {
        let chunk = self.chunk(batch);
        (0..batch).step_by(chunk).map(move |first| (first, chunk.min(batch - first)))
    }

    fn turns<'a>(&self, io: &'a Io, step: usize) -> &'a Slice {
        &io.derived[FIRST + self.tables[step]]
    }

    fn transmission<'a>(&self, io: &'a Io, plane: usize) -> &'a Slice {
        &io.derived[FIRST + self.n_tables() + plane]
    }

    /// Light that arrives at a plane, or at the camera, of a run of samples.
    fn arriving(&self, io: &Io, step: usize, samples: usize) -> Result<Slice, Error> {
        run(&io.derived[FIRST + self.n_tables() + self.n_planes() + step], samples)
    }

    /// Where the gradient of the transmission of a mask is summed: one place for all, if a batch is one run.
    fn d_transmission<'a>(&self, io: &'a Io, plane: usize) -> &'a Slice {
        let first = FIRST + self.n_tables() + 3 * self.n_planes() + 1;
        let own = if self.chunk(io.input.shape()[0]) == io.input.shape()[0] { None } else { self.masks[plane] };
        // Where a plane has no mask nobody asks, and it may be written over.
        &io.derived[first + own.map_or(0, |mask| mask + 1)]
    }

    /// Calls back with the threshold behind a plane, if it has one.
    fn with_threshold<T>(
        &self,
        io: &Io,
        plane: usize,
        samples: usize,
        record: impl FnOnce(Option<&Threshold<'_>>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(fraction) = self.recipe.planes[plane].threshold else { return record(None) };
        let mean = &io.derived[FIRST + self.n_tables() + 2 * self.n_planes() + 1 + plane];
        let [mean, slope, partials] =
            [run(mean, samples)?, run(&io.derived[SLOPE], samples)?, run(&io.derived[INTENSITIES], samples)?];
        record(Some(&Threshold { fraction, mean: &mean, slope: &slope, partials: &partials }))
    }

    fn geometry<'a>(&self, io: &'a Io) -> Geometry<'a> {
        let [shift_x, shift_y, rotation, scale] =
            [SHIFT_X, SHIFT_Y, ROTATION, SCALE].map(|place| &io.imperfections[place]);
        Geometry { shift_x, shift_y, rotation, scale }
    }

    /// Where the errors of distances are: behind the misalignment of masks, if there are any.
    fn distance_error<'a>(&self, io: &'a Io) -> &'a Slice {
        &io.imperfections[if self.n_masks() == 0 { 0 } else { SCALE + 1 }]
    }

    /// Transmission of a lens and an aperture, at the samples of the grid.
    fn fixed(&self, plane: &PlaneRecipe) -> Vec<f32> {
        let [height, width] = self.recipe.grid;
        let (pitch, wavelength) = (self.recipe.pitch.0, self.recipe.wavelength.0);
        let from_middle = |at: usize, extent: usize| (at as f64 - 0.5 * (extent as f64 - 1.0)) * pitch;
        let mut values = Vec::with_capacity(2 * height * width);
        for row in 0..height {
            for column in 0..width {
                let square = from_middle(row, height).powi(2) + from_middle(column, width).powi(2);
                let open = plane.aperture.is_none_or(|diameter| 4.0 * square <= diameter.0.powi(2));
                // Goodman, Introduction to Fourier Optics, 3rd edition, equation 5-10.
                let phase = plane.lens.map_or(0.0, |focal_length| -PI * square / (wavelength * focal_length.0));
                let (sin, cos) = if open { phase.sin_cos() } else { (0.0, 0.0) };
                values.extend([cos as f32, sin as f32]);
            }
        }
        values
    }

    /// A mask, as the device sets it.
    fn mask<'a>(&self, plane: usize, parameter: &'a Slice) -> Masks<'a> {
        let recipe = &self.recipe.planes[plane];
        let values = match recipe.mask {
            Some(MaskKind::Amplitude) => Values::Amplitude(parameter),
            _ => Values::Phase(parameter, recipe.bits),
        };
        Masks { values, fill: 1.0, dispersion: 1.0 }
    }

    /// Makes the transfer function of a step.
    fn transfer(&self, plan: &mut PlanBuilder<'_>, io: &Io, step: usize) -> Result<(), Error> {
        let error = (self.distance_error(io), step);
        transfer::forward(plan, &self.spaces[step], self.turns(io, step), error, &io.derived[TRANSFER])
    }

    /// Pictures, one a sample.
    fn pictures(&self, rows: &Slice) -> Result<Slice, Error> {
        let [height, width] = self.source.pixels;
        rows.reshape(&[rows.shape()[0], height, width])
    }

    /// Light of a run of samples, from the picture to the camera's readings.
    fn send(&self, plan: &mut PlanBuilder<'_>, io: &Io, (first, samples): (usize, usize)) -> Result<(), Error> {
        let light = run(&io.derived[LIGHT], samples)?;
        let scratch = [&io.derived[SCRATCH], &io.derived[SCRATCH + 1]];
        self.source.forward(plan, (&self.pictures(&io.input)?, first), &light, 1.0)?;
        let mut leaving = (light.clone(), None);
        for step in 0..=self.n_planes() {
            let arriving = self.arriving(io, step, samples)?;
            self.transfer(plan, io, step)?;
            let (field, through) = leaving;
            self.propagation.forward(plan, &field, through, &io.derived[TRANSFER], scratch, &arriving)?;
            leaving = (arriving.clone(), None);
            if step < self.n_planes() {
                let t = self.transmission(io, step);
                leaving = self.with_threshold(io, step, samples, |threshold| match threshold {
                    // The propagation takes the transmission along.
                    None => Ok((arriving, Some(t))),
                    threshold => {
                        plane::forward(plan, &arriving, t, threshold, &light)?;
                        Ok((light.clone(), None))
                    }
                })?;
            }
        }
        let partials = run(&io.derived[PARTIALS], samples)?;
        self.detector.collect(plan, &leaving.0, &partials, (0, 1))?;
        self.detector.read(plan, &partials, &io.derived[SUMS], (self.readout.light(io), first))
    }

    /// Gradients of a run of samples, behind [`send`](Self::send).
    fn send_back(
        &self,
        plan: &mut PlanBuilder<'_>,
        io: &Io,
        (first, samples): (usize, usize),
        d_reading: &Slice,
    ) -> Result<(), Error> {
        let [light, d_light] = [run(&io.derived[LIGHT], samples)?, run(&io.derived[D_LIGHT], samples)?];
        let scratch = [&io.derived[SCRATCH], &io.derived[SCRATCH + 1]];
        let camera = self.arriving(io, self.n_planes(), samples)?;
        let sums = [&io.derived[SUMS], &io.derived[D_SUMS]];
        self.detector.backward(plan, &camera, sums, (d_reading, first), &d_light)?;
        for step in (0..=self.n_planes()).rev() {
            if step == 0 && io.d_input.is_none() {
                break;
            }
            self.transfer(plan, io, step)?;
            self.propagation.adjoint(plan, &d_light, &io.derived[TRANSFER], scratch, &light)?;
            let Some(plane) = step.checked_sub(1) else { continue };
            let arriving = self.arriving(io, plane, samples)?;
            let d_t = (self.d_transmission(io, plane), first > 0);
            let t = self.transmission(io, plane);
            self.with_threshold(io, plane, samples, |threshold| {
                plane::backward(plan, &arriving, t, threshold, &light, &d_light, d_t)
            })?;
            if first + samples == io.input.shape()[0] {
                self.mask_backward(plan, io, plane)?;
            }
        }
        let Some(d_input) = &io.d_input else { return Ok(()) };
        // What was shown, and what its gradient is.
        self.source.forward(plan, (&self.pictures(&io.input)?, first), &d_light, 1.0)?;
        self.source.backward(plan, &d_light, &light, (&self.pictures(d_input)?, first), 1.0, false)
    }

    /// Gradient of what a mask is set to from that of its plane's transmission, once it is complete.
    fn mask_backward(&self, plan: &mut PlanBuilder<'_>, io: &Io, plane: usize) -> Result<(), Error> {
        let Some(mask) = self.masks[plane] else { return Ok(()) };
        let d_t = single(self.d_transmission(io, plane))?;
        let (nominal, set) = (&io.derived[NOMINAL], single(&io.parameters[mask])?);
        self.resample.numbered(mask).backward(plan, self.geometry(io), &d_t, nominal)?;
        self.mask(plane, &set).backward(plan, nominal, &single(&io.gradients[mask])?, false)
    }
}

/// The first samples of a tensor.
fn run(slice: &Slice, samples: usize) -> Result<Slice, Error> {
    let shape = [&[samples], &slice.shape()[1..]].concat();
    slice.part(slice.name(), 0, &shape)
}

/// A plane as one picture.
fn single(slice: &Slice) -> Result<Slice, Error> {
    slice.reshape(&[&[1], slice.shape()].concat())
}

impl Layer for FreeSpace {
    fn parameters(&self) -> Vec<Parameter> {
        let random = self.recipe.start == MaskStart::Random;
        let masks = self.recipe.masks().map(|(_, name, kind)| {
            let (unit, bounds, start) = match kind {
                MaskKind::Phase => {
                    let start = if random { Start::Uniform(0.0, TAU) } else { Start::Constant(0.0) };
                    ("rad", [f32::MIN, f32::MAX], start)
                }
                MaskKind::Amplitude => {
                    let start = if random { Start::Uniform(0.0, 1.0) } else { Start::Constant(0.5) };
                    ("", [0.0, 1.0], start)
                }
            };
            let shape = self.recipe.grid.to_vec();
            Parameter { name: name.into(), shape, unit, bounds, start, role: Role::Control }
        });
        let masks: Vec<_> = masks.collect();
        masks.into_iter().chain(self.readout.parameter()).collect()
    }

    fn imperfections(&self) -> Vec<Imperfection> {
        let common =
            |name, unit, count| Imperfection { name, shape: vec![count], unit, cause: Cause::Common, limit: None };
        let masks = self.n_masks();
        let lie = [("shift_x", "pixels"), ("shift_y", "pixels"), ("rotation", "degrees"), ("scale", "")];
        let lie = lie.into_iter().filter(|_| masks > 0).map(|(name, unit)| common(name, unit, masks));
        lie.chain([common("distance_error", "m", self.spaces.len())]).chain(self.readout.imperfection()).collect()
    }

    fn derived(&self, batch: usize) -> Vec<Derived> {
        let ([height, width], samples, regions) = (self.recipe.grid, self.chunk(batch), self.detector.count());
        let [first, second] = self.propagation.scratch(samples);
        let [rows, columns] = self.spaces[0].table();
        let (light, plane) = (vec![samples, height, width, 2], vec![height, width, 2]);
        let tensor = |name, shape: &[usize]| Derived { name, shape: shape.to_vec() };
        let mut all = vec![
            tensor("transfer", &self.propagation.transfer()),
            tensor("spectrum", &first),
            tensor("spectrum", &second),
            tensor("nominal_mask", &[1, height, width, 2]),
            tensor("light", &light),
            tensor("d_light", &light),
            tensor("intensities", &plane::partials(samples, height, width)),
            tensor("slope", &[samples]),
            tensor("partials", &self.detector.partials(samples, 1)),
            tensor("sums", &[batch, regions]),
            tensor("d_sums", &[batch, regions]),
        ];
        let many = |name, shape: &[usize], count: usize| (0..count).map(|_| tensor(name, shape)).collect::<Vec<_>>();
        all.extend(many("turns", &[rows, columns], self.n_tables()));
        all.extend(many("transmission", &plane, self.n_planes()));
        all.extend(many("arriving", &light, self.n_planes() + 1));
        all.extend(many("mean", &[samples], self.n_planes()));
        let kept = if samples == batch { 0 } else { self.n_masks() };
        all.extend(many("d_transmission", &plane, 1 + kept));
        all.into_iter().chain(self.readout.derived(batch, regions)).collect()
    }

    fn output_shape(&self) -> Vec<usize> {
        vec![self.detector.count()]
    }

    fn warnings(&self) -> Vec<String> {
        let mut found: Vec<_> =
            self.spaces.iter().flat_map(Space::warnings).map(|warning| warning.to_string()).collect();
        if self.recipe.sampling == Mode::Nearest {
            found.push("`sampling = \"nearest\"` hides every misalignment of less than half a pixel".to_owned());
        }
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|warning| seen.insert(warning.clone()));
        found
    }

    fn actuate(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        // What never changes is written as the plan is recorded.
        for (step, space) in self.spaces.iter().enumerate() {
            if self.tables[..step].iter().all(|table| *table != self.tables[step]) {
                let turns: Vec<_> = space.turns().into_iter().map(|turns| turns as f32).collect();
                plan.gpu().write(self.turns(io, step), &turns)?;
            }
        }
        for (plane, recipe) in self.recipe.planes.iter().enumerate() {
            let t = self.transmission(io, plane);
            let Some(mask) = self.masks[plane] else {
                plan.gpu().write(t, &self.fixed(recipe))?;
                continue;
            };
            let (set, nominal) = (single(&io.parameters[mask])?, &io.derived[NOMINAL]);
            self.mask(plane, &set).forward(plan, nominal)?;
            self.resample.numbered(mask).forward(plan, self.geometry(io), nominal, &single(t)?)?;
        }
        Ok(())
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        self.runs(io.input.shape()[0]).try_for_each(|samples| self.send(plan, io, samples))?;
        self.readout.forward(plan, io, None)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let d_reading = self.readout.backward(plan, io)?;
        let batch = io.input.shape()[0];
        let several = self.chunk(batch) < batch;
        for samples in self.runs(batch) {
            if several {
                self.send(plan, io, samples)?;
            }
            self.send_back(plan, io, samples, d_reading)?;
        }
        Ok(())
    }
}
