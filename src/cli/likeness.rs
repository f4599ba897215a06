//! How much a model's pictures are like those of its collection, as a network sees both.

use super::{memory::Memory, progress};
use crate::{
    data::Dataset,
    metrics::{Features, kid},
    networks::{encoders::inception::Inception, generators::Generate},
    pipeline::{ImageEncoder, guide::judge, memory::to_judge, sample::z_from_seeds},
    weights::manifest::Resemblance,
};
use anyhow::ensure;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// Pictures that are looked at together, where there is memory for so many.
const BATCH: usize = 32;

/// Who looks at the pictures.
pub(super) enum Eyes<'a> {
    /// A CLIP, where no Inception is at hand.
    Clip(&'a dyn ImageEncoder),
    /// The network whose features published figures are of.
    Inception(&'a Inception),
}

impl Eyes<'_> {
    /// What the names of measures end in. With Inception a measure is against the full dataset.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Clip(_) => "clip",
            Self::Inception(_) => "full",
        }
    }

    fn encoder(&self) -> &dyn ImageEncoder {
        match self {
            Self::Clip(clip) => *clip,
            Self::Inception(inception) => *inception,
        }
    }

    /// Features of `images [n, 3, side, side]` in `[-1, 1]`, `[n, d]`.
    fn features(&self, images: Tensor<4>) -> Tensor<2> {
        match self {
            // A mean square of one instead of their length is the size of features that KID's kernel is made
            // for.
            Self::Clip(clip) => {
                let embeddings = judge(*clip, images);
                let [_, d] = embeddings.dims();
                embeddings * (d as f64).sqrt()
            }
            // Published figures are of pictures in files, whose colors are whole numbers.
            Self::Inception(inception) => {
                let bytes = (images * 127.5 + 128.0).floor().clamp(0.0, 255.0);
                inception.forward(bytes / 127.5 - 1.0)
            }
        }
    }
}

/// What a measure is called: method, number of drawn pictures, features.
pub(super) fn name(method: &str, pictures: u64, features: &str) -> String {
    match pictures % 1000 {
        0 => format!("{method}{}k_{features}", pictures / 1000),
        _ => format!("{method}{pictures}_{features}"),
    }
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
    /// What avatars are compared with: the whole collection as Inception sees it, as many pictures as a CLIP.
    pub fn collection(&self) -> &Features {
        self.whole.as_ref().unwrap_or(&self.parts[0])
    }
}

/// Looks at avatars and at pictures of `dataset`, which are of one size. A CLIP needs twice as many pictures
/// as are drawn, Inception looks at all of them, of which there must be four.
pub(super) fn see(
    generator: &dyn Generate,
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
    let of_collection = match eyes {
        Eyes::Clip(_) => 2 * half,
        Eyes::Inception(_) => dataset.len(),
    };
    let together = memory.batch(None, BATCH, |n| to_judge(generator, eyes.encoder(), n))?;
    let bar = progress::bar(count + of_collection as u64, "pictures looked at");
    let mut order: Vec<usize> = (0..dataset.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let side = dataset.resolution();
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
        let mut values = vec![];
        for &index in batch {
            let picture = dataset.read(index)?;
            values.extend(picture.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0));
        }
        let images = TensorData::new(values, [batch.len(), 3, side, side]);
        look(Tensor::from_data(images, device), &mut collection);
    }
    let seeds: Vec<u64> = (0..count).map(|i| seed.wrapping_add(i)).collect();
    let mut drawn = vec![];
    for batch in seeds.chunks(together) {
        let latents = generator.latents_from_z(z_from_seeds(generator, batch, device), truncation_psi);
        look(generator.draw(latents), &mut drawn);
    }
    bar.finish_and_clear();
    let is_number = |value: &f32| value.is_finite();
    ensure!(
        drawn.iter().all(is_number) && collection.iter().all(is_number),
        "some features are no numbers: the weights of the generator or of the network that looks at its pictures \
         are damaged or far too large"
    );
    let collection = Features::new(collection, dimensions);
    Ok(Seen {
        drawn: Features::new(drawn, dimensions),
        parts: collection.split(half),
        whole: matches!(eyes, Eyes::Inception(_)).then_some(collection),
    })
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
    let seen = see(generator, &Eyes::Clip(encoder), dataset, sampling, device, memory)?;
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

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_measure_is_named_with_what_it_depends_on() {
        assert_eq!(name("fid", 10_000, "full"), "fid10k_full");
        assert_eq!(name("kid", 512, "clip"), "kid512_clip");
    }
}
