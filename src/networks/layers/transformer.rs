//! The pre-norm transformer that both of CLIP's towers and the prior over codes are made of: Vaswani et al.
//! (2017), with the layer norms before the branches.
//!
//! Names and shapes of the parameters are those of OpenAI's release, with the queries, keys and values of all
//! heads in one matrix.

use super::{LayerNorm, Linear, attend, lazy_full, lazy_normal};
use burn::{
    module::{Module, Param},
    tensor::{
        Device, Tensor, TensorData,
        activation::{gelu, sigmoid},
    },
};
use serde::{Deserialize, Serialize};

/// The nonlinearity of the feed-forward layers, which the weights do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `x sigmoid(1.702 x)`, in OpenAI's own models.
    QuickGelu,
    /// `x Phi(x)` (Hendrycks & Gimpel 2016), in most models that others trained.
    Gelu,
}

impl Activation {
    fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::QuickGelu => x.clone() * sigmoid(x * 1.702),
            Self::Gelu => gelu(x),
        }
    }
}

/// The shape of a [`Transformer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerConfig {
    /// Features of a token.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Attention heads, which divide the width; it is 64 for each head in OpenAI's models.
    pub heads: usize,
    /// Features between the two feed-forward layers, four times the width in most models.
    pub mlp_width: usize,
    /// The nonlinearity between them.
    pub activation: Activation,
}

impl TransformerConfig {
    /// A transformer as OpenAI built them.
    pub fn openai(width: usize, layers: usize) -> Self {
        Self {
            width,
            layers,
            heads: width / 64,
            mlp_width: 4 * width,
            activation: Activation::QuickGelu,
        }
    }

    /// Random weights as the paper's release draws them.
    pub fn init(&self, device: &Device) -> Transformer {
        Transformer {
            resblocks: (0..self.layers)
                .map(|_| ResidualAttentionBlock::init(self, device))
                .collect(),
        }
    }
}

/// What a transformer keeps of the tokens that it has seen, so that those that follow need not compute it
/// again.
#[derive(Debug, Default)]
pub struct Seen {
    length: usize,
    /// Keys and values of each block, `[n, heads, length, d]`.
    blocks: Vec<[Tensor<4>; 2]>,
}

impl Seen {
    /// How many tokens it has seen.
    pub fn length(&self) -> usize {
        self.length
    }
}

/// Minus infinity wherever one of the last `queries` of so many `keys` would see a later token, `[queries,
/// keys]`.
pub fn causal_mask([queries, keys]: [usize; 2], device: &Device) -> Tensor<2> {
    let later = |i: usize| i % keys > i / keys + keys - queries;
    let values = (0..queries * keys).map(|i| if later(i) { f32::NEG_INFINITY } else { 0.0 });
    let data = TensorData::new(values.collect::<Vec<_>>(), [queries, keys]);
    Tensor::from_data(data, &device.clone().without_autodiff())
}

/// Self-attention with several heads.
#[derive(Module, Debug)]
pub struct Attention {
    /// Queries, keys and values, `[3 width, width]`.
    pub in_proj_weight: Param<Tensor<2>>,
    /// `[3 width]`.
    pub in_proj_bias: Param<Tensor<1>>,
    /// Mixes what the heads found.
    pub out_proj: Linear,
    heads: usize,
}

impl Attention {
    /// How many heads share the width.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// `x [n, length, width] -> [n, length, width]`, `mask [length, length]` added to the scores.
    pub fn forward(&self, x: Tensor<3>, mask: Option<Tensor<2>>) -> Tensor<3> {
        self.follow(x, None, mask).0
    }

    /// The same for tokens that follow others, whose keys and values are `before`; also gives those of all.
    fn follow(
        &self,
        x: Tensor<3>,
        before: Option<[Tensor<4>; 2]>,
        mask: Option<Tensor<2>>,
    ) -> (Tensor<3>, [Tensor<4>; 2]) {
        let shape = x.dims();
        let [q, k, v] = self.project(x);
        let [k, v] = match before {
            Some([keys, values]) => [Tensor::cat(vec![keys, k], 2), Tensor::cat(vec![values, v], 2)],
            None => [k, v],
        };
        let found = attend(q, k.clone(), v.clone(), mask);
        (self.mix(found, shape), [k, v])
    }

