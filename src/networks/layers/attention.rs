//! Attention.

use burn::tensor::{Tensor, activation::softmax};

/// `softmax(q k^T / sqrt(d) + mask) v` for every head, `[n, heads, length, d]` each (Vaswani et al. 2017,
/// equation 1).
pub fn attend(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, mask: Option<Tensor<2>>) -> Tensor<4> {
    let d = q.dims()[3];
    let scores = (q / (d as f64).sqrt()).matmul(k.transpose()); // [n, heads, queries, keys]
    let scores = match mask {
        Some(mask) => scores + mask.unsqueeze(),
        None => scores,
    };
    softmax(scores, 3).matmul(v)
}
