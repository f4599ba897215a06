//! Which family of these layers a run trains, and what follows from that.

use crate::{
    networks::generators::{GeneratorConfig, dcgan::DcganConfig},
    train::bounds,
};
use serde::Deserialize;

/// A family of DCGAN's layers. They share networks and recipe, and differ in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DcganKind {
    /// Radford et al. (2015).
    #[default]
    Dcgan,
    /// Marchesi (2017).
    #[serde(rename = "megapixel-dcgan")]
    Megapixel,
    /// At 128 pixels only.
    DeepImagify,
}

impl DcganKind {
    /// The names of all, as [`name`](Self::name) gives them.
    pub const NAMES: &[&str] = &["dcgan", "megapixel-dcgan", "deepimagify"];

    /// Its name on the command line and in run folders.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The shape of its networks for pictures of this side.
    pub(super) fn network(self, resolution: usize) -> DcganConfig {
        match self {
            Self::Dcgan => DcganConfig::of_resolution(resolution),
            Self::Megapixel => DcganConfig::megapixel(resolution),
            Self::DeepImagify => DcganConfig::deepimagify(resolution),
        }
    }

    /// What is published of it.
    pub(super) fn generator(self, network: DcganConfig) -> GeneratorConfig {
        match self {
            Self::Dcgan => GeneratorConfig::Dcgan(network),
            Self::Megapixel => GeneratorConfig::MegapixelDcgan(network),
            Self::DeepImagify => GeneratorConfig::DeepImagify(network),
        }
    }

    /// Pictures in a step for pictures of this side.
    ///
    /// A Megapixel DCGAN's have the pixels of 128 pictures of side 192 in all, and are at least 6.
    pub(super) fn batch_size(self, resolution: usize) -> usize {
        match self {
            Self::Dcgan => 128,
            Self::Megapixel => (128 * 192 * 192 / (resolution * resolution)).clamp(6, 128),
            Self::DeepImagify => 32,
        }
    }

    /// Steps in which one network is updated before it is the other's turn; with 0 every step updates both.
    pub(super) fn turn_steps(self) -> usize {
        match self {
            Self::Megapixel => 50,
            Self::Dcgan | Self::DeepImagify => 0,
        }
    }

    /// # Errors
    /// In words, unless it draws pictures of this side.
    pub(super) fn check_resolution(self, resolution: usize) -> Result<(), String> {
        let (least, most) = match self {
            Self::Dcgan => (16, 128),
            Self::Megapixel => (192, 1024),
            Self::DeepImagify => (128, 128),
        };
        bounds::within("resolution", resolution, least, most)
            .map_err(|error| format!("{error} for a {}", self.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pictures_come_in_smaller_batches() {
        let sizes = [192, 256, 512, 1024].map(|side| DcganKind::Megapixel.batch_size(side));
        assert_eq!(sizes, [128, 72, 18, 6]);
    }

    #[test]
    fn names_are_those_that_runs_store() {
        let kinds = [DcganKind::Dcgan, DcganKind::Megapixel, DcganKind::DeepImagify];
        for (kind, name) in kinds.into_iter().zip(DcganKind::NAMES) {
            assert_eq!(kind.name(), *name);
            let stored = serde_json::Value::from(*name);
            assert_eq!(serde_json::from_value::<DcganKind>(stored).unwrap(), kind);
            // And those of what is published.
            let published = serde_json::to_value(kind.generator(kind.network(128))).unwrap();
            assert_eq!(published["architecture"], *name);
        }
    }
}
