//! What a run of a VQGAN is asked to do; written to `training_options.json`.

use super::VqGanStats;
use crate::{
    data::{Dataset, Provenance},
    networks::{
        NetworkConfig,
        generators::vqgan::{PatchConfig, VqGanConfig},
    },
    train::{RunFolder, RunSettings, Schedule, TrainedOn, bounds},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything that determines a run, apart from the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VqGanSettings {
    /// The dataset.
    #[serde(flatten)]
    pub dataset: TrainedOn,
    /// The art's name, license and attribution, as the dataset states them.
    pub provenance: Provenance,
    /// What it was started on, in words.
    pub hardware: String,
    /// The shape of encoder, decoder and codebook.
    pub network: VqGanConfig,
    /// The shape of the discriminator.
    pub discriminator: PatchConfig,
    /// How it is trained.
    #[serde(flatten)]
    pub recipe: VqGanRecipe,
}

/// The run folder of a VQGAN.
pub type VqGanRun = RunFolder<VqGanSettings>;

/// The networks that there are names for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum VqGanPreset {
    /// For avatars on a CPU: a code for 4 x 4 pixels, 512 codes, under two million parameters.
    #[default]
    Small,
    /// As published: a code for 16 x 16 pixels, 1024 codes, 72 million parameters.
    #[value(name = "f16-1024")]
    F16,
    /// The same with 16384 codes.
    #[value(name = "f16-16384")]
    F16Large,
}

impl VqGanPreset {
    /// The network for pictures of this side.
    pub fn network(self, resolution: usize) -> VqGanConfig {
        let network = match self {
            Self::Small => VqGanConfig::small(resolution),
            Self::F16 => VqGanConfig::f16(1024),
            Self::F16Large => VqGanConfig::f16(16_384),
        };
        VqGanConfig {
            resolution,
            ..network
        }
    }
}

/// How it is trained: the flags of `guise train vqgan`, as a run stores them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(default)]
pub struct VqGanRecipe {
    /// Train until this many thousand pictures were shown, counted from the start of the run.
    #[arg(long = "kimg", value_name = "KIMG", default_value_t = Self::default().total_kimg)]
    pub total_kimg: f64,
    /// Pictures in a step.
    #[arg(long, value_name = "N", default_value_t = Self::default().batch_size, conflicts_with = "resume")]
    pub batch_size: usize,
    /// Adam's step size for both networks.
    #[arg(long, value_name = "SIZE", default_value_t = Self::default().learning_rate)]
    pub learning_rate: f64,
    /// Steps before the discriminator begins: until then pictures become alike, and only then real.
    #[arg(long, value_name = "STEPS", default_value_t = Self::default().disc_start, conflicts_with = "resume")]
    pub disc_start: u64,
    /// Weight of what the discriminator says, on top of the weight that follows from the gradients.
    #[arg(long, value_name = "WEIGHT", default_value_t = Self::default().disc_weight)]
    pub disc_weight: f64,
    /// Weight of the perceptual loss; with 0 only pixels are compared.
    #[arg(long, value_name = "WEIGHT", default_value_t = Self::default().perceptual_weight)]
    pub perceptual_weight: f64,
    /// Compare pictures by the image tower of a CLIP, a run of `guise train clip` or a file that `guise import
    /// clip` wrote [default: by fixed random convolutions, layer by layer].
    #[arg(long, value_name = "PATH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perceptual_clip: Option<PathBuf>,
    /// Weight of what keeps the encoder near the codes.
    #[arg(long, value_name = "WEIGHT", default_value_t = Self::default().commitment_weight)]
    pub commitment_weight: f64,
    /// Have codes be moving averages of what they stand for, instead of following a gradient.
    #[arg(long, conflicts_with = "resume")]
    pub codebook_ema: bool,
    /// What a step leaves of the averages of codes and of their use.
    #[arg(long, value_name = "SHARE", default_value_t = Self::default().codebook_decay)]
    pub codebook_decay: f64,
    /// A code that is used less than this part of its fair share is replaced by what the encoder says; with 0
    /// none is.
    #[arg(long, value_name = "PART", default_value_t = Self::default().dead_code_usage)]
    pub dead_code_usage: f64,
    /// Show every picture mirrored as often as not. Not for art that has a left and a right.
    #[arg(long)]
    pub mirror: bool,
    /// Write sheet, checkpoint and snapshot every so many thousand pictures.
    #[arg(long, value_name = "KIMG", default_value_t = Self::default().snapshot_kimg)]
    pub snapshot_kimg: f64,
    /// Determines initial weights and the order of the pictures.
    #[arg(long, default_value_t = Self::default().seed)]
    pub seed: u64,
}

impl Default for VqGanRecipe {
    fn default() -> Self {
        Self {
            total_kimg: 300.0,
            batch_size: 16,
            learning_rate: 2e-4,
            disc_start: 10_000,
            disc_weight: 0.8,
            perceptual_weight: 1.0,
            perceptual_clip: None,
            commitment_weight: 0.25,
            codebook_ema: false,
            codebook_decay: 0.99,
            dead_code_usage: 0.01,
            mirror: false,
            snapshot_kimg: 10.0,
            seed: 0,
        }
    }
}

impl VqGanRecipe {
    /// Adam's momentum, as the authors have it.
    pub const ADAM_BETA_1: f64 = 0.5;
    /// Decay of Adam's second moment.
    pub const ADAM_BETA_2: f64 = 0.9;

