//! Convolutions that follow each other with nothing in between but biases and rectifiers.

use super::{
    conv2d, cpu,
    kernel::{self, Lanes},
    layer::{ONE, blocks},
};
#[cfg(any(target_arch = "wasm32", feature = "gpu"))]
use crate::ops::gpu;
use crate::ops::{
    cpu::Isa,
    flex::{dims, filled, from_values, is_plain_cpu, plain},
};
use burn::{
    backend::Flex,
    tensor::{Tensor, activation::prelu},
};

/// A 3x3 convolution with a padding of one, so that pictures keep their size, and what follows it.
#[derive(Clone, Debug)]
pub struct PreluLayer {
    /// `[c_out, c_in, 3, 3]`.
    pub weight: Tensor<4>,
    /// `[c_out]`.
    pub bias: Tensor<1>,
    /// `[c_out]`: the factors of negative results, if there is a rectifier.
    pub slope: Option<Tensor<1>>,
}

impl PreluLayer {
    /// `x [n, c_in, h, w] -> [n, c_out, h, w]`.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [c_out] = self.bias.dims();
        let y = conv2d(x, self.weight.clone(), 1, 1) + self.bias.clone().reshape([1, c_out, 1, 1]);
        match &self.slope {
            Some(slope) => prelu(y, slope.clone()),
            None => y,
        }
    }
}

/// Passes `x [n, c, h, w]` through all layers, each of which takes what the one before gives.
///
/// # Panics
/// When channels do not fit together, or a layer has not one bias and one slope for each of its output
/// channels.
pub fn conv2d_prelu_stack(x: Tensor<4>, layers: &[PreluLayer]) -> Tensor<4> {
    let [_, mut c, _, _] = x.dims();
    for PreluLayer { weight, bias, slope } in layers {
        let [c_out, c_in, kh, kw] = weight.dims();
        assert_eq!(
            [c_in, kh, kw],
            [c, 3, 3],
            "a weight of 3x3 for {c} input channels"
        );
        assert_eq!(bias.dims(), [c_out], "one bias for each channel");
        if let Some(slope) = slope {
            assert_eq!(slope.dims(), [c_out], "one slope for each channel");
        }
        c = c_out;
    }
    #[cfg(any(target_arch = "wasm32", feature = "gpu"))]
    if gpu::is_plain(&x) && layers.iter().all(gpu::is_plain_layer) {
        return gpu::conv2d_prelu_stack(x, layers);
    }
    let is_plain = |PreluLayer { weight, bias, slope }: &PreluLayer| {
        is_plain_cpu(weight) && is_plain_cpu(bias) && slope.as_ref().is_none_or(is_plain_cpu)
    };
    let in_frames = match is_plain_cpu(&x) && layers.iter().all(is_plain) && !layers.is_empty() {
        true => in_frames(x.clone(), layers),
        false => None,
    };
    in_frames.unwrap_or_else(|| layers.iter().fold(x, |x, layer| layer.forward(x)))
}

/// The same without packing pictures between the layers, unless something is not finite.
fn in_frames(x: Tensor<4>, layers: &[PreluLayer]) -> Option<Tensor<4>> {
    let (x, isa) = (plain(x), Isa::current());
    let [n, c, h, w] = dims(&x);
    let prepared = layers.iter().map(|layer| {
        let bias = blocks(&plain(layer.bias.clone()));
        let down = match &layer.slope {
            Some(slope) => blocks(&plain(slope.clone())),
            None => vec![ONE; bias.len()],
        };
        let lanes = bias.into_iter().zip(down).map(|(bias, down)| Lanes {
            scale: ONE,
            bias,
            up: ONE,
            down,
        });
        (
            cpu::winograd_weights(isa, &plain(layer.weight.clone()), false),
            lanes.collect(),
        )
    });
    let prepared: Vec<(_, Vec<Lanes>)> = prepared.collect();
    let stack = prepared
        .iter()
        .zip(layers)
        .map(|((u, lanes), layer)| kernel::StackLayer {
            k: layer.weight.dims()[0],
            u,
            lanes,
        });
    let stack: Vec<_> = stack.collect();
    let k = stack.last()?.k;
    // SAFETY: the kernel writes every output.
    let (y, finite) = unsafe {
        filled(n * k * h * w, |y| {
            kernel::winograd_stack(isa, [n, c, h, w], x.storage(), &stack, y)
        })
    };
    finite.then(|| Tensor::from_primitive::<Flex>(from_values(y, [n, k, h, w])))
}
