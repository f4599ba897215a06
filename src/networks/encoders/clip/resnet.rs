//! CLIP's modified ResNet: He et al., "Deep Residual Learning" (2016), with the changes of Radford et al.
//! (2021), 2.4: a stem of three convolutions, average pooling before every stride (Zhang 2019) so that
//! nothing aliases, and attention instead of the mean at the end.
//!
//! The published networks are used as they are, so the batch norms are frozen: each is one factor and one
//! summand for a channel, and `guise import clip` multiplies them into the convolution before. What is left
//! is a convolution with a bias.

use crate::networks::layers::{Convolution, Linear, attend, lazy_normal};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, activation::relu, module::avg_pool2d, ops::AvgPoolOptions},
};
use serde::{Deserialize, Serialize};

/// The last convolution of a block has this many times the channels of the others.
const EXPANSION: usize = 4;

/// The shape of a [`ModifiedResNet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModifiedResNetConfig {
    /// Side of the pictures in pixels, a multiple of 32.
    pub resolution: usize,
    /// Channels after the stem, 64 in RN50; an even number.
    pub width: usize,
    /// Blocks of each of the four stages; 3, 4, 6 and 3 in RN50.
    pub layers: [usize; 4],
    /// Heads of the attention at the end, which divide 32 times the width.
    pub heads: usize,
}

impl ModifiedResNetConfig {
    /// How many times smaller the last map's side is than the picture's.
    pub const REDUCTION: usize = 32;

    /// Features of the last map.
    pub(super) fn features(&self) -> usize {
        self.width * 8 * EXPANSION
    }

    pub(super) fn init(&self, embed_dim: usize, device: &Device) -> ModifiedResNet {
        let mut c_in = self.width;
        let [layer1, layer2, layer3, layer4] = [0, 1, 2, 3].map(|stage| {
            let channels = self.width << stage;
            (0..self.layers[stage])
                .map(|block| {
                    let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                    let block = Bottleneck::init([c_in, channels], stride, device);
                    c_in = channels * EXPANSION;
                    block
                })
                .collect()
        });
        let half = self.width / 2;
        ModifiedResNet {
            conv1: convolution([3, half], 3, device),
            conv2: convolution([half, half], 3, device),
            conv3: convolution([half, self.width], 3, device),
            layer1,
            layer2,
            layer3,
            layer4,
            attnpool: AttentionPool::init(self, embed_dim, device),
        }
    }
}

/// A convolution and the batch norm that followed it, without values until they are read.
fn convolution([c_in, c_out]: [usize; 2], kernel: usize, device: &Device) -> Convolution {
    let deviation = (2.0 / (c_in * kernel * kernel) as f64).sqrt();
    Convolution::lazy([c_in, c_out], kernel, deviation, device)
}

/// The mean of every square of `factor` by `factor` pixels.
fn pooled(x: Tensor<4>, factor: usize) -> Tensor<4> {
    match factor {
        1 => x,
        _ => avg_pool2d(x, AvgPoolOptions::new([factor, factor])),
    }
}

/// Three convolutions around which the input goes as well.
#[derive(Module, Debug)]
pub struct Bottleneck {
    /// To fewer channels, 1x1.
    pub conv1: Convolution,
    /// 3x3.
    pub conv2: Convolution,
    /// To [`EXPANSION`] times the channels, 1x1.
    pub conv3: Convolution,
    /// For the input, where its shape changes, 1x1.
    pub downsample: Option<Convolution>,
    stride: usize,
}

impl Bottleneck {
    fn init([c_in, channels]: [usize; 2], stride: usize, device: &Device) -> Self {
        let c_out = channels * EXPANSION;
        Self {
            conv1: convolution([c_in, channels], 1, device),
            conv2: convolution([channels, channels], 3, device),
            conv3: convolution([channels, c_out], 1, device),
            downsample: (stride > 1 || c_in != c_out).then(|| convolution([c_in, c_out], 1, device)),
            stride,
        }
    }

    /// `x [n, c_in, h, w] -> [n, 4 channels, h / stride, w / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = relu(self.conv1.forward(x.clone(), 1, 0));
        let y = relu(self.conv2.forward(y, 1, 1));
        let y = self.conv3.forward(pooled(y, self.stride), 1, 0);
        let x = match &self.downsample {
            Some(downsample) => downsample.forward(pooled(x, self.stride), 1, 0),
            None => x,
        };
        relu(x + y)
    }
}

