//! VQGANs, as commands take them: runs, or imported files.

use super::{files::read_at_most, snapshot::SnapshotFlag};
use crate::{
    networks::generators::vqgan::{VqGan, VqGanConfig},
    train::vqgan::VqGanRun,
    weights::foreign::VqGanModel,
};
use anyhow::{Context, ensure};
use burn::tensor::Device;
use std::path::Path;

/// The published networks have 300 MB, and others may be wider.
const MAX_MODEL_BYTES: u64 = 1 << 32;

/// The network of a run or of a file, and its shape.
pub(super) fn open(
    path: &Path,
    snapshot: SnapshotFlag,
    device: &Device,
) -> anyhow::Result<(VqGan, VqGanConfig)> {
    if path.is_dir() {
        let run = VqGanRun::open(path)?;
        let snapshot = run.find_snapshot(snapshot.which())?;
        eprintln!("{}: {snapshot}", path.display());
        let network = run.load_snapshot(&snapshot, device)?;
        return Ok((network, run.settings.network));
    }
    ensure!(
        !snapshot.is_given(),
        "{} is no run: --snapshot is for runs",
        path.display()
    );
    let file = read_at_most(path, MAX_MODEL_BYTES)?;
    let read = VqGanModel::from_safetensors(&file).and_then(|model| {
        let network = model.network(device)?;
        Ok((network, model.config))
    });
    read.with_context(|| format!("cannot use {}", path.display()))
}
