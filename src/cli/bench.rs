//! `flatlight bench`

use std::time::Instant;

use clap::Args;

use super::output;
use super::train::{compile_training, prepare};
use super::{Context, Failure, method};
use crate::data::{Dataset, Split, Values};
use crate::gpu::Gpu;
use crate::random;
use crate::recipe::{Recipe, did_you_mean};
use crate::training::Method;

/// A training step that is timed: the network of a built-in recipe, changed by settings, on random samples.
struct Case {
    name: &'static str,
    recipe: &'static str,
    settings: &'static [&'static str],
    shape: &'static [usize],
    classes: usize,
    batch: usize,
}

const CASES: [Case; 5] = [
    Case { name: "ring-lenet", recipe: "mnist-rings", settings: &[], shape: &[28, 28], classes: 10, batch: 256 },
    Case { name: "mesh-64", recipe: "mnist-mesh", settings: &[], shape: &[28, 28], classes: 10, batch: 512 },
    Case {
        name: "d2nn-128",
        recipe: "mnist-diffractive",
        settings: &[
            r#"layers.0.planes=[{distance="4 mm",mask="phase",threshold=0.5},{distance="2 mm",mask="phase",threshold=0.5}]"#,
            r#"layers.0.distance="4 mm""#,
            "layers.0.picture=[128,128]",
            "layers.0.regions={cells=[10,1]}",
            "layers.0.start=random",
        ],
        shape: &[128, 128],
        classes: 10,
        batch: 64,
    },
    Case {
        name: "slm-1080",
        recipe: "slm-1080p",
        settings: &[
            r#"layers.0.planes=[{distance="10 cm",mask="phase"},{distance="10 cm",mask="phase"},{distance="10 cm",mask="phase"}]"#,
            "layers.0.picture=[1080,1920]",
            "layers.0.keep_as=f32",
            "layers.0.regions={cells=[10,1]}",
            "layers.0.start=random",
        ],
        shape: &[1080, 1920],
        classes: 10,
        batch: 1,
    },
    Case { name: "ring-vgg", recipe: "mnist-rings", settings: &[VGG], shape: &[3, 32, 32], classes: 10, batch: 128 },
];

/// Six convolutions in three sizes.
const VGG: &str = r#"layers=[{type="ring-convolution",outputs=64,kernel=3,padding=1,start=[0.09,0.21]},{type="batch-norm"},{type="relu"},
{type="ring-convolution",outputs=64,kernel=3,padding=1,start=[0.09,0.21]},{type="batch-norm"},{type="relu"},{type="max-pool",window=2},
{type="ring-convolution",outputs=128,kernel=3,padding=1,start=[0.09,0.21]},{type="batch-norm"},{type="relu"},
{type="ring-convolution",outputs=128,kernel=3,padding=1,start=[0.09,0.21]},{type="batch-norm"},{type="relu"},{type="max-pool",window=2},
{type="ring-convolution",outputs=256,kernel=3,padding=1,start=[0.09,0.21]},{type="batch-norm"},{type="relu"},
{type="ring-convolution",outputs=256,kernel=3,padding=1,start=[0.09,0.21]},{type="batch-norm"},{type="relu"},{type="max-pool",window=2},
{type="ring-dense",outputs=10,start=[0.09,0.21]}]"#;

/// Steps before the clock runs: kernels are compiled when they first run.
const WARM_UP: usize = 2;

#[derive(Debug, Args)]
#[command(after_help = "\
Cases:
  ring-lenet   LeNet-5 with a ring for each weight (mnist-rings), images of 28 x 28, batch 256
  mesh-64      a digital LeNet front end and a mesh of 64 modes (mnist-mesh), images of 28 x 28, batch 512
  d2nn-128     two phase masks of 128 x 128 with thresholds, padded to 256 x 256, batch 64
  slm-1080     three phase masks of 1080 x 1920, padded to 2160 x 3840, batch 1
  ring-vgg     six convolutions of 3 x 3 and 64 to 256 channels, a ring a weight, images of 3 x 32 x 32, batch 128

Random images and labels; Adam at 0.001; sat with rho 0.05 over all parameters, not adaptive. With --json a case's
output ends with one JSON object on a line: case, method, batch, steps, seconds_per_step (median), min_s, max_s,
samples_per_second, adapter.

Examples:
  flatlight bench
  flatlight bench ring-lenet --method standard --batch 64 --json")]
pub(super) struct Bench {
    /// Case to time [default: all]
    case: Option<String>,

    /// End with one line of JSON a case
    #[arg(long)]
    json: bool,

    /// Steps to time
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    steps: u32,

