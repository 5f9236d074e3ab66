//! The microring weight; specification of `shaders/microring.wgsl`.

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

impl Ring {
    /// Weight at a distance x (nm) of the resonance from its channel.
    pub fn weight(&self, x: f64) -> f64 {
        1.0 - 2.0 * self.contrast / (1.0 + (x / self.half_width).powi(2))
    }

    /// dW/dx = 4 A (x/g^2) / (1 + (x/g)^2)^2, 1/nm.
    pub fn slope(&self, x: f64) -> f64 {
        4.0 * self.contrast * x / self.half_width.powi(2) / (1.0 + (x / self.half_width).powi(2)).powi(2)
    }

    /// Weights of rings with these detunings and offsets (nm) at a temperature (K from nominal).
    pub fn forward(&self, detuning: &[f64], offset: &[f64], temperature: f64) -> Vec<f64> {
        detuning.iter().zip(offset).map(|(x, e)| self.weight(x + e + self.drift * temperature)).collect()
    }

    /// Gradient of the detunings from that of the weights.
    pub fn backward(&self, detuning: &[f64], offset: &[f64], temperature: f64, d_weight: &[f64]) -> Vec<f64> {
        let slopes = detuning.iter().zip(offset).map(|(x, e)| self.slope(x + e + self.drift * temperature));
        slopes.zip(d_weight).map(|(slope, d)| slope * d).collect()
    }
}
