//! What the discriminator makes of the class that a picture is said to be of.

use super::{StyleGan2Config, layers::EqualizedLinear, mapping::MappingNetwork};
use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

/// A mapping network of classes alone. The discriminator's answer is its last features projected on this
/// network's output: Miyato and Koyama, "cGANs with Projection Discriminator" (2018).
#[derive(Module, Debug)]
pub struct ClassMapping {
    /// `classes -> features`.
    pub embed: EqualizedLinear,
    /// As many layers as the mapping of the generator has, each as wide as the features.
    pub layers: Vec<EqualizedLinear>,
}

impl ClassMapping {
    /// A network to go with `features` of the discriminator, if there are classes.
    pub(super) fn init(config: &StyleGan2Config, features: usize, device: &Device) -> Option<Self> {
        let embed = embedding(config, features, device)?;
        let layer = |_| {
            let dims = [features, features];
            EqualizedLinear::init(dims, 0.0, MappingNetwork::LR_MULTIPLIER, true, device)
        };
        Some(Self {
            embed,
            layers: (0..config.num_mapping_layers).map(layer).collect(),
        })
    }

    /// `classes [n, classes]`, each row one at its class and zero elsewhere, to `[n, features]`.
    pub fn forward(&self, classes: Tensor<2>) -> Tensor<2> {
        let embedded = unit_second_moment(self.embed.forward(classes));
        self.layers.iter().fold(embedded, |x, layer| layer.forward(x))
    }
}

/// What turns classes into `width` numbers, if there are classes.
pub(super) fn embedding(config: &StyleGan2Config, width: usize, device: &Device) -> Option<EqualizedLinear> {
    let count = config.classes.len();
    (count > 0).then(|| EqualizedLinear::init([count, width], 0.0, 1.0, false, device))
}

/// Rows with a mean square of one: their length carries no information.
pub(super) fn unit_second_moment(x: Tensor<2>) -> Tensor<2> {
    let norm = (x.clone().square().mean_dim(1) + 1e-8).sqrt();
    x / norm
}
