// Sums a batch's losses and hits into the ring of metrics that the host reads now and then:
//   ring[slot] = (sum of loss, number correct, rows, 0)
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
@group(0) @binding(3) var<storage, read> correct: array<f32>;           // [batch]
@group(0) @binding(4) var<storage, read_write> ring: array<vec4<f32>>;  // [slots, 4]

var<workgroup> sums: array<vec2<f32>, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(local_invocation_index) lane: u32) {
    var sum = vec2(0.0);
    for (var row = lane; row < params.batch; row += WORKGROUP) {
        sum += vec2(loss[row], correct[row]);
    }
    sums[lane] = sum;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half {
            sums[lane] += sums[lane + half];
        }
        workgroupBarrier();
    }
    if lane == 0u {
        ring[clock.slot] = vec4(sums[0], f32(clock.rows), 0.0);
    }
}
