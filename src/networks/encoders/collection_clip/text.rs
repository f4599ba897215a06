//! The text tower.

use super::{clauses, unread_clauses};
use crate::{
    networks::{
        NetworkConfig,
        encoders::minilm::{MiniLm, MiniLmConfig, Tokenizer, batch},
        layers::{ConfigError, Linear},
    },
    ops::unit_length::unit_length,
};
use burn::{
    module::Module,
    tensor::{Device, Tensor, activation::gelu},
};
use serde::{Deserialize, Serialize};

/// The shape of a [`TextTower`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextTowerConfig {
    /// The sentence encoder.
    pub minilm: MiniLmConfig,
    /// Width inside the projection.
    pub hidden_dim: usize,
    /// Width of the embeddings; the same in both towers.
    pub embed_dim: usize,
}

impl TextTowerConfig {
    /// The projection alone, which is all that is trained.
    pub fn init_projection(&self, device: &Device) -> TextProjection {
        TextProjection {
            hidden: Linear::init([self.minilm.hidden_size, self.hidden_dim], 1.0, device),
            output: Linear::init([self.hidden_dim, self.embed_dim], 1.0, device),
        }
    }
}

impl NetworkConfig for TextTowerConfig {
    type Network = TextTower;

    fn validate(&self) -> Result<(), ConfigError> {
        self.minilm.validate()?;
        ConfigError::check("hidden_dim", self.hidden_dim, 1, 4096)?;
        ConfigError::check("embed_dim", self.embed_dim, 1, 1024)
    }

    /// A tower with a fresh random projection and a sentence encoder that is still to be filled.
    fn init(&self, device: &Device) -> TextTower {
        TextTower {
            minilm: self.minilm.init(device),
            projection: self.init_projection(device),
        }
    }

    fn weights(&self) -> u64 {
        let [d_in, hidden, d_out] =
            [self.minilm.hidden_size, self.hidden_dim, self.embed_dim].map(|n| n as u64);
        self.minilm.weights() + d_in * hidden + hidden * d_out
    }
}

/// From the meaning of clauses to what the collection shows of them.
#[derive(Module, Debug)]
pub struct TextProjection {
    /// `clause -> hidden_dim`.
    pub hidden: Linear,
    /// `hidden_dim -> embed_dim`.
    pub output: Linear,
}

impl TextProjection {
    /// `clauses [k, width]` of unit length -> `[n, embed_dim]` of unit length, where `texts [n, k]` is one
    /// where a clause belongs to a text and zero elsewhere.
    ///
    /// A text is the direction of the sum of its clauses, each of which is as long as it matters.
    pub fn forward(&self, clauses: Tensor<2>, texts: Tensor<2>) -> Tensor<2> {
        let [_, width] = clauses.dims();
        // So much longer, each component has a variance of one, and the layer bends where it should: as they
        // come, all clauses lie where it is straight, and its biases outweigh them.
        let clauses = clauses * (width as f64).sqrt();
        let projected = self.output.forward(gelu(self.hidden.forward(clauses)));
        unit_length(texts.matmul(projected))
    }
}

/// The parts of a text that are not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unread {
    /// Clauses of which only the beginning is read.
    pub cut: Vec<String>,
    /// Clauses after the last that is read.
    pub left_out: Vec<String>,
}

/// `text -> embedding`; [`TextTowerConfig`] makes it.
#[derive(Module, Debug)]
pub struct TextTower {
    /// Published weights, never trained here.
    pub minilm: MiniLm,
    /// What was learned.
    pub projection: TextProjection,
}

impl TextTower {
    /// `text`, of which as much is read as [`clauses`] and [`Tokenizer::encode`] say -> `[1, embed_dim]` of
    /// unit length.
    pub fn embed(&self, tokenizer: &Tokenizer, text: &str) -> Tensor<2> {
        let device = self.projection.hidden.weight.val().device();
        let tokens: Vec<_> = clauses(text)
            .iter()
            .map(|clause| tokenizer.encode_within(clause, self.minilm.positions()).0)
            .collect();
        let (ids, mask) = batch(&tokens, &device);
        let all = Tensor::ones([1, tokens.len()], &device);
        self.projection.forward(self.minilm.forward(ids, mask), all)
    }

    /// What of `text` is too much to be read: clauses that are cut, and those that are left out.
    pub fn unread(&self, tokenizer: &Tokenizer, text: &str) -> Unread {
        let positions = self.minilm.positions();
        let cut = |clause: &String| tokenizer.encode_within(clause, positions).1;
        Unread {
            cut: clauses(text).into_iter().filter(cut).collect(),
            left_out: unread_clauses(text),
        }
    }
}
