//! `flatlight transfer`

use std::path::PathBuf;

use clap::Args;

use super::evaluate::{Scoring, SplitName, recalibrated, score};
use super::output;
use super::predict::{conditions, without_time};
use super::score::{Reading, Shown};
use super::{Context, Failure, load_data};
use crate::files;
use crate::gpu::Gpu;
use crate::recipe::Recipe;
use crate::robustness::{Axis, Point};
use crate::run::{Run, write_figure};
use crate::{figures, figures::transfer_histograms};

#[derive(Debug, Args)]
#[command(after_help = "\
A method in situ trains on one chip, which the run keeps as chip.npz. Fresh chips have imperfections of the same sizes,
training.device.imperfections of the recipe, and numbers 0, 1, ... but for the own one's. All are as at hour 0.

Examples:
  flatlight transfer RUN --chips 100 --csv chips.csv
  flatlight transfer RUN OTHER-RUN --figure
  flatlight transfer RUN --vary ring_offset=0.03 --vary ring_width=0.1")]
pub(super) struct Transfer {
    /// Run folders, as `flatlight train` makes them
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,

    /// Fresh chips
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    chips: u32,

    /// Deviation of a random imperfection of fresh chips, or value of a common one, instead of the recipe's
    #[arg(long, value_name = "NAME=VALUE")]
    vary: Vec<String>,

    /// Samples to score
    #[arg(long, value_enum, default_value_t, value_name = "SPLIT")]
    split: SplitName,

    /// Re-estimate batch-norm statistics on every chip from N unlabelled training samples
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    recalibrate: Option<u32>,

    /// Also write a row a chip to this file (accuracy in 0..1, loss a sample)
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Also draw histograms into the run folder, of several runs into the first one's
    #[arg(long)]
    figure: bool,
}

/// A run and its scores.
struct Arm {
    recipe: Recipe,
    run: Run,
    /// Number and scores of the chip that it was trained on.
    own: Option<(u32, Point)>,
    /// Numbers of the fresh chips.
    numbers: Vec<u32>,
    fresh: Point,
    shown: Vec<Shown>,
    reading: Reading,
}

impl Transfer {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let given = conditions("--vary", &self.vary)?;
        without_time(&given, "`evaluate --vary hours=0:24:1`")?;
        let runs: Vec<_> = self.runs.iter().map(|path| Run::at(path)).collect();
        let recipes = runs.iter().map(|run| Ok(run.recipe()?)).collect::<Result<Vec<_>, Failure>>()?;
        let sizes = self.sizes(given, &recipes)?;
        let gpu = context.open()?;
        let arms = runs.into_iter().zip(recipes);
        let arms = arms.map(|(run, recipe)| self.score(context, &gpu, run, recipe, &sizes));
        let arms = arms.collect::<Result<Vec<_>, _>>()?;
        let names = names(&arms);

        let places: Vec<_> = arms[0].shown.iter().zip(&sizes).map(|(own, axis)| own.place(axis.values[0])).collect();
        let places = places.join(", ");
        let notes = recalibrated(self.recalibrate);
        output::print(&format!(
            "{} on fresh chips, {places}{notes}\n{}",
            arms[0].reading.name(),
            table(&arms, &names)
        ))?;
        if let Some(path) = &self.csv {
            files::write(path, &csv(&arms)?)?;
        }
        if self.figure {
            let first = &arms[0].recipe;
            let alone = match &arms[..] {
                [_] => format!("{}, {}, seed {}", first.name, first.training.method.word(), first.seed),
                _ => first.name.clone(),
            };
            let title = format!("{alone}, {} fresh chips, {places}{notes}", self.chips);
            draw(&title, &arms, &names)?;
        }
        Ok(())
    }

    /// What fresh chips have: as given, else as the recipes say, of which one may speak for those that say nothing.
    fn sizes<'r>(&self, given: Vec<Axis>, recipes: &'r [Recipe]) -> Result<Vec<Axis>, Failure> {
        if !given.is_empty() {
            return Ok(given);
        }
        let device = |recipe: &'r Recipe| &recipe.training.device;
        let mut all = self.runs.iter().zip(recipes.iter().map(device)).filter(|(_, own)| !own.imperfections.is_empty());
        let Some((first, device)) = all.next() else {
            let message = format!(
                "{}: its recipe states no training.device.imperfections; give the sizes, such as --vary ring_offset=0.03",
                self.runs[0].display()
            );
            return Err(Failure::Usage(message));
        };
        if let Some((other, _)) = all.find(|(_, own)| own.imperfections != device.imperfections) {
            return Err(Failure::Usage(format!(
                "{}: its recipe has other training.device.imperfections than that of {}; give both the same by --vary",
                other.display(),
                first.display()
            )));
        }
        let size = |name: &String| Some(Axis { name: name.clone(), values: vec![device.size(name)?] });
        Ok(device.imperfections.keys().filter_map(size).collect())
    }

    /// Scores a run on fresh chips, and on its own if it has one.
    fn score(&self, context: &Context, gpu: &Gpu, run: Run, recipe: Recipe, sizes: &[Axis]) -> Result<Arm, Failure> {
        let data = load_data(context, &recipe)?;
        self.split.of(&data)?;
        let own_chip = run.chip();
        let own_number = own_chip.as_ref().map(|_| recipe.training.device.number(recipe.seed));
        // The own number is scored among the others and left out.
        let is_own = |number: &u32| Some(*number) == own_number;
        let numbers: Vec<_> = (0..=self.chips).filter(|number| !is_own(number)).take(self.chips as usize).collect();
        let chips = numbers.last().map_or(0, |last| last + 1);
        let fresh =
            Scoring { axes: sizes, chips, chip: None, masks: None, split: self.split, recalibrate: self.recalibrate };
        let one = |(points, shown): (Vec<Point>, _)| {
            let point = points.into_iter().next();
            point.map(|point| (point, shown)).ok_or_else(|| Failure::Failed("nothing was scored".to_owned()))
        };
        let (mut scores, shown) = one(score(context, gpu, &recipe, &data, &run, fresh)?)?;
        if scores.scores.len() < chips as usize {
            let names: Vec<_> = sizes.iter().map(|axis| axis.name.as_str()).collect();
            return Err(Failure::Usage(format!(
                "{}: all chips are alike, as {} is the same on each; add an imperfection that is drawn, such as --vary ring_offset=0.03",
                run.path().display(),
                names.join(", ")
            )));
        }
        if let Some(number) = own_number.filter(|number| *number < chips) {
            for values in [&mut scores.scores, &mut scores.losses, &mut scores.similarities] {
                values.remove(number as usize);
            }
        }
        let own = match (&own_chip, own_number) {
            (Some(path), Some(number)) => {
                let scoring = Scoring { axes: &[], chips: 1, chip: Some(path), ..fresh };
                Some((number, one(score(context, gpu, &recipe, &data, &run, scoring)?)?.0))
            }
            _ => None,
        };
        let reading = Reading::of(&recipe, &data);
        Ok(Arm { recipe, run, own, numbers, fresh: scores, shown, reading })
    }
}

