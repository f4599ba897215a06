//! DCGAN: Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative
//! Adversarial Networks" (2015).
//!
//! Images are `[n, channels, h, w]` in `[-1, 1]`, latents are `z [n, z_dim]`. Differences from the paper: `z`
//! is normal instead of uniform, the first layer of the discriminator is normalized as well, and there are
//! blocks for pictures of 16, 32 and 128 pixels besides the paper's 64.

mod discriminator;
mod generator;

pub use discriminator::{Discriminator, DiscriminatorBlock};
pub use generator::{Generator, GeneratorBlock};

use crate::networks::layers::ConfigError;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// Deviation of first weights and first scales, from section 4 of the paper.
const INIT_DEVIATION: f64 = 0.02;

/// Side of all kernels.
const KERNEL: usize = 4;

/// The shape of a generator and of the discriminator that trains it.
///
/// Channels double with every halving of the side: a map of side `s` has `ngf resolution / (2 s)` channels in
/// the generator, and `ndf` in the place of `ngf` in the discriminator. At 64 pixels these are the 512, 256,
/// 128 and 64 of the PyTorch tutorial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DcganConfig {
    /// Width of the latent `z`, `nz` in the tutorial.
    pub z_dim: usize,
    /// Side of the pictures in pixels: 16, 32, 64 or 128.
    pub resolution: usize,
    /// Channels of the pictures; 3 for RGB.
    pub img_channels: usize,
    /// Channels of the generator's last map before the picture.
    pub ngf: usize,
    /// Channels of the discriminator's first map after the picture.
    pub ndf: usize,
}

impl DcganConfig {
    /// The networks of the PyTorch tutorial for pictures of side `resolution`, with a `z` of 128 numbers.
    pub fn of_resolution(resolution: usize) -> Self {
        Self {
            z_dim: 128,
            resolution,
            img_channels: 3,
            ngf: 64,
            ndf: 64,
        }
    }

    /// Checks every field, so that [`init_generator`](Self::init_generator) neither panics nor exhausts
    /// memory.
    ///
    /// # Errors
    ///
    /// The first field that is out of its bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_power("resolution", self.resolution, 16, 128)?;
        for (field, value, min, max) in [
            ("z_dim", self.z_dim, 1, 4096),
            ("img_channels", self.img_channels, 1, 4),
            ("ngf", self.ngf, 1, 256),
            ("ndf", self.ndf, 1, 256),
        ] {
            ConfigError::check(field, value, min, max)?;
        }
        Ok(())
    }

    /// Channels of the maps whose sides are 4, 8 and so on up to half the resolution, where `narrowest` is
    /// those of the last.
    fn channels(&self, narrowest: usize) -> Vec<usize> {
        let blocks = self.resolution.ilog2() - 2;
        (0..blocks).rev().map(|halvings| narrowest << halvings).collect()
    }

    /// How many numbers the generator's kernels hold.
    pub fn weights(&self) -> u64 {
        let channels = self.channels(self.ngf);
        let ins = [self.z_dim].into_iter().chain(channels.iter().copied());
        let outs = channels.iter().copied().chain([self.img_channels]);
        let kernel = |(c_in, c_out)| (c_in * c_out * KERNEL * KERNEL) as u64;
        ins.zip(outs).map(kernel).sum()
    }

    /// A generator with fresh random weights.
    pub fn init_generator(&self, device: &Device) -> Generator {
        Generator::init(self, device)
    }

    /// A discriminator with fresh random weights.
    pub fn init_discriminator(&self, device: &Device) -> Discriminator {
        Discriminator::init(self, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::tensor::Tensor;

    /// Counts what is trained: running statistics are not.
    fn parameters(module: &impl Module) -> usize {
        struct Counter(usize);
        impl ModuleVisitor for Counter {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if param.is_require_grad() {
                    self.0 += param.val().shape().num_elements();
                }
            }
        }
        let mut counter = Counter(0);
        module.visit(&mut counter);
        counter.0
    }

    #[test]
    fn the_networks_have_the_numbers_of_parameters_of_the_lecture() {
        let (config, device) = (DcganConfig::of_resolution(64), Device::flex().autodiff());
        assert_eq!(parameters(&config.init_generator(&device)), 3_806_080);
        assert_eq!(parameters(&config.init_discriminator(&device)), 2_765_696);
    }

    #[test]
    fn every_resolution_has_its_blocks() {
        for (resolution, channels) in [
            (16, vec![128, 64]),
            (32, vec![256, 128, 64]),
            (64, vec![512, 256, 128, 64]),
            (128, vec![1024, 512, 256, 128, 64]),
        ] {
            let config = DcganConfig::of_resolution(resolution);
            config.validate().unwrap();
            assert_eq!(config.channels(config.ngf), channels);
        }
    }

    #[test]
    fn first_values_are_those_of_the_paper() {
        crate::ops::random::seed(1);
        let generator = DcganConfig::of_resolution(16).init_generator(&Device::flex());
        let block = &generator.blocks[1];
        let moments = |values: Tensor<1>| {
            let mean = values.clone().mean();
            let deviation = (values - mean.clone()).square().mean().sqrt();
            [mean, deviation].map(|figure| figure.into_scalar::<f32>())
        };
        let [mean, deviation] = moments(block.weight.val().reshape([-1]));
        assert!(
            mean.abs() < 1e-3 && (deviation - 0.02).abs() < 1e-3,
            "{mean} {deviation}"
        );
        let [mean, deviation] = moments(block.norm.weight.val());
        assert!(
            (mean - 1.0).abs() < 0.02 && (deviation - 0.02).abs() < 0.01,
            "{mean} {deviation}"
        );
        assert_eq!(moments(block.norm.bias.val()), [0.0, 0.0]);
    }

    #[test]
    fn every_field_is_checked() {
        let sound = serde_json::to_value(DcganConfig::of_resolution(32)).unwrap();
        for (field, value) in [
            ("resolution", 8),
            ("resolution", 48),
            ("resolution", 256),
            ("z_dim", 0),
            ("z_dim", usize::MAX >> 2),
            ("img_channels", 5),
            ("ngf", 0),
            ("ngf", 257),
            ("ndf", 0),
            ("ndf", usize::MAX >> 1),
        ] {
            let mut edited = sound.clone();
            edited[field] = value.into();
            let config: DcganConfig = serde_json::from_value(edited).unwrap();
            let error = config.validate().unwrap_err();
            assert_eq!((&*error.field, error.value), (field, value));
        }
    }
}
