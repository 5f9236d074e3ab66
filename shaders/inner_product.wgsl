// Re <a, b> = sum Re(conj(a) b) over two fields, without float atomics, in a fixed order: `block` leaves a sum a lane,
// `gather` adds them up.
// Layout: a workgroup owns 2,048 quads, lane l each 64th from l on, so that neighbours read neighbours; one workgroup
// gathers, its lanes stride over the sums, then a tree. Reference: src/reference/inner_product.rs

import package::shared::indexing::{indexing_group};
import package::shared::reduce::{reduce_sum};

const WORKGROUP: u32 = 64u;
const TURNS: u32 = 32u;

struct Params {
    n_words: u32,
    n_partials: u32,
    at: u32,                // place of the product
    added: u32,             // 1: added to what is there
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;               // [n / 4, 4]
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;               // [n / 4, 4]
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;        // [partials]
@group(0) @binding(4) var<storage, read> summands: array<f32>;              // partials, read back
@group(0) @binding(5) var<storage, read_write> product: array<f32>;         // [products]

@compute @workgroup_size(WORKGROUP)
fn block(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = indexing_group(group, groups);
    if own * WORKGROUP >= params.n_partials {
        return;
    }
    var sum = vec4(0.0);
    for (var turn = 0u; turn < TURNS; turn++) {
        let quad = (own * TURNS + turn) * WORKGROUP + lane;
        if 4u * quad >= params.n_words {
            break;
        }
        let terms = a[quad] * b[quad];
        // Words past the end are nobody's.
        sum += select(vec4(0.0), terms, vec4(0u, 1u, 2u, 3u) + 4u * quad < vec4(params.n_words));
    }
    partials[own * WORKGROUP + lane] = (sum.x + sum.y) + (sum.z + sum.w);
}

@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var at = lane; at < params.n_partials; at += WORKGROUP) {
        sum += summands[at];
    }
    let whole = reduce_sum(lane, sum);
    if lane == 0u && indexing_group(group, groups) == 0u {
        product[params.at] = select(0.0, product[params.at], params.added == 1u) + whole;
    }
}
