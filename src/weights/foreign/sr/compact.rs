//! SRVGGNetCompact as Real-ESRGAN names its parameters.

use super::{Error, Found, count, fail, kernels};
use crate::networks::super_resolution::srvgg::SrvggNetCompactConfig;
use burn::tensor::TensorData;

/// What a network without slopes rectifies with, which its state dict does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rectifier {
    /// Negative values become zero.
    Relu,
    /// Negative values become a tenth of themselves.
    Leaky,
}

impl Rectifier {
    /// The factor of negative values.
    fn slope(self) -> f32 {
        match self {
            Self::Relu => 0.0,
            Self::Leaky => 0.1,
        }
    }
}

/// Convolutions have the even numbers, their rectifiers the odd ones.
fn convolution(number: usize) -> String {
    format!("body.{}.weight", 2 * number)
}

/// The slopes of the rectifier after a convolution.
fn slopes(number: usize) -> String {
    format!("body.{}.weight", 2 * number + 1)
}

/// Whether these are the tensors of such a network.
pub(super) fn is_one(found: &Found) -> bool {
    found.contains_key(&convolution(0))
        && (found.contains_key(&slopes(0)) || found.contains_key(&convolution(1)))
}

/// The shape of the network whose tensors these are.
pub(super) fn config(found: &Found) -> Result<SrvggNetCompactConfig, Error> {
    let convolutions = count(found, 0, convolution);
    let [num_feat, channels, ..] = kernels(found, &convolution(0))?;
    if channels != 3 {
        return Err(fail(format!(
            "{} takes {channels} channels, expected 3: only networks for pictures in color can be imported",
            convolution(0)
        )));
    }
    let last = convolution(convolutions - 1);
    let [c_out, ..] = kernels(found, &last)?;
    let upscale = (1..=8)
        .find(|upscale| 3 * upscale * upscale == c_out)
        .ok_or_else(|| {
            fail(format!(
                "{last} gives {c_out} channels, expected 3, 12, 27, 48 or another 3 n^2 up to n = 8, which \
             enlarge n times"
            ))
        })?;
    Ok(SrvggNetCompactConfig {
        num_feat,
        // Fewer than three convolutions give zero here, which is refused.
        num_conv: convolutions.saturating_sub(2),
        upscale,
        outscale: upscale,
    })
}

/// Gives a network without slopes those of its rectifier.
pub(super) fn complete(
    config: &SrvggNetCompactConfig,
    rectifier: Option<Rectifier>,
    found: &mut Found,
) -> Result<(), Error> {
    let rectified = 0..=config.num_conv;
    let has_slopes = rectified
        .clone()
        .any(|number| found.contains_key(&slopes(number)));
    match (has_slopes, rectifier) {
        (true, None) => Ok(()),
        (true, Some(_)) => Err(fail(
            "its rectifiers have slopes of their own: leave --rectifier out",
        )),
        (false, None) => Err(fail(
            "its rectifiers have no slopes, and the file does not say which they are: name them with \
             --rectifier relu or --rectifier leaky",
        )),
        (false, Some(rectifier)) => {
            let values = vec![rectifier.slope(); config.num_feat];
            for number in rectified {
                let data = TensorData::new(values.clone(), [config.num_feat]);
                found.insert(slopes(number), Ok(data));
            }
            Ok(())
        }
    }
}

/// The file's name of our parameter `name`, which is `body.NUMBER.FIELD`.
pub(super) fn theirs(name: &str) -> String {
    let mut parts = name.split('.').skip(1);
    let number = parts.next().and_then(|number| number.parse().ok()).unwrap_or(0);
    match parts.next() {
        Some("slope") => slopes(number),
        Some("bias") => format!("body.{}.bias", 2 * number),
        _ => convolution(number),
    }
}
