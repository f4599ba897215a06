//! VQGANs of others: the authors' checkpoints and diffusers' folders in, safetensors out and in.

mod described;
mod names;

use super::{Error, Found, Importable, Imported, named::by_our_names, read};
use crate::{
    networks::{
        NetworkConfig,
        generators::vqgan::{VqGan, VqGanConfig},
        layers::ConfigError,
    },
    weights::{Tensors, apply, shapes},
};
use burn::{module::Module, tensor::Device};
use names::Names;

fn fail(problem: impl Into<String>) -> Error {
    Error::VqGan(problem.into())
}

/// A VQGAN on the host.
pub type VqGanModel = Imported<VqGanConfig>;

impl Importable for VqGanConfig {
    const ARCHITECTURES: &[&str] = &["VQGAN"];
    const COMMAND: &str = "guise import vqgan";

    fn check(&self) -> Result<(), ConfigError> {
        self.validate()
    }
}

impl VqGanModel {
    /// Reads what taming-transformers writes: a checkpoint such as `last.ckpt`, and the `model.yaml` that
    /// says what network it is of. The networks of its losses are left out.
    ///
    /// No memory is taken on `device`: the network is only described there, to compare names and shapes.
    ///
    /// # Errors
    ///
    /// When a file is damaged, describes another kind of network, or the two contradict each other.
    pub fn from_taming(
        checkpoint: &[u8],
        yaml: &[u8],
        license: String,
        source: String,
        device: &Device,
    ) -> Result<Self, Error> {
        let config = described::by_taming(yaml)?;
        Self::new(
            config,
            Names::Taming,
            read(checkpoint)?,
            (license, source),
            device,
        )
    }

    /// Reads what diffusers writes for a `VQModel`: its weights, as safetensors or a PyTorch file, and its
    /// `config.json`.
    ///
    /// No memory is taken on `device`, as with [`from_taming`](Self::from_taming).
    ///
    /// # Errors
    ///
    /// When a file is damaged, describes another kind of network, or the two contradict each other.
    pub fn from_diffusers(
        weights: &[u8],
        json: &[u8],
        license: String,
        source: String,
        device: &Device,
    ) -> Result<Self, Error> {
        let config = described::by_diffusers(json)?;
        Self::new(
            config,
            Names::Diffusers,
            read(weights)?,
            (license, source),
            device,
        )
    }

    fn new(
        config: VqGanConfig,
        names: Names,
        found: Found,
        (license, source): (String, String),
        device: &Device,
    ) -> Result<Self, Error> {
        config.validate()?;
        let tensors = names_of_ours(&config, names, found, device)?;
        Ok(Self {
            config,
            tensors,
            license,
            source,
        })
    }

    /// The network on `device`, with frozen weights.
    ///
    /// # Errors
    ///
    /// When the weights are not those of this network.
    pub fn network(&self, device: &Device) -> Result<VqGan, Error> {
        Ok(apply(self.config.init(device).no_grad(), &self.tensors)?)
    }
}

/// Those of `found` that the network of this shape has, by our names. What is wrong is said in the file's own
/// names.
fn names_of_ours(
    config: &VqGanConfig,
    names: Names,
    found: Found,
    device: &Device,
) -> Result<Tensors, Error> {
    let found: Found = found
        .into_iter()
        .filter(|(key, _)| !names.is_beside(key))
        .map(|(key, value)| (names.today(&key), value))
        .collect();
    check_codebook(config, names, &found)?;
    by_our_names(
        shapes(&config.init(device)),
        found,
        |name| names.of(name, config),
        fail,
    )
}

/// The codebook tells most about whether weights and description belong together, so it comes first.
fn check_codebook(config: &VqGanConfig, names: Names, found: &Found) -> Result<(), Error> {
    let key = names.of("codebook", config);
    let Some(Ok(data)) = found.get(&key) else {
        return Ok(());
    };
    let (size, dim) = (config.codebook_size, config.codebook_dim);
    match data.shape()[..] == [size, dim] {
        true => Ok(()),
        false => Err(fail(format!(
            "{key} has shape {:?}, and {} says [{size}, {dim}], which is {}: take the description that was \
             written with these weights",
            &data.shape()[..],
            names.description(),
            names.codebook_fields()
        ))),
    }
}