    /// How long it takes.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            batch_size: self.batch_size,
            total_kimg: self.total_kimg,
            snapshot_kimg: self.snapshot_kimg,
            tick_images: 1000,
            opening: None,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// In words.
    pub fn validate(&self) -> Result<(), String> {
        self.schedule().validate()?;
        // The discriminator has batch norm, and one picture may leave it a single number.
        bounds::within("batch_size", self.batch_size, 2, 1 << 20)?;
        bounds::more_than_zero("learning_rate", self.learning_rate)?;
        bounds::not_negative("disc_weight", self.disc_weight)?;
        bounds::not_negative("perceptual_weight", self.perceptual_weight)?;
        bounds::not_negative("commitment_weight", self.commitment_weight)?;
        bounds::share("codebook_decay", self.codebook_decay)?;
        if self.codebook_decay >= 1.0 {
            return Err("codebook_decay is 1, expected less than 1".into());
        }
        bounds::share("dead_code_usage", self.dead_code_usage)
    }
}

impl VqGanSettings {
    /// What a run on `dataset`, which lies at `data`, is asked to do.
    pub fn new(network: VqGanConfig, dataset: &Dataset, data: &Path, recipe: VqGanRecipe) -> Self {
        Self {
            dataset: TrainedOn::new(dataset, data),
            provenance: dataset.provenance().clone(),
            hardware: String::new(),
            discriminator: PatchConfig::of_resolution(dataset.resolution()),
            network,
            recipe,
        }
    }
}

impl RunSettings for VqGanSettings {
    type Stats = VqGanStats;

    const KINDS: &[&str] = &["vqgan"];
    const FILES: &[&str] = &[];

    fn collection(&self) -> &str {
        &self.provenance.name
    }

    fn schedule(&self) -> Schedule {
        self.recipe.schedule()
    }

    fn seed(&self) -> u64 {
        self.recipe.seed
    }

    fn validate(&self) -> Result<(), String> {
        self.dataset.validate()?;
        self.network.validate().map_err(|error| error.to_string())?;
        // Datasets are RGB.
        bounds::within("img_channels", self.network.img_channels, 3, 3)?;
        bounds::within(
            "discriminator.img_channels",
            self.discriminator.img_channels,
            3,
            3,
        )?;
        let discriminator = self.discriminator.validate(self.network.resolution);
        discriminator.map_err(|error| format!("discriminator.{error}"))?;
        self.recipe.validate()
    }
}

#[cfg(test)]
pub(in crate::train) mod tests {
    use super::*;

    pub(crate) fn tiny() -> VqGanSettings {
        VqGanSettings {
            dataset: TrainedOn {
                data: "nowhere".into(),
                dataset_len: 8,
                dataset_digest: String::new(),
                pixel_art: None,
            },
            provenance: Provenance::default(),
            hardware: String::new(),
            network: VqGanConfig {
                channels: 4,
                channel_multipliers: vec![1, 2],
                attention_levels: vec![1],
                norm_groups: 2,
                z_channels: 4,
                codebook_size: 8,
                codebook_dim: 4,
                ..VqGanConfig::small(8)
            },
            discriminator: PatchConfig {
                ndf: 4,
                ..PatchConfig::of_resolution(8)
            },
            recipe: VqGanRecipe {
                batch_size: 4,
                disc_start: 2,
                seed: 7,
                ..VqGanRecipe::default()
            },
        }
    }

    #[test]
    fn every_field_is_checked() {
        tiny().validate().unwrap();
        let sound = serde_json::to_value(tiny()).unwrap();
        for (pointer, value, said) in [
            ("/dataset_len", "0", "dataset_len is 0"),
            ("/batch_size", "1", "batch_size is 1, expected at least 2"),
            ("/total_kimg", "0.0", "total_kimg is 0"),
            ("/snapshot_kimg", "-1.0", "snapshot_kimg is -1"),
            ("/learning_rate", "0.0", "learning_rate is 0"),
            ("/disc_weight", "-1.0", "disc_weight is -1"),
            ("/perceptual_weight", "-1.0", "perceptual_weight is -1"),
            ("/commitment_weight", "-1.0", "commitment_weight is -1"),
            (
                "/codebook_decay",
                "1.0",
                "codebook_decay is 1, expected less than 1",
            ),
            (
                "/codebook_decay",
                "-0.5",
                "codebook_decay is -0.5, expected 0 to 1",
            ),
            ("/dead_code_usage", "2.0", "dead_code_usage is 2, expected 0 to 1"),
            ("/network/resolution", "9", "resolution is 9"),
            (
                "/network/img_channels",
                "1",
                "img_channels is 1, expected at least 3",
            ),
            ("/network/codebook_size", "0", "codebook_size is 0"),
            ("/discriminator/ndf", "0", "discriminator.ndf is 0"),
            (
                "/discriminator/layers",
                "5",
                "discriminator.layers is 5, expected 1 to 1",
            ),
            (
                "/discriminator/img_channels",
                "4",
                "discriminator.img_channels is 4",
            ),
        ] {
            let mut edited = sound.clone();
            *edited.pointer_mut(pointer).unwrap() = serde_json::from_str(value).unwrap();
            let settings: VqGanSettings = serde_json::from_value(edited).unwrap();
            let error = settings.validate().unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
        for preset in [VqGanPreset::Small, VqGanPreset::F16, VqGanPreset::F16Large] {
            let network = preset.network(64);
            network.validate().unwrap();
            assert_eq!(network.resolution, 64);
        }
    }
}
