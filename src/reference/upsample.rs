//! Images made larger, every pixel repeated; specification of `shaders/upsample.wgsl`.

/// For every element of planes `[planes, f height, f width]`, the element of `[planes, height, width]` that it repeats.
fn sources(count: usize, [height, width]: [usize; 2], factor: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |at| {
        let (line, column) = (at / (factor * width), at % (factor * width));
        let (plane, row) = (line / (factor * height), line % (factor * height));
        (plane * height + row / factor) * width + column / factor
    })
}

/// y `[planes, f height, f width]` from x `[planes, height, width]`.
pub fn forward(x: &[f64], image: [usize; 2], factor: usize) -> Vec<f64> {
    sources(x.len() * factor * factor, image, factor).map(|source| x[source]).collect()
}

/// Gradient of x from that of y: the sum over all that repeat it.
pub fn backward(d_y: &[f64], image: [usize; 2], factor: usize) -> Vec<f64> {
    let mut d_x = vec![0.0; d_y.len() / (factor * factor)];
    sources(d_y.len(), image, factor).zip(d_y).for_each(|(source, d_y)| d_x[source] += d_y);
    d_x
}
