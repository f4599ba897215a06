//! Bundles from networks to bytes and back: what comes out draws the same, and what lies is refused.

mod explore;
mod manifest;
mod numbers;
mod tiny;
mod towers;
mod traits;

use burn::tensor::{Device, Tensor};
use futures::executor::block_on;
use guise::{
    metrics::psnr,
    networks::{
        NetworkConfig,
        generators::{Generator, GeneratorConfig, stylegan2::StyleGan2Config},
        super_resolution::Enlarge,
    },
    pipeline::{self, Cancel, Event, SampleRequest, sample},
    weights::{
        Error, Quantization, apply,
        bundle::{load_part, pack},
        collect,
        manifest::Credit,
    },
};
use image::RgbaImage;
use tiny::{TinyBundle, random_generator};

fn draw(generator: &Generator, seeds: &[u64], batch_size: usize) -> Vec<RgbaImage> {
    let request = SampleRequest {
        seeds: seeds.to_vec(),
        truncation_psi: 0.7,
        batch_size,
    };
    let mut pictures = vec![];
    block_on(sample(
        generator,
        &request,
        &Device::flex(),
        &Cancel::default(),
        async |event| {
            if let Event::Picture { index, image } = event {
                assert_eq!(index, pictures.len());
                pictures.push(image);
            }
        },
    ))
    .unwrap();
    pictures
}

/// The committed bundle is what today's code writes from the same weights, so that the browser tests, which
/// use it, test today's code.
///
/// `UPDATE_FIXTURES=1 cargo test --release --test bundle` writes it anew, then
/// `guise publish --refresh tests/fixtures/bundle-tiny` its references.
#[test]
fn the_committed_bundle_is_todays() {
    let folder = tiny::folder();
    let bundle = TinyBundle::new();
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    if update {
        std::fs::create_dir_all(&folder).unwrap();
    }
    for (name, contents) in bundle.files() {
        let path = folder.join(&name);
        if update {
            std::fs::write(&path, &contents).unwrap();
        }
        assert!(
            std::fs::read(&path).unwrap() == contents,
            "{} is out of date",
            path.display()
        );
    }
}

#[test]
fn a_packed_generator_draws_nearly_the_same() {
    let device = Device::flex();
    let (config, generator) = random_generator(&device);
    let before = draw(&generator, &[0, 1, 2, 3], 4);
    for (quantization, least_db) in [
        (Quantization::F16, 60.0),
        (Quantization::Q8_0, 48.0),
        (Quantization::Q4_0, 26.0),
    ] {
        let packed = pack(
            &generator,
            config.clone(),
            quantization,
            "generator.gguf",
            Credit::default(),
        );
        let (part, contents) = block_on(packed).unwrap();
        let loaded = load_part(&part, &contents, &device).unwrap();
        let after = draw(&loaded, &[0, 1, 2, 3], 4);
        let db = psnr(&after, &before);
        println!("{quantization:?}: {db:.1} dB");
        assert!(db >= least_db, "{quantization:?}: {db} dB, expected {least_db}");
    }
}

#[test]
fn pictures_depend_on_the_seed_and_on_nothing_else() {
    let device = Device::flex();
    let (_, generator) = random_generator(&device);
    let together = draw(&generator, &[5, 6, 7], 8);
    let alone = draw(&generator, &[7], 1);
    let largest =
        |a: &RgbaImage, b: &RgbaImage| a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(
        largest(&together[2], &alone[0]) <= 1,
        "the batch changes a picture by more than rounding"
    );
    assert!(
        largest(&together[0], &together[1]) > 40,
        "two seeds give the same picture"
    );
}

