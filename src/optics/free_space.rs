//! Coherent light in free space: a picture, masks, lenses and thresholds in planes at distances, a camera.

use std::f32::consts::TAU;

use super::free_space_recipe::{FreeSpaceRecipe, KeptAs, LightInput, MaskKind, MaskStart, PlaneRecipe};
use super::keeping::Keeping;
use super::readout::Readout;
use crate::gpu::{Error, PlanBuilder, Scalar, Slice};
use crate::layer::{self, Cause, Derived, Imperfection, Io, Layer, Parameter, Pass, Role, Start};
use crate::light::{Grid, Length, Space};
use crate::ops::lens::{self, Lens};
use crate::ops::plane::{self, Threshold};
use crate::ops::propagation::Propagation;
use crate::ops::regions::Detector;
use crate::ops::resample::{Geometry, Mode, Resample};
use crate::ops::source::{Shown, Source};
use crate::ops::tilt::{self, Tilt};
use crate::ops::transmission::{Masks, Values};
use crate::ops::{half, inner_product, transfer};

/// Light from a picture through planes to a camera. Between planes it propagates by its angular spectrum, E' = crop IFFT2 H FFT2 pad E
/// ([`Space`]); a plane multiplies it with its complex transmission t, made of what the mask is set to, seen where the mask
/// really is. The intensities of several spectral lines add up at the camera.
///
/// Kept for the backward pass is the light that arrives at planes (`keeping`); the rest is computed again. Of a batch that goes
/// in several runs, or light of several lines, the light is kept of the last only, and the backward pass sends each through
/// once more.
#[derive(Clone, Debug)]
pub struct FreeSpace {
    recipe: FreeSpaceRecipe,
    source: Source,
    /// One at least.
    lines: Vec<Line>,
    /// Whose turns are tabled.
    tables: Vec<Space>,
    propagation: Propagation,
    resample: Resample,
    /// What a plane holds, and which of its kind that is.
    elements: Vec<Element>,
    detector: Detector,
    readout: Readout,
}

