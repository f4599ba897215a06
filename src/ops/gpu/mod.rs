//! Whole layers in one launch each, on any of burn's GPUs, for pictures whose gradient is not asked for.
//!
//! A small picture takes a GPU less time than its launches take the processor, so what counts is how many
//! there are; and where pictures are larger, a unit that computes several pixels and channels reads each
//! number once for all of them. What the programs compute is defined by the composed forms of `conv2d`,
//! `linear` and `modulated_conv2d`.

mod kernels;

use super::{
    conv2d::{Layer, PreluLayer},
    resample::{Rate, Resample},
};
use burn::{
    backend::{Cube, DispatchDevice, FloatDType, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor},
    cubecl::{self, client::Client, prelude::*},
    tensor::Tensor,
};
use kernels::SizesLaunch;

type CubeTensor = FloatTensor<Cube>;

/// Whether a tensor lives on a GPU and its gradient will not be asked for.
pub(super) fn is_plain<const D: usize>(tensor: &Tensor<D>) -> bool {
    matches!(tensor.device().as_dispatch(), DispatchDevice::Cube(_))
}

/// Whether that is so of everything that a layer takes.
pub(super) fn are_plain(x: &Tensor<4>, weight: &Tensor<4>, layer: &Layer) -> bool {
    let Layer {
        styles,
        scale,
        noise,
        bias,
        gain: _,
    } = layer;
    let noise_is = |(noise, strength): &(Tensor<4>, Tensor<1>)| is_plain(noise) && is_plain(strength);
    is_plain(x)
        && is_plain(weight)
        && is_plain(bias)
        && styles.as_ref().is_none_or(is_plain)
        && scale.as_ref().is_none_or(is_plain)
        && noise.as_ref().is_none_or(noise_is)
}

/// The same for a layer of a stack.
pub(super) fn is_plain_layer(PreluLayer { weight, bias, slope }: &PreluLayer) -> bool {
    is_plain(weight) && is_plain(bias) && slope.as_ref().is_none_or(is_plain)
}

fn plain<const D: usize>(tensor: Tensor<D>) -> CubeTensor {
    tensor
        .try_into_primitive::<Cube>()
        .expect("the tensor is on a GPU, without autodiff")
}

/// The numbers of a tensor next to each other, in order.
fn contiguous(tensor: CubeTensor) -> CubeTensor {
    if tensor.is_contiguous() {
        return tensor;
    }
    let shape = tensor.shape();
    let flat = Cube::float_reshape(tensor, [shape.num_elements()].into());
    Cube::float_reshape(flat, shape)
}

/// `[n, c, h, w]` with the channels next to each other, `[n, h, w, c]`; nothing is moved where they already
/// are.
fn channels_last(tensor: CubeTensor) -> CubeTensor {
    contiguous(Cube::float_permute(tensor, &[0, 2, 3, 1]))
}

/// The same tensor with its channels next to each other in memory, which is how the programs here read
/// weights: the one that keeps it so spares them the way there in every launch.
pub(super) fn with_channels_last(tensor: Tensor<4>) -> Tensor<4> {
    let tensor = channels_last(plain(tensor));
    Tensor::from_primitive::<Cube>(Cube::float_permute(tensor, &[0, 3, 1, 2]))
}

fn empty<const D: usize>(shape: [usize; D], like: &CubeTensor) -> CubeTensor {
    Cube::float_empty(shape.into(), &like.device(), FloatDType::F32)
}

/// Channels that are read at once.
fn lanes(channels: usize) -> usize {
    [4, 2, 1]
        .into_iter()
        .find(|lanes| channels.is_multiple_of(*lanes))
        .unwrap_or(1)
}

/// How `units` are handed out.
fn launch(client: &Client, units: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new(client, units);
    (cubecl::calculate_cube_count_elemwise(client, units, dim), dim)
}

/// Fewer units than this leave even a small GPU idle.
const ENOUGH_UNITS: usize = 2048;

/// The programs' noise: none, one plane for all pictures, or one for each.
fn noises(noise: &Option<CubeTensor>) -> usize {
    noise.as_ref().map_or(0, |noise| match noise.shape()[0] {
        1 => 1,
        _ => 2,
    })
}

/// What surrounds a convolution; there is a scale or there are slopes, not both.
struct Parts {
    styles: Option<CubeTensor>,
    scale: Option<CubeTensor>,
    noise: Option<CubeTensor>,
    bias: CubeTensor,
    /// Factors of positive and of negative results.
    sides: [f32; 2],
    /// For each channel, in place of the second of them.
    slopes: Option<CubeTensor>,
}

