//! Normalization.

use super::lazy_full;
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, module::layer_norm},
};

/// Added to variances by every layer norm.
const EPSILON: f64 = 1e-5;

/// Layer norm over the features of each token (Ba et al. 2016).
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[width]`.
    pub weight: Param<Tensor<1>>,
    /// `[width]`.
    pub bias: Param<Tensor<1>>,
}

impl LayerNorm {
    /// One that scales by one, once it is read.
    pub fn lazy(width: usize, device: &Device) -> Self {
        Self {
            weight: lazy_full([width], 1.0, device),
            bias: lazy_full([width], 0.0, device),
        }
    }

    /// `x [.., width] -> [.., width]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        layer_norm(x, self.weight.val(), Some(self.bias.val()), EPSILON)
    }
}
