//! Fully connected layers.

mod backend;
mod kernel;

#[cfg(any(target_arch = "wasm32", feature = "gpu"))]
use super::gpu;
use super::{
    flex::{from_values, is_plain_cpu, plain},
    rectifier::{rectify, sides},
};
use backend::{ProductBackend, values};
use burn::{
    backend::{Dispatch, Flex},
    tensor::Tensor,
};
use kernel::Order;

/// `x W^T` for `x [n, d_in]` and `weight [d_out, d_in]`.
///
/// # Panics
/// When the shapes do not fit together.
pub fn product(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    check(&x, &weight);
    Tensor::from_dispatch(Dispatch::product(x.into_dispatch(), weight.into_dispatch()))
}

/// `x W^T + bias` for `x [n, d_in]`, `weight [d_out, d_in]` and `bias [d_out]`.
///
/// # Panics
/// When the shapes do not fit together.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    product(x, weight) + bias.unsqueeze()
}

fn check(x: &Tensor<2>, weight: &Tensor<2>) {
    let ([_, d_in], [_, weight_d_in]) = (x.dims(), weight.dims());
    assert_eq!(
        d_in, weight_d_in,
        "the weight takes {weight_d_in} values, not {d_in}"
    );
}

/// `leaky_relu(x W^T weight_gain + bias bias_gain) gain` for `x [n, d_in]`, `weight [d_out, d_in]` and `bias
/// [d_out]`; without the rectifier and its gain where there is no `gain`. For the few rows of a latent: a GPU
/// takes one launch for it where no gradient is asked for.
///
/// # Panics
/// When the shapes do not fit together.
pub fn linear_act(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    [weight_gain, bias_gain]: [f64; 2],
    gain: Option<f64>,
) -> Tensor<2> {
    check(&x, &weight);
    assert_eq!(bias.dims(), [weight.dims()[0]], "one bias for each output");
    let gains = [weight_gain as f32, bias_gain as f32];
    let sides = gain.map_or([1.0; 2], sides);
    if is_plain_cpu(&x) && is_plain_cpu(&weight) && is_plain_cpu(&bias) {
        return on_cpu(x, weight, bias, gains, sides);
    }
    #[cfg(any(target_arch = "wasm32", feature = "gpu"))]
    if gpu::is_plain(&x) && gpu::is_plain(&weight) && gpu::is_plain(&bias) {
        return gpu::linear_act(x, weight, bias, gains, sides);
    }
    // Scaling the rows and not the weights: there are fewer of them.
    let y = product(x * weight_gain, weight) + bias.unsqueeze() * bias_gain;
    match gain {
        Some(gain) => rectify(y, gain),
        None => y,
    }
}

fn on_cpu(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    [weight_gain, bias_gain]: [f32; 2],
    [up, down]: [f32; 2],
) -> Tensor<2> {
    let (mut y, shape) = values(&plain(x), &plain(weight), Order::Outputs);
    let bias = plain(bias);
    for y in y.chunks_exact_mut(shape[1].max(1)) {
        for (y, bias) in y.iter_mut().zip(bias.storage::<f32>()) {
            let v = *y * weight_gain + bias * bias_gain;
            *y = v * if v < 0.0 { down } else { up };
        }
    }
    Tensor::from_primitive::<Flex>(from_values(y, shape))
}
