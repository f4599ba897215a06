//! The discriminator that judges patches: Isola et al., "Image-to-Image Translation with Conditional
//! Adversarial Networks" (2017).

use crate::{
    networks::layers::{BatchNorm, ConfigError, Convolution, full, normal},
    ops::conv2d::conv2d,
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, activation::leaky_relu},
};
use serde::{Deserialize, Serialize};

/// Deviation of first weights and first scales.
const INIT_DEVIATION: f64 = 0.02;
/// Slope of leaky rectifiers below zero.
const NEGATIVE_SLOPE: f64 = 0.2;
/// Side of the kernels, and the pixels around every map that they see as zeros.
const KERNEL: usize = 4;
const PADDING: usize = 1;
/// Layers that double the channels stop at so many times the first ones.
const MOST_DOUBLINGS: usize = 3;

/// The shape of a [`PatchDiscriminator`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchConfig {
    /// Channels of the pictures.
    pub img_channels: usize,
    /// Channels of the first map.
    pub ndf: usize,
    /// Layers that halve the side; with three of them a patch has 70 x 70 pixels.
    pub layers: usize,
}

impl PatchConfig {
    /// That of the paper, of fewer layers where pictures of this side have no room for three, and narrower
    /// for small pictures.
    pub fn of_resolution(resolution: usize) -> Self {
        Self {
            img_channels: 3,
            ndf: if resolution < 128 { 32 } else { 64 },
            layers: (1..3)
                .rev()
                .find(|&more| resolution >> (more + 1) >= 4)
                .map_or(1, |more| more + 1),
        }
    }

    /// Checks every field, for pictures of this side.
    ///
    /// # Errors
    ///
    /// The first field that is out of its bounds.
    pub fn validate(&self, resolution: usize) -> Result<(), ConfigError> {
        ConfigError::check("img_channels", self.img_channels, 1, 4)?;
        ConfigError::check("ndf", self.ndf, 1, 256)?;
        // Two layers at the end take a pixel each, and batch norm needs more than one.
        let most = (1..=6).take_while(|layers| resolution >> layers >= 4).last();
        ConfigError::check("layers", self.layers, 1, most.unwrap_or(1))
    }

    /// `[c_in, c_out, stride]` of the layers between the first and the last.
    fn blocks(&self) -> Vec<[usize; 3]> {
        let width = |layer: usize| self.ndf << layer.min(MOST_DOUBLINGS);
        let block = |layer: usize| {
            let stride = if layer < self.layers { 2 } else { 1 };
            [width(layer - 1), width(layer), stride]
        };
        (1..=self.layers).map(block).collect()
    }

    /// How many numbers its kernels hold.
    pub fn weights(&self) -> u64 {
        let blocks = self.blocks();
        let last = blocks.last().map_or(self.ndf, |[_, c_out, _]| *c_out);
        let between: usize = blocks.iter().map(|[c_in, c_out, _]| c_in * c_out).sum();
        (KERNEL * KERNEL * (self.img_channels * self.ndf + between + last)) as u64
    }

    /// A discriminator with fresh random weights.
    pub fn init(&self, device: &Device) -> PatchDiscriminator {
        let blocks = self.blocks();
        let last = blocks.last().map_or(self.ndf, |[_, c_out, _]| *c_out);
        let kernel =
            |[c_in, c_out]: [usize; 2]| normal([c_out, c_in, KERNEL, KERNEL], INIT_DEVIATION, device);
        let convolution = |[c_in, c_out]: [usize; 2]| Convolution {
            weight: kernel([c_in, c_out]),
            bias: full([c_out], 0.0, device),
        };
        PatchDiscriminator {
            first: convolution([self.img_channels, self.ndf]),
            blocks: blocks
                .iter()
                .map(|&[c_in, c_out, stride]| PatchBlock {
                    weight: kernel([c_in, c_out]),
                    norm: BatchNorm::init(c_out, INIT_DEVIATION, device),
                    stride,
                })
                .collect(),
            out: convolution([last, 1]),
        }
    }
}

/// A convolution, batch norm and a leaky rectifier.
#[derive(Module, Debug)]
pub struct PatchBlock {
    /// `[c_out, c_in, 4, 4]`.
    pub weight: Param<Tensor<4>>,
    /// Over `c_out` channels.
    pub norm: BatchNorm,
    stride: usize,
}

/// `image -> logits`, one for each patch: positive for patches that look real.
#[derive(Module, Debug)]
pub struct PatchDiscriminator {
    /// Halves the side.
    pub first: Convolution,
    /// Halve it as well, all but the last.
    pub blocks: Vec<PatchBlock>,
    /// To the logits.
    pub out: Convolution,
}

impl PatchDiscriminator {
    /// `image [n, channels, h, w] -> logits [n, 1, rows, columns]`, normalized by the statistics of the batch,
    /// which the running ones move toward.
    pub fn forward_train(&mut self, image: Tensor<4>) -> Tensor<4> {
        let mut x = leaky_relu(self.first.forward(image, 2, PADDING), NEGATIVE_SLOPE);
        for block in &mut self.blocks {
            let map = conv2d(x, block.weight.val(), block.stride, PADDING);
            x = leaky_relu(block.norm.forward_train(map), NEGATIVE_SLOPE);
        }
        self.out.forward(x, 1, PADDING)
    }
}
