//! The kernels with a case's sizes, in memory that shows what was forgotten.

use super::*;

/// Runs `fill` on memory that is NaN, so that nothing can be forgotten.
pub(super) fn filled(len: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut out = vec![MaybeUninit::new(f32::NAN); len];
    fill(&mut out);
    // SAFETY: the memory was initialised above.
    out.into_iter()
        .map(|value| unsafe { value.assume_init() })
        .collect()
}

pub(super) fn forward(
    isa: Isa,
    case: &Case,
    winograd: bool,
    x: &[f32],
    weight: &[f32],
    around: Around,
) -> Vec<f32> {
    let (
        &Case {
            n,
            c,
            h,
            w,
            k,
            kh,
            kw,
            stride,
            padding,
        },
        [oh, ow],
    ) = (case, case.output());
    filled(case.y_len(), |y| {
        if winograd {
            let p = Problem {
                n,
                c,
                h,
                w,
                k,
                oh,
                ow,
                pad: padding,
            };
            let view = WeightView {
                k_stride: c * 9,
                c_stride: 9,
                flipped: false,
            };
            let u = winograd_weights(isa, [p.k, p.c], weight, view);
            assert!(winograd_forward(isa, &p, x, &u, around, y));
        } else {
            let plan = Plan::forward(n, [c, k], [[h, w], [oh, ow], [kh, kw]], stride, padding);
            let view = DirectView {
                out_stride: c * kh * kw,
                in_stride: kh * kw,
            };
            let weights = direct_weights(isa, &plan, weight, view);
            direct(isa, &plan, x, &weights, around, y);
        }
    })
}

pub(super) fn input_grad(isa: Isa, case: &Case, winograd: bool, grad: &[f32], weight: &[f32]) -> Vec<f32> {
    let (
        &Case {
            n,
            c,
            h,
            w,
            k,
            kh,
            kw,
            stride,
            padding,
        },
        [oh, ow],
    ) = (case, case.output());
    filled(case.x_len(), |dx| {
        if winograd {
            let p = Problem {
                n,
                c: k,
                h: oh,
                w: ow,
                k: c,
                oh: h,
                ow: w,
                pad: 2 - padding,
            };
            let view = WeightView {
                k_stride: 9,
                c_stride: c * 9,
                flipped: true,
            };
            let u = winograd_weights(isa, [p.k, p.c], weight, view);
            assert!(winograd_forward(isa, &p, grad, &u, Around::default(), dx));
        } else {
            let plan = Plan::transposed(n, [k, c], [[oh, ow], [h, w], [kh, kw]], stride, padding);
            let view = DirectView {
                out_stride: kh * kw,
                in_stride: c * kh * kw,
            };
            let weights = direct_weights(isa, &plan, weight, view);
            direct(isa, &plan, grad, &weights, Around::default(), dx);
        }
    })
}

pub(super) fn weight_grad(isa: Isa, case: &Case, winograd: bool, x: &[f32], grad: &[f32]) -> Vec<f32> {
    let (
        &Case {
            n,
            c,
            h,
            w,
            k,
            kh,
            kw,
            stride,
            padding,
        },
        [oh, ow],
    ) = (case, case.output());
    filled(case.weight_len(), |dw| {
        if winograd {
            let p = Problem {
                n,
                c,
                h,
                w,
                k,
                oh,
                ow,
                pad: padding,
            };
            assert!(winograd_weight_grad(isa, &p, x, grad, dw));
        } else {
            let (input, output, kernel) = ([h, w], [oh, ow], [kh, kw]);
            let plan = GradPlan {
                n,
                c,
                input,
                k,
                output,
                kernel,
                stride,
                padding,
            };
            direct_weight_grad(isa, &plan, x, grad, dw);
        }
    })
}
