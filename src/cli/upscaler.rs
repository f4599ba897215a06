//! What enlarges pictures, from a file or a bundle.

use super::{bundle, device::DeviceChoice, files::read_at_most};
use crate::weights::{
    Manifest,
    bundle::{Upscaler, load_part},
    foreign::SuperResolution,
};
use anyhow::Context;
use std::path::Path;

/// No super-resolution model that can be imported is larger.
const MAX_MODEL_BYTES: u64 = 1 << 29;

/// What enlarges.
// There is one of it.
#[allow(clippy::large_enum_variant)]
pub(super) enum Model {
    /// A super-resolution network.
    Network(Upscaler),
    /// Nothing but arithmetic: the pixels of pixel art become blocks.
    PixelArt,
}

impl Model {
    /// The model in `path`: an imported file, a bundle, or the file of a bundle that holds its upscaler. Only
    /// networks take a device.
    pub(super) fn load(path: &Path, device: DeviceChoice) -> anyhow::Result<Self> {
        let load = || -> anyhow::Result<Self> {
            let is_gguf = path
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"));
            let dir = match (path.is_dir(), is_gguf) {
                (true, _) => path,
                (false, true) => path.parent().unwrap_or(Path::new("")),
                (false, false) => {
                    let file = read_at_most(path, MAX_MODEL_BYTES)?;
                    let network = SuperResolution::from_safetensors(&file)?.network(&device.open()?)?;
                    return Ok(Self::Network(network));
                }
            };
            // Its shape stands in the manifest, not in the file.
            let manifest = dir.join(Manifest::FILE_NAME);
            let manifest = Manifest::parse(&read_at_most(&manifest, Manifest::MAX_BYTES)?)
                .with_context(|| format!("cannot use {}", manifest.display()))?;
            if path.is_dir() && manifest.pixel_grid.is_some() {
                return Ok(Self::PixelArt);
            }
            let part = manifest
                .parts
                .upscaler
                .as_ref()
                .filter(|part| path.is_dir() || path.file_name() == Some(part.file.name.as_ref()))
                .with_context(|| format!("it is no upscaler of the bundle in {}", dir.display()))?;
            let network = load_part(part, &bundle::read(dir, &part.file)?, &device.open()?)?;
            Ok(Self::Network(network))
        };
        load().with_context(|| format!("cannot use the model {}", path.display()))
    }
}
