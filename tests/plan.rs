//! What a training costs on paper: the table of kernels against the counts of the kernel cases, layers and steps against counts by hand,
//! and predictions against the arithmetic of a roofline.

mod common;

use std::collections::BTreeSet;

use common::case::{self, Case};
use common::{device, gpu, runs_here};
use flatlight::data;
use flatlight::gpu::Options;
use flatlight::network::{LayerAccount, Network, Roofline};
use flatlight::ops::load::{self, Load};
use flatlight::recipe::Recipe;
use flatlight::training::{Account, Trainer};

/// Kernels whose cases count otherwise: a nominal size in place of what a chirp is made of, all passes of a propagation at once, pixels that lie
/// in a region, what an error adds to a blur, none of the pieces of few pixels, and none of the groups of samples that a gradient of a mesh
/// is gathered from.
const COUNTED_OTHERWISE: [&str; 6] =
    ["fft::chirp", "propagation_subgroup::", "regions::", "blur::", "plane::gather", "mesh::backward_"];

/// Families that leave out rows past the end of a short batch, which a plan, of whole batches, counts. The sizes that they are timed at
/// have none.
const BY_ROWS: [&str; 3] = ["normalization", "normalization_pooled", "cross_entropy"];

/// A size of a case with some elements, but few.
fn size(case: &Case) -> &'static [usize] {
    if BY_ROWS.contains(&case.family()) {
        return case.bench;
    }
    let elements = |size: &&&[usize]| size.iter().filter(|extent| **extent > 0).product::<usize>();
    let few = case.sizes.iter().filter(|size| elements(size) <= 1 << 18).max_by_key(|size| elements(size));
    few.or_else(|| case.sizes.iter().min_by_key(|size| elements(size))).expect("a size")
}

