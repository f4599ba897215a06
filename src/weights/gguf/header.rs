//! The directory at the start of a GGUF file, read with suspicion.

use super::{Error, SHAPE_KEY};
use crate::weights::shortened;
use candle_core::quantized::GgmlDType;
use std::collections::BTreeMap;

/// No tensor here has more dimensions.
pub(super) const MAX_RANK: usize = 8;

/// Tensor data begins at a multiple of this many bytes, and so does every tensor in it.
const ALIGNMENT: u64 = 32;

/// What the directory says, checked against itself and against the length of the file.
#[derive(Debug)]
pub(super) struct Header {
    /// Where tensor data begins, in bytes from the start of the file.
    pub data_offset: u64,
    /// Every tensor by name.
    pub tensors: BTreeMap<String, Entry>,
}

/// One tensor of the directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub storage: GgmlDType,
    /// The shape in which the blocks are laid out.
    pub stored_shape: Vec<usize>,
    /// The shape that the network wants, with as many elements.
    pub shape: Vec<usize>,
    /// Bytes from `data_offset` to the first block.
    pub offset: u64,
}

/// Names are what Rust fields and list positions give, so that they can be printed and compared safely.
pub(super) fn is_name(name: &str) -> bool {
    (1..=256).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn damaged(reason: impl Into<String>) -> Error {
    Error::Gguf(reason.into())
}

/// Reads and checks the directory of `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<Header, Error> {
    let mut input = Input { bytes, at: 0 };
    if input.take(4)? != b"GGUF" {
        return Err(damaged("it does not begin with the letters GGUF"));
    }
    let version = input.u32()?;
    if !(2..=3).contains(&version) {
        return Err(damaged(format!("its version is {version}, expected 2 or 3")));
    }
    let tensor_count = input.u64()?;
    let metadata_count = input.u64()?;

    // Counts are not trusted to reserve memory: a loop that runs out of bytes ends with an error.
    let mut shapes = BTreeMap::new();
    for _ in 0..metadata_count {
        let key = input.string()?;
        let kind = input.u32()?;
        if key == "general.alignment" {
            return Err(damaged("it sets general.alignment, expected the default"));
        }
        match key.strip_prefix(SHAPE_KEY) {
            Some(name) => {
                if shapes.insert(name, input.shape(kind)?).is_some() {
                    return Err(damaged(format!("{} occurs twice", shortened(key, 100))));
                }
            }
            None => input.skip_value(kind)?,
        }
    }

    let mut tensors = BTreeMap::new();
    let mut extents = vec![];
    for _ in 0..tensor_count {
        let (name, entry, size) = input.tensor(&mut shapes)?;
        extents.push((entry.offset, size));
        if tensors.insert(name.to_owned(), entry).is_some() {
            return Err(damaged(format!("the tensor {name} occurs twice")));
        }
    }
    if let Some(name) = shapes.keys().next() {
        return Err(damaged(format!(
            "it has a shape and no tensor for \"{}\"",
            shortened(name, 100)
        )));
    }

    let data_offset = (input.at as u64).next_multiple_of(ALIGNMENT);
    let data_len = (bytes.len() as u64).saturating_sub(data_offset);
    extents.sort_unstable();
    let mut end = 0;
    for (offset, size) in extents {
        if offset < end {
            return Err(damaged("two tensors share bytes"));
        }
        end = offset
            .checked_add(size)
            .filter(|&end| end <= data_len)
            .ok_or_else(|| damaged(format!("a tensor ends beyond its {} bytes", bytes.len())))?;
    }
    Ok(Header { data_offset, tensors })
}

