//! The transformer over a VQGAN's codes: what a run of it is asked to do, its step, and what goes with its
//! checkpoints.

mod settings;
mod step;

pub use settings::{PriorRecipe, PriorRun, PriorSettings};
pub use step::{PriorState, PriorStats};

use crate::{
    data::Dataset,
    networks::generators::vqgan::{CodePrior, Drawing, VqGan},
    train::{
        Error, Family, RelativeVariety, State, Trainer, Visitor, Which,
        adversarial::{check, grid_side, pictures, write_report},
        streams::stream,
        vqgan::VqGanRun,
    },
};
use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use rand::seq::index::sample;
use std::path::Path;

/// The file of the transformer in a checkpoint, without its ending.
const NETWORK: &str = "network";
/// Pictures that are drawn or turned into codes together.
const TOGETHER: usize = 16;

impl State for PriorState {
    /// The VQGAN is kept as well: a run does not change when the one that it learns from is trained on.
    fn visit(&mut self, visitor: &mut Visitor) -> Result<(), Error> {
        visitor.module(NETWORK, &mut self.network)?;
        visitor.module("vqgan", &mut self.vqgan)?;
        visitor.optimizer("optimizer", &mut self.optimizer, &self.network)
    }
}

impl Family for PriorState {
    type Settings = PriorSettings;
    type Report = RelativeVariety;

    fn epoch_len(&self, dataset: &Dataset) -> usize {
        dataset.len()
    }

    fn advance(
        mut self,
        settings: &PriorSettings,
        _step: u64,
        places: &[usize],
        dataset: &Dataset,
        device: &Device,
    ) -> Result<(Self, PriorStats), Error> {
        let codes = self.codes(places, dataset, device)?;
        Ok(self.advance(settings, codes))
    }

    /// A grid of pictures of codes that it draws, always with the same random numbers, the snapshot, and whether
    /// the pictures are varied.
    fn report(
        &self,
        run: &PriorRun,
        checkpoint: &Path,
        images_seen: u64,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<RelativeVariety, Error> {
        let recipe = &run.settings.recipe;
        let count = grid_side(dataset.resolution()).pow(2);
        let samples = samples(&self.network.valid(), &self.vqgan, recipe, count);
        let file = checkpoint.join(format!("{NETWORK}.bpk"));
        write_report(&run.dir, images_seen / 1000, samples.clone(), &file)?;
        let mut rng = stream(recipe.seed, "variety", 0);
        let places = sample(&mut rng, dataset.len(), count.min(dataset.len())).into_vec();
        let side = dataset.resolution();
        let real = TensorData::new(dataset.images(&places)?, [places.len(), 3, side, side]);
        let real = pictures(Tensor::from_data(real, device));
        Ok(RelativeVariety::of(&pictures(samples), &real, side, images_seen))
    }
}

/// Pictures of codes that the transformer draws, `[count, 3, h, w]`.
fn samples(network: &CodePrior, vqgan: &VqGan, recipe: &PriorRecipe, count: usize) -> Tensor<4> {
    let mut rng = stream(recipe.seed, "grid", 0);
    let drawing = Drawing {
        temperature: recipe.temperature,
        top_k: recipe.top_k,
    };
    let firsts = (0..count).step_by(TOGETHER);
    let drawn = firsts.map(|first| {
        let codes = network.draw(TOGETHER.min(count - first), drawing, &mut rng);
        vqgan.decode_codes(codes)
    });
    Tensor::cat(drawn.collect(), 0)
}

/// Trains a transformer over a VQGAN's codes.
pub type PriorTrainer = Trainer<PriorState>;

impl PriorTrainer {
    /// Continues `run` from its newest checkpoint, or starts it if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when the settings contradict the dataset, the VQGAN or themselves, [`Error::Io`] and
    /// [`Error::File`] when the VQGAN cannot be read, [`Error::NoCheckpoint`] when there were checkpoints and
    /// none can be used.
    ///
    /// # Panics
    ///
    /// When the run was opened to be read only.
    pub fn open(run: PriorRun, dataset: Dataset, device: &Device) -> Result<Self, Error> {
        let settings = run.settings.clone();
        check(&dataset, settings.codes.resolution, settings.recipe.batch_size)?;
        let vqgan = VqGanRun::open(&settings.vqgan)?;
        if vqgan.settings.network != settings.codes {
            return Err(Error::Settings(format!(
                "the VQGAN in {} is another than this run began with: put that one back",
                settings.vqgan.display()
            )));
        }
        let vqgan = vqgan.load_snapshot(&vqgan.find_snapshot(Which::Latest)?, device)?;
        Self::resume(run, dataset, device, || {
            PriorState::init(&settings, vqgan.clone(), device)
        })
    }
}
