//! Where the resample filter meets burn: an extension of its backends, which is its own backward pass.

use burn::backend::{
    Autodiff, Backend, Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind, unary},
    },
    backend_extension,
    tensor::FloatTensor,
};

use super::{Resample, kernel};
use crate::ops::{
    cpu::Isa,
    flex::{dims, filled, from_values, is_f32},
};

/// A backend that resamples: each by a kernel of ours.
#[backend_extension(
    Flex,
    Cube: cfg(any(target_arch = "wasm32", feature = "gpu")),
    Autodiff
)]
pub trait ResampleBackend: Backend {
    /// Resamples the planes of `x [n, c, h, w]`.
    fn resample(x: FloatTensor<Self>, p: Resample) -> FloatTensor<Self>;
}

#[cfg(any(target_arch = "wasm32", feature = "gpu"))]
impl ResampleBackend for burn::backend::Cube {
    fn resample(x: FloatTensor<Self>, p: Resample) -> FloatTensor<Self> {
        crate::ops::gpu::resample(x, p)
    }
}

impl ResampleBackend for Flex {
    fn resample(x: FloatTensor<Self>, p: Resample) -> FloatTensor<Self> {
        assert!(
            is_f32(&x),
            "the CPU resamples single precision only, got {:?}",
            x.dtype()
        );
        let [n, c, _, _] = dims(&x);
        let [oh, ow] = p.output;
        let x = x.to_contiguous();
        // SAFETY: the kernel writes every output.
        let (y, ()) = unsafe {
            filled(n * c * oh * ow, |y| {
                kernel::resample(Isa::current(), &p, n * c, x.storage(), y)
            })
        };
        from_values(y, [n, c, oh, ow])
    }
}

impl<B: ResampleBackend, C: CheckpointStrategy> ResampleBackend for Autodiff<B, C> {
    fn resample(x: FloatTensor<Self>, p: Resample) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Resampling;

        impl<B: ResampleBackend> Backward<B, 1> for Resampling {
            type State = Resample;

            fn backward(self, ops: Ops<Resample, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
                let adjoint = ops.state.adjoint();
                unary::<B, _>(ops.parents, ops.node, grads, |grad| B::resample(grad, adjoint));
            }
        }

        match Resampling.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(p, B::resample(x.into_primitive(), p)),
            OpsKind::UnTracked(prep) => prep.finish(B::resample(x.into_primitive(), p)),
        }
    }
}
