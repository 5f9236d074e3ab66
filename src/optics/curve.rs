//! Measured weight curves of a ring, and what a ring's model is fitted to them with.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RingRecipe;
use super::ring_recipe::{ActuatorKind, positive};
use crate::files;

/// Fewer points than this do not say much about three numbers.
const FEWEST: usize = 6;

/// A residual (root mean square) above this is told as a warning.
const RESIDUAL_LIMIT: f64 = 0.05;

/// What a measured curve was like, and how well the model fits it. The recipe of a run keeps it for the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitted {
    /// File of the curve.
    pub curve: String,
    /// Number of points.
    pub points: usize,
    /// Smallest and largest current, mA.
    pub currents: [f64; 2],
    /// Root mean square of weight minus model.
    pub rms: f64,
    /// Largest distance of a weight from the model.
    pub largest: f64,
}

/// A point: current (mA) and weight; in the fit what shifts the resonance, and the weight.
type Point = [f64; 2];

/// A Lorentzian dip over the current, or over its square.
#[derive(Clone, Copy, Debug)]
struct Dip {
    contrast: f64,
    centre: f64,
    width: f64,
}

impl RingRecipe {
    /// Fits the model to the `curve`, if there is one, and takes over what it says: `contrast`, `bias_detuning` and
    /// `nm_per_ma` or `nm_per_mw`. `curve` is then gone and [`fitted`](Self::fitted) there. A path that is not absolute
    /// starts from `folder`.
    ///
    /// A curve over the current knows no nanometres: W(I) = 1 - 2A / (1 + ((x0 + s I²) / g)²) is the same for any
    /// common factor of x0, s and g. So `half_width`, known from a spectrum, stays and sets the scale; of efficiency and
    /// `resistance` only the product is seen, and the resistance stays.
    ///
    /// # Errors
    /// One line about the file, with the line in it, or about a curve without a dip.
    pub fn fit(&mut self, folder: &Path) -> Result<(), String> {
        let Some(curve) = &self.curve else { return Ok(()) };
        let square = match self.actuator {
            ActuatorKind::Direct => {
                return Err("`curve` is measured over currents; set `actuator` to \"joule\" or \"linear\"".to_owned());
            }
            ActuatorKind::Linear => false,
            ActuatorKind::Joule => true,
        };
        positive("half_width", self.half_width)?;
        positive("resistance", self.resistance)?;
        let path = folder.join(curve);
        let complain = |message: String| format!("`curve`: {message}");
        let measured = read(&path).map_err(complain)?;
        let points: Vec<Point> = measured.iter().map(|&[i, weight]| [if square { i * i } else { i }, weight]).collect();
        let dip = fit(&points).map_err(|message| complain(format!("{}: {message}", path.display())))?;
        let shift = f64::from(self.half_width) / dip.width;
        self.contrast = dip.contrast as f32;
        self.bias_detuning = (-shift * dip.centre) as f32;
        match square {
            true => self.nm_per_mw = (shift / f64::from(self.resistance)) as f32,
            false => self.nm_per_ma = shift as f32,
        }
        let residuals = points.iter().map(|point| dip.residual(point).abs());
        self.fitted = Some(Fitted {
            curve: path.canonicalize().unwrap_or(path).display().to_string(),
            points: points.len(),
            currents: [measured[0][0], measured[measured.len() - 1][0]],
            rms: dip.rms(&points),
            largest: residuals.fold(0.0, f64::max),
        });
        self.curve = None;
        Ok(())
    }

