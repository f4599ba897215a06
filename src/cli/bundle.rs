//! Bundles on disk.

use super::{
    device::DeviceChoice,
    files::read_at_most,
    memory::Memory,
    trust::{Purpose, settle},
};
use crate::{
    networks::generators::Generator,
    pipeline::{self, Network, self_check::reference_side},
    weights::{
        Manifest,
        bundle::{load_part, load_references},
        manifest::{File, Part, SelfCheck},
    },
};
use anyhow::{Context, ensure};
use burn::tensor::Device;
use image::RgbaImage;
use std::path::Path;

/// The model card, which publishing puts beside a bundle's files without listing it in the manifest.
pub(super) const CARD: &str = "README.md";
/// A sheet of samples, put there as well.
pub(super) const SHEET: &str = "samples.png";
/// The license of the text tower's weights, put there where it asks to be passed on.
pub(super) const TEXT_TOWER_LICENSE: &str = "text_tower-LICENSE.txt";

/// Bytes of memory that opening a network takes for each of its numbers: as they are read, as the network has
/// them before, and as it has them then, with what the kernels read.
const OPENING: u64 = 16;

/// A bundle that is open on a device which computes it rightly.
pub(super) struct OpenBundle {
    pub(super) manifest: Manifest,
    pub(super) generator: Generator,
    /// The one that was asked for, or the next best.
    pub(super) device: Device,
}

/// Opens the bundle in `dir`.
pub(super) fn open(
    dir: &Path,
    purpose: Purpose,
    device: &Device,
    memory: Memory,
) -> anyhow::Result<OpenBundle> {
    let manifest = manifest(dir)?;
    let part = &manifest.parts.generator;
    let contents = read_part(dir, part, memory)?;
    let (generator, device) = settle(dir, &manifest, purpose, device, |device| {
        load_part(part, &contents, device)
            .with_context(|| format!("cannot use {}", dir.join(&part.file.name).display()))
    })
    .map_err(|error| blame(error, (dir, Some(&manifest)), None, DeviceChoice::Cpu))?;
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
    let side = reference_side(manifest.parts.generator.config.resolution());
    load_references(check, &contents, side)
        .with_context(|| format!("cannot use {}", dir.join(&check.pictures.name).display()))
}

/// A file of the bundle in `dir`, unless it is longer than its manifest says.
pub(super) fn read(dir: &Path, file: &File) -> anyhow::Result<Vec<u8>> {
    read_at_most(&dir.join(&file.name), file.bytes)
}

/// The file of a network of the bundle in `dir`, unless there is no memory for the network.
pub(super) fn read_part<C>(dir: &Path, part: &Part<C>, memory: Memory) -> anyhow::Result<Vec<u8>> {
    let bytes = part
        .file
        .bytes
        .saturating_add(part.parameters.saturating_mul(OPENING));
    let what = format!("opening {}", dir.join(&part.file.name).display());
    memory.ensure(bytes, &what, "take a smaller model")?;
    read(dir, &part.file)
}

/// What went wrong with a job, and which file or device is to blame where a network computed no numbers.
pub(super) fn blame(
    error: anyhow::Error,
    (dir, manifest): (&Path, Option<&Manifest>),
    clip: Option<&Path>,
    device: DeviceChoice,
) -> anyhow::Error {
    let Some(&pipeline::Error::NotNumbers { network }) = error.downcast_ref() else {
        return error;
    };
    let parts = manifest.map(|manifest| &manifest.parts);
    let file = match network {
        Network::Generator => parts.map(|parts| &parts.generator.file),
        Network::Upscaler => parts.and_then(|parts| Some(&parts.upscaler.as_ref()?.file)),
        Network::ImageEncoder => parts.and_then(|parts| Some(&parts.image_tower.as_ref()?.file)),
        Network::TextEncoder => parts.and_then(|parts| Some(&parts.text_tower.as_ref()?.file)),
        Network::Mapper => parts.and_then(|parts| Some(&parts.mapper.as_ref()?.file)),
    };
    let path = match (clip, network) {
        (Some(clip), Network::ImageEncoder | Network::TextEncoder) => clip.to_owned(),
        _ => file.map_or_else(|| dir.to_owned(), |file| dir.join(&file.name)),
    };
    let tell = match device {
        DeviceChoice::Cpu => "fetch or publish the model again",
        _ => "where it can be used with --device cpu, the device is to blame",
    };
    error.context(format!("cannot use {} ({tell})", path.display()))
}
