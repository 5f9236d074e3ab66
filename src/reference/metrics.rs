//! Metrics of a batch; specification of `shaders/metrics.wgsl`.

/// (sum of losses, sum of scores, rows, sum of similarities or 0) of a batch whose first `rows` rows are valid.
pub fn forward(loss: &[f64], score: &[f64], similarity: &[f64], rows: usize) -> [f64; 4] {
    [loss.iter().sum(), score.iter().sum(), rows as f64, similarity.iter().sum()]
}
