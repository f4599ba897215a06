//! The end of every StyleGAN2 layer: bias, leaky rectifier, gain, and in the synthesis network the
//! demodulation and the noise before them.
//!
//! On the CPU each is one pass over memory forward and one backward, as the passes and not the
//! arithmetic are what takes the time; on a GPU they are composed, and fused by burn if at all.

mod backend;
mod kernel;

use backend::LayerEnd;
use burn::{
    backend::Dispatch,
    tensor::{Tensor, activation::leaky_relu},
};

use super::flex::is_cpu;

/// The negative slope that every rectifier of StyleGAN2 has.
pub const LEAKY_SLOPE: f64 = 0.2;

/// `leaky_relu(x + bias) * gain` for `x [n, c, h, w]` and `bias [c]`.
///
/// A gain of `sqrt(2)` keeps the variance of a unit normal input near one.
///
/// # Panics
/// When the channels of `x` and `bias` differ or `gain` is not positive.
pub fn bias_act(x: Tensor<4>, bias: Tensor<1>, gain: f64) -> Tensor<4> {
    let [_, c, _, _] = x.dims();
    assert_eq!(bias.dims(), [c], "one bias for each channel");
    assert!(gain > 0.0, "the gain is {gain}, expected more than zero");
    if is_cpu(&x) {
        let (x, bias) = (x.into_dispatch(), bias.into_dispatch());
        return Tensor::from_dispatch(Dispatch::plain_end(x, bias, gain as f32));
    }
    leaky_relu(x + bias.reshape([1, c, 1, 1]), LEAKY_SLOPE) * gain
}

/// `leaky_relu(x * scale + noise * strength + bias) * gain` for `x [n, c, h, w]`, `scale [n, c]`,
/// `noise [1 or n, 1, h, w]` with its `strength [1]`, if there is any, and `bias [c]`. No gradient flows to the noise.
///
/// # Panics
/// When the shapes do not fit together or `gain` is not positive.
pub fn styled_act(
    x: Tensor<4>,
    scale: Tensor<2>,
    noise: Option<(Tensor<4>, Tensor<1>)>,
    bias: Tensor<1>,
    gain: f64,
) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    assert_eq!(scale.dims(), [n, c], "one scale for each picture and channel");
    assert_eq!(bias.dims(), [c], "one bias for each channel");
    assert!(gain > 0.0, "the gain is {gain}, expected more than zero");
    if let Some((noise, strength)) = &noise {
        let [noise_n, noise_c, noise_h, noise_w] = noise.dims();
        assert!(
            noise_n == 1 || noise_n == n,
            "one noise for each picture, or one for all"
        );
        assert_eq!(
            [noise_c, noise_h, noise_w],
            [1, h, w],
            "the noise has as many pixels as the picture"
        );
        assert_eq!(strength.dims(), [1], "one strength for all of the noise");
    }
    if is_cpu(&x) {
        // One plane of zeros stays in the cache, so that it costs nothing to add.
        let (noise, strength) = noise.unwrap_or_else(|| {
            let device = x.device().without_autodiff();
            (Tensor::zeros([1, 1, h, w], &device), Tensor::zeros([1], &device))
        });
        return Tensor::from_dispatch(Dispatch::styled_end(
            x.into_dispatch(),
            scale.into_dispatch(),
            noise.into_dispatch(),
            strength.into_dispatch(),
            bias.into_dispatch(),
            gain as f32,
        ));
    }
    let x = x * scale.reshape([n, c, 1, 1]);
    let x = match noise {
        Some((noise, strength)) => x + noise.detach() * strength.reshape([1, 1, 1, 1]),
        None => x,
    };
    leaky_relu(x + bias.reshape([1, c, 1, 1]), LEAKY_SLOPE) * gain
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
