//! VQGAN: Esser et al., "Taming Transformers for High-Resolution Image Synthesis" (2021). An encoder turns a
//! picture into a grid of codes from a codebook, and a decoder turns such a grid into a picture.
//!
//! Pictures are `[n, channels, height, width]` in about `[-1, 1]`, of any sides that are multiples of the
//! [factor](VqGanConfig::factor) `f`; a grid has `height / f` by `width / f` codes. The names of the
//! parameters are those of the authors' release. It draws nothing from latents by itself: a prior over its
//! codes does.

mod blocks;
mod codebook;
mod decoder;
mod discriminator;
mod encoder;
mod prior;

pub use blocks::{AttentionBlock, Middle, Resampling, ResidualBlock};
pub use codebook::{Quantized, nearest, perplexity};
pub use decoder::Decoder;
pub use discriminator::{PatchConfig, PatchDiscriminator};
pub use encoder::Encoder;
pub use prior::{CodePrior, Drawing, PriorConfig, Wanted};

use crate::networks::{
    NetworkConfig,
    layers::{ConfigError, Convolution, lazy_normal},
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Int, Tensor},
};
use serde::{Deserialize, Serialize};

/// The shape of a [`VqGan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VqGanConfig {
    /// Side in pixels of the pictures that it is trained on, a multiple of the [factor](Self::factor).
    pub resolution: usize,
    /// Channels of the pictures; 3 for RGB.
    pub img_channels: usize,
    /// Channels of the maps at the full side, before they are multiplied.
    pub channels: usize,
    /// For each level, by how much its channels are multiplied. Each level but the first has half the side of
    /// the one before.
    pub channel_multipliers: Vec<usize>,
    /// Residual blocks of a level in the encoder; the decoder has one more.
    pub res_blocks: usize,
    /// The levels, counted from zero, that have attention after each of their blocks.
    pub attention_levels: Vec<usize>,
    /// Groups of the norms; they divide the channels of every level.
    pub norm_groups: usize,
    /// Channels of the encoder's last map and of the decoder's first.
    pub z_channels: usize,
    /// How many codes there are.
    pub codebook_size: usize,
    /// The numbers of a code.
    pub codebook_dim: usize,
}

impl VqGanConfig {
    /// The published networks for pictures of 256 pixels: a code for each 16 x 16 of them. The paper has
    /// codebooks of 1,024 and of 16,384 codes.
    pub fn f16(codebook_size: usize) -> Self {
        Self {
            resolution: 256,
            img_channels: 3,
            channels: 128,
            channel_multipliers: vec![1, 1, 2, 2, 4],
            res_blocks: 2,
            attention_levels: vec![4],
            norm_groups: 32,
            z_channels: 256,
            codebook_size,
            codebook_dim: 256,
        }
    }

    /// A small network for avatars on a CPU, under two million parameters: a code for each 4 x 4 pixels.
    pub fn small(resolution: usize) -> Self {
        Self {
            resolution,
            img_channels: 3,
            channels: 32,
            channel_multipliers: vec![1, 2, 3],
            res_blocks: 1,
            attention_levels: vec![2],
            norm_groups: 16,
            z_channels: 64,
            codebook_size: 512,
            codebook_dim: 64,
        }
    }

    /// Levels, from the full side down.
    fn levels(&self) -> usize {
        self.channel_multipliers.len()
    }

    /// How many pixels on a side a code stands for: `f` in the paper.
    pub fn factor(&self) -> usize {
        1 << self.levels().saturating_sub(1)
    }

    /// Codes on the side of a picture of the usual resolution.
    pub fn grid(&self) -> usize {
        self.resolution / self.factor()
    }

    /// Channels of a level.
    fn width(&self, level: usize) -> usize {
        self.channels * self.channel_multipliers[level]
    }

    /// `[c_in, c_out]` of the encoder's blocks at a level.
    fn encoder_blocks(&self, level: usize) -> Vec<[usize; 2]> {
        let above = match level {
            0 => self.channels,
            _ => self.width(level - 1),
        };
        self.blocks(above, level, self.res_blocks)
    }

    /// The same of the decoder, where the level below comes first.
    fn decoder_blocks(&self, level: usize) -> Vec<[usize; 2]> {
        let below = self.width((level + 1).min(self.levels() - 1));
        self.blocks(below, level, self.res_blocks + 1)
    }

