//! Safetensors in and out: named tensors with a few words about them.

use super::{Error, Float, Found, floats, no_floats, shortened};
use crate::weights::Tensors;
use burn::tensor::f16;
use safetensors::{Dtype, SafeTensors, View};
use std::{borrow::Cow, collections::HashMap};

/// Tensors have at most this many dimensions.
const MAX_RANK: usize = 8;

/// Whatever a file says about itself, by key.
pub type Metadata = HashMap<String, String>;

pub(super) fn fail(problem: impl Into<String>) -> Error {
    Error::Safetensors {
        problem: problem.into(),
    }
}

/// A tensor on its way into a file, encoded when its turn comes so that there is no second copy of them all.
struct Encoded<'a> {
    shape: &'a [usize],
    values: &'a [f32],
    half: bool,
}

impl View for Encoded<'_> {
    fn dtype(&self) -> Dtype {
        if self.half { Dtype::F16 } else { Dtype::F32 }
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = self.values.iter();
        match self.half {
            true => values
                .flat_map(|&value| f16::from_f32(value).to_le_bytes())
                .collect(),
            false => values.flat_map(|value| value.to_le_bytes()).collect(),
        }
    }

    fn data_len(&self) -> usize {
        self.values.len() * if self.half { 2 } else { 4 }
    }
}

/// Writes `tensors` and `metadata` as one file.
///
/// A tensor is stored in half precision where that changes none of its values, as in a model that was
/// published in half precision, and in single precision everywhere else.
pub fn write(tensors: &Tensors, metadata: Metadata) -> Result<Vec<u8>, Error> {
    let exact = |&value: &f32| f16::from_f32(value).to_f32() == value;
    let mut encoded = vec![];
    for (name, data) in tensors {
        let values = data
            .as_slice::<f32>()
            .map_err(|error| fail(format!("cannot be written: the tensor {name}: {error}")))?;
        let half = values.iter().all(exact);
        encoded.push((
            name,
            Encoded {
                shape: data.shape(),
                values,
                half,
            },
        ));
    }
    safetensors::serialize(encoded, Some(metadata))
        .map_err(|error| fail(format!("cannot be written: {error}")))
}

/// Reads a file's tensors, which must be finite floats, and its metadata.
pub fn read(bytes: &[u8]) -> Result<(Tensors, Metadata), Error> {
    read_those(bytes, |_| true)
}

/// As [`read`], but only the tensors whose names are wanted; what the others hold does not matter.
pub fn read_those(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<(Tensors, Metadata), Error> {
    let (found, metadata) = read_any(bytes)?;
    let tensors = found
        .into_iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| match value {
            Ok(data) => Ok((name, data)),
            Err(problem) => Err(fail(format!(
                "cannot be used: the tensor {} {problem}",
                shortened(&name)
            ))),
        })
        .collect::<Result<_, _>>()?;
    Ok((tensors, metadata))
}

/// Reads a file of which nothing is known.
pub(super) fn read_any(bytes: &[u8]) -> Result<(Found, Metadata), Error> {
    let invalid = |error| fail(format!("is damaged or not safetensors at all: {error}"));
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(invalid)?;
    let mut found = Found::new();
    for (name, view) in SafeTensors::deserialize(bytes).map_err(invalid)?.iter() {
        let float = match view.dtype() {
            Dtype::F16 => Some(Float::F16),
            Dtype::BF16 => Some(Float::BF16),
            Dtype::F32 => Some(Float::F32),
            Dtype::F64 => Some(Float::F64),
            _ => None,
        };
        let value = match float {
            _ if view.shape().len() > MAX_RANK => Err(format!(
                "has {} dimensions, expected at most {MAX_RANK}",
                view.shape().len()
            )),
            Some(float) => floats(float, view.data(), view.shape()),
            None => Err(no_floats(&format!("{:?}", view.dtype()))),
        };
        found.insert(name.to_owned(), value);
    }
    Ok((found, header.metadata().clone().unwrap_or_default()))
}
