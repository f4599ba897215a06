//! Resizing by interpolation. Bicubic: Keys, "Cubic Convolution Interpolation for Digital Image Processing"
//! (1981).
//!
//! Where a picture shrinks, the kernel is stretched by the same factor, so that every pixel counts and
//! nothing aliases, as Pillow and torchvision's `antialias=True` do it. Interpolation is linear in the pixels
//! and separable, hence two matrix products, which are differentiable on every device.

use burn::tensor::{Tensor, TensorData};

/// The free parameter of Keys' kernel; -1/2 makes it exact for quadratic pictures.
const A: f64 = -0.5;
/// The kernel is zero from this distance on.
const SUPPORT: f64 = 2.0;

/// `x [n, c, h, w] -> [n, c, side, side]`. Values may overshoot the input's range by a tenth of it.
///
/// # Panics
/// When a side is zero.
pub fn resize_bicubic(x: Tensor<4>, side: usize) -> Tensor<4> {
    resized(x, side, bicubic)
}

/// `x [n, c, h, w] -> [n, c, side, side]` between the two nearest pixels in each direction, also where a
/// picture shrinks and others are passed over: PyTorch's `interpolate` of the mode `bilinear`, without a
/// filter.
///
/// # Panics
/// When a side is zero.
pub fn resize_bilinear(x: Tensor<4>, side: usize) -> Tensor<4> {
    resized(x, side, bilinear)
}

/// Resizes by the matrix `[output, input]` that `weights` makes for a row of `input` pixels.
fn resized(x: Tensor<4>, side: usize, weights: fn(usize, usize) -> Vec<f32>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    assert!(
        h > 0 && w > 0 && side > 0,
        "pictures of {h} x {w} cannot become {side} x {side}"
    );
    // The matrices are constants: no gradient flows to them.
    let device = x.device().without_autodiff();
    let matrix = |input| {
        let values = TensorData::new(weights(input, side), [side, input]);
        Tensor::<2>::from_data(values, &device)
    };
    let x = match w == side {
        true => x,
        false => {
            let columns = matrix(w).transpose(); // [w, side]
            x.reshape([n * c * h, w]).matmul(columns).reshape([n, c, h, side])
        }
    };
    match h == side {
        true => x,
        false => {
            let rows = matrix(h); // [side, h]
            rows.unsqueeze::<4>().matmul(x) // [n, c, side, side]
        }
    }
}

/// The weight of every input pixel in every output pixel of a row, between the two nearest.
fn bilinear(input: usize, output: usize) -> Vec<f32> {
    let step = input as f64 / output as f64;
    let mut values = vec![0.0; output * input];
    for (i, row) in values.chunks_exact_mut(input).enumerate() {
        // Beyond the border the outermost pixel goes on.
        let place = ((i as f64 + 0.5) * step - 0.5).clamp(0.0, (input - 1) as f64);
        let (first, part) = (place as usize, place.fract() as f32);
        row[first] += 1.0 - part;
        row[(first + 1).min(input - 1)] += part;
    }
    values
}

/// The same by Keys' kernel.
fn bicubic(input: usize, output: usize) -> Vec<f32> {
    let step = input as f64 / output as f64;
    let stretch = step.max(1.0);
    let mut values = vec![];
    for i in 0..output {
        let center = (i as f64 + 0.5) * step;
        // Pixels beyond the border do not exist; the others share their weight.
        let reach = (center - SUPPORT * stretch, center + SUPPORT * stretch);
        let first = (reach.0 + 0.5).max(0.0) as usize;
        let end = ((reach.1 + 0.5) as usize).min(input);
        let weight = |j: usize| match (first..end).contains(&j) {
            true => kernel((j as f64 + 0.5 - center) / stretch),
            false => 0.0,
        };
        let sum: f64 = (first..end).map(weight).sum();
        values.extend((0..input).map(|j| (weight(j) / sum) as f32));
    }
    values
}

/// Keys' cubic kernel, his equation 4.
fn kernel(distance: f64) -> f64 {
    let x = distance.abs();
    match x {
        _ if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        _ if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    }
}
