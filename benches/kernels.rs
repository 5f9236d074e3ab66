//! Time of every kernel at a size worth timing, from the device's own clock.
//!
//! `cargo bench --bench kernels -- matmul draw` times the cases whose names contain one of the words, or all;
//! `-- mesh --size=256x1024` times them at another size than their own.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{case, device, gpu, runs_here};
use flatlight::gpu::Options;

const REPLAYS: usize = 10;
const SEED: u32 = 1;

fn main() -> Result<(), flatlight::gpu::Error> {
    // Cargo adds `--bench`.
    let words: Vec<_> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let (sizes, words): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.starts_with("--size="));
    let size = sizes.last().map(|size| {
        let extents = size["--size=".len()..].split('x').map(str::parse).collect::<Result<Vec<usize>, _>>();
        extents.unwrap_or_else(|_| {
            eprintln!("`{size}` is no size; give extents such as --size=256x1024");
            std::process::exit(2);
        })
    });
    if let Some(flag) = words.iter().find(|word| word.starts_with('-')) {
        eprintln!("unknown flag `{flag}`; give parts of the names of cases");
        std::process::exit(2);
    }
    println!("{}, {}", gpu().adapter().name, gpu().adapter().driver);
    println!("{:<36} {:<24} {:>14} {:>12} {:>9} {:>9}", "case", "kernel", "size", "us", "GFLOP/s", "GB/s");
    let cases = case::all();
    let wanted = |case: &&case::Case| words.is_empty() || words.iter().any(|word| case.name.contains(word));
    for case in cases.iter().filter(wanted).filter(|case| runs_here(case.variant)) {
        let gpu = device(case.variant, &Options::default());
        let size = size.as_deref().unwrap_or(case.bench);
        if size.len() != case.bench.len() {
            eprintln!("`{}` has {} extents, not {}", case.name, case.bench.len(), size.len());
            std::process::exit(2);
        }
        let problem = case.problem(size, SEED);
        let pass = problem.record(gpu, &problem.upstream(SEED))?;
        gpu.write_uniform(&pass.clock, &problem.clocks[0])?;
        let size: Vec<_> = size.iter().map(usize::to_string).collect();
        let profile = gpu.profile(&[&pass.plan], REPLAYS)?;
        for cost in &problem.costs {
            let row = profile.rows.iter().find(|row| row.kernel == cost.kernel);
            let seconds = row.map_or(f64::NAN, |row| row.seconds);
            println!(
                "{:<36} {:<24} {:>14} {:>12.1} {:>9.2} {:>9.2}",
                case.name,
                cost.kernel,
                size.join("x"),
                1e6 * seconds,
                1e-9 * cost.flops / seconds,
                1e-9 * cost.bytes / seconds
            );
        }
    }
    Ok(())
}
