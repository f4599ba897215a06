use super::*;
use crate::{
    networks::generators::Class,
    train::{
        RunSettings,
        families::biggan::{BigGanRecipe, matrices, settings::tests::tiny},
    },
    weights::collect,
};
use futures::executor::block_on;

/// Pictures of a step, of two kinds.
fn real(n: usize) -> Tensor<4> {
    random::seed(11);
    random::normal([n, 3, 32, 32], 0.5, &Device::flex())
}

fn with(change: impl FnOnce(&mut BigGanRecipe)) -> BigGanSettings {
    let mut settings = tiny();
    change(&mut settings.recipe);
    settings
}

/// The step of this number from a state that settings alone determine.
fn stepped(settings: &BigGanSettings) -> (BigGanState, BigGanStats) {
    let state = BigGanState::init(settings, &Device::flex());
    state.advance(settings, 0, real(settings.recipe.shown()), &[])
}

fn values<M: Module>(module: &M) -> Vec<f32> {
    let tensors = block_on(collect(module)).unwrap();
    tensors
        .into_values()
        .flat_map(|data| data.iter::<f32>().collect::<Vec<_>>())
        .collect()
}

#[test]
fn a_step_moves_all_that_it_is_about_and_can_be_taken_again() {
    let settings = tiny();
    let begun = BigGanState::init(&settings, &Device::flex());
    let (after, stats) = stepped(&settings);
    assert!(stats.is_finite() && stats.discriminator_loss > 0.0, "{stats:?}");
    assert_ne!(values(&begun.generator.valid()), values(&after.generator.valid()));
    assert_ne!(
        values(&begun.discriminator.valid()),
        values(&after.discriminator.valid())
    );
    assert_ne!(values(&begun.generator_norm), values(&after.generator_norm));
    assert_ne!(
        values(&begun.discriminator_norm),
        values(&after.discriminator_norm)
    );
    // The average is between.
    assert_ne!(values(&begun.g_ema), values(&after.g_ema));
    assert_ne!(values(&after.generator.valid()), values(&after.g_ema));
    let (again, same) = stepped(&settings);
    assert_eq!(stats, same);
    assert_eq!(values(&again.g_ema), values(&after.g_ema));
}

#[test]
fn the_discriminator_is_updated_as_often_as_was_asked_for() {
    // The first update with Adam moves every weight as far as the learning rate says; the next ones without
    // momentum at most by the root of their number.
    let far = |steps: usize| {
        let settings = with(|recipe| recipe.discriminator_steps = steps);
        let begun = values(
            &BigGanState::init(&settings, &Device::flex())
                .discriminator
                .valid(),
        );
        let (after, _) = stepped(&settings);
        let after = values(&after.discriminator.valid());
        let moved = begun.iter().zip(&after).map(|(a, b)| f64::from((a - b).abs()));
        let rate = settings.recipe.discriminator_learning_rate;
        moved.fold(0.0, f64::max) / rate
    };
    let [one, four] = [1, 4].map(far);
    assert!((one - 1.0).abs() < 0.05, "{one}");
    assert!((2.0..=6.2).contains(&four), "{four}");
}

#[test]
fn orthogonal_regularization_pulls_rows_to_right_angles() {
    let penalty = |weight: f64| {
        let mut settings = with(|recipe| {
            recipe.orthogonal_weight = weight;
            recipe.learning_rate = 1e-3;
        });
        settings.network.ch = 2;
        let mut state = BigGanState::init(&settings, &Device::flex());
        for step in 0..12 {
            (state, _) = state.advance(&settings, step, real(settings.recipe.shown()), &[]);
        }
        scalar(orthogonal_penalty(&state.generator))
    };
    let [without, with] = [0.0, 100.0].map(penalty);
    // Rows that are more than their numbers cannot all be at right angles, and most of it is of those.
    assert!(with < 0.95 * without, "{with}, {without}");
}

#[test]
fn what_is_drawn_has_no_spectral_norm_left_and_does_not_depend_on_its_company() {
    let (state, _) = stepped(&tiny());
    let standing = state.standing();
    let mut seen = 0;
    matrices::visit(&standing, |matrix| {
        // The length that the matrix gives to its right singular vector, by the power method.
        let [_, columns] = matrix.dims();
        let mut v = Tensor::<2>::ones([columns, 1], &Device::flex());
        let mut length = 0.0;
        for _ in 0..300 {
            let u = matrix.clone().matmul(v);
            length = scalar(u.clone().square().sum().sqrt());
            v = matrix.clone().transpose().matmul(u);
            v = v.clone() / v.square().sum().sqrt().unsqueeze();
        }
        assert!((length - 1.0).abs() < 2e-2, "{length}");
        seen += 1;
    });
    assert_eq!(seen, state.generator_norm.left.len());

    let z = random::normal([3, 8], 1.0, &Device::flex());
    let draw = |z: Tensor<2>| standing.draw(standing.latents_from_z(z, 1.0));
    let together = draw(z.clone()).narrow(0, 1, 1);
    let alone = draw(z.narrow(0, 1, 1));
    let difference = (together - alone).abs().max().into_scalar::<f32>();
    assert!(difference < 1e-5, "{difference}");
    // Drawing changes nothing in the state.
    assert_eq!(values(&state.standing()), values(&standing));
}

#[test]
fn parts_are_added_up_and_classes_are_told() {
    let mut settings = with(|recipe| recipe.accumulate = 2);
    let class = |name: &str| Class {
        name: name.into(),
        pictures: 4,
    };
    settings.classes = Some("kind".into());
    settings.network.classes = vec![class("a"), class("b")];
    settings.validate().unwrap();
    let state = || BigGanState::init(&settings, &Device::flex());
    let of = |classes: [usize; 8]| {
        let (after, stats) = state().advance(&settings, 0, real(8), &classes);
        assert!(stats.is_finite());
        (values(&after.discriminator.valid()), stats)
    };
    let (one, stats) = of([0, 1, 0, 1, 0, 1, 0, 1]);
    let (other, others) = of([1, 0, 0, 1, 0, 1, 0, 1]);
    assert_ne!(one, other, "the first picture's class counts");
    assert_ne!(stats.real_logit, others.real_logit);
    let (last, _) = of([0, 1, 0, 1, 0, 1, 0, 0]);
    assert_ne!(one, last, "and the last one's");
}
