//! StyleGAN2: what a run of it is asked to do, its step, and what goes with its checkpoints.

mod classes;
mod course;
mod gamma;
mod grow;
mod leaks;
mod losses;
mod parts;
mod preset;
mod race;
mod rehearsal;
mod settings;
mod step;

pub use course::Course;
pub use gamma::{OnCollapse, R1Gamma, Raises};
pub use grow::GrownFrom;
pub use losses::gradient_penalty;
pub use preset::Preset;
pub use race::{Lane, Moment as RaceMoment, Race};
pub use rehearsal::{Parity, Rehearsal};
pub use settings::{Recipe, Run, TrainSettings};
pub use step::{StepStats, TrainState};

use crate::{
    data::Dataset,
    networks::generators::Generate,
    train::{
        Error, Family, RelativeVariety, State, Trainer, Visitor,
        adversarial::{batch, check, grid, grid_by_row, write_report},
        classes::classes_at,
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
        self.augment_p.visit(visitor)?;
        self.raises.visit(visitor)
    }
}

/// What the samples at a checkpoint say.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleReport {
    /// How varied they are.
    pub variety: RelativeVariety,
    /// A sentence about the augmentation, if it is seen in them.
    pub leak: Option<String>,
    /// The weight of the R1 penalty from here on.
    pub r1_gamma: f64,
    /// How often the weight was raised; it was raised at this checkpoint if `is_raised`.
    pub raises: i64,
    /// Whether the weight was raised because of these samples.
    pub is_raised: bool,
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
        Ok(self.advance(settings, step, real, &classes_at(places, dataset)))
    }

    fn generator(&self) -> Option<Box<dyn Generate>> {
        Some(Box::new(self.g_ema.clone()))
    }

    /// Raises the weight of the R1 penalty where the samples have collapsed and the recipe says so.
    fn before_checkpoint(
        &mut self,
        settings: &TrainSettings,
        images_seen: u64,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<(), Error> {
        if settings.recipe.on_collapse == OnCollapse::RaiseGamma
            && self
                .variety(settings, images_seen, dataset, device)?
                .collapse()
                .is_some()
        {
            let r1_gamma = settings.recipe.r1_gamma(settings.network.resolution);
            self.raises.raise(images_seen, r1_gamma);
        }
        Ok(())
    }

    /// A sample grid, with a row for each class where there are several, the snapshot to publish, whether the
    /// samples are varied, and whether augmentation is seen in them.
    fn report(
        &self,
        run: &Run,
        checkpoint: &Path,
        images_seen: u64,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<SampleReport, Error> {
        let (recipe, g_ema) = (&run.settings.recipe, checkpoint.join(format!("{G_EMA}.bpk")));
        let drawn_as = (recipe.seed, recipe.part_size());
        let each: Vec<_> = (0..run.settings.network.classes.len())
            .map(|class| self.g_ema.clone().of_class(Some(class)))
            .collect();
        let samples = match each.is_empty() {
            true => grid(&self.g_ema, drawn_as, GRID_PSI, device),
            false => grid_by_row(&each, drawn_as, GRID_PSI, device),
        };
        write_report(&run.dir, images_seen / 1000, samples, &g_ema)?;
        let of = recipe.r1_gamma(run.settings.network.resolution);
        Ok(SampleReport {
            variety: self.variety(&run.settings, images_seen, dataset, device)?,
            leak: leaks::look(self, run, images_seen, dataset, device)?,
            r1_gamma: self.r1_gamma(&run.settings),
            raises: self.raises.times(of),
            is_raised: self.raises.was_raised_at(images_seen, of),
        })
    }
}

impl TrainState {
    fn variety(
        &self,
        settings: &TrainSettings,
        images_seen: u64,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<RelativeVariety, Error> {
        let drawn_as = (settings.recipe.seed, settings.recipe.part_size());
        RelativeVariety::measure(&self.g_ema, drawn_as, images_seen, dataset, device)
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
        let shape = [settings.network.resolution, settings.network.img_channels];
        check(&dataset, shape, settings.recipe.batch_size)?;
        settings.check_classes(&dataset)?;
        Self::resume(run, dataset, device, || TrainState::init(&settings, device))
    }
}

#[cfg(test)]
pub(in crate::train) use settings::tests;
