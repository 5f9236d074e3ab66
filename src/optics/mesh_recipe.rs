//! Keys of a mesh of Mach-Zehnder interferometers.

use serde::{Deserialize, Serialize};

use super::AttenuatorRecipe;
use super::attenuators::yes;
use super::readout::Readout;
use super::ring_recipe::{converter, default_gain, finite};
use crate::mesh::Layout;

/// How a mesh becomes a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeshForm {
    /// One mesh, a unitary matrix.
    #[default]
    Unitary,
    /// The singular-value form U S V': a mesh, attenuators, a mesh; any matrix of singular values of at most 1.
    Singular,
}

/// How phases start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeshStart {
    /// As those of a random unitary matrix, every one as likely as any other (Haar measure).
    #[default]
    Haar,
    /// Every interferometer near its cross state: theta within `spread` of 0, phi and gamma anything. The mesh starts as a
    /// permutation, but for phases.
    Cross,
    /// Theta uniform in 0..pi, phi and gamma in 0..2 pi. Light hardly leaves the diagonal of a large mesh then.
    Random,
}

/// What the input of a mesh is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeshInput {
    /// Real amplitudes, one a mode; samples are flattened.
    #[default]
    Amplitude,
    /// Complex amplitudes `[modes, 2]`, the last axis (re, im).
    Field,
}

/// What the output of a mesh is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeshOutput {
    /// What photodetectors read, |E|^2.
    #[default]
    Power,
    /// |E|.
    Amplitude,
    /// Complex amplitudes `[modes, 2]`, the last axis (re, im).
    Field,
}

/// Keys of a `mesh` layer. Phases in rad, losses in dB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeshRecipe {
    /// Name of the layer; `mesh1`, `mesh2`, ... if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// One mesh or two with attenuators between. Of two, tensors are those of the layers `NAME-v`, `NAME-s` and `NAME-u`.
    #[serde(default)]
    pub form: MeshForm,
    /// Modes, 2 to 1,024; as many as inputs if left out. Modes past the inputs are dark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modes: Option<usize>,
    /// Of the singular form, modes of the second mesh; as many as `modes` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<usize>,
    /// How interferometers are placed: `clements` (rectangular) or `reck` (triangular).
    #[serde(default)]
    pub layout: Layout,
    /// How phases start.
    #[serde(default)]
    pub start: MeshStart,
    /// How far from 0 theta may `start` near the cross state, rad.
    #[serde(default = "default_spread")]
    pub spread: f32,
    /// Whether phases are trained; they stay as they start if not.
    #[serde(default = "yes")]
    pub trainable: bool,
    /// What comes in.
    #[serde(default)]
    pub input: MeshInput,
    /// Amplitude of the mode behind the inputs, the same for every sample, to which phases and signs of amplitudes are told
    /// apart: detectors alone see none of a whole input. 0 for none.
    #[serde(default)]
    pub reference_beam: f32,
    /// What goes out.
    #[serde(default)]
    pub output: MeshOutput,
    /// Detectors, at the first so many modes; at all of them if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<usize>,
    /// Readings of a sample are divided by their L2 norm over all modes, detected or not.
    #[serde(default)]
    pub unit_norm: bool,
    /// Phases are set to the nearest of 2^bits levels, even over 2 pi; as they are if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dac_bits: Option<u32>,
    /// Share of a heater's phase that reaches each neighbour: the thetas above and below in a column, the phis, and those of
    /// the screen. What the model knows of; the imperfection `crosstalk` comes on top of it.
    #[serde(default)]
    pub crosstalk: f32,
    /// By how much a chip that is warmer by 1 K turns all phases, rad/K.
    #[serde(default = "default_phase_drift")]
    pub phase_drift: f32,
    /// Loss of an interferometer, dB. What the model knows of; the imperfection `insertion_loss` comes on top of it.
    #[serde(default)]
    pub insertion_loss: f32,
    /// By how much an interferometer's arm with theta loses more than the other, dB. The imperfection `loss_unbalance` comes
    /// on top of it.
    #[serde(default)]
    pub loss_unbalance: f32,
    /// Full scale of the detectors, in units of the reading. With it their noise is the imperfection `detection_noise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_scale: Option<f32>,
    /// Readings are set to the nearest of 2^bits levels from -`full_scale` to `full_scale`; as they are if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adc_bits: Option<u32>,
    /// Electronic gain behind the detectors, one number a layer.
    #[serde(default = "default_gain")]
    pub gain: f32,
    /// Whether the gain is trained, from `gain` on; it stays as it is if left out.
    #[serde(default)]
    pub trainable_gain: bool,
}

