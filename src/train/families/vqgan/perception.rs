//! Who says whether a reconstruction looks like its picture.
//!
//! The paper asks a VGG that was trained on photographs (LPIPS, Zhang et al. 2018). Here it is the collection's
//! own image tower where there is one, and otherwise convolutions with fixed random weights, which no
//! photograph taught anything.

use super::VqGanRecipe;
use crate::{
    networks::encoders::{ImageEncoder, random::RandomFeatures},
    ops::cutouts::resize,
    train::{Error, measure::open_image_tower},
};
use burn::tensor::{Device, Tensor};

/// What compares pictures in the perceptual loss.
pub enum Perception {
    /// Fixed random convolutions, layer by layer.
    Random(RandomFeatures),
    /// A CLIP's image tower, by its embeddings.
    Clip(Box<dyn ImageEncoder>),
}

impl Perception {
    /// The one that `recipe` asks for.
    ///
    /// # Errors
    ///
    /// When its CLIP cannot be read.
    pub(super) fn open(recipe: &VqGanRecipe, device: &Device) -> Result<Self, Error> {
        match &recipe.perceptual_clip {
            Some(path) => Ok(Self::Clip(open_image_tower(path, device)?)),
            None => Ok(Self::Random(RandomFeatures::new(device))),
        }
    }

    /// Its name, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Random(_) => "fixed random convolutions",
            Self::Clip(_) => "the image tower of a CLIP",
        }
    }

    /// How different `drawn` looks from `images`, both `[n, 3, side, side]` in about `[-1, 1]`, `[1]`; with a
    /// gradient where `drawn` has one.
    pub(super) fn distance(&self, drawn: Tensor<4>, images: Tensor<4>) -> Tensor<1> {
        match self {
            Self::Random(network) => {
                let maps = network.maps(drawn).into_iter().zip(network.maps(images));
                let layer = |(drawn, images): (Tensor<4>, Tensor<4>)| {
                    (unit_channels(drawn) - unit_channels(images))
                        .square()
                        .sum_dim(1)
                        .mean()
                };
                let layers: Vec<Tensor<1>> = maps.map(layer).collect();
                let count = layers.len() as f64;
                Tensor::cat(layers, 0).sum() / count
            }
            Self::Clip(tower) => {
                let embed = |images| tower.embed(resize(images, tower.resolution()));
                let [drawn, images] = [drawn, images].map(embed);
                (drawn - images).square().sum_dim(1).mean()
            }
        }
    }
}

/// Maps `[n, c, h, w]` whose pixels are of unit length over the channels, as LPIPS has them.
fn unit_channels(map: Tensor<4>) -> Tensor<4> {
    let lengths = (map.clone().square().sum_dim(1) + 1e-10).sqrt();
    map / lengths
}
