//! Two-dimensional convolution, the operation that every network here spends its time in.

use burn::tensor::{
    Tensor, module,
    ops::{ConvOptions, ConvTransposeOptions},
};

/// Convolves `x [n, c_in, h, w]` with `weight [c_out, c_in, kh, kw]` without a bias.
///
/// The output is `[n, c_out, (h + 2 padding - kh) / stride + 1, (w + 2 padding - kw) / stride + 1]`.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    module::conv2d(
        x,
        weight,
        None,
        ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1),
    )
}

/// The transposed convolution: the gradient of [`conv2d`] with respect to its input, as a forward operation.
///
/// Takes `x [n, c_in, h, w]` and `weight [c_in, c_out, kh, kw]`; the output is
/// `[n, c_out, (h - 1) stride - 2 padding + kh + output_padding, ...]`.
/// `output_padding` must be smaller than `stride`: it names which of the input sizes that [`conv2d`]
/// maps to `h` is meant.
pub fn conv_transpose2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    stride: usize,
    padding: usize,
    output_padding: usize,
) -> Tensor<4> {
    module::conv_transpose2d(
        x,
        weight,
        None,
        ConvTransposeOptions::new([stride; 2], [padding; 2], [output_padding; 2], [1, 1], 1),
    )
}
