//! The device floor: folding, loop and binding limits, checks of plans, loss of the device, counters, profiles.

mod common;

use common::{alone, gpu, open, resident};
use flatlight::data::{Split, Values};
use flatlight::gpu::{Bind, Error, Gpu, MAX_LOOP_TURNS, Options, PlanBuilder, Scalar, Slice, Work};
use flatlight::ops::activation::Activation;
use flatlight::ops::disturb::{Distribution, Draw};
use flatlight::ops::draw::{Augment, Samples};
use flatlight::ops::norm::Measure;
use flatlight::ops::perturb::Ascent;
use flatlight::ops::{Clock, Flat, bias, cross_entropy, matmul};
use flatlight::{random, reference, uniform};

/// Normal numbers.
const NORMAL: Draw =
    Draw { stream: 1, distribution: Distribution::Normal, deviation: 1.0, part: (0, 1), limit: None, alike: false };

/// Records a plan of one operation and submits it once.
fn once(gpu: &Gpu, record: impl FnOnce(&mut PlanBuilder<'_>) -> Result<(), Error>) -> Result<(), Error> {
    let mut plan = PlanBuilder::new(gpu, "once");
    record(&mut plan)?;
    gpu.submit(&[&plan.finish()?])
}

/// Whole numbers from -1 to 1: their sums are exact in `f32`.
fn signs(name: &str, count: usize) -> Vec<f32> {
    let units = random::units(1, random::stream(name)).take(count);
    units.map(|unit| (3.0 * unit).floor() as f32 - 1.0).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

// Limits of drivers ---------------------------------------------------------------------------------------------------

#[test]
fn a_dispatch_past_65535_workgroups_covers_every_item() {
    let count = 65_536 * 64 + 1000;
    let values: Vec<f32> = (0..count).map(|index| (index % 7) as f32 - 3.0).collect();
    let x = gpu().upload("x", &[count], &values).unwrap();
    let y = gpu().upload("y", &[count], &vec![f32::NAN; count]).unwrap();
    once(gpu(), |plan| Activation::Relu.forward(plan, &x, &y)).unwrap();
    let got: Vec<f32> = gpu().read(&y).unwrap();
    let wrong = (0..count).find(|&index| got[index] != values[index].max(0.0));
    assert_eq!(wrong, None, "first wrong item");
}

#[test]
fn long_contractions_are_exact_although_drivers_stop_loops_at_65535_turns() {
    for k in [MAX_LOOP_TURNS, 70_000, 131_072] {
        let [a, b] = ["a", "b"].map(|name| signs(name, 3 * k));
        let [wide_a, wide_b] = [wide(&a), wide(&b)];
        let c = gpu().upload("c", &[3, 3], &[f32::NAN; 9]).unwrap();
        let upload = |name: &str, shape: [usize; 2], values: &[f32]| gpu().upload(name, &shape, values).unwrap();

        let (left, right) = (upload("a", [3, k], &a), upload("b", [k, 3], &b));
        once(gpu(), |plan| matmul::ab(plan, &left, &right, &c)).unwrap();
        assert_eq!(wide(&gpu().read(&c).unwrap()), reference::matmul::ab(&wide_a, &wide_b, 3, 3, k), "ab, k = {k}");

        let (left, right) = (upload("a", [k, 3], &a), upload("b", [k, 3], &b));
        once(gpu(), |plan| matmul::atb(plan, &left, &right, &c)).unwrap();
        assert_eq!(wide(&gpu().read(&c).unwrap()), reference::matmul::atb(&wide_a, &wide_b, 3, 3, k), "atb, k = {k}");

        let (left, right) = (upload("a", [3, k], &a), upload("b", [3, k], &b));
        let row = gpu().upload("bias", &[3], &[1.0_f32, -2.0, 3.0]).unwrap();
        once(gpu(), |plan| matmul::abt(plan, &left, &right, Some(&row), &c)).unwrap();
        let want = reference::matmul::abt_bias(&wide_a, &wide_b, &[1.0, -2.0, 3.0], 3, 3, k);
        assert_eq!(wide(&gpu().read(&c).unwrap()), want, "abt_bias, k = {k}");
    }
}

#[test]
fn a_bias_gradient_over_130001_rows_is_exact() {
    let (rows, n) = (130_001, 3);
    let values = signs("d_y", rows * n);
    let d_y = gpu().upload("d_y", &[rows, n], &values).unwrap();
    let d_bias = gpu().upload("d_bias", &[n], &vec![f32::NAN; n]).unwrap();
    once(gpu(), |plan| bias::backward(plan, &d_y, &d_bias)).unwrap();
    assert_eq!(wide(&gpu().read(&d_bias).unwrap()), reference::bias::backward(&wide(&values), n));
}

#[test]
fn loops_that_cannot_be_cut_are_refused() {
    let plan = PlanBuilder::new(gpu(), "loops");
    assert!(plan.check_loop("k", MAX_LOOP_TURNS).is_ok());
    let refused = plan.check_loop("k", MAX_LOOP_TURNS + 1).unwrap_err();
    assert!(matches!(refused, Error::LoopTurns { turns: 60_001, limit: 60_000, .. }), "{refused}");

    let classes = 20_001;
    let clock = Clock::uniform(gpu()).unwrap();
    let logits = gpu().zeros("logits", &[1, classes], Scalar::F32).unwrap();
    let labels = gpu().zeros("labels", &[1], Scalar::U32).unwrap();
    let [loss, correct] = ["loss", "correct"].map(|name| gpu().zeros(name, &[1], Scalar::F32).unwrap());
    let refused =
        once(gpu(), |plan| cross_entropy::forward(plan, &clock, &logits, &labels, &loss, &correct, 0.0)).unwrap_err();
    assert!(refused.to_string().contains("cross_entropy::forward` would loop 60003 times"), "{refused}");
}

#[test]
fn a_data_set_larger_than_a_binding_is_drawn_right() {
    // The size of CIFAR-10: 153.6 MB, where software adapters bind 128 MiB.
    let (samples, features, batch) = (50_000, 3072, 128);
    let byte = |sample: usize, feature: usize| (sample * 31 + sample / 251 + feature * 7) as u8;
    let bytes = (0..samples).flat_map(|sample| (0..features).map(move |feature| byte(sample, feature))).collect();
    let label = |sample: usize| (sample * 13 % 997) as u32;
    let split = Split { values: Values::Bytes(bytes), labels: (0..samples).map(label).collect() };
    let set = Samples::upload(gpu(), &split, features, &(1.0, 0.0).into()).unwrap();
    drop(split);
    let clock = Clock::uniform(gpu()).unwrap();
    let x = gpu().zeros("x", &[batch, features], Scalar::F32).unwrap();
    let labels = gpu().zeros("labels", &[batch], Scalar::U32).unwrap();
    let mut plan = PlanBuilder::new(gpu(), "draw");
    set.draw(&mut plan, &clock, &x, &labels).unwrap();
    let plan = plan.finish().unwrap();

    // In order across the end of what 128 MiB hold; the end of the set; shuffled over all of it.
    let across = (128 << 20) / features - batch / 2;
    for (shuffle, first) in [(0, across), (0, samples - batch), (1, 0), (1, 31_415)] {
        let (seed, epoch) = (5, 2);
        let now = Clock { seed, epoch, shuffle, first: first as u32, rows: batch as u32, ..Clock::default() };
        gpu().write_uniform(&clock, &now).unwrap();
        gpu().submit(&[&plan]).unwrap();
        let (x, labels): (Vec<f32>, Vec<u32>) = (gpu().read(&x).unwrap(), gpu().read(&labels).unwrap());
        for row in 0..batch {
            let position = (first + row) as u32;
            let sample = match shuffle {
                0 => first + row,
                _ => reference::draw::sample(position, samples as u32, seed, epoch) as usize,
            };
            assert_eq!(labels[row], label(sample), "label of position {position}, shuffle {shuffle}");
            let wrong = (0..features).find(|&at| x[row * features + at] != f32::from(byte(sample, at)));
            assert_eq!(wrong, None, "first wrong feature of position {position}, shuffle {shuffle}");
        }
    }
}

#[test]
fn images_are_seen_evenly_and_alike_in_whatever_batch() {
    // Pixels are 1 to 9: the middle one tells the window, its left neighbour, where it is seen, whether it is mirrored.
    let (samples, image) = (9_000, [1, 3, 3]);
    let values = Values::Floats((0..samples * 9).map(|place| (place % 9 + 1) as f32).collect());
    let split = Split { values, labels: (0..samples as u32).collect() };
    let set = Samples::upload(gpu(), &split, 9, &(1.0, 0.0).into()).unwrap();
    let draw = |batch: usize| -> Vec<(u32, Vec<f32>)> {
        let clock = Clock::uniform(gpu()).unwrap();
        let x = gpu().zeros("x", &[batch, 9], Scalar::F32).unwrap();
        let labels = gpu().zeros("labels", &[batch], Scalar::U32).unwrap();
        let mut plan = PlanBuilder::new(gpu(), "draw");
        let augment = Augment { crop: 1, flip: true, cutout: 0 };
        set.draw_augmented(&mut plan, &clock, image, &augment, [1, 2], [&x, &labels]).unwrap();
        let plan = plan.finish().unwrap();
        let mut seen = Vec::new();
        for first in (0..samples).step_by(batch) {
            let step = (first / batch) as u32;
            let now = Clock {
                seed: 5,
                step,
                epoch: 2,
                shuffle: 1,
                first: first as u32,
                rows: batch as u32,
                ..Clock::default()
            };
            gpu().write_uniform(&clock, &now).unwrap();
            gpu().submit(&[&plan]).unwrap();
            let rows: Vec<f32> = gpu().read(&x).unwrap();
            seen.extend(gpu().read::<u32>(&labels).unwrap().into_iter().zip(rows.chunks(9).map(<[f32]>::to_vec)));
        }
        seen
    };
    let seen = draw(samples);
    assert!(seen == draw(750), "what a sample meets does not depend on the batch");
    let mut counts = std::collections::BTreeMap::new();
    for (_, image) in &seen {
        *counts.entry([image[4], image[3]].map(|pixel| pixel as u32)).or_insert(0) += 1;
    }
    // Nine windows, mirrored or not.
    assert_eq!(counts.len(), 18, "{counts:?}");
    let chi: f64 = counts.values().map(|&count| (f64::from(count) - 500.0).powi(2) / 500.0).sum();
    // 17 degrees of freedom: beyond 60 once in a million.
    assert!(chi < 60.0, "chi-square {chi}: {counts:?}");
}

#[test]
fn an_ascent_cut_into_pieces_is_the_same_bit_for_bit() {
    let words = 10 * 1024 + 64;
    let ascend = |gpu: &Gpu| {
        let vector = |name: &str| gpu.upload(name, &[words], &signs(name, words)).unwrap();
        let flat = Flat {
            parameters: vector("parameters"),
            gradient: vector("gradient"),
            segments: gpu.upload("segments", &[words / 64, 4], &signs("segments", words / 16)).unwrap(),
            tensors: 1,
        };
        let (norm, saved) = (gpu.upload("norm", &[1], &[0.3_f32]).unwrap(), vector("saved"));
        let mut plan = PlanBuilder::new(gpu, "ascend");
        let measure = Measure { adaptive: true, ..Measure::default() };
        Ascent { measure, rho: 0.1, rho_digital: 0.2 }.ascend(&mut plan, &flat, &norm, &saved).unwrap();
        let plan = plan.finish().unwrap();
        gpu.submit(&[&plan]).unwrap();
        let read = |slice: &Slice| gpu.read::<f32>(slice).unwrap().into_iter().map(f32::to_bits).collect::<Vec<_>>();
        (plan.len(), read(&flat.parameters), read(&saved))
    };
    let cut = open(&Options { binding_limit: Some(16 << 10), ..Options::default() });
    let (whole, pieces) = (ascend(gpu()), ascend(&cut));
    assert_eq!((whole.0, pieces.0), (1, 3), "dispatches");
    assert_eq!((whole.1, whole.2), (pieces.1, pieces.2));
}

// Checks of plans -----------------------------------------------------------------------------------------------------

uniform! { struct Count as "Params" { count: u32 } }
uniform! { struct Float as "Params" { count: f32 } }
uniform! { struct More as "Params" { count: u32, more: u32 } }
uniform! { struct Renamed as "Parameters" { count: u32 } }

fn refusal(result: Result<(), Error>) -> String {
    result.expect_err("the plan takes it").to_string()
}

#[test]
fn a_dispatch_that_differs_from_its_shader_is_refused_with_both_sides_named() {
    let [x, y] = ["x", "y"].map(|name| gpu().zeros(name, &[64, 2], Scalar::F32).unwrap());
    let whole = gpu().zeros("whole", &[128], Scalar::F32).unwrap();
    let [low, high] = [("low", 0), ("high", 64)].map(|(name, at)| whole.part(name, at, &[64]).unwrap());
    let integers = gpu().zeros("integers", &[128], Scalar::U32).unwrap();
    let forward = |binds: &[Bind<'_>]| {
        let mut plan = PlanBuilder::new(gpu(), "refused");
        refusal(plan.dispatch("activation", "relu_forward", &Count { count: 64 }, binds, Work::Items(64)))
    };
    assert_eq!(
        forward(&[x.write(), y.write()]),
        "kernel `activation::relu_forward`, binding `x`: the shader only reads it, `x` [64, 2] was bound to be written"
    );
    assert_eq!(
        forward(&[x.read(), y.read()]),
        "kernel `activation::relu_forward`, binding `y`: the shader writes it, `y` [64, 2] was bound to be read"
    );
    assert_eq!(
        forward(&[x.read()]),
        "kernel `activation::relu_forward`, binding `all`: the shader uses 2 (x, y), 1 were given"
    );
    assert_eq!(
        forward(&[integers.read(), y.write()]),
        "kernel `activation::relu_forward`, binding `x`: the shader takes F32, `integers` [128] holds U32"
    );
    assert_eq!(
        forward(&[low.read(), high.write()]),
        "kernel `activation::relu_forward`, binding `y`: `low` [64] and `high` [64] lie in the same buffer `whole`, and one of them is written"
    );
}

#[test]
fn a_kernel_that_reads_what_it_writes_may_not_have_it_overwritten() {
    let [a, b, c] = ["a", "b", "c"].map(|name| gpu().zeros(name, &[8, 8], Scalar::F32).unwrap());
    uniform! { struct Product as "Params" { m: u32, n: u32, k: u32, k_first: u32, k_count: u32, accumulate: u32, count: u32 } }
    let binds = [a.read(), b.read(), c.write()];
    let result =
        PlanBuilder::new(gpu(), "refused").dispatch("matmul", "ab", &Product::default(), &binds, Work::Items(4));
    assert_eq!(
        refusal(result),
        "kernel `matmul::ab`, binding `c`: the shader also reads it, `c` [8, 8] was bound to be overwritten"
    );
}

#[test]
fn a_parameter_struct_that_differs_from_the_shaders_is_refused() {
    let [x, y] = ["x", "y"].map(|name| gpu().zeros(name, &[64], Scalar::F32).unwrap());
    let binds = [x.read(), y.write()];
    let mut plan = PlanBuilder::new(gpu(), "refused");
    let message = refusal(plan.dispatch("activation", "relu_forward", &Float::default(), &binds, Work::Items(64)));
    assert!(
        message.contains("field 0 is `count: U32` at byte 0 in the shader") && message.contains("F32"),
        "{message}"
    );
    let message = refusal(plan.dispatch("activation", "relu_forward", &More::default(), &binds, Work::Items(64)));
    assert!(message.contains("has 1 fields in 4 bytes in the shader, 2 in 8 in Rust"), "{message}");
    let message = refusal(plan.dispatch("activation", "relu_forward", &Renamed::default(), &binds, Work::Items(64)));
    assert!(message.contains("is struct `Params` in the shader, `Parameters` in Rust"), "{message}");
}

#[test]
fn a_clock_of_the_wrong_size_layout_or_access_is_refused() {
    uniform! {
        struct Whole as "Params" {
            count: u32,
            stream: u32,
            uniformly: u32,
            deviation: f32,
            first: f32,
            share: f32,
            limit: f32,
            alike: u32,
        }
    }
    let clock = Clock::uniform(gpu()).unwrap();
    let short = gpu().zeros("short", &[3], Scalar::U32).unwrap();
    let value = gpu().zeros("value", &[64], Scalar::F32).unwrap();
    let message = refusal(once(gpu(), |plan| NORMAL.forward(plan, &short, &value)));
    let want = format!("uniform `Clock` has {} bytes, `short` [3] has 12", size_of::<Clock>());
    assert!(message.contains(&want), "{message}");
    let mut plan = PlanBuilder::new(gpu(), "refused");
    let binds = [clock.update(), value.write()];
    let message = refusal(plan.dispatch("disturb", "forward", &Whole::default(), &binds, Work::Items(64)));
    assert!(message.contains("is a uniform, `clock` [11] was bound as a storage array"), "{message}");
    uniform! { struct Moved as "Clock" { step: u32, seed: u32 } }
    let binds = [clock.uniform::<Moved>(), value.write()];
    let message = refusal(plan.dispatch("disturb", "forward", &Whole::default(), &binds, Work::Items(64)));
    assert!(message.contains("field 0 is `seed: U32` at byte 0 in the shader"), "{message}");
}

#[test]
fn unknown_kernels_are_refused_with_what_there_is() {
    let x = gpu().zeros("x", &[64], Scalar::F32).unwrap();
    let mut plan = PlanBuilder::new(gpu(), "refused");
    let count = Count { count: 64 };
    let result = plan.dispatch("activation", "sideways", &count, &[x.update()], Work::Items(64));
    assert_eq!(
        refusal(result),
        "no kernel `activation::sideways`: the shader has relu_forward, relu_backward, sigmoid_forward, sigmoid_backward, tanh_forward, tanh_backward"
    );
    let message = refusal(plan.dispatch("nothing", "forward", &count, &[x.update()], Work::Items(64)));
    assert!(message.contains("there is no module `nothing`"), "{message}");
}

#[test]
fn tensors_and_work_past_the_adapters_limits_are_refused() {
    let small = open(&Options { binding_limit: Some(8192), group_limit: Some(2), ..Options::default() });
    let tensors = |count: usize| ["x", "y"].map(|name| small.zeros(name, &[count], Scalar::F32).unwrap());
    let [x, y] = tensors(2049);
    assert_eq!(
        refusal(once(&small, |plan| Activation::Relu.forward(plan, &x, &y))),
        "`x` needs 8.0 KiB, the adapter allows 8.0 KiB a binding; choose a smaller batch or layer"
    );
    // Two by two groups of 64 invocations, each of which takes four.
    let [x, y] = tensors(1025);
    let message = refusal(once(&small, |plan| Activation::Relu.forward(plan, &x, &y)));
    assert!(message.contains("is more work than a dispatch can hold"), "{message}");
    let [x, y] = tensors(1024);
    assert!(once(&small, |plan| Activation::Relu.forward(plan, &x, &y)).is_ok());

    let message = small.zeros("vast", &[1 << 40, 1 << 40], Scalar::F32).unwrap_err().to_string();
    assert!(message.starts_with("`vast` needs"), "{message}");
}

#[test]
fn parts_must_be_aligned_and_inside() {
    let whole = gpu().zeros("whole", &[256], Scalar::F32).unwrap();
    assert_eq!(
        whole.part("askew", 1, &[64]).unwrap_err().to_string(),
        "part `askew` of `whole`: expected an aligned range within 256 words, got 64 words at 1"
    );
    assert!(whole.part("outside", 192, &[65]).is_err());
    assert!(whole.reshape(&[3, 85]).is_err());
    assert_eq!(whole.part("inside", 192, &[64]).unwrap().len(), 64);
}

#[test]
fn copies_of_the_wrong_length_or_type_are_refused() {
    let x = gpu().zeros("x", &[4], Scalar::F32).unwrap();
    assert!(matches!(gpu().write(&x, &[1.0_f32; 3]), Err(Error::Shape { .. })));
    assert!(matches!(gpu().write(&x, &[1_u32; 4]), Err(Error::Shape { .. })));
    assert!(matches!(gpu().read::<u32>(&x), Err(Error::Shape { .. })));
    gpu().write(&x, &[1.0_f32, 2.0, 3.0, 4.0]).unwrap();
    assert_eq!(gpu().read::<f32>(&x).unwrap(), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn an_adapter_that_is_not_there_is_answered_with_those_that_are() {
    let refused = Gpu::open(&Options { adapter: Some("abacus".to_owned()), ..Options::default() });
    let message = refused.err().expect("no adapter is called that").to_string();
    assert!(message.starts_with("no adapter matches `abacus`; there are: 0 = "), "{message}");
    assert!(message.contains(&Gpu::adapters()[0].name), "{message}");
}

// Life of a device ----------------------------------------------------------------------------------------------------

#[test]
fn a_lost_device_is_an_error_of_every_later_call() {
    let gpu = open(&Options::default());
    let [x, y] = ["x", "y"].map(|name| gpu.zeros(name, &[64], Scalar::F32).unwrap());
    let mut plan = PlanBuilder::new(&gpu, "relu");
    Activation::Relu.forward(&mut plan, &x, &y).unwrap();
    let plan = plan.finish().unwrap();
    gpu.submit(&[&plan]).unwrap();
    gpu.lose();
    let lost = |result: Result<(), Error>| matches!(result, Err(Error::DeviceLost(_)));
    assert!(lost(gpu.submit(&[&plan])), "submit");
    assert!(lost(gpu.read::<f32>(&y).map(|_| ())), "read");
    assert!(lost(gpu.wait()), "wait");
    assert!(lost(gpu.zeros("z", &[64], Scalar::F32).map(|_| ())), "zeros");
    assert!(lost(once(&gpu, |plan| Activation::Relu.forward(plan, &x, &y))), "a new plan");
}

#[test]
fn a_submission_of_any_number_of_plans_counts_once() {
    let gpu = open(&Options::default());
    let [x, y] = ["x", "y"].map(|name| gpu.zeros(name, &[64], Scalar::F32).unwrap());
    let mut plan = PlanBuilder::new(&gpu, "relu");
    Activation::Relu.forward(&mut plan, &x, &y).unwrap();
    let plan = plan.finish().unwrap();
    assert_eq!(gpu.counters().submissions, 0);
    gpu.submit(&[&plan, &plan, &plan]).unwrap();
    assert_eq!(gpu.counters().submissions, 1);
    gpu.submit(&[]).unwrap();
    assert_eq!(gpu.counters().submissions, 2);
}

#[test]
fn a_profile_has_a_row_for_every_kernel() {
    let [x, y, d] = ["x", "y", "d"].map(|name| gpu().zeros(name, &[1 << 16], Scalar::F32).unwrap());
    let [mut forward, mut backward] = ["forward", "backward"].map(|name| PlanBuilder::new(gpu(), name));
    Activation::Relu.forward(&mut forward, &x, &y).unwrap();
    Activation::Relu.backward(&mut backward, &y, &x, &d).unwrap();
    Activation::Relu.forward(&mut backward, &x, &y).unwrap();
    let plans = [forward.finish().unwrap(), backward.finish().unwrap()];
    let profile = gpu().profile(&[&plans[0], &plans[1]], 3).unwrap();
    let mut calls: Vec<_> = profile.rows.iter().map(|row| (row.kernel.as_str(), row.calls)).collect();
    calls.sort_unstable();
    assert_eq!(calls, [("activation::relu_backward", 1), ("activation::relu_forward", 2)]);
    assert!(profile.rows.iter().all(|row| row.seconds > 0.0) && profile.replay_seconds > 0.0, "{profile}");
}

#[test]
#[cfg(target_os = "linux")]
fn replaying_a_plan_holds_no_more_memory() {
    if !alone("replaying_a_plan_holds_no_more_memory", &[]) {
        return;
    }
    let clock = Clock::uniform(gpu()).unwrap();
    let [x, y] = ["x", "y"].map(|name| gpu().zeros(name, &[4096], Scalar::F32).unwrap());
    let mut plan = PlanBuilder::new(gpu(), "replayed");
    NORMAL.forward(&mut plan, &clock, &x).unwrap();
    Activation::Relu.forward(&mut plan, &x, &y).unwrap();
    let plan = plan.finish().unwrap();
    let replay = |times: u32| {
        for step in 0..times {
            gpu().write_uniform(&clock, &Clock { step, ..Clock::default() }).unwrap();
            gpu().submit(&[&plan]).unwrap();
        }
        gpu().wait().unwrap();
        (gpu().counters().allocated, resident())
    };
    let (before, after) = (replay(200), replay(2000));
    assert_eq!(before.0, after.0, "device memory");
    assert!(after.1 < before.1 + (4 << 20), "{} bytes resident, then {}", before.1, after.1);
}

/// Random words of the device, and a workgroup that no device has.
const PROBE: &str = "
import package::shared::indexing::{indexing_divide};
import package::shared::random::{random_bits, random_mix, random_permute};

struct Params {
    count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> words: array<vec4<u32>>;

@compute @workgroup_size(64)
fn draw(@builtin(global_invocation_id) place: vec3<u32>) {
    let at = place.x;
    if at < params.count {
        let bits = random_bits(vec2(at * 77u, ~at), vec2(at, at * at));
        words[at] = vec4(bits, random_mix(at), random_permute(at, params.count, 42u));
    }
}

@compute @workgroup_size(64)
fn divide(@builtin(global_invocation_id) place: vec3<u32>) {
    let at = place.x;
    if at < params.count {
        let random = random_bits(vec2(1u), vec2(at));
        let a = random.x >> (1u + at % 31u);
        let b = max(random.y >> (1u + at / 31u % 31u), 1u);
        let multiple = a - a % b;
        words[at] = vec4(a, b, indexing_divide(a, b), indexing_divide(max(multiple, 1u) - 1u, b));
    }
}

@compute @workgroup_size(8192)
fn vast() {
    words[0] = vec4(params.count);
}
";

#[test]
fn shaders_of_a_folder_come_first_and_draw_and_divide_as_the_host() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("probe.wgsl"), PROBE).unwrap();
    if !alone("shaders_of_a_folder_come_first_and_draw_and_divide_as_the_host", &[("FLATLIGHT_SHADERS", folder.path())])
    {
        return;
    }
    let count = 3823_u32;
    let words = gpu().zeros("words", &[count as usize, 4], Scalar::U32).unwrap();
    once(gpu(), |plan| plan.dispatch("probe", "draw", &Count { count }, &[words.write()], Work::Items(count as usize)))
        .unwrap();
    for (at, got) in (0_u32..).zip(gpu().read::<u32>(&words).unwrap().chunks_exact(4)) {
        let bits = random::bits([at.wrapping_mul(77), !at], [at, at.wrapping_mul(at)]);
        assert_eq!(got, [bits[0], bits[1], random::mix(at), random::permute(at, count, 42)], "place {at}");
    }

    let count = 100_000_u32;
    let quotients = gpu().zeros("quotients", &[count as usize, 4], Scalar::U32).unwrap();
    let binds = [quotients.write()];
    once(gpu(), |plan| plan.dispatch("probe", "divide", &Count { count }, &binds, Work::Items(count as usize)))
        .unwrap();
    for words in gpu().read::<u32>(&quotients).unwrap().chunks_exact(4) {
        let [a, b] = [words[0], words[1]];
        // Just below a multiple, too.
        assert_eq!(words[2..], [a / b, ((a - a % b).max(1) - 1) / b], "{a} / {b}");
    }

    // What our checks let through and wgpu does not is still an error, not a panic.
    let refused =
        once(gpu(), |plan| plan.dispatch("probe", "vast", &Count { count }, &[words.write()], Work::Groups(1)));
    let refused = refused.unwrap_err();
    assert!(matches!(refused, Error::Validation(_)) && !refused.to_string().contains('\n'), "{refused}");
}