    /// Queries, keys and values, `[n, heads, length, d]` each.
    fn project(&self, x: Tensor<3>) -> [Tensor<4>; 3] {
        let [n, length, width] = x.dims();
        let d = width / self.heads;
        let qkv = Linear::apply(x, &self.in_proj_weight, &self.in_proj_bias);
        let qkv = qkv
            .reshape([n, length, 3, self.heads, d])
            .permute([2, 0, 3, 1, 4]);
        [0, 1, 2].map(|part| {
            let part = qkv.clone().slice_dim(0, part..part + 1);
            part.squeeze_dim::<4>(0)
        })
    }

    /// What all heads found, `[n, heads, length, d]`, as tokens of this shape.
    fn mix(&self, found: Tensor<4>, shape: [usize; 3]) -> Tensor<3> {
        self.out_proj.forward(found.permute([0, 2, 1, 3]).reshape(shape))
    }
}

/// The two feed-forward layers of a block.
#[derive(Module, Debug)]
pub struct Mlp {
    /// From the width to the inner width.
    pub c_fc: Linear,
    /// And back.
    pub c_proj: Linear,
    #[module(skip)]
    activation: Activation,
}

/// Attention and a feed-forward network, each added to what it was given.
#[derive(Module, Debug)]
pub struct ResidualAttentionBlock {
    /// Before the attention.
    pub ln_1: LayerNorm,
    /// The tokens look at each other.
    pub attn: Attention,
    /// Before the feed-forward network.
    pub ln_2: LayerNorm,
    /// Each token by itself.
    pub mlp: Mlp,
}

impl ResidualAttentionBlock {
    fn init(config: &TransformerConfig, device: &Device) -> Self {
        let &TransformerConfig {
            width, layers, heads, ..
        } = config;
        let attention = (width as f64).powf(-0.5);
        let projection = attention * (2.0 * layers as f64).powf(-0.5);
        let inner = (2.0 * width as f64).powf(-0.5);
        Self {
            ln_1: LayerNorm::lazy(width, device),
            attn: Attention {
                in_proj_weight: lazy_normal([3 * width, width], attention, device),
                in_proj_bias: lazy_full([3 * width], 0.0, device),
                out_proj: Linear::lazy([width, width], projection, device),
                heads,
            },
            ln_2: LayerNorm::lazy(width, device),
            mlp: Mlp {
                c_fc: Linear::lazy([width, config.mlp_width], inner, device),
                c_proj: Linear::lazy([config.mlp_width, width], projection, device),
                activation: config.activation,
            },
        }
    }

    /// `x [n, length, width] -> [n, length, width]`.
    pub fn forward(&self, x: Tensor<3>, mask: Option<Tensor<2>>) -> Tensor<3> {
        self.follow(x, None, mask).0
    }

    /// The same for tokens that follow others, as [`Attention::follow`] has it.
    fn follow(
        &self,
        x: Tensor<3>,
        before: Option<[Tensor<4>; 2]>,
        mask: Option<Tensor<2>>,
    ) -> (Tensor<3>, [Tensor<4>; 2]) {
        let (attended, all) = self.attn.follow(self.ln_1.forward(x.clone()), before, mask);
        (self.feed(x + attended), all)
    }

    fn feed(&self, x: Tensor<3>) -> Tensor<3> {
        let inner = self.mlp.c_fc.forward(self.ln_2.forward(x.clone()));
        x + self.mlp.c_proj.forward(self.mlp.activation.apply(inner))
    }
}

/// A stack of blocks; [`TransformerConfig`] makes it.
#[derive(Module, Debug)]
pub struct Transformer {
    /// First to last.
    pub resblocks: Vec<ResidualAttentionBlock>,
}

impl Transformer {
    /// `x [n, length, width] -> [n, length, width]`, `mask [length, length]` added to all attention scores.
    pub fn forward(&self, x: Tensor<3>, mask: Option<Tensor<2>>) -> Tensor<3> {
        let step = |x, block: &ResidualAttentionBlock| block.forward(x, mask.clone());
        self.resblocks.iter().fold(x, step)
    }

    /// What a causal mask lets tokens see that follow those `seen`, which know them afterwards: `x [n,
    /// length, width] -> [n, length, width]`.
    pub fn follow(&self, mut x: Tensor<3>, seen: &mut Seen) -> Tensor<3> {
        let [_, length, _] = x.dims();
        seen.length += length;
        // A single one sees all others.
        let mask = (length > 1).then(|| causal_mask([length, seen.length], &x.device()));
        let mut before = std::mem::take(&mut seen.blocks).into_iter();
        for block in &self.resblocks {
            let (y, all) = block.follow(x, before.next(), mask.clone());
            seen.blocks.push(all);
            x = y;
        }
        x
    }
}
