//! The spaces that latents are optimised in, in coordinates of their own scale.

use crate::{
    networks::stylegan2::Generator,
    pipeline::{Error, z_from_seed},
};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// Where an avatar is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Space {
    /// The input of the mapping network: every point is an avatar that a seed might give, and few are near a wish.
    #[serde(rename = "z")]
    Z,
    /// One `w` for all layers.
    #[default]
    #[serde(rename = "w")]
    W,
    /// A `w` for each layer: the most freedom, and the least that keeps the result an avatar.
    #[serde(rename = "w+")]
    WPlus,
}

/// How many latents the spread of `w` is measured on.
const SPREAD_SEEDS: u64 = 256;

/// A space around its centre: a latent is `centre + scale u`, where the `u` of a seed have a mean square near one.
/// A step of Adam then means the same in every model, and so does the pull toward the centre.
pub struct Coordinates<'a> {
    generator: &'a Generator,
    space: Space,
    truncation_psi: f32,
    num_ws: usize,
    /// `[1, 1, w_dim]`.
    centre: Tensor<3>,
    scale: f32,
}

impl<'a> Coordinates<'a> {
    /// Measures the space of `generator`.
    pub async fn measure(generator: &'a Generator, space: Space, truncation_psi: f32) -> Result<Self, Error> {
        let w_avg = generator.mapping.w_avg.val().without_autodiff();
        let [w_dim] = w_avg.dims();
        let [_, z_dim] = generator.mapping.layers[0].weight.dims();
        let device = w_avg.device();
        let num_ws = 2 * generator.synthesis.blocks.len();
        if space == Space::Z {
            return Ok(Self {
                generator,
                space,
                truncation_psi,
                num_ws,
                centre: Tensor::zeros([1, 1, z_dim], &device),
                scale: 1.0,
            });
        }
        let scale = spread(generator, &device).await?;
        Ok(Self {
            generator,
            space,
            truncation_psi,
            num_ws,
            centre: w_avg.reshape([1, 1, w_dim]),
            scale,
        })
    }

    /// Whether `latents` are of this space, see [`coordinates`](Self::coordinates).
    pub fn check(&self, latents: &Tensor<3>) -> Result<(), Error> {
        let layers = if self.space == Space::Z { 1 } else { self.num_ws };
        let [_, _, width] = self.centre.dims();
        match latents.dims() {
            [n, found_layers, found_width] if n > 0 && [found_layers, found_width] == [layers, width] => {
                Ok(())
            }
            found => Err(Error::Request(format!(
                "the latents to start from are {found:?}, this model takes [n, {layers}, {width}] with an n of at least 1"
            ))),
        }
    }

    /// Latents to coordinates: `z [n, 1, z_dim]` in z, otherwise `ws [n, num_ws, w_dim]`, of which w keeps the mean.
    pub fn coordinates(&self, latents: Tensor<3>) -> Tensor<3> {
        let latents = match self.space {
            Space::Z | Space::WPlus => latents,
            Space::W => latents.mean_dim(1),
        };
        (latents - self.centre.clone()) / self.scale
    }

    /// Coordinates to `ws [n, num_ws, w_dim]`.
    pub fn ws(&self, u: Tensor<3>) -> Tensor<3> {
        let latents = u * self.scale + self.centre.clone();
        match self.space {
            Space::Z => {
                let z = latents.squeeze_dim::<2>(1);
                self.generator.mapping.forward(z, self.truncation_psi)
            }
            Space::W => latents.repeat_dim(1, self.num_ws),
            Space::WPlus => latents,
        }
    }
}

/// The root mean square of `w - w_avg` over the coordinates of many `w`.
async fn spread(generator: &Generator, device: &Device) -> Result<f32, Error> {
    let [_, z_dim] = generator.mapping.layers[0].weight.dims();
    let z: Vec<f32> = (0..SPREAD_SEEDS)
        .flat_map(|seed| z_from_seed(seed, z_dim))
        .collect();
    let z = Tensor::from_data(TensorData::new(z, [SPREAD_SEEDS as usize, z_dim]), device);
    let w = generator.mapping.w_from_z(z).without_autodiff();
    let w_avg = generator.mapping.w_avg.val().without_autodiff().unsqueeze::<2>();
    let spread = (w - w_avg).square().mean().sqrt();
    let spread = super::read(spread).await?[0];
    // An untrained mapping may give the same w for all.
    Ok(if spread > 1e-6 { spread } else { 1.0 })
}
