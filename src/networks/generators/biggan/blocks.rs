//! What both networks are made of.

use super::{BlockSizes, WEIGHT_DEVIATION};
use crate::{
    networks::layers::{
        BatchNorm, Convolution, batch_normalized, buffer, doubled, full, halved, lazy_normal,
    },
    ops::{conv2d::conv2d, linear::product},
};
use burn::{
    module::{Module, Param},
    tensor::{
        Device, Tensor,
        activation::{relu, softmax},
    },
};

/// Kernels that see a pixel's neighbors, and those that see only the pixel.
const KERNEL: usize = 3;
const POINT: usize = 1;

/// A convolution that keeps the side.
pub(super) fn convolution(sizes: [usize; 2], kernel: usize, device: &Device) -> Convolution {
    Convolution::lazy(sizes, kernel, WEIGHT_DEVIATION, device)
}

/// A 3x3 convolution.
pub(super) fn wide(sizes: [usize; 2], device: &Device) -> Convolution {
    convolution(sizes, KERNEL, device)
}

/// `x [n, c_in, h, w] -> [n, c_out, h, w]`.
pub(super) fn convolve(layer: &Convolution, x: Tensor<4>) -> Tensor<4> {
    let [.., kernel] = layer.weight.dims();
    layer.forward(x, 1, kernel / 2)
}

/// The convolutions of a block.
fn layers(sizes: &BlockSizes, device: &Device) -> Vec<Convolution> {
    let BlockSizes { c_in, c_out, .. } = *sizes;
    let layers = match sizes.middle {
        Some(middle) => vec![
            ([c_in, middle], POINT),
            ([middle, middle], KERNEL),
            ([middle, middle], KERNEL),
            ([middle, c_out], POINT),
        ],
        None => vec![([c_in, c_out], KERNEL), ([c_out, c_out], KERNEL)],
    };
    layers
        .into_iter()
        .map(|(sizes, kernel)| convolution(sizes, kernel, device))
        .collect()
}

/// Batch norm whose scale and shift follow from what a picture is to be: its class and a part of its latent
/// (section 3 of the paper; de Vries et al. 2017).
#[derive(Module, Debug)]
pub struct ConditionalNorm {
    /// `[channels, width]`, from the condition to what is added to a scale of one.
    pub gain: Param<Tensor<2>>,
    /// `[channels, width]`, from the condition to the shift.
    pub bias: Param<Tensor<2>>,
    /// `[channels]`, the mean that pictures are drawn with.
    pub running_mean: Param<Tensor<1>>,
    /// `[channels]`, the variance that pictures are drawn with.
    pub running_var: Param<Tensor<1>>,
}

impl ConditionalNorm {
    pub(super) fn init([width, channels]: [usize; 2], device: &Device) -> Self {
        let matrix = || lazy_normal([channels, width], WEIGHT_DEVIATION, device);
        Self {
            gain: matrix(),
            bias: matrix(),
            running_mean: buffer(Tensor::zeros([channels], device)),
            running_var: buffer(Tensor::ones([channels], device)),
        }
    }

    /// The scale and the shift of each picture, `[n, channels]`.
    fn affine(&self, condition: &Tensor<2>) -> [Tensor<2>; 2] {
        let [gain, shift] = [&self.gain, &self.bias].map(|matrix| product(condition.clone(), matrix.val()));
        [gain + 1.0, shift]
    }

    /// `x [n, channels, h, w]`, normalized by the statistics that are kept, and `condition [n, width]`.
    pub fn forward(&self, x: Tensor<4>, condition: &Tensor<2>) -> Tensor<4> {
        let [scale, shift] = self.affine(condition);
        let deviation = (self.running_var.val() + BatchNorm::EPSILON).sqrt();
        let scale = scale / deviation.unsqueeze();
        let shift = shift - self.running_mean.val().unsqueeze() * scale.clone();
        affine(x, [scale, shift])
    }

    /// The same, normalized by the batch's own statistics, which replace the part `momentum` of those kept.
    pub fn forward_moving(&mut self, x: Tensor<4>, condition: &Tensor<2>, momentum: f64) -> Tensor<4> {
        let ([_, channels, ..], device) = (x.dims(), x.device());
        let plain = (
            Tensor::ones([channels], &device),
            Tensor::zeros([channels], &device),
        );
        let averages = [&mut self.running_mean, &mut self.running_var];
        let x = batch_normalized(x, plain, averages, momentum);
        affine(x, self.affine(condition))
    }
}

