//! A bundle with random weights that are the same everywhere: small, and with a part of every kind.

use burn::{
    module::Module,
    tensor::{Device, TensorData},
};
use futures::executor::block_on;
use guise::{
    networks::{
        NetworkConfig,
        encoders::{
            collection_clip::{ImageTower, ImageTowerConfig, TextTower, TextTowerConfig},
            minilm::MiniLmConfig,
        },
        generators::{Generator, GeneratorConfig, stylegan2::StyleGan2Config},
        super_resolution::{Upscaler, UpscalerConfig, srvgg::SrvggNetCompactConfig},
    },
    pipeline::z_from_seed,
    weights::{
        Manifest, Quantization, apply,
        bundle::pack,
        collect,
        manifest::{Credit, File, Metrics, Parts, Training},
    },
};
use std::path::{Path, PathBuf};

/// A bundle in memory.
pub struct TinyBundle {
    pub manifest: Manifest,
    pub generator: Vec<u8>,
    pub upscaler: Vec<u8>,
    pub image_tower: Vec<u8>,
    pub text_tower: Vec<u8>,
}

/// All that the tiny text tower can read: some words, and the letters that other words are made of.
pub const VOCABULARY: &str = include_str!("vocabulary.txt");

impl TinyBundle {
    pub fn new() -> Self {
        let device = Device::flex();
        let credit = |attribution: &str| Credit {
            license: "CC0-1.0".into(),
            attribution: attribution.into(),
            source: String::new(),
        };
        let weights = || credit("Nobody: these are random numbers");
        let (config, network) = random_generator(&device);
        let packed = pack(&network, config, Quantization::Q8_0, "generator.gguf", weights());
        let (generator_part, generator) = block_on(packed).unwrap();
        let (config, network) = random_upscaler(&device);
        let packed = pack(&network, config, Quantization::Q8_0, "upscaler.gguf", weights());
        let (upscaler_part, upscaler) = block_on(packed).unwrap();
        let (config, network) = random_image_tower(&device);
        let packed = pack(
            &network,
            config,
            Quantization::Q8_0,
            "image_tower.gguf",
            weights(),
        );
        let (image_part, image_tower) = block_on(packed).unwrap();
        let (config, network) = random_text_tower(&device);
        let packed = pack(&network, config, Quantization::Q8_0, "text_tower.gguf", weights());
        let (text_part, text_tower) = block_on(packed).unwrap();
        let manifest = Manifest {
            version: Manifest::VERSION,
            name: "Tiny".into(),
            description: "Random weights, for tests.".into(),
            parts: Parts {
                generator: generator_part,
                upscaler: Some(upscaler_part),
                image_tower: Some(image_part),
                text_tower: Some(text_part),
                vocabulary: Some(File::describe("vocabulary.txt", VOCABULARY.as_bytes())),
                mapper: None,
                population: None,
            },
            art: credit("Nobody: there was no art"),
            training: Training {
                total_kimg: 0.0,
                smaller_kimg: 0.0,
                duration_hours: 0.0,
                hardware: "none".into(),
                dataset_pictures: 0,
                selected: None,
            },
            // Measured by a_packed_generator_draws_nearly_the_same.
            metrics: Metrics {
                quantized_psnr_db: 52.7,
                quantized_psnr_pictures: 4,
                enlarged_psnr_db: None,
                quantized_cosine: Some(0.995),
                mapper: None,
                resemblance: None,
            },
            truncation_psi: 0.7,
            pixel_grid: None,
            palette: vec![],
            examples: vec![],
            traits: vec![],
            self_check: committed().self_check,
        };
        Self {
            manifest,
            generator,
            upscaler,
            image_tower,
            text_tower,
        }
    }

    /// Every file with its name.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut json = serde_json::to_vec_pretty(&self.manifest).unwrap();
        json.push(b'\n');
        let mut files = vec![
            (Manifest::FILE_NAME.into(), json),
            (
                self.manifest.parts.generator.file.name.clone(),
                self.generator.clone(),
            ),
            ("upscaler.gguf".into(), self.upscaler.clone()),
            ("image_tower.gguf".into(), self.image_tower.clone()),
            ("text_tower.gguf".into(), self.text_tower.clone()),
            ("vocabulary.txt".into(), VOCABULARY.into()),
        ];
        files.extend(self.manifest.self_check.iter().map(|check| {
            let name = check.pictures.name.clone();
            let contents = std::fs::read(folder().join(&name)).unwrap();
            (name, contents)
        }));
        files
    }
}

