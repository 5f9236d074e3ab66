// Adam (Kingma and Ba, ICLR 2015) with decoupled weight decay (AdamW; Loshchilov and Hutter, ICLR 2019), then projection
// onto the bounds of each parameter:
//   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  p -= lr (m / c1) / (sqrt(v / c2) + eps) + lr decay p
// The decay acts on the parameters inside its scope; 0 is plain Adam, bit for bit.
// c1 = 1 - b1^t and c2 = 1 - b2^t come with the clock, in double precision from the host.
// Layout: an invocation owns four neighbours; vectors are whole blocks of 64 words. Reference: src/reference/adam.rs

import package::shared::clock::{Clock};
import package::shared::indexing::{indexing_group};
import package::shared::segments::{SEGMENTS_QUADS, segments_inside, segments_project};

const WORKGROUP: u32 = 64u;

struct Params {
    count: u32,          // words / 4
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    decay: f32,
    decay_scope: u32,
    rate: f32,           // times the clock's learning rate
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> gradient: array<vec4<f32>>;        // [count]
@group(0) @binding(3) var<storage, read> segments: array<vec4<f32>>;        // [count / 64, 4]
@group(0) @binding(4) var<storage, read_write> parameters: array<vec4<f32>>;// [count]
@group(0) @binding(5) var<storage, read_write> mean: array<vec4<f32>>;      // [count]
@group(0) @binding(6) var<storage, read_write> square: array<vec4<f32>>;    // [count]

@compute @workgroup_size(WORKGROUP)
fn update(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let at = indexing_group(group, groups) * WORKGROUP + lane;
    if at >= params.count {
        return;
    }
    let g = gradient[at];
    let m = params.beta_1 * mean[at] + (1.0 - params.beta_1) * g;
    let v = params.beta_2 * square[at] + (1.0 - params.beta_2) * g * g;
    mean[at] = m;
    square[at] = v;
    let segment = segments[at / SEGMENTS_QUADS];
    let p = parameters[at];
    let rate = params.rate * clock.learning_rate;
    let decay = rate * params.decay * segments_inside(segment, params.decay_scope) * p;
    let step = rate * (m / clock.correction_1) / (sqrt(v / clock.correction_2) + params.epsilon);
    parameters[at] = segments_project(segment, p - (step + decay));
}
