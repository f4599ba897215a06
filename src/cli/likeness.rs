//! How much a model's pictures are like those of its collection, as a network sees both.

use super::{memory::Memory, progress};
use crate::{
    data::Dataset,
    metrics::{Features, kid},
    networks::{encoders::Eyes, generators::Generate},
    pipeline::{ImageEncoder, memory::to_look, sample::z_from_seeds},
    weights::manifest::Resemblance,
};
use anyhow::ensure;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// Pictures that are looked at together, where there is memory for so many.
const BATCH: usize = 32;

/// Where avatars come from.
pub(super) enum Drawn<'a> {
    /// They are drawn now.
    By(&'a dyn Generate),
    /// Whatever drew them, these are pictures of them.
    Before(&'a Dataset),
}

/// Which pictures are compared.
pub(super) struct Sampling {
    /// Avatars to draw.
    pub count: u64,
    /// For the avatars.
    pub truncation_psi: f32,
    /// The avatars' first seed; determines also which pictures of the collection are looked at.
    pub seed: u64,
}

/// What was seen.
pub(super) struct Seen {
    /// The avatars.
    pub drawn: Features,
    /// The collection in two parts, by chance. The first has as many pictures as were drawn, or half of them.
    pub parts: [Features; 2],
    /// The whole collection, where it is what avatars are compared with.
    whole: Option<Features>,
}

impl Seen {
    /// What avatars are compared with: the whole collection as Inception sees it, else as many pictures.
    pub fn collection(&self) -> &Features {
        self.whole.as_ref().unwrap_or(&self.parts[0])
    }
}

/// Looks at avatars, of which there are as many as are wanted, and at pictures of `dataset`, which are of one
/// size. Inception looks at all of them, of
/// which there must be four; others need twice as many as are drawn.
pub(super) fn see(
    drawn_by: &Drawn,
    eyes: &Eyes,
    dataset: &Dataset,
    sampling: &Sampling,
    device: &Device,
    memory: Memory,
) -> anyhow::Result<Seen> {
    let &Sampling {
        count,
        truncation_psi,
        seed,
    } = sampling;
    let half = (dataset.len() / 2).min(count as usize);
    let of_collection = match eyes.look_at_all() {
        true => dataset.len(),
        false => 2 * half,
    };
    let together = match drawn_by {
        Drawn::By(generator) => memory.batch(None, BATCH, |n| to_look(*generator, eyes.numbers_kept(), n))?,
        Drawn::Before(_) => BATCH,
    };
    let bar = progress::bar(count + of_collection as u64, "pictures looked at");
    let mut order: Vec<usize> = (0..dataset.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut dimensions = 0;
    let mut look = |images: Tensor<4>, all: &mut Vec<f32>| {
        let [n, ..] = images.dims();
        let found = eyes.features(images);
        dimensions = found.dims()[1];
        all.extend(found.into_data().iter::<f32>());
        bar.inc(n as u64);
    };
    let mut collection = vec![];
    for batch in order[..of_collection].chunks(together) {
        look(pictures(dataset, batch, device)?, &mut collection);
    }
    let mut drawn = vec![];
    match drawn_by {
        Drawn::By(generator) => {
            let seeds: Vec<u64> = (0..count).map(|i| seed.wrapping_add(i)).collect();
            for batch in seeds.chunks(together) {
                let z = z_from_seeds(*generator, batch, device);
                look(
                    generator.draw(generator.latents_from_z(z, truncation_psi)),
                    &mut drawn,
                );
            }
        }
        Drawn::Before(avatars) => {
            let places: Vec<usize> = (0..count as usize).collect();
            for batch in places.chunks(together) {
                look(pictures(avatars, batch, device)?, &mut drawn);
            }
        }
    }
    bar.finish_and_clear();
    let [mut drawn, collection] = [drawn, collection].map(|values| Features::new(values, dimensions));
    ensure!(
        drawn.are_finite() && collection.are_finite(),
        "some features are no numbers: the weights of the generator or of the network that looks at its pictures \
         are damaged or far too large"
    );
    let mut parts = collection.split(half);
    if eyes.want_standard() {
        let standard = parts[0].clone();
        drawn = drawn.standardized(&standard);
        parts = parts.map(|part| part.standardized(&standard));
    }
    Ok(Seen {
        drawn,
        parts,
        whole: eyes.look_at_all().then_some(collection),
    })
}

/// The pictures of `dataset` at these places, `[n, channels, side, side]` in `[-1, 1]`.
fn pictures(dataset: &Dataset, places: &[usize], device: &Device) -> anyhow::Result<Tensor<4>> {
    let side = dataset.resolution();
    let shape = [places.len(), dataset.channels(), side, side];
    let images = TensorData::new(dataset.images(places)?, shape);
    Ok(Tensor::from_data(images, device))
}

/// Compares avatars with pictures of `dataset`, which has at least twice as many and of the same size, by a
/// CLIP.
pub(super) fn resemblance(
    generator: &dyn Generate,
    encoder: &dyn ImageEncoder,
    dataset: &Dataset,
    sampling: &Sampling,
    device: &Device,
    memory: Memory,
) -> anyhow::Result<Resemblance> {
    let eyes = Eyes::Clip(Box::new(encoder));
    let seen = see(&Drawn::By(generator), &eyes, dataset, sampling, device, memory)?;
    let [collection, others] = &seen.parts;
    let host = Device::flex();
    let distance = |pictures: &Features| kid(pictures, collection, &host);
    let (kid, collection_kid) = (distance(&seen.drawn), distance(others));
    ensure!(
        kid.is_finite() && collection_kid.is_finite(),
        "the distance is {kid}, and {collection_kid} for other pictures of the collection: the generator or \
         the CLIP computes no numbers, their weights are damaged or far too large"
    );
    Ok(Resemblance {
        pictures: sampling.count,
        kid,
        collection_kid,
    })
}
