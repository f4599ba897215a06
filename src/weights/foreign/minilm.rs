//! Sentence encoders as the library transformers keeps them: `config.json` beside `model.safetensors`.

use super::{Error, safetensors, shortened};
use crate::{
    networks::encoders::minilm::{MAX_TOKENS, MiniLm, MiniLmConfig},
    weights::{Tensors, apply},
};
use burn::tensor::{Device, TensorData};
use serde::Deserialize;

/// A sentence encoder on the host.
#[derive(Debug, Clone)]
pub struct SentenceEncoder {
    /// The network's shape.
    pub config: MiniLmConfig,
    /// Its weights by the names of its parameters.
    pub tensors: Tensors,
}

/// What matters of a BERT model's `config.json`.
#[derive(Deserialize)]
struct BertConfig {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    hidden_act: String,
    #[serde(default = "absolute")]
    position_embedding_type: String,
}

fn absolute() -> String {
    "absolute".into()
}

impl SentenceEncoder {
    /// Reads an encoder from the contents of its two files.
    ///
    /// Its pooler, which sentences do not go through, is left out, and so are positions after [`MAX_TOKENS`].
    ///
    /// # Errors
    ///
    /// [`Error::Encoder`] when it is no BERT encoder, [`Error::Safetensors`] when the file is damaged; every
    /// tensor must be there and have its shape.
    pub fn from_bert(config: &[u8], weights: &[u8]) -> Result<Self, Error> {
        let fail = |problem: String| Error::Encoder { problem };
        let bert: BertConfig = serde_json::from_slice(config)
            .map_err(|error| fail(format!("its config.json cannot be read: {error}")))?;
        for (field, value, expected) in [
            ("hidden_act", &bert.hidden_act, "gelu"),
            (
                "position_embedding_type",
                &bert.position_embedding_type,
                "absolute",
            ),
        ] {
            if value != expected {
                let value = shortened(value);
                return Err(fail(format!("its {field} is {value:?}, expected {expected:?}")));
            }
        }
        let config = MiniLmConfig {
            vocab_size: bert.vocab_size,
            hidden_size: bert.hidden_size,
            num_hidden_layers: bert.num_hidden_layers,
            num_attention_heads: bert.num_attention_heads,
            intermediate_size: bert.intermediate_size,
            max_position_embeddings: bert.max_position_embeddings.min(MAX_TOKENS),
        };
        config.validate().map_err(|error| fail(error.to_string()))?;

        // Some models say the architecture before every name.
        let plain = |name: &str| name.strip_prefix("bert.").unwrap_or(name).to_owned();
        let wanted = |name: &str| {
            let name = plain(name);
            !name.starts_with("pooler.") && name != "embeddings.position_ids"
        };
        let (tensors, _) = safetensors::read_those(weights, wanted)?;
        let mut found: Tensors = tensors
            .into_iter()
            .map(|(name, data)| (plain(&name), data))
            .collect();
        let positions = positions(&mut found, &config)?;
        let mut tensors: Tensors = found
            .into_iter()
            .map(|(name, data)| (renamed(&name), data))
            .collect();
        tensors.insert("position_embeddings".into(), positions);
        // A network is built before its weights are put in. A small file must not make it a large one.
        let held: u64 = tensors.values().map(|data| data.num_elements() as u64).sum();
        let needed = config.weights();
        if needed > held {
            return Err(fail(format!(
                "its config.json describes a network of {needed} numbers or more, its weights are {held}"
            )));
        }
        Ok(Self { config, tensors })
    }

    /// The network on `device`.
    ///
    /// # Errors
    ///
    /// [`Error::Weights`] when a tensor is missing, has another shape or belongs to another network.
    pub fn network(&self, device: &Device) -> Result<MiniLm, Error> {
        Ok(apply(self.config.init(device), &self.tensors)?)
    }
}

/// The embeddings of the positions that can be used, with that of token type zero added to each.
fn positions(found: &mut Tensors, config: &MiniLmConfig) -> Result<TensorData, Error> {
    let width = config.hidden_size;
    let mut rows = |name: &str, least: usize| -> Result<Vec<f32>, Error> {
        let data = found.remove(&format!("embeddings.{name}.weight"));
        let data = data.ok_or_else(|| Error::Encoder {
            problem: format!("it has no tensor embeddings.{name}.weight"),
        })?;
        let shape = data.shape().to_vec();
        if shape.len() != 2 || shape[0] < least || shape[1] != width {
            return Err(Error::Encoder {
                problem: format!(
                    "its tensor embeddings.{name}.weight has shape {shape:?}, expected {least} rows of {width}"
                ),
            });
        }
        Ok(data.iter::<f32>().take(least * width).collect())
    };
    let kind = rows("token_type_embeddings", 1)?;
    let mut positions = rows("position_embeddings", config.max_position_embeddings)?;
    for row in positions.chunks_exact_mut(width) {
        for (value, kind) in row.iter_mut().zip(&kind) {
            *value += kind;
        }
    }
    Ok(TensorData::new(
        positions,
        [config.max_position_embeddings, width],
    ))
}

/// What a parameter of BERT is called here; names that are not known stay, and are refused with the others.
fn renamed(name: &str) -> String {
    let mut name = name.to_owned();
    for (theirs, ours) in [
        ("embeddings.word_embeddings.weight", "word_embeddings"),
        ("embeddings.LayerNorm.", "norm."),
        ("encoder.layer.", "layers."),
        (".attention.self.", "."),
        (".attention.output.LayerNorm.", ".attention_norm."),
        (".attention.output.dense.", ".attention_output."),
        (".intermediate.dense.", ".intermediate."),
        (".output.LayerNorm.", ".output_norm."),
        (".output.dense.", ".output."),
    ] {
        name = name.replace(theirs, ours);
    }
    if let Some(norm) = name.strip_suffix("norm.weight") {
        name = format!("{norm}norm.gamma");
    } else if let Some(norm) = name.strip_suffix("norm.bias") {
        name = format!("{norm}norm.beta");
    }
    name
}