/// Light of one wavelength.
#[derive(Clone, Debug)]
struct Line {
    /// Of its field, relative to the picture's.
    amplitude: f32,
    /// How much more it is delayed, in phase, than light of the design wavelength.
    dispersion: f32,
    /// Before every plane, and before the camera.
    spaces: Vec<Space>,
    /// Which table of turns each of these has: equal ones share one.
    tables: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Element {
    Mask(usize, MaskKind),
    /// A lens, an aperture, or neither.
    Lens(usize),
}

/// A run of samples of one line on its way: first sample, number of samples.
#[derive(Clone, Copy)]
struct Run<'a> {
    line: (usize, &'a Line),
    first: usize,
    samples: usize,
}

/// Bytes up to which the transmissions of all planes are kept; beyond, each is made when it is needed.
const TRANSMISSIONS: usize = 1 << 26;

/// Places of what is derived. Behind them come the families of tensors, last what the readout has.
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
const MADE: usize = 11;
const FIRST: usize = 12;

/// Families of tensors that are derived, in order.
#[derive(Clone, Copy)]
enum Family {
    /// Tables of turns.
    Turns,
    /// t of every line and plane, or of the one that is needed.
    Transmission,
    /// Light that arrives, in turn, where it is kept in another form.
    Working,
    /// Light that arrived.
    Arriving,
    /// Mean intensities of every plane.
    Mean,
    /// Gradients of t: one for all planes, and of every mask where they are summed over runs.
    DTransmission,
}

/// Places of what may be wrong, where there are masks; those of lenses, of distances and of the readout come after them.
const SHIFT_X: usize = 0;
const SHIFT_Y: usize = 1;
const ROTATION: usize = 2;
const SCALE: usize = 3;
const TILT_X: usize = 4;
const TILT_Y: usize = 5;
const OF_MASKS: usize = 6;
const OF_LENSES: usize = 2;

impl Line {
    fn wavelength(&self) -> f64 {
        self.spaces[0].wavelength
    }
}

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
        let mut different: Vec<Space> = Vec::new();
        let line = |(wavelength, share): (f64, f64)| {
            let distances = recipe.planes.iter().map(|plane| plane.distance).chain([recipe.distance]);
            let (method, band_limited) = (recipe.propagation, recipe.band_limit);
            let space = |distance: Length| Space { grid, wavelength, distance: distance.0, method, band_limited };
            let spaces: Vec<_> = distances.map(space).collect();
            let table = |space: &Space| {
                different.iter().position(|other| other == space).unwrap_or_else(|| {
                    different.push(*space);
                    different.len() - 1
                })
            };
            let tables = spaces.iter().map(table).collect();
            let dispersion = (recipe.wavelength.0 / wavelength) as f32;
            Line { amplitude: share.sqrt() as f32, dispersion, spaces, tables }
        };
        let lines = recipe.spectrum().into_iter().map(line).collect();
        different.iter().try_for_each(Space::check).map_err(|error| error.to_string())?;
        let fits = |error: Error| format!("`grid`: {error}");
        let (mut masks, mut lenses) = (0.., 0..);
        let element = |plane: &PlaneRecipe| match plane.mask {
            Some(kind) => masks.next().map(|mask| Element::Mask(mask, kind)),
            None => lenses.next().map(Element::Lens),
        };
        let elements = recipe.planes.iter().filter_map(element).collect();
        Ok(Self {
            source,
            lines,
            tables: different,
            propagation: Propagation::new(height, width, padded_height, padded_width).map_err(fits)?,
            // Light that misses a mask is lost.
            resample: Resample::new(recipe.sampling, recipe.grid, recipe.grid, [0.0; 2]).map_err(fits)?,
            elements,
            detector: Detector::new(recipe.detectors()?, recipe.shares),
            readout: Readout::new(recipe.full_scale, recipe.adc_bits, recipe.gain, recipe.trainable_gain),
            recipe,
        })
    }

    fn n_planes(&self) -> usize {
        self.elements.len()
    }

    fn n_masks(&self) -> usize {
        self.elements.iter().filter(|element| matches!(element, Element::Mask(..))).count()
    }

    fn n_lenses(&self) -> usize {
        self.n_planes() - self.n_masks()
    }

    fn keeping(&self, batch: usize) -> Keeping {
        let [height, width] = self.recipe.grid;
        Keeping::new(batch, self.n_planes() + 1, 8 * height * width, self.recipe.chunk, self.recipe.keep_every)
    }

    fn batch(io: &Io) -> usize {
        io.input.shape()[0]
    }

    /// Whether every line and plane has a transmission of its own.
    fn keeps_transmissions(&self) -> bool {
        let [height, width] = self.recipe.grid;
        self.lines.len() * self.n_planes() * 8 * height * width <= TRANSMISSIONS
    }

    /// How many tensors there are of every family.
    fn counts(&self, keeping: &Keeping) -> [usize; 6] {
        let transmissions = if self.keeps_transmissions() { self.lines.len() * self.n_planes() } else { 1 };
        let working = match self.recipe.keep_as {
            KeptAs::F32 => 0,
            KeptAs::F16 => 2,
        };
        let summed = if keeping.is_divided() { self.n_masks() } else { 0 };
        [self.tables.len(), transmissions, working, keeping.slots(), self.n_planes(), 1 + summed]
    }

    fn derived_of<'a>(&self, io: &'a Io, family: Family, at: usize) -> &'a Slice {
        let counts = self.counts(&self.keeping(Self::batch(io)));
        &io.derived[FIRST + counts[..family as usize].iter().sum::<usize>() + at]
    }

    /// Where the light that arrives at a step is worked with.
    fn arriving(&self, io: &Io, run: Run<'_>, step: usize) -> Result<Slice, Error> {
        let slice = match self.recipe.keep_as {
            KeptAs::F32 => self.kept(io, step),
            KeptAs::F16 => self.derived_of(io, Family::Working, step % 2),
        };
        part(slice, run.samples)
    }

    fn kept<'a>(&self, io: &'a Io, step: usize) -> &'a Slice {
        self.derived_of(io, Family::Arriving, self.keeping(Self::batch(io)).slot(step))
    }

    /// Brings the light that arrived at a step back from where it is kept.
    fn restore(&self, plan: &mut PlanBuilder<'_>, io: &Io, run: Run<'_>, step: usize) -> Result<Slice, Error> {
        let arriving = self.arriving(io, run, step)?;
        if self.recipe.keep_as == KeptAs::F16 {
            half::unpack(plan, &part(self.kept(io, step), run.samples)?.as_words(), &arriving)?;
        }
        Ok(arriving)
    }

    /// Where the gradient of the transmission of a plane is summed: one place for all, if a batch is one run.
    fn d_transmission<'a>(&self, io: &'a Io, plane: usize) -> &'a Slice {
        let own = match self.elements[plane] {
            Element::Mask(mask, _) if self.keeping(Self::batch(io)).is_divided() => mask + 1,
            // Of a lens nobody asks for it, and it may be written over.
            _ => 0,
        };
        self.derived_of(io, Family::DTransmission, own)
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
        let mean = self.derived_of(io, Family::Mean, plane);
        let [mean, slope, partials] =
            [part(mean, samples)?, part(&io.derived[SLOPE], samples)?, part(&io.derived[INTENSITIES], samples)?];
        record(Some(&Threshold { fraction, mean: &mean, slope: &slope, partials: &partials }))
    }

    fn geometry<'a>(&self, io: &'a Io) -> Geometry<'a> {
        let [shift_x, shift_y, rotation, scale] =
            [SHIFT_X, SHIFT_Y, ROTATION, SCALE].map(|place| &io.imperfections[place]);
        Geometry { shift_x, shift_y, rotation, scale }
    }

    /// Where the misalignment of lenses is, and behind it the errors of distances.
    fn behind_masks(&self) -> usize {
        if self.n_masks() > 0 { OF_MASKS } else { 0 }
    }

    fn distances(&self) -> usize {
        self.behind_masks() + if self.n_lenses() > 0 { OF_LENSES } else { 0 }
    }

    /// Where gradients go that come with others and are not asked for.
    fn not_asked(&self, plan: &PlanBuilder<'_>, count: usize) -> Result<Slice, Error> {
        plan.gpu().zeros("gradients that are not asked for", &[count], Scalar::F32)
    }

    fn tilt(&self, line: &Line) -> Tilt {
        Tilt { pitch: self.recipe.pitch.0, wavelength: line.wavelength() }
    }

    /// By how much a mask turns light.
    fn angles<'a>(&self, io: &'a Io, mask: usize) -> tilt::Angles<'a> {
        ([TILT_X, TILT_Y].map(|place| &io.imperfections[place]), mask)
    }

    fn lens(&self, line: &Line, plane: usize) -> Lens {
        let PlaneRecipe { lens, aperture, .. } = self.recipe.planes[plane];
        let [focal_length, aperture] = [lens, aperture].map(|length| length.map(|length| length.0));
        Lens { pitch: self.recipe.pitch.0, wavelength: line.wavelength(), focal_length, aperture }
    }

    /// Where a lens is.
    fn shifts<'a>(&self, io: &'a Io, lens: usize) -> lens::Shifts<'a> {
        ([0, 1].map(|axis| &io.imperfections[self.behind_masks() + axis]), lens)
    }

    /// A mask, as the device sets it.
    fn mask<'a>(&self, line: &Line, plane: usize, set: &'a Slice, kind: MaskKind) -> Masks<'a> {
        let recipe = &self.recipe.planes[plane];
        let values = match kind {
            MaskKind::Phase => Values::Phase(set, recipe.bits),
            MaskKind::Amplitude => Values::Amplitude(set),
        };
        Masks { values, fill: recipe.fill_factor.unwrap_or(1.0), dispersion: line.dispersion }
    }

    /// Makes the transmission of a plane, as it is built.
    fn build(&self, plan: &mut PlanBuilder<'_>, io: &Io, line: &Line, plane: usize, t: &Slice) -> Result<(), Error> {
        match self.elements[plane] {
            Element::Mask(mask, kind) => {
                let (set, nominal) = (single(&io.parameters[mask])?, &io.derived[NOMINAL]);
                self.mask(line, plane, &set, kind).forward(plan, nominal)?;
                self.resample.numbered(mask).forward(plan, self.geometry(io), nominal, &single(t)?)?;
                self.tilt(line).forward(plan, self.angles(io, mask), t)
            }
            Element::Lens(lens) => self.lens(line, plane).forward(plan, self.shifts(io, lens), t),
        }
    }

    /// The transmission of a plane, made now if it is not kept.
    fn transmission<'a>(
        &self,
        plan: &mut PlanBuilder<'_>,
        io: &'a Io,
        (number, line): (usize, &Line),
        plane: usize,
    ) -> Result<&'a Slice, Error> {
        if self.keeps_transmissions() {
            return Ok(self.derived_of(io, Family::Transmission, number * self.n_planes() + plane));
        }
        let t = self.derived_of(io, Family::Transmission, 0);
        self.build(plan, io, line, plane, t)?;
        Ok(t)
    }

    /// Makes the transfer function of a step, or its slope with the distance.
    fn transfer(
        &self,
        plan: &mut PlanBuilder<'_>,
        io: &Io,
        line: &Line,
        step: usize,
        is_slope: bool,
    ) -> Result<(), Error> {
        let (space, number) = (&line.spaces[step], line.tables[step]);
        let turns = self.derived_of(io, Family::Turns, number);
        let error = (&io.imperfections[self.distances()], step);
        let table = transfer::Table { values: &io.derived[TRANSFER], made: &io.derived[MADE] };
        if is_slope {
            transfer::derivative(plan, space, turns, error, table)
        } else {
            transfer::forward(plan, space, (turns, number + 1), error, table)
        }
    }

    /// Pictures, one a sample.
    fn pictures(&self, rows: &Slice) -> Result<Slice, Error> {
        let [height, width] = self.source.pixels;
        rows.reshape(&[rows.shape()[0], height, width])
    }

    /// Light from the plane before a step, or from the picture, to the step. `between` is where it may be as it leaves.
    fn advance(
        &self,
        plan: &mut PlanBuilder<'_>,
        io: &Io,
        run: Run<'_>,
        step: usize,
        between: usize,
    ) -> Result<(), Error> {
        let (light, line) = (part(&io.derived[between], run.samples)?, run.line.1);
        let (leaving, through) = match step.checked_sub(1) {
            None => {
                self.source.forward(plan, (&self.pictures(&io.input)?, run.first), &light, line.amplitude)?;
                (light, None)
            }
            Some(plane) => {
                let arriving = self.arriving(io, run, plane)?;
                let t = self.transmission(plan, io, run.line, plane)?;
                self.with_threshold(io, plane, run.samples, |threshold| match threshold {
                    // The propagation takes the transmission along.
                    None => Ok((arriving, Some(t))),
                    threshold => {
                        plane::forward(plan, &arriving, t, threshold, &light)?;
                        Ok((light, None))
                    }
                })?
            }
        };
        self.transfer(plan, io, line, step, false)?;
        let scratch = [&io.derived[SCRATCH], &io.derived[SCRATCH + 1]];
        let arriving = self.arriving(io, run, step)?;
        self.propagation.forward(plan, &leaving, through, &io.derived[TRANSFER], scratch, &arriving)?;
        if self.recipe.keep_as == KeptAs::F16 {
            half::pack(plan, &arriving, &part(self.kept(io, step), run.samples)?.as_words())?;
        }
        Ok(())
    }

    /// Gradients of a run, once its light has been sent through.
    fn send_back(
        &self,
        plan: &mut PlanBuilder<'_>,
        io: &Io,
        run: Run<'_>,
        d_reading: &Slice,
        moved: Option<&Slice>,
    ) -> Result<(), Error> {
        let mut fresh = true;
        let moved = moved.map(|moved| part(moved, run.samples)).transpose()?;
        for stretch in self.keeping(Self::batch(io)).stretches().rev() {
            if !fresh {
                self.restore(plan, io, run, stretch.start)?;
                // The gradient so far is where light leaves in the forward pass.
                (stretch.start + 1..stretch.end).try_for_each(|step| self.advance(plan, io, run, step, D_LIGHT))?;
            }
            fresh = false;
            stretch.rev().try_for_each(|step| self.step_back(plan, io, run, step, d_reading, moved.as_ref()))?;
        }
        Ok(())
    }

    /// Gradient of the light that leaves the plane before a step, or the picture, from that of the light that leaves the
    /// step.
    fn step_back(
        &self,
        plan: &mut PlanBuilder<'_>,
        io: &Io,
        run: Run<'_>,
        step: usize,
        d_reading: &Slice,
        moved: Option<&Slice>,
    ) -> Result<(), Error> {
        let ((number, line), first) = (run.line, run.first);
        let [light, d_light] = [part(&io.derived[LIGHT], run.samples)?, part(&io.derived[D_LIGHT], run.samples)?];
        let arriving = self.restore(plan, io, run, step)?;
        if step == self.n_planes() {
            let sums = [&io.derived[SUMS], &io.derived[D_SUMS]];
            self.detector.backward(plan, &arriving, sums, (d_reading, first), &d_light)?;
        } else {
            let t = self.transmission(plan, io, run.line, step)?;
            let d_t = self.d_transmission(io, step);
            let is_mask = matches!(self.elements[step], Element::Mask(..));
            self.with_threshold(io, step, run.samples, |threshold| {
                if let Some(moved) = moved {
                    plane::forward(plan, &arriving, t, threshold, &d_light)?;
                    self.distance_backward(plan, io, run, step + 1, [&d_light, moved])?;
                }
                plane::backward(plan, &arriving, t, threshold, &light, &d_light, (d_t, is_mask && first > 0))
            })?;
            // What is set is built for the whole batch; of a lens, only few numbers are asked for.
            if !is_mask || first + run.samples == Self::batch(io) {
                self.plane_backward(plan, io, run, step, [t, d_t])?;
            }
        }
        let scratch = [&io.derived[SCRATCH], &io.derived[SCRATCH + 1]];
        if let Some(moved) = moved {
            self.transfer(plan, io, line, step, true)?;
            self.propagation.adjoint(plan, &d_light, &io.derived[TRANSFER], scratch, moved)?;
        }
        if step > 0 || io.d_input.is_some() {
            self.transfer(plan, io, line, step, false)?;
            self.propagation.adjoint(plan, &d_light, &io.derived[TRANSFER], scratch, &light)?;
        }
        if step > 0 || (io.d_input.is_none() && moved.is_none()) {
            return Ok(());
        }
        // What was shown, and what its gradient is.
        self.source.forward(plan, (&self.pictures(&io.input)?, first), &d_light, line.amplitude)?;
        if let Some(moved) = moved {
            self.distance_backward(plan, io, run, 0, [&d_light, moved])?;
        }
        let Some(d_input) = &io.d_input else { return Ok(()) };
        let d_pictures = (&self.pictures(d_input)?, first);
        self.source.backward(plan, &d_light, &light, d_pictures, line.amplitude, number > 0)
    }

    /// Gradient of an error of the distance before a step, from the light that goes there and what the propagation's slope makes of
    /// the gradient behind.
    fn distance_backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        io: &Io,
        run: Run<'_>,
        step: usize,
        [leaving, moved]: [&Slice; 2],
    ) -> Result<(), Error> {
        let Some(d_distances) = io.d_imperfection(self.distances()) else { return Ok(()) };
        let scratch =
            plan.gpu().zeros("partial sums of a product", &inner_product::partials(leaving.len()), Scalar::F32)?;
        let added = run.first > 0 || run.line.0 > 0;
        inner_product::forward(plan, leaving, moved, &scratch, (d_distances, step, added))
    }

    /// Gradients of what a mask is set to, and of how a plane lies, from that of its transmission: of a mask once that is summed
    /// over the batch, of a lens run by run.
    fn plane_backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        io: &Io,
        run: Run<'_>,
        plane: usize,
        [t, d_t]: [&Slice; 2],
    ) -> Result<(), Error> {
        let ([height, width], (number, line)) = (self.recipe.grid, run.line);
        let added = number > 0;
        let sums =
            |plan: &PlanBuilder<'_>, shape: &[usize]| plan.gpu().zeros("partial sums of a plane", shape, Scalar::F32);
        let asked = |place: usize, count: usize| {
            let asked = Vec::from_iter((place..place + count).map(|place| io.d_imperfection(place)));
            asked.iter().any(Option::is_some).then_some(asked)
        };
        let (mask, kind) = match self.elements[plane] {
            Element::Mask(mask, kind) => (mask, kind),
            Element::Lens(lens) => {
                let Some(asked) = asked(self.behind_masks(), OF_LENSES) else { return Ok(()) };
                let own = self.not_asked(plan, self.n_lenses())?;
                let d_shifts = [0, 1].map(|axis: usize| asked[axis].unwrap_or(&own));
                let partials = sums(plan, &Lens::partials(height, width))?;
                return self.lens(line, plane).backward(
                    plan,
                    self.shifts(io, lens),
                    d_t,
                    &partials,
                    (d_shifts, added || run.first > 0),
                );
            }
        };
        let (nominal, set) = (&io.derived[NOMINAL], single(&io.parameters[mask])?);
        if let Some(asked) = asked(TILT_X, 2) {
            let own = self.not_asked(plan, self.n_masks())?;
            let d_angles = [0, 1].map(|axis: usize| asked[axis].unwrap_or(&own));
            let partials = sums(plan, &Tilt::partials(height, width))?;
            let angles = self.angles(io, mask);
            self.tilt(line).backward_angles(plan, angles, [t, d_t], &partials, (d_angles, added))?;
        }
        self.tilt(line).backward(plan, self.angles(io, mask), d_t)?;
        if let Some(asked) = asked(SHIFT_X, 4) {
            let own = self.not_asked(plan, self.n_masks())?;
            let [shift_x, shift_y, rotation, scale] =
                [SHIFT_X, SHIFT_Y, ROTATION, SCALE].map(|at| asked[at].unwrap_or(&own));
            let d_geometry = (Geometry { shift_x, shift_y, rotation, scale }, added);
            let (view, partials) = (self.resample.numbered(mask), sums(plan, &self.resample.partials(1))?);
            self.mask(line, plane, &set, kind).forward(plan, nominal)?;
            view.backward_geometry(plan, self.geometry(io), nominal, &single(d_t)?, &partials, d_geometry)?;
        }
        self.resample.numbered(mask).backward(plan, self.geometry(io), &single(d_t)?, nominal)?;
        self.mask(line, plane, &set, kind).backward(plan, nominal, &single(&io.gradients[mask])?, added)
    }
}

