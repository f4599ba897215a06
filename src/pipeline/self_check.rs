//! Whether a device computes what it should.
//!
//! A bundle keeps a few pictures and the figures of one guided step, computed in plain Rust when it was
//! published. Every device draws them again before anything else is shown, so that a kernel or a graphics
//! driver that computes wrongly is found by what it does, on processors and adapters that no test has run on.

use super::{
    Cancel, Error, Event, GuideSettings, ImageEncoder, Network, Targets,
    guide::{Loss, Optimizer, Space, guide, image_target},
    sample::{pictures_from_images, z_from_seeds},
};
use crate::{
    art::{GRAY, on_gray},
    networks::generators::Generate,
    ops::Isa,
    weights::manifest::GuidedStep,
};
use burn::tensor::Device;
use image::{
    Rgba, RgbaImage,
    imageops::{replace, thumbnail},
};

/// The avatars that are drawn. They are one batch of four, as kernels take other ways for batches than for
/// one.
pub const SEEDS: [u64; 4] = [0, 1, 2, 3];

/// Larger pictures are averaged down to this side, so that a bundle stays small.
pub const MAX_SIDE: u32 = 64;

/// The most that a value may differ, in steps of 255. Devices that compute rightly were seen to differ by at
/// most 4.
pub const MOST_STEPS: u8 = 8;

/// The most that values may differ on average.
pub const MOST_MEAN_STEPS: f64 = 1.0;

/// The most that a score of the guided step may differ; devices that compute rightly were seen to differ by
/// 0.0005.
pub const MOST_SCORE: f32 = 0.01;

/// How a device was found to compute something else than it should.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Deviation {
    /// A picture is another one.
    #[error(
        "avatar {seed} differs from its reference by up to {most} of 255 steps, expected at most {MOST_STEPS}"
    )]
    Picture {
        /// Its seed.
        seed: u64,
        /// The largest difference.
        most: u8,
    },
    /// Pictures differ a little everywhere.
    #[error(
        "the avatars differ from their references by {mean:.1} of 255 steps on average, expected at most {MOST_MEAN_STEPS}"
    )]
    Average {
        /// The mean difference.
        mean: f64,
    },
    /// A step toward a picture scores otherwise.
    #[error("a guided step scores {found}, expected {expected}")]
    Step {
        /// What the device gives.
        found: f32,
        /// What plain Rust gives.
        expected: f32,
    },
}

/// Has the processor compute with its next best instruction set from now on, and gives its name; there is
/// none after plain Rust.
pub fn simpler_processor() -> Option<&'static str> {
    let next = Isa::current().next_best()?;
    next.choose();
    Some(next.name())
}

/// The side of the reference pictures of a model that draws `resolution` pixels.
pub fn reference_side(resolution: usize) -> u32 {
    (resolution as u32).min(MAX_SIDE)
}

/// The avatars of [`SEEDS`] side by side, as the device draws them. Where they are transparent their colors
/// lie on middle gray, beside their alpha: the color of what is hardly there is no more than noise.
///
/// # Errors
///
/// [`Error::Device`] when the device fails.
pub async fn draw_references(
    generator: &dyn Generate,
    truncation_psi: f32,
    device: &Device,
) -> Result<RgbaImage, Error> {
    strip(draw(generator, &SEEDS, truncation_psi, device).await?)
}

async fn draw(
    generator: &dyn Generate,
    seeds: &[u64],
    truncation_psi: f32,
    device: &Device,
) -> Result<Vec<RgbaImage>, Error> {
    let z = z_from_seeds(generator, seeds, device);
    let images = generator.draw(generator.latents_from_z(z, truncation_psi));
    pictures_from_images(images).await
}

fn strip(pictures: Vec<RgbaImage>) -> Result<RgbaImage, Error> {
    let resolution = pictures.first().map_or(0, RgbaImage::width);
    let side = reference_side(resolution as usize);
    let mut strip = RgbaImage::new(side * pictures.len() as u32, side);
    for (index, mut picture) in pictures.into_iter().enumerate() {
        for pixel in picture.pixels_mut() {
            let [red, green, blue] = on_gray(pixel.0);
            *pixel = Rgba([red, green, blue, pixel[3]]);
        }
        let left = i64::from(index as u32 * side);
        match resolution == side {
            true => replace(&mut strip, &picture, left, 0),
            false => replace(&mut strip, &thumbnail(&picture, side, side), left, 0),
        }
    }
    Ok(strip)
}

/// Draws the references on `device`, together and the first one alone, and compares them with `expected`.
///
/// # Errors
///
/// [`Error::Device`] when the device fails; the inner error says how it deviates.
pub async fn check_pictures(
    generator: &dyn Generate,
    truncation_psi: f32,
    expected: &RgbaImage,
    device: &Device,
) -> Result<Result<(), Deviation>, Error> {
    let together = draw_references(generator, truncation_psi, device).await?;
    let alone = strip(draw(generator, &SEEDS[..1], truncation_psi, device).await?)?;
    Ok(compare(&together, expected).and_then(|()| compare(&alone, expected)))
}

