//! Noticing that a generator collapses: it draws one picture, whatever the latent is.

use super::{batch, sample_batches};
use crate::{
    data::Dataset,
    metrics::Variety,
    networks::generators::Generate,
    ops::on_gray::on_gray,
    train::{Error, streams::stream},
};
use burn::tensor::{Device, Tensor};
use rand::seq::index::sample;

/// Pictures of the collection that samples are held against.
const PICTURES: usize = 64;
/// Larger pictures are compared at half their side, or a quarter: what they show is what counts, and 128 of
/// them would fill the memory.
const MAX_SIDE: usize = 128;

/// How varied samples are beside pictures of the collection: 1 for as varied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RelativeVariety {
    /// In shape.
    pub shapes: f64,
    /// In color.
    pub colors: f64,
    /// Thousands of pictures that the generator was trained for.
    pub kimg: f64,
}

impl RelativeVariety {
    /// Less is a collapse: a DCGAN whose faces were all alike was seen at 0.43.
    pub const LEAST: f64 = 0.5;
    /// Before this a generator has not learned to vary yet: that DCGAN was at 15 kimg, and varied at 45.
    pub const FIRST_KIMG: f64 = 20.0;

    /// Of samples without truncation, after so many pictures were shown.
    pub(in crate::train) fn measure(
        generator: &impl Generate,
        (seed, batch_size): (u64, usize),
        images_seen: u64,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<Self, Error> {
        let batches = sample_batches(generator, (seed, "grid"), 1.0, batch_size, device);
        let drawn: Vec<_> = batches.flat_map(small).collect();
        let mut rng = stream(seed, "variety", 0);
        let mut real = vec![];
        for place in sample(&mut rng, dataset.len(), PICTURES.min(dataset.len())) {
            // Neither mirrored nor drawn by chance.
            real.extend(small(batch((seed, 0), false, &[place], dataset, device)?));
        }
        let side = small_side(dataset.resolution());
        Ok(Self::of(&drawn, &real, side, images_seen))
    }

    /// Of `drawn` pictures beside `real` ones, each `[3, side, side]` in `[-1, 1]`.
    pub(in crate::train) fn of(drawn: &[Vec<f32>], real: &[Vec<f32>], side: usize, images_seen: u64) -> Self {
        let [drawn, real] = [drawn, real].map(|pictures| Variety::of(pictures, side));
        // Where the collection itself does not vary there is nothing to fall short of.
        let ratio = |drawn: f64, real: f64| if real > 0.0 { drawn / real } else { 1.0 };
        Self {
            shapes: ratio(drawn.shapes, real.shapes),
            colors: ratio(drawn.colors, real.colors),
            kimg: images_seen as f64 / 1000.0,
        }
    }

    /// What to tell the user, if this is a collapse against which `remedy` may help.
    pub fn warning(&self, remedy: &str) -> Option<String> {
        let collapse = self.collapse()?;
        Some(format!(
            "{collapse}. If this goes on, stop and resume from an earlier checkpoint with {remedy}"
        ))
    }

    /// What is seen of a collapse, if this is one.
    pub fn collapse(&self) -> Option<String> {
        let what = match self {
            Self { kimg, .. } if *kimg < Self::FIRST_KIMG => return None,
            Self { shapes, .. } if *shapes < Self::LEAST => "shape",
            Self { colors, .. } if *colors < Self::LEAST => "color",
            _ => return None,
        };
        Some(format!(
            "the samples vary little in {what}: {:.0} % of what the collection does. The generator draws nearly the \
             same picture for every seed",
            self.shapes.min(self.colors) * 100.0
        ))
    }
}

/// The side at which pictures of this side are compared: halved until it is no more than [`MAX_SIDE`].
fn small_side(side: usize) -> usize {
    match side {
        ..=MAX_SIDE => side,
        _ => small_side(side / 2),
    }
}

/// Each of `images [n, channels, side, side]` in `[-1, 1]`, as `[3, side, side]` of the side at which they
/// are compared.
fn small(images: Tensor<4>) -> Vec<Vec<f32>> {
    let images = on_gray(images);
    let [n, c, h, _] = images.dims();
    let side = small_side(h);
    let times = h / side;
    if times == 1 {
        return pictures(images);
    }
    let cells = images.clamp(-1.0, 1.0).reshape([n, c, side, times, side, times]);
    pictures(cells.mean_dim(5).mean_dim(3).reshape([n, c, side, side]))
}

/// Each of `images [n, channels, side, side]` as `[3, side, side]` in `[-1, 1]`, on gray where it is
/// transparent.
pub(in crate::train) fn pictures(images: Tensor<4>) -> Vec<Vec<f32>> {
    let images = on_gray(images);
    let len = images.dims()[1..].iter().product();
    let values: Vec<f32> = images
        .into_data()
        .iter::<f32>()
        .map(|value| value.clamp(-1.0, 1.0))
        .collect();
    values.chunks_exact(len).map(<[f32]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pictures_are_compared_as_small_ones() {
        let device = Device::flex();
        let picture = burn::tensor::TensorData::new(vec![2.0f32, 0.0, -1.0, 0.5], [1, 1, 2, 2]);
        let picture = Tensor::<4>::from_data(picture, &device);
        assert_eq!(small(picture.clone()), [[1.0, 0.0, -1.0, 0.5]]);
        // Every pixel as a square of 96 x 96 and more, which are averaged again.
        let large = picture
            .reshape([1, 1, 2, 1, 2, 1])
            .repeat_dim(3, 96)
            .repeat_dim(5, 96);
        let shown = small(large.reshape([1, 1, 192, 192])).concat();
        assert_eq!(shown.len(), 96 * 96);
        let corners = [0, 95, 95 * 96, 96 * 96 - 1].map(|place| shown[place]);
        assert_eq!(corners, [1.0, 0.0, -1.0, 0.5]);
        assert_eq!([192, 1024, 24, 160].map(small_side), [96, 128, 24, 80]);
    }

    #[test]
    fn a_generator_that_has_just_begun_is_not_said_to_collapse() {
        let warned = |shapes, colors, kimg| {
            let variety = RelativeVariety { shapes, colors, kimg };
            variety.warning("a remedy")
        };
        assert_eq!(warned(0.0, 0.0, 10.0), None);
        assert_eq!(warned(0.6, 0.9, 30.0), None);
        let said = warned(0.3, 0.9, 30.0).unwrap();
        assert!(
            said.contains("in shape: 30 %") && said.ends_with("with a remedy"),
            "{said}"
        );
        assert!(warned(0.9, 0.3, 30.0).unwrap().contains("in color: 30 %"));
    }
}
