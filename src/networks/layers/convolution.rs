//! The convolution with a bias.

use super::{lazy_full, lazy_normal};
use crate::ops::conv2d::conv2d_bias;
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

/// A convolution of maps with square kernels, and a bias for each channel.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[c_out, c_in, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[c_out]`.
    pub bias: Param<Tensor<1>>,
}

impl Convolution {
    /// Normal weights of this deviation and a bias of zero, once they are read.
    pub fn lazy([c_in, c_out]: [usize; 2], kernel: usize, deviation: f64, device: &Device) -> Self {
        Self {
            weight: lazy_normal([c_out, c_in, kernel, kernel], deviation, device),
            bias: lazy_full([c_out], 0.0, device),
        }
    }

    /// `x [n, c_in, h, w] -> [n, c_out, (h + 2 padding - kernel) / stride + 1, ..]`.
    pub fn forward(&self, x: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
        conv2d_bias(x, self.weight.val(), stride, padding, self.bias.val())
    }
}
