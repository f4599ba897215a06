//! Every operation against its definition, in double precision, pixel by pixel.

use super::{super::matrices::*, *};
use crate::train::augment::wavelets::{BANDS, SYM6, bands};
use std::f64::consts::PI;

/// A plane of pixels with what lies beyond its edges.
#[derive(Clone)]
struct Plane {
    side: i64,
    pixels: Vec<f64>,
}

impl Plane {
    fn at(&self, row: i64, column: i64) -> f64 {
        let inside = |mut at: i64| {
            // One mirror after the other.
            while at < 0 || at >= self.side {
                at = if at < 0 { -at } else { 2 * (self.side - 1) - at };
            }
            at
        };
        self.pixels[(inside(row) * self.side + inside(column)) as usize]
    }

    fn map(&self, f: impl Fn(i64, i64) -> f64) -> Self {
        let places = (0..self.side * self.side).map(|place| (place / self.side, place % self.side));
        Self {
            side: self.side,
            pixels: places.map(|(row, column)| f(row, column)).collect(),
        }
    }
}

/// The planes of a batch.
fn planes(x: &Tensor<4>) -> Vec<Plane> {
    let side = x.dims()[2];
    let values: Vec<f64> = x.clone().into_data().iter::<f64>().collect();
    let planes = values.chunks(side * side).map(|pixels| Plane {
        side: side as i64,
        pixels: pixels.to_vec(),
    });
    planes.collect()
}

/// Applies one view to one picture, and compares with what the reference makes of each of its planes.
fn compare(view: View, side: usize, tolerance: f64, reference: impl Fn(&Plane) -> Plane) {
    let x = pictures(1, side, &Device::flex());
    let found = planes(
        &Augmentation {
            views: vec![view.clone()],
        }
        .apply(x.clone()),
    );
    for (found, before) in found.iter().zip(planes(&x)) {
        let expected = reference(&before).pixels;
        for (found, expected) in found.pixels.iter().zip(expected) {
            assert!(
                (found - expected).abs() <= tolerance,
                "{found}, expected {expected}: {view:?}"
            );
        }
    }
}

#[test]
fn blits_move_pixels_exactly() {
    let side = 8;
    for (mirror, turns, [x, y]) in [
        (1.0, 0, [1, 0]),
        (-1.0, 0, [0, 0]),
        (1.0, 1, [0, 0]),
        (1.0, 3, [0, -1]),
        (-1.0, 1, [-1, 1]),
        (-1.0, 2, [1, -1]),
    ] {
        let steps = [
            diagonal([mirror, 1.0, 1.0]),
            quarter_turns(turns),
            translation(&[x as f64, y as f64]),
        ];
        let view = View {
            placement: product(&product(&steps[0], &steps[1]), &steps[2]),
            ..View::unchanged()
        };
        compare(view, side, 0.0, |plane| {
            let last = plane.side - 1;
            let mut plane = match mirror < 0.0 {
                true => plane.map(|row, column| plane.at(row, last - column)),
                false => plane.clone(),
            };
            for _ in 0..turns {
                plane = plane.map(|row, column| plane.at(column, last - row));
            }
            plane.map(|row, column| plane.at(row + y, column + x))
        });
    }
    // What is drawn of blit alone is whole, so that no pixel is mixed with another.
    let views = draw(AugPipe::Blit, 1.0, 200, 0).views;
    assert!(
        views
            .iter()
            .flat_map(|view| view.placement.as_flattened())
            .all(|v| v.fract() == 0.0)
    );
}