    /// A line about the fit, if there was one, and what is odd about it.
    pub fn fit_report(&self) -> Option<(String, Vec<String>)> {
        let Fitted { curve, points, currents: [first, last], rms, largest } = self.fitted.as_ref()?;
        let shift = match self.actuator {
            ActuatorKind::Linear => format!("nm_per_ma {:.4}", self.nm_per_ma),
            _ => format!("nm_per_mw {:.4}", self.nm_per_mw),
        };
        let line = format!(
            "{curve}, {points} points from {first} to {last} mA: contrast {:.4}, bias_detuning {:.4} nm, {shift}; residual \
             {rms:.4} rms, {largest:.4} at most",
            self.contrast, self.bias_detuning
        );
        let mut odd = Vec::new();
        if *rms > RESIDUAL_LIMIT {
            odd.push(format!(
                "residual of {rms:.4} rms is above {RESIDUAL_LIMIT}: the curve is not that of a ring with this actuator"
            ));
        }
        let [low, high] = self.range.map(|detuning| f64::from(self.control(detuning)));
        // A thousandth beyond the last point is still as measured.
        let slack = 1e-3 * (last - first);
        if low < first - slack || high > last + slack {
            let [low, high, range] = [format!("{low:.3}"), format!("{high:.3}"), format!("{:?}", self.range)];
            odd.push(format!("range {range} nm takes {low} to {high} mA, beyond what was measured; narrow it"));
        }
        if self.detuning(*first) > 0.0 || self.detuning(*last) < 0.0 {
            odd.push("resonance is not among the currents measured: contrast and shift are extrapolated".to_owned());
        }
        Some((line, odd))
    }
}

impl Dip {
    /// The Lorentzian, 1 at the centre.
    fn line(&self, at: f64) -> f64 {
        1.0 / (1.0 + ((at - self.centre) / self.width).powi(2))
    }

    fn residual(&self, &[at, weight]: &Point) -> f64 {
        weight - (1.0 - 2.0 * self.contrast * self.line(at))
    }

    fn cost(&self, points: &[Point]) -> f64 {
        points.iter().map(|point| self.residual(point).powi(2)).sum()
    }

    fn rms(&self, points: &[Point]) -> f64 {
        (self.cost(points) / points.len() as f64).sqrt()
    }
}

/// Current (mA) and weight, in rising order of the current.
fn read(path: &Path) -> Result<Vec<Point>, String> {
    let text = files::read_text(path).map_err(|error| error.to_string())?;
    let mut points: Vec<Point> = Vec::new();
    let mut headed = false;
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        let at = |message: String| format!("{}:{number}: {message}", path.display());
        let cells: Vec<_> = line.split(',').map(str::trim).collect();
        if line.is_empty() {
            continue;
        }
        if points.is_empty() && !headed && cells == ["current_ma", "weight"] {
            headed = true;
            continue;
        }
        let numbers: Option<Vec<f64>> = cells.iter().map(|cell| cell.parse().ok()).collect();
        let Some([current, weight]) = numbers.and_then(|numbers| Point::try_from(numbers).ok()) else {
            let shown: String = line.chars().take(40).collect();
            return Err(at(format!("`{shown}` is not a current (mA), a comma and a weight")));
        };
        if !current.is_finite() || !weight.is_finite() {
            return Err(at(format!("{current}, {weight}: both must be finite numbers")));
        }
        if weight.abs() > 1.5 {
            return Err(at(format!("weight {weight} is far from -1..1; divide through minus drop by their sum")));
        }
        if points.last().is_some_and(|[before, _]| current <= *before) {
            return Err(at(format!("current {current} mA is not above the one before; sort the rows, one a current")));
        }
        points.push([current, weight]);
    }
    if points.len() < FEWEST {
        return Err(format!("{}: holds {} points; at least {FEWEST} are needed", path.display(), points.len()));
    }
    Ok(points)
}

/// The dip that fits the points best: the best of a scan over where the data could have it, refined.
fn fit(points: &[Point]) -> Result<Dip, String> {
    let ends = |of: usize| {
        let values = points.iter().map(|point| point[of]);
        values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)])
    };
    let ([low, high], [lowest, highest]) = (ends(0), ends(1));
    if highest - lowest < 0.02 {
        return Err(format!("all weights are between {lowest} and {highest}; there is no dip to fit"));
    }
    let mut best = scan(points, [low, high]);
    best = refine(points, best, true);
    if best.contrast > 1.0 {
        best = refine(points, Dip { contrast: 1.0, ..best }, false);
    }
    let rms = best.rms(points);
    // `>` so that NaN is refused as well.
    if best.contrast > 3.0 * rms && best.width > 0.0 && best.width.is_finite() && best.centre.is_finite() {
        return Ok(best);
    }
    Err(format!("no dip stands out: the deepest is {:.4}, with a residual of {rms:.4} rms", 2.0 * best.contrast))
}

