//! The microring weight; specification of `shaders/microring.wgsl` and `shaders/shared/ring.wgsl`.

/// An add-drop ring: W(x) = 1 - 2A / (1 + (x/g)^2), through minus drop transmission (Xu et al. 2026).
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    /// Half width at half maximum g, nm.
    pub half_width: f64,
    /// Contrast A; 1 is ideal.
    pub contrast: f64,
    /// Shift of the resonance with temperature, nm/K.
    pub drift: f64,
}

/// What the gradient of a ring is about.
#[derive(Clone, Copy, Debug)]
pub enum About {
    /// Its detuning, and whatever shifts its resonance.
    Detuning,
    /// The relative change of its half width.
    Width,
    /// The change of its contrast.
    Contrast,
}

/// Rings as they were built, at a temperature.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// Detuning of every ring, nm.
    pub detuning: &'a [f64],
    /// What the resonance of every ring was misbuilt by, nm.
    pub offset: &'a [f64],
    /// K from nominal.
    pub temperature: f64,
    /// Relative change of every ring's half width.
    pub width: &'a [f64],
    /// Change of every ring's contrast.
    pub contrast: &'a [f64],
}

impl Ring {
    /// Ring number `i` of a state as it was built, and the distance x (nm) of its resonance from its channel.
    pub fn built(&self, state: State<'_>, i: usize) -> (Self, f64) {
        // Comparisons, as `max` and `clamp` drop NaN.
        let share = 1.0 + state.width[i];
        let share = if share < 0.1 { 0.1 } else { share };
        let contrast = self.contrast + state.contrast[i];
        let contrast = if contrast < 0.0 { 0.0 } else { contrast };
        let contrast = if contrast > 1.0 { 1.0 } else { contrast };
        let x = state.detuning[i] + state.offset[i] + self.drift * state.temperature;
        (Self { half_width: self.half_width * share, contrast, drift: self.drift }, x)
    }

    /// Weight at a distance x (nm) of the resonance from its channel.
    pub fn weight(&self, x: f64) -> f64 {
        1.0 - 2.0 * self.contrast / (1.0 + (x / self.half_width).powi(2))
    }

    /// dW/dx = 4 A (x/g^2) / (1 + (x/g)^2)^2, 1/nm.
    pub fn slope(&self, x: f64) -> f64 {
        4.0 * self.contrast * x / self.half_width.powi(2) / (1.0 + (x / self.half_width).powi(2)).powi(2)
    }

    /// Slope of the weight of ring number `i` of a state, at a distance x (nm) of its resonance from a channel. W depends on
    /// x/g, so that its slope in the width is -(x/g) dg/dw dW/dx. What is held has none.
    pub fn slope_about(&self, about: About, state: State<'_>, i: usize, x: f64) -> f64 {
        let (ring, _) = self.built(state, i);
        let (share, contrast) = (1.0 + state.width[i], self.contrast + state.contrast[i]);
        let moves = |held: bool| if held { 0.0 } else { 1.0 };
        match about {
            About::Detuning => ring.slope(x),
            About::Width => -x / ring.half_width * self.half_width * ring.slope(x) * moves(share < 0.1),
            About::Contrast => -2.0 / (1.0 + (x / ring.half_width).powi(2)) * moves((contrast - 0.5).abs() > 0.5),
        }
    }

    /// Weights of rings.
    pub fn forward(&self, state: State<'_>) -> Vec<f64> {
        let weight = |i| {
            let (ring, x) = self.built(state, i);
            ring.weight(x)
        };
        (0..state.detuning.len()).map(weight).collect()
    }

    /// Gradient of the rings from that of the weights.
    pub fn backward(&self, about: About, state: State<'_>, d_weight: &[f64]) -> Vec<f64> {
        let slope = |(i, d): (usize, &f64)| self.slope_about(about, state, i, self.built(state, i).1) * d;
        d_weight.iter().enumerate().map(slope).collect()
    }
}
