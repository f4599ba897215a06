//! The operations against burn's own, which compute the same in another way.

use burn::tensor::{Device, Distribution, Tensor, module, ops::ConvOptions};
use guise::ops::conv2d::{conv_transpose2d, conv2d};

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
