// Complex numbers are vec2(re, im). The gradient of a real loss L with respect to z is dL/d(re) + i dL/d(im): under
// this convention the backward pass of z -> w z is d -> conj(w) d, and that of a matrix its conjugate transpose.

/// a b
fn complex_mul(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return vec2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

/// a conj(b)
fn complex_mul_conj(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return vec2(a.x * b.x + a.y * b.y, a.y * b.x - a.x * b.y);
}

fn complex_conj(z: vec2<f32>) -> vec2<f32> {
    return vec2(z.x, -z.y);
}
