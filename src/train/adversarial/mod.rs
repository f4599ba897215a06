//! What adversarial trainings of every family share: their losses, the pictures of a step, samples,
//! snapshots.

mod objective;
mod variety;

pub use objective::{
    Objective, discriminator_loss, generator_loss, hinge_discriminator_loss, hinge_generator_loss,
};
pub use variety::RelativeVariety;
pub(in crate::train) use variety::pictures;

use super::{
    Error,
    run::{write_grid, write_with},
    streams::stream,
};
use crate::{data::Dataset, networks::generators::Generate};
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_distr::StandardNormal;
use std::{fs::File, io, path::Path};

/// Samples of a generator, and the most pictures of a grid.
const SAMPLES: usize = 64;
/// The most pixels on the side of a grid of more than four pictures: where these are large it has fewer.
const GRID_PIXELS: usize = 2048;

/// Makes sure that networks of this resolution and so many channels can be trained on the dataset in batches
/// of this size.
pub(super) fn check(
    dataset: &Dataset,
    [resolution, channels]: [usize; 2],
    batch_size: usize,
) -> Result<(), Error> {
    if dataset.resolution() != resolution {
        return Err(Error::Settings(format!(
            "the dataset's pictures are {0}x{0}, the run's networks draw {resolution}x{resolution}",
            dataset.resolution()
        )));
    }
    if dataset.channels() != channels {
        let alpha = |channels: usize| {
            if channels == 4 {
                "with alpha"
            } else {
                "without alpha"
            }
        };
        return Err(Error::Settings(format!(
            "the dataset's pictures are {}, the run's networks draw pictures {}",
            alpha(dataset.channels()),
            alpha(channels)
        )));
    }
    if dataset.len() < batch_size {
        return Err(Error::Settings(format!(
            "the dataset has {} pictures, expected at least a batch of {batch_size}",
            dataset.len()
        )));
    }
    Ok(())
}

/// The pictures of a step, `[n, channels, resolution, resolution]` in `[-1, 1]`, mirrored as often as not
/// where `mirror` says so.
pub(super) fn batch(
    (seed, step): (u64, u64),
    mirror: bool,
    places: &[usize],
    dataset: &Dataset,
    device: &Device,
) -> Result<Tensor<4>, Error> {
    let shape = [
        places.len(),
        dataset.channels(),
        dataset.resolution(),
        dataset.resolution(),
    ];
    let [_, channels, side, _] = shape;
    let mut values = dataset.images(places)?;
    let mut rng = stream(seed, "mirror", step);
    for picture in values.chunks_exact_mut(channels * side * side) {
        if mirror && rng.random_bool(0.5) {
            picture.chunks_exact_mut(side).for_each(<[f32]>::reverse);
        }
    }
    Ok(Tensor::from_data(TensorData::new(values, shape), device))
}

/// Pictures of latents that stay the same for the whole run, `[64, channels, resolution, resolution]`; others
/// for each purpose.
pub(super) fn samples(
    generator: &impl Generate,
    latents: (u64, &str),
    truncation_psi: f32,
    batch_size: usize,
    device: &Device,
) -> Tensor<4> {
    let batches = sample_batches(generator, latents, truncation_psi, batch_size, device);
    Tensor::cat(batches.collect(), 0)
}

/// The same in batches, each drawn when it is asked for: the memory of large samples stays below that of a
/// step where what is made of them is small.
pub(super) fn sample_batches(
    generator: &impl Generate,
    (seed, purpose): (u64, &str),
    truncation_psi: f32,
    batch_size: usize,
    device: &Device,
) -> impl Iterator<Item = Tensor<4>> {
    let latents = (seed, purpose, 0, SAMPLES);
    drawn(generator, latents, truncation_psi, batch_size, device)
}

/// The first samples as a grid shows them, `[n, channels, resolution, resolution]`: 64, or fewer where 64
/// would be a giant.
pub(super) fn grid(
    generator: &impl Generate,
    (seed, batch_size): (u64, usize),
    truncation_psi: f32,
    device: &Device,
) -> Tensor<4> {
    let count = grid_side(generator.resolution()).pow(2);
    let batch_size = batch_size.min(count);
    let batches = sample_batches(generator, (seed, "grid"), truncation_psi, batch_size, device);
    let drawn = batches.take(count.div_ceil(batch_size)).collect();
    Tensor::cat(drawn, 0).narrow(0, 0, count)
}

/// The same with a row for each of `generators`, or for as many as there are rows, evenly spread, where there
/// are more. Where there are fewer, the next rows show other latents of each. Rows of a sheet of the first
/// latents show the same ones: what stays alike in a column is what classes share.
pub(super) fn grid_by_row<G: Generate>(
    generators: &[G],
    (seed, batch_size): (u64, usize),
    truncation_psi: f32,
    device: &Device,
) -> Tensor<4> {
    let count = generators.len();
    let side = grid_side(generators[0].resolution());
    let row = |row: usize| {
        let (place, number) = match count > side {
            true => (row * count / side, 0),
            false => (row % count, row / count),
        };
        let latents = (seed, "grid", number as u64, side);
        drawn(&generators[place], latents, truncation_psi, batch_size, device)
    };
    Tensor::cat((0..side).flat_map(row).collect(), 0)
}

/// Pictures on the side of a grid.
pub(super) fn grid_side(resolution: usize) -> usize {
    (GRID_PIXELS / resolution).clamp(2, SAMPLES.isqrt())
}

/// Pictures of `count` latents of the stream with this number, in batches.
pub(super) fn drawn<G: Generate + ?Sized>(
    generator: &G,
    (seed, purpose, number, count): (u64, &str, u64, usize),
    truncation_psi: f32,
    batch_size: usize,
    device: &Device,
) -> impl Iterator<Item = Tensor<4>> {
    let z_dim = generator.z_dim();
    let rng = stream(seed, purpose, number);
    let z: Vec<f32> = rng.sample_iter(StandardNormal).take(count * z_dim).collect();
    let z = Tensor::<2>::from_data(TensorData::new(z, [count, z_dim]), device);
    let batches = z.split(batch_size, 0).into_iter();
    batches.map(move |z| generator.draw(generator.latents_from_z(z, truncation_psi)))
}

/// Writes what goes with a checkpoint of so many kimg into the folder `run`: `samples` as a grid, and
/// `network`, a file of the checkpoint, as the snapshot to publish.
pub(super) fn write_report(run: &Path, kimg: u64, samples: Tensor<4>, network: &Path) -> Result<(), Error> {
    write_with(&run.join(format!("snapshot{kimg:06}.bpk")), |file| {
        io::copy(&mut File::open(network)?, file).map(drop)
    })?;
    write_grid(&run.join(format!("fakes{kimg:06}.png")), samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_of_large_pictures_has_fewer() {
        let sides = [16, 192, 256, 512, 1024].map(grid_side);
        assert_eq!(sides, [8, 8, 8, 4, 2]);
    }
}
