//! The encoder: a picture becomes a map of a `factor` smaller side.

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

/// A level of the encoder.
#[derive(Module, Debug)]
pub struct Down {
    /// One after another.
    pub block: Vec<ResidualBlock>,
    /// One behind each block, or none.
    pub attn: Vec<AttentionBlock>,
    /// To the next level; the last has none.
    pub downsample: Option<Resampling>,
}

/// `image -> map`.
#[derive(Module, Debug)]
pub struct Encoder {
    /// 3x3, from the picture.
    pub conv_in: Convolution,
    /// From the full side down.
    pub down: Vec<Down>,
    /// At the smallest side.
    pub mid: Middle,
    /// In front of the last convolution.
    pub norm_out: GroupNorm,
    /// 3x3, to `z_channels`.
    pub conv_out: Convolution,
}

impl Encoder {
    pub(super) fn init(config: &VqGanConfig, device: &Device) -> Self {
        let groups = config.norm_groups;
        let last = config.levels() - 1;
        let down = (0..=last).map(|level| {
            let blocks = config.encoder_blocks(level);
            Down {
                attn: attentions(config, level, blocks.len(), device),
                block: blocks
                    .into_iter()
                    .map(|sizes| ResidualBlock::init(sizes, groups, device))
                    .collect(),
                downsample: (level < last).then(|| Resampling::init(config.width(level), device)),
            }
        });
        let width = config.width(last);
        Self {
            conv_in: convolution([config.img_channels, config.channels], 3, device),
            down: down.collect(),
            mid: Middle::init(config, device),
            norm_out: GroupNorm::lazy(groups, width, device),
            conv_out: convolution([width, config.z_channels], 3, device),
        }
    }

    /// `image [n, channels, h, w] -> [n, z_channels, h / f, w / f]`.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let mut x = self.conv_in.forward(image, 1, 1);
        for level in &self.down {
            x = walk(x, &level.block, &level.attn);
            if let Some(downsample) = &level.downsample {
                x = downsample.halve(x);
            }
        }
        let x = self.mid.forward(x);
        self.conv_out.forward(silu(self.norm_out.forward(x)), 1, 1)
    }
}
