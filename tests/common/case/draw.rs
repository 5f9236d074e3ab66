//! Batches drawn from a data set, plain and augmented.

use flatlight::data::{Dataset, Normalisation, Normalise, Split, Values};
use flatlight::gpu::{Error, PlanBuilder, Scalar};
use flatlight::ops::Clock;
use flatlight::ops::draw::{Augment, Samples};
use flatlight::random;
use flatlight::reference::draw;

use super::{Bound, Case, Draws, Output, Problem, case, cost, floats, fresh, tensor, words};

pub fn cases() -> Vec<Case> {
    let all = |bytes| Images { bytes, crop: 4, flip: true, cutout: true };
    let none = Images { bytes: false, crop: 0, flip: false, cutout: false };
    vec![
        batches("draw::bytes, shuffled", true, true),
        batches("draw::bytes, in order", true, false),
        batches("draw::floats, shuffled", false, true),
        batches("draw::floats, in order", false, false),
        augmented("draw::bytes_augmented", all(true)),
        augmented("draw::floats_augmented", all(false)),
        augmented("draw::floats_augmented, window alone", Images { crop: 1000, ..none }),
        augmented("draw::bytes_augmented, mirror alone", Images { bytes: true, flip: true, ..none }),
        augmented("draw::floats_augmented, square alone", Images { cutout: true, ..none }),
    ]
}

/// The samples of a problem and the part of them that is drawn.
#[derive(Clone)]
struct Set {
    bytes: bool,
    features: usize,
    batch: usize,
    clock: Clock,
    /// Valid rows, as numbers of samples.
    drawn: Vec<u32>,
    normalisation: Normalisation,
}

impl Set {
    /// `rows` of a batch from place `first` on, with a scale and shift of each channel.
    fn new(
        draws: Draws,
        bytes: bool,
        shuffle: bool,
        [samples, channels, positions]: [usize; 3],
        [batch, rows, first]: [usize; 3],
    ) -> (Self, Vec<f64>) {
        let (seed, epoch, features) = (draws.seed, 3, channels * positions);
        let count = samples * features;
        let raw = if bytes { draws.below("raw", count, 256) } else { draws.uniform("raw", count, -2.0, 2.0) };
        let drawn = (first as u32..(first + rows) as u32)
            .map(|at| if shuffle { draw::sample(at, samples as u32, seed, epoch) } else { at })
            .collect();
        let one = if bytes { (1.0 / 255.0, -0.5) } else { (0.75, 0.25) };
        let normalisation = if channels == 1 { one.into() } else { of_channels(channels, positions) };
        let shuffle = u32::from(shuffle);
        let clock = Clock { seed, epoch, shuffle, first: first as u32, rows: rows as u32, ..Clock::default() };
        (Self { bytes, features, batch, clock, drawn, normalisation }, raw)
    }

    fn upload(&self, plan: &PlanBuilder<'_>, on: &Bound<'_>) -> Result<Samples, Error> {
        let raw = &on.tensors[0].values;
        let values = if self.bytes {
            Values::Bytes(raw.iter().map(|&value| value as u8).collect())
        } else {
            Values::Floats(floats(raw))
        };
        let split = Split { values, labels: words(&on.tensors[1].values) };
        Samples::upload(plan.gpu(), &split, self.features, &self.normalisation)
    }

    fn factors(&self) -> Vec<[f64; 2]> {
        self.normalisation.factors().iter().map(|pair| pair.map(f64::from)).collect()
    }

    /// With the padding rows, and the labels.
    fn filled(&self, mut rows: Vec<f64>, labels: &[f64]) -> Vec<Vec<f64>> {
        rows.resize(self.batch * self.features, 0.0);
        let mut labels: Vec<f64> = self.drawn.iter().map(|&sample| labels[sample as usize]).collect();
        labels.resize(self.batch, 0.0);
        vec![rows, labels]
    }

    fn problem(
        self,
        draws: Draws,
        raw: Vec<f64>,
        nan: Vec<usize>,
        kernel: &str,
        forward: impl Fn(&Self, &mut PlanBuilder<'_>, &Bound<'_>) -> Result<(), Error> + 'static,
        specification: impl Fn(&Self, &[f64]) -> Vec<f64> + 'static,
    ) -> Problem {
        let (samples, written) = (raw.len() / self.features, self.batch * self.features);
        let read = if self.bytes { written / 4 } else { written };
        let (set, clock) = (self.clone(), self.clock);
        Problem {
            outputs: vec![
                fresh("x", &[self.batch, self.features]),
                Output::Fresh("labels", vec![self.batch], Scalar::U32),
            ],
            inputs: vec![
                tensor("raw", &[raw.len()], raw).nan_at(if self.bytes { vec![] } else { nan }),
                tensor("set labels", &[samples], draws.below("labels", samples, 10)).words(),
            ],
            clocks: vec![clock],
            forward: Box::new(move |plan, on| forward(&set, plan, on)),
            specification: Box::new(move |x| self.filled(specification(&self, &x[0]), &x[1])),
            gradient: None,
            costs: vec![cost(kernel, 2 * written, written + read)],
        }
    }
}

