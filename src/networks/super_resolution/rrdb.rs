//! RRDBNet, the network of ESRGAN and of Real-ESRGAN's large models: Wang et al., "ESRGAN: Enhanced
//! Super-Resolution Generative Adversarial Networks" (2018), and "Real-ESRGAN" (2021) for the pixel
//! unshuffle.
//!
//! Residual in residual dense blocks at the input's resolution, then pixels are doubled, each time with a
//! convolution after it. Networks that enlarge less begin with an unshuffle, which makes the squares of 2 x 2
//! or 4 x 4 pixels channels, so that all of them work on smaller maps. Images are RGB, `[n, 3, h, w]` in `[0,
//! 1]`. What differs from the original: any number of doublings, as older models have them, and a convolution
//! and its rectifier are one operation.

use super::{Enlarge, RGB, padded};
use crate::{
    networks::{
        NetworkConfig,
        layers::{ConfigError, Convolution},
    },
    ops::conv2d::conv2d_act,
};
use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use serde::{Deserialize, Serialize};

/// The part of a block's result that is added to what went in.
const RESIDUAL: f64 = 0.2;

/// Convolutions of a dense block, and dense blocks of a residual block.
const CONVOLUTIONS: usize = 5;
const DENSE_BLOCKS: usize = 3;

/// The shape of an [`RrdbNet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RrdbNetConfig {
    /// Channels between the blocks; 64 in every published model.
    pub num_feat: usize,
    /// Residual blocks, of three dense blocks each: 23 for general pictures, 6 for anime.
    pub num_block: usize,
    /// Channels that each convolution of a dense block adds; 32 in every published model.
    pub num_grow: usize,
    /// How often pixels are doubled.
    pub doublings: usize,
    /// The side of the squares that become channels first: 1 for none, 2 or 4.
    pub unshuffle: usize,
}

impl RrdbNetConfig {
    /// How many times larger each side comes out.
    pub fn scale(&self) -> usize {
        (1 << self.doublings) / self.unshuffle
    }

    /// `[c_in, c_out]` of every convolution of a dense block.
    fn dense(&self) -> [[usize; 2]; CONVOLUTIONS] {
        let Self {
            num_feat, num_grow, ..
        } = *self;
        std::array::from_fn(|i| {
            let c_out = if i + 1 == CONVOLUTIONS { num_feat } else { num_grow };
            [num_feat + i * num_grow, c_out]
        })
    }

    /// Channels that the unshuffle makes.
    fn img_channels(&self) -> usize {
        RGB * self.unshuffle * self.unshuffle
    }
}

impl NetworkConfig for RrdbNetConfig {
    type Network = RrdbNet;

    fn validate(&self) -> Result<(), ConfigError> {
        for (field, value, max) in [
            ("num_feat", self.num_feat, 512),
            ("num_block", self.num_block, 64),
            ("num_grow", self.num_grow, 256),
        ] {
            ConfigError::check(field, value, 1, max)?;
        }
        ConfigError::check("doublings", self.doublings, 0, 4)?;
        ConfigError::check_power("unshuffle", self.unshuffle, 1, 4.min(1 << self.doublings))
    }

    /// A network with random weights (He et al. 2015, a tenth of it, as ESRGAN's are), once they are read.
    fn init(&self, device: &Device) -> RrdbNet {
        let convolution = |[c_in, c_out]: [usize; 2]| {
            Convolution::lazy([c_in, c_out], 3, 0.1 * (2.0 / (9 * c_in) as f64).sqrt(), device)
        };
        let dense = || DenseBlock {
            conv: self.dense().map(convolution).into(),
        };
        let block = || ResidualBlock {
            rdb: (0..DENSE_BLOCKS).map(|_| dense()).collect(),
        };
        let same = [self.num_feat; 2];
        RrdbNet {
            conv_first: convolution([self.img_channels(), self.num_feat]),
            body: (0..self.num_block).map(|_| block()).collect(),
            conv_body: convolution(same),
            conv_up: (0..self.doublings).map(|_| convolution(same)).collect(),
            conv_hr: convolution(same),
            conv_last: convolution([self.num_feat, RGB]),
            unshuffle: self.unshuffle,
        }
    }

    fn weights(&self) -> u64 {
        let dense: usize = self.dense().iter().map(|[c_in, c_out]| c_in * c_out).sum();
        let square = self.num_feat * self.num_feat;
        let ends = self.num_feat * (self.img_channels() + RGB);
        9 * (DENSE_BLOCKS * self.num_block * dense + (2 + self.doublings) * square + ends) as u64
    }
}

