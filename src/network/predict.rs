//! Logits for the host.

use super::{Error, Feed, Network};
use crate::layer::Pass;
use crate::ops::Clock;

impl Network<'_> {
    /// Logits `[samples, classes]` of a whole split, row-major, with the parameters and imperfections now on the device.
    /// What differs from sample to sample is drawn under the chip's number, as in [`evaluate`](Self::evaluate). `go_on`
    /// hears how many samples are done before every batch and is asked whether to go on; `None` if it says no.
    ///
    /// # Errors
    /// What the device reports.
    pub fn predict(
        &self,
        feed: &Feed,
        chip: u32,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Vec<f32>>, Error> {
        let gpu = self.gpu();
        let classes = self.logits().shape()[1];
        let mut logits = Vec::with_capacity(feed.len() * classes);
        gpu.submit(&[&*self.actuate()])?;
        for first in (0..feed.len()).step_by(self.batch()) {
            if !go_on(first) {
                return Ok(None);
            }
            let rows = self.batch().min(feed.len() - first);
            let clock = Clock { step: chip, first: first as u32, rows: rows as u32, ..Clock::default() };
            gpu.write_uniform(self.clock(), &clock)?;
            gpu.submit(&[&*feed.draw(), &*self.forward(Pass::Inference)])?;
            logits.extend(gpu.read::<f32>(&self.logits().part("logits", 0, &[rows, classes])?)?);
        }
        Ok(Some(logits))
    }
}
