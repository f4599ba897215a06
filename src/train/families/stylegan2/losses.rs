//! The losses of Goodfellow et al. (2014) and Mescheder et al. (2018).

use crate::{networks::generators::stylegan2::Discriminator, train::augment::Augmentation};
use burn::{
    module::Module,
    tensor::{Tensor, activation::softplus},
};

/// `E[softplus(-D(fake))]`: the non-saturating loss of the generator. `logits [n, 1] -> [1]`.
pub fn generator_loss(fake_logits: Tensor<2>) -> Tensor<1> {
    softplus(-fake_logits, 1.0).mean()
}

/// `E[softplus(-D(real))] + E[softplus(D(fake))]`. `logits [n, 1] -> [1]`.
pub fn discriminator_loss(real_logits: Tensor<2>, fake_logits: Tensor<2>) -> Tensor<1> {
    softplus(-real_logits, 1.0).mean() + softplus(fake_logits, 1.0).mean()
}

/// The R1 penalty `E|grad D(A(real))|^2 / 2`, where `A` is the augmentation, and a stand-in with the same gradient for the
/// weights.
///
/// `real [n, c, h, w]` lives on a device with autodiff. With `v = grad_x D(A(x))` held constant, the weight
/// gradient of `|v|^2 / 2` is that of the directional derivative of `D(A(x))` along `v`, which the tangent
/// pass gives exactly; differentiating twice is not needed.
pub fn r1_penalty(
    discriminator: &Discriminator,
    real: Tensor<4>,
    augmentation: &Augmentation,
) -> (f64, Tensor<1>) {
    let real = real.detach().require_grad();
    let gradients = discriminator
        .clone()
        .no_grad()
        .forward(augmentation.apply(real.clone()))
        .sum()
        .backward();
    let v = real.grad(&gradients).expect("the logits depend on the pictures");
    let n = v.dims()[0] as f64;
    let penalty = v.clone().square().sum().into_scalar::<f32>() as f64 / (2.0 * n);
    let (seen, direction) = (augmentation.apply(real.detach()), augmentation.along(v));
    let (_, tangent) = discriminator.forward_tangent(seen, direction);
    (penalty, tangent.mean())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        networks::generators::stylegan2::StyleGan2Config,
        ops::random,
        train::{AugPipe, streams::stream},
    };
    use burn::{module::Param, tensor::Device};

    /// The stand-in's gradient is that of the penalty itself, augmentation included: along a direction of the first
    /// weights it is what a small step along it changes.
    #[test]
    fn the_penalty_goes_through_the_augmentation() {
        let device = Device::flex().autodiff();
        random::seed(2);
        let network = StyleGan2Config {
            z_dim: 8,
            w_dim: 8,
            num_mapping_layers: 2,
            resolution: 16,
            img_channels: 3,
            channel_base: 128,
            channel_max: 8,
        };
        let discriminator = network.init_discriminator(&device);
        let real = random::normal([4, 3, 16, 16], 0.5, &device);
        let augmentation = Augmentation::draw(AugPipe::Bgcfnc, 0.7, 4, 16, &mut stream(1, "augment", 0));
        let weight = discriminator.from_rgb.weight.val();
        let direction = random::normal(weight.dims(), 1.0, &device).without_autodiff();
        let moved = |step: f64| {
            let mut moved = discriminator.clone();
            let weight = weight.clone().without_autodiff() + direction.clone() * step;
            moved.from_rgb.weight = Param::from_tensor(Tensor::from_inner(weight));
            r1_penalty(&moved, real.clone(), &augmentation).0
        };
        let (penalty, surrogate) = r1_penalty(&discriminator, real.clone(), &augmentation);
        let plain = Augmentation::draw(AugPipe::None, 0.0, 4, 16, &mut stream(1, "augment", 0));
        let without = r1_penalty(&discriminator, real.clone(), &plain).0;
        assert!(
            (penalty - without).abs() > 0.01 * penalty,
            "it is another penalty than without"
        );

        let gradients = surrogate.backward();
        let gradient = weight.grad(&gradients).unwrap();
        let found = (gradient * direction.clone()).sum().into_scalar::<f32>() as f64;
        let expected = (moved(1e-3) - moved(-1e-3)) / 2e-3;
        assert!(
            (found - expected).abs() < 0.02 * expected.abs(),
            "{found}, {expected}"
        );
    }
}
