//! Softmax cross-entropy with smoothed targets; specification of `shaders/cross_entropy.wgsl`.

/// Targets of a row: (1 - e) onehot(label) + e / classes (Szegedy et al., CVPR 2016).
fn target(label: u32, classes: usize, smoothing: f64) -> impl Iterator<Item = f64> {
    (0..classes).map(move |class| {
        let hit = f64::from(u8::from(class == label as usize));
        (1.0 - smoothing) * hit + smoothing / classes as f64
    })
}

/// Loss of every row of logits `[rows, classes]`: log sum_c exp(z_c) - sum_c t_c z_c.
pub fn forward(logits: &[f64], labels: &[u32], classes: usize, smoothing: f64) -> Vec<f64> {
    let rows = logits.chunks_exact(classes).zip(labels);
    rows.map(|(row, &label)| {
        let peak = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|z| (z - peak).exp()).sum();
        // A class without a share may be as unlikely as it likes.
        let shares = row.iter().zip(target(label, classes, smoothing)).filter(|(_, t)| *t != 0.0);
        sum.ln() + shares.map(|(z, t)| t * (peak - z)).sum::<f64>()
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

/// Gradient of the mean loss with respect to the logits: (softmax(z) - t) / rows.
pub fn backward(logits: &[f64], labels: &[u32], classes: usize, smoothing: f64) -> Vec<f64> {
    let mut gradient = Vec::with_capacity(logits.len());
    for (row, &label) in logits.chunks_exact(classes).zip(labels) {
        let peak = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|z| (z - peak).exp()).sum();
        let terms = row.iter().zip(target(label, classes, smoothing));
        gradient.extend(terms.map(|(z, t)| ((z - peak).exp() / sum - t) / labels.len() as f64));
    }
    gradient
}
