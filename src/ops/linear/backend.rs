//! Where products with weights meet burn: an extension of its backends, with its own backward pass.

use super::kernel::{self, Order, Product};
use crate::ops::{
    cpu::Isa,
    flex::{FlexTensor, dims, filled, from_values, is_f32},
};
use burn::backend::{
    Autodiff, Backend, Flex,
    autodiff::{
        NodeId,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    backend_extension,
    tensor::FloatTensor,
};

/// A backend that multiplies with the weights of a layer: burn's own way on a GPU, ours on the CPU.
#[backend_extension(
    Flex,
    Cube: cfg(any(target_arch = "wasm32", feature = "cuda", feature = "vulkan")),
    Autodiff
)]
pub trait ProductBackend: Backend {
    /// `x W^T` for `x [n, d_in]` and `weight [d_out, d_in]`.
    fn product(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_matmul(x, Self::float_transpose(weight))
    }

    /// Its gradient with respect to `x`, `grad W` for `grad [n, d_out]`.
    fn product_input_grad(grad: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_matmul(grad, weight)
    }
}

#[cfg(any(target_arch = "wasm32", feature = "cuda", feature = "vulkan"))]
impl ProductBackend for burn::backend::Cube {}

impl ProductBackend for Flex {
    fn product(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        on_cpu(&x, &weight, Order::Outputs)
    }

    fn product_input_grad(grad: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        on_cpu(&grad, &weight, Order::Inputs)
    }
}

fn on_cpu(x: &FlexTensor, weight: &FlexTensor, order: Order) -> FlexTensor {
    let (y, shape) = values(x, weight, order);
    from_values(y, shape)
}

/// The numbers of a product, row by row, and its shape.
pub(super) fn values(x: &FlexTensor, weight: &FlexTensor, order: Order) -> (Vec<f32>, [usize; 2]) {
    for tensor in [x, weight] {
        assert!(
            is_f32(tensor),
            "the CPU computes in single precision only, got {:?}",
            tensor.dtype()
        );
    }
    let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
    let ([rows, inputs], [first, second]) = (dims(&x), dims::<2>(&weight));
    let outputs = match order {
        Order::Outputs => first,
        Order::Inputs => second,
    };
    let p = Product {
        rows,
        inputs,
        outputs,
        order,
    };
    // SAFETY: the kernel writes every output.
    let (y, ()) = unsafe {
        filled(rows * outputs, |y| {
            kernel::product(Isa::best(), &p, x.storage(), weight.storage(), y)
        })
    };
    (y, [rows, outputs])
}

impl<B: ProductBackend, C: CheckpointStrategy> ProductBackend for Autodiff<B, C> {
    fn product(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct ProductWithWeight;

        impl<B: ProductBackend> Backward<B, 2> for ProductWithWeight {
            // Each gradient needs the other operand; what is not tracked is not kept.
            type State = (Option<NodeId>, Option<NodeId>);

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [node_x, node_weight] = ops.parents;
                let grad = grads.consume::<B>(&ops.node);
                let (x, weight) = ops.state;
                let x = x.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
                let weight = weight.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
                if let (Some(node), Some(weight)) = (node_x, weight) {
                    grads.register::<B>(node.id, B::product_input_grad(grad.clone(), weight));
                }
                if let (Some(node), Some(x)) = (node_weight, x) {
                    grads.register::<B>(node.id, B::float_matmul(B::float_transpose(grad), x));
                }
            }
        }

        let (x_tracked, weight_tracked) = (x.is_tracked(), weight.is_tracked());
        match ProductWithWeight
            .prepare::<C>([x.node(), weight.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let x_state = weight_tracked.then(|| prep.checkpoint(&x));
                let weight_state = x_tracked.then(|| prep.checkpoint(&weight));
                let y = B::product(x.into_primitive(), weight.into_primitive());
                prep.finish((x_state, weight_state), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::product(x.into_primitive(), weight.into_primitive())),
        }
    }

    fn product_input_grad(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        panic!("the gradient of a layer is not differentiable again: autodiff is first order");
    }
}
