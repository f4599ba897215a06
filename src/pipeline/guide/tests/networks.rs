//! Small networks that are the same everywhere.

use crate::{
    networks::{
        NetworkConfig,
        encoders::ImageEncoder,
        generators::{
            stylegan2::{Generator, StyleGan2Config},
            vqgan::{VqGan, VqGanConfig},
        },
    },
    ops::{conv2d::conv2d_act, unit_length::unit_length},
    pipeline::z_from_seed,
    weights::{apply, collect},
};
use burn::tensor::{Device, Tensor, TensorData};
use futures::executor::block_on;

/// A small network of convolutions that embeds, with weights that are the same everywhere.
pub struct RandomEncoder {
    first: Tensor<4>,
    second: Tensor<4>,
    head: Tensor<2>,
}

const SIDE: usize = 12;

pub fn random<const D: usize>(seed: u64, shape: [usize; D], scale: f32, device: &Device) -> Tensor<D> {
    let values = z_from_seed(seed, shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device) * scale
}

impl RandomEncoder {
    pub fn new(device: &Device) -> Self {
        Self {
            first: random(1, [8, 3, 3, 3], 0.3, device),
            second: random(2, [8, 8, 3, 3], 0.2, device),
            head: random(3, [8 * 9, 6], 0.2, device),
        }
    }
}

impl ImageEncoder for RandomEncoder {
    fn resolution(&self) -> usize {
        SIDE
    }

    fn embed(&self, images: Tensor<4>) -> Tensor<2> {
        let device = images.device().without_autodiff();
        let bias = Tensor::zeros([8], &device);
        let x = conv2d_act(images, self.first.clone(), 2, 1, bias.clone(), 1.0);
        let x = conv2d_act(x, self.second.clone(), 2, 1, bias, 1.0);
        let [n, ..] = x.dims();
        unit_length(x.reshape([n, 8 * 9]).matmul(self.head.clone()))
    }
}

/// A generator of 16 x 16 pixels, the same in every call: burn's own random numbers are shared by all tests
/// that run.
pub fn tiny(device: &Device) -> Generator {
    tiny_of(3, device)
}

/// The same with so many channels.
pub fn tiny_of(channels: usize, device: &Device) -> Generator {
    let config = StyleGan2Config {
        img_channels: channels,
        z_dim: 8,
        w_dim: 8,
        num_mapping_layers: 2,
        channel_base: 128,
        channel_max: 8,
        ..StyleGan2Config::small(16)
    };
    let generator = config.init_generator(device);
    let mut tensors = block_on(collect(&generator)).unwrap();
    for (seed, (name, data)) in tensors.iter_mut().enumerate() {
        let scale = match name.as_str() {
            _ if name.ends_with("bias") || name.ends_with("noise_strength") => continue,
            _ if name.starts_with("mapping.layers") => 100.0,
            // Pictures well within [-1, 1], so that a gradient is not that of something which is not shown.
            _ if name.contains("to_rgb.weight") => 0.1,
            _ => 1.0,
        };
        let values = z_from_seed(100 + seed as u64, data.num_elements());
        let values: Vec<f32> = values.iter().map(|value| value * scale).collect();
        *data = TensorData::new(values, data.shape().clone());
    }
    apply(generator, &tensors).unwrap()
}

/// A VQGAN with a code for 2 x 2 pixels, the same in every call.
pub fn vqgan(device: &Device) -> VqGan {
    vqgan_with(device, "", 0.0)
}

/// The same, with `value` as the first number of the parameter `name`.
pub fn vqgan_with(device: &Device, name: &str, value: f32) -> VqGan {
    let config = VqGanConfig {
        channels: 8,
        channel_multipliers: vec![1, 2],
        attention_levels: vec![1],
        norm_groups: 4,
        z_channels: 4,
        codebook_size: 12,
        codebook_dim: 3,
        ..VqGanConfig::small(16)
    };
    let network = config.init(device);
    let mut tensors = block_on(collect(&network)).unwrap();
    for (seed, (own, data)) in tensors.iter_mut().enumerate() {
        // Norms stay as they are, and convolutions about as large as what they see.
        let scale = match (own.as_str(), data.shape().len()) {
            ("codebook", _) => 0.5,
            (_, 1) => 0.0,
            _ => (data.shape()[1..].iter().product::<usize>() as f32).powf(-0.5),
        };
        if scale > 0.0 {
            let values = z_from_seed(100 + seed as u64, data.num_elements());
            let values = values.into_iter().map(|value| value * scale).collect();
            *data = TensorData::new(values, data.shape().clone());
        }
        if own == name {
            let mut values: Vec<f32> = data.iter::<f32>().collect();
            values[0] = value;
            *data = TensorData::new(values, data.shape().clone());
        }
    }
    apply(network, &tensors).unwrap()
}
