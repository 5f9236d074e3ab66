//! Cases of the rings: what sets them, what they weigh, what reads them out.

use flatlight::ops::actuator::Actuator;
use flatlight::ops::detect::{Detector, Source};
use flatlight::ops::gain;
use flatlight::ops::microring::{About, Ring, State};

use flatlight::ops::ring_bank::RingBank;

use super::*;

pub fn cases() -> Vec<Case> {
    const JOULE: Actuator =
        Actuator { rest: 0.125, gain: 0.25, square: true, range: [0.0, 2.0], dac_bits: None, crosstalk: 0.0625 };
    const LINEAR: Actuator = Actuator { square: false, range: [-1.0, 2.0], ..JOULE };
    const DIRECT: Actuator = Actuator { rest: 0.0, gain: 1.0, crosstalk: 0.0, ..LINEAR };
    vec![
        rings(),
        banks("ring_bank", RingBank { ring: RING, size: 8, spacing: 1.5, fsr: 13.0 }, BANKS)
            .note("neighbours felt, some rings on resonance and letting nothing through, short last banks"),
        banks("ring_bank, next order", RingBank { ring: RING, size: 5, spacing: 1.0, fsr: 5.25 }, ROWS)
            .note("the last channel feels the next order of the first ring"),
        actuators("actuator, joule", JOULE, ROWS_MANY),
        actuators("actuator, linear", LINEAR, ROWS),
        actuators("actuator, direct", DIRECT, ROWS),
        converters("actuator::forward, 5 bits", Actuator { dac_bits: Some(5), ..JOULE }, false),
        converters("actuator::forward, 1 bit", Actuator { dac_bits: Some(1), ..LINEAR }, false),
        converters("actuator::backward, 5 bits", Actuator { dac_bits: Some(5), ..JOULE }, true),
        detectors("detect, noise", Detector { full_scale: 8.0, adc_bits: None }, 0.125, ROWS_MANY, true),
        detectors("detect, noise and 6 bits", Detector { full_scale: 8.0, adc_bits: Some(6) }, 0.125, ROWS, true),
        detectors("detect, 1 bit", Detector { full_scale: 0.5, adc_bits: Some(1) }, 0.0, ROWS, true),
        detectors("detect, no bias", Detector { full_scale: 8.0, adc_bits: Some(6) }, 0.125, ROWS_MANY, false),
        gains("gain", ROWS_MANY, false),
        gains("gain, bias", ROWS_MANY, true),
        deviations(),
    ]
}

/// Sizes are rows, columns.
const ROWS: &[&[usize]] = &[&[1, 1], &[1, 3], &[3, 1], &[63, 2], &[64, 65], &[7, 97]];
const ROWS_MANY: &[&[usize]] = &[&[1, 1], &[1, 3], &[3, 1], &[63, 2], &[64, 65], &[7, 97], &[1021, 4111]];

/// Sizes are rows, columns.
const BANKS: &[&[usize]] = &[&[1, 1], &[1, 3], &[3, 8], &[63, 9], &[7, 64], &[5, 97], &[3, 1009], &[103, 1013]];

