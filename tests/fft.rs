//! Discrete Fourier transforms and propagation: accuracy at many lengths, and what holds of them whatever the numbers.

mod common;

use common::case::{Draws, floats};
use common::{device, gpu};
use flatlight::gpu::{Error, Gpu, Options, Plan, PlanBuilder, Scalar, Slice};
use flatlight::light::{Grid, Method, Space};
use flatlight::ops::fft::Fft;
use flatlight::ops::propagation::{self, Propagation};
use flatlight::ops::transfer::{self, MADE, Table};
use flatlight::reference;
use flatlight::reference::fft::{Extents, Kind};

/// Relative to the length of the whole.
const ACCURACY: f64 = 1e-6;

fn numbers(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

fn apart(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    norm(&got.iter().zip(want).map(|(got, want)| got - want).collect::<Vec<_>>()) / norm(want)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

type Recorded = fn(&Fft, &mut PlanBuilder<'_>, &Slice, [&Slice; 2], &Slice) -> Result<(), Error>;

fn transform(fft: Fft, pass: Recorded, before: &[usize], after: &[usize], x: &[f64]) -> Vec<f64> {
    let result = || -> Result<_, Error> {
        let [x, y] = [gpu().upload("x", before, &floats(x))?, gpu().zeros("y", after, Scalar::F32)?];
        gpu().write(&y, &vec![f32::NAN; y.len()])?;
        let shape = fft.scratch(before, after)?;
        let [one, two] = [gpu().zeros("one", &shape, Scalar::F32)?, gpu().zeros("two", &shape, Scalar::F32)?];
        for between in [&one, &two] {
            gpu().write(between, &vec![f32::NAN; between.len()])?;
        }
        let mut plan = PlanBuilder::new(gpu(), "transform");
        pass(&fft, &mut plan, &x, [&one, &two], &y)?;
        gpu().submit(&[&plan.finish()?])?;
        gpu().read::<f32>(&y)
    };
    numbers(&result().expect("a transform"))
}

/// Error of transforms of two lines of a length, along rows and columns.
fn errors(length: usize) -> [f64; 2] {
    let x = Draws::new(length as u32).uniform("x", 4 * length, -1.0, 1.0);
    let along = |fft: Fft, shape: [usize; 4], lengths: [Option<usize>; 2]| {
        let on = Extents { lengths, before: [shape[1], shape[2]], after: [shape[1], shape[2]] };
        let got = transform(fft, Fft::forward, &shape, &shape, &x);
        apart(&got, &reference::fft::plane(Kind::Forward, on, &x))
    };
    [
        along(Fft::rows(length), [1, 2, length, 2], [None, Some(length)]),
        along(Fft::columns(length), [1, length, 2, 2], [Some(length), None]),
    ]
}

#[test]
fn short_lengths_are_accurate() {
    for length in 1..=64 {
        for error in errors(length) {
            assert!(error < ACCURACY, "{length}: off by {error:e}");
        }
    }
}

#[test]
fn long_lengths_are_accurate() {
    let smooth = [
        96, 100, 105, 210, 243, 256, 343, 360, 375, 512, 625, 720, 1000, 1024, 1080, 1920, 2048, 2160, 2187, 2401, 3125,
    ];
    let longer = [3840, 4096, 5040, 6075, 7203, 7560, 8000, 8192, 16384];
    let others = [67, 97, 101, 127, 251, 509, 1001, 1009, 2021, 4093, 8191];
    for length in smooth.into_iter().chain(longer).chain(others) {
        for error in errors(length) {
            println!("{length}: {error:.2e}");
            assert!(error < ACCURACY, "{length}: off by {error:e}");
        }
    }
}

/// The inverse undoes the transform, which keeps the power (Parseval), in planes with rows along which passes differ.
#[test]
fn the_inverse_undoes_a_transform_that_keeps_power() {
    for [height, width] in [[64, 48], [30, 97], [256, 15]] {
        let shape = [3, height, width, 2];
        let x = Draws::new(1).uniform("x", shape.iter().product(), -1.0, 1.0);
        let fft = Fft::plane(height, width);
        let y = transform(fft, Fft::forward, &shape, &shape, &x);
        let kept = norm(&y).powi(2) / (height * width) as f64 / norm(&x).powi(2);
        assert!((kept - 1.0).abs() < 1e-6, "{height} x {width}: {kept} of the power");
        let error = apart(&transform(fft, Fft::inverse, &shape, &shape, &y), &x);
        assert!(error < 2.0 * ACCURACY, "{height} x {width}: off by {error:e} after the way there and back");
    }
}

fn propagate_on(
    gpu: &Gpu,
    propagation: &Propagation,
    shape: &[usize],
    scratch: [[usize; 2]; 2],
    x: &[f64],
    transfer: &[f64],
    adjoint: bool,
) -> Vec<f32> {
    let result = || -> Result<_, Error> {
        let transfer = gpu.upload("transfer", &propagation.transfer(), &floats(transfer))?;
        let [x, y] = [gpu.upload("x", shape, &floats(x))?, gpu.zeros("y", shape, Scalar::F32)?];
        gpu.write(&y, &vec![f32::NAN; y.len()])?;
        let [one, two] = [gpu.zeros("one", &scratch[0], Scalar::F32)?, gpu.zeros("two", &scratch[1], Scalar::F32)?];
        for between in [&one, &two] {
            gpu.write(between, &vec![f32::NAN; between.len()])?;
        }
        let mut plan = PlanBuilder::new(gpu, "propagate");
        if adjoint {
            propagation.adjoint(&mut plan, &x, &transfer, [&one, &two], &y)?;
        } else {
            propagation.forward(&mut plan, &x, None, &transfer, [&one, &two], &y)?;
        }
        gpu.submit(&[&plan.finish()?])?;
        gpu.read::<f32>(&y)
    };
    result().expect("a propagation")
}

fn propagate(propagation: &Propagation, shape: &[usize], x: &[f64], transfer: &[f64], adjoint: bool) -> Vec<f64> {
    numbers(&propagate_on(gpu(), propagation, shape, propagation.scratch(shape[0]), x, transfer, adjoint))
}

/// A transfer function that turns phases only.
fn turning(propagation: &Propagation) -> Vec<f64> {
    let turns = Draws::new(7).uniform("turns", propagation.transfer().iter().product::<usize>() / 2, -3.0, 3.0);
    turns.into_iter().flat_map(|angle| [angle.cos(), angle.sin()]).collect()
}

#[test]
fn a_propagation_without_padding_keeps_power() {
    for [height, width] in [[48, 64], [100, 37], [256, 256]] {
        let propagation = Propagation::new(height, width, height, width).expect("a grid");
        let shape = [2, height, width, 2];
        let x = Draws::new(2).uniform("x", shape.iter().product(), -1.0, 1.0);
        let kept = norm(&propagate(&propagation, &shape, &x, &turning(&propagation), false)) / norm(&x);
        assert!((kept * kept - 1.0).abs() < 1e-5, "{height} x {width}: {kept}^2 of the power");
    }
}

/// A transfer function of 1 gives the field back, at the size of a modulator too, and the adjoint is one.
#[test]
fn a_large_propagation_is_exact_and_has_its_adjoint() {
    let propagation = Propagation::new(1080, 1920, 2160, 3840).expect("a grid");
    let shape = [1, 1080, 1920, 2];
    let scratch: usize = propagation.scratch(1).iter().flatten().product();
    let bytes: usize = propagation.scratch(1).iter().map(|shape| 4 * shape.iter().product::<usize>()).sum();
    assert!(scratch > 0 && bytes < 150 << 20, "{bytes} bytes in between");
    let count = shape.iter().product();
    let [x, v] = ["x", "v"].map(|name| Draws::new(3).uniform(name, count, -1.0, 1.0));
    let ones = [1.0, 0.0].repeat(propagation.transfer()[0] * propagation.transfer()[1]);
    let error = apart(&propagate(&propagation, &shape, &x, &ones, false), &x);
    assert!(error < 2.0 * ACCURACY, "off by {error:e}");
    let transfer = turning(&propagation);
    let y = propagate(&propagation, &shape, &x, &transfer, false);
    let back = propagate(&propagation, &shape, &v, &transfer, true);
    let (forward, backward, scale) = (dot(&v, &y), dot(&back, &x), norm(&v) * norm(&y));
    assert!((forward - backward).abs() < 1e-6 * scale, "{forward:e} and {backward:e}");
}

/// However few samples the tensors in between hold, the result has the same bits; and whatever the variant, the same numbers.
#[test]
fn a_transfer_function_is_made_again_where_it_changes() {
    let grid = Grid { height: 8, width: 8, padded_height: 16, padded_width: 16, pitch: 2e-6 };
    let space =
        Space { grid, wavelength: 532e-9, distance: 1e-3, method: Method::AngularSpectrum, band_limited: false };
    let gpu = gpu();
    let result = || -> Result<(), Error> {
        let turns: Vec<_> = space.turns().into_iter().map(|turns| turns as f32).collect();
        let turns = gpu.upload("turns", &space.table(), &turns)?;
        let values = gpu.zeros("transfer", &[space.table()[0], space.table()[1], 2], Scalar::F32)?;
        let (made, errors) = (gpu.zeros("made", &MADE, Scalar::F32)?, gpu.zeros("errors", &[2], Scalar::F32)?);
        let table = Table { values: &values, made: &made };
        let mut plan = PlanBuilder::new(gpu, "transfer");
        transfer::forward(&mut plan, &space, (&turns, 1), (&errors, 1), table)?;
        let forward = plan.finish()?;
        let mut plan = PlanBuilder::new(gpu, "slope");
        transfer::derivative(&mut plan, &space, &turns, (&errors, 1), table)?;
        let derivative = plan.finish()?;
        let mut plan = PlanBuilder::new(gpu, "of another number");
        transfer::forward(&mut plan, &space, (&turns, 2), (&errors, 1), table)?;
        let other = plan.finish()?;
        let nothing = vec![7.0; values.len()];
        let made_by = |plans: &[&Plan], error: f32| -> Result<bool, Error> {
            gpu.write(&errors, &[f32::NAN, error])?;
            gpu.write(&values, &nothing)?;
            gpu.submit(plans)?;
            Ok(gpu.read::<f32>(&values)? != nothing)
        };
        assert!(made_by(&[&forward], 0.0)?, "the first");
        assert!(!made_by(&[&forward], 0.0)?, "the same again");
        assert!(made_by(&[&forward], 1e-6)?, "of another distance");
        assert!(made_by(&[&other], 1e-6)?, "of another number");
        assert!(made_by(&[&derivative], 1e-6)?, "a slope");
        assert!(made_by(&[&forward], 1e-6)?, "where a slope was");
        Ok(())
    };
    result().expect("tables");
}

#[test]
fn the_room_in_between_does_not_matter() {
    for [height, width, padded_height, padded_width] in
        [[30, 21, 60, 42], [36, 32, 72, 64], [300, 6, 720, 16], [3, 640, 8, 1280]]
    {
        let propagation = Propagation::new(height, width, padded_height, padded_width).expect("a grid");
        let shape = [7, height, width, 2];
        let x = Draws::new(4).uniform("x", shape.iter().product(), -1.0, 1.0);
        let transfer = turning(&propagation);
        assert!(propagation.scratch(7) != propagation.scratch(1));
        let results = propagation::variants(gpu()).into_iter().map(|variant| {
            let gpu = device(Some(("propagation", variant)), &Options::default());
            let [all, some, one] = [7, 3, 1].map(|samples| {
                let scratch = propagation.scratch(samples);
                let y = propagate_on(gpu, &propagation, &shape, scratch, &x, &transfer, false);
                y.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            });
            assert!(all == some && all == one, "{propagation:?}, {variant}");
            all.into_iter().map(|bits| f64::from(f32::from_bits(bits))).collect::<Vec<_>>()
        });
        let results: Vec<_> = results.collect();
        for other in &results[1..] {
            let error = apart(other, &results[0]);
            assert!(error < ACCURACY, "{propagation:?}: variants differ by {error:e}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let message = Propagation::new(4, 4, 8, 3).expect_err("padded to less").to_string();
    assert!(message.contains("padded to at least its size") && message.contains("8 x 3"), "{message}");
    let message = Fft::plane(4, 4).scratch(&[1, 5, 4, 2], &[1, 4, 4, 2]).expect_err("5 rows of 4").to_string();
    assert!(message.contains("at most 4 rows and 4 columns"), "{message}");
    assert!(Fft::rows(4).scratch(&[1, 5, 4, 2], &[1, 4, 4, 2]).is_err(), "5 rows are not 4");
    let slice = |shape: &[usize]| gpu().zeros("slice", shape, Scalar::F32).expect("room");
    let mut plan = PlanBuilder::new(gpu(), "refused");
    let [x, little] = [slice(&[1, 4, 4, 2]), slice(&[3, 2])];
    let message = Fft::plane(4, 4).forward(&mut plan, &x, [&little, &little], &x).expect_err("no room").to_string();
    assert!(message.contains("room for 16 complex numbers"), "{message}");
    assert!(plan.is_empty());
}
