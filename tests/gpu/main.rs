//! Everything on a GPU as on the processor, through burn's WebGPU backend. `./x test-gpu` runs this on Mesa's
//! lavapipe, an adapter made of software, as CI has no other; with a real adapter it is that one.
#![cfg(feature = "webgpu")]

mod training;

use image::RgbaImage;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

fn guise(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(args)
        // What was found right is remembered there, and the driver keeps its compiled programs.
        .env(
            "XDG_CACHE_HOME",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/gpu-cache"),
        )
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
