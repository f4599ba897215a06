//! Whole layers against their parts.

use super::{random, relative_error};
use burn::tensor::{Device, Tensor, activation::leaky_relu};
use guise::ops::{
    conv2d::{PreluLayer, conv2d, conv2d_act, conv2d_prelu_stack},
    linear::linear_act,
    modulated_conv2d::{modulated_conv2d, styled_conv2d},
    rectifier::LEAKY_SLOPE,
    resample::upsample2d,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A tensor of a device with autodiff, and the same without, which takes the form that draws pictures.
fn both<const D: usize>(shape: [usize; D]) -> [Tensor<D>; 2] {
    let tracked = random(shape, &Device::flex().autodiff());
    [tracked.clone(), tracked.inner()]
}

/// The tensors that a layer is made of, all of them with gradients to come.
struct LayerInputs {
    x: Tensor<4>,
    weight: Tensor<4>,
    styles: Tensor<2>,
    noise: Option<(Tensor<4>, Tensor<1>)>,
    bias: Tensor<1>,
}

impl LayerInputs {
    /// Every gradient of `y upstream`, by name.
    fn gradients(&self, y: Tensor<4>, upstream: &Tensor<4>) -> Vec<(&'static str, Option<Tensor<1>>)> {
        let grads = (y * upstream.clone()).sum().backward();
        let flat = |gradient: Option<Tensor<4>>| gradient.map(|gradient| gradient.flatten(0, 3));
        vec![
            ("x", flat(self.x.grad(&grads))),
            ("weight", flat(self.weight.grad(&grads))),
            (
                "styles",
                self.styles.grad(&grads).map(|gradient| gradient.flatten(0, 1)),
            ),
            ("bias", self.bias.grad(&grads)),
            (
                "strength",
                self.noise
                    .as_ref()
                    .and_then(|(_, strength)| strength.grad(&grads)),
            ),
        ]
    }
}

/// A layer by burn's own operations: the definition of all that the fused ones do.
fn composed(
    inputs: &LayerInputs,
    conv: impl Fn(Tensor<4>) -> Tensor<4>,
    demodulate: bool,
    gain: Option<f64>,
) -> Tensor<4> {
    let [n, c, _, _] = inputs.x.dims();
    let [k, ..] = inputs.weight.dims();
    let mut y = conv(inputs.x.clone() * inputs.styles.clone().reshape([n, c, 1, 1]));
    if demodulate {
        let modulated =
            inputs.weight.clone().unsqueeze::<5>() * inputs.styles.clone().reshape([n, 1, c, 1, 1]);
        let norm = (modulated.square().sum_dims(&[2, 3, 4]) + 1e-8).sqrt();
        y = y / norm.reshape([n, k, 1, 1]);
    }
    if let Some((noise, strength)) = &inputs.noise {
        y = y + noise.clone() * strength.clone().reshape([1, 1, 1, 1]);
    }
    y = y + inputs.bias.clone().reshape([1, k, 1, 1]);
    match gain {
        Some(gain) => leaky_relu(y, LEAKY_SLOPE) * gain,
        None => y,
    }
}

/// Holds a fused layer, with and without autodiff, and its gradients against the composed one.
fn check_layer(
    name: &str,
    inputs: &LayerInputs,
    fused: impl Fn(Tensor<4>, Tensor<4>, Tensor<2>, Option<(Tensor<4>, Tensor<1>)>, Tensor<1>) -> Tensor<4>,
    expected: Tensor<4>,
) {
    let LayerInputs {
        x,
        weight,
        styles,
        noise,
        bias,
    } = inputs;
    let name = format!(
        "{name}, {:?} with {:?}, noise {}",
        x.dims(),
        weight.dims(),
        noise.is_some()
    );
    let y = fused(
        x.clone(),
        weight.clone(),
        styles.clone(),
        noise.clone(),
        bias.clone(),
    );
    let plain = noise
        .clone()
        .map(|(noise, strength)| (noise.inner(), strength.inner()));
    let plain = fused(
        x.clone().inner(),
        weight.clone().inner(),
        styles.clone().inner(),
        plain,
        bias.clone().inner(),
    );
    for y in [y.clone().inner(), plain] {
        let error = relative_error(y, expected.clone().inner());
        assert!(error < 3e-5, "{name}: {error}");
    }
    // Where the rectifier's argument is almost zero the two may stand on different sides of its kink.
    let clear = expected.clone().detach().abs().greater_elem(1e-3).float();
    let upstream = random(y.dims(), &y.device()) * clear;
    let got = inputs.gradients(y, &upstream);
    for ((of, got), (_, expected)) in got.into_iter().zip(inputs.gradients(expected, &upstream)) {
        assert_eq!(got.is_some(), expected.is_some(), "{name}: gradient of {of}");
        if let (Some(got), Some(expected)) = (got, expected) {
            let error = relative_error(got, expected);
            assert!(error < 1e-4, "{name}: gradient of {of}: {error}");
        }
    }
}

#[test]
fn layers_in_one_pass_are_their_parts() {
    let device = Device::flex().autodiff();
    for (n, c, k, kernel, [h, w], up, noises) in [
        (1, 5, 3, 3, [4, 4], false, 1),
        (2, 17, 20, 3, [9, 7], false, 2),
        (1, 40, 33, 3, [8, 8], true, 1),
        (3, 16, 70, 3, [16, 16], true, 0),
        (2, 6, 3, 1, [12, 5], false, 1),
        (2, 3, 18, 1, [12, 5], false, 2),
        (1, 2, 1, 3, [1, 1], false, 1),
        // The smallest maps of networks for pictures of 24, 40 and 56 pixels.
        (4, 18, 20, 3, [3, 3], false, 1),
        (4, 18, 33, 3, [3, 3], true, 4),
        (2, 20, 17, 3, [5, 5], true, 1),
        (2, 17, 20, 3, [7, 7], true, 1),
    ] {
        let [out_h, out_w] = [h, w].map(|side| if up { 2 * side } else { side });
        let noise = || {
            let noise = random([noises, 1, out_h, out_w], &device);
            (noise, random([1], &device).require_grad())
        };
        let inputs = LayerInputs {
            x: random([n, c, h, w], &device).require_grad(),
            weight: random([k, c, kernel, kernel], &device).require_grad(),
            styles: random([n, c], &device).require_grad(),
            noise: (noises > 0).then(noise),
            bias: random([k], &device).require_grad(),
        };
        let convolve = |x: Tensor<4>| match up {
            true => conv2d(upsample2d(x, kernel / 2), inputs.weight.clone(), 1, 0),
            false => conv2d(x, inputs.weight.clone(), 1, kernel / 2),
        };
        let styled = |x, weight, styles, noise, bias| styled_conv2d(x, weight, styles, up, noise, bias, 1.5);
        check_layer(
            "styled",
            &inputs,
            styled,
            composed(&inputs, convolve, true, Some(1.5)),
        );

        let inputs = LayerInputs {
            noise: None,
            ..inputs
        };
        let convolve = |x| conv2d(x, inputs.weight.clone(), 1, kernel / 2);
        let modulated = |x, weight, styles, _, bias| modulated_conv2d(x, weight, styles, bias);
        check_layer(
            "modulated",
            &inputs,
            modulated,
            composed(&inputs, convolve, false, None),
        );

        // Without styles, at both strides.
        let inputs = LayerInputs {
            styles: Tensor::ones([n, c], &device),
            ..inputs
        };
        for stride in [1, 2] {
            let convolve = |x| conv2d(x, inputs.weight.clone(), stride, kernel / 2);
            let act = |x, weight, _, _, bias| conv2d_act(x, weight, stride, kernel / 2, bias, 1.5);
            check_layer("act", &inputs, act, composed(&inputs, convolve, false, Some(1.5)));
        }
    }
}

#[test]
fn only_the_gradients_that_are_asked_for_are_computed() {
    // As in guidance: the networks' weights are constants from a device without autodiff, and only the styles
    // lead back.
    let (plain, device) = (Device::flex(), Device::flex().autodiff());
    let (x, weight, bias) = (
        random([2, 5, 8, 8], &plain),
        random([6, 5, 3, 3], &plain),
        random([6], &plain),
    );
    let styles = random([2, 5], &device).require_grad();
    let y = styled_conv2d(
        x.clone(),
        weight.clone(),
        styles.clone(),
        false,
        None,
        bias.clone(),
        1.0,
    );
    let clear = y.clone().detach().abs().greater_elem(1e-3).float();
    let upstream = random(y.dims(), &device) * clear;
    let got = styles.grad(&(y * upstream.clone()).sum().backward()).unwrap();
    let tracked = |tensor: Tensor<4>| Tensor::from_inner(tensor).require_grad();
    let inputs = LayerInputs {
        x: tracked(x),
        weight: tracked(weight),
        styles,
        noise: None,
        bias: Tensor::from_inner(bias).require_grad(),
    };
    let y = composed(
        &inputs,
        |x| conv2d(x, inputs.weight.clone(), 1, 1),
        true,
        Some(1.0),
    );
    let expected = inputs.styles.grad(&(y * upstream).sum().backward()).unwrap();
    let error = relative_error(got, expected);
    assert!(error < 1e-4, "{error}");
}

#[test]
fn a_stack_of_convolutions_is_its_layers() {
    // A small picture has too few tiles for Winograd's way; one number that is not finite makes every layer
    // take the other.
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
            // Far from the bad pixel the numbers are as they would be without it, and near it they are not
            // finite.
            let [composed, fused] = [composed, fused].map(|y| y.into_data().try_into_vec::<f32>().unwrap());
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
