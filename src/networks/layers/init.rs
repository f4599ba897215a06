//! First values of parameters.

use crate::ops::random;
use burn::{
    module::{Initializer, Module, ModuleVisitor, Param, ParamId},
    tensor::{Device, Tensor},
};

/// A parameter drawn from the normal distribution with this deviation, by the host's generator.
pub fn normal<const D: usize>(shape: [usize; D], deviation: f64, device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(random::normal(shape, deviation, device))
}

/// A parameter filled with `value`.
pub fn full<const D: usize>(shape: [usize; D], value: f64, device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::full(shape, value, device))
}

/// A value that is saved with the network but never trained.
pub fn buffer<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
    Param::from_tensor(value).set_require_grad(false)
}

/// A parameter drawn from the normal distribution when it is first read, by the host's generator.
///
/// A network that is only made to be filled with published weights never holds random ones this way, and one
/// that a file merely promises never takes memory.
pub fn lazy_normal<const D: usize>(shape: [usize; D], deviation: f64, device: &Device) -> Param<Tensor<D>> {
    let draw = move |device: &Device, require_grad| {
        let values = random::normal(shape, deviation, device);
        match require_grad {
            true => values.require_grad(),
            false => values,
        }
    };
    Param::uninitialized(ParamId::new(), draw, device.clone(), true, shape.into())
}

/// A parameter filled with `value` when it is first read.
pub fn lazy_full<const D: usize>(shape: [usize; D], value: f64, device: &Device) -> Param<Tensor<D>> {
    Initializer::Constant { value }.init(shape, device)
}

/// The same network, all of whose values are there: what is drawn when it is first read is drawn now, so that
/// it follows from the seed at hand.
pub fn drawn<M: Module>(network: M) -> M {
    struct Reader;

    impl ModuleVisitor for Reader {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            drop(param.val());
        }
    }

    network.visit(&mut Reader);
    network
}
