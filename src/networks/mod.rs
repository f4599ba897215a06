//! Networks, one architecture per file: `Config`, `Module`, `init`, `forward`.

pub mod encoders;
pub mod generators;
pub mod layers;
pub mod mapper;
pub mod population;
pub mod super_resolution;

use crate::ops::conv2d::arranged;
use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Tensor},
};
use layers::ConfigError;

/// The shape of a network that is published.
pub trait NetworkConfig {
    /// What it describes.
    type Network: Module;

    /// Checks every field, so that [`init`](Self::init) neither panics nor exhausts memory.
    ///
    /// # Errors
    ///
    /// The first field that is out of its bounds.
    fn validate(&self) -> Result<(), ConfigError>;

    /// A network with its first values on `device`.
    fn init(&self, device: &Device) -> Self::Network;

    /// How many numbers it has at least: those of its matrices and kernels, without its many small vectors.
    fn weights(&self) -> u64;
}

/// A network that is there to be used for a while: the weights of its convolutions lie in the order that the
/// device reads them, which costs nothing once and much in every call.
pub fn arrange<M: Module>(network: M) -> M {
    struct Arranger;

    impl ModuleMapper for Arranger {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            match D {
                4 => param.map(|tensor| {
                    let tensor = arranged(Tensor::from_dispatch(tensor.into_dispatch()));
                    Tensor::from_dispatch(tensor.into_dispatch())
                }),
                _ => param,
            }
        }
    }

    network.map(&mut Arranger)
}
