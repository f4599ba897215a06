//! Few channels on one side, on the planes as they lie.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn few_channels_pixel_by_pixel() {
    const POINT: Case = Case {
        kh: 1,
        kw: 1,
        padding: 0,
        ..SMALL
    };
    for c in 1..=70 {
        let k = 1 + c % 4;
        for (c, k) in [(c, k), (k, c)] {
            let case = Case {
                n: 1 + c % 2,
                c,
                h: 7,
                k,
                ..POINT
            };
            check(case);
            check_around(case, c % 2);
        }
    }
    // Around the lengths of vectors and of the pieces that planes are divided into.
    for (h, w) in [
        (1, 31),
        (1, 32),
        (1, 33),
        (4, 16),
        (5, 13),
        (32, 32),
        (25, 41),
        (50, 41),
        (45, 70),
    ] {
        let case = Case { n: 3, h, w, ..POINT };
        check(case);
        check_around(case, 3);
    }
}
