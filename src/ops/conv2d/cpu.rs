//! The convolutions on burn's CPU backend: tensors in, the kernels of [`super::kernel`], tensors out.

use super::{
    kept::{Form, kept},
    kernel::{self, Around, DirectView, GradPlan, Plan, Pointwise, Problem, WeightView},
    sizes::ConvSizes,
};
use crate::ops::{
    cpu::{Isa, Line},
    flex::{FlexTensor as Tensor, dims, filled, from_values, is_f32},
};
use std::sync::Arc;

/// Fewer 4x4 tiles than this are computed directly: reading four times as many weights would cost more than
/// it saves.
const FEWEST_TILES: usize = 4;

/// Whether Winograd's way serves: 3x3, stride 1, a padding for which the gradient's is not negative, enough
/// tiles.
fn is_winograd(sizes: &ConvSizes, n: usize) -> bool {
    let tiles = |side: usize| side.div_ceil(4);
    let [h, w] = sizes.output();
    sizes.kernel == [3, 3]
        && sizes.stride == 1
        && sizes.padding <= 2
        && n * tiles(h) * tiles(w) >= FEWEST_TILES
}

/// The convolution of `n` pictures of `c` channels to `k` as one on whole planes, if it is one and that
/// serves.
fn pointwise(sizes: &ConvSizes, n: usize, [c, k]: [usize; 2]) -> Option<Pointwise> {
    let [h, w] = sizes.input;
    let p = Pointwise {
        n,
        c,
        k,
        pixels: h * w,
    };
    let is_one = sizes.kernel == [1, 1] && sizes.stride == 1 && sizes.padding == 0;
    (is_one && p.serves()).then_some(p)
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

/// [`super::conv2d`], with something done before and after it.
pub(super) fn convolve(x: Tensor, weight: Tensor, sizes: ConvSizes, around: Around) -> Tensor {
    let (x, weight) = (contiguous(&x), contiguous(&weight));
    let ([n, c, h, w], [k, ..]) = (dims::<4>(&x), dims::<4>(&weight));
    let [oh, ow] = sizes.output();
    if let Some(p) = pointwise(&sizes, n, [c, k]) {
        let view = DirectView {
            out_stride: c,
            in_stride: 1,
        };
        return by_planes(&p, &x, &weight, view, around, [oh, ow]);
    }
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
        if let Some(y) = winograd(&p, &x, &weight, false, around) {
            return y;
        }
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
    let of_input_grad = false;
    direct(
        &plan,
        &x,
        &weight,
        view,
        Form::Direct { sizes, of_input_grad },
        around,
    )
}

/// The gradient of the input; `weight` is that of the forward convolution, `[k, c, kh, kw]`.
pub(super) fn convolve_input_grad(grad: Tensor, weight: Tensor, sizes: ConvSizes) -> Tensor {
    let (grad, weight) = (contiguous(&grad), contiguous(&weight));
    let ([n, k, oh, ow], [_, c, ..]) = (dims::<4>(&grad), dims::<4>(&weight));
    let [h, w] = sizes.input;
    let around = Around::default();
    if let Some(p) = pointwise(&sizes, n, [k, c]) {
        let view = DirectView {
            out_stride: 1,
            in_stride: c,
        };
        return by_planes(&p, &grad, &weight, view, around, [h, w]);
    }
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
        if let Some(dx) = winograd(&p, &grad, &weight, true, around) {
            return dx;
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
    let of_input_grad = true;
    direct(
        &plan,
        &grad,
        &weight,
        view,
        Form::Direct { sizes, of_input_grad },
        around,
    )
}

/// The weights `[k, c, 3, 3]` transformed for a convolution, or for the gradient of its input: channels
/// swapped, taps reversed.
pub(super) fn winograd_weights(isa: Isa, weight: &Tensor, of_input_grad: bool) -> Arc<Vec<Line>> {
    let [k, c, ..] = dims::<4>(weight);
    kept(weight, isa, Form::Winograd { of_input_grad }, || {
        let (channels, view) = match of_input_grad {
            false => (
                [k, c],
                WeightView {
                    k_stride: c * 9,
                    c_stride: 9,
                    flipped: false,
                },
            ),
            true => (
                [c, k],
                WeightView {
                    k_stride: 9,
                    c_stride: c * 9,
                    flipped: true,
                },
            ),
        };
        kernel::winograd_weights(isa, channels, weight.storage(), view)
    })
}

/// By Winograd, or nothing: an infinity or NaN has spread over its tile, and only the definition says where
/// it belongs.
fn winograd(p: &Problem, x: &Tensor, weight: &Tensor, of_input_grad: bool, around: Around) -> Option<Tensor> {
    let isa = Isa::current();
    let u = winograd_weights(isa, weight, of_input_grad);
    // SAFETY: the kernel writes every output.
    let (y, finite) = unsafe {
        filled(p.n * p.k * p.oh * p.ow, |y| {
            kernel::winograd_forward(isa, p, x.storage(), &u, around, y)
        })
    };
    finite.then(|| from_values(y, [p.n, p.k, p.oh, p.ow]))
}

/// On the planes as they are.
fn by_planes(
    p: &Pointwise,
    x: &Tensor,
    weight: &Tensor,
    view: DirectView,
    around: Around,
    [h, w]: [usize; 2],
) -> Tensor {
    // SAFETY: the kernel writes every output.
    let (y, ()) = unsafe {
        filled(p.n * p.k * p.pixels, |y| {
            kernel::pointwise_forward(Isa::current(), p, x.storage(), weight.storage(), view, around, y)
        })
    };
    from_values(y, [p.n, p.k, h, w])
}

/// As it is defined.
fn direct(p: &Plan, x: &Tensor, weight: &Tensor, view: DirectView, form: Form, around: Around) -> Tensor {
    let isa = Isa::current();
    let weights = kept(weight, isa, form, || {
        kernel::direct_weights(isa, p, weight.storage(), view)
    });
    let [oh, ow] = p.output;
    // SAFETY: the kernel writes every output.
    let (y, ()) = unsafe {
        filled(p.n * p.c_out * oh * ow, |y| {
            kernel::direct(isa, p, x.storage(), &weights, around, y)
        })
    };
    from_values(y, [p.n, p.c_out, oh, ow])
}

/// The gradient of the weight, `[k, c, kh, kw]`, with the factors that the input was convolved with, if there
/// were any.
pub(super) fn convolve_weight_grad(
    x: Tensor,
    grad: Tensor,
    sizes: ConvSizes,
    factors: Option<&[Line]>,
) -> Tensor {
    let around = Around {
        before: factors,
        after: None,
    };
    let (x, grad) = (contiguous(&x), contiguous(&grad));
    let ([n, c, h, w], [_, k, oh, ow]) = (dims::<4>(&x), dims::<4>(&grad));
    let [kh, kw] = sizes.kernel;
    let len = k * c * kh * kw;
    if let Some(p) = pointwise(&sizes, n, [c, k]) {
        // SAFETY: the kernel writes every output.
        let (dw, ()) = unsafe {
            filled(len, |dw| {
                kernel::pointwise_weight_grad(Isa::current(), &p, x.storage(), grad.storage(), around, dw)
            })
        };
        return from_values(dw, [k, c, kh, kw]);
    }
    // Winograd's way computes blocks of 16 channels, which few channels leave mostly empty.
    if is_winograd(&sizes, n) && c.min(k) > 4 {
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
                kernel::winograd_weight_grad(Isa::current(), &p, x.storage(), grad.storage(), around, dw)
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
            kernel::direct_weight_grad(Isa::current(), &plan, x.storage(), grad.storage(), around, dw)
        })
    };
    from_values(dw, [k, c, kh, kw])
}
