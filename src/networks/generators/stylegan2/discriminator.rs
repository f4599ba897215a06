//! The residual discriminator, and its derivative along a direction.
//!
//! The tangent pass exists for the R1 penalty, `gamma / 2 |grad_x D(x)|^2`. Its gradient with respect
//! to the weights is that of the directional derivative of `D` along `v = grad_x D(x)`, held constant,
//! so one forward pass that carries `(value, tangent)` replaces differentiating twice.

use super::{
    StyleGan2Config,
    conditioning::ClassMapping,
    layers::{EqualizedConv2d, EqualizedLinear, equalized},
};
use crate::{
    networks::layers::normal,
    ops::{
        conv2d::conv2d,
        rectifier::rectifier_tangent,
        resample::{blur2d, downsample2d},
    },
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// A value and, where asked for, its derivative along a direction of the input.
#[derive(Debug, Clone)]
pub struct Dual<const D: usize> {
    /// The value itself.
    pub value: Tensor<D>,
    /// Its directional derivative.
    pub tangent: Option<Tensor<D>>,
}

impl<const D: usize> Dual<D> {
    /// Applies a linear function to value and tangent alike.
    fn linear<const E: usize>(self, f: impl Fn(Tensor<D>) -> Tensor<E>) -> Dual<E> {
        Dual {
            value: f(self.value),
            tangent: self.tangent.map(f),
        }
    }
}

fn conv_act(layer: &EqualizedConv2d, x: Dual<4>, stride: usize, padding: usize, gain: f64) -> Dual<4> {
    let value = layer.forward(x.value, stride, padding, gain);
    let tangent = x
        .tangent
        .map(|t| rectifier_tangent(layer.linear(t, stride, padding), value.clone(), gain));
    Dual { value, tangent }
}

fn dense_act(layer: &EqualizedLinear, x: Dual<2>) -> Dual<2> {
    let value = layer.forward(x.value);
    let tangent = x
        .tangent
        .map(|t| rectifier_tangent(layer.linear(t), value.clone(), SQRT_2));
    Dual { value, tangent }
}

/// Two 3x3 convolutions, the second of which halves the resolution, around a 1x1 shortcut.
#[derive(Module, Debug)]
pub struct DiscriminatorBlock {
    /// Keeps resolution and channels.
    pub conv0: EqualizedConv2d,
    /// Halves the resolution, changes the channels.
    pub conv1: EqualizedConv2d,
    /// `[c_out, c_in, 1, 1]`, the shortcut, without bias.
    pub skip: Param<Tensor<4>>,
}

impl DiscriminatorBlock {
    fn init([c_in, c_out]: [usize; 2], device: &Device) -> Self {
        Self {
            conv0: EqualizedConv2d::init([c_in, c_in], 3, device),
            conv1: EqualizedConv2d::init([c_in, c_out], 3, device),
            skip: normal([c_out, c_in, 1, 1], 1.0, device),
        }
    }

    /// `x [n, c_in, h, w] -> [n, c_out, h / 2, w / 2]`.
    fn forward(&self, x: Dual<4>) -> Dual<4> {
        // Both branches carry a factor of sqrt(1/2), so that their sum keeps its variance.
        let skip_weight = equalized(&self.skip) * FRAC_1_SQRT_2;
        let skip = x
            .clone()
            .linear(|x| conv2d(downsample2d(x), skip_weight.clone(), 1, 0));
        let x = conv_act(&self.conv0, x, 1, 1, SQRT_2);
        let x = x.linear(|x| blur2d(x, 2, 2, 1.0));
        let x = conv_act(&self.conv1, x, 2, 0, 1.0);
        Dual {
            value: x.value + skip.value,
            tangent: x.tangent.zip(skip.tangent).map(|(tangent, skip)| tangent + skip),
        }
    }
}

/// Minibatch standard deviation, a 3x3 convolution and two linear layers on the smallest maps, 4x4 for powers
/// of two.
#[derive(Module, Debug)]
pub struct DiscriminatorEpilogue {
    /// `[c, c + 1, 3, 3]`: one more input channel for the standard deviation.
    pub conv: EqualizedConv2d,
    /// `base^2 c -> c`, so `16 c -> c` for powers of two.
    pub dense: EqualizedLinear,
    /// `c -> 1`, or `c -> c` where the result is projected on what the class is mapped to.
    pub out: EqualizedLinear,
}

impl DiscriminatorEpilogue {
    /// Pictures are compared in groups of this many, as in the papers.
    pub const GROUP_SIZE: usize = 4;

    fn init(channels: usize, base: usize, outputs: usize, device: &Device) -> Self {
        Self {
            conv: EqualizedConv2d::init([channels + 1, channels], 3, device),
            dense: EqualizedLinear::init([channels * base * base, channels], 0.0, 1.0, true, device),
            out: EqualizedLinear::init([channels, outputs], 0.0, 1.0, false, device),
        }
    }

    /// `x [n, c, base, base]`, and `[n, c]` to project on where there are classes.
    fn forward(&self, x: Dual<4>, class: Option<Tensor<2>>) -> Dual<2> {
        let [n, channels, h, w] = x.value.dims();
        let x = minibatch_std(x, Self::GROUP_SIZE.min(n));
        let x = conv_act(&self.conv, x, 1, 1, SQRT_2);
        let x = x.linear(|x| x.reshape([n, channels * h * w]));
        let x = dense_act(&self.dense, x);
        let x = Dual {
            value: self.out.forward(x.value),
            tangent: x.tangent.map(|t| self.out.linear(t)),
        };
        let Some(class) = class else {
            return x;
        };
        let scale = 1.0 / (channels as f64).sqrt();
        x.linear(|x| (x * class.clone()).sum_dim(1) * scale)
    }
}

/// Appends one channel that holds the mean standard deviation within groups of `group` pictures:
/// `x [n, c, h, w] -> [n, c + 1, h, w]` (Karras et al., "Progressive Growing of GANs", section 3).
fn minibatch_std(x: Dual<4>, group: usize) -> Dual<4> {
    let [n, c, h, w] = x.value.dims();
    assert!(
        n.is_multiple_of(group),
        "a batch of {n} does not divide into groups of {group}"
    );
    // Picture i belongs to group i mod (n / group), as in the reference.
    let split = |x: &Tensor<4>| x.clone().reshape([group, n / group, c * h * w]);
    let center = |x: Tensor<3>| x.clone() - x.mean_dim(0);
    let append = |x: Tensor<4>, std: Tensor<3>| {
        let std = std.mean_dim(2).repeat_dim(0, group).reshape([n, 1, 1, 1]); // [n, 1, 1, 1]
        Tensor::cat(vec![x, std.expand([n, 1, h, w])], 1)
    };

    let centered = center(split(&x.value)); // [group, n / group, c h w]
    let std = (centered.clone().square().mean_dim(0) + 1e-8).sqrt();
    // d std = mean((x - mean) (dx - d mean)) / std
    let tangent = x.tangent.map(|t| {
        let std_tangent = (centered * center(split(&t))).mean_dim(0) / std.clone();
        append(t, std_tangent)
    });
    Dual {
        value: append(x.value, std),
        tangent,
    }
}

/// `image -> logit`: positive for pictures that look real.
#[derive(Module, Debug)]
pub struct Discriminator {
    /// 1x1 convolution from the picture's channels.
    pub from_rgb: EqualizedConv2d,
    /// One block for each resolution, from the full one down to twice the smallest.
    pub blocks: Vec<DiscriminatorBlock>,
    /// The end, on the smallest maps.
    pub epilogue: DiscriminatorEpilogue,
    /// What classes are mapped to; none where there are none.
    pub mapping: Option<ClassMapping>,
}

impl Discriminator {
    pub(super) fn init(config: &StyleGan2Config, device: &Device) -> Self {
        let (channels, base) = (|side| config.channels(side), config.base());
        let mapping = ClassMapping::init(config, channels(base), device);
        let outputs = mapping.as_ref().map_or(1, |_| channels(base));
        Self {
            from_rgb: EqualizedConv2d::init([config.img_channels, channels(config.resolution)], 1, device),
            blocks: config
                .block_sides()
                .rev()
                .take_while(|&side| side > base)
                .map(|side| DiscriminatorBlock::init([channels(side), channels(side / 2)], device))
                .collect(),
            epilogue: DiscriminatorEpilogue::init(channels(base), base, outputs, device),
            mapping,
        }
    }

    /// `image [n, channels, resolution, resolution] -> logits [n, 1]`, with the `classes [n, classes]` that
    /// the pictures are said to be of, each row one at its class and zero elsewhere.
    ///
    /// A batch larger than four must be a multiple of four, for the minibatch standard deviation.
    ///
    /// # Panics
    ///
    /// When there are classes and none are given, or the other way around.
    pub fn forward(&self, image: Tensor<4>, classes: Option<Tensor<2>>) -> Tensor<2> {
        let image = Dual {
            value: image,
            tangent: None,
        };
        self.forward_dual(image, classes).value
    }

    /// Logits and their derivatives `J(image) v`, each `[n, 1]`, along `v` of the image's shape.
    ///
    /// # Panics
    ///
    /// As [`forward`](Self::forward).
    pub fn forward_tangent(
        &self,
        image: Tensor<4>,
        v: Tensor<4>,
        classes: Option<Tensor<2>>,
    ) -> (Tensor<2>, Tensor<2>) {
        let image = Dual {
            value: image,
            tangent: Some(v),
        };
        let logits = self.forward_dual(image, classes);
        (
            logits.value,
            logits.tangent.expect("a tangent goes in, so a tangent comes out"),
        )
    }

    fn forward_dual(&self, image: Dual<4>, classes: Option<Tensor<2>>) -> Dual<2> {
        assert_eq!(
            self.mapping.is_some(),
            classes.is_some(),
            "there are classes, and are classes given?"
        );
        let class = self
            .mapping
            .as_ref()
            .zip(classes)
            .map(|(mapping, classes)| mapping.forward(classes));
        let x = conv_act(&self.from_rgb, image, 1, 0, SQRT_2);
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        self.epilogue.forward(x, class)
    }
}