fn banks(name: &'static str, bank: RingBank, sizes: &'static [&'static [usize]]) -> Case {
    let twin = reference::ring_bank::RingBank {
        ring: ring64(),
        size: bank.size,
        spacing: f64::from(bank.spacing),
        fsr: f64::from(bank.fsr),
    };
    case(name, sizes, &[512, 256], move |draws, size| {
        let [rows, columns] = size.try_into().expect("rows, columns");
        let n = rows * columns;
        let mut inputs = built(draws, n);
        for tensor in inputs.iter_mut().filter(|tensor| tensor.name != "temperature") {
            tensor.shape = vec![rows, columns];
        }
        // On resonance, at full contrast: nothing gets through. Two such rings at one channel, where there are two.
        let nominal = -twin.ring.drift * TEMPERATURE;
        for (place, x) in [nominal, nominal - twin.spacing].into_iter().enumerate().take(n - 1) {
            let values = [x, 0.0, 0.0, 0.5];
            for (tensor, value) in [0, 1, 3, 4].into_iter().zip(values) {
                inputs[tensor].values[place] = value;
            }
        }
        let turns = n * bank.size;
        Problem {
            inputs,
            outputs: vec![fresh("weight", &[rows, columns])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| bank.forward(plan, state(on), &on.outputs[0])),
            specification: Box::new(move |x| vec![twin.forward(state64(x), columns)]),
            gradient: Some(Gradient {
                of: vec![0, 3, 4],
                upstream: None,
                backward: Box::new(move |plan, on| {
                    let terms = plan.gpu().zeros("terms", &[rows, columns, bank.size], Scalar::F32)?;
                    ABOUT.into_iter().zip(on.gradients).try_for_each(|((about, _), gradient)| {
                        bank.backward(plan, about, state(on), &on.upstream[0], &terms, gradient)
                    })
                }),
                specification: Box::new(move |x, d| {
                    ABOUT.map(|(_, about)| twin.backward(about, state64(x), columns, &d[0])).to_vec()
                }),
            }),
            costs: vec![
                cost("ring_bank::forward", 16 * turns, 5 * n),
                cost("ring_bank::spread", 38 * turns, 5 * n + turns),
                cost("ring_bank::gather", turns, n + turns),
            ],
        }
    })
    .tolerance(2e-6, 0.0)
}

fn actuator64(on: Actuator) -> reference::actuator::Actuator {
    reference::actuator::Actuator {
        rest: f64::from(on.rest),
        gain: f64::from(on.gain),
        square: on.square,
        range: on.range.map(f64::from),
        levels: on.dac_bits.map_or(0, |bits| 1 << bits),
        crosstalk: f64::from(on.crosstalk),
    }
}

fn actuators(name: &'static str, actuator: Actuator, sizes: &'static [&'static [usize]]) -> Case {
    let twin = actuator64(actuator);
    case(name, sizes, &[1024, 1024], move |draws, size| {
        let [rows, columns] = size.try_into().expect("rows, columns");
        let n = rows * columns;
        Problem {
            inputs: vec![
                tensor("control", &[rows, columns], draws.uniform("control", n, -1.0, 3.0)),
                // A ring alone has no neighbour that a change could reach it from; 0 * NaN is NaN all the same.
                tensor("change", &[1], vec![0.03125]),
            ],
            outputs: vec![fresh("detuning", &[rows, columns])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| actuator.forward(plan, &on.inputs[0], &on.inputs[1], &on.outputs[0])),
            specification: Box::new(move |x| vec![twin.forward(&x[0], columns, x[1][0])]),
            gradient: Some(Gradient {
                of: vec![0, 1],
                upstream: None,
                backward: Box::new(move |plan, on| {
                    let ([control, change], d) = ([&on.inputs[0], &on.inputs[1]], &on.upstream[0]);
                    actuator.backward(plan, control, change, d, &on.gradients[0])?;
                    actuator.backward_change(plan, control, d, &on.gradients[1])
                }),
                specification: Box::new(move |x, d| {
                    let d_change = twin.backward_change(&x[0], columns, &d[0]);
                    vec![twin.backward(&x[0], columns, x[1][0], &d[0]), vec![d_change]]
                }),
            }),
            costs: vec![
                cost("actuator::forward", 10 * n, 2 * n),
                cost("actuator::backward", 7 * n, 3 * n),
                cost("actuator::spill", 7 * n, 3 * n),
            ],
        }
    })
    .tolerance(2e-6, 0.0)
    .note("without a converter, controls inside and outside the range")
}

/// A converter has no differences: its forward and its backward pass are cases of their own.
fn converters(name: &'static str, actuator: Actuator, backward: bool) -> Case {
    let twin = actuator64(actuator);
    case(name, ROWS, &[1024, 1024], move |draws, size| {
        let [rows, columns] = size.try_into().expect("rows, columns");
        let n = rows * columns;
        // Away from the middle between two levels, where rounding decides; some beyond the last level on either side.
        let [low, high] = twin.range;
        let step = (high - low) / f64::from(twin.levels - 1);
        let level = draws.below("level", n, twin.levels as usize + 4);
        let inside = draws.uniform("inside", n, -0.4, 0.4);
        let control = level.iter().zip(inside).map(|(level, part)| low + step * (level - 2.0 + part));
        let control: Vec<f64> = control.map(|c| f64::from(c as f32)).collect();
        let mut inputs = vec![tensor("control", &[rows, columns], control), tensor("change", &[1], vec![0.03125])];
        if backward {
            inputs.push(tensor("d_detuning", &[rows, columns], draws.uniform("d_detuning", n, -1.0, 1.0)));
        }
        Problem {
            inputs,
            outputs: vec![fresh(if backward { "d_control" } else { "detuning" }, &[rows, columns])],
            clocks: vec![Clock::default()],
            forward: Box::new(move |plan, on| match on.inputs {
                [control, change] => actuator.forward(plan, control, change, &on.outputs[0]),
                [control, change, d, ..] => actuator.backward(plan, control, change, d, &on.outputs[0]),
                _ => unreachable!("two inputs at least"),
            }),
            specification: Box::new(move |x| match x {
                [control, change] => vec![twin.forward(control, columns, change[0])],
                [control, change, d, ..] => vec![twin.backward(control, columns, change[0], d)],
                _ => unreachable!("two inputs at least"),
            }),
            gradient: None,
            costs: vec![match backward {
                true => cost("actuator::backward", 12 * n, 3 * n),
                false => cost("actuator::forward", 25 * n, 2 * n),
            }],
        }
    })
    .note("straight-through; at least a tenth of a step from where rounding decides")
}

pub const RING: Ring = Ring { half_width: 0.25, contrast: 0.875, drift: 0.0625 };

pub fn ring64() -> reference::microring::Ring {
    let [half_width, contrast, drift] = [RING.half_width, RING.contrast, RING.drift].map(f64::from);
    reference::microring::Ring { half_width, contrast, drift }
}

const TEMPERATURE: f64 = 0.5;

/// What rings have gradients of, here and in the specification.
const ABOUT: [(About, reference::microring::About); 3] = [
    (About::Detuning, reference::microring::About::Detuning),
    (About::Width, reference::microring::About::Width),
    (About::Contrast, reference::microring::About::Contrast),
];

/// Detunings, offsets, temperature, changes of width and contrast; two rings are off by more than a ring can be.
pub fn built(draws: Draws, n: usize) -> Vec<Tensor> {
    let mut width = draws.uniform("width", n, -0.2, 0.2);
    let mut contrast = draws.uniform("contrast", n, -0.1, 0.1);
    for (place, (w, c)) in [(0.0, 0.0), (-2.0, -1.5), (0.25, 0.5)].into_iter().enumerate().take(n - 1) {
        (width[n - 1 - place], contrast[n - 1 - place]) = (w, c);
    }
    vec![
        tensor("detuning", &[n], draws.uniform("detuning", n, -1.0, 1.0)),
        tensor("offset", &[n], draws.uniform("offset", n, -0.1, 0.1)),
        tensor("temperature", &[1], vec![TEMPERATURE]),
        tensor("width", &[n], width),
        tensor("contrast", &[n], contrast),
    ]
}

pub fn state<'a>(on: &Bound<'a>) -> State<'a> {
    let [detuning, offset, temperature, width, contrast] = [0, 1, 2, 3, 4].map(|place| &on.inputs[place]);
    State { detuning, offset, temperature, width, contrast }
}

