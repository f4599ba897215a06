//! Tensors of a file by the names of our networks' parameters.

use super::{Error, Found, shortened};
use crate::weights::{self, Tensors};
use burn::tensor::TensorData;

/// Those of `found` that a network with parameters of these names and `shapes` has, by our names; `theirs`
/// gives the file's name of a parameter, and `fail` what to say of a tensor that is no tensor of floats. What
/// is wrong is said in the file's own names.
pub(super) fn by_our_names(
    shapes: Vec<(String, Vec<usize>)>,
    mut found: Found,
    theirs: impl Fn(&str) -> String,
    fail: impl Fn(String) -> Error,
) -> Result<Tensors, Error> {
    let (mut tensors, mut missing) = (Tensors::new(), vec![]);
    for (name, expected) in shapes {
        let key = theirs(&name);
        let Some(value) = found.remove(&key) else {
            missing.push(key);
            continue;
        };
        let data = value.map_err(|problem| fail(format!("the tensor {} {problem}", shortened(&key))))?;
        tensors.insert(name, of_shape(&key, data, expected)?);
    }
    let unexpected: Vec<String> = found.into_keys().collect();
    if missing.is_empty() && unexpected.is_empty() {
        return Ok(tensors);
    }
    Err(weights::Error::Names { missing, unexpected }.into())
}

/// A tensor of the shape that the network has. diffusers has matrices for 1x1 convolutions.
fn of_shape(key: &str, data: TensorData, expected: Vec<usize>) -> Result<TensorData, Error> {
    let found = data.shape().to_vec();
    let is_matrix = expected.len() == 4 && expected[2..] == [1, 1] && found == expected[..2];
    match found == expected || is_matrix {
        true => Ok(TensorData::new(data.iter::<f32>().collect(), expected)),
        false => Err(weights::Error::Shape {
            name: shortened(key),
            expected,
            actual: found,
        }
        .into()),
    }
}
