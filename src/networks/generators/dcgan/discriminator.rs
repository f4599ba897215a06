//! The discriminator: convolutions that halve the side, from a picture to one number.

use super::{DcganConfig, INIT_DEVIATION, NEGATIVE_SLOPE, PADDING, stride};
use crate::{
    networks::layers::{BatchNorm, normal},
    ops::{conv2d::conv2d, linear::product},
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, activation::leaky_relu},
};

/// A convolution that halves the side or keeps it, batch norm and a leaky rectifier.
#[derive(Module, Debug)]
pub struct DiscriminatorBlock {
    /// `[c_out, c_in, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// Over `c_out` channels.
    pub norm: BatchNorm,
}

/// `image -> logit`: positive for pictures that look real.
#[derive(Module, Debug)]
pub struct Discriminator {
    /// From the full resolution down to a map of 4 to 7 pixels.
    ///
    /// The paper and the PyTorch tutorial leave the first one without batch norm. The lecture's discriminator
    /// of 2,765,696 parameters has it everywhere, and so has this one.
    pub blocks: Vec<DiscriminatorBlock>,
    /// `[1, c_in, side, side]`, the convolution that leaves one number of the last map.
    pub out: Param<Tensor<4>>,
}

impl Discriminator {
    pub(super) fn init(config: &DcganConfig, device: &Device) -> Self {
        let mut layers = config.discriminator_layers();
        let [c_in, c_out, kernel] = layers.pop().expect("there are two layers at least");
        let block = |[c_in, c_out, kernel]: [usize; 3]| DiscriminatorBlock {
            weight: normal([c_out, c_in, kernel, kernel], INIT_DEVIATION, device),
            norm: BatchNorm::init(c_out, INIT_DEVIATION, device),
        };
        Self {
            blocks: layers.into_iter().map(block).collect(),
            out: normal([c_out, c_in, kernel, kernel], INIT_DEVIATION, device),
        }
    }

    /// `image [n, channels, resolution, resolution] -> logits [n, 1]`, normalized by the statistics of the
    /// batch, which the running ones move toward.
    ///
    /// Real and generated pictures are never one batch: each kind is normalized by its own statistics.
    pub fn forward_train(&mut self, image: Tensor<4>) -> Tensor<2> {
        let mut x = image;
        for block in &mut self.blocks {
            let [.., kernel] = block.weight.dims();
            let map = conv2d(x, block.weight.val(), stride(kernel), PADDING);
            x = leaky_relu(block.norm.forward_train(map), NEGATIVE_SLOPE);
        }
        // On a map of the kernel's size a convolution is a product with a row.
        let [n, c, h, w] = x.dims();
        let row = self.out.val().reshape([1, c * h * w]);
        product(x.reshape([n, c * h * w]), row)
    }
}
