//! Networks that enlarge pictures, behind one trait and one closed enum.
//!
//! Everything that enlarges or publishes knows [`Enlarge`] and these enums only. An architecture is a file
//! here, a variant of each enum, and the names of its parameters in files of others (`weights/foreign/sr`).

pub mod rrdb;
pub mod srvgg;

use super::{NetworkConfig, layers::ConfigError};
use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use rrdb::{RrdbNet, RrdbNetConfig};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use srvgg::{SrvggNetCompact, SrvggNetCompactConfig};

/// Channels of the pictures.
const RGB: usize = 3;

/// What enlarges pictures.
pub trait Enlarge {
    /// How many times larger each side comes out.
    fn scale(&self) -> usize;

    /// An output pixel depends on no input pixel further from its own than this, in rows or columns.
    fn receptive_radius(&self) -> usize;

    /// What a part of a picture begins at a multiple of, in rows and columns, if it is to be enlarged as it
    /// is within the whole.
    fn alignment(&self) -> usize {
        1
    }

    /// How many numbers are there at once, about, for each pixel of the input.
    fn numbers_per_pixel(&self) -> u64;

    /// Where its weights are.
    fn device(&self) -> Device;

    /// `x [n, 3, h, w] -> [n, 3, scale h, scale w]`, both about `[0, 1]`; the output is not clamped.
    fn forward(&self, x: Tensor<4>) -> Tensor<4>;
}

/// The shape of a network that enlarges, with the name of its architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "architecture", rename_all = "lowercase")]
pub enum UpscalerConfig {
    /// Wang et al. (2021), the small one.
    Srvgg(SrvggNetCompactConfig),
    /// Wang et al. (2018).
    Rrdb(RrdbNetConfig),
}

impl Serialize for UpscalerConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Not this function: the one that serde makes for `remote`.
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for UpscalerConfig {
    /// A shape without an architecture is an SRVGGNetCompact's, which was the only one before 2026-12.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut config = serde_json::Value::deserialize(deserializer)?;
        if let Some(fields) = config.as_object_mut() {
            fields.entry("architecture").or_insert_with(|| "srvgg".into());
        }
        Self::deserialize(config).map_err(D::Error::custom)
    }
}

/// A network that enlarges, of any architecture; [`UpscalerConfig`] makes it.
// There is one of it, and its parameters lie elsewhere.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum Upscaler {
    /// Wang et al. (2021), the small one.
    Srvgg(SrvggNetCompact),
    /// Wang et al. (2018).
    Rrdb(RrdbNet),
}

impl UpscalerConfig {
    /// The names of all architectures, as their authors' code has them.
    pub const ARCHITECTURES: [&str; 2] = ["SRVGGNetCompact", "RRDBNet"];

    /// That of this one.
    pub fn architecture(&self) -> &'static str {
        let [srvgg, rrdb] = Self::ARCHITECTURES;
        match self {
            Self::Srvgg(_) => srvgg,
            Self::Rrdb(_) => rrdb,
        }
    }

    /// How many times larger each side comes out.
    pub fn scale(&self) -> usize {
        match self {
            Self::Srvgg(config) => config.outscale,
            Self::Rrdb(config) => config.scale(),
        }
    }

    /// Its layers, in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Srvgg(config) => format!(
                "{} convolutions of {} channels",
                config.num_conv + 2,
                config.num_feat
            ),
            Self::Rrdb(config) => format!(
                "{} dense blocks of {} channels",
                3 * config.num_block,
                config.num_feat
            ),
        }
    }
}

impl NetworkConfig for UpscalerConfig {
    type Network = Upscaler;

    fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Srvgg(config) => config.validate(),
            Self::Rrdb(config) => config.validate(),
        }
    }

    fn init(&self, device: &Device) -> Upscaler {
        match self {
            Self::Srvgg(config) => Upscaler::Srvgg(config.init(device)),
            Self::Rrdb(config) => Upscaler::Rrdb(config.init(device)),
        }
    }

    fn weights(&self) -> u64 {
        match self {
            Self::Srvgg(config) => config.weights(),
            Self::Rrdb(config) => config.weights(),
        }
    }
}

impl Upscaler {
    fn network(&self) -> &dyn Enlarge {
        match self {
            Self::Srvgg(network) => network,
            Self::Rrdb(network) => network,
        }
    }
}

impl Enlarge for Upscaler {
    fn scale(&self) -> usize {
        self.network().scale()
    }

    fn receptive_radius(&self) -> usize {
        self.network().receptive_radius()
    }

    fn alignment(&self) -> usize {
        self.network().alignment()
    }

    fn numbers_per_pixel(&self) -> u64 {
        self.network().numbers_per_pixel()
    }

    fn device(&self) -> Device {
        self.network().device()
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.network().forward(x)
    }
}

/// The place within `0..length` that the place `at`, counted beyond the end, has in a mirror there: the last
/// pixel itself is not repeated, as in PyTorch's `reflect`. Unlike there, pictures may be narrower than what
/// is added to them.
fn reflected(at: usize, length: usize) -> usize {
    let period = (2 * (length - 1)).max(1);
    let within = at % period;
    within.min(period - within).min(length - 1)
}

/// `x [n, c, h, w]`, grown below and on the right to multiples of `multiple` by what a mirror there would
/// show.
fn padded(x: Tensor<4>, multiple: usize) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    let grow = |x: Tensor<4>, axis: usize, length: usize| {
        let whole = length.next_multiple_of(multiple);
        if whole == length {
            return x;
        }
        let mut parts = vec![x.clone()];
        for at in length..whole {
            parts.push(x.clone().narrow(axis, reflected(at, length), 1));
        }
        Tensor::cat(parts, axis)
    };
    grow(grow(x, 2, h), 3, w)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_show_what_is_there() {
        let places = |length, more| {
            (0..length + more)
                .map(|at| reflected(at, length))
                .collect::<Vec<_>>()
        };
        assert_eq!(places(4, 3), [0, 1, 2, 3, 2, 1, 0]);
        assert_eq!(places(2, 6), [0, 1, 0, 1, 0, 1, 0, 1]);
        assert_eq!(places(1, 3), [0; 4]);
    }

    #[test]
    fn a_shape_without_an_architecture_is_that_of_before() {
        let config = SrvggNetCompactConfig {
            num_feat: 64,
            num_conv: 16,
            upscale: 4,
            outscale: 2,
        };
        let before = serde_json::to_string(&config).unwrap();
        let read: UpscalerConfig = serde_json::from_str(&before).unwrap();
        assert_eq!(read, UpscalerConfig::Srvgg(config));
        let today = serde_json::to_string(&read).unwrap();
        assert!(
            today.starts_with(r#"{"architecture":"srvgg","num_feat":64,"#),
            "{today}"
        );
        assert_eq!(serde_json::from_str::<UpscalerConfig>(&today).unwrap(), read);
        for (wrong, reason) in [
            (
                r#"{"architecture":"swan"}"#,
                "unknown variant `swan`, expected `srvgg` or `rrdb`",
            ),
            (r#"{"num_cats":3}"#, "num_cats"),
            ("3", "invalid type"),
        ] {
            let error = serde_json::from_str::<UpscalerConfig>(wrong)
                .unwrap_err()
                .to_string();
            assert!(error.contains(reason), "{wrong}: {error}");
        }
    }
}
