//! DCGAN: Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative
//! Adversarial Networks" (2015), and two families of the same layers:
//!
//! - Megapixel DCGAN: Marchesi, "Megapixel Size Image Creation using Generative Adversarial Networks" (2017).
//! - DeepImagify, with eight layers in each network and leaky rectifiers in both.
//!
//! Images are `[n, channels, h, w]` in `[-1, 1]`, latents are `z [n, z_dim]`. Differences from the first
//! paper: a DCGAN's `z` is normal instead of uniform, the first layer of the discriminator is normalized as
//! well, and there are blocks for pictures of 16 to 1024 pixels besides the paper's 64.

mod discriminator;
mod generator;

pub use discriminator::{Discriminator, DiscriminatorBlock};
pub use generator::{Generator, GeneratorBlock};

use super::LatentDistribution;
use crate::networks::layers::ConfigError;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// Deviation of first weights and first scales, from section 4 of the paper.
const INIT_DEVIATION: f64 = 0.02;

/// Slope of leaky rectifiers below zero.
const NEGATIVE_SLOPE: f64 = 0.2;

/// Side of the kernels that change the side of a map.
const KERNEL: usize = 4;

/// Side of the kernels that keep it.
const KEEPING_KERNEL: usize = 3;

/// Pixels around every map that a kernel sees as zeros.
const PADDING: usize = 1;

/// By what a kernel of this side divides the side of a map in the discriminator, or multiplies it in the
/// generator.
fn stride(kernel: usize) -> usize {
    match kernel {
        KEEPING_KERNEL => 1,
        _ => 2,
    }
}

/// The shape of a generator and of the discriminator that trains it.
///
/// The generator's first map has a side of 4 to 7 pixels, and doubles it until it is the resolution. Channels
/// double with every halving of the side: a map of side `s` has `ngf resolution / (2 s)` channels in
/// the generator, and `ndf` in the place of `ngf` in the discriminator. At 64 pixels these are the 512, 256,
/// 128 and 64 of the PyTorch tutorial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DcganConfig {
    /// Width of the latent `z`, `nz` in the tutorial.
    pub z_dim: usize,
    /// Side of the pictures in pixels, from 16 to 1024: 3, 4, 5 or 7 times a power of two.
    pub resolution: usize,
    /// Channels of the pictures: 3 for RGB, 4 with alpha.
    pub img_channels: usize,
    /// Channels of the generator's last map before the picture.
    pub ngf: usize,
    /// Channels of the discriminator's first map after the picture.
    pub ndf: usize,
    /// How `z` is distributed.
    #[serde(default, skip_serializing_if = "LatentDistribution::is_default")]
    pub latents: LatentDistribution,
    /// What else differs between the families; a DCGAN's is not written down, as it was before there were
    /// others.
    #[serde(default, skip_serializing_if = "Layers::is_default")]
    pub layers: Layers,
}

/// What the layers of a family are like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layers {
    /// The most channels that a map has.
    pub channel_max: usize,
    /// Layers with 3x3 kernels at the full side, the generator's last and the discriminator's first. Without
    /// any it is the last doubling that draws the picture.
    pub full_side: usize,
    /// Whether the generator's rectifiers leak, as the discriminator's do.
    pub leaky: bool,
}

impl Default for Layers {
    /// Those of a DCGAN.
    fn default() -> Self {
        Self {
            channel_max: 4096,
            full_side: 0,
            leaky: false,
        }
    }
}

impl Layers {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl DcganConfig {
    /// The networks of the PyTorch tutorial for pictures of side `resolution`, with a `z` of 128 numbers.
    pub fn of_resolution(resolution: usize) -> Self {
        Self {
            z_dim: 128,
            resolution,
            img_channels: 3,
            ngf: 64,
            ndf: 64,
            latents: LatentDistribution::Normal,
            layers: Layers::default(),
        }
    }

    /// A Megapixel DCGAN: at most 512 channels, and fewer near the picture the larger it is, so that the
    /// memory of a picture grows with its side instead of its area.
    pub fn megapixel(resolution: usize) -> Self {
        let narrowest = (64 * 256 / resolution.max(1)).clamp(16, 64);
        Self {
            z_dim: 100,
            ngf: narrowest,
            ndf: narrowest,
            latents: LatentDistribution::Uniform,
            layers: Layers {
                channel_max: 512,
                ..Layers::default()
            },
            ..Self::of_resolution(resolution)
        }
    }

    /// A DeepImagify: at 128 pixels eight layers in each network, two of them at the full side.
    pub fn deepimagify(resolution: usize) -> Self {
        Self {
            z_dim: 100,
            ngf: 32,
            ndf: 32,
            latents: LatentDistribution::Uniform,
            layers: Layers {
                full_side: 2,
                leaky: true,
                ..Layers::default()
            },
            ..Self::of_resolution(resolution)
        }
    }

