use super::{printable, shortened};
use std::fmt::Write;

/// Why weights could not be read, written or put into a network.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tensors do not belong to this network.
    #[error("the weights are not of this network: {}", names(missing, unexpected))]
    Names {
        /// Parameters of the network that the weights lack, in the network's order.
        missing: Vec<String>,
        /// Tensors that the network has no parameter for, sorted.
        unexpected: Vec<String>,
    },
    /// A tensor has the right name and the wrong shape.
    #[error("the tensor {name} has shape {actual:?}, the network needs {expected:?}")]
    Shape {
        /// Dotted name of the parameter.
        name: String,
        /// Shape of the network's parameter.
        expected: Vec<usize>,
        /// Shape that was found.
        actual: Vec<usize>,
    },
    /// A tensor holds something that weights never are.
    #[error("the tensor {name} {reason}")]
    Tensor {
        /// Dotted name of the tensor.
        name: String,
        /// What is wrong with it, as the end of a sentence.
        reason: String,
    },
    /// The bytes are no GGUF file, or not a whole one.
    #[error("the GGUF file is damaged: {0}")]
    Gguf(String),
    /// The manifest of a bundle contradicts itself or its bounds.
    #[error("the manifest is not valid: {field} is {value}, expected {expected}")]
    Manifest {
        /// Dotted path of the field in `model.json`.
        field: String,
        /// What stands there, shortened.
        value: String,
        /// What may stand there.
        expected: String,
    },
    /// The manifest is no JSON, or lacks a field.
    #[error("the manifest cannot be read: {}", printable(reason))]
    Json {
        /// The parser's own words.
        reason: String,
    },
    /// A file of a bundle is not the one that its manifest describes.
    #[error("{file} is not the file that the manifest describes: {reason}")]
    Mismatch {
        /// Name of the file.
        file: String,
        /// Lengths or hashes, found and expected.
        reason: String,
    },
    /// The device could not hand a parameter back.
    #[error("the device failed while reading the parameter {name}: {reason}")]
    Device {
        /// Dotted name of the parameter.
        name: String,
        /// The device's own words.
        reason: String,
    },
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        // It repeats names of the file, so its words are no link of a chain that is printed as it is.
        Self::Json {
            reason: error.to_string(),
        }
    }
}

/// Both lists, shortened, as a person reads them.
fn names(missing: &[String], unexpected: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = String::new();
    for (label, names) in [("missing", missing), ("unexpected", unexpected)] {
        if names.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push_str("; ");
        }
        let shown = names.iter().take(SHOWN).map(|name| shortened(name, 100));
        let shown = shown.collect::<Vec<_>>().join(", ");
        // Writing to a String cannot fail.
        let _ = write!(text, "{} {label} ({shown}", names.len());
        text.push_str(if names.len() > SHOWN { ", ...)" } else { ")" });
    }
    text
}
