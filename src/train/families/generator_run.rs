//! A generator's run of any family, as those see it who draw from it or publish it.

use super::{dcgan::DcganSettings, stylegan2::TrainSettings};
use crate::{
    data::Provenance,
    networks::generators::{Generator, GeneratorConfig},
    train::{Error, RunFolder, RunSettings, TrainedOn, adversarial::read_snapshot, file_error, run_kind},
};
use burn::tensor::Device;
use std::path::{Path, PathBuf};

/// A generator's run, opened to be read.
#[derive(Debug)]
pub struct GeneratorRun {
    /// Where it is.
    pub dir: PathBuf,
    /// What its settings say.
    pub facts: RunFacts,
    /// Thousands of pictures and seconds at each line of its statistics.
    ticks: Vec<(f64, f64)>,
}

/// What the settings of every family say about a run.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// The shape of the generator.
    pub generator: GeneratorConfig,
    /// The dataset.
    pub dataset: TrainedOn,
    /// The art's name, licence and attribution, as the dataset states them.
    pub provenance: Provenance,
    /// What it was started on, in words.
    pub hardware: String,
    /// What was shown to the smaller networks that it was grown from, if any.
    pub before: Effort,
}

/// What a training took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Effort {
    /// Thousands of pictures shown.
    pub kimg: f64,
    /// Training time.
    pub duration_secs: f64,
}

impl GeneratorRun {
    /// Whether there is a run of any kind in `dir`.
    pub fn is_there(dir: &Path) -> bool {
        dir.join(RunFolder::<TrainSettings>::SETTINGS).exists()
    }

    /// Opens the run in `dir`, whatever its family.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it cannot be read, [`Error::File`] when it is no generator's or its settings are
    /// not valid.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let kind = &*run_kind(dir)?;
        if TrainSettings::KINDS.contains(&kind) {
            return Self::of::<TrainSettings>(dir);
        }
        if DcganSettings::KINDS.contains(&kind) {
            return Self::of::<DcganSettings>(dir);
        }
        let path = dir.join(RunFolder::<TrainSettings>::SETTINGS);
        let reason = format!("the run trains {kind}, expected a generator");
        Err(file_error("read", &path, reason))
    }

    fn of<S: RunSettings + Into<RunFacts>>(dir: &Path) -> Result<Self, Error> {
        let run = RunFolder::<S>::open(dir)?;
        let ticks = run
            .ticks()?
            .into_iter()
            .map(|tick| (tick.kimg, tick.duration_secs));
        Ok(Self {
            dir: run.dir.clone(),
            ticks: ticks.collect(),
            facts: run.settings.into(),
        })
    }

    /// The generator of its newest snapshot, and how many kimg it was trained for.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when the run has no snapshot yet or the newest one does not fit its settings.
    pub fn load_snapshot(&self, device: &Device) -> Result<(Generator, u64), Error> {
        let dir = &self.dir;
        match &self.facts.generator {
            GeneratorConfig::StyleGan2(config) => {
                let (network, kimg) = read_snapshot(dir, config.init_generator(device))?;
                Ok((Generator::StyleGan2(network), kimg))
            }
            GeneratorConfig::Dcgan(config)
            | GeneratorConfig::MegapixelDcgan(config)
            | GeneratorConfig::DeepImagify(config) => {
                let (network, kimg) = read_snapshot(dir, config.init_generator(device))?;
                Ok((Generator::Dcgan(network), kimg))
            }
        }
    }

    /// What the snapshot of so many whole kimg took, without what was [before](RunFacts::before).
    pub fn effort(&self, snapshot_kimg: u64) -> Effort {
        // A snapshot is named by whole kimg; the tick that was written with it has the exact figure.
        let named = snapshot_kimg as f64;
        let tick = self.ticks.iter().rev().find(|(kimg, _)| *kimg < named + 1.0);
        let (kimg, duration_secs) = tick.copied().unwrap_or_default();
        Effort {
            kimg: kimg.max(named),
            duration_secs,
        }
    }
}
