//! The convolutions on burn's CPU backend: tensors in, the kernels of [`super::kernel`], tensors out.

use super::{
    backend::ConvSizes,
    kernel::{self, DirectView, GradPlan, Plan, Problem, WeightView},
};
use crate::ops::{
    cpu::Isa,
    flex::{FlexTensor as Tensor, dims, filled, from_values, is_f32},
};

/// Fewer 4x4 tiles than this are computed directly: transforming the weights would cost more than it saves.
const FEWEST_TILES: usize = 12;

/// Whether Winograd's way serves: 3x3, stride 1, a padding for which the gradient's is not negative, enough tiles.
fn is_winograd(sizes: &ConvSizes, n: usize) -> bool {
    let tiles = |side: usize| side.div_ceil(4);
    let [h, w] = sizes.output();
    sizes.kernel == [3, 3]
        && sizes.stride == 1
        && sizes.padding <= 2
        && n * tiles(h) * tiles(w) >= FEWEST_TILES
}

/// The tensor as the kernels read it.
fn contiguous(tensor: &Tensor) -> Tensor {
    assert!(
        is_f32(tensor),
        "the CPU convolves single precision only, got {:?}",
        tensor.dtype()
    );
    tensor.to_contiguous()
}

/// [`super::conv2d`].
pub(super) fn convolve(x: Tensor, weight: Tensor, sizes: ConvSizes) -> Tensor {
    let (x, weight) = (contiguous(&x), contiguous(&weight));
    let ([n, c, h, w], [k, ..]) = (dims::<4>(&x), dims::<4>(&weight));
    let [oh, ow] = sizes.output();
    let len = n * k * oh * ow;
    if is_winograd(&sizes, n) {
        let p = Problem {
            n,
            c,
            h,
            w,
            k,
            oh,
            ow,
            pad: sizes.padding,
        };
        let view = WeightView {
            k_stride: c * 9,
            c_stride: 9,
            flipped: false,
        };
        // SAFETY: the kernel writes every output.
        let (y, finite) = unsafe {
            filled(len, |y| {
                kernel::winograd_forward(Isa::best(), &p, x.storage(), weight.storage(), view, y)
            })
        };
        if finite {
            return from_values(y, [n, k, oh, ow]);
        }
        // An infinity or NaN has spread over its tile: only the definition says where it belongs.
    }
    let plan = Plan::forward(
        n,
        [c, k],
        [sizes.input, [oh, ow], sizes.kernel],
        sizes.stride,
        sizes.padding,
    );
    let taps = sizes.kernel[0] * sizes.kernel[1];
    let view = DirectView {
        out_stride: c * taps,
        in_stride: taps,
    };
    // SAFETY: the kernel writes every output.
    let (y, ()) = unsafe {
        filled(len, |y| {
            kernel::direct(Isa::best(), &plan, x.storage(), weight.storage(), view, y)
        })
    };
    from_values(y, [n, k, oh, ow])
}

/// The gradient of the input; `weight` is that of the forward convolution, `[k, c, kh, kw]`.
pub(super) fn convolve_input_grad(grad: Tensor, weight: Tensor, sizes: ConvSizes) -> Tensor {
    let (grad, weight) = (contiguous(&grad), contiguous(&weight));
    let ([n, k, oh, ow], [_, c, ..]) = (dims::<4>(&grad), dims::<4>(&weight));
    let [h, w] = sizes.input;
    let len = n * c * h * w;
    if is_winograd(&sizes, n) {
        // A convolution again: channels swapped, taps reversed, and the rest of the padding.
        let p = Problem {
            n,
            c: k,
            h: oh,
            w: ow,
            k: c,
            oh: h,
            ow: w,
            pad: 2 - sizes.padding,
        };
        let view = WeightView {
            k_stride: 9,
            c_stride: c * 9,
            flipped: true,
        };
        // SAFETY: the kernel writes every output.
        let (dx, finite) = unsafe {
            filled(len, |dx| {
                kernel::winograd_forward(Isa::best(), &p, grad.storage(), weight.storage(), view, dx)
            })
        };
        if finite {
            return from_values(dx, [n, c, h, w]);
        }
    }
    let plan = Plan::transposed(
        n,
        [k, c],
        [[oh, ow], sizes.input, sizes.kernel],
        sizes.stride,
        sizes.padding,
    );
    let taps = sizes.kernel[0] * sizes.kernel[1];
    let view = DirectView {
        out_stride: taps,
        in_stride: c * taps,
    };
    // SAFETY: the kernel writes every output.
    let (dx, ()) = unsafe {
        filled(len, |dx| {
            kernel::direct(Isa::best(), &plan, grad.storage(), weight.storage(), view, dx)
        })
    };
    from_values(dx, [n, c, h, w])
}

/// The gradient of the weight, `[k, c, kh, kw]`.
pub(super) fn convolve_weight_grad(x: Tensor, grad: Tensor, sizes: ConvSizes) -> Tensor {
    let (x, grad) = (contiguous(&x), contiguous(&grad));
    let ([n, c, h, w], [_, k, oh, ow]) = (dims::<4>(&x), dims::<4>(&grad));
    let [kh, kw] = sizes.kernel;
    let len = k * c * kh * kw;
    if is_winograd(&sizes, n) {
        let p = Problem {
            n,
            c,
            h,
            w,
            k,
            oh,
            ow,
            pad: sizes.padding,
        };
        // SAFETY: the kernel writes every output.
        let (dw, finite) = unsafe {
            filled(len, |dw| {
                kernel::winograd_weight_grad(Isa::best(), &p, x.storage(), grad.storage(), dw)
            })
        };
        if finite {
            return from_values(dw, [k, c, kh, kw]);
        }
    }
    let plan = GradPlan {
        n,
        c,
        input: [h, w],
        k,
        output: [oh, ow],
        kernel: sizes.kernel,
        stride: sizes.stride,
        padding: sizes.padding,
    };
    // SAFETY: the kernel writes every output.
    let (dw, ()) = unsafe {
        filled(len, |dw| {
            kernel::direct_weight_grad(Isa::best(), &plan, x.storage(), grad.storage(), dw)
        })
    };
    from_values(dw, [k, c, kh, kw])
}
