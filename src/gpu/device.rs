//! The adapter, the device on it, and every way to talk to it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::buffer::{Buffer, Ledger, Slice, Word};
use super::error::{bytes, one_line};
use super::kernel::{Constant, Kernel};
use super::plan::Plan;
use super::shaders::{Embedded, Shader};
use super::variants::Variants;
use super::{Error, Scalar};

/// Submissions that may wait on the device before the host pauses: enough to keep it busy, few enough
/// that an interrupt is answered at once.
const IN_FLIGHT: usize = 8;

const INSTALL_HINT: &str = "install a Vulkan driver for your GPU, or the software one: `apt-get install mesa-vulkan-drivers` (Debian, Ubuntu), `dnf install mesa-vulkan-drivers` (Fedora)";

/// What `flatlight devices` lists of an adapter.
#[derive(Clone, Debug)]
pub struct AdapterSummary {
    /// Place in the list, the number that `--adapter` takes.
    pub index: usize,
    /// Name the driver gives.
    pub name: String,
    /// Vulkan, Metal or DX12.
    pub backend: String,
    /// Driver and its version.
    pub driver: String,
    /// Whether it computes on the CPU.
    pub software: bool,
    /// What kind of device, in words.
    pub kind: &'static str,
    /// Limits of the adapter itself.
    pub limits: wgpu::Limits,
    /// Smallest and largest subgroup.
    pub subgroup: (u32, u32),
    /// Whether kernels can be timed on the device.
    pub timestamps: bool,
    /// Whether kernels can share values within a subgroup.
    pub subgroups: bool,
    /// Whether kernels can load and store words of 64 bits.
    pub wide_words: bool,
}

impl AdapterSummary {
    /// Whether every subgroup has eight lanes, which kernels that share by broadcast count on.
    pub(crate) fn eight_lanes(&self) -> bool {
        self.subgroups && self.subgroup == (8, 8)
    }

    fn new(index: usize, adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => "discrete GPU",
            wgpu::DeviceType::IntegratedGpu => "integrated GPU",
            wgpu::DeviceType::VirtualGpu => "virtual GPU",
            wgpu::DeviceType::Cpu => "software adapter",
            wgpu::DeviceType::Other => "other adapter",
        };
        Self {
            index,
            name: info.name,
            backend: info.backend.to_string(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            software: info.device_type == wgpu::DeviceType::Cpu,
            kind,
            limits: adapter.limits(),
            subgroup: (info.subgroup_min_size, info.subgroup_max_size),
            timestamps: adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY),
            subgroups: adapter.features().contains(wgpu::Features::SUBGROUP),
            wide_words: adapter.features().contains(wgpu::Features::SHADER_INT64),
        }
    }
}

/// How a [`Gpu`] is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Index of an adapter, or part of its name; `None` takes the first, real GPUs before software.
    pub adapter: Option<String>,
    /// Pretends that the adapter binds no more than this many bytes, to exercise splitting.
    pub binding_limit: Option<u64>,
    /// Forces kernel variants by family, such as `matmul` to `portable`.
    pub variants: BTreeMap<String, String>,
    /// Pretends that a dispatch has no more than this many workgroups along an axis, to exercise folding.
    pub group_limit: Option<u32>,
}

/// Running totals of what the host did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Submissions so far.
    pub submissions: u64,
    /// Host time spent on writing and recording: what a step costs the processor before the driver has it.
    pub host: Duration,
    /// Time inside the driver's submit call. Software adapters run the kernels in it.
    pub submit: Duration,
    /// Bytes of device memory held now.
    pub allocated: u64,
}

/// Shader, entry point, constants.
type KernelKey = (String, String, Vec<Constant>);

/// An open device. All methods take `&self`.
pub struct Gpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    summary: AdapterSummary,
    binding_limit: u64,
    group_limit: u32,
    kernels: Mutex<HashMap<KernelKey, Arc<Kernel>>>,
    shaders: Mutex<HashMap<String, Arc<(Shader, wgpu::ShaderModule)>>>,
    failure: Arc<Mutex<Option<Error>>>,
    in_flight: Mutex<VecDeque<wgpu::SubmissionIndex>>,
    submissions: AtomicU64,
    host_nanoseconds: AtomicU64,
    submit_nanoseconds: AtomicU64,
    ledger: Arc<Ledger>,
    variants: Mutex<Variants>,
    scratch: Mutex<BTreeMap<&'static str, Slice>>,
}

