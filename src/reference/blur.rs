//! Pictures blurred by a Gaussian; specification of `shaders/blur.wgsl`.

/// Shares of the pixels 0, 1, ... away, along an axis: exp(-d^2 / 2 sigma^2) as far as 5 sigma, whose sum over both sides is 1.
fn shares(sigma: f64) -> Vec<f64> {
    let share = |away: usize| if away == 0 { 1.0 } else { (-((away * away) as f64) / (2.0 * sigma * sigma)).exp() };
    let shares: Vec<f64> = (0..=(5.0 * sigma).ceil() as usize).map(share).collect();
    let sum = 2.0 * shares.iter().sum::<f64>() - shares[0];
    shares.iter().map(|share| share / sum).collect()
}

/// Pictures `[pictures, height, width]`, dark outside, behind a point-spread function of the deviation
/// sqrt(spread^2 + error^2), pixels; NaN where that is not within 0..8. It is its own adjoint.
pub fn forward(x: &[f64], [height, width]: [usize; 2], spread: f64, error: f64) -> Vec<f64> {
    let sigma = spread.hypot(error);
    if !(0.0..=8.0).contains(&sigma) {
        return vec![f64::NAN; x.len()];
    }
    let shares = shares(sigma);
    let along = |x: &[f64], step: usize, extent: usize| -> Vec<f64> {
        let one = |at: usize| {
            let place = at / step % extent;
            let far = |away: usize| {
                let before = if away <= place { x[at - away * step] } else { 0.0 };
                let behind = if place + away < extent { x[at + away * step] } else { 0.0 };
                before + behind
            };
            (1..shares.len()).fold(shares[0] * x[at], |sum, away| sum + shares[away] * far(away))
        };
        (0..x.len()).map(one).collect()
    };
    along(&along(x, 1, width), width, height)
}
