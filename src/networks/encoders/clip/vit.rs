//! CLIP's vision transformer: Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021), with one more layer
//! norm before the blocks, as Radford et al. (2021), 2.4 describe.

use crate::networks::layers::transformer::{ResidualAttentionBlock, Transformer, TransformerConfig};
use crate::networks::layers::{LayerNorm, lazy_normal};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use serde::{Deserialize, Serialize};

/// The shape of a [`Vit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitConfig {
    /// Side of the pictures in pixels, a multiple of [`patch_size`](Self::patch_size).
    pub resolution: usize,
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// The blocks.
    pub transformer: TransformerConfig,
}

impl VitConfig {
    pub(super) fn init(&self, embed_dim: usize, device: &Device) -> Vit {
        let width = self.transformer.width;
        let grid = self.resolution / self.patch_size;
        let deviation = (width as f64).powf(-0.5);
        let pixels = (3 * self.patch_size * self.patch_size) as f64;
        Vit {
            conv1: PatchEmbedding {
                weight: lazy_normal(
                    [width, 3, self.patch_size, self.patch_size],
                    pixels.powf(-0.5),
                    device,
                ),
            },
            class_embedding: lazy_normal([width], deviation, device),
            positional_embedding: lazy_normal([grid * grid + 1, width], deviation, device),
            ln_pre: LayerNorm::lazy(width, device),
            transformer: self.transformer.init(device),
            ln_post: LayerNorm::lazy(width, device),
            proj: lazy_normal([width, embed_dim], deviation, device),
        }
    }
}

/// The same linear map for every patch, which a strided convolution without overlap is.
#[derive(Module, Debug)]
pub struct PatchEmbedding {
    /// `[width, 3, patch, patch]`.
    pub weight: Param<Tensor<4>>,
}

impl PatchEmbedding {
    /// `x [n, 3, side, side] -> [n, patches, width]`, row by row.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<3> {
        let [width, channels, patch, _] = self.weight.dims();
        let [n, _, side, _] = x.dims();
        let grid = side / patch;
        let features = channels * patch * patch;
        let patches = x
            .reshape([n, channels, grid, patch, grid, patch])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([n * grid * grid, features]);
        let weight = self.weight.val().reshape([width, features]).transpose();
        patches.matmul(weight).reshape([n, grid * grid, width])
    }
}

/// The network; [`VitConfig`] makes it.
#[derive(Module, Debug)]
pub struct Vit {
    /// Patches become tokens.
    pub conv1: PatchEmbedding,
    /// `[width]`, the token that the answer is read from.
    pub class_embedding: Param<Tensor<1>>,
    /// `[1 + patches, width]`.
    pub positional_embedding: Param<Tensor<2>>,
    /// Before the blocks.
    pub ln_pre: LayerNorm,
    /// The blocks.
    pub transformer: Transformer,
    /// On the answer.
    pub ln_post: LayerNorm,
    /// `[width, embed_dim]`.
    pub proj: Param<Tensor<2>>,
}

impl Vit {
    /// How many numbers it computes for a picture.
    pub(super) fn numbers(&self) -> u64 {
        let [tokens, width] = self.positional_embedding.dims().map(|n| n as u64);
        let block = |block: &ResidualAttentionBlock| {
            let [inner, _] = block.mlp.c_fc.weight.dims().map(|n| n as u64);
            tokens * (12 * width + 4 * inner + 3 * block.attn.heads() as u64 * tokens)
        };
        self.transformer.resblocks.iter().map(block).sum::<u64>() + 4 * tokens * width
    }

    /// `x [n, 3, resolution, resolution]`, normalized pixels, to `[n, embed_dim]` of any length.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let n = x.dims()[0];
        let patches = self.conv1.forward(x); // [n, patches, width]
        let width = patches.dims()[2];
        let class = self
            .class_embedding
            .val()
            .reshape([1, 1, width])
            .expand([n, 1, width]);
        let x = Tensor::cat(vec![class, patches], 1) + self.positional_embedding.val().unsqueeze();
        let x = self.transformer.forward(self.ln_pre.forward(x), None);
        let answer = x.slice_dim(1, 0..1).reshape([n, width]);
        self.ln_post.forward(answer).matmul(self.proj.val())
    }
}
