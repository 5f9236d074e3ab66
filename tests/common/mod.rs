//! What the proofs of the kernels share: an open device, and one declaration per kernel case, which the tests read and
//! `benches/kernels.rs` too.
#![allow(dead_code, reason = "each test and bench uses a part of it")]

pub mod case;
pub mod driver;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use flatlight::gpu::{Gpu, Options};
use flatlight::ops::{convolution, matmul, mesh, propagation};

/// Opens a device. A machine without an adapter cannot pass: the message says what to install.
pub fn open(options: &Options) -> Gpu {
    Gpu::open(options).unwrap_or_else(|error| panic!("the kernels cannot be tested here: {error}"))
}

/// The device that most tests of a binary share.
pub fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| open(&Options::default()))
}

/// A device for a case: with its kernel variant, and with the limits of `options`.
pub fn device(variant: Option<(&'static str, &'static str)>, options: &Options) -> &'static Gpu {
    type Key = (Option<(&'static str, &'static str)>, Option<u64>, Option<u32>);
    static OPEN: Mutex<BTreeMap<Key, &'static Gpu>> = Mutex::new(BTreeMap::new());
    let mut open_devices = OPEN.lock().expect("no test panics while it opens a device");
    open_devices.entry((variant, options.binding_limit, options.group_limit)).or_insert_with(|| {
        let variants = variant.iter().map(|(family, name)| ((*family).to_owned(), (*name).to_owned())).collect();
        Box::leak(Box::new(open(&Options { variants, ..options.clone() })))
    })
}

/// Whether this adapter has the variant that a case is about.
pub fn runs_here(variant: Option<(&str, &str)>) -> bool {
    variant.is_none_or(|(family, name)| match family {
        "matmul" => matmul::variants(gpu()).contains(&name),
        "convolution" => convolution::variants(gpu()).contains(&name),
        "mesh" => mesh::variants(gpu()).contains(&name),
        "propagation" => propagation::variants(gpu()).contains(&name),
        _ => true,
    })
}

/// Runs a test again in a process of its own, with variables set: for what other tests would disturb. True in there.
pub fn alone(test: &str, variables: &[(&str, &Path)]) -> bool {
    const MARK: &str = "FLATLIGHT_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let program = std::env::current_exe().expect("the path of this test");
    let child = Command::new(program).args([test, "--exact"]).env(MARK, "1").envs(variables.iter().copied()).output();
    let child = child.expect("this test starts again");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&child.stderr));
    false
}

/// Bytes of memory that this process holds.
#[cfg(target_os = "linux")]
pub fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    4096 * pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number of pages")
}
