//! Layers on top of each other.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Holds layers on top of each other against the definition of all of them; their channels are `widths`.
fn check_stack(n: usize, [h, w]: [usize; 2], widths: &[usize]) {
    let x = random(n * widths[0] * h * w, 1);
    let mut expected: Vec<f64> = x.iter().map(|&v| v.into()).collect();
    let mut parts = vec![];
    for (i, channels) in widths.windows(2).enumerate() {
        let (c, k) = (channels[0], channels[1]);
        let case = Case {
            n,
            c,
            h,
            w,
            k,
            ..SMALL
        };
        let (weight, bias) = (
            random(case.weight_len(), i as u64 * 3 + 2),
            random(k, i as u64 * 3 + 3),
        );
        let down = random(k, i as u64 * 3 + 4);
        let before: Vec<f32> = expected.iter().map(|&v| v as f32).collect();
        let end = |(i, v): (usize, &f64)| {
            let k = i / (h * w) % k;
            let v = v + f64::from(bias[k]);
            v * if v < 0.0 { f64::from(down[k]) } else { 1.0 }
        };
        let sums = case.forward(&before, &weight);
        expected = sums.iter().enumerate().map(end).collect();
        let one = Line([1.0; 16]);
        let lanes = blocks(&bias, k).into_iter().zip(blocks(&down, k));
        let lanes = lanes.map(|(bias, down)| Lanes {
            scale: one,
            bias,
            up: one,
            down,
        });
        parts.push((weight, [k, c], lanes.collect::<Vec<_>>()));
    }
    for isa in Isa::tested() {
        let us: Vec<_> = parts
            .iter()
            .map(|(weight, channels, _)| {
                let view = WeightView {
                    k_stride: channels[1] * 9,
                    c_stride: 9,
                    flipped: false,
                };
                winograd_weights(isa, *channels, weight, view)
            })
            .collect();
        let layers: Vec<_> = parts
            .iter()
            .zip(&us)
            .map(|((_, [k, _], lanes), u)| StackLayer { k: *k, u, lanes })
            .collect();
        let got = filled(expected.len(), |y| {
            assert!(winograd_stack(isa, [n, widths[0], h, w], &x, &layers, y));
        });
        let error = relative_error(&got, &expected);
        // Each layer adds its share.
        let tolerance = WINOGRAD_TOLERANCE * layers.len() as f64;
        assert!(
            error < tolerance,
            "{n}x{h}x{w}, {widths:?}, {isa:?}: error {error:e}"
        );
    }
}

#[test]
fn layers_on_top_of_each_other() {
    for c in 1..=70 {
        check_stack(1 + c % 2, [9, 6], &[71 - c, c, 3, c]);
    }
    for side in 1..=40 {
        check_stack(2, [side, 41 - side], &[3, 5, 18]);
    }
    check_stack(1, [64, 64], &[3, 64, 64, 48]);
}

#[test]
fn layers_on_top_of_each_other_say_when_something_is_not_finite() {
    for isa in Isa::tested() {
        let view = WeightView {
            k_stride: 9,
            c_stride: 9,
            flipped: false,
        };
        let u = winograd_weights(isa, [1, 1], &[1.0; 9], view);
        // A slope of zero takes negative numbers to zero, but not a negative infinity.
        let [zero, one] = [0.0, 1.0].map(|v| Line([v; 16]));
        let lanes = [Lanes {
            scale: one,
            bias: zero,
            up: one,
            down: zero,
        }];
        let layer = || StackLayer {
            k: 1,
            u: &u,
            lanes: &lanes,
        };
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38] {
            let mut x = vec![1.0; 64];
            x[27] = bad;
            let mut finite = true;
            filled(64, |y| {
                finite = winograd_stack(isa, [1, 1, 8, 8], &x, &[layer(), layer(), layer()], y);
            });
            assert!(!finite, "{bad} with {isa:?}");
        }
    }
}
