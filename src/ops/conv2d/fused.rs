//! A convolution with all that belongs to its layer, in one pass over memory: for pictures on the CPU, whose gradient
//! nobody asks for. What it computes is defined by the composed form beside each of its callers.

use super::{
    backend::ConvSizes,
    cpu::convolve_around,
    kept::{Form, kept},
    kernel::{After, Around, Lanes},
};
use crate::ops::{
    cpu::Line,
    flex::{FlexTensor, dims, plain},
};
use burn::{backend::Flex, tensor::Tensor};

/// What surrounds a convolution of `x [n, c_in, h, w]` with a weight of `c_out` output channels.
pub(crate) struct Layer {
    /// `[n, c_in]`: factors of the input.
    pub styles: Option<Tensor<2>>,
    /// Whether the outputs are divided by the norm of the weights times the styles.
    pub demodulate: bool,
    /// `[n or 1, 1, h, w]`, and its strength `[1]`.
    pub noise: Option<(Tensor<4>, Tensor<1>)>,
    /// `[c_out]`.
    pub bias: Tensor<1>,
    /// Factors of positive and of negative results.
    pub sides: [f32; 2],
}

/// Convolves `x [n, c_in, h, w]` with `weight [c_out, c_in, k, k]` at a stride of one.
pub(crate) fn conv2d_layer(x: Tensor<4>, weight: Tensor<4>, padding: usize, layer: Layer) -> Tensor<4> {
    let (x, weight) = (plain(x), plain(weight));
    let ([n, c_in, h, w], [c_out, _, kh, kw]) = (dims::<4>(&x), dims::<4>(&weight));
    let styles = layer.styles.map(plain);
    let styles = styles.as_ref().map(|styles| blocks(styles.storage(), n, c_in));
    let scale = match &styles {
        Some(styles) if layer.demodulate => demodulation(&weight, styles, n),
        _ => vec![ONE; n * c_out.div_ceil(16)],
    };
    let bias = blocks(plain(layer.bias).storage(), 1, c_out);
    let [up, down] = layer.sides;
    let lanes = scale.into_iter().enumerate().map(|(i, scale)| Lanes {
        scale,
        bias: bias[i % bias.len()],
        up: Line([up; 16]),
        down: Line([down; 16]),
    });
    let noise = layer.noise.map_or_else(Vec::new, |(noise, strength)| {
        let strength = plain(strength).storage::<f32>()[0];
        plain(noise)
            .storage::<f32>()
            .iter()
            .map(|v| v * strength)
            .collect()
    });
    let after = After {
        lanes: lanes.collect(),
        noise,
    };
    let around = Around {
        before: styles.as_deref(),
        after: Some(&after),
    };
    let sizes = ConvSizes {
        kernel: [kh, kw],
        input: [h, w],
        stride: 1,
        padding,
    };
    Tensor::from_primitive::<Flex>(convolve_around(x, weight, sizes, around))
}

pub(super) const ONE: Line = Line([1.0; 16]);

/// `rows` of `columns` values in lines of their own, zeros at the end of each row.
pub(super) fn blocks(values: &[f32], rows: usize, columns: usize) -> Vec<Line> {
    assert_eq!(values.len(), rows * columns);
    let line = |values: &[f32]| {
        let mut line = Line([0.0; 16]);
        line.0[..values.len()].copy_from_slice(values);
        line
    };
    let rows = values.chunks_exact(columns.max(1));
    rows.flat_map(|row| row.chunks(16).map(line)).collect()
}

/// `1 / sqrt(sum_i s_i^2 sum_k w_ijk^2 + 1e-8)` for every output channel, with `s` in lines: `[n][block]`.
fn demodulation(weight: &FlexTensor, styles: &[Line], n: usize) -> Vec<Line> {
    let [c_out, c_in, kh, kw] = dims(weight);
    let energy = kept(weight, Form::Energy, || {
        let sums: Vec<f32> = weight
            .storage::<f32>()
            .chunks_exact(kh * kw)
            .map(|taps| taps.iter().map(|w| w * w).sum())
            .collect();
        blocks(&sums, c_out, c_in)
    });
    let width = c_in.div_ceil(16);
    let mut scales = Vec::with_capacity(n * c_out);
    for styles in styles.chunks_exact(width) {
        for energy in energy.chunks_exact(width) {
            let mut sums = [0.0_f32; 16];
            for (energy, styles) in energy.iter().zip(styles) {
                for ((sum, energy), style) in sums.iter_mut().zip(energy.0).zip(styles.0) {
                    *sum += energy * style * style;
                }
            }
            scales.push((sums.iter().sum::<f32>() + 1e-8).sqrt().recip());
        }
    }
    blocks(&scales, n, c_out)
}