/// The best dip with its centre at one of the lowest points or outside, and a width of any size that the points show; the
/// contrast follows from those, as the model is linear in it.
fn scan(points: &[Point], [low, high]: [f64; 2]) -> Dip {
    let span = high - low;
    let mut order: Vec<&Point> = points.iter().collect();
    order.sort_by(|a, b| a[1].total_cmp(&b[1]));
    let outside = [0.1, 0.3, 1.0].map(|part| [low - part * span, high + part * span]);
    let centres: Vec<f64> = order.iter().take(16).map(|point| point[0]).chain(outside.concat()).collect();
    let mut best = (f64::INFINITY, Dip { contrast: 0.0, centre: low, width: span });
    for &centre in &centres {
        for halvings in 0..24 {
            let mut dip = Dip { contrast: 0.0, centre, width: 2.0 * span / 2.0_f64.powf(f64::from(halvings) / 2.0) };
            let (over, under) = points.iter().fold((0.0, 0.0), |(over, under), &[at, weight]| {
                let line = dip.line(at);
                (over + (1.0 - weight) * line, under + 2.0 * line * line)
            });
            dip.contrast = (over / under).clamp(0.0, 1.0);
            let cost = dip.cost(points);
            if cost < best.0 {
                best = (cost, dip);
            }
        }
    }
    best.1
}

/// Least squares from a start (Levenberg 1944, Marquardt 1963).
fn refine(points: &[Point], start: Dip, contrast_is_free: bool) -> Dip {
    let (mut dip, mut cost, mut damping) = (start, start.cost(points), 1e-3);
    for _ in 0..200 {
        // Normal equations: J^T J beside J^T r, in units of the width.
        let mut system = [[0.0; 4]; 3];
        for point in points {
            let (line, off) = (dip.line(point[0]), (point[0] - dip.centre) / dip.width);
            let slope = -4.0 * dip.contrast * line * line * off;
            let row = [if contrast_is_free { -2.0 * line } else { 0.0 }, slope, slope * off, dip.residual(point)];
            for (i, equation) in system.iter_mut().enumerate() {
                equation.iter_mut().zip(row).for_each(|(sum, value)| *sum += row[i] * value);
            }
        }
        for (i, equation) in system.iter_mut().enumerate() {
            equation[i] += damping * equation[i] + f64::MIN_POSITIVE;
        }
        if !contrast_is_free {
            system[0][0] = 1.0;
        }
        let [contrast, centre, width] = solve(system);
        let next = Dip {
            contrast: dip.contrast + contrast,
            centre: dip.centre + dip.width * centre,
            width: (dip.width * (1.0 + width)).abs(),
        };
        let next_cost = next.cost(points);
        if next_cost <= cost {
            let step = contrast.abs().max(centre.abs()).max(width.abs());
            (dip, cost, damping) = (next, next_cost, damping / 3.0);
            if step < 1e-12 {
                break;
            }
        } else {
            // A step that is no better, or no number.
            damping *= 4.0;
        }
    }
    dip
}

