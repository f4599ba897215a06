//! Embeddings on the unit sphere, where the cosine is a dot product.

use burn::tensor::Tensor;

/// Divides each row of `x [n, d]` by its length, `x / max(|x|, 1e-6)`, so that a row of zeros stays one.
pub fn unit_length(x: Tensor<2>) -> Tensor<2> {
    // The square root has no derivative at zero, so the bound comes before it.
    let length = x.clone().square().sum_dim(1).clamp_min(1e-12).sqrt(); // [n, 1]
    x / length
}
