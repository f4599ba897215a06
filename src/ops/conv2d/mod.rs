//! Two-dimensional convolution, the operation that every network here spends its time in.
//!
//! On a GPU it is burn's own. On the CPU it is [`kernel`]'s, plugged into burn as a backend extension with
//! its own backward pass, so that autodiff, checkpointing and the choice of device work as with any tensor
//! operation.

mod backend;
mod cpu;
mod kept;
mod kernel;
mod layer;
mod sizes;
mod stack;

use backend::ConvBackend;
use burn::{backend::Dispatch, tensor::Tensor};
pub(super) use layer::{Layer, conv2d_layer, plain_demodulation};
pub use layer::{conv2d_act, conv2d_bias};
use sizes::ConvSizes;
pub use stack::{PreluLayer, conv2d_prelu_stack};

/// Convolves `x [n, c_in, h, w]` with `weight [c_out, c_in, kh, kw]` without a bias.
///
/// The output is `[n, c_out, (h + 2 padding - kh) / stride + 1, (w + 2 padding - kw) / stride + 1]`.
///
/// # Panics
/// When the channels of `x` and `weight` differ, `stride` is zero, or the kernel is larger than the padded
/// input.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    let sizes = check(&x, &weight, stride, padding);
    Tensor::from_dispatch(Dispatch::convolve(
        x.into_dispatch(),
        weight.into_dispatch(),
        sizes,
    ))
}

/// The sizes of a convolution, if it is one.
fn check(x: &Tensor<4>, weight: &Tensor<4>, stride: usize, padding: usize) -> ConvSizes {
    let [_, c_in, h, w] = x.dims();
    let [_, weight_c_in, kh, kw] = weight.dims();
    assert_eq!(
        weight_c_in, c_in,
        "the weight takes {weight_c_in} channels, the input has {c_in}"
    );
    assert!(stride > 0, "a convolution needs a stride of at least one");
    assert!(
        kh <= h + 2 * padding && kw <= w + 2 * padding,
        "a {kh}x{kw} kernel does not fit an input of {h}x{w} with a padding of {padding}"
    );
    ConvSizes {
        kernel: [kh, kw],
        input: [h, w],
        stride,
        padding,
    }
}

/// A weight `[c_out, c_in, kh, kw]` in the order that the device reads it, for those that keep it: the same
/// tensor.
pub fn arranged(weight: Tensor<4>) -> Tensor<4> {
    #[cfg(any(target_arch = "wasm32", feature = "gpu"))]
    if super::gpu::is_plain(&weight) {
        return super::gpu::with_channels_last(weight);
    }
    weight
}

/// The transposed convolution: the gradient of [`conv2d`] with respect to its input, as a forward operation.
///
/// Takes `x [n, c_in, h, w]` and `weight [c_in, c_out, kh, kw]`; the output is
/// `[n, c_out, (h - 1) stride - 2 padding + kh + output_padding, ...]`.
/// `output_padding` must be smaller than `stride`: it names which of the input sizes that [`conv2d`]
/// maps to `h` is meant.
///
/// # Panics
/// When the channels of `x` and `weight` differ, `stride` is zero, `output_padding` is not smaller than
/// `stride`, or the output would be empty.
pub fn conv_transpose2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    stride: usize,
    padding: usize,
    output_padding: usize,
) -> Tensor<4> {
    let [_, c_in, h, w] = x.dims();
    let [weight_c_in, _, kh, kw] = weight.dims();
    assert_eq!(
        weight_c_in, c_in,
        "the weight takes {weight_c_in} channels, the input has {c_in}"
    );
    assert!(
        output_padding < stride,
        "an output padding of {output_padding} needs a larger stride than {stride}"
    );
    let [height, width] = [(h, kh), (w, kw)].map(|(side, kernel)| {
        let full = side.saturating_sub(1) * stride + kernel + output_padding;
        assert!(
            side > 0 && full > 2 * padding,
            "a padding of {padding} leaves nothing of {full} rows or columns"
        );
        full - 2 * padding
    });
    let sizes = ConvSizes {
        kernel: [kh, kw],
        input: [height, width],
        stride,
        padding,
    };
    Tensor::from_dispatch(Dispatch::convolve_input_grad(
        x.into_dispatch(),
        weight.into_dispatch(),
        sizes,
    ))
}
