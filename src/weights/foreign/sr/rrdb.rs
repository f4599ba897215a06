//! RRDBNet as ESRGAN, BSRGAN and Real-ESRGAN name its parameters.

use super::{Error, Found, count, fail, kernels};
use crate::networks::super_resolution::rrdb::RrdbNetConfig;

/// How a file names the parameters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Names {
    /// ESRGAN's first code: numbers in a sequence.
    Numbers,
    /// ESRGAN's second code, and BSRGAN's.
    Trunk,
    /// BasicSR's, and so Real-ESRGAN's.
    Body,
}

impl Names {
    /// Those of a file, if it is of this network.
    pub fn in_file(found: &Found) -> Option<Self> {
        [Self::Body, Self::Trunk, Self::Numbers]
            .into_iter()
            .find(|names| found.contains_key(&names.dense([0, 0, 0], "weight")))
    }

    /// The shape of the network whose tensors these are.
    pub fn config(self, found: &Found) -> Result<RrdbNetConfig, Error> {
        let first = self.layer("conv_first", "weight", [0, 0]);
        let [num_feat, channels, ..] = kernels(found, &first)?;
        let [num_grow, ..] = kernels(found, &self.dense([0, 0, 0], "weight"))?;
        let unshuffle = match channels {
            3 => 1,
            12 => 2,
            48 => 4,
            _ => {
                return Err(fail(format!(
                    "{first} takes {channels} channels, expected 3, or 12 or 48 of unshuffled pixels: only \
                     networks for pictures in color can be imported"
                )));
            }
        };
        Ok(RrdbNetConfig {
            num_feat,
            num_block: count(found, 0, |block| self.dense([block, 0, 0], "weight")),
            num_grow,
            doublings: count(found, 1, |number| {
                self.layer(&format!("conv_up.{}", number - 1), "weight", [0, 0])
            }),
            unshuffle,
        })
    }

    /// The file's name of the parameter `name` of a network of this shape.
    pub fn of(self, name: &str, config: &RrdbNetConfig) -> String {
        let (layer, field) = name.rsplit_once('.').unwrap_or((name, ""));
        let mut numbers = layer.split('.').filter_map(|part| part.parse().ok());
        match layer.strip_prefix("body.") {
            Some(_) => self.dense(std::array::from_fn(|_| numbers.next().unwrap_or(0)), field),
            None => self.layer(layer, field, [config.num_block, config.doublings]),
        }
    }

    /// That of a convolution of a dense block: the numbers of its residual block, of the dense block in that,
    /// and its own.
    fn dense(self, [block, dense, convolution]: [usize; 3], field: &str) -> String {
        let (dense, convolution) = (dense + 1, convolution + 1);
        match self {
            Self::Numbers => format!("model.1.sub.{block}.RDB{dense}.conv{convolution}.0.{field}"),
            Self::Trunk => format!("RRDB_trunk.{block}.RDB{dense}.conv{convolution}.{field}"),
            Self::Body => format!("body.{block}.rdb{dense}.conv{convolution}.{field}"),
        }
    }

    /// That of our `layer` outside the dense blocks, of which there are so many, as there are doublings.
    fn layer(self, layer: &str, field: &str, [blocks, doublings]: [usize; 2]) -> String {
        let doubling = layer
            .strip_prefix("conv_up.")
            .and_then(|number| number.parse().ok());
        let doubling = doubling.map(|number: usize| number + 1);
        let theirs = match (self, layer) {
            (Self::Body, _) => match doubling {
                Some(number) => format!("conv_up{number}"),
                None => layer.to_owned(),
            },
            (Self::Trunk, _) => match (doubling, layer) {
                (Some(number), _) => format!("upconv{number}"),
                (None, "conv_body") => "trunk_conv".into(),
                (None, "conv_hr") => "HRconv".into(),
                (None, _) => layer.to_owned(),
            },
            // A doubling, a convolution and its rectifier take three numbers, a rectifier one.
            (Self::Numbers, _) => match (doubling, layer) {
                (Some(number), _) => format!("model.{}", 3 * number),
                (None, "conv_first") => "model.0".into(),
                (None, "conv_body") => format!("model.1.sub.{blocks}"),
                (None, "conv_hr") => format!("model.{}", 3 * doublings + 2),
                (None, _) => format!("model.{}", 3 * doublings + 4),
            },
        };
        format!("{theirs}.{field}")
    }
}