/// Five convolutions, each of which sees what all before it gave.
#[derive(Module, Debug)]
pub struct DenseBlock {
    /// First to last.
    pub conv: Vec<Convolution>,
}

impl DenseBlock {
    /// `x [n, num_feat, h, w]`, and a part of the block's result.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut seen = x.clone();
        let (last, grow) = self.conv.split_last().expect("a dense block has convolutions");
        for convolution in grow {
            let more = rectified(convolution, seen.clone());
            seen = Tensor::cat(vec![seen, more], 1);
        }
        last.forward(seen, 1, 1) * RESIDUAL + x
    }
}

/// Three dense blocks, of whose result a part is added to what went in.
#[derive(Module, Debug)]
pub struct ResidualBlock {
    /// First to last.
    pub rdb: Vec<DenseBlock>,
}

impl ResidualBlock {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.rdb.iter().fold(x.clone(), |x, block| block.forward(x));
        y * RESIDUAL + x
    }
}

/// The network; [`RrdbNetConfig`] makes it.
#[derive(Module, Debug)]
pub struct RrdbNet {
    /// From colors to features.
    pub conv_first: Convolution,
    /// The residual blocks.
    pub body: Vec<ResidualBlock>,
    /// After them.
    pub conv_body: Convolution,
    /// One after each doubling.
    pub conv_up: Vec<Convolution>,
    /// The first at the full size.
    pub conv_hr: Convolution,
    /// From features to colors.
    pub conv_last: Convolution,
    unshuffle: usize,
}

/// A convolution that keeps the size, and its rectifier of slope 0.2.
fn rectified(convolution: &Convolution, x: Tensor<4>) -> Tensor<4> {
    conv2d_act(x, convolution.weight.val(), 1, 1, convolution.bias.val(), 1.0)
}

/// `x [n, c, h, w] -> [n, c, 2 h, 2 w]`, every pixel four times.
fn doubled(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let x = x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]);
    x.reshape([n, c, 2 * h, 2 * w])
}

/// `x [n, c, r h, r w] -> [n, c r^2, h, w]`.
fn unshuffled(x: Tensor<4>, r: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let [h, w] = [h / r, w / r];
    let x = x.reshape([n, c, h, r, w, r]).permute([0, 1, 3, 5, 2, 4]);
    x.reshape([n, c * r * r, h, w])
}

impl Enlarge for RrdbNet {
    fn scale(&self) -> usize {
        (1 << self.conv_up.len()) / self.unshuffle
    }

    fn receptive_radius(&self) -> usize {
        // Each convolution reaches one pixel further. Those at larger sizes reach halves and quarters of one:
        // two pixels at the most, all together.
        let reach = 1 + CONVOLUTIONS * DENSE_BLOCKS * self.body.len() + 1 + 2;
        // A pixel may be the last of its square, and see all of the outermost one.
        reach * self.unshuffle + self.unshuffle - 1
    }

    fn alignment(&self) -> usize {
        self.unshuffle
    }

    fn numbers_per_pixel(&self) -> u64 {
        let features = self.conv_first.bias.dims()[0];
        let dense = self.body.first().and_then(|block| block.rdb.first());
        let widest = dense.and_then(|dense| Some(dense.conv.last()?.weight.dims()[1]));
        // What a dense block has seen with its copy that is longer, and what blocks keep to add to.
        let inside = 2 * widest.unwrap_or(features) + 4 * features;
        // What goes into a convolution of the full size and what comes out, with a margin.
        let outside = 3 * features * (1 << (2 * self.conv_up.len()));
        (inside.max(outside) / (self.unshuffle * self.unshuffle)) as u64
    }

    fn device(&self) -> Device {
        self.conv_first.bias.device()
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        assert_eq!(c, RGB, "RRDBNet takes pictures of {RGB} channels");
        let x = match self.unshuffle {
            1 => x,
            r => unshuffled(padded(x, r), r),
        };
        let x = self.conv_first.forward(x, 1, 1); // [n, num_feat, h, w]
        let y = self.body.iter().fold(x.clone(), |x, block| block.forward(x));
        let x = self.conv_body.forward(y, 1, 1) + x;
        let x = self
            .conv_up
            .iter()
            .fold(x, |x, convolution| rectified(convolution, doubled(x)));
        let x = self.conv_last.forward(rectified(&self.conv_hr, x), 1, 1);
        let scale = self.scale();
        x.slice([0..n, 0..RGB, 0..scale * h, 0..scale * w])
    }
}
