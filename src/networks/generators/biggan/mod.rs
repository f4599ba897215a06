//! BigGAN: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2018).
//!
//! Images are `[n, channels, h, w]` in `[-1, 1]`; latents are `[n, width]`, see [`Generator`]. The weights of
//! these networks are those that they compute with: spectral norm belongs to training, where they are other
//! weights divided by their largest singular value, and a generator that is published has no more of it.
//! Differences from the paper: sides of 3, 5 and 7 times a power of two, attention that may be at other sides
//! than 64, truncation by the share of the normal distribution that is left, computation in f32 only.

mod blocks;
mod discriminator;
mod generator;

pub use blocks::{Attention, ConditionalNorm, DiscriminatorBlock, GeneratorBlock};
pub use discriminator::Discriminator;
pub use generator::Generator;

use super::Class;
use crate::{art::base_side, networks::layers::ConfigError};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// Deviation of weights that are drawn. Training begins with orthogonal ones.
const WEIGHT_DEVIATION: f64 = 0.02;

/// The part of a block's channels that its 3x3 convolutions have in a BigGAN-deep.
const NARROWER: usize = 4;

/// The shape of a generator and of the discriminator that trains it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BigGanConfig {
    /// Width of the latent `z`: in a BigGAN a part for each block and one for the first map, 20 numbers each
    /// in the paper.
    pub z_dim: usize,
    /// Width of the embedding of a class that all layers share; 128 in the paper.
    pub shared_dim: usize,
    /// Side of the pictures in pixels, 32 to 256: 3, 4, 5 or 7 times a power of two.
    pub resolution: usize,
    /// Channels of the pictures: 3 for RGB, 4 with alpha.
    pub img_channels: usize,
    /// What the channels of every map are a multiple of; 96 in the paper.
    pub ch: usize,
    /// Side of the maps whose pixels see each other, in both networks; none with 0.
    pub attention: usize,
    /// Whether it is a BigGAN-deep (appendix B): twice as many blocks of four convolutions, 3x3 ones on a
    /// quarter of the channels, and all of `z` in every layer.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub deep: bool,
    /// What it can be asked for; none of networks that draw one kind of pictures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
}

/// What a block of either network is like.
#[derive(Debug, Clone, Copy, PartialEq)]
struct BlockSizes {
    c_in: usize,
    c_out: usize,
    /// Channels of the 3x3 convolutions, where those are between two of 1x1.
    middle: Option<usize>,
    /// Whether it doubles the side, or halves it in the discriminator.
    changes_side: bool,
}

impl BlockSizes {
    /// How many numbers its kernels hold.
    fn weights(&self) -> u64 {
        let [c_in, c_out] = [self.c_in, self.c_out].map(|channels| channels as u64);
        match self.middle.map(|middle| middle as u64) {
            Some(middle) => middle * (c_in + 18 * middle + c_out),
            // The way around is a kernel where channels or side change.
            None if self.changes_side || c_in != c_out => 9 * c_out * (c_in + c_out) + c_in * c_out,
            None => 9 * c_out * (c_in + c_out),
        }
    }

    /// How many numbers the maps in it have, of `pixels` each in front of it and `changed` behind it.
    fn maps(&self, [pixels, changed]: [u64; 2]) -> u64 {
        let middle = self.middle.unwrap_or(self.c_out) as u64;
        self.c_in as u64 * pixels + (2 * middle + 2 * self.c_out as u64) * pixels.max(changed)
    }
}

impl BigGanConfig {
    /// The least side of pictures, and the largest.
    pub const SIDES: [usize; 2] = [32, 256];

    /// The networks of the paper for pictures of side `resolution`, with a third of its channels, so that
    /// they train on modest hardware. Attention is at half the side, at most at 64 pixels.
    pub fn of_resolution(resolution: usize) -> Self {
        let mut config = Self {
            z_dim: 0,
            shared_dim: 128,
            resolution,
            img_channels: 3,
            ch: 32,
            attention: 0,
            deep: false,
            classes: vec![],
        };
        config.z_dim = 20 * config.parts();
        config.attention = (1..config.doublings())
            .map(|doublings| config.base() << doublings)
            .filter(|&side| side <= 64)
            .max()
            .unwrap_or(0);
        config
    }

