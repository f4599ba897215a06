//! Batch norms that are frozen: each is one factor and one summand for a channel.

use super::shortened;
use crate::weights::Tensors;
use burn::tensor::TensorData;

/// Multiplies the batch norm called `norm` into the `convolution` without a bias before it, and calls the
/// result `ours`: `y = (conv(x) - mean) / sqrt(variance + epsilon) weight + bias` (Ioffe & Szegedy 2015).
///
/// # Errors
/// What is missing or does not fit, as a sentence.
pub(super) fn fold(
    tensors: &mut Tensors,
    norm: &str,
    convolution: &str,
    ours: &str,
    epsilon: f64,
) -> Result<(), String> {
    let mut take = |name: String| {
        let data = tensors.remove(&name);
        data.ok_or_else(|| format!("the tensor {} is missing", shortened(&name)))
    };
    let kernel = take(format!("{convolution}.weight"))?;
    let shape = kernel.shape().to_vec();
    let channels = shape.first().copied().unwrap_or(0);
    let mut vector = |field: &str| {
        let name = format!("{norm}.{field}");
        let data = take(name.clone())?;
        match data.shape()[..] == [channels] {
            true => Ok(data.iter::<f64>().collect::<Vec<_>>()),
            false => Err(format!(
                "the tensor {} has the shape {:?}, its convolution {} channels",
                shortened(&name),
                data.shape().to_vec(),
                channels
            )),
        }
    };
    let [weight, bias] = [vector("weight")?, vector("bias")?];
    let [mean, variance] = [vector("running_mean")?, vector("running_var")?];
    if let Some(value) = variance.iter().find(|&&value| value < 0.0) {
        return Err(format!(
            "{} has the variance {value}, which is none: the file is damaged",
            shortened(norm)
        ));
    }
    let factors: Vec<f64> = weight
        .iter()
        .zip(&variance)
        .map(|(weight, variance)| weight / (variance + epsilon).sqrt())
        .collect();
    let values = kernel.iter::<f64>().collect::<Vec<_>>();
    let size = (values.len() / channels.max(1)).max(1);
    let folded: Vec<f32> = values
        .chunks(size)
        .zip(&factors)
        .flat_map(|(kernel, factor)| kernel.iter().map(move |value| (value * factor) as f32))
        .collect();
    let biases: Vec<f32> = (0..channels)
        .map(|c| (bias[c] - mean[c] * factors[c]) as f32)
        .collect();
    tensors.insert(format!("{ours}.weight"), TensorData::new(folded, shape));
    tensors.insert(format!("{ours}.bias"), TensorData::new(biases, [channels]));
    Ok(())
}