pub fn state64(x: &[Vec<f64>]) -> reference::microring::State<'_> {
    let [detuning, offset, temperature, width, contrast] = [0, 1, 2, 3, 4].map(|place| &x[place][..]);
    reference::microring::State { detuning, offset, temperature: temperature[0], width, contrast }
}

fn rings() -> Case {
    case("microring", ELEMENTS, &[1 << 20], |draws, size| {
        let n = size[0];
        let mut inputs = built(draws, n);
        // On resonance, and 400 half widths off it on either side.
        let nominal = -ring64().drift * TEMPERATURE;
        for (place, (x, e)) in [(nominal, 0.0), (-100.0, 0.0), (100.0, 0.0)].into_iter().enumerate().take(n - 1) {
            (inputs[0].values[place], inputs[1].values[place]) = (x, e);
        }
        Problem {
            inputs,
            outputs: vec![fresh("weight", &[n])],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| RING.forward(plan, state(on), &on.outputs[0])),
            specification: Box::new(|x| vec![ring64().forward(state64(x))]),
            gradient: Some(Gradient {
                of: vec![0, 3, 4],
                upstream: None,
                backward: Box::new(|plan, on| {
                    ABOUT.into_iter().zip(on.gradients).try_for_each(|((about, _), gradient)| {
                        RING.backward(plan, about, state(on), &on.upstream[0], gradient)
                    })
                }),
                specification: Box::new(|x, d| {
                    ABOUT.map(|(_, about)| ring64().backward(about, state64(x), &d[0])).to_vec()
                }),
            }),
            costs: vec![cost("microring::forward", 12 * n, 5 * n), cost("microring::backward", 16 * n, 6 * n)],
        }
    })
    .note("both flanks, the resonance itself, 400 half widths off it, impossible widths and contrasts")
}

