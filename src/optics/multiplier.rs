//! A dense layer whose weights are pictures on a spatial light modulator, lit by a display and read by a camera.

use super::MultiplierRecipe;
use super::readout::Readout;
use crate::gpu::{Error, PlanBuilder, Scalar, Slice};
use crate::layer::{Cause, Derived, Imperfection, Io, Layer, Parameter, Pass, Role, Start};
use crate::ops::resample::{Geometry, Mode, Resample};
use crate::ops::tiles::Tiles;
use crate::ops::{bias, blur, matmul};

/// Places of a layer's tensors; those of the readout come after them.
const TRANSMISSION: usize = 0;
const BIAS: usize = 1;
const BLUR: usize = 4;
const WEIGHT: usize = 0;
const D_WEIGHT: usize = 1;

/// y `[batch, outputs]` = G D(W x) plus a bias, of intensities x; detectors D and gain G where the recipe has them.
///
/// The controls are the transmissions of the modulator, one for the positive and one for the negative part of a weight, each
/// 0 to 1: what a modulator has, and what any two of them may be. A weight is what is left of the positive one less
/// the negative one where the camera looks for them, after the picture has been shifted, turned, scaled and blurred.
#[derive(Clone, Debug)]
pub struct Multiplier {
    recipe: MultiplierRecipe,
    layout: Tiles,
    view: Resample,
    readout: Readout,
}

impl Multiplier {
    /// A layer for samples of this shape, which are flattened.
    ///
    /// # Errors
    /// One line about the key that is out of its range.
    pub fn new(recipe: MultiplierRecipe, input_shape: &[usize]) -> Result<Self, String> {
        recipe.check()?;
        let layout = recipe.layout(input_shape)?;
        let [_, height, width] = layout.shape();
        // The modulator is dark outside.
        let view = Resample::new(recipe.sampling, [height, width], [height, width], [0.0; 2])
            .map_err(|error| format!("`tiles`: {error}"))?;
        let readout = Readout::new(recipe.full_scale, recipe.adc_bits, recipe.gain, recipe.trainable_gain);
        Ok(Self { recipe, layout, view, readout })
    }

    /// Two tensors that pictures go back and forth between.
    fn pictures<'a>(&self, io: &'a Io) -> [&'a Slice; 2] {
        [&io.derived[2], &io.derived[3]]
    }

    fn geometry<'a>(&self, io: &'a Io) -> Geometry<'a> {
        let [shift_x, shift_y, rotation, scale] = [0, 1, 2, 3].map(|place| &io.imperfections[place]);
        Geometry { shift_x, shift_y, rotation, scale }
    }

    /// Gradients of how the picture lies, from that of the view, if any is asked for: of the picture that is laid out once more.
    fn geometry_backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let asked = [0, 1, 2, 3].map(|place| io.d_imperfection(place));
        if asked.iter().all(Option::is_none) {
            return Ok(());
        }
        let not_asked = plan.gpu().zeros("gradients that are not asked for", &[1], Scalar::F32)?;
        let [shift_x, shift_y, rotation, scale] = asked.map(|gradient| gradient.unwrap_or(&not_asked));
        let ([picture, view], d_geometry) = (self.pictures(io), Geometry { shift_x, shift_y, rotation, scale });
        self.layout.lay(plan, &io.parameters[TRANSMISSION], picture)?;
        let partials =
            plan.gpu().zeros("partial sums of a geometry", &self.view.partials(picture.shape()[0]), Scalar::F32)?;
        let (picture, view) = (self.planes(picture)?, self.planes(view)?);
        self.view.backward_geometry(plan, self.geometry(io), &picture, &view, &partials, d_geometry)
    }

    /// Pictures of one channel.
    fn planes(&self, pictures: &Slice) -> Result<Slice, Error> {
        pictures.reshape(&[pictures.shape(), &[1]].concat())
    }

    /// Blurs pictures in place.
    fn blur(&self, plan: &mut PlanBuilder<'_>, io: &Io, pictures: &Slice, scratch: &Slice) -> Result<(), Error> {
        match self.recipe.blur {
            Some(spread) => blur::forward(plan, spread, &io.imperfections[BLUR], pictures, scratch, pictures),
            None => Ok(()),
        }
    }
}

