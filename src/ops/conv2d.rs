//! Two-dimensional convolution, the operation that every network here spends its time in.

use burn::tensor::{Tensor, module, ops::ConvOptions};

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
