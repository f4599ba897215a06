//! The generator: transposed convolutions that double the side, from `z` to a picture.

use super::{DcganConfig, INIT_DEVIATION, KERNEL};
use crate::{
    networks::{
        generators::Generate,
        layers::{BatchNorm, normal},
    },
    ops::conv2d::conv_transpose2d,
};
use burn::{
    module::{Module, Param},
    tensor::{
        Device, Tensor,
        activation::{relu, tanh},
    },
};

/// A transposed convolution, batch norm and a rectifier.
#[derive(Module, Debug)]
pub struct GeneratorBlock {
    /// `[c_in, c_out, 4, 4]`.
    pub weight: Param<Tensor<4>>,
    /// Over `c_out` channels.
    pub norm: BatchNorm,
}

impl GeneratorBlock {
    fn init([c_in, c_out]: [usize; 2], device: &Device) -> Self {
        Self {
            weight: normal([c_in, c_out, KERNEL, KERNEL], INIT_DEVIATION, device),
            norm: BatchNorm::init(c_out, INIT_DEVIATION, device),
        }
    }

    /// `x [n, c_in, h, w] -> [n, c_out, 2 h, 2 w]`, and `[n, c_out, 4, 4]` from a single pixel.
    fn convolve(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, c_in, h, w] = x.dims();
        let [_, c_out, kernel_h, kernel_w] = self.weight.dims();
        if [h, w] != [1, 1] {
            return conv_transpose2d(x, self.weight.val(), 2, 1, 0);
        }
        // On a single pixel a transposed convolution is a product with a matrix.
        let matrix = self.weight.val().reshape([c_in, c_out * kernel_h * kernel_w]);
        x.reshape([n, c_in])
            .matmul(matrix)
            .reshape([n, c_out, kernel_h, kernel_w])
    }
}

/// `z -> image`.
#[derive(Module, Debug)]
pub struct Generator {
    /// The first makes 4x4 of `z`, each of the others doubles the side.
    pub blocks: Vec<GeneratorBlock>,
    /// `[c_in, channels, 4, 4]`, the transposed convolution that doubles the side once more and draws the
    /// picture.
    pub to_rgb: Param<Tensor<4>>,
}

impl Generator {
    pub(super) fn init(config: &DcganConfig, device: &Device) -> Self {
        let channels = config.channels(config.ngf);
        let ins = [config.z_dim].into_iter().chain(channels.iter().copied());
        let pairs = ins.zip(channels.iter().copied());
        Self {
            blocks: pairs
                .map(|(c_in, c_out)| GeneratorBlock::init([c_in, c_out], device))
                .collect(),
            to_rgb: normal(
                [config.ngf, config.img_channels, KERNEL, KERNEL],
                INIT_DEVIATION,
                device,
            ),
        }
    }

    /// `z [n, z_dim] -> image [n, channels, resolution, resolution]` in `[-1, 1]`, normalized by the running
    /// statistics.
    pub fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let draw = |x, block: &GeneratorBlock| relu(block.norm.forward(block.convolve(x)));
        let x = self.blocks.iter().fold(one_pixel(z), draw);
        self.picture(x)
    }

    /// The same, normalized by the statistics of the batch, which the running ones move toward.
    pub fn forward_train(&mut self, z: Tensor<2>) -> Tensor<4> {
        let mut x = one_pixel(z);
        for block in &mut self.blocks {
            let map = block.convolve(x);
            x = relu(block.norm.forward_train(map));
        }
        self.picture(x)
    }

    fn picture(&self, x: Tensor<4>) -> Tensor<4> {
        tanh(conv_transpose2d(x, self.to_rgb.val(), 2, 1, 0))
    }
}

/// `z [n, z_dim] -> [n, z_dim, 1, 1]`.
fn one_pixel(z: Tensor<2>) -> Tensor<4> {
    let [n, z_dim] = z.dims();
    z.reshape([n, z_dim, 1, 1])
}

impl Generate for Generator {
    fn z_dim(&self) -> usize {
        self.blocks[0].weight.dims()[0]
    }

    /// `z` itself.
    fn latent_shape(&self) -> [usize; 2] {
        [1, self.z_dim()]
    }

    fn resolution(&self) -> usize {
        4 << self.blocks.len()
    }

    fn latent_centre(&self) -> Tensor<1> {
        Tensor::zeros([self.z_dim()], &self.to_rgb.val().device())
    }

    fn latents_from_z(&self, z: Tensor<2>, truncation_psi: f32) -> Tensor<3> {
        (z * truncation_psi).unsqueeze_dim(1)
    }

    fn draw(&self, latents: Tensor<3>) -> Tensor<4> {
        self.forward(latents.squeeze_dim(1))
    }

    fn map_sizes(&self) -> Vec<u64> {
        let blocks = self.blocks.iter().map(|block| &block.weight).enumerate();
        let largest = |(index, weight): (usize, &Param<Tensor<4>>)| {
            let [c_in, c_out, ..] = weight.dims();
            let pixels = 16u64 << (2 * index);
            c_out as u64 * pixels + c_in as u64 * pixels / 4
        };
        blocks
            .chain([(self.blocks.len(), &self.to_rgb)])
            .map(largest)
            .collect()
    }
}
