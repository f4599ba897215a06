//! The list of a checkpoint's files with their SHA-256, in the format of `sha256sum`. It is written last, so
//! it is also the sign that everything before it was written.

use crate::{
    data::{Links, open_regular, read_regular},
    train::{Error, file_error, io_error},
};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

/// `sha256sum -c` reads it.
pub(super) const SUMS: &str = "SHA256SUMS";
/// A checkpoint has few files.
const MAX_BYTES: u64 = 1 << 16;

/// Opens a file of a checkpoint: one that is missing is damage, one that the system does not give is not.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    open_regular(path, Links::Refused).map_err(|error| damage_or_not(path, error))
}

/// Reads a file of a checkpoint, as [`open`] opens it.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    read_regular(path, Links::Refused, limit).map_err(|error| damage_or_not(path, error))
}

fn damage_or_not(path: &Path, error: std::io::Error) -> Error {
    use std::io::ErrorKind::{FileTooLarge, InvalidInput, NotFound};
    match error.kind() {
        NotFound => file_error("read", path, "it is missing"),
        FileTooLarge | InvalidInput => file_error("read", path, error),
        _ => io_error("read", path)(error),
    }
}

/// The SHA-256 of a file, in hexadecimal digits.
pub(in crate::train) fn sum(path: &Path) -> Result<String, Error> {
    let mut file = open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(io_error("read", path))? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Lists `files` of the folder `dir` in it, and waits until the list is on the disk.
pub(super) fn write(dir: &Path, files: &[String]) -> Result<(), Error> {
    let mut text = String::new();
    for name in files {
        text += &format!("{}  {name}\n", sum(&dir.join(name))?);
    }
    let path = dir.join(SUMS);
    std::fs::write(&path, text)
        .and_then(|()| File::open(&path)?.sync_all())
        .map_err(io_error("write", &path))
}

/// Makes sure that `files` are in the folder `dir` as its list says.
///
/// # Errors
///
/// [`Error::File`] for the first that is damaged, missing or not listed, or for the list itself.
pub(super) fn check(dir: &Path, files: &[String]) -> Result<(), Error> {
    let path = dir.join(SUMS);
    let wrong = |reason: String| file_error("read", &path, reason);
    let text = String::from_utf8(read(&path, MAX_BYTES)?).map_err(|error| wrong(error.to_string()))?;
    let mut listed = BTreeMap::new();
    for line in text.lines() {
        let (sum, name) = line
            .split_once(' ')
            .ok_or_else(|| wrong("it is no list of sums".into()))?;
        // The second space is a star for `sha256sum --binary`.
        listed.insert(name.trim_start_matches([' ', '*']), sum);
    }
    for name in files {
        let expected = listed
            .get(name.as_str())
            .ok_or_else(|| wrong(format!("it does not list {name}")))?;
        let path = dir.join(name);
        if sum(&path)? != expected.to_ascii_lowercase() {
            let reason = format!("it is damaged: its SHA-256 is not the one in {SUMS}");
            return Err(file_error("read", &path, reason));
        }
    }
    Ok(())
}
