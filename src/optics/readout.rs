//! What stands between the light of a layer and its output: detectors with their converter, then an electronic gain, then
//! a bias. Each only where the recipe asks for it. Rings and meshes share it.

use super::ring_recipe::{converter, positive};
use crate::gpu::{Error, PlanBuilder, Slice};
use crate::layer::{Cause, Derived, Imperfection, Io, Parameter, Role, Start};
use crate::ops::detect::{Detector, Source};
use crate::ops::gain;
use crate::random;

/// What a layer declares for it comes last among the layer's own, where it is found again.
#[derive(Clone, Debug)]
pub(super) struct Readout {
    detector: Option<Detector>,
    gain: Option<Gain>,
}

/// The gain of the transimpedance amplifiers, one number a layer.
#[derive(Clone, Copy, Debug)]
struct Gain {
    start: f32,
    trainable: bool,
}

/// A layer's tensors with a gain: the gain itself and its gradient, the readings and theirs.
struct Amplified<'a> {
    gain: &'a Slice,
    d_gain: &'a Slice,
    reading: &'a Slice,
    d_reading: &'a Slice,
    trainable: bool,
}

impl Readout {
    /// Refuses keys of a recipe that are out of range.
    pub(super) fn check(full_scale: Option<f32>, adc_bits: Option<u32>, gain: f32) -> Result<(), String> {
        converter("adc_bits", adc_bits)?;
        positive("gain", gain)?;
        match full_scale {
            Some(full_scale) => positive("full_scale", full_scale),
            None if adc_bits.is_some() => {
                Err("`adc_bits` needs `full_scale`, the largest reading of the detectors".to_owned())
            }
            None => Ok(()),
        }
    }

    /// Of the keys of a recipe: there are detectors where there is a full scale.
    pub(super) fn new(full_scale: Option<f32>, adc_bits: Option<u32>, gain: f32, trainable_gain: bool) -> Self {
        let detector = full_scale.map(|full_scale| Detector { full_scale, adc_bits });
        // A fixed gain of 1 is no gain: no parameter, no kernel.
        let gain = (trainable_gain || gain != 1.0).then_some(Gain { start: gain, trainable: trainable_gain });
        Self { detector, gain }
    }

    /// Whether the light is the output, so that a bias may as well be added along the way.
    pub(super) fn is_plain(&self) -> bool {
        self.detector.is_none() && self.gain.is_none()
    }

    /// The gain, if there is one.
    pub(super) fn parameter(&self) -> Option<Parameter> {
        self.gain.map(|gain| Parameter {
            name: "gain".into(),
            shape: vec![1],
            unit: "",
            bounds: [0.0, f32::MAX],
            start: Start::Constant(gain.start),
            role: if gain.trainable { Role::Digital } else { Role::Statistic },
        })
    }

    /// The noise of the detectors, if there are any.
    pub(super) fn imperfection(&self) -> Option<Imperfection> {
        self.detector.as_ref().map(|_| Imperfection {
            name: "detection_noise",
            shape: vec![1],
            unit: "",
            cause: Cause::Sample,
            limit: None,
        })
    }

    /// Readings and their gradient, for batches of so many samples with so many outputs each.
    pub(super) fn derived(&self, batch: usize, outputs: usize) -> Vec<Derived> {
        let names: &[_] = if self.gain.is_some() { &["reading", "d_reading"] } else { &[] };
        names.iter().map(|name| Derived { name, shape: vec![batch, outputs] }).collect()
    }

    fn amplified<'a>(&self, io: &'a Io) -> Option<Amplified<'a>> {
        let trainable = self.gain?.trainable;
        let (gain, d_gain) = (io.parameters.last()?, io.gradients.last()?);
        let [.., reading, d_reading] = &io.derived[..] else { return None };
        Some(Amplified { gain, d_gain, reading, d_reading, trainable })
    }

    /// Where the layer puts the light `[batch, outputs]`.
    pub(super) fn light<'a>(&self, io: &'a Io) -> &'a Slice {
        self.amplified(io).map_or(&io.output, |amplified| amplified.reading)
    }

    /// Light to output: photodetection and converter, then the gain, then the bias `[outputs]`.
    pub(super) fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, bias: Option<&Slice>) -> Result<(), Error> {
        let (light, amplified) = (self.light(io), self.amplified(io));
        if let Some((detector, noise)) = self.detector.as_ref().zip(io.imperfections.last()) {
            let early = bias.filter(|_| amplified.is_none());
            let stream = random::stream(noise.name());
            let source = Source { clock: &io.clock, stream, step: io.draw_step, row: io.draw_row };
            detector.forward(plan, source, noise, early, light)?;
        }
        match amplified {
            Some(Amplified { gain, reading, .. }) => gain::forward(plan, reading, gain, bias, &io.output),
            None => Ok(()),
        }
    }

    /// Gradient of the output to that of the gain and, which it returns, of the light.
    pub(super) fn backward<'a>(&self, plan: &mut PlanBuilder<'_>, io: &'a Io) -> Result<&'a Slice, Error> {
        let Some(Amplified { gain, d_gain, reading, d_reading, trainable }) = self.amplified(io) else {
            return Ok(&io.d_output);
        };
        if trainable {
            let partials = gain::partials(plan.gpu())?;
            gain::backward_gain(plan, reading, &io.d_output, &partials, d_gain)?;
        }
        gain::backward(plan, gain, &io.d_output, d_reading)?;
        Ok(d_reading)
    }
}
