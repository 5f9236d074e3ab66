//! Softmax cross-entropy; specification of `shaders/cross_entropy.wgsl`.

/// Loss of every row of logits `[rows, classes]`: log sum_c exp(z_c) - z_label.
pub fn forward(logits: &[f64], labels: &[u32], classes: usize) -> Vec<f64> {
    let rows = logits.chunks_exact(classes).zip(labels);
    rows.map(|(row, &label)| {
        let peak = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row.iter().map(|z| (z - peak).exp()).sum::<f64>().ln() + peak - row[label as usize]
    })
    .collect()
}

/// 1 for every row whose largest logit, the first of equals, is the label's; else 0.
pub fn correct(logits: &[f64], labels: &[u32], classes: usize) -> Vec<f64> {
    let rows = logits.chunks_exact(classes).zip(labels);
    rows.map(|(row, &label)| {
        let best = (1..classes).fold(0, |best, class| if row[class] > row[best] { class } else { best });
        f64::from(u8::from(best == label as usize))
    })
    .collect()
}

/// Gradient of the mean loss with respect to the logits: (softmax(z) - onehot(label)) / rows.
pub fn backward(logits: &[f64], labels: &[u32], classes: usize) -> Vec<f64> {
    let mut gradient = Vec::with_capacity(logits.len());
    for (row, &label) in logits.chunks_exact(classes).zip(labels) {
        let peak = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|z| (z - peak).exp()).sum();
        for (class, z) in row.iter().enumerate() {
            let hit = f64::from(u8::from(class == label as usize));
            gradient.push(((z - peak).exp() / sum - hit) / labels.len() as f64);
        }
    }
    gradient
}
