//! Spectral norm: every matrix divided by its largest singular value. Miyato et al., "Spectral Normalization
//! for Generative Adversarial Networks" (2018), algorithm 1.

use super::matrices;
use crate::{networks::layers::buffer, ops::random};
use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

/// Vectors are no longer divided by their length where that is shorter.
const LEAST: f64 = 1e-12;

/// What is known about the largest singular value of each matrix of a network, without autodiff: the vectors
/// that come with it, as far as they were found. They are a part of the checkpoint.
#[derive(Module, Debug)]
pub struct SpectralNorm {
    /// `[rows]` of each matrix, of length one.
    pub left: Vec<Param<Tensor<1>>>,
    /// `[columns]` of each matrix, of length one.
    pub right: Vec<Param<Tensor<1>>>,
}

impl SpectralNorm {
    /// Random vectors for each matrix of `network`, on `device`, which has no autodiff.
    pub fn init<M: Module>(network: &M, device: &Device) -> Self {
        let (mut left, mut right) = (vec![], vec![]);
        matrices::visit(network, |matrix| {
            for (vectors, size) in [&mut left, &mut right].into_iter().zip(matrix.dims()) {
                let vector = random::normal([1, size], 1.0, device);
                vectors.push(buffer(unit(vector).reshape([-1])));
            }
        });
        Self { left, right }
    }

    /// One iteration of the power method for each matrix of `network`, which is the one that it began with.
    pub fn iterate<M: Module>(&mut self, network: &M) {
        let mut vectors = self.left.iter_mut().zip(&mut self.right);
        matrices::visit(network, |matrix| {
            let (left, right) = vectors.next().expect("the network is the same");
            let matrix = matrix.without_autodiff();
            let v = unit(row(left).matmul(matrix.clone()));
            let u = unit(v.clone().matmul(matrix.transpose()));
            for (vector, found) in [(left, u), (right, v)] {
                *vector = vector.clone().map(|_| found.reshape([-1]));
            }
        });
    }

    /// `network` with each matrix divided by the singular value `u^T W v`. The gradient of that is the
    /// matrix's too; the vectors are constants.
    pub fn apply<M: Module>(&self, network: M) -> M {
        let mut vectors = self.left.iter().zip(&self.right);
        matrices::map(network, |matrix| {
            let (left, right) = vectors.next().expect("the network is the same");
            let [u, v] = [left, right].map(|vector| match matrix.device().is_autodiff() {
                true => Tensor::from_inner(row(vector)),
                false => row(vector),
            });
            let sigma = u.matmul(matrix.clone()).matmul(v.transpose()); // [1, 1]
            matrix / sigma
        })
    }
}

/// `[size] -> [1, size]`.
fn row(vector: &Param<Tensor<1>>) -> Tensor<2> {
    vector.val().unsqueeze()
}

/// `[1, size]` of length one.
fn unit(vector: Tensor<2>) -> Tensor<2> {
    let length = vector.clone().square().sum_dim(1).sqrt();
    vector / length.clamp_min(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::layers::{Linear, normal};

    /// The largest singular value in double precision, as the root of the largest eigenvalue of `W^T W`,
    /// which is found by squaring: `(W^T W)^(2^k)` is soon nothing but that one.
    fn largest(matrix: Tensor<2>) -> f64 {
        let [rows, columns] = matrix.dims();
        let values: Vec<f64> = matrix.into_data().iter::<f64>().collect();
        let product = |a: &[f64], b: &[f64], inner: usize| -> Vec<f64> {
            let entry =
                |i: usize, j: usize| (0..inner).map(|k| a[k * columns + i] * b[k * columns + j]).sum();
            (0..columns * columns)
                .map(|at| entry(at / columns, at % columns))
                .collect()
        };
        let mut power = product(&values, &values, rows);
        let mut logarithm = 0.0;
        for doubled in 0..40 {
            let trace: f64 = power.iter().step_by(columns + 1).sum();
            logarithm += trace.ln() / f64::from(doubled).exp2();
            power.iter_mut().for_each(|value| *value /= trace);
            // Symmetric, so that its columns are its rows.
            power = product(&power, &power, columns);
        }
        (logarithm / 2.0).exp()
    }

    #[test]
    fn the_largest_singular_value_comes_to_one() {
        let device = Device::flex();
        random::seed(3);
        for [d_in, d_out] in [[5, 9], [9, 5], [7, 7], [1, 4]] {
            let layer = Linear {
                weight: normal([d_out, d_in], 2.0, &device),
                ..Linear::init([d_in, d_out], 1.0, &device)
            };
            let known = largest(Tensor::from_data([[3.0, 0.0], [0.0, -2.0]], &device));
            assert!((known - 3.0).abs() < 1e-9, "{known}");
            let mut norm = SpectralNorm::init(&layer, &device);
            norm.iterate(&layer);
            let early = largest(norm.apply(layer.clone()).weight.val());
            for _ in 0..200 {
                norm.iterate(&layer);
            }
            let found = largest(norm.apply(layer.clone()).weight.val());
            assert!((found - 1.0).abs() < 1e-4, "{d_in}, {d_out}: {found}");
            // What was found too early is too small, so what is divided by it is too large.
            assert!(early >= found - 1e-4, "{early}, {found}");
            let bias = norm.apply(layer.clone()).bias.val().into_data();
            bias.assert_eq(&layer.bias.val().into_data(), true);
        }
    }
}
