//! Cases of what optics does to a plane besides masks: lenses in apertures, tilts; and of light kept in half precision.

use flatlight::ops::half;
use flatlight::ops::lens::Lens;
use flatlight::ops::resample::{Geometry, Mode, Resample};
use flatlight::ops::tilt::Tilt;

use super::*;

pub fn cases() -> Vec<Case> {
    vec![
        lenses("lens", Some(0.005), None, 3.0).note("shifts of samples"),
        phases("lens, phase", Some(0.005), 3.0).note("4,000 turns, shifts of samples; no gradient"),
        phases("lens, far away, phase", Some(0.02), 900.0).note("shifts of hundreds of samples; no gradient"),
        lenses("lens, diverging, aperture", Some(-0.05), Some(0.8), 3.0).note("shifts of samples"),
        lenses("lens, aligned", Some(0.02), Some(1.1), 0.0).note("no shift"),
        lenses("lens, aperture alone", None, Some(0.5), 1.0).note("shifts of samples; the rim has no slope"),
        tilts("tilt", 0.25, SIZES).tolerance(5e-5, 0.0).note("up to 30 turns"),
        steep(),
        tilts("tilt, none", 0.0, &SIZES[..7]).note("no angles"),
        halves(),
    ]
}

/// Planes, height, width.
const SIZES: &[&[usize]] = &[
    &[1, 1, 1],
    &[2, 1, 3],
    &[3, 7, 9],
    &[1, 8, 8],
    &[2, 5, 13],
    &[1, 97, 1],
    &[3, 61, 67],
    &[1, 128, 128],
    // More samples than one turn of the sums takes, and a whole modulator.
    &[2, 257, 301],
    &[1, 1080, 1920],
];
const BENCH: &[usize] = &[1, 1080, 1920];
const PITCH: f64 = 4e-6;
const WAVELENGTH: f64 = 0.5e-6;

fn extents(size: &[usize]) -> [usize; 3] {
    size.try_into().expect("three extents")
}

/// Where elements of a size stand, along x and y, up to so far either way.
fn pairs(draws: Draws, names: [&'static str; 2], count: usize, most: f64) -> Vec<Tensor> {
    names.map(|name| tensor(name, &[count], draws.uniform(name, count, -most, most))).into()
}

/// The diameter of an aperture is about so many heights of the grid.
fn lenses(name: &'static str, focal_length: Option<f64>, aperture: Option<f64>, shift: f64) -> Case {
    case(name, SIZES, BENCH, move |draws, size| {
        let [planes, height, width] = extents(size);
        let n = height * width;
        let inputs = pairs(draws, ["shift_x", "shift_y"], planes, shift);
        let at = move |x: &[Vec<f64>], plane: usize| [x[0][plane], x[1][plane]];
        let shifts: Vec<_> = (0..planes).map(|plane| [inputs[0].values[plane], inputs[1].values[plane]]).collect();
        let aperture = aperture.map(|heights| PITCH * gap([height, width], &shifts, heights * height as f64));
        let on_device = Lens { pitch: PITCH, wavelength: WAVELENGTH, focal_length, aperture };
        let grid = [height, width];
        let twin = reference::lens::Lens { grid, pitch: PITCH, wavelength: WAVELENGTH, focal_length, aperture };
        let gradient = Gradient {
            of: vec![0, 1],
            upstream: None,
            backward: Box::new(move |plan, on| {
                let partials = plan.gpu().zeros("partials", &Lens::partials(height, width), Scalar::F32)?;
                let [shifts, d_shifts] = [on.inputs, on.gradients].map(|own| [&own[0], &own[1]]);
                for (lens, d_t) in on.upstream.iter().enumerate() {
                    on_device.backward(plan, (shifts, lens), d_t, &partials, (d_shifts, false))?;
                }
                Ok(())
            }),
            specification: Box::new(move |x, d| {
                let each: Vec<_> = d.iter().enumerate().map(|(lens, d)| twin.backward(at(x, lens), d)).collect();
                [0, 1].map(|axis| each.iter().map(|own| own[axis]).collect()).into()
            }),
        };
        Problem {
            inputs,
            outputs: (0..planes).map(|_| fresh("t", &[height, width, 2])).collect(),
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let shifts = [&on.inputs[0], &on.inputs[1]];
                on.outputs.iter().enumerate().try_for_each(|(lens, t)| on_device.forward(plan, (shifts, lens), t))
            }),
            specification: Box::new(move |x| (0..planes).map(|lens| twin.forward(at(x, lens))).collect()),
            gradient: Some(gradient),
            costs: vec![
                cost("lens::forward", 60 * n, 2 * n),
                cost("lens::partial", 70 * n, 2 * n),
                cost("lens::total", n / 512, n / 512),
            ],
        }
    })
    // What is left of many terms is rounded as they.
    .tolerance(5e-5, 1e-9)
}

