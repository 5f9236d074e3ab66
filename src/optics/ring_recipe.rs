//! Keys of a layer of microrings, and what they make of a ring.

use serde::{Deserialize, Serialize};

use super::curve::Fitted;
use crate::ops::actuator::Actuator;
use crate::ops::microring::Ring;
use crate::ops::ring_bank::RingBank;

/// What sets a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActuatorKind {
    /// The parameter is the detuning itself, nm.
    #[default]
    Direct,
    /// The parameter is a current, mA: detuning = `bias_detuning` + `nm_per_ma` I.
    Linear,
    /// The parameter is the current of a heater, mA: detuning = `bias_detuning` + `nm_per_mw` `resistance` I^2.
    Joule,
}

/// On which side of its channel a ring's resonance starts: the sign of its detuning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartSign {
    /// To the red, detunings as `start` has them.
    #[default]
    Positive,
    /// To the blue.
    Negative,
    /// Every ring on a side drawn for it.
    Random,
    /// Neighbours on either side in turn, the first to the red.
    Alternate,
}

/// Keys of a `ring-dense` or `ring-convolution` layer. Lengths in nm, currents in mA.
///
/// Detuning is how far the resonance stands to the red of its channel: heating a ring moves the resonance to
/// the red, so detuning grows with heater current and with temperature. W(x) is even, the sign is a convention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RingRecipe {
    /// Name of the layer; `ring1`, `ring2`, ... if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of outputs; of a convolution, output channels.
    pub outputs: usize,
    /// For `ring-convolution`: side of the square kernel, pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<usize>,
    /// For `ring-convolution`: from one output to the next, pixels; 1 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
    /// For `ring-convolution`: zeros on every side of an image, pixels; none if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding: Option<usize>,
    /// Half width at half maximum of the resonance, nm.
    #[serde(default = "default_half_width")]
    pub half_width: f32,
    /// Contrast of the resonance; 1 is ideal.
    #[serde(default = "default_contrast")]
    pub contrast: f32,
    /// Shift of the resonance with temperature, nm/K.
    #[serde(default = "default_drift")]
    pub drift: f32,
    /// Detunings start uniformly between these two, nm, whatever sets them.
    #[serde(default = "default_start")]
    pub start: [f32; 2],
    /// Sign that detunings start with. Other than `positive` it needs a `start` of 0 or more, and a `range` that reaches
    /// below 0.
    #[serde(default)]
    pub start_sign: StartSign,
    /// Detunings stay between these two, nm, whatever sets them (crosstalk comes on top).
    #[serde(default = "default_range")]
    pub range: [f32; 2],
    /// What sets a ring.
    #[serde(default)]
    pub actuator: ActuatorKind,
    /// Detuning without current, nm.
    #[serde(default)]
    pub bias_detuning: f32,
    /// Shift with the current of a `linear` actuator, nm/mA.
    #[serde(default = "default_nm_per_ma")]
    pub nm_per_ma: f32,
    /// Shift with the power of a `joule` heater, nm/mW.
    #[serde(default = "default_nm_per_mw")]
    pub nm_per_mw: f32,
    /// Resistance of a `joule` heater, kOhm, so that R I^2 is in mW.
    #[serde(default = "default_resistance")]
    pub resistance: f32,
    /// Controls are set to the nearest of 2^bits levels over their range; as they are if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dac_bits: Option<u32>,
    /// Fraction of a ring's shift that reaches each nearest neighbour in its row: what the model knows of. The
    /// imperfection `crosstalk` comes on top of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crosstalk: Option<f32>,
    /// Rings in series on one bus: each output's rings are cut into banks of this size along its inputs. A ring then
    /// also meets the channels of its neighbours (spectral crosstalk). Every ring has a bus of its own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank: Option<usize>,
    /// Distance of neighbouring channels of a bank, nm.
    #[serde(default = "default_spacing")]
    pub spacing: f32,
    /// Free spectral range of the rings of a bank, nm.
    #[serde(default = "default_fsr")]
    pub fsr: f32,
    /// Full scale of the detectors, in units of the output. With it the layer has detectors, whose noise is the
    /// imperfection `detection_noise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_scale: Option<f32>,
    /// What detectors read is set to the nearest of 2^bits levels from -`full_scale` to `full_scale`, before gain and bias;
    /// read as it is if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adc_bits: Option<u32>,
    /// Electronic gain behind the detectors, before the bias, one number a layer.
    #[serde(default = "default_gain")]
    pub gain: f32,
    /// Whether the gain is trained, from `gain` on; it stays as it is if left out.
    #[serde(default)]
    pub trainable_gain: bool,
    /// A measured curve of weights over currents that [`fit`](Self::fit) takes `contrast`, `bias_detuning` and `nm_per_ma`
    /// or `nm_per_mw` from: a CSV file of currents (mA) and weights. A recipe looks for it from its own folder, built-in
    /// recipes and `--set` from the working folder. A run's recipe holds what was fitted in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<String>,
    /// How well the `curve` was fitted; written by the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted: Option<Fitted>,
}

