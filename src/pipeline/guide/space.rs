//! The spaces that latents are optimized in, in coordinates of their own scale.

use super::{Coordinates, Density, GuideSettings, read};
use crate::{
    networks::generators::Generate,
    pipeline::{Error, sample::z_from_seeds},
};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Where an avatar is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Space {
    /// The input of the mapping network: every point is an avatar that a seed might give, and few are near a
    /// wish.
    #[serde(rename = "z")]
    Z,
    /// One `w` for all layers; where the layers of the start differ, they go on to differ by as much.
    #[serde(rename = "w")]
    W,
    /// The same, in coordinates in which all directions are as likely: steps go where the model's own latents
    /// do, so that faces stay whole.
    #[default]
    #[serde(rename = "whitened")]
    Whitened,
    /// A `w` for each layer: the most freedom, and the least that keeps the result an avatar.
    #[serde(rename = "w+")]
    WPlus,
}

impl Space {
    /// The learning rate and the pull that serve most models here. In the whitened space small steps and a
    /// pull back to the draft leave faces whole, and avatars as varied as their drafts.
    pub fn usual(self) -> (f64, f64) {
        match self {
            Self::Whitened => (0.02, 0.3),
            Self::Z | Self::W | Self::WPlus => (0.05, 0.02),
        }
    }

    /// Makes sure that latents of `generator` can be looked for here.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] where a step in z could draw another class than before.
    pub fn check(self, generator: &dyn Generate) -> Result<(), Error> {
        match self == Self::Z && generator.length_chooses() {
            true => Err(Error::Request(
                "this model has classes, and in the space z the steps would change an avatar's class: ask for one \
                 class, or look in the space w or w+"
                    .into(),
            )),
            false => Ok(()),
        }
    }
}

/// How many latents the spread of `w` is measured on.
const SPREAD_SEEDS: u64 = 256;

/// A space around its center: a latent is `center + scale u`, where the `u` of a seed have a mean square near
/// one. A step of Adam then means the same in every model, and so does the pull toward the center.
pub struct Spaced<'a> {
    generator: &'a dyn Generate,
    space: Space,
    truncation_psi: f32,
    scale: f32,
    /// `[1, 1, width]`, or in the space w `[n, layers, width]`, by which layers differ from their mean
    /// included. In the whitened space only that.
    center: Tensor<3>,
    /// In the whitened space.
    density: Option<Density>,
    /// In the whitened space, where the avatars began.
    start: Option<Tensor<3>>,
}

impl<'a> Spaced<'a> {
    /// The space of `settings`, and the coordinates in it of `start`, which is `z [n, 1, z_dim]` in z and
    /// `latents [n, layers, width]` otherwise.
    pub async fn around(
        generator: &'a dyn Generate,
        settings: &GuideSettings,
        start: Tensor<3>,
    ) -> Result<(Self, Tensor<3>), Error> {
        let GuideSettings {
            space,
            truncation_psi,
            ..
        } = *settings;
        space.check(generator)?;
        let w_avg = generator.latent_center().without_autodiff();
        let (device, z_dim) = (w_avg.device(), generator.z_dim());
        let expected = match space {
            Space::Z => [1, z_dim],
            Space::W | Space::Whitened | Space::WPlus => generator.latent_shape(),
        };
        let [n, layers, width] = start.dims();
        if n == 0 || [layers, width] != expected {
            return Err(Error::Request(format!(
                "the latents to start from are [{n}, {layers}, {width}], \
                 this model takes [n, {}, {}] with an n of at least 1",
                expected[0], expected[1]
            )));
        }
        let (scale, center, density) = match space {
            Space::Z => (1.0, Tensor::zeros([1, 1, z_dim], &device), None),
            Space::W | Space::WPlus => (
                spread(generator, &device).await?,
                w_avg.reshape([1, 1, width]),
                None,
            ),
            Space::Whitened => (
                1.0,
                Tensor::zeros([1, 1, width], &device),
                Some(Density::of(generator).await?),
            ),
        };
        let (center, u) = match &density {
            None => {
                let u = (start - center.clone()) / scale;
                match space {
                    Space::W => {
                        let mean = u.clone().mean_dim(1);
                        (center + (u - mean.clone()) * scale, mean)
                    }
                    _ => (center, u),
                }
            }
            Some(density) => {
                let mean = start.clone().mean_dim(1);
                (start - mean.clone(), density.coordinates(mean))
            }
        };
        let space = Self {
            generator,
            space,
            truncation_psi,
            scale,
            center,
            start: density.is_some().then(|| u.clone()),
            density,
        };
        Ok((space, u))
    }
}

impl Coordinates for Spaced<'_> {
    fn latents(&self, u: Tensor<3>) -> Tensor<3> {
        let latents = match &self.density {
            None => u * self.scale,
            Some(density) => density.latents(u),
        };
        // In the space w this repeats the one w for all layers.
        let latents = latents + self.center.clone();
        match self.space {
            Space::Z => {
                let z = latents.squeeze_dim::<2>(1);
                self.generator.latents_from_z(z, self.truncation_psi)
            }
            Space::W | Space::Whitened | Space::WPlus => latents,
        }
    }

    fn draw(&self, latents: Tensor<3>) -> Tensor<4> {
        self.generator.draw(latents)
    }

    /// They are pulled to the center, or in the whitened space each to its own start.
    fn pulled(&self, u: Tensor<3>) -> Tensor<3> {
        let far = match &self.start {
            None => u,
            Some(start) => u - start.clone(),
        };
        far.square().mean_dim(2).mean_dim(1)
    }
}

/// The root mean square of `w - w_avg` over the coordinates of many `w`.
pub async fn spread(generator: &dyn Generate, device: &Device) -> Result<f32, Error> {
    let seeds: Vec<u64> = (0..SPREAD_SEEDS).collect();
    let z = z_from_seeds(generator, &seeds, device);
    // All layers of a seed are alike.
    let w = generator
        .latents_from_z(z, 1.0)
        .narrow(1, 0, 1)
        .without_autodiff();
    let w_avg = generator.latent_center().without_autodiff();
    let spread = read((w - w_avg.unsqueeze()).square().mean().sqrt()).await?[0];
    // An untrained mapping may give the same w for all.
    Ok(if spread > 1e-6 { spread } else { 1.0 })
}