/// A reader that never goes beyond the bytes that are there.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], Error> {
        let rest = &self.bytes[self.at..];
        match usize::try_from(count).ok().and_then(|count| rest.get(..count)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(damaged(format!(
                "it ends after {} bytes, in mid-directory",
                self.bytes.len()
            ))),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_le_bytes)
    }

    fn string(&mut self) -> Result<&'a str, Error> {
        let length = self.u64()?;
        str::from_utf8(self.take(length)?).map_err(|_| damaged("a name in it is not UTF-8"))
    }

    /// Passes over a metadata value that is not asked for.
    fn skip_value(&mut self, kind: u32) -> Result<(), Error> {
        const STRING: u32 = 8;
        const ARRAY: u32 = 9;
        if kind == STRING {
            return self.string().map(drop);
        }
        if kind != ARRAY {
            return self.take(value_size(kind)?).map(drop);
        }
        let (kind, count) = (self.u32()?, self.u64()?);
        if kind == STRING {
            for _ in 0..count {
                self.string()?;
            }
            return Ok(());
        }
        let size = count
            .checked_mul(value_size(kind)?)
            .ok_or_else(|| damaged("an array in it is endless"))?;
        self.take(size).map(drop)
    }

    /// A metadata value that is a shape: an array of `u32`.
    fn shape(&mut self, kind: u32) -> Result<Vec<usize>, Error> {
        let (element, rank) = (self.u32()?, self.u64()?);
        if (kind, element) != (9, 4) || rank > MAX_RANK as u64 {
            return Err(damaged(format!(
                "a shape in it is no array of at most {MAX_RANK} numbers"
            )));
        }
        (0..rank).map(|_| self.u32().map(|dim| dim as usize)).collect()
    }

    /// A line of the tensor directory and the bytes that the tensor takes.
    fn tensor(&mut self, shapes: &mut BTreeMap<&'a str, Vec<usize>>) -> Result<(&'a str, Entry, u64), Error> {
        let name = self.string()?;
        if !is_name(name) {
            let name = shortened(name, 40);
            return Err(damaged(format!("\"{name}\" is no name for a tensor")));
        }
        let rank = self.u32()?;
        if !(1..=4).contains(&rank) {
            return Err(damaged(format!(
                "the tensor {name} has {rank} dimensions, expected 1 to 4"
            )));
        }
        let mut dims = (0..rank).map(|_| self.u64()).collect::<Result<Vec<_>, _>>()?;
        // GGUF lists the fastest dimension first.
        dims.reverse();
        let storage = match self.u32()? {
            0 => GgmlDType::F32,
            1 => GgmlDType::F16,
            2 => GgmlDType::Q4_0,
            8 => GgmlDType::Q8_0,
            other => {
                return Err(damaged(format!(
                    "the tensor {name} is stored as type {other}, expected F32, F16, Q4_0 or Q8_0"
                )));
            }
        };
        let offset = self.u64()?;

        let endless = || {
            damaged(format!(
                "the tensor {name} claims {dims:?} values, more than any file holds"
            ))
        };
        let elements = dims
            .iter()
            .try_fold(1u64, |product, &dim| product.checked_mul(dim));
        let elements = elements
            .filter(|&elements| elements <= u32::MAX.into())
            .ok_or_else(endless)?;
        let block = storage.block_size() as u64;
        let row = dims.last().copied().unwrap_or(0);
        if elements == 0 || !row.is_multiple_of(block) || !offset.is_multiple_of(ALIGNMENT) {
            return Err(damaged(format!(
                "the tensor {name} with shape {dims:?} at {offset} is empty or not in whole blocks"
            )));
        }
        // At most 2^32 elements of at most 4 bytes: no overflow.
        let size = elements / block * storage.type_size() as u64;

        let stored_shape: Vec<_> = dims.iter().map(|&dim| dim as usize).collect();
        let shape = shapes.remove(name).unwrap_or_else(|| stored_shape.clone());
        // Saturation is no false match, as the true count is below 2^32; on 32 bits it fails later, by size.
        let true_elements = shape
            .iter()
            .fold(1u64, |product, &dim| product.saturating_mul(dim as u64));
        if true_elements != elements {
            return Err(damaged(format!(
                "the tensor {name} is stored as {dims:?} and claims {shape:?}"
            )));
        }
        Ok((
            name,
            Entry {
                storage,
                stored_shape,
                shape,
                offset,
            },
            size,
        ))
    }
}

/// Bytes of a scalar metadata value.
fn value_size(kind: u32) -> Result<u64, Error> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        other => Err(damaged(format!("it has a metadata value of type {other}"))),
    }
}
