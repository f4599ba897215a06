//! Super-resolution with the real weights of realesr-animevideov3: the importer, the network against the
//! ncnn runtime (fixtures/upscale/make.py), tiling, alpha, other scales, and the commands.

mod command;
mod compare;
mod folders;
mod foreign;
mod import;
mod picture;
mod scaled;
mod stored;

use burn::tensor::Device;
use futures::executor::block_on;
use guise::{
    networks::super_resolution::Upscaler,
    pipeline::{Cancel, upscale},
    weights::foreign::SuperResolution,
};
use image::RgbaImage;
use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/upscale")).join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// realesr-animevideov3 for `scale`, whose three models share one file of weights.
fn model(scale: usize) -> SuperResolution {
    let param = bytes(&format!("realesr-animevideov3-x{scale}.param"));
    let bin = bytes("realesr-animevideov3-x4.bin");
    SuperResolution::from_ncnn(&param, &bin, "BSD-3-Clause".into(), "a test".into()).unwrap()
}

fn network(scale: usize) -> Upscaler {
    model(scale).network(&Device::flex()).unwrap()
}

fn enlarged(network: &Upscaler, image: &RgbaImage, tile: usize) -> RgbaImage {
    block_on(upscale(network, image, tile, &Cancel::default(), async |_| ())).unwrap()
}

/// The largest difference of any channel.
fn distance(a: &RgbaImage, b: &RgbaImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}
