// Sums a batch's losses and scores, and similarities if there are any, into the ring of metrics that the host reads now and then:
//   ring[slot] = (sum of loss, sum of score, rows, sum of similarity or 0)
// Layout: one workgroup; lanes stride over the rows, then a tree in a fixed order, so that the same batch
// always gives the same bits. Reference: src/reference/metrics.rs

import package::shared::clock::{Clock};

const WORKGROUP: u32 = 64u;

struct Params {
    batch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> loss: array<f32>;              // [batch]
@group(0) @binding(3) var<storage, read> score: array<f32>;             // [batch] 1 or 0 for a hit, or dB
@group(0) @binding(4) var<storage, read_write> ring: array<vec4<f32>>;  // [slots, 4]
@group(0) @binding(5) var<storage, read> similarity: array<f32>;        // [batch]

var<workgroup> sums: array<vec3<f32>, WORKGROUP>;

/// The sum over all lanes of what each has, into the ring.
fn put(lane: u32, own: vec3<f32>) {
    sums[lane] = own;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half {
            sums[lane] += sums[lane + half];
        }
        workgroupBarrier();
    }
    if lane == 0u {
        ring[clock.slot] = vec4(sums[0].xy, f32(clock.rows), sums[0].z);
    }
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(local_invocation_index) lane: u32) {
    var sum = vec3(0.0);
    for (var row = lane; row < params.batch; row += WORKGROUP) {
        sum += vec3(loss[row], score[row], 0.0);
    }
    put(lane, sum);
}

@compute @workgroup_size(WORKGROUP)
fn forward_images(@builtin(local_invocation_index) lane: u32) {
    var sum = vec3(0.0);
    for (var row = lane; row < params.batch; row += WORKGROUP) {
        sum += vec3(loss[row], score[row], similarity[row]);
    }
    put(lane, sum);
}
