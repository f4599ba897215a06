//! DCGAN and the families of its layers: what a run of them is asked to do, its step, and what goes with its
//! checkpoints.

mod kind;
mod memory;
mod settings;
mod step;

pub use kind::DcganKind;
pub use settings::{DcganRecipe, DcganRun, DcganSettings, Updates};
pub use step::{DcganState, DcganStats};

use crate::{
    data::Dataset,
    networks::generators::Generate,
    train::{
        Error, Family, RelativeVariety, State, Trainer, Visitor,
        adversarial::{batch, check, grid, write_report},
    },
};
use burn::{module::Module, tensor::Device};
use std::path::Path;

/// The file of the generator in a checkpoint, without its ending.
const GENERATOR: &str = "generator";
/// The sample grids show what the generator learned to draw: latents as they were in training.
const GRID_PSI: f32 = 1.0;

impl State for DcganState {
    fn visit(&mut self, visitor: &mut Visitor) -> Result<(), Error> {
        visitor.module(GENERATOR, &mut self.generator)?;
        visitor.module("discriminator", &mut self.discriminator)?;
        visitor.optimizer(
            "generator_optimizer",
            &mut self.generator_optimizer,
            &self.generator,
        )?;
        visitor.optimizer(
            "discriminator_optimizer",
            &mut self.discriminator_optimizer,
            &self.discriminator,
        )
    }
}

impl Family for DcganState {
    type Settings = DcganSettings;
    type Report = RelativeVariety;

    fn epoch_len(&self, dataset: &Dataset) -> usize {
        dataset.len()
    }

    fn advance(
        self,
        settings: &DcganSettings,
        step: u64,
        places: &[usize],
        dataset: &Dataset,
        device: &Device,
    ) -> Result<(Self, DcganStats), Error> {
        let recipe = &settings.recipe;
        let real = batch((recipe.seed, step), recipe.mirror, places, dataset, device)?;
        Ok(self.advance(settings, step, real))
    }

    fn generator(&self) -> Option<Box<dyn Generate>> {
        Some(Box::new(self.generator.valid()))
    }

    /// A sample grid, drawn as the published generator draws, the snapshot to publish, and whether the
    /// samples are varied.
    fn report(
        &self,
        run: &DcganRun,
        checkpoint: &Path,
        images_seen: u64,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<RelativeVariety, Error> {
        let (recipe, generator) = (&run.settings.recipe, self.generator.valid());
        let drawn_as = (recipe.seed, recipe.batch_size());
        let samples = grid(&generator, drawn_as, GRID_PSI, device);
        let network = checkpoint.join(format!("{GENERATOR}.bpk"));
        write_report(&run.dir, images_seen / 1000, samples, &network)?;
        RelativeVariety::measure(&generator, drawn_as, images_seen, dataset, device)
    }
}

/// Trains a DCGAN or one of its kin.
pub type DcganTrainer = Trainer<DcganState>;

impl DcganTrainer {
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
    pub fn open(run: DcganRun, dataset: Dataset, device: &Device) -> Result<Self, Error> {
        let settings = run.settings.clone();
        let shape = [settings.network.resolution, settings.network.img_channels];
        check(&dataset, shape, settings.recipe.batch_size())?;
        Self::resume(run, dataset, device, || DcganState::init(&settings, device))
    }
}