/// The lens alone, as accurate as it is.
fn phases(name: &'static str, focal_length: Option<f64>, shift: f64) -> Case {
    let Case { make, .. } = lenses(name, focal_length, None, shift);
    let alone = move |draws: Draws, size: &[usize]| Problem { gradient: None, ..make(draws, size) };
    case(name, SIZES, BENCH, alone).tolerance(4e-6, 0.0)
}

/// A diameter, in samples, about as large as wanted, that no sample is near, whichever way the lens is shifted.
fn gap([height, width]: [usize; 2], shifts: &[[f64; 2]], wanted: f64) -> f64 {
    let from_middle = |at: usize, extent: usize, shift: f64| 2.0 * (at as f64 - shift) - (extent as f64 - 1.0);
    let mut squares = vec![(0.9 * wanted).powi(2), wanted.powi(2)];
    for [x, y] in shifts {
        let own = (0..height * width)
            .map(|at| from_middle(at % width, width, *x).powi(2) + from_middle(at / width, height, *y).powi(2));
        squares.extend(own.filter(|square| (0.9 * wanted..wanted).contains(&square.sqrt())));
    }
    squares.sort_by(f64::total_cmp);
    let widest = squares.windows(2).max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0]))).expect("two ends");
    (0.5 * (widest[0] + widest[1])).sqrt()
}

/// Angles are up to so many degrees either way.
fn tilts(name: &'static str, most: f64, sizes: &'static [&'static [usize]]) -> Case {
    case(name, sizes, BENCH, move |draws, size| {
        let [planes, height, width] = extents(size);
        let n = height * width;
        let mut inputs = pairs(draws, ["tilt_x", "tilt_y"], planes, most);
        let names = ["t", "t 2", "t 3"];
        let plane = |name| tensor(name, &[height, width, 2], draws.uniform(name, 2 * n, -1.0, 1.0));
        inputs.extend(names.into_iter().take(planes).map(plane));
        let on_device = Tilt { pitch: PITCH, wavelength: WAVELENGTH };
        let twin = reference::tilt::Tilt { grid: [height, width], pitch: PITCH, wavelength: WAVELENGTH };
        let at = move |x: &[Vec<f64>], plane: usize| [x[0][plane], x[1][plane]];
        let gradient = Gradient {
            of: (0..2 + planes).collect(),
            upstream: None,
            backward: Box::new(move |plan, on| {
                let partials = plan.gpu().zeros("partials", &Tilt::partials(height, width), Scalar::F32)?;
                let [angles, d_angles] = [on.inputs, on.gradients].map(|own| [&own[0], &own[1]]);
                for (at, (t, d_t)) in on.inputs[2..].iter().zip(on.upstream).enumerate() {
                    on_device.backward_angles(plan, (angles, at), [t, d_t], &partials, (d_angles, false))?;
                    copy(plan, d_t, &on.gradients[2 + at])?;
                    on_device.backward(plan, (angles, at), &on.gradients[2 + at])?;
                }
                Ok(())
            }),
            specification: Box::new(move |x, d| {
                let own = |plane: usize| twin.backward_angles(&x[2 + plane], at(x, plane), &d[plane]);
                let each: Vec<_> = (0..planes).map(own).collect();
                let angles = [0, 1].map(|axis| each.iter().map(|own| own[axis]).collect());
                let planes = d.iter().enumerate().map(|(plane, d)| twin.backward(d, at(x, plane)));
                angles.into_iter().chain(planes).collect()
            }),
        };
        Problem {
            inputs,
            outputs: (2..2 + planes).map(Output::InPlace).collect(),
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| {
                let angles = [&on.inputs[0], &on.inputs[1]];
                let mut planes = on.outputs.iter().enumerate();
                planes.try_for_each(|(plane, t)| on_device.forward(plan, (angles, plane), t))
            }),
            specification: Box::new(move |x| {
                (0..planes).map(|plane| twin.forward(&x[2 + plane], at(x, plane))).collect()
            }),
            gradient: Some(gradient),
            costs: vec![
                cost("tilt::turn", 60 * n, 4 * n),
                cost("tilt::partial", 10 * n, 4 * n),
                cost("tilt::total", n / 512, n / 512),
            ],
        }
    })
}

