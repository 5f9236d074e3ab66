//! Meshes of Mach-Zehnder interferometers; `shaders/mesh.wgsl`, and `mesh_subgroup.wgsl`, a variant of its passes.
//!
//! Fields are complex: `[batch, modes, 2]`, the last axis (re, im); gradients as in
//! [`complex_matmul`](super::complex_matmul). Interferometers are counted column by column, modes rising, in the order
//! that light meets them. An evenly splitting coupler has the error 0, and errors lie within -1..1.

use super::{expect, word};
use crate::gpu::{Bind, Constant, Error, Gpu, PlanBuilder, Slice, Work};
use crate::mesh::Layout;
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
        first_column: u32,
        end_column: u32,
        checkpoint: u32,
        loss: f32,
        unbalance: f32,
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

/// dB after which the field is kept for the backward pass: rounding grows tenfold until then.
const KEPT_AFTER: f32 = 20.0;
/// The most dB that an interferometer may be designed to lose.
const MAX_LOSS: f32 = 100.0;

/// Variants of both passes.
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

/// A mesh on so many modes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mesh {
    modes: usize,
    layout: Layout,
    /// Loss and unbalance, dB.
    loss: [f32; 2],
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
    /// What comes to the designed loss of every interferometer: `[1]`, dB.
    pub loss: &'a Slice,
    /// What comes to its designed unbalance: `[1]`, dB.
    pub loss_unbalance: &'a Slice,
}

/// What light meets.
#[derive(Clone, Copy, Debug)]
pub struct Coefficients<'a> {
    /// Matrices of the interferometers, `[interferometers, 2, 2, 2]`.
    pub matrices: &'a Slice,
    /// The phase screen behind them, `[modes, 2]`.
    pub screen: &'a Slice,
}

