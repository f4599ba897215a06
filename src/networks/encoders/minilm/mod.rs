//! MiniLM: Wang et al., "MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression of
//! Pre-Trained Transformers" (2020), as the sentence encoder of Reimers and Gurevych, "Sentence-BERT" (2019).
//!
//! A BERT encoder (Devlin et al. 2019) with the normalization after each residual, whose token states are
//! averaged into one vector for the sentence. Differences from the published checkpoints: the embedding of
//! token type zero, which every token of a single sentence gets, is added to the positions when they are
//! loaded; positions end at [`MAX_TOKENS`]; there is no pooler and no dropout, because this network is never
//! trained here.

mod tokenizer;

pub use tokenizer::{MAX_TOKENS, Tokenizer, VocabularyError};

use crate::{
    networks::layers::{ConfigError, Linear},
    ops::unit_length::unit_length,
};
use burn::{
    module::{Module, Param},
    nn::{LayerNorm, LayerNormConfig},
    tensor::{
        Device, Int, Tensor, TensorData,
        activation::{gelu, softmax},
        module::embedding,
    },
};
use serde::{Deserialize, Serialize};

/// The shape of a [`MiniLm`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MiniLmConfig {
    /// Entries of the vocabulary; 30522 in the uncased models.
    pub vocab_size: usize,
    /// Width of every token's state and of the sentence's embedding; 384 in MiniLM.
    pub hidden_size: usize,
    /// Transformer layers; 6 in MiniLM-L6.
    pub num_hidden_layers: usize,
    /// Heads of the attention, which share the width; 12 in MiniLM.
    pub num_attention_heads: usize,
    /// Width inside the feed-forward network; 1536 in MiniLM.
    pub intermediate_size: usize,
    /// The longest sentence in tokens, 3 to [`MAX_TOKENS`].
    pub max_position_embeddings: usize,
}

impl MiniLmConfig {
    /// Checks every field, so that [`init`](Self::init) neither panics nor exhausts memory.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (field, value, min, max) in [
            ("vocab_size", self.vocab_size, 4, 1 << 17),
            ("hidden_size", self.hidden_size, 1, 1024),
            ("num_hidden_layers", self.num_hidden_layers, 1, 24),
            (
                "num_attention_heads",
                self.num_attention_heads,
                1,
                self.hidden_size,
            ),
            ("intermediate_size", self.intermediate_size, 1, 4096),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                LEAST_POSITIONS,
                MAX_TOKENS,
            ),
        ] {
            ConfigError::check(field, value, min, max)?;
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let expected = format!("a divisor of the hidden_size {}", self.hidden_size);
            return Err(ConfigError::new(
                "num_attention_heads",
                self.num_attention_heads,
                expected,
            ));
        }
        Ok(())
    }

    /// How many numbers its embeddings and matrices hold: all of the network but its small vectors.
    pub fn weights(&self) -> u64 {
        let [width, inner] = [self.hidden_size, self.intermediate_size].map(|n| n as u64);
        let rows = (self.vocab_size + self.max_position_embeddings) as u64;
        rows * width + self.num_hidden_layers as u64 * (4 * width * width + 2 * width * inner)
    }

    /// A network whose matrices are zero, to be filled with published weights: it is not trained here.
    pub fn init(&self, device: &Device) -> MiniLm {
        let width = self.hidden_size;
        let table = |rows| Param::from_tensor(Tensor::zeros([rows, width], device));
        MiniLm {
            word_embeddings: table(self.vocab_size),
            position_embeddings: table(self.max_position_embeddings),
            norm: layer_norm(width, device),
            layers: (0..self.num_hidden_layers)
                .map(|_| Layer::init(self, device))
                .collect(),
        }
    }
}

/// A sentence has a token between those that enclose it.
const LEAST_POSITIONS: usize = 3;

/// The published models normalize with this under the square root.
const EPSILON: f64 = 1e-12;

fn layer_norm(width: usize, device: &Device) -> LayerNorm {
    LayerNormConfig::new(width).with_epsilon(EPSILON).init(device)
}

/// Attention and a feed-forward network, each added to its input and normalized then.
#[derive(Module, Debug)]
pub struct Layer {
    /// What a token looks for.
    pub query: Linear,
    /// What a token can be found by.
    pub key: Linear,
    /// What a token tells those that find it.
    pub value: Linear,
    /// Mixes the heads.
    pub attention_output: Linear,
    /// After the attention.
    pub attention_norm: LayerNorm,
    /// `width -> intermediate_size`.
    pub intermediate: Linear,
    /// `intermediate_size -> width`.
    pub output: Linear,
    /// After the feed-forward network.
    pub output_norm: LayerNorm,
    heads: usize,
}

