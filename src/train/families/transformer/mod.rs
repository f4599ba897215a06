//! The transformer over a VQGAN's codes: what a run of it is asked to do, its step, and what goes with its
//! checkpoints.

mod codes;
mod memory;
mod settings;
mod step;

pub use codes::{Codes, Split};
pub use settings::{PriorRecipe, PriorRun, PriorSettings};
pub use step::{PriorState, PriorStats};

use crate::{
    data::Dataset,
    networks::{
        NetworkConfig,
        generators::vqgan::{CodePrior, Drawing, VqGan, Wanted},
    },
    train::{
        Error, Family, RunSettings, Snapshot, State, Trainer, Visitor,
        adversarial::{check, grid_side, write_report},
        classes::{check_classes, classes_at},
        file_error,
        streams::stream,
    },
};
use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use std::path::Path;

/// The file of the transformer in a checkpoint, without its ending.
const NETWORK: &str = "network";
/// Pictures of a grid that are drawn together.
const TOGETHER: usize = 16;

impl State for PriorState {
    fn visit(&mut self, visitor: &mut Visitor) -> Result<(), Error> {
        visitor.module(NETWORK, &mut self.network)?;
        visitor.optimizer("optimizer", &mut self.optimizer, &self.network)
    }
}

impl Family for PriorState {
    type Settings = PriorSettings;
    /// The loss of what was held out, in bits for each code, where it was measured.
    type Report = Option<f64>;

    fn epoch_len(&self, _dataset: &Dataset) -> usize {
        self.split.training.len()
    }

    fn advance(
        mut self,
        settings: &PriorSettings,
        step: u64,
        places: &[usize],
        dataset: &Dataset,
        device: &Device,
    ) -> Result<(Self, PriorStats), Error> {
        let places: Vec<usize> = places.iter().map(|&place| self.split.training[place]).collect();
        let codes = self.codes.of(&places, dataset, device)?;
        let (mut state, mut stats) = self.advance(settings, &of_pictures(&places, dataset), &codes);
        // Beside a checkpoint that every run writes, or the last one.
        let schedule = settings.schedule();
        let images_seen = schedule.images_after(step + 1);
        if stats.code_loss.is_finite()
            && (schedule.is_regular(images_seen) || images_seen >= schedule.total_images())
        {
            stats.held_out_loss = Some(state.held_out_loss(settings.recipe.batch_size, dataset, device)?);
        }
        state.held_out = stats.held_out_loss;
        Ok((state, stats))
    }

    /// A grid of pictures of codes that it draws, always with the same random numbers, and the snapshot.
    /// Where there are classes each row is of one.
    fn report(
        &self,
        run: &PriorRun,
        checkpoint: &Path,
        images_seen: u64,
        dataset: &Dataset,
        _device: &Device,
    ) -> Result<Option<f64>, Error> {
        let settings = &run.settings;
        let (side, classes) = (grid_side(dataset.resolution()), settings.network.classes.len());
        let class = |row: usize| match classes {
            0 => 0,
            count if count > side => row * count / side,
            count => row % count,
        };
        let mut wanted: Vec<_> = (0..side * side)
            .map(|place| Wanted {
                class: class(place / side),
                rng: stream(settings.recipe.seed, "grid", place as u64),
            })
            .collect();
        let network = self.network.valid();
        let (size, drawing) = (
            [settings.network.grid; 2],
            Drawing::plain(settings.network.codebook_size),
        );
        let file = checkpoint.join(format!("{NETWORK}.bpk"));
        let drawn: Option<Vec<_>> = wanted
            .chunks_mut(TOGETHER)
            .map(|wanted| {
                let codes = network.draw(wanted, size, drawing, |_| ())?;
                Some(self.codes.vqgan().decode_codes(codes))
            })
            .collect();
        let drawn = drawn.ok_or_else(|| file_error("draw with", &file, "its weights make no numbers"))?;
        let samples = Tensor::cat(drawn, 0);
        write_report(&run.dir, images_seen / 1000, samples, &file)?;
        Ok(self.held_out)
    }
}

/// The class of the picture at each place; zero where there are no classes.
fn of_pictures(places: &[usize], dataset: &Dataset) -> Vec<usize> {
    let mut classes = classes_at(places, dataset);
    classes.resize(places.len(), 0);
    classes
}

impl PriorRun {
    /// The transformer of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when it does not fit the run's settings.
    pub fn load_snapshot(&self, snapshot: &Snapshot, device: &Device) -> Result<CodePrior, Error> {
        let read = self.settings.network.init(device).try_load_file(&snapshot.path);
        read.map_err(|error| file_error("read", &snapshot.path, error))
    }
}

/// Trains a transformer over a VQGAN's codes.
pub type PriorTrainer = Trainer<PriorState>;

impl PriorTrainer {
    /// Continues `run` from its newest checkpoint, or starts it with this `vqgan` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when the settings contradict the dataset or themselves, [`Error::File`] when the
    /// run's VQGAN is missing or another than it began with, [`Error::NoCheckpoint`] when there were
    /// checkpoints and none can be used.
    ///
    /// # Panics
    ///
    /// When the run was opened to be read only.
    pub fn open(
        mut run: PriorRun,
        dataset: Dataset,
        vqgan: Option<VqGan>,
        device: &Device,
    ) -> Result<Self, Error> {
        let (codes, recipe) = (&run.settings.codes, &run.settings.recipe);
        let (batch_size, held_out) = (recipe.batch_size, recipe.held_out(dataset.len()));
        check(&dataset, [codes.resolution, codes.img_channels], batch_size)?;
        check_classes(&run.settings.network.classes, &dataset)?;
        if dataset.len() < held_out + batch_size {
            return Err(Error::Settings(format!(
                "the dataset has {} pictures, and {held_out} of them are held out, expected a batch of \
                 {batch_size} beside those: choose a lower --held-out or --batch-size",
                dataset.len()
            )));
        }
        let split = Split::new(dataset.len(), held_out, recipe.seed);
        if let Some(vqgan) = vqgan {
            run.keep_vqgan(&vqgan)?;
        }
        let vqgan = run.load_vqgan(device)?;
        let settings = run.settings.clone();
        Self::resume(run, dataset, device, || {
            PriorState::init(&settings, vqgan.clone(), split.clone(), device)
        })
    }
}
