//! A plane that light passes, and a threshold behind it; specification of `shaders/plane.wgsl`.

use num_complex::Complex64;

/// Fields as complex numbers, from (re, im).
fn complex(field: &[f64]) -> Vec<Complex64> {
    field.chunks_exact(2).map(|z| Complex64::new(z[0], z[1])).collect()
}

fn parts(field: impl IntoIterator<Item = Complex64>) -> Vec<f64> {
    field.into_iter().flat_map(|z| [z.re, z.im]).collect()
}

/// Amplitude behind the threshold per amplitude before it, and whether it is bright there: light below a share of the mean
/// is dark, brighter light loses as much.
fn passed(intensity: f64, limit: f64) -> (f64, bool) {
    if intensity <= limit { (0.0, false) } else { (((intensity - limit) / intensity).sqrt(), true) }
}

/// y = s x t of every sample; s as the threshold `fraction` of the mean intensity |x t|^2 of a sample has it, or 1 for 0.
pub fn forward(x: &[f64], t: &[f64], fraction: f64) -> Vec<f64> {
    let t = complex(t);
    let sample = |x: &[f64]| {
        let e: Vec<_> = complex(x).iter().zip(&t).map(|(x, t)| x * t).collect();
        if fraction == 0.0 {
            return parts(e);
        }
        let limit = fraction * e.iter().map(Complex64::norm_sqr).sum::<f64>() / e.len() as f64;
        parts(e.into_iter().map(|e| passed(e.norm_sqr(), limit).0 * e))
    };
    x.chunks(2 * t.len()).flat_map(sample).collect()
}

/// Gradients of x and of t.
pub fn backward(x: &[f64], t: &[f64], fraction: f64, d_y: &[f64]) -> [Vec<f64>; 2] {
    let t = complex(t);
    let mut d_x = Vec::with_capacity(x.len());
    let mut d_t = vec![Complex64::default(); t.len()];
    for (x, d_y) in x.chunks(2 * t.len()).zip(d_y.chunks(2 * t.len())) {
        let [x, d_y] = [complex(x), complex(d_y)];
        let e: Vec<_> = x.iter().zip(&t).map(|(x, t)| x * t).collect();
        let d_e = if fraction == 0.0 { d_y } else { behind(&e, fraction, &d_y) };
        d_x.extend(d_e.iter().zip(&t).map(|(d, t)| d * t.conj()));
        d_t.iter_mut().zip(d_e.iter().zip(&x)).for_each(|(sum, (d, x))| *sum += d * x.conj());
    }
    [parts(d_x), parts(d_t)]
}

/// Gradient of the field before the threshold from that behind it.
fn behind(e: &[Complex64], fraction: f64, d_y: &[Complex64]) -> Vec<Complex64> {
    let mean = e.iter().map(Complex64::norm_sqr).sum::<f64>() / e.len() as f64;
    // By s, by the intensity of the pixel under the root, and by the mean.
    let by_root = |e: &Complex64, d: &Complex64| {
        let q = (e.conj() * d).re;
        let (s, bright) = passed(e.norm_sqr(), fraction * mean);
        // ds/dI = f m / (2 s I^2), ds/dm = -f / (2 s I); in the dark a gradient that is NaN is not hidden.
        let root = if bright { 1.0 / (2.0 * s * e.norm_sqr()) } else { 0.0 };
        let to_intensity = if bright { fraction * mean / e.norm_sqr() } else { 0.0 };
        (s, q * root * to_intensity, -q * root * fraction)
    };
    let each: Vec<_> = e.iter().zip(d_y).map(|(e, d)| by_root(e, d)).collect();
    let by_mean = each.iter().map(|&(_, _, by_mean)| by_mean).sum::<f64>() / e.len() as f64;
    let field = |((e, d), (s, by_intensity, _)): ((&Complex64, &Complex64), (f64, f64, f64))| {
        s * d + 2.0 * e * (by_intensity + by_mean)
    };
    e.iter().zip(d_y).zip(each).map(field).collect()
}