/// `x [n, channels, h, w]`, scaled and shifted by `[n, channels]` each.
fn affine(x: Tensor<4>, by: [Tensor<2>; 2]) -> Tensor<4> {
    let [scale, shift] = by.map(|values| values.unsqueeze_dims(&[2, 3])); // [n, channels, 1, 1]
    x * scale + shift
}

/// A residual block of the generator: norms, rectifiers and convolutions, and beside them the way around.
///
/// In a BigGAN these are two 3x3 convolutions, in a BigGAN-deep two of these between two of 1x1.
#[derive(Module, Debug)]
pub struct GeneratorBlock {
    /// In front of each convolution.
    pub norms: Vec<ConditionalNorm>,
    /// From `c_in` to `c_out` channels.
    pub convs: Vec<Convolution>,
    /// 1x1, the way around in a BigGAN. In a BigGAN-deep that is as many of the channels as leave the block.
    pub shortcut: Option<Convolution>,
    doubles: bool,
}

impl GeneratorBlock {
    pub(super) fn init(sizes: &BlockSizes, width: usize, device: &Device) -> Self {
        let convs = layers(sizes, device);
        let norm = |conv: &Convolution| ConditionalNorm::init([width, conv.weight.dims()[1]], device);
        let shortcut = || convolution([sizes.c_in, sizes.c_out], POINT, device);
        Self {
            norms: convs.iter().map(norm).collect(),
            convs,
            shortcut: sizes.middle.is_none().then(shortcut),
            doubles: sizes.changes_side,
        }
    }

    /// Channels that go in and come out.
    pub(super) fn channels(&self) -> [usize; 2] {
        let [_, c_in, ..] = self.convs[0].weight.dims();
        let c_out = self.convs.last().expect("a block has layers").weight.dims()[0];
        [c_in, c_out]
    }

    /// What the block makes the side of a map larger by.
    pub(super) fn times(&self) -> usize {
        1 + usize::from(self.doubles)
    }

    /// `x [n, c_in, h, w] -> [n, c_out, 2 h, 2 w]`, or of the same side; `condition [n, width]`.
    pub fn forward(&self, x: Tensor<4>, condition: &Tensor<2>) -> Tensor<4> {
        let mut y = x.clone();
        for (index, norm) in self.norms.iter().enumerate() {
            y = self.convolve(index, norm.forward(y, condition));
        }
        y + self.around(x)
    }

    /// The same in training, see [`ConditionalNorm::forward_moving`].
    pub fn forward_moving(&mut self, x: Tensor<4>, condition: &Tensor<2>, momentum: f64) -> Tensor<4> {
        let mut y = x.clone();
        for index in 0..self.norms.len() {
            y = self.norms[index].forward_moving(y, condition, momentum);
            y = self.convolve(index, y);
        }
        y + self.around(x)
    }

    /// What is behind the norm of this number; the side doubles in front of the first 3x3 convolution.
    fn convolve(&self, index: usize, x: Tensor<4>) -> Tensor<4> {
        let kernel = |conv: &Convolution| conv.weight.dims()[3];
        let first_wide = self.convs.iter().position(|conv| kernel(conv) == KERNEL);
        let x = relu(x);
        let x = match self.doubles && first_wide == Some(index) {
            true => doubled(x),
            false => x,
        };
        convolve(&self.convs[index], x)
    }

    fn around(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, c_out] = self.channels();
        let x = match &self.shortcut {
            // A 1x1 convolution of larger pixels is larger pixels of the convolution.
            Some(shortcut) => convolve(shortcut, x),
            None => x.narrow(1, 0, c_out),
        };
        match self.doubles {
            true => doubled(x),
            false => x,
        }
    }
}

/// A residual block of the discriminator: rectifiers and convolutions, and beside them the way around.
#[derive(Module, Debug)]
pub struct DiscriminatorBlock {
    /// As in a [`GeneratorBlock`].
    pub convs: Vec<Convolution>,
    /// 1x1, the way around where a block changes channels or side. In a BigGAN-deep it makes only those
    /// channels that are new.
    pub shortcut: Option<Convolution>,
    halves: bool,
    /// A picture is not rectified.
    of_picture: bool,
}

