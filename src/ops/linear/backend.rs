//! Where products with weights meet burn: an extension of its backends, with its own backward pass.

use super::kernel::{self, Order, Product};
use crate::ops::{
    bilinear::Bilinear,
    cpu::Isa,
    flex::{FlexTensor, dims, filled, from_values, is_f32},
};
use burn::backend::{
    Autodiff, Backend, Flex, autodiff::checkpoint::strategy::CheckpointStrategy, backend_extension,
    tensor::FloatTensor,
};

/// A backend that multiplies with the weights of a layer: burn's own way on a GPU, ours on the CPU.
#[backend_extension(
    Flex,
    Cube: cfg(any(target_arch = "wasm32", feature = "gpu")),
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

#[cfg(any(target_arch = "wasm32", feature = "gpu"))]
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
            kernel::product(Isa::current(), &p, x.storage(), weight.storage(), y)
        })
    };
    (y, [rows, outputs])
}

impl<B: ProductBackend, C: CheckpointStrategy> ProductBackend for Autodiff<B, C> {
    fn product(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        Bilinear::<B, ()> {
            forward: |x, weight, ()| B::product(x, weight),
            x_grad: |grad, weight, ()| B::product_input_grad(grad, weight),
            weight_grad: |x, grad, ()| B::float_matmul(B::float_transpose(grad), x),
        }
        .apply::<C>(x, weight, ())
    }

    fn product_input_grad(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        panic!("the gradient of a layer is not differentiable again: autodiff is first order");
    }
}
