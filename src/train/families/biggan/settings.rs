//! What a run of a BigGAN is asked to do; written to `training_options.json`.

use super::BigGanStats;
use crate::{
    data::{Dataset, Provenance},
    networks::generators::{Class, GeneratorConfig, biggan::BigGanConfig},
    train::{
        Effort, Error, Measuring, RunFacts, RunFolder, RunSettings, Schedule, TrainedOn, bounds,
        classes::{check_classes, classes_of},
    },
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Everything that determines a run, apart from the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BigGanSettings {
    /// The dataset.
    #[serde(flatten)]
    pub dataset: TrainedOn,
    /// The art's name, license and attribution, as the dataset states them.
    pub provenance: Provenance,
    /// What it was started on, in words.
    pub hardware: String,
    /// The shape of both networks.
    pub network: BigGanConfig,
    /// What tells the network's classes apart, as [`Dataset::classify`] takes it, if it has classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<String>,
    /// How it is trained.
    #[serde(flatten)]
    pub recipe: BigGanRecipe,
}

/// The run folder of a BigGAN.
pub type BigGanRun = RunFolder<BigGanSettings>;

/// How it is trained: the flags of `guise train biggan`, as a run stores them. The defaults are those of the
/// paper but for the size of batches, which is 2048 there, and learning rates, which are half of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
pub struct BigGanRecipe {
    /// Train until this many thousand real pictures were shown, counted from the start of the run.
    #[arg(long = "kimg", value_name = "KIMG", default_value_t = Self::default().total_kimg)]
    pub total_kimg: f64,
    /// Pictures that an update of a network sees. The larger, the better: 2048 in the paper.
    #[arg(long, value_name = "N", default_value_t = Self::default().batch_size, conflicts_with = "resume")]
    pub batch_size: usize,
    /// Take every batch in so many parts, whose gradients are added up: slower, and with memory for one part
    /// only. Pictures are normalized together with those of their part.
    #[arg(long, value_name = "PARTS", default_value_t = Self::default().accumulate)]
    pub accumulate: usize,
    /// Updates of the discriminator for each of the generator, on as many batches.
    #[arg(long, value_name = "N", default_value_t = Self::default().discriminator_steps, conflicts_with = "resume")]
    pub discriminator_steps: usize,
    /// Adam's step size for the generator.
    #[arg(long, value_name = "SIZE", default_value_t = Self::default().learning_rate)]
    pub learning_rate: f64,
    /// Adam's step size for the discriminator.
    #[arg(long, value_name = "SIZE", default_value_t = Self::default().discriminator_learning_rate)]
    pub discriminator_learning_rate: f64,
    /// Adam's momentum, its beta1.
    #[arg(long, value_name = "SHARE", default_value_t = Self::default().adam_beta_1, conflicts_with = "resume")]
    pub adam_beta_1: f64,
    /// Weight of the orthogonal regularization of the generator, which lets truncated latents draw well.
    #[arg(long, value_name = "WEIGHT", default_value_t = Self::default().orthogonal_weight)]
    pub orthogonal_weight: f64,
    /// What the averaged generator keeps of itself in a step; less while a run is young.
    #[arg(long, value_name = "SHARE", default_value_t = Self::default().ema_decay)]
    pub ema_decay: f64,
    /// Show every picture mirrored as often as not. Not for art that has a left and a right.
    #[arg(long)]
    pub mirror: bool,
    /// Write grid, checkpoint and snapshot every so many thousand pictures.
    #[arg(long, default_value_t = Self::default().snapshot_kimg)]
    pub snapshot_kimg: f64,
    /// Determines initial weights, order of the pictures and latents.
    #[arg(long, default_value_t = Self::default().seed)]
    pub seed: u64,
    /// What is measured while it trains.
    #[command(flatten)]
    #[serde(flatten)]
    pub measuring: Measuring,
}

impl Default for BigGanRecipe {
    fn default() -> Self {
        Self {
            total_kimg: 300.0,
            batch_size: 64,
            accumulate: 1,
            discriminator_steps: 2,
            learning_rate: 1e-4,
            discriminator_learning_rate: 4e-4,
            adam_beta_1: 0.0,
            orthogonal_weight: 1e-4,
            ema_decay: 0.9999,
            mirror: false,
            snapshot_kimg: 10.0,
            seed: 0,
            measuring: Measuring::default(),
        }
    }
}

impl BigGanRecipe {
    /// Pictures that are in memory at once.
    pub fn part_size(&self) -> usize {
        self.batch_size / self.accumulate.max(1)
    }

    /// Real pictures that a step shows.
    pub fn shown(&self) -> usize {
        self.batch_size.saturating_mul(self.discriminator_steps)
    }

    /// What the averaged generator keeps of itself in the step of this number: nothing of its first weights,
    /// and never much of what is more than nine tenths of the run behind.
    pub fn ema_beta(&self, step: u64) -> f64 {
        let young = (1.0 + step as f64) / (10.0 + step as f64);
        self.ema_decay.min(young)
    }

    /// How long it takes.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            batch_size: self.shown(),
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
        bounds::within("batch_size", self.batch_size, 2, 1 << 20)?;
        bounds::within("discriminator_steps", self.discriminator_steps, 1, 64)?;
        // Batch norm needs a batch: one picture has no variance between pictures.
        bounds::within("accumulate", self.accumulate, 1, self.batch_size / 2)?;
        if !self.batch_size.is_multiple_of(self.accumulate) {
            return Err(format!(
                "accumulate is {}, expected a number that divides the {} pictures of a batch",
                self.accumulate, self.batch_size
            ));
        }
        bounds::more_than_zero("total_kimg", self.total_kimg)?;
        bounds::more_than_zero("snapshot_kimg", self.snapshot_kimg)?;
        self.measuring.validate()?;
        bounds::more_than_zero("learning_rate", self.learning_rate)?;
        bounds::more_than_zero("discriminator_learning_rate", self.discriminator_learning_rate)?;
        bounds::not_negative("orthogonal_weight", self.orthogonal_weight)?;
        for (field, value) in [("adam_beta_1", self.adam_beta_1), ("ema_decay", self.ema_decay)] {
            bounds::share(field, value)?;
            if value >= 1.0 {
                return Err(format!("{field} is {value}, expected less than 1"));
            }
        }
        Ok(())
    }
}

