//! What the files of a checkpoint hold, looked at tensor by tensor.

use super::sums;
use crate::train::{Error, file_error};
use burn::{
    module::{Module, ModuleVisitor, Param},
    store::burn_pack::{DType, Reader, Tensor as Entry},
    tensor::Tensor,
};
use std::{collections::BTreeMap, path::Path};

fn entries(path: &Path) -> Result<Vec<Entry>, Error> {
    // The reader of burn opens whatever there is, and waits for what never comes from a pipe.
    sums::open(path)?;
    Reader::from_file_exact(path)
        .and_then(Reader::into_tensors)
        .map_err(|error| file_error("read", path, error))
}

/// Makes sure that all numbers in the file are finite: a training cannot recover from one that is not.
///
/// # Errors
///
/// [`Error::File`] with the name of the first tensor in which one is not.
pub(super) fn check_finite(path: &Path) -> Result<(), Error> {
    for entry in entries(path)? {
        if entry.dtype != DType::F32 {
            continue;
        }
        // One tensor at a time, however large the file is.
        let (name, bytes) = (entry.name.clone(), entry.into_bytes());
        let bytes = bytes.map_err(|error| file_error("read", path, error))?;
        let is_finite = |four: &[u8; 4]| f32::from_le_bytes(*four).is_finite();
        if !bytes.as_chunks().0.iter().all(is_finite) {
            return Err(file_error(
                "use",
                path,
                format!("{name} holds a number that is not finite"),
            ));
        }
    }
    Ok(())
}

/// Makes sure that the file holds what an optimizer knows about the parameters of `module` after `steps`.
///
/// burn takes any file for an optimizer's, passes over what it does not know, and begins again with what it
/// misses.
///
/// # Errors
///
/// [`Error::File`] when something in it is of no parameter, or has another shape, or nothing is there.
pub fn check_optimizer<M: Module>(path: &Path, module: &M, steps: u64) -> Result<(), Error> {
    let mut shapes = Shapes::default();
    module.visit(&mut shapes);
    let wrong = |reason: String| Err(file_error("use", path, reason));
    let entries = entries(path)?;
    for entry in &entries {
        let id = entry
            .name
            .split_once('.')
            .and_then(|(id, _)| id.parse::<u64>().ok());
        let shape = id
            .filter(|id| entry.param_id == Some(*id))
            .and_then(|id| shapes.0.get(&id));
        match shape {
            None => return wrong(format!("{} is no state of this network's optimizer", entry.name)),
            Some(shape) if shape[..] != entry.shape[..] => {
                let found = &entry.shape[..];
                return wrong(format!(
                    "{} has the shape {found:?}, its weights have {shape:?}",
                    entry.name
                ));
            }
            Some(_) => {}
        }
    }
    if entries.is_empty() && steps > 0 {
        return wrong(format!("it is empty after {steps} steps"));
    }
    Ok(())
}

/// The shapes of a module's parameters by their numbers, which are kept in checkpoints.
#[derive(Default)]
struct Shapes(BTreeMap<u64, Vec<usize>>);

impl ModuleVisitor for Shapes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.insert(param.id.val(), param.lazy_shape().to_vec());
    }
}
