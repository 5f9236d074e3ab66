//! Images that a network puts out: pictures of them under each condition, and how far they are from real ones.

use std::path::Path;

use super::evaluate::{Scoring, Trained, place};
use super::predict::trained;
use super::{Context, Failure, output};
use crate::data::{Dataset, Split, Values};
use crate::figures::{self, SampleRow};
use crate::gpu::Gpu;
use crate::network::{Feed, Network};
use crate::recipe::{Recipe, Task};
use crate::robustness::{EVALUATION_BATCH, Features, frechet_distance, grid};
use crate::run::{Input, Run, write_figure};

/// Seed of the draws that images are generated from, the same at every condition.
const SEED: u32 = 1;

/// Samples in a row of pictures, and most rows.
const SHOWN: usize = 10;
const ROWS: usize = 7;

/// A trained classifier whose features tell how far images are from real ones.
struct Judge<'g> {
    network: Network<'g>,
    input: Input,
    /// What a value from 0 to 1 is in raw samples.
    scale: f32,
}

impl<'g> Judge<'g> {
    /// The classifier of a run, for samples of a data set.
    fn load(gpu: &'g Gpu, path: &Path, data: &Dataset) -> Result<Self, Failure> {
        let run = Run::at(path);
        let (recipe, input) = (run.recipe()?, run.input()?);
        let complain = |what: String| Failure::Usage(format!("--features {}: {what}", path.display()));
        if recipe.task != Task::Classification {
            return Err(complain("is no classifier; give the run of one, such as of fashion-rings".to_owned()));
        }
        if input.shape != data.shape || input.preparation.is_some() {
            let (own, given) = (&input.shape, &data.shape);
            return Err(complain(format!("takes samples of {own:?}, not of {given:?}; give one for the same images")));
        }
        let network = trained(gpu, &run, &recipe, &input, EVALUATION_BATCH)?;
        if network.layers() < 2 {
            return Err(complain("has one layer only, and no features before it; give a deeper network".to_owned()));
        }
        Ok(Self { network, input, scale: 1.0 / data.scale })
    }

    /// Mean and covariance of the features of a split; `None` if it was told to stop.
    fn features(&self, split: &Split, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Features>, Failure> {
        let feed: Feed = self.network.feed(split, self.input.normalisation.clone())?;
        let Some(values) = self.network.features(&feed, &mut |_| go_on())? else { return Ok(None) };
        let width = values.len() / split.len();
        let mut features = Features::new(width);
        features.add(&values)?;
        Ok(Some(features))
    }

    /// Images of values from 0 to 1 as raw samples.
    fn raw(&self, mut images: Vec<f32>, count: usize) -> Split {
        images.iter_mut().for_each(|value| *value *= self.scale);
        Split { values: Values::Floats(images), labels: vec![0; count] }
    }
}

/// Fréchet distances at every point of the grid, of every chip: between the features of a split and those of as many images that the
/// network generates, or, without a latent layer, makes of the split.
pub(super) fn distances(
    context: &Context,
    gpu: &Gpu,
    (recipe, data, run): (&Recipe, &Dataset, &Run),
    scoring: Scoring<'_>,
    classifier: &Path,
) -> Result<Vec<Vec<f64>>, Failure> {
    let interrupted = || Failure::Interrupted("interrupted; nothing was written".to_owned());
    let judge = Judge::load(gpu, classifier, data)?;
    let split = scoring.split.of(data)?;
    let mut go_on = || !context.stopped();
    let real = judge.features(split, &mut go_on)?.ok_or_else(interrupted)?;
    let trained = Trained::load(gpu, recipe, data, run, scoring, [EVALUATION_BATCH, 1])?;
    let drawn = trained.network.latent().map(|_| (split.len(), SEED));
    let points = grid(scoring.axes);
    let progress = output::Progress::new(context, "distance", points.len() as u64, 0, split.len());
    let mut all = Vec::new();
    for (done, at) in points.iter().enumerate() {
        progress.step(done as u64);
        let mut own = Vec::new();
        let mut take = |images: Vec<f32>| {
            let features = judge.features(&judge.raw(images, split.len()), &mut || !context.stopped());
            own.push(features.and_then(|own| Ok(frechet_distance(&real, &own.ok_or_else(interrupted)?)?)));
        };
        if !trained.sweep(scoring).outputs(&trained.network, at, drawn, &mut go_on, &mut take)? {
            return Err(interrupted());
        }
        all.push(own.into_iter().collect::<Result<Vec<_>, Failure>>()?);
    }
    progress.finish();
    Ok(all)
}

/// Draws the first samples of a split, and what the network makes of them under each condition; with a latent layer also what it
/// generates there.
pub(super) fn draw(
    gpu: &Gpu,
    (recipe, data, run): (&Recipe, &Dataset, &Run),
    scoring: Scoring<'_>,
    title: &str,
) -> Result<(), Failure> {
    let image = data.image().unwrap_or([1, 1, data.sample_len()]);
    let first = first(scoring.split.of(data)?, data.sample_len());
    let mut trained = Trained::load(gpu, recipe, data, run, scoring, [EVALUATION_BATCH, 1])?;
    let normalisation = data.normalisation(recipe.data.normalise);
    trained.feed = trained.network.feed(&first, normalisation)?;
    let points = shown(grid(scoring.axes));
    let rows = |drawn| {
        let row = |at: &Vec<f64>| {
            let mut values = Vec::new();
            let mut take = |images: Vec<f32>| values = images;
            trained.sweep(Scoring { chips: 1, ..scoring }).outputs(
                &trained.network,
                at,
                drawn,
                &mut || true,
                &mut take,
            )?;
            Ok(SampleRow { label: place(&trained.network, scoring.axes, at, scoring.chip)?, values })
        };
        points.iter().map(row).collect::<Result<Vec<_>, Failure>>()
    };
    let originals = SampleRow { label: "original".to_owned(), values: unit(&first.values, data.scale) };
    let all = [vec![originals], rows(None)?].concat();
    write_figure(run.path(), "samples", figures::samples(title, image, &all))?;
    if trained.network.latent().is_some() {
        write_figure(run.path(), "generated", figures::samples(title, image, &rows(Some((SHOWN, SEED)))?))?;
    }
    Ok(())
}

/// The first samples.
fn first(split: &Split, len: usize) -> Split {
    let count = SHOWN.min(split.len());
    let values = match &split.values {
        Values::Bytes(values) => Values::Bytes(values[..count * len].to_vec()),
        Values::Floats(values) => Values::Floats(values[..count * len].to_vec()),
    };
    Split { values, labels: split.labels[..count].to_vec() }
}

/// Raw values as the network sees them.
fn unit(values: &Values, scale: f32) -> Vec<f32> {
    match values {
        Values::Bytes(values) => values.iter().map(|&value| f32::from(value) * scale).collect(),
        Values::Floats(values) => values.iter().map(|value| value * scale).collect(),
    }
}

/// All points of a grid, or as many of them, evenly, as a figure has rows.
fn shown(points: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    if points.len() <= ROWS {
        return points;
    }
    (0..ROWS).map(|row| points[(row * (points.len() - 1) + (ROWS - 1) / 2) / (ROWS - 1)].clone()).collect()
}
