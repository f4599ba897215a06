//! Features that need no training and no download: convolutions with fixed random weights.
//!
//! Random convolutions see edges, colors and where they are, and have no opinion: what no collection taught
//! them favors none. They are coarser than Inception's features and as neutral.

use crate::ops::{conv2d::conv2d_act, resize::resize_bicubic};
use burn::tensor::{Device, Tensor, TensorData, module::adaptive_avg_pool2d};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::SQRT_2;

/// Determines the weights. Another number is another network, and its figures need another name.
const SEED: u64 = 0x67_7569_7365;
/// Channels of the maps, the picture's first.
const CHANNELS: [usize; 4] = [3, 32, 64, 32];
/// The steps of the convolutions.
const STRIDES: [usize; 3] = [1, 2, 2];
/// The last map is averaged over a grid of so many cells on a side, as where something is matters.
const CELLS: usize = 4;
/// Spread of the biases, beside inputs from -1 to 1: at what brightness a channel begins to answer.
const BIAS: f32 = 0.5;

/// Three convolutions with random weights, the same on every machine.
#[derive(Debug, Clone)]
pub struct RandomFeatures {
    /// `[c_out, c_in, 3, 3]` and `[c_out]`.
    layers: Vec<(Tensor<4>, Tensor<1>)>,
}

impl RandomFeatures {
    /// What it says about a picture.
    pub const FEATURES: usize = CHANNELS[3] * CELLS * CELLS;
    /// Larger pictures are made smaller first: beyond that their cost would grow and little else.
    pub const LARGEST_SIDE: usize = 64;

    /// The network on `device`.
    pub fn new(device: &Device) -> Self {
        // A generator of its own: the one of `ops::random` belongs to the caller.
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let mut normal = |deviation: f32| {
            let value: f32 = StandardNormal.sample(&mut rng);
            value * deviation
        };
        let layers = CHANNELS.windows(2).map(|sides| {
            let (c_in, c_out) = (sides[0], sides[1]);
            let deviation = 1.0 / ((9 * c_in) as f32).sqrt();
            let mut kernels: Vec<f32> = (0..c_out * c_in * 9).map(|_| normal(deviation)).collect();
            if c_in == CHANNELS[0] {
                // Every other channel of the first layer sees edges only: the areas of flat art, which are
                // most of a picture, would drown them.
                for kernel in kernels.chunks_exact_mut(9).step_by(2) {
                    let mean = kernel.iter().sum::<f32>() / 9.0;
                    kernel.iter_mut().for_each(|value| *value -= mean);
                }
            }
            let biases: Vec<f32> = (0..c_out).map(|_| normal(BIAS)).collect();
            (
                Tensor::from_data(TensorData::new(kernels, [c_out, c_in, 3, 3]), device),
                Tensor::from_data(TensorData::new(biases, [c_out]), device),
            )
        });
        Self {
            layers: layers.collect(),
        }
    }

    /// `images [n, 3, side, side]` in `[-1, 1]`, of any side, to `[n, 512]`.
    ///
    /// # Panics
    /// When the pictures have other than three channels.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let [n, channels, side, _] = images.dims();
        assert_eq!(channels, CHANNELS[0], "random features are of RGB pictures");
        let images = match side > Self::LARGEST_SIDE {
            true => resize_bicubic(images, Self::LARGEST_SIDE),
            false => images,
        };
        let last = self.maps(images).pop().expect("there are three");
        adaptive_avg_pool2d(last, [CELLS; 2]).reshape([n, Self::FEATURES])
    }

    /// What each of the three layers says about `images [n, 3, h, w]` in `[-1, 1]`, `[n, c, h / s, w / s]`.
    pub fn maps(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let mut x = images;
        let layers = self.layers.iter().zip(STRIDES);
        let maps = layers.map(|((weight, bias), stride)| {
            x = conv2d_act(x.clone(), weight.clone(), stride, 1, bias.clone(), SQRT_2);
            x.clone()
        });
        maps.collect()
    }

    /// About how many numbers it computes for a picture.
    pub fn numbers_kept() -> u64 {
        let each = CHANNELS[1..].iter().zip([1, 4, 16]);
        let maps: usize = each.map(|(channels, smaller)| channels / smaller).sum();
        2 * (maps * Self::LARGEST_SIDE * Self::LARGEST_SIDE) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disc on a ground, of so many pixels.
    fn picture(side: usize) -> Tensor<4> {
        let value = |place: usize| {
            let (channel, y, x) = (place / (side * side), place / side % side, place % side);
            let from_center = |at: usize| (at as f32 + 0.5) / side as f32 - 0.5;
            let inside = from_center(x).hypot(from_center(y)) < 0.3;
            if inside { 0.8 - 0.4 * channel as f32 } else { -0.5 }
        };
        let values: Vec<f32> = (0..3 * side * side).map(value).collect();
        Tensor::from_data(TensorData::new(values, [1, 3, side, side]), &Device::flex())
    }

    /// Figures of runs and publications are named by this network: with other numbers they need another name.
    #[test]
    fn its_features_are_the_same_for_ever() {
        let features = RandomFeatures::new(&Device::flex()).forward(picture(32));
        let found: Vec<f32> = features.into_data().iter::<f32>().collect();
        let some: Vec<f32> = found.iter().step_by(73).copied().collect();
        // Plain loops in double precision gave these.
        let expected: [f32; 8] = [
            -0.20214, -0.24737, 1.0924, -0.07698, -0.0418, 0.00189, -0.09388, 0.2315,
        ];
        let close = some
            .iter()
            .zip(expected)
            .all(|(found, expected)| (found - expected).abs() < 1e-4);
        assert!(close && some.len() == expected.len(), "{some:?}");
    }

    #[test]
    fn it_takes_pictures_of_every_side_and_sees_where_things_are() {
        let network = RandomFeatures::new(&Device::flex());
        let distance = |a: Tensor<4>, b: Tensor<4>| {
            let difference = network.forward(a) - network.forward(b);
            difference.powi_scalar(2).mean().sqrt().into_scalar::<f32>()
        };
        for side in [8, 24, 48, 64, 100] {
            let moved = picture(side).roll(&[side as i64 / 4], &[3]);
            let far = distance(picture(side), moved);
            assert!(far > 0.05 && far.is_finite(), "{side}: {far}");
            assert_eq!(distance(picture(side), picture(side)), 0.0);
        }
        // A picture that is looked at smaller is nearly the same picture.
        let near = distance(picture(128), picture(64));
        assert!(near < 0.05, "{near}");
    }
}
