//! Safetensors in and out: named tensors with a few words about them.

use super::Error;
use crate::weights::Tensors;
use burn::tensor::{TensorData, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::collections::HashMap;

/// Whatever a file says about itself, by key.
pub type Metadata = HashMap<String, String>;

fn fail(problem: impl Into<String>) -> Error {
    Error::Safetensors {
        problem: problem.into(),
    }
}

/// Writes `tensors` and `metadata` as one file.
///
/// A tensor is stored in half precision where that changes none of its values, as in a model that was
/// published in half precision, and in single precision everywhere else.
pub fn write(tensors: &Tensors, metadata: Metadata) -> Result<Vec<u8>, Error> {
    let mut encoded = vec![];
    for (name, data) in tensors {
        let values: Vec<f32> = data.iter::<f32>().collect();
        let exact = |&value: &f32| f16::from_f32(value).to_f32() == value;
        let (dtype, bytes): (_, Vec<u8>) = match values.iter().all(exact) {
            true => (
                Dtype::F16,
                values
                    .iter()
                    .flat_map(|&value| f16::from_f32(value).to_le_bytes())
                    .collect(),
            ),
            false => (
                Dtype::F32,
                values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ),
        };
        encoded.push((name, dtype, data.shape().to_vec(), bytes));
    }
    let views = encoded
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| fail(format!("cannot be written: {error}")))?;
    safetensors::serialize(views, Some(metadata)).map_err(|error| fail(format!("cannot be written: {error}")))
}

/// Reads a file's tensors, which must be finite and in single or half precision, and its metadata.
pub fn read(bytes: &[u8]) -> Result<(Tensors, Metadata), Error> {
    read_those(bytes, |_| true)
}

/// As [`read`], but only the tensors whose names are wanted; what the others hold does not matter.
pub fn read_those(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<(Tensors, Metadata), Error> {
    let invalid = |error| fail(format!("is damaged or not safetensors at all: {error}"));
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(invalid)?;
    let mut tensors = Tensors::new();
    for (name, view) in SafeTensors::deserialize(bytes).map_err(invalid)?.iter() {
        if !wanted(name) {
            continue;
        }
        let data = view.data();
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => data
                .chunks_exact(4)
                .map(|v| f32::from_le_bytes([v[0], v[1], v[2], v[3]]))
                .collect(),
            Dtype::F16 => data
                .chunks_exact(2)
                .map(|v| f16::from_le_bytes([v[0], v[1]]).to_f32())
                .collect(),
            other => {
                return Err(fail(format!(
                    "has the tensor {name} as {other:?}, expected F32 or F16"
                )));
            }
        };
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(fail(format!("is damaged: the tensor {name} holds {value}")));
        }
        tensors.insert(name.to_owned(), TensorData::new(values, view.shape()));
    }
    Ok((tensors, header.metadata().clone().unwrap_or_default()))
}
