//! What a CLIP training is asked to do.

use super::ClipStats;
use crate::{
    data::Provenance,
    networks::encoders::collection_clip::{ImageTowerConfig, TextTowerConfig},
    train::{RunFolder, RunSettings},
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything that determines a run, apart from the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipSettings {
    /// The dataset folder.
    pub data: PathBuf,
    /// The art's name, licence and attribution, as the dataset states them.
    pub provenance: Provenance,
    /// Pictures in the dataset.
    pub dataset_len: usize,
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
    /// Length of the noise that is added to a sentence, whose embedding has length one, so that other words for the
    /// same thing, which lie near, come to the same place.
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
        self.learning_rate * 0.5 * (1.0 + (done.min(1.0) * std::f64::consts::PI).cos())
    }
}

impl RunSettings for ClipSettings {
    type Stats = ClipStats;

    const KIND: &str = "clip";

    fn collection(&self) -> &str {
        &self.provenance.name
    }

    fn validate(&self) -> Result<(), String> {
        let networks = self.image_tower.validate().and(self.text_tower.validate());
        networks.map_err(|error| error.to_string())?;
        if self.image_tower.embed_dim != self.text_tower.embed_dim {
            return Err(format!(
                "embed_dim is {} in the image tower and {} in the text tower, expected the same",
                self.image_tower.embed_dim, self.text_tower.embed_dim
            ));
        }
        for (field, value, least) in [
            ("batch_size", self.batch_size, 2),
            ("phrases", self.phrases, 1),
            ("held_out", self.held_out, 2),
        ] {
            if value < least {
                return Err(format!("{field} is {value}, expected at least {least}"));
            }
        }
        for (field, value, least) in [
            ("learning_rate", self.learning_rate, f64::MIN_POSITIVE),
            ("weight_decay", self.weight_decay, 0.0),
            ("warmup_kimg", self.warmup_kimg, 0.0),
            ("total_kimg", self.total_kimg, f64::MIN_POSITIVE),
            ("text_noise", self.text_noise, 0.0),
            ("snapshot_kimg", self.snapshot_kimg, f64::MIN_POSITIVE),
        ] {
            if !(value.is_finite() && value >= least) {
                return Err(format!(
                    "{field} is {value}, expected a finite number of at least {least}"
                ));
            }
        }
        Ok(())
    }
}