/// `x [n, h, w, c]` and `weight [k, kernel, kernel, c]` to `[n, oh, ow, k]`.
fn layer(x: CubeTensor, weight: CubeTensor, padding: usize, parts: Parts) -> CubeTensor {
    let [n, h, w, c] = x.shape().dims();
    let [k, kernel, kernel_w, _] = weight.shape().dims();
    assert_eq!(kernel, kernel_w, "the program takes square kernels");
    let [oh, ow] = [h, w].map(|side| side + 2 * padding + 1 - kernel);
    let y = empty([n, oh, ow, k], &x);
    let (lanes_in, lanes_out) = (lanes(c), lanes(k));
    let rows = n * oh * (k / lanes_out);
    let pixels = [4, 2]
        .into_iter()
        .find(|pixels| rows * ow.div_ceil(*pixels) >= ENOUGH_UNITS);
    let pixels = pixels.unwrap_or(1);
    let client = x.client.clone();
    let (count, dim) = launch(&client, rows * ow.div_ceil(pixels));
    let Parts {
        styles,
        scale,
        noise,
        bias,
        sides: [up, down],
        slopes,
    } = parts;
    // What is not there is not read, but something has to be bound in its place.
    let (has_styles, has_scale, noises) = (styles.is_some(), scale.is_some(), noises(&noise));
    let has_slopes = slopes.is_some();
    let [styles, noise] = [styles, noise].map(|it| it.unwrap_or_else(|| weight.clone()));
    let factors = scale.or(slopes).unwrap_or_else(|| bias.clone());
    // SAFETY: the program checks that a unit has something to do, and reads within the sizes it is told,
    // which are those of the tensors; `check`s of the callers have compared them with each other.
    unsafe {
        kernels::conv_layer::launch_unchecked(
            &client,
            count,
            dim,
            lanes_in,
            lanes_out,
            x.into_buffer_arg(),
            weight.into_buffer_arg(),
            contiguous(styles).into_buffer_arg(),
            contiguous(factors).into_buffer_arg(),
            contiguous(bias).into_buffer_arg(),
            contiguous(noise).into_buffer_arg(),
            y.clone().into_buffer_arg(),
            SizesLaunch::new(n, h, w, c / lanes_in, oh, ow, k / lanes_out, padding),
            up,
            down,
            kernel,
            pixels,
            has_styles,
            has_scale,
            has_slopes,
            noises,
        );
    }
    y
}

/// [`super::conv2d::conv2d_layer`].
pub(super) fn conv2d_layer(x: Tensor<4>, weight: Tensor<4>, padding: usize, parts: Layer) -> Tensor<4> {
    let sides = parts.sides();
    let noise = parts
        .noise
        .map(|(noise, strength)| contiguous(plain(noise * strength.reshape([1, 1, 1, 1]))));
    let parts = Parts {
        styles: parts.styles.map(plain),
        scale: parts.scale.map(plain),
        noise,
        bias: plain(parts.bias),
        sides,
        slopes: None,
    };
    let (x, weight) = (channels_last(plain(x)), channels_last(plain(weight)));
    let y = layer(x, weight, padding, parts);
    Tensor::from_primitive::<Cube>(Cube::float_permute(y, &[0, 3, 1, 2]))
}

/// [`super::conv2d::conv2d_prelu_stack`].
pub(super) fn conv2d_prelu_stack(x: Tensor<4>, layers: &[PreluLayer]) -> Tensor<4> {
    let y = layers.iter().fold(channels_last(plain(x)), |x, it| {
        let parts = Parts {
            styles: None,
            scale: None,
            noise: None,
            bias: plain(it.bias.clone()),
            sides: [1.0; 2],
            slopes: it.slope.clone().map(plain),
        };
        layer(x, channels_last(plain(it.weight.clone())), 1, parts)
    });
    Tensor::from_primitive::<Cube>(Cube::float_permute(y, &[0, 3, 1, 2]))
}

/// [`super::modulated_conv2d::demodulation`].
pub(super) fn demodulation(weight: Tensor<4>, styles: Tensor<2>) -> Tensor<2> {
    let (weight, styles) = (channels_last(plain(weight)), contiguous(plain(styles)));
    let ([k, kh, kw, c], [n, _]) = (weight.shape().dims(), styles.shape().dims());
    let scale = empty([n, k], &weight);
    let client = weight.client.clone();
    let (count, dim) = launch(&client, n * k);
    let lanes = lanes(c);
    // SAFETY: as in `layer`.
    unsafe {
        kernels::demodulation::launch_unchecked(
            &client,
            count,
            dim,
            lanes,
            weight.into_buffer_arg(),
            styles.into_buffer_arg(),
            scale.clone().into_buffer_arg(),
            n,
            k,
            c / lanes,
            kh * kw,
        );
    }
    Tensor::from_primitive::<Cube>(scale)
}

/// [`super::linear::linear_act`], with the factors of positive and of negative results.
pub(super) fn linear_act(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    [weight_gain, bias_gain]: [f32; 2],
    [up, down]: [f32; 2],
) -> Tensor<2> {
    let [x, weight] = [x, weight].map(|it| contiguous(plain(it)));
    let bias = contiguous(plain(bias));
    let ([n, d_in], [d_out, _]) = (x.shape().dims(), weight.shape().dims());
    let y = empty([n, d_out], &x);
    let client = x.client.clone();
    let (count, dim) = launch(&client, n * d_out);
    let lanes = lanes(d_in);
    // SAFETY: as in `layer`.
    unsafe {
        kernels::linear_act::launch_unchecked(
            &client,
            count,
            dim,
            lanes,
            x.into_buffer_arg(),
            weight.into_buffer_arg(),
            bias.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            n,
            d_in / lanes,
            d_out,
            weight_gain,
            bias_gain,
            up,
            down,
        );
    }
    Tensor::from_primitive::<Cube>(y)
}

/// The resample filter of `x [n, c, h, w]`, also for tensors whose gradient will be asked for: it is another
/// resampling.
pub(super) fn resample(x: CubeTensor, p: Resample) -> CubeTensor {
    let x = channels_last(x);
    let [n, h, w, c] = x.shape().dims();
    let [oh, ow] = p.output;
    let y = empty([n, oh, ow, c], &x);
    let lanes = lanes(c);
    let client = x.client.clone();
    let (count, dim) = launch(&client, n * oh * ow * (c / lanes));
    let rate = match p.rate {
        Rate::Up => 2,
        Rate::Same => 1,
        Rate::Down => 0,
    };
    // SAFETY: as in `layer`.
    unsafe {
        kernels::resample::launch_unchecked(
            &client,
            count,
            dim,
            lanes,
            x.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            SizesLaunch::new(n, h, w, c / lanes, oh, ow, c / lanes, p.pad as usize),
            p.gain,
            rate,
        );
    }
    Cube::float_permute(y, &[0, 3, 1, 2])
}
