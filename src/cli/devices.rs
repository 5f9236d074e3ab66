//! `flatlight devices`

use super::{Context, Failure, output};
use crate::gpu::{Gpu, bytes};

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    // Opening says which one is used, or why none can be.
    let used = context.open()?.adapter().index;
    let mut text = String::new();
    for adapter in Gpu::adapters() {
        let limits = &adapter.limits;
        let mark = if adapter.index == used { "*" } else { " " };
        text.push_str(&format!("{mark} {}  {} ({}, {})\n", adapter.index, adapter.name, adapter.kind, adapter.backend));
        text.push_str(&format!("     driver {}\n", adapter.driver));
        text.push_str(&format!(
            "     buffer {}, binding {}, {} storage buffers, workgroup memory {}, {} invocations, subgroup {}\n",
            bytes(limits.max_buffer_size),
            bytes(limits.max_storage_buffer_binding_size),
            limits.max_storage_buffers_per_shader_stage,
            bytes(u64::from(limits.max_compute_workgroup_storage_size)),
            limits.max_compute_invocations_per_workgroup,
            if adapter.subgroup.0 == adapter.subgroup.1 {
                adapter.subgroup.0.to_string()
            } else {
                format!("{} to {}", adapter.subgroup.0, adapter.subgroup.1)
            },
        ));
        text.push_str(&format!("     kernels can{} be timed on it\n", if adapter.timestamps { "" } else { "not" }));
    }
    text.push_str("* is used; choose another with --adapter or FLATLIGHT_ADAPTER (number or part of the name)\n");
    output::print(&text)
}
