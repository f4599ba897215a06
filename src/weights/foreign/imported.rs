//! A model that another program made, on the host: `guise import` writes it as safetensors, and what uses it
//! reads that.

use super::{
    Error,
    safetensors::{self, Metadata, fail},
    shortened,
};
use crate::{networks::layers::ConfigError, weights::Tensors};
use serde::{Serialize, de::DeserializeOwned};

/// The shape of a network that can be imported.
pub trait Importable: Serialize + DeserializeOwned {
    /// The names in a safetensors file of the architectures that it may be of.
    const ARCHITECTURES: &[&str];

    /// The command that makes such a file.
    const COMMAND: &str;

    /// The one that it is of.
    fn architecture(&self) -> &'static str {
        Self::ARCHITECTURES[0]
    }

    /// Checks every field.
    ///
    /// # Errors
    ///
    /// With the field that is out of range.
    fn check(&self) -> Result<(), ConfigError>;

    /// What else other programs look for in such a file, by key.
    fn for_others(&self) -> Vec<(&'static str, String)> {
        vec![]
    }
}

/// A model of this shape.
#[derive(Debug, Clone)]
pub struct Imported<C> {
    /// The network's shape.
    pub config: C,
    /// Its weights by the names of its parameters.
    pub tensors: Tensors,
    /// The license of the weights, an SPDX expression.
    pub license: String,
    /// Where the weights come from, in words.
    pub source: String,
}

impl<C: Importable> Imported<C> {
    /// Writes the model as a safetensors file, whose metadata holds everything but the weights.
    ///
    /// # Errors
    ///
    /// When a tensor is not of single precision.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, Error> {
        let config = serde_json::to_string(&self.config)
            .map_err(|error| fail(format!("cannot be written: {error}")))?;
        let fields = [
            ("architecture", self.config.architecture().to_owned()),
            ("config", config),
            ("licence", self.license.clone()),
            ("source", self.source.clone()),
        ];
        let fields = fields.into_iter().chain(self.config.for_others());
        let metadata = fields.map(|(key, value)| (key.to_owned(), value)).collect();
        safetensors::write(&self.tensors, metadata)
    }

    /// Reads a file that [`to_safetensors`](Self::to_safetensors) wrote.
    ///
    /// # Errors
    ///
    /// When the file is damaged, of another architecture, or lacks its license.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, Error> {
        let (tensors, mut metadata): (_, Metadata) = safetensors::read(bytes)?;
        let command = C::COMMAND;
        let mut field = |key: &str| {
            metadata
                .remove(key)
                .ok_or_else(|| fail(format!("does not state its {key}: make one with `{command}`")))
        };
        let stated = field("architecture")?;
        let another = |expected: &str| {
            fail(format!(
                "holds a network of the architecture {:?}, expected {expected}: make one with `{command}`",
                shortened(&stated)
            ))
        };
        if !C::ARCHITECTURES.contains(&&*stated) {
            return Err(another(&C::ARCHITECTURES.join(" or ")));
        }
        let config: C = serde_json::from_str(&field("config")?).map_err(|error| {
            fail(format!(
                "describes its network in a way that cannot be read: {error}"
            ))
        })?;
        if config.architecture() != stated {
            return Err(another(&format!(
                "{}, which its config describes",
                config.architecture()
            )));
        }
        config.check()?;
        Ok(Self {
            config,
            tensors,
            license: field("licence")?,
            source: field("source")?,
        })
    }
}
