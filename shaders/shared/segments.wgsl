// The flat parameter vector is made of tensors that start at multiples of 64 words, so every block of 64
// words belongs to one tensor. A table of vec4 a block says what may be done to it: (lower bound, upper
// bound, role, number of the tensor).

const SEGMENTS_QUADS: u32 = 16u;           // of a block: kernels take four words at a time

const SEGMENTS_CONTROL: f32 = 1.0;         // role: a physical control parameter
const SEGMENTS_STATISTIC: f32 = 2.0;       // no parameter but a statistic that passes keep; 0: a digital parameter

const SEGMENTS_SCOPE_CONTROL: u32 = 0u;    // the physical control parameters
const SEGMENTS_SCOPE_ALL: u32 = 1u;        // every parameter
const SEGMENTS_SCOPE_DIGITAL: u32 = 2u;    // the digital ones, which are all others

const SEGMENTS_GROUP_ALL: u32 = 0u;        // the whole scope is one group
const SEGMENTS_GROUP_ROLE: u32 = 1u;       // control parameters, then digital ones
const SEGMENTS_GROUP_TENSOR: u32 = 2u;     // every tensor

/// 1 inside the scope, 0 outside. Statistics are outside of any.
fn segments_inside(segment: vec4<f32>, scope: u32) -> f32 {
    let control = segment.z == SEGMENTS_CONTROL;
    let own = select(control, !control, scope == SEGMENTS_SCOPE_DIGITAL);
    return select(0.0, 1.0, (own || scope == SEGMENTS_SCOPE_ALL) && segment.z != SEGMENTS_STATISTIC);
}

/// The group that a block belongs to, where parameters are taken together by `grouping`.
fn segments_group(segment: vec4<f32>, grouping: u32) -> u32 {
    let role = select(1u, 0u, segment.z == SEGMENTS_CONTROL);
    return select(select(0u, role, grouping == SEGMENTS_GROUP_ROLE), u32(segment.w), grouping == SEGMENTS_GROUP_TENSOR);
}

/// The nearest values inside the bounds. Not clamp(): that would turn NaN into a bound.
fn segments_project(segment: vec4<f32>, value: vec4<f32>) -> vec4<f32> {
    let raised = select(value, vec4(segment.x), value < vec4(segment.x));
    return select(raised, vec4(segment.y), raised > vec4(segment.y));
}
