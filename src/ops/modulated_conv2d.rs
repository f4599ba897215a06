//! Weight modulation and demodulation: Karras et al., "Analyzing and Improving the Image Quality of
//! StyleGAN" (2020), section 2.2.
//!
//! The paper scales the weights of each picture, `w'_ijk = s_i * w_ijk` (1), and divides by their norm,
//! `w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk^2 + eps)` (3). Scaling the input channels by `s` and the output
//! channels by the reciprocal norm is the same function with one weight shared by the whole batch, which
//! lets one convolution serve all pictures.

//!
//! In the networks a bias follows, and mostly noise and a rectifier. On the CPU all of it is one pass over
//! memory, and the gradients are another; these functions say what those passes compute.

#[cfg(any(target_arch = "wasm32", feature = "gpu"))]
use super::gpu;
use super::{
    conv2d::{Layer, conv2d_layer, plain_demodulation},
    flex::is_plain_cpu,
    resample::upsample2d,
};
use burn::tensor::Tensor;

/// `leaky_relu(conv(x, weight'') + noise * strength + bias) * gain` for `x [n, c_in, h, w]` and `weight
/// [c_out, c_in, k, k]` modulated by `styles [n, c_in]` and demodulated, `noise [1 or n, 1, h, w]` with its
/// `strength [1]`, if there is any, and `bias [c_out]`. No gradient flows to the noise.
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
    let ([n, _, h, w], [c_out, ..]) = (x.dims(), weight.dims());
    assert_eq!(bias.dims(), [c_out], "one bias for each channel");
    assert!(gain > 0.0, "the gain is {gain}, expected more than zero");
    if let Some((noise, strength)) = &noise {
        let [noise_n, noise_c, noise_h, noise_w] = noise.dims();
        assert!(
            noise_n == 1 || noise_n == n,
            "one noise for each picture, or one for all"
        );
        let [h, w] = [h, w].map(|side| if up { 2 * side } else { side });
        assert_eq!(
            [noise_c, noise_h, noise_w],
            [1, h, w],
            "the noise has as many pixels as the picture"
        );
        assert_eq!(strength.dims(), [1], "one strength for all of the noise");
    }
    let scale = demodulation(weight.clone(), styles.clone());
    // One more pixel on every side takes the place of the convolution's own padding.
    let (x, padding) = match up {
        true => (upsample2d(x, kernel / 2), 0),
        false => (x, kernel / 2),
    };
    let layer = Layer {
        styles: Some(styles),
        scale: Some(scale),
        noise,
        bias,
        gain: Some(gain),
    };
    conv2d_layer(x, weight, 1, padding, layer)
}

/// Convolves `x [n, c_in, h, w]` with `weight [c_out, c_in, k, k]` modulated by `styles [n, c_in]`, without
/// demodulation, and adds `bias [c_out]`.
///
/// # Panics
/// When the shapes do not fit together.
pub fn modulated_conv2d(x: Tensor<4>, weight: Tensor<4>, styles: Tensor<2>, bias: Tensor<1>) -> Tensor<4> {
    let kernel = check(&x, &weight, &styles);
    let layer = Layer {
        styles: Some(styles),
        scale: None,
        noise: None,
        bias,
        gain: None,
    };
    conv2d_layer(x, weight, 1, kernel / 2, layer)
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
    if is_plain_cpu(&weight) && is_plain_cpu(&styles) {
        return plain_demodulation(weight, styles);
    }
    #[cfg(any(target_arch = "wasm32", feature = "gpu"))]
    if gpu::is_plain(&weight) && gpu::is_plain(&styles) {
        return gpu::demodulation(weight, styles);
    }
    let [c_out, c_in, _, _] = weight.dims();
    // Without building w': sum_ik (s_i w_ijk)^2 = sum_i s_i^2 sum_k w_ijk^2.
    let energy = weight.square().sum_dims(&[2, 3]).reshape([c_out, c_in]);
    let norm = styles.square().matmul(energy.transpose()) + 1e-8; // [n, c_out]
    norm.sqrt().recip()
}
