//! Meshes of Mach-Zehnder interferometers; `shaders/mesh.wgsl`, and `mesh_subgroup.wgsl`, a variant of its passes.
//!
//! Fields are complex: `[batch, modes, 2]`, the last axis (re, im); gradients as in
//! [`complex_matmul`](super::complex_matmul). Interferometers are counted column by column, modes rising, in the order
//! that light meets them. An evenly splitting coupler has the error 0, and errors lie within -1..1.

use super::{expect, word};
use crate::gpu::{Bind, Constant, Error, Gpu, PlanBuilder, Slice, Work};
use crate::uniform;

uniform! {
    struct Params as "Params" {
        n_modes: u32,
        n_columns: u32,
        n_interferometers: u32,
        triangular: u32,
        first_sample: u32,
        n_samples: u32,
        group_samples: u32,
        n_groups: u32,
        accumulate: u32,
        upper_arm: f32,
        lower_arm: f32,
    }
}

/// Complex numbers in a workgroup's memory, as the shader has it. The backward pass keeps two for a mode of a sample.
const CELLS: usize = 2048;
/// The most modes.
const MAX_MODES: usize = CELLS / 2;
/// Invocations of a workgroup.
const WORKGROUP: usize = 64;
/// Samples of a row of partial sums, and the most of a workgroup: enough to share its coefficients, few enough to leave
/// work for others.
const GROUP_SAMPLES: usize = 8;
/// The most rows, and words, of partial sums.
const MAX_ROWS: usize = 256;
const MAX_PARTIALS: usize = 8 << 20;

/// Variants of the forward pass.
const PORTABLE: &str = "portable";
const SUBGROUP: &str = "subgroup";
/// Modes that the subgroup variant keeps in registers.
const WINDOW: usize = 64;
/// Columns that its backward pass crosses at once.
const SUBGROUP_COLUMNS: usize = 8;

/// Names of the variants that run on an adapter, the one that always does first.
pub fn variants(gpu: &Gpu) -> Vec<&'static str> {
    let adapter = gpu.adapter();
    let mut available = vec![PORTABLE];
    if adapter.eight_lanes() {
        available.push(SUBGROUP);
    }
    available
}

/// How interferometers are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As many columns as modes, which begin at mode 0 and 1 in turn (Clements).
    Rectangular,
    /// Twice as many columns as modes less 3 (Reck).
    Triangular,
}

/// A mesh on so many modes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mesh {
    modes: usize,
    layout: Layout,
    arms: [f32; 2],
}

/// How a mesh is set and built.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// Phases between the couplers, `[interferometers]`, rad.
    pub theta: &'a Slice,
    /// Phases before the couplers, `[interferometers]`, rad.
    pub phi: &'a Slice,
    /// Phases of the screen, `[modes]`, rad.
    pub gamma: &'a Slice,
    /// What every theta is off by, then every phi, every gamma: `[modes^2]`, rad.
    pub phase_error: &'a Slice,
    /// Errors of the left couplers, which light meets first, then of the right ones: `[2, interferometers]`.
    pub splitter_error: &'a Slice,
}

/// What light meets.
#[derive(Clone, Copy, Debug)]
pub struct Coefficients<'a> {
    /// Matrices of the interferometers, `[interferometers, 2, 2, 2]`.
    pub matrices: &'a Slice,
    /// The phase screen behind them, `[modes, 2]`.
    pub screen: &'a Slice,
}

impl Mesh {
    /// A mesh on 2 to 1,024 modes.
    ///
    /// # Errors
    /// Other numbers of modes.
    pub fn new(modes: usize, layout: Layout) -> Result<Self, Error> {
        if !(2..=MAX_MODES).contains(&modes) {
            return Err(Error::Shape {
                what: "mesh".to_owned(),
                expected: format!("2 to {MAX_MODES} modes"),
                got: modes.to_string(),
            });
        }
        Ok(Self { modes, layout, arms: [1.0; 2] })
    }

    /// The mesh with loss in every interferometer: the amplitudes that the arm with theta and the other one let through.
    /// The backward pass finds the field inside from what is left of it, so rounding grows as much as light is lost.
    ///
    /// # Errors
    /// Amplitudes that are not above 0 and at most 1.
    pub fn with_arms(self, arms: [f32; 2]) -> Result<Self, Error> {
        if !arms.iter().all(|amplitude| *amplitude > 0.0 && *amplitude <= 1.0) {
            return Err(Error::Shape {
                what: "mesh, arms".to_owned(),
                expected: "amplitudes above 0, at most 1".to_owned(),
                got: format!("{arms:?}"),
            });
        }
        Ok(Self { arms, ..self })
    }