/// A lock that a panicking thread cannot poison for the others: the values behind are always whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn enumerate() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    adapters
}

/// Place of the adapter that a request names.
fn choose(adapters: &[AdapterSummary], wanted: Option<&str>) -> Result<usize, Error> {
    if adapters.is_empty() {
        return Err(Error::NoAdapter(format!("no GPU adapter found; {INSTALL_HINT}")));
    }
    let Some(wanted) = wanted.map(str::trim).filter(|wanted| !wanted.is_empty()) else {
        return Ok(0);
    };
    let found = match wanted.parse::<usize>() {
        Ok(index) => (index < adapters.len()).then_some(index),
        Err(_) => {
            let wanted = wanted.to_lowercase();
            adapters.iter().position(|adapter| {
                format!("{} {} {}", adapter.name, adapter.backend, adapter.driver).to_lowercase().contains(&wanted)
            })
        }
    };
    found.ok_or_else(|| {
        let list: Vec<_> = adapters.iter().map(|adapter| format!("{} = {}", adapter.index, adapter.name)).collect();
        Error::NoAdapter(format!("no adapter matches `{wanted}`; there are: {}", list.join(", ")))
    })
}

impl Gpu {
    /// Every adapter of this machine, the one used by default first.
    pub fn adapters() -> Vec<AdapterSummary> {
        enumerate().iter().enumerate().map(|(index, adapter)| AdapterSummary::new(index, adapter)).collect()
    }

