//! A shortcut past layers, without parameters; specification of `shaders/shortcut.wgsl`. As option A of He et al., CVPR 2016,
//! channels that the source lacks are zeros; pixels that it has too many of become the mean of windows side by side.

use super::activation;

/// Images of both ends.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Images of a batch.
    pub samples: usize,
    /// Channels of the source.
    pub source_channels: usize,
    /// Channels, height and width of what it is added to.
    pub output: [usize; 3],
    /// How many times as high and wide the source is.
    pub window: usize,
}

impl Shape {
    /// For every element of the source, in order, the element of the output that it is added to.
    fn targets(&self) -> impl Iterator<Item = usize> {
        let Self { samples, source_channels, output: [channels, height, width], window } = *self;
        (0..samples * source_channels).flat_map(move |plane| {
            let plane = plane / source_channels * channels + plane % source_channels;
            (0..window * height).flat_map(move |row| {
                (0..window * width).map(move |column| (plane * height + row / window) * width + column / window)
            })
        })
    }

    /// x + s(source), rectified or not.
    pub fn forward(&self, x: &[f64], source: &[f64], rectify: bool) -> Vec<f64> {
        let mut y = x.to_vec();
        let area = (self.window * self.window) as f64;
        self.targets().zip(source).for_each(|(target, source)| y[target] += source / area);
        if rectify { activation::relu_forward(&y) } else { y }
    }

    /// Gradients of x and of the source, from the output and its gradient.
    pub fn backward(&self, y: &[f64], d_y: &[f64], rectify: bool) -> [Vec<f64>; 2] {
        let d_x = if rectify { activation::relu_backward(y, d_y) } else { d_y.to_vec() };
        let area = (self.window * self.window) as f64;
        let d_source = self.targets().map(|target| d_x[target] / area).collect();
        [d_x, d_source]
    }
}
