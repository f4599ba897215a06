//! Weights that other programs wrote, natively only: the page reads published bundles and nothing else.
//!
//! A foreign model is read once by `guise import`, which checks it layer by layer and writes it as
//! safetensors under the names of our networks' parameters, with its architecture, license and source.

mod batch_norm;
mod clip;
mod imported;
mod inception;
mod minilm;
mod named;
mod ncnn;
mod pytorch;
pub mod safetensors;
mod sr;
mod vqgan;

pub use clip::{ClipModel, ClipOptions};
pub use imported::{Importable, Imported};
pub use inception::{InceptionConfig, InceptionModel};
pub use minilm::SentenceEncoder;
pub use sr::{Rectifier, SuperResolution};
pub use vqgan::VqGanModel;

use crate::networks::layers::ConfigError;
use burn::tensor::{TensorData, bf16, f16};
use std::collections::BTreeMap;

/// Why a foreign model was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text of an ncnn network is not what ncnn writes.
    #[error("line {line} of the ncnn network {}", said(problem))]
    Param {
        /// Counted from one.
        line: usize,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// The network is well formed, but it is another one.
    #[error(
        "this is no SRVGGNetCompact network: on line {line}, the layer {} {}. \
         Models that can be imported are realesr-animevideov3-x2, -x3 and -x4",
        said(layer),
        said(problem)
    )]
    Layer {
        /// Line of the layer in the ncnn network, counted from one.
        line: usize,
        /// Name of the layer.
        layer: String,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// The network ends before its architecture does.
    #[error("this is no SRVGGNetCompact network: it ends where {expected} must follow")]
    Ended {
        /// What the architecture has there.
        expected: String,
    },
    /// The weights are not those that the network describes.
    #[error("the ncnn weights {}", said(problem))]
    Bin {
        /// What is wrong with them, as the end of a sentence.
        problem: String,
    },
    /// The network's sizes are out of range.
    #[error("this network cannot be built: {0}")]
    Config(#[from] ConfigError),
    /// A sentence encoder is no BERT encoder, or lacks something.
    #[error("this sentence encoder cannot be used: {}", said(problem))]
    Encoder {
        /// What is wrong with it.
        problem: String,
    },
    /// A PyTorch file cannot be read.
    #[error("the PyTorch file {}", said(problem))]
    Torch {
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// The tensors are those of no CLIP that is known here.
    #[error("this is no CLIP that can be imported: {}", said(.0))]
    Clip(String),
    /// The tensors are not those of FID's Inception.
    #[error("this is no Inception that can be imported: {}", said(.0))]
    Inception(String),
    /// The tensors or their description are those of no VQGAN that is known here.
    #[error("this is no VQGAN that can be imported: {}", said(.0))]
    VqGan(String),
    /// The tensors are those of no super-resolution network that is known here.
    #[error("this is no super-resolution network that can be imported: {}", said(.0))]
    SuperResolution(String),
    /// A safetensors file is not what `guise import` writes.
    #[error("the safetensors file {}", said(problem))]
    Safetensors {
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// The tensors do not fit the network.
    #[error(transparent)]
    Weights(#[from] super::Error),
}

/// The tensors of a file by name: finite floats as `f32`, or what is wrong with others, as the end of a
/// sentence. It is not yet an error, because it may be a tensor that is not needed.
type Found = BTreeMap<String, Result<TensorData, String>>;

/// The tensors of a file, PyTorch's or safetensors.
fn read(bytes: &[u8]) -> Result<Found, Error> {
    match pytorch::is_one(bytes) {
        true => pytorch::read(bytes),
        false => Ok(safetensors::read_any(bytes)?.0),
    }
}

/// A float type in which weights are published, the lowest byte first.
#[derive(Debug, Clone, Copy)]
enum Float {
    F16,
    BF16,
    F32,
    F64,
}

impl Float {
    /// Bytes of a value.
    fn width(self) -> usize {
        match self {
            Self::F16 | Self::BF16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The value in the first [`width`](Self::width) of `bytes`.
    ///
    /// # Panics
    /// When there are fewer.
    fn value(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::F16, &[a, b, ..]) => f16::from_le_bytes([a, b]).to_f32(),
            (Self::BF16, &[a, b, ..]) => bf16::from_le_bytes([a, b]).to_f32(),
            (Self::F32, &[a, b, c, d, ..]) => f32::from_le_bytes([a, b, c, d]),
            (Self::F64, &[a, b, c, d, e, f, g, h, ..]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
            _ => unreachable!("values are as wide as the type"),
        }
    }
}

/// The values in `bytes`, which must be finite.
fn floats(float: Float, bytes: &[u8], shape: &[usize]) -> Result<TensorData, String> {
    let chunks = bytes.chunks_exact(float.width());
    finite(chunks.map(|bytes| float.value(bytes)).collect(), shape)
}

/// A tensor of `values`, which must be finite.
fn finite(values: Vec<f32>, shape: &[usize]) -> Result<TensorData, String> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(format!("holds {value}: the file is damaged")),
        None => Ok(TensorData::new(values, shape.to_vec())),
    }
}

/// What is wrong with a tensor of another type.
fn no_floats(dtype: &str) -> String {
    format!(
        "is of the type {}, expected floats of 16, 32 or 64 bits",
        shortened(dtype)
    )
}

/// The beginning of a hostile text, short enough and safe for an error message.
fn shortened(text: &str) -> String {
    super::shortened(text, 40)
}

/// A problem as errors say it. It may repeat the file's own words, of any length.
fn said(problem: &str) -> String {
    super::shortened(problem, 1000)
}
