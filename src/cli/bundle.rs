//! Bundles on disk.

use super::{
    files::read_at_most,
    trust::{Purpose, settle},
};
use crate::{
    networks::stylegan2::Generator,
    pipeline::self_check::reference_side,
    weights::{
        Manifest,
        bundle::{load_generator, load_references},
        manifest::{File, SelfCheck},
    },
};
use anyhow::{Context, ensure};
use burn::tensor::Device;
use image::RgbaImage;
use std::path::Path;

/// A bundle that is open on a device which computes it rightly.
pub(super) struct OpenBundle {
    pub(super) manifest: Manifest,
    pub(super) generator: Generator,
    /// The one that was asked for, or the next best.
    pub(super) device: Device,
}

/// Opens the bundle in `dir`.
pub(super) fn open(dir: &Path, purpose: Purpose, device: &Device) -> anyhow::Result<OpenBundle> {
    let manifest = manifest(dir)?;
    let part = &manifest.parts.generator;
    let contents = read(dir, &part.file)?;
    let (generator, device) = settle(dir, &manifest, purpose, device, |device| {
        load_generator(part, &contents, device)
            .with_context(|| format!("cannot use {}", dir.join(&part.file.name).display()))
    })?;
    Ok(OpenBundle {
        manifest,
        generator,
        device,
    })
}

/// The manifest of the bundle in `dir`.
pub(super) fn manifest(dir: &Path) -> anyhow::Result<Manifest> {
    let path = dir.join(Manifest::FILE_NAME);
    ensure!(
        path.exists(),
        "{} is no model: it has no {}; `guise publish` makes one of a run",
        dir.display(),
        Manifest::FILE_NAME
    );
    let json = read_at_most(&path, Manifest::MAX_BYTES)?;
    Manifest::parse(&json).with_context(|| format!("cannot use {}", path.display()))
}

/// The reference pictures of the bundle in `dir`, side by side.
pub(super) fn references(dir: &Path, manifest: &Manifest, check: &SelfCheck) -> anyhow::Result<RgbaImage> {
    let contents = read(dir, &check.pictures)?;
    let side = reference_side(manifest.parts.generator.config.resolution);
    load_references(check, &contents, side)
        .with_context(|| format!("cannot use {}", dir.join(&check.pictures.name).display()))
}

/// A file of the bundle in `dir`, unless it is longer than its manifest says.
pub(super) fn read(dir: &Path, file: &File) -> anyhow::Result<Vec<u8>> {
    read_at_most(&dir.join(&file.name), file.bytes)
}
