//! Propagation of fields through free space as a filter of their spectra (Goodman, Introduction to Fourier Optics, 4th ed., 3.10):
//! y = crop IFFT2 H FFT2 pad (x t), for a grid of height x width in a padded one. The transmission t is shared by the batch.
//! H depends on |fx| and |fy| only and is given for one quadrant, `[padded_height / 2 + 1, padded_width / 2 + 1, 2]`. The adjoint is
//! crop IFFT2 conj(H) FFT2 pad.

use num_complex::Complex64;

use super::fft::{Extents, Kind, plane};

/// Extents of the grid and of the padded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Rows and columns of fields.
    pub size: [usize; 2],
    /// Rows and columns of spectra.
    pub padded: [usize; 2],
}

fn complex(values: &[f64]) -> impl Iterator<Item = Complex64> + '_ {
    values.chunks_exact(2).map(|z| Complex64::new(z[0], z[1]))
}

/// Fields `[batch, height, width, 2]` behind the distance, from those before it times the transmission `[height, width, 2]`.
pub fn forward(grid: Grid, x: &[f64], transmission: Option<&[f64]>, transfer: &[f64]) -> Vec<f64> {
    let sent: Vec<f64> = match transmission {
        Some(t) => complex(x)
            .zip(complex(t).collect::<Vec<_>>().into_iter().cycle())
            .map(|(x, t)| x * t)
            .flat_map(|z| [z.re, z.im])
            .collect(),
        None => x.to_vec(),
    };
    filter(grid, &sent, transfer, false)
}

/// Gradient of the sent fields x t.
pub fn adjoint(grid: Grid, d_y: &[f64], transfer: &[f64]) -> Vec<f64> {
    filter(grid, d_y, transfer, true)
}

fn filter(Grid { size, padded: [height, width] }: Grid, x: &[f64], transfer: &[f64], conjugate: bool) -> Vec<f64> {
    let on = Extents { lengths: [Some(height), Some(width)], before: size, after: [height, width] };
    let spectra = plane(Kind::Forward, on, x);
    let h: Vec<_> = complex(transfer).map(|h| if conjugate { h.conj() } else { h }).collect();
    let filtered: Vec<f64> = complex(&spectra)
        .enumerate()
        .map(|(at, z)| {
            let (row, column) = (at / width % height, at % width);
            z * h[row.min(height - row) * (width / 2 + 1) + column.min(width - column)]
        })
        .flat_map(|z| [z.re, z.im])
        .collect();
    plane(Kind::Inverse, on.backward(), &filtered)
}
