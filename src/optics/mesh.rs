//! A mesh of Mach-Zehnder interferometers with its heaters, its imperfections and its detectors.

use std::f32::consts::{PI, TAU};

use super::mesh_recipe::{MeshForm, MeshInput, MeshOutput, MeshRecipe, MeshStart};
use super::readout::Readout;
use crate::gpu::{Error, PlanBuilder, Slice};
use crate::layer::{Cause, Derived, Imperfection, Io, Layer, Parameter, Pass, Role, Start};
use crate::mesh::{Layout, Phases};
use crate::ops::mesh::{Coefficients, Fields, Mesh as Columns, State};
use crate::ops::phase_shifter::Shifters;
use crate::ops::ports::{self, Reading};

/// Light behind a mesh (see [`crate::mesh`]): E = U(theta, phi, gamma) x on N modes, the input first, dark modes behind it.
/// The output is the field `[N, 2]`, or what detectors read at the first `ports` modes, |E|^2 or |E|, through a converter and
/// a gain where the recipe has them.
#[derive(Clone, Debug)]
pub struct Mesh {
    recipe: MeshRecipe,
    columns: Columns,
    shifters: Shifters,
    readout: Readout,
    modes: usize,
    inputs: usize,
    ports: usize,
}

/// Phases in the order of a layer's parameters.
const PHASES: [Phases; 3] = [Phases::Theta, Phases::Phi, Phases::Gamma];

/// Places of what a layer derives; the readout's come after them.
const MATRICES: usize = 0;
const SCREEN: usize = 1;
const PHASE: usize = 2;
const D_PHASE: usize = 5;
const PARTIALS: usize = 8;
const FIELD: usize = 9;
const D_FIELD: usize = 10;
const BEHIND: usize = 11;
const D_BEHIND: usize = 12;
const CHECKPOINTS: usize = 13;

/// Places of what may be wrong; the readout's comes after them.
const PHASE_ERROR: usize = 0;
const SPLITTER_ERROR: usize = 1;
const TEMPERATURE: usize = 2;
const CROSSTALK: usize = 3;
const INSERTION_LOSS: usize = 4;
const LOSS_UNBALANCE: usize = 5;

/// The interferometers of a number of modes that a key gives.
pub(super) fn columns(key: &str, modes: usize, layout: Layout) -> Result<Columns, String> {
    Columns::new(modes, layout).map_err(|_| format!("`{key}` must be 2 to 1,024, the modes of a mesh, not {modes}"))
}

/// Rows of a batch as fields `[batch, modes, 2]`.
pub(super) fn field(rows: &Slice, modes: usize) -> Result<Slice, Error> {
    rows.part(rows.name(), 0, &[rows.shape()[0], modes, 2])
}

impl Mesh {
    /// A layer for samples of this shape.
    ///
    /// # Errors
    /// One line about the key that is out of its range, or what does not fit.
    pub fn new(recipe: MeshRecipe, input_shape: &[usize]) -> Result<Self, String> {
        recipe.check()?;
        if recipe.form != MeshForm::Unitary {
            return Err("`form`: a layer is one mesh; a recipe makes three layers of the singular form".to_owned());
        }
        let inputs = match (recipe.input, input_shape) {
            (MeshInput::Field, &[modes, 2]) => modes,
            (MeshInput::Field, shape) => {
                return Err(format!(
                    "`input` is a field [modes, 2], but what comes in is {shape:?}; fields come of a mesh with `output = \"field\"` \
                     before or of `data.transform = \"fourier\"`"
                ));
            }
            (MeshInput::Amplitude, shape) => shape.iter().product(),
        };
        let modes = recipe.modes.unwrap_or(inputs);
        if inputs > modes {
            return Err(format!("`modes` is {modes}, but there are {inputs} inputs; each needs a mode"));
        }
        if recipe.reference_beam != 0.0 && inputs == modes {
            return Err(format!("`reference_beam` needs a mode of its own: `modes` above {inputs}"));
        }
        let columns = columns("modes", modes, recipe.layout)?
            .with_loss(recipe.insertion_loss, recipe.loss_unbalance)
            .map_err(|error| format!("`insertion_loss`: {error}"))?;
        let ports = recipe.ports.unwrap_or(modes);
        if !(1..=modes).contains(&ports) {
            return Err(format!("`ports` must be 1 to `modes`, {modes}, not {ports}"));
        }
        let shifters = Shifters::new(recipe.dac_bits, recipe.crosstalk, recipe.phase_drift)
            .map_err(|error| format!("`dac_bits`: {error}"))?;
        let readout = Readout::new(recipe.full_scale, recipe.adc_bits, recipe.gain, recipe.trainable_gain);
        Ok(Self { columns, shifters, readout, modes, inputs, ports, recipe })
    }