    /// A BigGAN-deep for pictures of side `resolution`.
    pub fn deep(resolution: usize) -> Self {
        Self {
            z_dim: 128,
            deep: true,
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
        let [least, most] = Self::SIDES;
        ConfigError::check_side("resolution", self.resolution, least, most)?;
        ConfigError::check_multiple("z_dim", self.z_dim, [1, 4096], self.parts())?;
        for (field, value, min, max) in [
            ("shared_dim", self.shared_dim, 1, 2048),
            ("img_channels", self.img_channels, 1, 4),
            // A BigGAN-deep's narrow layers have a quarter of the channels.
            ("ch", self.ch, if self.deep { 4 } else { 1 }, 256),
        ] {
            ConfigError::check(field, value, min, max)?;
        }
        let sides: Vec<usize> = (1..self.doublings())
            .map(|doublings| self.base() << doublings)
            .collect();
        if self.attention != 0 && !sides.contains(&self.attention) {
            let sides: Vec<String> = sides.iter().map(usize::to_string).collect();
            let expected = format!("0 or the side of maps: {}", sides.join(", "));
            return Err(ConfigError::new("attention", self.attention, expected));
        }
        Class::check(&self.classes)
    }

    /// Side of the generator's first map, 3 to 7 as the resolution has it.
    fn base(&self) -> usize {
        base_side(self.resolution).unwrap_or(4)
    }

    /// How often the generator doubles the side: three to six times.
    fn doublings(&self) -> usize {
        (self.resolution / self.base()).max(1).ilog2() as usize
    }

    /// The parts of `z`: one for each block and one for the first map, or a single one that all see.
    pub fn parts(&self) -> usize {
        match self.deep {
            true => 1,
            false => self.doublings() + 1,
        }
    }

    /// Width of what a block's norms are told.
    fn condition_width(&self) -> usize {
        self.shared_dim + self.z_dim / self.parts()
    }

    /// Width of what the first map is made of.
    fn first_width(&self) -> usize {
        match self.deep {
            true => self.condition_width(),
            false => self.z_dim / self.parts(),
        }
    }

    /// Width of a latent: `z`, and behind it how much of each class.
    pub fn latent_width(&self) -> usize {
        self.z_dim + self.classes.len()
    }

    /// Channels of the generator's maps in front of each doubling and behind the last, in `ch`; tables 4 to
    /// 9 of the paper, and its authors' for 32 and 64 pixels.
    fn generator_multiples(&self) -> &'static [usize] {
        match self.doublings() {
            0..=3 => &[4, 4, 4, 4],
            4 => &[16, 16, 8, 4, 2],
            5 => &[16, 16, 8, 4, 2, 1],
            _ => &[16, 16, 8, 8, 4, 2, 1],
        }
    }

    /// The same of the discriminator's maps, and how many of its blocks or pairs of blocks halve the side.
    fn discriminator_multiples(&self) -> (&'static [usize], usize) {
        match self.doublings() {
            // The last maps have a quarter of the picture's side.
            0..=3 => (&[4, 4, 4, 4], 2),
            4 => (&[1, 2, 4, 8, 16], 4),
            5 => (&[1, 2, 4, 8, 16, 16], 5),
            _ => (&[1, 2, 4, 8, 8, 16, 16], 6),
        }
    }

    /// The generator's blocks, from the coarsest.
    fn generator_blocks(&self) -> Vec<BlockSizes> {
        let block = |[c_in, c_out]: [usize; 2], changes_side| BlockSizes {
            c_in: c_in * self.ch,
            c_out: c_out * self.ch,
            middle: self.deep.then_some(c_in * self.ch / NARROWER),
            changes_side,
        };
        let stages = self.generator_multiples().windows(2);
        let blocks = stages.flat_map(|sizes| {
            let keeping = self.deep.then(|| block([sizes[0]; 2], false));
            keeping.into_iter().chain([block([sizes[0], sizes[1]], true)])
        });
        blocks.collect()
    }

