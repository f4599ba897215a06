//! StyleGAN2's resample filters: the separable low-pass `[1, 3, 3, 1] x [1, 3, 3, 1] / 64`, alone or together
//! with a change of rate by two (Karras et al. 2020, appendix B; `upfirdn2d` in their notation).

use burn::tensor::{
    Device, Tensor, TensorData, module,
    ops::{ConvOptions, ConvTransposeOptions},
};

/// The one-dimensional `resample_filter`, normalised to a sum of one.
const RESAMPLE_FILTER: [f32; 4] = [0.125, 0.375, 0.375, 0.125];

/// Doubles the sides of `x [n, c, h, w]`: zeros between the samples, then the filter with a gain of 4.
///
/// The output is `[n, c, 2 h + 2 border, 2 w + 2 border]`, where `border` is 0 or 1: a border of one keeps the
/// filter's tail outside the picture on every side, for a 3x3 convolution that follows without padding.
/// In the reference's terms the padding is `(2 + border, 1 + border)`. A constant picture stays constant,
/// except at its edge, where the outside counts as zero.
pub fn upsample2d(x: Tensor<4>, border: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let filter = filter2d(4.0, &x.device());
    let planes = x.reshape([n * c, 1, h, w]);
    let options = ConvTransposeOptions::new([2, 2], [1 - border; 2], [0, 0], [1, 1], 1);
    let grow = 2 * border;
    module::conv_transpose2d(planes, filter, None, options).reshape([n, c, 2 * h + grow, 2 * w + grow])
}

/// Halves the sides of `x [n, c, h, w]`: the filter with a padding of `(1, 1)`, then every second sample.
///
/// The output is `[n, c, h / 2, w / 2]`, rounded down.
pub fn downsample2d(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let filter = filter2d(1.0, &x.device());
    let planes = x.reshape([n * c, 1, h, w]);
    let options = ConvOptions::new([2, 2], [1, 1], [1, 1], 1);
    module::conv2d(planes, filter, None, options).reshape([n, c, h / 2, w / 2])
}

/// Filters `x [n, c, h, w]` at its own rate, times `gain`, with `pad0` zeros before and `pad1` after each axis.
///
/// The output is `[n, c, h + pad0 + pad1 - 3, w + pad0 + pad1 - 3]`.
pub fn blur2d(x: Tensor<4>, pad0: usize, pad1: usize, gain: f32) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let filter = filter2d(gain, &x.device());
    let planes = x.reshape([n * c, 1, h, w]).pad((pad0, pad1, pad0, pad1), 0.0);
    let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
    let grow = pad0 + pad1;
    module::conv2d(planes, filter, None, options).reshape([n, c, h + grow - 3, w + grow - 3])
}

/// The two-dimensional filter as a convolution weight `[1, 1, 4, 4]`.
fn filter2d(gain: f32, device: &Device) -> Tensor<4> {
    let values = RESAMPLE_FILTER
        .iter()
        .flat_map(|a| RESAMPLE_FILTER.map(|b| a * b * gain))
        .collect::<Vec<_>>();
    Tensor::from_data(TensorData::new(values, [1, 1, 4, 4]), device)
}
