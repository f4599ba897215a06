//! What a run of a transformer is asked to do; written to `training_options.json`.

use super::PriorStats;
use crate::{
    data::{Dataset, Provenance},
    networks::{
        NetworkConfig,
        generators::vqgan::{PriorConfig, VqGanConfig},
    },
    train::{RunFolder, RunSettings, Schedule, TrainedOn, bounds},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything that determines a run, apart from the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriorSettings {
    /// The dataset.
    #[serde(flatten)]
    pub dataset: TrainedOn,
    /// The art's name, license and attribution, as the dataset states them.
    pub provenance: Provenance,
    /// What it was started on, in words.
    pub hardware: String,
    /// The run of the VQGAN whose codes it learns.
    pub vqgan: PathBuf,
    /// The shape of that VQGAN.
    pub codes: VqGanConfig,
    /// The shape of the transformer.
    pub network: PriorConfig,
    /// How it is trained.
    #[serde(flatten)]
    pub recipe: PriorRecipe,
}

/// The run folder of a transformer.
pub type PriorRun = RunFolder<PriorSettings>;

/// How it is trained: the flags of `guise train transformer`, as a run stores them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(default)]
pub struct PriorRecipe {
    /// Train until this many thousand pictures were shown, counted from the start of the run.
    #[arg(long = "kimg", value_name = "KIMG", default_value_t = Self::default().total_kimg)]
    pub total_kimg: f64,
    /// Pictures in a step.
    #[arg(long, value_name = "N", default_value_t = Self::default().batch_size, conflicts_with = "resume")]
    pub batch_size: usize,
    /// AdamW's step size.
    #[arg(long, value_name = "SIZE", default_value_t = Self::default().learning_rate)]
    pub learning_rate: f64,
    /// How much AdamW pulls weights toward zero.
    #[arg(long, value_name = "WEIGHT", default_value_t = Self::default().weight_decay, conflicts_with = "resume")]
    pub weight_decay: f64,
    /// Draw samples by logits divided by this: below 1 likelier codes.
    #[arg(long, value_name = "T", default_value_t = Self::default().temperature)]
    pub temperature: f64,
    /// Draw samples of so many of the likeliest codes only.
    #[arg(long, value_name = "N", default_value_t = Self::default().top_k)]
    pub top_k: usize,
    /// Write grid, checkpoint and snapshot every so many thousand pictures.
    #[arg(long, value_name = "KIMG", default_value_t = Self::default().snapshot_kimg)]
    pub snapshot_kimg: f64,
    /// Determines initial weights, the order of the pictures, and samples.
    #[arg(long, default_value_t = Self::default().seed)]
    pub seed: u64,
}

impl Default for PriorRecipe {
    fn default() -> Self {
        Self {
            total_kimg: 300.0,
            batch_size: 16,
            learning_rate: 5e-4,
            weight_decay: 0.01,
            temperature: 1.0,
            top_k: 100,
            snapshot_kimg: 10.0,
            seed: 0,
        }
    }
}

impl PriorRecipe {
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
        bounds::more_than_zero("learning_rate", self.learning_rate)?;
        bounds::not_negative("weight_decay", self.weight_decay)?;
        bounds::more_than_zero("temperature", self.temperature)?;
        bounds::within("top_k", self.top_k, 1, 1 << 16)
    }
}

impl PriorSettings {
    /// What a run on `dataset`, which lies at `data`, over the codes of the VQGAN of shape `codes` in the run
    /// `vqgan` is asked to do.
    pub fn new(
        (vqgan, codes): (&Path, VqGanConfig),
        dataset: &Dataset,
        data: &Path,
        recipe: PriorRecipe,
    ) -> Self {
        Self {
            dataset: TrainedOn::new(dataset, data),
            provenance: dataset.provenance().clone(),
            hardware: String::new(),
            vqgan: vqgan.canonicalize().unwrap_or_else(|_| vqgan.to_owned()),
            network: PriorConfig::small(codes.codebook_size, codes.grid()),
            codes,
            recipe,
        }
    }
}

impl RunSettings for PriorSettings {
    type Stats = PriorStats;

    const KINDS: &[&str] = &["transformer"];
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
        self.codes.validate().map_err(|error| format!("codes.{error}"))?;
        self.network.validate().map_err(|error| error.to_string())?;
        bounds::within("codes.img_channels", self.codes.img_channels, 3, 3)?;
        let (codes, grid) = (self.codes.codebook_size, self.codes.grid());
        bounds::within("codebook_size", self.network.codebook_size, codes, codes)?;
        bounds::within("grid", self.network.grid, grid, grid)?;
        self.recipe.validate()
    }
}
