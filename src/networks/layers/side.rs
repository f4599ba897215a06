//! Maps of twice and of half the side.

use burn::tensor::Tensor;

/// `x [n, c, h, w] -> [n, c, 2 h, 2 w]`: every pixel four times.
pub fn doubled(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let x = x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]);
    x.reshape([n, c, 2 * h, 2 * w])
}

/// `x [n, c, h, w] -> [n, c, h / 2, w / 2]`: the mean of every four pixels. Both sides are even.
pub fn halved(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let x = x.reshape([n, c, h / 2, 2, w / 2, 2]);
    x.mean_dim(5).mean_dim(3).reshape([n, c, h / 2, w / 2])
}
