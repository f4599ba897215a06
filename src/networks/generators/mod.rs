//! Generators of every family, behind one trait and one closed enum.
//!
//! Everything that draws, guides, publishes or checks knows [`Generate`] and these enums only. A new family
//! is a file here, a variant of each enum, and its recipe in `train`; a test keeps the names of networks out
//! of everything else.

pub mod biggan;
mod classes;
pub mod dcgan;
mod latents;
pub mod stylegan2;
pub mod vqgan;

pub use classes::{Class, ClassChoice, LengthBounds, one_hot};
pub use latents::LatentDistribution;

use super::{NetworkConfig, layers::ConfigError};
use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use serde::{Deserialize, Serialize};

/// What draws pictures from latents.
///
/// A seed gives `z`, which is unit normal. Pictures are drawn from `latents [n, layers, width]`: in families
/// with a style space these are the `w` of each layer, and changing some of them changes some of the picture.
/// Elsewhere they are `z` as the family's [distribution](LatentDistribution) has it, as a single layer.
///
/// A generator of several [classes](Class) draws each latent as the class of its length (see
/// [`LengthBounds`]), or all as one that was chosen with [`Generator::of_class`].
pub trait Generate {
    /// Width of `z`.
    fn z_dim(&self) -> usize;

    /// `[layers, width]` of the latents.
    fn latent_shape(&self) -> [usize; 2];

    /// Side of the pictures in pixels.
    fn resolution(&self) -> usize;

    /// The center of the latents, `[width]`, that truncation pulls toward: `w_avg`, or zeros.
    fn latent_center(&self) -> Tensor<1>;

    /// `z [n, z_dim] -> latents [n, layers, width]`, all layers alike, `center + truncation_psi (latents -
    /// center)`.
    ///
    /// A `truncation_psi` of one leaves them alone; toward zero, pictures become alike and typical.
    fn latents_from_z(&self, z: Tensor<2>, truncation_psi: f32) -> Tensor<3>;

    /// `latents -> images [n, channels, resolution, resolution]`, about `[-1, 1]`: colors, and alpha if it
    /// draws that; the colors lie on middle gray then, as [`art`](crate::art::values_from_pixel) has them.
    /// The same latents always give the same pictures, up to rounding.
    fn draw(&self, latents: Tensor<3>) -> Tensor<4>;

    /// Whether the length of a `z` chooses the class that it is drawn as, so that a `z` that is moved may
    /// change its class; see [`LengthBounds`].
    fn length_chooses(&self) -> bool {
        false
    }

    /// The numbers of the largest map that is there at once, for each block of layers; what a batch of one
    /// takes.
    fn map_sizes(&self) -> Vec<u64>;

    /// Gives every layer the same `latent [n, width]`.
    fn broadcast(&self, latent: Tensor<2>) -> Tensor<3> {
        let [layers, _] = self.latent_shape();
        latent.unsqueeze_dim::<3>(1).repeat_dim(1, layers)
    }
}

/// The shape of a generator, with the name of its family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "architecture", rename_all = "lowercase")]
pub enum GeneratorConfig {
    /// Karras et al. (2020).
    StyleGan2(stylegan2::StyleGan2Config),
    /// Radford et al. (2015).
    Dcgan(dcgan::DcganConfig),
    /// Marchesi (2017): a DCGAN for large pictures of small collections.
    #[serde(rename = "megapixel-dcgan")]
    MegapixelDcgan(dcgan::DcganConfig),
    /// A DCGAN of eight layers with leaky rectifiers in both networks.
    DeepImagify(dcgan::DcganConfig),
    /// Brock et al. (2018).
    BigGan(biggan::BigGanConfig),
}

/// A generator of any family; [`GeneratorConfig`] makes it.
// There is one of it, and its parameters lie elsewhere.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum Generator {
    /// Karras et al. (2020).
    StyleGan2(stylegan2::Generator),
    /// Radford et al. (2015), and the families that differ from it in numbers only.
    Dcgan(dcgan::Generator),
    /// Brock et al. (2018).
    BigGan(biggan::Generator),
}

