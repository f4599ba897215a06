//! Inception-v3 as pytorch-fid has it: its PyTorch file in, safetensors out and in.

use super::{Error, Found, Importable, Imported, batch_norm::fold, read, shortened};
use crate::{
    networks::{encoders::inception::Inception, layers::ConfigError},
    weights::{Tensors, apply, check},
};
use burn::{module::Module, tensor::Device};
use serde::{Deserialize, Serialize};

/// What torchvision adds to the variance in Inception's batch norms.
const BATCH_NORM_EPSILON: f64 = 1e-3;
/// Classes of the network that FID is measured with; torchvision's own weights have 1000, and other features.
const CLASSES: usize = 1008;

/// There is one shape only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InceptionConfig;

/// An Inception on the host.
pub type InceptionModel = Imported<InceptionConfig>;

impl Importable for InceptionConfig {
    const ARCHITECTURES: &[&str] = &["InceptionV3-FID"];
    const COMMAND: &str = "guise import inception";

    fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

impl InceptionModel {
    /// Reads what pytorch-fid loads, a state dict under torchvision's names: a PyTorch file of any version,
    /// or safetensors. What classifies is left out, because FID looks at the features below it.
    ///
    /// No memory is taken on `device`: the network is only described there, to compare names and shapes.
    ///
    /// # Errors
    ///
    /// When the file is damaged, or its tensors are not exactly those of this network.
    pub fn from_foreign(
        bytes: &[u8],
        license: String,
        source: String,
        device: &Device,
    ) -> Result<Self, Error> {
        let tensors = ours(read(bytes)?)?;
        check(&Inception::init(device), &tensors)?;
        Ok(Self {
            config: InceptionConfig,
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
    pub fn network(&self, device: &Device) -> Result<Inception, Error> {
        Ok(apply(Inception::init(device).no_grad(), &self.tensors)?)
    }
}

/// Tensors under the names of our network's parameters, with the batch norms in their convolutions.
fn ours(found: Found) -> Result<Tensors, Error> {
    let mut tensors = Tensors::new();
    for (name, value) in found {
        if name == "fc.weight"
            && !value
                .as_ref()
                .is_ok_and(|data| data.shape().first() == Some(&CLASSES))
        {
            return Err(Error::Inception(format!(
                "it does not tell {CLASSES} classes apart, so it is another than FID is measured with \
                 (torchvision's own has other features): take pt_inception-2015-12-05-6726825d.pth, which pytorch-fid uses"
            )));
        }
        // Counters, and the classifiers.
        if name.ends_with(".num_batches_tracked") || name.starts_with("fc.") || name.starts_with("AuxLogits.")
        {
            continue;
        }
        let data = value
            .map_err(|problem| Error::Inception(format!("the tensor {} {problem}", shortened(&name))))?;
        tensors.insert(name, data);
    }
    let layers: Vec<String> = tensors
        .keys()
        .filter_map(|name| Some(name.strip_suffix(".bn.running_mean")?.to_owned()))
        .collect();
    for layer in layers {
        let (norm, convolution) = (format!("{layer}.bn"), format!("{layer}.conv"));
        // Only the first letters of torchvision's names are large.
        let ours = layer.to_lowercase();
        fold(&mut tensors, &norm, &convolution, &ours, BATCH_NORM_EPSILON).map_err(Error::Inception)?;
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests;
