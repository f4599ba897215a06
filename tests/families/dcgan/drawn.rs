//! Bundles of each family in memory: packed, drawn from, guided, and made up to do harm.

use crate::bundles::{guided, packed, parsed, randomize, z};
use burn::tensor::{Device, TensorData};
use futures::executor::block_on;
use guise::{
    networks::{
        NetworkConfig,
        generators::{Generate, Generator, GeneratorConfig, dcgan::DcganConfig},
    },
    pipeline::{Error, GuideSettings, guide::Space, sample::pictures_from_images},
    weights::{apply, bundle::load_part, collect, manifest::Part},
};

fn small(config: DcganConfig) -> DcganConfig {
    DcganConfig {
        z_dim: 16,
        ngf: 8,
        ndf: 8,
        ..config
    }
}

fn config() -> DcganConfig {
    small(DcganConfig::of_resolution(16))
}

/// A small network of each family.
fn families() -> [GeneratorConfig; 3] {
    [
        GeneratorConfig::Dcgan(config()),
        GeneratorConfig::MegapixelDcgan(small(DcganConfig::megapixel(24))),
        GeneratorConfig::DeepImagify(small(DcganConfig::deepimagify(16))),
    ]
}

/// A generator whose kernels are large enough for its latents to show.
fn generator(config: &GeneratorConfig, device: &Device) -> Generator {
    let network = config.init(device);
    randomize(network, |name| match name {
        _ if name.ends_with("running_mean") => 0.3,
        _ if name.contains("norm") => 0.0,
        _ => 0.15,
    })
}

fn in_a_bundle(config: &GeneratorConfig, device: &Device) -> (Part<GeneratorConfig>, Vec<u8>) {
    packed(&generator(config, device), config)
}

#[test]
fn what_was_packed_draws_the_same_with_its_statistics() {
    let device = Device::flex();
    for (config, name) in families().iter().zip(["dcgan", "megapixel-dcgan", "deepimagify"]) {
        let (part, contents) = in_a_bundle(config, &device);
        let written = serde_json::to_value(&part.config).unwrap();
        assert_eq!(written["architecture"], name);
        assert_eq!(
            serde_json::from_value::<GeneratorConfig>(written).unwrap(),
            *config
        );
        let loaded = load_part(&part, &contents, &device).unwrap();
        let names: Vec<_> = block_on(collect(&loaded)).unwrap().into_keys().collect();
        assert_eq!(
            names[..5],
            [
                "blocks.0.norm.bias",
                "blocks.0.norm.running_mean",
                "blocks.0.norm.running_var",
                "blocks.0.norm.weight",
                "blocks.0.weight"
            ]
        );
        let side = config.resolution();
        let draw = |generator: &Generator| {
            assert_eq!(
                (generator.resolution(), generator.latent_shape()),
                (side, [1, 16])
            );
            generator.draw(generator.latents_from_z(z(4, &device), 0.8))
        };
        let (drawn, expected) = (draw(&loaded), draw(&generator(config, &device)));
        assert_eq!(drawn.dims(), [4, 3, side, side]);
        let difference = (drawn - expected.clone()).abs().max().into_scalar::<f32>();
        assert!(
            difference < 0.1,
            "{name}: eight bits change a picture by {difference}"
        );
        let contrast = (expected.clone().max() - expected.min()).into_scalar::<f32>();
        assert!(contrast > 0.5, "{name}: the pictures show nothing: {contrast}");
    }
}

/// The numbers of `latents_from_z`.
fn latents(config: &GeneratorConfig, n: usize, truncation_psi: f32) -> Vec<f32> {
    let device = Device::flex();
    let latents = config.init(&device).latents_from_z(z(n, &device), truncation_psi);
    latents.into_data().iter().collect()
}

#[test]
fn truncation_scales_z() {
    for config in families() {
        let [whole, half] = [1.0, 0.5].map(|psi| latents(&config, 2, psi));
        assert!(whole.iter().zip(half).all(|(whole, half)| whole * 0.5 == half));
        let center = config.init(&Device::flex()).latent_center().into_data();
        assert_eq!(center.iter::<f32>().collect::<Vec<_>>(), [0.0; 16]);
    }
}

