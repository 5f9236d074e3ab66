//! Batch, layer and group normalization; specification of `shaders/normalization.wgsl`.
//!
//! Ioffe and Szegedy, ICML 2015; Ba, Kiros and Hinton, arXiv:1607.06450; Wu and He, ECCV 2018. Activations are
//! `[rows, channels * positions]`, all of them valid.

/// Which elements share a mean and a variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// All of a channel.
    Batch,
    /// All at a position of a row.
    Layer,
    /// All of one of so many equal groups of channels of a row.
    Group(usize),
}

/// A normalization of activations of a shape.
#[derive(Clone, Copy, Debug)]
pub struct Normalization {
    /// Which elements share a mean and a variance.
    pub over: Over,
    /// Channels of a row.
    pub channels: usize,
    /// Positions of a channel.
    pub positions: usize,
    /// Added to the variance.
    pub epsilon: f64,
}

impl Normalization {
    fn channel(&self, at: usize) -> usize {
        at / self.positions % self.channels
    }

    /// The population, elements with one mean and variance, that an element belongs to.
    fn population(&self, at: usize) -> usize {
        let row = at / (self.channels * self.positions);
        match self.over {
            Over::Batch => self.channel(at),
            Over::Layer => row * self.positions + at % self.positions,
            Over::Group(groups) => row * groups + self.channel(at) / (self.channels / groups),
        }
    }

    /// Mean of some values over every population.
    fn mean(&self, values: &[f64]) -> Vec<f64> {
        let populations = (0..values.len()).map(|at| self.population(at) + 1).max().unwrap_or(0);
        let mut sums = vec![(0.0, 0.0); populations];
        for (at, value) in values.iter().enumerate() {
            let (sum, count) = &mut sums[self.population(at)];
            *sum += value;
            *count += 1.0;
        }
        sums.into_iter().map(|(sum, count)| sum / count).collect()
    }

    /// Mean and biased variance of every population, `[populations, 2]`.
    pub fn statistics(&self, x: &[f64]) -> Vec<f64> {
        let mean = self.mean(x);
        let squares: Vec<_> = x.iter().enumerate().map(|(at, x)| (x - mean[self.population(at)]).powi(2)).collect();
        mean.iter().zip(self.mean(&squares)).flat_map(|(&mean, variance)| [mean, variance]).collect()
    }

    /// stored = (1 - momentum) stored + momentum (mean, unbiased variance), `[channels, 2]`, over so many rows.
    pub fn track(&self, rows: usize, statistics: &[f64], momentum: f64, stored: &[f64]) -> Vec<f64> {
        let count = (rows * self.positions) as f64;
        let unbiased = [1.0, count / (count - 1.0).max(1.0)];
        let pairs = stored.iter().zip(statistics).zip(unbiased.iter().cycle());
        pairs.map(|((stored, batch), factor)| (1.0 - momentum) * stored + momentum * batch * factor).collect()
    }

    /// n = (x - mean) / sqrt(variance + epsilon)
    fn normalized(&self, x: &[f64], statistics: &[f64]) -> Vec<f64> {
        let moments = |at| statistics[2 * self.population(at)..].split_at(2).0;
        x.iter().enumerate().map(|(at, x)| (x - moments(at)[0]) / (moments(at)[1] + self.epsilon).sqrt()).collect()
    }

    /// y = gamma n + beta, with statistics of these activations or stored ones.
    pub fn forward(&self, x: &[f64], statistics: &[f64], gamma: &[f64], beta: &[f64]) -> Vec<f64> {
        let normalized = self.normalized(x, statistics);
        normalized.iter().enumerate().map(|(at, n)| gamma[self.channel(at)] * n + beta[self.channel(at)]).collect()
    }

    /// Gradients of x, gamma and beta from that of y, with statistics of these activations:
    /// d_x = (g - <g> - n <g n>) / sqrt(variance + epsilon) with g = gamma d_y and averages <> over a population;
    /// d_gamma = sum d_y n and d_beta = sum d_y over a channel.
    pub fn backward(&self, x: &[f64], gamma: &[f64], d_y: &[f64]) -> [Vec<f64>; 3] {
        let statistics = self.statistics(x);
        let n = self.normalized(x, &statistics);
        let g: Vec<_> = d_y.iter().enumerate().map(|(at, d)| gamma[self.channel(at)] * d).collect();
        let mean_g = self.mean(&g);
        let mean_gn = self.mean(&g.iter().zip(&n).map(|(g, n)| g * n).collect::<Vec<_>>());
        let mut d_x = Vec::with_capacity(x.len());
        let (mut d_gamma, mut d_beta) = (vec![0.0; self.channels], vec![0.0; self.channels]);
        for at in 0..x.len() {
            let own = self.population(at);
            let deviation = (statistics[2 * own + 1] + self.epsilon).sqrt();
            d_x.push((g[at] - mean_g[own] - n[at] * mean_gn[own]) / deviation);
            d_gamma[self.channel(at)] += d_y[at] * n[at];
            d_beta[self.channel(at)] += d_y[at];
        }
        [d_x, d_gamma, d_beta]
    }
}
