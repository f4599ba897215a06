//! Where whole layers meet burn: an extension of its CPU backend with a backward pass of its own.

#![allow(
    clippy::too_many_arguments,
    reason = "a layer has that many parts, and burn hands over tensors one by one"
)]

use burn::backend::{
    Autodiff, Backend, Flex, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    backend_extension,
    tensor::FloatTensor,
};

use super::{
    super::{
        cpu,
        kernel::{After, Around, Lanes},
        sizes::ConvSizes,
    },
    ONE, blocks,
    kernel::{self, End, Planes, Sums},
};
use crate::ops::{
    cpu::{Isa, Line},
    flex::{FlexTensor, dims, filled, from_values},
};

/// The CPU backend with whole layers in one pass.
#[backend_extension(Flex, Autodiff)]
pub trait LayerBackend: Backend {
    /// `side(v) v` with `v = conv(x styles, weight) scale + noise strength + bias`, where `side` is the first
    /// of `sides` for positive `v` and the second for negative: `x [n, c, h, w]`, `weight [k, c, kh, kw]`,
    /// `bias [k]`, `styles [n, c]`, `scale [n, k]`, `noise [n or 1, 1, oh, ow]` with its `strength [1]`. A
    /// tensor without elements is one that is not there: there are no styles, no scale or no noise. No
    /// gradient flows to the noise.
    fn conv_layer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        styles: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        strength: FloatTensor<Self>,
        sizes: ConvSizes,
        sides: [f32; 2],
    ) -> FloatTensor<Self>;
}

/// What may not be there.
#[derive(Clone, Debug)]
struct Parts {
    styles: Option<FlexTensor>,
    scale: Option<FlexTensor>,
    noise: Option<FlexTensor>,
    strength: f32,
}

impl Parts {
    fn new(styles: FlexTensor, scale: FlexTensor, noise: FlexTensor, strength: FlexTensor) -> Self {
        let if_there = |tensor: FlexTensor| {
            let is_there = tensor.shape().num_elements() > 0;
            is_there.then(|| tensor.to_contiguous())
        };
        let strength = if_there(strength).map_or(0.0, |strength| strength.storage::<f32>()[0]);
        Self {
            styles: if_there(styles),
            scale: if_there(scale),
            noise: if_there(noise),
            strength,
        }
    }

    fn forward(
        &self,
        x: FlexTensor,
        weight: FlexTensor,
        bias: &FlexTensor,
        sizes: ConvSizes,
        [up, down]: [f32; 2],
    ) -> FlexTensor {
        let [n, ..] = dims::<4>(&x);
        let bias = blocks(bias);
        let scale = self
            .scale
            .as_ref()
            .map_or_else(|| vec![ONE; n * bias.len()], blocks);
        let lanes = scale.into_iter().enumerate().map(|(i, scale)| Lanes {
            scale,
            bias: bias[i % bias.len()],
            up: Line([up; 16]),
            down: Line([down; 16]),
        });
        let noise = self.noise.as_ref().map_or_else(Vec::new, |noise| {
            noise.storage::<f32>().iter().map(|v| v * self.strength).collect()
        });
        let after = After {
            lanes: lanes.collect(),
            noise,
        };
        let styles = self.styles.as_ref().map(blocks);
        let around = Around {
            before: styles.as_deref(),
            after: Some(&after),
        };
        cpu::convolve(x, weight, sizes, around)
    }
}

impl LayerBackend for Flex {
    fn conv_layer(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        styles: FlexTensor,
        scale: FlexTensor,
        noise: FlexTensor,
        strength: FlexTensor,
        sizes: ConvSizes,
        sides: [f32; 2],
    ) -> FlexTensor {
        Parts::new(styles, scale, noise, strength).forward(x, weight, &bias, sizes, sides)
    }
}

/// What the backward pass needs of the forward one.
#[derive(Clone, Debug)]
struct Kept {
    x: FlexTensor,
    weight: FlexTensor,
    bias: FlexTensor,
    parts: Parts,
    y: FlexTensor,
    sizes: ConvSizes,
    sides: [f32; 2],
}

impl Kept {
    /// The gradient of the convolution's output, and what the end's other gradients are made of.
    fn end(&self, grad: FlexTensor) -> (FlexTensor, Planes, Vec<Sums>) {
        let [n, c, h, w] = dims(&self.y);
        let p = Planes { n, c, pixels: h * w };
        let (grad, y) = (grad.to_contiguous(), self.y.to_contiguous());
        let end = End {
            scale: self.parts.scale.as_ref().map(|scale| scale.storage()),
            noise: self.parts.noise.as_ref().map(|noise| noise.storage()),
            sides: self.sides,
        };
        // SAFETY: the kernel writes every output.
        let (dx, sums) = unsafe {
            filled(n * c * p.pixels, |dx| {
                kernel::end_backward(Isa::current(), &p, grad.storage(), y.storage(), end, dx)
            })
        };
        (from_values(dx, [n, c, h, w]), p, sums)
    }

