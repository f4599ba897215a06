//! The published bundle: GGUF in and out, manifest, name and shape checks, quantization.
//!
//! A bundle is a folder with `model.json`, the [`Manifest`], and one GGUF file for each network. It may come
//! from anywhere, so nothing is allocated because a file says so: sizes are compared with the bytes that are
//! really there first.

pub mod bundle;
mod error;
#[cfg(not(target_arch = "wasm32"))]
pub mod foreign;
pub mod gguf;
pub mod license;
pub mod manifest;
pub mod params;
mod printable;

pub use error::Error;
pub use gguf::Quantization;
pub use manifest::Manifest;
pub use params::{Tensors, apply, check, collect, shapes};
pub use printable::{printable, printable_lines, shortened};