impl DiscriminatorBlock {
    pub(super) fn init(sizes: &BlockSizes, of_picture: bool, device: &Device) -> Self {
        let BlockSizes {
            c_in,
            c_out,
            middle,
            changes_side: halves,
        } = *sizes;
        let around = match middle {
            Some(_) => (c_out > c_in).then(|| [c_in, c_out - c_in]),
            None => (halves || c_in != c_out).then_some([c_in, c_out]),
        };
        Self {
            convs: layers(sizes, device),
            shortcut: around.map(|sizes| convolution(sizes, POINT, device)),
            halves,
            of_picture,
        }
    }

    /// `x [n, c_in, h, w] -> [n, c_out, h / 2, w / 2]`, or of the same side.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let half = |x: Tensor<4>| if self.halves { halved(x) } else { x };
        let mut y = x.clone();
        for (index, conv) in self.convs.iter().enumerate() {
            let rectified = if self.of_picture && index == 0 { y } else { relu(y) };
            y = convolve(conv, rectified);
        }
        let c_out = y.dims()[1];
        // A 1x1 convolution of means is the mean of convolutions: the authors have both orders.
        let x = half(x);
        let around = match &self.shortcut {
            Some(shortcut) => {
                let made = convolve(shortcut, x.clone());
                match made.dims()[1] == c_out {
                    true => made,
                    false => Tensor::cat(vec![x, made], 1),
                }
            }
            None => x,
        };
        half(y) + around
    }
}

/// Self-attention of a map's pixels (Zhang et al. 2018): each looks at the largest of every four.
#[derive(Module, Debug)]
pub struct Attention {
    /// `[channels / 8, channels, 1, 1]`, the queries.
    pub theta: Param<Tensor<4>>,
    /// `[channels / 8, channels, 1, 1]`, the keys.
    pub phi: Param<Tensor<4>>,
    /// `[channels / 2, channels, 1, 1]`, the values.
    pub g: Param<Tensor<4>>,
    /// `[channels, channels / 2, 1, 1]`, behind it.
    pub o: Param<Tensor<4>>,
    /// `[1]`, how much of it is added to the map; nothing at first.
    pub gamma: Param<Tensor<1>>,
}

impl Attention {
    pub(super) fn init(channels: usize, device: &Device) -> Self {
        let layer = |c_out: usize, c_in: usize| lazy_normal([c_out, c_in, 1, 1], WEIGHT_DEVIATION, device);
        let [narrow, half] = [8, 2].map(|by| (channels / by).max(1));
        Self {
            theta: layer(narrow, channels),
            phi: layer(narrow, channels),
            g: layer(half, channels),
            o: layer(channels, half),
            gamma: full([1], 0.0, device),
        }
    }

    /// `x [n, channels, h, w] -> [n, channels, h, w]`; both sides are even.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let map = |layer: &Param<Tensor<4>>| conv2d(x.clone(), layer.val(), 1, 0);
        let rows = |x: Tensor<4>| {
            let [n, c, h, w] = x.dims();
            x.reshape([n, c, h * w])
        };
        let queries = rows(map(&self.theta)).swap_dims(1, 2); // [n, pixels, c / 8]
        let keys = rows(largest_of_four(map(&self.phi))); // [n, c / 8, pixels / 4]
        let values = rows(largest_of_four(map(&self.g))); // [n, c / 2, pixels / 4]
        let seen = softmax(queries.matmul(keys), 2); // [n, pixels, pixels / 4]
        let found = values.matmul(seen.swap_dims(1, 2)); // [n, c / 2, pixels]
        let found = found.reshape([n, (c / 2).max(1), h, w]);
        conv2d(found, self.o.val(), 1, 0) * self.gamma.val().reshape([1, 1, 1, 1]) + x
    }
}

/// `x [n, c, h, w] -> [n, c, h / 2, w / 2]`.
fn largest_of_four(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let x = x.reshape([n, c, h / 2, 2, w / 2, 2]);
    x.max_dim(5).max_dim(3).reshape([n, c, h / 2, w / 2])
}
