//! `flatlight propagate`

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Context, Failure, output};
use crate::gpu::{self, Gpu, PlanBuilder, Scalar};
use crate::light::{Grid, Length, Method, Space};
use crate::ops::propagation::Propagation;
use crate::recipe::did_you_mean;
use crate::{data, figures, files};

#[derive(Debug, Args)]
#[command(
    override_usage = "flatlight propagate --input IN.npy --wavelength L --pitch L --distance L --output OUT.npy [OPTIONS]",
    after_help = "\
IN.npy holds the amplitudes of a plane, [height, width], rows from top to bottom. Light going forward has the phase
exp(+2 pi i z / wavelength), which OUT.npy keeps. Lengths are written with their unit: nm, um, mm, cm, m.
  angular-spectrum   H = exp(2 pi i z sqrt(1/wavelength^2 - fx^2 - fy^2)), exact for scalar fields
  fresnel            H = exp(2 pi i z / wavelength) exp(-i pi wavelength z (fx^2 + fy^2)), for small angles

Examples:
  flatlight propagate --input FIELD.npy --wavelength 532nm --pitch 8um --distance 0.1m --output OUT.npy
  flatlight propagate --input F.npy --wavelength 532nm --pitch 8um --distance -25mm --output B.npy --intensity I.png"
)]
pub(super) struct Propagate {
    /// Complex amplitudes [height, width] of type c8 or c16; f4 and f8 are real ones
    #[arg(long, value_name = "IN.npy")]
    input: PathBuf,

    /// Complex amplitudes [height, width] of type c8
    #[arg(long, value_name = "OUT.npy")]
    output: PathBuf,

    /// Wavelength in the medium, such as 532nm
    #[arg(long, value_name = "LENGTH")]
    wavelength: Length,

    /// Distance between neighbouring samples, such as 8um
    #[arg(long, value_name = "LENGTH")]
    pitch: Length,

    /// How far light travels, such as 0.1m; below 0 it is traced back
    #[arg(long, value_name = "LENGTH", allow_hyphen_values = true)]
    distance: Length,

    /// angular-spectrum or fresnel
    #[arg(long, value_name = "METHOD", default_value = "angular-spectrum", value_parser = method)]
    method: Method,

    /// Size of the window around the field, in fields; with 1 it repeats on all sides
    #[arg(long, value_name = "TIMES", default_value_t = 2.0)]
    padding: f64,

    /// Keep frequencies whose phase is undersampled
    #[arg(long)]
    no_band_limit: bool,

    /// Picture of the intensity: 16-bit grey, the brightest sample white
    #[arg(long, value_name = "I.png")]
    intensity: Option<PathBuf>,

    /// Picture of the phase, in colours around a circle from red at 0
    #[arg(long, value_name = "P.png")]
    phase: Option<PathBuf>,
}

impl Propagate {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        if !(1.0..=64.0).contains(&self.padding) {
            return Err(Failure::Usage(format!("--padding {}: expected 1 to 64", self.padding)));
        }
        let (shape, field) = data::load_complex(&self.input)?;
        let [height, width] = shape[..] else {
            return Err(self.blame(&format!("an array of shape {shape:?}, but a field is [height, width]")));
        };
        let space = Space {
            grid: Grid::new(height, width, self.padding, self.pitch.0),
            wavelength: self.wavelength.0,
            distance: self.distance.0,
            method: self.method,
            band_limited: !self.no_band_limit,
        };
        space.check().map_err(|error| Failure::Usage(error.to_string()))?;
        if let Some(at) = field.iter().position(|z| !z.re.is_finite() || !z.im.is_finite()) {
            return Err(self.blame(&format!(
                "{} at row {}, column {} is not finite",
                field[at],
                at / width,
                at % width
            )));
        }
        // Amplitudes go to the device near 1, and come back as they were: powers of two round nothing.
        let largest = field.iter().flat_map(|z| [z.re.abs(), z.im.abs()]).fold(0.0, f64::max);
        let scale = if largest > 0.0 { largest.log2().floor().exp2() } else { 1.0 };
        let near: Vec<f32> = field.iter().flat_map(|z| [z.re, z.im].map(|part| (part / scale) as f32)).collect();

