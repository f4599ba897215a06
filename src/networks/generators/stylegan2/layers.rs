//! Layers with an equalized learning rate: Karras et al., "Progressive Growing of GANs" (2018), 4.1.
//!
//! Weights are stored with unit variance and scaled at run time, `w = w_stored * gain / sqrt(fan_in)`,
//! so that Adam's normalized steps change every layer at the same relative speed.

use crate::{
    networks::layers::{full, normal},
    ops::{
        conv2d::{conv2d, conv2d_act},
        linear::linear_act,
    },
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use std::f64::consts::SQRT_2;

/// `y = act(x W^T + b)` with an equalized learning rate.
#[derive(Module, Debug)]
pub struct EqualizedLinear {
    /// `[d_out, d_in]`.
    pub weight: Param<Tensor<2>>,
    /// `[d_out]`.
    pub bias: Param<Tensor<1>>,
    /// The layer learns this many times slower than the optimizer's rate says; 0.01 in the mapping.
    lr_multiplier: f64,
    /// Whether a leaky rectifier with gain `sqrt(2)` follows.
    rectify: bool,
}

impl EqualizedLinear {
    /// Random weights, and a bias that starts at `bias`.
    pub fn init(
        [d_in, d_out]: [usize; 2],
        bias: f64,
        lr_multiplier: f64,
        rectify: bool,
        device: &Device,
    ) -> Self {
        Self {
            weight: normal([d_out, d_in], 1.0 / lr_multiplier, device),
            bias: full([d_out], bias / lr_multiplier, device),
            lr_multiplier,
            rectify,
        }
    }

    /// `x [n, d_in] -> [n, d_out]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let gains = [self.weight_gain(), self.lr_multiplier];
        let gain = self.rectify.then_some(SQRT_2);
        linear_act(x, self.weight.val(), self.bias.val(), gains, gain)
    }

    fn weight_gain(&self) -> f64 {
        self.lr_multiplier / (self.weight.dims()[1] as f64).sqrt()
    }

    /// Without bias and rectifier: what the layer does to a tangent before its rectifier.
    pub fn linear(&self, x: Tensor<2>) -> Tensor<2> {
        (x * self.weight_gain()).matmul(self.weight.val().transpose())
    }
}

/// `y = leaky_relu(conv(x, w) + b) * gain` with an equalized learning rate.
#[derive(Module, Debug)]
pub struct EqualizedConv2d {
    /// `[c_out, c_in, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[c_out]`.
    pub bias: Param<Tensor<1>>,
}

impl EqualizedConv2d {
    /// Random weights and a bias of zero.
    pub fn init([c_in, c_out]: [usize; 2], kernel: usize, device: &Device) -> Self {
        Self {
            weight: normal([c_out, c_in, kernel, kernel], 1.0, device),
            bias: full([c_out], 0.0, device),
        }
    }

    /// `x [n, c_in, h, w] -> [n, c_out, ..]`.
    pub fn forward(&self, x: Tensor<4>, stride: usize, padding: usize, gain: f64) -> Tensor<4> {
        conv2d_act(x, equalized(&self.weight), stride, padding, self.bias.val(), gain)
    }

    /// The convolution alone: what the layer does to a tangent before its rectifier.
    pub fn linear(&self, x: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
        conv2d(x, equalized(&self.weight), stride, padding)
    }
}

/// The convolution weight as it is applied: scaled by `1 / sqrt(fan_in)`.
pub(super) fn equalized(weight: &Param<Tensor<4>>) -> Tensor<4> {
    let [_, c_in, kernel_h, kernel_w] = weight.dims();
    weight.val() / ((c_in * kernel_h * kernel_w) as f64).sqrt()
}
