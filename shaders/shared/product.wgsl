// What the matrix products share: their sizes, and where an invocation's tile of 4 x 4 results lies.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    k_first: u32,
    k_count: u32,
    accumulate: u32,
}

/// First row and column of an invocation's tile; a row past the end means no work.
fn product_tile(params: Params, invocation: u32) -> vec2<u32> {
    let across = (params.n + 3u) / 4u;
    return vec2(invocation / across, invocation % across) * 4u;
}

/// Four neighbours along an axis; those past the end are the last one.
fn product_four(first: u32, count: u32) -> vec4<u32> {
    return min(vec4(first, first + 1u, first + 2u, first + 3u), vec4(count - 1u));
}
