//! VQGAN: what a run of it is asked to do, its step, and what goes with its checkpoints.

mod codes;
mod memory;
mod perception;
mod settings;
mod step;

pub use perception::Perception;
pub use settings::{VqGanPreset, VqGanRecipe, VqGanRun, VqGanSettings};
pub use step::{VqGanState, VqGanStats};

use crate::{
    data::Dataset,
    networks::{
        NetworkConfig,
        generators::vqgan::{VqGan, perplexity},
    },
    train::{
        Error, Family, Snapshot, State, Trainer, Visitor,
        adversarial::{batch, check, write_report},
        file_error,
        streams::stream,
    },
};
use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use rand::seq::index::sample;
use std::{path::Path, rc::Rc};

/// The file of the autoencoder in a checkpoint, without its ending.
const NETWORK: &str = "network";
/// Pictures that a sheet shows, each beside its reconstruction.
const SHOWN: usize = 32;
/// The most pixels on the side of a sheet: where pictures are large it shows fewer.
const SHEET_PIXELS: usize = 2048;
/// Before so many thousand pictures a codebook has not settled.
const SETTLED_KIMG: f64 = 20.0;

impl State for VqGanState {
    fn visit(&mut self, visitor: &mut Visitor) -> Result<(), Error> {
        visitor.module(NETWORK, &mut self.network)?;
        visitor.module("discriminator", &mut self.discriminator)?;
        visitor.module("codes", &mut self.codes)?;
        visitor.optimizer("optimizer", &mut self.optimizer, &self.network)?;
        visitor.optimizer_since(
            "discriminator_optimizer",
            &mut self.discriminator_optimizer,
            &self.discriminator,
            self.disc_start,
        )
    }
}

/// What is seen of some pictures of the collection at a checkpoint, always the same ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VqGanReport {
    /// In dB, of pictures in whole numbers from 0 to 255.
    pub psnr: f64,
    /// See [`perplexity`].
    pub perplexity: f64,
    /// Thousands of pictures that it was trained for.
    pub kimg: f64,
}

impl VqGanReport {
    /// Fewer codes in use are a collapse of the codebook: all places of a picture say nearly the same.
    const LEAST_PERPLEXITY: f64 = 4.0;

    /// What to tell the user, if the codebook has collapsed.
    pub fn warning(&self) -> Option<String> {
        let collapsed = self.kimg >= SETTLED_KIMG && self.perplexity < Self::LEAST_PERPLEXITY;
        collapsed.then(|| {
            format!(
                "the codebook collapses: pictures use as many codes as {:.1} that are used alike. If this goes on, \
                 start again with a lower --learning-rate, or with --codebook-ema",
                self.perplexity
            )
        })
    }
}

impl Family for VqGanState {
    type Settings = VqGanSettings;
    type Report = VqGanReport;

    fn epoch_len(&self, dataset: &Dataset) -> usize {
        dataset.len()
    }

    fn advance(
        self,
        settings: &VqGanSettings,
        step: u64,
        places: &[usize],
        dataset: &Dataset,
        device: &Device,
    ) -> Result<(Self, VqGanStats), Error> {
        let recipe = &settings.recipe;
        let images = batch((recipe.seed, step), recipe.mirror, places, dataset, device)?;
        Ok(self.advance(settings, step, images))
    }

    /// A sheet of pictures of the collection, each with its reconstruction on the right of it, and the
    /// snapshot.
    fn report(
        &self,
        run: &VqGanRun,
        checkpoint: &Path,
        images_seen: u64,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<VqGanReport, Error> {
        let (settings, network) = (&run.settings, self.network.valid());
        let side = dataset.resolution();
        // Pairs in rows of an even number.
        let columns = (SHEET_PIXELS / side).clamp(2, 8) / 2 * 2;
        let count = SHOWN.min(columns * columns / 2);
        let mut rng = stream(settings.recipe.seed, "sheet", 0);
        let places = sample(&mut rng, dataset.len(), count.min(dataset.len())).into_vec();
        let (mut pairs, mut counts) = (vec![], vec![0; settings.network.codebook_size]);
        let (mut squares, mut numbers) = (0.0, 0);
        for places in places.chunks(settings.recipe.batch_size) {
            let images = TensorData::new(dataset.images(places)?, [places.len(), 3, side, side]);
            let images = Tensor::<4>::from_data(images, device);
            let quantized = network.quantize(network.encode(images.clone()));
            for index in quantized.indices.into_data().iter::<i64>() {
                counts[index as usize] += 1;
            }
            let drawn = network.decode(quantized.z_q).clamp(-1.0, 1.0);
            let bytes = |images: Tensor<4>| (images * 127.5 + 127.5).round();
            let difference = (bytes(drawn.clone()) - bytes(images.clone())).into_data();
            squares += difference.iter::<f64>().map(|value| value * value).sum::<f64>();
            numbers += difference.num_elements();
            for place in 0..places.len() {
                pairs.extend([
                    images.clone().narrow(0, place, 1),
                    drawn.clone().narrow(0, place, 1),
                ]);
            }
        }
        // A collection of a few pictures shows some of them again: the grid is a square.
        let sheet = (0..columns * columns).map(|place| pairs[place % pairs.len()].clone());
        let file = checkpoint.join(format!("{NETWORK}.bpk"));
        write_report(
            &run.dir,
            images_seen / 1000,
            Tensor::cat(sheet.collect(), 0),
            &file,
        )?;
        let mean = squares / numbers as f64;
        Ok(VqGanReport {
            psnr: 20.0 * 255f64.log10() - 10.0 * mean.max(1e-9).log10(),
            perplexity: perplexity(&counts),
            kimg: images_seen as f64 / 1000.0,
        })
    }
}

impl VqGanRun {
    /// The network of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when it does not fit the run's settings.
    pub fn load_snapshot(&self, snapshot: &Snapshot, device: &Device) -> Result<VqGan, Error> {
        let read = self.settings.network.init(device).try_load_file(&snapshot.path);
        read.map_err(|error| file_error("read", &snapshot.path, error))
    }
}

/// Trains a VQGAN.
pub type VqGanTrainer = Trainer<VqGanState>;

impl VqGanTrainer {
    /// Continues `run` from its newest checkpoint, or starts it if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when the settings contradict the dataset or themselves, [`Error::NoCheckpoint`]
    /// when there were checkpoints and none can be used, and what opening the network gives that compares
    /// pictures.
    ///
    /// # Panics
    ///
    /// When the run was opened to be read only.
    pub fn open(run: VqGanRun, dataset: Dataset, device: &Device) -> Result<Self, Error> {
        let settings = run.settings.clone();
        let shape = [settings.network.resolution, settings.network.img_channels];
        check(&dataset, shape, settings.recipe.batch_size)?;
        let perception = Rc::new(Perception::open(&settings.recipe, device)?);
        Self::resume(run, dataset, device, || {
            VqGanState::init(&settings, perception.clone(), device)
        })
    }

    /// Who compares pictures with their reconstructions, in words.
    ///
    /// # Panics
    ///
    /// After a step that failed.
    pub fn perception(&self) -> &'static str {
        let family = self
            .family
            .as_ref()
            .expect("a step that failed ends the training");
        family.perception.name()
    }
}
