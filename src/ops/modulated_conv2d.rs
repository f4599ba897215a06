//! Weight modulation and demodulation: Karras et al., "Analyzing and Improving the Image Quality of
//! StyleGAN" (2020), section 2.2.
//!
//! The paper scales the weights of each picture, `w'_ijk = s_i * w_ijk` (1), and divides by their norm,
//! `w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk^2 + eps)` (3). Scaling the input channels by `s` and the output
//! channels by the reciprocal norm is the same function with one weight shared by the whole batch, which
//! lets one convolution serve all pictures.

use super::{conv2d::conv2d, resample::upsample2d};
use burn::tensor::Tensor;

/// Convolves `x [n, c_in, h, w]` with `weight [c_out, c_in, k, k]` scaled by `styles [n, c_in]`.
///
/// `k` is odd and the borders are zero, so the output keeps the size of `x`; with `up` it has twice that
/// size, through the resample filter. With `demodulate`, every output channel is brought back to unit
/// expected variance.
pub fn modulated_conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    styles: Tensor<2>,
    demodulate: bool,
    up: bool,
) -> Tensor<4> {
    let [n, c_in, _, _] = x.dims();
    let [c_out, weight_c_in, kernel, _] = weight.dims();
    assert_eq!(
        weight_c_in, c_in,
        "the weight takes {weight_c_in} channels, the input has {c_in}"
    );
    assert_eq!(
        styles.dims(),
        [n, c_in],
        "one style for each picture and input channel"
    );

    let scale = demodulate.then(|| demodulation(weight.clone(), styles.clone()));
    let x = x * styles.reshape([n, c_in, 1, 1]); // eq. 1
    let x = if up {
        // One more pixel on every side takes the place of the convolution's own padding.
        conv2d(upsample2d(x, kernel / 2), weight, 1, 0)
    } else {
        conv2d(x, weight, 1, kernel / 2)
    };
    match scale {
        Some(scale) => x * scale.reshape([n, c_out, 1, 1]),
        None => x,
    }
}

/// The factors `[n, c_out]` that bring the outputs of `weight [c_out, c_in, k, k]`, modulated by
/// `styles [n, c_in]`, back to unit expected variance (eq. 3).
pub fn demodulation(weight: Tensor<4>, styles: Tensor<2>) -> Tensor<2> {
    let [c_out, c_in, _, _] = weight.dims();
    // Without building w': sum_ik (s_i w_ijk)^2 = sum_i s_i^2 sum_k w_ijk^2.
    let energy = weight.square().sum_dims(&[2, 3]).reshape([c_out, c_in]);
    let norm = styles.square().matmul(energy.transpose()) + 1e-8; // [n, c_out]
    norm.sqrt().recip()
}
