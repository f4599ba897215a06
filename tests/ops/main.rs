//! The operations against burn's own, which compute the same in another way.

mod layers;

use burn::tensor::{Device, Distribution, Tensor, TensorData, module, ops::ConvOptions};
use guise::ops::{
    conv2d::{conv_transpose2d, conv2d},
    linear::product,
    resample::{blur2d, downsample2d, upsample2d},
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The largest difference, in units of the largest value that was expected.
fn relative_error<const D: usize>(got: Tensor<D>, expected: Tensor<D>) -> f32 {
    assert_eq!(got.dims(), expected.dims());
    let largest = expected.clone().abs().max().into_scalar::<f32>();
    (got - expected).abs().max().into_scalar::<f32>() / largest.max(1e-6)
}

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), device)
}

fn reference(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    module::conv2d(
        x,
        weight,
        None,
        ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1),
    )
}

#[test]
fn convolution_and_its_gradients_are_those_of_burn() {
    let device = Device::flex().autodiff();
    for (n, c, h, w, k, kernel, stride, padding) in [
        (2, 3, 9, 7, 5, 3, 1, 1),
        (1, 16, 8, 8, 16, 3, 1, 1),
        (3, 17, 5, 12, 33, 3, 1, 0),
        (2, 33, 16, 16, 70, 3, 1, 2),
        (2, 8, 11, 10, 6, 3, 2, 1),
        (2, 5, 8, 8, 7, 1, 1, 0),
        (2, 3, 16, 16, 8, 4, 2, 1),
    ] {
        let x = random([n, c, h, w], &device).require_grad();
        let weight = random([k, c, kernel, kernel], &device).require_grad();
        let y = conv2d(x.clone(), weight.clone(), stride, padding);
        let expected = reference(x.clone(), weight.clone(), stride, padding);
        let upstream = random(y.dims(), &device);
        let grads = (y.clone() * upstream.clone()).sum().backward();
        let expected_grads = (expected.clone() * upstream).sum().backward();
        let case = format!("{n}x{c}x{h}x{w} to {k}, kernel {kernel}, stride {stride}, padding {padding}");
        let error = relative_error(y.inner(), expected.inner());
        assert!(error < 2e-5, "forward of {case}: {error}");
        let error = relative_error(x.grad(&grads).unwrap(), x.grad(&expected_grads).unwrap());
        assert!(error < 2e-5, "input gradient of {case}: {error}");
        let error = relative_error(
            weight.grad(&grads).unwrap(),
            weight.grad(&expected_grads).unwrap(),
        );
        assert!(error < 1e-4, "weight gradient of {case}: {error}");
    }
}

#[test]
fn products_with_weights_and_their_gradients_are_those_of_burn() {
    let device = Device::flex().autodiff();
    for (n, d_in, d_out) in [(1, 1, 1), (3, 40, 33), (4, 17, 5), (50, 96, 130), (13, 200, 64)] {
        let x = random([n, d_in], &device).require_grad();
        let weight = random([d_out, d_in], &device).require_grad();
        let y = product(x.clone(), weight.clone());
        let expected = x.clone().matmul(weight.clone().transpose());
        let upstream = random([n, d_out], &device);
        let grads = (y.clone() * upstream.clone()).sum().backward();
        let expected_grads = (expected.clone() * upstream).sum().backward();
        let case = format!("{n}x{d_in} to {d_out}");
        for (name, got, expected) in [
            ("product", y.inner(), expected.inner()),
            (
                "input gradient",
                x.grad(&grads).unwrap(),
                x.grad(&expected_grads).unwrap(),
            ),
            (
                "weight gradient",
                weight.grad(&grads).unwrap(),
                weight.grad(&expected_grads).unwrap(),
            ),
        ] {
            let error = relative_error(got, expected);
            assert!(error < 2e-6, "{name} of {case}: {error}");
        }
        // What is not asked for is not there.
        let y = product(x.clone().detach(), weight.clone());
        assert!(x.grad(&y.sum().backward()).is_none());
    }
}

