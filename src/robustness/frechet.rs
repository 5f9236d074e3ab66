//! How far a set of images is from another, in the features of a classifier.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::Error;

/// Mean and covariance of features, gathered batch by batch.
#[derive(Clone, Debug)]
pub struct Features {
    count: usize,
    mean: DVector<f64>,
    /// Sum of the products of deviations from the mean.
    products: DMatrix<f64>,
}

impl Features {
    /// Of none yet, of so many numbers each.
    pub fn new(width: usize) -> Self {
        Self { count: 0, mean: DVector::zeros(width), products: DMatrix::zeros(width, width) }
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
        let mut own = DMatrix::from_iterator(width, count, values.iter().map(|&value| f64::from(value)));
        let mean = own.column_mean();
        own.column_iter_mut().for_each(|mut column| column -= &mean);
        let apart = &mean - &self.mean;
        let [before, new] = [self.count, count].map(|count| count as f64);
        self.products += &own * own.transpose() + &apart * apart.transpose() * (before * new / (before + new));
        self.mean += apart * (new / (before + new));
        self.count += count;
        Ok(())
    }

    /// Covariance, with n - 1.
    fn covariance(&self) -> Result<DMatrix<f64>, Error> {
        match self.count {
            0 | 1 => Err(Error::Features(format!("{} samples have no covariance; give at least 2", self.count))),
            count => Ok(&self.products / (count - 1) as f64),
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
    let mut eigen = SymmetricEigen::new(first);
    eigen.eigenvalues.apply(|value| *value = root(*value));
    let symmetric = eigen.recompose();
    let product = &symmetric * second * &symmetric;
    let product = (&product + product.transpose()) * 0.5;
    let roots: f64 = product.symmetric_eigenvalues().iter().copied().map(root).sum();
    Ok(((&one.mean - &other.mean).norm_squared() + traces - 2.0 * roots).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    /// Features of exactly this mean and covariance: four corners of every pair of directions.
    fn exact(mean: &[f64], root: &DMatrix<f64>) -> Features {
        let width = mean.len();
        let mut features = Features::new(width);
        let samples = 2 * width;
        // So that n - 1 and not n makes the covariance the identity.
        let size = ((samples - 1) as f64 / 2.0).sqrt();
        let mut values = Vec::new();
        for (axis, side) in (0..samples).map(|at| (at / 2, if at % 2 == 0 { size } else { -size })) {
            values.extend((0..width).map(|row| (mean[row] + side * root[(row, axis)]) as f32));
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
        let diagonal = |values: &[f64]| DMatrix::from_diagonal(&DVector::from_row_slice(values));
        let own = exact(&[1.0, -2.0, 0.5], &diagonal(&[1.0, 2.0, 3.0]));
        assert!(distance(&own, &own) < 1e-9);
        let moved = exact(&[2.0, -2.0, 2.5], &diagonal(&[1.0, 2.0, 3.0]));
        assert!((distance(&own, &moved) - 5.0).abs() < 1e-5);
        // Of axes that are alike: the squares of what deviations differ by.
        let wider = exact(&[1.0, -2.0, 0.5], &diagonal(&[2.0, 2.5, 0.0]));
        assert!((distance(&own, &wider) - (1.0 + 0.25 + 9.0)).abs() < 1e-5);
        // In two dimensions the trace of the root is that of (tr A + 2 sqrt(det A))^(1/2).
        let turned = |angle: f64, roots: [f64; 2]| {
            let turn = DMatrix::from_row_slice(2, 2, &[angle.cos(), -angle.sin(), angle.sin(), angle.cos()]);
            (
                exact(&[0.0; 2], &(&turn * diagonal(&roots))),
                &turn * diagonal(&roots.map(|root| root * root)) * turn.transpose(),
            )
        };
        let ((one, a), (other, b)) = (turned(0.3, [3.0, 0.5]), turned(1.4, [2.0, 1.0]));
        let product = &a * &b;
        let root = (product.trace() + 2.0 * product.determinant().sqrt()).sqrt();
        let want = a.trace() + b.trace() - 2.0 * root;
        assert!((distance(&one, &other) - want).abs() < 1e-4 * want, "{want}");
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
        let off = (whole.covariance().unwrap() - parts.covariance().unwrap()).abs().max();
        assert!(off < 1e-9, "{off}");
        assert!(distance(&whole, &parts) < 1e-6);
        assert!((whole.covariance().unwrap()[(0, 0)] - 1.0).abs() < 0.4);
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
