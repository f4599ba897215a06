//! Some of a collection's pictures as its image tower sees them: what "fits well" means among them.

use super::{
    NetworkConfig,
    layers::{ConfigError, buffer},
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use serde::{Deserialize, Serialize};

/// The shape of a [`Population`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationConfig {
    /// How many pictures, at most [`PopulationConfig::MAX_PICTURES`].
    pub pictures: usize,
    /// Width of the embeddings.
    pub embed_dim: usize,
}

impl PopulationConfig {
    /// The most pictures; a percentage among 1024 is wrong by one or two.
    pub const MAX_PICTURES: usize = 4096;
}

impl NetworkConfig for PopulationConfig {
    type Network = Population;

    fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("pictures", self.pictures, 1, Self::MAX_PICTURES)?;
        ConfigError::check("embed_dim", self.embed_dim, 1, 1024)
    }

    /// A population of pictures that are nothing yet.
    fn init(&self, device: &Device) -> Population {
        Population {
            embeddings: buffer(Tensor::zeros([self.pictures, self.embed_dim], device)),
        }
    }

    fn weights(&self) -> u64 {
        (self.pictures * self.embed_dim) as u64
    }
}

/// Embeddings of pictures; [`PopulationConfig`] makes it. Nothing in it is trained.
#[derive(Module, Debug)]
pub struct Population {
    /// `[pictures, embed_dim]`, of unit length.
    pub embeddings: Param<Tensor<2>>,
}