/// Where the bundle is committed.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle-tiny")
}

/// The manifest there. Its references are not computed anew, because processors round a value in a thousand
/// to another of 255 steps: `guise publish --refresh tests/fixtures/bundle-tiny` makes them.
fn committed() -> Manifest {
    Manifest::parse(&std::fs::read(folder().join(Manifest::FILE_NAME)).unwrap()).unwrap()
}

/// A generator of 16 x 16 pixels whose rows divide into blocks, so that most of it is quantized.
pub fn random_generator(device: &Device) -> (GeneratorConfig, Generator) {
    let config = GeneratorConfig::StyleGan2(StyleGan2Config {
        z_dim: 32,
        w_dim: 32,
        num_mapping_layers: 2,
        resolution: 16,
        img_channels: 3,
        channel_base: 1024,
        channel_max: 32,
        classes: vec![],
    });
    let generator = randomize(config.init(device), |name| match name {
        "mapping.w_avg" => 0.5,
        _ if name.ends_with("noise_strength") => 0.1,
        _ if name.ends_with("bias") => 0.0,
        // Stored a hundred times larger, as the mapping learns a hundred times slower.
        _ if name.starts_with("mapping") => 100.0,
        // The skip connections add up to pictures within [-1, 1], mostly.
        _ if name.contains("to_rgb") => 0.3,
        _ => 1.0,
    });
    (config, generator)
}

/// A network that enlarges four times and changes colors a little.
pub fn random_upscaler(device: &Device) -> (UpscalerConfig, Upscaler) {
    let config = UpscalerConfig::Srvgg(SrvggNetCompactConfig {
        num_feat: 32,
        num_conv: 1,
        upscale: 4,
        outscale: 4,
    });
    let upscaler = randomize(config.init(device), |name| {
        if name.ends_with("weight") { 0.03 } else { 0.0 }
    });
    (config, upscaler)
}

/// An image tower for the pictures of [`random_generator`].
pub fn random_image_tower(device: &Device) -> (ImageTowerConfig, ImageTower) {
    let config = ImageTowerConfig {
        resolution: 16,
        channel_base: 512,
        channel_max: 32,
        embed_dim: 32,
    };
    let tower = randomize(config.init(device), |name| match name {
        "logit_scale" => 0.0,
        "head.weight" => 0.04,
        "layers.0.weight" => 0.2,
        _ if name.ends_with("weight") => 0.06,
        _ => 0.02,
    });
    (config, tower)
}

/// A text tower that reads [`VOCABULARY`].
pub fn random_text_tower(device: &Device) -> (TextTowerConfig, TextTower) {
    let config = TextTowerConfig {
        minilm: MiniLmConfig {
            vocab_size: VOCABULARY.lines().count(),
            hidden_size: 32,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            intermediate_size: 64,
            max_position_embeddings: 32,
        },
        hidden_dim: 32,
        embed_dim: 32,
    };
    let tower = randomize(config.init(device), |name| match name {
        _ if name.ends_with("gamma") => 0.0,
        _ if name.ends_with("embeddings") => 1.0,
        _ if name.ends_with("weight") => 0.2,
        _ => 0.05,
    });
    (config, tower)
}

/// Replaces every parameter by normal values of the standard deviation that `scale` gives for its name; a
/// scale of zero leaves it alone.
fn randomize<M: Module>(module: M, scale: impl Fn(&str) -> f32) -> M {
    let mut tensors = block_on(collect(&module)).unwrap();
    for (index, (name, data)) in tensors.iter_mut().enumerate() {
        let scale = scale(name);
        if scale != 0.0 {
            let values = z_from_seed(1000 + index as u64, data.num_elements());
            let values: Vec<f32> = values.iter().map(|value| value * scale).collect();
            *data = TensorData::new(values, data.shape().clone());
        }
    }
    apply(module, &tensors).unwrap()
}
