//! StyleGAN2: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), in the
//! configuration of "Training Generative Adversarial Networks with Limited Data" (2020): skip
//! generator, residual discriminator, equalized learning rate everywhere.
//!
//! Images are `[n, channels, h, w]` in `[-1, 1]`; latents are `z [n, z_dim]` and `ws [n, num_ws, w_dim]`.
//! Classes are those of "Training Generative Adversarial Networks with Limited Data", appendix, in its
//! official implementation. Differences from the papers: no path length regularization, truncation toward the
//! average of a class, computation in f32 only.

mod conditioning;
mod discriminator;
mod layers;
mod mapping;
mod synthesis;

pub use conditioning::ClassMapping;
pub use discriminator::{Discriminator, DiscriminatorBlock, DiscriminatorEpilogue, Dual};
pub use layers::{EqualizedConv2d, EqualizedLinear};
pub use mapping::MappingNetwork;
pub use synthesis::{NoiseMode, SynthesisBlock, SynthesisLayer, SynthesisNetwork, ToRgbLayer};

use super::{Class, Generate};
use crate::{
    art::{LARGEST_SIDE, LEAST_SIDE, base_side},
    networks::layers::ConfigError,
};
use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use serde::{Deserialize, Serialize};

/// The shape of a generator and of the discriminator that trains it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleGan2Config {
    /// Width of the input latent `z`; 512 in the paper.
    pub z_dim: usize,
    /// Width of the intermediate latent `w`; 512 in the paper.
    pub w_dim: usize,
    /// Layers of the mapping network; 8 in the paper, 2 in its small configurations.
    pub num_mapping_layers: usize,
    /// Side of the pictures in pixels, 16 to 1024: 3, 4, 5 or 7 times a power of two. The paper has powers of
    /// two, whose smallest maps are 4x4; those of 24 pixels are 3x3, see [`base`](Self::base).
    pub resolution: usize,
    /// Channels of the pictures: 3 for RGB, 4 with alpha.
    pub img_channels: usize,
    /// A block of side `r` has `channel_base / r` channels, at most [`channel_max`](Self::channel_max).
    pub channel_base: usize,
    /// The most channels that a block has.
    pub channel_max: usize,
    /// What it can be asked for; none of networks that draw one kind of pictures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
}

impl StyleGan2Config {
    /// A network for pictures of side `resolution` that trains on modest hardware: at 32 pixels, about half a
    /// million parameters in the generator.
    pub fn small(resolution: usize) -> Self {
        Self {
            z_dim: 128,
            w_dim: 128,
            num_mapping_layers: 4,
            resolution,
            img_channels: 3,
            channel_base: 1024.max(resolution * 16),
            channel_max: 96,
            classes: vec![],
        }
    }

