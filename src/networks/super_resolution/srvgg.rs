//! SRVGGNetCompact, the small super-resolution network of Real-ESRGAN: Wang et al., "Real-ESRGAN:
//! Training Real-World Blind Super-Resolution with Pure Synthetic Data" (2021), released with its code.
//!
//! A plain stack of 3x3 convolutions and parametric rectifiers at the input's resolution, a pixel
//! shuffle, and the input itself, enlarged by repeating pixels, added: the network learns the difference.
//! Images are RGB, `[n, 3, h, w]` in `[0, 1]`. Differences from the original: a convolution and its
//! rectifier are one [`Layer`], and the input is added before the shuffle, which is the same sum in a
//! quarter of the passes over memory.

use super::{Enlarge, RGB};
use crate::{
    networks::{
        NetworkConfig,
        layers::{ConfigError, lazy_full, lazy_normal},
    },
    ops::conv2d::{PreluLayer, conv2d_prelu_stack},
};
use burn::{
    module::{Module, Param},
    tensor::{
        Device, Tensor,
        module::interpolate,
        ops::{InterpolateMode, InterpolateOptions},
    },
};
use serde::{Deserialize, Serialize};

/// The shape of a [`SrvggNetCompact`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SrvggNetCompactConfig {
    /// Channels between the first and the last convolution; 64 in every published model.
    pub num_feat: usize,
    /// Convolutions between the first and the last; 16 for video, 32 for general pictures.
    pub num_conv: usize,
    /// How many times the pixel shuffle enlarges each side.
    pub upscale: usize,
    /// How many times larger each side comes out, at most [`upscale`](Self::upscale). Where it is less,
    /// the picture is shrunk by bicubic interpolation, which is how the published x2 and x3 models
    /// share the weights of the x4 model.
    pub outscale: usize,
}

impl SrvggNetCompactConfig {
    /// `[c_in, c_out]` of every convolution, first to last.
    pub fn channels(&self) -> impl Iterator<Item = [usize; 2]> + use<> {
        let Self {
            num_feat,
            num_conv,
            upscale,
            ..
        } = *self;
        let middle = std::iter::repeat_n([num_feat, num_feat], num_conv);
        std::iter::once([RGB, num_feat])
            .chain(middle)
            .chain(std::iter::once([num_feat, RGB * upscale * upscale]))
    }
}

impl NetworkConfig for SrvggNetCompactConfig {
    type Network = SrvggNetCompact;

    fn validate(&self) -> Result<(), ConfigError> {
        for (field, value, max) in [
            ("num_feat", self.num_feat, 512),
            ("num_conv", self.num_conv, 64),
            ("upscale", self.upscale, 8),
            ("outscale", self.outscale, self.upscale),
        ] {
            ConfigError::check(field, value, 1, max)?;
        }
        Ok(())
    }

    /// A network with fresh random weights (He et al. 2015) and rectifiers of slope 0.25, once they are read.
    fn init(&self, device: &Device) -> SrvggNetCompact {
        let last = self.num_conv + 1;
        let body = self.channels().enumerate();
        SrvggNetCompact {
            body: body
                .map(|(i, channels)| Layer::init(channels, i != last, device))
                .collect(),
            upscale: self.upscale,
            outscale: self.outscale,
        }
    }

    fn weights(&self) -> u64 {
        let kernels = self.channels().map(|[c_in, c_out]| 9 * (c_in * c_out) as u64);
        kernels.sum()
    }
}

/// A 3x3 convolution and, except in the last layer, a rectifier with one slope for each channel.
#[derive(Module, Debug)]
pub struct Layer {
    /// `[c_out, c_in, 3, 3]`.
    pub weight: Param<Tensor<4>>,
    /// `[c_out]`.
    pub bias: Param<Tensor<1>>,
    /// `[c_out]`, the factor of negative values; absent from the last layer.
    pub slope: Option<Param<Tensor<1>>>,
}

impl Layer {
    fn init([c_in, c_out]: [usize; 2], rectify: bool, device: &Device) -> Self {
        let deviation = (2.0 / (9 * c_in) as f64).sqrt();
        Self {
            weight: lazy_normal([c_out, c_in, 3, 3], deviation, device),
            bias: lazy_full([c_out], 0.0, device),
            slope: rectify.then(|| lazy_full([c_out], 0.25, device)),
        }
    }

    /// The layer as the whole stack takes it.
    fn val(&self) -> PreluLayer {
        PreluLayer {
            weight: self.weight.val(),
            bias: self.bias.val(),
            slope: self.slope.as_ref().map(Param::val),
        }
    }
}

/// The network; [`SrvggNetCompactConfig`] makes it.
#[derive(Module, Debug)]
pub struct SrvggNetCompact {
    /// All convolutions, first to last.
    pub body: Vec<Layer>,
    upscale: usize,
    outscale: usize,
}

impl Enlarge for SrvggNetCompact {
    fn scale(&self) -> usize {
        self.outscale
    }

    fn receptive_radius(&self) -> usize {
        // Each convolution reaches one pixel further; bicubic interpolation reaches two enlarged pixels
        // beyond its own, which is at most two input pixels.
        let shrink = if self.outscale == self.upscale { 0 } else { 2 };
        self.body.len() + shrink
    }

    fn numbers_per_pixel(&self) -> u64 {
        let channels = |layer: &Layer| layer.bias.dims()[0];
        let widest = self.body.iter().map(channels).max().unwrap_or(RGB);
        // What goes into a layer and what comes out; what the last one gives, as it is shuffled and added to.
        let result = RGB * self.upscale * self.upscale;
        (2 * widest + 4 * result) as u64
    }

    fn device(&self) -> Device {
        self.body[0].bias.device()
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        assert_eq!(c, RGB, "SRVGGNetCompact takes pictures of {RGB} channels");
        let r = self.upscale;
        let body: Vec<_> = self.body.iter().map(Layer::val).collect();
        let difference = conv2d_prelu_stack(x.clone(), &body); // [n, 3 r^2, h, w]
        // Repeating an input pixel r x r times is adding it to all r^2 channels that the shuffle spreads.
        let x = difference.reshape([n, RGB, r * r, h * w]) + x.reshape([n, RGB, 1, h * w]);
        let x = x.reshape([n, RGB, r, r, h, w]);
        let x = x.permute([0, 1, 4, 2, 5, 3]).reshape([n, RGB, h * r, w * r]);
        if self.outscale == self.upscale {
            return x;
        }
        let options = InterpolateOptions::new(InterpolateMode::Bicubic).with_align_corners(false);
        interpolate(
            x,
            options.with_output_size([h * self.outscale, w * self.outscale]),
        )
    }
}
