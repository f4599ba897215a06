//! The generator: residual blocks that double the side, from `z` and a class to a picture.

use super::{
    BigGanConfig, WEIGHT_DEVIATION,
    blocks::{Attention, GeneratorBlock, convolve, wide},
};
use crate::networks::{
    generators::{ClassChoice, Generate, latents::truncated, one_hot},
    layers::{BatchNorm, Convolution, Linear, lazy_normal},
};
use burn::{
    module::{Module, Param},
    tensor::{
        Device, Tensor, TensorData,
        activation::{relu, tanh},
    },
};

/// Amounts of classes are no longer divided by their sum where that is less.
const LEAST_SUM: f64 = 0.05;

/// `z`, and a class where there are several, to a picture.
///
/// A latent is a row of `z` and behind it, where there are classes, how much of each it is, so that what
/// moves latents moves between classes too. The embedding of that is shared by all layers; of `z` each block
/// of a BigGAN sees a part of its own, and the first part makes the first map. A BigGAN-deep shows both as a
/// whole to every layer.
#[derive(Module, Debug)]
pub struct Generator {
    /// `[classes, shared_dim]`, the embedding of each class; a network without classes has a single row.
    pub shared: Param<Tensor<2>>,
    /// From the first part of `z` to the first map.
    pub linear: Linear,
    /// From the coarsest.
    pub blocks: Vec<GeneratorBlock>,
    /// Behind the block that its maps come from.
    pub attention: Option<Attention>,
    /// Of the last map.
    pub norm: BatchNorm,
    /// 3x3, from the last map to the picture.
    pub to_rgb: Convolution,
    /// Width of `z`.
    z_dim: usize,
    /// Side of the first map.
    base: usize,
    /// The number of blocks in front of the attention.
    attended: usize,
    #[module(skip)]
    classes: ClassChoice,
    deep: bool,
}

impl Generator {
    pub(super) fn init(config: &BigGanConfig, device: &Device) -> Self {
        let sizes = config.generator_blocks();
        let first = sizes[0].c_in;
        let last = sizes.last().expect("there are three blocks at least").c_out;
        let (base, width) = (config.base(), config.condition_width());
        let attention = config.attended_block();
        Self {
            shared: lazy_normal(
                [config.classes.len().max(1), config.shared_dim],
                WEIGHT_DEVIATION,
                device,
            ),
            linear: Linear::lazy(
                [config.first_width(), first * base * base],
                WEIGHT_DEVIATION,
                device,
            ),
            blocks: sizes
                .iter()
                .map(|sizes| GeneratorBlock::init(sizes, width, device))
                .collect(),
            attention: attention.map(|block| Attention::init(sizes[block].c_out, device)),
            norm: BatchNorm::init(last, 0.0, device),
            to_rgb: wide([last, config.img_channels], device),
            z_dim: config.z_dim,
            base,
            attended: attention.map_or(0, |block| block + 1),
            classes: ClassChoice::new(&config.classes),
            deep: config.deep,
        }
    }

    /// The same network, which draws this class only, or all of them where it is none.
    ///
    /// # Panics
    ///
    /// When it has no such class.
    #[must_use]
    pub fn of_class(mut self, class: Option<usize>) -> Self {
        self.classes.choose(class);
        self
    }

    /// `z [n, z_dim]` as latents `[n, width]` of `classes [n, classes]`, each row one at its class and zero
    /// elsewhere.
    ///
    /// # Panics
    ///
    /// When there are classes and none are given, or the other way around.
    pub fn latents(&self, z: Tensor<2>, classes: Option<Tensor<2>>) -> Tensor<2> {
        assert_eq!(
            classes.is_none(),
            self.classes.count() == 0,
            "a network of {} classes",
            self.classes.count()
        );
        match classes {
            Some(classes) => Tensor::cat(vec![z, classes], 1),
            None => z,
        }
    }

    /// `latents [n, width] -> image [n, channels, resolution, resolution]` in `[-1, 1]`, normalized by the
    /// statistics that are kept.
    pub fn forward(&self, latents: Tensor<2>) -> Tensor<4> {
        let (mut x, conditions) = self.begin(latents);
        for (index, (block, condition)) in self.blocks.iter().zip(&conditions).enumerate() {
            x = self.attend(index, block.forward(x, condition));
        }
        self.picture(self.norm.forward(x))
    }

    /// The same, normalized by the statistics of the batch, which replace the part `momentum` of those kept.
    pub fn forward_moving(&mut self, latents: Tensor<2>, momentum: f64) -> Tensor<4> {
        let (mut x, conditions) = self.begin(latents);
        for (index, condition) in conditions.iter().enumerate() {
            x = self.blocks[index].forward_moving(x, condition, momentum);
            x = self.attend(index, x);
        }
        let x = self.norm.forward_moving(x, momentum);
        self.picture(x)
    }