    /// Number of modes.
    pub fn modes(&self) -> usize {
        self.modes
    }

    /// Number of interferometers, in either layout.
    pub fn interferometers(&self) -> usize {
        self.modes * (self.modes - 1) / 2
    }

    fn is_lossy(&self) -> bool {
        self.arms != [1.0; 2]
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        match self.layout {
            Layout::Rectangular => self.modes,
            Layout::Triangular => 2 * self.modes - 3,
        }
    }

    /// Shape of the partial sums that the backward pass of a batch needs: a row for eight samples, or for as many more as
    /// keep it within 32 MiB.
    pub fn partials(&self, batch: usize) -> [usize; 3] {
        let most = (MAX_PARTIALS / (4 * self.row())).clamp(1, MAX_ROWS);
        // As even as can be over the dispatches.
        let groups = batch.div_ceil(GROUP_SAMPLES).max(1);
        [groups.div_ceil(groups.div_ceil(most)), self.row(), 4]
    }

    /// Vec4s of a row of partial sums: interferometers, modes of the screen, fields and gradients of its samples.
    fn row(&self) -> usize {
        self.interferometers() + self.modes.div_ceil(4) + GROUP_SAMPLES * self.modes
    }

    /// Samples of a workgroup that keeps so many complex numbers of a mode of each.
    fn group_samples(&self, numbers: usize) -> usize {
        (CELLS / (numbers * self.modes)).min(GROUP_SAMPLES)
    }

    fn params(&self, operation: &str, batch: usize) -> Result<Params, Error> {
        Ok(Params {
            n_modes: word(operation, self.modes)?,
            n_columns: word(operation, self.columns())?,
            n_interferometers: word(operation, self.interferometers())?,
            triangular: u32::from(self.layout == Layout::Triangular),
            n_samples: word(operation, batch)?,
            upper_arm: self.arms[0],
            lower_arm: self.arms[1],
            ..Params::default()
        })
    }

    fn check(&self, operation: &str, on: Coefficients<'_>, fields: &[&Slice]) -> Result<usize, Error> {
        expect(operation, on.matrices, &[self.interferometers(), 2, 2, 2])?;
        expect(operation, on.screen, &[self.modes, 2])?;
        let batch = fields.first().and_then(|field| field.shape().first()).copied().unwrap_or(0);
        for field in fields {
            expect(operation, field, &[batch, self.modes, 2])?;
        }
        Ok(batch)
    }

