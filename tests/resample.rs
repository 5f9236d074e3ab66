//! Pictures seen through an affine map: a whole plate, what physics keeps, which way things turn, and what is refused.

mod common;

use common::case::{Draws, floats};
use common::gpu;
use flatlight::gpu::{Error, PlanBuilder, Scalar, Slice};
use flatlight::ops::resample::{Geometry, Mode, Resample};
use flatlight::reference::resample as reference;

const NAMES: [&str; 4] = ["shift_x", "shift_y", "rotation", "scale"];

fn geometry(parts: &[Slice; 4]) -> Geometry<'_> {
    let [shift_x, shift_y, rotation, scale] = parts;
    Geometry { shift_x, shift_y, rotation, scale }
}

/// One picture `[height, width, channels]` under a geometry.
fn seen(on: &Resample, from: [usize; 3], to: [usize; 2], x: &[f32], lie: [f32; 4]) -> Vec<f32> {
    let result = || -> Result<_, Error> {
        let x = gpu().upload("x", &[1, from[0], from[1], from[2]], x)?;
        let y = gpu().zeros("y", &[1, to[0], to[1], from[2]], Scalar::F32)?;
        let mut parts = Vec::new();
        for (name, value) in NAMES.iter().zip(lie) {
            parts.push(gpu().upload(name, &[1], &[value])?);
        }
        let mut plan = PlanBuilder::new(gpu(), "seen");
        on.forward(&mut plan, geometry(&parts.try_into().expect("four parts")), &x, &y)?;
        gpu().submit(&[&plan.finish()?])?;
        gpu().read(&y)
    };
    result().expect("a picture")
}

#[test]
fn a_whole_complex_plate() {
    let (height, width) = (1080, 1920);
    let x = Draws::new(3).uniform("plate", 2 * height * width, -1.0, 1.0);
    let plate = floats(&x);
    for mode in [Mode::Area, Mode::Bilinear, Mode::Nearest] {
        let on = Resample::new(mode, [height, width], [height, width], [1.0, 0.0]).expect("a grid");
        let y = seen(&on, [height, width, 2], [height, width], &plate, [0.0; 4]);
        assert!(y.iter().zip(&plate).all(|(y, x)| y.to_bits() == x.to_bits()), "{mode:?}: not the plate itself");
        if mode == Mode::Nearest {
            continue;
        }
        let lie = [0.375, -1.625, 0.4, 0.003];
        let y = seen(&on, [height, width, 2], [height, width], &plate, lie);
        let twin = reference::Resample {
            mode: if mode == Mode::Area { reference::Mode::Area } else { reference::Mode::Bilinear },
            from: [height, width],
            to: [height, width],
            step: [1.0; 2],
            outside: [1.0, 0.0],
            channels: 2,
        };
        let [shift_x, shift_y, rotation, scale] = lie.map(f64::from);
        let place = reference::Geometry { shift: [shift_x, shift_y], rotation, scale };
        for at in (0..height * width).step_by(997).chain([0, width - 1, height * width - 1]) {
            let want = twin.sample(&x, &place, at / width, at % width);
            for (got, want) in y[2 * at..][..2].iter().zip(want) {
                let off = (f64::from(*got) - want).abs();
                assert!(off < 2e-5, "{mode:?}, sample {at}: {got} instead of {want}, off by {off:e}");
            }
        }
    }
}

#[test]
fn cells_share_out_all_light() {
    // A picture on a larger grid, dark outside: all of it is seen, whatever way it lies; a scale spreads it.
    let x = floats(&Draws::new(5).uniform("x", 31 * 44, 0.0, 1.0));
    let on = Resample::new(Mode::Area, [31, 44], [90, 90], [0.0; 2]).expect("a grid");
    let sum = |values: &[f32]| values.iter().map(|value| f64::from(*value)).sum::<f64>();
    for (lie, gain) in [
        ([0.0, 0.0, 0.0, 0.0_f32], 1.0),
        ([3.25, -7.5, 33.0, 0.0], 1.0),
        ([0.0, 0.5, -90.0, 0.0], 1.0),
        ([-1.0, 0.0, 170.0, 0.5], 2.25),
    ] {
        let share = sum(&seen(&on, [31, 44, 1], [90, 90], &x, lie)) / sum(&x);
        assert!((share / gain - 1.0).abs() < 1e-5, "{lie:?}: {share} of it instead of {gain}");
    }
    // Whatever is the same everywhere stays so.
    let on = Resample::new(Mode::Area, [31, 44], [90, 90], [0.5; 2]).expect("a grid");
    let flat = seen(&on, [31, 44, 1], [90, 90], &[0.5; 31 * 44], [1.25, 2.5, 14.0, -0.2]);
    assert!(flat.iter().all(|value| (value - 0.5).abs() < 1e-6), "not flat");
}

#[test]
fn a_picture_moves_the_way_it_is_told() {
    let mut x = vec![0.0; 9 * 9];
    // Two pixels right of the centre.
    x[4 * 9 + 6] = 1.0;
    let brightest = |mode, lie| {
        let on = Resample::new(mode, [9, 9], [9, 9], [0.0; 2]).expect("a grid");
        let y = seen(&on, [9, 9, 1], [9, 9], &x, lie);
        let at = (0..81).max_by(|a, b| y[*a].total_cmp(&y[*b])).expect("samples");
        [at / 9, at % 9]
    };
    for mode in [Mode::Area, Mode::Bilinear, Mode::Nearest] {
        assert_eq!(brightest(mode, [0.0; 4]), [4, 6]);
        assert_eq!(brightest(mode, [1.0, 0.0, 0.0, 0.0]), [4, 7]);
        assert_eq!(brightest(mode, [0.0, -2.0, 0.0, 0.0]), [2, 6]);
        // From the width to the height, which is clockwise with row 0 on top.
        assert_eq!(brightest(mode, [0.0, 0.0, 90.0, 0.0]), [6, 4]);
        assert_eq!(brightest(mode, [0.0, 0.0, -90.0, 0.0]), [2, 4]);
        assert_eq!(brightest(mode, [0.0, 0.0, 0.0, 0.4375]), [4, 7]);
    }
    assert_eq!(brightest(Mode::Nearest, [0.4375, -0.4375, 0.0, 0.0]), [4, 6], "less than half a pixel is hidden");
}