/// Compares a strip of pictures with the beginning of `expected`.
fn compare(found: &RgbaImage, expected: &RgbaImage) -> Result<(), Deviation> {
    let side = found.height();
    let (mut sum, mut most, mut worst) = (0_u64, 0, 0);
    for (x, y, pixel) in found.enumerate_pixels() {
        for (a, b) in pixel.0.iter().zip(expected.get_pixel(x, y).0) {
            let steps = a.abs_diff(b);
            sum += u64::from(steps);
            if steps > most {
                (most, worst) = (steps, x / side);
            }
        }
    }
    let mean = sum as f64 / (found.as_raw().len() as f64);
    if most > MOST_STEPS {
        let seed = SEEDS[worst as usize];
        return Err(Deviation::Picture { seed, most });
    }
    match mean > MOST_MEAN_STEPS {
        true => Err(Deviation::Average { mean }),
        false => Ok(()),
    }
}

/// Takes one guided step from [`SEEDS`] toward the last of the `references`.
///
/// # Errors
///
/// What [`guide`] gives.
pub async fn guided_step<E: ImageEncoder + ?Sized>(
    generator: &dyn Generate,
    encoder: &E,
    truncation_psi: f32,
    references: &RgbaImage,
    device: &Device,
) -> Result<GuidedStep, Error> {
    let side = references.height();
    let mut last = image::imageops::crop_imm(references, references.width() - side, 0, side, side).to_image();
    // Its colors lie on gray already.
    last.pixels_mut().for_each(|pixel| pixel[3] = 255);
    let targets = Targets::new(vec![image_target(encoder, &last, GRAY, 1.0, device)])?;
    let z = z_from_seeds(generator, &SEEDS, device);
    let start = generator.latents_from_z(z, truncation_psi);
    let settings = GuideSettings {
        // All that the step is stands here, as bundles keep what it comes to.
        loss: Loss::Cosine,
        steps: 1,
        learning_rate: 0.05,
        optimizer: Optimizer::Adam,
        space: Space::W,
        center_pull: 0.02,
        snapshots: 1,
        truncation_psi,
        ..GuideSettings::default()
    };
    let mut before = vec![];
    let mut emit = async |event| {
        if let Event::Step { scores, .. } = event {
            before = scores;
        }
    };
    let cancel = Cancel::default();
    let avatars = guide(generator, encoder, &targets, start, &settings, &cancel, &mut emit).await?;
    Ok(GuidedStep {
        before,
        after: avatars.iter().map(|avatar| avatar.score).collect(),
    })
}

/// Takes that step on `device`, and compares its scores with `expected`.
///
/// # Errors
///
/// [`Error::Device`] when the device fails; the inner error says how it deviates.
pub async fn check_step<E: ImageEncoder + ?Sized>(
    generator: &dyn Generate,
    encoder: &E,
    truncation_psi: f32,
    references: &RgbaImage,
    expected: &GuidedStep,
    device: &Device,
) -> Result<Result<(), Deviation>, Error> {
    let found = match guided_step(generator, encoder, truncation_psi, references, device).await {
        Err(Error::NotFinite { .. }) => {
            let network = Network::ImageEncoder;
            return Err(Error::NotNumbers { network });
        }
        found => found?,
    };
    let all = |step: &GuidedStep| [step.before.clone(), step.after.clone()].concat();
    let (found, expected) = (all(&found), all(expected));
    // What is not a number is within no distance.
    let agrees = |(found, expected): &(f32, f32)| (found - expected).abs() <= MOST_SCORE;
    let wrong = found.into_iter().zip(expected).find(|pair| !agrees(pair));
    Ok(wrong.map_or(Ok(()), |(found, expected)| {
        Err(Deviation::Step { found, expected })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        networks::{
            NetworkConfig,
            generators::{Generator, GeneratorConfig, stylegan2::StyleGan2Config},
        },
        ops::random,
    };
    use futures::executor::block_on;

    fn generator() -> Generator {
        random::seed(5);
        let config = StyleGan2Config {
            z_dim: 32,
            w_dim: 32,
            channel_max: 32,
            classes: vec![],
            ..StyleGan2Config::small(16)
        };
        GeneratorConfig::StyleGan2(config).init(&Device::flex())
    }

    #[test]
    fn a_device_that_draws_the_same_passes() {
        let (generator, device) = (generator(), Device::flex());
        let references = block_on(draw_references(&generator, 0.7, &device)).unwrap();
        assert_eq!(references.dimensions(), (64, 16));
        let checked = block_on(check_pictures(&generator, 0.7, &references, &device)).unwrap();
        assert_eq!(checked, Ok(()));
    }

    #[test]
    fn one_wrong_value_is_found_and_so_is_a_shade() {
        let (generator, device) = (generator(), Device::flex());
        let mut references = block_on(draw_references(&generator, 0.7, &device)).unwrap();
        let right = references.clone();
        let Rgba([red, ..]) = references.get_pixel_mut(33, 7);
        *red = red.wrapping_add(128);
        let checked = block_on(check_pictures(&generator, 0.7, &references, &device)).unwrap();
        assert_eq!(checked, Err(Deviation::Picture { seed: 2, most: 128 }));

        let mut shaded = right.clone();
        for Rgba([red, green, blue, _]) in shaded.pixels_mut() {
            for value in [red, green, blue] {
                *value = if *value > 127 { *value - 3 } else { *value + 3 };
            }
        }
        assert_eq!(compare(&right, &shaded), Err(Deviation::Average { mean: 2.25 }));
    }

    #[test]
    fn large_pictures_are_kept_small() {
        let pictures = vec![RgbaImage::from_pixel(256, 256, Rgba([9, 8, 7, 255])); 4];
        let strip = strip(pictures).unwrap();
        assert_eq!(strip.dimensions(), (256, 64));
        assert!(strip.pixels().all(|pixel| pixel.0 == [9, 8, 7, 255]));
    }
}