    /// Phases of each kind.
    fn count(&self, phases: Phases) -> usize {
        match phases {
            Phases::Theta | Phases::Phi => self.columns.interferometers(),
            Phases::Gamma => self.modes,
        }
    }

    fn start(&self, phases: Phases) -> Start {
        match (self.recipe.start, phases) {
            (MeshStart::Haar, phases) => Start::Haar { layout: self.recipe.layout, modes: self.modes, phases },
            (MeshStart::Cross, Phases::Theta) => Start::Uniform(-self.recipe.spread, self.recipe.spread),
            (MeshStart::Random, Phases::Theta) => Start::Uniform(0.0, PI),
            (MeshStart::Cross | MeshStart::Random, _) => Start::Uniform(0.0, TAU),
        }
    }

    /// Whether the output is what detectors read, and how.
    fn reading(&self) -> Option<Reading> {
        match self.recipe.output {
            MeshOutput::Power => Some(Reading::Power),
            MeshOutput::Amplitude => Some(Reading::Amplitude),
            MeshOutput::Field => None,
        }
    }

    /// Whether the input is light in all modes as it is.
    fn enters_whole(&self) -> bool {
        self.recipe.input == MeshInput::Field && self.inputs == self.modes
    }

    /// Light before the mesh.
    fn before(&self, io: &Io) -> Result<Slice, Error> {
        if self.enters_whole() { field(&io.input, self.modes) } else { Ok(io.derived[FIELD].clone()) }
    }

    /// Light behind the mesh.
    fn behind(&self, io: &Io) -> Result<Slice, Error> {
        if self.reading().is_none() { field(&io.output, self.modes) } else { Ok(io.derived[BEHIND].clone()) }
    }

