//! Latents in files, to be used in the place of a seed.

use super::files::{read_at_most, write_whole};
use crate::weights::{Tensors, foreign::safetensors};
use anyhow::{Context, anyhow, ensure};
use burn::tensor::TensorData;
use std::path::Path;

/// The name of the one tensor.
const NAME: &str = "latents";

/// No model's latents take more.
const MAX_BYTES: u64 = 16 << 20;

/// Writes `latent [layers width]`, which was found for the model in the folder `model`, whole or not at all.
pub(super) fn write_latents(
    path: &Path,
    latent: &[f32],
    [layers, width]: [usize; 2],
    model: &Path,
) -> anyhow::Result<()> {
    let data = TensorData::new(latent.to_vec(), [layers, width]);
    let tensors: Tensors = [(NAME.to_owned(), data)].into_iter().collect();
    let about = [("model".to_owned(), model.display().to_string())];
    let bytes = safetensors::write(&tensors, about.into_iter().collect())
        .with_context(|| format!("cannot write {}", path.display()))?;
    write_whole(path, &bytes)
}

/// The `[layers width]` of such a file, for a model whose latents have this shape.
pub(super) fn read_latents(path: &Path, [layers, width]: [usize; 2]) -> anyhow::Result<Vec<f32>> {
    let bytes = read_at_most(path, MAX_BYTES)?;
    let read = || {
        let (mut tensors, _) = safetensors::read(&bytes)?;
        let data = tensors.remove(NAME).filter(|_| tensors.is_empty());
        let data =
            data.ok_or_else(|| anyhow!("expected one tensor, {NAME}, as `guise project` writes it"))?;
        ensure!(
            data.shape().as_slice() == [layers, width],
            "its {NAME} are {:?}, expected [{layers}, {width}]: they are of another model",
            data.shape().as_slice()
        );
        data.convert::<f32>()
            .try_to_vec::<f32>()
            .map_err(|error| anyhow!("{error}"))
    };
    read().with_context(|| format!("cannot use {}", path.display()))
}
