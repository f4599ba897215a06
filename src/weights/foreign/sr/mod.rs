//! Super-resolution networks of others: state dicts of PyTorch and ncnn's files in, safetensors out and in.
//!
//! A state dict does not say what network it is of. The architecture is known by a few names, sizes by
//! shapes, and after that every tensor must be there, of the shape that follows, and nothing else.

mod compact;
mod ncnn;
mod rrdb;

pub use compact::Rectifier;

use super::{Error, Found, Importable, Imported, named::by_our_names, read, shortened};
use crate::{
    networks::{
        NetworkConfig,
        layers::ConfigError,
        super_resolution::{Upscaler, UpscalerConfig},
    },
    weights::{self, apply, shapes},
};
use burn::tensor::Device;

/// A super-resolution model on the host.
pub type SuperResolution = Imported<UpscalerConfig>;

/// What training code keeps a network's weights under; the average over the training is the better one.
const WRAPPERS: [&str; 3] = ["params_ema.", "params-ema.", "params."];

impl Importable for UpscalerConfig {
    const ARCHITECTURES: &[&str] = &UpscalerConfig::ARCHITECTURES;
    const COMMAND: &str = "guise import sr";

    fn architecture(&self) -> &'static str {
        UpscalerConfig::architecture(self)
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.validate()
    }

    fn for_others(&self) -> Vec<(&'static str, String)> {
        vec![("scale", self.scale().to_string())]
    }
}

fn fail(problem: impl Into<String>) -> Error {
    Error::SuperResolution(problem.into())
}

/// How a file names the parameters of its network.
#[derive(Debug, Clone, Copy)]
enum Names {
    Compact,
    Rrdb(rrdb::Names),
}

impl SuperResolution {
    /// What stands for a license that was not stated.
    pub const UNKNOWN_LICENSE: &str = "unknown";

    /// Reads a state dict of PyTorch, a file of any version, or safetensors. `rectifier` says which one an
    /// SRVGGNetCompact has whose rectifiers have no slopes of their own.
    ///
    /// No memory is taken on `device`: the network is only described there, to compare names and shapes.
    ///
    /// # Errors
    ///
    /// When the file is damaged or of another network, with the names that it has.
    pub fn from_foreign(
        bytes: &[u8],
        rectifier: Option<Rectifier>,
        license: String,
        source: String,
        device: &Device,
    ) -> Result<Self, Error> {
        let mut found = unwrapped(read(bytes)?);
        let (config, names) = described(&found)?;
        config.validate()?;
        match &config {
            UpscalerConfig::Srvgg(config) => compact::complete(config, rectifier, &mut found)?,
            _ if rectifier.is_some() => {
                return Err(fail(format!(
                    "it is an {}, whose rectifiers are known: leave --rectifier out",
                    config.architecture()
                )));
            }
            _ => (),
        }
        let theirs = |name: &str| match (names, &config) {
            (Names::Rrdb(names), UpscalerConfig::Rrdb(config)) => names.of(name, config),
            _ => compact::theirs(name),
        };
        let tensors = by_our_names(shapes(&config.init(device)), found, theirs, fail)?;
        Ok(Self {
            config,
            tensors,
            license,
            source,
        })
    }

    /// The network on `device`.
    ///
    /// # Errors
    ///
    /// When the weights are not those of a network of this shape.
    pub fn network(&self, device: &Device) -> Result<Upscaler, Error> {
        self.config.validate()?;
        // A file may promise a network far larger than itself: it is only described until its names are
        // compared.
        Ok(apply(self.config.init(device), &self.tensors)?)
    }
}

/// The network's own tensors, by their names in it.
fn unwrapped(mut found: Found) -> Found {
    let wrapper = WRAPPERS
        .into_iter()
        .find(|wrapper| found.keys().any(|key| key.starts_with(wrapper)));
    if let Some(wrapper) = wrapper {
        found = without(found, wrapper);
    }
    // What several GPUs trained.
    let parallel = "module.";
    match found.keys().all(|key| key.starts_with(parallel)) {
        true => without(found, parallel),
        false => found,
    }
}

/// What begins with `prefix`, without it.
fn without(found: Found, prefix: &str) -> Found {
    let own = found
        .into_iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value)));
    own.collect()
}

/// What network these are the tensors of.
fn described(found: &Found) -> Result<(UpscalerConfig, Names), Error> {
    if let Some(names) = rrdb::Names::in_file(found) {
        let config = names.config(found)?;
        return Ok((UpscalerConfig::Rrdb(config), Names::Rrdb(names)));
    }
    if compact::is_one(found) {
        return Ok((UpscalerConfig::Srvgg(compact::config(found)?), Names::Compact));
    }
    let some: Vec<_> = found.keys().take(3).map(|key| shortened(key)).collect();
    let holds = match &some[..] {
        [] => "holds no tensors".to_owned(),
        some => format!("has {} tensors, such as {}", found.len(), some.join(", ")),
    };
    Err(fail(format!(
        "it {holds}, which are those of none of {}. ESRGAN, BSRGAN and Real-ESRGAN can be imported",
        UpscalerConfig::ARCHITECTURES.join(", ")
    )))
}

/// The shape of the kernels `key`.
fn kernels(found: &Found, key: &str) -> Result<[usize; 4], Error> {
    let missing = || weights::Error::Names {
        missing: vec![key.to_owned()],
        unexpected: vec![],
    };
    let value = found.get(key).ok_or_else(missing)?;
    let data = value
        .as_ref()
        .map_err(|problem| fail(format!("the tensor {key} {problem}")))?;
    let shape = data.shape().to_vec();
    let rank = shape.len();
    shape.try_into().map_err(|_| {
        fail(format!(
            "the tensor {key} has {rank} dimensions, expected the 4 of a convolution"
        ))
    })
}

/// How many numbers from `first` on are there before `key` gives a name that is not.
fn count(found: &Found, first: usize, key: impl Fn(usize) -> String) -> usize {
    (first..)
        .take_while(|&number| found.contains_key(&key(number)))
        .count()
}
