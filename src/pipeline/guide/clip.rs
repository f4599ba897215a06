//! OpenAI's CLIP as what guides.

use super::ImageEncoder;
use crate::networks::clip::Clip;
use burn::tensor::Tensor;

impl ImageEncoder for Clip {
    fn resolution(&self) -> usize {
        self.resolution()
    }

    fn embed(&self, images: Tensor<4>) -> Tensor<2> {
        self.embed_image(images)
    }

    fn numbers_kept(&self) -> u64 {
        self.visual.numbers(self.resolution())
    }
}
