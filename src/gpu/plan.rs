//! A step as data: dispatches with ready bind groups, recorded once and replayed.

use std::sync::Arc;

use super::buffer::{Access, Bind, Slice};
use super::error::bytes;
use super::kernel::{Constant, Kernel};
use super::shaders::BindingKind;
use super::{Error, Gpu, Layout, Scalar, Uniform};

/// The most loop turns, nested and successive loops summed, that one invocation may take. Mesa 22.3.6 stops
/// an invocation after 65,535 turns and returns wrong results without a word.
pub const MAX_LOOP_TURNS: usize = 60_000;

/// How many workgroups a dispatch has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// One invocation an item.
    Items(usize),
    /// One workgroup a group.
    Groups(usize),
}

impl Work {
    /// The grid: folded into two axes past the adapter's limit. Kernels use
    /// `indexing_group` of `shared/indexing.wgsl` and ignore groups and items past the end.
    fn grid(self, workgroup: u32, limit: u32) -> Option<[u32; 2]> {
        let groups = match self {
            Self::Items(items) => items.div_ceil(workgroup as usize),
            Self::Groups(groups) => groups,
        };
        let rows = groups.div_ceil(limit as usize).max(1);
        let columns = groups.div_ceil(rows);
        Some([u32::try_from(columns).ok()?, u32::try_from(rows).ok().filter(|rows| *rows <= limit)?])
    }
}

/// What was said of a dispatch when it was recorded: what an account of its cost goes by.
#[derive(Clone, Debug)]
pub struct Recorded {
    kernel: Arc<Kernel>,
    /// Words of every tensor that is bound, and how, in the shader's order, without `params`.
    bound: Vec<(u64, Access)>,
    /// The fields of `params`, and the `override` constants.
    numbers: Vec<(&'static str, f64)>,
}

impl Recorded {
    /// `family::entry`.
    pub fn kernel(&self) -> &str {
        &self.kernel.name
    }

    /// Words of the tensor that is bound under a name of the shader.
    pub fn words(&self, name: &str) -> Option<f64> {
        let place = self.kernel.bindings.iter().skip(1).position(|binding| binding.name == name)?;
        Some(self.bound[place].0 as f64)
    }

    /// A field of the shader's `params`, or an `override` constant that was set.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.numbers.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
    }

    /// Bytes of all tensors that are bound, those that the kernel changes in place `changes` times, others once. Uniforms do not count.
    pub fn bound_bytes(&self, changes: f64) -> f64 {
        let times = |access| match access {
            Access::Uniform(_) => 0.0,
            Access::Read | Access::Write => 1.0,
            Access::Update => changes,
        };
        self.bound.iter().map(|&(words, access)| 4.0 * words as f64 * times(access)).sum()
    }
}

/// The fields of a uniform struct as numbers.
fn numbers<P: Uniform>(params: &P) -> impl Iterator<Item = (&'static str, f64)> {
    let words: Vec<u32> = bytemuck::pod_collect_to_vec(bytemuck::bytes_of(params));
    P::FIELDS.iter().filter_map(move |field| {
        let word = *words.get(field.offset / 4)?;
        Some((field.name, if field.scalar == Scalar::F32 { f64::from(f32::from_bits(word)) } else { f64::from(word) }))
    })
}

#[derive(Debug)]
struct Dispatch {
    recorded: Recorded,
    group: wgpu::BindGroup,
    grid: [u32; 2],
}

/// A recorded list of dispatches.
#[derive(Debug)]
pub struct Plan {
    name: String,
    dispatches: Vec<Dispatch>,
    /// The bind groups hold the device memory; this holds our account of it.
    _buffers: Vec<Slice>,
}

impl Plan {
    /// Name, for profiles.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of dispatches.
    pub fn len(&self) -> usize {
        self.dispatches.len()
    }

    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        self.dispatches.is_empty()
    }

    /// Kernel names in order.
    pub fn kernels(&self) -> impl Iterator<Item = &str> {
        self.recorded().map(Recorded::kernel)
    }

    /// What was said of every dispatch, in order.
    pub fn recorded(&self) -> impl Iterator<Item = &Recorded> {
        self.dispatches.iter().map(|dispatch| &dispatch.recorded)
    }

    pub(crate) fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        for index in 0..self.dispatches.len() {
            self.record_one(index, pass);
        }
    }

    pub(crate) fn record_one(&self, index: usize, pass: &mut wgpu::ComputePass<'_>) {
        let dispatch = &self.dispatches[index];
        pass.set_pipeline(&dispatch.recorded.kernel.pipeline);
        pass.set_bind_group(0, &dispatch.group, &[]);
        pass.dispatch_workgroups(dispatch.grid[0], dispatch.grid[1], 1);
    }
}

struct Pending {
    recorded: Recorded,
    binds: Vec<(u32, Slice)>,
    params: Option<(u32, u64, u64)>,
    grid: [u32; 2],
}

