//! The mapping network `f: z -> w` and the truncation trick.

use super::{StyleGan2Config, layers::EqualizedLinear};
use crate::networks::layers::buffer;
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

/// Fully connected layers that turn `z` into `w`, repeated for every layer of the synthesis network.
#[derive(Module, Debug)]
pub struct MappingNetwork {
    /// The layers, each `[w_dim]` wide.
    pub layers: Vec<EqualizedLinear>,
    /// `[w_dim]`, the moving average of `w` that truncation pulls toward.
    pub w_avg: Param<Tensor<1>>,
    num_ws: usize,
}

impl MappingNetwork {
    /// The mapping learns a hundred times slower than the other layers, as in the paper.
    const LR_MULTIPLIER: f64 = 0.01;

    pub(super) fn init(config: &StyleGan2Config, device: &Device) -> Self {
        let layers = (0..config.num_mapping_layers)
            .map(|i| {
                let d_in = if i == 0 { config.z_dim } else { config.w_dim };
                EqualizedLinear::init([d_in, config.w_dim], 0.0, Self::LR_MULTIPLIER, true, device)
            })
            .collect();
        let w_avg = buffer(Tensor::zeros([config.w_dim], device));
        Self {
            layers,
            w_avg,
            num_ws: config.num_ws(),
        }
    }

    /// `z [n, z_dim] -> w [n, w_dim]`, before truncation.
    pub fn w_from_z(&self, z: Tensor<2>) -> Tensor<2> {
        // Latents live on a sphere: their length carries no information.
        let norm = (z.clone().square().mean_dim(1) + 1e-8).sqrt();
        self.layers.iter().fold(z / norm, |w, layer| layer.forward(w))
    }

    /// `z [n, z_dim] -> ws [n, num_ws, w_dim]`, truncated: `w_avg + truncation_psi (w - w_avg)`.
    ///
    /// A `truncation_psi` of one leaves `w` alone; toward zero, pictures become alike and typical.
    pub fn forward(&self, z: Tensor<2>, truncation_psi: f32) -> Tensor<3> {
        let w = self.w_from_z(z);
        let w = if truncation_psi == 1.0 {
            w
        } else {
            let w_avg = self.w_avg.val().unsqueeze();
            (w - w_avg.clone()) * truncation_psi + w_avg
        };
        self.broadcast(w)
    }

    /// Gives every layer of the synthesis network the same `w [n, w_dim]`.
    pub fn broadcast(&self, w: Tensor<2>) -> Tensor<3> {
        w.unsqueeze_dim::<3>(1).repeat_dim(1, self.num_ws)
    }

    /// Moves `w_avg` a step of `1 - beta` toward the mean of `w [n, w_dim]`.
    #[must_use]
    pub fn track_w_avg(mut self, w: Tensor<2>, beta: f64) -> Self {
        let mean = w.detach().mean_dim(0).reshape([-1]);
        self.w_avg = self.w_avg.map(|w_avg| {
            let w_avg = w_avg.detach();
            (mean.clone() + (w_avg - mean) * beta)
                .detach()
                .set_require_grad(false)
        });
        self
    }
}
