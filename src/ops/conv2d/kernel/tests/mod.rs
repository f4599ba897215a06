//! Every kernel on every instruction set of this processor, against the definition.
//!
//! Tolerances are relative to the largest value. Directly, sums of up to a few thousand products lose a few
//! units in the last place. Winograd's transforms multiply by up to 8 and cancel again, which costs two
//! decimal digits.

mod pointwise;
mod run;
mod stack;

use super::{reference::Case, *};
use crate::ops::cpu::Line;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use run::{Way, filled, forward, input_grad, weight_grad};
// In a browser this is what makes a test; tests/browser/kernels.test.mjs runs them there.
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const DIRECT_TOLERANCE: f64 = 3e-6;
const WINOGRAD_TOLERANCE: f64 = 3e-5;

fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn relative_error(got: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let largest = expected
        .iter()
        .fold(1e-3_f64, |most, value| most.max(value.abs()));
    let error = |(got, expected): (&f32, &f64)| (f64::from(*got) - expected).abs();
    // A NaN is not smaller than anything, so it must not be lost in a maximum.
    got.iter()
        .zip(expected)
        .map(error)
        .fold(0.0, |most, e| if e <= most || most.is_nan() { most } else { e })
        / largest
}

/// Holds all three kernels against the definition, both ways where both serve.
fn check(case: Case) {
    let (x, weight) = (random(case.x_len(), 1), random(case.weight_len(), 2));
    let grad = random(case.y_len(), 3);
    let y = case.forward(&x, &weight);
    let dx = case.input_grad(&grad, &weight);
    let dw = case.weight_grad(&x, &grad);
    for isa in Isa::tested() {
        for way in Way::of(&case) {
            let tolerance = if way == Way::Winograd {
                WINOGRAD_TOLERANCE
            } else {
                DIRECT_TOLERANCE
            };
            for (name, got, expected) in [
                (
                    "forward",
                    forward(isa, &case, way, &x, &weight, Around::default()),
                    &y,
                ),
                ("input gradient", input_grad(isa, &case, way, &grad, &weight), &dx),
                ("weight gradient", weight_grad(isa, &case, way, &x, &grad), &dw),
            ] {
                let error = relative_error(&got, expected);
                assert!(
                    error < tolerance,
                    "{name} of {case:?}, {isa:?}, {way:?}: error {error:e}"
                );
            }
        }
    }
}

/// `rows` of `columns` numbers in blocks of 16.
fn blocks(values: &[f32], columns: usize) -> Vec<Line> {
    let line = |values: &[f32]| Line(core::array::from_fn(|i| values.get(i).copied().unwrap_or(0.0)));
    values
        .chunks(columns)
        .flat_map(|row| row.chunks(16).map(line))
        .collect()
}

/// Holds both kernels, with factors in front of the convolution and a layer's end behind it, against the
/// definition of all that. `noises` is 0, 1 or the number of pictures.
fn check_around(case: Case, noises: usize) {
    let Case { n, c, k, h, w, .. } = case;
    let [oh, ow] = case.output();
    let (x, weight) = (random(case.x_len(), 1), random(case.weight_len(), 2));
    let (factors, scale) = (random(n * c, 3), random(n * k, 4));
    let (bias, down, up) = (random(k, 5), random(k, 6), 1.25);
    let noise = random(noises * oh * ow, 7);
    let scaled = |(i, v): (usize, &f32)| v * factors[i / (h * w)];
    let scaled: Vec<f32> = x.iter().enumerate().map(scaled).collect();
    let end = |(i, v): (usize, &f64)| {
        let (plane, pixel) = (i / (oh * ow), i % (oh * ow));
        let noise = match noises {
            0 => 0.0,
            1 => noise[pixel],
            _ => noise[plane / k * oh * ow + pixel],
        };
        let v = v * f64::from(scale[plane]) + f64::from(bias[plane % k]) + f64::from(noise);
        v * f64::from(if v < 0.0 { down[plane % k] } else { up })
    };
    let expected: Vec<f64> = case
        .forward(&scaled, &weight)
        .iter()
        .enumerate()
        .map(end)
        .collect();
    let (bias, down) = (blocks(&bias, k), blocks(&down, k));
    let lanes = blocks(&scale, k).into_iter().enumerate().map(|(i, scale)| Lanes {
        scale,
        bias: bias[i % bias.len()],
        up: Line([up; 16]),
        down: down[i % down.len()],
    });
    let after = After {
        lanes: lanes.collect(),
        noise: noise.clone(),
    };
    let before = blocks(&factors, c);
    let around = Around {
        before: Some(&before),
        after: Some(&after),
    };
    for isa in Isa::tested() {
        for way in Way::of(&case) {
            let got = forward(isa, &case, way, &x, &weight, around);
            let error = relative_error(&got, &expected);
            let tolerance = if way == Way::Winograd {
                WINOGRAD_TOLERANCE
            } else {
                DIRECT_TOLERANCE
            };
            assert!(
                error < tolerance,
                "{case:?} with {noises} noises, {isa:?}, {way:?}: error {error:e}"
            );
        }
    }
}

const SMALL: Case = Case {
    n: 1,
    c: 3,
    h: 6,
    w: 5,
    k: 4,
    kh: 3,
    kw: 3,
    stride: 1,
    padding: 1,
};

