//! CLIP: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021).
//!
//! Two towers turn a picture and a sentence into vectors of the same space, in which the angle between them
//! is small when they fit. Names and shapes of the parameters are those of OpenAI's release. Differences:
//! frozen batch norms are part of their convolutions, only the tokens that are there are computed, and
//! pictures come as our networks draw them, `[n, 3, side, side]` in `[-1, 1]`.

mod resnet;
mod text;
#[cfg(not(target_arch = "wasm32"))]
mod tokenizer;
mod vit;

pub use resnet::{ModifiedResNet, ModifiedResNetConfig};
pub use text::{TextConfig, TextTransformer};
#[cfg(not(target_arch = "wasm32"))]
pub use tokenizer::Tokenizer;
pub use vit::{Vit, VitConfig};

pub use crate::networks::layers::transformer::{Activation, TransformerConfig};

use crate::{
    networks::{
        encoders::ImageEncoder,
        layers::{ConfigError, lazy_full},
    },
    ops::{resize::resize_bicubic, unit_length::unit_length},
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, TensorData},
};
use serde::{Deserialize, Serialize};

/// The mean of CLIP's training pictures, red, green and blue in `[0, 1]`.
pub const MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// Their standard deviation.
pub const DEVIATION: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// The shape of a [`Clip`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipConfig {
    /// Length of the vectors that both towers give.
    pub embed_dim: usize,
    /// The tower for pictures.
    pub visual: VisualConfig,
    /// The tower for texts.
    pub text: TextConfig,
}

/// The shape of an [`ImageTower`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VisualConfig {
    /// A vision transformer.
    Vit(VitConfig),
    /// A modified ResNet.
    ResNet(ModifiedResNetConfig),
}

impl ClipConfig {
    fn openai(embed_dim: usize, visual: VisualConfig) -> Self {
        let text = TextConfig {
            context_length: 77,
            vocab_size: 49_408,
            transformer: TransformerConfig::openai(512, 12),
        };
        Self {
            embed_dim,
            visual,
            text,
        }
    }

    fn vit_b(patch_size: usize) -> Self {
        let vit = VitConfig {
            resolution: 224,
            patch_size,
            transformer: TransformerConfig::openai(768, 12),
        };
        Self::openai(512, VisualConfig::Vit(vit))
    }

    /// OpenAI's ViT-B/32.
    pub fn vit_b_32() -> Self {
        Self::vit_b(32)
    }

    /// OpenAI's ViT-B/16.
    pub fn vit_b_16() -> Self {
        Self::vit_b(16)
    }

    /// OpenAI's RN50.
    pub fn rn50() -> Self {
        let resnet = ModifiedResNetConfig {
            resolution: 224,
            width: 64,
            layers: [3, 4, 6, 3],
            heads: 32,
        };
        Self::openai(1024, VisualConfig::ResNet(resnet))
    }

    /// Checks every field, so that [`init`](Self::init) neither panics nor exhausts memory.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = |field: &str, value, min_max: [usize; 2], divisor| match divisor {
            1 => ConfigError::check(field, value, min_max[0], min_max[1]),
            _ => ConfigError::check_multiple(field, value, min_max, divisor),
        };
        let transformer = |tower: &str, config: &TransformerConfig| {
            let field = |name| format!("{tower}.transformer.{name}");
            check(&field("heads"), config.heads, [1, 256], 1)?;
            check(&field("width"), config.width, [1, 8192], config.heads)?;
            check(&field("layers"), config.layers, [1, 128], 1)?;
            check(&field("mlp_width"), config.mlp_width, [1, 65_536], 1)
        };
        check("embed_dim", self.embed_dim, [1, 8192], 1)?;
        match &self.visual {
            VisualConfig::Vit(vit) => {
                check("visual.patch_size", vit.patch_size, [1, 256], 1)?;
                check("visual.resolution", vit.resolution, [1, 2048], vit.patch_size)?;
                transformer("visual", &vit.transformer)?;
            }
            VisualConfig::ResNet(resnet) => {
                check("visual.width", resnet.width, [2, 1024], 2)?;
                check(
                    "visual.resolution",
                    resnet.resolution,
                    [1, 2048],
                    ModifiedResNetConfig::REDUCTION,
                )?;
                check("visual.heads", resnet.heads, [1, 1024], 1)?;
                check("visual.width", resnet.features(), [1, 32_768], resnet.heads)?;
                for (stage, &blocks) in resnet.layers.iter().enumerate() {
                    check(&format!("visual.layers.{stage}"), blocks, [1, 128], 1)?;
                }
            }
        }
        check("text.context_length", self.text.context_length, [1, 4096], 1)?;
        check("text.vocab_size", self.text.vocab_size, [1, 1 << 20], 1)?;
        transformer("text", &self.text.transformer)
    }

    /// A network with random weights, which are drawn when they are first read.
    pub fn init(&self, device: &Device) -> Clip {
        let visual = match &self.visual {
            VisualConfig::Vit(vit) => ImageTower::Vit(vit.init(self.embed_dim, device)),
            VisualConfig::ResNet(resnet) => ImageTower::ResNet(resnet.init(self.embed_dim, device)),
        };
        Clip {
            visual,
            text: self.text.init(self.embed_dim, device),
            // exp(logit_scale) = 1 / 0.07, where the paper's training starts.
            logit_scale: lazy_full([1], (1.0f64 / 0.07).ln(), device),
            resolution: self.visual.resolution(),
        }
    }
}