/// Some scale and shift of each channel, as a small set of such images has them.
fn of_channels(channels: usize, positions: usize) -> Normalisation {
    let values = Draws::new(5).below("normalisation", 7 * channels * positions, 256).into_iter().enumerate();
    let darker = |(place, value): (usize, f64)| value as u8 / (1 + (place / positions % channels) as u8);
    let split = Split { values: Values::Bytes(values.map(darker).collect()), labels: vec![0; 7] };
    let (shape, scale) = (vec![channels, positions, 1], 1.0 / 255.0);
    let (train, test, preparation) = (split.clone(), split, None);
    Dataset { name: String::new(), shape, classes: 1, scale, train, validation: None, test, preparation }
        .normalisation(Normalise::Channel)
}

/// Sizes are samples, channels that are normalised by themselves, features of one, rows of the batch, valid rows, position of
/// the first.
fn batches(name: &'static str, bytes: bool, shuffle: bool) -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1, 1, 1, 0],
        &[3, 1, 3, 3, 3, 0],
        &[63, 1, 5, 16, 16, 16],
        &[65, 1, 64, 64, 1, 64],
        &[97, 1, 6, 64, 33, 64],
        &[1009, 1, 65, 63, 63, 126],
        // Rows in multiples of 4 and channels not, both of 4, both of 16.
        &[63, 4, 3, 16, 16, 16],
        &[65, 3, 12, 33, 31, 4],
        &[97, 3, 48, 64, 33, 64],
        // More bytes, and more floats, than the test of the split may bind at once.
        &[4003, 1, 70, 301, 300, 3703],
    ];
    case(name, SIZES, &[10_000, 1, 784, 128, 128, 0], move |draws, size| {
        let [samples, channels, positions, batch, rows, first] = size.try_into().expect("six extents");
        let (set, raw) = Set::new(draws, bytes, shuffle, [samples, channels, positions], [batch, rows, first]);
        let nan = vec![set.drawn[0] as usize * set.features];
        set.problem(
            draws,
            raw,
            nan,
            if bytes { "draw::bytes" } else { "draw::floats" },
            |set, plan, on| set.upload(plan, on)?.draw(plan, on.clock, &on.outputs[0], &on.outputs[1]),
            |set, raw| draw::forward(raw, set.features, &set.drawn, &set.factors()),
        )
    })
    .split(0.0)
    .note("no gradient")
}

/// What is done to images.
#[derive(Clone, Copy)]
struct Images {
    bytes: bool,
    /// Or as much as the images allow.
    crop: usize,
    flip: bool,
    /// A square of half a side.
    cutout: bool,
}

/// Sizes are samples, channels, height, width, rows of the batch, valid rows, position of the first.
fn augmented(name: &'static str, images: Images) -> Case {
    const SIZES: &[&[usize]] = &[
        &[1, 1, 1, 1, 1, 1, 0],
        &[3, 3, 1, 1, 3, 3, 0],
        &[63, 1, 3, 3, 16, 16, 16],
        &[63, 3, 5, 7, 16, 16, 16],
        // Rows of pixels in multiples of 4, and of 16.
        &[65, 1, 8, 8, 64, 1, 64],
        &[97, 3, 7, 12, 33, 31, 64],
        &[97, 2, 9, 48, 33, 32, 64],
        // More bytes, and more floats, than the test of the split may bind at once.
        &[1009, 3, 11, 13, 130, 129, 880],
    ];
    case(name, SIZES, &[10_000, 3, 32, 32, 128, 128, 0], move |draws, size| {
        let [samples, channels, height, width, batch, rows, first] = size.try_into().expect("seven extents");
        let image = [channels, height, width];
        let (set, raw) = Set::new(draws, images.bytes, true, [samples, channels, height * width], [batch, rows, first]);
        let side = height.min(width);
        let (crop, cutout) = (images.crop.min(side - 1), if images.cutout { side / 2 } else { 0 });
        let own = Augment { crop, flip: images.flip, cutout };
        let own64 = draw::Augment { crop: crop as u32, flip: images.flip, cutout: cutout as u32 };
        let key = [set.clock.seed, set.clock.epoch];
        // The first place that is seen at all.
        let places: Vec<f64> = (1..=raw.len()).map(|place| place as f64).collect();
        let seen = own64.forward(&places, image, &set.drawn, &[[1.0, 0.0]], key);
        let nan = seen.iter().find(|place| **place > 0.0).map(|place| *place as usize - 1).into_iter().collect();
        set.problem(
            draws,
            raw,
            nan,
            if images.bytes { "draw::bytes_augmented" } else { "draw::floats_augmented" },
            move |set, plan, on| {
                let outputs = [&on.outputs[0], &on.outputs[1]];
                let streams = ["augment crop", "augment cutout"].map(random::stream);
                set.upload(plan, on)?.draw_augmented(plan, on.clock, image, &own, streams, outputs)
            },
            move |set, raw| own64.forward(raw, image, &set.drawn, &set.factors(), key),
        )
    })
    .split(0.0)
    .note("no gradient")
}
