//! Weights that other programs wrote, natively only: the page reads published bundles and nothing else.
//!
//! A foreign model is read once by `guise import`, which checks it layer by layer and writes it as
//! safetensors under the names of our networks' parameters, with its architecture, licence and source.

mod minilm;
mod ncnn;
pub mod safetensors;
mod srvgg;

pub use minilm::SentenceEncoder;
pub use srvgg::SuperResolution;

use crate::networks::srvgg::ConfigError;

/// Why a foreign model was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text of an ncnn network is not what ncnn writes.
    #[error("line {line} of the ncnn network {problem}")]
    Param {
        /// Counted from one.
        line: usize,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// The network is well formed, but it is another one.
    #[error(
        "this is no SRVGGNetCompact network: on line {line}, the layer {layer} {problem}. \
         Models that can be imported are realesr-animevideov3-x2, -x3 and -x4"
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
    #[error("the ncnn weights {problem}")]
    Bin {
        /// What is wrong with them, as the end of a sentence.
        problem: String,
    },
    /// The network's sizes are out of range.
    #[error("this network cannot be built: {0}")]
    Config(#[from] ConfigError),
    /// A sentence encoder is no BERT encoder, or lacks something.
    #[error("this sentence encoder cannot be used: {problem}")]
    Encoder {
        /// What is wrong with it.
        problem: String,
    },
    /// A safetensors file is not what `guise import` writes.
    #[error("the safetensors file {problem}")]
    Safetensors {
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// The tensors do not fit the network.
    #[error(transparent)]
    Weights(#[from] super::Error),
}

/// The beginning of a hostile text, short enough for an error message.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