#[test]
fn sampling_reports_and_stops() {
    let device = Device::flex();
    let (_, generator) = random_generator(&device);
    let request = SampleRequest {
        seeds: (0..6).collect(),
        truncation_psi: 1.0,
        batch_size: 2,
    };
    let cancel = Cancel::default();
    let mut progress = vec![];
    let result = block_on(sample(&generator, &request, &device, &cancel, async |event| {
        if let Event::Progress { done, total } = event {
            progress.push((done, total));
            if done == 4 {
                cancel.cancel();
            }
        }
    }));
    assert!(matches!(result, Err(pipeline::Error::Cancelled)));
    assert_eq!(progress, [(2, 6), (4, 6)]);

    for (request, expected) in [
        (
            SampleRequest {
                seeds: vec![],
                ..request.clone()
            },
            "no seed",
        ),
        (
            SampleRequest {
                truncation_psi: f32::NAN,
                ..request.clone()
            },
            "truncation_psi is NaN, expected 0 to 2",
        ),
        (
            SampleRequest {
                batch_size: 0,
                ..request.clone()
            },
            "the batch size is 0, expected 1 to 1024",
        ),
    ] {
        let result = block_on(sample(
            &generator,
            &request,
            &device,
            &Cancel::default(),
            async |_| {},
        ));
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_upscaler_survives_packing() {
    let device = Device::flex();
    let bundle = TinyBundle::new();
    let part = bundle.manifest.parts.upscaler.as_ref().unwrap();
    let loaded = load_part(part, &bundle.upscaler, &device).unwrap();
    let original = tiny::random_upscaler(&device).1;
    let x = Tensor::full([1, 3, 8, 8], 0.4, &device);
    let [a, b] = [&loaded, &original].map(|network| network.forward(x.clone()));
    let difference = (a - b).abs().max().into_scalar::<f32>();
    assert!(difference < 0.01, "quantization moved the output by {difference}");
}

#[test]
fn a_file_that_is_not_the_promised_one_is_refused() {
    let device = Device::flex();
    let bundle = TinyBundle::new();
    let part = &bundle.manifest.parts.generator;
    let refused = |part, contents: &[u8]| match load_part(part, contents, &device) {
        Err(Error::Mismatch { file, reason }) => {
            assert_eq!(file, "generator.gguf");
            reason
        }
        other => panic!("{other:?}"),
    };

    let mut flipped = bundle.generator.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(refused(part, &flipped).starts_with("its sha256 is "));
    assert!(refused(part, &bundle.generator[..1000]).starts_with("it has 1000 bytes, expected "));

    let mut liar = part.clone();
    liar.parameters += 1;
    assert!(refused(&liar, &bundle.generator).contains("parameters, expected"));
    // A small file does not make a network that fills the memory.
    let mut giant = part.clone();
    let config = stylegan2(&mut giant.config);
    config.resolution = 1024;
    config.channel_base = 1 << 17;
    config.channel_max = 2048;
    assert_eq!(giant.config.validate(), Ok(()));
    assert!(refused(&giant, &bundle.generator).contains("or more for its network"));
}

fn stylegan2(config: &mut GeneratorConfig) -> &mut StyleGan2Config {
    match config {
        GeneratorConfig::StyleGan2(config) => config,
        other => panic!("{other:?}"),
    }
}

#[test]
fn weights_of_another_shape_are_refused() {
    let device = Device::flex();
    let bundle = TinyBundle::new();
    let mut other = bundle.manifest.parts.generator.clone();
    stylegan2(&mut other.config).num_mapping_layers -= 1;
    let error = load_part(&other, &bundle.generator, &device).unwrap_err();
    let Error::Names { missing, unexpected } = error else {
        panic!("{error}")
    };
    assert_eq!(missing, [] as [&str; 0]);
    assert_eq!(unexpected, ["mapping.layers.1.bias", "mapping.layers.1.weight"]);

    let mut other = bundle.manifest.parts.generator.clone();
    stylegan2(&mut other.config).z_dim -= 1;
    let error = load_part(&other, &bundle.generator, &device)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "the tensor mapping.layers.0.weight has shape [32, 32], the network needs [32, 31]"
    );
}

#[test]
fn collecting_and_applying_leaves_pictures_alone() {
    let device = Device::flex();
    let (config, generator) = random_generator(&device);
    let tensors = block_on(collect(&generator)).unwrap();
    let copy = apply(config.init(&device), &tensors).unwrap();
    assert_eq!(draw(&copy, &[3], 1), draw(&generator, &[3], 1));
}
