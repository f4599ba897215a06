//! Where downloaded bytes go: a file beside the collection's own, or memory; never more than was agreed.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::failure::Failure;

/// What the names of files begin with that are being downloaded.
const PARTIAL: &str = ".collect-";
/// Enough to tell the type of any file.
const HEAD: usize = 4096;

/// Takes the bytes of an answer as they come.
pub(super) trait Sink {
    /// Forgets everything: another answer follows.
    fn restart(&mut self) -> Result<(), Failure>;
    /// Takes the next bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure>;
    /// The most bytes that it takes.
    fn limit(&self) -> u64;
}

pub(super) fn too_large(limit: u64) -> Failure {
    Failure::lasting(format!(
        "larger than {limit} bytes, the limit for such a file (--max-bytes)"
    ))
}

/// Small answers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub bytes: Vec<u8>,
    limit: u64,
}

impl Memory {
    pub fn new(limit: u64) -> Self {
        Self { bytes: vec![], limit }
    }
}

impl Sink for Memory {
    fn restart(&mut self) -> Result<(), Failure> {
        self.bytes.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if (self.bytes.len() + bytes.len()) as u64 > self.limit {
            return Err(too_large(self.limit));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn limit(&self) -> u64 {
        self.limit
    }
}

/// A file that gets its name when it is whole, so that a picture takes no memory. Dropped, it is gone; what a
/// kill leaves behind is hidden, and gone with [`clear`].
#[derive(Debug)]
pub(super) struct Spool {
    file: NamedTempFile,
    hash: Sha256,
    head: Vec<u8>,
    length: u64,
    limit: u64,
}

impl Spool {
    pub fn new(folder: &Path, limit: u64) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PARTIAL);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As other programs create files; the default is for secrets.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        Ok(Self {
            file: builder.tempfile_in(folder)?,
            hash: Sha256::new(),
            head: vec![],
            length: 0,
            limit,
        })
    }

    /// The first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// The SHA-256 of all that was written, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    /// All that was written, if it is at most `limit` bytes.
    pub fn bytes(&mut self, limit: u64) -> Result<Vec<u8>, Failure> {
        if self.length > limit {
            return Err(too_large(limit));
        }
        let mut bytes = vec![];
        let read = self.file.seek(SeekFrom::Start(0));
        read.and_then(|_| self.file.as_file_mut().read_to_end(&mut bytes))
            .map_err(Failure::disk)?;
        Ok(bytes)
    }

    /// Gives the file its name, in the place of any that has it.
    pub fn keep(self, path: &Path) -> Result<(), Failure> {
        let kept = self.file.persist(path);
        kept.map(|_| ()).map_err(|error| Failure::disk(error.error))
    }
}

impl Sink for Spool {
    fn restart(&mut self) -> Result<(), Failure> {
        let file = self.file.as_file_mut();
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .map_err(Failure::disk)?;
        self.hash.reset();
        self.head.clear();
        self.length = 0;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.length += bytes.len() as u64;
        if self.length > self.limit {
            return Err(too_large(self.limit));
        }
        let wanted = HEAD - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(wanted)]);
        self.hash.update(bytes);
        self.file.write_all(bytes).map_err(Failure::disk)
    }

    fn limit(&self) -> u64 {
        self.limit
    }
}

/// Removes what a run that was killed was downloading.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
