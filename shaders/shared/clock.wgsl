// What changes from one submission to the next. The host writes it before each; kernels only read it, so a
// plan recorded once serves every step. Rust twin: src/ops/clock.rs.

struct Clock {
    seed: u32,           // of the run: first key word of every random number
    step: u32,           // counts training steps: keys the random numbers of a step
    epoch: u32,          // keys the shuffle
    shuffle: u32,        // 1: samples are drawn in the shuffled order of the epoch, 0: in their own order
    first: u32,          // position of the batch's first sample in that order
    rows: u32,           // samples in the batch; rows past it are padding
    slot: u32,           // of the metrics ring
    learning_rate: f32,
    correction_1: f32,   // 1 - beta_1^t of Adam
    correction_2: f32,   // 1 - beta_2^t of Adam
    average: f32,        // weight of what is new in a moving average
}