impl BigGanSettings {
    /// Decay of Adam's second moment, as in the paper.
    pub const ADAM_BETA_2: f64 = 0.999;

    /// What a run on `dataset`, which lies at `data`, is asked to do. The classes are those that the dataset
    /// was [sorted](Dataset::classify) into.
    pub fn new(dataset: &Dataset, data: &Path, deep: bool, recipe: BigGanRecipe) -> Self {
        let resolution = dataset.resolution();
        let network = match deep {
            true => BigGanConfig::deep(resolution),
            false => BigGanConfig::of_resolution(resolution),
        };
        Self {
            dataset: TrainedOn::new(dataset, data),
            provenance: dataset.provenance().clone(),
            hardware: String::new(),
            network: BigGanConfig {
                img_channels: dataset.channels(),
                classes: classes_of(dataset),
                ..network
            },
            classes: dataset.classes().map(|classes| classes.by().to_owned()),
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

impl From<BigGanSettings> for RunFacts {
    fn from(settings: BigGanSettings) -> Self {
        Self {
            generator: GeneratorConfig::BigGan(settings.network),
            dataset: settings.dataset,
            provenance: settings.provenance,
            hardware: settings.hardware,
            before: Effort::default(),
        }
    }
}

impl RunSettings for BigGanSettings {
    type Stats = BigGanStats;

    const KINDS: &[&str] = &["biggan"];
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

    fn measuring(&self) -> Option<&Measuring> {
        Some(&self.recipe.measuring)
    }

    fn validate(&self) -> Result<(), String> {
        self.dataset.validate()?;
        self.network.validate().map_err(|error| error.to_string())?;
        // Datasets are RGB, or RGB with alpha.
        bounds::within("img_channels", self.network.img_channels, 3, 4)?;
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
pub(in crate::train) mod tests {
    use super::*;

    pub(crate) fn tiny() -> BigGanSettings {
        BigGanSettings {
            dataset: TrainedOn {
                data: "nowhere".into(),
                dataset_len: 8,
                dataset_digest: String::new(),
                pixel_art: None,
            },
            provenance: Provenance::default(),
            hardware: String::new(),
            network: BigGanConfig {
                z_dim: 8,
                shared_dim: 4,
                ch: 1,
                ..BigGanConfig::of_resolution(32)
            },
            classes: None,
            recipe: BigGanRecipe {
                batch_size: 4,
                total_kimg: 1.0,
                snapshot_kimg: 1.0,
                seed: 7,
                ..BigGanRecipe::default()
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
            (
                "/batch_size",
                "2097152",
                "batch_size is 2097152, expected at most",
            ),
            (
                "/discriminator_steps",
                "0",
                "discriminator_steps is 0, expected at least 1",
            ),
            (
                "/discriminator_steps",
                "65",
                "discriminator_steps is 65, expected at most 64",
            ),
            ("/accumulate", "0", "accumulate is 0, expected at least 1"),
            // A part needs two pictures.
            ("/accumulate", "4", "accumulate is 4, expected at most 2"),
            ("/total_kimg", "0.0", "total_kimg is 0, expected more than 0"),
            (
                "/snapshot_kimg",
                "-1.0",
                "snapshot_kimg is -1, expected more than 0",
            ),
            (
                "/learning_rate",
                "0.0",
                "learning_rate is 0, expected more than 0",
            ),
            (
                "/discriminator_learning_rate",
                "-1.0",
                "discriminator_learning_rate is -1",
            ),
            (
                "/orthogonal_weight",
                "-1.0",
                "orthogonal_weight is -1, expected at least 0",
            ),
            ("/adam_beta_1", "1.0", "adam_beta_1 is 1, expected less than 1"),
            ("/ema_decay", "1.5", "ema_decay is 1.5, expected 0 to 1"),
            (
                "/network/resolution",
                "24",
                "resolution is 24, expected 32 to 256",
            ),
            ("/network/ch", "0", "ch is 0, expected 1 to 256"),
            (
                "/network/z_dim",
                "7",
                "z_dim is 7, expected 1 to 4096, a multiple of 4",
            ),
            (
                "/network/img_channels",
                "1",
                "img_channels is 1, expected at least 3",
            ),
            (
                "/network/attention",
                "32",
                "attention is 32, expected 0 or the side of maps: 8, 16",
            ),
        ] {
            let mut edited = sound.clone();
            *edited.pointer_mut(pointer).unwrap() = serde_json::from_str(value).unwrap();
            let settings: BigGanSettings = serde_json::from_value(edited).unwrap();
            let error = settings.validate().unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
        let mut settings = tiny();
        settings.recipe.batch_size = 10;
        settings.recipe.accumulate = 4;
        let error = settings.validate().unwrap_err();
        assert!(
            error.ends_with("expected a number that divides the 10 pictures of a batch"),
            "{error}"
        );
        let mut settings = tiny();
        settings.recipe.learning_rate = f64::NAN;
        assert!(settings.validate().is_err());
        let mut settings = tiny();
        settings.classes = Some("hair".into());
        let error = settings.validate().unwrap_err();
        assert!(error.starts_with("classes is Some(\"hair\")"), "{error}");
    }

    #[test]
    fn the_average_follows_closely_while_a_run_is_young() {
        let recipe = BigGanRecipe::default();
        assert_eq!(recipe.ema_beta(0), 0.1);
        assert!((recipe.ema_beta(90) - 0.91).abs() < 1e-12);
        assert_eq!(recipe.ema_beta(1 << 40), 0.9999);
    }

    #[test]
    fn memory_is_that_of_a_part_and_of_both_networks() {
        let bytes = |change: fn(&mut BigGanSettings)| {
            let mut settings = tiny();
            settings.recipe.batch_size = 64;
            settings.network.ch = 64;
            change(&mut settings);
            settings.step_bytes()
        };
        let whole = bytes(|_| ());
        let parts = bytes(|settings| settings.recipe.accumulate = 4);
        let narrow = bytes(|settings| settings.network.ch = 16);
        assert!(
            parts < whole / 2 && narrow < whole / 2,
            "{whole}, {parts}, {narrow}"
        );
        // Nothing that passes the checks overflows.
        let most = bytes(|settings| {
            settings.recipe.batch_size = 1 << 20;
            settings.network.ch = 256;
            settings.network.resolution = 256;
        });
        assert!(most > 1 << 40);
    }
}
