//! What a run of a transformer is asked to do; written to `training_options.json`.

use super::PriorStats;
use crate::{
    data::{Dataset, Provenance},
    networks::{
        NetworkConfig,
        generators::{
            Class,
            vqgan::{PriorConfig, VqGanConfig},
        },
    },
    train::{
        Error, RunFolder, RunSettings, Schedule, TrainedOn, bounds,
        classes::{check_classes, classes_of},
    },
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
    /// Where the VQGAN was whose codes it learns; the run has a copy of its own.
    pub vqgan: PathBuf,
    /// The SHA-256 of that copy.
    pub vqgan_sha256: String,
    /// The shape of that VQGAN.
    pub codes: VqGanConfig,
    /// What tells the network's classes apart, as [`Dataset::classify`] takes it, if it has classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<String>,
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
    #[arg(
        long,
        value_name = "WEIGHT",
        default_value_t = Self::default().weight_decay,
        conflicts_with = "resume"
    )]
    pub weight_decay: f64,
    /// Pictures that it does not learn from, whose loss says when it begins to learn pictures by heart
    /// [default: a tenth of the dataset, at most 500].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<usize>,
    /// Write grid, checkpoint and snapshot every so many thousand pictures.
    #[arg(long, value_name = "KIMG", default_value_t = Self::default().snapshot_kimg)]
    pub snapshot_kimg: f64,
    /// Determines initial weights, which pictures are held out, the order of the others, and samples.
    #[arg(long, default_value_t = Self::default().seed, conflicts_with = "resume")]
    pub seed: u64,
}

impl Default for PriorRecipe {
    fn default() -> Self {
        Self {
            total_kimg: 300.0,
            batch_size: 16,
            learning_rate: 5e-4,
            weight_decay: 0.01,
            held_out: None,
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

    /// How many of so many pictures are held out.
    pub fn held_out(&self, dataset_len: usize) -> usize {
        self.held_out.unwrap_or((dataset_len / 10).clamp(1, 500))
    }

    /// Checks every field.
    ///
    /// # Errors
    /// In words.
    pub fn validate(&self) -> Result<(), String> {
        self.schedule().validate()?;
        bounds::more_than_zero("learning_rate", self.learning_rate)?;
        bounds::not_negative("weight_decay", self.weight_decay)?;
        match self.held_out {
            Some(held_out) => bounds::within("held_out", held_out, 1, u32::MAX as usize),
            None => Ok(()),
        }
    }
}

impl PriorSettings {
    /// What a run on `dataset`, which lies at `data`, over the codes of a VQGAN of shape `codes` is asked to
    /// do, which was found at `vqgan`. The classes are those that the dataset was [sorted](Dataset::classify)
    /// into.
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
            vqgan_sha256: String::new(),
            classes: dataset.classes().map(|classes| classes.by().to_owned()),
            network: PriorConfig {
                classes: classes_of(dataset),
                ..PriorConfig::small(codes.codebook_size, codes.grid())
            },
            codes,
            recipe,
        }
    }

    /// Sorts the pictures of `dataset` into the classes of this run, if it has classes, and takes over how
    /// many there are of each now.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] when it cannot be sorted so, [`Error::Settings`] when it has other classes.
    pub fn classify(&mut self, dataset: &mut Dataset) -> Result<(), Error> {
        let Some(by) = &self.classes else {
            return Ok(());
        };
        dataset.classify(by, Class::MAX)?;
        check_classes(&self.network.classes, dataset)?;
        self.network.classes = classes_of(dataset);
        Ok(())
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
        self.network
            .validate()
            .map_err(|error| format!("network.{error}"))?;
        bounds::within("codes.img_channels", self.codes.img_channels, 3, 3)?;
        let (codes, grid) = (self.codes.codebook_size, self.codes.grid());
        for (field, value, of_codes) in [
            ("codebook_size", self.network.codebook_size, codes),
            ("grid", self.network.grid, grid),
        ] {
            if value != of_codes {
                return Err(format!(
                    "network.{field} is {value}, expected {of_codes}, as the VQGAN's codes have it"
                ));
            }
        }
        if self.classes.is_some() == self.network.classes.is_empty() {
            return Err(format!(
                "classes is {:?}, expected what tells the network's {} classes apart",
                self.classes,
                self.network.classes.len()
            ));
        }
        self.recipe.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> PriorSettings {
        let codes = VqGanConfig::small(16);
        PriorSettings {
            dataset: TrainedOn {
                data: "nowhere".into(),
                dataset_len: 8,
                dataset_digest: String::new(),
                pixel_art: None,
            },
            provenance: Provenance::default(),
            hardware: String::new(),
            vqgan: "nowhere".into(),
            vqgan_sha256: String::new(),
            classes: None,
            network: PriorConfig::small(codes.codebook_size, codes.grid()),
            codes,
            recipe: PriorRecipe::default(),
        }
    }

    #[test]
    fn every_field_is_checked() {
        tiny().validate().unwrap();
        let sound = serde_json::to_value(tiny()).unwrap();
        for (pointer, value, said) in [
            ("/dataset_len", "0", "dataset_len is 0"),
            ("/batch_size", "0", "batch_size is 0"),
            ("/total_kimg", "0.0", "total_kimg is 0"),
            ("/snapshot_kimg", "-1.0", "snapshot_kimg is -1"),
            ("/learning_rate", "0.0", "learning_rate is 0"),
            ("/weight_decay", "-1.0", "weight_decay is -1"),
            ("/held_out", "0", "held_out is 0, expected at least 1"),
            ("/codes/resolution", "9", "codes.resolution is 9"),
            ("/codes/img_channels", "1", "codes.img_channels is 1"),
            (
                "/network/grid",
                "5",
                "network.grid is 5, expected 4, as the VQGAN's codes",
            ),
            (
                "/network/codebook_size",
                "511",
                "network.codebook_size is 511, expected 512",
            ),
            ("/network/width", "1", "network.width is 1, expected 1 to 2048"),
            (
                "/classes",
                "\"hair\"",
                "classes is Some(\"hair\"), expected what tells",
            ),
        ] {
            let mut edited = sound.clone();
            match edited.pointer_mut(pointer) {
                Some(field) => *field = serde_json::from_str(value).unwrap(),
                None => edited[&pointer[1..]] = serde_json::from_str(value).unwrap(),
            }
            let settings: PriorSettings = serde_json::from_value(edited).unwrap();
            let error = settings.validate().unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
    }

    #[test]
    fn a_tenth_is_held_out_at_most_500() {
        let recipe = PriorRecipe::default();
        assert_eq!([3, 120, 9000].map(|len| recipe.held_out(len)), [1, 12, 500]);
    }
}
