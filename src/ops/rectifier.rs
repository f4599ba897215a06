//! The leaky rectifier of StyleGAN2's layers.

use burn::tensor::{Tensor, activation::leaky_relu};

/// The negative slope that every rectifier of StyleGAN2 has.
pub const LEAKY_SLOPE: f64 = 0.2;

/// `leaky_relu(x) * gain`. A gain of `sqrt(2)` keeps the variance of a unit normal input near one.
pub fn rectify<const D: usize>(x: Tensor<D>, gain: f64) -> Tensor<D> {
    leaky_relu(x, LEAKY_SLOPE) * gain
}

/// The factors of positive and of negative values in [`rectify`].
pub(crate) fn sides(gain: f64) -> [f32; 2] {
    [gain as f32, (gain * LEAKY_SLOPE) as f32]
}

/// `tangent` times the slope of [`rectify`] where it gave `output`.
///
/// The rectifier is piecewise linear, so its slope depends on the sign of the output only, and no
/// gradient flows through that sign.
pub fn rectifier_tangent<const D: usize>(tangent: Tensor<D>, output: Tensor<D>, gain: f64) -> Tensor<D> {
    let below = output.detach().lower_elem(0.0);
    let slope = tangent.ones_like().mask_fill(below, LEAKY_SLOPE) * gain;
    tangent * slope.detach()
}