/// What tells the runs apart: method, else seed too, else the folder.
fn names(arms: &[Arm]) -> Vec<String> {
    let method = |arm: &Arm| arm.recipe.training.method.word().to_owned();
    let seed = |arm: &Arm| format!("{} seed {}", method(arm), arm.recipe.seed);
    let folder = |arm: &Arm| arm.run.path().display().to_string();
    let apart = |names: &Vec<String>| names.iter().enumerate().all(|(place, name)| !names[..place].contains(name));
    let all: [&dyn Fn(&Arm) -> String; 2] = [&method, &seed];
    let found = all.into_iter().map(|name| arms.iter().map(name).collect::<Vec<_>>()).find(apart);
    found.unwrap_or_else(|| arms.iter().map(folder).collect())
}

fn table(arms: &[Arm], names: &[String]) -> String {
    let unit = arms[0].reading.unit();
    let scores = ["own chip", "fresh chips", "worst", "best"].map(|what| format!("{what} {unit}"));
    let rest = ["loss", "samples", "chips"].map(str::to_owned);
    let header = [&["trained by".to_owned()], &scores[..], &rest].concat();
    let rows: Vec<_> = arms
        .iter()
        .zip(names)
        .map(|(arm, name)| {
            let (reading, (mean, spread)) = (arm.reading, arm.fresh.score());
            let best = arm.fresh.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            vec![
                name.clone(),
                arm.own.as_ref().map_or_else(|| "none".to_owned(), |(_, own)| reading.cell(own.score().0, None)),
                reading.cell(mean, Some(spread)),
                reading.cell(arm.fresh.worst(), None),
                reading.cell(best, None),
                reading.loss(arm.fresh.loss()),
                arm.fresh.samples.to_string(),
                arm.numbers.len().to_string(),
            ]
        })
        .collect();
    output::table(&header, &rows)
}

/// A row a chip, the own one first; `own` is 1 for that.
fn csv(arms: &[Arm]) -> Result<Vec<u8>, Failure> {
    let header = ["run", "chip", "own", arms[0].recipe.task.score(), "loss"].map(str::to_owned);
    let mut rows = Vec::new();
    for arm in arms {
        let run = arm.run.path().display().to_string();
        let mut add = |numbers: &[u32], own: &str, point: &Point| {
            for ((number, score), loss) in numbers.iter().zip(&point.scores).zip(&point.losses) {
                rows.push(vec![run.clone(), number.to_string(), own.to_owned(), score.to_string(), loss.to_string()]);
            }
        };
        if let Some((number, own)) = &arm.own {
            add(&[*number], "1", own);
        }
        add(&arm.numbers, "0", &arm.fresh);
    }
    output::csv(&header, &rows)
}

fn draw(title: &str, arms: &[Arm], names: &[String]) -> Result<(), Failure> {
    let networks: Vec<_> = arms
        .iter()
        .zip(names)
        .map(|(arm, name)| {
            let (reading, (mean, spread)) = (arm.reading, arm.fresh.score());
            figures::Transfer {
                name: if arms.len() > 1 { name.clone() } else { String::new() },
                own: arm.own.as_ref().map(|(_, own)| reading.shown(own.score().0)),
                fresh: arm.fresh.scores.iter().map(|&score| reading.shown(score)).collect(),
                mean: reading.shown(mean),
                spread: reading.shown(spread),
                samples: arm.fresh.samples,
            }
        })
        .collect();
    let figure = transfer_histograms(title, &networks, arms[0].reading.figure());
    Ok(write_figure(arms[0].run.path(), "transfer", figure)?)
}
