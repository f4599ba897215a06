//! Real-ESRGAN's ncnn files.

use super::SuperResolution;
use crate::{
    networks::{
        NetworkConfig,
        super_resolution::{UpscalerConfig, srvgg::SrvggNetCompactConfig},
    },
    weights::{
        Tensors,
        foreign::{
            Error,
            ncnn::{Bin, Layer, parse_param},
        },
    },
};
use burn::tensor::TensorData;

impl SuperResolution {
    /// Reads a model from the two files that ncnn keeps it in.
    ///
    /// # Errors
    ///
    /// Every layer is compared with the architecture, and all of the weights must be used up.
    pub fn from_ncnn(param: &[u8], bin: &[u8], license: String, source: String) -> Result<Self, Error> {
        let layers = parse_param(param)?;
        let mut walk = Walk { layers: &layers };

        let [input] = walk.take("Input", &[])?.1;
        let (_, [left, right]) = walk.take("Split", &[&input])?;
        // One copy of the input goes through the convolutions, the other is enlarged as it is.
        let body_first = walk
            .layers
            .first()
            .is_some_and(|next| next.inputs == [left.as_str()]);
        let (mut blob, skip) = if body_first { (left, right) } else { (right, left) };

        let mut bin = Bin::new(bin);
        let mut body: Vec<(&Layer, [usize; 2])> = vec![];
        let mut tensors = Tensors::new();
        loop {
            let (convolution, [output]) = walk.take("Convolution", &[&blob])?;
            let c_in = body.last().map_or(3, |&(_, [_, c_out])| c_out);
            let c_out = convolution_channels(convolution, c_in)?;
            let name = |field| format!("body.{}.{field}", body.len());
            let weight = bin.tagged(c_out * c_in * 9, convolution)?;
            tensors.insert(name("weight"), TensorData::new(weight, [c_out, c_in, 3, 3]));
            tensors.insert(
                name("bias"),
                TensorData::new(bin.plain(c_out, convolution)?, [c_out]),
            );
            blob = output;
            let rectified = walk.layers.first().is_some_and(|next| next.kind == "PReLU");
            if rectified {
                let (rectifier, [output]) = walk.take("PReLU", &[&blob])?;
                let [slopes] = rectifier.settings([(0, 0.0)])?;
                if slopes != c_out as f64 {
                    return Err(rectifier.error(format!(
                        "has {slopes} slopes, expected one for each of {c_out} channels"
                    )));
                }
                tensors.insert(
                    name("slope"),
                    TensorData::new(bin.plain(c_out, rectifier)?, [c_out]),
                );
                blob = output;
            }
            body.push((convolution, [c_in, c_out]));
            if !rectified {
                break;
            }
        }

        let (shuffle, [shuffled]) = walk.take("PixelShuffle", &[&blob])?;
        let upscale = match shuffle.settings([(0, 1.0), (1, 0.0)])? {
            [factor, 0.0] if factor.fract() == 0.0 && (1.0..=8.0).contains(&factor) => factor as usize,
            [factor, mode] => {
                let expected = "expected a whole factor from 1 to 8 and mode 0";
                return Err(shuffle.error(format!("enlarges by {factor} in mode {mode}, {expected}")));
            }
        };
        let (enlarge, [enlarged]) = walk.take("Interp", &[&skip])?;
        if interpolation(enlarge)? != [1.0, upscale as f64] {
            return Err(enlarge.error(format!("must enlarge by {upscale}, repeating pixels (0=1)")));
        }
        let (sum, [_]) = match walk.take("BinaryOp", &[&shuffled, &enlarged]) {
            Ok(sum) => sum,
            // A sum may name its two terms in either order.
            Err(_) => walk.take("BinaryOp", &[&enlarged, &shuffled])?,
        };
        if sum.settings([(0, 0.0), (1, 0.0)])? != [0.0, 0.0] {
            return Err(sum.error("must add its two inputs (0=0)"));
        }
        let outscale = match walk.layers.first() {
            None => upscale,
            Some(_) => {
                let (shrink, [_]) = walk.take("Interp", &[&sum.outputs[0]])?;
                let [method, factor] = interpolation(shrink)?;
                let outscale = factor * upscale as f64;
                if method != 3.0 || outscale.fract() != 0.0 || !(1.0..upscale as f64).contains(&outscale) {
                    let expected = format!("expected bicubic (3) by n/{upscale}, n less than {upscale}");
                    return Err(shrink.error(format!("resizes by {factor} with method {method}, {expected}")));
                }
                outscale as usize
            }
        };
        if let Some(extra) = walk.layers.first() {
            return Err(extra.error("comes after the end of the architecture"));
        }
        bin.finish()?;

        let config = SrvggNetCompactConfig {
            num_feat: body[0].1[1],
            // Fewer than three convolutions give zero here, which validate() refuses.
            num_conv: body.len().saturating_sub(2),
            upscale,
            outscale,
        };
        config.validate()?;
        for (&(layer, actual), expected) in body.iter().zip(config.channels()) {
            if actual != expected {
                return Err(layer.error(format!(
                    "has {} input and {} output channels, expected {} and {}",
                    actual[0], actual[1], expected[0], expected[1]
                )));
            }
        }
        Ok(Self {
            config: UpscalerConfig::Srvgg(config),
            tensors,
            license,
            source,
        })
    }
}