    /// Checks every field, so that [`init_generator`](Self::init_generator) neither panics nor exhausts
    /// memory.
    ///
    /// # Errors
    ///
    /// The first field that is out of its bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let side = self.resolution;
        if !(16..=1024).contains(&side) || self.first_side() << self.doublings() != side {
            let expected = "16 to 1024, 3, 4, 5 or 7 times a power of two";
            return Err(ConfigError::new("resolution", side, expected));
        }
        for (field, value, min, max) in [
            ("z_dim", self.z_dim, 1, 4096),
            ("img_channels", self.img_channels, 1, 4),
            ("ngf", self.ngf, 1, 256),
            ("ndf", self.ndf, 1, 256),
            ("layers.channel_max", self.layers.channel_max, 1, 4096),
            ("layers.full_side", self.layers.full_side, 0, 8),
        ] {
            ConfigError::check(field, value, min, max)?;
        }
        Ok(())
    }

    /// How often the generator doubles the side; the resolution is at least 16.
    fn doublings(&self) -> u32 {
        self.resolution.ilog2() - 2
    }

    /// Side of the generator's first map, and of the discriminator's last.
    fn first_side(&self) -> usize {
        self.resolution >> self.doublings()
    }

    /// Channels of the maps between `z` and the picture, the coarsest first, where `narrowest` is those of
    /// the last.
    fn channels(&self, narrowest: usize) -> Vec<usize> {
        let Layers {
            channel_max,
            full_side,
            ..
        } = self.layers;
        let halvings = (0..self.doublings()).rev().chain((0..full_side).map(|_| 0));
        halvings
            .map(|halvings| (narrowest << halvings).min(channel_max))
            .collect()
    }

    /// Sides of the kernels, in the order of the [channels](Self::channels) that they make or are made of;
    /// the last is the picture's.
    fn kernels(&self) -> Vec<usize> {
        let mut kernels = vec![self.first_side()];
        kernels.extend((0..self.doublings()).map(|_| KERNEL));
        kernels.extend((0..self.layers.full_side).map(|_| KEEPING_KERNEL));
        kernels
    }

    /// `[in, out, kernel]` of each layer from `first` over the maps to `last` channels, where the maps near
    /// the picture have `narrowest`.
    fn sizes(&self, first: usize, narrowest: usize, last: usize) -> Vec<[usize; 3]> {
        let channels = self.channels(narrowest);
        let ins = [first].into_iter().chain(channels.iter().copied());
        let outs = channels.iter().copied().chain([last]);
        let layers = ins.zip(outs).zip(self.kernels());
        layers
            .map(|((c_in, c_out), kernel)| [c_in, c_out, kernel])
            .collect()
    }

    /// `[in, out, kernel]` of the generator's layers, from `z` to the picture.
    fn generator_layers(&self) -> Vec<[usize; 3]> {
        self.sizes(self.z_dim, self.ngf, self.img_channels)
    }

    /// `[in, out, kernel]` of the discriminator's layers, from the picture to the logit: the generator's the
    /// other way around.
    fn discriminator_layers(&self) -> Vec<[usize; 3]> {
        let layers = self.sizes(1, self.ndf, self.img_channels).into_iter().rev();
        layers
            .map(|[c_out, c_in, kernel]| [c_in, c_out, kernel])
            .collect()
    }

    /// How many numbers the generator's kernels hold.
    pub fn weights(&self) -> u64 {
        numbers(&self.generator_layers())
    }

    /// How many numbers the discriminator's kernels hold.
    pub fn discriminator_weights(&self) -> u64 {
        numbers(&self.discriminator_layers())
    }

    /// How many numbers the maps of a picture have, in the generator and in the discriminator.
    pub fn maps(&self) -> [u64; 2] {
        let mut side = self.first_side() as u64;
        let mut sides = vec![];
        for kernel in &self.kernels()[1..] {
            sides.push(side);
            side *= stride(*kernel) as u64;
        }
        [self.ngf, self.ndf].map(|narrowest| {
            let maps = self.channels(narrowest).into_iter().zip(&sides);
            maps.map(|(channels, side)| channels as u64 * side * side).sum()
        })
    }

    /// A generator with fresh random weights.
    pub fn init_generator(&self, device: &Device) -> Generator {
        Generator::init(self, device)
    }

    /// A discriminator with fresh random weights.
    pub fn init_discriminator(&self, device: &Device) -> Discriminator {
        Discriminator::init(self, device)
    }
}

/// How many numbers the kernels of layers hold.
fn numbers(layers: &[[usize; 3]]) -> u64 {
    let each = layers
        .iter()
        .map(|sizes| sizes.map(|size| size as u64))
        .map(|[c_in, c_out, kernel]| c_in * c_out * kernel * kernel);
    each.sum()
}

#[cfg(test)]
mod tests;
