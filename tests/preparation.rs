//! What is done to samples on the host: Fourier transforms and normalisation feature by feature, in the library and as a
//! user meets them.

#[path = "common/program.rs"]
mod program;

use std::f64::consts::TAU;

use flatlight::data::{self, Dataset, Normalisation, Preparation, Split, Values};
use flatlight::random;
use program::Bench;

/// A set of random values from 0 to 255, as bytes or floats.
fn random_set(shape: &[usize], samples: usize, bytes: bool) -> Dataset {
    let split = |name: &str| {
        let count = samples * shape.iter().product::<usize>();
        let values = random::units(5, random::stream(name)).take(count).map(|unit| (256.0 * unit) as u8);
        let values =
            if bytes { Values::Bytes(values.collect()) } else { Values::Floats(values.map(f32::from).collect()) };
        Split { values, labels: vec![0; samples] }
    };
    Dataset {
        name: "random".to_owned(),
        shape: shape.to_vec(),
        classes: 1,
        scale: 1.0 / 255.0,
        train: split("train"),
        validation: Some(split("validation")),
        test: split("test"),
        preparation: None,
    }
}

fn wide(values: &Values) -> Vec<f64> {
    match values {
        Values::Bytes(values) => values.iter().map(|&value| f64::from(value)).collect(),
        Values::Floats(values) => values.iter().map(|&value| f64::from(value)).collect(),
    }
}

/// The equation as it stands.
fn direct(image: &[f64], [height, width]: [usize; 2], coefficients: usize) -> Vec<f64> {
    let frequencies = || (0..coefficients).map(|place| place as f64 - (coefficients / 2) as f64);
    let mut amplitudes = Vec::new();
    for u in frequencies() {
        for v in frequencies() {
            let mut sum = [0.0, 0.0];
            for (place, pixel) in image.iter().enumerate() {
                let [i, j] = [place / width, place % width].map(|at| at as f64);
                let angle = -TAU * (u * i / height as f64 + v * j / width as f64);
                sum = [sum[0] + pixel * angle.cos(), sum[1] + pixel * angle.sin()];
            }
            amplitudes.extend(sum);
        }
    }
    let power: f64 = amplitudes.iter().map(|part| part * part).sum();
    amplitudes.iter().map(|part| part / power.sqrt()).collect()
}

#[test]
fn spatial_frequencies_are_those_of_the_equation() {
    for (shape, coefficients) in [
        (vec![8, 8], 8),
        (vec![28, 28], 8),
        (vec![1, 6, 11], 5),
        (vec![13, 4], 4),
        (vec![7, 5], 3),
        (vec![3, 3], 1),
        (vec![1, 1], 1),
    ] {
        let sides = [shape[shape.len() - 2], shape[shape.len() - 1]];
        for bytes in [true, false] {
            let raw = random_set(&shape, 3, bytes);
            let prepared = raw.clone().fourier(coefficients).unwrap();
            assert_eq!(prepared.shape, [coefficients * coefficients, 2]);
            assert_eq!(prepared.normalisation(data::Normalise::Unit), (1.0, 0.0).into());
            let [own, others] = [&prepared, &raw]
                .map(|set| [&set.train, set.validation.as_ref().unwrap(), &set.test].map(|split| wide(&split.values)));
            for (own, raw) in own.iter().zip(&others) {
                let want: Vec<_> =
                    raw.chunks(sides[0] * sides[1]).flat_map(|image| direct(image, sides, coefficients)).collect();
                assert_eq!(own.len(), want.len());
                let worst = own.iter().zip(&want).fold(0.0, |worst: f64, (own, want)| worst.max((own - want).abs()));
                assert!(worst < 1e-7, "{shape:?}, {coefficients}: {worst:.1e}");
            }
        }
    }
}

