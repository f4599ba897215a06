//! The backward pass of an operation that is linear in each of its two operands, as convolutions and products
//! are.

use burn::backend::{
    Autodiff, Backend,
    autodiff::{
        NodeId,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};
use core::fmt::Debug;

/// A function of two tensors and of sizes that they do not tell.
type Function<B, S> = fn(FloatTensor<B>, FloatTensor<B>, S) -> FloatTensor<B>;

/// The operation `y(x, weight)` on a backend without autodiff.
#[derive(Debug)]
pub(super) struct Bilinear<B: Backend, S> {
    /// `y` of `x` and `weight`.
    pub forward: Function<B, S>,
    /// The gradient with respect to `x`, of that of `y` and `weight`.
    pub x_grad: Function<B, S>,
    /// The gradient with respect to `weight`, of `x` and the gradient of `y`.
    pub weight_grad: Function<B, S>,
}

impl<B: Backend, S: Copy + Debug + Send + 'static> Bilinear<B, S> {
    /// `y`, with its gradients where they are asked for.
    pub fn apply<C: CheckpointStrategy>(
        self,
        x: FloatTensor<Autodiff<B, C>>,
        weight: FloatTensor<Autodiff<B, C>>,
        sizes: S,
    ) -> FloatTensor<Autodiff<B, C>> {
        #[derive(Debug)]
        struct Gradient<B: Backend, S>(Bilinear<B, S>);

        impl<B: Backend, S: Copy + Debug + Send + 'static> Backward<B, 2> for Gradient<B, S> {
            // Each gradient needs the other operand; what is not tracked is not kept.
            type State = (Option<NodeId>, Option<NodeId>, S);

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [node_x, node_weight] = ops.parents;
                let grad = grads.consume::<B>(&ops.node);
                let (x, weight, sizes) = ops.state;
                let x = x.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
                let weight = weight.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
                if let (Some(node), Some(weight)) = (node_x, weight) {
                    grads.register::<B>(node.id, (self.0.x_grad)(grad.clone(), weight, sizes));
                }
                if let (Some(node), Some(x)) = (node_weight, x) {
                    grads.register::<B>(node.id, (self.0.weight_grad)(x, grad, sizes));
                }
            }
        }

        let forward = self.forward;
        let (x_tracked, weight_tracked) = (x.is_tracked(), weight.is_tracked());
        match Gradient(self)
            .prepare::<C>([x.node(), weight.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let x_state = weight_tracked.then(|| prep.checkpoint(&x));
                let weight_state = x_tracked.then(|| prep.checkpoint(&weight));
                let y = forward(x.into_primitive(), weight.into_primitive(), sizes);
                prep.finish((x_state, weight_state, sizes), y)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(forward(x.into_primitive(), weight.into_primitive(), sizes))
            }
        }
    }
}