        let far = propagate(&context.open()?, &space, &near).map_err(|error| match error {
            // Its own remedy is that of a network.
            gpu::Error::TooLarge { wanted, limit, .. } => self.blame(&format!(
                "padded to {} x {}, it needs {wanted}, and the adapter allows {limit}; crop it, or lower --padding",
                space.grid.padded_height, space.grid.padded_width
            )),
            gpu::Error::OutOfMemory(what) => {
                self.blame(&format!("the GPU is out of memory ({what}); crop it, or lower --padding"))
            }
            other => other.into(),
        })?;
        let power = |parts: &[f32]| parts.iter().map(|&part| f64::from(part).powi(2)).sum::<f64>();
        let [before, after] = [power(&near), power(&far)];
        // Rounding leaves 1e-14 of the power.
        if before > 0.0 && after < 1e-11 * before {
            let what =
                "no light arrives: all of it is evanescent, undersampled or beside the grid; check pitch and distance";
            return Err(self.blame(what));
        }
        if context.stopped() {
            return Err(Failure::Interrupted("interrupted; nothing was written".to_owned()));
        }
        self.write([height, width], &far, scale)?;
        space.warnings().iter().for_each(|warning| output::tell(&format!("warning: {warning}")));
        let share =
            if before > 0.0 { format!("{:.3} % of the power", 100.0 * after / before) } else { "no light".to_owned() };
        output::print(&format!("field [{height}, {width}] in {}: {share}\n", self.output.display()))
    }

    /// Makes everything, then writes everything.
    fn write(&self, shape: [usize; 2], far: &[f32], scale: f64) -> Result<(), Failure> {
        let pixels = || far.chunks_exact(2).map(|z| [f64::from(z[0]), f64::from(z[1])]);
        let values: Vec<_> =
            pixels().map(|[re, im]| num_complex::Complex32::new((re * scale) as f32, (im * scale) as f32)).collect();
        if values.iter().any(|z| !z.re.is_finite() || !z.im.is_finite()) {
            return Err(self.blame("amplitudes beyond the 3e38 that c8 holds arrive; scale the field"));
        }
        let unwritten = |error| Failure::Failed(format!("{}: {error}", self.output.display()));
        let mut written = vec![(&self.output, data::npy(&shape, &values).map_err(unwritten)?)];
        if let Some(path) = &self.intensity {
            let intensity: Vec<_> = pixels().map(|[re, im]| re * re + im * im).collect();
            written.push((path, figures::grey(shape, &intensity)?));
        }
        if let Some(path) = &self.phase {
            let phase: Vec<_> = pixels().map(|[re, im]| im.atan2(re)).collect();
            written.push((path, figures::angles(shape, &phase)?));
        }
        Ok(written.into_iter().try_for_each(|(path, bytes)| files::write(path, &bytes))?)
    }

    fn blame(&self, what: &str) -> Failure {
        Failure::Failed(format!("{}: {what}", Path::display(&self.input)))
    }
}

/// The field `[height, width]`, (re, im), behind a space.
fn propagate(gpu: &Gpu, space: &Space, field: &[f32]) -> Result<Vec<f32>, gpu::Error> {
    let Grid { height, width, padded_height, padded_width, .. } = space.grid;
    let propagation = Propagation::new(height, width, padded_height, padded_width)?;
    let shape = [1, height, width, 2];
    // The largest first: what does not fit is found before tables are made.
    let zeros = |shape: [usize; 2]| gpu.zeros("padded field", &shape, Scalar::F32);
    let [one, other] = propagation.scratch(1);
    let [one, other] = [zeros(one)?, zeros(other)?];
    let transfer: Vec<f32> = space.transfer().into_iter().flatten().map(|part| part as f32).collect();
    let transfer = gpu.upload("transfer function", &propagation.transfer(), &transfer)?;
    let (near, far) = (gpu.upload("field", &shape, field)?, gpu.zeros("propagated field", &shape, Scalar::F32)?);
    let mut plan = PlanBuilder::new(gpu, "propagate");
    propagation.forward(&mut plan, &near, None, &transfer, [&one, &other], &far)?;
    gpu.submit(&[&plan.finish()?])?;
    gpu.read(&far)
}

/// Reads the word of a method.
fn method(word: &str) -> Result<Method, String> {
    word.parse().map_err(|error| format!("{error}{}", did_you_mean(word, Method::ALL.map(Method::word))))
}
