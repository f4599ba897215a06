//! A model decides how much memory drawing from it takes. `guise generate` knows before: it draws fewer at
//! once, or says what it would take.

use burn::{
    module::Module,
    tensor::{Device, TensorData},
};
use futures::executor::block_on;
use guise::{
    networks::{
        NetworkConfig,
        encoders::collection_clip::ImageTowerConfig,
        generators::{GeneratorConfig, stylegan2::StyleGan2Config},
    },
    pipeline::z_from_seed,
    weights::{Manifest, Quantization, apply, bundle::pack, collect},
};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

/// A valid bundle of few bytes for pictures of `resolution` pixels with `channels` in every map.
fn bundle(dir: &Path, resolution: usize, channels: usize) {
    let device = Device::flex();
    let config = GeneratorConfig::StyleGan2(StyleGan2Config {
        z_dim: 32,
        w_dim: 32,
        num_mapping_layers: 2,
        resolution,
        img_channels: 3,
        channel_base: (resolution * channels).min(1 << 17),
        channel_max: channels,
        classes: vec![],
    });
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle-tiny");
    let mut manifest = Manifest::parse(&fs::read(tiny.join("model.json")).unwrap()).unwrap();
    let credit = manifest.art.clone();
    let generator = filled(config.init(&device));
    let packed = pack(
        &generator,
        config,
        Quantization::Q4_0,
        "generator.gguf",
        credit.clone(),
    );
    let (part, contents) = block_on(packed).unwrap();
    manifest.parts.generator = part;
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("generator.gguf"), contents).unwrap();

    let config = ImageTowerConfig {
        resolution,
        channel_base: (resolution * 16).min(1 << 17),
        channel_max: 16,
        embed_dim: 32,
    };
    let tower = filled(config.init(&device));
    let packed = pack(&tower, config, Quantization::Q8_0, "image_tower.gguf", credit);
    let (part, contents) = block_on(packed).unwrap();
    manifest.parts.image_tower = Some(part);
    manifest.parts.upscaler = None;
    // The references are of the small model.
    manifest.self_check = None;
    fs::write(dir.join("image_tower.gguf"), contents).unwrap();
    for name in ["text_tower.gguf", "vocabulary.txt"] {
        fs::copy(tiny.join(name), dir.join(name)).unwrap();
    }
    fs::write(dir.join("model.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
}

/// `network` with small numbers in its matrices and kernels.
fn filled<M: Module>(network: M) -> M {
    let mut tensors = block_on(collect(&network)).unwrap();
    for data in tensors.values_mut().filter(|data| data.shape().len() > 1) {
        let few = z_from_seed(1, 1024);
        let values = few.into_iter().cycle().map(|value| 0.1 * value);
        *data = TensorData::new(values.take(data.num_elements()).collect(), data.shape().clone());
    }
    apply(network, &tensors).unwrap()
}

fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Draws from `model`; gives what was said.
fn generate(model: &Path, args: &[&str]) -> Result<String, String> {
    let out = model.join("out.png");
    let common = ["generate", "--model", utf8(model), "--out", utf8(&out)];
    said(
        Command::new(env!("CARGO_BIN_EXE_guise"))
            .args(common)
            .args(args)
            .output()
            .unwrap(),
    )
}

fn said(output: Output) -> Result<String, String> {
    let text = String::from_utf8(output.stderr).unwrap();
    match output.status.success() {
        true => Ok(text),
        false => Err(text),
    }
}

#[test]
fn a_small_file_with_large_pictures_is_drawn_in_small_batches() {
    let dir = TempDir::new().unwrap();
    let model = dir.path().join("large");
    bundle(&model, 512, 64);
    assert!(fs::metadata(model.join("generator.gguf")).unwrap().len() < 1 << 20);

    // Eight at once would take more than a gigabyte.
    let error = generate(
        &model,
        &["--seeds", "0-7", "--batch-size", "8", "--memory", "900M"],
    )
    .unwrap_err();
    assert!(
        error.contains("drawing 8 avatars at once takes about 1.5 GiB of memory")
            && error.contains("of the 900.0 MiB of --memory are left: ask for a --batch-size of 4 or less"),
        "{error}"
    );
    assert!(!model.join("out.png").exists());
    let error = generate(&model, &["--memory", "200M"]).unwrap_err();
    assert!(error.contains("drawing an avatar takes about"), "{error}");

    // The system itself holds it to that.
    #[cfg(target_os = "linux")]
    {
        let command = format!(
            "ulimit -v 1800000; exec {} generate --model {} --seeds 0-7 --out {}",
            env!("CARGO_BIN_EXE_guise"),
            utf8(&model),
            utf8(&model.join("out.png"))
        );
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        assert!(said(output).unwrap().contains("8 avatars of 512 x 512 pixels"));
    }
}

#[test]
fn looking_for_more_than_fits_is_refused_before_the_work() {
    let dir = TempDir::new().unwrap();
    let model = dir.path().join("large");
    bundle(&model, 256, 32);
    for (args, expected) in [
        (
            &["--memory", "800M", "--count", "64"][..],
            "looking for 64 avatars at once takes about",
        ),
        (
            &["--memory", "1G", "--cutouts", "64"],
            "looking for 4 avatars at once in 64 cutouts takes about",
        ),
        (
            &["--snapshots", "10000", "--strip", "strip.png", "--steps", "9999"],
            "a sheet of 40000 pictures of 256 x 256 pixels would be",
        ),
    ] {
        let error = generate(&model, &[&["--prompt", "hair"], args].concat()).unwrap_err();
        assert!(error.contains(expected), "{args:?}: {error}");
    }
    assert!(!model.join("out.png").exists());
    let few = [
        "--memory",
        "800M",
        "--count",
        "1",
        "--cutouts",
        "2",
        "--steps",
        "1",
        "--prompt",
        "hair",
    ];
    generate(&model, &few).unwrap();
}

#[test]
fn a_model_is_opened_where_there_is_memory_for_it() {
    let dir = TempDir::new().unwrap();
    let model = dir.path().join("model");
    bundle(&model, 256, 64);
    let error = generate(&model, &["--memory", "20M"]).unwrap_err();
    assert!(
        error.contains("opening ") && error.contains("generator.gguf takes about"),
        "{error}"
    );
    for size in ["0", "lots"] {
        let error = generate(&model, &["--memory", size]).unwrap_err();
        assert!(error.contains("expected a size such as 8G"), "{error}");
    }
}

/// A process that is ended while it writes leaves nothing behind, not even a hidden file.
#[cfg(target_os = "linux")]
#[test]
fn what_is_ended_while_it_writes_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let (model, out) = (dir.path().join("model"), dir.path().join("out"));
    bundle(&model, 64, 16);
    fs::create_dir(&out).unwrap();
    let generate = |limits: &str| {
        let command = format!(
            "{limits} exec {} generate --model {} --seeds 0-63 --out {}",
            env!("CARGO_BIN_EXE_guise"),
            utf8(&model),
            utf8(&out.join("sheet.png"))
        );
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        output.status.success()
    };
    // The system ends what writes more than a block.
    assert!(!generate("ulimit -f 1;"));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    assert!(generate(""));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
}
