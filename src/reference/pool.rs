//! Pooling over windows; specification of `shaders/pool.wgsl`. No padding; windows that would reach past the
//! edge are left out, as in PyTorch.

/// Images `[planes, height, width]` and the windows over them.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Images, those of all channels of all samples.
    pub planes: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Rows and columns of a window.
    pub window: [usize; 2],
    /// From one window to the next.
    pub stride: usize,
}

impl Shape {
    /// For every output element, the elements of its window, row by row.
    fn windows(&self) -> impl Iterator<Item = Vec<usize>> {
        let Self { planes, height, width, window, stride } = *self;
        let [rows, columns] = window;
        let corners = move |extent: usize, window: usize| (0..=extent - window).step_by(stride);
        let corners = (0..planes).flat_map(move |plane| {
            corners(height, rows)
                .flat_map(move |row| corners(width, columns).map(move |column| (plane * height + row) * width + column))
        });
        corners.map(move |corner| (0..rows * columns).map(|at| corner + at / columns * width + at % columns).collect())
    }
}

/// The first of the largest elements of a window; NaN counts as the largest.
fn largest(x: &[f64], window: &[usize]) -> usize {
    let larger = |a: f64, b: f64| !b.is_nan() && (a.is_nan() || a > b);
    window.iter().fold(window[0], |best, &at| if larger(x[at], x[best]) { at } else { best })
}

/// The largest element of every window.
pub fn max_forward(x: &[f64], shape: &Shape) -> Vec<f64> {
    shape.windows().map(|window| x[largest(x, &window)]).collect()
}

/// Gradient of x: that of every output goes to the first largest element of its window.
pub fn max_backward(x: &[f64], d_y: &[f64], shape: &Shape) -> Vec<f64> {
    let mut d_x = vec![0.0; x.len()];
    shape.windows().zip(d_y).for_each(|(window, d_y)| d_x[largest(x, &window)] += d_y);
    d_x
}

/// The mean of every window.
pub fn average_forward(x: &[f64], shape: &Shape) -> Vec<f64> {
    shape.windows().map(|window| window.iter().map(|&at| x[at]).sum::<f64>() / window.len() as f64).collect()
}

/// Gradient of x: that of every output goes in equal parts to its window.
pub fn average_backward(d_y: &[f64], shape: &Shape) -> Vec<f64> {
    let mut d_x = vec![0.0; shape.planes * shape.height * shape.width];
    for (window, d_y) in shape.windows().zip(d_y) {
        window.iter().for_each(|&at| d_x[at] += d_y / window.len() as f64);
    }
    d_x
}