// Xu et al., Nat. Commun. 17, 1766 (2026): half width 0.15 nm (Q of about 5,000 at 1550 nm), 80 pm/K. The start is
// spread around x = g, where the weight is 0 and its slope close to its largest.
fn default_half_width() -> f32 {
    0.15
}
fn default_contrast() -> f32 {
    1.0
}
fn default_drift() -> f32 {
    0.08
}
fn default_start() -> [f32; 2] {
    [0.09, 0.21]
}
fn default_range() -> [f32; 2] {
    [0.0, 1.0]
}
// A common heater: 0.2 nm/mW and 1 kOhm, so that 2.2 mA move a resonance by 1 nm. The linear law takes as much there.
fn default_nm_per_ma() -> f32 {
    0.45
}
fn default_nm_per_mw() -> f32 {
    0.2
}
fn default_resistance() -> f32 {
    1.0
}

// Channels 200 GHz apart at 1550 nm; a silicon ring with a radius of 4.5 um.
fn default_spacing() -> f32 {
    1.6
}
fn default_fsr() -> f32 {
    20.0
}

pub(super) fn default_gain() -> f32 {
    1.0
}

/// Refuses what is not above 0.
pub(super) fn positive(key: &str, value: f32) -> Result<(), String> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { Err(format!("`{key}` must be above 0, not {value}")) }
}

/// Refuses what is not a number.
pub(super) fn finite(key: &str, value: f32) -> Result<(), String> {
    if value.is_finite() { Ok(()) } else { Err(format!("`{key}` must be a number, not {value}")) }
}

/// Refuses converters that no one builds.
pub(super) fn converter(key: &str, bits: Option<u32>) -> Result<(), String> {
    match bits.filter(|bits| !(1..=16).contains(bits)) {
        Some(bits) => Err(format!("`{key}` must be 1 to 16, not {bits}; leave it out for no converter")),
        None => Ok(()),
    }
}

impl RingRecipe {
    /// Ideal rings with so many outputs, set directly.
    pub fn new(outputs: usize) -> Self {
        Self {
            name: None,
            outputs,
            kernel: None,
            stride: None,
            padding: None,
            half_width: default_half_width(),
            contrast: default_contrast(),
            drift: default_drift(),
            start: default_start(),
            start_sign: StartSign::default(),
            range: default_range(),
            actuator: ActuatorKind::default(),
            bias_detuning: 0.0,
            nm_per_ma: default_nm_per_ma(),
            nm_per_mw: default_nm_per_mw(),
            resistance: default_resistance(),
            dac_bits: None,
            crosstalk: None,
            bank: None,
            spacing: default_spacing(),
            fsr: default_fsr(),
            full_scale: None,
            adc_bits: None,
            gain: default_gain(),
            trainable_gain: false,
            curve: None,
            fitted: None,
        }
    }

