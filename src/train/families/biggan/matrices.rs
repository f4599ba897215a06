//! The weights of a network as matrices, with a row for each output: what spectral norm and orthogonality are
//! about.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::Tensor,
};

/// The embedding that all layers share is no layer: it has no spectral norm and need not be orthogonal.
const SHARED: &str = "shared";

/// Shows every matrix of the layers of `network`, as `[rows, columns]`.
pub(super) fn visit<M: Module>(network: &M, show: impl FnMut(Tensor<2>)) {
    network.visit(&mut Visit { path: vec![], show });
}

/// The same network, with `change` of every matrix of its layers in its place.
pub(super) fn map<M: Module>(network: M, change: impl FnMut(Tensor<2>) -> Tensor<2>) -> M {
    network.map(&mut Map { path: vec![], change })
}

/// `[rows, columns]` of a weight `[rows, ..]`.
fn matrix<const D: usize>(weight: Tensor<D>) -> Tensor<2> {
    let rows = weight.dims()[0] as i32;
    weight.reshape([rows, -1])
}

fn is_layer(path: &[String], dimensions: usize) -> bool {
    dimensions > 1 && path.last().is_none_or(|name| name != SHARED)
}

struct Visit<F> {
    path: Vec<String>,
    show: F,
}

impl<F: FnMut(Tensor<2>)> ModuleVisitor for Visit<F> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if is_layer(&self.path, D) {
            (self.show)(matrix(param.val()));
        }
    }
}

struct Map<F> {
    path: Vec<String>,
    change: F,
}

impl<F: FnMut(Tensor<2>) -> Tensor<2>> ModuleMapper for Map<F> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match is_layer(&self.path, D) {
            true => param.map(|weight| {
                let dims = weight.dims();
                (self.change)(matrix(weight)).reshape(dims)
            }),
            false => param,
        }
    }
}