fn default_spread() -> f32 {
    0.1
}

// 2 pi / 1.55 um times 1.8e-4/K, silicon's thermo-optic coefficient at 1550 nm and 300 K (Komma et al., Appl. Phys. Lett.
// 101, 041905 (2012)), times arms of an interferometer that differ by 10 um.
fn default_phase_drift() -> f32 {
    0.0073
}

impl MeshRecipe {
    /// One ideal mesh on so many modes, from Haar measure, with detectors at all of them.
    pub fn new(modes: usize) -> Self {
        Self {
            name: None,
            form: MeshForm::default(),
            modes: Some(modes),
            outputs: None,
            layout: Layout::default(),
            start: MeshStart::default(),
            spread: default_spread(),
            trainable: yes(),
            input: MeshInput::default(),
            reference_beam: 0.0,
            output: MeshOutput::default(),
            ports: None,
            unit_norm: false,
            dac_bits: None,
            crosstalk: 0.0,
            phase_drift: default_phase_drift(),
            insertion_loss: 0.0,
            loss_unbalance: 0.0,
            full_scale: None,
            adc_bits: None,
            gain: default_gain(),
            trainable_gain: false,
        }
    }

    /// Refuses values out of range.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.outputs.is_some() && self.form == MeshForm::Unitary {
            return Err("`outputs` belongs to `form = \"singular\"`; a unitary mesh has `modes` of them".to_owned());
        }
        if !(self.spread >= 0.0 && self.spread <= 1.0) {
            return Err(format!("`spread` must be 0 to 1 rad, not {}", self.spread));
        }
        if !(0.0..0.5).contains(&self.crosstalk) {
            return Err(format!("`crosstalk` must be 0 to below 0.5, not {}", self.crosstalk));
        }
        finite("phase_drift", self.phase_drift)?;
        finite("reference_beam", self.reference_beam)?;
        for (key, loss) in [("insertion_loss", self.insertion_loss), ("loss_unbalance", self.loss_unbalance.abs())] {
            if !(0.0..=20.0).contains(&loss) {
                return Err(format!("`{key}` must be 0 to 20 dB, not {loss}"));
            }
        }
        converter("dac_bits", self.dac_bits)?;
        Readout::check(self.full_scale, self.adc_bits, self.gain)?;
        let read = [
            ("ports", self.ports.is_some()),
            ("unit_norm", self.unit_norm),
            ("full_scale", self.full_scale.is_some()),
            ("gain", self.gain != 1.0),
            ("trainable_gain", self.trainable_gain),
        ];
        match read.iter().find(|(_, given)| *given && self.output == MeshOutput::Field) {
            Some((key, _)) => Err(format!("`{key}` needs detectors: `output` power or amplitude, not field")),
            None => Ok(()),
        }
    }

    /// The layers of the singular form: the mesh V', attenuators, the mesh U.
    pub(crate) fn singular(&self) -> (Self, AttenuatorRecipe, Self) {
        let both = Self { form: MeshForm::Unitary, outputs: None, name: None, ..self.clone() };
        let first = Self {
            output: MeshOutput::Field,
            ports: None,
            unit_norm: false,
            full_scale: None,
            adc_bits: None,
            gain: 1.0,
            trainable_gain: false,
            ..both.clone()
        };
        let attenuators =
            AttenuatorRecipe { name: None, outputs: self.outputs.or(self.modes), trainable: self.trainable };
        (
            first,
            attenuators,
            Self { input: MeshInput::Field, reference_beam: 0.0, modes: self.outputs.or(self.modes), ..both },
        )
    }
}
