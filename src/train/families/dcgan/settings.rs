//! What a run of a DCGAN or one of its kin is asked to do; written to `training_options.json`.

use super::{DcganKind, DcganStats};
use crate::{
    data::{Dataset, Provenance},
    networks::generators::dcgan::DcganConfig,
    train::{Effort, Error, Measuring, RunFacts, RunFolder, RunSettings, Schedule, TrainedOn, bounds},
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Everything that determines a run, apart from the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DcganSettings {
    /// Which family it trains. Every run folder has its kind beside the settings, so it is only read here.
    #[serde(default, skip_serializing)]
    pub kind: DcganKind,
    /// The dataset.
    #[serde(flatten)]
    pub dataset: TrainedOn,
    /// The art's name, license and attribution, as the dataset states them.
    pub provenance: Provenance,
    /// What it was started on, in words.
    pub hardware: String,
    /// The shape of both networks.
    pub network: DcganConfig,
    /// How it is trained.
    #[serde(flatten)]
    pub recipe: DcganRecipe,
}

/// The run folder of a DCGAN or one of its kin.
pub type DcganRun = RunFolder<DcganSettings>;

/// How it is trained: the flags of `guise train dcgan` and its kin, as a run stores them. The defaults are
/// those of DCGAN's paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
pub struct DcganRecipe {
    /// Train until this many thousand real pictures were shown, counted from the start of the run.
    #[arg(long = "kimg", value_name = "KIMG", default_value_t = Self::default().total_kimg)]
    pub total_kimg: f64,
    /// Pictures in a step, real ones and as many generated ones [default: 128 for a dcgan, 32 for a
    /// deepimagify, for a megapixel-dcgan 128 at 192 pixels down to 6 at 1024].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub batch_size: Option<usize>,
    /// Adam's step size for both networks.
    #[arg(long, value_name = "SIZE", default_value_t = Self::default().learning_rate)]
    pub learning_rate: f64,
    /// Adam's momentum, its beta1.
    #[arg(long, value_name = "SHARE", default_value_t = Self::default().adam_beta_1, conflicts_with = "resume")]
    pub adam_beta_1: f64,
    /// Update one network for so many steps and then the other; with 0 every step updates both [default: 50
    /// for a megapixel-dcgan, otherwise 0].
    #[arg(long, value_name = "STEPS")]
    pub turn_steps: Option<usize>,
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

impl Default for DcganRecipe {
    fn default() -> Self {
        Self {
            total_kimg: 300.0,
            batch_size: None,
            learning_rate: 2e-4,
            adam_beta_1: 0.5,
            turn_steps: None,
            mirror: false,
            snapshot_kimg: 10.0,
            seed: 0,
            measuring: Measuring::default(),
        }
    }
}

impl DcganRecipe {
    /// Decay of Adam's second moment, which the paper leaves as it is.
    pub const ADAM_BETA_2: f64 = 0.999;

    /// Pictures in a step; a [run's](DcganSettings::new) recipe has them.
    pub fn batch_size(&self) -> usize {
        self.batch_size.unwrap_or(128)
    }

    /// Whether the step of this number, counted from zero, updates the generator and the discriminator.
    ///
    /// Where they take turns the discriminator's is the first.
    pub fn updates(&self, step: u64) -> Updates {
        let (generator, discriminator) = match self.turn_steps.unwrap_or(0) as u64 {
            0 => (true, true),
            steps if (step / steps).is_multiple_of(2) => (false, true),
            _ => (true, false),
        };
        Updates {
            generator,
            discriminator,
        }
    }

    /// How long it takes.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            batch_size: self.batch_size(),
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
        self.measuring.validate()?;
        // Batch norm needs a batch: one picture has no variance between pictures.
        bounds::within("batch_size", self.batch_size(), 2, 1 << 20)?;
        bounds::within("turn_steps", self.turn_steps.unwrap_or(0), 0, 1 << 20)?;
        bounds::more_than_zero("learning_rate", self.learning_rate)?;
        bounds::share("adam_beta_1", self.adam_beta_1)?;
        match self.adam_beta_1 < 1.0 {
            true => Ok(()),
            false => Err("adam_beta_1 is 1, expected less than 1".into()),
        }
    }
}

/// Which networks a step updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Updates {
    /// The generator.
    pub generator: bool,
    /// The discriminator.
    pub discriminator: bool,
}

