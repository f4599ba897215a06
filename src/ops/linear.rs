//! A fully connected layer in one pass, for the few rows of a latent.

#[cfg(any(target_arch = "wasm32", feature = "cuda", feature = "vulkan"))]
use super::gpu;
use super::{
    cpu::{Isa, dispatch, simd::Simd},
    flex::{dims, is_plain_cpu, plain},
    rectifier::{rectify, sides},
};
use burn::{backend::Flex, tensor::Tensor};

/// `leaky_relu(x W^T weight_gain + bias bias_gain) gain` for `x [n, d_in]`, `weight [d_out, d_in]` and `bias [d_out]`;
/// without the rectifier and its gain where there is no `gain`.
///
/// # Panics
/// When the shapes do not fit together.
pub fn linear_act(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    [weight_gain, bias_gain]: [f64; 2],
    gain: Option<f64>,
) -> Tensor<2> {
    let ([_, d_in], [d_out, weight_d_in]) = (x.dims(), weight.dims());
    assert_eq!(
        d_in, weight_d_in,
        "the weight takes {weight_d_in} values, not {d_in}"
    );
    assert_eq!(bias.dims(), [d_out], "one bias for each output");
    let gains = [weight_gain as f32, bias_gain as f32];
    let sides = gain.map_or([1.0; 2], sides);
    if is_plain_cpu(&x) && is_plain_cpu(&weight) && is_plain_cpu(&bias) {
        return on_cpu(x, weight, bias, gains, sides);
    }
    #[cfg(any(target_arch = "wasm32", feature = "cuda", feature = "vulkan"))]
    if gpu::is_plain(&x) && gpu::is_plain(&weight) && gpu::is_plain(&bias) {
        return gpu::linear_act(x, weight, bias, gains, sides);
    }
    // Scaling the rows and not the weights: there are fewer of them.
    let y = (x * weight_gain).matmul(weight.transpose()) + bias.unsqueeze() * bias_gain;
    match gain {
        Some(gain) => rectify(y, gain),
        None => y,
    }
}

fn on_cpu(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    [weight_gain, bias_gain]: [f32; 2],
    [up, down]: [f32; 2],
) -> Tensor<2> {
    let (x, weight, bias) = (plain(x), plain(weight), plain(bias));
    let ([n, _], [d_out, d_in]) = (dims::<2>(&x), dims::<2>(&weight));
    let run = dispatch!(Isa::best(), fn run(x: &[f32], weight: &[f32], y: &mut [f32]) = self::products);
    let mut y = vec![0.0; n * d_out];
    if d_in > 0 {
        for (x, y) in x
            .storage()
            .chunks_exact(d_in)
            .zip(y.chunks_exact_mut(d_out.max(1)))
        {
            // SAFETY: the processor has the instruction set.
            unsafe { run(x, weight.storage(), y) };
        }
    }
    for y in y.chunks_exact_mut(d_out.max(1)) {
        for (y, bias) in y.iter_mut().zip(bias.storage::<f32>()) {
            let v = *y * weight_gain + bias * bias_gain;
            *y = v * if v < 0.0 { down } else { up };
        }
    }
    Tensor::from_primitive::<Flex>(super::flex::from_values(y, [n, d_out]))
}

/// `y = W x`.
///
/// # Safety
/// The processor must have `S`.
#[inline(always)]
unsafe fn products<S: Simd>(x: &[f32], weight: &[f32], y: &mut [f32]) {
    // Rows that are read at once, so that additions need not wait for each other.
    const ROWS: usize = 4;
    let d_in = x.len();
    let whole = d_in / S::LANES * S::LANES;
    for (y, rows) in y.chunks_mut(ROWS).zip(weight.chunks(ROWS * d_in)) {
        // A short last group repeats its last row.
        let row: [&[f32]; ROWS] = core::array::from_fn(|r| &rows[r.min(y.len() - 1) * d_in..][..d_in]);
        let mut lanes = [[0.0_f32; 16]; ROWS];
        // SAFETY: vectors end before the rows do.
        unsafe {
            let mut sums = [S::splat(0.0); ROWS];
            for i in (0..whole).step_by(S::LANES) {
                let x = S::load(x.as_ptr().add(i));
                for (sum, row) in sums.iter_mut().zip(row) {
                    *sum = S::mul_add(S::load(row.as_ptr().add(i)), x, *sum);
                }
            }
            for (lanes, sum) in lanes.iter_mut().zip(sums) {
                S::store(lanes.as_mut_ptr(), sum);
            }
        }
        for ((y, lanes), row) in y.iter_mut().zip(lanes).zip(row) {
            let sum = lanes.iter().sum();
            *y = (whole..d_in).fold(sum, |sum, i| sum + row[i] * x[i]);
        }
    }
}
