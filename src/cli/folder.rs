//! Folders that commands write to.

use anyhow::{Context, bail};
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::Path,
};

/// Keeps others from writing to the folder `dir`, if there is one, until what is given is dropped or the
/// process ends.
#[cfg(unix)]
pub(super) fn lock(dir: &Path) -> anyhow::Result<Option<File>> {
    match File::open(dir) {
        Ok(folder) => match folder.try_lock() {
            Err(fs::TryLockError::WouldBlock) => bail!("another guise is writing there"),
            // Not every file system has locks.
            _ => Ok(Some(folder)),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot open {}", dir.display())),
    }
}

#[cfg(not(unix))]
pub(super) fn lock(_: &Path) -> anyhow::Result<Option<File>> {
    // Folders cannot be opened.
    Ok(None)
}

/// Sees that the names in the folder `dir` reach the disk, where a folder can be opened.
pub(super) fn reach_the_disk(dir: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(dir)?.sync_all(),
        false => Ok(()),
    }
}