#[test]
fn the_transposed_convolution_is_the_adjoint() {
    // <conv(x), y> = <x, conv_transpose(y)> for every x and y, and so for their gradients.
    let device = Device::flex().autodiff();
    for (side, kernel, stride, padding) in [
        (9, 3, 1, 1),
        (9, 3, 2, 1),
        (10, 3, 2, 1),
        (8, 4, 2, 1),
        (5, 1, 1, 0),
    ] {
        let x = random([2, 6, side, side], &device).require_grad();
        let weight = random([7, 6, kernel, kernel], &device).require_grad();
        let forward = conv2d(x.clone(), weight.clone(), stride, padding);
        let y = random(forward.dims(), &device).require_grad();
        let output_padding = (side + 2 * padding - kernel) % stride;
        let back = conv_transpose2d(y.clone(), weight.clone(), stride, padding, output_padding);
        assert_eq!(back.dims(), x.dims());
        let one = (forward * y.clone()).sum();
        let other = (x.clone() * back).sum();
        let (a, b) = (
            one.clone().into_scalar::<f32>(),
            other.clone().into_scalar::<f32>(),
        );
        assert!((a - b).abs() < 1e-3 * a.abs().max(1.0), "{a} and {b}");
        let (one, other) = (one.backward(), other.backward());
        assert!(relative_error(x.grad(&one).unwrap(), x.grad(&other).unwrap()) < 2e-5);
        assert!(relative_error(y.grad(&one).unwrap(), y.grad(&other).unwrap()) < 2e-5);
        assert!(relative_error(weight.grad(&one).unwrap(), weight.grad(&other).unwrap()) < 1e-4);
    }
}

#[test]
fn gradients_are_finite_differences() {
    // A convolution is linear in its input and in its weight, so a difference of any step is the derivative
    // up to rounding; a large step keeps that small.
    let device = Device::flex().autodiff();
    for (side, kernel, stride, padding) in [(12, 3, 1, 1), (13, 3, 2, 0), (6, 1, 1, 0), (8, 4, 2, 1)] {
        let shapes = [[2, 5, side, side], [6, 5, kernel, kernel]];
        let [x, weight] = shapes.map(|shape| random(shape, &device).require_grad());
        let upstream = random(conv2d(x.clone(), weight.clone(), stride, padding).dims(), &device);
        let loss =
            |x: Tensor<4>, weight: Tensor<4>| (conv2d(x, weight, stride, padding) * upstream.clone()).sum();
        let grads = loss(x.clone(), weight.clone()).backward();
        for (which, shape) in shapes.iter().enumerate() {
            let len: usize = shape.iter().product();
            let grad = if which == 0 {
                x.grad(&grads)
            } else {
                weight.grad(&grads)
            };
            let grad: Vec<f32> = grad.unwrap().into_data().iter().collect();
            for index in (0..len).step_by(len / 7) {
                let mut step = vec![0.0_f32; len];
                step[index] = 0.5;
                let step = Tensor::<4>::from_data(TensorData::new(step, *shape), &device);
                let at = |sign: f32| {
                    let step = step.clone() * sign;
                    let loss = if which == 0 {
                        loss(x.clone() + step, weight.clone())
                    } else {
                        loss(x.clone(), weight.clone() + step)
                    };
                    loss.into_scalar::<f32>()
                };
                let difference = at(1.0) - at(-1.0);
                assert!(
                    (difference - grad[index]).abs() < 2e-3,
                    "operand {which} at {index}: {} against {difference}",
                    grad[index]
                );
            }
        }
    }
}