impl DcganSettings {
    /// # Errors
    /// [`Error::Settings`] when the run trains another family than is asked for.
    pub fn expect_kind(&self, kind: DcganKind) -> Result<(), Error> {
        let [found, expected] = [self.kind, kind].map(DcganKind::name);
        match self.kind == kind {
            true => Ok(()),
            false => Err(Error::Settings(format!(
                "the run trains {found}, expected {expected}"
            ))),
        }
    }

    /// What a run of this kind on `dataset`, which lies at `data`, is asked to do.
    pub fn new(kind: DcganKind, dataset: &Dataset, data: &Path, recipe: DcganRecipe) -> Self {
        let resolution = dataset.resolution();
        let recipe = DcganRecipe {
            batch_size: recipe.batch_size.or(Some(kind.batch_size(resolution))),
            turn_steps: recipe.turn_steps.or(Some(kind.turn_steps())),
            ..recipe
        };
        Self {
            kind,
            dataset: TrainedOn::new(dataset, data),
            provenance: dataset.provenance().clone(),
            hardware: String::new(),
            network: DcganConfig {
                img_channels: dataset.channels(),
                ..kind.network(resolution)
            },
            recipe,
        }
    }
}

impl From<DcganSettings> for RunFacts {
    fn from(settings: DcganSettings) -> Self {
        Self {
            generator: settings.kind.generator(settings.network),
            dataset: settings.dataset,
            provenance: settings.provenance,
            hardware: settings.hardware,
            before: Effort::default(),
        }
    }
}

impl RunSettings for DcganSettings {
    type Stats = DcganStats;

    const KINDS: &[&str] = DcganKind::NAMES;
    const FILES: &[&str] = &[];

    fn kind(&self) -> &'static str {
        self.kind.name()
    }

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
        self.kind.check_resolution(self.network.resolution)?;
        // Datasets are RGB, or RGB with alpha.
        bounds::within("img_channels", self.network.img_channels, 3, 4)?;
        self.recipe.validate()
    }
}

#[cfg(test)]
pub(in crate::train) mod tests {
    use super::*;

    pub(crate) fn tiny() -> DcganSettings {
        DcganSettings {
            kind: DcganKind::Dcgan,
            dataset: TrainedOn {
                data: "nowhere".into(),
                dataset_len: 8,
                dataset_digest: String::new(),
                pixel_art: None,
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
                batch_size: Some(4),
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
            (
                "turn_steps",
                "1048577",
                "turn_steps is 1048577, expected at most 1048576",
            ),
            (
                "kind",
                "\"deepimagify\"",
                "resolution is 16, expected at least 128 for a deepimagify",
            ),
            (
                "kind",
                "\"megapixel-dcgan\"",
                "resolution is 16, expected at least 192",
            ),
            ("network", &network("resolution", 50), "resolution is 50"),
            (
                "network",
                &network("resolution", 192),
                "resolution is 192, expected at most 128 for a dcgan",
            ),
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

    #[test]
    fn networks_take_turns_where_they_are_asked_to() {
        let recipe = |turn_steps| DcganRecipe {
            turn_steps,
            ..DcganRecipe::default()
        };
        let both = Updates {
            generator: true,
            discriminator: true,
        };
        for turn_steps in [None, Some(0)] {
            assert!((0..9).all(|step| recipe(turn_steps).updates(step) == both));
        }
        let turns: Vec<bool> = (0..9)
            .map(|step| recipe(Some(3)).updates(step).generator)
            .collect();
        let [d, g] = [false, true];
        assert_eq!(turns, [d, d, d, g, g, g, d, d, d]);
        assert!((0..9).all(|step| {
            let Updates {
                generator,
                discriminator,
            } = recipe(Some(3)).updates(step);
            generator != discriminator
        }));
    }

    #[test]
    fn settings_of_before_there_were_kin_are_read() {
        let mut old = serde_json::to_value(tiny()).unwrap();
        let fields = old.as_object_mut().unwrap();
        fields.insert("kind".into(), "dcgan".into());
        fields.remove("turn_steps").unwrap();
        let read: DcganSettings = serde_json::from_value(old).unwrap();
        assert_eq!(read, tiny());
    }
}
