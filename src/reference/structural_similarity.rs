//! Structural similarity; specification of `shaders/structural_similarity.wgsl`.
//!
//! Wang, Bovik, Sheikh & Simoncelli, IEEE Trans. Image Process. 13, 600 (2004), for values 0..1.

/// Weights along either axis of a window of an odd side: a Gaussian of a standard deviation of 1.5 pixels, of sum 1.
pub fn weights(side: usize) -> Vec<f64> {
    let of = |at: usize| (-(at as f64 - (side / 2) as f64).powi(2) / (2.0 * 1.5 * 1.5)).exp();
    let sum: f64 = (0..side).map(of).sum();
    (0..side).map(|at| of(at) / sum).collect()
}

/// Side of the windows of images: 11, or the largest odd number of pixels that the smaller side has.
pub fn side(height: usize, width: usize) -> usize {
    let smaller = height.min(width);
    (smaller - 1 + smaller % 2).min(11)
}

/// Similarity of every sample of images `[samples, channels, height, width]`: the mean over channels and windows.
pub fn forward(x: &[f64], y: &[f64], [channels, height, width]: [usize; 3]) -> Vec<f64> {
    let side = side(height, width);
    let weights = weights(side);
    let of_window = |x: &[f64], y: &[f64], row: usize, column: usize| {
        let moment = |term: &dyn Fn(f64, f64) -> f64| {
            let mut sum = 0.0;
            for (down, across) in (0..side * side).map(|at| (at / side, at % side)) {
                let at = (row + down) * width + column + across;
                sum += weights[down] * weights[across] * term(x[at], y[at]);
            }
            sum
        };
        let (mx, my) = (moment(&|x, _| x), moment(&|_, y| y));
        let variance = [moment(&|x, _| (x - mx).powi(2)), moment(&|_, y| (y - my).powi(2))];
        let covariance = moment(&|x, y| (x - mx) * (y - my));
        let (c1, c2) = (0.01_f64.powi(2), 0.03_f64.powi(2));
        (2.0 * mx * my + c1) * (2.0 * covariance + c2) / ((mx * mx + my * my + c1) * (variance[0] + variance[1] + c2))
    };
    let of_plane = |(x, y): (&[f64], &[f64])| {
        let places = (0..=height - side).flat_map(|row| (0..=width - side).map(move |column| (row, column)));
        let all: Vec<_> = places.map(|(row, column)| of_window(x, y, row, column)).collect();
        all.iter().sum::<f64>() / all.len() as f64
    };
    let planes: Vec<_> = x.chunks_exact(height * width).zip(y.chunks_exact(height * width)).map(of_plane).collect();
    planes.chunks_exact(channels).map(|own| own.iter().sum::<f64>() / channels as f64).collect()
}
