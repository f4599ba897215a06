//! A convolution with all that belongs to its layer, on the CPU in one pass over memory: factors on the way
//! into the convolution, everything else before its results leave the cache. The backward pass is fused the
//! same way. On a GPU it is one launch where no gradient is asked for, and composed otherwise.

mod backend;
mod kernel;

use super::{
    conv2d,
    kept::{Form, kept},
    sizes::ConvSizes,
};
use crate::ops::{
    cpu::{Isa, Line},
    flex::{FlexTensor, dims, from_values, is_cpu, plain},
    rectifier::{rectify, sides},
};
use backend::LayerBackend;
use burn::{
    backend::{Dispatch, Flex, TensorMetadata},
    tensor::Tensor,
};

/// `leaky_relu(conv(x, weight) + bias) * gain` for `x [n, c_in, h, w]`, `weight [c_out, c_in, kh, kw]` and
/// `bias [c_out]`.
///
/// # Panics
/// As [`conv2d`], when `bias` has not one value for each output channel, or `gain` is not positive.
pub fn conv2d_act(
    x: Tensor<4>,
    weight: Tensor<4>,
    stride: usize,
    padding: usize,
    bias: Tensor<1>,
    gain: f64,
) -> Tensor<4> {
    let [c_out, ..] = weight.dims();
    assert_eq!(bias.dims(), [c_out], "one bias for each channel");
    assert!(gain > 0.0, "the gain is {gain}, expected more than zero");
    let layer = Layer {
        styles: None,
        scale: None,
        noise: None,
        bias,
        gain: Some(gain),
    };
    conv2d_layer(x, weight, stride, padding, layer)
}

/// `conv(x, weight) + bias` for `x [n, c_in, h, w]`, `weight [c_out, c_in, kh, kw]` and `bias [c_out]`.
///
/// # Panics
/// As [`conv2d`], and when `bias` has not one value for each output channel.
pub fn conv2d_bias(
    x: Tensor<4>,
    weight: Tensor<4>,
    stride: usize,
    padding: usize,
    bias: Tensor<1>,
) -> Tensor<4> {
    let [c_out, ..] = weight.dims();
    assert_eq!(bias.dims(), [c_out], "one bias for each channel");
    let layer = Layer {
        styles: None,
        scale: None,
        noise: None,
        bias,
        gain: None,
    };
    conv2d_layer(x, weight, stride, padding, layer)
}

/// What surrounds a convolution of `x [n, c_in, h, w]` to `c_out` channels.
pub(crate) struct Layer {
    /// `[n, c_in]`: factors of the input.
    pub styles: Option<Tensor<2>>,
    /// `[n, c_out]`: factors of the output.
    pub scale: Option<Tensor<2>>,
    /// `[n or 1, 1, h, w]`, and its strength `[1]`.
    pub noise: Option<(Tensor<4>, Tensor<1>)>,
    /// `[c_out]`.
    pub bias: Tensor<1>,
    /// That of the rectifier, if there is one.
    pub gain: Option<f64>,
}

impl Layer {
    /// Factors of positive and of negative results.
    pub(crate) fn sides(&self) -> [f32; 2] {
        self.gain.map_or([1.0; 2], sides)
    }
}

