//! What avatars look like beside each other and beside the collection, as fixed random convolutions see them,
//! which have no part in drawing them and favor nothing.

use crate::{
    cli::progress,
    data::Dataset,
    metrics::{Features, distance_to_nearest, distance_within},
    networks::encoders::random::RandomFeatures,
};
use anyhow::ensure;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// So many pictures of the collection stand for it, and so many others show how near its own come.
const COLLECTION: usize = 4000;
const OTHERS: usize = 500;

/// A collection of copies is no distance from itself, and would have everything infinitely far.
const LEAST: f64 = 1e-3;

/// Pictures that are looked at together.
const BATCH: usize = 64;

/// The collection, to hold avatars against.
pub(super) struct Looks {
    network: RandomFeatures,
    side: usize,
    device: Device,
    /// As the network sees it, and standardized.
    seen: Features,
    collection: Features,
    /// How far other pictures of the collection are from it.
    own: f64,
}

impl Looks {
    /// Looks at pictures of `dataset`.
    pub fn at(dataset: &Dataset, device: &Device) -> anyhow::Result<Self> {
        let mut places: Vec<usize> = (0..dataset.len()).collect();
        places.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
        places.truncate(COLLECTION + OTHERS);
        let others = OTHERS.min(places.len() / 2);
        ensure!(
            others >= 2,
            "the dataset has {} pictures, expected at least 4",
            places.len()
        );
        let network = RandomFeatures::new(device);
        let side = dataset.resolution();
        let bar = progress::bar(places.len() as u64, "pictures of the collection");
        let mut values = vec![];
        for batch in places.chunks(BATCH) {
            values.extend(features(&network, dataset.colors(batch)?, side, device));
            bar.inc(batch.len() as u64);
        }
        bar.finish_and_clear();
        let all = Features::new(values, RandomFeatures::FEATURES);
        let [others, seen] = all.split(others);
        let collection = seen.standardized(&seen);
        let own = distance_to_nearest(&others.standardized(&seen), &collection, device).max(LEAST);
        Ok(Self {
            network,
            side,
            device: device.clone(),
            seen,
            collection,
            own,
        })
    }

    /// What is seen of `pictures`, planes first (`[3, side, side]`, 0 to 255).
    pub fn see(&self, pictures: &[Vec<u8>]) -> Features {
        let images = |batch: &[Vec<u8>]| {
            batch
                .iter()
                .flatten()
                .map(|&it| f32::from(it) / 127.5 - 1.0)
                .collect()
        };
        let values = pictures.chunks(BATCH);
        let values = values.flat_map(|batch| features(&self.network, images(batch), self.side, &self.device));
        Features::new(values.collect(), RandomFeatures::FEATURES).standardized(&self.seen)
    }

    /// How far `avatars` are from the nearest picture of the collection, where its own other pictures are one
    /// from theirs. What is smeared, washed out or out of shape is far from all of them.
    pub fn strangeness(&self, avatars: &Features) -> f64 {
        distance_to_nearest(avatars, &self.collection, &self.device) / self.own
    }
}

/// How much the `size` avatars of a sentence differ, where the `random` ones differ by one.
pub(super) fn variety(avatars: &Features, size: usize, random: &Features) -> f64 {
    distance_within(avatars, size) / distance_within(random, random.pictures()).max(LEAST)
}

fn features(network: &RandomFeatures, images: Vec<f32>, side: usize, device: &Device) -> Vec<f32> {
    let count = images.len() / (3 * side * side);
    let images: Tensor<4> = Tensor::from_data(TensorData::new(images, [count, 3, side, side]), device);
    network.forward(images).into_data().iter::<f32>().collect()
}
