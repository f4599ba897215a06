//! The discriminator: residual blocks that halve the side, from a picture and its class to one number.

use super::{
    BigGanConfig, WEIGHT_DEVIATION,
    blocks::{Attention, DiscriminatorBlock, convolve, wide},
};
use crate::networks::layers::{Convolution, Linear, lazy_normal};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, activation::relu},
};

/// `image -> logit`: positive for pictures that look real, and of the class that they are said to be of.
#[derive(Module, Debug)]
pub struct Discriminator {
    /// 3x3, from the picture to the first map, in a BigGAN-deep.
    pub from_rgb: Option<Convolution>,
    /// From the picture or that map on.
    pub blocks: Vec<DiscriminatorBlock>,
    /// Behind the block that its maps come from.
    pub attention: Option<Attention>,
    /// From the features of the last map, added up over its pixels.
    pub linear: Linear,
    /// `[classes, features]`: what the features of a class are held against (Miyato and Koyama 2018). A
    /// network without classes has a single row.
    pub embed: Param<Tensor<2>>,
    /// The number of blocks in front of the attention.
    attended: usize,
}

impl Discriminator {
    pub(super) fn init(config: &BigGanConfig, device: &Device) -> Self {
        let sizes = config.discriminator_blocks();
        let attention = config.attended_by_discriminator();
        let [first, features] = [sizes[0].c_in, sizes[sizes.len() - 1].c_out];
        let block = |(index, sizes)| {
            let of_picture = index == 0 && !config.deep;
            DiscriminatorBlock::init(sizes, of_picture, device)
        };
        let classes = config.classes.len().max(1);
        Self {
            from_rgb: config.deep.then(|| wide([config.img_channels, first], device)),
            attention: attention.map(|block| Attention::init(sizes[block].c_out, device)),
            blocks: sizes.iter().enumerate().map(block).collect(),
            linear: Linear::lazy([features, 1], WEIGHT_DEVIATION, device),
            embed: lazy_normal([classes, features], WEIGHT_DEVIATION, device),
            attended: attention.map_or(0, |block| block + 1),
        }
    }

    /// `image [n, channels, resolution, resolution] -> logits [n, 1]`, of `classes [n, classes]`, each row
    /// one at its class and zero elsewhere, where there are classes.
    pub fn forward(&self, image: Tensor<4>, classes: Option<Tensor<2>>) -> Tensor<2> {
        let mut x = match &self.from_rgb {
            Some(from_rgb) => convolve(from_rgb, image),
            None => image,
        };
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(x);
            if let Some(attention) = self.attention.as_ref().filter(|_| index + 1 == self.attended) {
                x = attention.forward(x);
            }
        }
        let [n, c, h, w] = x.dims();
        let features = relu(x).reshape([n, c, h * w]).sum_dim(2).reshape([n, c]);
        let expected = match classes {
            Some(classes) => classes.matmul(self.embed.val()),
            None => self.embed.val(),
        }; // [n, c], or [1, c]
        self.linear.forward(features.clone()) + (expected * features).sum_dim(1)
    }
}