#[test]
fn infinities_and_nans_pass_as_they_do_directly() {
    let device = Device::flex();
    let weight = random([4, 3, 3, 3], &device);
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38] {
        let mut values = vec![0.5_f32; 3 * 64];
        values[37] = value;
        let x = Tensor::<1>::from_floats(values.as_slice(), &device).reshape([1, 3, 8, 8]);
        let bits = |t: Tensor<4>| {
            t.into_data()
                .iter::<f32>()
                .map(|v| if v.is_finite() { 0.0 } else { v }.to_bits())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            bits(conv2d(x.clone(), weight.clone(), 1, 1)),
            bits(reference(x, weight.clone(), 1, 1)),
            "for {value}"
        );
    }
}

/// `upfirdn2d` as its paper defines it: zeros between the samples, zeros around them, the filter, every so
/// many.
fn upfirdn2d(x: Tensor<4>, up: usize, down: usize, pad: (usize, usize), gain: f32) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let device = x.device();
    // Zeros between the samples by a new axis beside each.
    let x = x
        .reshape([n * c, h, 1, w, 1])
        .pad([(0, 0), (0, 0), (0, up - 1), (0, 0), (0, up - 1)], 0.0);
    let x = x.reshape([n * c, 1, h * up, w * up]).pad([pad, pad], 0.0);
    let filter = [1.0_f32, 3.0, 3.0, 1.0];
    let filter: Vec<f32> = filter
        .iter()
        .flat_map(|a| filter.map(|b| a * b * gain / 64.0))
        .collect();
    let filter = Tensor::from_data(TensorData::new(filter, [1, 1, 4, 4]), &device);
    let y = reference(x, filter, down, 0);
    let [_, _, h, w] = y.dims();
    y.reshape([n, c, h, w])
}

#[test]
fn resampling_and_its_gradient_are_upfirdn2d() {
    type Resampling = Box<dyn Fn(Tensor<4>) -> Tensor<4>>;
    let device = Device::flex().autodiff();
    for (h, w) in [
        (1, 1),
        (2, 3),
        (4, 4),
        (5, 8),
        (7, 6),
        (16, 17),
        (33, 64),
        (64, 64),
    ] {
        let mut cases: Vec<(&str, Resampling, Resampling)> = vec![
            (
                "up",
                Box::new(|x| upsample2d(x, 0)),
                Box::new(|x| upfirdn2d(x, 2, 1, (2, 1), 4.0)),
            ),
            (
                "up, border",
                Box::new(|x| upsample2d(x, 1)),
                Box::new(|x| upfirdn2d(x, 2, 1, (3, 2), 4.0)),
            ),
            (
                "blur",
                Box::new(|x| blur2d(x, 2, 2, 1.0)),
                Box::new(|x| upfirdn2d(x, 1, 1, (2, 2), 1.0)),
            ),
            (
                "blur 3 0",
                Box::new(|x| blur2d(x, 3, 0, 4.0)),
                Box::new(|x| upfirdn2d(x, 1, 1, (3, 0), 4.0)),
            ),
            (
                "blur 1 3",
                Box::new(|x| blur2d(x, 1, 3, 2.0)),
                Box::new(|x| upfirdn2d(x, 1, 1, (1, 3), 2.0)),
            ),
        ];
        if h > 1 && w > 1 {
            cases.push((
                "down",
                Box::new(downsample2d),
                Box::new(|x| upfirdn2d(x, 1, 2, (1, 1), 1.0)),
            ));
        }
        for (name, ours, expected) in cases {
            let x = random([2, 3, h, w], &device).require_grad();
            let y = ours(x.clone());
            let expected = expected(x.clone());
            let upstream = random(y.dims(), &device);
            let grads = (y.clone() * upstream.clone()).sum().backward();
            let expected_grads = (expected.clone() * upstream).sum().backward();
            let error = relative_error(y.inner(), expected.inner());
            assert!(error < 1e-6, "{name} of {h}x{w}: {error}");
            let error = relative_error(x.grad(&grads).unwrap(), x.grad(&expected_grads).unwrap());
            assert!(error < 1e-6, "gradient of {name} of {h}x{w}: {error}");
        }
    }
}
