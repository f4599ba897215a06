//! Weights that are orthogonal at first, and are kept near to it.

use super::matrices;
use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Tensor, TensorData},
};
use rayon::prelude::*;

/// `network` with every weight that has rows made orthogonal, as it is drawn from the normal distribution:
/// rows of length one that are at right angles, or columns where there are fewer of these. Saxe et al.,
/// "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks" (2013).
pub fn orthogonal<M: Module>(network: M) -> M {
    struct Mapper;

    impl ModuleMapper for Mapper {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if D < 2 {
                return param;
            }
            param.map(|weight| {
                let (dims, device, trained) = (weight.dims(), weight.device(), weight.is_require_grad());
                let values = weight.into_data().iter::<f64>().collect();
                let values = orthonormal(values, dims[0]);
                let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
                Tensor::from_data(TensorData::new(values, dims), &device).set_require_grad(trained)
            })
        }
    }

    network.map(&mut Mapper)
}

/// `matrix [rows, columns]` with orthonormal rows, or columns where there are fewer.
fn orthonormal(matrix: Vec<f64>, rows: usize) -> Vec<f64> {
    let columns = matrix.len() / rows;
    if rows <= columns {
        return with_orthonormal_rows(matrix, columns);
    }
    let transposed = |matrix: &[f64], [rows, columns]: [usize; 2]| -> Vec<f64> {
        let place = |at: usize| matrix[at % rows * columns + at / rows];
        (0..matrix.len()).map(place).collect()
    };
    let turned = with_orthonormal_rows(transposed(&matrix, [rows, columns]), rows);
    transposed(&turned, [columns, rows])
}

/// The modified method of Gram and Schmidt. A row is done by one thread, so that their number changes
/// nothing.
fn with_orthonormal_rows(mut matrix: Vec<f64>, columns: usize) -> Vec<f64> {
    let mut left = &mut matrix[..];
    while left.len() >= columns && columns > 0 {
        let (row, others) = left.split_at_mut(columns);
        let length = dot(row, row).sqrt();
        row.iter_mut().for_each(|value| *value /= length);
        let row = &*row;
        others.par_chunks_exact_mut(columns).for_each(|other| {
            let along = dot(row, other);
            for (value, of_row) in other.iter_mut().zip(row) {
                *value -= along * of_row;
            }
        });
        left = others;
    }
    matrix
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Orthogonal regularization (equation 3 of the paper), without its weight: the sum of `|W W^T (1 - I)|^2`
/// over the layers of `network`, which asks for right angles and says nothing about lengths. `[1]`.
pub fn orthogonal_penalty<M: Module>(network: &M) -> Tensor<1> {
    let mut sum: Option<Tensor<1>> = None;
    matrices::visit(network, |matrix| {
        let penalty = off_diagonal(matrix);
        sum = Some(match sum.take() {
            Some(sum) => sum + penalty,
            None => penalty,
        });
    });
    sum.expect("a network has layers")
}

/// `|W W^T (1 - I)|^2`: the squares of the products of different rows.
fn off_diagonal(matrix: Tensor<2>) -> Tensor<1> {
    let [rows, columns] = matrix.dims();
    if rows <= columns {
        let products = matrix.clone().matmul(matrix.clone().transpose());
        let others = -Tensor::<2>::eye(rows, &matrix.device()) + 1.0;
        return (products * others).square().sum();
    }
    // |W W^T| is |W^T W|, which is smaller where there are many rows. It has each row's product with itself.
    let lengths = matrix.clone().square().sum_dim(1);
    let all = matrix.clone().transpose().matmul(matrix).square().sum();
    all - lengths.square().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        networks::{generators::biggan::BigGanConfig, layers::Linear},
        ops::random,
    };
    use burn::tensor::Device;

    fn products(matrix: &[f64], columns: usize) -> Vec<f64> {
        let rows: Vec<_> = matrix.chunks_exact(columns).collect();
        rows.iter()
            .flat_map(|a| rows.iter().map(move |b| dot(a, b)))
            .collect()
    }

    #[test]
    fn first_weights_are_orthogonal() {
        random::seed(5);
        let config = BigGanConfig {
            ch: 4,
            shared_dim: 6,
            ..BigGanConfig::of_resolution(32)
        };
        let network = orthogonal(config.init_generator(&Device::flex().autodiff()));
        let mut seen = 0;
        let mut check = |matrix: Tensor<2>| {
            let [rows, columns] = matrix.dims();
            let matrix = match rows <= columns {
                true => matrix,
                false => matrix.transpose(),
            };
            let count = rows.min(columns);
            let values: Vec<f64> = matrix.into_data().iter::<f64>().collect();
            let products = products(&values, values.len() / count);
            for (at, product) in products.into_iter().enumerate() {
                let expected = if at % (count + 1) == 0 { 1.0 } else { 0.0 };
                assert!((product - expected).abs() < 1e-5, "{product}, {expected}");
            }
            seen += 1;
        };
        matrices::visit(&network, &mut check);
        check(network.shared.val());
        // The map of z, of each block four maps of conditions and three kernels, four of the attention, and
        // the picture's.
        assert_eq!(seen, 1 + 3 * 7 + 4 + 1 + 1);
        assert!(network.shared.is_require_grad() && network.linear.weight.is_require_grad());
    }

    #[test]
    fn the_penalty_is_that_of_its_definition_and_has_its_gradient() {
        let device = Device::flex().autodiff();
        random::seed(6);
        for [d_in, d_out] in [[7, 3], [3, 7], [4, 4]] {
            let layer = Linear::init([d_in, d_out], 1.0, &device);
            let values: Vec<f64> = layer.weight.val().into_data().iter::<f64>().collect();
            let mut others = products(&values, d_in);
            for row in 0..d_out {
                others[row * (d_out + 1)] = 0.0;
            }
            let expected: f64 = others.iter().map(|product| product * product).sum();
            let penalty = orthogonal_penalty(&layer);
            let found = f64::from(penalty.clone().into_scalar::<f32>());
            assert!((found - expected).abs() < 1e-5 * expected, "{found}, {expected}");

            // 4 (W W^T (1 - I)) W.
            let gradient = layer.weight.grad(&penalty.backward()).unwrap().into_data();
            for (at, found) in gradient.iter::<f64>().enumerate() {
                let (row, column) = (at / d_in, at % d_in);
                let along = |other: usize| others[row * d_out + other] * values[other * d_in + column];
                let expected = 4.0 * (0..d_out).map(along).sum::<f64>();
                assert!((found - expected).abs() < 1e-5, "{found}, {expected}");
            }
        }
        // Rows at right angles cost nothing, whatever their lengths are.
        let mut layer = Linear::init([2, 2], 1.0, &device);
        layer.weight = Param::from_tensor(Tensor::from_data([[0.0, 3.0], [-2.0, 0.0]], &device));
        assert_eq!(orthogonal_penalty(&layer).into_scalar::<f32>(), 0.0);
    }
}