    /// The discriminator's blocks, from the picture on or, in a BigGAN-deep, from the map that is made of it.
    fn discriminator_blocks(&self) -> Vec<BlockSizes> {
        let (multiples, halvings) = self.discriminator_multiples();
        let channels = multiples.iter().map(|multiple| multiple * self.ch);
        let channels: Vec<usize> = match self.deep {
            true => channels.collect(),
            false => [self.img_channels].into_iter().chain(channels).collect(),
        };
        let block = |[c_in, c_out]: [usize; 2], changes_side| BlockSizes {
            c_in,
            c_out,
            middle: self.deep.then_some(c_out / NARROWER),
            changes_side,
        };
        let stages = channels.windows(2).enumerate();
        let blocks = stages.flat_map(|(index, sizes)| {
            let first = block([sizes[0], sizes[1]], index < halvings);
            let keeping = self.deep.then(|| block([sizes[1]; 2], false));
            [first].into_iter().chain(keeping)
        });
        blocks.collect()
    }

    /// The generator's block whose maps see themselves, if there is one.
    fn attended_block(&self) -> Option<usize> {
        let mut side = self.base();
        let comes_to = |block: &BlockSizes| {
            side <<= u32::from(block.changes_side);
            block.changes_side && side == self.attention
        };
        self.generator_blocks().iter().position(comes_to)
    }

    /// The discriminator's.
    fn attended_by_discriminator(&self) -> Option<usize> {
        let mut side = self.resolution;
        let comes_to = |block: &BlockSizes| {
            side >>= u32::from(block.changes_side);
            block.changes_side && side == self.attention
        };
        let first = self.discriminator_blocks().iter().position(comes_to)?;
        // Behind both blocks of a pair.
        Some(first + usize::from(self.deep))
    }

    /// How many numbers the generator's matrices and kernels hold at least, without attention.
    pub fn weights(&self) -> u64 {
        let blocks = self.generator_blocks();
        let condition = self.condition_width() as u64;
        // A norm has a scale and a shift for each channel in front of a convolution.
        let normed = |block: &BlockSizes| match block.middle {
            Some(middle) => block.c_in + 3 * middle,
            None => block.c_in + block.c_out,
        };
        let of = |block: &BlockSizes| block.weights() + 2 * condition * normed(block) as u64;
        let first = self.first_width() * blocks[0].c_in * self.base() * self.base();
        let last = 9 * blocks[blocks.len() - 1].c_out * self.img_channels;
        let shared = self.classes.len().max(1) * self.shared_dim;
        blocks.iter().map(of).sum::<u64>() + (first + last + shared) as u64
    }

    /// How many numbers the discriminator's kernels and embedding hold at least, without attention.
    pub fn discriminator_weights(&self) -> u64 {
        let blocks = self.discriminator_blocks();
        let embed = self.classes.len().max(1) * blocks[blocks.len() - 1].c_out;
        blocks.iter().map(BlockSizes::weights).sum::<u64>() + embed as u64
    }

    /// How many numbers the maps of a picture have, in the generator and in the discriminator.
    pub fn maps(&self) -> [u64; 2] {
        let looked = match self.attention as u64 {
            0 => 0,
            side => side.pow(4) / 4,
        };
        let mut side = self.base() as u64;
        let generator = self.generator_blocks().iter().fold(looked, |sum, block| {
            let before = side * side;
            side <<= u32::from(block.changes_side);
            sum + block.maps([before, side * side])
        });
        let mut side = self.resolution as u64;
        let discriminator = self.discriminator_blocks().iter().fold(looked, |sum, block| {
            let before = side * side;
            side >>= u32::from(block.changes_side);
            sum + block.maps([before, side * side])
        });
        [generator, discriminator]
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

#[cfg(test)]
mod tests;
