//! What a run of a DCGAN is asked to do; written to `training_options.json`.

use super::DcganStats;
use crate::{
    data::{Dataset, Provenance},
    networks::generators::{GeneratorConfig, dcgan::DcganConfig},
    train::{Effort, RunFacts, RunFolder, RunSettings, Schedule, TrainedOn, bounds},
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Everything that determines a run, apart from the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DcganSettings {
    /// The dataset.
    #[serde(flatten)]
    pub dataset: TrainedOn,
    /// The art's name, licence and attribution, as the dataset states them.
    pub provenance: Provenance,
    /// What it was started on, in words.
    pub hardware: String,
    /// The shape of both networks.
    pub network: DcganConfig,
    /// How it is trained.
    #[serde(flatten)]
    pub recipe: DcganRecipe,
}

/// The run folder of a DCGAN.
pub type DcganRun = RunFolder<DcganSettings>;

/// How a DCGAN is trained: the flags of `guise train dcgan`, as a run stores them. The defaults are those of
/// the paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
pub struct DcganRecipe {
    /// Train until this many thousand real pictures were shown, counted from the start of the run.
    #[arg(long = "kimg", value_name = "KIMG", default_value_t = Self::default().total_kimg)]
    pub total_kimg: f64,
    /// Pictures in a step, real ones and as many generated ones.
    #[arg(long, value_name = "N", default_value_t = Self::default().batch_size, conflicts_with = "resume")]
    pub batch_size: usize,
    /// Adam's step size for both networks.
    #[arg(long, value_name = "SIZE", default_value_t = Self::default().learning_rate)]
    pub learning_rate: f64,
    /// Adam's momentum, its beta1.
    #[arg(long, value_name = "SHARE", default_value_t = Self::default().adam_beta_1, conflicts_with = "resume")]
    pub adam_beta_1: f64,
    /// Show every picture mirrored as often as not. Not for art that has a left and a right.
    #[arg(long)]
    pub mirror: bool,
    /// Write grid, checkpoint and snapshot every so many thousand pictures.
    #[arg(long, default_value_t = Self::default().snapshot_kimg)]
    pub snapshot_kimg: f64,
    /// Determines initial weights, order of the pictures and latents.
    #[arg(long, default_value_t = Self::default().seed)]
    pub seed: u64,
}

impl Default for DcganRecipe {
    fn default() -> Self {
        Self {
            total_kimg: 300.0,
            batch_size: 128,
            learning_rate: 2e-4,
            adam_beta_1: 0.5,
            mirror: false,
            snapshot_kimg: 10.0,
            seed: 0,
        }
    }
}

impl DcganRecipe {
    /// Decay of Adam's second moment, which the paper leaves as it is.
    pub const ADAM_BETA_2: f64 = 0.999;

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
        // Batch norm needs a batch: one picture has no variance between pictures.
        bounds::within("batch_size", self.batch_size, 2, 1 << 20)?;
        bounds::more_than_zero("learning_rate", self.learning_rate)?;
        bounds::share("adam_beta_1", self.adam_beta_1)?;
        match self.adam_beta_1 < 1.0 {
            true => Ok(()),
            false => Err("adam_beta_1 is 1, expected less than 1".into()),
        }
    }
}

impl DcganSettings {
    /// What a run on `dataset`, which lies at `data`, is asked to do.
    pub fn new(dataset: &Dataset, data: &Path, recipe: DcganRecipe) -> Self {
        Self {
            dataset: TrainedOn::new(dataset, data),
            provenance: dataset.provenance().clone(),
            hardware: String::new(),
            network: DcganConfig::of_resolution(dataset.resolution()),
            recipe,
        }
    }
}

impl From<DcganSettings> for RunFacts {
    fn from(settings: DcganSettings) -> Self {
        Self {
            generator: GeneratorConfig::Dcgan(settings.network),
            dataset: settings.dataset,
            provenance: settings.provenance,
            hardware: settings.hardware,
            before: Effort::default(),
        }
    }
}

impl RunSettings for DcganSettings {
    type Stats = DcganStats;

    const KIND: &str = "dcgan";
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
        self.recipe.validate()
    }
}

#[cfg(test)]
pub(in crate::train) mod tests {
    use super::*;

    pub(crate) fn tiny() -> DcganSettings {
        DcganSettings {
            dataset: TrainedOn {
                data: "nowhere".into(),
                dataset_len: 8,
                dataset_digest: String::new(),
            },
            provenance: Provenance::default(),
            hardware: String::new(),
            network: DcganConfig {
                z_dim: 8,
                ngf: 4,
                ndf: 4,
                ..DcganConfig::of_resolution(16)
            },
            recipe: DcganRecipe {
                batch_size: 4,
                total_kimg: 1.0,
                snapshot_kimg: 1.0,
                seed: 7,
                ..DcganRecipe::default()
            },
        }
    }

    #[test]
    fn every_field_is_checked() {
        tiny().validate().unwrap();
        let sound = serde_json::to_value(tiny()).unwrap();
        let network = |field: &str, value: usize| {
            let mut network = sound["network"].clone();
            network[field] = value.into();
            network.to_string()
        };
        for (field, value, said) in [
            ("dataset_len", "0", "dataset_len is 0"),
            ("batch_size", "1", "batch_size is 1, expected at least 2"),
            ("total_kimg", "0.0", "total_kimg is 0, expected more than 0"),
            ("snapshot_kimg", "0.0", "snapshot_kimg is 0, expected more than 0"),
            (
                "learning_rate",
                "-1.0",
                "learning_rate is -1, expected more than 0",
            ),
            ("adam_beta_1", "-0.5", "adam_beta_1 is -0.5, expected 0 to 1"),
            ("adam_beta_1", "1.0", "adam_beta_1 is 1, expected less than 1"),
            ("network", &network("resolution", 48), "resolution is 48"),
            ("network", &network("ngf", 1 << 20), "ngf is 1048576"),
            (
                "network",
                &network("img_channels", 1),
                "img_channels is 1, expected at least 3",
            ),
        ] {
            let mut edited = sound.clone();
            edited[field] = serde_json::from_str(value).unwrap();
            let settings: DcganSettings = serde_json::from_value(edited).unwrap();
            let error = settings.validate().unwrap_err();
            assert!(error.starts_with(said), "{error}");
            assert!(error.len() < 100, "{error}");
        }
        let mut settings = tiny();
        settings.recipe.learning_rate = f64::NAN;
        assert!(settings.validate().is_err());
    }
}
