//! Convolution with 3 x 3 taps by minimal filtering, F(4 x 4, 3 x 3) (Winograd 1980; Lavin & Gray, CVPR 2016); specification of
//! `shaders/winograd.wgsl`. What comes out is what [`convolution`](super::convolution) says, gradients too: those are the adjoints of the
//! steps here.

use super::convolution::Shape;

/// B': elements of a tile of inputs along an axis.
const INPUT: [[f64; 6]; 6] = [
    [4.0, 0.0, -5.0, 0.0, 1.0, 0.0],
    [0.0, -4.0, -4.0, 1.0, 1.0, 0.0],
    [0.0, 4.0, -4.0, -1.0, 1.0, 0.0],
    [0.0, -2.0, -1.0, 2.0, 1.0, 0.0],
    [0.0, 2.0, -1.0, -2.0, 1.0, 0.0],
    [0.0, 4.0, 0.0, -5.0, 0.0, 1.0],
];

/// G: taps along an axis.
const TAPS: [[f64; 3]; 6] = [
    [0.25, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// A': a tile of outputs along an axis.
const OUTPUT: [[f64; 6]; 4] = [
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    [0.0, 1.0, -1.0, 2.0, -2.0, 0.0],
    [0.0, 1.0, 1.0, 4.0, 4.0, 0.0],
    [0.0, 1.0, -1.0, 8.0, -8.0, 1.0],
];

/// L m L' of a square m.
fn along_both<const N: usize, const M: usize>(l: &[[f64; N]; M], m: &[[f64; N]; N]) -> [[f64; M]; M] {
    let entry = |row: usize, column: usize| -> f64 {
        (0..N).flat_map(|i| (0..N).map(move |j| (i, j))).map(|(i, j)| l[row][i] * m[i][j] * l[column][j]).sum()
    };
    std::array::from_fn(|row| std::array::from_fn(|column| entry(row, column)))
}

/// Outputs y `[batch, channels_out, height, width]` of a stride of 1 and a padding of 1, whose sides are multiples of 4: every tile of 4 x 4
/// as A' (sum over channels of (G g G') (B' d B)) A.
pub fn forward(shape: &Shape, x: &[f64], weight: &[f64]) -> Vec<f64> {
    let (height, width) = (shape.height, shape.width);
    let (plane, channels) = (height * width, shape.channels_in);
    let samples = x.len() / (channels * plane);
    let mut y = vec![0.0; samples * shape.channels_out * plane];
    let taps: Vec<_> = weight
        .chunks_exact(9)
        .map(|g| along_both(&TAPS, &std::array::from_fn(|row| std::array::from_fn(|column| g[3 * row + column]))))
        .collect();
    for (sample, x) in x.chunks_exact(channels * plane).enumerate() {
        for (top, left) in (0..height).step_by(4).flat_map(|top| (0..width).step_by(4).map(move |left| (top, left))) {
            // From one above and to the left of the outputs; zeros around the image.
            let input = |channel: usize, row: usize, column: usize| {
                let (row, column) = ((top + row).wrapping_sub(1), (left + column).wrapping_sub(1));
                if row < height && column < width { x[channel * plane + row * width + column] } else { 0.0 }
            };
            let tiles: Vec<[[f64; 6]; 6]> = (0..channels)
                .map(|channel| {
                    let tile = std::array::from_fn(|row| std::array::from_fn(|column| input(channel, row, column)));
                    along_both(&INPUT, &tile)
                })
                .collect();
            for (out, taps) in taps.chunks_exact(channels).enumerate() {
                let product = |row: usize, column: usize| -> f64 {
                    taps.iter().zip(&tiles).map(|(u, v)| u[row][column] * v[row][column]).sum()
                };
                let m = std::array::from_fn(|row| std::array::from_fn(|column| product(row, column)));
                let first = (sample * shape.channels_out + out) * plane + top * width + left;
                for (row, outputs) in along_both(&OUTPUT, &m).iter().enumerate() {
                    y[first + row * width..][..4].copy_from_slice(outputs);
                }
            }
        }
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn tiles_are_those_of_the_convolution() {
        let shape =
            Shape { channels_in: 3, height: 8, width: 12, channels_out: 2, kernel: [3; 2], stride: 1, padding: 1 };
        let draws = |name: &str, count| random::units(1, random::stream(name)).take(count).collect::<Vec<_>>();
        let (x, weight) = (draws("x", 2 * 3 * 96), draws("weight", 54));
        let (own, want) = (forward(&shape, &x, &weight), shape.forward(&x, &weight, None));
        assert_eq!(own.len(), want.len());
        let off = own.iter().zip(&want).fold(0.0, |off: f64, (own, want)| off.max((own - want).abs()));
        assert!(off < 1e-12, "{off:e}");
    }
}
