//! The sampling against its definition in double precision, pixel by pixel, and against burn's own
//! operations.

use super::{
    backend::{gathered, scattered},
    *,
};
use crate::ops::random;
use burn::{
    backend::Flex,
    tensor::{Device, TensorData},
};

const SIZES: [usize; 4] = [3, 2, 5, 7];
const OUTPUT: [usize; 2] = [6, 4];

/// A shift by whole pixels, one by parts of them far outside, and anything.
fn grids() -> [AffineGrid; 3] {
    [
        [[1.0, 0.0, -3.0], [0.0, 1.0, 2.0]],
        [[1.0, 0.0, 40.25], [0.0, 1.0, -33.75]],
        [[0.3, -1.7, 2.2], [1.1, 0.4, -3.6]],
    ]
}

fn sample(beyond: Beyond) -> AffineSample {
    AffineSample {
        grids: grids().into(),
        beyond,
        input: [SIZES[2], SIZES[3]],
        output: OUTPUT,
    }
}

/// The pixel at a place that may lie outside, by walking there; none where there is nothing.
fn beyond_edges(beyond: Beyond, at: i64, length: usize) -> Option<usize> {
    let (mut place, mut step, last) = (0i64, 1i64, length as i64 - 1);
    for _ in 0..at.unsigned_abs() {
        match beyond {
            Beyond::Nothing => place += at.signum(),
            Beyond::Repeat => place = (place + at.signum()).rem_euclid(length as i64),
            Beyond::Mirror => {
                // The mirror is the same on both sides.
                if place + step < 0 || place + step > last {
                    step = -step;
                }
                place += step;
            }
        }
    }
    (0..=last).contains(&place).then_some(place as usize)
}

/// A sum over every pixel near the position, each with the weight of its distance.
fn reference(x: &[f64], beyond: Beyond) -> Vec<f64> {
    let [n, c, h, w] = SIZES;
    let mut y = vec![];
    for picture in 0..n {
        for plane in 0..c {
            for row in 0..OUTPUT[0] {
                for column in 0..OUTPUT[1] {
                    let [x_at, y_at] =
                        grids()[picture].map(|m| m[0] * column as f64 + m[1] * row as f64 + m[2]);
                    let mut sum = 0.0;
                    for i in y_at as i64 - 2..=y_at as i64 + 2 {
                        for j in x_at as i64 - 2..=x_at as i64 + 2 {
                            let tent = |distance: f64| (1.0 - distance.abs()).max(0.0);
                            let weight = tent(i as f64 - y_at) * tent(j as f64 - x_at);
                            let places = beyond_edges(beyond, i, h).zip(beyond_edges(beyond, j, w));
                            sum += places
                                .map_or(0.0, |(i, j)| weight * x[((picture * c + plane) * h + i) * w + j]);
                        }
                    }
                    y.push(sum);
                }
            }
        }
    }
    y
}

fn values(tensor: Tensor<4>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5, "{found}, expected {expected}");
    }
}

fn pictures(device: &Device) -> Tensor<4> {
    random::seed(3);
    random::normal(SIZES, 1.0, device)
}

#[test]
fn both_forms_are_the_definition() {
    for beyond in [Beyond::Mirror, Beyond::Repeat, Beyond::Nothing] {
        let x = pictures(&Device::flex());
        let expected = reference(&values(x.clone()), beyond);
        assert_close(
            &values(affine_sample(x.clone(), grids(), beyond, OUTPUT)),
            &expected,
        );
        let composed = gathered::<Flex>(x.try_into_primitive::<Flex>().unwrap(), &sample(beyond));
        assert_close(&values(Tensor::from_primitive::<Flex>(composed)), &expected);
    }
}

/// The operation is linear, so its gradient is its transpose: `<y, A x> = <A^T y, x>`.
#[test]
fn the_gradient_is_the_transpose() {
    let [n, c, h, w] = SIZES;
    for beyond in [Beyond::Mirror, Beyond::Repeat, Beyond::Nothing] {
        let mut columns = vec![];
        for place in 0..h * w {
            let mut unit = vec![0.0; n * c * h * w];
            unit.iter_mut()
                .skip(place)
                .step_by(h * w)
                .for_each(|value| *value = 1.0);
            columns.push(reference(&unit, beyond));
        }
        let device = Device::flex().autodiff();
        let x = pictures(&device).require_grad();
        let weights = random::normal([n, c, OUTPUT[0], OUTPUT[1]], 1.0, &device);
        let y = affine_sample(x.clone(), grids(), beyond, OUTPUT);
        let gradients = (y * weights.clone()).sum().backward();
        let found = values(x.grad(&gradients).unwrap());
        let len = OUTPUT[0] * OUTPUT[1];
        let of = values(weights.clone());
        let expected: Vec<f64> = (0..n * c * h * w)
            .map(|index| {
                let (plane, place) = (index / (h * w), index % (h * w));
                let range = plane * len..(plane + 1) * len;
                let column = &columns[place][range.clone()];
                of[range].iter().zip(column).map(|(a, b)| a * b).sum()
            })
            .collect();
        assert_close(&found, &expected);
        let weights = weights.without_autodiff().try_into_primitive::<Flex>().unwrap();
        let composed = scattered::<Flex>(weights, &sample(beyond));
        assert_close(&values(Tensor::from_primitive::<Flex>(composed)), &expected);
    }
}

#[test]
fn whole_positions_copy_pixels_exactly() {
    let data = TensorData::new((0..12).map(|i| 0.1 * i as f32).collect(), [1, 1, 3, 4]);
    let x = Tensor::<4>::from_data(data, &Device::flex());
    // A quarter turn: the first row of the output is the last column, from top to bottom.
    let turned = affine_sample(x, [[[0.0, -1.0, 3.0], [1.0, 0.0, 0.0]]], Beyond::Mirror, [4, 3]);
    let expected: Vec<f32> = [3, 7, 11, 2, 6, 10, 1, 5, 9, 0, 4, 8]
        .map(|i| 0.1 * i as f32)
        .into();
    assert_eq!(turned.into_data().iter::<f32>().collect::<Vec<_>>(), expected);
}

#[test]
fn positions_that_no_picture_reaches_are_somewhere() {
    let x = Tensor::<4>::ones([1, 1, 1, 2], &Device::flex());
    for far in [1e300, -1e300] {
        let grid = [[1.0, 0.0, far], [0.0, 1.0, far]];
        for (beyond, expected) in [
            (Beyond::Mirror, 1.0),
            (Beyond::Repeat, 1.0),
            (Beyond::Nothing, 0.0),
        ] {
            let found = values(affine_sample(x.clone(), [grid], beyond, [1, 1]));
            assert_eq!(found, [expected]);
        }
    }
}
