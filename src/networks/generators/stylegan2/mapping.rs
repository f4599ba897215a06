//! The mapping network `f: z -> w` and the truncation trick.

use super::{
    StyleGan2Config,
    conditioning::{embedding, unit_second_moment},
    layers::EqualizedLinear,
};
use crate::networks::{generators::ClassChoice, layers::buffer};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

/// Fully connected layers that turn `z`, and a class where there are several, into `w`, repeated for every
/// layer of the synthesis network.
#[derive(Module, Debug)]
pub struct MappingNetwork {
    /// `classes -> w_dim`, beside `z` in the first layer; none where there are no classes.
    pub embed: Option<EqualizedLinear>,
    /// The layers, each `[w_dim]` wide.
    pub layers: Vec<EqualizedLinear>,
    /// `[w_dim]`, the moving average of `w` that truncation pulls toward.
    pub w_avg: Param<Tensor<1>>,
    /// `[classes, w_dim]`, the same of each class. The average of all is an avatar between the classes, so
    /// that truncation toward it would make a class less like itself: Sauer et al., "StyleGAN-XL" (2022).
    pub class_w_avg: Option<Param<Tensor<2>>>,
    #[module(skip)]
    classes: ClassChoice,
    num_ws: usize,
}

impl MappingNetwork {
    /// The mapping learns a hundred times slower than the other layers, as in the paper.
    pub(super) const LR_MULTIPLIER: f64 = 0.01;

    pub(super) fn init(config: &StyleGan2Config, device: &Device) -> Self {
        let embed = embedding(config, config.w_dim, device);
        let embedded = embed.as_ref().map_or(0, |_| config.w_dim);
        let layers = (0..config.num_mapping_layers)
            .map(|i| {
                let d_in = if i == 0 {
                    config.z_dim + embedded
                } else {
                    config.w_dim
                };
                EqualizedLinear::init([d_in, config.w_dim], 0.0, Self::LR_MULTIPLIER, true, device)
            })
            .collect();
        let w_avg = buffer(Tensor::zeros([config.w_dim], device));
        let of_classes = || buffer(Tensor::zeros([config.classes.len(), config.w_dim], device));
        Self {
            class_w_avg: embed.as_ref().map(|_| of_classes()),
            embed,
            layers,
            w_avg,
            classes: ClassChoice::new(&config.classes),
            num_ws: config.num_ws(),
        }
    }

    /// Width of `z`.
    pub fn z_dim(&self) -> usize {
        let embedded = self.embed.as_ref().map_or(0, |embed| embed.weight.dims()[0]);
        self.layers[0].weight.dims()[1] - embedded
    }

    /// The same network, which draws this class only, or all of them where it is none.
    ///
    /// # Panics
    ///
    /// When it has no such class.
    #[must_use]
    pub fn of_class(mut self, class: Option<usize>) -> Self {
        self.classes.choose(class);
        self
    }

    /// Whether the length of each `z` chooses its class.
    pub fn length_chooses(&self) -> bool {
        self.classes.length_chooses()
    }

    /// `z [n, z_dim] -> w [n, w_dim]` before truncation, of `classes [n, classes]`, each row one at its class
    /// and zero elsewhere.
    ///
    /// # Panics
    ///
    /// When there are classes and none are given, or the other way around.
    pub fn w_from_z(&self, z: Tensor<2>, classes: Option<Tensor<2>>) -> Tensor<2> {
        // Latents live on a sphere: their length carries no information.
        let z = unit_second_moment(z);
        let x = match (&self.embed, classes) {
            (Some(embed), Some(classes)) => {
                Tensor::cat(vec![z, unit_second_moment(embed.forward(classes))], 1)
            }
            (None, None) => z,
            (embed, _) => panic!(
                "a network {} classes",
                if embed.is_some() { "with" } else { "without" }
            ),
        };
        self.layers.iter().fold(x, |w, layer| layer.forward(w))
    }

    /// `z [n, z_dim] -> ws [n, num_ws, w_dim]`, truncated: `w_avg + truncation_psi (w - w_avg)`, with the
    /// `w_avg` of its class where there are classes.
    ///
    /// A `truncation_psi` of one leaves `w` alone; toward zero, pictures become alike and typical.
    pub fn forward(&self, z: Tensor<2>, truncation_psi: f32) -> Tensor<3> {
        let classes = self.classes.rows(&z);
        let w = self.w_from_z(z, classes.clone());
        let w = if truncation_psi == 1.0 {
            w
        } else {
            let w_avg = match (&self.class_w_avg, classes) {
                (Some(averages), Some(classes)) => classes.matmul(averages.val()), // [n, w_dim]
                _ => self.w_avg.val().unsqueeze(),
            };
            (w - w_avg.clone()) * truncation_psi + w_avg
        };
        self.broadcast(w)
    }

    /// The average of what it draws, `[w_dim]`: of its class, or of all.
    pub fn center(&self) -> Tensor<1> {
        match (&self.class_w_avg, self.classes.class) {
            (Some(averages), Some(class)) => averages.val().narrow(0, class, 1).squeeze_dim(0),
            _ => self.w_avg.val(),
        }
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

    /// Moves the average of each class that is there a step of `1 - beta` toward the mean of its rows of
    /// `w [n, w_dim]`; `classes [n, classes]` are one at the class of each and zero elsewhere.
    #[must_use]
    pub fn track_class_w_avg(mut self, w: Tensor<2>, classes: Tensor<2>, beta: f64) -> Self {
        let (w, classes) = (w.detach(), classes.detach());
        let count = classes.clone().sum_dim(0).transpose(); // [classes, 1]
        let mean = classes.transpose().matmul(w) / count.clone().clamp_min(1.0);
        let step = count.clamp_max(1.0) * (1.0 - beta);
        self.class_w_avg = self.class_w_avg.map(|averages| {
            averages.map(|average| {
                let average = average.detach();
                (average.clone() + (mean - average) * step)
                    .detach()
                    .set_require_grad(false)
            })
        });
        self
    }
}
