// Work is counted in workgroups along one line; past the adapter's limit of groups along an axis the line is
// folded into rows. The last row may be longer than the work: kernels ignore what lies past the end.

/// Place of a workgroup on the unfolded line.
fn indexing_group(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}