/// What the forward pass leaves.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// Behind the mesh, `[batch, modes, 2]`.
    pub y: &'a Slice,
    /// Inside, of the shape [`Mesh::checkpoints`]. A forward pass that none goes back on needs no place for them.
    pub checkpoints: Option<&'a Slice>,
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
        Ok(Self { modes, layout, loss: [0.0; 2] })
    }

    /// The mesh whose interferometers are designed to lose light: dB each, and dB by which the upper arm, the one with
    /// theta, loses more than the lower, half of it each way. No arm amplifies: where it would, it has no loss.
    /// [`State`] has what comes to that on a chip.
    ///
    /// The backward pass finds the field inside from the one behind, so rounding grows as much as light is lost. Where a way
    /// through the mesh is designed to lose more than 20 dB, fields on that way must therefore be
    /// [kept](Self::checkpoints). Loss that only the chip has is not counted.
    ///
    /// # Errors
    /// Loss below 0 or above 100 dB, or numbers that are not finite.
    pub fn with_loss(self, loss_db: f32, unbalance_db: f32) -> Result<Self, Error> {
        if !(0.0..=MAX_LOSS).contains(&loss_db) || !(-MAX_LOSS..=MAX_LOSS).contains(&unbalance_db) {
            return Err(Error::Shape {
                what: "mesh, loss".to_owned(),
                expected: format!("0 to {MAX_LOSS} dB an interferometer, arms at most {MAX_LOSS} dB apart"),
                got: format!("{loss_db} dB, {unbalance_db} dB apart"),
            });
        }
        Ok(Self { loss: [loss_db, unbalance_db], ..self })
    }

    /// Number of modes.
    pub fn modes(&self) -> usize {
        self.modes
    }

    /// Number of interferometers, in either layout.
    pub fn interferometers(&self) -> usize {
        self.modes * (self.modes - 1) / 2
    }

    /// dB that the arm with more loss is designed to lose.
    fn most_loss(&self) -> f32 {
        self.loss[0] + 0.5 * self.loss[1].abs()
    }

    /// Dispatches of a pass that keeps fields: runs of columns of at most 20 dB each.
    fn segments(&self) -> usize {
        let columns = (KEPT_AFTER / self.most_loss()).floor().max(1.0) as usize;
        self.columns().div_ceil(columns)
    }

    /// First column of a segment, and the one behind its last.
    fn segment(&self, segment: usize) -> [usize; 2] {
        [segment, segment + 1].map(|bound| bound * self.columns() / self.segments())
    }

    /// Shape of the fields that the forward pass must keep for the backward pass of a batch: one for every 20 dB of the
    /// mesh's depth but the last, 8 bytes a mode and sample each. `None` where the mesh loses less, and keeps nothing.
    pub fn checkpoints(&self, batch: usize) -> Option<[usize; 4]> {
        let kept = self.segments() - 1;
        (kept > 0).then_some([kept, batch, self.modes, 2])
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.layout.columns(self.modes)
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
            triangular: u32::from(self.layout == Layout::Reck),
            n_samples: word(operation, batch)?,
            end_column: word(operation, self.columns())?,
            loss: self.loss[0],
            unbalance: self.loss[1],
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
        let State { theta, phi, gamma, phase_error, splitter_error, loss, loss_unbalance } = state;
        let params = self.params(operation, 0)?;
        let binds = [theta, phi, phase_error, splitter_error, loss, loss_unbalance].map(Slice::read);
        let binds = [&binds[..], &[on.matrices.write()]].concat();
        plan.dispatch("mesh", "coefficients", &params, &binds, Work::Items(self.interferometers()))?;
        let binds = [gamma.read(), phase_error.read(), on.screen.write()];
        plan.dispatch("mesh", "coefficients_screen", &params, &binds, Work::Items(self.modes))
    }

    /// The fields behind and inside the mesh from the field x before it, `[batch, modes, 2]`.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder<'_>,
        on: Coefficients<'_>,
        x: &Slice,
        fields: Fields<'_>,
    ) -> Result<(), Error> {
        let Fields { y, checkpoints } = fields;
        let operation = "mesh::forward";
        let batch = self.check(operation, on, &[x, y])?;
        // Wide meshes park modes in y, and segments go on from there.
        let binds = [on.matrices.read(), on.screen.read(), x.read(), y.update()];
        if let Some(kept) = checkpoints {
            self.check_checkpoints(operation, batch, checkpoints)?;
            return self.record_kept(plan, batch, &binds, kept);
        }
        let gpu = plan.gpu();
        let variant = gpu.variant("mesh", &variants(gpu), |variant| time(gpu, variant))?;
        self.record_forward(plan, variant, batch, &binds)
    }

    /// Gradient of the field before the mesh from what the forward pass left and the gradient of the field behind, both
    /// `[batch, modes, 2]`. Leaves in `partials`, of the shape [`partials`](Self::partials), what the gradients of phases
    /// and couplers are made of.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder<'_>,
        on: Coefficients<'_>,
        fields: Fields<'_>,
        d_y: &Slice,
        partials: &Slice,
        d_x: &Slice,
    ) -> Result<(), Error> {
        let Fields { y, checkpoints } = fields;
        let operation = "mesh::backward";
        let batch = self.check(operation, on, &[y, d_y, d_x])?;
        expect(operation, partials, &self.partials(batch))?;
        self.check_checkpoints(operation, batch, checkpoints)?;
        let gpu = plan.gpu();
        let variant = gpu.variant("mesh", &variants(gpu), |variant| time(gpu, variant))?;
        // What is cut, or takes too many turns in subgroups, goes the portable way.
        let whole = checkpoints.is_none() && plan.check_loop(operation, self.subgroup_backward_turns()).is_ok();
        let subgroup = whole && variant == SUBGROUP;
        let rows = partials.shape()[0];
        let samples = if subgroup { GROUP_SAMPLES } else { self.group_samples(2) };
        if !subgroup {
            plan.check_loop(operation, self.turns(samples))?;
        }
        for first in (0..batch).step_by(GROUP_SAMPLES * rows) {
            let groups = (batch - first).div_ceil(GROUP_SAMPLES).min(rows);
            let work = Work::Groups(groups);
            // Where workgroup memory holds fewer samples than a row has, dispatches share it, and go on with its sums.
            for part in (0..GROUP_SAMPLES.min(batch - first)).step_by(samples) {
                for segment in (0..self.segments()).rev() {
                    let [first_column, end_column] = self.segment(segment);
                    let last = end_column == self.columns();
                    let params = Params {
                        first_sample: word(operation, first + part)?,
                        group_samples: word(operation, samples.min(GROUP_SAMPLES - part))?,
                        n_groups: word(operation, groups)?,
                        accumulate: u32::from(first + part > 0),
                        first_column: word(operation, first_column)?,
                        end_column: word(operation, end_column)?,
                        checkpoint: if last { 0 } else { word(operation, segment * batch * self.modes)? },
                        ..self.params(operation, batch)?
                    };
                    let behind = checkpoints.filter(|_| !last).unwrap_or(y);
                    let fields = [behind.read(), d_y.read(), d_x.update()];
                    let binds = [&[on.matrices.read(), on.screen.read()], &fields[..], &[partials.update()]].concat();
                    if subgroup {
                        let constants = [self.guarded(SUBGROUP_COLUMNS)];
                        plan.dispatch_with("mesh_subgroup", "backward", &constants, &params, &binds, work)?;
                    } else {
                        plan.dispatch("mesh", "backward", &params, &binds, work)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Checkpoints must be given where the mesh needs them, and only there.
    fn check_checkpoints(&self, operation: &str, batch: usize, given: Option<&Slice>) -> Result<(), Error> {
        match (given, self.checkpoints(batch)) {
            (Some(slice), Some(shape)) => expect(operation, slice, &shape),
            (None, None) => Ok(()),
            (given, needed) => Err(Error::Shape {
                what: format!("{operation}, checkpoints"),
                expected: needed.map_or("none".to_owned(), |shape| format!("{shape:?}")),
                got: given.map_or("none".to_owned(), |slice| format!("{:?}", slice.shape())),
            }),
        }
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

    /// Gradient of all phases' errors, in their order, from what the backward pass left.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn backward_phase_error(
        &self,
        plan: &mut PlanBuilder<'_>,
        state: State<'_>,
        partials: &Slice,
        d_phase_error: &Slice,
    ) -> Result<(), Error> {
        let operation = "mesh::backward_phase_error";
        state.check(operation, self)?;
        expect(operation, d_phase_error, state.phase_error.shape())?;
        let State { phi, phase_error, splitter_error, .. } = state;
        let binds = [phi, phase_error, splitter_error, partials].map(Slice::read);
        self.gather(plan, "backward_phase_error", partials, &[&binds[..], &[d_phase_error.write()]].concat())
    }

    /// Gradient of the couplers' errors, from what the backward pass of a mesh without loss left. On a chip that has loss all
    /// the same, that of the right ones is wrong.
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
                got: format!("{} dB an interferometer, arms {} dB apart", self.loss[0], self.loss[1]),
            });
        }
        let State { phi, phase_error, splitter_error, .. } = state;
        let binds = [phi, phase_error, splitter_error, on.matrices, partials].map(Slice::read);
        let binds = [&binds[..], &[d_splitter_error.write()]].concat();
        self.gather(plan, "backward_splitter_error", partials, &binds)
    }

    /// Whether it is designed to lose light.
    pub fn is_lossy(&self) -> bool {
        self.most_loss() > 0.0
    }

    /// Records a kernel that adds up the rows of partial sums: an invocation an interferometer, four modes, or a phase.
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
        let items = match entry {
            "backward_phase_error" => self.modes * self.modes,
            _ => self.interferometers().max(self.modes.div_ceil(4)),
        };
        plan.dispatch("mesh", entry, &params, binds, Work::Items(items))
    }

    /// Whether columns of the mesh are idle anywhere but past the ends where so many are walked at once.
    fn guarded(&self, columns: usize) -> Constant {
        ("GUARDED", (self.layout == Layout::Reck || !self.columns().is_multiple_of(columns)).into())
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

    /// The portable variant, segment by segment. The last field is the output, and not kept.
    fn record_kept(
        &self,
        plan: &mut PlanBuilder<'_>,
        batch: usize,
        binds: &[Bind<'_>; 4],
        kept: &Slice,
    ) -> Result<(), Error> {
        let operation = "mesh::forward";
        let samples = self.group_samples(1);
        plan.check_loop(operation, self.turns(samples))?;
        let [matrices, _, x, y] = *binds;
        for segment in 0..self.segments() {
            let [first_column, end_column] = self.segment(segment);
            let params = Params {
                group_samples: word(operation, samples)?,
                first_column: word(operation, first_column)?,
                end_column: word(operation, end_column)?,
                checkpoint: word(operation, segment * batch * self.modes)?,
                ..self.params(operation, batch)?
            };
            let work = Work::Groups(batch.div_ceil(samples));
            if end_column == self.columns() {
                plan.dispatch("mesh", "forward", &params, binds, work)?;
            } else {
                plan.dispatch("mesh", "forward_kept", &params, &[matrices, x, y, kept.write()], work)?;
            }
        }
        Ok(())
    }
}

impl State<'_> {
    fn check(&self, operation: &str, mesh: &Mesh) -> Result<(), Error> {
        expect(operation, self.theta, &[mesh.interferometers()])?;
        expect(operation, self.phi, &[mesh.interferometers()])?;
        expect(operation, self.gamma, &[mesh.modes])?;
        expect(operation, self.phase_error, &[mesh.modes * mesh.modes])?;
        expect(operation, self.splitter_error, &[2, mesh.interferometers()])?;
        expect(operation, self.loss, &[1])?;
        expect(operation, self.loss_unbalance, &[1])
    }
}

/// Seconds of the forward pass of 512 samples on 64 modes with a variant, or `None` if it does not give what the portable one
/// gives.
fn time(gpu: &Gpu, variant: &'static str) -> Result<Option<f64>, Error> {
    const BATCH: usize = 512;
    let mesh = Mesh::new(WINDOW, Layout::Clements)?;
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
