// y <- y + x, element by element.
// Layout: an invocation owns four neighbours; what it makes of the words between the end and the next multiple of four is
// nobody's. Reference: src/reference/add.rs

import package::shared::indexing::{indexing_group};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,          // elements / 4, rounded up
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at < params.count {
        y[at] += x[at];
    }
}
