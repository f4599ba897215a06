//! The convolutions on burn's CPU backend: tensors in, the kernels of [`super::kernel`], tensors out.

use burn::{
    backend::{Flex, TensorMetadata, ops::ModuleOps, tensor::FloatTensor},
    tensor::{DType, TensorData},
};
use core::mem::MaybeUninit;

use super::{
    backend::ConvSizes,
    kernel::{self, Isa, Problem, WeightView},
};

type Tensor = FloatTensor<Flex>;

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

/// Lets `fill` write `len` floats, and says what it returned beside them.
///
/// # Safety
/// `fill` must write every float.
unsafe fn filled<T>(len: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>]) -> T) -> (Vec<f32>, T) {
    let mut values = Vec::with_capacity(len);
    let result = fill(&mut values.spare_capacity_mut()[..len]);
    // SAFETY: the caller promises that all `len` floats were written.
    unsafe { values.set_len(len) };
    (values, result)
}

fn tensor(values: Vec<f32>, shape: [usize; 4]) -> Tensor {
    Tensor::from_data(TensorData::new(values, shape))
}

/// [`super::conv2d`].
pub(super) fn convolve(x: Tensor, weight: Tensor, sizes: ConvSizes) -> Tensor {
    let [n, c, ..]: [usize; 4] = x.shape().dims();
    let [k, ..]: [usize; 4] = weight.shape().dims();
    if is_winograd(&sizes) && x.dtype() == DType::F32 && weight.dtype() == DType::F32 && n * c * k > 0 {
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
            return tensor(y, [n, k, p.oh, p.ow]);
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
    let [n, ..]: [usize; 4] = grad.shape().dims();
    let [k, c, ..]: [usize; 4] = weight.shape().dims();
    if is_winograd(&sizes) && grad.dtype() == DType::F32 && weight.dtype() == DType::F32 && n * c * k > 0 {
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
            return tensor(dx, [n, c, h, w]);
        }
        return direct_input_grad(grad, weight, sizes);
    }
    direct_input_grad(grad, weight, sizes)
}

fn direct_input_grad(grad: Tensor, weight: Tensor, sizes: ConvSizes) -> Tensor {
    let [_, _, oh, ow]: [usize; 4] = grad.shape().dims();
    Flex::conv_transpose2d(grad, weight, None, sizes.transpose_options([oh, ow]))
}

/// The gradient of the weight, `[k, c, kh, kw]`.
pub(super) fn convolve_weight_grad(x: Tensor, grad: Tensor, sizes: ConvSizes) -> Tensor {
    let [n, c, ..]: [usize; 4] = x.shape().dims();
    let [_, k, ..]: [usize; 4] = grad.shape().dims();
    if is_winograd(&sizes) && x.dtype() == DType::F32 && grad.dtype() == DType::F32 && n * c * k > 0 {
        let p = problem(n, c, k, &sizes);
        let (x, grad) = (x.to_contiguous(), grad.to_contiguous());
        // SAFETY: the kernel writes every output.
        let (dw, finite) = unsafe {
            filled(k * c * 9, |dw| {
                kernel::winograd_weight_grad(Isa::best(), &p, x.storage(), grad.storage(), dw)
            })
        };
        if finite {
            return tensor(dw, [k, c, 3, 3]);
        }
        return direct_weight_grad(x, grad, sizes);
    }
    direct_weight_grad(x, grad, sizes)
}

fn direct_weight_grad(x: Tensor, grad: Tensor, sizes: ConvSizes) -> Tensor {
    let [k, c] = [grad.shape()[1], x.shape()[1]];
    let [kh, kw] = sizes.kernel;
    let weight = tensor(vec![0.0; k * c * kh * kw], [k, c, kh, kw]);
    Flex::conv2d_weight_backward(x, weight, grad, sizes.options())
}
