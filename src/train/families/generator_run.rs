//! A generator's run of any family, as those see it who draw from it or publish it.

use super::{
    biggan::BigGanSettings, dcgan::DcganSettings, stylegan2::TrainSettings, transformer::PriorSettings,
};
use crate::{
    data::Provenance,
    networks::generators::{Generator, GeneratorConfig},
    train::{
        Error, Figures, RunFolder, RunSettings, Snapshot, TrainedOn, Which, file_error, run_kind,
        snapshots::find,
    },
};
use burn::{module::Module, tensor::Device};
use std::path::{Path, PathBuf};

/// A generator's run, opened to be read.
#[derive(Debug)]
pub struct GeneratorRun {
    /// Where it is.
    pub dir: PathBuf,
    /// What its settings say.
    pub facts: RunFacts,
    /// The lines of its statistics.
    ticks: Vec<Line>,
}

/// What a line of the statistics says whatever the family is.
#[derive(Debug)]
struct Line {
    kimg: f64,
    duration_secs: f64,
    figures: Figures,
}

/// What the settings of every family say about a run.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// The shape of the generator.
    pub generator: GeneratorConfig,
    /// The dataset.
    pub dataset: TrainedOn,
    /// The art's name, license and attribution, as the dataset states them.
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
        if BigGanSettings::KINDS.contains(&kind) {
            return Self::of::<BigGanSettings>(dir);
        }
        let path = dir.join(RunFolder::<TrainSettings>::SETTINGS);
        let reason = match PriorSettings::KINDS.contains(&kind) {
            true => "the run trains a transformer over codes, which only `guise generate --seeds` draws \
                     with: it cannot be published, guided or measured yet"
                .into(),
            false => format!("the run trains {kind}, expected a generator"),
        };
        Err(file_error("read", &path, reason))
    }

    fn of<S: RunSettings + Into<RunFacts>>(dir: &Path) -> Result<Self, Error> {
        let run = RunFolder::<S>::open(dir)?;
        let ticks = run.ticks()?.into_iter().map(|tick| Line {
            kimg: tick.kimg,
            duration_secs: tick.duration_secs,
            figures: tick.figures,
        });
        Ok(Self {
            dir: run.dir.clone(),
            ticks: ticks.collect(),
            facts: run.settings.into(),
        })
    }

    /// Which of its snapshots is meant.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when the run has no snapshot yet, or not that one.
    pub fn find_snapshot(&self, which: Which) -> Result<Snapshot, Error> {
        let lines = self.ticks.iter().map(|line| (line.kimg, &line.figures));
        find(&self.dir, lines, which)
    }

    /// The generator of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when it does not fit the run's settings.
    pub fn load_snapshot(&self, snapshot: &Snapshot, device: &Device) -> Result<Generator, Error> {
        Ok(match &self.facts.generator {
            GeneratorConfig::StyleGan2(config) => {
                Generator::StyleGan2(read(snapshot, config.init_generator(device))?)
            }
            GeneratorConfig::Dcgan(config)
            | GeneratorConfig::MegapixelDcgan(config)
            | GeneratorConfig::DeepImagify(config) => {
                Generator::Dcgan(read(snapshot, config.init_generator(device))?)
            }
            GeneratorConfig::BigGan(config) => {
                Generator::BigGan(read(snapshot, config.init_generator(device))?)
            }
        })
    }

    /// What the snapshot of so many whole kimg took, without what was [before](RunFacts::before).
    pub fn effort(&self, snapshot_kimg: u64) -> Effort {
        // A snapshot is named by whole kimg; the tick that was written with it has the exact figure.
        let named = snapshot_kimg as f64;
        let line = self.ticks.iter().rev().find(|line| line.kimg < named + 1.0);
        let (kimg, duration_secs) = line.map_or((0.0, 0.0), |line| (line.kimg, line.duration_secs));
        Effort {
            kimg: kimg.max(named),
            duration_secs,
        }
    }
}

/// Reads a snapshot into `network`.
fn read<M: Module>(snapshot: &Snapshot, network: M) -> Result<M, Error> {
    let read = network.try_load_file(&snapshot.path);
    read.map_err(|error| file_error("read", &snapshot.path, error))
}
