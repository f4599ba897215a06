//! Networks with classes.

use super::{Fixture, config};
use burn::tensor::{Device, Tensor, TensorData, activation::softplus};
use guise::{
    networks::generators::{
        Class, Generate, one_hot,
        stylegan2::{Generator, NoiseMode, StyleGan2Config},
    },
    pipeline::guide::Space,
    train::{AugPipe, Augmentation, gradient_penalty},
    weights::{apply, collect},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn conditional() -> StyleGan2Config {
    StyleGan2Config {
        z_dim: 6,
        w_dim: 8,
        channel_base: 96,
        channel_max: 8,
        classes: [("apes", 30), ("cats", 60), ("dogs", 10)]
            .map(|(name, pictures)| Class {
                name: name.into(),
                pictures,
            })
            .to_vec(),
        ..config()
    }
}

/// The generator of conditional.py, and the averages that its fixture has none of.
fn conditional_generator(fixture: &Fixture, device: &Device) -> Generator {
    let mut params = fixture.params("g.");
    params.insert("mapping.w_avg".into(), TensorData::from([0f32; 8]));
    let averages = TensorData::new((0..24).map(|i| i as f32 / 8.0).collect::<Vec<_>>(), [3, 8]);
    params.insert("mapping.class_w_avg".into(), averages);
    apply(conditional().init_generator(device), &params).unwrap()
}

#[test]
fn a_conditional_generator_draws_and_learns_as_the_reference() {
    let device = Device::flex().autodiff();
    let fixture = Fixture::load("conditional");
    let generator = conditional_generator(&fixture, &device);
    let w = generator.mapping.w_from_z(
        fixture.tensor("z", &device),
        Some(fixture.tensor("classes", &device)),
    );
    let fake = generator
        .synthesis
        .forward(generator.mapping.broadcast(w), NoiseMode::Const);
    fixture.assert_close("fake", fake.to_data());

    let gradients = (fake * fixture.tensor("probe", &device)).sum().backward();
    let compared = fixture.assert_gradients("grad.g.", &generator, &gradients);
    assert_eq!(compared, fixture.params("grad.g.").len());
    assert!(fixture.0.contains_key("grad.g.mapping.embed.weight"));
}

#[test]
fn a_conditional_discriminator_judges_and_learns_as_the_reference() {
    let device = Device::flex().autodiff();
    let fixture = Fixture::load("conditional");
    let discriminator = apply(conditional().init_discriminator(&device), &fixture.params("d.")).unwrap();
    let classes = || Some(fixture.tensor("classes", &device));
    let logits = discriminator.forward(fixture.tensor("image", &device), classes());
    fixture.assert_close("logits", logits.to_data());

    let gradients = softplus(-logits, 1.0).mean().backward();
    let compared = fixture.assert_gradients("grad.d.", &discriminator, &gradients);
    assert_eq!(compared, fixture.params("grad.d.").len());

    let nothing = Augmentation::draw(AugPipe::None, 0.0, 8, 16, &mut ChaCha8Rng::seed_from_u64(0));
    let image = fixture.tensor("image", &device);
    let (penalty, surrogate) = gradient_penalty(&discriminator, image, classes(), &nothing);
    fixture.assert_close("r1.penalty", TensorData::from([penalty as f32]));
    let found = fixture.assert_penalty_gradients(&discriminator, surrogate);
    assert!(found.contains_key("mapping.embed.weight") && found.contains_key("mapping.layers.1.weight"));
}

/// What is asked for is drawn, whatever else is in the batch, and toward the average of its class.
#[test]
fn a_class_that_is_asked_for_is_drawn() {
    let device = Device::flex();
    let generator = conditional_generator(&Fixture::load("conditional"), &device);
    let z = Fixture::load("conditional").tensor::<2>("z", &device);
    let of_all = generator.latents_from_z(z.clone(), 0.5).to_data();
    let rows: Vec<f32> = of_all.iter::<f32>().collect();
    let latents = |class: usize, psi: f32| -> Vec<f32> {
        let generator = generator.clone().of_class(Some(class));
        let latents = generator.latents_from_z(z.clone(), psi).into_data();
        latents.iter::<f32>().collect()
    };
    let each: Vec<Vec<f32>> = (0..3).map(|class| latents(class, 0.5)).collect();
    let width = 8 * 6;
    let mut met = [0; 3];
    for row in 0..8 {
        let at = row * width..(row + 1) * width;
        let same = |class: &usize| {
            let pairs = rows[at.clone()].iter().zip(&each[*class][at.clone()]);
            pairs.fold(0f32, |most, (a, b)| most.max((a - b).abs())) < 1e-5
        };
        let classes: Vec<usize> = (0..3).filter(same).collect();
        assert_eq!(classes.len(), 1, "each latent is drawn as one class: {classes:?}");
        met[classes[0]] += 1;
    }
    assert!(met.iter().filter(|&&count| count > 0).count() > 1, "{met:?}");

    let whole = latents(2, 0.0);
    assert!(
        whole
            .chunks_exact(8)
            .all(|w| w == [2.0, 2.125, 2.25, 2.375, 2.5, 2.625, 2.75, 2.875])
    );
    let one = generator.clone().of_class(Some(2));
    let center: Vec<f32> = one.latent_center().into_data().iter::<f32>().collect();
    assert_eq!(center, whole[..8]);
    assert_eq!((generator.length_chooses(), one.length_chooses()), (true, false));
    assert_eq!((one.z_dim(), one.latent_shape()), (6, [6, 8]));
    let error = Space::Z.check(&generator).unwrap_err().to_string();
    assert!(error.contains("ask for one class"), "{error}");
    Space::Z.check(&one).and(Space::W.check(&generator)).unwrap();
}

#[test]
fn averages_of_classes_follow_their_own_rows() {
    let device = Device::flex();
    let mapping = conditional().init_generator(&device).mapping;
    let w = Tensor::<2>::from_data([[1.0; 8], [3.0; 8], [8.0; 8]], &device);
    let mapping = mapping.track_class_w_avg(w, one_hot(&[0, 0, 2], 3, &device), 0.75);
    let averages: Vec<f32> = mapping
        .class_w_avg
        .unwrap()
        .val()
        .into_data()
        .iter::<f32>()
        .collect();
    assert_eq!(averages, [[0.5f32; 8], [0.0; 8], [2.0; 8]].concat());
}

/// Configurations of before there were classes are read, and written as they were.
#[test]
fn a_network_without_classes_is_what_it_was() {
    let json = serde_json::to_value(config()).unwrap();
    assert_eq!(json.get("classes"), None);
    assert_eq!(serde_json::from_value::<StyleGan2Config>(json).unwrap(), config());
    let names: Vec<String> = futures::executor::block_on(collect(&config().init_generator(&Device::flex())))
        .unwrap()
        .into_keys()
        .collect();
    assert!(
        !names
            .iter()
            .any(|name| name.contains("class") || name.contains("embed")),
        "{names:?}"
    );
}