#[test]
fn images_that_one_knows_have_the_frequencies_that_one_knows() {
    let wave = |i: usize, j: usize| 1.0 + 0.5 * (TAU * (2 * i + 3 * j) as f64 / 16.0).cos();
    // Of the highest frequency, which is not kept.
    let fast = |i: usize, j: usize| if (i + j).is_multiple_of(2) { 1.0 } else { -1.0 };
    let images: [&dyn Fn(usize, usize) -> f64; 4] = [&|_, _| 3.0, &|_, _| 0.0, &wave, &fast];
    let values: Vec<_> =
        images.iter().flat_map(|of| (0..256).map(move |place| of(place / 16, place % 16) as f32)).collect();
    let mut set = random_set(&[16, 16], 4, false);
    set.test.values = Values::Floats(values);
    let prepared = wide(&set.fourier(8).unwrap().test.values);
    let near = |sample: usize, lit: &[([usize; 2], f64)]| {
        for (place, amplitude) in prepared[128 * sample..128 * (sample + 1)].chunks(2).enumerate() {
            let at = [place / 8, place % 8];
            let want = lit.iter().find(|(lit, _)| *lit == at).map_or(0.0, |(_, amplitude)| *amplitude);
            let off = (amplitude[0] - want).hypot(amplitude[1]);
            assert!(off < 1e-7, "image {sample}, {at:?}: {amplitude:?}, not {want}");
        }
    };
    near(0, &[([4, 4], 1.0)]);
    near(1, &[]);
    // 1 and twice 1/4, over the root of 1 + 2/16.
    let [bright, dim] = [1.0, 0.25].map(|part: f64| part / (1.0_f64 + 2.0 / 16.0).sqrt());
    near(2, &[([4, 4], bright), ([6, 7], dim), ([2, 1], dim)]);
    near(3, &[]);
}

#[test]
fn samples_that_have_no_such_frequencies_are_refused() {
    let refused = |shape: &[usize], coefficients| {
        random_set(shape, 2, true).fourier(coefficients).map(|_| ()).unwrap_err().to_string()
    };
    assert!(refused(&[10], 2).contains("not samples of 10"));
    assert!(refused(&[3, 8, 8], 2).contains("not samples of 3x8x8"));
    assert!(refused(&[8, 6], 7).contains("must be 1 to 6"));
    assert!(refused(&[8, 6], 0).contains("must be 1 to 6"));
}

#[test]
fn features_are_normalised_one_by_one_by_the_training_split() {
    for bytes in [true, false] {
        let mut raw = random_set(&[2, 3], 50, bytes);
        // A feature that is dark in training and is not later.
        match &mut raw.train.values {
            Values::Bytes(values) => values.iter_mut().skip(4).step_by(6).for_each(|value| *value = 7),
            Values::Floats(values) => values.iter_mut().skip(4).step_by(6).for_each(|value| *value = 0.1),
        }
        let prepared = raw.clone().normalise_features();
        assert_eq!(prepared.shape, raw.shape);
        assert_eq!(prepared.normalisation(data::Normalise::Feature), (1.0, 0.0).into());
        let of = |split: &Split, feature: usize| -> Vec<f64> {
            wide(&split.values).into_iter().skip(feature).step_by(6).collect()
        };
        let moments = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
            (mean, variance.sqrt())
        };
        for feature in 0..6 {
            let (mean, deviation) = moments(&of(&raw.train, feature));
            let (own_mean, own_deviation) = moments(&of(&prepared.train, feature));
            let scale = if feature == 4 { 1.0 } else { 1.0 / deviation };
            let want = if feature == 4 { 0.0 } else { 1.0 };
            assert!(
                own_mean.abs() < 1e-6 && (own_deviation - want).abs() < 1e-6,
                "{feature}: {own_mean} {own_deviation}"
            );
            for (own, raw) in
                [(prepared.validation.as_ref(), raw.validation.as_ref()), (Some(&prepared.test), Some(&raw.test))]
            {
                for (own, raw) in of(own.unwrap(), feature).iter().zip(of(raw.unwrap(), feature)) {
                    let want = (raw - mean) * scale;
                    assert!((own - want).abs() < 1e-5 * want.abs().max(1.0), "{feature}: {own}, not {want}");
                }
            }
        }
    }
}

