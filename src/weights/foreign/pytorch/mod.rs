//! PyTorch's zip archives: state dicts (`torch.save`, since version 1.6) and TorchScript programs
//! (`torch.jit.save`), in which OpenAI published CLIP.
//!
//! Both hold a pickle, `data.pkl`, that says how the tensors hang together, and the bytes of each storage in
//! a file of its own.

mod pickle;

use super::{Error, Float, Found, floats, no_floats};
use burn::tensor::TensorData;
use pickle::View;
use std::{
    borrow::Cow,
    io::{Cursor, Read},
};
use zip::ZipArchive;

/// The pickles of the largest models have a tenth of this.
const MAX_PICKLE_BYTES: u64 = 4 << 20;

fn fail(problem: impl Into<String>) -> Error {
    Error::Torch {
        problem: problem.into(),
    }
}

/// All tensors of an archive by their dotted names, floats as `f32`.
pub(super) fn read(bytes: &[u8]) -> Result<Found, Error> {
    let mut archive = Archive::open(bytes)?;
    let pickle = archive.entry("data.pkl", MAX_PICKLE_BYTES)?;
    let mut tensors = pickle::tensors(&pickle)?;
    // Checkpoints of a training keep the network among other things.
    if tensors.keys().any(|name| name.starts_with("state_dict.")) {
        tensors = tensors
            .into_iter()
            .filter_map(|(name, view)| Some((name.strip_prefix("state_dict.")?.to_owned(), view)))
            .collect();
    }
    let mut left = bytes.len();
    let mut found = Found::new();
    for (name, view) in tensors {
        let value = match view.float {
            Some(float) => archive.values(&name, &view, float, &mut left)?,
            None => Err(no_floats(view.dtype)),
        };
        found.insert(name, value);
    }
    Ok(found)
}

/// The archive, and the storage that was read last, because views of the same one follow each other.
struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    folder: String,
    size: u64,
    last: (String, Vec<u8>),
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| fail(format!("is damaged, or truncated: {error}")))?;
        let folder = (0..zip.len())
            .filter_map(|i| zip.name_for_index(i).and_then(|name| name.ok()))
            .find_map(|name| name.strip_suffix("data.pkl").map(str::to_owned))
            .ok_or_else(|| fail("has no data.pkl: it is an archive of something else"))?;
        Ok(Self {
            zip,
            folder,
            size: bytes.len() as u64,
            last: Default::default(),
        })
    }

    /// The bytes of a file in the archive, whose checksum must be right.
    fn entry(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let wrong = |error: String| fail(format!("is damaged: {name} cannot be read: {error}"));
        let path = format!("{}{name}", self.folder);
        let entry = self
            .zip
            .by_name(&path)
            .map_err(|error| wrong(error.to_string()))?;
        if entry.size() > limit {
            return Err(wrong(format!(
                "it has {} bytes, at most {limit} are expected",
                entry.size()
            )));
        }
        let mut bytes = vec![];
        let length = entry
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| wrong(error.to_string()))?;
        match length as u64 <= limit {
            true => Ok(bytes),
            false => Err(wrong(format!("it has more than {limit} bytes"))),
        }
    }

    /// The values of a view, row by row. All together may not be more than the file has bytes.
    fn values(
        &mut self,
        name: &str,
        view: &View<'_>,
        float: Float,
        left: &mut usize,
    ) -> Result<Result<TensorData, String>, Error> {
        let wrong = |problem: String| fail(format!("is damaged: the tensor {name} {problem}"));
        let width = float.width();
        let count = view
            .shape
            .iter()
            .try_fold(1usize, |count, &side| count.checked_mul(side));
        let size = count
            .and_then(|count| count.checked_mul(width))
            .filter(|size| size <= left);
        let (Some(count), Some(size)) = (count, size) else {
            return Err(wrong(format!(
                "of shape {:?} is larger than the file",
                view.shape
            )));
        };
        *left -= size;
        if self.last.0 != view.key || self.last.1.is_empty() {
            let bytes = self.entry(&format!("data/{}", view.key), self.size)?;
            self.last = (view.key.to_owned(), bytes);
        }
        let storage = &self.last.1;
        let part = |at: usize, count: usize| {
            let start = at.checked_mul(width)?;
            storage.get(start..start.checked_add(count * width)?)
        };
        let bytes = if view.is_contiguous() {
            part(view.offset, count).map(Cow::Borrowed)
        } else {
            let values: Option<Vec<_>> = (0..count).map(|i| part(view.position(i), 1)).collect();
            values.map(|values| Cow::Owned(values.concat()))
        };
        let Some(bytes) = bytes else {
            return Err(wrong(format!(
                "needs more than the {} bytes that are there",
                storage.len()
            )));
        };
        Ok(floats(float, &bytes, &view.shape))
    }
}
