//! CLIP: the importer, the networks against the reference implementations (fixtures/clip/make.py), the
//! tokenizer against Hugging Face's (fixtures/clip/tokens.py), and the command.
//!
//! OpenAI's weights are not part of this repository: small networks with random weights stand for them,
//! written by the reference implementations in every format that can be imported.

mod command;
mod guided;
mod import;
mod parity;
mod tokenizer;
mod vqgan;

use burn::tensor::Device;
use guise::{
    networks::encoders::clip::Activation,
    weights::foreign::{ClipModel, ClipOptions},
};
use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/clip")).join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// What the weights of the fixtures do not tell.
fn options(name: &str) -> ClipOptions {
    ClipOptions {
        activation: match name {
            "open_clip.safetensors" => Activation::Gelu,
            _ => Activation::QuickGelu,
        },
        image_heads: Some(4),
        text_heads: Some(3),
    }
}

fn import(name: &str, bytes: &[u8]) -> Result<ClipModel, guise::weights::foreign::Error> {
    ClipModel::from_foreign(
        bytes,
        &options(name),
        "MIT".into(),
        "a test".into(),
        &Device::flex(),
    )
}

fn model(name: &str) -> ClipModel {
    import(name, &bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
