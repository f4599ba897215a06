//! The inverse of the error function.

use burn::tensor::Tensor;

/// Coefficients of the polynomial in the middle and of the one at both ends, the highest power first.
const MIDDLE: [f32; 9] = [
    2.810_226_4e-8,
    3.432_739_4e-7,
    -3.523_387_7e-6,
    -4.391_506_5e-6,
    2.185_808_7e-4,
    -1.253_725e-3,
    -4.177_681_6e-3,
    0.246_640_73,
    1.501_409_4,
];
const ENDS: [f32; 9] = [
    -2.002_142_6e-4,
    1.009_505_6e-4,
    1.349_343_2e-3,
    -3.673_428_4e-3,
    5.739_507_8e-3,
    -7.622_461_3e-3,
    9.438_870_5e-3,
    1.001_674,
    2.832_976_8,
];

/// Where the middle ends, as `-ln(1 - x^2)`.
const END: f64 = 5.0;

/// The `y` with `erf(y) = x`, for `x` between -1 and 1, with a gradient.
///
/// Giles, "Approximating the erfinv function" (2010), in single precision: the error was seen to stay within
/// 1e-6 of the result where rounding `x` has not lost more.
pub fn erf_inverse<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let w = -((-x.clone() + 1.0) * (x.clone() + 1.0)).log();
    let is_end = w.clone().greater_equal_elem(END);
    let middle = polynomial(w.clone() - 2.5, &MIDDLE);
    // A root at zero would have no gradient, and what is not chosen counts nothing only if it is a number.
    let ends = polynomial(w.clamp_min(END).sqrt() - 3.0, &ENDS);
    middle.mask_where(is_end, ends) * x
}

fn polynomial<const D: usize>(x: Tensor<D>, coefficients: &[f32]) -> Tensor<D> {
    let first = x.zeros_like() + coefficients[0];
    let step = |value: Tensor<D>, coefficient: &f32| value * x.clone() + *coefficient;
    coefficients[1..].iter().fold(first, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn it_inverts_the_error_function_and_has_its_gradient() {
        let values: Vec<f32> = (-70..=70).map(|i| i as f32 / 25.0).collect();
        let y = Tensor::<1>::from_data(&values[..], &Device::flex().autodiff());
        let x = y.clone().erf().detach().require_grad();
        let found = erf_inverse(x.clone());
        let gradient = x.grad(&found.clone().sum().backward()).unwrap();
        let found = found.into_data();
        for ((y, found), gradient) in values
            .iter()
            .zip(found.iter::<f32>())
            .zip(gradient.into_data().iter::<f32>())
        {
            // What rounding x to single precision loses is the more the steeper the inverse is.
            let steep = 0.5 * core::f32::consts::PI.sqrt() * (y * y).exp();
            assert!((found - y).abs() < 1e-6 * y.abs() + 2e-7 * steep, "{y}: {found}");
            assert!((gradient / steep - 1.0).abs() < 2e-3, "{y}: {gradient}, {steep}");
        }
    }
}
