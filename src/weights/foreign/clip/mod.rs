//! CLIP models: OpenAI's, Hugging Face's and open_clip's files in, safetensors out and in.

mod infer;
mod layout;

use super::{Error, Importable, Imported, read};
use crate::{
    networks::{
        encoders::clip::{Activation, Clip, ClipConfig},
        layers::ConfigError,
    },
    weights::{apply, check},
};
use burn::{module::Module, tensor::Device};

/// What the weights of a CLIP do not tell about it.
#[derive(Debug, Clone)]
pub struct ClipOptions {
    /// The nonlinearity of both transformers: OpenAI's models have the quick one, most others the exact one.
    pub activation: Activation,
    /// Heads of the image tower's attention; without a number, one for each 64 features.
    pub image_heads: Option<usize>,
    /// Heads of the text tower's attention; without a number, one for each 64 features.
    pub text_heads: Option<usize>,
}

impl Default for ClipOptions {
    /// As in OpenAI's models.
    fn default() -> Self {
        Self {
            activation: Activation::QuickGelu,
            image_heads: None,
            text_heads: None,
        }
    }
}

/// A CLIP on the host.
pub type ClipModel = Imported<ClipConfig>;

impl Importable for ClipConfig {
    const ARCHITECTURES: &[&str] = &["CLIP"];
    const COMMAND: &str = "guise import clip";

    fn check(&self) -> Result<(), ConfigError> {
        self.validate()
    }
}

impl ClipModel {
    /// Reads a model that another program wrote: a PyTorch state dict or TorchScript archive, or a
    /// safetensors file, with the names of OpenAI, open_clip or Hugging Face. The network's shape follows
    /// from the tensors' shapes.
    ///
    /// No memory is taken on `device`: the network is only described there, to compare names and shapes.
    ///
    /// # Errors
    ///
    /// When the file is damaged, or its tensors are not exactly those of a CLIP.
    pub fn from_foreign(
        bytes: &[u8],
        options: &ClipOptions,
        license: String,
        source: String,
        device: &Device,
    ) -> Result<Self, Error> {
        let mut tensors = layout::canonical(read(bytes)?)?;
        let config = infer::config(&tensors, options)?;
        config.validate()?;
        tensors = layout::ours(tensors, &config)?;
        check(&config.init(device), &tensors)?;
        Ok(Self {
            config,
            tensors,
            license,
            source,
        })
    }

    /// The network on `device`, with frozen weights: gradients flow through it, not into it.
    ///
    /// # Errors
    ///
    /// When the weights are not those of a network of this shape. A file may promise a network far larger
    /// than itself: only what is really there is allocated.
    pub fn network(&self, device: &Device) -> Result<Clip, Error> {
        self.config.validate()?;
        Ok(apply(self.config.init(device).no_grad(), &self.tensors)?)
    }
}
