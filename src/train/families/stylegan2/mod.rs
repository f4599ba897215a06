//! StyleGAN2: what a run of it is asked to do, its step, and what goes with its checkpoints.

mod classes;
mod grow;
mod leaks;
mod losses;
mod rehearsal;
mod settings;
mod step;

pub use losses::r1_penalty;
pub use rehearsal::{Parity, Rehearsal};
pub use settings::{GrownFrom, Recipe, Run, TrainSettings};
pub use step::{StepStats, TrainState};

use crate::{
    data::Dataset,
    train::{
        Error, Family, RelativeVariety, State, Trainer, Visitor,
        adversarial::{batch, check, samples, samples_by_row, write_report},
    },
};
use burn::tensor::Device;
use std::path::Path;

/// Truncation of the sample grids.
const GRID_PSI: f32 = 0.7;
/// The file of the averaged generator in a checkpoint, without its ending.
const G_EMA: &str = "g_ema";

impl State for TrainState {
    fn visit(&mut self, visitor: &mut Visitor) -> Result<(), Error> {
        visitor.module("generator", &mut self.generator)?;
        visitor.module("discriminator", &mut self.discriminator)?;
        visitor.module(G_EMA, &mut self.g_ema)?;
        visitor.optimizer(
            "generator_optimizer",
            &mut self.generator_optimizer,
            &self.generator,
        )?;
        visitor.optimizer(
            "discriminator_optimizer",
            &mut self.discriminator_optimizer,
            &self.discriminator,
        )?;
        self.augment_p.visit(visitor)
    }
}

/// What the samples at a checkpoint say.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleReport {
    /// How varied they are.
    pub variety: RelativeVariety,
    /// A sentence about the augmentation, if it is seen in them.
    pub leak: Option<String>,
}

impl Family for TrainState {
    type Settings = TrainSettings;
    type Report = SampleReport;

    fn epoch_len(&self, dataset: &Dataset) -> usize {
        dataset.len()
    }

    fn advance(
        self,
        settings: &TrainSettings,
        step: u64,
        places: &[usize],
        dataset: &Dataset,
        device: &Device,
    ) -> Result<(Self, StepStats), Error> {
        let recipe = &settings.recipe;
        let real = batch((recipe.seed, step), recipe.mirror, places, dataset, device)?;
        let classes: Vec<usize> = match dataset.classes() {
            Some(classes) => places.iter().map(|&place| classes.of(place)).collect(),
            None => vec![],
        };
        Ok(self.advance(settings, step, real, &classes))
    }

    /// A sample grid, with a row for each class where there are several, the snapshot to publish, whether the samples are varied, and whether augmentation is
    /// seen in them.
    fn report(
        &self,
        run: &Run,
        checkpoint: &Path,
        images_seen: u64,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<SampleReport, Error> {
        let (recipe, g_ema) = (&run.settings.recipe, checkpoint.join(format!("{G_EMA}.bpk")));
        let latents = (recipe.seed, "grid");
        let each: Vec<_> = (0..run.settings.network.classes.len())
            .map(|class| self.g_ema.clone().of_class(Some(class)))
            .collect();
        let samples = match each.is_empty() {
            true => samples(&self.g_ema, latents, GRID_PSI, recipe.batch_size, device),
            false => samples_by_row(&each, latents, GRID_PSI, recipe.batch_size, device),
        };
        write_report(&run.dir, images_seen / 1000, samples, &g_ema)?;
        let drawn_as = (recipe.seed, recipe.batch_size);
        Ok(SampleReport {
            variety: RelativeVariety::measure(&self.g_ema, drawn_as, images_seen, dataset, device)?,
            leak: leaks::look(self, run, images_seen, dataset, device)?,
        })
    }
}

/// Trains a generator.
pub type StyleGan2Trainer = Trainer<TrainState>;

impl StyleGan2Trainer {
    /// Continues `run` from its newest checkpoint, or starts it if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when the settings contradict the dataset or themselves, [`Error::NoCheckpoint`]
    /// when there were checkpoints and none can be used.
    ///
    /// # Panics
    ///
    /// When the run was opened to be read only.
    pub fn open(run: Run, dataset: Dataset, device: &Device) -> Result<Self, Error> {
        let settings = run.settings.clone();
        check(&dataset, settings.network.resolution, settings.recipe.batch_size)?;
        settings.check_classes(&dataset)?;
        Self::resume(run, dataset, device, || TrainState::init(&settings, device))
    }
}

#[cfg(test)]
pub(in crate::train) use settings::tests;
