//! Reading files of which nothing is known yet, and writing files whole.

use crate::data::{Colors, Picture, PictureLimits};
use anyhow::Context;
use atomic_write_file::AtomicWriteFile;
use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
};

/// Writes a whole file or nothing.
pub(super) fn write_whole(path: &Path, contents: &[u8]) -> anyhow::Result<()> {
    let write = || {
        let mut file = AtomicWriteFile::open(path)?;
        file.write_all(contents)?;
        file.commit()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The whole file, unless it is larger than `limit` bytes, whatever its directory entry says.
pub(super) fn read_at_most(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![];
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(
        bytes.len() as u64 <= limit,
        "{} is larger than {limit} bytes: it cannot be the file that is expected here",
        path.display()
    );
    Ok(bytes)
}

/// The largest picture that is read: it is kept in memory whole, in 4 bytes a pixel.
const PICTURE_LIMITS: PictureLimits = PictureLimits {
    file_bytes: 1_000_000_000,
    side: 65_535,
    pixels: 100_000_000,
};

/// Reads a picture that may be anything, and says on standard error what of it is not used.
pub(super) fn open_picture(path: &Path, colors: Colors) -> anyhow::Result<Picture> {
    let picture = Picture::open(path, &PICTURE_LIMITS, colors)
        .with_context(|| format!("cannot read the picture {}", path.display()))?;
    for note in &picture.notes {
        eprintln!("note: {}: {note}", path.display());
    }
    Ok(picture)
}