    /// Coefficients from phases and errors.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn coefficients(
        &self,
        plan: &mut PlanBuilder<'_>,
        state: State<'_>,
        on: Coefficients<'_>,
    ) -> Result<(), Error> {
        let operation = "mesh::coefficients";
        self.check(operation, on, &[])?;
        state.check(operation, self)?;
        let State { theta, phi, gamma, phase_error, splitter_error } = state;
        let binds = [theta, phi, gamma, phase_error, splitter_error].map(Slice::read);
        let binds = [&binds[..], &[on.matrices.write(), on.screen.write()]].concat();
        let work = Work::Items(self.interferometers().max(self.modes));
        plan.dispatch("mesh", "coefficients", &self.params(operation, 0)?, &binds, work)
    }

    /// The field y behind the mesh from the field x before it, both `[batch, modes, 2]`.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, plan: &mut PlanBuilder<'_>, on: Coefficients<'_>, x: &Slice, y: &Slice) -> Result<(), Error> {
        let operation = "mesh::forward";
        let batch = self.check(operation, on, &[x, y])?;
        let gpu = plan.gpu();
        let variant = gpu.variant("mesh", &variants(gpu), |variant| time(gpu, variant))?;
        // Wide meshes park modes in y.
        self.record_forward(plan, variant, batch, &[on.matrices.read(), on.screen.read(), x.read(), y.update()])
    }

    /// Gradient of the field before the mesh from the field y behind it and its gradient, all `[batch, modes, 2]`.
    /// Leaves in `partials`, of the shape [`partials`](Self::partials), what the gradients of phases and couplers are
    /// made of.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        on: Coefficients<'_>,
        y: &Slice,
        d_y: &Slice,
        partials: &Slice,
        d_x: &Slice,
    ) -> Result<(), Error> {
        let operation = "mesh::backward";
        let batch = self.check(operation, on, &[y, d_y, d_x])?;
        expect(operation, partials, &self.partials(batch))?;
        let gpu = plan.gpu();
        let variant = gpu.variant("mesh", &variants(gpu), |variant| time(gpu, variant))?;
        // What takes too many turns in subgroups goes the portable way.
        let subgroup = variant == SUBGROUP && plan.check_loop(operation, self.subgroup_backward_turns()).is_ok();
        let rows = partials.shape()[0];
        let samples = if subgroup { GROUP_SAMPLES } else { self.group_samples(2) };
        if !subgroup {
            plan.check_loop(operation, self.turns(samples))?;
        }
        let binds = [on.matrices.read(), on.screen.read(), y.read(), d_y.read(), d_x.write(), partials.update()];
        for first in (0..batch).step_by(GROUP_SAMPLES * rows) {
            let groups = (batch - first).div_ceil(GROUP_SAMPLES).min(rows);
            // Where workgroup memory holds fewer samples than a row has, dispatches share it, and go on with its sums.
            for part in (0..GROUP_SAMPLES.min(batch - first)).step_by(samples) {
                let params = Params {
                    first_sample: word(operation, first + part)?,
                    group_samples: word(operation, samples.min(GROUP_SAMPLES - part))?,
                    n_groups: word(operation, groups)?,
                    accumulate: u32::from(first + part > 0),
                    ..self.params(operation, batch)?
                };
                let work = Work::Groups(groups);
                if subgroup {
                    plan.dispatch_with(
                        "mesh_subgroup",
                        "backward",
                        &[self.guarded(SUBGROUP_COLUMNS)],
                        &params,
                        &binds,
                        work,
                    )?;
                } else {
                    plan.dispatch("mesh", "backward", &params, &binds, work)?;
                }
            }
        }
        Ok(())
    }

    /// Gradient of theta, which is that of its errors too, from what the backward pass left.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward_theta(
        &self,
        plan: &mut PlanBuilder<'_>,
        state: State<'_>,
        partials: &Slice,
        d_theta: &Slice,
    ) -> Result<(), Error> {
        let operation = "mesh::backward_theta";
        state.check(operation, self)?;
        expect(operation, d_theta, &[self.interferometers()])?;
        let State { phi, phase_error, splitter_error, .. } = state;
        let binds = [phi, phase_error, splitter_error, partials].map(Slice::read);
        self.gather(plan, "backward_theta", partials, &[&binds[..], &[d_theta.write()]].concat())
    }

    /// Gradient of phi, from what the backward pass left.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward_phi(&self, plan: &mut PlanBuilder<'_>, partials: &Slice, d_phi: &Slice) -> Result<(), Error> {
        expect("mesh::backward_phi", d_phi, &[self.interferometers()])?;
        self.gather(plan, "backward_phi", partials, &[partials.read(), d_phi.write()])
    }

    /// Gradient of gamma, from what the backward pass left.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward_gamma(&self, plan: &mut PlanBuilder<'_>, partials: &Slice, d_gamma: &Slice) -> Result<(), Error> {
        expect("mesh::backward_gamma", d_gamma, &[self.modes])?;
        self.gather(plan, "backward_gamma", partials, &[partials.read(), d_gamma.write()])
    }

    /// Gradient of the couplers' errors, from what the backward pass of a mesh without loss left.
    ///
    /// # Errors
    /// Shapes that do not fit; loss.
    pub fn backward_splitter_error(
        &self,
        plan: &mut PlanBuilder<'_>,
        state: State<'_>,
        on: Coefficients<'_>,
        partials: &Slice,
        d_splitter_error: &Slice,
    ) -> Result<(), Error> {
        let operation = "mesh::backward_splitter_error";
        self.check(operation, on, &[])?;
        state.check(operation, self)?;
        expect(operation, d_splitter_error, &[2, self.interferometers()])?;
        if self.is_lossy() {
            return Err(Error::Shape {
                what: operation.to_owned(),
                expected: "a mesh without loss".to_owned(),
                got: format!("arms that let {:?} of the amplitude through", self.arms),
            });
        }
        let State { phi, phase_error, splitter_error, .. } = state;
        let binds = [phi, phase_error, splitter_error, on.matrices, partials].map(Slice::read);
        let binds = [&binds[..], &[d_splitter_error.write()]].concat();
        self.gather(plan, "backward_splitter_error", partials, &binds)
    }

    /// Records a kernel that adds up the rows of partial sums: an invocation an interferometer, or four modes.
    fn gather(
        &self,
        plan: &mut PlanBuilder<'_>,
        entry: &str,
        partials: &Slice,
        binds: &[Bind<'_>],
    ) -> Result<(), Error> {
        let operation = format!("mesh::{entry}");
        let groups = partials.shape().first().copied().unwrap_or(0);
        expect(&operation, partials, &[groups, self.row(), 4])?;
        let params = Params { n_groups: word(&operation, groups)?, ..self.params(&operation, 0)? };
        plan.dispatch("mesh", entry, &params, binds, Work::Items(self.interferometers().max(self.modes.div_ceil(4))))
    }

    /// Whether columns of the mesh are idle anywhere but past the ends where so many are walked at once.
    fn guarded(&self, columns: usize) -> Constant {
        ("GUARDED", (self.layout == Layout::Triangular || !self.columns().is_multiple_of(columns)).into())
    }

    /// Entry point of the subgroup variant's forward pass, and what cuts it to the mesh: it walks columns by two, of wide
    /// meshes by four.
    fn subgroup(&self) -> (&'static str, [Constant; 2]) {
        let wide = self.modes > WINDOW;
        let blocks = self.modes.min(WINDOW).div_ceil(16) as u32;
        (if wide { "forward_wide" } else { "forward" }, [("BLOCKS", blocks), self.guarded(if wide { 4 } else { 2 })])
    }

    /// Loop turns of the portable variant, which walks all columns, and in each of them its interferometers with all samples.
    fn turns(&self, samples: usize) -> usize {
        let ends = 2 * (GROUP_SAMPLES * self.modes).div_ceil(WORKGROUP);
        self.columns() * (1 + (self.modes / 2).div_ceil(WORKGROUP) * (1 + samples)) + ends
    }

    /// Loop turns of the subgroup variant, which walks all bands, two columns a turn.
    fn subgroup_turns(&self) -> usize {
        let bands = (self.modes + self.columns() + 4).div_ceil(WINDOW);
        bands * ((self.modes + WINDOW).min(self.columns() + 4) / 2 + WINDOW)
    }

    /// Loop turns of its backward pass.
    fn subgroup_backward_turns(&self) -> usize {
        let steps = (self.modes + SUBGROUP_COLUMNS).div_ceil(2) + 1;
        self.columns().div_ceil(SUBGROUP_COLUMNS) * (1 + steps) + 2 * self.modes
    }

    fn record_forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        variant: &str,
        batch: usize,
        binds: &[Bind<'_>],
    ) -> Result<(), Error> {
        let operation = "mesh::forward";
        if variant == SUBGROUP {
            plan.check_loop(operation, self.subgroup_turns())?;
            let (entry, constants) = self.subgroup();
            let params = self.params(operation, batch)?;
            let work = Work::Groups(batch.div_ceil(GROUP_SAMPLES));
            return plan.dispatch_with("mesh_subgroup", entry, &constants, &params, binds, work);
        }
        let samples = self.group_samples(1);
        plan.check_loop(operation, self.turns(samples))?;
        let params = Params { group_samples: word(operation, samples)?, ..self.params(operation, batch)? };
        plan.dispatch("mesh", "forward", &params, binds, Work::Groups(batch.div_ceil(samples)))
    }
}

