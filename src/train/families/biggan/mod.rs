//! BigGAN: what a run of it is asked to do, its step, and what goes with its checkpoints.

mod matrices;
mod memory;
mod orthogonal;
mod settings;
mod spectral;
mod step;

pub use orthogonal::{orthogonal, orthogonal_penalty};
pub use settings::{BigGanRecipe, BigGanRun, BigGanSettings};
pub use spectral::SpectralNorm;
pub use step::{BigGanState, BigGanStats};

use crate::{
    data::Dataset,
    networks::generators::Generate,
    train::{
        Error, Family, RelativeVariety, State, Trainer, Visitor,
        adversarial::{batch, check, grid, grid_by_row, write_report},
        classes::{check_classes, classes_at},
        file_error, io_error,
    },
};
use burn::{module::Module, tensor::Device};
use std::{env::temp_dir, path::Path};

/// The sample grids show what the generator learned to draw: latents as they were in training.
const GRID_PSI: f32 = 1.0;

impl State for BigGanState {
    fn visit(&mut self, visitor: &mut Visitor) -> Result<(), Error> {
        visitor.module("generator", &mut self.generator)?;
        visitor.module("discriminator", &mut self.discriminator)?;
        visitor.module("g_ema", &mut self.g_ema)?;
        visitor.module("generator_norm", &mut self.generator_norm)?;
        visitor.module("discriminator_norm", &mut self.discriminator_norm)?;
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

impl Family for BigGanState {
    type Settings = BigGanSettings;
    type Report = RelativeVariety;

    fn epoch_len(&self, dataset: &Dataset) -> usize {
        dataset.len()
    }

    fn advance(
        self,
        settings: &BigGanSettings,
        step: u64,
        places: &[usize],
        dataset: &Dataset,
        device: &Device,
    ) -> Result<(Self, BigGanStats), Error> {
        let recipe = &settings.recipe;
        let real = batch((recipe.seed, step), recipe.mirror, places, dataset, device)?;
        Ok(self.advance(settings, step, real, &classes_at(places, dataset)))
    }

    fn generator(&self) -> Option<Box<dyn Generate>> {
        Some(Box::new(self.standing()))
    }

    /// A sample grid, with a row for each class where there are several, the snapshot to publish, which is
    /// the averaged generator as it draws, and whether the samples are varied.
    fn report(
        &self,
        run: &BigGanRun,
        _checkpoint: &Path,
        images_seen: u64,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<RelativeVariety, Error> {
        let generator = self.standing();
        let each: Vec<_> = (0..run.settings.network.classes.len())
            .map(|class| generator.clone().of_class(Some(class)))
            .collect();
        let samples = match each.is_empty() {
            true => grid(&generator, self.drawn_as, GRID_PSI, device),
            false => grid_by_row(&each, self.drawn_as, GRID_PSI, device),
        };
        // It is no file of the checkpoint, so it is written elsewhere first.
        let beside = tempfile::tempdir().map_err(io_error("write into", &temp_dir()))?;
        let network = beside.path().join("standing.bpk");
        let written = generator.clone().save_file(&network);
        written.map_err(|error| file_error("write", &network, error))?;
        write_report(&run.dir, images_seen / 1000, samples, &network)?;
        RelativeVariety::measure(&generator, self.drawn_as, images_seen, dataset, device)
    }
}

/// Trains a BigGAN.
pub type BigGanTrainer = Trainer<BigGanState>;

impl BigGanTrainer {
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
    pub fn open(run: BigGanRun, dataset: Dataset, device: &Device) -> Result<Self, Error> {
        let settings = run.settings.clone();
        let shape = [settings.network.resolution, settings.network.img_channels];
        check(&dataset, shape, settings.recipe.batch_size)?;
        check_classes(&settings.network.classes, &dataset)?;
        Self::resume(run, dataset, device, || BigGanState::init(&settings, device))
    }
}
