//! What is drawn, and what it does to a batch as a whole.

mod alpha;
mod references;

use super::{
    pipe::{KINDS, Kind},
    *,
};
use crate::{ops::random, train::streams::stream};
use burn::tensor::Device;
use clap::ValueEnum;

fn pictures(n: usize, side: usize, device: &Device) -> Tensor<4> {
    random::seed(5);
    random::normal([n, 3, side, side], 0.5, device)
}

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn draw(pipe: AugPipe, p: f64, n: usize, number: u64) -> Augmentation {
    Augmentation::draw(pipe, p, n, 16, &mut stream(1, "augment", number))
}

fn changes(view: &View, kind: Kind) -> bool {
    match kind {
        Kind::Blit | Kind::Geom => view.placement != identity(),
        Kind::Color => view.color != identity(),
        Kind::Filter => view.gains != [1.0; wavelets::BANDS],
        Kind::Noise => view.noise.0 != 0.0,
        Kind::Cutout => view.cutout.is_some(),
    }
}

#[test]
fn as_many_pictures_are_touched_as_p_says() {
    const N: usize = 4000;
    for p in [0.0f64, 0.2, 0.7, 1.0] {
        let still = 1.0 - p;
        for (pipe, kind) in KINDS {
            // What leaves a picture alone: each operation that does not happen, and those that come out as
            // nothing: one mirroring in two, one turn in four, one shift of up to two pixels in four on each
            // axis, one lightness in two.
            let alone = match kind {
                Kind::Blit => (1.0 - p / 2.0) * (1.0 - p * 3.0 / 4.0) * (1.0 - p * 15.0 / 16.0),
                Kind::Color => still.powi(4) * (1.0 - p / 2.0),
                // Of the two rotations together one happens with the probability p.
                Kind::Geom | Kind::Filter => still.powi(4),
                Kind::Noise | Kind::Cutout => still,
            };
            let views = draw(pipe, p, N, 0).views;
            let touched = views.iter().filter(|view| changes(view, kind)).count() as f64 / N as f64;
            let deviation = (alone * (1.0 - alone) / N as f64).sqrt();
            // A mirroring and a half turn may undo each other with a shift; that is one in a hundred.
            let slack = if kind == Kind::Blit { 0.01 } else { 0.0 };
            assert!(
                (touched - (1.0 - alone)).abs() <= 4.0 * deviation + slack,
                "{pipe:?} at {p}: {touched} touched, expected {}",
                1.0 - alone
            );
            let others = KINDS.iter().filter(|(other, _)| *other != pipe);
            for (_, other) in others.filter(|(other, _)| [*other, pipe] != [AugPipe::Geom, AugPipe::Blit]) {
                let moves = [kind, *other]
                    .iter()
                    .all(|it| matches!(it, Kind::Blit | Kind::Geom));
                assert!(
                    moves || views.iter().all(|view| !changes(view, *other)),
                    "{pipe:?}, {other:?}"
                );
            }
        }
    }
}

#[test]
fn the_same_seed_and_step_draw_the_same_and_presets_share_their_draws() {
    let all = draw(AugPipe::Bgcfnc, 0.5, 64, 3);
    assert_eq!(all, draw(AugPipe::Bgcfnc, 0.5, 64, 3));
    assert_ne!(all, draw(AugPipe::Bgcfnc, 0.5, 64, 4));
    let nft = draw(AugPipe::Nft, 0.5, 64, 3);
    for (all, nft) in all.views.iter().zip(&nft.views) {
        let expected = View {
            placement: identity(),
            cutout: None,
            ..all.clone()
        };
        assert_eq!(*nft, expected);
    }
    let bg = draw(AugPipe::Bg, 0.5, 64, 3);
    assert!(
        all.views
            .iter()
            .zip(&bg.views)
            .all(|(all, bg)| all.placement == bg.placement)
    );
}

#[test]
fn at_zero_and_without_operations_every_bit_stays() {
    let x = pictures(8, 16, &Device::flex());
    for pipe in AugPipe::value_variants() {
        assert_eq!(
            values(draw(*pipe, 0.0, 8, 1).apply(x.clone())),
            values(x.clone()),
            "{pipe:?}"
        );
        let augmented = values(draw(*pipe, 1.0, 8, 1).apply(x.clone()));
        assert!(augmented.iter().all(|value| value.is_finite()));
        assert_eq!(augmented == values(x.clone()), *pipe == AugPipe::None, "{pipe:?}");
    }
}

#[test]
fn a_picture_is_augmented_as_if_it_were_alone() {
    let x = pictures(12, 16, &Device::flex());
    let all = draw(AugPipe::Bgcfnc, 0.3, 12, 2);
    let together = all.apply(x.clone());
    for (i, view) in all.views.iter().enumerate() {
        let alone = Augmentation {
            views: vec![view.clone()],
        };
        let [x, together] = [&x, &together].map(|x| x.clone().narrow(0, i, 1));
        let differences = values(alone.apply(x) - together);
        assert!(differences.iter().all(|difference| difference.abs() < 1e-5));
    }
    // Where only one operation happens, nothing else may touch the others.
    let mut views = vec![View::unchanged(); 12];
    views[7].gains = [1.0, 0.5, 1.0, 1.0];
    views[3].placement = matrices::rotation(0.3);
    let some = values(Augmentation { views }.apply(x.clone()));
    let plane = 3 * 16 * 16;
    for (i, (found, before)) in some.chunks(plane).zip(values(x).chunks(plane)).enumerate() {
        assert_eq!(found == before, i != 7 && i != 3, "picture {i}");
    }
}

/// `along` and the gradient are the derivative of `apply`; it is affine, so a difference over any distance is
/// exact.
#[test]
fn the_derivatives_are_those_of_finite_differences() {
    let device = Device::flex().autodiff();
    let augmentation = draw(AugPipe::Bgcfnc, 0.6, 12, 2);
    let x = pictures(12, 16, &device).require_grad();
    let [v, weights] = [(); 2].map(|()| random::normal([12, 3, 16, 16], 1.0, &device));
    let apply = |x: Tensor<4>| augmentation.apply(x);
    let difference = (apply(x.clone() + v.clone()) - apply(x.clone() - v.clone())) * 0.5;
    let along = augmentation.along(v.clone());
    let error = values((along - difference.clone()).abs())
        .into_iter()
        .fold(0.0, f32::max);
    assert!(error < 1e-4, "{error}");

    let gradients = (apply(x.clone()) * weights.clone()).sum().backward();
    let gradient = x.grad(&gradients).unwrap();
    let sums = |a: Tensor<4>, b: Tensor<4>| -> Vec<f32> {
        let products = (a * b).sum_dim(1).sum_dim(2).sum_dim(3);
        values(products)
    };
    let found = sums(gradient, v.without_autodiff());
    let expected = sums(difference, weights);
    for (found, expected) in found.iter().zip(&expected) {
        assert!(
            (found - expected).abs() < 1e-3 * expected.abs().max(10.0),
            "{found}, {expected}"
        );
    }
}
