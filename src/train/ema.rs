//! The exponential moving average of the generator's weights, which is the network that people see.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::Tensor,
};
use std::collections::VecDeque;

/// Moves `average` a step of `1 - beta` toward `current`; values that are not trained are copied.
///
/// `current` carries autodiff, which tells trained values from others; `average` does not.
#[must_use]
pub fn ema_step<M: Module>(average: M, current: &M, beta: f64) -> M {
    let mut collector = Collector(VecDeque::new());
    current.visit(&mut collector);
    average.map(&mut Averager {
        values: collector.0,
        beta,
    })
}

struct Collector(VecDeque<(Tensor<1>, bool)>);

impl ModuleVisitor for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        self.0.push_back((
            value.clone().without_autodiff().reshape([-1]),
            value.is_require_grad(),
        ));
    }
}

struct Averager {
    values: VecDeque<(Tensor<1>, bool)>,
    beta: f64,
}

impl ModuleMapper for Averager {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (value, trained) = self
            .values
            .pop_front()
            .expect("both modules have the same parameters");
        param.map(|average| {
            let value = value.reshape(average.shape());
            if trained {
                value.clone() + (average - value) * self.beta
            } else {
                value
            }
        })
    }
}