#[test]
fn what_surrounds_a_convolution() {
    for c in 1..=70 {
        let case = Case {
            n: 2,
            c,
            k: 71 - c,
            ..SMALL
        };
        check_around(case, c % 3);
    }
    for side in 1..=40 {
        let case = Case {
            n: 3,
            h: side,
            w: 41 - side,
            ..SMALL
        };
        check_around(case, [0, 1, 3][side % 3]);
    }
    for (kernel, stride, padding) in [
        (1, 1, 0),
        (1, 2, 0),
        (3, 2, 1),
        (3, 1, 0),
        (3, 1, 2),
        (4, 2, 1),
        (5, 1, 2),
    ] {
        let case = Case {
            n: 2,
            h: 9,
            w: 12,
            kh: kernel,
            kw: kernel,
            stride,
            padding,
            ..SMALL
        };
        check_around(case, 2);
    }
}

#[test]
fn every_number_of_channels() {
    for c in 1..=70 {
        check(Case {
            c,
            k: 71 - c,
            ..SMALL
        });
    }
    for (c, k) in [(96, 96), (97, 16), (128, 33), (16, 130)] {
        check(Case { c, k, ..SMALL });
    }
}

#[test]
fn every_side() {
    for h in 1..=40 {
        for w in [41 - h, 1, 4, 17, 40] {
            check(Case {
                n: 2,
                c: 2,
                h,
                w,
                k: 3,
                ..SMALL
            });
        }
    }
}

#[test]
fn every_kernel_stride_and_padding() {
    for (kh, kw) in (1..=5).flat_map(|kh| (1..=5).map(move |kw| (kh, kw))) {
        for (stride, padding) in (1..=4).flat_map(|stride| (0..=4).map(move |padding| (stride, padding))) {
            check(Case {
                n: 2,
                c: 3,
                h: 7,
                w: 9,
                k: 5,
                kh,
                kw,
                stride,
                padding,
            });
            check(Case {
                n: 1,
                c: 17,
                h: 5,
                w: 8,
                k: 2,
                kh,
                kw,
                stride,
                padding,
            });
        }
    }
}

#[test]
fn shapes_drawn_at_random() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut tried = 0;
    while tried < 150 {
        let mut up_to = |most: usize| rng.random_range(1..=most);
        let case = Case {
            n: up_to(5),
            c: up_to(40),
            h: up_to(24),
            w: up_to(24),
            k: up_to(40),
            kh: up_to(4),
            kw: up_to(4),
            stride: up_to(3),
            padding: up_to(4) - 1,
        };
        if case.kh <= case.h + 2 * case.padding && case.kw <= case.w + 2 * case.padding {
            check(case);
            tried += 1;
        }
    }
}

#[test]
fn batches_that_span_tasks() {
    for (n, c, side, k) in [
        (16, 16, 20, 16),
        (16, 32, 8, 48),
        (33, 20, 4, 20),
        (1, 16, 70, 16),
    ] {
        check(Case {
            n,
            c,
            h: side,
            w: side,
            k,
            ..SMALL
        });
        check(Case {
            n,
            c,
            h: side + 1,
            w: side + 1,
            k,
            stride: 2,
            padding: 0,
            ..SMALL
        });
    }
}

#[test]
fn nothing_in_nothing_out() {
    let (isa, plain) = (Isa::current(), Around::default());
    for way in [Way::Direct, Way::Winograd] {
        let none = Case { n: 0, ..SMALL };
        assert!(forward(isa, &none, way, &[], &random(none.weight_len(), 1), plain).is_empty());
        // No pictures: the sum over them is zero.
        assert!(
            weight_grad(isa, &none, way, &[], &[])
                .iter()
                .all(|&value| value == 0.0)
        );
        let none = Case { k: 0, ..SMALL };
        assert!(forward(isa, &none, way, &random(none.x_len(), 1), &[], plain).is_empty());
        assert!(
            input_grad(isa, &none, way, &[], &[])
                .iter()
                .all(|&value| value == 0.0)
        );
        let none = Case { c: 0, ..SMALL };
        assert!(
            forward(isa, &none, way, &[], &[], plain)
                .iter()
                .all(|&value| value == 0.0)
        );
    }
}

#[test]
#[cfg(not(target_arch = "wasm32"))] // In a browser there is one thread.
fn the_number_of_threads_changes_no_bit() {
    let case = Case {
        n: 7,
        c: 20,
        h: 13,
        w: 18,
        k: 33,
        ..SMALL
    };
    let (x, weight, grad) = (
        random(case.x_len(), 1),
        random(case.weight_len(), 2),
        random(case.y_len(), 3),
    );
    let run = |threads: usize, way: Way| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let isa = Isa::current();
            [
                forward(isa, &case, way, &x, &weight, Around::default()),
                input_grad(isa, &case, way, &grad, &weight),
                weight_grad(isa, &case, way, &x, &grad),
            ]
            .map(|values| values.into_iter().map(f32::to_bits).collect::<Vec<_>>())
        })
    };
    for way in [Way::Direct, Way::Winograd] {
        let one = run(1, way);
        assert!(one == run(2, way) && one == run(5, way), "{way:?}");
    }
}

#[test]
fn winograd_says_when_an_output_is_not_finite() {
    let p = Problem {
        n: 1,
        c: 1,
        h: 8,
        w: 8,
        k: 1,
        oh: 8,
        ow: 8,
        pad: 1,
    };
    let view = WeightView {
        k_stride: 9,
        c_stride: 9,
        flipped: false,
    };
    for isa in Isa::tested() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38] {
            let mut x = vec![1.0; 64];
            x[27] = bad;
            let mut finite = true;
            let u = winograd_weights(isa, [p.k, p.c], &[1.0; 9], view);
            filled(64, |y| {
                finite = winograd_forward(isa, &p, &x, &u, Around::default(), y);
            });
            assert!(!finite, "{bad} with {isa:?}");
            filled(9, |dw| {
                finite = winograd_weight_grad(isa, &p, &x, &[1e3; 64], Around::default(), dw)
            });
            assert!(!finite, "{bad} in the weight gradient with {isa:?}");
        }
    }
}