#[test]
fn the_table_has_every_kernel_and_agrees_with_the_counts_of_the_cases() {
    let (mut compared, mut wrong) = (BTreeSet::new(), BTreeSet::new());
    for case in case::all().iter().filter(|case| runs_here(case.variant)) {
        let problem = case.problem(size(case), 1);
        let gpu = device(case.variant, &Options::default());
        let pass = problem.record(gpu, &problem.upstream(1)).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        for dispatch in pass.plan.recorded().filter(|dispatch| load::flops(dispatch).is_none()) {
            wrong.insert(format!("{}: count its operations in src/ops/load.rs", dispatch.kernel()));
        }
        for cost in &problem.costs {
            if COUNTED_OTHERWISE.iter().any(|other| cost.kernel.starts_with(other)) {
                continue;
            }
            let own = pass.plan.recorded().filter(|dispatch| dispatch.kernel() == cost.kernel);
            let loads: Vec<_> = own.map(Load::of).collect();
            let calls = loads.len() as f64;
            let Load { flops, bytes } = loads.into_iter().sum();
            // Cases of norms count two sums of one entry as those of another, and what is pooled as three or four operations.
            let [least, most] = if BY_ROWS.contains(&case.family()) { [0.45, 1.6] } else { [0.9, 1.1] };
            // A case counts one pass, of which a plan may have several; kernels of a few words have words of their own beside them. What
            // is cut into passes moves more than a pass would.
            let fits =
                calls == 0.0 || (least * cost.flops - 16384.0 <= flops && flops <= most * calls * cost.flops + 16384.0);
            if !fits || (calls > 0.0 && bytes < 0.3 * cost.bytes - 16384.0) {
                wrong.insert(format!(
                    "{}, {:?}, {}, {calls} calls: {flops:e} operations and {bytes:e} bytes, the case has {:e} and {:e}",
                    case.name,
                    size(case),
                    cost.kernel,
                    cost.flops,
                    cost.bytes
                ));
            }
            compared.insert(cost.kernel.clone());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
    assert!(compared.len() > 90, "{} kernels were compared", compared.len());
}

/// The account of the digits on rings, changed by settings.
fn account(settings: &[&str], roofline: Option<&Roofline>, replays: Option<usize>) -> Account {
    let settings: Vec<_> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    let recipe = Recipe::built_in("digits-rings", &settings).unwrap();
    let data = data::load("digits", None).unwrap();
    let training = &recipe.training;
    let network =
        Network::spread(gpu(), &recipe.layers, &data.shape, data.classes, training.batch, training.devices()).unwrap();
    let mut trainer = Trainer::new(&network, training, &data, (1.0, 0.0), recipe.seed).unwrap();
    trainer.account(roofline, replays).unwrap()
}

#[test]
fn digits_on_rings_are_as_counted_by_hand() {
    let account = account(&["training.method=standard"], None, None);
    let [ring1, relu, ring2] = &account.layers[..] else { panic!("{:?}", account.layers) };
    // 64 samples: 64 inputs, 128 rings each, a bias; 10 rings each of 128.
    let (first, second) = (2 * 64 * 64 * 128, 2 * 64 * 128 * 10);
    assert_eq!((ring1.kind.as_str(), ring1.output.as_slice()), ("ring-dense", &[128][..]));
    assert_eq!([ring1.parameters, ring1.controls], [64 * 128 + 128, 64 * 128]);
    assert_eq!([relu.parameters, ring2.parameters, ring2.controls], [0, 128 * 10 + 10, 128 * 10]);
    let of = |layer: &LayerAccount| [layer.forward.load.flops, layer.backward.load.flops];
    // Backwards the first layer has no gradient of its input; a ring's slope is 16 operations, a gradient of a bias one a sample.
    assert_eq!(of(ring1), [first + 64 * 128, first + 16 * 64 * 128 + 64 * 128].map(f64::from));
    assert_eq!(of(relu), [64 * 128, 64 * 128].map(f64::from));
    assert_eq!(of(ring2), [second + 64 * 10, 2 * second + 16 * 128 * 10 + 64 * 10].map(f64::from));
    // Input, weights, bias and output; input, output.
    assert_eq!(ring1.forward.load.bytes, f64::from(4 * (64 * 64 + 64 * 128 + 128 + 64 * 128)));
    assert_eq!(relu.forward.load.bytes, f64::from(4 * 2 * 64 * 128));
    assert_eq!(ring2.forward.load.bytes, f64::from(4 * (64 * 128 + 1280 + 10 + 640)));
    assert_eq!([ring1.forward.dispatches, relu.backward.dispatches], [1.0, 1.0]);

    let names: Vec<_> = account.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["draw", "actuate", "forward", "score", "backward", "update"]);
    let stage = |name: &str| account.stages.iter().find(|stage| stage.name == name).unwrap().expense.load;
    let layers = |pass: fn(&LayerAccount) -> Load| account.layers.iter().map(pass).sum::<Load>();
    // 12 operations a ring make its weight; raw bytes are scaled and shifted; a softmax is 44 an output backwards.
    assert_eq!(stage("actuate").flops, f64::from(12 * (64 * 128 + 1280)));
    assert_eq!(stage("draw"), Load { flops: f64::from(2 * 64 * 64), bytes: f64::from(64 * 64 * 5 + 64 * 8) });
    assert_eq!(stage("forward"), layers(|layer| layer.forward.load));
    assert_eq!(stage("backward").flops, layers(|layer| layer.backward.load).flops + 44.0 * 640.0);
    assert_eq!(account.step.load, account.stages.iter().map(|stage| stage.expense.load).sum());
    // 3,823 samples for training and 1,797 for the test.
    assert_eq!((account.steps_per_epoch, account.epochs), (60, 30));
    let (step, evaluation) = (account.step.load.flops, account.evaluation.load.flops);
    let batch = f64::from(2 * 64 * 64) + stage("forward").flops + stage("score").flops;
    assert_eq!(evaluation, 29.0 * batch);
    assert_eq!(account.run().load.flops, 30.0 * (60.0 * step + evaluation));
}

#[test]
fn a_step_has_the_passes_of_its_method() {
    let passes = |settings: &[&str]| {
        let account = account(settings, None, None);
        let calls =
            |name: &str| account.stages.iter().find(|stage| stage.name == name).map_or(0.0, |stage| stage.calls);
        ([calls("forward"), calls("backward")], account.passes, account.step.load.flops)
    };
    let (standard, _, once) = passes(&["training.method=standard"]);
    let (sat, cost, twice) = passes(&["training.method=sat"]);
    assert_eq!((standard, sat), ([1.0; 2], [2.0; 2]));
    assert_eq!((cost.forward, cost.backward, cost.device), (2.0, 2.0, 0));
    // Where every fourth step has an adversary, three are standard ones.
    let (fourth, cost, mean) = passes(&["training.method=sat", "training.sat.every=4"]);
    assert_eq!((fourth, [cost.forward, cost.backward]), ([1.25; 2], [1.25; 2]));
    assert!((mean - (0.75 * once + 0.25 * twice)).abs() < 1e-9 * mean, "{mean}");
    // An adversary that is found on a quarter of the batch costs a quarter of a pass.
    let (part, cost, share) = passes(&["training.method=sat", "training.sat.share=0.25"]);
    assert_eq!((part, [cost.forward, cost.backward]), ([2.0; 2], [1.25; 2]));
    assert!(once < share && share < twice);
    // Two devices share a batch: each has weights of its own.
    let noise = |devices: &str| {
        let account = account(&["training.method=noise", devices], None, None);
        account.stages.iter().find(|stage| stage.name == "actuate").unwrap().expense.load.flops
    };
    assert_eq!(noise("training.devices=2"), 2.0 * noise("training.devices=1"));
    assert_eq!(passes(&["training.method=pat"]).1.device, 1);
}

#[test]
fn a_prediction_is_the_arithmetic_of_the_roofline() {
    let roofline = Roofline { peak: 1e12, bandwidth: 1e11, launch: 1e-6 };
    // Ten operations a byte are where it bends.
    assert_eq!(roofline.seconds(Load { flops: 2e6, bytes: 1e5 }), 1e-6 + 2e-6);
    assert_eq!(roofline.seconds(Load { flops: 1e6, bytes: 2e5 }), 1e-6 + 2e-6);
    assert_eq!(roofline.seconds(Load::default()), 1e-6);
    let account = account(&["training.method=standard"], Some(&roofline), None);
    let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-12 * want, "{got} instead of {want}");
    for layer in &account.layers[..2] {
        // One dispatch each.
        near(layer.forward.predicted_s.unwrap(), roofline.seconds(layer.forward.load));
    }
    // Three: bias, weights, rings; of the bytes of each.
    let [x, y, weights] = [64 * 64, 64 * 128, 64 * 128].map(f64::from);
    let loads = [
        Load { flops: y, bytes: 4.0 * (y + 128.0) },
        Load { flops: 2.0 * y * 64.0, bytes: 4.0 * (x + y + weights) },
        // Gradients of weights and controls, detunings, and offset, width and contrast of each ring, its temperature.
        Load { flops: 16.0 * weights, bytes: 4.0 * (6.0 * weights + 1.0) },
    ];
    let want = loads.into_iter().map(|load| roofline.seconds(load)).sum();
    near(account.layers[0].backward.predicted_s.unwrap(), want);
    let stages: f64 = account.stages.iter().map(|stage| stage.expense.predicted_s.unwrap()).sum();
    near(account.step.predicted_s.unwrap(), stages);
    let run = 30.0 * (60.0 * stages + account.evaluation.predicted_s.unwrap());
    near(account.run().predicted_s.unwrap(), run);
    assert_eq!((account.step.measured_s, account.step_s, account.step.share()), (None, None, None));
}

