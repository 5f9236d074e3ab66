//! A dense layer whose every weight is the transmission of one add-drop microring.

use serde::{Deserialize, Serialize};

use crate::gpu::{Error, PlanBuilder};
use crate::layer::{Cause, Derived, Imperfection, Io, Layer, Parameter, Role, Start};
use crate::ops::{bias, matmul, microring};

/// Keys of a `ring-dense` layer. Lengths in nm.
///
/// Detuning is how far the resonance stands to the red of its channel: heating a ring moves the resonance to
/// the red, so detuning grows with heater current and with temperature. W(x) is even, the sign is a convention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RingRecipe {
    /// Name of the layer; `ring1`, `ring2`, ... if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of outputs.
    pub outputs: usize,
    /// Half width at half maximum of the resonance, nm.
    #[serde(default = "default_half_width")]
    pub half_width: f32,
    /// Contrast of the resonance; 1 is ideal.
    #[serde(default = "default_contrast")]
    pub contrast: f32,
    /// Shift of the resonance with temperature, nm/K.
    #[serde(default = "default_drift")]
    pub drift: f32,
    /// Detunings start uniformly between these two, nm.
    #[serde(default = "default_start")]
    pub start: [f32; 2],
    /// Detunings stay between these two, nm.
    #[serde(default = "default_range")]
    pub range: [f32; 2],
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

impl RingRecipe {
    /// Weight of a ring at a detuning (nm), for figures and tables.
    pub fn weight(&self, detuning: f64) -> f64 {
        1.0 - 2.0 * f64::from(self.contrast) / (1.0 + (detuning / f64::from(self.half_width)).powi(2))
    }
}

/// y `[batch, outputs]` = W(x) applied to the input, plus a bias, with one ring a weight.
#[derive(Clone, Debug)]
pub struct RingDense {
    recipe: RingRecipe,
    inputs: usize,
}

impl RingDense {
    /// A layer for samples of this shape, which are flattened.
    ///
    /// # Errors
    /// One line about the key that is out of its range.
    pub fn new(recipe: RingRecipe, input_shape: &[usize]) -> Result<Self, String> {
        let positive = |key: &str, value: f32| {
            if value.is_finite() && value > 0.0 { Ok(()) } else { Err(format!("`{key}` must be above 0, not {value}")) }
        };
        positive("half_width", recipe.half_width)?;
        positive("contrast", recipe.contrast)?;
        if recipe.contrast > 1.0 {
            return Err(format!("`contrast` must be at most 1, not {}", recipe.contrast));
        }
        if recipe.outputs == 0 {
            return Err("`outputs` must be at least 1".to_owned());
        }
        if !recipe.drift.is_finite() {
            return Err(format!("`drift` must be a number, not {}", recipe.drift));
        }
        let ([low, high], [first, last]) = (recipe.range, recipe.start);
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(format!("`range` {:?} must be two numbers, the lower first", recipe.range));
        }
        if !(low <= first && first <= last && last <= high) {
            return Err(format!(
                "`start` {:?} must lie inside `range` {:?}, lower value first",
                recipe.start, recipe.range
            ));
        }
        Ok(Self { inputs: input_shape.iter().product(), recipe })
    }

    fn ring(&self) -> microring::Ring {
        microring::Ring { half_width: self.recipe.half_width, contrast: self.recipe.contrast, drift: self.recipe.drift }
    }

    fn shape(&self) -> Vec<usize> {
        vec![self.recipe.outputs, self.inputs]
    }
}

fn state(io: &Io) -> microring::State<'_> {
    let [offset, temperature, width, contrast] = [0, 1, 2, 3].map(|place| &io.imperfections[place]);
    microring::State { detuning: &io.parameters[0], offset, temperature, width, contrast }
}

impl Layer for RingDense {
    fn parameters(&self) -> Vec<Parameter> {
        let [first, last] = self.recipe.start;
        vec![
            Parameter {
                name: "detuning",
                shape: self.shape(),
                unit: "nm",
                bounds: self.recipe.range,
                start: Start::Uniform(first, last),
                role: Role::Control,
            },
            Parameter {
                name: "bias",
                shape: vec![self.recipe.outputs],
                unit: "",
                bounds: [f32::MIN, f32::MAX],
                start: Start::Constant(0.0),
                role: Role::Digital,
            },
        ]
    }

    fn imperfections(&self) -> Vec<Imperfection> {
        vec![
            Imperfection { name: "ring_offset", shape: self.shape(), unit: "nm", cause: Cause::Element },
            Imperfection { name: "temperature", shape: vec![1], unit: "K", cause: Cause::Common },
            Imperfection { name: "ring_width", shape: self.shape(), unit: "", cause: Cause::Element },
            Imperfection { name: "ring_contrast", shape: self.shape(), unit: "", cause: Cause::Element },
        ]
    }

    fn derived(&self) -> Vec<Derived> {
        vec![Derived { name: "weight", shape: self.shape() }, Derived { name: "d_weight", shape: self.shape() }]
    }

    fn output_shape(&self) -> Vec<usize> {
        vec![self.recipe.outputs]
    }

    fn actuate(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        self.ring().forward(plan, state(io), &io.derived[0])
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        matmul::abt(plan, &io.input, &io.derived[0], Some(&io.parameters[1]), &io.output)
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let [weight, d_weight] = [&io.derived[0], &io.derived[1]];
        matmul::atb(plan, &io.d_output, &io.input, d_weight)?;
        self.ring().backward(plan, state(io), d_weight, &io.gradients[0])?;
        bias::backward(plan, &io.d_output, &io.gradients[1])?;
        match &io.d_input {
            Some(d_input) => matmul::ab(plan, &io.d_output, weight, d_input),
            None => Ok(()),
        }
    }
}
