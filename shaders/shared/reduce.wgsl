// A sum over a workgroup of 64, by a tree: the same order every time.

const REDUCE_WORKGROUP: u32 = 64u;

var<workgroup> reduce_cells: array<f32, REDUCE_WORKGROUP>;

/// Sum over the workgroup; valid in lane 0. Every lane must call it.
fn reduce_sum(lane: u32, value: f32) -> f32 {
    reduce_cells[lane] = value;
    workgroupBarrier();
    for (var half = REDUCE_WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half {
            reduce_cells[lane] += reduce_cells[lane + half];
        }
        workgroupBarrier();
    }
    return reduce_cells[0];
}
