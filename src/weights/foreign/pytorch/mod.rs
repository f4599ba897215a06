//! PyTorch's files: state dicts (`torch.save`) and TorchScript programs (`torch.jit.save`), in which OpenAI
//! published CLIP.
//!
//! Since version 1.6 both are zip archives. They hold a pickle, `data.pkl`, that says how the tensors hang
//! together, and the bytes of each storage in a file of its own. Before, everything stood in one row
//! ([`legacy`]).

mod legacy;
mod pickle;
mod view;

use super::{Error, Float, Found, finite, floats, no_floats, shortened};
use burn::tensor::TensorData;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{Cursor, Read},
};
use view::View;
use zip::ZipArchive;

/// The pickles of the largest models have a tenth of this.
const MAX_PICKLE_BYTES: u64 = 4 << 20;

fn fail(problem: impl Into<String>) -> Error {
    Error::Torch {
        problem: problem.into(),
    }
}

/// Whether a file begins as PyTorch's do.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || legacy::is_one(bytes)
}

/// All tensors of a file by their dotted names, floats as `f32`.
pub(super) fn read(bytes: &[u8]) -> Result<Found, Error> {
    if legacy::is_one(bytes) {
        let file = legacy::Row::open(bytes)?;
        return gather(file.tensors, bytes.len(), |key, _| {
            let storage = file.storages.get(key);
            let missing = || fail(format!("is damaged: it lacks the storage {}", shortened(key)));
            storage.map(|&bytes| Cow::Borrowed(bytes)).ok_or_else(missing)
        });
    }
    let mut archive = Archive::open(bytes)?;
    let pickle = archive.entry("data.pkl", MAX_PICKLE_BYTES)?;
    gather(pickle::tensors(&pickle)?, bytes.len(), |key, limit| {
        archive
            .entry(&format!("data/{key}"), limit as u64)
            .map(Cow::Owned)
    })
}

/// Reads `tensors` out of their storages: `storage` gives the bytes of one, of at most so many. The file has
/// `size` bytes.
fn gather<'a>(
    mut tensors: BTreeMap<String, View<'_>>,
    size: usize,
    mut storage: impl FnMut(&str, usize) -> Result<Cow<'a, [u8]>, Error>,
) -> Result<Found, Error> {
    // Checkpoints of a training keep the network among other things.
    if tensors.keys().any(|name| name.starts_with("state_dict.")) {
        tensors = tensors
            .into_iter()
            .filter_map(|(name, view)| Some((name.strip_prefix("state_dict.")?.to_owned(), view)))
            .collect();
    }
    // Storage by storage, so that each is read once, however the tensors take turns.
    let mut storages: BTreeMap<&str, Vec<(String, View<'_>, Float)>> = BTreeMap::new();
    let mut found = Found::new();
    for (name, view) in tensors {
        match view.float {
            Some(float) => storages.entry(view.key).or_default().push((name, view, float)),
            None => drop(found.insert(name, Err(no_floats(view.dtype)))),
        }
    }
    // All tensors together are not larger than the file, and neither are all storages: two of an archive may
    // claim the same bytes.
    let [mut values_left, mut storages_left] = [size; 2];
    for (key, views) in storages {
        let storage = storage(key, storages_left)?;
        storages_left -= storage.len();
        for (name, view, float) in views {
            let value = values(&name, &view, float, &storage, &mut values_left)?;
            found.insert(name, value);
        }
    }
    Ok(found)
}

/// The values of a view of `storage`, row by row, if they take no more bytes than there are `left`.
fn values(
    name: &str,
    view: &View<'_>,
    float: Float,
    storage: &[u8],
    left: &mut usize,
) -> Result<Result<TensorData, String>, Error> {
    let wrong = |problem: String| fail(format!("is damaged: the tensor {} {problem}", shortened(name)));
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
    let part = |at: usize, count: usize| {
        let start = at.checked_mul(width)?;
        storage.get(start..start.checked_add(count * width)?)
    };
    let too_short = || {
        wrong(format!(
            "needs more than the {} bytes that are there",
            storage.len()
        ))
    };
    if view.is_contiguous() {
        let bytes = part(view.offset, count).ok_or_else(too_short)?;
        return Ok(floats(float, bytes, &view.shape));
    }
    // One by one, so that nothing but the values themselves takes memory.
    let mut gathered = Vec::with_capacity(count);
    for number in 0..count {
        let bytes = part(view.position(number), 1).ok_or_else(too_short)?;
        gathered.push(float.value(bytes));
    }
    Ok(finite(gathered, &view.shape))
}

/// The archive, and the folder in it that holds everything.
struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    folder: String,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| fail(format!("is damaged, or truncated: {error}")))?;
        let folder = (0..zip.len())
            .filter_map(|i| zip.name_for_index(i).and_then(|name| name.ok()))
            .find_map(|name| name.strip_suffix("data.pkl").map(str::to_owned))
            .ok_or_else(|| fail("has no data.pkl: it is an archive of something else"))?;
        Ok(Self { zip, folder })
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
        let mut bytes = Vec::with_capacity(entry.size() as usize);
        let length = entry
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| wrong(error.to_string()))?;
        match length as u64 <= limit {
            true => Ok(bytes),
            false => Err(wrong(format!("it has more than {limit} bytes"))),
        }
    }
}