/// Records dispatches, checking each against its shader; [`finish`](Self::finish) makes the bind groups.
pub struct PlanBuilder<'a> {
    gpu: &'a Gpu,
    name: String,
    pending: Vec<Pending>,
    params: Vec<u8>,
}

impl<'a> PlanBuilder<'a> {
    /// An empty plan.
    pub fn new(gpu: &'a Gpu, name: &str) -> Self {
        Self { gpu, name: name.to_owned(), pending: Vec::new(), params: Vec::new() }
    }

    /// Whether nothing was recorded yet.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The device the plan is for.
    pub fn gpu(&self) -> &'a Gpu {
        self.gpu
    }

    /// Appends a dispatch of `shader::entry`.
    ///
    /// The shader binds the uniform `params` first and then `binds` in order. Nothing is dispatched for no work.
    ///
    /// # Errors
    /// [`Error::Binding`] when number, access, element or struct differ from the shader's, when one
    /// buffer would be read and written at once, [`Error::TooLarge`] when a binding exceeds the adapter.
    pub fn dispatch<P: Uniform>(
        &mut self,
        shader: &str,
        entry: &str,
        params: &P,
        binds: &[Bind<'_>],
        work: Work,
    ) -> Result<(), Error> {
        self.dispatch_with(shader, entry, &[], params, binds, work)
    }

    /// A [`dispatch`](Self::dispatch) with values for the shader's `override` declarations.
    ///
    /// # Errors
    /// Those of [`dispatch`](Self::dispatch).
    pub fn dispatch_with<P: Uniform>(
        &mut self,
        shader: &str,
        entry: &str,
        constants: &[Constant],
        params: &P,
        binds: &[Bind<'_>],
        work: Work,
    ) -> Result<(), Error> {
        let kernel = self.gpu.kernel(shader, entry, constants)?;
        let complain = |binding: &str, message: String| Error::Binding {
            kernel: kernel.name.clone(),
            binding: binding.to_owned(),
            message,
        };
        let (first, rest) = match kernel.bindings.split_first() {
            Some((first, rest)) if first.name == "params" => (first, rest),
            _ => {
                return Err(complain(
                    "params",
                    "the shader declares no uniform `params` at its first binding".to_owned(),
                ));
            }
        };
        first.kind.check(&Layout::of::<P>()).map_err(|message| complain("params", message))?;
        if rest.len() != binds.len() {
            let names: Vec<_> = rest.iter().map(|binding| binding.name.as_str()).collect();
            return Err(complain(
                "all",
                format!("the shader uses {} ({}), {} were given", rest.len(), names.join(", "), binds.len()),
            ));
        }
        for (binding, bind) in rest.iter().zip(binds) {
            check_access(&binding.kind, bind).map_err(|message| complain(&binding.name, message))?;
            if bind.slice.byte_len() > self.gpu.binding_limit() {
                return Err(Error::TooLarge {
                    what: bind.slice.name().to_owned(),
                    wanted: bytes(bind.slice.byte_len()),
                    limit: format!("{} a binding", bytes(self.gpu.binding_limit())),
                    remedy: "choose a smaller batch or layer",
                });
            }
        }
        check_aliases(binds).map_err(|(binding, message)| complain(&rest[binding].name, message))?;
        let grid = work
            .grid(kernel.workgroup, self.gpu.group_limit())
            .ok_or_else(|| complain("all", format!("{work:?} is more work than a dispatch can hold")))?;
        if grid[0] == 0 {
            return Ok(());
        }
        let alignment = self.gpu.device.limits().min_uniform_buffer_offset_alignment.max(4) as usize;
        self.params.resize(self.params.len().next_multiple_of(alignment), 0);
        let offset = self.params.len() as u64;
        self.params.extend_from_slice(bytemuck::bytes_of(params));
        let constants = constants.iter().map(|&(name, value)| (name, f64::from(value)));
        self.pending.push(Pending {
            params: Some((first.index, offset, size_of::<P>() as u64)),
            binds: rest.iter().zip(binds).map(|(binding, bind)| (binding.index, bind.slice.clone())).collect(),
            recorded: Recorded {
                bound: binds.iter().map(|bind| (bind.slice.byte_len() / 4, bind.access)).collect(),
                numbers: numbers(params).chain(constants).collect(),
                kernel,
            },
            grid,
        });
        Ok(())
    }

    /// Refuses a kernel whose invocations would loop too often.
    ///
    /// # Errors
    /// [`Error::LoopTurns`] past [`MAX_LOOP_TURNS`].
    pub fn check_loop(&self, kernel: &str, turns: usize) -> Result<(), Error> {
        if turns > MAX_LOOP_TURNS {
            return Err(Error::LoopTurns { kernel: kernel.to_owned(), turns, limit: MAX_LOOP_TURNS });
        }
        Ok(())
    }

    /// Makes the bind groups.
    ///
    /// # Errors
    /// What the device reports.
    pub fn finish(self) -> Result<Plan, Error> {
        let words: Vec<u32> = bytemuck::pod_collect_to_vec(&self.params);
        let uniforms = self.gpu.upload("kernel constants", &[words.len()], &words)?;
        let mut buffers = vec![uniforms.clone()];
        for slice in self.pending.iter().flat_map(|pending| pending.binds.iter().map(|(_, slice)| slice)) {
            if !buffers.iter().any(|kept| Arc::ptr_eq(&kept.buffer, &slice.buffer)) {
                buffers.push(slice.clone());
            }
        }
        let dispatches = self.gpu.guarded(|| {
            self.pending
                .into_iter()
                .map(|pending| {
                    let resource = |buffer, offset, size| {
                        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                            buffer,
                            offset,
                            size: std::num::NonZeroU64::new(size),
                        })
                    };
                    let mut entries: Vec<_> = pending
                        .binds
                        .iter()
                        .map(|(binding, slice)| wgpu::BindGroupEntry {
                            binding: *binding,
                            resource: resource(&slice.buffer.raw, slice.byte_offset(), whole_quads(slice)),
                        })
                        .collect();
                    if let Some((binding, offset, size)) = pending.params {
                        entries.push(wgpu::BindGroupEntry {
                            binding,
                            resource: resource(&uniforms.buffer.raw, offset, size),
                        });
                    }
                    let group = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                        label: Some(&pending.recorded.kernel.name),
                        layout: &pending.recorded.kernel.layout,
                        entries: &entries,
                    });
                    Dispatch { group, recorded: pending.recorded, grid: pending.grid }
                })
                .collect()
        })?;
        Ok(Plan { name: self.name, dispatches, _buffers: buffers })
    }
}

