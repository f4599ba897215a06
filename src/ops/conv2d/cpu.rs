//! The convolutions on burn's CPU backend: tensors in, the kernels of [`super::kernel`], tensors out.

use burn::backend::{Flex, TensorMetadata, ops::ModuleOps};

use super::{
    backend::ConvSizes,
    kernel::{self, Problem, WeightView},
};
use crate::ops::{
    cpu::Isa,
    flex::{FlexTensor as Tensor, dims, filled, from_values, is_f32},
};

/// Whether Winograd's way serves: 3x3, stride 1, and a padding for which the gradient's is not negative.
fn is_winograd(sizes: &ConvSizes) -> bool {
    sizes.kernel == [3, 3]
        && sizes.stride == 1
        && sizes.padding <= 2
        && sizes.input.iter().all(|&side| side + 2 * sizes.padding > 2)
}

/// The forward problem of a 3x3 convolution from `c` to `k` channels.
fn problem(n: usize, c: usize, k: usize, sizes: &ConvSizes) -> Problem {
    let [h, w] = sizes.input;
    let pad = sizes.padding;
    Problem {
        n,
        c,
        h,
        w,
        k,
        oh: h + 2 * pad - 2,
        ow: w + 2 * pad - 2,
        pad,
    }
}

/// [`super::conv2d`].
pub(super) fn convolve(x: Tensor, weight: Tensor, sizes: ConvSizes) -> Tensor {
    let [n, c, ..] = dims::<4>(&x);
    let [k, ..] = dims::<4>(&weight);
    if is_winograd(&sizes) && is_f32(&x) && is_f32(&weight) && n * c * k > 0 {
        let p = problem(n, c, k, &sizes);
        let view = WeightView {
            k_stride: c * 9,
            c_stride: 9,
            flipped: false,
        };
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        // SAFETY: the kernel writes every output.
        let (y, finite) = unsafe {
            filled(n * k * p.oh * p.ow, |y| {
                kernel::winograd_forward(Isa::best(), &p, x.storage(), weight.storage(), view, y)
            })
        };
        if finite {
            return from_values(y, [n, k, p.oh, p.ow]);
        }
        return direct(x, weight, sizes);
    }
    direct(x, weight, sizes)
}

fn direct(x: Tensor, weight: Tensor, sizes: ConvSizes) -> Tensor {
    Flex::conv2d(x, weight, None, sizes.options())
}

/// The gradient of the input; `weight` is that of the forward convolution, `[k, c, kh, kw]`.
pub(super) fn convolve_input_grad(grad: Tensor, weight: Tensor, sizes: ConvSizes) -> Tensor {
    let [n, ..] = dims::<4>(&grad);
    let [k, c, ..] = dims::<4>(&weight);
    if is_winograd(&sizes) && is_f32(&grad) && is_f32(&weight) && n * c * k > 0 {
        // A convolution again: channels swapped, taps reversed, and the rest of the padding.
        let [oh, ow] = sizes.input.map(|side| side + 2 * sizes.padding - 2);
        let [h, w] = sizes.input;
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
        let (grad, weight) = (grad.to_contiguous(), weight.to_contiguous());
        // SAFETY: the kernel writes every output.
        let (dx, finite) = unsafe {
            filled(n * c * h * w, |dx| {
                kernel::winograd_forward(Isa::best(), &p, grad.storage(), weight.storage(), view, dx)
            })
        };
        if finite {
            return from_values(dx, [n, c, h, w]);
        }
        return direct_input_grad(grad, weight, sizes);
    }
    direct_input_grad(grad, weight, sizes)
}

fn direct_input_grad(grad: Tensor, weight: Tensor, sizes: ConvSizes) -> Tensor {
    let [_, _, oh, ow] = dims::<4>(&grad);
    Flex::conv_transpose2d(grad, weight, None, sizes.transpose_options([oh, ow]))
}

/// The gradient of the weight, `[k, c, kh, kw]`.
pub(super) fn convolve_weight_grad(x: Tensor, grad: Tensor, sizes: ConvSizes) -> Tensor {
    let [n, c, ..] = dims::<4>(&x);
    let [_, k, ..] = dims::<4>(&grad);
    if is_winograd(&sizes) && is_f32(&x) && is_f32(&grad) && n * c * k > 0 {
        let p = problem(n, c, k, &sizes);
        let (x, grad) = (x.to_contiguous(), grad.to_contiguous());
        // SAFETY: the kernel writes every output.
        let (dw, finite) = unsafe {
            filled(k * c * 9, |dw| {
                kernel::winograd_weight_grad(Isa::best(), &p, x.storage(), grad.storage(), dw)
            })
        };
        if finite {
            return from_values(dw, [k, c, 3, 3]);
        }
        return direct_weight_grad(x, grad, sizes);
    }
    direct_weight_grad(x, grad, sizes)
}

fn direct_weight_grad(x: Tensor, grad: Tensor, sizes: ConvSizes) -> Tensor {
    let [k, c] = [grad.shape()[1], x.shape()[1]];
    let [kh, kw] = sizes.kernel;
    let weight = from_values(vec![0.0; k * c * kh * kw], [k, c, kh, kw]);
    Flex::conv2d_weight_backward(x, weight, grad, sizes.options())
}