    fn blocks(&self, first: usize, level: usize, count: usize) -> Vec<[usize; 2]> {
        let width = self.width(level);
        let ins = [first].into_iter().chain(std::iter::repeat(width));
        ins.take(count).map(|c_in| [c_in, width]).collect()
    }

    fn has_attention(&self, level: usize) -> bool {
        self.attention_levels.contains(&level)
    }

    /// How many numbers the maps of a picture of these sides have, in encoder and decoder together; what
    /// training keeps for a gradient is a few times that.
    pub fn map_numbers(&self, height: usize, width: usize) -> u64 {
        let area = (height * width) as u64;
        let level = |level: usize| {
            let pixels = (area >> (2 * level)).max(1);
            let blocks = (2 * self.res_blocks + 1) as u64;
            let maps = 4 * blocks * pixels * self.width(level) as u64;
            let attention = match self.has_attention(level) {
                true => blocks * (2 * pixels.saturating_mul(pixels) + 5 * pixels * self.width(level) as u64),
                false => 0,
            };
            maps.saturating_add(attention)
        };
        let last = (area >> (2 * (self.levels() - 1))).max(1);
        let middle = 4 * last.saturating_mul(last) + 24 * last * self.width(self.levels() - 1) as u64;
        (0..self.levels()).map(level).fold(middle, u64::saturating_add)
    }
}

impl NetworkConfig for VqGanConfig {
    type Network = VqGan;

    fn validate(&self) -> Result<(), ConfigError> {
        let check = |field: &str, value, min, max| ConfigError::check(field, value, min, max);
        check("the length of channel_multipliers", self.levels(), 1, 8)?;
        for (level, &multiplier) in self.channel_multipliers.iter().enumerate() {
            check(&format!("channel_multipliers[{level}]"), multiplier, 1, 16)?;
        }
        check("channels", self.channels, 1, 512)?;
        check("norm_groups", self.norm_groups, 1, 64)?;
        for level in 0..self.levels() {
            let field = format!("channels times channel_multipliers[{level}]");
            ConfigError::check_multiple(field, self.width(level), [1, 2048], self.norm_groups)?;
        }
        ConfigError::check_multiple("channels", self.channels, [1, 512], self.norm_groups)?;
        check("res_blocks", self.res_blocks, 1, 8)?;
        check(
            "the length of attention_levels",
            self.attention_levels.len(),
            0,
            self.levels(),
        )?;
        for (place, &level) in self.attention_levels.iter().enumerate() {
            check(&format!("attention_levels[{place}]"), level, 0, self.levels() - 1)?;
        }
        ConfigError::check_multiple("resolution", self.resolution, [8, 1024], self.factor())?;
        check("img_channels", self.img_channels, 1, 4)?;
        check("z_channels", self.z_channels, 1, 1024)?;
        check("codebook_size", self.codebook_size, 2, 1 << 16)?;
        check("codebook_dim", self.codebook_dim, 1, 1024)
    }

    /// Weights are drawn when they are first read, with the deviation of PyTorch's first values, codes as
    /// small as the authors' are.
    fn init(&self, device: &Device) -> VqGan {
        let square = |sizes| convolution(sizes, 1, device);
        // The authors draw from a uniform distribution of this deviation.
        let deviation = 1.0 / (self.codebook_size as f64 * 3f64.sqrt());
        VqGan {
            encoder: Encoder::init(self, device),
            decoder: Decoder::init(self, device),
            quant_conv: square([self.z_channels, self.codebook_dim]),
            post_quant_conv: square([self.codebook_dim, self.z_channels]),
            codebook: lazy_normal([self.codebook_size, self.codebook_dim], deviation, device),
            factor: self.factor(),
        }
    }

