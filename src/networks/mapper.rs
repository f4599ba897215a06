//! From an embedding to a latent that a generator draws something like it from: the draft of a guided avatar.
//!
//! In the spirit of the latent mapper of Patashnik et al., "StyleCLIP" (2021), section 5, but from the
//! embedding alone and not from a latent to be edited. An embedding leaves most of an avatar open, so the
//! answer is a normal distribution: the network gives its mean, and one covariance for all is what it left
//! unexplained of the latents that it was trained on.

use super::{
    NetworkConfig,
    layers::{ConfigError, Linear, buffer},
};
use crate::ops::unit_length::unit_length;
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, activation::gelu},
};
use serde::{Deserialize, Serialize};

/// The shape of a [`Mapper`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapperConfig {
    /// Width of the embeddings.
    pub embed_dim: usize,
    /// Width of the layers between.
    pub hidden_dim: usize,
    /// Layers between.
    pub num_layers: usize,
    /// Width of the generator's `w`.
    pub w_dim: usize,
}

impl MapperConfig {
    /// A mapper that is trained in a minute.
    pub fn small(embed_dim: usize, w_dim: usize) -> Self {
        Self {
            embed_dim,
            hidden_dim: 256,
            num_layers: 2,
            w_dim,
        }
    }
}

impl NetworkConfig for MapperConfig {
    type Network = Mapper;

    fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("embed_dim", self.embed_dim, 1, 1024)?;
        ConfigError::check("hidden_dim", self.hidden_dim, 1, 4096)?;
        ConfigError::check("num_layers", self.num_layers, 1, 8)?;
        ConfigError::check("w_dim", self.w_dim, 1, 4096)
    }

    /// A network with fresh random weights that leaves everything open.
    fn init(&self, device: &Device) -> Mapper {
        let layer = |i| {
            let d_in = if i == 0 { self.embed_dim } else { self.hidden_dim };
            // A rectifier halves what goes through it; directions on the sphere have small coordinates.
            let gain = if i == 0 {
                (self.embed_dim as f64).sqrt()
            } else {
                1.5
            };
            Linear::init([d_in, self.hidden_dim], gain, device)
        };
        let zeros = |width| buffer(Tensor::zeros([width], device));
        Mapper {
            layers: (0..self.num_layers).map(layer).collect(),
            output: Linear::init([self.hidden_dim, self.w_dim], 1.0, device),
            image_mean: zeros(self.embed_dim),
            text_mean: zeros(self.embed_dim),
            w_mean: zeros(self.w_dim),
            w_scale: buffer(Tensor::ones([1], device)),
            spread: buffer(Tensor::zeros([self.w_dim, self.w_dim], device)),
        }
    }

    fn weights(&self) -> u64 {
        let [d_in, hidden, layers, d_out] =
            [self.embed_dim, self.hidden_dim, self.num_layers, self.w_dim].map(|n| n as u64);
        d_in * hidden + (layers - 1) * hidden * hidden + hidden * d_out + d_out * d_out
    }
}

/// `direction, noise -> w`; [`MapperConfig`] makes it.
#[derive(Module, Debug)]
pub struct Mapper {
    /// The layers before the last.
    pub layers: Vec<Linear>,
    /// The last layer.
    pub output: Linear,
    /// `[embed_dim]`, the mean embedding of pictures.
    pub image_mean: Param<Tensor<1>>,
    /// `[embed_dim]`, the mean embedding of sentences. The two means lie apart, and what a sentence or a
    /// picture says is how it differs from the mean of its kind.
    pub text_mean: Param<Tensor<1>>,
    /// `[w_dim]`, the mean of `w`.
    pub w_mean: Param<Tensor<1>>,
    /// `[1]`, the root mean square of the coordinates of `w` around their mean.
    pub w_scale: Param<Tensor<1>>,
    /// `[w_dim, w_dim]`, a root of the covariance that is left, in units of `w_scale`: unit normal rows times
    /// this are what an embedding leaves open.
    pub spread: Param<Tensor<2>>,
}

impl Mapper {
    /// What pictures with the embeddings `[n, embed_dim]` show, as unit directions around the mean picture.
    pub fn directions_of_images(&self, embeddings: Tensor<2>) -> Tensor<2> {
        unit_length(embeddings - self.image_mean.val().unsqueeze())
    }

    /// What sentences with the embeddings `[n, embed_dim]` say, as unit directions around the mean sentence.
    pub fn directions_of_texts(&self, embeddings: Tensor<2>) -> Tensor<2> {
        unit_length(embeddings - self.text_mean.val().unsqueeze())
    }

    /// The mean latent for `directions [n, embed_dim]`, `[n, w_dim]`.
    pub fn mean(&self, directions: Tensor<2>) -> Tensor<2> {
        let x = self
            .layers
            .iter()
            .fold(directions, |x, layer| gelu(layer.forward(x)));
        self.output.forward(x) * self.w_scale.val().unsqueeze() + self.w_mean.val().unsqueeze()
    }

    /// By how much latents for the same direction differ from its mean: `noise [n, w_dim]`, unit normal, as
    /// differences of `w`.
    pub fn open(&self, noise: Tensor<2>) -> Tensor<2> {
        noise.matmul(self.spread.val()) * self.w_scale.val().unsqueeze()
    }
}
