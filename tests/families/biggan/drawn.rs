//! Bundles in memory: packed, drawn from, guided, and made up to do harm.

use crate::bundles::{guided, packed, parsed, randomize, z};
use burn::tensor::{Device, TensorData};
use futures::executor::block_on;
use guise::{
    networks::{
        NetworkConfig,
        generators::{Class, Generate, Generator, GeneratorConfig, biggan::BigGanConfig},
    },
    pipeline::{Error, GuideSettings, guide::Space, sample::pictures_from_images},
    weights::{apply, bundle::load_part, collect, manifest::Part},
};

fn config(classes: &[u64]) -> BigGanConfig {
    let class = |(index, &pictures): (usize, &u64)| Class {
        name: format!("c{index}"),
        pictures,
    };
    BigGanConfig {
        z_dim: 16,
        shared_dim: 8,
        ch: 4,
        classes: classes.iter().enumerate().map(class).collect(),
        ..BigGanConfig::of_resolution(32)
    }
}

/// With classes and without, and a BigGAN-deep.
fn families() -> [GeneratorConfig; 3] {
    let deep = BigGanConfig {
        deep: true,
        ..config(&[2, 3])
    };
    [config(&[]), config(&[2, 3]), deep].map(GeneratorConfig::BigGan)
}

/// A generator whose weights are large enough for its latents to show.
fn generator(config: &GeneratorConfig, device: &Device) -> Generator {
    randomize(config.init(device), |name| match name {
        _ if name.ends_with("running_var") || name.starts_with("norm.weight") => 0.0,
        "shared" => 0.7,
        _ => 0.15,
    })
}

fn in_a_bundle(config: &GeneratorConfig, device: &Device) -> (Part<GeneratorConfig>, Vec<u8>) {
    packed(&generator(config, device), config)
}

#[test]
fn what_was_packed_draws_the_same_with_its_statistics() {
    let device = Device::flex();
    for config in families() {
        let (part, contents) = in_a_bundle(&config, &device);
        let written = serde_json::to_value(&part.config).unwrap();
        assert_eq!(written["architecture"], "biggan");
        let read: GeneratorConfig = serde_json::from_value(written).unwrap();
        assert_eq!(read, config);
        let loaded = load_part(&part, &contents, &device).unwrap();
        assert_eq!(loaded.latent_shape(), config.latent_shape());
        assert_eq!(loaded.resolution(), 32);
        let draw = |generator: &Generator| generator.draw(generator.latents_from_z(z(4, &device), 0.8));
        let (drawn, expected) = (draw(&loaded), draw(&generator(&config, &device)));
        assert_eq!(drawn.dims(), [4, 3, 32, 32]);
        let difference = (drawn - expected.clone()).abs().mean().into_scalar::<f32>();
        assert!(
            difference < 0.03,
            "{config:?}: eight bits change a picture by {difference}"
        );
        let contrast = (expected.clone().max() - expected.min()).into_scalar::<f32>();
        assert!(
            contrast > 0.5,
            "{config:?}: the pictures show nothing: {contrast}"
        );
    }
}

#[test]
fn words_guide_z_and_latents() {
    let device = Device::flex();
    for (config, space) in families()
        .iter()
        .flat_map(|config| [Space::Z, Space::W].map(|space| (config, space)))
    {
        // Where classes are, one was asked for: guidance that moves z over a length would change it.
        let class = config.classes().first().map(|_| 1);
        let generator = generator(config, &device).of_class(class);
        let settings = GuideSettings {
            space,
            steps: 20,
            learning_rate: 0.1,
            center_pull: 0.02,
            ..GuideSettings::default()
        };
        let (losses, _) = guided(&generator, 32, &settings);
        for (before, after) in losses[0].iter().zip(&losses[19]) {
            assert!(after < before, "{space:?} of {config:?}: {before}, then {after}");
        }
    }
}

#[test]
fn manifests_of_silly_sizes_are_refused() {
    for config in families() {
        let (part, _) = in_a_bundle(&config, &Device::flex());
        let sound = serde_json::to_value(&part).unwrap();
        assert_eq!(parsed(sound).unwrap().parts.generator, part);
    }
    let (part, _) = in_a_bundle(&GeneratorConfig::BigGan(config(&[])), &Device::flex());
    let sound = serde_json::to_value(&part).unwrap();
    for (field, value, said) in [
        ("resolution", 36.into(), "resolution is 36, expected 32 to 256"),
        ("resolution", 2048.into(), "resolution is 2048"),
        ("ch", 0.into(), "ch is 0, expected 1 to 256"),
        ("ch", (1u64 << 60).into(), "ch is 1152921504606846976"),
        ("z_dim", u64::MAX.into(), "z_dim is 18446744073709551615"),
        (
            "z_dim",
            18.into(),
            "z_dim is 18, expected 1 to 4096, a multiple of 4",
        ),
        ("shared_dim", 1e9.into(), "invalid type: floating point"),
        ("attention", 3.into(), "attention is 3, expected 0 or the side"),
        ("img_channels", 1.into(), "img_channels is 1, expected 3"),
        ("deep", 1.into(), "invalid type: integer"),
        ("ngf", 8.into(), "unknown field `ngf`"),
        ("architecture", "stylegan2".into(), "unknown field"),
        (
            "classes",
            serde_json::json!([{"name": "a", "pictures": 1}]),
            "classes is 1, expected 2 to 256",
        ),
    ] {
        let mut lying = sound.clone();
        lying["config"][field] = value;
        let error = parsed(lying).unwrap_err();
        assert!(error.contains(said), "{field}: {error}");
    }
}

#[test]
fn files_of_another_network_are_refused() {
    let device = Device::flex();
    let (part, contents) = in_a_bundle(&GeneratorConfig::BigGan(config(&[])), &device);
    let refused = |config: BigGanConfig| {
        let mut lying = part.clone();
        lying.config = GeneratorConfig::BigGan(config);
        assert_eq!(lying.config.validate(), Ok(()));
        load_part(&lying, &contents, &device).unwrap_err().to_string()
    };
    // A small file does not make a network that fills the memory.
    let giant = refused(BigGanConfig {
        ch: 256,
        ..BigGanConfig::of_resolution(256)
    });
    assert!(giant.contains("or more for its network"), "{giant}");
    let narrower = refused(BigGanConfig {
        shared_dim: 7,
        ..config(&[])
    });
    assert!(narrower.contains("has shape"), "{narrower}");

    // A negative variance has no root: what is drawn then is no color, and that is said.
    let config = GeneratorConfig::BigGan(config(&[]));
    let mut tensors = block_on(collect(&generator(&config, &device))).unwrap();
    tensors.insert(
        "blocks.0.norms.0.running_var".into(),
        TensorData::from([-1f32; 16]),
    );
    let spoiled = apply(config.init(&device), &tensors).unwrap();
    let images = spoiled.draw(spoiled.latents_from_z(z(1, &device), 1.0));
    let error = block_on(pictures_from_images(images)).unwrap_err();
    assert!(matches!(error, Error::NotNumbers { .. }), "{error}");
}
