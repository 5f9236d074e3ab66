//! How far a set of images is from another, in the features of a classifier.

use super::Error;

/// Mean and covariance of features, gathered batch by batch.
#[derive(Clone, Debug)]
pub struct Features {
    count: usize,
    mean: Vec<f64>,
    /// Sum of the products of deviations from the mean.
    products: Square,
}

impl Features {
    /// Of none yet, of so many numbers each.
    pub fn new(width: usize) -> Self {
        Self { count: 0, mean: vec![0.0; width], products: Square::zeros(width) }
    }

    /// Adds features `[samples, width]`; each batch about its own mean (Chan, Golub & LeVeque 1983), so that little is lost where features are
    /// far from 0.
    ///
    /// # Errors
    /// Features that are no numbers, or not of this width.
    pub fn add(&mut self, values: &[f32]) -> Result<(), Error> {
        let width = self.mean.len();
        if width == 0 || !values.len().is_multiple_of(width) {
            return Err(Error::Features(format!("{} numbers are no features of {width} each", values.len())));
        }
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            let (sample, feature) = (place / width, place % width);
            return Err(Error::Features(format!("feature {feature} of sample {sample} is {}", values[place])));
        }
        let count = values.len() / width;
        if count == 0 {
            return Ok(());
        }
        let mut mean = vec![0.0; width];
        for sample in values.chunks_exact(width) {
            mean.iter_mut().zip(sample).for_each(|(sum, &value)| *sum += f64::from(value) / count as f64);
        }
        for sample in values.chunks_exact(width) {
            let apart: Vec<_> = sample.iter().zip(&mean).map(|(&value, mean)| f64::from(value) - mean).collect();
            self.products.add_products(&apart, 1.0);
        }
        let apart: Vec<_> = mean.iter().zip(&self.mean).map(|(new, old)| new - old).collect();
        let [before, new] = [self.count, count].map(|count| count as f64);
        self.products.add_products(&apart, before * new / (before + new));
        self.mean.iter_mut().zip(apart).for_each(|(mean, apart)| *mean += apart * new / (before + new));
        self.count += count;
        Ok(())
    }

    /// Covariance, with n - 1.
    fn covariance(&self) -> Result<Square, Error> {
        match self.count {
            0 | 1 => Err(Error::Features(format!("{} samples have no covariance; give at least 2", self.count))),
            count => Ok(self.products.map(|sum| sum / (count - 1) as f64)),
        }
    }
}

/// Fréchet distance of the normal distributions of two sets of features (Dowson & Landau, J. Multivariate Anal. 12, 450 (1982); of features
/// of a classifier: Heusel et al., NeurIPS 2017): |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).
///
/// The trace of the root is the sum of the roots of the eigenvalues of S C2 S, S the symmetric root of C1, which is symmetric too.
///
/// # Errors
/// Sets of other features, or of fewer than two samples.
pub fn frechet_distance(one: &Features, other: &Features) -> Result<f64, Error> {
    if one.mean.len() != other.mean.len() {
        let message = format!("{} features of a sample, and {} of another", one.mean.len(), other.mean.len());
        return Err(Error::Features(message));
    }
    let [first, second] = [one.covariance()?, other.covariance()?];
    let traces = first.trace() + second.trace();
    // What rounding made negative is 0.
    let root = |value: f64| value.max(0.0).sqrt();
    let mut vectors = Square::identity(first.side);
    let eigenvalues = first.eigenvalues(Some(&mut vectors));
    // A column a vector: V D V'.
    let scaled = Square { values: vectors.scaled_columns(&eigenvalues, root), ..vectors };
    let symmetric = scaled.times(&vectors.transposed());
    let product = symmetric.times(&second).times(&symmetric);
    let roots: f64 = product.eigenvalues(None).into_iter().map(root).sum();
    let apart: f64 = one.mean.iter().zip(&other.mean).map(|(one, other)| (one - other).powi(2)).sum();
    Ok((apart + traces - 2.0 * roots).max(0.0))
}

/// A square matrix, row by row.
#[derive(Clone, Debug)]
struct Square {
    side: usize,
    values: Vec<f64>,
}

/// Most sweeps of rotations; each squares what is left off the diagonal, so that ten do.
const SWEEPS: usize = 60;

impl Square {
    fn zeros(side: usize) -> Self {
        Self { side, values: vec![0.0; side * side] }
    }

    fn identity(side: usize) -> Self {
        let mut own = Self::zeros(side);
        own.values.iter_mut().step_by(side + 1).for_each(|value| *value = 1.0);
        own
    }

    fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { side: self.side, values: self.values.iter().map(|&value| f(value)).collect() }
    }

    fn trace(&self) -> f64 {
        self.values.iter().step_by(self.side + 1).sum()
    }

    fn transposed(&self) -> Self {
        let side = self.side;
        Self { side, values: (0..side * side).map(|at| self.values[at % side * side + at / side]).collect() }
    }

    /// Every column times f of a number of its own.
    fn scaled_columns(&self, numbers: &[f64], f: impl Fn(f64) -> f64) -> Vec<f64> {
        let scales: Vec<_> = numbers.iter().map(|&number| f(number)).collect();
        self.values.iter().zip(scales.iter().cycle()).map(|(value, scale)| value * scale).collect()
    }

    /// Adds factor v v'.
    fn add_products(&mut self, v: &[f64], factor: f64) {
        for (row, &first) in self.values.chunks_exact_mut(self.side).zip(v) {
            row.iter_mut().zip(v).for_each(|(sum, &second)| *sum += factor * first * second);
        }
    }

    fn times(&self, other: &Self) -> Self {
        let side = self.side;
        let mut product = Self::zeros(side);
        for (sums, row) in product.values.chunks_exact_mut(side).zip(self.values.chunks_exact(side)) {
            for (&factor, other) in row.iter().zip(other.values.chunks_exact(side)) {
                sums.iter_mut().zip(other).for_each(|(sum, value)| *sum += factor * value);
            }
        }
        product
    }

    /// Eigenvalues of a symmetric matrix by Jacobi's rotations (Golub & Van Loan, Matrix Computations, 8.5), which do not mind that many of
    /// them are 0, as those of features that never fire. Vectors, if asked for, are turned along: of an identity, they become the eigenvectors,
    /// a column each.
    fn eigenvalues(mut self, mut vectors: Option<&mut Self>) -> Vec<f64> {
        let side = self.side;
        let whole: f64 = self.values.iter().map(|value| value * value).sum();
        for _ in 0..SWEEPS {
            if self.largest_beside() <= 1e-15 * whole.sqrt() {
                break;
            }
            for (p, q) in (0..side).flat_map(|p| (p + 1..side).map(move |q| (p, q))) {
                let [pp, pq, qq] = [(p, p), (p, q), (q, q)].map(|(row, column)| self.values[row * side + column]);
                if pq.abs() <= 1e-17 * whole.sqrt() {
                    continue;
                }
                let theta = 0.5 * (qq - pp) / pq;
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                self.turn([p, q], [c, t * c]);
                if let Some(vectors) = vectors.as_deref_mut() {
                    for row in vectors.values.chunks_exact_mut(side) {
                        (row[p], row[q]) = (c * row[p] - t * c * row[q], t * c * row[p] + c * row[q]);
                    }
                }
            }
        }
        self.values.iter().step_by(side + 1).copied().collect()
    }

    /// The largest element that is not on the diagonal.
    fn largest_beside(&self) -> f64 {
        let beside = self.values.iter().enumerate().filter(|(at, _)| at / self.side != at % self.side);
        beside.fold(0.0, |largest, (_, value)| largest.max(value.abs()))
    }

    /// Turns a symmetric matrix in the plane of two axes.
    fn turn(&mut self, [p, q]: [usize; 2], [c, s]: [f64; 2]) {
        let side = self.side;
        let [pp, pq, qq] = [(p, p), (p, q), (q, q)].map(|(row, column)| self.values[row * side + column]);
        for at in (0..side).filter(|&at| at != p && at != q) {
            let [first, second] = [self.values[p * side + at], self.values[q * side + at]];
            let turned = [c * first - s * second, s * first + c * second];
            for (axis, value) in [p, q].into_iter().zip(turned) {
                self.values[axis * side + at] = value;
                self.values[at * side + axis] = value;
            }
        }
        self.values[p * side + p] = c * c * pp - 2.0 * s * c * pq + s * s * qq;
        self.values[q * side + q] = s * s * pp + 2.0 * s * c * pq + c * c * qq;
        self.values[p * side + q] = 0.0;
        self.values[q * side + p] = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    /// Features of exactly this mean and covariance: four corners of every pair of directions.
    fn exact(mean: &[f64], root: &Square) -> Features {
        let width = mean.len();
        let mut features = Features::new(width);
        let samples = 2 * width;
        // So that n - 1 and not n makes the covariance the identity.
        let size = ((samples - 1) as f64 / 2.0).sqrt();
        let mut values = Vec::new();
        for (axis, side) in (0..samples).map(|at| (at / 2, if at % 2 == 0 { size } else { -size })) {
            values.extend((0..width).map(|row| (mean[row] + side * root.values[row * width + axis]) as f32));
        }
        features.add(&values).unwrap();
        features
    }

    fn distance(one: &Features, other: &Features) -> f64 {
        let (there, back) = (frechet_distance(one, other).unwrap(), frechet_distance(other, one).unwrap());
        assert!((there - back).abs() < 1e-6 * (1.0 + there), "{there} {back}");
        there
    }

    #[test]
    fn normal_distributions_are_as_far_apart_as_closed_forms_say() {
        let diagonal = |values: &[f64]| {
            let mut own = Square::zeros(values.len());
            own.values.iter_mut().step_by(values.len() + 1).zip(values).for_each(|(own, &value)| *own = value);
            own
        };
        let own = exact(&[1.0, -2.0, 0.5], &diagonal(&[1.0, 2.0, 3.0]));
        assert!(distance(&own, &own) < 1e-9);
        let moved = exact(&[2.0, -2.0, 2.5], &diagonal(&[1.0, 2.0, 3.0]));
        assert!((distance(&own, &moved) - 5.0).abs() < 1e-5);
        // Of axes that are alike: the squares of what deviations differ by.
        let wider = exact(&[1.0, -2.0, 0.5], &diagonal(&[2.0, 2.5, 0.0]));
        assert!((distance(&own, &wider) - (1.0 + 0.25 + 9.0)).abs() < 1e-5);
        // In two dimensions the trace of the root is that of (tr A + 2 sqrt(det A))^(1/2).
        let turned = |angle: f64, roots: [f64; 2]| {
            let (sin, cos) = angle.sin_cos();
            let turn = Square { side: 2, values: vec![cos, -sin, sin, cos] };
            let covariance = turn.times(&diagonal(&roots.map(|root| root * root))).times(&turn.transposed());
            (exact(&[0.0; 2], &turn.times(&diagonal(&roots))), covariance)
        };
        let ((one, a), (other, b)) = (turned(0.3, [3.0, 0.5]), turned(1.4, [2.0, 1.0]));
        let product = a.times(&b);
        let determinant = product.values[0] * product.values[3] - product.values[1] * product.values[2];
        let want = a.trace() + b.trace() - 2.0 * (product.trace() + 2.0 * determinant.sqrt()).sqrt();
        assert!((distance(&one, &other) - want).abs() < 1e-4 * want, "{want}");
    }

    /// As of layers of rectifiers: features that never fire, others that always fire together, of sizes a million apart.
    #[test]
    fn eigenvalues_hold_where_many_of_them_are_0() {
        for (width, dead, samples) in [(1, 0, 3), (40, 13, 200), (40, 0, 12), (97, 60, 300)] {
            let units = |name: &str| random::units(7, random::stream(name));
            let (mut rows, mut draws) = (vec![0.0_f32; samples * width], units("features"));
            for row in rows.chunks_exact_mut(width) {
                for (place, value) in row.iter_mut().enumerate().take(width - dead) {
                    let size = if place % 5 == 0 { 1e-3 } else { 1.0 };
                    *value = (size * (draws.next().unwrap_or(0.0) - 0.4).max(0.0)) as f32;
                }
                if width > 3 {
                    row[2] = row[1];
                }
            }
            let mut features = Features::new(width);
            features.add(&rows).unwrap();
            let covariance = features.covariance().unwrap();
            let mut vectors = Square::identity(width);
            let eigenvalues = covariance.clone().eigenvalues(Some(&mut vectors));
            let own = Square { values: vectors.scaled_columns(&eigenvalues, |value| value), ..vectors.clone() };
            let back = own.times(&vectors.transposed());
            let largest = covariance.values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
            let off = back.values.iter().zip(&covariance.values).fold(0.0, |off: f64, (a, b)| off.max((a - b).abs()));
            assert!(off < 1e-13 * largest, "{width}: {off:e} of {largest:e}");
            assert!(distance(&features, &features) < 1e-9 * covariance.trace(), "{width}");
            // Twice as large features are as far off as their deviations are.
            let mut twice = Features::new(width);
            twice.add(&rows.iter().map(|value| 2.0 * value).collect::<Vec<_>>()).unwrap();
            let apart: f64 = features.mean.iter().map(|mean| mean * mean).sum();
            let want = apart + covariance.trace();
            assert!((distance(&features, &twice) - want).abs() < 1e-6 * want, "{width}");
        }
    }

    #[test]
    fn batches_are_gathered_as_one_and_far_from_0() {
        let drawn: Vec<f32> =
            (0..600).map(|at| 1000.0 + random::normal(random::bits([1, 2], [0, at]))[0] as f32).collect();
        let mut whole = Features::new(4);
        whole.add(&drawn).unwrap();
        let mut parts = Features::new(4);
        [&drawn[..8], &drawn[8..8], &drawn[8..300], &drawn[300..]].iter().for_each(|part| parts.add(part).unwrap());
        assert_eq!((whole.count, parts.count), (150, 150));
        let [one, other] = [&whole, &parts].map(|own| own.covariance().unwrap());
        let off = one.values.iter().zip(&other.values).fold(0.0, |off: f64, (a, b)| off.max((a - b).abs()));
        assert!(off < 1e-9, "{off}");
        assert!(distance(&whole, &parts) < 1e-6);
        assert!((one.values[0] - 1.0).abs() < 0.4);
    }

    #[test]
    fn features_that_make_no_sense_are_refused() {
        let mut three = Features::new(3);
        let says = |result: Result<(), Error>| result.unwrap_err().to_string();
        assert!(says(three.add(&[0.0; 4])).ends_with("4 numbers are no features of 3 each"));
        assert!(says(three.add(&[0.0, 0.0, 0.0, 0.0, f32::NAN, 0.0])).ends_with("feature 1 of sample 1 is NaN"));
        three.add(&[0.0; 3]).unwrap();
        let one = frechet_distance(&three, &three).unwrap_err().to_string();
        assert!(one.ends_with("1 samples have no covariance; give at least 2"), "{one}");
        assert!(frechet_distance(&three, &Features::new(2)).is_err());
    }
}