/// Bytes of a binding: up to a multiple of four words, so that kernels may take any tensor four words at a time. What they
/// write past its end is padding (slices start at multiples of [`ALIGNMENT_WORDS`](super::ALIGNMENT_WORDS)).
fn whole_quads(slice: &Slice) -> u64 {
    slice.byte_len().max(1).next_multiple_of(16)
}

/// Compares a bind with what the shader declares and does.
fn check_access(kind: &BindingKind, bind: &Bind<'_>) -> Result<(), String> {
    let slice = bind.slice;
    match kind {
        BindingKind::Uniform(name, ..) => {
            let Access::Uniform(layout) = bind.access else {
                return Err(format!("is a uniform, {slice} was bound as a storage array"));
            };
            kind.check(&layout)?;
            if slice.byte_len() != layout.bytes as u64 {
                return Err(format!("uniform `{name}` has {} bytes, {slice} has {}", layout.bytes, slice.byte_len()));
            }
        }
        BindingKind::Storage { scalar, writable, is_read, .. } => {
            match (bind.access, writable, is_read) {
                (Access::Uniform(layout), ..) => kind.check(&layout)?,
                (Access::Read, true, _) => {
                    return Err(format!("the shader writes it, {slice} was bound to be read"));
                }
                (Access::Write | Access::Update, false, _) => {
                    return Err(format!("the shader only reads it, {slice} was bound to be written"));
                }
                (Access::Write, true, true) => {
                    return Err(format!("the shader also reads it, {slice} was bound to be overwritten"));
                }
                _ => {}
            }
            if slice.scalar() != *scalar {
                return Err(format!("the shader takes {scalar:?}, {slice} holds {:?}", slice.scalar()));
            }
        }
    }
    Ok(())
}

/// wgpu refuses one buffer bound for reading and writing in a dispatch, even in disjoint ranges; two written
/// ranges may not alias either. Says which two tensors.
fn check_aliases(binds: &[Bind<'_>]) -> Result<(), (usize, String)> {
    for (index, bind) in binds.iter().enumerate() {
        for other in &binds[..index] {
            let same = Arc::ptr_eq(&bind.slice.buffer, &other.slice.buffer);
            if same && (bind.access.is_write() || other.access.is_write()) {
                return Err((
                    index,
                    format!(
                        "{} and {} lie in the same buffer `{}`, and one of them is written",
                        other.slice, bind.slice, bind.slice.buffer.name
                    ),
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Work;

    #[test]
    fn grids_fold_past_the_limit_and_cover_all_work() {
        assert_eq!(Work::Items(0).grid(64, 65_535), Some([0, 1]));
        assert_eq!(Work::Items(65).grid(64, 65_535), Some([2, 1]));
        assert_eq!(Work::Groups(65_535).grid(64, 65_535), Some([65_535, 1]));
        for groups in [65_536, 65_537, 131_071, 1_000_003] {
            let [columns, rows] = Work::Groups(groups).grid(1, 65_535).unwrap();
            let covered = columns as usize * rows as usize;
            assert!(
                covered >= groups && covered - groups < rows as usize && columns <= 65_535,
                "{groups}: {columns} x {rows}"
            );
        }
        assert_eq!(Work::Groups(65_535 * 65_535 + 1).grid(1, 65_535), None);
    }
}
