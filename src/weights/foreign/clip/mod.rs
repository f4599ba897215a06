//! CLIP models: OpenAI's, Hugging Face's and open_clip's files in, safetensors out and in.

mod infer;
mod layout;

use super::{
    Error, pytorch,
    safetensors::{self, About},
};
use crate::{
    networks::encoders::clip::{Activation, Clip, ClipConfig},
    weights::{Tensors, apply, check},
};
use burn::{module::Module, tensor::Device};

/// The architecture's name in a safetensors file.
const ARCHITECTURE: &str = "CLIP";

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
#[derive(Debug, Clone)]
pub struct ClipModel {
    /// The network's shape.
    pub config: ClipConfig,
    /// Its weights by the names of its parameters.
    pub tensors: Tensors,
    /// The license of the weights, an SPDX expression.
    pub license: String,
    /// Where the weights come from, in words.
    pub source: String,
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
        let found = match pytorch::is_one(bytes) {
            true => pytorch::read(bytes)?,
            false => safetensors::read_any(bytes)?.0,
        };
        let mut tensors = layout::canonical(found)?;
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

    /// Writes the model as a safetensors file, whose metadata holds everything but the weights.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, Error> {
        let about = About {
            config: self.config.clone(),
            license: self.license.clone(),
            source: self.source.clone(),
        };
        safetensors::write(&self.tensors, about.to_metadata(ARCHITECTURE)?)
    }

    /// Reads a file that [`to_safetensors`](Self::to_safetensors) wrote.
    ///
    /// # Errors
    ///
    /// When the file is damaged, of another architecture, or lacks its license.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, Error> {
        let (tensors, metadata) = safetensors::read(bytes)?;
        let about: About<ClipConfig> = About::from_metadata(metadata, ARCHITECTURE, "guise import clip")?;
        about.config.validate()?;
        Ok(Self {
            config: about.config,
            tensors,
            license: about.license,
            source: about.source,
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
