//! Seeds to pictures.

use super::{Cancel, Error, Event, Network, z_from_seed};
use crate::{
    art::{laid_on, pixel_from_values},
    networks::generators::Generate,
};
use burn::tensor::{Device, Tensor, TensorData};
use image::{
    RgbImage, RgbaImage,
    imageops::{self, FilterType},
};
use serde::{Deserialize, Serialize};

/// Which avatars to draw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRequest {
    /// One avatar for each, see [`z_from_seed`].
    pub seeds: Vec<u64>,
    /// From 0, all alike and typical, to 1, as varied as the model; up to 2 for the daring.
    pub truncation_psi: f32,
    /// How many are drawn at once. Memory grows with it, and nothing else changes.
    pub batch_size: usize,
}

impl SampleRequest {
    fn validate(&self) -> Result<(), Error> {
        let Self {
            seeds,
            truncation_psi,
            batch_size,
        } = self;
        let reason = if seeds.is_empty() {
            "no seed was given, expected at least one".into()
        } else if !(0.0..=2.0).contains(truncation_psi) {
            format!("truncation_psi is {truncation_psi}, expected 0 to 2")
        } else if !(1..=1024).contains(batch_size) {
            format!("the batch size is {batch_size}, expected 1 to 1024")
        } else {
            return Ok(());
        };
        Err(Error::Request(reason))
    }
}

/// Draws the pictures of `request`, each as an [`Event::Picture`] in the order of the seeds, and counts them
/// with [`Event::Progress`].
///
/// The noise of the layers is the one saved with the network, so a seed gives the same picture in every
/// batch, on every device and in every program, up to rounding. `emit` is awaited: a listener on a single
/// thread lets its event loop turn there, and that is when a request to cancel can reach it.
///
/// # Errors
///
/// [`Error::Request`] for a request that makes no sense, [`Error::Cancelled`] before the next batch once
/// `cancel` was used, [`Error::Device`] when the device fails, [`Error::NotNumbers`] when a picture is none.
pub async fn sample(
    generator: &dyn Generate,
    request: &SampleRequest,
    device: &Device,
    cancel: &Cancel,
    mut emit: impl AsyncFnMut(Event),
) -> Result<(), Error> {
    request.validate()?;
    let total = request.seeds.len();
    let mut done = 0;
    for seeds in request.seeds.chunks(request.batch_size) {
        cancel.check()?;
        let z = z_from_seeds(generator, seeds, device);
        let images = generator.draw(generator.latents_from_z(z, request.truncation_psi));
        for image in pictures_from_images(images).await? {
            emit(Event::Picture { index: done, image }).await;
            done += 1;
        }
        emit(Event::Progress { done, total }).await;
    }
    Ok(())
}

/// Draws the avatar of `latent`, `[layers width]` row by row, as jobs give it.
///
/// # Errors
///
/// [`Error::Request`] when `latent` is not of this generator, [`Error::Device`] when the device fails.
pub async fn draw_latent(
    generator: &dyn Generate,
    latent: &[f32],
    device: &Device,
) -> Result<RgbaImage, Error> {
    let images = generator.draw(latent_tensor(generator, latent, device)?);
    let mut pictures = pictures_from_images(images).await?;
    pictures
        .pop()
        .ok_or_else(|| Error::Device("it drew nothing".into()))
}

/// The `[layers width]` that the avatar of each seed is drawn from, row by row; computed together and read
/// back from the device once.
///
/// # Errors
///
/// [`Error::Device`] when the device fails.
pub async fn latents_from_seeds(
    generator: &dyn Generate,
    seeds: &[u64],
    truncation_psi: f32,
    device: &Device,
) -> Result<Vec<Vec<f32>>, Error> {
    latents(generator, z_from_seeds(generator, seeds, device), truncation_psi).await
}

/// The `[layers width]` that the avatar of `z [z_dim]` is drawn from, row by row.
///
/// # Errors
///
/// [`Error::Request`] when `z` is not of this generator, [`Error::Device`] when the device fails.
pub async fn latent_from_z(
    generator: &dyn Generate,
    z: &[f32],
    truncation_psi: f32,
    device: &Device,
) -> Result<Vec<f32>, Error> {
    let z_dim = generator.z_dim();
    if z.len() != z_dim {
        let reason = format!(
            "z has {} numbers, expected {z_dim}: it is of another model",
            z.len()
        );
        return Err(Error::Request(reason));
    }
    let z = Tensor::<2>::from_data(TensorData::new(z.to_vec(), [1, z_dim]), device);
    Ok(latents(generator, z, truncation_psi).await?.concat())
}

