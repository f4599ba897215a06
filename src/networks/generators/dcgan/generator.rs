//! The generator: transposed convolutions that double the side, from `z` to a picture.

use super::{DcganConfig, INIT_DEVIATION, NEGATIVE_SLOPE, PADDING, stride};
use crate::{
    networks::{
        generators::{Generate, LatentDistribution},
        layers::{BatchNorm, normal},
    },
    ops::conv2d::conv_transpose2d,
};
use burn::{
    module::{Module, Param},
    tensor::{
        Device, Tensor,
        activation::{leaky_relu, relu, tanh},
    },
};

/// A transposed convolution and batch norm.
#[derive(Module, Debug)]
pub struct GeneratorBlock {
    /// `[c_in, c_out, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// Over `c_out` channels.
    pub norm: BatchNorm,
}

impl GeneratorBlock {
    fn init([c_in, c_out, kernel]: [usize; 3], device: &Device) -> Self {
        Self {
            weight: normal([c_in, c_out, kernel, kernel], INIT_DEVIATION, device),
            norm: BatchNorm::init(c_out, INIT_DEVIATION, device),
        }
    }

    /// `x [n, c_in, h, w] -> [n, c_out, 2 h, 2 w]`, or `[n, c_out, h, w]` with a kernel that keeps the side,
    /// and `[n, c_out, kernel, kernel]` from a single pixel.
    fn convolve(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, c_in, h, w] = x.dims();
        let [_, c_out, kernel_h, kernel_w] = self.weight.dims();
        if [h, w] != [1, 1] {
            return enlarge(x, &self.weight);
        }
        // On a single pixel a transposed convolution is a product with a matrix.
        let matrix = self.weight.val().reshape([c_in, c_out * kernel_h * kernel_w]);
        x.reshape([n, c_in])
            .matmul(matrix)
            .reshape([n, c_out, kernel_h, kernel_w])
    }
}

fn enlarge(x: Tensor<4>, weight: &Param<Tensor<4>>) -> Tensor<4> {
    let [.., kernel] = weight.dims();
    conv_transpose2d(x, weight.val(), stride(kernel), PADDING, 0)
}

/// `z -> image`.
#[derive(Module, Debug)]
pub struct Generator {
    /// The first makes the first map of `z`; each of the others doubles the side, or keeps it.
    pub blocks: Vec<GeneratorBlock>,
    /// `[c_in, channels, kernel, kernel]`, the transposed convolution that draws the picture.
    pub to_rgb: Param<Tensor<4>>,
    leaky: bool,
    #[module(skip)]
    latents: LatentDistribution,
}

impl Generator {
    pub(super) fn init(config: &DcganConfig, device: &Device) -> Self {
        let mut layers = config.generator_layers();
        let [c_in, c_out, kernel] = layers.pop().expect("there are two layers at least");
        Self {
            blocks: layers
                .into_iter()
                .map(|sizes| GeneratorBlock::init(sizes, device))
                .collect(),
            to_rgb: normal([c_in, c_out, kernel, kernel], INIT_DEVIATION, device),
            leaky: config.layers.leaky,
            latents: config.latents,
        }
    }

    /// `z [n, z_dim] -> image [n, channels, resolution, resolution]` in `[-1, 1]`, normalized by the running
    /// statistics.
    pub fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let draw = |x, block: &GeneratorBlock| self.rectify(block.norm.forward(block.convolve(x)));
        let x = self.blocks.iter().fold(one_pixel(z), draw);
        self.picture(x)
    }

    /// The same, normalized by the statistics of the batch, which the running ones move toward.
    pub fn forward_train(&mut self, z: Tensor<2>) -> Tensor<4> {
        let mut x = one_pixel(z);
        for index in 0..self.blocks.len() {
            let block = &mut self.blocks[index];
            let map = block.convolve(x);
            let map = block.norm.forward_train(map);
            x = self.rectify(map);
        }
        self.picture(x)
    }

    fn rectify(&self, x: Tensor<4>) -> Tensor<4> {
        match self.leaky {
            true => leaky_relu(x, NEGATIVE_SLOPE),
            false => relu(x),
        }
    }

    fn picture(&self, x: Tensor<4>) -> Tensor<4> {
        tanh(enlarge(x, &self.to_rgb))
    }

    /// The kernels after the first.
    fn later_kernels(&self) -> impl Iterator<Item = &Param<Tensor<4>>> {
        let blocks = self.blocks[1..].iter().map(|block| &block.weight);
        blocks.chain([&self.to_rgb])
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
        let [.., first_side] = self.blocks[0].weight.dims();
        self.later_kernels().fold(first_side, |side, weight| {
            let [.., kernel] = weight.dims();
            side * stride(kernel)
        })
    }

    fn latent_center(&self) -> Tensor<1> {
        Tensor::zeros([self.z_dim()], &self.to_rgb.val().device())
    }

    /// A `truncation_psi` below one draws uniform latents from an interval as much narrower.
    fn latents_from_z(&self, z: Tensor<2>, truncation_psi: f32) -> Tensor<3> {
        (self.latents.of_normal(z) * truncation_psi).unsqueeze_dim(1)
    }

    fn draw(&self, latents: Tensor<3>) -> Tensor<4> {
        self.forward(self.latents.within(latents.squeeze_dim(1)))
    }

    fn map_sizes(&self) -> Vec<u64> {
        let [z_dim, c_out, first_side, _] = self.blocks[0].weight.dims();
        let mut side = first_side as u64;
        let first = z_dim as u64 + c_out as u64 * side * side;
        let later = self.later_kernels().map(|weight| {
            let [c_in, c_out, kernel, _] = weight.dims();
            let above = c_in as u64 * side * side;
            side *= stride(kernel) as u64;
            above + c_out as u64 * side * side
        });
        [first].into_iter().chain(later).collect()
    }
}