    /// Samples of a step, instead of the case's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch: Option<u32>,

    /// Training method, such as standard, noise, sat or pat; the README lists them
    #[arg(long, value_name = "METHOD", default_value = "sat", value_parser = method)]
    method: Method,
}

impl Bench {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let cases: Vec<_> =
            CASES.iter().filter(|case| self.case.as_ref().is_none_or(|name| name == case.name)).collect();
        if let (Some(name), []) = (&self.case, &cases[..]) {
            let known = CASES.map(|case| case.name);
            return Err(Failure::Usage(format!(
                "no case `{name}`; there are: {}{}",
                known.join(", "),
                did_you_mean(name, known)
            )));
        }
        let gpu = context.open()?;
        context.say(&format!("adapter: {} ({})", gpu.adapter().name, gpu.adapter().kind));
        for case in cases {
            self.time(context, &gpu, case)?;
        }
        Ok(())
    }

    fn time(&self, context: &Context, gpu: &Gpu, case: &Case) -> Result<(), Failure> {
        let batch = self.batch.map_or(case.batch, |batch| batch as usize);
        let recipe = self.recipe(case, batch)?;
        let data = random_data(case.shape, case.classes, batch);
        let network = compile_training(gpu, &recipe, &data)?;
        let mut trainer = prepare(&network, &recipe, &data)?;
        let mut seconds = Vec::new();
        for step in 0..WARM_UP + self.steps as usize {
            if context.stopped() {
                return Err(Failure::Interrupted("interrupted".to_owned()));
            }
            let start = Instant::now();
            trainer.train_step()?;
            gpu.wait()?;
            if step >= WARM_UP {
                seconds.push(start.elapsed().as_secs_f64());
            }
        }
        seconds.sort_by(f64::total_cmp);
        let (middle, count) = (seconds.len() / 2, seconds.len());
        let median = if count % 2 == 1 { seconds[middle] } else { 0.5 * (seconds[middle - 1] + seconds[middle]) };
        let (least, most) = (seconds[0], seconds[count - 1]);
        let rate = batch as f64 / median;

        let header = ["case", "method", "batch", "median ms", "min ms", "max ms", "samples/s"].map(str::to_owned);
        let method = self.method.word();
        let milliseconds = |seconds: f64| format!("{:.3}", 1e3 * seconds);
        let row = vec![
            case.name.to_owned(),
            method.to_owned(),
            batch.to_string(),
            milliseconds(median),
            milliseconds(least),
            milliseconds(most),
            format!("{rate:.0}"),
        ];
        let mut text = output::table(&header, &[row]);
        if gpu.adapter().timestamps {
            text.push_str(&format!("\n{}\n", trainer.profile(1)?));
        }
        if self.json {
            let line = serde_json::json!({
                "case": case.name,
                "method": method,
                "batch": batch,
                "steps": count,
                "seconds_per_step": median,
                "min_s": least,
                "max_s": most,
                "samples_per_second": rate,
                "adapter": gpu.adapter().name,
            });
            text.push_str(&format!("\n{line}\n"));
        }
        output::print(&text)
    }

    /// The built-in recipe with the settings that all cases share.
    fn recipe(&self, case: &Case, batch: usize) -> Result<Recipe, Failure> {
        let settings = [
            format!("training.method={}", self.method.word()),
            format!("training.batch={batch}"),
            "training.schedule=constant".to_owned(),
            "training.optimizer={kind=\"adam\",learning_rate=0.001}".to_owned(),
            "training.sat={rho=0.05,adaptive=false,scope=\"all\"}".to_owned(),
        ];
        let own = case.settings.iter().map(|setting| (*setting).to_owned());
        Ok(Recipe::built_in(case.recipe, &own.chain(settings).collect::<Vec<_>>())?)
    }
}

/// So many random images, with random labels.
pub(super) fn random_data(shape: &[usize], classes: usize, samples: usize) -> Dataset {
    let features: usize = shape.iter().product();
    let mut units = random::units(1, random::stream("bench"));
    let mut below = |bound: usize| (units.next().unwrap_or(0.0) * bound as f64) as u32;
    let values: Vec<u8> = (0..samples * features).map(|_| below(256) as u8).collect();
    let labels: Vec<u32> = (0..samples).map(|_| below(classes)).collect();
    let test = Split { values: Values::Bytes(values[..features].to_vec()), labels: labels[..1].to_vec() };
    Dataset {
        name: "random".to_owned(),
        shape: shape.to_vec(),
        classes,
        scale: 1.0 / 255.0,
        train: Split { values: Values::Bytes(values), labels },
        validation: None,
        preparation: None,
        test,
    }
}
