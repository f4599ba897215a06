//! Everything on a GPU as on the processor, through burn's WebGPU backend. `./x test-gpu` runs this on Mesa's lavapipe, an
//! adapter made of software, as CI has no other; with a real adapter it is that one.
#![cfg(feature = "webgpu")]

use burn::tensor::{Device, Tensor};
use guise::train::Run;
use image::RgbaImage;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

fn guise(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "guise {args:?}:\n{said}");
    output
}

fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn model(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The largest difference of two pictures, in steps of 255.
fn difference([a, b]: [&RgbaImage; 2]) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    let differences = a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b));
    differences.max().unwrap_or(0)
}

/// What `args` draw on both devices.
fn on_both(dir: &TempDir, args: &[&str], out: impl Fn(&Path) -> Vec<String>) -> [RgbaImage; 2] {
    ["cpu", "webgpu"].map(|device| {
        let path = dir.path().join(format!("{device}.png"));
        let out = out(&path);
        let out = out.iter().map(String::as_str);
        let args: Vec<_> = args
            .iter()
            .copied()
            .chain(["--device", device])
            .chain(out)
            .collect();
        guise(&args);
        image::open(path).unwrap().into_rgba8()
    })
}

#[test]
fn the_doctor_finds_it_right() {
    let tiny = model("tests/fixtures/bundle-tiny");
    let output = guise(&["doctor", "--json", "--device", "webgpu", "--model", utf8(&tiny)]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let device = &report["devices"][0];
    assert_eq!(device["device"], "webgpu");
    assert_eq!(device["right"], true, "{device}");
    // The guided step is part of this, and losses, R1 and every updated weight of that.
    assert_eq!(device["model"], "right", "{device}");
    assert!(
        device["training_step"]["weights"].as_f64().unwrap() <= 1e-3,
        "{device}"
    );
    assert!(!report["gpus"].as_array().unwrap().is_empty());
}

#[test]
fn a_published_model_draws_the_same() {
    let dir = TempDir::new().unwrap();
    let pixel_art = model("models/pixel-art");
    let args = ["generate", "--model", utf8(&pixel_art), "--seeds", "0-15"];
    let pictures = on_both(&dir, &args, |path| vec!["--out".into(), utf8(path).into()]);
    let most = difference(pictures.each_ref());
    assert!(most <= 2, "{most}");
}

#[test]
fn super_resolution_gives_the_same() {
    let dir = TempDir::new().unwrap();
    let sr = dir.path().join("sr.safetensors");
    let param = model("tests/fixtures/upscale/realesr-animevideov3-x4.param");
    guise(&["import", "realesrgan-ncnn", utf8(&param), "--out", utf8(&sr)]);
    let picture = model("tests/fixtures/upscale/picture.png");
    let pictures = ["cpu", "webgpu"].map(|device| {
        let out = dir.path().join(format!("{device}.png"));
        guise(&[
            "upscale",
            utf8(&picture),
            utf8(&out),
            "--model",
            utf8(&sr),
            "--device",
            device,
        ]);
        image::open(out).unwrap().into_rgba8()
    });
    let most = difference(pictures.each_ref());
    assert!(most <= 2, "{most}");
}

/// A run that goes on where another device stopped is the run that stayed on one, up to rounding.
#[test]
fn a_run_is_resumed_across_devices() {
    let dir = TempDir::new().unwrap();
    let art = dir.path().join("art");
    fs::create_dir_all(&art).unwrap();
    for i in 0..8u8 {
        let picture = image::RgbImage::from_fn(16, 16, |x, y| match (x + y) % 7 < 3 {
            true => image::Rgb([i * 30, 255 - i * 10, 40]),
            false => image::Rgb([200, i * 25, 90 + i]),
        });
        picture.save(art.join(format!("{i}.png"))).unwrap();
    }
    let data = dir.path().join("data");
    guise(&["prepare", utf8(&art), "--out", utf8(&data), "--resolution", "16"]);
    let runs = ["cpu", "webgpu"].map(|device| {
        let out = dir.path().join(device);
        let start = [
            "train",
            "--data",
            utf8(&data),
            "--out",
            utf8(&out),
            "--kimg",
            "0.008",
        ];
        let tiny = [
            "--batch-size",
            "4",
            "--channel-base",
            "128",
            "--channel-max",
            "8",
            "--noise",
        ];
        guise(&[&start[..], &tiny].concat());
        let run = fs::read_dir(&out).unwrap().next().unwrap().unwrap().path();
        guise(&[
            "train",
            "--resume",
            utf8(&run),
            "--kimg",
            "0.016",
            "--device",
            device,
        ]);
        Run::open(&run).unwrap().ticks().unwrap()
    });
    let [cpu, gpu] = runs.each_ref().map(|ticks| ticks.last().unwrap());
    assert_eq!(cpu.kimg, 0.016);
    for (name, cpu, gpu) in [
        (
            "generator loss",
            cpu.stats.generator_loss,
            gpu.stats.generator_loss,
        ),
        (
            "discriminator loss",
            cpu.stats.discriminator_loss,
            gpu.stats.discriminator_loss,
        ),
        ("real logit", cpu.stats.real_logit, gpu.stats.real_logit),
    ] {
        // Two steps of Adam, whose sign a gradient near zero may turn.
        assert!(
            (cpu - gpu).abs() <= 0.01 * cpu.abs().max(0.1),
            "{name}: {cpu} and {gpu}"
        );
    }
}

/// The collection's CLIP: loss and gradients of a step toward matching pictures and sentences.
#[test]
fn the_image_tower_learns_the_same() {
    use burn::{module::Module, optim::GradientsParams};
    use guise::networks::encoders::collection_clip::ImageTowerConfig;
    let step = |device: &Device| -> (f32, Vec<f32>) {
        guise::ops::random::seed(4);
        let device = device.clone().autodiff();
        let config = ImageTowerConfig {
            resolution: 16,
            channel_base: 512,
            channel_max: 32,
            embed_dim: 32,
        };
        let tower = config.init(&device);
        let pictures: Tensor<4> = guise::ops::random::normal([6, 3, 16, 16], 0.5, &device);
        let texts: Tensor<2> = guise::ops::random::normal([6, 32], 0.2, &device);
        let logits = tower.forward(pictures).matmul(texts.transpose()) * tower.scale().unsqueeze();
        let own = Tensor::<2>::eye(6, &device);
        let loss = -(burn::tensor::activation::log_softmax(logits, 1) * own).sum();
        let value = loss.clone().into_scalar::<f32>();
        let gradients = GradientsParams::from_grads(loss.backward(), &tower);
        let mut all = vec![];
        for layer in &tower.layers {
            let gradient = gradients.get::<4>(layer.weight.id).unwrap();
            all.extend(gradient.into_data().iter::<f32>());
        }
        assert!(tower.num_params() > 1000);
        (value, all)
    };
    let [(expected, right), (found, gradient)] =
        [Device::flex(), Device::wgpu(Default::default())].map(|device| step(&device));
    assert!(
        (found - expected).abs() <= 1e-3 * expected.abs(),
        "{found}, {expected}"
    );
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
    let distance =
        norm(&mut right.iter().zip(&gradient).map(|(a, b)| a - b)) / norm(&mut right.iter().copied());
    assert!(distance <= 1e-3, "{distance}");
}
