//! Where the convolutions meet burn: an extension of its backends, with its own backward pass.

use burn::backend::{
    Autodiff, Backend, Flex, FloatDType, TensorMetadata,
    autodiff::{
        NodeId,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    backend_extension,
    ops::{ConvOptions, ConvTransposeOptions},
    tensor::FloatTensor,
};

use super::{cpu, kernel::Around};

/// The sizes that a convolution's tensors do not tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvSizes {
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Rows and columns of the convolution's input.
    pub input: [usize; 2],
    /// Step of the kernel over the input.
    pub stride: usize,
    /// Zeros on each side of the input.
    pub padding: usize,
}

impl ConvSizes {
    /// Rows and columns of the convolution's output.
    pub(super) fn output(&self) -> [usize; 2] {
        [0, 1].map(|axis| (self.input[axis] + 2 * self.padding - self.kernel[axis]) / self.stride + 1)
    }

    /// These sizes as burn's convolution takes them.
    fn options(&self) -> ConvOptions<2> {
        ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], 1)
    }

    /// These sizes as burn's transposed convolution of an output gradient of `grad` rows and columns takes them.
    fn transpose_options(&self, grad: [usize; 2]) -> ConvTransposeOptions<2> {
        let output_padding = [0, 1].map(|axis| {
            let smallest = (grad[axis] - 1) * self.stride + self.kernel[axis];
            self.input[axis] + 2 * self.padding - smallest
        });
        ConvTransposeOptions::new([self.stride; 2], [self.padding; 2], output_padding, [1, 1], 1)
    }
}

/// A backend that convolves: burn's own way on a GPU, ours on the CPU.
#[backend_extension(
    Flex,
    Cube: cfg(any(target_arch = "wasm32", feature = "cuda", feature = "vulkan")),
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

#[cfg(any(target_arch = "wasm32", feature = "cuda", feature = "vulkan"))]
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
        #[derive(Debug)]
        struct Convolve;

        impl<B: ConvBackend> Backward<B, 2> for Convolve {
            // Each gradient needs the other operand; what is not tracked is not kept.
            type State = (Option<NodeId>, Option<NodeId>, ConvSizes);

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [node_x, node_weight] = ops.parents;
                let grad = grads.consume::<B>(&ops.node);
                let (x, weight, sizes) = ops.state;
                let x = x.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
                let weight = weight.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
                if let (Some(node), Some(weight)) = (node_x, weight) {
                    grads.register::<B>(node.id, B::convolve_input_grad(grad.clone(), weight, sizes));
                }
                if let (Some(node), Some(x)) = (node_weight, x) {
                    grads.register::<B>(node.id, B::convolve_weight_grad(x, grad, sizes));
                }
            }
        }

        let (x_tracked, weight_tracked) = (x.is_tracked(), weight.is_tracked());
        match Convolve
            .prepare::<C>([x.node(), weight.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let x_state = weight_tracked.then(|| prep.checkpoint(&x));
                let weight_state = x_tracked.then(|| prep.checkpoint(&weight));
                let output = B::convolve(x.into_primitive(), weight.into_primitive(), sizes);
                prep.finish((x_state, weight_state, sizes), output)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::convolve(x.into_primitive(), weight.into_primitive(), sizes))
            }
        }
    }

    fn convolve_input_grad(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        sizes: ConvSizes,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct ConvolveTransposed;

        impl<B: ConvBackend> Backward<B, 2> for ConvolveTransposed {
            type State = (Option<NodeId>, Option<NodeId>, ConvSizes);

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                // The operation is linear in each operand and the adjoint of a convolution: its own input
                // gradient is that convolution, and in the weight gradient the roles are swapped.
                let [node_x, node_weight] = ops.parents;
                let grad = grads.consume::<B>(&ops.node);
                let (x, weight, sizes) = ops.state;
                let x = x.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
                let weight = weight.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
                if let (Some(node), Some(weight)) = (node_x, weight) {
                    grads.register::<B>(node.id, B::convolve(grad.clone(), weight, sizes));
                }
                if let (Some(node), Some(x)) = (node_weight, x) {
                    grads.register::<B>(node.id, B::convolve_weight_grad(grad, x, sizes));
                }
            }
        }

        let (x_tracked, weight_tracked) = (grad.is_tracked(), weight.is_tracked());
        match ConvolveTransposed
            .prepare::<C>([grad.node(), weight.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let x_state = weight_tracked.then(|| prep.checkpoint(&grad));
                let weight_state = x_tracked.then(|| prep.checkpoint(&weight));
                let output = B::convolve_input_grad(grad.into_primitive(), weight.into_primitive(), sizes);
                prep.finish((x_state, weight_state, sizes), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::convolve_input_grad(
                grad.into_primitive(),
                weight.into_primitive(),
                sizes,
            )),
        }
    }

    fn convolve_weight_grad(_: FloatTensor<Self>, _: FloatTensor<Self>, _: ConvSizes) -> FloatTensor<Self> {
        panic!("the gradient of a convolution's weight is not differentiable again: autodiff is first order");
    }
}
