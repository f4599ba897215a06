//! Resizing by bicubic interpolation: Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981).
//!
//! Where a picture shrinks, the kernel is stretched by the same factor, so that every pixel counts and nothing
//! aliases, as Pillow and torchvision's `antialias=True` do it. Interpolation is linear in the pixels and separable,
//! hence two matrix products, which are differentiable on every device.

use burn::tensor::{Device, Tensor, TensorData};

/// The free parameter of Keys' kernel; -1/2 makes it exact for quadratic pictures.
const A: f64 = -0.5;
/// The kernel is zero from this distance on.
const SUPPORT: f64 = 2.0;

/// `x [n, c, h, w] -> [n, c, side, side]`. Values may overshoot the input's range by a tenth of it.
///
/// # Panics
/// When a side is zero.
pub fn resize_bicubic(x: Tensor<4>, side: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    assert!(
        h > 0 && w > 0 && side > 0,
        "pictures of {h} x {w} cannot become {side} x {side}"
    );
    // The matrices are constants: no gradient flows to them.
    let device = x.device().without_autodiff();
    let x = match w == side {
        true => x,
        false => {
            let columns = matrix(w, side, &device).transpose(); // [w, side]
            x.reshape([n * c * h, w]).matmul(columns).reshape([n, c, h, side])
        }
    };
    match h == side {
        true => x,
        false => {
            let rows = matrix(h, side, &device); // [side, h]
            rows.unsqueeze::<4>().matmul(x) // [n, c, side, side]
        }
    }
}

/// The weight of every input pixel in every output pixel of a row, `[output, input]`.
fn matrix(input: usize, output: usize, device: &Device) -> Tensor<2> {
    let step = input as f64 / output as f64;
    let stretch = step.max(1.0);
    let mut values = vec![];
    for i in 0..output {
        let centre = (i as f64 + 0.5) * step;
        // Pixels beyond the border do not exist; the others share their weight.
        let reach = (centre - SUPPORT * stretch, centre + SUPPORT * stretch);
        let first = (reach.0 + 0.5).max(0.0) as usize;
        let end = ((reach.1 + 0.5) as usize).min(input);
        let weight = |j: usize| match (first..end).contains(&j) {
            true => kernel((j as f64 + 0.5 - centre) / stretch),
            false => 0.0,
        };
        let sum: f64 = (first..end).map(weight).sum();
        values.extend((0..input).map(|j| (weight(j) / sum) as f32));
    }
    Tensor::from_data(TensorData::new(values, [output, input]), device)
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
