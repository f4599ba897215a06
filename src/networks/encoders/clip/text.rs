//! CLIP's text transformer: Radford et al. (2021), 2.4, after GPT-2.

use crate::networks::layers::{
    LayerNorm, lazy_normal,
    transformer::{Transformer, TransformerConfig, causal_mask},
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Int, Tensor, TensorData},
};
use serde::{Deserialize, Serialize};

/// The shape of a [`TextTransformer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextConfig {
    /// Largest number of tokens, the first and the last included; 77 in OpenAI's models.
    pub context_length: usize,
    /// Number of tokens that there are; 49,408 in OpenAI's models.
    pub vocab_size: usize,
    /// The blocks.
    pub transformer: TransformerConfig,
}

impl TextConfig {
    pub(super) fn init(&self, embed_dim: usize, device: &Device) -> TextTransformer {
        let width = self.transformer.width;
        TextTransformer {
            token_embedding: TokenEmbedding {
                weight: lazy_normal([self.vocab_size, width], 0.02, device),
            },
            positional_embedding: lazy_normal([self.context_length, width], 0.01, device),
            transformer: self.transformer.init(device),
            ln_final: LayerNorm::lazy(width, device),
            text_projection: lazy_normal([width, embed_dim], (width as f64).powf(-0.5), device),
        }
    }
}

/// A vector for every token.
#[derive(Module, Debug)]
pub struct TokenEmbedding {
    /// `[vocab_size, width]`.
    pub weight: Param<Tensor<2>>,
}

/// The network; [`TextConfig`] makes it.
#[derive(Module, Debug)]
pub struct TextTransformer {
    /// Tokens become vectors.
    pub token_embedding: TokenEmbedding,
    /// `[context_length, width]`.
    pub positional_embedding: Param<Tensor<2>>,
    /// The blocks.
    pub transformer: Transformer,
    /// On the answer.
    pub ln_final: LayerNorm,
    /// `[width, embed_dim]`.
    pub text_projection: Param<Tensor<2>>,
}

impl TextTransformer {
    /// Token lists, one for each text, to `[n, embed_dim]` of any length.
    ///
    /// The answer is read where the first token of the highest number stands, which is the end of the text in
    /// CLIP's vocabulary. A token only sees those before it, so nothing is computed beyond the longest text.
    ///
    /// # Panics
    /// When there is no text, one is empty or longer than the context, or a token is not in the vocabulary.
    pub fn forward(&self, texts: &[impl AsRef<[u32]>]) -> Tensor<2> {
        let [vocab_size, width] = self.token_embedding.weight.dims();
        let [context_length, _] = self.positional_embedding.dims();
        let texts: Vec<&[u32]> = texts.iter().map(AsRef::as_ref).collect();
        let n = texts.len();
        let length = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        assert!(
            length <= context_length,
            "a text has {length} tokens, at most {context_length} fit"
        );

        let mut tokens = vec![0; n * length];
        let mut ends = vec![];
        for (i, text) in texts.iter().enumerate() {
            let end = text.iter().max().expect("a text has at least one token");
            assert!(
                (*end as usize) < vocab_size,
                "there is no token {end} in a vocabulary of {vocab_size}"
            );
            ends.extend(
                text.iter()
                    .position(|token| token == end)
                    .map(|end| (i * length + end) as i32),
            );
            for (slot, &token) in tokens[i * length..].iter_mut().zip(*text) {
                *slot = token as i32;
            }
        }
        let device = self.positional_embedding.val().device();
        let ints = |values: Vec<i32>| {
            let count = values.len();
            Tensor::<1, Int>::from_data(TensorData::new(values, [count]), &device)
        };
        let x = self
            .token_embedding
            .weight
            .val()
            .select(0, ints(tokens))
            .reshape([n, length, width]);
        let x = x + self
            .positional_embedding
            .val()
            .slice_dim(0, 0..length)
            .unsqueeze();
        let x = self
            .transformer
            .forward(x, Some(causal_mask([length; 2], &device)));
        let answers = x.reshape([n * length, width]).select(0, ints(ends));
        self.ln_final.forward(answers).matmul(self.text_projection.val())
    }
}