    /// Refuses values out of range.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.curve.is_some() {
            return Err("`curve` is not fitted yet; Recipe::load does it, and RingRecipe::fit".to_owned());
        }
        positive("half_width", self.half_width)?;
        positive("contrast", self.contrast)?;
        positive("nm_per_ma", self.nm_per_ma)?;
        positive("nm_per_mw", self.nm_per_mw)?;
        positive("resistance", self.resistance)?;
        positive("spacing", self.spacing)?;
        positive("fsr", self.fsr)?;
        positive("gain", self.gain)?;
        if self.bank == Some(0) {
            return Err("`bank` must be at least 1; leave it out for a bus a ring".to_owned());
        }
        if let Some(bank) = self.bank.filter(|&bank| bank as f64 * f64::from(self.spacing) > f64::from(self.fsr)) {
            let (spacing, fsr) = (self.spacing, self.fsr);
            return Err(format!("`bank` of {bank} channels {spacing} nm apart does not fit an `fsr` of {fsr} nm"));
        }
        if self.contrast > 1.0 {
            return Err(format!("`contrast` must be at most 1, not {}", self.contrast));
        }
        if self.outputs == 0 {
            return Err("`outputs` must be at least 1".to_owned());
        }
        finite("drift", self.drift)?;
        finite("bias_detuning", self.bias_detuning)?;
        let [low, high] = self.range;
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(format!("`range` {:?} must be two numbers, the lower first", self.range));
        }
        self.check_start()?;
        if self.actuator == ActuatorKind::Joule && low < self.bias_detuning {
            let bias = self.bias_detuning;
            return Err(format!(
                "`bias_detuning` {bias} must not be above `range` {:?}: a heater only heats",
                self.range
            ));
        }
        converter("dac_bits", self.dac_bits)?;
        converter("adc_bits", self.adc_bits)?;
        if let Some(full_scale) = self.full_scale {
            positive("full_scale", full_scale)?;
        } else if self.adc_bits.is_some() {
            return Err("`adc_bits` needs `full_scale`, the largest output that detectors read".to_owned());
        }
        if let Some(crosstalk) = self.crosstalk.filter(|crosstalk| !(0.0..0.5).contains(crosstalk)) {
            return Err(format!("`crosstalk` must be 0 to below 0.5, not {crosstalk}"));
        }
        Ok(())
    }

    fn check_start(&self) -> Result<(), String> {
        let ([low, high], [first, last]) = (self.range, self.start);
        let inside = |[first, last]: [f32; 2]| low <= first && first <= last && last <= high;
        let [above, below] = self.start_sides();
        let fits = match self.start_sign {
            StartSign::Positive if inside(above) => return Ok(()),
            StartSign::Positive => {
                let (start, range) = (self.start, self.range);
                return Err(format!("`start` {start:?} must lie inside `range` {range:?}, lower value first"));
            }
            StartSign::Negative => inside(below),
            StartSign::Random | StartSign::Alternate => inside(above) && inside(below),
        };
        if !(0.0 <= first && first <= last) {
            return Err(format!(
                "`start` {:?} must be 0 or more, lower value first; `start_sign` signs it",
                self.start
            ));
        }
        if fits {
            return Ok(());
        }
        let reach = if self.start_sign == StartSign::Negative { 0.0 - first } else { last };
        Err(format!(
            "`start_sign` starts detunings down to {} and up to {reach} nm, which `range` {:?} must hold, such as {:?}",
            -last,
            self.range,
            [-high.abs().max(last), high.abs().max(last)]
        ))
    }

    /// Where detunings start if they do so to the red, and if to the blue.
    pub(super) fn start_sides(&self) -> [[f32; 2]; 2] {
        let [first, last] = self.start;
        [[first, last], [-last, -first]]
    }

    pub(super) fn ring(&self) -> Ring {
        Ring { half_width: self.half_width, contrast: self.contrast, drift: self.drift }
    }

    pub(super) fn bank(&self) -> Option<RingBank> {
        self.bank.map(|size| RingBank { ring: self.ring(), size, spacing: self.spacing, fsr: self.fsr })
    }

    /// What stands between parameters and detunings; nothing where they are the same.
    pub(super) fn actuator(&self) -> Option<Actuator> {
        let plain = self.actuator == ActuatorKind::Direct && self.dac_bits.is_none() && self.crosstalk.is_none();
        let (rest, gain) = match self.actuator {
            ActuatorKind::Direct => (0.0, 1.0),
            ActuatorKind::Linear => (self.bias_detuning, self.nm_per_ma),
            ActuatorKind::Joule => (self.bias_detuning, self.nm_per_mw * self.resistance),
        };
        (!plain).then(|| Actuator {
            rest,
            gain,
            square: self.actuator == ActuatorKind::Joule,
            range: self.range.map(|detuning| self.control(detuning)),
            dac_bits: self.dac_bits,
            crosstalk: self.crosstalk.unwrap_or(0.0),
        })
    }

    /// The control that a detuning (nm) takes, in nm or mA.
    pub(super) fn control(&self, detuning: f32) -> f32 {
        let shift = detuning - self.bias_detuning;
        match self.actuator {
            ActuatorKind::Direct => detuning,
            ActuatorKind::Linear => shift / self.nm_per_ma,
            ActuatorKind::Joule => (shift / (self.nm_per_mw * self.resistance)).sqrt(),
        }
    }

    /// Detuning (nm) that a control sets, in nm or mA, without converter and neighbours; for figures and tables.
    pub fn detuning(&self, control: f64) -> f64 {
        let [bias, nm_per_ma, nm_per_mw, resistance] =
            [self.bias_detuning, self.nm_per_ma, self.nm_per_mw, self.resistance].map(f64::from);
        match self.actuator {
            ActuatorKind::Direct => control,
            ActuatorKind::Linear => bias + nm_per_ma * control,
            ActuatorKind::Joule => bias + nm_per_mw * resistance * control.powi(2),
        }
    }

    /// Weight of a ring at a detuning (nm), for figures and tables.
    pub fn weight(&self, detuning: f64) -> f64 {
        1.0 - 2.0 * f64::from(self.contrast) / (1.0 + (detuning / f64::from(self.half_width)).powi(2))
    }
}
