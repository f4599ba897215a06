//! The format of PyTorch before version 1.6, in which FID's Inception is published.
//!
//! Five pickles follow each other: a magic number, the format's version, facts about the machine, the state
//! dict, and the names of the storages. Then the storages come in this order, each with its number of values
//! before it.

use super::{MAX_PICKLE_BYTES, View, fail, pickle::Pickle};
use crate::weights::foreign::{Error, shortened};
use std::collections::BTreeMap;

/// The magic number, as a pickle.
const MAGIC: [u8; 15] = *b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
/// The version, 1001, as a pickle.
const VERSION: [u8; 6] = *b"\x80\x02M\xe9\x03.";

/// Whether a file is in this format.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// A file in this format.
pub(super) struct Row<'a> {
    /// By their dotted names.
    pub(super) tensors: BTreeMap<String, View<'a>>,
    /// The bytes of each storage, by its name.
    pub(super) storages: BTreeMap<&'a str, &'a [u8]>,
}

impl<'a> Row<'a> {
    /// Reads where everything stands in a file that begins with the magic number.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        let rest = &bytes[MAGIC.len()..];
        let rest = rest
            .strip_prefix(&VERSION)
            .ok_or_else(|| fail("is of a version of the old format that is unknown here"))?;
        let (_, rest) = pickle(rest)?;
        let (state, rest) = pickle(rest)?;
        let (names, mut rest) = pickle(rest)?;
        let names = names
            .texts()
            .ok_or_else(|| fail("is damaged: it does not name its storages"))?;
        let types = state.storages();
        let mut storages = BTreeMap::new();
        for name in names {
            let wrong =
                |problem: &str| fail(format!("is damaged: the storage {} {problem}", shortened(name)));
            let dtype = types.get(name).ok_or_else(|| wrong("belongs to no tensor"))?;
            let width = width(dtype).ok_or_else(|| wrong("is of a type that is unknown here"))?;
            let (count, after) = rest
                .split_first_chunk()
                .ok_or_else(|| wrong("is not there: the file is truncated"))?;
            let size = usize::try_from(u64::from_le_bytes(*count))
                .ok()
                .and_then(|count| count.checked_mul(width));
            let (storage, after) = size
                .and_then(|size| after.split_at_checked(size))
                .ok_or_else(|| wrong("is larger than what is left of the file, which may be truncated"))?;
            storages.insert(name, storage);
            rest = after;
        }
        Ok(Self {
            tensors: state.tensors()?,
            storages,
        })
    }
}

/// The next pickle, which is no longer than those of the largest models.
fn pickle(bytes: &[u8]) -> Result<(Pickle<'_>, &[u8]), Error> {
    let limit = bytes.len().min(MAX_PICKLE_BYTES as usize);
    let (pickle, rest) = Pickle::read(&bytes[..limit])?;
    let read = limit - rest.len();
    Ok((pickle, &bytes[read..]))
}

/// Bytes of a value, by PyTorch's name for a storage of its type.
fn width(dtype: &str) -> Option<usize> {
    Some(match dtype {
        "ByteStorage" | "CharStorage" | "BoolStorage" => 1,
        "HalfStorage" | "BFloat16Storage" | "ShortStorage" => 2,
        "FloatStorage" | "IntStorage" => 4,
        "DoubleStorage" | "LongStorage" | "ComplexFloatStorage" => 8,
        "ComplexDoubleStorage" => 16,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::weights::foreign::pytorch::read;

    const FILE: &[u8] = include_bytes!("../../../../tests/fixtures/inception/legacy.pth");

    #[test]
    fn a_state_dict_of_the_old_format_is_read() {
        let found = read(FILE).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["a", "b.c", "b.count", "half"]);
        let values = |name: &str| {
            let data = found[name].as_ref().unwrap();
            (data.shape().to_vec(), data.iter::<f32>().collect::<Vec<_>>())
        };
        assert_eq!(values("a"), (vec![3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
        assert_eq!(values("b.c"), (vec![3], vec![1.0, 2.0, 3.0]));
        assert_eq!(values("half"), (vec![2], vec![0.5, -2.0]));
        let said = found["b.count"].as_ref().unwrap_err();
        assert!(said.contains("LongStorage"), "{said}");
    }

    #[test]
    fn a_damaged_file_of_the_old_format_is_an_error() {
        for length in 15..FILE.len() {
            assert!(read(&FILE[..length]).is_err(), "{length} bytes");
        }
        // Whatever a byte is changed to, nothing panics; a changed value is still a value.
        for place in 15..FILE.len() {
            for change in [1, 0x20, 0x80, 0xff] {
                let mut file = FILE.to_vec();
                file[place] ^= change;
                drop(read(&file));
            }
        }
    }
}
