//! Tensors in GGUF files, quantized in blocks of 32 values along their rows.
//!
//! The layout is <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>; candle-core quantizes,
//! dequantizes and writes. Its reader trusts a file more than a published page may (an alignment of zero
//! divides, a name may occur twice), so [`header`] reads the directory instead.
//!
//! GGUF quantizes rows, the last dimension, and a 3x3 kernel makes a poor row. A tensor of rank three or
//! more is therefore stored as the matrix `[d0, d1 * d2 * ..]`, and its true shape as the metadata
//! `guise.shape.NAME`.

mod header;

use super::{Error, Tensors};
use burn::tensor::TensorData;
use candle_core::{
    Device, Tensor,
    quantized::{
        GgmlDType, QTensor,
        gguf_file::{self, TensorInfo, Value},
    },
};
use serde::{Deserialize, Serialize};
use std::io::Cursor;

/// Begins the metadata key that holds a tensor's true shape.
const SHAPE_KEY: &str = "guise.shape.";

/// Both quantizations work on this many values at a time.
const BLOCK: usize = 32;

/// How weight matrices are stored; vectors and rows that do not divide into blocks of 32 are stored finer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantization {
    /// 8 bits a value and one scale for each block: 1.06 bytes a value.
    #[default]
    Q8_0,
    /// 4 bits a value and one scale for each block: 0.56 bytes a value.
    Q4_0,
    /// Half precision: 2 bytes a value.
    F16,
}

impl Quantization {
    /// Its name in a manifest and on the command line: `q8_0`, `q4_0` or `f16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
            Self::F16 => "f16",
        }
    }

    /// What a tensor seen as `rows` of `columns` values is stored as.
    fn storage(self, rank: usize, columns: usize) -> GgmlDType {
        match self {
            // Biases and the like: few bytes, and every error in them shows in every pixel.
            _ if rank < 2 => GgmlDType::F32,
            Self::Q8_0 if columns.is_multiple_of(BLOCK) => GgmlDType::Q8_0,
            Self::Q4_0 if columns.is_multiple_of(BLOCK) => GgmlDType::Q4_0,
            _ => GgmlDType::F16,
        }
    }
}

/// The bytes of a GGUF file that holds `tensors`, for a network called `architecture`.
///
/// # Errors
///
/// [`Error::Tensor`] for a tensor that is empty, is not `f32`, or holds a value that the chosen storage
/// cannot: NaN, an infinity, more than 65504 in half precision.
pub fn write(tensors: &Tensors, quantization: Quantization, architecture: &str) -> Result<Vec<u8>, Error> {
    write_each(tensors, |_| quantization, architecture)
}

/// As [`write`], with a quantization for each tensor, by its name.
pub fn write_each(
    tensors: &Tensors,
    quantization: impl Fn(&str) -> Quantization,
    architecture: &str,
) -> Result<Vec<u8>, Error> {
    let mut metadata = vec![
        (
            "general.architecture".to_owned(),
            Value::String(architecture.to_owned()),
        ),
        ("general.quantization_version".to_owned(), Value::U32(2)),
    ];
    let mut stored = Vec::with_capacity(tensors.len());
    for (name, data) in tensors {
        let refuse = |reason: &str| Error::Tensor {
            name: name.clone(),
            reason: reason.into(),
        };
        let values = data
            .as_slice::<f32>()
            .map_err(|_| refuse("does not hold 32-bit floats"))?;
        let shape = data.shape().to_vec();
        if !header::is_name(name) {
            return Err(refuse(
                "has a name with more than letters, digits, dots, dashes and underscores",
            ));
        }
        if values.is_empty() || shape.len() > header::MAX_RANK {
            return Err(refuse("is empty or has more than eight dimensions"));
        }
        let matrix = match shape.as_slice() {
            [rows, rest @ ..] if rest.len() > 1 => {
                let dims = shape.iter().map(|&dim| Value::U32(dim as u32)).collect();
                metadata.push((format!("{SHAPE_KEY}{name}"), Value::Array(dims)));
                vec![*rows, rest.iter().product()]
            }
            _ => shape.clone(),
        };
        let storage = quantization(name).storage(matrix.len(), matrix[matrix.len() - 1]);
        // Both block formats keep their scale in half precision, so the limit is everybody's.
        let limit = if storage == GgmlDType::F32 {
            f32::MAX
        } else {
            65504.0
        };
        if !values.iter().all(|value| value.abs() <= limit) {
            return Err(refuse(
                "holds a value that is not a number or too large to be stored",
            ));
        }
        let quantized = Tensor::from_slice(values, matrix, &Device::Cpu)
            .and_then(|tensor| QTensor::quantize(&tensor, storage))
            .map_err(|error| refuse(&format!("cannot be quantized: {error}")))?;
        stored.push((name.as_str(), quantized));
    }
    let metadata: Vec<_> = metadata
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    let stored: Vec<_> = stored.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let mut file = Cursor::new(vec![]);
    gguf_file::write(&mut file, &metadata, &stored).map_err(|error| Error::Gguf(error.to_string()))?;
    Ok(file.into_inner())
}

/// The tensors in `bytes`, dequantized, in their true shapes.
///
/// What comes out takes at most about seven times the memory of `bytes`, whatever they claim: no two tensors
/// may share bytes, and four bits become at most one `f32`. On the way, the largest tensor is there twice
/// more.
///
/// # Errors
///
/// [`Error::Gguf`] for anything that is not a whole and consistent file, [`Error::Tensor`] for a tensor that
/// holds NaN or an infinity.
pub fn read(bytes: &[u8]) -> Result<Tensors, Error> {
    let header = header::read(bytes)?;
    let mut file = Cursor::new(bytes);
    let mut tensors = Tensors::new();
    for (name, entry) in header.tensors {
        let refuse = |error: candle_core::Error| Error::Gguf(format!("the tensor {name}: {error}"));
        let info = TensorInfo {
            ggml_dtype: entry.storage,
            shape: entry.stored_shape.into(),
            offset: entry.offset,
        };
        let values: Vec<f32> = info
            .read(&mut file, header.data_offset, &Device::Cpu)
            .and_then(|tensor| tensor.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1())
            .map_err(refuse)?;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(Error::Tensor {
                name,
                reason: "holds a value that is not a number".into(),
            });
        }
        tensors.insert(name, TensorData::new(values, entry.shape));
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests;