/// Goes through the layers in order.
struct Walk<'a> {
    layers: &'a [Layer],
}

impl<'a> Walk<'a> {
    /// The next layer, if it is of `kind` and takes exactly the blobs `inputs`, and its `N` outputs.
    fn take<const N: usize>(
        &mut self,
        kind: &str,
        inputs: &[&str],
    ) -> Result<(&'a Layer, [String; N]), Error> {
        let Some((layer, rest)) = self.layers.split_first() else {
            return Err(Error::Ended {
                expected: format!("a layer of the type {kind}"),
            });
        };
        if layer.kind != kind {
            return Err(layer.error(format!("is of another type than the expected {kind}")));
        }
        if layer.inputs != inputs {
            return Err(layer.error(format!(
                "takes the inputs {:?}, expected {inputs:?}",
                layer.inputs
            )));
        }
        let outputs = layer
            .outputs
            .clone()
            .try_into()
            .map_err(|_| layer.error(format!("has {} outputs, expected {N}", layer.outputs.len())))?;
        self.layers = rest;
        Ok((layer, outputs))
    }
}

/// The output channels of a 3x3 convolution with a bias, stride 1, padding 1 and `c_in` input channels.
fn convolution_channels(layer: &Layer, c_in: usize) -> Result<usize, Error> {
    let [c_out, kernel, dilation, stride, padding, bias, weights] = layer.settings([
        (0, 0.0),
        (1, 0.0),
        (2, 1.0),
        (3, 1.0),
        (4, 0.0),
        (5, 0.0),
        (6, 0.0),
    ])?;
    if [kernel, dilation, stride, padding, bias] != [3.0, 1.0, 1.0, 1.0, 1.0] {
        return Err(layer.error(format!(
            "has kernel {kernel}, dilation {dilation}, stride {stride}, padding {padding} and bias {bias}, \
             expected 3, 1, 1, 1 and 1"
        )));
    }
    if c_out.fract() != 0.0 || !(1.0..=4096.0).contains(&c_out) || weights != c_out * (c_in * 9) as f64 {
        return Err(layer.error(format!(
            "has {c_out} output channels and {weights} weights, expected 1 to 4096 channels of {c_in} x 9 weights"
        )));
    }
    Ok(c_out as usize)
}

/// The method of a resizing layer and its factor, the same for rows and columns.
fn interpolation(layer: &Layer) -> Result<[f64; 2], Error> {
    let [method, height, width] = layer.settings([(0, 0.0), (1, 1.0), (2, 1.0)])?;
    match height == width {
        true => Ok([method, height]),
        false => Err(layer.error(format!("resizes by {height} and {width}, expected one factor"))),
    }
}
