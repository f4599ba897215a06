//! What adversarial trainings of every family share: their losses, the pictures of a step, samples,
//! snapshots.

mod variety;

pub use variety::RelativeVariety;

use super::{
    Error, checkpoint, file_error,
    run::{write_grid, write_with},
    streams::stream,
};
use crate::{data::Dataset, networks::generators::Generate};
use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData, activation::softplus},
};
use rand::Rng;
use rand_distr::StandardNormal;
use std::{fs::File, io, path::Path};

/// Pictures on a side of the sample grid.
const GRID_SIDE: usize = 8;

/// `E[softplus(-D(fake))]`: the non-saturating loss of the generator (Goodfellow et al. 2014), which is the
/// binary cross-entropy to the label of real pictures. `logits [n, 1] -> [1]`.
pub fn generator_loss(fake_logits: Tensor<2>) -> Tensor<1> {
    softplus(-fake_logits, 1.0).mean()
}

/// `E[softplus(-D(real))] + E[softplus(D(fake))]`: the binary cross-entropy of both kinds to their labels.
/// `logits [n, 1] -> [1]`.
pub fn discriminator_loss(real_logits: Tensor<2>, fake_logits: Tensor<2>) -> Tensor<1> {
    softplus(-real_logits, 1.0).mean() + softplus(fake_logits, 1.0).mean()
}

/// Makes sure that networks of this resolution can be trained on the dataset in batches of this size.
pub(super) fn check(dataset: &Dataset, resolution: usize, batch_size: usize) -> Result<(), Error> {
    if dataset.resolution() != resolution {
        return Err(Error::Settings(format!(
            "the dataset's pictures are {0}x{0}, the run's networks draw {resolution}x{resolution}",
            dataset.resolution()
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

/// The pictures of a step, `[n, 3, resolution, resolution]` in `[-1, 1]`, mirrored as often as not where
/// `mirror` says so.
pub(super) fn batch(
    (seed, step): (u64, u64),
    mirror: bool,
    places: &[usize],
    dataset: &Dataset,
    device: &Device,
) -> Result<Tensor<4>, Error> {
    let (n, side) = (places.len(), dataset.resolution());
    let mut values = Vec::with_capacity(n * 3 * side * side);
    let mut rng = stream(seed, "mirror", step);
    for &place in places {
        let pixels = dataset.read(place)?;
        let scale = |&byte: &u8| f32::from(byte) / 127.5 - 1.0;
        if mirror && rng.random_bool(0.5) {
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

/// Pictures of latents that stay the same for the whole run, `[64, 3, resolution, resolution]`; others for
/// each purpose.
pub(super) fn samples(
    generator: &impl Generate,
    (seed, purpose): (u64, &str),
    truncation_psi: f32,
    batch_size: usize,
    device: &Device,
) -> Tensor<4> {
    let latents = (seed, purpose, 0, GRID_SIDE * GRID_SIDE);
    drawn(generator, latents, truncation_psi, batch_size, device)
}

/// The same with a row for each of `generators`, or for eight of them evenly spread where there are more.
/// Where there are fewer, the next rows show other latents of each. Rows of a sheet of the first latents show
/// the same ones: what stays alike in a column is what classes share.
pub(super) fn samples_by_row<G: Generate>(
    generators: &[G],
    (seed, purpose): (u64, &str),
    truncation_psi: f32,
    batch_size: usize,
    device: &Device,
) -> Tensor<4> {
    let count = generators.len();
    let row = |row: usize| {
        let (place, number) = match count > GRID_SIDE {
            true => (row * count / GRID_SIDE, 0),
            false => (row % count, row / count),
        };
        let latents = (seed, purpose, number as u64, GRID_SIDE);
        drawn(&generators[place], latents, truncation_psi, batch_size, device)
    };
    Tensor::cat((0..GRID_SIDE).map(row).collect(), 0)
}

/// Pictures of `count` latents of the stream with this number.
fn drawn(
    generator: &impl Generate,
    (seed, purpose, number, count): (u64, &str, u64, usize),
    truncation_psi: f32,
    batch_size: usize,
    device: &Device,
) -> Tensor<4> {
    let z_dim = generator.z_dim();
    let rng = stream(seed, purpose, number);
    let z: Vec<f32> = rng.sample_iter(StandardNormal).take(count * z_dim).collect();
    let z = Tensor::<2>::from_data(TensorData::new(z, [count, z_dim]), device);
    // In batches, so that the memory of a grid stays below that of a step.
    let batches = z.split(batch_size, 0).into_iter();
    let drawn = batches.map(|z| generator.draw(generator.latents_from_z(z, truncation_psi)));
    Tensor::cat(drawn.collect(), 0)
}

/// Writes what goes with a checkpoint of so many kimg into the folder `run`: `samples` as a grid, and
/// `network`, a file of the checkpoint, as the snapshot to publish.
pub(super) fn write_report(run: &Path, kimg: u64, samples: Tensor<4>, network: &Path) -> Result<(), Error> {
    write_with(&run.join(format!("snapshot{kimg:06}.bpk")), |file| {
        io::copy(&mut File::open(network)?, file).map(drop)
    })?;
    write_grid(&run.join(format!("fakes{kimg:06}.png")), samples)
}

/// Reads the run folder's newest snapshot into `network`, and says how many kimg it was trained for.
///
/// # Errors
///
/// [`Error::File`] when there is none yet, or it is not of such a network.
pub(super) fn read_snapshot<M: Module>(run: &Path, network: M) -> Result<(M, u64), Error> {
    let missing = || file_error("find a snapshot in", run, "train it first, to at least one tick");
    let (kimg, path) = checkpoint::newest_file(run, "snapshot", ".bpk")?.ok_or_else(missing)?;
    let network = network
        .try_load_file(&path)
        .map_err(|error| file_error("read", &path, error))?;
    Ok((network, kimg))
}
