//! One architecture per file: `Config`, `Module`, `init`, `forward`.

pub mod clip;
pub mod collection_clip;
pub mod mapper;
pub mod minilm;
pub mod srvgg;
pub mod stylegan2;

use crate::ops::conv2d::arranged;
use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::Tensor,
};

/// A network that is there to be used for a while: the weights of its convolutions lie in the order that the device reads
/// them, which costs nothing once and much in every call.
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
