//! The operations against burn's own, which compute the same in another way.

use burn::tensor::{
    Device, Distribution, Tensor, TensorData, activation::leaky_relu, module, ops::ConvOptions,
};
use guise::ops::{
    bias_act::{LEAKY_SLOPE, bias_act, styled_act},
    conv2d::{PreluLayer, conv_transpose2d, conv2d, conv2d_prelu_stack},
    linear::linear_act,
    modulated_conv2d::{modulated_conv2d, styled_conv2d},
    resample::{blur2d, downsample2d, upsample2d},
};

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
fn gradients_are_finite_differences() {
    // A convolution is linear in its input and in its weight, so a difference of any step is the derivative up to
    // rounding; a large step keeps that small.
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

/// `upfirdn2d` as its paper defines it: zeros between the samples, zeros around them, the filter, every so many.
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

#[test]
fn the_ends_of_layers_are_their_parts() {
    let device = Device::flex().autodiff();
    for (n, c, h, w, own_noise) in [
        (1, 1, 1, 1, false),
        (2, 3, 5, 7, true),
        (4, 17, 8, 8, false),
        (3, 5, 33, 9, true),
    ] {
        let x = random([n, c, h, w], &device).require_grad();
        let bias = random([c], &device).require_grad();
        let scale = random([n, c], &device).require_grad();
        let strength = random([1], &device).require_grad();
        let noise = random([if own_noise { n } else { 1 }, 1, h, w], &device);
        let upstream = random([n, c, h, w], &device);

        let composed = leaky_relu(x.clone() + bias.clone().reshape([1, c, 1, 1]), LEAKY_SLOPE) * 1.5;
        let y = bias_act(x.clone(), bias.clone(), 1.5);
        assert!(relative_error(y.clone().inner(), composed.clone().inner()) < 1e-6);
        let grads = (y * upstream.clone()).sum().backward();
        let expected = (composed * upstream.clone()).sum().backward();
        assert!(relative_error(x.grad(&grads).unwrap(), x.grad(&expected).unwrap()) < 1e-6);
        assert!(relative_error(bias.grad(&grads).unwrap(), bias.grad(&expected).unwrap()) < 1e-5);

        let noises = [None, Some((noise, strength.clone()))];
        for noise in noises {
            let composed =
                x.clone() * scale.clone().reshape([n, c, 1, 1]) + bias.clone().reshape([1, c, 1, 1]);
            let composed = match noise.clone() {
                Some((noise, strength)) => composed + noise * strength.reshape([1, 1, 1, 1]),
                None => composed,
            };
            let composed = leaky_relu(composed, LEAKY_SLOPE) * 1.5;
            let y = styled_act(x.clone(), scale.clone(), noise.clone(), bias.clone(), 1.5);
            assert!(relative_error(y.clone().inner(), composed.clone().inner()) < 1e-6);
            let grads = (y * upstream.clone()).sum().backward();
            let expected = (composed * upstream.clone()).sum().backward();
            assert!(relative_error(x.grad(&grads).unwrap(), x.grad(&expected).unwrap()) < 1e-6);
            assert!(relative_error(scale.grad(&grads).unwrap(), scale.grad(&expected).unwrap()) < 1e-5);
            assert!(relative_error(bias.grad(&grads).unwrap(), bias.grad(&expected).unwrap()) < 1e-5);
            if noise.is_some() {
                let (got, expected) = (strength.grad(&grads).unwrap(), strength.grad(&expected).unwrap());
                assert!(relative_error(got, expected) < 1e-5);
            }
        }
    }
}

/// A tensor of a device with autodiff, which takes the composed form of every operation, and the same without, which
/// takes the form that draws pictures.
fn both<const D: usize>(shape: [usize; D]) -> [Tensor<D>; 2] {
    let tracked = random(shape, &Device::flex().autodiff());
    [tracked.clone(), tracked.inner()]
}

#[test]
fn layers_in_one_pass_are_their_parts() {
    for (n, c, k, kernel, side, up, noises) in [
        (1, 5, 3, 3, 4, false, 1),
        (2, 17, 20, 3, 9, false, 2),
        (1, 40, 33, 3, 8, true, 1),
        (3, 16, 70, 3, 16, true, 0),
        (2, 6, 3, 1, 12, false, 1),
    ] {
        let [(xs, weights), (styles, biases)] = [
            (both([n, c, side, side]), both([k, c, kernel, kernel])),
            (both([n, c, 1, 1]), both([1, k, 1, 1])),
        ];
        let out = if up { 2 * side } else { side };
        let noise = both([noises.max(1), 1, out, out]);
        let strength = both([1]);
        let [composed, fused] = [0, 1].map(|form| {
            let styles = styles[form].clone().reshape([n, c]);
            let bias = biases[form].clone().reshape([k]);
            let (x, weight) = (xs[form].clone(), weights[form].clone());
            let noise = (noises > 0).then(|| (noise[form].clone(), strength[form].clone()));
            let styled = styled_conv2d(
                x.clone(),
                weight.clone(),
                styles.clone(),
                up,
                noise,
                bias.clone(),
                1.5,
            );
            [styled, modulated_conv2d(x, weight, styles, bias)]
        });
        for ((composed, fused), name) in composed.into_iter().zip(fused).zip(["styled", "modulated"]) {
            let error = relative_error(fused, composed.inner());
            assert!(
                error < 3e-5,
                "{name}, {n}x{c}x{side} to {k}, kernel {kernel}: {error}"
            );
        }
    }
}

#[test]
fn a_stack_of_convolutions_is_its_layers() {
    // A small picture has too few tiles for Winograd's way; one number that is not finite makes every layer take the other.
    for (n, [h, w], bad) in [(1, [2, 3], false), (2, [9, 14], false), (1, [12, 8], true)] {
        let xs = both([n, 3, h, w]).map(|x| match bad {
            true => x.clone().slice_assign(
                [0..1, 0..1, 0..1, 0..1],
                Tensor::full([1, 1, 1, 1], f32::INFINITY, &x.device()),
            ),
            false => x,
        });
        let layers = [(3, 20, true), (20, 17, true), (17, 12, false)].map(|(c, k, rectified)| {
            let (weight, [bias, slope]) = (both([k, c, 3, 3]), [both([k]), both([k])]);
            [0, 1].map(|form| PreluLayer {
                weight: weight[form].clone(),
                bias: bias[form].clone(),
                slope: rectified.then(|| slope[form].clone()),
            })
        });
        let [composed, fused] = [0, 1].map(|form| {
            let layers = layers.each_ref().map(|layer| layer[form].clone());
            conv2d_prelu_stack(xs[form].clone(), &layers)
        });
        let composed = composed.inner();
        if bad {
            // Far from the bad pixel the numbers are as they would be without it, and near it they are not finite.
            let [composed, fused] = [composed, fused].map(|y| y.into_data().to_vec::<f32>().unwrap());
            assert!(composed.iter().any(|v| v.is_finite()) && !composed.iter().all(|v| v.is_finite()));
            let same = |(a, b): (&f32, &f32)| {
                a.is_finite() == b.is_finite() && (!a.is_finite() || (a - b).abs() < 1e-4)
            };
            assert!(composed.iter().zip(&fused).all(same));
        } else {
            let error = relative_error(fused, composed);
            assert!(error < 6e-5, "{n}x{h}x{w}: {error}");
        }
    }
}

#[test]
fn fully_connected_layers_in_one_pass_are_their_parts() {
    for (n, d_in, d_out) in [(1, 1, 1), (1, 128, 96), (2, 16, 5), (3, 37, 130), (16, 100, 7)] {
        let (x, weight, bias) = (both([n, d_in]), both([d_out, d_in]), both([d_out]));
        for gain in [None, Some(1.5)] {
            let [composed, fused] = [0, 1].map(|form| {
                linear_act(
                    x[form].clone(),
                    weight[form].clone(),
                    bias[form].clone(),
                    [0.3, 2.0],
                    gain,
                )
            });
            let error = relative_error(fused, composed.inner());
            assert!(error < 1e-6, "{n}x{d_in} to {d_out}, gain {gain:?}: {error}");
        }
    }
}

#[test]
fn weights_that_change_are_never_served_from_what_was_prepared() {
    let device = Device::flex();
    let x = random([1, 20, 16, 16], &device);
    let (styles, bias) = (random([1, 20], &device), random([18], &device));
    let mut weight = random([18, 20, 3, 3], &device);
    for _ in 0..4 {
        let draw = |weight: Tensor<4>| {
            styled_conv2d(x.clone(), weight, styles.clone(), false, None, bias.clone(), 1.0)
        };
        let got = draw(weight.clone());
        // The same numbers in memory of their own, which nothing was prepared for.
        let copy = Tensor::from_data(weight.to_data(), &device);
        assert_eq!(relative_error(got, draw(copy)), 0.0);
        weight = weight * 1.25 + 0.125;
    }
}
