//! Noticing that a generator collapses: it draws one picture, whatever the latent is.

use super::samples;
use crate::{
    data::Dataset,
    metrics::Variety,
    networks::generators::Generate,
    train::{Error, streams::stream},
};
use burn::tensor::{Device, Tensor};
use rand::seq::index::sample;

/// Pictures of the collection that samples are held against.
const PICTURES: usize = 64;

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
        let drawn = pictures(samples(generator, (seed, "grid"), 1.0, batch_size, device));
        let mut rng = stream(seed, "variety", 0);
        let places = sample(&mut rng, dataset.len(), PICTURES.min(dataset.len()));
        let scaled = |bytes: Vec<u8>| bytes.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect();
        let real: Result<Vec<Vec<f32>>, _> = places
            .into_iter()
            .map(|place| dataset.read(place).map(scaled))
            .collect();
        Ok(Self::of(&drawn, &real?, dataset.resolution(), images_seen))
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

/// Each of `images [n, 3, side, side]`, in `[-1, 1]`.
pub(in crate::train) fn pictures(images: Tensor<4>) -> Vec<Vec<f32>> {
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
