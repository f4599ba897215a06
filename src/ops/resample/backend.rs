//! Where the resample filter meets burn: an extension of its backends, which is its own backward pass.

use burn::backend::{
    Autodiff, Backend, Flex, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind, unary},
    },
    backend_extension,
    ops::{ConvOptions, ConvTransposeOptions},
    tensor::FloatTensor,
};
use burn::tensor::{Slice, TensorData};

use super::{Rate, Resample, filter2d, kernel};
use crate::ops::{
    cpu::Isa,
    flex::{dims, filled, from_values, is_f32},
};

/// A backend that resamples: by fixed convolutions on a GPU, by our kernel on the CPU.
#[backend_extension(
    Flex,
    Cube: cfg(any(target_arch = "wasm32", feature = "cuda", feature = "vulkan")),
    Autodiff
)]
pub trait ResampleBackend: Backend {
    /// Resamples the planes of `x [n, c, h, w]`.
    fn resample(x: FloatTensor<Self>, p: Resample) -> FloatTensor<Self> {
        let [n, c, h, w]: [usize; 4] = x.shape().dims();
        let filter = TensorData::new(filter2d(p.gain).to_vec(), [1, 1, 4, 4]);
        let filter = Self::float_from_data(filter, &x.device());
        let planes = Self::float_reshape(x, [n * c, 1, h, w].into());
        let pad = p.pad as usize;
        let [oh, ow] = p.output;
        let y = match p.rate {
            Rate::Up => {
                let odd = [0, 1].map(|axis| p.output[axis] + 2 * pad - (2 * p.input[axis] + 2));
                let options = ConvTransposeOptions::new([2, 2], [pad; 2], odd, [1, 1], 1);
                Self::conv_transpose2d(planes, filter, None, options)
            }
            Rate::Down => Self::conv2d(
                planes,
                filter,
                None,
                ConvOptions::new([2, 2], [pad; 2], [1, 1], 1),
            ),
            Rate::Same => {
                // Convolutions pad both sides alike: pad for the larger one, and cut what is too much.
                let after = [0, 1].map(|axis| p.output[axis] + 3 - p.input[axis] - pad);
                let most = pad.max(after[0]).max(after[1]);
                let options = ConvOptions::new([1, 1], [most; 2], [1, 1], 1);
                let y = Self::conv2d(planes, filter, None, options);
                let from = (most - pad) as isize;
                let cut = |len: usize| Slice::new(from, Some(from + len as isize), 1);
                Self::float_slice(y, &[Slice::full(), Slice::full(), cut(oh), cut(ow)])
            }
        };
        Self::float_reshape(y, [n, c, oh, ow].into())
    }
}

#[cfg(any(target_arch = "wasm32", feature = "cuda", feature = "vulkan"))]
impl ResampleBackend for burn::backend::Cube {}

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
                kernel::resample(Isa::best(), &p, n * c, x.storage(), y)
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
