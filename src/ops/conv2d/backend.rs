//! Where the convolutions meet burn: an extension of its backends, with its own backward pass.

use burn::backend::{
    Autodiff, Backend, Flex, FloatDType, TensorMetadata, autodiff::checkpoint::strategy::CheckpointStrategy,
    backend_extension, tensor::FloatTensor,
};

use super::{cpu, kernel::Around, sizes::ConvSizes};
use crate::ops::bilinear::Bilinear;

/// A backend that convolves: burn's own way on a GPU, ours on the CPU.
#[backend_extension(
    Flex,
    Cube: cfg(any(target_arch = "wasm32", feature = "gpu")),
    Autodiff
)]
pub trait ConvBackend: Backend {
    /// [`super::conv2d`].
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, sizes: ConvSizes) -> FloatTensor<Self> {
        Self::conv2d(x, weight, None, sizes.options())
    }

    /// The gradient of a convolution with respect to its input, which is [`super::conv_transpose2d`].
    fn convolve_input_grad(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        sizes: ConvSizes,
    ) -> FloatTensor<Self> {
        let [_, _, h, w]: [usize; 4] = grad.shape().dims();
        Self::conv_transpose2d(grad, weight, None, sizes.transpose_options([h, w]))
    }

    /// The gradient of a convolution with respect to its weight.
    fn convolve_weight_grad(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        sizes: ConvSizes,
    ) -> FloatTensor<Self> {
        let [kh, kw] = sizes.kernel;
        let shape = [grad.shape()[1], x.shape()[1], kh, kw];
        let weight = Self::float_zeros(shape.into(), &x.device(), FloatDType::F32);
        Self::conv2d_weight_backward(x, weight, grad, sizes.options())
    }
}

#[cfg(any(target_arch = "wasm32", feature = "gpu"))]
impl ConvBackend for burn::backend::Cube {}

impl ConvBackend for Flex {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, sizes: ConvSizes) -> FloatTensor<Self> {
        cpu::convolve(x, weight, sizes, Around::default())
    }

    fn convolve_input_grad(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        sizes: ConvSizes,
    ) -> FloatTensor<Self> {
        cpu::convolve_input_grad(grad, weight, sizes)
    }

    fn convolve_weight_grad(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        sizes: ConvSizes,
    ) -> FloatTensor<Self> {
        cpu::convolve_weight_grad(x, grad, sizes, None)
    }
}

impl<B: ConvBackend, C: CheckpointStrategy> ConvBackend for Autodiff<B, C> {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, sizes: ConvSizes) -> FloatTensor<Self> {
        Bilinear::<B, ConvSizes> {
            forward: B::convolve,
            x_grad: B::convolve_input_grad,
            weight_grad: B::convolve_weight_grad,
        }
        .apply::<C>(x, weight, sizes)
    }

    fn convolve_input_grad(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        sizes: ConvSizes,
    ) -> FloatTensor<Self> {
        // The adjoint of a convolution: its own input gradient is that convolution, and in the weight
        // gradient the roles are swapped.
        Bilinear::<B, ConvSizes> {
            forward: B::convolve_input_grad,
            x_grad: B::convolve,
            weight_grad: |x, grad, sizes| B::convolve_weight_grad(grad, x, sizes),
        }
        .apply::<C>(grad, weight, sizes)
    }

    fn convolve_weight_grad(_: FloatTensor<Self>, _: FloatTensor<Self>, _: ConvSizes) -> FloatTensor<Self> {
        panic!("the gradient of a convolution's weight is not differentiable again: autodiff is first order");
    }
}
