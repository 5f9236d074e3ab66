// Lengths of the gradient over the groups of a scope, without float atomics, in a fixed order:
//   plain     norm = ||g||       adaptive  norm = ||p g||       over the parameters of a group inside the scope
// `block` sums squares to one number a block of 64 words, `gather` adds those of a group up: piece by piece of a vector
// that is longer than a binding, so that it adds to what the pieces before left. Gradients past 1e19 overflow to
// infinity, which is passed on, not hidden.
// Layout: an invocation owns a block, as a tree over it would wait at six barriers; a workgroup owns a group in `gather`,
// whose lanes stride over the blocks, then a tree. Reference: src/reference/norm.rs

import package::shared::indexing::{indexing_group};
import package::shared::reduce::{reduce_sum};
import package::shared::segments::{SEGMENTS_QUADS, segments_inside, segments_group};

const WORKGROUP: u32 = 64u;

struct Params {
    n_blocks: u32,       // of this piece of the vector
    n_groups: u32,
    scope: u32,
    adaptive: u32,
    grouping: u32,
    start: u32,          // 1 for the first piece
    end: u32,            // 1 for the last piece
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;        // [blocks, 64]
@group(0) @binding(2) var<storage, read> parameters: array<vec4<f32>>;      // [blocks, 64]
@group(0) @binding(3) var<storage, read> segments: array<vec4<f32>>;        // [blocks, 4]
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;        // [blocks]
@group(0) @binding(5) var<storage, read> summands: array<f32>;              // partials, read back
@group(0) @binding(6) var<storage, read_write> norms: array<f32>;           // [groups]

@compute @workgroup_size(WORKGROUP)
fn block(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = indexing_group(group, groups) * WORKGROUP + lane;
    if own >= params.n_blocks {
        return;
    }
    var sum = vec4(0.0);
    if segments_inside(segments[own], params.scope) > 0.0 {
        for (var at = own * SEGMENTS_QUADS; at < (own + 1u) * SEGMENTS_QUADS; at++) {
            let value = gradient[at] * select(vec4(1.0), parameters[at], params.adaptive == 1u);
            sum += value * value;
        }
    }
    partials[own] = (sum.x + sum.y) + (sum.z + sum.w);
}

@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = indexing_group(group, groups);
    var sum = 0.0;
    for (var at = lane; at < params.n_blocks; at += WORKGROUP) {
        if segments_group(segments[at], params.grouping) == own {
            sum += summands[at];
        }
    }
    let whole = reduce_sum(lane, sum);
    if lane == 0u && own < params.n_groups {
        let squares = whole + select(norms[own], 0.0, params.start == 1u);
        norms[own] = select(squares, sqrt(squares), params.end == 1u);
    }
}
