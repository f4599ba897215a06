//! Networks whose coarse layers come from a run at a lower resolution: Karras et al., "Progressive Growing of
//! GANs" (2018).

use super::{Run, StyleGan2Trainer, TrainSettings, TrainState};
use crate::{
    data::Dataset,
    networks::generators::stylegan2::Generator,
    train::{Error, RunSettings, adversarial::check, bounds, checkpoint},
};
use burn::{
    module::Param,
    tensor::{Device, Tensor},
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the coarse layers of a run learned what they know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrownFrom {
    /// The folder of the smaller run.
    pub run: PathBuf,
    /// Side of its pictures in pixels.
    pub resolution: usize,
    /// Thousands of pictures that were shown there, by it and by whatever it was grown from itself.
    pub total_kimg: f64,
    /// Training time that this took.
    pub duration_secs: f64,
}

impl GrownFrom {
    /// Checks every field, for a run on pictures of side `resolution`.
    ///
    /// # Errors
    /// In words.
    pub(super) fn validate(&self, resolution: usize) -> Result<(), String> {
        bounds::within("grown_from.resolution", self.resolution, 16, resolution / 2)?;
        bounds::not_negative("grown_from.total_kimg", self.total_kimg)?;
        bounds::not_negative("grown_from.duration_secs", self.duration_secs)
    }
}

impl StyleGan2Trainer {
    /// Starts `run`, a new one, with the coarse layers of `smaller`, a run at a lower resolution, as its
    /// newest checkpoint has them.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when it has no checkpoint or a damaged one, and what [`open`](Self::open) gives.
    ///
    /// # Panics
    ///
    /// As [`open`](Self::open), and when its networks cannot grow into the run's, see
    /// [`grows_from`](crate::networks::generators::stylegan2::StyleGan2Config::grows_from).
    pub fn grow(mut run: Run, dataset: Dataset, smaller: &Run, device: &Device) -> Result<Self, Error> {
        run.settings.validate().map_err(Error::Settings)?;
        check(
            &dataset,
            [run.settings.network.resolution, run.settings.network.img_channels],
            run.settings.recipe.batch_size,
        )?;
        run.settings.check_classes(&dataset)?;
        let [from, to] = [smaller, &run].map(|run| &run.settings.network);
        assert!(
            to.grows_from(from),
            "the one that starts the run checks this first"
        );
        let resolution = from.resolution;
        let fresh = TrainState::init(&smaller.settings, device);
        let (state, progress) = checkpoint::open(&smaller.dir, fresh)?;
        let before = smaller.settings.grown_from.as_ref();
        let images = smaller.settings.schedule().images_after(progress.step);
        run.settings.grown_from = Some(GrownFrom {
            run: smaller.dir.clone(),
            resolution,
            total_kimg: images as f64 / 1000.0 + before.map_or(0.0, |it| it.total_kimg),
            duration_secs: progress.duration_secs + before.map_or(0.0, |it| it.duration_secs),
        });
        let mut state = grown_from(state, &run.settings, device);
        // From here on it is a run like any other, which can be resumed before its first kimg is over.
        let start = checkpoint::Progress::default();
        checkpoint::save(&run.dir, 0, &mut state, start)?;
        Self::begin(run, dataset, device, (state, start), vec![])
    }
}

/// Fresh networks whose coarse layers are those of a run at a lower resolution: only the new, finest blocks
/// begin from nothing, and those of the generator begin by drawing nothing, so the first pictures are the
/// smaller ones, enlarged.
///
/// Both runs must have the same channels at the sides that they share, and the same mapping.
fn grown_from(smaller: TrainState, settings: &TrainSettings, device: &Device) -> TrainState {
    let mut grown = TrainState::init(settings, device);
    grown.generator = grow_generator(grown.generator, smaller.generator);
    grown.g_ema = grow_generator(grown.g_ema, smaller.g_ema);
    // The finest block comes first, and the picture enters there: the old entry is left out.
    let kept = smaller.discriminator.blocks.len();
    let new = grown.discriminator.blocks.len() - kept;
    grown.discriminator.blocks.truncate(new);
    grown.discriminator.blocks.extend(smaller.discriminator.blocks);
    grown.discriminator.epilogue = smaller.discriminator.epilogue;
    grown.discriminator.mapping = smaller.discriminator.mapping;
    grown
}

/// `larger` with the mapping and the coarse blocks of `smaller`, its other blocks adding nothing to the
/// picture yet.
fn grow_generator(mut larger: Generator, smaller: Generator) -> Generator {
    // The number of layers that a latent is repeated for is the larger network's.
    larger.mapping.layers = smaller.mapping.layers;
    larger.mapping.embed = smaller.mapping.embed;
    larger.mapping.w_avg = smaller.mapping.w_avg;
    larger.mapping.class_w_avg = smaller.mapping.class_w_avg;
    larger.synthesis.input = smaller.synthesis.input;
    let kept = smaller.synthesis.blocks.len();
    let fine = larger.synthesis.blocks.split_off(kept);
    larger.synthesis.blocks = smaller.synthesis.blocks;
    larger.synthesis.blocks.extend(fine.into_iter().map(|mut block| {
        let weight = block.to_rgb.weight.val();
        block.to_rgb.weight = Param::from_tensor(Tensor::zeros(weight.dims(), &weight.device()));
        block
    }));
    larger
}
