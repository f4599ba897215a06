//! What encoder and decoder are made of.

use super::{VqGanConfig, convolution};
use crate::networks::layers::{Convolution, GroupNorm, attend, doubled};
use burn::{
    module::Module,
    tensor::{Device, Tensor, activation::silu},
};

/// Two convolutions, each behind a norm and swish, added to what they were given (He et al. 2016).
#[derive(Module, Debug)]
pub struct ResidualBlock {
    /// Over `c_in` channels.
    pub norm1: GroupNorm,
    /// 3x3, to `c_out` channels.
    pub conv1: Convolution,
    /// Over `c_out` channels.
    pub norm2: GroupNorm,
    /// 3x3.
    pub conv2: Convolution,
    /// 1x1, for what the block was given, where its channels change.
    pub nin_shortcut: Option<Convolution>,
}

impl ResidualBlock {
    pub(super) fn init([c_in, c_out]: [usize; 2], groups: usize, device: &Device) -> Self {
        Self {
            norm1: GroupNorm::lazy(groups, c_in, device),
            conv1: convolution([c_in, c_out], 3, device),
            norm2: GroupNorm::lazy(groups, c_out, device),
            conv2: convolution([c_out, c_out], 3, device),
            nin_shortcut: (c_in != c_out).then(|| convolution([c_in, c_out], 1, device)),
        }
    }

    /// `x [n, c_in, h, w] -> [n, c_out, h, w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.conv1.forward(silu(self.norm1.forward(x.clone())), 1, 1);
        let y = self.conv2.forward(silu(self.norm2.forward(y)), 1, 1);
        match &self.nin_shortcut {
            Some(shortcut) => shortcut.forward(x, 1, 0) + y,
            None => x + y,
        }
    }
}

/// Self-attention of a map's pixels with a single head, added to what it was given.
#[derive(Module, Debug)]
pub struct AttentionBlock {
    /// In front of the attention.
    pub norm: GroupNorm,
    /// Queries, 1x1.
    pub q: Convolution,
    /// Keys, 1x1.
    pub k: Convolution,
    /// Values, 1x1.
    pub v: Convolution,
    /// Behind it, 1x1.
    pub proj_out: Convolution,
}

impl AttentionBlock {
    pub(super) fn init(channels: usize, groups: usize, device: &Device) -> Self {
        let square = || convolution([channels, channels], 1, device);
        Self {
            norm: GroupNorm::lazy(groups, channels, device),
            q: square(),
            k: square(),
            v: square(),
            proj_out: square(),
        }
    }

    /// `x [n, channels, h, w] -> [n, channels, h, w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let normed = self.norm.forward(x.clone());
        let [q, k, v] = [&self.q, &self.k, &self.v].map(|layer| {
            let map = layer.forward(normed.clone(), 1, 0).reshape([n, 1, c, h * w]);
            map.swap_dims(2, 3) // [n, 1, pixels, c]
        });
        let found = attend(q, k, v, None).swap_dims(2, 3).reshape([n, c, h, w]);
        x + self.proj_out.forward(found, 1, 0)
    }
}

/// The convolution that comes with another side: in front of it in the decoder, with it in the encoder.
#[derive(Module, Debug)]
pub struct Resampling {
    /// 3x3.
    pub conv: Convolution,
}

impl Resampling {
    pub(super) fn init(channels: usize, device: &Device) -> Self {
        Self {
            conv: convolution([channels, channels], 3, device),
        }
    }

    /// `x [n, c, h, w] -> [n, c, h / 2, w / 2]`: every second pixel, with zeros below and on the right only.
    pub fn halve(&self, x: Tensor<4>) -> Tensor<4> {
        self.conv.forward(x.pad([(0, 1), (0, 1)], 0.0), 2, 0)
    }

    /// `x [n, c, h, w] -> [n, c, 2 h, 2 w]`: every pixel four times, then the convolution.
    pub fn double(&self, x: Tensor<4>) -> Tensor<4> {
        self.conv.forward(doubled(x), 1, 1)
    }
}

/// The middle of both networks, at the smallest side.
#[derive(Module, Debug)]
pub struct Middle {
    /// In front of the attention.
    pub block_1: ResidualBlock,
    /// Every pixel sees all others.
    pub attn_1: AttentionBlock,
    /// Behind it.
    pub block_2: ResidualBlock,
}

impl Middle {
    pub(super) fn init(config: &VqGanConfig, device: &Device) -> Self {
        let (width, groups) = (config.width(config.levels() - 1), config.norm_groups);
        let block = || ResidualBlock::init([width, width], groups, device);
        Self {
            block_1: block(),
            attn_1: AttentionBlock::init(width, groups, device),
            block_2: block(),
        }
    }

    /// `x [n, c, h, w] -> [n, c, h, w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.block_2.forward(self.attn_1.forward(self.block_1.forward(x)))
    }
}

/// Blocks of a level, each with its attention behind it where the level has any.
pub(super) fn walk(x: Tensor<4>, blocks: &[ResidualBlock], attentions: &[AttentionBlock]) -> Tensor<4> {
    let mut attentions = attentions.iter();
    blocks.iter().fold(x, |x, block| {
        let x = block.forward(x);
        match attentions.next() {
            Some(attention) => attention.forward(x),
            None => x,
        }
    })
}

/// The attention of a level with so many blocks.
pub(super) fn attentions(
    config: &VqGanConfig,
    level: usize,
    blocks: usize,
    device: &Device,
) -> Vec<AttentionBlock> {
    let count = if config.has_attention(level) { blocks } else { 0 };
    (0..count)
        .map(|_| AttentionBlock::init(config.width(level), config.norm_groups, device))
        .collect()
}
