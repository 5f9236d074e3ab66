// What the matrix products share: their sizes, and where an invocation's tile of 4 x 4 results lies. Products of equal sizes may be taken
// side by side: their operands, and their results, lie one after the other.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    k_first: u32,
    k_count: u32,
    accumulate: u32,
    count: u32,         // products side by side
}

/// First row and column of a tile of so many rows and columns, and the product it belongs to; a row past the end means no work.
fn product_tile(params: Params, index: u32, rows: u32, columns: u32) -> vec3<u32> {
    let across = (params.n + columns - 1u) / columns;
    let tiles = (params.m + rows - 1u) / rows * across;
    let place = index % tiles;
    let product = index / tiles;
    return vec3(select(params.m, place / across * rows, product < params.count), place % across * columns, product);
}

/// Four neighbours along an axis; those past the end are the last one.
fn product_four(first: u32, count: u32) -> vec4<u32> {
    return min(vec4(first, first + 1u, first + 2u, first + 3u), vec4(count - 1u));
}