impl Layer {
    fn init(config: &MiniLmConfig, device: &Device) -> Self {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let linear = |sizes| Linear::init(sizes, 0.0, device);
        Self {
            query: linear([width, width]),
            key: linear([width, width]),
            value: linear([width, width]),
            attention_output: linear([width, width]),
            attention_norm: layer_norm(width, device),
            intermediate: linear([width, inner]),
            output: linear([inner, width]),
            output_norm: layer_norm(width, device),
            heads: config.num_attention_heads,
        }
    }

    /// `x [n length, width]`, `bias [n, 1, 1, length]` -> the same shape as `x`.
    fn forward(&self, x: Tensor<2>, bias: Tensor<4>) -> Tensor<2> {
        let [n, _, _, length] = bias.dims();
        let [_, width] = x.dims();
        let size = width / self.heads;
        let split = |layer: &Linear| {
            let states = layer.forward(x.clone()).reshape([n, length, self.heads, size]);
            states.swap_dims(1, 2) // [n, heads, length, size]
        };
        // softmax(Q K^T / sqrt(size)) V: Vaswani et al. (2017), equation 1.
        let scores = split(&self.query).matmul(split(&self.key).transpose()) / (size as f64).sqrt();
        let mixed = softmax(scores + bias, 3).matmul(split(&self.value));
        let mixed = mixed.swap_dims(1, 2).reshape([n * length, width]);
        let x = self
            .attention_norm
            .forward(x + self.attention_output.forward(mixed));
        let inner = gelu(self.intermediate.forward(x.clone()));
        self.output_norm.forward(x + self.output.forward(inner))
    }
}

/// The network; [`MiniLmConfig`] makes it.
#[derive(Module, Debug)]
pub struct MiniLm {
    /// `[vocab_size, width]`.
    pub word_embeddings: Param<Tensor<2>>,
    /// `[max_position_embeddings, width]`, the embedding of token type zero included.
    pub position_embeddings: Param<Tensor<2>>,
    /// After the embeddings.
    pub norm: LayerNorm,
    /// First to last.
    pub layers: Vec<Layer>,
}

impl MiniLm {
    /// What a score of a token that is not there is lowered by, before the softmax.
    const ABSENT: f64 = -1e9;

    /// The longest sentence in tokens, those that enclose it included.
    pub fn positions(&self) -> usize {
        self.position_embeddings.dims()[0]
    }

    /// Embeds sentences: `ids [n, length]` and `mask [n, length]`, which is one for a token and zero for
    /// padding, become `[n, width]` of unit length. [`batch`] makes both of token ids.
    ///
    /// # Panics
    /// When the shapes differ or a sentence is longer than the network has positions.
    pub fn forward(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> Tensor<2> {
        let [n, length] = ids.dims();
        let [positions, width] = self.position_embeddings.dims();
        assert_eq!(mask.dims(), [n, length], "one mask for each token");
        assert!(
            length <= positions,
            "a sentence of {length} tokens, the network has {positions} positions"
        );
        let words = embedding(self.word_embeddings.val(), ids); // [n, length, width]
        let places = self.position_embeddings.val().narrow(0, 0, length).unsqueeze();
        let x = self.norm.forward((words + places).reshape([n * length, width]));
        let bias = (mask.clone() - 1.0).neg().reshape([n, 1, 1, length]) * Self::ABSENT;
        let x = self
            .layers
            .iter()
            .fold(x, |x, layer| layer.forward(x, bias.clone()));
        let x = x.reshape([n, length, width]);
        let mean = (x * mask.clone().reshape([n, length, 1]))
            .sum_dim(1)
            .reshape([n, width])
            / mask.sum_dim(1).clamp_min(1.0);
        unit_length(mean)
    }
}

/// Token ids of sentences as the input of [`MiniLm::forward`]: ids and mask, each `[n, longest]`.
///
/// # Panics
/// When there is no sentence.
pub fn batch(sentences: &[Vec<u32>], device: &Device) -> (Tensor<2, Int>, Tensor<2>) {
    let n = sentences.len();
    let longest = sentences.iter().map(Vec::len).max().unwrap_or(0);
    assert!(longest > 0, "a batch of sentences needs one");
    let mut ids = vec![0i32; n * longest];
    let mut mask = vec![0f32; n * longest];
    for (row, sentence) in sentences.iter().enumerate() {
        for (column, &id) in sentence.iter().enumerate() {
            ids[row * longest + column] = id as i32;
            mask[row * longest + column] = 1.0;
        }
    }
    let shape = [n, longest];
    (
        Tensor::from_data(TensorData::new(ids, shape), device),
        Tensor::from_data(TensorData::new(mask, shape), device),
    )
}