impl Layer for Multiplier {
    fn parameters(&self) -> Vec<Parameter> {
        let [first, last] = self.recipe.start;
        let transmission = Parameter {
            name: "transmission".into(),
            shape: vec![self.recipe.outputs, 2, self.layout.tile.iter().product()],
            unit: "",
            bounds: [0.0, 1.0],
            start: Start::Uniform(first, last),
            role: Role::Control,
        };
        let bias = Parameter {
            name: "bias".into(),
            shape: vec![self.recipe.outputs],
            unit: "",
            bounds: [f32::MIN, f32::MAX],
            start: Start::Constant(0.0),
            role: Role::Digital,
        };
        [transmission, bias].into_iter().chain(self.readout.parameter()).collect()
    }

    fn imperfections(&self) -> Vec<Imperfection> {
        let common = |name, unit, limit| Imperfection { name, shape: vec![1], unit, cause: Cause::Common, limit };
        let mut all = vec![
            common("shift_x", "pixels", None),
            common("shift_y", "pixels", None),
            common("rotation", "degrees", None),
            common("scale", "", Some(0.5)),
        ];
        if self.recipe.blur.is_some() {
            all.push(common("blur", "pixels", Some(4.0)));
        }
        all.into_iter().chain(self.readout.imperfection()).collect()
    }

    /// Of how the picture lies, where that is seen; not of the blur.
    fn has_gradient(&self, imperfection: &str) -> bool {
        self.recipe.sampling != Mode::Nearest && ["shift_x", "shift_y", "rotation", "scale"].contains(&imperfection)
    }

    fn derived(&self, batch: usize) -> Vec<Derived> {
        let weights = [self.recipe.outputs, self.layout.tile.iter().product()];
        let pictures = self.layout.shape();
        let all: [(_, &[usize]); 4] =
            [("weight", &weights), ("d_weight", &weights), ("picture", &pictures), ("view", &pictures)];
        let own = all.map(|(name, shape)| Derived { name, shape: shape.to_vec() }).to_vec();
        [own, self.readout.derived(batch, self.recipe.outputs)].concat()
    }

    fn output_shape(&self) -> Vec<usize> {
        vec![self.recipe.outputs]
    }

    fn actuate(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let [picture, view] = self.pictures(io);
        self.layout.lay(plan, &io.parameters[TRANSMISSION], picture)?;
        self.view.forward(plan, self.geometry(io), &self.planes(picture)?, &self.planes(view)?)?;
        self.blur(plan, io, view, picture)?;
        self.layout.weigh(plan, view, &io.derived[WEIGHT])
    }

    fn forward(&self, plan: &mut PlanBuilder<'_>, io: &Io, _pass: Pass) -> Result<(), Error> {
        let (weight, bias) = (&io.derived[WEIGHT], &io.parameters[BIAS]);
        if self.readout.is_plain() {
            return matmul::abt(plan, &io.input, weight, Some(bias), &io.output);
        }
        matmul::abt(plan, &io.input, weight, None, self.readout.light(io))?;
        self.readout.forward(plan, io, Some(bias))
    }

    fn backward(&self, plan: &mut PlanBuilder<'_>, io: &Io) -> Result<(), Error> {
        let d_light = self.readout.backward(plan, io)?;
        matmul::atb(plan, d_light, &io.input, &io.derived[D_WEIGHT])?;
        // The way of `actuate`, linear, back.
        let [picture, view] = self.pictures(io);
        self.layout.weigh_backward(plan, &io.derived[D_WEIGHT], view)?;
        self.blur(plan, io, view, picture)?;
        self.geometry_backward(plan, io)?;
        self.view.backward(plan, self.geometry(io), &self.planes(view)?, &self.planes(picture)?)?;
        self.layout.lay_backward(plan, picture, &io.gradients[TRANSMISSION])?;
        bias::backward(plan, &io.d_output, &io.gradients[BIAS])?;
        match &io.d_input {
            Some(d_input) => matmul::ab(plan, d_light, &io.derived[WEIGHT], d_input),
            None => Ok(()),
        }
    }
}
