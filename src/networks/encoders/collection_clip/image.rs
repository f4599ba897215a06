//! The image tower.

use crate::{
    art::{LARGEST_SIDE, base_side},
    networks::{
        NetworkConfig,
        encoders::ImageEncoder,
        layers::{ConfigError, Linear},
    },
    ops::{conv2d::conv2d_act, random, resample::downsample2d, unit_length::unit_length},
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use serde::{Deserialize, Serialize};
use std::f64::consts::SQRT_2;

/// Channels of the pictures.
const RGB: usize = 3;

/// The shape of an [`ImageTower`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageTowerConfig {
    /// Side of the pictures in pixels, 8 to 1024: 3, 4, 5 or 7 times a power of two.
    pub resolution: usize,
    /// A map of side `r` has `channel_base / r` channels, at most [`channel_max`](Self::channel_max).
    pub channel_base: usize,
    /// The most channels that a map has.
    pub channel_max: usize,
    /// Width of the embeddings; the same in both towers.
    pub embed_dim: usize,
}

impl ImageTowerConfig {
    /// A tower for pictures of side `resolution` that trains in minutes: at 32 pixels, a third of a million
    /// parameters.
    pub fn small(resolution: usize) -> Self {
        Self {
            resolution,
            channel_base: 1024.max(resolution * 16),
            channel_max: 64,
            embed_dim: 128,
        }
    }

    /// Channels of the maps of side `side`.
    fn channels(&self, side: usize) -> usize {
        (self.channel_base / side).min(self.channel_max)
    }

    /// The side at which the last map is flattened, 4 for powers of two: where something is matters, as hair
    /// and shirts have colors both.
    fn last_side(&self) -> usize {
        base_side(self.resolution).unwrap_or(4)
    }

    /// `[c_in, c_out]` of every convolution, first to last, and whether a halving comes before it.
    ///
    /// One at the full resolution, which sees colors and edges, and two at each side below.
    fn convolutions(&self) -> Vec<([usize; 2], bool)> {
        let mut convolutions = vec![([RGB, self.channels(self.resolution)], false)];
        let mut side = self.resolution;
        while side > self.last_side() {
            let [above, here] = [side, side / 2].map(|side| self.channels(side));
            convolutions.push(([above, here], true));
            convolutions.push(([here, here], false));
            side /= 2;
        }
        convolutions
    }

    /// `[d_in, d_out]` of the last layer.
    fn head(&self) -> [usize; 2] {
        let last = self.last_side();
        [last * last * self.channels(last), self.embed_dim]
    }
}

impl NetworkConfig for ImageTowerConfig {
    type Network = ImageTower;

    fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_side("resolution", self.resolution, 8, LARGEST_SIDE)?;
        ConfigError::check("channel_base", self.channel_base, self.resolution, 1 << 17)?;
        ConfigError::check("channel_max", self.channel_max, 1, 1024)?;
        ConfigError::check("embed_dim", self.embed_dim, 1, 1024)
    }

    /// A tower with fresh random weights and the paper's `logit_scale` of `ln(1 / 0.07)`.
    fn init(&self, device: &Device) -> ImageTower {
        let layers = self.convolutions().into_iter();
        ImageTower {
            layers: layers
                .map(|(channels, halve)| Layer::init(channels, halve, device))
                .collect(),
            head: Linear::init(self.head(), 1.0, device),
            logit_scale: Param::from_tensor(Tensor::full([1], (1.0f64 / 0.07).ln(), device)),
            resolution: self.resolution,
        }
    }

    fn weights(&self) -> u64 {
        let kernels = self.convolutions().into_iter();
        let kernels: u64 = kernels.map(|([c_in, c_out], _)| 9 * (c_in * c_out) as u64).sum();
        let [d_in, d_out] = self.head();
        kernels + (d_in * d_out) as u64
    }
}

/// A 3x3 convolution and its rectifier, after a halving of the sides if there is one.
#[derive(Module, Debug)]
pub struct Layer {
    /// `[c_out, c_in, 3, 3]`.
    pub weight: Param<Tensor<4>>,
    /// `[c_out]`.
    pub bias: Param<Tensor<1>>,
    halve: bool,
}

impl Layer {
    fn init([c_in, c_out]: [usize; 2], halve: bool, device: &Device) -> Self {
        let deviation = 1.0 / ((9 * c_in) as f64).sqrt();
        let weight = random::normal([c_out, c_in, 3, 3], deviation, device);
        Self {
            weight: Param::from_tensor(weight),
            bias: Param::from_tensor(Tensor::zeros([c_out], device)),
            halve,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = if self.halve { downsample2d(x) } else { x };
        conv2d_act(x, self.weight.val(), 1, 1, self.bias.val(), SQRT_2)
    }
}

/// `image -> embedding`; [`ImageTowerConfig`] makes it.
#[derive(Module, Debug)]
pub struct ImageTower {
    /// All convolutions, first to last.
    pub layers: Vec<Layer>,
    /// From the flattened last map to the embedding.
    pub head: Linear,
    /// `[1]`, the logarithm of what cosines are multiplied with to become logits. It belongs to both towers
    /// and is kept in this one.
    pub logit_scale: Param<Tensor<1>>,
    resolution: usize,
}

impl ImageTower {
    /// Cosines become logits by at most this factor, as in the paper.
    pub const MAX_SCALE: f64 = 100.0;

    /// What cosines are multiplied with to become logits, `[1]`: `exp(logit_scale)`, at most
    /// [`MAX_SCALE`](Self::MAX_SCALE).
    pub fn scale(&self) -> Tensor<1> {
        self.logit_scale.val().clamp_max(Self::MAX_SCALE.ln()).exp()
    }

    /// `images [n, 3, resolution, resolution]` in `[-1, 1]` -> `[n, embed_dim]` of unit length.
    ///
    /// # Panics
    /// When the pictures have another size.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let [n, c, h, w] = images.dims();
        let side = self.resolution;
        assert_eq!(
            [c, h, w],
            [RGB, side, side],
            "the tower sees pictures of this size"
        );
        let x = self.layers.iter().fold(images, |x, layer| layer.forward(x));
        let [_, channels, rows, columns] = x.dims();
        unit_length(self.head.forward(x.reshape([n, channels * rows * columns])))
    }
}

impl ImageEncoder for ImageTower {
    fn resolution(&self) -> usize {
        self.resolution
    }

    fn embed(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward(images)
    }

    fn numbers_kept(&self) -> u64 {
        let mut side = self.resolution as u64;
        let each = self.layers.iter().map(|layer| {
            let [c_out, c_in, ..] = layer.weight.dims().map(|n| n as u64);
            // What is halved is filtered first.
            let filtered = if layer.halve { c_in * side * side } else { 0 };
            side /= 1 + u64::from(layer.halve);
            filtered + 2 * c_out * side * side
        });
        each.sum()
    }
}