    /// Opens an adapter with the limits it has itself.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] with what to install or what there is; [`Error::Refused`].
    pub fn open(options: &Options) -> Result<Self, Error> {
        let adapters = enumerate();
        let mut summaries: Vec<_> =
            adapters.iter().enumerate().map(|(index, adapter)| AdapterSummary::new(index, adapter)).collect();
        let index = choose(&summaries, options.adapter.as_deref())?;
        let adapter = &adapters[index];
        let summary = summaries.swap_remove(index);
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("flatlight"),
            required_features: adapter.features()
                & (wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SUBGROUP | wgpu::Features::SHADER_INT64),
            required_limits: adapter.limits(),
            ..Default::default()
        }))
        .map_err(|error| Error::Refused { adapter: summary.name.clone(), reason: one_line(&error.to_string()) })?;
        let failure = Arc::new(Mutex::new(None));
        let sink = Arc::clone(&failure);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&sink).get_or_insert(Error::from(error));
        }));
        let sink = Arc::clone(&failure);
        device.set_device_lost_callback(move |reason, message| {
            // Dropping the device also "loses" it, which is no failure.
            if reason != wgpu::DeviceLostReason::Destroyed || !message.is_empty() {
                lock(&sink).get_or_insert(Error::DeviceLost(one_line(&format!("{reason:?}: {message}"))));
            }
        });
        let limits = device.limits();
        let binding_limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        log::info!("adapter {}: {} ({}, {})", summary.index, summary.name, summary.kind, summary.driver);
        Ok(Self {
            binding_limit: options.binding_limit.map_or(binding_limit, |limit| limit.min(binding_limit)),
            group_limit: options.group_limit.unwrap_or(u32::MAX).min(limits.max_compute_workgroups_per_dimension),
            device,
            queue,
            kernels: Mutex::default(),
            shaders: Mutex::default(),
            failure,
            in_flight: Mutex::default(),
            submissions: AtomicU64::new(0),
            host_nanoseconds: AtomicU64::new(0),
            submit_nanoseconds: AtomicU64::new(0),
            ledger: Arc::default(),
            variants: Mutex::new(Variants::new(&summary, options.variants.clone())),
            scratch: Mutex::default(),
            summary,
        })
    }

    /// The adapter in use.
    pub fn adapter(&self) -> &AdapterSummary {
        &self.summary
    }

    /// The most bytes that one binding may span.
    pub fn binding_limit(&self) -> u64 {
        self.binding_limit
    }

    /// The most workgroups along one axis of a dispatch.
    pub fn group_limit(&self) -> u32 {
        self.group_limit
    }

    /// Running totals.
    pub fn counters(&self) -> Counters {
        Counters {
            submissions: self.submissions.load(Ordering::Relaxed),
            host: Duration::from_nanos(self.host_nanoseconds.load(Ordering::Relaxed)),
            submit: Duration::from_nanos(self.submit_nanoseconds.load(Ordering::Relaxed)),
            allocated: self.ledger.rows().iter().map(|(_, bytes)| bytes).sum(),
        }
    }

    /// Device memory held now, in bytes by name.
    pub fn memory(&self) -> Vec<(String, u64)> {
        self.ledger.rows()
    }

    /// A new buffer of zeros.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past the adapter's limit, [`Error::OutOfMemory`].
    pub fn zeros(&self, name: &str, shape: &[usize], scalar: Scalar) -> Result<Slice, Error> {
        let words = shape.iter().try_fold(1_usize, |product, extent| product.checked_mul(*extent));
        let limit = self.device.limits().max_buffer_size;
        let size =
            words.and_then(|words| (words as u64).checked_mul(4)).filter(|size| *size <= limit).ok_or_else(|| {
                Error::TooLarge {
                    what: name.to_owned(),
                    wanted: words
                        .map_or_else(|| format!("{shape:?} words"), |words| bytes((words as u64).saturating_mul(4))),
                    limit: bytes(limit),
                    remedy: "choose a smaller batch or network",
                }
            })?;
        // An empty slice still needs a buffer that can be bound.
        let size = size.max(256).next_multiple_of(256);
        let raw = self.guarded(|| {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(name),
                size,
                usage: wgpu::BufferUsages::STORAGE
                    | wgpu::BufferUsages::UNIFORM
                    | wgpu::BufferUsages::COPY_SRC
                    | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })?;
        self.ledger.change(name, size, true);
        Ok(Slice::whole(Buffer { raw, name: name.to_owned(), ledger: Arc::clone(&self.ledger) }, shape, scalar))
    }

    /// Words that an operation fills and reads within itself, and that others of the same name share: what is left in them is gone by the
    /// next one. They are made once, as large as the largest that was asked for until then.
    ///
    /// # Errors
    /// As [`zeros`](Self::zeros).
    pub fn scratch(&self, name: &'static str, shape: &[usize]) -> Result<Slice, Error> {
        let words = shape.iter().product();
        let mut all = lock(&self.scratch);
        match all.get(name) {
            Some(found) if found.len() >= words => found.part(name, 0, shape),
            _ => {
                let made = self.zeros(name, &[words], Scalar::F32)?;
                let part = made.part(name, 0, shape);
                all.insert(name, made);
                part
            }
        }
    }

    /// A new buffer that holds `data`.
    ///
    /// # Errors
    /// As [`zeros`](Self::zeros).
    pub fn upload<T: Word>(&self, name: &str, shape: &[usize], data: &[T]) -> Result<Slice, Error> {
        let slice = self.zeros(name, shape, T::SCALAR)?;
        self.write(&slice, data)?;
        Ok(slice)
    }

    /// Overwrites a slice, in order with the submissions around it.
    ///
    /// # Errors
    /// [`Error::Shape`] if lengths differ.
    pub fn write<T: Word>(&self, slice: &Slice, data: &[T]) -> Result<(), Error> {
        if data.len() != slice.len() || T::SCALAR != slice.scalar() {
            return Err(Error::Shape {
                what: format!("write to `{}`", slice.name()),
                expected: format!("{} words of {:?}", slice.len(), slice.scalar()),
                got: format!("{} words of {:?}", data.len(), T::SCALAR),
            });
        }
        let start = Instant::now();
        if !data.is_empty() {
            self.queue.write_buffer(&slice.buffer.raw, slice.byte_offset(), bytemuck::cast_slice(data));
        }
        spend(&self.host_nanoseconds, start);
        Ok(())
    }

    /// Overwrites a slice of `u32` words with a uniform struct.
    ///
    /// # Errors
    /// [`Error::Shape`] if sizes differ.
    pub fn write_uniform<U: super::Uniform>(&self, slice: &Slice, value: &U) -> Result<(), Error> {
        self.write::<u32>(slice, bytemuck::cast_slice(bytemuck::bytes_of(value)))
    }

    /// Waits for the device and copies a slice back. For setup and tests; never inside a step.
    ///
    /// # Errors
    /// [`Error::Shape`] for the wrong element type, or what befell the device.
    pub fn read<T: Word>(&self, slice: &Slice) -> Result<Vec<T>, Error> {
        if T::SCALAR != slice.scalar() {
            return Err(Error::Shape {
                what: format!("read of `{}`", slice.name()),
                expected: format!("{:?}", slice.scalar()),
                got: format!("{:?}", T::SCALAR),
            });
        }
        if slice.is_empty() {
            return Ok(Vec::new());
        }
        let staging = self.guarded(|| {
            let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("readback"),
                size: slice.byte_len(),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            let mut encoder = self.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(&slice.buffer.raw, slice.byte_offset(), &staging, 0, slice.byte_len());
            self.queue.submit([encoder.finish()]);
            staging
        })?;
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver is gone only if this call already failed.
            let _ = sender.send(result);
        });
        self.wait()?;
        match receiver.recv() {
            Ok(Ok(())) => {}
            _ => {
                return Err(Error::DeviceLost(format!("`{}` could not be read back", slice.name())));
            }
        }
        let view = staging.get_mapped_range(..).map_err(|error| Error::Validation(one_line(&error.to_string())))?;
        Ok(bytemuck::pod_collect_to_vec(&view[..]))
    }

    /// Replays plans one after another, in one pass of one submission.
    ///
    /// # Errors
    /// The first error that the device has reported since the last call.
    pub fn submit(&self, plans: &[&Plan]) -> Result<(), Error> {
        self.pace()?;
        let start = Instant::now();
        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for plan in plans {
                plan.record(&mut pass);
            }
        }
        let commands = encoder.finish();
        spend(&self.host_nanoseconds, start);
        let start = Instant::now();
        let index = self.queue.submit([commands]);
        spend(&self.submit_nanoseconds, start);
        self.submissions.fetch_add(1, Ordering::Relaxed);
        lock(&self.in_flight).push_back(index);
        self.check()
    }

    /// Waits until the device has done everything submitted so far.
    ///
    /// # Errors
    /// What befell the device.
    pub fn wait(&self) -> Result<(), Error> {
        lock(&self.in_flight).clear();
        self.poll(wgpu::PollType::wait_indefinitely())
    }

    /// Makes the device unusable, as a driver reset would. For tests of what follows.
    pub fn lose(&self) {
        self.device.destroy();
        lock(&self.failure).get_or_insert(Error::DeviceLost("destroyed on request".to_owned()));
    }

    /// A kernel by shader, entry point and values of its `override` declarations, compiled once.
    ///
    /// # Errors
    /// [`Error::Shader`] or [`Error::NoKernel`].
    pub fn kernel(&self, shader: &str, entry: &str, constants: &[Constant]) -> Result<Arc<Kernel>, Error> {
        let key = (shader.to_owned(), entry.to_owned(), constants.to_vec());
        if let Some(kernel) = lock(&self.kernels).get(&key) {
            return Ok(Arc::clone(kernel));
        }
        let loaded = self.shader(shader)?;
        let kernel = Arc::new(self.guarded(|| Kernel::new(&self.device, &loaded.0, &loaded.1, entry, constants))??);
        lock(&self.kernels).insert(key, Arc::clone(&kernel));
        Ok(kernel)
    }

    /// The variant of a family of kernels to use here, of those `available`: forced, remembered, or the fastest by
    /// `seconds`, which is asked once an adapter. `None` from it rules a variant out.
    ///
    /// # Errors
    /// [`Error::NoVariant`] if one that is not available is forced; what timing reports.
    pub fn variant(
        &self,
        family: &str,
        available: &[&'static str],
        seconds: impl Fn(&'static str) -> Result<Option<f64>, Error>,
    ) -> Result<&'static str, Error> {
        if let Some(known) = lock(&self.variants).get(family, available)? {
            return Ok(known);
        }
        let mut best = (available[0], f64::INFINITY);
        for &name in available {
            match seconds(name)? {
                Some(seconds) if seconds < best.1 => best = (name, seconds),
                _ => {}
            }
        }
        log::info!("{family}: variant {} is the fastest here", best.0);
        lock(&self.variants).remember(family, best.0);
        Ok(best.0)
    }

    fn shader(&self, path: &str) -> Result<Arc<(Shader, wgpu::ShaderModule)>, Error> {
        if let Some(shader) = lock(&self.shaders).get(path) {
            return Ok(Arc::clone(shader));
        }
        let shader = Shader::load(&Embedded, path)?;
        let module = self.guarded(|| {
            self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(path),
                source: wgpu::ShaderSource::Wgsl(shader.linked.text.as_str().into()),
            })
        })?;
        let loaded = Arc::new((shader, module));
        lock(&self.shaders).insert(path.to_owned(), Arc::clone(&loaded));
        Ok(loaded)
    }

    /// Runs something that makes device objects, and turns what wgpu reports meanwhile into our error.
    pub(crate) fn guarded<T>(&self, make: impl FnOnce() -> T) -> Result<T, Error> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let made = make();
        let invalid = pollster::block_on(validation.pop());
        let exhausted = pollster::block_on(memory.pop());
        self.check()?;
        match exhausted.or(invalid) {
            Some(error) => Err(error.into()),
            None => Ok(made),
        }
    }

    /// Keeps the host at most [`IN_FLIGHT`] submissions ahead of the device.
    fn pace(&self) -> Result<(), Error> {
        let oldest = {
            let mut queue = lock(&self.in_flight);
            if queue.len() < IN_FLIGHT { None } else { queue.pop_front() }
        };
        match oldest {
            Some(index) => self.poll(wgpu::PollType::Wait { submission_index: Some(index), timeout: None }),
            None => Ok(()),
        }
    }

    fn poll(&self, kind: wgpu::PollType) -> Result<(), Error> {
        let result = self.device.poll(kind);
        self.check()?;
        result.map(|_| ()).map_err(|error| Error::DeviceLost(one_line(&error.to_string())))
    }

    fn check(&self) -> Result<(), Error> {
        lock(&self.failure).clone().map_or(Ok(()), Err)
    }
}

