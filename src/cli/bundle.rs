//! Bundles on disk.

use super::files::read_at_most;
use crate::{
    networks::stylegan2::Generator,
    weights::{Manifest, bundle::load_generator, manifest::File},
};
use anyhow::{Context, ensure};
use burn::tensor::Device;
use std::path::Path;

/// The manifest and the generator of the bundle in `dir`.
pub(super) fn open(dir: &Path, device: &Device) -> anyhow::Result<(Manifest, Generator)> {
    let path = dir.join(Manifest::FILE_NAME);
    ensure!(
        path.exists(),
        "{} is no model: it has no {}; `guise publish` makes one of a run",
        dir.display(),
        Manifest::FILE_NAME
    );
    let json = read_at_most(&path, Manifest::MAX_BYTES)?;
    let manifest = Manifest::parse(&json).with_context(|| format!("cannot use {}", path.display()))?;
    let part = &manifest.parts.generator;
    let contents = read(dir, &part.file)?;
    let generator = load_generator(part, &contents, device)
        .with_context(|| format!("cannot use {}", dir.join(&part.file.name).display()))?;
    Ok((manifest, generator))
}

/// A file of the bundle in `dir`, unless it is longer than its manifest says.
pub(super) fn read(dir: &Path, file: &File) -> anyhow::Result<Vec<u8>> {
    read_at_most(&dir.join(&file.name), file.bytes)
}