/// Twice the rate, the lookup, and back, each where it is needed.
fn warped(plane: &Plane, placement: &Square<3>) -> Plane {
    let taps = SYM6.len() as i64;
    // The filter's middle lies between its two middle taps.
    let twice = |row: i64, column: i64| {
        let mut sum = 0.0;
        for i in (row - taps) / 2..=(row + taps) / 2 {
            for j in (column - taps) / 2..=(column + taps) / 2 {
                let tap = |at: i64| {
                    if (0..taps).contains(&at) {
                        SYM6[at as usize]
                    } else {
                        0.0
                    }
                };
                let weight = tap(row - 2 * i + taps / 2 - 1) * tap(column - 2 * j + taps / 2 - 1);
                sum += 2.0 * weight * plane.at(i, j);
            }
        }
        sum
    };
    // A sample of the result, counted at twice the rate from the corner.
    let looked_up = |row: i64, column: i64| {
        let from_center = |at: i64| (at as f64 + 0.5) / 2.0 - plane.side as f64 / 2.0;
        let position = [from_center(column), from_center(row), 1.0];
        let [x, y] = [0, 1].map(|axis: usize| {
            let moved: f64 = (0..3).map(|i| placement[axis][i] * position[i]).sum();
            2.0 * (moved + plane.side as f64 / 2.0) - 0.5
        });
        let (left, top) = (x.floor(), y.floor());
        let (right_share, low_share) = (x - left, y - top);
        let (left, top) = (left as i64, top as i64);
        (1.0 - low_share) * ((1.0 - right_share) * twice(top, left) + right_share * twice(top, left + 1))
            + low_share
                * ((1.0 - right_share) * twice(top + 1, left) + right_share * twice(top + 1, left + 1))
    };
    plane.map(|row, column| {
        let mut sum = 0.0;
        for (i, down) in SYM6.iter().enumerate() {
            for (j, across) in SYM6.iter().enumerate() {
                let at = |pixel: i64, tap: usize| 2 * pixel + tap as i64 - (taps / 2 - 1);
                sum += down * across / 2.0 * looked_up(at(row, i), at(column, j));
            }
        }
        sum
    })
}

#[test]
fn geometry_goes_through_the_wavelet() {
    for placement in [
        rotation(0.4),
        diagonal([1.7, 0.8, 1.0]),
        translation(&[0.3, -12.6]),
        product(
            &rotation(2.0),
            &product(&diagonal([0.6, 1.9, 1.0]), &translation(&[1.2, 0.7])),
        ),
    ] {
        let view = View {
            placement,
            ..View::unchanged()
        };
        compare(view, 6, 1e-5, |plane| warped(plane, &placement));
    }
    // A turn all around is not whole by a rounding, and comes back to the picture itself.
    let placement = rotation(2.0 * PI);
    assert_ne!(placement, identity());
    let view = View {
        placement,
        ..View::unchanged()
    };
    compare(view, 16, 1e-5, Plane::clone);
}

#[test]
fn colors_are_what_each_step_makes_of_them() {
    let color = [0.3, -0.7, 0.5];
    let mean = color.iter().sum::<f64>() / 3.0;
    let times = |matrix: &Square<4>, color: [f64; 3]| -> [f64; 3] {
        let row = |row: &[f64; 4]| row[0] * color[0] + row[1] * color[1] + row[2] * color[2] + row[3];
        [row(&matrix[0]), row(&matrix[1]), row(&matrix[2])]
    };
    let close = |found: [f64; 3], expected: [f64; 3]| {
        let pairs = found.iter().zip(&expected);
        assert!(
            pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-12),
            "{found:?}, expected {expected:?}"
        );
    };
    close(
        times(&translation(&[0.2; 3]), color),
        color.map(|value| value + 0.2),
    );
    close(
        times(&around_gray(1.5, 1.5), color),
        color.map(|value| value * 1.5),
    );
    close(
        times(&around_gray(1.0, -1.0), color),
        color.map(|value| value - 2.0 * mean),
    );
    close(
        times(&around_gray(0.5, 1.0), color),
        color.map(|value| mean + 0.5 * (value - mean)),
    );
    // A third of a turn of the hue takes red to green, green to blue, blue to red.
    close(times(&hue(2.0 * PI / 3.0), color), [color[2], color[0], color[1]]);
    close(
        times(&product(&hue(0.5), &hue(-0.2)), color),
        times(&hue(0.3), color),
    );

    let matrix = product(
        &hue(1.0),
        &product(&around_gray(1.3, 0.6), &translation(&[0.1, -0.2, 0.4])),
    );
    let view = View {
        color: matrix,
        ..View::unchanged()
    };
    let x = pictures(1, 4, &Device::flex());
    let (before, found) = (planes(&x), planes(&Augmentation { views: vec![view] }.apply(x)));
    for pixel in 0..16 {
        let of = |planes: &[Plane]| [0, 1, 2].map(|channel: usize| planes[channel].pixels[pixel]);
        let (found, expected) = (of(&found), times(&matrix, of(&before)));
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}

