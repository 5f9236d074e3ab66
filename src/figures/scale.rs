//! Axes as numbers: a range, where a value lies in it, and tidy ticks.

/// A tick: its value and its label.
pub(super) type Tick = (f64, String);

/// The range of one axis, linear or logarithmic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

impl Scale {
    /// A linear axis from `low` to `high`.
    pub(super) fn linear(low: f64, high: f64) -> Self {
        let log = false;
        Self { low, high, log }
    }

    /// A linear axis around all finite `values`, with a small margin.
    pub(super) fn around(values: impl IntoIterator<Item = f64>) -> Self {
        match extent(values.into_iter().filter(|v| v.is_finite())) {
            None => Self::linear(0.0, 1.0),
            Some((low, high)) if low == high => {
                let margin = (low.abs() * 1e-3).max(1.0);
                Self::linear(low - margin, high + margin)
            }
            Some((low, high)) => {
                let margin = 0.03 * (high - low);
                Self::linear(low - margin, high + margin)
            }
        }
    }

    /// A logarithmic axis around all finite positive `values`.
    pub(super) fn log_around(values: impl IntoIterator<Item = f64>) -> Self {
        let positive = values.into_iter().filter(|v| v.is_finite() && *v > 0.0);
        let (low, high) = extent(positive).unwrap_or((0.1, 1.0));
        // A margin of 5 %, and at least a factor 1.5 each way when flat.
        let margin = (high / low).powf(0.05);
        let margin = if high / low < 1.5 { 1.5 } else { margin };
        Self { low: low / margin, high: high * margin, log: true }
    }

    /// The ends of the axis.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Position of `value`, 0 at the low end and 1 at the high end; `None` for
    /// a value that has no place on this axis.
    pub(super) fn position(&self, value: f64) -> Option<f64> {
        let position = if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        position.is_finite().then_some(position)
    }

    /// Ticks at round values inside the axis: at most `most` on a linear axis,
    /// about as many on a logarithmic one.
    pub(super) fn ticks(&self, most: usize) -> Vec<Tick> {
        // Within one decade, round numbers read better than 1, 2, 5.
        if self.log && self.high / self.low > 10.0 { self.decade_ticks(most) } else { self.even_ticks(most) }
    }

    fn even_ticks(&self, most: usize) -> Vec<Tick> {
        // A rounding error must not lose the tick at an end of the axis.
        let first = |step: f64| (self.low / step - 1e-6).ceil();
        let last = |step: f64| (self.high / step + 1e-6).floor();
        let mut step = round_step((self.high - self.low) / (most + 1) as f64);
        while last(step) - first(step) >= most as f64 {
            step = round_step(1.5 * step);
        }
        let largest = self.low.abs().max(self.high.abs());
        let powers = step < 1e-4 || largest >= 1e6;
        (0..most)
            .map(|i| first(step) + i as f64)
            .take_while(|i| *i <= last(step))
            .map(|i| (i * step, label(i * step, step, powers)))
            .collect()
    }

    fn decade_ticks(&self, most: usize) -> Vec<Tick> {
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().floor() as i32;
        let decades = (self.high / self.low).log10();
        let (multiples, every): (&[f64], usize) = if 3.0 * decades <= most as f64 + 1.0 {
            (&[1.0, 2.0, 5.0], 1)
        } else {
            (&[1.0], (decades / most as f64).ceil().max(1.0) as usize)
        };
        let powers = self.low < 1e-4 || self.high >= 1e6;
        (first..=last)
            .step_by(every)
            .flat_map(|decade| multiples.iter().map(move |m| m * 10f64.powi(decade)))
            .filter(|v| (self.low..=self.high).contains(v))
            .map(|v| (v, label(v, v, powers)))
            .collect()
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `raw`.
pub(super) fn round_step(raw: f64) -> f64 {
    let decade = 10f64.powf(raw.log10().floor());
    let multiple = [1.0, 2.0, 5.0].into_iter().find(|m| m * decade >= raw * (1.0 - 1e-9)).unwrap_or(10.0);
    multiple * decade
}

/// `value` with `decimals` digits after the point and a true minus sign.
pub(super) fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().any(|c| ('1'..='9').contains(&c)) => format!("−{digits}"),
        Some(digits) => digits.to_owned(),
        None => text,
    }
}

/// `value` with as many decimals as it needs, at most `most`.
pub(super) fn shortest(value: f64, most: usize) -> String {
    let text = number(value, most);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Label of a tick at `value`, exact to `step`, plain or with powers of ten.
fn label(value: f64, step: f64, powers: bool) -> String {
    let digit = (step.log10() + 1e-9).floor() as i32;
    if !powers {
        return number(value, (-digit).max(0) as usize);
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = (value.abs().log10() + 1e-9).floor() as i32;
    let mantissa = number(value / 10f64.powi(exponent), (exponent - digit).max(0) as usize);
    let power = format!("10{}", superscript(exponent));
    match mantissa.as_str() {
        "1" => power,
        "−1" => format!("−{power}"),
        _ => format!("{mantissa}×{power}"),
    }
}

fn superscript(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    exponent.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize])).collect()
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, v| {
        let (low, high) = ends.unwrap_or((v, v));
        Some((low.min(v), high.max(v)))
    })
}
