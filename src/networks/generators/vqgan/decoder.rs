//! The decoder: a map becomes a picture of a `factor` larger side.

use super::{
    AttentionBlock, Middle, Resampling, ResidualBlock, VqGanConfig,
    blocks::{attentions, walk},
    convolution,
};
use crate::networks::layers::{Convolution, GroupNorm};
use burn::{
    module::Module,
    tensor::{Device, Tensor, activation::silu},
};

/// A level of the decoder.
#[derive(Module, Debug)]
pub struct Up {
    /// One after another.
    pub block: Vec<ResidualBlock>,
    /// One behind each block, or none.
    pub attn: Vec<AttentionBlock>,
    /// To the next level; the one at the full side has none.
    pub upsample: Option<Resampling>,
}

/// `map -> image`.
#[derive(Module, Debug)]
pub struct Decoder {
    /// 3x3, from `z_channels`.
    pub conv_in: Convolution,
    /// At the smallest side.
    pub mid: Middle,
    /// Numbered as the encoder's levels, the full side first; it goes through them from the last to the first.
    pub up: Vec<Up>,
    /// In front of the last convolution.
    pub norm_out: GroupNorm,
    /// 3x3, to the picture.
    pub conv_out: Convolution,
}

impl Decoder {
    pub(super) fn init(config: &VqGanConfig, device: &Device) -> Self {
        let groups = config.norm_groups;
        let up = (0..config.levels()).map(|level| {
            let blocks = config.decoder_blocks(level);
            Up {
                attn: attentions(config, level, blocks.len(), device),
                block: blocks
                    .into_iter()
                    .map(|sizes| ResidualBlock::init(sizes, groups, device))
                    .collect(),
                upsample: (level > 0).then(|| Resampling::init(config.width(level), device)),
            }
        });
        let [first, last] = [0, config.levels() - 1].map(|level| config.width(level));
        Self {
            conv_in: convolution([config.z_channels, last], 3, device),
            mid: Middle::init(config, device),
            up: up.collect(),
            norm_out: GroupNorm::lazy(groups, first, device),
            conv_out: convolution([first, config.img_channels], 3, device),
        }
    }

    /// `z [n, z_channels, h, w] -> [n, c, f h, f w]`, all but the last layer.
    pub fn features(&self, z: Tensor<4>) -> Tensor<4> {
        let mut x = self.mid.forward(self.conv_in.forward(z, 1, 1));
        for level in self.up.iter().rev() {
            x = walk(x, &level.block, &level.attn);
            if let Some(upsample) = &level.upsample {
                x = upsample.double(x);
            }
        }
        silu(self.norm_out.forward(x))
    }

    /// The last layer: `features [n, c, h, w] -> image [n, channels, h, w]`.
    pub fn picture(&self, features: Tensor<4>) -> Tensor<4> {
        self.conv_out.forward(features, 1, 1)
    }
}