/// Angles of many degrees, without the gradient, whose differences would see the curvature of so many turns.
fn steep() -> Case {
    let Case { make, .. } = tilts("tilt", 40.0, SIZES);
    let alone = move |draws: Draws, size: &[usize]| Problem { gradient: None, ..make(draws, size) };
    // 2e-7 of the phase.
    let tolerance = 2e-7 * 5000.0 * std::f64::consts::TAU;
    case("tilt, steep", SIZES, BENCH, alone).tolerance(tolerance, 0.0).note("up to 5,000 turns; no gradient")
}

/// A picture that is resampled where it is stays what it is, bit for bit.
fn copy(plan: &mut PlanBuilder<'_>, from: &Slice, to: &Slice) -> Result<(), Error> {
    let &[height, width, _] = from.shape() else { panic!("the shape of a plane") };
    let zero = plan.gpu().zeros("zero", &[1], Scalar::F32)?;
    let geometry = Geometry { shift_x: &zero, shift_y: &zero, rotation: &zero, scale: &zero };
    let [from, to] = [from, to].map(|plane| plane.reshape(&[1, height, width, 2]));
    let on = Resample::new(Mode::Nearest, [height, width], [height, width], [0.0; 2])?;
    on.forward(plan, geometry, &from?, &to?)
}

/// Sizes are complex numbers: some of every kind there is, and random ones of all sizes.
fn halves() -> Case {
    const SIZES: &[&[usize]] = &[&[1], &[3], &[63], &[64], &[65], &[97], &[4099], &[1080 * 1920]];
    // Ties, the ends of what is normal and what is there at all, and what is beyond.
    const SPECIAL: [f64; 22] = [
        1.0,
        -1.0009765625,
        1.00048828125,
        1.00146484375,
        65504.0,
        -65504.0,
        65505.0,
        -65520.0,
        1e30,
        -1e30,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        6.103515625e-5,
        6.1005353927612305e-5,
        6.0975552e-5,
        5.96046448e-8,
        2.98023224e-8,
        8.94069672e-8,
        -2.9e-8,
        1e-40,
    ];
    case("half", SIZES, &[1080 * 1920], |draws, size| {
        let n = size[0];
        let sizes = draws.uniform("size", 2 * n, -28.0, 16.0);
        let random = draws.uniform("x", 2 * n, -1.0, 1.0).into_iter().zip(sizes).map(|(x, size)| x * size.exp2());
        let values = random.enumerate().map(|(at, x)| if n > 3 && at < 22 { SPECIAL[at] } else { x });
        let values: Vec<_> = values.map(|x| f64::from(x as f32)).collect();
        Problem {
            inputs: vec![tensor("field", &[n, 2], values)],
            outputs: vec![Output::Fresh("words", vec![n], Scalar::U32), fresh("again", &[n, 2])],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| {
                half::pack(plan, &on.inputs[0], &on.outputs[0])?;
                half::unpack(plan, &on.outputs[0], &on.outputs[1])
            }),
            specification: Box::new(|x| {
                let words = reference::half::pack(&x[0]);
                let again = reference::half::unpack(&words);
                vec![words.into_iter().map(f64::from).collect(), again]
            }),
            gradient: None,
            costs: vec![cost("half::pack", 30 * n, 3 * n), cost("half::unpack", 20 * n, 3 * n)],
        }
    })
    .tolerance(0.0, 0.0)
    .note("bit for bit, infinite and tiny numbers too; no gradient")
}
