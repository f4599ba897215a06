//! VQGANs, as commands take them: runs, or imported files.

use super::{files::read_at_most, memory::Memory, snapshot::SnapshotFlag};
use crate::{
    art::PixelArt,
    networks::generators::vqgan::{VqGan, VqGanConfig},
    train::vqgan::VqGanRun,
    weights::foreign::VqGanModel,
};
use anyhow::{Context, ensure};
use burn::tensor::Device;
use std::path::Path;

/// The published networks have 300 MB, and others may be wider.
const MAX_MODEL_BYTES: u64 = 1 << 32;
/// The file, its tensors, and the network.
const COPIES: u64 = 3;

/// A network, and what is known of it.
pub(super) struct Opened {
    pub(super) network: VqGan,
    pub(super) config: VqGanConfig,
    /// The grid and the palette of what it was trained on, if that is known to be pixel art.
    pub(super) pixel_art: Option<PixelArt>,
}

/// Whether `path` is what [`open`] opens, before anything is read but what a run says of itself.
pub(super) fn is_there(path: &Path) -> bool {
    path.is_file() || VqGanRun::is_there(path)
}

/// The network of a run or of a file.
pub(super) fn open(
    path: &Path,
    snapshot: SnapshotFlag,
    device: &Device,
    memory: Memory,
) -> anyhow::Result<Opened> {
    if path.is_dir() {
        let run = VqGanRun::open(path)?;
        let snapshot = run.find_snapshot(snapshot.which())?;
        eprintln!("{}: {snapshot}", path.display());
        let network = run.load_snapshot(&snapshot, device)?;
        return Ok(Opened {
            network,
            config: run.settings.network,
            pixel_art: run.settings.dataset.pixel_art,
        });
    }
    ensure!(
        !snapshot.is_given(),
        "{} is no run: --snapshot is for runs",
        path.display()
    );
    let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let what = format!("opening {}", path.display());
    memory.ensure(length.saturating_mul(COPIES), &what, "take a smaller VQGAN")?;
    let file = read_at_most(path, MAX_MODEL_BYTES)?;
    let read = VqGanModel::from_safetensors(&file).and_then(|model| {
        let network = model.network(device)?;
        Ok((network, model.config))
    });
    let (network, config) = read.with_context(|| format!("cannot use {}", path.display()))?;
    Ok(Opened {
        network,
        config,
        pixel_art: None,
    })
}