    fn coefficients<'a>(&self, io: &'a Io) -> Coefficients<'a> {
        Coefficients { matrices: &io.derived[MATRICES], screen: &io.derived[SCREEN] }
    }

    fn state<'a>(&self, io: &'a Io) -> State<'a> {
        let [theta, phi, gamma] = [0, 1, 2].map(|kind| &io.derived[PHASE + kind]);
        let [phase_error, splitter_error] = [PHASE_ERROR, SPLITTER_ERROR].map(|place| &io.imperfections[place]);
        let [loss, loss_unbalance] = [INSERTION_LOSS, LOSS_UNBALANCE].map(|place| &io.imperfections[place]);
        State { theta, phi, gamma, phase_error, splitter_error, loss, loss_unbalance }
    }

    /// Fields inside a mesh that loses much, which a forward pass leaves for the backward pass.
    fn checkpoints<'a>(&self, io: &'a Io) -> Option<&'a Slice> {
        self.columns.checkpoints(io.input.shape()[0]).map(|_| &io.derived[CHECKPOINTS])
    }

    /// Gradients of what sets the phases, from what the columns left.
    fn heaters_backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let [d_temperature, d_change] = [TEMPERATURE, CROSSTALK].map(|place| io.d_imperfection(place));
        if !self.recipe.trainable && d_temperature.is_none() && d_change.is_none() {
            return Ok(());
        }
        let ([d_theta, d_phi, d_gamma], partials) =
            ([0, 1, 2].map(|kind| &io.derived[D_PHASE + kind]), &io.derived[PARTIALS]);
        self.columns.backward_theta(plan, self.state(io), partials, d_theta)?;
        self.columns.backward_phi(plan, partials, d_phi)?;
        self.columns.backward_gamma(plan, partials, d_gamma)?;
        for (kind, neighbours) in self.neighbours(plan)?.into_iter().enumerate() {
            let d_set = &io.derived[D_PHASE + kind];
            if self.recipe.trainable {
                self.shifters.backward(plan, d_set, &neighbours, &io.imperfections[CROSSTALK], &io.gradients[kind])?;
            }
            if let Some(d_temperature) = d_temperature {
                self.shifters.backward_temperature(plan, d_set, d_temperature, kind > 0)?;
            }
            if let Some(d_change) = d_change {
                let control = &io.parameters[kind];
                self.shifters.backward_change(plan, control, &neighbours, d_set, d_change, kind > 0)?;
            }
        }
        Ok(())
    }

    /// Which heaters are neighbours, of each kind of phase.
    fn neighbours(&self, plan: &PlanBuilder<'_>) -> Result<[Slice; 3], Error> {
        let upload = |rows: &[usize]| {
            let table = Shifters::neighbours(rows.iter().copied());
            plan.gpu().upload("neighbours of heaters", &[table.len()], &table)
        };
        let (layout, modes) = (self.recipe.layout, self.modes);
        let columns: Vec<_> = (0..layout.columns(modes)).map(|column| layout.column(modes, column).count()).collect();
        let of_column = upload(&columns)?;
        Ok([of_column.clone(), of_column, upload(&[modes])?])
    }
}

impl Layer for Mesh {
    fn parameters(&self) -> Vec<Parameter> {
        let phase = |phases: Phases| Parameter {
            name: phases.name().into(),
            shape: vec![self.count(phases)],
            unit: "rad",
            bounds: [f32::MIN, f32::MAX],
            start: self.start(phases),
            role: if self.recipe.trainable { Role::Control } else { Role::Statistic },
        };
        PHASES.into_iter().map(phase).chain(self.readout.parameter()).collect()
    }

    fn imperfections(&self) -> Vec<Imperfection> {
        let common = |name, unit| Imperfection { name, shape: vec![1], unit, cause: Cause::Common, limit: None };
        let couplers = vec![2, self.columns.interferometers()];
        let phases = vec![self.modes * self.modes];
        let all = [
            Imperfection { name: "phase_error", shape: phases, unit: "rad", cause: Cause::Element, limit: None },
            Imperfection { name: "splitter_error", shape: couplers, unit: "", cause: Cause::Element, limit: Some(1.0) },
            common("temperature", "K"),
            common("crosstalk", ""),
            common("insertion_loss", "dB"),
            common("loss_unbalance", "dB"),
        ];
        all.into_iter().chain(self.readout.imperfection()).collect()
    }

    /// With loss, the backward pass does not leave what the gradients of couplers are made of, and never those of loss.
    fn has_gradient(&self, imperfection: &str) -> bool {
        match imperfection {
            "phase_error" | "temperature" | "crosstalk" => true,
            "splitter_error" => !self.columns.is_lossy(),
            _ => false,
        }
    }