/// Three equations with three unknowns, positive definite, by elimination.
fn solve(mut system: [[f64; 4]; 3]) -> [f64; 3] {
    for pivot in 0..3 {
        let own = system[pivot];
        for (row, equation) in system.iter_mut().enumerate() {
            if row != pivot {
                let factor = equation[pivot] / own[pivot];
                equation.iter_mut().zip(own).for_each(|(value, own)| *value -= factor * own);
            }
        }
    }
    [0, 1, 2].map(|i| system[i][3] / system[i][i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    /// A curve as an instrument would give it: `points` from 0 to `last` mA with normal noise.
    fn measured(ring: &RingRecipe, last: f64, points: u32, noise: f64) -> String {
        let row = |place: u32| {
            let current = last * f64::from(place) / f64::from(points - 1);
            let error = noise * random::normal(random::bits([3, 5], [points, place]))[0];
            format!("{current},{}\n", ring.weight(ring.detuning(current)) + error)
        };
        format!("# a synthetic ring\ncurrent_ma,weight\n{}", (0..points).map(row).collect::<String>())
    }

    fn fitted(text: &str, ring: &RingRecipe) -> Result<RingRecipe, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ring.csv"), text).unwrap();
        let mut ring = RingRecipe { curve: Some("ring.csv".to_owned()), ..ring.clone() };
        ring.fit(folder.path())
            .map(|()| ring)
            .map_err(|message| message.replace(&format!("{}/", folder.path().display()), ""))
    }

    fn rings() -> [RingRecipe; 5] {
        let joule = RingRecipe {
            actuator: ActuatorKind::Joule,
            contrast: 0.93,
            bias_detuning: -0.31,
            nm_per_mw: 0.23,
            resistance: 1.3,
            ..RingRecipe::new(1)
        };
        [
            // The resonance in the middle, at the first point, before it, and far from most points; over the current itself.
            joule.clone(),
            RingRecipe { bias_detuning: 0.0, contrast: 0.8, ..joule.clone() },
            RingRecipe { bias_detuning: 0.05, contrast: 0.7, ..joule.clone() },
            RingRecipe { half_width: 0.04, bias_detuning: -1.2, contrast: 0.5, ..joule.clone() },
            RingRecipe { actuator: ActuatorKind::Linear, nm_per_ma: 0.61, bias_detuning: -0.7, ..joule },
        ]
    }

    #[test]
    fn a_curve_gives_back_the_constants_that_it_was_made_with() {
        for ring in rings() {
            for (noise, bar) in [(0.0, 1e-5), (0.01, 0.04), (0.03, 0.12)] {
                // What the fit replaces starts off somewhere else.
                let before =
                    RingRecipe { contrast: 1.0, bias_detuning: 7.0, nm_per_ma: 7.0, nm_per_mw: 7.0, ..ring.clone() };
                let got = fitted(&measured(&ring, 2.5, 101, noise), &before).unwrap();
                let shift = match ring.actuator {
                    ActuatorKind::Linear => [got.nm_per_ma, ring.nm_per_ma],
                    _ => [got.nm_per_mw, ring.nm_per_mw],
                };
                assert_eq!([got.half_width, got.resistance], [ring.half_width, ring.resistance]);
                assert!((got.contrast - ring.contrast).abs() < bar, "{noise}: {got:?}");
                assert!((shift[0] / shift[1] - 1.0).abs() < bar, "{noise}: {got:?}");
                assert!(
                    (got.bias_detuning - ring.bias_detuning).abs() < bar * (ring.half_width + ring.bias_detuning.abs()),
                    "{noise}: {got:?}"
                );
                let fit = got.fitted.clone().unwrap();
                assert_eq!((fit.points, fit.currents, got.curve.clone()), (101, [0.0, 2.5], None));
                // The residual is the noise, less three of 101 degrees of freedom, within four standard errors.
                let expected = noise * (98.0_f64 / 101.0).sqrt();
                assert!((fit.rms - expected).abs() <= 4.0 * noise / 202.0_f64.sqrt() + 1e-7, "{noise}: {fit:?}");
                assert!(fit.largest >= fit.rms && fit.largest < 5.0 * noise + 1e-6, "{noise}: {fit:?}");
            }
        }
    }

    #[test]
    fn noise_does_not_make_a_contrast_beyond_1() {
        let ideal = RingRecipe { contrast: 1.0, ..rings()[0].clone() };
        let mut held = 0;
        for points in 40..60 {
            let got = fitted(&measured(&ideal, 2.5, points, 0.03), &ideal).unwrap();
            assert!(got.contrast <= 1.0 && got.contrast > 0.95, "{}", got.contrast);
            assert!((got.nm_per_mw / ideal.nm_per_mw - 1.0).abs() < 0.1, "{}", got.nm_per_mw);
            held += usize::from(got.contrast == 1.0);
        }
        assert!((3..18).contains(&held), "{held} of 20 were held at 1");
    }

    #[test]
    fn what_is_odd_about_a_fit_is_told_with_numbers() {
        let ring = RingRecipe { range: [-0.2, 0.9], ..rings()[0].clone() };
        let report = |text: &str| fitted(text, &ring).unwrap().fit_report().unwrap();
        let (line, odd) = report(&measured(&ring, 2.5, 51, 0.0));
        assert!(
            line.contains("51 points from 0 to 2.5 mA: contrast 0.9300, bias_detuning -0.3100 nm, nm_per_mw 0.2300")
        );
        assert_eq!(odd, Vec::<String>::new());
        let (_, odd) = report(&measured(&ring, 1.8, 51, 0.0));
        assert!(odd.len() == 1 && odd[0].contains("takes 0.607 to 2.012 mA"), "{odd:?}");
        let (_, odd) = report(&measured(&ring, 0.9, 51, 0.0));
        assert!(odd.len() == 2 && odd[1].contains("resonance is not among"), "{odd:?}");
        let bumps = |place: u32| if place % 9 < 3 { -0.6 } else { 0.6 };
        let rows: String = (0..60).map(|place| format!("{},{}\n", 0.04 * f64::from(place), bumps(place))).collect();
        let told = fitted(&rows, &ring).map(|ring| ring.fit_report().unwrap().1.concat()).unwrap_or_else(|error| error);
        assert!(told.contains("is above 0.05") || told.contains("no dip stands out"), "{told}");
        assert_eq!(RingRecipe::new(1).fit_report(), None);
    }

    #[test]
    fn a_curve_that_is_none_is_refused_with_its_line() {
        let ring = &rings()[0];
        let fine = measured(ring, 2.5, 8, 0.0);
        let flat: String = (0..9).map(|place| format!("{place},0.5\n")).collect();
        let peak: String =
            fine.lines().skip(2).map(|row| row.replace(',', ",-")).map(|row| row.replace("--", "") + "\n").collect();
        for (text, part) in [
            ("", "ring.csv: holds 0 points; at least 6"),
            (&fine.lines().take(7).collect::<Vec<_>>().join("\n"), "ring.csv: holds 5 points"),
            (&fine.replace("current_ma", "voltage"), "ring.csv:2: `voltage,weight` is not a current (mA), a comma and"),
            (&fine.replacen("\n0,", "\nzero,", 1), "ring.csv:3: `zero,"),
            (&fine.replacen("\n0,", "\n0,0,", 1), "ring.csv:3: `0,0,"),
            (&fine.replacen("\n0,", "\nnan,", 1), "ring.csv:3: NaN, "),
            (&fine.replacen("\n0,", "\n0.5,", 1), "ring.csv:4: current 0.35714285714285715 mA is not above"),
            (&format!("{fine}3,-17\n"), "ring.csv:11: weight -17 is far from -1..1"),
            (&format!("{fine}3,inf\n"), "ring.csv:11: 3, inf: both must be finite"),
            (&flat, "ring.csv: all weights are between 0.5 and 0.5"),
            (&peak, "ring.csv: no dip stands out"),
        ] {
            let message = fitted(text, ring).unwrap_err();
            assert!(message.starts_with("`curve`: ") && message.contains(part), "{message}");
        }
        let direct = RingRecipe { actuator: ActuatorKind::Direct, ..ring.clone() };
        assert!(fitted(&fine, &direct).unwrap_err().contains("set `actuator`"));
        let mut missing = RingRecipe { curve: Some("nowhere.csv".to_owned()), ..ring.clone() };
        assert!(missing.fit(Path::new("")).unwrap_err().starts_with("`curve`: cannot read nowhere.csv"));
    }
}
