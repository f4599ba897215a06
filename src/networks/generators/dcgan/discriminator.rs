//! The discriminator: convolutions that halve the side, from a picture to one number.

use super::{DcganConfig, INIT_DEVIATION, KERNEL};
use crate::{
    networks::layers::{BatchNorm, normal},
    ops::{conv2d::conv2d, linear::product},
};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, activation::leaky_relu},
};

/// Slope of the rectifiers where they are not one.
const NEGATIVE_SLOPE: f64 = 0.2;

/// A convolution that halves the side, batch norm and a leaky rectifier.
#[derive(Module, Debug)]
pub struct DiscriminatorBlock {
    /// `[c_out, c_in, 4, 4]`.
    pub weight: Param<Tensor<4>>,
    /// Over `c_out` channels.
    pub norm: BatchNorm,
}

/// `image -> logit`: positive for pictures that look real.
#[derive(Module, Debug)]
pub struct Discriminator {
    /// From the full resolution down to 4x4.
    ///
    /// The paper and the PyTorch tutorial leave the first one without batch norm. The lecture's discriminator
    /// of 2,765,696 parameters has it everywhere, and so has this one.
    pub blocks: Vec<DiscriminatorBlock>,
    /// `[1, c_in, 4, 4]`, the convolution that leaves one number of a 4x4 map.
    pub out: Param<Tensor<4>>,
}

impl Discriminator {
    pub(super) fn init(config: &DcganConfig, device: &Device) -> Self {
        let mut channels = config.channels(config.ndf);
        let deepest = channels[0];
        channels.reverse();
        let ins = [config.img_channels].into_iter().chain(channels.iter().copied());
        let block = |(c_in, c_out)| DiscriminatorBlock {
            weight: normal([c_out, c_in, KERNEL, KERNEL], INIT_DEVIATION, device),
            norm: BatchNorm::init(c_out, INIT_DEVIATION, device),
        };
        Self {
            blocks: ins.zip(channels.iter().copied()).map(block).collect(),
            out: normal([1, deepest, KERNEL, KERNEL], INIT_DEVIATION, device),
        }
    }

    /// `image [n, channels, resolution, resolution] -> logits [n, 1]`, normalized by the statistics of the
    /// batch, which the running ones move toward.
    ///
    /// Real and generated pictures are never one batch: each kind is normalized by its own statistics.
    pub fn forward_train(&mut self, image: Tensor<4>) -> Tensor<2> {
        let mut x = image;
        for block in &mut self.blocks {
            let map = conv2d(x, block.weight.val(), 2, 1);
            x = leaky_relu(block.norm.forward_train(map), NEGATIVE_SLOPE);
        }
        // On a map of the kernel's size a convolution is a product with a row.
        let [n, c, h, w] = x.dims();
        let row = self.out.val().reshape([1, c * h * w]);
        product(x.reshape([n, c * h * w]), row)
    }
}