    /// The gradients of the input and of its styles, from that of their product.
    fn styles(&self, grad: FlexTensor, styles: &FlexTensor) -> (FlexTensor, FlexTensor) {
        let [n, c, h, w] = dims(&self.x);
        let p = Planes { n, c, pixels: h * w };
        let x = self.x.to_contiguous();
        // SAFETY: the kernel writes every output.
        let (dx, sums) = unsafe {
            filled(n * c * p.pixels, |dx| {
                let (grad, x, styles) = (grad.storage(), x.storage(), styles.storage());
                kernel::style_backward(Isa::current(), &p, grad, x, styles, dx)
            })
        };
        (from_values(dx, [n, c, h, w]), from_values(sums, [n, c]))
    }

    /// The gradient of the scale: `sum g x` with `x = (v - noise strength - bias) / scale`.
    fn scale_grad(&self, scale: &FlexTensor, p: &Planes, sums: &[Sums]) -> FlexTensor {
        let bias = self.bias.to_contiguous();
        let (scales, biases) = (scale.storage::<f32>(), bias.storage::<f32>());
        let of_plane = |(i, sums): (usize, &Sums)| {
            (sums.g_v - sums.g_noise * self.parts.strength - sums.g * biases[i % p.c]) / scales[i]
        };
        from_values(sums.iter().enumerate().map(of_plane).collect(), [p.n, p.c])
    }
}

impl<C: CheckpointStrategy> LayerBackend for Autodiff<Flex, C> {
    fn conv_layer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        styles: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        strength: FloatTensor<Self>,
        sizes: ConvSizes,
        sides: [f32; 2],
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct ConvLayer;

        impl Backward<Flex, 6> for ConvLayer {
            type State = Kept;

            fn backward(self, ops: Ops<Kept, 6>, grads: &mut Gradients, _: &mut Checkpointer) {
                let [x, weight, bias, styles, scale, strength] = ops.parents;
                let kept = ops.state;
                let (grad, p, sums) = kept.end(grads.consume::<Flex>(&ops.node));
                if let Some(node) = bias {
                    let of_channel =
                        |c: usize| sums.iter().skip(c).step_by(p.c).map(|sums| sums.g).sum::<f32>();
                    let values = (0..p.c).map(of_channel).collect();
                    grads.register::<Flex>(node.id, from_values(values, [p.c]));
                }
                if let (Some(node), Some(scale)) = (scale, &kept.parts.scale) {
                    grads.register::<Flex>(node.id, kept.scale_grad(scale, &p, &sums));
                }
                if let Some(node) = strength {
                    let sum = sums.iter().map(|sums| sums.g_noise).sum();
                    grads.register::<Flex>(node.id, from_values(vec![sum], [1]));
                }
                if let Some(node) = weight {
                    let styles = kept.parts.styles.as_ref().map(blocks);
                    let (x, grad) = (kept.x.clone(), grad.clone());
                    let dw = cpu::convolve_weight_grad(x, grad, kept.sizes, styles.as_deref());
                    grads.register::<Flex>(node.id, dw);
                }
                if x.is_none() && styles.is_none() {
                    return;
                }
                let mut dx = cpu::convolve_input_grad(grad, kept.weight.clone(), kept.sizes);
                if let Some(factors) = &kept.parts.styles {
                    let (of_x, of_styles) = kept.styles(dx, factors);
                    dx = of_x;
                    if let Some(node) = styles {
                        grads.register::<Flex>(node.id, of_styles);
                    }
                }
                if let Some(node) = x {
                    grads.register::<Flex>(node.id, dx);
                }
            }
        }

        let nodes = [&x, &weight, &bias, &styles, &scale, &strength].map(FloatTensor::<Self>::node);
        let [x, weight, bias] = [x, weight, bias].map(FloatTensor::<Self>::into_primitive);
        let [styles, scale, noise, strength] =
            [styles, scale, noise, strength].map(FloatTensor::<Self>::into_primitive);
        let parts = Parts::new(styles, scale, noise, strength);
        let y = parts.forward(x.clone(), weight.clone(), &bias, sizes, sides);
        match ConvLayer.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let kept = Kept {
                    x,
                    weight,
                    bias,
                    parts,
                    y: y.clone(),
                    sizes,
                    sides,
                };
                prep.finish(kept, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
