//! Where the sampling meets burn: an extension of its backends, with a backward pass of its own.

use super::{AffineSample, kernel};
use crate::ops::flex::{dims, from_values, is_f32};
use burn::{
    backend::{
        Autodiff, Backend, Flex, TensorMetadata,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind, unary},
        },
        backend_extension,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{IndexingUpdateOp, TensorData},
};

/// A backend that looks pictures up: by a kernel of ours on the CPU, by gathering and scattering elsewhere.
#[backend_extension(
    Flex,
    Cube: cfg(any(target_arch = "wasm32", feature = "gpu")),
    Autodiff
)]
pub trait AffineSampleBackend: Backend {
    /// Looks up the planes of `x [n, c, input]`; gives `[n, c, output]`.
    fn affine_sample(x: FloatTensor<Self>, p: AffineSample) -> FloatTensor<Self> {
        gathered::<Self>(x, &p)
    }

    /// The gradient of `x`, from that of the output.
    fn affine_sample_grad(grad: FloatTensor<Self>, p: AffineSample) -> FloatTensor<Self> {
        scattered::<Self>(grad, &p)
    }
}

#[cfg(any(target_arch = "wasm32", feature = "gpu"))]
impl AffineSampleBackend for burn::backend::Cube {}

impl AffineSampleBackend for Flex {
    fn affine_sample(x: FloatTensor<Self>, p: AffineSample) -> FloatTensor<Self> {
        on_cpu(x, p.output, |planes, x, y| kernel::forward(&p, planes, x, y))
    }

    fn affine_sample_grad(grad: FloatTensor<Self>, p: AffineSample) -> FloatTensor<Self> {
        on_cpu(grad, p.input, |planes, grad, x| {
            kernel::adjoint(&p, planes, grad, x)
        })
    }
}

fn on_cpu(
    x: FloatTensor<Flex>,
    [h, w]: [usize; 2],
    run: impl FnOnce(usize, &[f32], &mut [f32]),
) -> FloatTensor<Flex> {
    assert!(
        is_f32(&x),
        "the CPU samples single precision only, got {:?}",
        x.dtype()
    );
    let [n, c, _, _] = dims(&x);
    let x = x.to_contiguous();
    let mut y = vec![0.0; n * c * h * w];
    run(c, x.storage(), &mut y);
    from_values(y, [n, c, h, w])
}

/// Places and weights of every tap, `[n c, 4 output]` and `[n, 1, 4, output]`.
fn taps<B: Backend>(
    like: &FloatTensor<B>,
    planes: usize,
    p: &AffineSample,
) -> (IntTensor<B>, FloatTensor<B>) {
    let (n, [rows, columns]) = (p.grids.len(), p.output);
    let len = rows * columns;
    let mut places = vec![0i32; n * 4 * len];
    let mut weights = vec![0f32; n * 4 * len];
    for (picture, grid) in p.grids.iter().enumerate() {
        for place in 0..len {
            let taps = p.taps(grid, [place / columns, place % columns]);
            for (tap, (at, weight)) in taps.into_iter().enumerate() {
                let index = (picture * 4 + tap) * len + place;
                (places[index], weights[index]) = (at as i32, weight);
            }
        }
    }
    let device = like.device();
    let places = B::int_from_data(TensorData::new(places, [n, 1, 4 * len]), &device);
    let places = B::int_expand(places, [n, planes, 4 * len].into());
    let weights = B::float_from_data(TensorData::new(weights, [n, 1, 4, len]), &device);
    (B::int_reshape(places, [n * planes, 4 * len].into()), weights)
}

/// Rows of two-dimensional tensors are what burn gathers best.
pub(super) fn gathered<B: Backend>(x: FloatTensor<B>, p: &AffineSample) -> FloatTensor<B> {
    let [n, c, h, w] = x.shape().dims();
    let [rows, columns] = p.output;
    let (places, weights) = taps::<B>(&x, c, p);
    let found = B::float_gather(1, B::float_reshape(x, [n * c, h * w].into()), places);
    let found = B::float_reshape(found, [n, c, 4, rows * columns].into());
    let sum = B::float_sum_dim(B::float_mul(found, weights), 2);
    B::float_reshape(sum, [n, c, rows, columns].into())
}

/// The transpose of [`gathered`].
pub(super) fn scattered<B: Backend>(grad: FloatTensor<B>, p: &AffineSample) -> FloatTensor<B> {
    let ([n, c, rows, columns], [h, w]) = (grad.shape().dims(), p.input);
    let (places, weights) = taps::<B>(&grad, c, p);
    let zeros = TensorData::new(vec![0f32; n * c * h * w], [n * c, h * w]);
    let zeros = B::float_from_data(zeros, &grad.device());
    let grad = B::float_reshape(grad, [n, c, 1, rows * columns].into());
    let parts = B::float_mul(B::float_expand(grad, [n, c, 4, rows * columns].into()), weights);
    let parts = B::float_reshape(parts, [n * c, 4 * rows * columns].into());
    let sums = B::float_scatter(1, zeros, places, parts, IndexingUpdateOp::Add);
    B::float_reshape(sums, [n, c, h, w].into())
}

impl<B: AffineSampleBackend, C: CheckpointStrategy> AffineSampleBackend for Autodiff<B, C> {
    fn affine_sample(x: FloatTensor<Self>, p: AffineSample) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Sampling;

        impl<B: AffineSampleBackend> Backward<B, 1> for Sampling {
            type State = AffineSample;

            fn backward(self, ops: Ops<AffineSample, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
                let p = ops.state;
                unary::<B, _>(ops.parents, ops.node, grads, |grad| {
                    B::affine_sample_grad(grad, p)
                });
            }
        }

        match Sampling.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(p.clone(), B::affine_sample(x.into_primitive(), p)),
            OpsKind::UnTracked(prep) => prep.finish(B::affine_sample(x.into_primitive(), p)),
        }
    }

    fn affine_sample_grad(_: FloatTensor<Self>, _: AffineSample) -> FloatTensor<Self> {
        unreachable!("a gradient is computed without a gradient of its own")
    }
}
