//! Bundles of a DCGAN in memory: packed, drawn from, guided, and made up to do harm.

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use futures::executor::block_on;
use guise::{
    networks::{
        NetworkConfig,
        encoders::collection_clip::ImageTowerConfig,
        generators::{Generate, Generator, GeneratorConfig, dcgan::DcganConfig},
    },
    pipeline::{
        Cancel, Error, Event, GuideSettings, Targets, guide,
        guide::{Modality, Space},
        sample::pictures_from_images,
        z_from_seed,
    },
    weights::{
        Manifest, Quantization, apply,
        bundle::{load_part, pack},
        collect,
        manifest::{Credit, Part},
    },
};

fn config() -> DcganConfig {
    DcganConfig {
        z_dim: 16,
        ngf: 8,
        ndf: 8,
        ..DcganConfig::of_resolution(16)
    }
}

/// `module` with normal values of the deviation that `scale` gives for a name, the same everywhere; a scale
/// of zero leaves it alone.
fn randomize<M: Module>(module: M, scale: impl Fn(&str) -> f32) -> M {
    let mut tensors = block_on(collect(&module)).unwrap();
    for (index, (name, data)) in tensors
        .iter_mut()
        .enumerate()
        .filter(|(_, (name, _))| scale(name) != 0.0)
    {
        let values = z_from_seed(1000 + index as u64, data.num_elements());
        let values: Vec<f32> = values.iter().map(|value| value * scale(name)).collect();
        *data = TensorData::new(values, data.shape().clone());
    }
    apply(module, &tensors).unwrap()
}

/// A generator whose kernels are large enough for its latents to show.
fn generator(device: &Device) -> Generator {
    let network = GeneratorConfig::Dcgan(config()).init(device);
    randomize(network, |name| match name {
        _ if name.ends_with("running_mean") => 0.3,
        _ if name.contains("norm") => 0.0,
        _ => 0.15,
    })
}

fn packed(device: &Device) -> (Part<GeneratorConfig>, Vec<u8>) {
    let credit = Credit {
        license: "CC0-1.0".into(),
        attribution: String::new(),
        source: String::new(),
    };
    let config = GeneratorConfig::Dcgan(config());
    let network = generator(device);
    let packed = pack(&network, config, Quantization::Q8_0, "generator.gguf", credit);
    block_on(packed).unwrap()
}

fn z(n: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(z_from_seed(3, n * 16), [n, 16]), device)
}

#[test]
fn what_was_packed_draws_the_same_with_its_statistics() {
    let device = Device::flex();
    let (part, contents) = packed(&device);
    assert_eq!(
        serde_json::to_value(&part.config).unwrap()["architecture"],
        "dcgan"
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
    let draw = |generator: &Generator| {
        assert_eq!((generator.resolution(), generator.latent_shape()), (16, [1, 16]));
        generator.draw(generator.latents_from_z(z(4, &device), 0.8))
    };
    let (drawn, expected) = (draw(&loaded), draw(&generator(&device)));
    assert_eq!(drawn.dims(), [4, 3, 16, 16]);
    let difference = (drawn - expected.clone()).abs().max().into_scalar::<f32>();
    assert!(difference < 0.05, "eight bits change a picture by {difference}");
    let contrast = (expected.clone().max() - expected.min()).into_scalar::<f32>();
    assert!(contrast > 0.5, "the pictures show nothing: {contrast}");
}

#[test]
fn truncation_scales_z() {
    let device = Device::flex();
    let generator = generator(&device);
    let whole = generator.latents_from_z(z(2, &device), 1.0);
    let half = generator.latents_from_z(z(2, &device), 0.5);
    (whole * 0.5).into_data().assert_eq(&half.into_data(), true);
    let centre = generator.latent_centre().into_data();
    assert_eq!(centre.iter::<f32>().collect::<Vec<_>>(), [0.0; 16]);
}

#[test]
fn words_guide_z() {
    let device = Device::flex();
    let generator = generator(&device);
    let tower = ImageTowerConfig {
        resolution: 16,
        channel_base: 128,
        channel_max: 8,
        embed_dim: 6,
    };
    let tower = randomize(tower.init(&device), |name| match name {
        "logit_scale" => 0.0,
        _ => 0.3,
    });
    let wish = TensorData::new(z_from_seed(5, 6), [1, 6]);
    let wish = (Tensor::from_data(wish, &device), vec![1.0], Modality::Text);
    let targets = Targets::new(vec![wish]).unwrap();
    for space in [Space::Z, Space::W] {
        let settings = GuideSettings {
            space,
            steps: 30,
            learning_rate: 0.1,
            ..GuideSettings::default()
        };
        let mut losses = vec![];
        let mut emit = async |event| {
            if let Event::Step { losses: now, .. } = event {
                losses.push(now);
            }
        };
        let start = z(2, &device).unsqueeze_dim(1);
        let cancel = Cancel::default();
        let guided = guide(&generator, &tower, &targets, start, &settings, &cancel, &mut emit);
        assert_eq!(block_on(guided).unwrap().len(), 2);
        for (before, after) in losses[0].iter().zip(&losses[29]) {
            assert!(
                *after < before - 0.02,
                "{space:?}: a distance from {before} to {after}"
            );
        }
    }
}

/// The committed bundle's manifest with this generator in it.
fn parsed(generator: serde_json::Value) -> Result<Manifest, String> {
    let text = std::fs::read("tests/fixtures/bundle-tiny/model.json").unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    // Towers and their mapper belong to the generator that they were trained with.
    let parts = json["parts"].as_object_mut().unwrap();
    parts.retain(|name, _| name == "upscaler");
    parts.insert("generator".into(), generator);
    json.as_object_mut()
        .unwrap()
        .retain(|name, _| !["self_check", "examples"].contains(&name.as_str()));
    Manifest::parse(json.to_string().as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn manifests_of_silly_sizes_are_refused() {
    let (part, _) = packed(&Device::flex());
    let sound = serde_json::to_value(&part).unwrap();
    assert_eq!(parsed(sound.clone()).unwrap().parts.generator, part);
    for (field, value, said) in [
        (
            "resolution",
            serde_json::json!(24),
            "resolution is 24, expected a power of two from 16 to 128",
        ),
        ("resolution", 1024.into(), "resolution is 1024"),
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
    let (part, contents) = packed(&device);
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

    // A variance that is none makes no colors, and that is said.
    let mut tensors = block_on(collect(&generator(&device))).unwrap();
    tensors.insert("blocks.0.norm.running_var".into(), TensorData::from([-1f32; 16]));
    let spoiled = apply(GeneratorConfig::Dcgan(config()).init(&device), &tensors).unwrap();
    let images = spoiled.draw(spoiled.latents_from_z(z(1, &device), 1.0));
    let error = block_on(pictures_from_images(images)).unwrap_err();
    assert!(matches!(error, Error::NotNumbers { .. }), "{error}");
}