impl VisualConfig {
    /// Side of the pictures that the tower looks at, in pixels.
    pub fn resolution(&self) -> usize {
        match self {
            Self::Vit(vit) => vit.resolution,
            Self::ResNet(resnet) => resnet.resolution,
        }
    }
}

/// The tower for pictures.
#[derive(Module, Debug)]
// There is one of it, and its parameters lie elsewhere.
#[allow(clippy::large_enum_variant)]
pub enum ImageTower {
    /// A vision transformer.
    Vit(Vit),
    /// A modified ResNet.
    ResNet(ModifiedResNet),
}

impl ImageTower {
    /// How many numbers it computes for a picture of side `resolution`.
    pub fn numbers(&self, resolution: usize) -> u64 {
        match self {
            Self::Vit(vit) => vit.numbers(),
            Self::ResNet(resnet) => resnet.numbers(resolution),
        }
    }

    /// `x [n, 3, resolution, resolution]`, normalized pixels, to `[n, embed_dim]` of any length.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Vit(vit) => vit.forward(x),
            Self::ResNet(resnet) => resnet.forward(x),
        }
    }
}

/// Both towers; [`ClipConfig`] makes it.
#[derive(Module, Debug)]
pub struct Clip {
    /// The tower for pictures.
    pub visual: ImageTower,
    /// The tower for texts.
    pub text: TextTransformer,
    /// `[1]`: `exp(logit_scale)` times the cosine of two vectors is the logit that CLIP was trained with.
    pub logit_scale: Param<Tensor<1>>,
    resolution: usize,
}

impl Clip {
    /// `images [n, 3, h, w]` in `[-1, 1]`, of any size, to `[n, embed_dim]` of unit length.
    pub fn embed_image(&self, images: Tensor<4>) -> Tensor<2> {
        unit_length(self.visual.forward(preprocess(images, self.resolution)))
    }

    /// Token lists, one for each text, to `[n, embed_dim]` of unit length.
    ///
    /// # Panics
    /// As [`TextTransformer::forward`].
    pub fn embed_text(&self, texts: &[impl AsRef<[u32]>]) -> Tensor<2> {
        unit_length(self.text.forward(texts))
    }
}

impl ImageEncoder for Clip {
    fn resolution(&self) -> usize {
        self.resolution
    }

    /// Pictures of another size are resized first.
    fn embed(&self, images: Tensor<4>) -> Tensor<2> {
        self.embed_image(images)
    }

    fn numbers_kept(&self) -> u64 {
        self.visual.numbers(self.resolution)
    }
}

/// What CLIP's image towers look at: `images [n, 3, h, w]` in `[-1, 1]`, resized to `[n, 3, side, side]`,
/// with the mean and the deviation of CLIP's training pictures taken out.
///
/// The reference implementations round the resized picture to bytes, which has no gradient; here nothing is
/// rounded or clamped. A picture that is no square is squeezed into one: who wants a crop cuts it before.
///
/// # Panics
/// When the pictures have other than three channels or a side of zero.
pub fn preprocess(images: Tensor<4>, side: usize) -> Tensor<4> {
    assert_eq!(images.dims()[1], 3, "CLIP looks at pictures of three channels");
    let x = resize_bicubic(images, side);
    let device = x.device().without_autodiff();
    let channels = |values: [f64; 3]| {
        let data = TensorData::new(values.map(|value| value as f32).to_vec(), [1, 3, 1, 1]);
        Tensor::<4>::from_data(data, &device)
    };
    // ((x + 1) / 2 - mean) / deviation, as one product and one sum.
    let factor = DEVIATION.map(|deviation| 0.5 / deviation);
    let summand = [0, 1, 2].map(|c| (0.5 - MEAN[c]) / DEVIATION[c]);
    x * channels(factor) + channels(summand)
}