#[test]
fn only_a_dcgan_is_normal() {
    let [dcgan, others @ ..] = families();
    let largest = |latents: &[f32]| {
        latents
            .iter()
            .fold(0f32, |largest, value| largest.max(value.abs()))
    };
    assert!(largest(&latents(&dcgan, 64, 1.0)) > 2.5);
    for config in others {
        for truncation_psi in [1.0, 0.4] {
            let drawn = latents(&config, 64, truncation_psi);
            assert!(
                (0.95..=1.0).contains(&(largest(&drawn) / truncation_psi)),
                "{config:?}"
            );
            let deviation = (drawn.iter().map(|z| z * z).sum::<f32>() / drawn.len() as f32).sqrt();
            let uniform = truncation_psi / 3f32.sqrt();
            assert!(
                (deviation / uniform - 1.0).abs() < 0.08,
                "{deviation}, not {uniform}"
            );
        }
        // What mixtures, mappers and guidance in w make is drawn as the nearest that was trained.
        let device = Device::flex();
        let generator = generator(&config, &device);
        let far = z(2, &device).unsqueeze_dim::<3>(1) * 3.0;
        let near = far.clone().clamp(-1.0, 1.0);
        assert!((far.clone() - near.clone()).abs().max().into_scalar::<f32>() > 1.0);
        let [drawn, expected] = [far, near].map(|latents| generator.draw(latents));
        let difference = (drawn - expected).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-4, "{difference}");
    }
}

#[test]
fn words_guide_z() {
    let device = Device::flex();
    for (config, space) in families()
        .iter()
        .flat_map(|config| [Space::Z, Space::W].map(|space| (config, space)))
    {
        let generator = generator(config, &device);
        let settings = GuideSettings {
            space,
            steps: 30,
            learning_rate: 0.1,
            center_pull: 0.02,
            ..GuideSettings::default()
        };
        let (losses, guided) = guided(&generator, 16, &settings);
        for (before, after) in losses[0].iter().zip(&losses[29]) {
            assert!(
                *after < before - 0.02,
                "{} in {space:?}: a distance from {before} to {after}",
                config.family()
            );
        }
        // Over z there is no way out of the interval that truncation leaves.
        if space == Space::Z && config.family() != "DCGAN" {
            let mut latents = guided.iter().flat_map(|avatar| &avatar.latent);
            assert!(latents.all(|value| value.abs() <= settings.truncation_psi));
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
    let (part, _) = in_a_bundle(&GeneratorConfig::Dcgan(config()), &Device::flex());
    let sound = serde_json::to_value(&part).unwrap();
    for (field, value, said) in [
        (
            "resolution",
            serde_json::json!(36),
            "resolution is 36, expected 16 to 1024, 3, 4, 5 or 7 times a power of two",
        ),
        ("resolution", 2048.into(), "resolution is 2048"),
        ("latents", "poisson".into(), "unknown variant `poisson`"),
        (
            "layers",
            serde_json::json!({"channel_max": 0, "full_side": 0, "leaky": false}),
            "layers.channel_max is 0, expected 1 to 4096",
        ),
        (
            "layers",
            serde_json::json!({"channel_max": 1, "full_side": 0, "leaky": false, "x": 1}),
            "unknown field `x`",
        ),
        ("ngf", 0.into(), "ngf is 0, expected 1 to 256"),
        ("ngf", (1u64 << 60).into(), "ngf is 1152921504606846976"),
        ("z_dim", u64::MAX.into(), "z_dim is 18446744073709551615"),
        ("ndf", 1e9.into(), "invalid type: floating point"),
        ("img_channels", 1.into(), "img_channels is 1, expected 3"),
        ("w_dim", 8.into(), "unknown field `w_dim`"),
        ("architecture", "stylegan2".into(), "unknown field"),
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
    let (part, contents) = in_a_bundle(&GeneratorConfig::Dcgan(config()), &device);
    let refused = |config: DcganConfig| {
        let mut lying = part.clone();
        lying.config = GeneratorConfig::Dcgan(config);
        assert_eq!(lying.config.validate(), Ok(()));
        load_part(&lying, &contents, &device).unwrap_err().to_string()
    };
    // A small file does not make a network that fills the memory.
    let giant = refused(DcganConfig {
        z_dim: 4096,
        ngf: 256,
        ..DcganConfig::of_resolution(128)
    });
    assert!(giant.contains("or more for its network"), "{giant}");
    let narrower = refused(DcganConfig {
        z_dim: 15,
        ..config()
    });
    assert!(
        narrower.contains("blocks.0.weight has shape [16, 16, 4, 4]"),
        "{narrower}"
    );

    // A negative variance has no root: what is drawn then is no color, and that is said.
    let mut tensors = block_on(collect(&generator(&GeneratorConfig::Dcgan(config()), &device))).unwrap();
    tensors.insert("blocks.0.norm.running_var".into(), TensorData::from([-1f32; 16]));
    let spoiled = apply(GeneratorConfig::Dcgan(config()).init(&device), &tensors).unwrap();
    let images = spoiled.draw(spoiled.latents_from_z(z(1, &device), 1.0));
    let error = block_on(pictures_from_images(images)).unwrap_err();
    assert!(matches!(error, Error::NotNumbers { .. }), "{error}");
}
