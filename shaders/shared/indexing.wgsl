// Work is counted in workgroups along one line; past the adapter's limit of groups along an axis the line is
// folded into rows. The last row may be longer than the work: kernels ignore what lies past the end.

/// Items that an invocation takes, each 64th, where one is little work. Rust twin: `in_turns` in src/ops/mod.rs.
const INDEXING_TURNS: u32 = 16u;

/// Place of a workgroup on the unfolded line.
fn indexing_group(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}

/// a / b for a below 2^31, from the quotient of floats and what that leaves: an integer division costs software adapters,
/// which have none for vectors, ten times as much.
fn indexing_divide(a: u32, b: u32) -> u32 {
    let inverse = 1.0 / f32(i32(b));
    let near = u32(i32(f32(i32(a)) * inverse));
    // Off by 2^-22 of a at most; one division more of so little is off by 1 at most.
    let left = i32(a - near * b);
    let quotient = i32(near) + i32(f32(left) * inverse);
    let rest = i32(a) - quotient * i32(b);
    return u32(quotient - select(0, 1, rest < 0) + select(0, 1, rest >= i32(b)));
}
