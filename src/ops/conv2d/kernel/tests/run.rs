//! The kernels with a case's sizes, in memory that shows what was forgotten.

use super::*;

/// The ways that a convolution can go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Way {
    Direct,
    Winograd,
    Pointwise,
}

impl Way {
    /// Those that serve a case.
    pub(super) fn of(case: &Case) -> Vec<Self> {
        let mut ways = vec![Self::Direct];
        if [case.kh, case.kw, case.stride] == [3, 3, 1] && case.padding <= 2 {
            ways.push(Self::Winograd);
        }
        if [case.kh, case.kw, case.stride] == [1, 1, 1] && case.padding == 0 && pointwise(case).serves() {
            ways.push(Self::Pointwise);
        }
        ways
    }
}

fn pointwise(case: &Case) -> Pointwise {
    Pointwise {
        n: case.n,
        c: case.c,
        k: case.k,
        pixels: case.h * case.w,
    }
}

/// Runs `fill` on memory that is NaN, so that nothing can be forgotten.
pub(super) fn filled(len: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut out = vec![MaybeUninit::new(f32::NAN); len];
    fill(&mut out);
    // SAFETY: the memory was initialized above.
    out.into_iter()
        .map(|value| unsafe { value.assume_init() })
        .collect()
}

pub(super) fn forward(
    isa: Isa,
    case: &Case,
    way: Way,
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
        if way == Way::Pointwise {
            let view = DirectView {
                out_stride: c,
                in_stride: 1,
            };
            return pointwise_forward(isa, &pointwise(case), x, weight, view, around, y);
        }
        if way == Way::Winograd {
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

pub(super) fn input_grad(isa: Isa, case: &Case, way: Way, grad: &[f32], weight: &[f32]) -> Vec<f32> {
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
        if way == Way::Pointwise {
            let p = pointwise(case);
            let p = Pointwise { c: p.k, k: p.c, ..p };
            let view = DirectView {
                out_stride: 1,
                in_stride: c,
            };
            return pointwise_forward(isa, &p, grad, weight, view, Around::default(), dx);
        }
        if way == Way::Winograd {
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

pub(super) fn weight_grad(isa: Isa, case: &Case, way: Way, x: &[f32], grad: &[f32]) -> Vec<f32> {
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
        if way == Way::Pointwise {
            return pointwise_weight_grad(isa, &pointwise(case), x, grad, Around::default(), dw);
        }
        if way == Way::Winograd {
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
            assert!(winograd_weight_grad(isa, &p, x, grad, Around::default(), dw));
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
            direct_weight_grad(isa, &plan, x, grad, Around::default(), dw);
        }
    })
}