impl GeneratorConfig {
    /// The family's name, as its paper writes it.
    pub fn family(&self) -> &'static str {
        match self {
            Self::StyleGan2(_) => "StyleGAN2",
            Self::Dcgan(_) => "DCGAN",
            Self::MegapixelDcgan(_) => "Megapixel DCGAN",
            Self::DeepImagify(_) => "DeepImagify",
            Self::BigGan(config) if config.deep => "BigGAN-deep",
            Self::BigGan(_) => "BigGAN",
        }
    }

    /// Side of the pictures in pixels.
    pub fn resolution(&self) -> usize {
        match self {
            Self::StyleGan2(config) => config.resolution,
            Self::Dcgan(config) | Self::MegapixelDcgan(config) | Self::DeepImagify(config) => {
                config.resolution
            }
            Self::BigGan(config) => config.resolution,
        }
    }

    /// Channels of the pictures: 3 for RGB, 4 with alpha.
    pub fn img_channels(&self) -> usize {
        match self {
            Self::StyleGan2(config) => config.img_channels,
            Self::Dcgan(config) | Self::MegapixelDcgan(config) | Self::DeepImagify(config) => {
                config.img_channels
            }
            Self::BigGan(config) => config.img_channels,
        }
    }

    /// `[layers, width]` of the latents, see [`Generate`].
    pub fn latent_shape(&self) -> [usize; 2] {
        match self {
            Self::StyleGan2(config) => [config.num_ws(), config.w_dim],
            Self::Dcgan(config) | Self::MegapixelDcgan(config) | Self::DeepImagify(config) => {
                [1, config.z_dim]
            }
            Self::BigGan(config) => [1, config.latent_width()],
        }
    }

    /// The classes that it can be asked for; none in most models.
    pub fn classes(&self) -> &[Class] {
        match self {
            Self::StyleGan2(config) => &config.classes,
            Self::Dcgan(_) | Self::MegapixelDcgan(_) | Self::DeepImagify(_) => &[],
            Self::BigGan(config) => &config.classes,
        }
    }
}

impl NetworkConfig for GeneratorConfig {
    type Network = Generator;

    fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::StyleGan2(config) => config.validate(),
            Self::Dcgan(config) | Self::MegapixelDcgan(config) | Self::DeepImagify(config) => {
                config.validate()
            }
            Self::BigGan(config) => config.validate(),
        }
    }

    fn init(&self, device: &Device) -> Generator {
        match self {
            Self::StyleGan2(config) => Generator::StyleGan2(config.init_generator(device)),
            Self::Dcgan(config) | Self::MegapixelDcgan(config) | Self::DeepImagify(config) => {
                Generator::Dcgan(config.init_generator(device))
            }
            Self::BigGan(config) => Generator::BigGan(config.init_generator(device)),
        }
    }

    fn weights(&self) -> u64 {
        match self {
            Self::StyleGan2(config) => config.weights(),
            Self::Dcgan(config) | Self::MegapixelDcgan(config) | Self::DeepImagify(config) => {
                config.weights()
            }
            Self::BigGan(config) => config.weights(),
        }
    }
}

impl Generator {
    /// The same network, which draws this class only, or all of them where it is none.
    ///
    /// # Panics
    ///
    /// When it has no such class.
    #[must_use]
    pub fn of_class(self, class: Option<usize>) -> Self {
        match self {
            Self::StyleGan2(network) => Self::StyleGan2(network.of_class(class)),
            Self::Dcgan(_) => {
                assert!(class.is_none(), "a DCGAN has no classes");
                self
            }
            Self::BigGan(network) => Self::BigGan(network.of_class(class)),
        }
    }

    fn network(&self) -> &dyn Generate {
        match self {
            Self::StyleGan2(network) => network,
            Self::Dcgan(network) => network,
            Self::BigGan(network) => network,
        }
    }
}

impl Generate for Generator {
    fn z_dim(&self) -> usize {
        self.network().z_dim()
    }

    fn latent_shape(&self) -> [usize; 2] {
        self.network().latent_shape()
    }

    fn resolution(&self) -> usize {
        self.network().resolution()
    }

    fn latent_center(&self) -> Tensor<1> {
        self.network().latent_center()
    }

    fn latents_from_z(&self, z: Tensor<2>, truncation_psi: f32) -> Tensor<3> {
        self.network().latents_from_z(z, truncation_psi)
    }

    fn draw(&self, latents: Tensor<3>) -> Tensor<4> {
        self.network().draw(latents)
    }

    fn length_chooses(&self) -> bool {
        self.network().length_chooses()
    }

    fn map_sizes(&self) -> Vec<u64> {
        self.network().map_sizes()
    }
}