/// Adds the time since `start` to a total.
fn spend(total: &AtomicU64, start: Instant) {
    let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    total.fetch_add(nanoseconds, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(index: usize, name: &str) -> AdapterSummary {
        AdapterSummary {
            index,
            name: name.to_owned(),
            backend: "vulkan".to_owned(),
            driver: String::new(),
            software: false,
            kind: "discrete GPU",
            limits: wgpu::Limits::default(),
            subgroup: (32, 32),
            timestamps: true,
            subgroups: true,
            wide_words: false,
        }
    }

    #[test]
    fn an_adapter_is_chosen_by_place_or_part_of_its_name() {
        let list = [adapter(0, "Radeon RX 7900"), adapter(1, "llvmpipe (LLVM 15)")];
        assert_eq!(choose(&list, None).unwrap(), 0);
        assert_eq!(choose(&list, Some("")).unwrap(), 0);
        assert_eq!(choose(&list, Some("1")).unwrap(), 1);
        assert_eq!(choose(&list, Some("LLVM")).unwrap(), 1);
        assert_eq!(
            choose(&list, Some("2")).unwrap_err().to_string(),
            "no adapter matches `2`; there are: 0 = Radeon RX 7900, 1 = llvmpipe (LLVM 15)"
        );
        let none = choose(&[], Some("1")).unwrap_err().to_string();
        assert!(none.contains("apt-get install mesa-vulkan-drivers"), "{none}");
    }
}
