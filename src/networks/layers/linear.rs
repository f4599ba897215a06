//! The affine map.

use super::{full, lazy_full, lazy_normal, normal};
use crate::ops;
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

/// `y = x W^T + b`.
///
/// The weight keeps PyTorch's order, so that each of its rows, which GGUF quantizes in blocks, makes one
/// output.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[d_out, d_in]`.
    pub weight: Param<Tensor<2>>,
    /// `[d_out]`.
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    /// Normal weights of variance `gain^2 / d_in`, and a bias of zero.
    pub fn init([d_in, d_out]: [usize; 2], gain: f64, device: &Device) -> Self {
        let deviation = gain / (d_in as f64).sqrt();
        Self {
            weight: match gain {
                0.0 => full([d_out, d_in], 0.0, device),
                _ => normal([d_out, d_in], deviation, device),
            },
            bias: full([d_out], 0.0, device),
        }
    }

    /// Normal weights of this deviation and a bias of zero, once they are read.
    pub fn lazy([d_in, d_out]: [usize; 2], deviation: f64, device: &Device) -> Self {
        Self {
            weight: lazy_normal([d_out, d_in], deviation, device),
            bias: lazy_full([d_out], 0.0, device),
        }
    }

    /// `x [.., d_in] -> [.., d_out]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        Self::apply(x, &self.weight, &self.bias)
    }

    /// The same with a weight and a bias that belong to a larger layer.
    pub fn apply<const D: usize>(
        x: Tensor<D>,
        weight: &Param<Tensor<2>>,
        bias: &Param<Tensor<1>>,
    ) -> Tensor<D> {
        let mut dims = x.dims();
        let d_in = dims[D - 1];
        let rows = dims[..D - 1].iter().product();
        // One product of two matrices, whatever the batch.
        let y = ops::linear::linear(x.reshape([rows, d_in]), weight.val(), bias.val());
        dims[D - 1] = weight.dims()[0];
        y.reshape(dims)
    }
}
