//! The end of every StyleGAN2 layer: bias, leaky rectifier, gain.

use burn::tensor::{Tensor, activation::leaky_relu};

/// The negative slope that every rectifier of StyleGAN2 has.
pub const LEAKY_SLOPE: f64 = 0.2;

/// `leaky_relu(x + bias) * gain` for `x [n, c, h, w]` and `bias [c]`.
///
/// A gain of `sqrt(2)` keeps the variance of a unit normal input near one.
pub fn bias_act(x: Tensor<4>, bias: Tensor<1>, gain: f64) -> Tensor<4> {
    let channels = bias.dims()[0];
    leaky_relu(x + bias.reshape([1, channels, 1, 1]), LEAKY_SLOPE) * gain
}

/// `tangent` times the slope of `leaky_relu(..) * gain` where it gave `output`.
///
/// The rectifier is piecewise linear, so its slope depends on the sign of the output only, and no
/// gradient flows through that sign.
pub fn rectifier_tangent<const D: usize>(tangent: Tensor<D>, output: Tensor<D>, gain: f64) -> Tensor<D> {
    let below = output.detach().lower_elem(0.0);
    let slope = tangent.ones_like().mask_fill(below, LEAKY_SLOPE) * gain;
    tangent * slope.detach()
}
