//! Vector quantization: van den Oord et al., "Neural Discrete Representation Learning" (2017).

use crate::ops::linear::product;
use burn::tensor::{Int, Tensor};

/// Distances that are there at once, at most: what quantization takes beside its input stays below 16 MiB.
const DISTANCES: usize = 1 << 22;

/// What quantization makes of a map.
pub struct Quantized {
    /// `[n, codebook_dim, h, w]`: the nearest codes, with the gradient passed straight through to what was
    /// quantized.
    pub z_q: Tensor<4>,
    /// `[n, h, w]`, which codes they are.
    pub indices: Tensor<3, Int>,
    /// `[1]`: `mean (sg[z_e] - e)^2`, which pulls the codes to what the encoder says (equation 4).
    pub codebook_loss: Tensor<1>,
    /// `[1]`: `mean (z_e - sg[e])^2`, which keeps the encoder near the codes.
    pub commitment_loss: Tensor<1>,
}

impl Quantized {
    /// Quantizes `z_e [n, codebook_dim, h, w]` by `codebook [codebook_size, codebook_dim]`.
    pub(super) fn of(z_e: Tensor<4>, codebook: Tensor<2>) -> Self {
        let [n, _, h, w] = z_e.dims();
        let found = nearest(rows(z_e.clone().detach()), codebook.clone().detach());
        let indices = found.reshape([n, h, w]);
        let codes = look_up(&codebook, indices.clone());
        let square = |difference: Tensor<4>| difference.square().mean();
        Self {
            // The value of the codes and the gradient of z_e.
            z_q: z_e.clone() + (codes.clone() - z_e.clone()).detach(),
            codebook_loss: square(codes.clone() - z_e.clone().detach()),
            commitment_loss: square(z_e - codes.detach()),
            indices,
        }
    }
}

/// The vectors of a map as rows: `[n, d, h, w] -> [n h w, d]`.
pub(super) fn rows(map: Tensor<4>) -> Tensor<2> {
    let [n, d, h, w] = map.dims();
    map.permute([0, 2, 3, 1]).reshape([n * h * w, d])
}

/// The codes of `codebook [codebook_size, d]` at `indices [n, h, w]`, `[n, d, h, w]`.
pub(super) fn look_up(codebook: &Tensor<2>, indices: Tensor<3, Int>) -> Tensor<4> {
    let ([n, h, w], [_, d]) = (indices.dims(), codebook.dims());
    let rows = codebook.clone().select(0, indices.reshape([n * h * w]));
    rows.reshape([n, h, w, d]).permute([0, 3, 1, 2])
}

/// Which row of `codebook [codebook_size, d]` is the nearest to each of `vectors [m, d]`, `[m]`; the first of
/// those that are as near.
///
/// `|z - e|^2 = |z|^2 - 2 z e^T + |e|^2`: one matrix product, and `|z|^2` is the same for all codes.
pub fn nearest(vectors: Tensor<2>, codebook: Tensor<2>) -> Tensor<1, Int> {
    let [codes, _] = codebook.dims();
    let lengths = codebook.clone().square().sum_dim(1).reshape([1, codes]);
    let at_once = (DISTANCES / codes).max(1);
    let parts = vectors.split(at_once, 0).into_iter().map(|part| {
        let [m, _] = part.dims();
        let distances = lengths.clone() - product(part, codebook.clone()) * 2.0; // [m, codebook_size]
        distances.argmin(1).reshape([m])
    });
    Tensor::cat(parts.collect(), 0)
}

/// How many codes are in use, if all were used alike: `exp(-sum_k p_k ln p_k)` of how often each was used.
pub fn perplexity(counts: &[u64]) -> f64 {
    let total: u64 = counts.iter().sum();
    let entropy = counts.iter().filter(|&&count| count > 0).map(|&count| {
        let share = count as f64 / total as f64;
        -share * share.ln()
    });
    entropy.sum::<f64>().exp()
}