    /// The same network with the paper's standing statistics: the mean of those of each of `batches` of
    /// latents, which draw as the network learned to draw.
    #[must_use]
    pub fn standing(mut self, batches: impl Iterator<Item = Tensor<2>>) -> Self {
        for (index, latents) in batches.enumerate() {
            drop(self.forward_moving(latents, 1.0 / (index + 1) as f64));
        }
        self
    }

    /// The first map and what each block is told.
    fn begin(&self, latents: Tensor<2>) -> (Tensor<4>, Vec<Tensor<2>>) {
        let ([n, _], shared) = (latents.dims(), self.shared.val());
        let z = latents.clone().narrow(1, 0, self.z_dim);
        let embedded = match self.classes.count() {
            0 => shared.repeat_dim(0, n),
            count => shares(latents.narrow(1, self.z_dim, count)).matmul(shared),
        };
        let condition = |z: Tensor<2>| Tensor::cat(vec![embedded.clone(), z], 1);
        let count = self.blocks.len();
        let (first, conditions) = match self.deep {
            true => (condition(z.clone()), vec![condition(z); count]),
            false => {
                let mut parts = z.split(self.z_dim / (count + 1), 1).into_iter();
                let first = parts.next().expect("z has a part for each block and one more");
                (first, parts.map(condition).collect())
            }
        };
        let [c_in, _] = self.blocks[0].channels();
        let x = self.linear.forward(first);
        (x.reshape([n, c_in, self.base, self.base]), conditions)
    }

    /// What is behind the block of this number.
    fn attend(&self, block: usize, x: Tensor<4>) -> Tensor<4> {
        match &self.attention {
            Some(attention) if block + 1 == self.attended => attention.forward(x),
            _ => x,
        }
    }

    fn picture(&self, x: Tensor<4>) -> Tensor<4> {
        tanh(convolve(&self.to_rgb, relu(x)))
    }
}

/// How much of each class, `[n, classes]`, as shares of a whole.
///
/// Mixtures, mappers and guidance may come to others, where nothing was ever trained: what is less than
/// nothing counts as nothing, with the gradient of what was given, because one that was lost could not lead
/// back.
pub(super) fn shares(classes: Tensor<2>) -> Tensor<2> {
    let plain = classes.clone().without_autodiff();
    let excess = plain.clone() - plain.clamp_min(0.0);
    let classes = match classes.device().is_autodiff() {
        true => classes - Tensor::from_inner(excess),
        false => classes - excess,
    };
    classes.clone() / classes.sum_dim(1).clamp_min(LEAST_SUM)
}

impl Generate for Generator {
    fn z_dim(&self) -> usize {
        self.z_dim
    }

    fn latent_shape(&self) -> [usize; 2] {
        [1, self.z_dim + self.classes.count()]
    }

    fn resolution(&self) -> usize {
        let side = |side: usize, block: &GeneratorBlock| side * block.times();
        self.blocks.iter().fold(self.base, side)
    }

    /// A `z` of zeros, of the class, or of all as often as the dataset has them.
    fn latent_center(&self) -> Tensor<1> {
        let (device, count) = (self.shared.val().device(), self.classes.count());
        let z = Tensor::zeros([1, self.z_dim], &device);
        let total: f64 = self
            .classes
            .pictures
            .iter()
            .map(|&pictures| pictures as f64)
            .sum();
        let share = |&pictures: &u64| (pictures as f64 / total) as f32;
        let classes = match self.classes.class {
            _ if count == 0 => None,
            Some(class) => Some(one_hot(&[class], count, &device)),
            None => {
                let shares: Vec<f32> = self.classes.pictures.iter().map(share).collect();
                Some(Tensor::from_data(TensorData::new(shares, [1, count]), &device))
            }
        };
        self.latents(z, classes).squeeze_dim(0)
    }

    /// A `truncation_psi` below one draws `z` from the truncated normal distribution that has so much of the
    /// normal one; the class stays what it is.
    fn latents_from_z(&self, z: Tensor<2>, truncation_psi: f32) -> Tensor<3> {
        // Every class was trained with latents of every length, so those whose length chooses it are among
        // them.
        let classes = self.classes.rows(&z);
        self.latents(truncated(z, truncation_psi), classes)
            .unsqueeze_dim(1)
    }

    fn draw(&self, latents: Tensor<3>) -> Tensor<4> {
        self.forward(latents.squeeze_dim(1))
    }

    fn length_chooses(&self) -> bool {
        self.classes.length_chooses()
    }

    /// The map of a block, the way around it, and what its pixels look at each other with.
    fn map_sizes(&self) -> Vec<u64> {
        let mut side = self.base;
        let size = |(index, block): (usize, &GeneratorBlock)| {
            let [c_in, c_out] = block.channels();
            side *= block.times();
            let pixels = (side * side) as u64;
            let looked = match index + 1 == self.attended {
                true => pixels * pixels / 4,
                false => 0,
            };
            (c_in.max(c_out) + c_out) as u64 * pixels + looked
        };
        self.blocks.iter().enumerate().map(size).collect()
    }
}
