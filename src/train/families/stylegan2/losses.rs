//! The penalty of Mescheder et al. (2018).

use crate::networks::generators::stylegan2::Discriminator;
use burn::{module::Module, tensor::Tensor};

/// The R1 penalty `E|grad D(real)|^2 / 2`, and a stand-in with the same gradient for the weights.
///
/// `real [n, c, h, w]` lives on a device with autodiff. With `v = grad_x D(x)` held constant, the weight
/// gradient of `|v|^2 / 2` is that of the directional derivative of `D` along `v`, which the tangent
/// pass gives exactly; differentiating twice is not needed.
pub fn r1_penalty(discriminator: &Discriminator, real: Tensor<4>) -> (f64, Tensor<1>) {
    let real = real.detach().require_grad();
    let gradients = discriminator
        .clone()
        .no_grad()
        .forward(real.clone())
        .sum()
        .backward();
    let v = real.grad(&gradients).expect("the logits depend on the pictures");
    let n = v.dims()[0] as f64;
    let penalty = v.clone().square().sum().into_scalar::<f32>() as f64 / (2.0 * n);
    let (_, tangent) = discriminator.forward_tangent(real.detach(), v);
    (penalty, tangent.mean())
}