    /// Checks every field, so that [`init`](Self::init_generator) neither panics nor exhausts memory.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_side("resolution", self.resolution, LEAST_SIDE, LARGEST_SIDE)?;
        for (field, value, min, max) in [
            ("z_dim", self.z_dim, 1, 4096),
            ("w_dim", self.w_dim, 1, 4096),
            ("num_mapping_layers", self.num_mapping_layers, 1, 16),
            ("img_channels", self.img_channels, 1, 4),
            ("channel_base", self.channel_base, self.resolution, 1 << 17),
            ("channel_max", self.channel_max, 1, 2048),
        ] {
            ConfigError::check(field, value, min, max)?;
        }
        Class::check(&self.classes)
    }

    /// Channels of the block whose side is `side` pixels.
    pub fn channels(&self, side: usize) -> usize {
        (self.channel_base / side).min(self.channel_max)
    }

    /// Whether a network of this shape can take over the blocks of one of the shape `smaller`: a lower
    /// resolution, and otherwise the same sizes wherever both have them, and the same classes.
    pub fn grows_from(&self, smaller: &Self) -> bool {
        let sizes = |config: &Self| {
            let Self {
                z_dim,
                w_dim,
                num_mapping_layers,
                img_channels,
                ..
            } = *config;
            [z_dim, w_dim, num_mapping_layers, img_channels]
        };
        // How many pictures there are of each may differ: equal ones are dropped at each resolution.
        let names = |config: &Self| {
            config
                .classes
                .iter()
                .map(|class| class.name.clone())
                .collect::<Vec<_>>()
        };
        smaller.resolution < self.resolution
            && smaller.base() == self.base()
            && sizes(smaller) == sizes(self)
            && names(smaller) == names(self)
            && smaller
                .block_sides()
                .all(|side| smaller.channels(side) == self.channels(side))
    }

    /// Side of the smallest maps, which follows from the resolution alone: 4 in the paper and for every power
    /// of two, 3, 5 or 7 elsewhere.
    pub fn base(&self) -> usize {
        base_side(self.resolution).unwrap_or(4)
    }

    /// Sides of the blocks from the [`base`](Self::base) to the resolution.
    pub fn block_sides(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let base = self.base();
        (0..=(self.resolution / base).max(1).ilog2()).map(move |log2| base << log2)
    }

    /// How many `w` the synthesis network takes: two for each block, as each layer of the next block
    /// shares its last with the previous block's RGB layer.
    pub fn num_ws(&self) -> usize {
        2 * self.block_sides().count()
    }

    /// How many numbers the generator's matrices, kernels and noise buffers hold, without its many small
    /// vectors and affine layers.
    pub fn weights(&self) -> u64 {
        let [z_dim, w_dim, layers] = [self.z_dim, self.w_dim, self.num_mapping_layers].map(|n| n as u64);
        // A class has a row of the embedding and an average of its own, and the embedding goes in beside z.
        let classes = match self.classes.len() as u64 {
            0 => 0,
            count => 2 * count * w_dim + w_dim * w_dim,
        };
        let mapping = z_dim * w_dim + layers.saturating_sub(1) * w_dim * w_dim + classes;
        let block = |side: usize| {
            let [above, here] = [side / 2, side].map(|side| self.channels(side) as u64);
            let [noise, convs] = if side == self.base() {
                [1, 9 * here * here]
            } else {
                [2, 9 * here * (above + here)]
            };
            convs + noise * (side * side) as u64
        };
        mapping + self.block_sides().map(block).sum::<u64>()
    }

    /// A generator with fresh random weights.
    pub fn init_generator(&self, device: &Device) -> Generator {
        Generator {
            mapping: MappingNetwork::init(self, device),
            synthesis: SynthesisNetwork::init(self, device),
        }
    }

    /// A discriminator with fresh random weights.
    pub fn init_discriminator(&self, device: &Device) -> Discriminator {
        Discriminator::init(self, device)
    }
}

/// `z -> ws -> image`.
#[derive(Module, Debug)]
pub struct Generator {
    /// `z -> ws`.
    pub mapping: MappingNetwork,
    /// `ws -> image`.
    pub synthesis: SynthesisNetwork,
}

impl Generator {
    /// Draws `[n, channels, resolution, resolution]` from `z [n, z_dim]`; see
    /// [`MappingNetwork::forward`] for `truncation_psi`.
    pub fn forward(&self, z: Tensor<2>, truncation_psi: f32, noise: NoiseMode) -> Tensor<4> {
        self.synthesis
            .forward(self.mapping.forward(z, truncation_psi), noise)
    }

    /// The same network, which draws this class only, or all of them where it is none.
    ///
    /// # Panics
    ///
    /// When it has no such class.
    #[must_use]
    pub fn of_class(mut self, class: Option<usize>) -> Self {
        self.mapping = self.mapping.of_class(class);
        self
    }
}

impl Generate for Generator {
    fn z_dim(&self) -> usize {
        self.mapping.z_dim()
    }

    fn latent_shape(&self) -> [usize; 2] {
        let [w_dim] = self.mapping.w_avg.dims();
        [2 * self.synthesis.blocks.len(), w_dim]
    }

    fn resolution(&self) -> usize {
        self.synthesis.base() << (self.synthesis.blocks.len() - 1)
    }

    fn latent_center(&self) -> Tensor<1> {
        self.mapping.center()
    }

    fn latents_from_z(&self, z: Tensor<2>, truncation_psi: f32) -> Tensor<3> {
        self.mapping.forward(z, truncation_psi)
    }

    /// With the noise that is saved with the network.
    fn draw(&self, ws: Tensor<3>) -> Tensor<4> {
        self.synthesis.forward(ws, NoiseMode::Const)
    }

    fn length_chooses(&self) -> bool {
        self.mapping.length_chooses()
    }

    fn map_sizes(&self) -> Vec<u64> {
        let blocks = self.synthesis.blocks.iter().enumerate();
        let largest = |(index, block): (usize, &SynthesisBlock)| {
            let [c_out, c_in, ..] = block.conv1.weight.dims();
            let side = (self.synthesis.base() as u64) << index;
            let above = block
                .conv0
                .as_ref()
                .map_or(0, |conv0| conv0.weight.dims()[1] as u64);
            (c_out.max(c_in) as u64) * side * side + above * side * side / 4
        };
        blocks.map(largest).collect()
    }
}
