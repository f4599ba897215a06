//! What a CLIP training is asked to do.

use super::{ClipStats, ClipTrainer, Sentences};
use crate::{
    data::Provenance,
    networks::{
        NetworkConfig,
        encoders::collection_clip::{ImageTowerConfig, TextTowerConfig},
    },
    train::{RunFolder, RunSettings, Schedule, TrainedOn, bounds, schedule::cosine_decay},
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything that determines a run, apart from the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipSettings {
    /// The dataset.
    #[serde(flatten)]
    pub dataset: TrainedOn,
    /// The art's name, license and attribution, as the dataset states them.
    pub provenance: Provenance,
    /// What it was started on, in words.
    pub hardware: String,
    /// The folder of the sentence encoder, which is not trained.
    pub text_encoder: PathBuf,
    /// Whose encoder it is and under which license.
    pub text_provenance: Provenance,
    /// The shape of the image tower.
    pub image_tower: ImageTowerConfig,
    /// The shape of the text tower.
    pub text_tower: TextTowerConfig,
    /// How it is trained.
    #[serde(flatten)]
    pub recipe: ClipRecipe,
}

/// The run folder of a collection's CLIP.
pub type ClipRun = RunFolder<ClipSettings>;

/// How a CLIP is trained: the flags of `guise train clip`, as a run stores them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
pub struct ClipRecipe {
    /// Thousands of pictures to show, counted from the start of the run, by the end of which the step size
    /// has fallen to zero along a cosine.
    #[arg(long = "kimg", value_name = "KIMG", default_value_t = Self::default().total_kimg)]
    pub total_kimg: f64,
    /// Pictures in a step, each against the captions of all.
    #[arg(long, value_name = "N", default_value_t = Self::default().batch_size, conflicts_with = "resume")]
    pub batch_size: usize,
    /// AdamW's step size after the warm-up.
    #[arg(long, value_name = "SIZE", default_value_t = Self::default().learning_rate)]
    pub learning_rate: f64,
    /// AdamW's decay.
    #[arg(skip = Self::default().weight_decay)]
    pub weight_decay: f64,
    /// The step size rises for so many thousand pictures [default: a twentieth of --kimg, at most 20].
    #[arg(skip)]
    pub warmup_kimg: Option<f64>,
    /// Different things said about each picture, its caption among them.
    #[arg(long, value_name = "N", default_value_t = Self::default().phrases, conflicts_with = "resume")]
    pub phrases: usize,
    /// Length of the noise that is added to a sentence, whose embedding has length one, so that other words
    /// for the same thing, which lie near, come to the same place.
    #[arg(long, value_name = "LENGTH", default_value_t = Self::default().text_noise, conflicts_with = "resume")]
    pub text_noise: f64,
    /// Pictures that are kept for the evaluation.
    #[arg(long, value_name = "N", default_value_t = Self::default().held_out, conflicts_with = "resume")]
    pub held_out: usize,
    /// Write checkpoint and evaluation every so many thousand pictures.
    #[arg(long, default_value_t = Self::default().snapshot_kimg, conflicts_with = "resume")]
    pub snapshot_kimg: f64,
    /// Determines initial weights, which pictures are held out, what is said about them, order and noise.
    #[arg(long, default_value_t = Self::default().seed, conflicts_with = "resume")]
    pub seed: u64,
}

impl Default for ClipRecipe {
    fn default() -> Self {
        Self {
            total_kimg: 1200.0,
            batch_size: 128,
            learning_rate: 0.002,
            weight_decay: 0.05,
            warmup_kimg: None,
            phrases: 6,
            text_noise: 0.2,
            held_out: 500,
            snapshot_kimg: 100.0,
            seed: 0,
        }
    }
}

impl ClipRecipe {
    /// AdamW's step size in the step after `images_seen` pictures.
    pub fn learning_rate_at(&self, images_seen: u64) -> f64 {
        let kimg = images_seen as f64 / 1000.0;
        let warmup_kimg = self.warmup_kimg();
        if kimg < warmup_kimg {
            // The first step must not be of size zero.
            let step = self.batch_size as f64 / 1000.0;
            return self.learning_rate * ((kimg + step) / warmup_kimg).min(1.0);
        }
        let done = (kimg - warmup_kimg) / (self.total_kimg - warmup_kimg).max(1e-9);
        self.learning_rate * cosine_decay(done)
    }

    /// The step size rises for so many thousand pictures.
    pub fn warmup_kimg(&self) -> f64 {
        // In whole pictures: a number of few digits is read as it was written.
        let rule = || (self.total_kimg * 0.05 * 1000.0).round().min(20_000.0) / 1000.0;
        self.warmup_kimg.unwrap_or_else(rule)
    }

    /// How long it takes.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            batch_size: self.batch_size,
            total_kimg: self.total_kimg,
            snapshot_kimg: self.snapshot_kimg,
            tick_images: 10_000,
            opening: None,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// In words.
    pub fn validate(&self) -> Result<(), String> {
        self.schedule().validate()?;
        bounds::within("batch_size", self.batch_size, 2, 1 << 20)?;
        bounds::within("phrases", self.phrases, 1, 1 << 20)?;
        bounds::within("held_out", self.held_out, 2, u32::MAX as usize)?;
        bounds::more_than_zero("learning_rate", self.learning_rate)?;
        for (field, value) in [
            ("weight_decay", self.weight_decay),
            ("warmup_kimg", self.warmup_kimg()),
            ("text_noise", self.text_noise),
        ] {
            bounds::not_negative(field, value)?;
        }
        Ok(())
    }
}

impl RunSettings for ClipSettings {
    type Stats = ClipStats;

    const KINDS: &[&str] = &["clip"];
    const FILES: &[&str] = &[ClipTrainer::EVALUATION, ClipTrainer::EXAMPLES, Sentences::FILE];

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
        let networks = self.image_tower.validate().and(self.text_tower.validate());
        networks.map_err(|error| error.to_string())?;
        if self.image_tower.embed_dim != self.text_tower.embed_dim {
            return Err(format!(
                "embed_dim is {} in the image tower and {} in the text tower, expected the same",
                self.image_tower.embed_dim, self.text_tower.embed_dim
            ));
        }
        self.recipe.validate()
    }
}