    fn derived(&self, batch: usize) -> Vec<Derived> {
        let interferometers = self.columns.interferometers();
        let light = |name| Derived { name, shape: vec![batch, self.modes, 2] };
        let phase = |name, phases| Derived { name, shape: vec![self.count(phases)] };
        let own = vec![
            Derived { name: "matrices", shape: vec![interferometers, 2, 2, 2] },
            Derived { name: "screen", shape: vec![self.modes, 2] },
            phase("set_theta", Phases::Theta),
            phase("set_phi", Phases::Phi),
            phase("set_gamma", Phases::Gamma),
            phase("d_set_theta", Phases::Theta),
            phase("d_set_phi", Phases::Phi),
            phase("d_set_gamma", Phases::Gamma),
            Derived { name: "partials", shape: self.columns.partials(batch).to_vec() },
            light("field"),
            light("d_field"),
            light("field_behind"),
            light("d_field_behind"),
        ];
        let checkpoints = self.columns.checkpoints(batch);
        let checkpoints = checkpoints.map(|shape| Derived { name: "checkpoints", shape: shape.to_vec() });
        own.into_iter().chain(checkpoints).chain(self.readout.derived(batch, self.ports)).collect()
    }

    fn output_shape(&self) -> Vec<usize> {
        if self.reading().is_some() { vec![self.ports] } else { vec![self.modes, 2] }
    }

    fn actuate(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let [temperature, crosstalk] = [TEMPERATURE, CROSSTALK].map(|place| &io.imperfections[place]);
        for (kind, neighbours) in self.neighbours(plan)?.into_iter().enumerate() {
            let (control, set) = (&io.parameters[kind], &io.derived[PHASE + kind]);
            self.shifters.forward(plan, control, &neighbours, temperature, crosstalk, set)?;
        }
        self.columns.coefficients(plan, self.state(io), self.coefficients(io))
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, pass: Pass) -> Result<(), Error> {
        let (before, behind) = (self.before(io)?, self.behind(io)?);
        match self.recipe.input {
            _ if self.enters_whole() => {}
            MeshInput::Field => {
                ports::embed(plan, &field(&io.input, self.inputs)?, self.recipe.reference_beam, &before)?
            }
            MeshInput::Amplitude => ports::enter(plan, &io.input, self.recipe.reference_beam, &before)?,
        }
        let kept = self.checkpoints(io).filter(|_| pass != Pass::Inference);
        self.columns.forward(plan, self.coefficients(io), &before, Fields { y: &behind, checkpoints: kept })?;
        match self.reading() {
            Some(reading) => {
                ports::read(plan, reading, self.recipe.unit_norm, &behind, self.readout.light(io))?;
                self.readout.forward(plan, io, None)
            }
            None => Ok(()),
        }
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let behind = self.behind(io)?;
        let d_behind = match self.reading() {
            Some(reading) => {
                let d_light = self.readout.backward(plan, io)?;
                let d_behind = io.derived[D_BEHIND].clone();
                ports::read_backward(plan, reading, self.recipe.unit_norm, &behind, d_light, &d_behind)?;
                d_behind
            }
            None => field(&io.d_output, self.modes)?,
        };
        let d_before = match &io.d_input {
            Some(d_input) if self.enters_whole() => field(d_input, self.modes)?,
            _ => io.derived[D_FIELD].clone(),
        };
        let partials = &io.derived[PARTIALS];
        let (on, kept) = (self.coefficients(io), self.checkpoints(io));
        let fields = Fields { y: &behind, checkpoints: kept };
        self.columns.backward(plan, on, fields, &d_behind, partials, &d_before)?;
        if let Some(d_phase_error) = io.d_imperfection(PHASE_ERROR) {
            self.columns.backward_phase_error(plan, self.state(io), partials, d_phase_error)?;
        }
        if let Some(d_splitter_error) = io.d_imperfection(SPLITTER_ERROR) {
            self.columns.backward_splitter_error(plan, self.state(io), on, partials, d_splitter_error)?;
        }
        self.heaters_backward(plan, io)?;
        match (&io.d_input, self.recipe.input) {
            (None, _) => Ok(()),
            _ if self.enters_whole() => Ok(()),
            (Some(d_input), MeshInput::Field) => ports::embed_backward(plan, &d_before, &field(d_input, self.inputs)?),
            (Some(d_input), MeshInput::Amplitude) => ports::enter_backward(plan, &d_before, d_input),
        }
    }
}