#[test]
fn channels_are_normalised_one_by_one_by_the_training_split() {
    for bytes in [true, false] {
        let set = random_set(&[3, 2, 5], 40, bytes);
        let own = set.normalisation(data::Normalise::Channel);
        assert_eq!(own.factors().len(), 3);
        let raw = wide(&set.train.values);
        for (channel, [scale, shift]) in own.factors().iter().enumerate() {
            let of_channel = raw.chunks(10).skip(channel).step_by(3).flatten();
            let seen: Vec<f64> = of_channel.map(|value| value * f64::from(*scale) + f64::from(*shift)).collect();
            assert_eq!(seen.len(), 400);
            let mean = seen.iter().sum::<f64>() / 400.0;
            let variance = seen.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 400.0;
            assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{channel}: {mean}, {variance}");
        }
        let text = serde_json::to_string(&own).unwrap();
        assert_eq!(serde_json::from_str::<Normalisation>(&text).unwrap(), own);
        // Images of one channel are normalised by all their values.
        let grey = random_set(&[6, 5], 40, bytes);
        assert_eq!(grey.normalisation(data::Normalise::Channel), grey.normalisation(data::Normalise::Standard));
    }
    for (text, factors) in [
        (r#"{"scale":0.5,"shift":-1.0}"#, Some(vec![[0.5, -1.0]])),
        (r#"{"scale":[0.5,2.0],"shift":[-1.0,0.0]}"#, Some(vec![[0.5, -1.0], [2.0, 0.0]])),
        (r#"{"scale":[0.5,2.0],"shift":[-1.0]}"#, None),
        (r#"{"scale":[],"shift":[]}"#, None),
        (r#"{"scale":[0.5],"shift":1.0}"#, None),
    ] {
        let read = serde_json::from_str::<Normalisation>(text);
        assert_eq!(read.ok().map(|own| own.factors().to_vec()), factors, "{text}");
    }
}

fn bench() -> Bench {
    let recipe = "name = \"small\"\n[data]\nset = \"digits\"\n[[layers]]\ntype = \"dense\"\noutputs = 10\n\
                  [training]\nmethod = \"standard\"\nepochs = 3\nbatch = 64\n";
    Bench::with(&[("recipe.toml", recipe)])
}

fn array(bench: &Bench, name: &str) -> Vec<f64> {
    let bytes = std::fs::read(bench.path(name)).unwrap();
    let values = npyz::NpyFile::new(&bytes[..]).unwrap().into_vec::<f32>().unwrap();
    values.into_iter().map(f64::from).collect()
}

/// Weights of a layer `[outputs, inputs]`, from the table of an export.
fn table(bench: &Bench, name: &str) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(bench.path(name)).unwrap();
    text.lines().skip(1).map(|row| row.split(',').map(|cell| cell.parse().unwrap()).collect()).collect()
}

#[test]
fn a_run_predicts_from_raw_samples_what_its_training_scored() {
    let bench = bench();
    let test = data::load("digits", None).unwrap().test;
    let raw: Vec<_> = wide(&test.values).into_iter().map(|value| value as f32).collect();
    std::fs::write(bench.path("X.npy"), data::npy(&[1797, 8, 8], &raw).unwrap()).unwrap();
    for (name, settings) in [
        ("fourier", "--set data.transform=fourier --set data.coefficients=6"),
        ("feature", "--set data.normalise=feature"),
        ("held", "--set data.normalise=feature --set data.validation=0.5"),
    ] {
        // Without a bias the weights alone make the logits.
        bench.done(&format!("train recipe.toml {settings} --set layers.0.bias=false --out {name}"));
        bench.done(&format!("predict {name} --input X.npy --output Y.npy"));
        bench.done(&format!("export {name} --to out"));
        let predicted = array(&bench, "Y.npy");
        let right = predicted.chunks(10).zip(&test.labels).filter(|(row, label)| {
            let own = row[**label as usize];
            row.iter().all(|logit| *logit <= own)
        });
        let accuracy = bench.json(&format!("{name}/summary.json"))["test_accuracy"].as_f64().unwrap();
        assert!(accuracy > 0.8, "{name}: {accuracy}");
        assert_eq!(right.count(), (1797.0 * accuracy).round() as usize, "{name}");
        let said = bench.done(&format!("evaluate {name}"));
        assert!(said.contains(&format!("{:.1}", 100.0 * accuracy)), "{name}: {accuracy}, {said}");

        // The manifest says how raw samples are prepared.
        let manifest = bench.json("out/manifest.json");
        let preparation: Preparation = serde_json::from_value(manifest["input"]["preparation"].clone()).unwrap();
        let prepared = wide(&preparation.apply(&Values::Floats(raw.clone())));
        let weights = table(&bench, "out/dense1.weight.csv");
        let dot = |row: &[f64], x: &[f64]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        let own = prepared.chunks(weights[0].len()).flat_map(|x| weights.iter().map(|row| dot(row, x)));
        let worst = own.zip(&predicted).fold(0.0, |worst: f64, (own, device)| worst.max((own - device).abs()));
        assert!(worst < 1e-4, "{name}: {worst:.1e}");
        assert_eq!(manifest["layers"][0]["input"], manifest["input"]["shape"], "{name}");
    }
    let scale = |run: &str| {
        let scale = bench.json(&format!("{run}/summary.json"))["input"]["preparation"]["feature"]["scale"].clone();
        scale.as_array().unwrap().len()
    };
    assert_eq!(["feature", "held"].map(scale), [64; 2]);
    let of = |run: &str| bench.json(&format!("{run}/summary.json"))["input"]["preparation"].clone();
    assert_ne!(of("feature"), of("held"), "the samples held out have no say");

    // Prepared samples are no raw ones.
    std::fs::write(bench.path("X.npy"), data::npy(&[2, 36, 2], &[0.5_f32; 144]).unwrap()).unwrap();
    bench.refuse(
        "predict fourier --input X.npy --output Z.npy",
        1,
        &["X.npy: samples have the shape [36, 2]", "takes [8, 8]"],
    );
    let mut summary = bench.json("fourier/summary.json");
    summary["input"]["preparation"]["fourier"]["coefficients"] = 5.into();
    std::fs::write(bench.path("fourier/summary.json"), summary.to_string()).unwrap();
    bench.refuse(
        "predict fourier --input X.npy --output Z.npy",
        1,
        &["fourier/summary.json: is damaged", "preparation"],
    );
    assert!(!bench.path("Z.npy").exists());
}

#[test]
fn a_run_on_coloured_images_predicts_from_raw_samples_what_its_training_scored() {
    let bench = bench();
    std::fs::create_dir_all(bench.path("data/colour")).unwrap();
    // The class is the brightest of nine pixels, each in a channel that is darker than the last.
    let bytes = |samples: usize| -> (Vec<u8>, Vec<i64>) {
        let units: Vec<f64> = random::units(3, random::stream("colour")).take(9 * samples).collect();
        let darker = |(place, unit): (usize, &f64)| (unit * 256.0 / 4_f64.powi((place % 9 / 3) as i32)) as u8;
        let brightest = |row: &[f64]| (0..9).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap() as i64;
        (units.iter().enumerate().map(darker).collect(), units.chunks(9).map(brightest).collect())
    };
    for (split, samples) in [("train", 2000), ("test", 300)] {
        let (images, labels) = bytes(samples);
        let file = |what: &str| bench.path(&format!("data/colour/{split}_{what}.npy"));
        std::fs::write(file("images"), data::npy(&[samples, 3, 1, 3], &images).unwrap()).unwrap();
        std::fs::write(file("labels"), data::npy(&[samples], &labels).unwrap()).unwrap();
    }
    let (raw, labels) = bytes(300);
    std::fs::write(bench.path("X.npy"), data::npy(&[300, 3, 1, 3], &raw).unwrap()).unwrap();
    let settings = "--set data.set=colour --set data.normalise=channel --set layers.0.outputs=9 --set layers.0.bias=false \
                    --set training.augment.cutout=1";
    bench.done(&format!("train recipe.toml {settings} --out run"));
    bench.done("predict run --input X.npy --output Y.npy");
    bench.done("export run --to out");
    let predicted = array(&bench, "Y.npy");
    let right = predicted.chunks(9).zip(&labels).filter(|(row, label)| {
        let own = row[**label as usize];
        row.iter().all(|logit| *logit <= own)
    });
    let accuracy = bench.json("run/summary.json")["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.6, "{accuracy}");
    assert_eq!(right.count(), (300.0 * accuracy).round() as usize);
    assert!(bench.done("evaluate run").contains(&format!("{:.1}", 100.0 * accuracy)));

    // The manifest says how each channel is normalised.
    let manifest = bench.json("out/manifest.json");
    let normalisation: Normalisation = serde_json::from_value(manifest["input"].clone()).unwrap();
    let weights = table(&bench, "out/dense1.weight.csv");
    let seen = raw.iter().enumerate().map(|(place, &raw)| {
        let [scale, shift] = normalisation.factors()[place % 9 / 3].map(f64::from);
        f64::from(raw) * scale + shift
    });
    let seen: Vec<f64> = seen.collect();
    let dot = |row: &[f64], x: &[f64]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
    let own = seen.chunks(9).flat_map(|x| weights.iter().map(move |row| dot(row, x)));
    let worst = own.zip(&predicted).fold(0.0, |worst: f64, (own, device)| worst.max((own - device).abs()));
    assert!(worst < 1e-4, "{worst:.1e}");

    // A factor less than there are channels.
    let mut summary = bench.json("run/summary.json");
    for key in ["scale", "shift"] {
        summary["input"][key].as_array_mut().unwrap().pop();
    }
    std::fs::write(bench.path("run/summary.json"), summary.to_string()).unwrap();
    bench.refuse("predict run --input X.npy --output Z.npy", 1, &["run/summary.json: is damaged", "channels"]);
}

#[test]
fn the_vowels_are_embedded_and_hide_no_folder_in_silence() {
    let bench = bench();
    let train = "train recipe.toml --set data.set=vowel --set data.normalise=feature --set layers.0.outputs=11";
    let output = bench.run(&format!("{train} --out run"));
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(bench.json("run/summary.json")["input"]["shape"], serde_json::json!([10]));

    for folder in ["data/vowel", "vowel"] {
        std::fs::create_dir_all(bench.path(folder)).unwrap();
        let said = String::from_utf8(bench.run("evaluate run").stderr).unwrap();
        let warning = "warning: `vowel` is the embedded set; `data.set` is ";
        let place = if folder == "vowel" { "./vowel".into() } else { bench.path(folder) };
        assert_eq!(said, format!("{warning}{} for the folder\n", place.display()));
    }
}

#[test]
fn preparations_that_make_no_sense_are_refused_at_their_key() {
    let bench = bench();
    let train = |settings: &str| format!("train recipe.toml {settings} --out run");
    bench.refuse(
        &train("--set data.coefficients=4"),
        2,
        &["--set data.coefficients=4: ", "belongs to `data.transform`"],
    );
    for normalise in ["standard", "channel", "feature"] {
        let settings = format!("--set data.transform=fourier --set data.normalise={normalise}");
        bench.refuse(&train(&settings), 2, &[&format!("--set data.normalise={normalise}: "), "must be `unit`"]);
    }
    let settings = "--set data.transform=fourier --set data.coefficients=9";
    bench.refuse(&train(settings), 2, &["--set data.coefficients=9: `data.coefficients`: must be 1 to 8"]);
    let settings = "--set data.set=vowel --set data.normalise=channel";
    let message = "--set data.normalise=channel: `data.normalise`: `channel` takes images";
    bench.refuse(&train(settings), 2, &[message, "samples of 10;"]);
    let message = "--set training.augment.crop=8: `training.augment.crop` must be at most 7 for images of 8x8, not 8";
    bench.refuse(&train("--set training.augment.crop=8"), 2, &[message]);
    let settings = "--set data.transform=fourier --set training.augment.flip=true";
    let message = "`training.augment` takes images, and what data.transform makes, of shape [64, 2], are none";
    bench.refuse(&train(settings), 2, &["recipe.toml:", message]);
    bench.refuse(
        &train("--set training.augment.crops=4"),
        2,
        &["--set training.augment.crops=4", "did you mean `crop`"],
    );
    bench.refuse(&train("--set data.transform=furier"), 2, &["--set data.transform=furier", "fourier"]);
    std::fs::create_dir_all(bench.path("data/own")).unwrap();
    for split in ["train", "test"] {
        std::fs::write(bench.path(&format!("data/own/{split}.csv")), "1,2,0\n3,4,1\n").unwrap();
    }
    bench.refuse(
        &train("--set data.set=own --set data.transform=fourier"),
        2,
        &["--set data.transform=fourier: `data.transform`: the Fourier transform takes images", "samples of 2;"],
    );
    assert!(!bench.path("run").exists());
}
