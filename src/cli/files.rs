//! Reading files of which nothing is known yet.

use anyhow::Context;
use std::{fs::File, io::Read, path::Path};

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
