//! Weight modulation and demodulation: Karras et al., "Analyzing and Improving the Image Quality of
//! StyleGAN" (2020), section 2.2.
//!
//! The paper scales the weights of each picture, `w'_ijk = s_i * w_ijk` (1), and divides by their norm,
//! `w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk^2 + eps)` (3). Scaling the input channels by `s` and the output
//! channels by the reciprocal norm is the same function with one weight shared by the whole batch, which
//! lets one convolution serve all pictures.

//!
//! In the networks a bias follows, and mostly noise and a rectifier. On the CPU, where no gradient is asked for, all of it is
//! one pass over memory; these functions say what that pass computes.

use super::{
    bias_act::{LEAKY_SLOPE, styled_act},
    conv2d::{Layer, conv2d, conv2d_layer},
    flex::is_plain_cpu,
    resample::upsample2d,
};
use burn::tensor::Tensor;

/// Convolves `x [n, c_in, h, w]` with `weight [c_out, c_in, k, k]` modulated by `styles [n, c_in]` and demodulated, then ends
/// the layer as [`styled_act`] does.
///
/// `k` is odd and the borders are zero, so the output keeps the size of `x`; with `up` it has twice that
/// size, through the resample filter.
///
/// # Panics
/// When the shapes do not fit together or `gain` is not positive.
pub fn styled_conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    styles: Tensor<2>,
    up: bool,
    noise: Option<(Tensor<4>, Tensor<1>)>,
    bias: Tensor<1>,
    gain: f64,
) -> Tensor<4> {
    let kernel = check(&x, &weight, &styles);
    if is_plain_cpu(&x) && is_plain_cpu(&weight) && is_plain_cpu(&styles) {
        // One more pixel on every side takes the place of the convolution's own padding.
        let (x, padding) = match up {
            true => (upsample2d(x, kernel / 2), 0),
            false => (x, kernel / 2),
        };
        let layer = Layer {
            styles: Some(styles),
            demodulate: true,
            noise,
            bias,
            sides: [gain as f32, (gain * LEAKY_SLOPE) as f32],
        };
        return conv2d_layer(x, weight, padding, layer);
    }
    let scale = demodulation(weight.clone(), styles.clone());
    let x = x * per_channel(styles); // eq. 1
    let x = match up {
        true => conv2d(upsample2d(x, kernel / 2), weight, 1, 0),
        false => conv2d(x, weight, 1, kernel / 2),
    };
    // Demodulation scales the convolution's outputs, so it joins the other steps on them.
    styled_act(x, scale, noise, bias, gain)
}

/// Convolves `x [n, c_in, h, w]` with `weight [c_out, c_in, k, k]` modulated by `styles [n, c_in]`, without demodulation, and
/// adds `bias [c_out]`.
///
/// # Panics
/// When the shapes do not fit together.
pub fn modulated_conv2d(x: Tensor<4>, weight: Tensor<4>, styles: Tensor<2>, bias: Tensor<1>) -> Tensor<4> {
    let kernel = check(&x, &weight, &styles);
    if is_plain_cpu(&x) && is_plain_cpu(&weight) && is_plain_cpu(&styles) {
        let layer = Layer {
            styles: Some(styles),
            demodulate: false,
            noise: None,
            bias,
            sides: [1.0; 2],
        };
        return conv2d_layer(x, weight, kernel / 2, layer);
    }
    let [c_out] = bias.dims();
    conv2d(x * per_channel(styles), weight, 1, kernel / 2) + bias.reshape([1, c_out, 1, 1])
}

fn per_channel(factors: Tensor<2>) -> Tensor<4> {
    let [n, c] = factors.dims();
    factors.reshape([n, c, 1, 1])
}

/// The side of the kernel, if the shapes fit together.
fn check(x: &Tensor<4>, weight: &Tensor<4>, styles: &Tensor<2>) -> usize {
    let [n, c_in, _, _] = x.dims();
    let [_, weight_c_in, kernel, _] = weight.dims();
    assert_eq!(
        weight_c_in, c_in,
        "the weight takes {weight_c_in} channels, the input has {c_in}"
    );
    assert_eq!(
        styles.dims(),
        [n, c_in],
        "one style for each picture and input channel"
    );
    kernel
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