#[test]
fn what_is_measured_is_of_every_layer_and_stage() {
    let roofline = Roofline { peak: 1e12, bandwidth: 1e11, launch: 1e-6 };
    let account = account(&["training.method=sat", "training.sat.every=2"], Some(&roofline), Some(2));
    let layers = account.layers.iter().flat_map(|layer| [&layer.forward, &layer.backward]);
    for expense in layers.chain(account.stages.iter().map(|stage| &stage.expense)).chain([&account.step]) {
        let share = expense.share().unwrap();
        assert!(share.is_finite() && share > 0.0, "{expense:?}");
        assert_eq!(share, expense.predicted_s.unwrap() / expense.measured_s.unwrap());
    }
    let stages: f64 = account.stages.iter().map(|stage| stage.expense.measured_s.unwrap()).sum();
    assert!((account.step.measured_s.unwrap() - stages).abs() < 1e-9 * stages);
    assert!(account.step_s.unwrap() > 0.0);
}

#[test]
fn an_adapter_shows_what_it_can_do() {
    let roofline = Roofline::measure(gpu()).unwrap();
    let Roofline { peak, bandwidth, launch } = roofline;
    // No adapter that runs WebGPU is outside of these.
    assert!((1e8..1e15).contains(&peak) && (1e8..1e14).contains(&bandwidth), "{roofline:?}");
    assert!((1e-8..1e-1).contains(&launch), "{roofline:?}");
}
