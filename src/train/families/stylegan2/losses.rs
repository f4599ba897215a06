//! The penalty of Mescheder et al. (2018).

use crate::{networks::generators::stylegan2::Discriminator, train::augment::Augmentation};
use burn::{module::Module, tensor::Tensor};

/// The penalty `E|grad D(A(x))|^2 / 2`, where `A` is the augmentation, and a stand-in with the same gradient
/// for the weights: R1 where the `pictures` x are real ones, R2 where they were generated.
///
/// `pictures [n, c, h, w]`, of `classes [n, classes]` where there are classes, live on a device with
/// autodiff. With `v = grad_x D(A(x))` held constant, the weight gradient of `|v|^2 / 2` is that of the
/// directional derivative of `D(A(x))` along `v`, which the tangent pass gives exactly; differentiating twice
/// is not needed.
pub fn gradient_penalty(
    discriminator: &Discriminator,
    pictures: Tensor<4>,
    classes: Option<Tensor<2>>,
    augmentation: &Augmentation,
) -> (f64, Tensor<1>) {
    let pictures = pictures.detach().require_grad();
    let gradients = discriminator
        .clone()
        .no_grad()
        .forward(augmentation.apply(pictures.clone()), classes.clone())
        .sum()
        .backward();
    let v = pictures
        .grad(&gradients)
        .expect("the logits depend on the pictures");
    let n = v.dims()[0] as f64;
    let penalty = v.clone().square().sum().into_scalar::<f32>() as f64 / (2.0 * n);
    let (seen, direction) = (augmentation.apply(pictures.detach()), augmentation.along(v));
    let (_, tangent) = discriminator.forward_tangent(seen, direction, classes);
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
    use burn::tensor::Device;

    /// The tangent pass itself is held against PyTorch in tests/stylegan2. What the augmentation adds is the
    /// direction: `A` v must be to the logits what v is to the pictures, so the stand-in's value is `E|v|^2`.
    /// A difference of weight gradients would say nothing, because each rectifier that turns between its two
    /// sides adds a jump to it.
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
            classes: vec![],
        };
        let discriminator = network.init_discriminator(&device);
        let real = random::normal([4, 3, 16, 16], 0.5, &device);
        let draw = |pipe| Augmentation::draw(pipe, 0.7, 4, 16, &mut stream(1, "augment", 0));
        let augmentation = draw(AugPipe::Bgcfnc);
        let (penalty, surrogate) = gradient_penalty(&discriminator, real.clone(), None, &augmentation);
        let without = gradient_penalty(&discriminator, real.clone(), None, &draw(AugPipe::None)).0;
        assert!(
            (penalty - without).abs() > 0.01 * penalty,
            "it is another penalty than without"
        );
        let value = surrogate.clone().into_scalar::<f32>() as f64;
        assert!(
            (value - 2.0 * penalty).abs() < 1e-3 * penalty,
            "{value}, {penalty}"
        );
    }
}
