//! Pictures with alpha: what is transparent stays so and is what lies beyond, and what is opaque is augmented
//! as a picture without alpha is.

use super::{super::matrices::*, *};
use crate::ops::on_gray::on_gray;

const SIDE: usize = 16;

/// Pictures whose alpha is that of a disc, and whose colors lie on gray.
fn discs(n: usize, device: &Device) -> Tensor<4> {
    random::seed(8);
    let values: Vec<f32> = (0..SIDE * SIDE)
        .map(|place| {
            let from_center = |at: usize| at as f32 + 0.5 - SIDE as f32 / 2.0;
            let distance = from_center(place % SIDE).hypot(from_center(place / SIDE));
            (5.5 - distance).clamp(0.0, 1.0)
        })
        .collect();
    let alpha = Tensor::<4>::from_data(TensorData::new(values, [1, 1, SIDE, SIDE]), device);
    let alpha = alpha.repeat_dim(0, n);
    let colors = random::normal([n, 3, SIDE, SIDE], 0.4, device).clamp(-0.9, 0.9) * alpha.clone();
    Tensor::cat(vec![colors, alpha * 2.0 - 1.0], 1)
}

fn with_opaque(x: Tensor<4>) -> Tensor<4> {
    let [n, _, h, w] = x.dims();
    Tensor::cat(vec![x.clone(), Tensor::ones([n, 1, h, w], &x.device())], 1)
}

fn one(view: View) -> Augmentation {
    Augmentation { views: vec![view] }
}

fn largest(x: Tensor<4>) -> f32 {
    values(x.abs()).into_iter().fold(0.0, f32::max)
}

#[test]
fn opaque_pictures_change_color_as_those_without_alpha() {
    let x = pictures(12, SIDE, &Device::flex());
    for pipe in [AugPipe::Color, AugPipe::Filter, AugPipe::Noise, AugPipe::Nft] {
        let augmentation = draw(pipe, 0.8, 12, 4);
        let found = augmentation.apply(with_opaque(x.clone()));
        let expected = with_opaque(augmentation.apply(x.clone()));
        assert!(largest(found - expected) < 1e-5, "{pipe:?}");
    }
}

#[test]
fn what_is_transparent_has_no_color_to_change() {
    let x = discs(24, &Device::flex());
    let hidden = |x: Tensor<4>| {
        x.narrow(1, 3, 1)
            .add_scalar(1.0)
            .abs()
            .lower_elem(1e-6)
            .repeat_dim(1, 3)
    };
    for pipe in [AugPipe::Color, AugPipe::Noise] {
        let found = draw(pipe, 1.0, 24, 5).apply(x.clone());
        let [before, after] = [&x, &found].map(|x| x.clone().narrow(1, 3, 1));
        assert!(largest(before - after) < 1e-6, "{pipe:?} keeps alpha");
        let seen = found.narrow(1, 0, 3).mask_fill(hidden(x.clone()).bool_not(), 0.0);
        assert!(largest(seen) < 1e-6, "{pipe:?} colors what is not there");
    }
}

#[test]
fn pictures_are_transparent_beyond_their_edges() {
    let x = with_opaque(pictures(1, SIDE, &Device::flex()));
    // Three columns to the left, as a blit moves, and as much and a half, through the wavelet.
    let moved = |columns: f64| {
        one(View {
            placement: translation(&[columns, 0.0]),
            ..View::unchanged()
        })
        .apply(x.clone())
    };
    let kept = SIDE - 3;
    let blit = moved(3.0);
    let same = blit.clone().narrow(3, 0, kept) - x.clone().narrow(3, 3, kept);
    assert!(largest(same) < 1e-6);
    let gone = blit.narrow(3, kept, 3);
    assert_eq!(largest(gone.clone().narrow(1, 0, 3)), 0.0);
    assert_eq!(largest(gone.narrow(1, 3, 1) + 1.0), 0.0);
    // The wavelet rings for a few pixels: what is far inside stays opaque, what is far outside transparent.
    let smooth = moved(8.5).narrow(1, 3, 1);
    assert!(largest(smooth.clone().narrow(3, 0, 3) - 1.0) < 0.02);
    assert!(largest(smooth.narrow(3, SIDE - 3, 3) + 1.0) < 0.02);
    // Turned by as little as rounding, a picture comes back to itself.
    let disc = discs(1, &Device::flex());
    let turn = View {
        placement: rotation(2.0 * std::f64::consts::PI),
        ..View::unchanged()
    };
    assert!(largest(one(turn).apply(disc.clone()) - disc) < 1e-4);
}

#[test]
fn an_erased_box_is_transparent() {
    let view = View {
        cutout: Some([0.5, 0.5]),
        ..View::unchanged()
    };
    let found = one(view).apply(with_opaque(pictures(1, SIDE, &Device::flex())));
    let inside = found.clone().narrow(2, 4, 8).narrow(3, 4, 8);
    assert_eq!(largest(inside.clone().narrow(1, 0, 3)), 0.0);
    assert_eq!(largest(inside.narrow(1, 3, 1) + 1.0), 0.0);
    assert!(largest(found.narrow(1, 3, 1).narrow(2, 0, 4) - 1.0) < 1e-6);
}

#[test]
fn what_nothing_happens_to_keeps_every_bit() {
    let x = discs(6, &Device::flex());
    let mut views = vec![View::unchanged(); 6];
    views[2].color = hue(1.0);
    views[4].placement = quarter_turns(1);
    let found = values(Augmentation { views }.apply(x.clone()));
    let size = 4 * SIDE * SIDE;
    for (i, (found, before)) in found.chunks(size).zip(values(x.clone()).chunks(size)).enumerate() {
        assert_eq!(found == before, i != 2 && i != 4, "picture {i}");
    }
    assert_eq!(
        values(draw(AugPipe::Bgcfnc, 0.0, 6, 1).apply(x.clone())),
        values(x)
    );
}

/// As without alpha: `along` is exactly the difference of `apply`, and the gradient is its transpose.
#[test]
fn the_derivatives_are_those_of_finite_differences() {
    let device = Device::flex().autodiff();
    let augmentation = draw(AugPipe::Bgcfnc, 0.6, 12, 2);
    let x = discs(12, &device).require_grad();
    let [v, weights] = [(); 2].map(|()| random::normal([12, 4, SIDE, SIDE], 1.0, &device));
    let apply = |x: Tensor<4>| augmentation.apply(x);
    let difference = (apply(x.clone() + v.clone()) - apply(x.clone() - v.clone())) * 0.5;
    let along = augmentation.along(v.clone());
    assert!(largest(along - difference.clone()) < 1e-4);

    let gradients = (apply(x.clone()) * weights.clone()).sum().backward();
    let gradient = x.grad(&gradients).unwrap();
    let sum = |a: Tensor<4>, b: Tensor<4>| (a * b).sum().into_scalar::<f32>();
    let found = sum(gradient, v.without_autodiff());
    let expected = sum(difference.without_autodiff(), weights.without_autodiff());
    assert!(
        (found - expected).abs() < 1e-3 * expected.abs().max(10.0),
        "{found}, {expected}"
    );
}

/// What the judges of samples see of them.
#[test]
fn augmented_discs_are_seen_on_gray() {
    let x = discs(1, &Device::flex());
    let corner = on_gray(x.clone()).narrow(2, 0, 2).narrow(3, 0, 2);
    assert_eq!(largest(corner), 0.0);
    assert!(largest(on_gray(x.clone()) - x.narrow(1, 0, 3)) < 1e-6);
}
