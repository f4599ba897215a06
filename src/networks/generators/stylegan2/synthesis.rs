//! The synthesis network `g: ws -> image` with output skips.

use super::{StyleGan2Config, layers::EqualizedLinear};
use crate::{
    networks::layers::{buffer, full, normal},
    ops::{
        modulated_conv2d::{modulated_conv2d, styled_conv2d},
        random,
        resample::upsample2d,
    },
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use std::f64::consts::SQRT_2;

/// Where the per-pixel noise of the layers comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoiseMode {
    /// No noise at all.
    None,
    /// The noise that is saved with the network: the same latent always gives the same picture.
    Const,
    /// Fresh noise from [`random`], as in training.
    Random,
}

/// Modulated convolution, noise, bias, leaky rectifier.
#[derive(Module, Debug)]
pub struct SynthesisLayer {
    /// `w -> styles`, one factor for each input channel.
    pub affine: EqualizedLinear,
    /// `[c_out, c_in, 3, 3]`.
    pub weight: Param<Tensor<4>>,
    /// `[c_out]`.
    pub bias: Param<Tensor<1>>,
    /// `[side, side]`, the noise of [`NoiseMode::Const`].
    pub noise_const: Param<Tensor<2>>,
    /// `[1]`, how strongly noise is added.
    pub noise_strength: Param<Tensor<1>>,
    up: bool,
}

impl SynthesisLayer {
    fn init([c_in, c_out]: [usize; 2], w_dim: usize, side: usize, up: bool, device: &Device) -> Self {
        Self {
            affine: EqualizedLinear::init([w_dim, c_in], 1.0, 1.0, false, device),
            weight: normal([c_out, c_in, 3, 3], 1.0, device),
            bias: full([c_out], 0.0, device),
            noise_const: buffer(random::normal([side, side], 1.0, device)),
            noise_strength: full([1], 0.0, device),
            up,
        }
    }

    /// `x [n, c_in, h, w], w [n, w_dim] -> [n, c_out, side, side]`.
    pub fn forward(&self, x: Tensor<4>, w: Tensor<2>, noise: NoiseMode) -> Tensor<4> {
        let styles = self.affine.forward(w);
        let [n, _, h, _] = x.dims();
        let side = if self.up { 2 * h } else { h };
        let noise = match noise {
            NoiseMode::None => None,
            NoiseMode::Const => Some(self.noise_const.val().reshape([1, 1, side, side])),
            NoiseMode::Random => Some(random::normal([n, 1, side, side], 1.0, &x.device())),
        };
        let noise = noise.map(|noise| (noise, self.noise_strength.val()));
        styled_conv2d(
            x,
            self.weight.val(),
            styles,
            self.up,
            noise,
            self.bias.val(),
            SQRT_2,
        )
    }
}

/// A modulated 1x1 convolution to the picture's channels, without demodulation.
#[derive(Module, Debug)]
pub struct ToRgbLayer {
    /// `w -> styles`, one factor for each input channel.
    pub affine: EqualizedLinear,
    /// `[channels, c_in, 1, 1]`.
    pub weight: Param<Tensor<4>>,
    /// `[channels]`.
    pub bias: Param<Tensor<1>>,
}

impl ToRgbLayer {
    fn init([c_in, c_out]: [usize; 2], w_dim: usize, device: &Device) -> Self {
        Self {
            affine: EqualizedLinear::init([w_dim, c_in], 1.0, 1.0, false, device),
            weight: normal([c_out, c_in, 1, 1], 1.0, device),
            bias: full([c_out], 0.0, device),
        }
    }

    /// `x [n, c_in, h, w], w [n, w_dim] -> [n, channels, h, w]`.
    pub fn forward(&self, x: Tensor<4>, w: Tensor<2>) -> Tensor<4> {
        let [_, c_in, _, _] = self.weight.dims();
        // The styles carry the equalized learning rate's factor, as the weight has no demodulation.
        let styles = self.affine.forward(w) / (c_in as f64).sqrt();
        modulated_conv2d(x, self.weight.val(), styles, self.bias.val())
    }
}

/// The layers of one resolution. The first block has no `conv0`: it starts from a learned constant.
#[derive(Module, Debug)]
pub struct SynthesisBlock {
    /// Doubles the resolution; absent from the first block.
    pub conv0: Option<SynthesisLayer>,
    /// Keeps the resolution.
    pub conv1: SynthesisLayer,
    /// This resolution's part of the picture.
    pub to_rgb: ToRgbLayer,
}

/// Blocks from the smallest maps to the full resolution, whose RGB outputs are upsampled and summed.
#[derive(Module, Debug)]
pub struct SynthesisNetwork {
    /// `[channels, base, base]`, the learned input of the first block; the base is 4 for powers of two.
    pub input: Param<Tensor<3>>,
    /// One block for each resolution, from the base up.
    pub blocks: Vec<SynthesisBlock>,
}

impl SynthesisNetwork {
    pub(super) fn init(config: &StyleGan2Config, device: &Device) -> Self {
        let base = config.base();
        let block = |side: usize| {
            let channels = config.channels(side);
            let layer = |c_in, up| SynthesisLayer::init([c_in, channels], config.w_dim, side, up, device);
            SynthesisBlock {
                conv0: (side > base).then(|| layer(config.channels(side / 2), true)),
                conv1: layer(channels, false),
                to_rgb: ToRgbLayer::init([channels, config.img_channels], config.w_dim, device),
            }
        };
        Self {
            input: normal([config.channels(base), base, base], 1.0, device),
            blocks: config.block_sides().map(block).collect(),
        }
    }

    /// Side of the smallest maps.
    pub(super) fn base(&self) -> usize {
        self.input.dims()[1]
    }

    /// `ws [n, num_ws, w_dim] -> image [n, channels, resolution, resolution]`, about `[-1, 1]`.
    pub fn forward(&self, ws: Tensor<3>, noise: NoiseMode) -> Tensor<4> {
        let [n, num_ws, w_dim] = ws.dims();
        assert_eq!(num_ws, 2 * self.blocks.len(), "one w for each layer");
        let w = |index: usize| ws.clone().narrow(1, index, 1).reshape([n, w_dim]);

        let mut x = self.input.val().unsqueeze::<4>().repeat_dim(0, n); // [n, c, base, base]
        let mut image: Option<Tensor<4>> = None;
        let mut index = 0;
        for block in &self.blocks {
            if let Some(conv0) = &block.conv0 {
                x = conv0.forward(x, w(index), noise);
                index += 1;
            }
            x = block.conv1.forward(x, w(index), noise);
            index += 1;
            // The RGB layer shares its w with the next block's first layer.
            let rgb = block.to_rgb.forward(x.clone(), w(index));
            image = Some(match image {
                Some(image) => upsample2d(image, 0) + rgb,
                None => rgb,
            });
        }
        image.expect("a synthesis network has at least one block")
    }
}
