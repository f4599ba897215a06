//! Whose features pictures are compared by.

use super::{ImageEncoder, inception::Inception, random::RandomFeatures};
use crate::ops::{cutouts::resize, on_gray::on_gray};
use burn::tensor::Tensor;

/// Who looks at the pictures of a measure.
pub enum Eyes<'a> {
    /// The network whose features published figures are of.
    Inception(Box<Inception>),
    /// A CLIP, where no Inception is at hand.
    Clip(Box<dyn ImageEncoder + 'a>),
    /// Random convolutions, where neither is.
    Random(RandomFeatures),
}

impl Eyes<'_> {
    /// What the names of measures end in. With Inception a measure is against the full dataset.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Inception(_) => "full",
            Self::Clip(_) => "clip",
            Self::Random(_) => "random",
        }
    }

    /// Whether pictures are compared with the whole collection, and not with as many of it.
    pub fn look_at_all(&self) -> bool {
        matches!(self, Self::Inception(_))
    }

    /// Whether features are to be centered and scaled as the collection's are: random ones have no scale of
    /// their own.
    pub fn want_standard(&self) -> bool {
        matches!(self, Self::Random(_))
    }

    /// About how many numbers are computed for a picture.
    pub fn numbers_kept(&self) -> u64 {
        match self {
            Self::Inception(inception) => inception.numbers_kept(),
            Self::Clip(clip) => clip.numbers_kept(),
            Self::Random(_) => RandomFeatures::numbers_kept(),
        }
    }

    /// Features of `images [n, channels, side, side]` in about `[-1, 1]`, `[n, d]`; on gray where they are
    /// transparent.
    pub fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let images = on_gray(images);
        match self {
            // Published figures are of pictures in files, whose colors are whole numbers.
            Self::Inception(inception) => {
                let bytes = (images * 127.5 + 128.0).floor().clamp(0.0, 255.0);
                inception.forward(bytes / 127.5 - 1.0)
            }
            // A mean square of one instead of their length is the size of features that KID's kernel is made
            // for.
            Self::Clip(clip) => {
                let shown = resize(images.clamp(-1.0, 1.0), clip.resolution());
                let embeddings = clip.embed(shown);
                let [_, d] = embeddings.dims();
                embeddings * (d as f64).sqrt()
            }
            Self::Random(network) => network.forward(images.clamp(-1.0, 1.0)),
        }
    }
}