    fn weights(&self) -> u64 {
        let block = |[c_in, c_out]: [u64; 2]| {
            let shortcut = if c_in == c_out { 0 } else { c_in * c_out };
            9 * (c_in + c_out) * c_out + shortcut
        };
        let width = |level: usize| self.width(level) as u64;
        let attention = |level: usize| 4 * width(level).pow(2);
        let last = self.levels() - 1;
        let level = |level: usize| {
            let blocks = [self.encoder_blocks(level), self.decoder_blocks(level)].concat();
            let attentions = if self.has_attention(level) {
                blocks.len()
            } else {
                0
            };
            // The encoder halves behind every level but the last, the decoder doubles behind all but the
            // first.
            let ways = u64::from(level < last) + u64::from(level > 0);
            let blocks = blocks
                .into_iter()
                .map(|sizes| block(sizes.map(|size| size as u64)));
            blocks.sum::<u64>() + attentions as u64 * attention(level) + 9 * ways * width(level).pow(2)
        };
        let [channels, img, z, dim, codes] = [
            self.channels,
            self.img_channels,
            self.z_channels,
            self.codebook_dim,
            self.codebook_size,
        ]
        .map(|size| size as u64);
        let middles = 2 * (2 * block([width(last); 2]) + attention(last));
        let ends = 9 * (img * (channels + width(0)) + 2 * z * width(last));
        (0..=last).map(level).sum::<u64>() + middles + ends + (2 * z + codes) * dim
    }
}

/// A convolution with the deviation of PyTorch's first values.
fn convolution([c_in, c_out]: [usize; 2], kernel: usize, device: &Device) -> Convolution {
    let deviation = 1.0 / ((3 * c_in * kernel * kernel) as f64).sqrt();
    Convolution::lazy([c_in, c_out], kernel, deviation, device)
}

/// A picture to codes and back; [`VqGanConfig`] makes it.
#[derive(Module, Debug)]
pub struct VqGan {
    /// Picture to map.
    pub encoder: Encoder,
    /// Map to picture.
    pub decoder: Decoder,
    /// From the encoder's map to vectors of the codes' width, 1x1.
    pub quant_conv: Convolution,
    /// From codes to the decoder's map, 1x1.
    pub post_quant_conv: Convolution,
    /// `[codebook_size, codebook_dim]`.
    pub codebook: Param<Tensor<2>>,
    factor: usize,
}

impl VqGan {
    /// How many pixels on a side a code stands for.
    pub fn factor(&self) -> usize {
        self.factor
    }

    /// `images [n, channels, h, w] -> z_e [n, codebook_dim, h / f, w / f]`, not yet quantized.
    ///
    /// # Panics
    /// When a side is no multiple of the factor.
    pub fn encode(&self, images: Tensor<4>) -> Tensor<4> {
        let [_, _, h, w] = images.dims();
        let f = self.factor;
        assert!(
            h.is_multiple_of(f) && w.is_multiple_of(f),
            "pictures of {w} x {h} pixels, expected multiples of {f}"
        );
        self.quant_conv.forward(self.encoder.forward(images), 1, 0)
    }

    /// The nearest codes of `z_e [n, codebook_dim, h, w]`.
    pub fn quantize(&self, z_e: Tensor<4>) -> Quantized {
        Quantized::of(z_e, self.codebook.val())
    }

    /// `z_q [n, codebook_dim, h, w] -> images [n, channels, f h, f w]`.
    pub fn decode(&self, z_q: Tensor<4>) -> Tensor<4> {
        self.decoder.picture(self.decode_features(z_q))
    }

    /// The map that the decoder's last layer, [`Decoder::picture`], makes the picture of.
    pub fn decode_features(&self, z_q: Tensor<4>) -> Tensor<4> {
        self.decoder.features(self.post_quant_conv.forward(z_q, 1, 0))
    }

    /// The codes of pictures: `images [n, channels, h, w] -> indices [n, h / f, w / f]`.
    pub fn codes(&self, images: Tensor<4>) -> Tensor<3, Int> {
        self.quantize(self.encode(images)).indices
    }

    /// The pictures of codes: `indices [n, h, w] -> images [n, channels, f h, f w]`.
    pub fn decode_codes(&self, indices: Tensor<3, Int>) -> Tensor<4> {
        self.decode(codebook::look_up(&self.codebook.val(), indices))
    }

    /// Pictures through their codes and back, of the same shape.
    pub fn reconstruct(&self, images: Tensor<4>) -> Tensor<4> {
        self.decode(self.quantize(self.encode(images)).z_q)
    }
}

#[cfg(test)]
mod tests;