/// The latents of `z [n, z_dim]`, each row by row.
async fn latents(
    generator: &dyn Generate,
    z: Tensor<2>,
    truncation_psi: f32,
) -> Result<Vec<Vec<f32>>, Error> {
    let [layers, width] = generator.latent_shape();
    let all = read(generator.latents_from_z(z, truncation_psi)).await?;
    Ok(all.chunks_exact(layers * width).map(<[f32]>::to_vec).collect())
}

/// The `z [n, z_dim]` of `seeds` for this generator.
pub fn z_from_seeds(generator: &dyn Generate, seeds: &[u64], device: &Device) -> Tensor<2> {
    let z_dim = generator.z_dim();
    let z: Vec<f32> = seeds.iter().flat_map(|&seed| z_from_seed(seed, z_dim)).collect();
    Tensor::from_data(TensorData::new(z, [seeds.len(), z_dim]), device)
}

/// A latent from the host as `[1, layers, width]`.
pub(super) fn latent_tensor(
    generator: &dyn Generate,
    latent: &[f32],
    device: &Device,
) -> Result<Tensor<3>, Error> {
    let [layers, width] = generator.latent_shape();
    if latent.len() != layers * width || !latent.iter().all(|value| value.is_finite()) {
        return Err(Error::Request(format!(
            "the latent has {} numbers, expected {layers} x {width} finite ones: it is of another model",
            latent.len()
        )));
    }
    Ok(Tensor::from_data(
        TensorData::new(latent.to_vec(), [1, layers, width]),
        device,
    ))
}

/// The largest centered square of `picture`, on a [`ground`](crate::art::ground) of this value where it is
/// transparent, as `[1, 3, side, side]` in `[-1, 1]`.
pub fn image_from_picture(picture: &RgbaImage, side: usize, ground: u8, device: &Device) -> Tensor<4> {
    image_of_size(picture, [side; 2], ground, device)
}

/// The same of another shape: the largest centered part of `picture` that is as wide for its height as `size`
/// (height, width), as `[1, 3, height, width]`.
pub fn image_of_size(picture: &RgbaImage, size: [usize; 2], ground: u8, device: &Device) -> Tensor<4> {
    let (width, height) = picture.dimensions();
    let [tall, wide] = size.map(|side| side as u32);
    let share = |side: u32, of: u32, part: u32| {
        let share = u64::from(side) * u64::from(part) / u64::from(of);
        share.max(1) as u32
    };
    // The whole height or the whole width, and as much of the other as the shape has.
    let part = [
        width.min(share(height, tall, wide)),
        height.min(share(width, wide, tall)),
    ];
    let (left, top) = ((width - part[0]) / 2, (height - part[1]) / 2);
    let laid = RgbImage::from_fn(part[0], part[1], |x, y| {
        image::Rgb(laid_on([ground; 3], picture.get_pixel(left + x, top + y).0))
    });
    let resized = match part == [wide, tall] {
        true => laid,
        false => imageops::resize(&laid, wide, tall, FilterType::Triangle),
    };
    let channel = |channel: usize| {
        resized
            .pixels()
            .map(move |pixel| f32::from(pixel.0[channel]) / 127.5 - 1.0)
    };
    let values: Vec<f32> = (0..3).flat_map(channel).collect();
    Tensor::from_data(TensorData::new(values, [1, 3, size[0], size[1]]), device)
}

/// The numbers of a tensor, row by row.
pub(super) async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
    let data = tensor.into_data_async().await;
    data.map_err(|error| Error::Device(error.to_string()))?
        .convert::<f32>()
        .try_into_vec()
        .map_err(|error| Error::Device(error.to_string()))
}

/// `images [n, channels, h, w]` in `[-1, 1]` as pictures: of three channels as opaque ones, of four with
/// their alpha, each pixel as [`pixel_from_values`] has it.
///
/// # Errors
///
/// [`Error::Device`] when the device cannot hand the tensor back, [`Error::NotNumbers`] when the generator
/// drew what is no color at all.
pub async fn pictures_from_images(images: Tensor<4>) -> Result<Vec<RgbaImage>, Error> {
    let [_, channels, height, width] = images.dims();
    assert!(matches!(channels, 3 | 4), "pictures have three channels, or four");
    let values = read(images).await?;
    if !values.iter().all(|value| value.is_finite()) {
        return Err(Error::NotNumbers {
            network: Network::Generator,
        });
    }
    let area = height * width;
    let picture = |image: &[f32]| {
        RgbaImage::from_fn(width as u32, height as u32, |x, y| {
            let at = y as usize * width + x as usize;
            let value = |channel: usize| image.get(channel * area + at).copied().unwrap_or(1.0);
            image::Rgba(pixel_from_values(std::array::from_fn(value)))
        })
    };
    Ok(values.chunks_exact(channels * area).map(picture).collect())
}
