//! How much memory a job takes, before it is started.
//!
//! Estimates from the networks' sizes, a little above what was measured on the CPU, weights not included.

use crate::networks::{encoders::ImageEncoder, generators::Generate, super_resolution::Enlarge};

/// Bytes of a number.
const F32: u64 = 4;

/// Channels of a picture, at most.
const CHANNELS: u64 = 4;

/// What a job takes in any case: the kernels' scratch memory and the weights in the order that they read.
const ANYHOW: u64 = 96 << 20;

/// Maps of a block that are there at once while it is computed.
const MAPS_AT_ONCE: u64 = 2;

/// Maps of a block that stay for the gradient, and what computing the gradient adds.
const MAPS_KEPT: u64 = 4;

/// Copies of the picture on its way from the generator to the one that looks at it.
const PICTURES_AT_ONCE: u64 = 6;

/// The same with a gradient.
const PICTURES_KEPT: u64 = 10;

/// Copies of a picture, and of places in it, that a cutout keeps for its gradient.
const PICTURES_IN_A_CUTOUT: u64 = 12;

/// An encoder's numbers, and their gradients.
const ENCODER: u64 = 2;

/// Bytes that it takes to draw `n` pictures at once, without gradients.
pub fn to_draw(generator: &dyn Generate, n: usize) -> u64 {
    let largest = generator.map_sizes().into_iter().max().unwrap_or(0);
    let picture = PICTURES_AT_ONCE * CHANNELS * pixels(generator);
    let each = F32 * (MAPS_AT_ONCE * largest + picture);
    (n as u64).saturating_mul(each).saturating_add(ANYHOW)
}

/// Bytes that it takes to enlarge a part of a picture, of so many rows and columns.
pub fn to_enlarge(network: &dyn Enlarge, [h, w]: [usize; 2]) -> u64 {
    let pixels = (h as u64).saturating_mul(w as u64);
    pixels
        .saturating_mul(F32 * network.numbers_per_pixel())
        .saturating_add(ANYHOW)
}

/// Bytes that it takes to draw and judge `n` pictures at once, without gradients.
pub fn to_judge<E: ImageEncoder + ?Sized>(generator: &dyn Generate, encoder: &E, n: usize) -> u64 {
    to_look(generator, encoder.numbers_kept(), n)
}

/// The same for whatever computes so many `numbers` for a picture.
pub fn to_look(generator: &dyn Generate, numbers: u64, n: usize) -> u64 {
    let looking = (n as u64).saturating_mul(F32 * numbers);
    to_draw(generator, n).saturating_add(looking)
}

/// Bytes that it takes to guide `n` avatars together, each judged in so many `cutouts`.
pub fn to_guide<E: ImageEncoder + ?Sized>(
    generator: &dyn Generate,
    encoder: &E,
    n: usize,
    cutouts: usize,
) -> u64 {
    let maps = generator.map_sizes().iter().sum();
    to_guide_maps((maps, pixels(generator)), encoder, n, cutouts)
}

/// The same for whatever has so many numbers in its `maps` and draws so many `pixels`.
pub fn to_guide_maps<E: ImageEncoder + ?Sized>(
    (maps, pixels): (u64, u64),
    encoder: &E,
    n: usize,
    cutouts: usize,
) -> u64 {
    let picture = CHANNELS * pixels;
    let drawing = MAPS_KEPT
        .saturating_mul(maps)
        .saturating_add(PICTURES_KEPT * picture);
    let views = cutouts.max(1) as u64;
    let cut = match cutouts {
        0 => 0,
        _ => PICTURES_IN_A_CUTOUT * picture,
    };
    let judging = views.saturating_mul(cut + ENCODER * encoder.numbers_kept());
    let each = F32.saturating_mul(drawing.saturating_add(judging));
    (n as u64).saturating_mul(each).saturating_add(ANYHOW)
}

/// The largest batch of at most `most` for which `bytes` says that it fits into `limit`; none where not even
/// one does.
pub fn largest_batch(most: usize, limit: u64, bytes: impl Fn(usize) -> u64) -> Option<usize> {
    (1..=most).rev().find(|&n| bytes(n) <= limit)
}

fn pixels(generator: &dyn Generate) -> u64 {
    let side = generator.resolution() as u64;
    side * side
}
