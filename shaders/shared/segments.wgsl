// The flat parameter vector is made of tensors that start at multiples of 64 words, so every block of 64
// words belongs to one tensor. A table of vec4 a block says what may be done to it: (lower bound, upper
// bound, 1 if a physical control parameter, 1 if no parameter but a statistic that passes keep).

const SEGMENTS_QUADS: u32 = 16u;           // of a block: kernels take four words at a time

const SEGMENTS_SCOPE_CONTROL: u32 = 0u;    // the physical control parameters
const SEGMENTS_SCOPE_ALL: u32 = 1u;        // every parameter
const SEGMENTS_SCOPE_DIGITAL: u32 = 2u;    // the digital ones, which are all others

/// 1 inside the scope, 0 outside. Statistics are outside of any.
fn segments_inside(segment: vec4<f32>, scope: u32) -> f32 {
    let own = select(segment.z, 1.0 - segment.z, scope == SEGMENTS_SCOPE_DIGITAL);
    return select(own, 1.0, scope == SEGMENTS_SCOPE_ALL) * (1.0 - segment.w);
}

/// The nearest values inside the bounds. Not clamp(): that would turn NaN into a bound.
fn segments_project(segment: vec4<f32>, value: vec4<f32>) -> vec4<f32> {
    let raised = select(value, vec4(segment.x), value < vec4(segment.x));
    return select(raised, vec4(segment.y), raised > vec4(segment.y));
}
