//! Enlarging by numbers that are not the network's.

use super::{enlarged, fixture, network};
use futures::executor::block_on;
use guise::{
    networks::super_resolution::Upscaler,
    pipeline::{
        Cancel, Event,
        upscale::{Depth, Pixels, Scaled},
    },
};
use image::{
    DynamicImage, Rgba, RgbaImage,
    imageops::{self, FilterType},
};

/// The whole result, and the tiles that were reported.
fn scaled<D: Depth>(network: &Upscaler, image: &Pixels<D>, tile: usize, scale: usize) -> (Pixels<D>, usize) {
    let mut job = Scaled::new(network, image, tile, scale).unwrap();
    let ([width, height], tiles) = (job.output_size(), job.tiles());
    let mut seen = vec![];
    let mut emit = async |event| match event {
        Event::Progress { done, total } => {
            assert_eq!(total, tiles);
            seen.push(done);
        }
        other => panic!("{other:?}"),
    };
    let mut pixels = vec![];
    while let Some(band) = block_on(job.next_band(&Cancel::default(), &mut emit)).unwrap() {
        assert_eq!(band.width(), width);
        pixels.extend_from_slice(&band);
    }
    assert_eq!(seen, (1..=tiles).collect::<Vec<_>>());
    (
        Pixels::from_raw(width, height, pixels).expect("every row was given"),
        tiles,
    )
}

/// The fixture, of which the right half fades out.
fn fading() -> RgbaImage {
    let mut image = image::open(fixture("picture.png")).unwrap().into_rgba8();
    for (x, _, pixel) in image.enumerate_pixels_mut() {
        pixel[3] = 255 - (x as u8).saturating_sub(20).saturating_mul(14);
        if pixel[3] < 20 {
            *pixel = Rgba([0; 4]);
        }
    }
    image
}

#[test]
fn rows_that_come_one_by_one_are_those_of_the_whole() {
    let opaque = image::open(fixture("picture.png")).unwrap().into_rgba8();
    for (factor, scale, passes) in [(4, 3, 1), (4, 1, 1), (2, 3, 2), (3, 8, 2), (4, 4, 1), (2, 4, 2)] {
        let network = network(factor);
        for image in [&opaque, &fading()] {
            let mut whole = image.clone();
            for _ in 0..passes {
                whole = enlarged(&network, &whole, 1024);
            }
            let (width, height) = (40 * scale as u32, 48 * scale as u32);
            let whole = imageops::resize(&whole, width, height, FilterType::Lanczos3);
            for tile in [16, 23, 1024] {
                let (rows, _) = scaled(&network, image, tile, scale);
                let distance = super::distance(&rows, &whole);
                // What differs by rounding after one pass may be more after the next.
                let most = if passes == 1 { 2 } else { 8 };
                assert!(distance <= most, "x{factor} to {scale}, tile {tile}: {distance}");
            }
        }
    }
}

#[test]
fn sixteen_bits_are_the_same_picture() {
    let network = network(4);
    let image = DynamicImage::from(fading());
    let (deep, tiles) = scaled::<u16>(&network, &image.to_rgba16(), 16, 3);
    assert_eq!(tiles, 9);
    let (flat, _) = scaled::<u8>(&network, &image.to_rgba8(), 16, 3);
    let mut levels = std::collections::HashSet::new();
    for (deep, flat) in deep.iter().zip(flat.iter()) {
        levels.insert(*deep % 257);
        assert!(
            (f32::from(*deep) / 257.0 - f32::from(*flat)).abs() <= 2.0,
            "{deep} and {flat}"
        );
    }
    assert!(levels.len() > 200, "{} kinds of low bytes", levels.len());
}

#[test]
fn a_pixel_grows_and_impossible_requests_are_refused() {
    let network = network(4);
    let dot = RgbaImage::from_pixel(1, 1, Rgba([200, 30, 30, 255]));
    for scale in [1, 2, 7, 16] {
        let (large, _) = scaled(&network, &dot, 16, scale);
        assert_eq!(large.dimensions(), (scale as u32, scale as u32));
    }
    for scale in [0, 17] {
        let error = Scaled::new(&network, &dot, 16, scale).unwrap_err().to_string();
        assert!(error.contains(&format!("{scale}, expected 1 to 16")), "{error}");
    }
    let error = Scaled::new(&network, &dot, 15, 2).unwrap_err().to_string();
    assert!(error.contains("expected 16 to 1024"), "{error}");
    let error = Scaled::new(&network, &RgbaImage::new(0, 3), 16, 2)
        .unwrap_err()
        .to_string();
    assert!(error.contains("0 x 3"), "{error}");
    // Memory grows with what is kept, and not with the height of what is written row by row.
    let bytes = |height, scale| {
        let image = RgbaImage::from_pixel(64, height, Rgba([9, 9, 9, 255]));
        Scaled::new(&network, &image, 16, scale).unwrap().bytes()
    };
    assert_eq!(bytes(1000, 4), bytes(8000, 4));
    assert_eq!(bytes(1000, 3), bytes(8000, 3));
    assert_eq!(bytes(2000, 16) - bytes(1000, 16), 64 * 1000 * 16 * 4);
}