/// The first samples of a tensor.
fn part(slice: &Slice, samples: usize) -> Result<Slice, Error> {
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
        let (masks, lenses) = (self.n_masks(), self.n_lenses());
        let of_masks = [
            ("shift_x", "pixels"),
            ("shift_y", "pixels"),
            ("rotation", "degrees"),
            ("scale", ""),
            ("tilt_x", "degrees"),
            ("tilt_y", "degrees"),
        ];
        let of_lenses = [("lens_shift_x", "pixels"), ("lens_shift_y", "pixels")];
        let of_masks = of_masks.into_iter().filter(|_| masks > 0).map(|(name, unit)| common(name, unit, masks));
        let of_lenses = of_lenses.into_iter().filter(|_| lenses > 0).map(|(name, unit)| common(name, unit, lenses));
        let of_distances = common("distance_error", "m", self.n_planes() + 1);
        of_masks.chain(of_lenses).chain([of_distances]).chain(self.readout.imperfection()).collect()
    }

    fn derived(&self, batch: usize) -> Vec<Derived> {
        let keeping = self.keeping(batch);
        let ([height, width], samples, regions) = (self.recipe.grid, keeping.chunk(), self.detector.count());
        let [first, second] = self.propagation.scratch(samples);
        let [rows, columns, _] = self.propagation.transfer();
        let (light, plane) = (vec![samples, height, width, 2], vec![height, width, 2]);
        let packed = vec![samples, height, width];
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
            tensor("partials", &self.detector.partials(samples, self.lines.len())),
            tensor("sums", &[batch, regions]),
            tensor("d_sums", &[batch, regions]),
            tensor("transfer_made", &transfer::MADE),
        ];
        let arriving = if self.recipe.keep_as == KeptAs::F16 { &packed } else { &light };
        let families: [(_, &[usize]); 6] = [
            ("turns", &[rows, columns]),
            ("transmission", &plane),
            ("working", &light),
            ("arriving", arriving),
            ("mean", &[samples]),
            ("d_transmission", &plane),
        ];
        for ((name, shape), count) in families.into_iter().zip(self.counts(&keeping)) {
            all.extend((0..count).map(|_| tensor(name, shape)));
        }
        all.into_iter().chain(self.readout.derived(batch, regions)).collect()
    }

    fn output_shape(&self) -> Vec<usize> {
        vec![self.detector.count()]
    }

    fn warnings(&self) -> Vec<String> {
        let spaces = self.lines.iter().flat_map(|line| &line.spaces);
        let mut found: Vec<_> = spaces.flat_map(Space::warnings).map(|warning| warning.to_string()).collect();
        if self.recipe.sampling == Mode::Nearest {
            found.push("`sampling = \"nearest\"` hides every misalignment of less than half a pixel".to_owned());
        }
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|warning| seen.insert(warning.clone()));
        found
    }

    fn has_gradient(&self, imperfection: &str) -> bool {
        let of_a_view = ["shift_x", "shift_y", "rotation", "scale"].contains(&imperfection);
        imperfection != "detection_noise" && !(of_a_view && self.recipe.sampling == Mode::Nearest)
    }

    fn actuate(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        // What never changes is written as the plan is recorded.
        for (table, space) in self.tables.iter().enumerate() {
            let turns: Vec<_> = space.turns().into_iter().map(|turns| turns as f32).collect();
            plan.gpu().write(self.derived_of(io, Family::Turns, table), &turns)?;
        }
        if !self.keeps_transmissions() {
            return Ok(());
        }
        for line in self.lines.iter().enumerate() {
            for plane in 0..self.n_planes() {
                let t = self.derived_of(io, Family::Transmission, line.0 * self.n_planes() + plane);
                self.build(plan, io, line.1, plane, t)?;
            }
        }
        Ok(())
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        for (first, samples) in self.keeping(Self::batch(io)).runs() {
            let partials = part(&io.derived[PARTIALS], samples)?;
            for line in self.lines.iter().enumerate() {
                let run = Run { line, first, samples };
                (0..=self.n_planes()).try_for_each(|step| self.advance(plan, io, run, step, LIGHT))?;
                let camera = self.arriving(io, run, self.n_planes())?;
                self.detector.collect(plan, &camera, &partials, (line.0, self.lines.len()))?;
            }
            self.detector.read(plan, &partials, &io.derived[SUMS], (self.readout.light(io), first))?;
        }
        self.readout.forward(plan, io, None)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let d_reading = self.readout.backward(plan, io)?;
        let keeping = self.keeping(Self::batch(io));
        let several = keeping.is_divided() || self.lines.len() > 1;
        // What the slope of a propagation makes of a gradient, where that of a distance is asked for.
        let asked = io.d_imperfection(self.distances());
        let moved =
            asked.map(|_| plan.gpu().zeros("slope of light", io.derived[LIGHT].shape(), Scalar::F32)).transpose()?;
        for line in self.lines.iter().enumerate() {
            for (first, samples) in keeping.runs() {
                let run = Run { line, first, samples };
                if several {
                    (0..=self.n_planes()).try_for_each(|step| self.advance(plan, io, run, step, LIGHT))?;
                }
                self.send_back(plan, io, run, d_reading, moved.as_ref())?;
            }
        }
        Ok(())
    }
}