#[test]
fn grids_that_cover_the_same_average_whole_blocks() {
    let x = floats(&Draws::new(7).uniform("x", 12 * 20, 0.0, 1.0));
    let on = Resample::new(Mode::Area, [12, 20], [4, 5], [9.0; 2]).and_then(Resample::fitted).expect("a grid");
    let y = seen(&on, [12, 20, 1], [4, 5], &x, [0.0; 4]);
    for (at, got) in y.iter().enumerate() {
        let (row, column) = (at / 5, at % 5);
        let block = (0..12).map(|inside| x[(3 * row + inside / 4) * 20 + 4 * column + inside % 4]);
        let want = block.sum::<f32>() / 12.0;
        assert!((got - want).abs() < 1e-6, "{row}, {column}: {got} instead of {want}");
    }
}

#[test]
fn no_geometry_gives_no_number() {
    let on = Resample::new(Mode::Area, [3, 3], [3, 3], [0.0; 2]).expect("a grid");
    for part in 0..4 {
        for value in [f32::NAN, f32::INFINITY] {
            let mut lie = [0.0; 4];
            lie[part] = value;
            let y = seen(&on, [3, 3, 1], [3, 3], &[1.0; 9], lie);
            assert!(y.iter().all(|y| y.is_nan()), "{} {value}", NAMES[part]);
        }
    }
    for scale in [-0.51, 1.01, -1.0, -3.0] {
        assert!(seen(&on, [3, 3, 1], [3, 3], &[1.0; 9], [0.0, 0.0, 0.0, scale]).iter().all(|y| y.is_nan()));
    }
    // So far away that nothing is seen.
    assert_eq!(seen(&on, [3, 3, 1], [3, 3], &[1.0; 9], [1e30, -1e30, 45.0, 0.0]), [0.0; 9]);
}

#[test]
fn slopes_at_no_misalignment_are_the_mean_of_both_sides() {
    let draws = Draws::new(11);
    let (x, d_y) = (draws.uniform("x", 7 * 8, -1.0, 1.0), draws.uniform("d_y", 7 * 8, -1.0, 1.0));
    for mode in [reference::Mode::Area, reference::Mode::Bilinear] {
        let twin =
            reference::Resample { mode, from: [7, 8], to: [7, 8], step: [1.0; 2], outside: [0.25, 0.0], channels: 1 };
        let gradient = twin.backward_geometry(&x, &d_y, [&[0.0]; 4]);
        for (part, got) in gradient.iter().enumerate() {
            let objective = |at: &[f64]| {
                let mut lie = [0.0; 4];
                lie[part] = at[0];
                let [shift_x, shift_y, rotation, scale] = &lie.map(|value| [value]);
                let y = twin.forward(&x, [shift_x, shift_y, rotation, scale]);
                y.iter().zip(&d_y).map(|(y, d)| y * d).sum()
            };
            let want = flatlight::reference::central_differences(objective, &[0.0], 1e-5)[0];
            assert!((got[0] - want).abs() < 1e-3 * want.abs(), "{mode:?}, {}: {} and {want}", NAMES[part], got[0]);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let message = Resample::new(Mode::Area, [3, 0], [3, 3], [0.0; 2]).expect_err("no pixels").to_string();
    assert_eq!(message, "resample, grid: expected 1 to 2^24 samples along an axis, got 0");
    let on = Resample::new(Mode::Nearest, [3, 3], [4, 4], [0.0; 2]).expect("a grid");
    for step in [[0.0, 1.0], [1.0, -1.0], [f64::NAN, 1.0], [100.0, 100.0], [0.01, 0.01]] {
        let message = on.with_step(step).expect_err("no such step").to_string();
        assert_eq!(message, format!("resample, step: expected pixels a sample, about 1/80 to 80, got {step:?}"));
    }
    let zeros = |shape: &[usize]| gpu().zeros("zeros", shape, Scalar::F32).expect("room");
    let alike = NAMES.map(|_| zeros(&[1]));
    let three = NAMES.map(|_| zeros(&[3]));
    let mut plan = PlanBuilder::new(gpu(), "refused");
    let (x, y) = (zeros(&[2, 3, 3, 1]), zeros(&[2, 4, 4, 1]));
    let message = on.forward(&mut plan, geometry(&three), &x, &y).expect_err("three for two").to_string();
    assert_eq!(message, "resample::forward, `zeros`: expected [2], got [3]");
    let message = on.forward(&mut plan, geometry(&alike), &zeros(&[3, 3]), &y).expect_err("a matrix").to_string();
    assert_eq!(message, "resample::forward, `zeros`: expected [pictures, height, width, 1 or 2 channels], got [3, 3]");
    let partials = zeros(&on.partials(2));
    let message = on
        .backward_geometry(&mut plan, geometry(&alike), &x, &y, &partials, (geometry(&alike), false))
        .expect_err("nearest")
        .to_string();
    assert_eq!(
        message,
        "resample::backward_geometry: expected area or bilinear samples, got nearest ones, which have no gradient"
    );
    assert!(plan.is_empty());
}