/// A convolution and its layer: `leaky_relu(conv(x styles, weight) scale + noise strength + bias) gain`. The
/// last form here is the definition of the others.
pub(crate) fn conv2d_layer(
    x: Tensor<4>,
    weight: Tensor<4>,
    stride: usize,
    padding: usize,
    layer: Layer,
) -> Tensor<4> {
    let sizes = super::check(&x, &weight, stride, padding);
    if is_cpu(&x) {
        return in_one_pass(x, weight, layer, sizes);
    }
    #[cfg(any(target_arch = "wasm32", feature = "gpu"))]
    if stride == 1 && crate::ops::gpu::are_plain(&x, &weight, &layer) {
        return crate::ops::gpu::conv2d_layer(x, weight, padding, layer);
    }
    let per_channel = |factors: Tensor<2>| {
        let [n, c] = factors.dims();
        factors.reshape([n, c, 1, 1])
    };
    let x = match layer.styles {
        Some(styles) => x * per_channel(styles),
        None => x,
    };
    let mut y = conv2d(x, weight, stride, padding);
    if let Some(scale) = layer.scale {
        y = y * per_channel(scale);
    }
    if let Some((noise, strength)) = layer.noise {
        y = y + noise.detach() * strength.reshape([1, 1, 1, 1]);
    }
    let [c_out] = layer.bias.dims();
    y = y + layer.bias.reshape([1, c_out, 1, 1]);
    match layer.gain {
        Some(gain) => rectify(y, gain),
        None => y,
    }
}

fn in_one_pass(x: Tensor<4>, weight: Tensor<4>, layer: Layer, sizes: ConvSizes) -> Tensor<4> {
    let sides = layer.sides();
    let nothing = || Tensor::<1>::zeros([0], &x.device().without_autodiff()).into_dispatch();
    let [styles, scale] =
        [layer.styles, layer.scale].map(|it| it.map_or_else(nothing, Tensor::into_dispatch));
    let (noise, strength) = match layer.noise {
        Some((noise, strength)) => (noise.into_dispatch(), strength.into_dispatch()),
        None => (nothing(), nothing()),
    };
    Tensor::from_dispatch(Dispatch::conv_layer(
        x.into_dispatch(),
        weight.into_dispatch(),
        layer.bias.into_dispatch(),
        styles,
        scale,
        noise,
        strength,
        sizes,
        sides,
    ))
}

pub(super) const ONE: Line = Line([1.0; 16]);

/// The rows of a tensor `[rows, columns]`, or a single one, in lines of their own, zeros at the end of each
/// row.
pub(super) fn blocks(tensor: &FlexTensor) -> Vec<Line> {
    let tensor = tensor.to_contiguous();
    let columns = tensor.shape().last().copied().unwrap_or(0);
    rows_in_blocks(tensor.storage(), columns)
}

fn rows_in_blocks(values: &[f32], columns: usize) -> Vec<Line> {
    let line = |values: &[f32]| {
        let mut line = Line([0.0; 16]);
        line.0[..values.len()].copy_from_slice(values);
        line
    };
    let rows = values.chunks_exact(columns.max(1));
    rows.flat_map(|row| row.chunks(16).map(line)).collect()
}

/// `1 / sqrt(sum_i s_i^2 sum_k w_ijk^2 + 1e-8)`, `[n, c_out]`, of tensors whose gradient will not be asked
/// for. What it needs of the weight is kept.
pub(crate) fn plain_demodulation(weight: Tensor<4>, styles: Tensor<2>) -> Tensor<2> {
    let (weight, styles) = (plain(weight), plain(styles));
    let ([c_out, c_in, kh, kw], [n, _]) = (dims::<4>(&weight), dims::<2>(&styles));
    let energy = kept(&weight, Isa::current(), Form::Energy, || {
        let sums: Vec<f32> = weight
            .storage::<f32>()
            .chunks_exact(kh * kw)
            .map(|taps| taps.iter().map(|w| w * w).sum())
            .collect();
        rows_in_blocks(&sums, c_in)
    });
    let width = c_in.div_ceil(16);
    let mut scales = Vec::with_capacity(n * c_out);
    for styles in blocks(&styles).chunks_exact(width) {
        for energy in energy.chunks_exact(width) {
            let mut sums = [0.0_f32; 16];
            for (energy, styles) in energy.iter().zip(styles) {
                for ((sum, energy), style) in sums.iter_mut().zip(energy.0).zip(styles.0) {
                    *sum += energy * style * style;
                }
            }
            scales.push((sums.iter().sum::<f32>() + 1e-8).sqrt().recip());
        }
    }
    Tensor::from_primitive::<Flex>(from_values(scales, [n, c_out]))
}
