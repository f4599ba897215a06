//! Where the ends of layers meet burn: an extension of its CPU backend with a backward pass of its own.

use burn::backend::{
    Autodiff, Backend, Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    backend_extension,
    tensor::FloatTensor,
};

use super::{
    LEAKY_SLOPE,
    kernel::{self, End, Style, Sums},
};
use crate::ops::{
    cpu::Isa,
    flex::{FlexTensor, dims, filled, from_values},
};

/// The CPU backend with the ends of layers in one pass.
#[backend_extension(Flex, Autodiff)]
pub trait LayerEnd: Backend {
    /// `leaky_relu(x + bias) * gain`.
    fn plain_end(x: FloatTensor<Self>, bias: FloatTensor<Self>, gain: f32) -> FloatTensor<Self>;

    /// `leaky_relu(x * scale + noise * strength + bias) * gain`; no gradient flows to the noise.
    fn styled_end(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        strength: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gain: f32,
    ) -> FloatTensor<Self>;
}

fn end(x: &FlexTensor, gain: f32) -> End {
    let [n, c, h, w] = dims(x);
    End {
        n,
        c,
        pixels: h * w,
        slope: LEAKY_SLOPE as f32,
        gain,
    }
}

impl LayerEnd for Flex {
    fn plain_end(x: FlexTensor, bias: FlexTensor, gain: f32) -> FlexTensor {
        let p = end(&x, gain);
        let shape: [usize; 4] = dims(&x);
        let (x, bias) = (x.to_contiguous(), bias.to_contiguous());
        // SAFETY: the kernel writes every output.
        let (y, ()) = unsafe {
            filled(p.n * p.c * p.pixels, |y| {
                kernel::forward(Isa::best(), &p, x.storage(), bias.storage(), None, y)
            })
        };
        from_values(y, shape)
    }

    fn styled_end(
        x: FlexTensor,
        scale: FlexTensor,
        noise: FlexTensor,
        strength: FlexTensor,
        bias: FlexTensor,
        gain: f32,
    ) -> FlexTensor {
        let p = end(&x, gain);
        let shape: [usize; 4] = dims(&x);
        let (x, bias) = (x.to_contiguous(), bias.to_contiguous());
        let (scale, noise, strength) = (
            scale.to_contiguous(),
            noise.to_contiguous(),
            strength.to_contiguous(),
        );
        let style = Style {
            scale: scale.storage(),
            noise: noise.storage(),
            strength: strength.storage::<f32>()[0],
        };
        // SAFETY: the kernel writes every output.
        let (y, ()) = unsafe {
            filled(p.n * p.c * p.pixels, |y| {
                kernel::forward(Isa::best(), &p, x.storage(), bias.storage(), Some(style), y)
            })
        };
        from_values(y, shape)
    }
}

/// `dx` and the sums over each plane.
fn backward(
    grad: FlexTensor,
    y: FlexTensor,
    style: Option<(&FlexTensor, Style)>,
    gain: f32,
) -> (FlexTensor, End, Vec<Sums>) {
    let p = end(&y, gain);
    let shape: [usize; 4] = dims(&y);
    let (grad, y) = (grad.to_contiguous(), y.to_contiguous());
    let mut sums = vec![Sums::default(); p.n * p.c];
    let style = style.map(|(x, style)| (x.storage(), style));
    // SAFETY: the kernel writes every output.
    let (dx, ()) = unsafe {
        filled(p.n * p.c * p.pixels, |dx| {
            kernel::backward(Isa::best(), &p, grad.storage(), y.storage(), style, dx, &mut sums)
        })
    };
    (from_values(dx, shape), p, sums)
}

/// The bias's gradient: over all pictures.
fn bias_grad(p: &End, sums: &[Sums]) -> FlexTensor {
    let of_channel = |c: usize| {
        sums.iter()
            .skip(c)
            .step_by(p.c)
            .map(|sums| sums.grad)
            .sum::<f32>()
    };
    from_values((0..p.c).map(of_channel).collect(), [p.c])
}

impl<C: CheckpointStrategy> LayerEnd for Autodiff<Flex, C> {
    fn plain_end(x: FloatTensor<Self>, bias: FloatTensor<Self>, gain: f32) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct PlainEnd;

        impl Backward<Flex, 2> for PlainEnd {
            type State = (FlexTensor, f32);

            fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
                let [node_x, node_bias] = ops.parents;
                let (y, gain) = ops.state;
                let (dx, p, sums) = backward(grads.consume::<Flex>(&ops.node), y, None, gain);
                if let Some(node) = node_x {
                    grads.register::<Flex>(node.id, dx);
                }
                if let Some(node) = node_bias {
                    grads.register::<Flex>(node.id, bias_grad(&p, &sums));
                }
            }
        }

        match PlainEnd
            .prepare::<C>([x.node(), bias.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let y = Flex::plain_end(x.into_primitive(), bias.into_primitive(), gain);
                prep.finish((y.clone(), gain), y)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(Flex::plain_end(x.into_primitive(), bias.into_primitive(), gain))
            }
        }
    }

    fn styled_end(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        strength: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gain: f32,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct StyledEnd;

        /// What the backward pass needs of the forward one.
        #[derive(Clone, Debug)]
        struct Kept {
            x: FlexTensor,
            scale: FlexTensor,
            noise: FlexTensor,
            y: FlexTensor,
            gain: f32,
        }

        impl Backward<Flex, 4> for StyledEnd {
            type State = Kept;

            fn backward(self, ops: Ops<Kept, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
                let [node_x, node_scale, node_strength, node_bias] = ops.parents;
                let Kept {
                    x,
                    scale,
                    noise,
                    y,
                    gain,
                } = ops.state;
                let scale_shape: [usize; 2] = dims(&scale);
                let (x, scale, noise) = (x.to_contiguous(), scale.to_contiguous(), noise.to_contiguous());
                let style = Style {
                    scale: scale.storage(),
                    noise: noise.storage(),
                    strength: 0.0,
                };
                let grad = grads.consume::<Flex>(&ops.node);
                let (dx, p, sums) = backward(grad, y, Some((&x, style)), gain);
                if let Some(node) = node_x {
                    grads.register::<Flex>(node.id, dx);
                }
                if let Some(node) = node_scale {
                    let values = sums.iter().map(|sums| sums.grad_x).collect();
                    grads.register::<Flex>(node.id, from_values(values, scale_shape));
                }
                if let Some(node) = node_strength {
                    let sum = sums.iter().map(|sums| sums.grad_noise).sum();
                    grads.register::<Flex>(node.id, from_values(vec![sum], [1]));
                }
                if let Some(node) = node_bias {
                    grads.register::<Flex>(node.id, bias_grad(&p, &sums));
                }
            }
        }

        let nodes = [x.node(), scale.node(), strength.node(), bias.node()];
        let noise = noise.into_primitive();
        let forward = |x: &FlexTensor, scale: &FlexTensor, noise: &FlexTensor| {
            let (strength, bias) = (strength.primitive().clone(), bias.primitive().clone());
            Flex::styled_end(x.clone(), scale.clone(), noise.clone(), strength, bias, gain)
        };
        let (x, scale) = (x.into_primitive(), scale.into_primitive());
        match StyledEnd.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = forward(&x, &scale, &noise);
                prep.finish(
                    Kept {
                        x,
                        scale,
                        noise,
                        y: y.clone(),
                        gain,
                    },
                    y,
                )
            }
            OpsKind::UnTracked(prep) => prep.finish(forward(&x, &scale, &noise)),
        }
    }
}
