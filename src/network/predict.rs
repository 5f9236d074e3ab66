//! Outputs for the host.

use super::{Error, Feed, LayerRecipe, Network};
use crate::gpu::{Plan, PlanBuilder, Slice};
use crate::layer::Pass;
use crate::ops::detect::Source;
use crate::ops::{Clock, latent};
use crate::random;

impl Network<'_> {
    /// Outputs `[samples, ...]` of a whole split, row-major, with the parameters and imperfections now on the device.
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
        let clock = Clock { step: chip, ..Clock::default() };
        self.collect(feed.len(), &clock, &[&*feed.draw(), &*self.forward(Pass::Inference)], self.logits(), go_on)
    }

    /// What the last layer takes `[samples, ...]` of a whole split: features of the samples, of a network that classifies. As
    /// [`predict`](Self::predict) otherwise.
    ///
    /// # Errors
    /// What the device reports.
    pub fn features(&self, feed: &Feed, go_on: &mut dyn FnMut(usize) -> bool) -> Result<Option<Vec<f32>>, Error> {
        let last = self.layers() - 1;
        let plans = [feed.draw(), self.forward_between(Pass::Inference, 0..last)?];
        self.collect(feed.len(), &Clock::default(), &plans.each_ref().map(|plan| &**plan), self.input_of(last), go_on)
    }

    /// Place of the first `latent` layer, from which on samples can be [generated](Self::generate).
    pub fn latent(&self) -> Option<usize> {
        let part = self.parts().iter().find(|part| matches!(part.recipe, LayerRecipe::Latent(_)))?;
        (0..self.layers()).find(|&layer| self.layer_name(layer) == part.name)
    }

    /// Outputs `[samples, ...]` for standard normal numbers of a seed in place of what comes out of the `latent` layer, with the
    /// parameters and imperfections now on the device; the same numbers for every chip. As [`predict`](Self::predict) otherwise.
    ///
    /// # Errors
    /// A network without a `latent` layer; what the device reports.
    pub fn generate(
        &self,
        samples: usize,
        seed: u32,
        chip: u32,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Vec<f32>>, Error> {
        let place = self.latent().ok_or_else(|| {
            Error::Fit("the network has no layer of type latent, from which samples are generated".to_owned())
        })?;
        let mut draw = PlanBuilder::new(self.gpu(), "draw");
        let source = Source { clock: self.clock(), stream: random::stream("prior"), step: 0, row: 0 };
        latent::prior(&mut draw, source, self.output_of(place))?;
        let (draw, decode) = (draw.finish()?, self.forward_between(Pass::Inference, place + 1..self.layers())?);
        let clock = Clock { seed, step: chip, ..Clock::default() };
        self.collect(samples, &clock, &[&draw, &decode], self.logits(), go_on)
    }

    /// Replays plans for every batch of so many samples, and reads back what they leave in a tensor `[batch, ...]`.
    fn collect(
        &self,
        samples: usize,
        clock: &Clock,
        plans: &[&Plan],
        tensor: &Slice,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Vec<f32>>, Error> {
        let (gpu, width) = (self.gpu(), tensor.shape()[1]);
        let mut outputs = Vec::with_capacity(samples * width);
        gpu.submit(&[&*self.actuate()])?;
        for first in (0..samples).step_by(self.batch()) {
            if !go_on(first) {
                return Ok(None);
            }
            let rows = self.batch().min(samples - first);
            gpu.write_uniform(self.clock(), &Clock { first: first as u32, rows: rows as u32, ..*clock })?;
            gpu.submit(plans)?;
            outputs.extend(gpu.read::<f32>(&tensor.part("outputs", 0, &[rows, width])?)?);
        }
        Ok(Some(outputs))
    }
}
