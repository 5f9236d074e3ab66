//! Time a kernel takes on the device.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use super::{Error, Gpu, Plan, Scalar};

/// Time of one kernel over all its dispatches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// `family::entry`.
    pub kernel: String,
    /// Dispatches in a replay.
    pub calls: usize,
    /// Seconds a replay.
    pub seconds: f64,
}

/// Where the time of a replay goes, the slowest kernel first.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// One row a kernel.
    pub rows: Vec<Row>,
    /// Median seconds of a replay as it is in training: one pass, one submission, waited for.
    pub replay_seconds: f64,
}

impl Gpu {
    /// Replays plans with a timestamp around every dispatch.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] if the adapter has no timestamps; what befalls the device.
    pub fn profile(&self, plans: &[&Plan], replays: usize) -> Result<Profile, Error> {
        let (seconds, replay_seconds) = self.times(plans, replays)?;
        let mut sums: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
        for (name, seconds) in plans.iter().flat_map(|plan| plan.kernels()).zip(seconds) {
            let sum = sums.entry(name).or_default();
            sum.0 += 1;
            sum.1 += seconds;
        }
        let mut rows: Vec<_> = sums
            .into_iter()
            .map(|(kernel, (calls, seconds))| Row { kernel: kernel.to_owned(), calls, seconds })
            .collect();
        rows.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        Ok(Profile { rows, replay_seconds })
    }

    /// Mean seconds of every dispatch of plans, in order, and the median of a whole replay, as [`profile`](Self::profile) has them.
    ///
    /// # Errors
    /// As [`profile`](Self::profile).
    pub fn times(&self, plans: &[&Plan], replays: usize) -> Result<(Vec<f64>, f64), Error> {
        if !self.adapter().timestamps {
            return Err(Error::NoAdapter(format!(
                "adapter `{}` cannot time kernels; profile on another one",
                self.adapter().name
            )));
        }
        let replays = replays.max(1);
        let total: usize = plans.iter().map(|plan| plan.len()).sum();
        let mut sums = vec![0.0; total];
        let mut whole = Vec::with_capacity(replays);
        // Drivers compile at the first dispatch: the first replay warms up and is not counted.
        for replay in 0..=replays {
            self.wait()?;
            let start = Instant::now();
            self.submit(plans)?;
            self.wait()?;
            let elapsed: Duration = start.elapsed();
            let times = self.timed(plans, total)?;
            if replay == 0 {
                continue;
            }
            whole.push(elapsed.as_secs_f64());
            sums.iter_mut().zip(times).for_each(|(sum, seconds)| *sum += seconds / replays as f64);
        }
        whole.sort_by(f64::total_cmp);
        Ok((sums, whole[whole.len() / 2]))
    }

    /// Seconds of every dispatch, each in a pass of its own.
    fn timed(&self, plans: &[&Plan], total: usize) -> Result<Vec<f64>, Error> {
        let mut seconds = Vec::with_capacity(total);
        let period = f64::from(self.queue.get_timestamp_period()) * 1e-9;
        let dispatches: Vec<_> =
            plans.iter().flat_map(|plan| (0..plan.len()).map(move |index| (plan, index))).collect();
        // A query set holds at most 4,096 queries: two a dispatch.
        for part in dispatches.chunks(2048) {
            let count = 2 * part.len();
            let stamps = self.zeros("timestamps", &[2 * count], Scalar::U32)?;
            self.guarded(|| {
                let queries = self.device.create_query_set(&wgpu::QuerySetDescriptor {
                    label: Some("profile"),
                    ty: wgpu::QueryType::Timestamp,
                    count: count as u32,
                });
                let resolved = self.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("profile"),
                    size: 8 * count as u64,
                    usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                    mapped_at_creation: false,
                });
                let mut encoder = self.device.create_command_encoder(&Default::default());
                for (position, (plan, index)) in part.iter().enumerate() {
                    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                        label: None,
                        timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                            query_set: &queries,
                            beginning_of_pass_write_index: Some(2 * position as u32),
                            end_of_pass_write_index: Some(2 * position as u32 + 1),
                        }),
                    });
                    plan.record_one(*index, &mut pass);
                }
                encoder.resolve_query_set(&queries, 0..count as u32, &resolved, 0);
                encoder.copy_buffer_to_buffer(&resolved, 0, &stamps.buffer.raw, 0, 8 * count as u64);
                self.queue.submit([encoder.finish()]);
            })?;
            let words: Vec<u32> = self.read(&stamps)?;
            let ticks: Vec<u64> =
                words.chunks_exact(2).map(|pair| u64::from(pair[0]) | u64::from(pair[1]) << 32).collect();
            seconds.extend(ticks.chunks_exact(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64 * period));
        }
        Ok(seconds)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: f64 = self.rows.iter().map(|row| row.seconds).sum();
        writeln!(f, "{:<28} {:>5} {:>12} {:>7}", "kernel", "calls", "us a step", "share")?;
        for row in &self.rows {
            writeln!(
                f,
                "{:<28} {:>5} {:>12.1} {:>6.1}%",
                row.kernel,
                row.calls,
                1e6 * row.seconds,
                100.0 * row.seconds / total.max(f64::MIN_POSITIVE)
            )?;
        }
        writeln!(
            f,
            "{:<28} {:>5} {:>12.1}",
            "sum of kernels",
            self.rows.iter().map(|row| row.calls).sum::<usize>(),
            1e6 * total
        )?;
        write!(f, "{:<28} {:>5} {:>12.1}", "step in one submission", "", 1e6 * self.replay_seconds)
    }
}
