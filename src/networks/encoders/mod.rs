//! What turns pictures and sentences into vectors.

pub mod clip;
pub mod collection_clip;
mod eyes;
pub mod inception;
pub mod minilm;
pub mod random;

pub use eyes::Eyes;

use burn::tensor::Tensor;

/// Whatever embeds pictures: the image half of a CLIP (Radford et al., "Learning Transferable Visual Models
/// From Natural Language Supervision", 2021).
pub trait ImageEncoder {
    /// Side of the pictures that it takes, in pixels.
    fn resolution(&self) -> usize;

    /// `images [n, 3, resolution, resolution]` in `[-1, 1]` to embeddings `[n, d]` of unit length,
    /// differentiably.
    fn embed(&self, images: Tensor<4>) -> Tensor<2>;

    /// About how many numbers it computes for a picture, all of which are kept where there is a gradient.
    fn numbers_kept(&self) -> u64 {
        256 * (self.resolution() * self.resolution()) as u64
    }
}

impl<E: ImageEncoder + ?Sized> ImageEncoder for &E {
    fn resolution(&self) -> usize {
        (**self).resolution()
    }

    fn embed(&self, images: Tensor<4>) -> Tensor<2> {
        (**self).embed(images)
    }

    fn numbers_kept(&self) -> u64 {
        (**self).numbers_kept()
    }
}