fn detectors(
    name: &'static str,
    detector: Detector,
    noise: f64,
    sizes: &'static [&'static [usize]],
    biased: bool,
) -> Case {
    let levels = detector.adc_bits.map_or(0, |bits| 1 << bits);
    let twin = reference::detect::Detector { full_scale: f64::from(detector.full_scale), levels };
    case(name, sizes, &[512, 1024], move |draws, size| {
        let [rows, columns] = size.try_into().expect("rows, columns");
        let (n, stream) = (rows * columns, random::stream("detectors"));
        let clock = Clock { seed: draws.seed, step: 12_345, first: 7, rows: rows as u32, ..Clock::default() };
        let first = clock.first * columns as u32;
        let normals = reference::detect::normals(clock.seed, stream, clock.step + 2, first + 3 * columns as u32, n);
        let light: Vec<f64> = if levels == 0 {
            draws.uniform("light", n, -8.0, 8.0)
        } else {
            // So that the noisy reading is away from the middle between two levels; some lie beyond full scale.
            let step = 2.0 * twin.full_scale / f64::from(levels - 1);
            let level = draws.below("level", n, levels as usize + 4);
            let inside = draws.uniform("inside", n, -0.4, 0.4);
            let reading = level.iter().zip(inside).map(|(level, part)| step * (level - 2.0 + part) - twin.full_scale);
            let light = reading.zip(&normals).map(|(reading, normal)| reading - noise * twin.full_scale * normal);
            light.map(|y| f64::from(y as f32)).collect()
        };
        let mut inputs = vec![tensor("y", &[rows, columns], light), tensor("noise", &[1], vec![noise])];
        if biased {
            inputs.push(tensor("bias", &[columns], draws.uniform("bias", columns, -1.0, 1.0)));
        }
        Problem {
            inputs,
            outputs: vec![Output::InPlace(0)],
            clocks: vec![clock],
            forward: Box::new(move |plan, on| {
                let source = Source { clock: on.clock, stream, step: 2, row: 3 };
                detector.forward(plan, source, &on.inputs[1], on.inputs.get(2), &on.outputs[0])
            }),
            specification: Box::new(move |x| vec![twin.forward(&x[0], x.get(2).map(Vec::as_slice), x[1][0], &normals)]),
            gradient: None,
            // 130 for the normal number.
            costs: vec![cost(if biased { "detect::biased" } else { "detect::forward" }, 145 * n, 2 * n)],
        }
    })
    .note("backward is the identity; readings at least a tenth of a step from where rounding decides")
}

fn gains(name: &'static str, sizes: &'static [&'static [usize]], biased: bool) -> Case {
    case(name, sizes, &[512, 1024], move |draws, size| {
        let [rows, columns] = size.try_into().expect("rows, columns");
        let n = rows * columns;
        let mut inputs = vec![
            tensor("reading", &[rows, columns], draws.uniform("reading", n, -1.0, 2.0)),
            tensor("gain", &[1], vec![1.75]),
        ];
        if biased {
            // Its gradient is that of the family `bias`.
            inputs.push(tensor("bias", &[columns], draws.uniform("bias", columns, -1.0, 1.0)));
        }
        Problem {
            inputs,
            outputs: vec![fresh("y", &[rows, columns])],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| {
                gain::forward(plan, &on.inputs[0], &on.inputs[1], on.inputs.get(2), &on.outputs[0])
            }),
            specification: Box::new(|x| vec![reference::gain::forward(&x[0], x[1][0], x.get(2).map(Vec::as_slice))]),
            gradient: Some(Gradient {
                of: vec![0, 1],
                upstream: None,
                backward: Box::new(|plan, on| {
                    gain::backward(plan, &on.inputs[1], &on.upstream[0], &on.gradients[0])?;
                    let partials = gain::partials(plan.gpu())?;
                    gain::backward_gain(plan, &on.inputs[0], &on.upstream[0], &partials, &on.gradients[1])
                }),
                specification: Box::new(|x, d| {
                    let (d_reading, d_gain) = reference::gain::backward(&x[0], x[1][0], &d[0]);
                    vec![d_reading, vec![d_gain]]
                }),
            }),
            costs: vec![
                cost(if biased { "gain::biased" } else { "gain::forward" }, 2 * n, 2 * n),
                cost("gain::backward", n, 2 * n),
                cost("gain::partial", 2 * n, 2 * n),
            ],
        }
    })
    .tolerance(3e-6, 0.0)
    .note("smooth; the gradient of the gain is one long sum")
}

fn deviations() -> Case {
    case("disturb::constant", &[&[1], &[3], &[63], &[64], &[65], &[97], &[5003]], &[1 << 20], |_, size| {
        let n = size[0];
        Problem {
            inputs: vec![],
            outputs: vec![fresh("value", &[n])],
            clocks: vec![Clock::default()],
            forward: Box::new(|plan, on| disturb::constant(plan, 0.125, &on.outputs[0])),
            specification: Box::new(move |_| vec![reference::disturb::constant(0.125, n)]),
            gradient: None,
            costs: vec![cost("disturb::constant", 0, n)],
        }
    })
    .tolerance(0.0, 0.0)
    .note("no inputs")
}