#[test]
fn bands_are_octaves_and_filter_both_axes() {
    let filters = bands();
    let length = filters[0].len();
    let middle = length / 2;
    for (k, sum) in (0..length).map(|k| (k, filters.iter().map(|band| band[k]).sum::<f64>())) {
        assert!(
            (sum - f64::from(u8::from(k == middle))).abs() < 1e-12,
            "together they change nothing"
        );
    }
    // The power of sym2 at a frequency: (1 + cos)^2 (2 - cos) / 4, from its two vanishing moments.
    let low = |frequency: f64| (1.0 + frequency.cos()).powi(2) * (2.0 - frequency.cos()) / 4.0;
    for frequency in [0.0, 0.1, 0.5, 1.0, 1.7, 2.5, PI] {
        let [one, two, four] = [1.0, 2.0, 4.0].map(|octave| low(octave * frequency));
        let expected = [
            one * two * four,
            one * two * (1.0 - four),
            one * (1.0 - two),
            1.0 - one,
        ];
        for (band, expected) in filters.iter().zip(expected) {
            let wave = |k: usize| (frequency * (k as f64 - middle as f64)).cos();
            let found: f64 = band.iter().enumerate().map(|(k, weight)| weight * wave(k)).sum();
            assert!(
                (found - expected).abs() < 1e-9,
                "{found}, expected {expected} at {frequency}"
            );
        }
    }

    let gains: [f64; BANDS] = [0.7, 1.9, 0.2, 1.4];
    let weight = |k: usize| (0..BANDS).map(|band| gains[band] * filters[band][k]).sum::<f64>();
    let view = View {
        gains,
        ..View::unchanged()
    };
    compare(view, 8, 1e-5, |plane| {
        plane.map(|row, column| {
            let mut sum = 0.0;
            for i in 0..length {
                for j in 0..length {
                    let at = |pixel: i64, tap: usize| pixel + tap as i64 - middle as i64;
                    sum += weight(i) * weight(j) * plane.at(at(row, i), at(column, j));
                }
            }
            sum
        })
    });
    // What was made louder, the rest pays for: the expected power stays one.
    for view in draw(AugPipe::Filter, 1.0, 50, 0).views {
        assert_ne!(view.gains, [1.0; BANDS]);
        assert!(view.gains.iter().all(|gain| *gain > 0.0));
    }
    let one = draw(AugPipe::Filter, 0.1, 2000, 0).views;
    let changed = one.iter().filter(|view| view.gains != [1.0; BANDS]);
    let alone = changed.filter(|view| view.gains[1] == view.gains[2] && view.gains[2] == view.gains[3]);
    for View { gains, .. } in alone {
        let power = (10.0 * gains[0].powi(2) + 3.0 * gains[1].powi(2)) / 13.0;
        assert!((power - 1.0).abs() < 1e-9, "{gains:?}");
    }
}

#[test]
fn noise_is_as_strong_as_was_drawn() {
    let noisy = |deviation: f64, seed: u64| {
        let view = View {
            noise: (deviation, seed),
            ..View::unchanged()
        };
        let x = pictures(1, 64, &Device::flex());
        values(Augmentation { views: vec![view] }.apply(x.clone()) - x)
    };
    let noise = noisy(0.2, 1);
    let n = noise.len() as f32;
    let mean = noise.iter().sum::<f32>() / n;
    let deviation = (noise.iter().map(|value| value * value).sum::<f32>() / n).sqrt();
    assert!(
        mean.abs() < 0.01 && (deviation - 0.2).abs() < 0.01,
        "{mean}, {deviation}"
    );
    assert_eq!(noise, noisy(0.2, 1));
    assert_ne!(noise, noisy(0.2, 2));
    // Half-normal: the mean is sqrt(2 / pi) of the deviation.
    let views = draw(AugPipe::Noise, 1.0, 4000, 0).views;
    let mean = views.iter().map(|view| view.noise.0).sum::<f64>() / 4000.0;
    assert!((mean - 0.1 * (2.0 / PI).sqrt()).abs() < 0.004, "{mean}");
}

#[test]
fn a_box_of_half_the_side_is_erased() {
    for [x, y] in [[0.5, 0.5], [0.0, 0.9], [0.31, 0.67]] {
        let view = View {
            cutout: Some([x, y]),
            ..View::unchanged()
        };
        compare(view, 8, 0.0, |plane| {
            plane.map(|row, column| {
                let outside = |pixel: i64, center: f64| {
                    let middle = (pixel as f64 + 0.5) / 8.0;
                    middle <= center - 0.25 || middle >= center + 0.25
                };
                match outside(row, y) || outside(column, x) {
                    true => plane.at(row, column),
                    false => 0.0,
                }
            })
        });
    }
}