impl State<'_> {
    fn check(&self, operation: &str, mesh: &Mesh) -> Result<(), Error> {
        expect(operation, self.theta, &[mesh.interferometers()])?;
        expect(operation, self.phi, &[mesh.interferometers()])?;
        expect(operation, self.gamma, &[mesh.modes])?;
        expect(operation, self.phase_error, &[mesh.modes * mesh.modes])?;
        expect(operation, self.splitter_error, &[2, mesh.interferometers()])
    }
}

/// Seconds of the forward pass of 512 samples on 64 modes with a variant, or `None` if it does not give what the portable one
/// gives.
fn time(gpu: &Gpu, variant: &'static str) -> Result<Option<f64>, Error> {
    const BATCH: usize = 512;
    let mesh = Mesh::new(WINDOW, Layout::Rectangular)?;
    // Interferometers that split evenly, with neither phase; waves as fields.
    let half = 0.5_f32.sqrt();
    let even = [half, 0.0, 0.0, half, 0.0, half, half, 0.0].repeat(mesh.interferometers());
    let matrices = gpu.upload("timed matrices", &[mesh.interferometers(), 2, 2, 2], &even)?;
    let screen = gpu.upload("timed screen", &[mesh.modes(), 2], &[1.0_f32, 0.0].repeat(mesh.modes()))?;
    let wave: Vec<f32> = (0..2 * BATCH * mesh.modes()).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.5).collect();
    let field = gpu.upload("timed field", &[BATCH, mesh.modes(), 2], &wave)?;
    // Numbers up to 10, through 64 columns.
    gpu.time_variant(field.shape(), [PORTABLE, variant], |plan, variant, y| {
        let binds = [matrices.read(), screen.read(), field.read(), y.update()];
        mesh.record_forward(plan, variant, BATCH, &binds)
    })
}
