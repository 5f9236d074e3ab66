//! What a plan costs on paper: the table of kernels against the counts of the kernel cases, layers against counts by hand, a prediction
//! against the roofline's arithmetic, and the command.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::case::{self, Case};
use common::{device, runs_here};
use flatlight::gpu::Options;
use flatlight::ops::load::{self, Load};

/// Operations and bytes of every kernel of a case at the size that it is timed at, and the dispatches that the table does not know.
fn recorded(case: &Case) -> (BTreeMap<String, Load>, BTreeSet<String>) {
    let problem = case.problem(case.bench, 1);
    let gpu = device(case.variant, &Options::default());
    let pass = problem.record(gpu, &problem.upstream(1)).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    let (mut sums, mut unknown) = (BTreeMap::<String, Load>::new(), BTreeSet::new());
    for dispatch in pass.plan.recorded() {
        let sum = sums.entry(dispatch.kernel().to_owned()).or_default();
        *sum = [*sum, Load::of(dispatch)].into_iter().sum();
        if load::flops(dispatch).is_none() {
            unknown.insert(dispatch.kernel().to_owned());
        }
    }
    (sums, unknown)
}

#[test]
fn the_table_has_every_kernel_and_agrees_with_the_counts_of_its_case() {
    let (mut met, mut wrong) = (BTreeSet::new(), Vec::new());
    for case in case::all().iter().filter(|case| runs_here(case.variant)) {
        let (sums, unknown) = recorded(case);
        met.extend(sums.keys().cloned());
        wrong.extend(unknown.iter().map(|kernel| format!("{kernel} is not in the table of src/ops/load.rs")));
        for cost in &case.problem(case.bench, 1).costs {
            let Some(load) = sums.get(&cost.kernel) else { continue };
            eprintln!(
                "{:<40} {:<32} {:>10.3e} {:>10.3e} {:>7.3}   {:>10.3e} {:>10.3e} {:>7.3}",
                case.name,
                cost.kernel,
                cost.flops,
                load.flops,
                load.flops / cost.flops,
                cost.bytes,
                load.bytes,
                load.bytes / cost.bytes
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
