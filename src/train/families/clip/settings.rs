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
    /// The art's name, licence and attribution, as the dataset states them.
    pub provenance: Provenance,
    /// What it was started on, in words.
    pub hardware: String,
    /// The folder of the sentence encoder, which is not trained.
    pub text_encoder: PathBuf,
    /// Whose encoder it is and under which licence.
    pub text_provenance: Provenance,
    /// The shape of the image tower.
    pub image_tower: ImageTowerConfig,
    /// The shape of the text tower.
    pub text_tower: TextTowerConfig,
    /// Pictures in a step, each against the captions of all.
    pub batch_size: usize,
    /// AdamW's step size after the warm-up; it falls to zero along a cosine.
    pub learning_rate: f64,
    /// AdamW's decay.
    pub weight_decay: f64,
    /// The step size rises for so many thousand pictures.
    pub warmup_kimg: f64,
    /// Thousands of pictures to show in all.
    pub total_kimg: f64,
    /// Different things said about each picture, its caption among them.
    pub phrases: usize,
    /// Length of the noise that is added to a sentence, whose embedding has length one, so that other words
    /// for the same thing, which lie near, come to the same place.
    pub text_noise: f64,
    /// Pictures that are kept for evaluation.
    pub held_out: usize,
    /// Checkpoint and evaluation are written every so many thousand pictures.
    pub snapshot_kimg: f64,
    /// Determines initial weights, which pictures are held out, what is said about them, order and noise.
    pub seed: u64,
}

/// The run folder of a collection's CLIP.
pub type ClipRun = RunFolder<ClipSettings>;

impl ClipSettings {
    /// AdamW's step size in the step after `images_seen` pictures.
    pub fn learning_rate_at(&self, images_seen: u64) -> f64 {
        let kimg = images_seen as f64 / 1000.0;
        if kimg < self.warmup_kimg {
            // The first step must not be of size zero.
            let step = self.batch_size as f64 / 1000.0;
            return self.learning_rate * ((kimg + step) / self.warmup_kimg).min(1.0);
        }
        let done = (kimg - self.warmup_kimg) / (self.total_kimg - self.warmup_kimg).max(1e-9);
        self.learning_rate * cosine_decay(done)
    }
}

impl RunSettings for ClipSettings {
    type Stats = ClipStats;

    const KIND: &str = "clip";
    const FILES: &[&str] = &[ClipTrainer::EVALUATION, ClipTrainer::EXAMPLES, Sentences::FILE];

    fn collection(&self) -> &str {
        &self.provenance.name
    }

    fn schedule(&self) -> Schedule {
        Schedule {
            batch_size: self.batch_size,
            total_kimg: self.total_kimg,
            snapshot_kimg: self.snapshot_kimg,
            tick_images: 10_000,
        }
    }

    fn seed(&self) -> u64 {
        self.seed
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
        self.schedule().validate()?;
        bounds::within("batch_size", self.batch_size, 2, 1 << 20)?;
        bounds::within("phrases", self.phrases, 1, 1 << 20)?;
        bounds::within("held_out", self.held_out, 2, u32::MAX as usize)?;
        bounds::more_than_zero("learning_rate", self.learning_rate)?;
        for (field, value) in [
            ("weight_decay", self.weight_decay),
            ("warmup_kimg", self.warmup_kimg),
            ("text_noise", self.text_noise),
        ] {
            bounds::not_negative(field, value)?;
        }
        Ok(())
    }
}
