use super::*;
use crate::{
    networks::encoders::random::RandomFeatures,
    train::families::vqgan::settings::tests::tiny,
    weights::{Tensors, collect},
};
use futures::executor::block_on;

fn begun(settings: &VqGanSettings) -> VqGanState {
    let device = Device::flex();
    let perception = Rc::new(Perception::Random(RandomFeatures::new(&device)));
    VqGanState::init(settings, perception, &device)
}

fn pictures() -> Tensor<4> {
    random::seed(21);
    random::normal([4, 3, 8, 8], 0.5, &Device::flex())
}

fn values(module: &impl Module) -> Tensors {
    block_on(collect(module)).unwrap()
}

#[track_caller]
fn assert_close(found: &Tensors, expected: &Tensors, least: f32) {
    for (name, expected) in expected {
        // Attention does not see what is added to all keys: the gradient is nothing but rounding.
        if name.ends_with(".k.bias") {
            continue;
        }
        let pairs = found[name].iter::<f32>().zip(expected.iter::<f32>());
        let difference = pairs.fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(difference <= least, "{name}: {difference}");
    }
}

/// The step by its definition: one loss of everything, whose gradient burn takes. Weights move by the step size
/// at most, so what differs by a hundredth of that has the same gradient but for rounding.
#[test]
fn a_step_follows_the_gradient_of_its_losses() {
    for step in [1, 2] {
        let mut settings = tiny();
        settings.recipe.dead_code_usage = 0.0;
        settings.recipe.perceptual_weight = 0.7;
        let recipe = &settings.recipe;
        let (state, images) = (begun(&settings), pictures());
        let VqGanState {
            network,
            discriminator,
            mut optimizer,
            perception,
            ..
        } = begun(&settings);
        let loss = |alike: bool, real: bool, weight: f64| {
            let images = Tensor::<4>::from_inner(images.clone());
            let quantized = network.quantize(network.encode(images.clone()));
            let drawn = network.decode(quantized.z_q);
            let mut loss = Tensor::<1>::zeros([1], &images.device());
            if alike {
                let perceptual = perception.distance(drawn.clone(), images.clone().without_autodiff());
                loss = loss + (drawn.clone() - images).abs().mean() + perceptual * 0.7;
            }
            if real {
                let logits = discriminator.clone().no_grad().forward_train(drawn);
                loss = loss + hinge_generator_loss(logits) * weight;
            }
            (loss, quantized.codebook_loss, quantized.commitment_loss)
        };
        let last_norm = |alike, real| {
            let gradients = loss(alike, real, 1.0).0.backward();
            let weight = network.decoder.conv_out.weight.val();
            scalar(&weight.grad(&gradients).unwrap().square().sum()).sqrt()
        };
        let weight = match step {
            1 => 0.0,
            _ => last_norm(true, false) / (last_norm(false, true) + LEAST_NORM) * recipe.disc_weight,
        };
        let (total, codebook, commitment) = loss(true, step == 2, weight);
        let gradients = (total + codebook + commitment * recipe.commitment_weight).backward();
        let gradients = GradientsParams::from_grads(gradients, &network);
        let expected = optimizer.step(recipe.learning_rate, network.clone(), gradients);

        let before = values(&state.discriminator);
        let (after, stats) = state.advance(&settings, step, images.clone());
        assert!(stats.is_finite() && stats.perplexity >= 1.0, "{stats:?}");
        let least = recipe.learning_rate as f32 / 100.0;
        let found = values(&after.network);
        assert_close(&found, &values(&expected), least);
        assert_ne!(
            found["encoder.conv_in.weight"],
            values(&network)["encoder.conv_in.weight"]
        );
        let moved = values(&after.discriminator) != before;
        assert_eq!(moved, step == 2, "the discriminator begins in step 2");
        if let Some(found) = stats.adaptive_weight {
            let expected = weight / recipe.disc_weight;
            assert!((found / expected - 1.0).abs() < 1e-3, "{found} {expected}");
        }
    }
}

/// Codes as averages of what they stood for take no gradient.
#[test]
fn averaged_codes_follow_what_they_stood_for() {
    let mut settings = tiny();
    settings.recipe.codebook_ema = true;
    settings.recipe.dead_code_usage = 0.0;
    let (state, images) = (begun(&settings), pictures());
    let network = state.network.valid();
    let z_e = network.encode(images.clone());
    let quantized = network.quantize(z_e.clone());
    let code = quantized.indices.into_data().iter::<i64>().next().unwrap();
    let places = network.codes(images.clone()).into_data();
    let vectors: Vec<f32> = z_e.permute([0, 2, 3, 1]).into_data().iter::<f32>().collect();
    let of_code: Vec<&[f32]> = places
        .iter::<i64>()
        .zip(vectors.chunks_exact(4))
        .filter(|(place, _)| *place == code)
        .map(|(_, vector)| vector)
        .collect();
    let mean = |place: usize| of_code.iter().map(|vector| vector[place]).sum::<f32>() / of_code.len() as f32;
    let (after, _) = state.advance(&settings, 0, images);
    let codebook = values(&after.network)["codebook"].clone();
    let row: Vec<f32> = codebook.iter::<f32>().skip(code as usize * 4).take(4).collect();
    for (place, found) in row.into_iter().enumerate() {
        assert!((found - mean(place)).abs() < 1e-5, "{found} {}", mean(place));
    }
    assert!(!after.network.codebook.is_require_grad());
}

/// A codebook that is far from all that the encoder says is in use after a step.
#[test]
fn dead_codes_are_revived() {
    let settings = tiny();
    let mut state = begun(&settings);
    let far = |codes: Tensor<2>| (codes * 0.0 + 50.0).detach().require_grad();
    state.network.codebook = state.network.codebook.map(far);
    let (state, first) = state.advance(&settings, 0, pictures());
    let (_, second) = state.advance(&settings, 1, pictures());
    assert_eq!(first.perplexity, 1.0);
    assert!(second.perplexity > 2.0, "{second:?}");
}
