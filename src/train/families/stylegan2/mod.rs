//! StyleGAN2: what a run of it is asked to do, its step, and what goes with its checkpoints.

mod grow;
mod leaks;
mod losses;
mod rehearsal;
mod settings;
mod step;
mod variety;

pub use losses::{discriminator_loss, generator_loss, r1_penalty};
pub use rehearsal::{Parity, Rehearsal};
pub use settings::{GrownFrom, Recipe, Run, TrainSettings};
pub use step::{StepStats, TrainState};
pub use variety::RelativeVariety;

use crate::{
    data::Dataset,
    networks::generators::{Generate, Generator},
    train::{
        Error, Family, State, Trainer, Visitor,
        checkpoint::newest_file,
        file_error,
        run::{write_grid, write_with},
        streams::stream,
    },
};
use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use rand::Rng;
use rand_distr::StandardNormal;
use std::{fs::File, io, path::Path};

/// Pictures on a side of the sample grid.
const GRID_SIDE: usize = 8;
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
        let real = batch(settings, step, places, dataset, device)?;
        Ok(self.advance(settings, step, real))
    }

    /// A sample grid, the snapshot to publish, whether the samples are varied, and whether augmentation is
    /// seen in them.
    fn report(
        &self,
        run: &Run,
        checkpoint: &Path,
        images_seen: u64,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<SampleReport, Error> {
        let kimg = images_seen / 1000;
        let snapshot = run.dir.join(format!("snapshot{kimg:06}.bpk"));
        let g_ema = checkpoint.join(format!("{G_EMA}.bpk"));
        write_with(&snapshot, |file| {
            io::copy(&mut File::open(&g_ema)?, file).map(drop)
        })?;
        let grid = run.dir.join(format!("fakes{kimg:06}.png"));
        write_grid(&grid, samples(&self.g_ema, &run.settings, GRID_PSI, device))?;
        Ok(SampleReport {
            variety: RelativeVariety::measure(&self.g_ema, &run.settings, dataset, device)?,
            leak: leaks::look(self, run, images_seen, dataset, device)?,
        })
    }
}

/// The pictures of a step, `[batch_size, 3, resolution, resolution]` in `[-1, 1]`.
fn batch(
    settings: &TrainSettings,
    step: u64,
    places: &[usize],
    dataset: &Dataset,
    device: &Device,
) -> Result<Tensor<4>, Error> {
    let (n, side) = (places.len(), dataset.resolution());
    let mut values = Vec::with_capacity(n * 3 * side * side);
    let mut rng = stream(settings.recipe.seed, "mirror", step);
    for &place in places {
        let pixels = dataset.read(place)?;
        let scale = |&byte: &u8| f32::from(byte) / 127.5 - 1.0;
        if settings.recipe.mirror && rng.random_bool(0.5) {
            pixels
                .chunks_exact(side)
                .for_each(|row| values.extend(row.iter().rev().map(scale)));
        } else {
            values.extend(pixels.iter().map(scale));
        }
    }
    Ok(Tensor::from_data(
        TensorData::new(values, [n, 3, side, side]),
        device,
    ))
}

/// Pictures of latents that stay the same for the whole run, `[n, 3, resolution, resolution]`.
fn samples(
    generator: &impl Generate,
    settings: &TrainSettings,
    truncation_psi: f32,
    device: &Device,
) -> Tensor<4> {
    let (count, z_dim) = (GRID_SIDE * GRID_SIDE, generator.z_dim());
    let rng = stream(settings.recipe.seed, "grid", 0);
    let z: Vec<f32> = rng.sample_iter(StandardNormal).take(count * z_dim).collect();
    let z = Tensor::<2>::from_data(TensorData::new(z, [count, z_dim]), device);
    // In batches, so that the memory of a grid stays below that of a step.
    let batches = z.split(settings.recipe.batch_size, 0).into_iter();
    let drawn = batches.map(|z| generator.draw(generator.latents_from_z(z, truncation_psi)));
    Tensor::cat(drawn.collect(), 0)
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
        check(&run, &dataset)?;
        let settings = run.settings.clone();
        Self::resume(run, dataset, device, || TrainState::init(&settings, device))
    }
}

/// Makes sure that the run can be trained on the dataset.
fn check(run: &Run, dataset: &Dataset) -> Result<(), Error> {
    let settings = &run.settings;
    if dataset.resolution() != settings.network.resolution {
        return Err(Error::Settings(format!(
            "the dataset's pictures are {0}x{0}, the run's networks draw {1}x{1}",
            dataset.resolution(),
            settings.network.resolution
        )));
    }
    if dataset.len() < settings.recipe.batch_size {
        return Err(Error::Settings(format!(
            "the dataset has {} pictures, expected at least a batch of {}",
            dataset.len(),
            settings.recipe.batch_size
        )));
    }
    Ok(())
}

/// The averaged generator of the run's newest snapshot, and how many kimg it was trained for.
///
/// # Errors
///
/// [`Error::File`] when the run has no snapshot yet or the newest one does not fit its settings.
pub fn load_snapshot(run: &Run, device: &Device) -> Result<(Generator, u64), Error> {
    let missing = || {
        file_error(
            "find a snapshot in",
            &run.dir,
            "train it first, to at least one tick",
        )
    };
    let (kimg, path) = newest_file(&run.dir, "snapshot", ".bpk")?.ok_or_else(missing)?;
    let network = run.settings.network.init_generator(device);
    let generator = network
        .try_load_file(&path)
        .map_err(|error| file_error("read", &path, error))?;
    Ok((Generator::StyleGan2(generator), kimg))
}

#[cfg(test)]
pub(in crate::train) use settings::tests;
