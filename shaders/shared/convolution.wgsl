// What the variants of the convolution share: its sizes. See convolution.wgsl.

struct Params {
    batch: u32,
    channels_in: u32,
    height_in: u32,
    width_in: u32,
    channels_out: u32,
    height_out: u32,
    width_out: u32,
    kernel_height: u32,
    kernel_width: u32,
    stride: u32,
    spread: u32,           // distance of neighbours of the input; 1 unless it is a gradient. It or the stride is 1
    lead_y: u32,           // place k of output i is stride i + k + lead; element n lies at (n + lift) spread
    lead_x: u32,
    lift_y: u32,
    lift_x: u32,
    weight_out: u32,       // weight[o, c, tap] is at o weight_out + c weight_in + weight_first + tap weight_step
    weight_in: u32,
    weight_first: u32,
    weight_step: u32,
    run: u32,              // output rows, of all samples, to a partial sum
    n_runs: u32,
}