/// Attention whose one query is the mean of the map.
#[derive(Module, Debug)]
pub struct AttentionPool {
    /// `[1 + pixels, features]`.
    pub positional_embedding: Param<Tensor<2>>,
    /// The query.
    pub q_proj: Linear,
    /// The keys.
    pub k_proj: Linear,
    /// The values.
    pub v_proj: Linear,
    /// From the features to the embedding.
    pub c_proj: Linear,
    heads: usize,
}

impl AttentionPool {
    fn init(config: &ModifiedResNetConfig, embed_dim: usize, device: &Device) -> Self {
        let features = config.features();
        let side = config.resolution / ModifiedResNetConfig::REDUCTION;
        let deviation = (features as f64).powf(-0.5);
        let square = || Linear::lazy([features, features], deviation, device);
        Self {
            positional_embedding: lazy_normal([side * side + 1, features], deviation, device),
            q_proj: square(),
            k_proj: square(),
            v_proj: square(),
            c_proj: Linear::lazy([features, embed_dim], deviation, device),
            heads: config.heads,
        }
    }

    /// `x [n, features, side, side] -> [n, embed_dim]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let [n, features, h, w] = x.dims();
        let pixels = x.reshape([n, features, h * w]).swap_dims(1, 2); // [n, pixels, features]
        let mean = pixels.clone().mean_dim(1);
        let tokens = Tensor::cat(vec![mean, pixels], 1) + self.positional_embedding.val().unsqueeze();
        let heads = |x: Tensor<3>| {
            let length = x.dims()[1];
            x.reshape([n, length, self.heads, features / self.heads])
                .swap_dims(1, 2)
        };
        let q = heads(self.q_proj.forward(tokens.clone().slice_dim(1, 0..1)));
        let k = heads(self.k_proj.forward(tokens.clone()));
        let v = heads(self.v_proj.forward(tokens));
        let found = attend(q, k, v, None).reshape([n, 1, features]);
        let embedding = self.c_proj.forward(found);
        embedding.squeeze_dim(1)
    }
}

/// The network; [`ModifiedResNetConfig`] makes it.
#[derive(Module, Debug)]
pub struct ModifiedResNet {
    /// Halves the sides.
    pub conv1: Convolution,
    /// Second of the stem.
    pub conv2: Convolution,
    /// Third of the stem; pooling follows.
    pub conv3: Convolution,
    /// At a quarter of the picture's resolution.
    pub layer1: Vec<Bottleneck>,
    /// At an eighth.
    pub layer2: Vec<Bottleneck>,
    /// At a sixteenth.
    pub layer3: Vec<Bottleneck>,
    /// At a thirty-second.
    pub layer4: Vec<Bottleneck>,
    /// The map becomes one vector.
    pub attnpool: AttentionPool,
}

impl ModifiedResNet {
    /// How many numbers it computes for a picture of side `resolution`.
    pub(super) fn numbers(&self, resolution: usize) -> u64 {
        let channels = |layer: &Convolution| layer.weight.dims()[0] as u64;
        let area = |shrunk: usize| ((resolution / shrunk) as u64).pow(2);
        let stem: u64 = [&self.conv1, &self.conv2, &self.conv3].map(channels).iter().sum();
        let mut numbers = 3 * stem * area(2);
        let stages = [&self.layer1, &self.layer2, &self.layer3, &self.layer4];
        for (stage, blocks) in stages.into_iter().enumerate() {
            for block in blocks {
                let shrunk = 4usize << stage;
                // A block may halve only after its second convolution.
                let inner =
                    3 * (channels(&block.conv1) + channels(&block.conv2)) * area(shrunk / block.stride);
                numbers += inner + 5 * channels(&block.conv3) * area(shrunk);
            }
        }
        numbers
    }

    /// `x [n, 3, resolution, resolution]`, normalized pixels, to `[n, embed_dim]` of any length.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = relu(self.conv1.forward(x, 2, 1));
        let x = relu(self.conv2.forward(x, 1, 1));
        let x = relu(self.conv3.forward(x, 1, 1));
        let blocks = [&self.layer1, &self.layer2, &self.layer3, &self.layer4]
            .into_iter()
            .flatten();
        self.attnpool
            .forward(blocks.fold(pooled(x, 2), |x, block| block.forward(x)))
    }
}
