//! What a training run is asked to do; written to `training_options.json`.

use super::{StepStats, run::RunSettings};
use crate::{data::Provenance, networks::generators::stylegan2::StyleGan2Config};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything that determines a run, apart from the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainSettings {
    /// The dataset folder.
    pub data: PathBuf,
    /// The art's name, licence and attribution, as the dataset states them.
    pub provenance: Provenance,
    /// Pictures in the dataset.
    pub dataset_len: usize,
    /// What it was started on, in words.
    #[serde(default)]
    pub hardware: String,
    /// The shape of both networks.
    pub network: StyleGan2Config,
    /// The run at a lower resolution that the networks were grown from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grown_from: Option<GrownFrom>,
    /// Pictures in a step; a multiple of four, for the minibatch standard deviation.
    pub batch_size: usize,
    /// Adam's step size for both networks.
    pub learning_rate: f64,
    /// Weight of the R1 penalty, `r1_gamma / 2 E|grad D|^2`.
    pub r1_gamma: f64,
    /// The penalty is taken every so many steps, with as much more weight.
    pub r1_interval: usize,
    /// Half-life of the averaged generator in thousands of pictures.
    pub ema_kimg: f64,
    /// The half-life is at most this share of the pictures seen so far.
    pub ema_rampup: f64,
    /// Share of the steps whose pictures take their coarse and fine layers from two latents.
    pub style_mixing_prob: f64,
    /// Give the layers per-pixel noise. It draws grain and brush strokes that differ between pictures;
    /// in flat art it only gets in the way.
    pub noise: bool,
    /// Show every picture mirrored as often as not; wrong for art that has a left and a right.
    pub mirror: bool,
    /// Grid, checkpoint and snapshot are written every so many thousand pictures.
    pub snapshot_kimg: f64,
    /// Determines initial weights, order of the pictures, latents and noise.
    pub seed: u64,
}

/// Where the coarse layers of a run learned what they know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrownFrom {
    /// The folder of the smaller run.
    pub run: PathBuf,
    /// Side of its pictures in pixels.
    pub resolution: usize,
    /// Thousands of pictures that were shown there, by it and by whatever it was grown from itself.
    pub total_kimg: f64,
    /// Training time that this took.
    pub duration_secs: f64,
}

impl TrainSettings {
    /// Momentum of Adam; the papers use none.
    pub const ADAM_BETA_1: f64 = 0.0;
    /// Decay of Adam's second moment.
    pub const ADAM_BETA_2: f64 = 0.99;
    /// Decay of `w_avg` in a step.
    pub const W_AVG_BETA: f64 = 0.998;

    /// Decay of the averaged generator in the step that ends at `images_seen`.
    pub fn ema_beta(&self, images_seen: u64) -> f64 {
        let half_life = (self.ema_kimg * 1000.0).min(images_seen as f64 * self.ema_rampup);
        0.5f64.powf(self.batch_size as f64 / half_life.max(1e-8))
    }
}

impl RunSettings for TrainSettings {
    type Stats = StepStats;

    const KIND: &str = "stylegan2";

    fn collection(&self) -> &str {
        &self.provenance.name
    }

    fn validate(&self) -> Result<(), String> {
        self.network.validate().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn tiny() -> TrainSettings {
        TrainSettings {
            data: PathBuf::from("nowhere"),
            provenance: Provenance::default(),
            dataset_len: 8,
            hardware: String::new(),
            network: StyleGan2Config {
                z_dim: 8,
                w_dim: 8,
                num_mapping_layers: 2,
                resolution: 16,
                img_channels: 3,
                channel_base: 128,
                channel_max: 8,
            },
            grown_from: None,
            batch_size: 4,
            learning_rate: 0.003,
            r1_gamma: 0.2,
            r1_interval: 2,
            ema_kimg: 5.0,
            ema_rampup: 0.05,
            style_mixing_prob: 0.9,
            noise: true,
            mirror: false,
            snapshot_kimg: 1.0,
            seed: 7,
        }
    }

    #[test]
    fn ema_halves_after_its_half_life() {
        let settings = tiny();
        let steps = settings.ema_kimg * 1000.0 / settings.batch_size as f64;
        let late = settings.ema_beta(100_000_000);
        assert!((late.powf(steps) - 0.5).abs() < 1e-9);
        assert!(
            settings.ema_beta(1000) < late,
            "early on the average follows faster"
        );
    }
}
